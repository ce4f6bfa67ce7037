"""`arm-ci start | stop | force | run`: the master on this machine, and builds through it."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from arm_ci.cli.instance import Instance, state_of
from arm_ci.cli.master_process import MasterProcess
from arm_ci.cli.options import (
    DONE,
    FAILED,
    CommandError,
    add_site_option,
    aligned,
    find_variant,
    load_site,
    site_directory,
)
from arm_ci.cli.patch_option import add_patch_options, given_patch
from arm_ci.cli.rest import Master, result_name
from arm_ci.config import Config, ConfigError, Variant, variants
from arm_ci.config.problems import count
from arm_ci.plan.choices import parse_reference, parse_targets

T = TypeVar("T")

_POLL_SECONDS = 1.0
_PROGRESS_SECONDS = 10.0
_STILL_SECONDS = 60.0
_SUCCESS = 0


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds start, stop, force and run."""
    start = subparsers.add_parser("start", help="start the master, or have it read its configuration again")
    start.set_defaults(run=run_start)
    stop = subparsers.add_parser("stop", help="stop the master")
    stop.add_argument(
        "--state",
        metavar="DIR",
        help="state directory of the master (default: what the configuration's site.yaml says)",
    )
    stop.set_defaults(run=run_stop)
    force = subparsers.add_parser("force", help="build variants through the running master")
    force.add_argument("--variant", action="append", required=True, metavar="NAME", help="builder name; repeatable")
    force.add_argument("--branch", default="", help="branch or tag (default: the project's first branch)")
    force.add_argument("--revision", default="", help="revision (default: the newest)")
    force.add_argument("--targets", default="", metavar="'A B'", help="targets to build (default: the project's)")
    force.add_argument("--jobs", type=int, default=0, metavar="N", help="edges at once at most (default: the board's)")
    add_patch_options(force)
    force.add_argument("--wait", action="store_true", help="wait for the results and print them")
    force.set_defaults(run=run_force)
    whole = subparsers.add_parser(
        "run", help="start the master, build the sample project's commit variants, print the results"
    )
    whole.set_defaults(run=run_whole)
    for parser in (start, stop, force, whole):
        add_site_option(parser, needed=True)


def run_start(arguments: argparse.Namespace) -> int:
    """Starts the master and says where its web UI is."""
    instance = Instance(load_site(arguments))
    _start(instance)
    return DONE


def run_stop(arguments: argparse.Namespace) -> int:
    """Stops the master, whatever mistakes the configuration has by now."""
    if arguments.state is None:
        try:
            state = state_of(site_directory(arguments))
        except ConfigError as error:
            for problem in error.problems:
                print(problem, file=sys.stderr)
            raise CommandError("the state directory is not known: name it with `arm-ci stop --state DIR`") from error
    else:
        state = Path(os.path.realpath(arguments.state))
        if not arguments.state or not state.is_dir():
            raise CommandError(f"--state: `{arguments.state}` is not a directory")
    how = MasterProcess(state).stop(lambda line: print(f"  {line}", flush=True))
    print(f"master in {state}: {how}")
    return DONE


def run_force(arguments: argparse.Namespace) -> int:
    """Forces builds and, when asked, waits for them."""
    config = load_site(arguments)
    chosen = [find_variant(config, name) for name in arguments.variant]
    branch = _checked("--branch", parse_reference, arguments.branch)
    revision = _checked("--revision", parse_reference, arguments.revision)
    targets = _checked("--targets", parse_targets, arguments.targets)
    if arguments.jobs < 0:
        raise CommandError(f"--jobs: a number of edges at once was expected, not {arguments.jobs}")
    patch = given_patch(arguments)
    common = {"main_revision": revision, "targets": " ".join(targets), "jobs": arguments.jobs}
    common |= patch.form_fields() if patch else {}
    instance = Instance(config)
    master = Master(instance.local_url, instance.login_file)
    awaited = [_force(master, config, variant, branch, common, "a person asked") for variant in chosen]
    if not arguments.wait:
        print(f"{count(len(awaited), 'build')} asked for: {instance.url}")
        return DONE
    return _wait(master, awaited, instance.url)


