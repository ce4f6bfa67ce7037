"""What a running master knows of workers: whether they are connected, and what their last build's probe found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arm_ci.cli.rest import Master
from arm_ci.plan import Facts
from arm_ci.plan.requirements import PROBE

# The newest build may have ended before its probe answered.
_BUILDS_LOOKED_AT = 5


@dataclass(frozen=True)
class Known:
    """A worker as the master knows it."""

    connected: bool = False
    paused: str = ""
    """Why it is paused; empty: it is not."""
    last_seen: int | None = None
    """When it came, went or ended a build last, in seconds since 1970; None: never."""
    facts: Facts | None = None
    answer: Mapping[str, Any] | None = None
    """The whole answer of that probe."""
    probed_at: int = 0


def known_workers(master: Master) -> dict[str, Known]:
    """Every worker that the master has ever had, by name. Raises CommandError when it does not answer."""
    return {worker["name"]: _known(master, worker) for worker in master.items("workers")}


def _known(master: Master, worker: Mapping[str, Any]) -> Known:
    builds = master.items(f"workers/{worker['workerid']}/builds", order="-buildid", limit=_BUILDS_LOOKED_AT)
    seen = [worker["workerinfo"].get("last_seen") or 0, *(each["complete_at"] or each["started_at"] for each in builds)]
    facts, answer, probed_at = None, None, 0
    for build in builds:
        if (answer := master.build_data(build["buildid"], PROBE)) is not None:
            facts, probed_at = Facts.from_json(answer), build["started_at"]
            break
    return Known(
        connected=bool(worker["connected_to"]),
        paused=(worker["pause_reason"] or "by a person") if worker["paused"] else "",
        last_seen=max(seen) or None,
        facts=facts,
        answer=answer,
        probed_at=probed_at,
    )
