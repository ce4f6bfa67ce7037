# ruff: noqa: T201  (a program for a terminal)
"""Kills master, worker, or both with SIGKILL at random moments of builds, and looks whether all ends truthfully.

    PYTHONPATH=.:tests python tests/integration/kills.py [--seed N] [--moments 20] [master worker both local]

`local` is a master whose worker runs inside it. Prints a line for each kill and a table; exit status 1 when a request
was lost, built twice at once, or ended with something else than the truth. Takes about 15 s a kill.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time
import urllib.error
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from connecting import ConnectingWorker, marked
from running import PROJECTS, Site
from waiting import wait_for

SUCCESS, FAILURE, RETRY = 0, 2, 5
VARIANTS = ("sample-local-gcc-bfd-ninja-full", "sample-local-gcc-bfd-make-full")
WHOM = ("master", "worker", "both", "local")
STEPS = ("check-worker", "source", "patch-set", "configure", "build", "tests", "artefacts")
# A request whose worker is killed in its third build too ends as worker-lost: sometimes we want that.
AGAIN = 0.3
ENDINGS = ("worker lost: worker `", "interrupted: the master died; built again")


@dataclass
class Watch(threading.Thread):
    """Looks all the time whether commands of two builds are at work in one builder's directory."""

    directory: Path
    overlaps: list[str] = field(default_factory=list)
    looks: int = 0

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.ended = threading.Event()

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        while not self.ended.wait(0.05):
            self.looks += 1
            at_work: dict[str, dict[str, str]] = {}
            for process, mark in marked(self.directory).items():
                command = _command(process)
                # The one command that may meet another build's: it ends them.
                if command and "leftovers" not in command:
                    at_work.setdefault(mark.rsplit(":", 2)[0], {})[mark] = command
            self.overlaps += [f"{builder}: {marks}" for builder, marks in at_work.items() if len(marks) > 1]


