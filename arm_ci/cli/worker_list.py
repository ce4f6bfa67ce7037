"""`arm-ci worker list`: the machines, with memory, swap, when they were seen, what they build, what holds them back."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from typing import Any

from arm_ci.cli.instance import Instance
from arm_ci.cli.options import DONE, CommandError, aligned, load_site
from arm_ci.cli.rest import Master
from arm_ci.cli.worker_facts import Known, known_workers
from arm_ci.config import Config, Worker, variants
from arm_ci.config.problems import count
from arm_ci.diagnosis.figures import size

_HEADINGS = ("worker", "board", "memory", "swap", "state", "builds", "held back by")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Registers the command."""
    parser = commands.add_parser("list", help="list the machines: memory, swap, last seen, what they build, throttling")
    parser.add_argument("--json", action="store_true", help="a list of objects, sizes in bytes")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the table; without a master that answers, what the configuration says."""
    config = load_site(arguments)
    try:
        known = known_workers(Master(Instance(config).local_url))
    except CommandError as error:
        known = None
        print(f"arm-ci: {error}; below is what the configuration says", file=sys.stderr)
    rows = [row(config, worker, known) for worker in config.workers.values()]
    print(json.dumps(rows, indent=1) if arguments.json else table(rows))
    return DONE


def row(config: Config, worker: Worker, known: dict[str, Known] | None) -> dict[str, Any]:
    """One worker; `probed` says whether memory and swap were seen there, or are those of the board's entry."""
    board = config.boards[worker.board]
    found = (known or {}).get(worker.name, Known())
    built = Counter(variant.project for variant in variants(config) if variant.board == worker.board)
    return {
        "name": worker.name,
        "board": worker.board,
        "owner": worker.owner,
        "memory_bytes": found.facts.memory_bytes if found.facts else int(board.memory),
        "swap_bytes": found.facts.swap_bytes if found.facts else int(board.swap),
        "probed": found.facts is not None,
        "state": "unknown" if known is None else _state(found, guest=board.guest is not None),
        "last_seen": found.last_seen,
        "variants": dict(built),
        "throttling": list(found.facts.throttling) if found.facts else [],
    }


def _state(found: Known, guest: bool) -> str:
    if found.paused:
        return f"paused, {found.paused}"
    if found.connected:
        return "connected"
    if guest:
        return "guest, started when needed"
    return "away" if found.last_seen else "never seen"


def table(rows: list[dict[str, Any]]) -> str:
    """The rows for people; what nobody has seen yet stands in brackets."""
    lines = [_HEADINGS]
    for each in rows:
        sizes = [size(each["memory_bytes"]), size(each["swap_bytes"])]
        if not each["probed"]:
            sizes = [f"({size})" for size in sizes]
        state = each["state"]
        if state == "away":
            state += time.strftime(" since %Y-%m-%d %H:%M", time.localtime(each["last_seen"]))
        built = ", ".join(f"{project} {number}" for project, number in each["variants"].items()) or "nothing"
        held = ", ".join(each["throttling"]) or ("nothing" if each["probed"] else "-")
        lines.append((each["name"], each["board"], *sizes, state, built, held))
    said = [*aligned(lines), count(len(rows), "worker")]
    if not all(each["probed"] for each in rows):
        said.append("In brackets: what the board's entry says; the machine has not built yet.")
    return "\n".join(said)