def run_whole(arguments: argparse.Namespace) -> int:
    """What `make run` does."""
    config = load_site(arguments)
    chosen = [
        variant
        for variant in variants(config)
        if config.projects[variant.project].directory and variant.tier == "commit"
    ]
    instance = Instance(config)
    _start(instance)
    if not chosen:
        print("nothing to build: no project with a `directory:` has a variant of tier `commit` (see projects.yaml)")
        return DONE
    master = Master(instance.local_url, instance.login_file)
    return _wait(master, [_force(master, config, variant, "", {}, "arm-ci run") for variant in chosen], instance.url)


@dataclass
class Awaited:
    """A build that we wait for."""

    variant: Variant
    request_id: int
    guest: bool = False
    """Whether the master starts a machine for it."""
    said: str = ""
    said_at: float = 0.0

    def tell(self, said: str, now: float) -> None:
        """Prints what a build says: at once for another step, after a while for the same one, later also if unchanged.

        `now` is in seconds of a clock that never goes back.
        """
        silent_seconds = now - self.said_at
        same_step = said.split(" ")[0] == self.said.split(" ")[0]
        if said == self.said and silent_seconds < _STILL_SECONDS:
            return
        if said != self.said and same_step and silent_seconds < _PROGRESS_SECONDS:
            return
        print(f"  {self.variant.name}: {'still ' if said == self.said else ''}{said}", flush=True)
        self.said, self.said_at = said, now


def _start(instance: Instance) -> None:
    for line in instance.prepare():
        print(f"made: {line}")
    print(f"master in {instance.state} ...", flush=True)
    started = instance.start(lambda line: print(f"  {line}", flush=True))
    print(f"{'running' if started else 'ran already, configuration read again'}: {instance.url}", flush=True)


def _checked(option: str, parse: Callable[[str], T], text: str) -> T:
    """A value of an option, judged as the master's own form judges it."""
    try:
        return parse(text)
    except ValueError as error:
        raise CommandError(f"{option}: {error}") from error


def _force(
    master: Master, config: Config, variant: Variant, branch: str, parameters: Mapping[str, Any], reason: str
) -> Awaited:
    """Forces one variant; without a branch, of its own project's first one."""
    own = {"main_branch": branch or config.projects[variant.project].branches[0], **parameters}
    guest = config.boards[variant.board].guest is not None
    return Awaited(variant, master.force(f"force-{variant.project}", variant.name, own, reason), guest)


def _wait(master: Master, awaited: Sequence[Awaited], url: str) -> int:
    """Shows each build's steps until all have ended, then a table; the exit status."""
    try:
        _watch(master, awaited)
    except KeyboardInterrupt:
        sentence = f"no longer waiting; the builds go on, their pages have a button to stop them: {url}"
        raise CommandError(sentence, FAILED) from None
    return _table(master, awaited, url)


def _watch(master: Master, awaited: Sequence[Awaited]) -> None:
    while True:
        running = 0
        for each in awaited:
            request = master.request(each.request_id)
            if request["complete"]:
                continue
            running += 1
            each.tell(_says(master, each, request), time.monotonic())
        if not running:
            return
        time.sleep(_POLL_SECONDS)


def _says(master: Master, awaited: Awaited, request: Mapping[str, Any]) -> str:
    """What a build that has not ended does now."""
    builds = master.builds_of(awaited.request_id)
    if builds and not builds[-1]["complete"]:
        return master.current_step(builds[-1]["buildid"])
    if awaited.guest:
        return f"waiting for a guest of board `{awaited.variant.board}`"
    waiting = f"waiting for a worker of board `{awaited.variant.board}`"
    workers = master.connected_workers(request["builderid"])
    if not workers:
        return f"{waiting}: none is connected"
    if all(worker["paused"] for worker in workers):
        reasons = (
            f"`{worker['name']}` is paused ({worker['pause_reason'] or 'no reason given'})" for worker in workers
        )
        return f"{waiting}: {', '.join(reasons)}"
    return waiting


def _table(master: Master, awaited: Sequence[Awaited], url: str) -> int:
    rows = [("variant", "result", "time", "tests passed", "page")]
    reasons: dict[int, str] = {}
    good = True
    for each in awaited:
        builds = master.builds_of(each.request_id)
        if not builds:
            good = False
            result = result_name(master.request(each.request_id)["results"])
            rows.append((each.variant.name, result, "-", "-", f"{url}#/buildrequests/{each.request_id}"))
            continue
        build = builds[-1]
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
