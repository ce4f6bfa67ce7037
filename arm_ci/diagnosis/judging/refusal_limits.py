"""Which limit explains that a program was refused memory: on its addresses, the kernel's accounting, or none seen."""

from __future__ import annotations

from dataclasses import dataclass

from arm_ci.agent.report import Edge, Report
from arm_ci.diagnosis.figures import size
from arm_ci.diagnosis.judging.failed_edge import Culprit, addresses_seen
from arm_ci.diagnosis.verdict import Confidence, Kind

_NEAR = 0.7
"""So much of a limit in the last sample, the request included, is near it: the last step is the largest."""
_NEAR_AT_A_CRASH = 0.8
"""The same where nothing was said of a request."""
_SHORT_SECONDS = 2.5
"""An edge that lived no longer may not have been sampled at its peak."""
_TINY_BYTES = 512 << 20
"""Under so low a limit on addresses compilers die in any way they can."""


@dataclass(frozen=True)
class Refusal:
    """A limit that explains a refusal."""

    kind: Kind
    confidence: Confidence
    why: str
    """For the sentence."""
    fact: str
    """For the evidence."""
    had_bytes: int | None = None
    used_bytes: int | None = None


def refusal_by_report(culprit: Culprit, report: Report, fork: bool) -> Refusal:
    """The limit of the report that explains a refusal; `fork`: of another process, not of memory itself."""
    return (
        (None if fork else _by_addresses(culprit, report))
        or _by_accounting(culprit, report, fork)
        or Refusal(
            "alloc-failed",
            "likely",
            "no limit that the report shows explains it",
            "",
            used_bytes=culprit.held_bytes,
        )
    )


def refusal_by_log(culprit: Culprit, bits32: str) -> Refusal:
    """Without a report: what the log itself proves; `bits32` is what shows that the tools are 32-bit programs."""
    cause = culprit.cause
    assert cause is not None
    if cause.finding.means == "fork-refused":
        return Refusal("overcommit", "likely", "the kernel would not promise memory for another process", "")
    if bits32:
        why = f"the tools are 32-bit programs ({bits32}), whose address space ends at 2 to 4 GB"
        sure: Confidence = "certain" if (culprit.asked_bytes or 0) >= 1 << 31 else "likely"
        return Refusal("address-space", sure, why, f"`{bits32}` in a command line")
    named = cause.attached or bool(cause.finding.program)
    why = "which limit refused it cannot be told from the log"
    return Refusal("alloc-failed", "certain" if named else "likely", why, "")


def limit_at_a_crash(edge: Edge | None, report: Report, sure: bool) -> Refusal | None:
    """The limit on addresses that explains a crash; `sure`: it can only have been one of addresses."""
    limit, name = _lowest_limit(report)
    if limit is None:
        return None
    peak = addresses_seen(edge)
    if not sure and limit > _TINY_BYTES and (peak is None or peak < _NEAR_AT_A_CRASH * limit):
        return None
    return _of_addresses("likely", limit, name, peak)


# -- addresses ----------------------------------------------------------------------------------------------------


def _lowest_limit(report: Report) -> tuple[int | None, str]:
    """The lowest limit on addresses, and what it is called."""
    limits = report.limits
    known: list[tuple[int, str]] = []
    if limits.rlimit_as_bytes is not None:
        known.append((limits.rlimit_as_bytes, "the limit on its address space (ulimit -v)"))
    if limits.rlimit_data_bytes is not None:
        known.append((limits.rlimit_data_bytes, "the limit on its data (ulimit -d)"))
    if limits.address_bits == 32 and limits.address_top_bytes is not None:
        known.append((limits.address_top_bytes, "the address space of a 32-bit program"))
    return min(known) if known else (None, "")


def _of_addresses(confidence: Confidence, limit: int, name: str, peak: int | None) -> Refusal:
    why = f"{name} was {size(limit)}"
    fact = why + (f", and its addresses took {size(peak)} at most" if peak else "")
    return Refusal("address-space", confidence, why, fact, limit, peak)


def _by_addresses(culprit: Culprit, report: Report) -> Refusal | None:
    limit, name = _lowest_limit(report)
    if limit is None:
        return None
    edge = culprit.edge
    peak = addresses_seen(edge)
    if (peak or 0) + (culprit.asked_bytes or 0) >= _NEAR * limit:
        return _of_addresses("certain", limit, name, peak)
    short = edge is None or edge.wall_seconds is None or edge.wall_seconds < _SHORT_SECONDS
    return _of_addresses("likely", limit, name, peak) if peak is None or short or limit <= _TINY_BYTES else None


# -- the kernel's accounting --------------------------------------------------------------------------------------


def _by_accounting(culprit: Culprit, report: Report, fork: bool) -> Refusal | None:
    limits, asked = report.limits, culprit.asked_bytes or 0
    if limits.overcommit_mode == 2 and limits.commit_limit_bytes:
        return _beyond_the_commit_limit(report, limits.commit_limit_bytes, asked)
    there_is = limits.memory_bytes + limits.swap_bytes
    if limits.overcommit_mode != 0 or not there_is or not (fork or asked > there_is):
        return None
    why = f"the kernel would not promise as much again as the process had (RAM and swap are {size(there_is)})"
    if asked > there_is:
        why = f"one request of more than RAM and swap together ({size(there_is)}) is refused"
    return Refusal("overcommit", "likely", why, f"RAM and swap are {size(there_is)}, overcommit mode 0", there_is)


def _beyond_the_commit_limit(report: Report, limit: int, asked: int) -> Refusal:
    seen = [each for each in report.samples.column("committed_bytes") if each is not None]
    most = int(max([*seen, report.limits.committed_bytes or 0]))
    why = f"the kernel promises {size(limit)} at most (vm.overcommit_memory is 2)"
    fact = f"the kernel promises {size(limit)} at most (overcommit mode 2), and {size(most)} were promised"
    sure: Confidence = "certain" if most + asked >= _NEAR * limit else "likely"
    return Refusal("overcommit", sure, why, fact, limit, most)
