"""How long a guest takes from QEMU's start until its worker is attached.

    python benchmarks/guest_start.py STATE IMAGE [IMAGE...] [--rounds 20] [--memory MB] [--cores N] [--port N]

STATE is a state directory with images (`arm-ci image build`). Every round starts each image once from nothing, and once
resumed when it can be. The clock starts before the keeper (so before QEMU, whose disks are made first) and stops when
the worker has logged in here, told what it is, and taken a list of builders, which is what a master calls attached.
The snapshot is made once before. To compare with a system that is installed as on a board, put a disk into the store
whose worker is named `guest`, has the password `of no worth`, and logs in at 10.0.2.2, port N.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twisted.cred import checkers, portal
from twisted.internet import defer, error, protocol, reactor, task
from twisted.spread import pb
from zope.interface import implementer

from arm_ci.guests.image import MANIFEST, ImageStore

ROOT = Path(__file__).resolve().parent.parent
NAME, PASSWORD = "guest", "of no worth"
BOOT_SECONDS = 600.0
LONGEST_SECONDS = 900.0
# What the issue allows for an image of ours, on a machine without KVM.
MOST_SECONDS = {"booted": 12.0, "resumed": 2.0}


@dataclass
class Way:
    """One image started in one way."""

    image: str
    how: str
    seconds: list[float] = field(default_factory=list)


class Master(pb.Avatar):  # type: ignore[misc]
    """What a worker logs in to."""

    def __init__(self) -> None:
        self.attached: defer.Deferred[None] = defer.Deferred()

    @defer.inlineCallbacks
    def take(self, mind: Any) -> Any:
        """What Buildbot's master asks of a worker that logs in."""
        yield mind.callRemote("print", message="attached")
        yield mind.callRemote("getWorkerInfo")
        yield mind.callRemote("setBuilderList", [])
        if not self.attached.called:
            self.attached.callback(None)

    def perspective_keepalive(self) -> None:
        """A worker's sign of life."""

    def perspective_shutdown(self) -> None:
        """A worker that ends says so."""


@implementer(portal.IRealm)
class Realm:
    """Lets the one worker in."""

    def __init__(self) -> None:
        self.master = Master()

    def requestAvatar(self, _name: bytes, mind: Any, *_: Any) -> Any:
        """Twisted asks for what the worker talks to."""
        reactor.callLater(0, self._take, mind)
        return pb.IPerspective, self.master, lambda: None

    def _take(self, mind: Any) -> None:
        self.master.take(mind).addErrback(lambda why: self.master.attached.called or self.master.attached.errback(why))


class Keeper(protocol.ProcessProtocol):  # type: ignore[misc]
    """The process that keeps the guest."""

    def __init__(self) -> None:
        self.how = ""
        self.ended: defer.Deferred[None] = defer.Deferred()
        self.cause = ""

    def outReceived(self, data: bytes) -> None:
        """Events, one a line; they are short, and come whole."""
        for line in data.splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if event["event"] == "connecting":
                self.how = event["how"]
            elif event["event"] == "ended":
                self.cause = event["cause"]

    def processEnded(self, _reason: Any) -> None:
        """It is gone, and its guest."""
        self.ended.callback(None)


@defer.inlineCallbacks
def start(realm: Realm, request: dict[str, Any]) -> Any:
    """Seconds until the worker was attached, and how the guest came up. Raises RuntimeError with the cause."""
    realm.master = Master()
    keeper = Keeper()
    keeper.ended.addCallback(
        lambda _: (
            realm.master.attached.called or realm.master.attached.errback(RuntimeError(keeper.cause or "it ended"))
        )
    )
    began = time.monotonic()
    command = [sys.executable, "-m", "arm_ci.guests.keeper"]
    reactor.spawnProcess(keeper, command[0], command, env={**os.environ, "PYTHONPATH": str(ROOT)})
    keeper.transport.write(json.dumps(request).encode() + b"\n")
    realm.master.attached.addTimeout(LONGEST_SECONDS, reactor)
    try:
        yield realm.master.attached
        seconds = time.monotonic() - began
    finally:
        with suppress(error.ProcessExitedAlready):
            keeper.transport.write(b'{"do": "stop"}\n')
        yield keeper.ended
    return seconds, keeper.how


