"""A request for memory that was refused: by a limit on addresses, by the kernel's accounting, or not separable."""

from __future__ import annotations

from dataclasses import dataclass

from arm_ci.agent.report import Report
from arm_ci.diagnosis.figures import size
from arm_ci.diagnosis.judging.draft_verdict import Draft, Facts, from_log, from_report, joined
from arm_ci.diagnosis.judging.failed_edge import Culprit, addresses_seen
from arm_ci.diagnosis.judging.sentences import doing, refused, who
from arm_ci.diagnosis.verdict import Confidence, Evidence, Kind

_NEAR = 0.7
"""So much of a limit in the last sample, the request included, is near it: the last step is the largest."""
_SHORT_SECONDS = 2.5
"""An edge that lived no longer may not have been sampled at its peak."""
_TINY_BYTES = 512 << 20
"""Under so low a limit on addresses compilers die in any way they can."""


@dataclass(frozen=True)
class Regime:
    """A limit that explains the refusal."""

    kind: Kind
    confidence: Confidence
    why: str
    """For the sentence."""
    fact: str
    """For the evidence."""
    had_bytes: int | None = None
    used_bytes: int | None = None


def judge_refusal(culprit: Culprit, facts: Facts) -> Draft:
    """A program that was refused memory, in its own words."""
    cause = culprit.cause
    assert cause is not None
    evidence = [from_log(cause.finding, "the program's own words")]
    evidence += [
        from_log(each, "the same failure")
        for each in cause.others[:3]
        if each.means in ("refused", "crashed", "killed")
    ]
    regime = _regime(culprit, facts.report, fork=cause.finding.means == "fork-refused")
    if regime is None:
        regime = _by_log(culprit, facts)
    if facts.report is not None and regime.fact:
        evidence.append(from_report(regime.fact, "the limit that fits"))
    elif regime.fact:
        evidence.append(Evidence("log", None, regime.fact, "what the log itself shows of the limit"))
    return Draft(
        regime.kind,
        regime.confidence,
        refused(regime.kind, culprit.program, culprit.output, culprit.asked_bytes, regime.why),
        program=culprit.program,
        output=culprit.output,
        edge=culprit.edge,
        bytes=culprit.asked_bytes,
        used_bytes=regime.used_bytes,
        had_bytes=regime.had_bytes,
        evidence=tuple(evidence),
    )


def judge_too_large(culprit: Culprit, facts: Facts) -> Draft:
    """bfd that says a section is too large (and claims success); mold whose output does not fit 31 bits."""
    cause = culprit.cause
    assert cause is not None
    if cause.bytes:
        why = f"a section of {exact_size(cause.bytes)} does not fit the linker's 32-bit address space"
    else:
        why = "more than 2 GB of output do not fit a 32-bit linker"
    evidence = [
        from_log(
            cause.finding, "only a 32-bit linker says so; bfd still ends with exit status 0 and leaves a broken file"
        )
    ]
    if cause.finding.program == "mold":
        evidence = [from_log(cause.finding, "a length over 2 GB is negative in a 32-bit linker")]
    top = facts.report.limits.address_top_bytes if facts.report else None
    return Draft(
        "address-space",
        "certain" if cause.bytes else "likely",
        f"address-space: {who(culprit.program)} could not make {culprit.output or 'its output'}: {why}",
        program=culprit.program,
        output=culprit.output,
        edge=culprit.edge,
        bytes=cause.bytes,
        had_bytes=top if top and facts.report and facts.report.limits.address_bits == 32 else None,
        evidence=tuple(evidence),
    )


def exact_size(count: int) -> str:
    """Bytes with a unit a person knows."""
    return f"{count:,} bytes ({size(count)})"


def crash_regime(culprit: Culprit, facts: Facts) -> Draft | None:
    """A crash or a loader's failure that a limit on addresses explains; None when none does."""
    report = facts.report
    cause = culprit.cause
    if report is None or cause is None:
        return None
    limit, name = _address_limit(report)
    if limit is None:
        return None
    peak = addresses_seen(culprit.edge)
    if cause.finding.means != "not-loaded" and limit > _TINY_BYTES and (peak is None or peak < 0.8 * limit):
        return None
    fact = f"{name} was {size(limit)}" + (f", and its addresses took {size(peak)} at most" if peak else "")
    return Draft(
        "address-space",
        "likely",
        f"address-space: {who(culprit.program)} failed{doing(culprit.program, culprit.output)}: {name} was "
        f"{size(limit)}",
        program=culprit.program,
        output=culprit.output,
        edge=culprit.edge,
        used_bytes=peak,
        had_bytes=limit,
        evidence=joined(
            [
                from_log(cause.finding, "programs end so when they get no more addresses"),
                from_report(fact, "the limit that fits"),
            ]
        ),
    )


