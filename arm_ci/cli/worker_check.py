"""`arm-ci worker check`: is a machine fit for what its board builds; what is missing there, with the cure.

It judges what the machine itself says: now, through ssh or here; or at its last build, as the master keeps it.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from arm_ci.cli.instance import Instance
from arm_ci.cli.options import DONE, FAILED, OUTSIDE, CommandError, find_worker, load_site
from arm_ci.cli.rest import Master
from arm_ci.cli.worker_facts import Known, known_workers
from arm_ci.config import Config, Worker, variants
from arm_ci.config.problems import count
from arm_ci.diagnosis.figures import size
from arm_ci.plan import Facts, Places, Recipe, missing, probe_request
from arm_ci.plan.archives import agent
from arm_ci.plan.requirements import missing_packages, notes

WORKER_DIRECTORY = "/var/lib/arm-ci-worker"
"""Where bootstrap.sh has the worker build."""

_PLACES = Places.below(WORKER_DIRECTORY)
_TIMEOUT_SECONDS = 300
_SSH_FAILED = 255
# The agent, then its request, come over standard input; nothing of it stays there.
_FAR = 'd=$(mktemp -d) && trap \'rm -rf "$d"\' EXIT && head -c {size} >"$d/agent.pyz" && python3 "$d/agent.pyz" probe'


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Registers the command."""
    parser = commands.add_parser(
        "check", help="is a machine fit for what its board builds; what is missing, with the cure"
    )
    parser.add_argument("name", metavar="NAME", help="a worker of workers.yaml")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--ssh", default="", metavar="[USER@]HOST", help="ask the machine now, through ssh")
    where.add_argument("--here", action="store_true", help="it is this machine")
    parser.set_defaults(run=run)


@dataclass(frozen=True)
class Judged:
    """What speaks against a machine, and what is worth knowing: sentences."""

    lacks: tuple[str, ...]
    remarks: tuple[str, ...]


def run(arguments: argparse.Namespace) -> int:
    """Prints what the machine is and lacks; exit status 1 when it is not fit."""
    config = load_site(arguments)
    worker = find_worker(config, arguments.name)
    recipes = recipes_of(config, worker.board)
    asked_now = bool(arguments.ssh or arguments.here)
    known = _known(config, worker, needed=not asked_now)
    if asked_now:
        facts = _without_session(Facts.from_json(ask(request_for(recipes), arguments.ssh)))
        source = f"asked now{f' through ssh {arguments.ssh}' if arguments.ssh else ''}"
    else:
        facts, source = _at_its_last_build(worker, known)
    judged = judge(recipes, facts, f"worker `{worker.name}`", asked_all=asked_now)
    lacks = (*_connection(config, worker, known), *judged.lacks)
    print(f"{worker.name}, board {worker.board}: {source}")
    print(f"  {describe(facts)}")
    for line in lacks:
        print(f"missing: {line}")
    for line in judged.remarks:
        print(f"note: {line}")
    # As plan.requirements.notes has it.
    if facts.swap_bytes < int(config.boards[worker.board].swap) * 0.9:
        print(f"note: its kit, run there once more, makes that swap: `arm-ci worker kit {worker.name}`")
    if not recipes:
        print(f"note: no project builds on board `{worker.board}`: its matrix does not name it")
    print(f"not fit: {count(len(lacks), 'thing')} missing" if lacks else "fit")
    return FAILED if lacks else DONE


def _at_its_last_build(worker: Worker, known: Known | None) -> tuple[Facts, str]:
    """What the master knows of the machine, and since when."""
    if known is None or known.answer is None:
        raise CommandError(
            f"worker `{worker.name}` has not built yet, so nothing is known of it: ask it with --ssh [USER@]HOST",
            OUTSIDE,
        )
    when = time.strftime("as it was at its last build, %Y-%m-%d %H:%M", time.localtime(known.probed_at))
    return Facts.from_json(known.answer), when


def _known(config: Config, worker: Worker, needed: bool) -> Known | None:
    try:
        return known_workers(Master(Instance(config).local_url)).get(worker.name, Known())
    except CommandError as error:
        if needed:
            raise CommandError(f"{error}; or ask the machine itself with --ssh [USER@]HOST", OUTSIDE) from error
        print(f"arm-ci: {error}; whether it is connected is not known", file=sys.stderr)
        return None