def _command(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


@dataclass
class Round:
    """A site whose master, worker, or both are killed again and again."""

    whom: str
    site: Site
    dice: random.Random
    worker: ConnectingWorker | None = None
    steps_hit: Counter[str] = field(default_factory=Counter)
    unpaused: int = 0
    forced: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    @classmethod
    def begin(cls, whom: str, directory: Path, dice: random.Random) -> Round:
        local = ", local: true" if whom == "local" else ""
        site = Site.make(directory, PROJECTS, f"pc-1: {{board: local, builds: 2{local}}}\n")
        this = cls(whom, site, dice)
        this.start_master()
        if whom != "local":
            this.worker = ConnectingWorker.make(site, "pc-1")
            this.worker.start()
            this.worker.wait_until_connected()
        return this

    def start_master(self) -> None:
        done = self.site.arm_ci("start")
        assert done.returncode == 0, done.stdout + done.stderr

    def force(self) -> None:
        words = [word for variant in VARIANTS for word in ("--variant", variant)]
        done = self.site.arm_ci("force", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        self.forced += len(VARIANTS)

    def requests(self) -> list[dict[str, Any]]:
        return list(self.site.get("buildrequests?order=buildrequestid")["buildrequests"])

    def complete(self) -> bool:
        if self.worker is not None and self.worker.state()["paused"]:
            # What the page asks a person to do with a worker that comes and goes.
            self.worker.unpause()
            self.unpaused += 1
        return all(request["complete"] for request in self.requests())

    def doing(self) -> list[str]:
        """The steps that run now."""
        running = []
        for build in self.site.get("builds?complete=false")["builds"]:
            steps = self.site.get(f"builds/{build['buildid']}/steps")["steps"]
            running += [step["name"] for step in steps if step["started_at"] and not step["complete"]] or ["between"]
        return running

    def wait_for_a_moment(self, length: float) -> str:
        """Waits for a random moment of a build that takes `length` seconds, or of a random step; says which."""
        wait_for(lambda: self.doing() or self.complete())
        if self.dice.random() < 0.5:
            moment = self.dice.uniform(0, length)
            time.sleep(moment)
            return f"{moment:.1f} s into a build"
        # Most of a build is spent in two of its steps; the others are hit on purpose.
        step = self.dice.choice(STEPS)
        wait_for(lambda: step in self.doing() or self.complete())
        moment = self.dice.uniform(0, 0.5)
        time.sleep(moment)
        return f"{moment:.1f} s into step {step}"

    def kill(self) -> list[str]:
        """Kills and starts again; the steps that were hit."""
        hit = self.doing() or ["idle"]
        if self.whom != "worker":
            os.kill(int((self.site.state / "twistd.pid").read_text()), signal.SIGKILL)
        if self.whom in ("worker", "both"):
            assert self.worker is not None
            self.worker.kill()
        time.sleep(self.dice.choice((0, 0, self.dice.uniform(0, 3))))
        first_worker = self.dice.random() < 0.5
        if self.worker is not None and self.worker.process is None and first_worker:
            self.worker.start()
        if self.whom != "worker":
            self.start_master()
        if self.worker is not None and self.worker.process is None:
            self.worker.start()
        self.steps_hit.update(hit)
        return hit

    # -- the truth --------------------------------------------------------------------------------------------

    def findings(self) -> list[str]:
        """What is not as it should be, when all requests are complete."""
        found = []
        requests = self.requests()
        if len(requests) != self.forced:
            found.append(f"{self.forced} builds were forced, the master knows {len(requests)}")
        for request in requests:
            number = request["buildrequestid"]
            builds = self.site.get(f"buildrequests/{number}/builds?order=buildid&property=*")["builds"]
            found += [f"request {number}: {finding}" for finding in self._of(request, builds)]
        return found

    def _of(self, request: dict[str, Any], builds: list[dict[str, Any]]) -> list[str]:
        found = []
        last = [build for build in builds if build["results"] != RETRY]
        if len(last) != 1 or last[0] is not builds[-1] or request["results"] != last[0]["results"]:
            found.append(f"ended with {request['results']}, its builds with {[each['results'] for each in builds]}")
        lost = [build for build in builds if "worker_lost" in build["properties"]]
        wanted = FAILURE if len(lost) == 3 else SUCCESS
        if request["results"] != wanted or (wanted == FAILURE) != builds[-1]["state_string"].startswith("worker-lost:"):
            found.append(f"ended with {request['results']}, {builds[-1]['state_string']!r}, {len(lost)} lost")
        for earlier, later in pairwise(builds):
            if later["started_at"] < earlier["complete_at"]:
                found.append(f"builds {earlier['number']} and {later['number']} ran at once")
            if not earlier["state_string"].startswith(ENDINGS):
                found.append(f"build {earlier['number']} says {earlier['state_string']!r}")
        for build in builds:
            steps = self.site.get(f"builds/{build['buildid']}/steps")["steps"]
            found += [
                f"step {step['name']} of {build['number']} seems to run" for step in steps if not step["complete"]
            ]
        return found

    def end(self) -> None:
        self.site.arm_ci("stop", "--state", str(self.site.state))
        if self.worker is not None:
            self.worker.kill()
        for process in marked(self.site.directory):
            os.kill(process, signal.SIGKILL)


def play(whom: str, moments: int, dice: random.Random) -> tuple[Round, list[str]]:
    """`moments` kills; what was found."""
    with tempfile.TemporaryDirectory(prefix=f"kills-{whom}-") as directory:
        this = Round.begin(whom, Path(directory), dice)
        watch = Watch(Path(directory))
        found = []
        try:
            this.force()
            wait_for(this.complete)
            length = max(build["complete_at"] - build["started_at"] for build in this.site.get("builds")["builds"])
            watch.start()
            kills = 0
            while kills < moments:
                this.force()
                while True:
                    aim = this.wait_for_a_moment(length)
                    kills += 1
                    print(f"{whom:6} {kills:3} {aim}: hit {', '.join(this.kill())}", flush=True)
                    if kills == moments or dice.random() >= AGAIN:
                        break
                try:
                    wait_for(lambda: _answers(this.complete))
                except AssertionError:
                    found.append(f"not complete in time: {[r for r in this.requests() if not r['complete']]}")
                    break
            try:
                wait_for(lambda: all(each["complete"] for each in this.site.get("buildsets")["buildsets"]))
            except AssertionError:
                found.append("a buildset is not complete")
            found += this.findings()
            try:
                wait_for(lambda: not marked(Path(directory)))
            except AssertionError:
                found.append(f"left over: {marked(Path(directory))}")
            watch.ended.set()
            watch.join()
            found += [f"two builds at work in {overlap}" for overlap in watch.overlaps[:10]]
            logs = [path.read_text(errors="replace") for path in this.site.state.glob("twistd.log*")]
            this.errors = Counter(line for log in logs for line in log.splitlines() if "serious error" in line)
            found += [f"{count} x {line}" for line, count in this.errors.items()]
            if found:
                keep = Path(tempfile.mkdtemp(prefix=f"kills-{whom}-logs-"))
                for path in this.site.state.glob("twistd.log*"):
                    (keep / path.name).write_text(path.read_text(errors="replace"))
                (keep / "found").write_text("\n".join(found))
                print(f"  the master's logs: {keep}")
            _table(this, kills, found)
        finally:
            watch.ended.set()
            this.end()
        return this, found


def _answers(condition: Any) -> Any:
    try:
        return condition()
    except (urllib.error.URLError, ConnectionError):
        return False


def _table(this: Round, kills: int, found: list[str]) -> None:
    requests = this.requests()
    builds = this.site.get("builds?property=*")["builds"]
    results = Counter(request["results"] for request in requests)
    lost = sum("worker_lost" in build["properties"] for build in builds)
    died = sum(build["state_string"] == ENDINGS[1] for build in builds)
    print(
        f"\n{this.whom}: {kills} kills, {len(requests)} requests: {results[SUCCESS]} success, {results[FAILURE]} "
        f"worker-lost; {len(builds)} builds: {lost} lost with the worker, {died} with the master; "
        f"unpaused {this.unpaused} times; {len(found)} findings"
    )
    print(f"  steps hit: {', '.join(f'{name} {count}' for name, count in this.steps_hit.most_common())}")
    for finding in found:
        print(f"  FINDING: {finding}")
    print(flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("whom", nargs="*", default=[], help="master, worker, both, local (default: all)")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--moments", type=int, default=20, metavar="N", help="kills each (default: 20)")
    arguments = parser.parse_args()
    if unknown := set(arguments.whom) - set(WHOM):
        parser.error(f"one of {', '.join(WHOM)} was expected, not {', '.join(sorted(unknown))}")
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1_000_000)
    print(f"--seed {seed}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))  # and end what was started
    failed = False
    for whom in arguments.whom or WHOM:
        _, found = play(whom, arguments.moments, random.Random(f"{seed} {whom}"))
        failed = failed or bool(found)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