def _address_limit(report: Report) -> tuple[int | None, str]:
    limits = report.limits
    known: list[tuple[int, str]] = []
    if limits.rlimit_as_bytes is not None:
        known.append((limits.rlimit_as_bytes, "the limit on its address space (ulimit -v)"))
    if limits.rlimit_data_bytes is not None:
        known.append((limits.rlimit_data_bytes, "the limit on its data (ulimit -d)"))
    if limits.address_bits == 32 and limits.address_top_bytes is not None:
        known.append((limits.address_top_bytes, "the address space of a 32-bit program"))
    return min(known) if known else (None, "")


def _regime(culprit: Culprit, report: Report | None, fork: bool) -> Regime | None:
    if report is None:
        return None
    if not fork:
        space = _address_space(culprit, report)
        if space is not None:
            return space
    accounting = _overcommit(culprit, report, fork)
    if accounting is not None:
        return accounting
    held = culprit.held_bytes
    return Regime("alloc-failed", "likely", "no limit that the report shows explains it", "", used_bytes=held)


def _address_space(culprit: Culprit, report: Report) -> Regime | None:
    limit, name = _address_limit(report)
    if limit is None:
        return None
    edge = culprit.edge
    peak = addresses_seen(edge)
    asked = culprit.asked_bytes or 0
    fact = f"{name} was {size(limit)}" + (f", and its addresses took {size(peak)} at most" if peak else "")
    why = f"{name} was {size(limit)}"
    if (peak or 0) + asked >= _NEAR * limit:
        return Regime("address-space", "certain", why, fact, limit, peak)
    short = edge is None or edge.wall_seconds is None or edge.wall_seconds < _SHORT_SECONDS
    if peak is None or short or limit <= _TINY_BYTES:
        return Regime("address-space", "likely", why, fact, limit, peak)
    return None


def _overcommit(culprit: Culprit, report: Report, fork: bool) -> Regime | None:
    limits = report.limits
    asked = culprit.asked_bytes or 0
    if limits.overcommit_mode == 2 and limits.commit_limit_bytes:
        limit = limits.commit_limit_bytes
        seen = [each for each in report.samples.column("committed_bytes") if each is not None]
        most = int(max([*seen, limits.committed_bytes or 0]))
        fact = f"the kernel promises {size(limit)} at most (overcommit mode 2), and {size(most)} were promised"
        why = f"the kernel promises {size(limit)} at most (vm.overcommit_memory is 2)"
        if most + asked >= _NEAR * limit:
            return Regime("overcommit", "certain", why, fact, limit, most)
        return Regime("overcommit", "likely", why, fact, limit, most)
    there_is = limits.memory_bytes + limits.swap_bytes
    if limits.overcommit_mode == 0 and there_is and (asked > there_is or fork):
        if asked > there_is:
            why = f"one request of more than RAM and swap together ({size(there_is)}) is refused"
        else:
            why = f"the kernel would not promise as much again as the process had (RAM and swap are {size(there_is)})"
        return Regime("overcommit", "likely", why, f"RAM and swap are {size(there_is)}, overcommit mode 0", there_is)
    return None


def _by_log(culprit: Culprit, facts: Facts) -> Regime:
    """Without a report: what the log itself proves."""
    cause = culprit.cause
    assert cause is not None
    if cause.finding.means == "fork-refused":
        return Regime("overcommit", "likely", "the kernel would not promise memory for another process", "")
    asked = culprit.asked_bytes or 0
    bits32 = facts.findings.bits32
    if bits32:
        why = f"the tools are 32-bit programs ({bits32}), whose address space ends at 2 to 4 GB"
        return Regime(
            "address-space", "certain" if asked >= 1 << 31 else "likely", why, f"`{bits32}` in a command line"
        )
    confidence: Confidence = "certain" if cause.attached or cause.finding.program else "likely"
    return Regime("alloc-failed", confidence, "which limit refused it cannot be told from the log", "")