def _connection(config: Config, worker: Worker, known: Known | None) -> tuple[str, ...]:
    if known is None:
        return ()
    if not known.connected and config.connects(worker):
        return (
            "it is not connected: there, `systemctl status arm-ci-worker` and `journalctl -u arm-ci-worker` say why; "
            f"`arm-ci worker kit {worker.name}` sets it up",
        )
    return (f"it is paused ({known.paused}): unpause it on the page Workers",) if known.paused else ()


def recipes_of(config: Config, board: str) -> list[Recipe]:
    """What is built on a board."""
    return [Recipe(config, each) for each in variants(config) if each.board == board]


def request_for(recipes: Sequence[Recipe]) -> dict[str, Any]:
    """One request for all that the variants of a board need."""
    found: dict[str, Any] = {"directory": WORKER_DIRECTORY, "programs": [], "packages": [], "links": [], "helpers": []}
    for recipe in recipes:
        for key, value in probe_request(recipe, _PLACES).items():
            if key != "directory":
                found[key] += [each for each in value if each not in found[key]]
    return found


def ask(request: Mapping[str, Any], ssh: str) -> dict[str, Any]:
    """The probe's answer from here, or from where ssh leads. Raises CommandError with what was said instead."""
    archive = agent().data
    script = _FAR.format(size=len(archive))
    command = ["ssh", "-o", "ConnectTimeout=20", "--", ssh, script] if ssh else ["sh", "-c", script]
    try:
        done = subprocess.run(
            command, input=archive + json.dumps(request).encode(), capture_output=True, timeout=_TIMEOUT_SECONDS
        )
    except FileNotFoundError as error:
        raise CommandError(f"`{command[0]}` is not here: apt-get install openssh-client", OUTSIDE) from error
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{ssh or 'this machine'} did not answer within {_TIMEOUT_SECONDS} s", OUTSIDE) from error
    try:
        return dict(json.loads(done.stdout))
    except ValueError:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit status {done.returncode}"]
        where = shlex.join(["ssh", ssh]) if ssh else "the probe"
        raise CommandError(f"{where}: {said[-1]}", OUTSIDE if done.returncode == _SSH_FAILED else FAILED) from None


def _without_session(facts: Facts) -> Facts:
    """Facts without what only a person's session does not see; the kernel's switches count for the worker as well."""
    return replace(facts, unseen=tuple(each for each in facts.unseen if "cmdline.txt" in each[1]))


def judge(recipes: Sequence[Recipe], facts: Facts, where: str, asked_all: bool) -> Judged:
    """What the machine lacks for any variant, each sentence once.

    Without `asked_all` only variants count for which the probe was asked everything.
    """
    lacks: dict[str, None] = {}
    remarks: dict[str, None] = {}
    packages: dict[str, None] = {}
    for recipe in recipes:
        if not asked_all and not _was_asked(recipe, facts):
            continue
        lacks |= dict.fromkeys(missing(recipe, _PLACES, facts, where))
        packages |= dict.fromkeys(missing_packages(recipe, facts))
        remarks |= dict.fromkeys(notes(recipe, facts, where))
    if packages:
        install = f"apt-get install {' '.join(packages)}"
        lacks[f"{count(len(packages), 'package')} of its projects: {install}"] = None
    return Judged(tuple(lacks), tuple(remarks))


def _was_asked(recipe: Recipe, facts: Facts) -> bool:
    request = probe_request(recipe, _PLACES)
    return set(request["programs"]) <= set(facts.programs) and set(request["packages"]) <= set(facts.packages or {})


def describe(facts: Facts) -> str:
    """A machine in one line."""
    return ", ".join(
        (
            facts.architecture,
            facts.os,
            count(facts.cores, "core"),
            f"{size(facts.memory_bytes)} of RAM",
            f"{size(facts.swap_bytes)} of swap",
            f"{size(facts.free_disk_bytes)} of disk free",
        )
    )
