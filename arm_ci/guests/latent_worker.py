"""Buildbot's latent worker whose machine is a QEMU guest: started for a build, thrown away after it.

The only file here that knows Buildbot. QEMU belongs to a keeper process (keeper.py), so that a master that is killed
leaves nothing behind.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from buildbot.interfaces import LatentWorkerCannotSubstantiate
from buildbot.worker.latent import AbstractLatentWorker, States
from twisted.internet import defer, error, protocol, task
from twisted.python import failure, log

from arm_ci.guests import host
from arm_ci.guests.capacity import Capacity
from arm_ci.guests.directories import RUN, sweep
from arm_ci.guests.machine import Machine
from arm_ci.guests.qmp import Lines

BOOT_SECONDS = 300.0
CONSOLE_SECONDS = 5.0
ENDED_SECONDS = 3.0
STOP_SECONDS = 30.0
WAIT_FOR_ROOM_SECONDS = 24 * 3600.0
_capacities: WeakKeyDictionary[Any, Capacity] = WeakKeyDictionary()


class GuestDidNotComeUp(LatentWorkerCannotSubstantiate):
    """A guest could not be started; `str()` is the cause in one sentence."""

    def __init__(self, cause: str, console: str, transient: bool = False) -> None:
        super().__init__(cause)
        self.console = console
        """What it wrote, or empty."""
        self.transient = transient
        """Whether another try may fare better: nothing was found that a person must mend."""


class _Guest(protocol.ProcessProtocol):
    """The keeper of one guest, as the master talks with it."""

    def __init__(self, told: Callable[[str], None]) -> None:
        self._told = told
        self._lines = Lines()
        self._errors = b""
        self._asked: list[defer.Deferred[str]] = []
        self.how = ""
        """`resumed` or `booted`, once it is known."""
        self.made_snapshot = False
        """Whether the snapshot had to be made first."""
        self.patience = 0.0
        """Seconds that the guest's worker may take to connect."""
        self.seconds = 0.0
        """From the keeper's start until the guest's worker was attached."""
        self.cause = ""
        """Why it ended, when that was not asked for."""
        self.transient = False
        """Whether the same may go well next time."""
        self.why = ""
        """Why it was booted instead of resumed."""
        self.console = ""
        self.stopping = False
        self.connecting: defer.Deferred[None] = defer.Deferred()
        """Fires when the guest's worker is about to connect; fails with GuestDidNotComeUp."""
        self.ended: defer.Deferred[None] = defer.Deferred()
        """Fires when the keeper is gone, and all that it kept."""

    def request(self, words: dict[str, Any]) -> None:
        """Sends a line."""
        self.transport.write(json.dumps(words).encode() + b"\n")

    def outReceived(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            event = json.loads(line)
            getattr(self, f"_heard_{event.pop('event')}")(**event)

    def errReceived(self, data: bytes) -> None:
        self._errors = (self._errors + data)[-4000:]

    def _heard_tell(self, text: str) -> None:
        self._told(text)

    def _heard_connecting(self, how: str, why: str, made_snapshot: bool, seconds: float, patience: float) -> None:
        self.how, self.why, self.patience = how, why, patience
        self.made_snapshot = made_snapshot
        self._told(f"the guest is {how} after {seconds:.1f} s")
        self.connecting.callback(None)

    def _heard_console(self, text: str) -> None:
        self.console = text
        asked, self._asked = self._asked, []
        for each in asked:
            each.callback(text)

    def _heard_ended(self, cause: str, console: str, transient: bool) -> None:
        self.cause, self.transient = cause, transient
        self._heard_console(console)

    def processEnded(self, reason: failure.Failure) -> None:
        if not self.cause and not self.stopping:
            said = self._errors.decode(errors="replace").strip().splitlines()
            self.cause = f"the process that keeps the guest ended: {said[-1] if said else reason.getErrorMessage()}"
            self.transient = True
        self._heard_console(self.console)
        if not self.connecting.called:
            self.connecting.errback(GuestDidNotComeUp(self.cause or "it was stopped", self.console, self.transient))
        self.ended.callback(None)

    def ask_console(self, reactor: Any) -> defer.Deferred[str]:
        """What the guest wrote so far; what is known when the keeper does not answer soon."""
        if self.ended.called:
            return defer.succeed(self.console)
        asked: defer.Deferred[str] = defer.Deferred()
        self._asked.append(asked)
        self.request({"do": "console"})
        asked.addTimeout(CONSOLE_SECONDS, reactor, onTimeoutCancel=lambda *_: self.console)
        return asked

    def stop(self, reactor: Any) -> defer.Deferred[None]:
        """Ends the guest; fires when all of it is gone."""
        self.stopping, killing = True, None
        if not self.ended.called:
            self.request({"do": "stop"})
            killing = reactor.callLater(STOP_SECONDS, self._kill)
        done: defer.Deferred[None] = defer.Deferred()

        def ended(_: Any) -> None:
            if killing is not None and killing.active():
                killing.cancel()
            done.callback(None)

        self.ended.addBoth(ended)
        return done

    def _kill(self) -> None:
        # The kernel kills QEMU with it, and the next keeper removes its directory.
        with suppress(error.ProcessExitedAlready):
            self.transport.signalProcess("KILL")


class GuestWorker(AbstractLatentWorker):
    """A worker in a QEMU guest. One build a guest: the next one starts from the image again.

    `images` and `runs` are directories: the image store, and where what one run writes lies. `image` is an image's
    name, `kind` QEMU's machine, which must be the one that the image is made for. `guest` is what the guest
    gets. `host` and `port` are the master as the guest sees it (10.0.2.2 is the loopback of this machine), `network`
    more options of QEMU's user network. All guests of a master together take at most `most_bytes` of this machine's
    memory (None: all but a reserve) and `cores` (None: all), see capacity.py.
    """

    def __init__(self, name: str, **kwargs: Any) -> None:
        self._guest: _Guest | None = None
        # Of the build that asks, also when it is gone already.
        self._latest: _Guest | None = None
        self._try = 0
        self._begun = 0.0
        self._connect_timer: Any = None
        super().__init__(name, None, **kwargs)

    def checkConfig(self, name: str, _password: None = None, **kwargs: Any) -> None:
        """As reconfigService."""
        super().checkConfig(name, None, build_wait_timeout=0, max_builds=1, properties=kwargs.get("properties"))

    @defer.inlineCallbacks
    def reconfigService(
        self,
        name: str,
        _password: None = None,
        *,
        images: str,
        image: str,
        kind: str,
        runs: str,
        guest: Machine,
        port: int,
        host: str = "10.0.2.2",
        network: str = "",
        boot_seconds: float = BOOT_SECONDS,
        most_bytes: int | None = None,
        cores: int | None = None,
        properties: dict[str, Any] | None = None,
    ) -> Any:
        """Takes its settings; a guest that runs keeps those that it has."""
        # What a keeper left that was killed outright, or by the machine's end.
        sweep(Path(runs), RUN)
        self._wants = guest
        self._most = most_bytes, cores
        self._request = {
            "images": images,
            "image": image,
            "machine": kind,
            "runs": runs,
            "cpus": guest.cpus,
            "memory_bytes": guest.memory_bytes,
            "swap_bytes": guest.swap_bytes,
            "cpu": guest.cpu,
            "boot_seconds": boot_seconds,
            "name": name,
            "host": host,
            "port": port,
            "network": network,
        }
        yield super().reconfigService(
            name,
            self.getRandomPass(),
            build_wait_timeout=0,
            max_builds=1,
            # Ours tell the cause; this is for what nobody thought of.
            missing_timeout=boot_seconds * 2 + WAIT_FOR_ROOM_SECONDS,
            properties=properties,
        )

    def _generate_random_password(self) -> str:
        return secrets.token_urlsafe(32)

    # -- room on this machine ---------------------------------------------------------------------------------

    @property
    def _capacity(self) -> Capacity:
        """One for all guests of a master."""
        capacity = _capacities.setdefault(self.master, Capacity(0, 0))
        most_bytes, cores = self._most
        capacity.memory_bytes = most_bytes or host.memory_for_guests(host.meminfo())
        capacity.cores = cores or os.cpu_count() or 1
        return capacity

    def canStartBuild(self) -> bool:
        """Not while other guests have what this one needs; one that can never run says so in a build."""
        if not super().canStartBuild():
            return False
        return bool(self._capacity.refusal(self._wants)) or self._capacity.has_room(self.name, self._wants)

    def putInQuarantine(self) -> None:
        """Buildbot would wait longer after each bad build; but every build has another machine."""

    # -- from nothing to a worker that is attached ------------------------------------------------------------

    def start_instance(self, _build: Any) -> defer.Deferred[bool]:
        """Begins to start the guest. It returns at once: Buildbot can stop only what has begun."""
        self._latest = None
        if refusal := self._capacity.refusal(self._wants):
            return defer.fail(GuestDidNotComeUp(refusal, ""))
        self._try += 1
        defer.ensureDeferred(self._bring_up(self._try)).addErrback(log.err, f"starting guest {self.name}")
        return defer.succeed(True)

    async def _bring_up(self, this_try: int) -> None:
        while not self._capacity.take(self.name, self._wants):
            # Another guest was faster since canStartBuild.
            await task.deferLater(self.master.reactor, 1.0)
            if self._try != this_try:
                return
        self.password = self._generate_random_password()
        await self.registration.update(self, self.master.config)
        if self._try != this_try:
            return
        self._guest = self._latest = guest = _Guest(lambda text: log.msg(f"guest {self.name}: {text}"))
        command = [sys.executable, "-m", "arm_ci.guests.keeper"]
        # Where this package is, when it is not installed.
        path = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))))
        self._begun = self.master.reactor.seconds()
        self.master.reactor.spawnProcess(guest, command[0], command, env={**os.environ, "PYTHONPATH": path})
        guest.request({**self._request, "password": self.password})
        try:
            await guest.connecting
        except GuestDidNotComeUp as error:
            self._did_not_come_up(this_try, error)
            return
        if self._try == this_try and not self.conn:
            self._connect_timer = self.master.reactor.callLater(
                guest.patience, self._did_not_connect, this_try, guest.patience
            )
        guest.ended.addCallback(lambda _: self._ended_early(this_try, guest))

    def _ended_early(self, this_try: int, guest: _Guest) -> None:
        if self.state == States.SUBSTANTIATING_STARTING:
            self._did_not_come_up(this_try, GuestDidNotComeUp(guest.cause, guest.console, guest.transient))

    @defer.inlineCallbacks
    def _did_not_connect(self, this_try: int, seconds: float) -> Any:
        self._connect_timer = None
        console = yield self.console()
        cause = f"the guest is up, but its worker did not connect within {seconds:g} s"
        self._did_not_come_up(this_try, GuestDidNotComeUp(cause, console, transient=True))

    def _did_not_come_up(self, this_try: int, why: GuestDidNotComeUp) -> None:
        if self._try == this_try:
            self.stopMissingTimer()
            self._substantiation_failed(failure.Failure(why))

    @defer.inlineCallbacks
    def attached(self, conn: Any) -> Any:
        """The worker is there; its password has done its work."""
        self._stop_connect_timer()
        yield super().attached(conn)
        if self._guest is not None:
            self._guest.seconds = self.master.reactor.seconds() - self._begun
        if self.registration is not None:
            self.password = self._generate_random_password()
            yield self.registration.update(self, self.master.config)

    # -- what builds ask --------------------------------------------------------------------------------------

    def console(self) -> defer.Deferred[str]:
        """What the guest of this build wrote so far."""
        return defer.succeed("") if self._latest is None else self._latest.ask_console(self.master.reactor)

    def how_it_came(self) -> str:
        """How the guest of this build came up, for people."""
        if self._guest is None:
            return ""
        why = f", because {self._guest.why}" if self._guest.why else ""
        if self._guest.made_snapshot:
            why = ", its snapshot made first"
        return f"guest {self._guest.how} in {self._guest.seconds:.1f} s{why}"

    @defer.inlineCallbacks
    def how_it_ended(self) -> Any:
        """Why the guest of a lost build is gone; empty: it is not."""
        guest = self._latest
        if guest is None:
            return ""
        for _ in range(int(ENDED_SECONDS / 0.1)):
            if guest.ended.called:
                break
            # The connection goes a little before the keeper says why.
            yield task.deferLater(self.master.reactor, 0.1)
        return guest.cause

    # -- the end ----------------------------------------------------------------------------------------------

    @defer.inlineCallbacks
    def stop_instance(self, fast: bool = False) -> Any:
        """Ends the guest; done when nothing of it is left."""
        self._try += 1
        self._stop_connect_timer()
        guest, self._guest = self._guest, None
        if guest is not None:
            yield guest.stop(self.master.reactor)
        self._capacity.give_back(self.name)
        # Other guests may have waited for the room.
        self.botmaster.maybeStartBuildsForAllBuilders()
        return True

    def _stop_connect_timer(self) -> None:
        timer, self._connect_timer = self._connect_timer, None
        if timer is not None and timer.active():
            timer.cancel()
