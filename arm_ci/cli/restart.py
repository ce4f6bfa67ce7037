"""`arm-ci restart`: puts new code in force without losing builds.

Builds that run end first, requests that wait stay in the database; both are Buildbot's clean shutdown. With `--now`
running builds are stopped, and built again by the new master.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from arm_ci.cli.instance import Instance
from arm_ci.cli.options import DONE, FAILED, CommandError, add_site_option, load_site
from arm_ci.cli.rest import Master
from arm_ci.config.problems import count

_PROGRESS_SECONDS = 10.0
_STILL_SECONDS = 60.0


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "restart", help="stop the master when its builds have ended, and start it with the code that is installed"
    )
    parser.add_argument(
        "--now", action="store_true", help="do not wait: running builds are stopped, and built again after the start"
    )
    add_site_option(parser, needed=True)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Restarts the master; starts it when it does not run."""
    # Everything that would keep it from starting again is said while it still runs.
    instance = Instance(load_site(arguments))
    for line in instance.prepare():
        print(f"made: {line}")
    print(f"master in {instance.state} ...", flush=True)
    if instance.process.process_id() is None:
        how = "not running"
    elif arguments.now:
        how = instance.process.stop(_say)
    else:
        how = stop_when_idle(instance)
    print(f"  {how}", flush=True)
    instance.start()
    waiting = len(Master(instance.local_url).items("buildrequests", complete="false"))
    builds = f", {count(waiting, 'build')} to do" if waiting else ""
    print(f"running{builds}: {instance.url}", flush=True)
    return DONE


def _say(line: str) -> None:
    print(f"  {line}", flush=True)


def stop_when_idle(instance: Instance) -> str:
    """Waits until the builds that run have ended and the master with them; says which."""
    try:
        instance.process.stop_when_idle(Waiting(Master(instance.local_url), _say).tell)
    except KeyboardInterrupt:
        sentence = (
            "no longer waiting; the master begins no build any more and stops when those that run have ended: "
            "`arm-ci start` then starts it, `arm-ci restart --now` stops them"
        )
        raise CommandError(sentence, FAILED) from None
    return "stopped"


@dataclass
class Waiting:
    """Says which builds the master waits for: when they change, and now and then when they do not."""

    master: Master
    say: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    _said: list[str] = field(default_factory=list)
    _said_at: float = 0.0

    def tell(self) -> None:
        """Called again and again while the master runs."""
        now = self.clock()
        if self._said and now - self._said_at < _PROGRESS_SECONDS:
            return
        try:
            lines = [
                self._line(build) for build in self.master.items("builds", complete="false", property="buildername")
            ]
        except CommandError:
            return  # it has just ended
        if lines == self._said and now - self._said_at < _STILL_SECONDS:
            return
        for line in lines:
            self.say(f"waiting for {line}")
        self._said, self._said_at = lines, now

    def _line(self, build: dict[str, Any]) -> str:
        return f"{build['properties']['buildername'][0]}: {self.master.current_step(build['buildid'])}"