def images_for(ways: Sequence[Way], store: Path, place: Path) -> Path:
    """A store in which an image that is to boot every time says that it cannot be resumed."""
    for way in ways:
        for file in (place / f"{way.image}.{way.how}",):
            file.mkdir()
            for each in (store / way.image).iterdir():
                if each.name not in (MANIFEST, "snapshots"):
                    (file / each.name).symlink_to(each.resolve())
            manifest = json.loads((store / way.image / MANIFEST).read_text(encoding="utf-8"))
            (file / MANIFEST).write_text(json.dumps({**manifest, "resumes": way.how == "resumed"}), encoding="utf-8")
    return place


@defer.inlineCallbacks
def measure(ways: Sequence[Way], images: Path, runs: Path, options: argparse.Namespace) -> Any:
    """Every way once a round."""
    realm = Realm()
    checker = checkers.InMemoryUsernamePasswordDatabaseDontUse(**{NAME: PASSWORD.encode()})
    listening = reactor.listenTCP(
        options.port, pb.PBServerFactory(portal.Portal(realm, [checker])), interface="127.0.0.1"
    )
    request = {
        "images": str(images),
        "runs": str(runs),
        "cpus": options.cores,
        "memory_bytes": options.memory << 20,
        "swap_bytes": 0,
        "cpu": "",
        "boot_seconds": BOOT_SECONDS,
        "name": NAME,
        "password": PASSWORD,
        "host": "10.0.2.2",
        "port": listening.getHost().port,
    }
    for number in range(-1, options.rounds):
        for way in ways:
            if number < 0 and way.how == "booted":
                continue
            image = f"{way.image}.{way.how}"
            machine = ImageStore(images).get(image).machine
            seconds, how = yield start(realm, {**request, "image": image, "machine": machine})
            if how != way.how:
                raise RuntimeError(f"{way.image} was {how}, not {way.how}")
            print(
                f"{way.image} {how}: {seconds:.2f} s{' (with making the snapshot)' if number < 0 else ''}", flush=True
            )
            if number >= 0:
                way.seconds.append(seconds)
    yield listening.stopListening()


def table(ways: Sequence[Way]) -> str:
    """Median and worst of each way."""
    lines = ["| image | how | starts | median s | worst s |", "|---|---|---|---|---|"]
    for way in ways:
        figures = f"{len(way.seconds)} | {statistics.median(way.seconds):.2f} | {max(way.seconds):.2f}"
        lines.append(f"| {way.image} | {way.how} | {figures} |")
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("state", type=Path)
    parser.add_argument("image", nargs="+")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--memory", type=int, default=1024, help="MB of RAM")
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument(
        "--port", type=int, default=0, help="where workers log in; for an image that has it written down"
    )
    return parser.parse_args()


def measured(options: argparse.Namespace) -> list[Way] | None:
    """Every way of every image with the seconds of its starts; None when one of them failed."""
    store = ImageStore(options.state / "images")
    ways = []
    for name in options.image:
        ways += [Way(name, how) for how in ("booted", "resumed") if how == "booted" or store.get(name).resumes]
    place = Path(tempfile.mkdtemp(prefix="guest-start-", dir=options.state))
    failed: list[str] = []
    try:
        images = images_for(ways, store.directory.resolve(), place)

        def run(_reactor: Any) -> Any:
            return measure(ways, images, place / "runs", options)

        task.react(run)
    except SystemExit as end:
        failed += [str(end.code)] if end.code else []
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return None if failed or not all(way.seconds for way in ways) else ways


def main() -> int:
    """Measures and prints; exit status 1 when an image that can be resumed was slower than it may be."""
    ways = measured(parse())
    if ways is None:
        return 1
    print(table(ways))
    ours = {way.image for way in ways if way.how == "resumed"}
    slow = [way for way in ways if way.image in ours and max(way.seconds) > MOST_SECONDS[way.how]]
    for way in slow:
        print(f"{way.image} {way.how}: over {MOST_SECONDS[way.how]:g} s")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
