"""`arm-ci start | stop | force | run`: the master on this machine, and builds through it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from arm_ci.cli.instance import Instance
from arm_ci.cli.options import DONE, FAILED, CommandError, add_config_option, aligned, find_variant, load_config
from arm_ci.cli.rest import Master, result_name
from arm_ci.config import Variant, variants
from arm_ci.plan.commands import parse_targets

_POLL_SECONDS = 1.0
_PROGRESS_SECONDS = 10.0
_SUCCESS = 0


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds start, stop, force and run."""
    start = subparsers.add_parser("start", help="start the master, or have it read its configuration again")
    start.set_defaults(run=run_start)
    stop = subparsers.add_parser("stop", help="stop the master")
    stop.set_defaults(run=run_stop)
    force = subparsers.add_parser("force", help="build variants through the running master")
    force.add_argument("--variant", action="append", required=True, metavar="NAME", help="builder name; repeatable")
    force.add_argument("--branch", default="", help="branch or tag (default: the project's first branch)")
    force.add_argument("--revision", default="", help="revision (default: the newest)")
    force.add_argument("--targets", default="", metavar="'A B'", help="targets to build (default: the project's)")
    force.add_argument("--jobs", type=int, default=0, metavar="N", help="edges at once (default: the board's)")
    force.add_argument("--wait", action="store_true", help="wait for the results and print them")
    force.set_defaults(run=run_force)
    whole = subparsers.add_parser(
        "run", help="start the master, build the sample project's commit variants, print the results"
    )
    whole.set_defaults(run=run_whole)
    for parser in (start, stop, force, whole):
        add_config_option(parser)


def run_start(arguments: argparse.Namespace) -> int:
    """Starts the master and says where its web UI is."""
    instance = Instance(load_config(arguments))
    _start(instance)
    return DONE


def run_stop(arguments: argparse.Namespace) -> int:
    """Stops the master."""
    instance = Instance(load_config(arguments))
    print(f"master in {instance.state}: {instance.stop()}")
    return DONE


def run_force(arguments: argparse.Namespace) -> int:
    """Forces builds and, when asked, waits for them."""
    config = load_config(arguments)
    chosen = [find_variant(config, name) for name in arguments.variant]
    try:
        targets = parse_targets(arguments.targets)
    except ValueError as error:
        raise CommandError(f"--targets: {error}") from error
    if arguments.jobs < 0:
        raise CommandError(f"--jobs: a number of edges at once was expected, not {arguments.jobs}")
    parameters = {
        "main_branch": arguments.branch or config.projects[chosen[0].project].branches[0],
        "main_revision": arguments.revision,
        "targets": " ".join(targets),
        "jobs": arguments.jobs,
    }
    instance = Instance(config)
    builds = _force(Master(instance.local_url), chosen, parameters)
    if not arguments.wait:
        print(f"{len(builds)} builds asked for: {instance.url}")
        return DONE
    return _wait(Master(instance.local_url), builds, instance.url)


def run_whole(arguments: argparse.Namespace) -> int:
    """What `make run` does."""
    config = load_config(arguments)
    chosen = [
        variant
        for variant in variants(config)
        if config.projects[variant.project].directory and variant.tier == "commit"
    ]
    if not chosen:
        raise CommandError("no project with a `directory:` has a variant of tier `commit` (see projects.yaml)")
    instance = Instance(config)
    _start(instance)
    parameters = {"main_branch": config.projects[chosen[0].project].branches[0], "reason": "arm-ci run"}
    master = Master(instance.local_url)
    return _wait(master, _force(master, chosen, parameters), instance.url)


@dataclass
class Awaited:
    """A build that we wait for."""

    variant: Variant
    request_id: int
    said: str = ""
    said_at: float = 0.0

    def tell(self, said: str) -> None:
        """Prints what a build says when it is another step, or the same one after a while."""
        now = time.monotonic()
        same_step = said.split(" ")[0] == self.said.split(" ")[0]
        if said != self.said and (not same_step or now - self.said_at >= _PROGRESS_SECONDS):
            self.said, self.said_at = said, now
            print(f"  {self.variant.name}: {said}", flush=True)


def _start(instance: Instance) -> None:
    for line in instance.prepare():
        print(f"made: {line}")
    print(f"starting the master in {instance.state} ...", flush=True)
    print(f"{'running' if instance.start() else 'ran already, configuration read again'}: {instance.url}", flush=True)


def _force(master: Master, chosen: Sequence[Variant], parameters: dict[str, Any]) -> list[Awaited]:
    return [Awaited(variant, master.force(f"force-{variant.project}", variant.name, parameters)) for variant in chosen]


def _wait(master: Master, awaited: Sequence[Awaited], url: str) -> int:
    """Shows each build's steps until all have ended, then a table; the exit status."""
    while True:
        running = [each for each in awaited if not master.is_complete(each.request_id)]
        for each in running:
            builds = master.builds_of(each.request_id)
            said = master.current_step(builds[-1]["buildid"]) if builds else "waiting for a worker"
            each.tell(said)
        if not running:
            break
        time.sleep(_POLL_SECONDS)
    return _table(master, awaited, url)


def _table(master: Master, awaited: Sequence[Awaited], url: str) -> int:
    rows = [("variant", "result", "time", "tests passed", "page")]
    reasons: dict[int, str] = {}
    good = True
    for each in awaited:
        build = master.builds_of(each.request_id)[-1]
        good = good and build["results"] == _SUCCESS
        properties = build["properties"]
        seconds = build["complete_at"] - build["started_at"]
        tests = properties["tests_passed"][0] if "tests_passed" in properties else "-"
        address = f"{url}#/builders/{build['builderid']}/builds/{build['number']}"
        rows.append((each.variant.name, result_name(build["results"]), f"{seconds:.0f} s", str(tests), address))
        if build["results"] != _SUCCESS:
            reasons[len(rows)] = build["state_string"]
    for number, line in enumerate(aligned(rows)):
        print(line)
        if number + 1 in reasons:
            print(f"  {reasons[number + 1]}")
    print(f"\nweb UI: {url}")
    return DONE if good else FAILED
