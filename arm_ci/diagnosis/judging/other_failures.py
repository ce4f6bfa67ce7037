"""Failures that are not about memory, success, and what cannot be told."""

from __future__ import annotations

import re

from arm_ci.agent.report import OOM_KILL, Edge
from arm_ci.diagnosis.figures import count, size
from arm_ci.diagnosis.judging.cause import Cause
from arm_ci.diagnosis.judging.draft_verdict import Draft, Facts, from_log, from_report, joined
from arm_ci.diagnosis.judging.failed_edge import Culprit, edge_making, failed_edges
from arm_ci.diagnosis.judging.kills import foreign
from arm_ci.diagnosis.judging.sentences import cut, doing, simple, who
from arm_ci.diagnosis.reading.findings import Failure
from arm_ci.diagnosis.verdict import Confidence, Evidence

_SIGNALS = {
    1: "a hang-up (SIGHUP)",
    2: "an interrupt (SIGINT)",
    3: "SIGQUIT",
    4: "an illegal instruction (SIGILL): code for another processor",
    6: "an abort (SIGABRT)",
    7: "a bus error (SIGBUS)",
    8: "an arithmetic error (SIGFPE)",
    11: "a segmentation fault (SIGSEGV)",
    13: "a broken pipe (SIGPIPE)",
    14: "an alarm (SIGALRM)",
    15: "a request to end (SIGTERM)",
    24: "the limit on CPU time (SIGXCPU)",
    25: "the limit on the size of files (ulimit -f)",
}
_TRIAL = re.compile(r"(?:^|/)cmTC_")
_WHY = {
    "compile-error": "an error in a source or a command line",
    "link-error": "the linker's own words",
    "configure-error": "the build could not be set up",
    "patch-failed": "the patch does not fit",
    "test-failure": "a test failed",
    "network": "something could not be fetched",
    "missing-byproduct": "nothing makes this file",
    "compiler-crash": "the compiler itself failed",
    "killed-other": "how the process ended",
}


def judge_other(culprit: Culprit, facts: Facts) -> Draft:
    """A cause that is not about memory, in the tool's own words."""
    cause = culprit.cause
    assert cause is not None
    finding = cause.finding
    if cause.kind in ("compile-error", "link-error") and _TRIAL.search(culprit.output):
        return _failed_trial(cause)
    evidence = [from_log(finding, _WHY.get(cause.kind, "the tool's own words"))]
    evidence += [from_log(each, "the same failure") for each in cause.others[:3]]
    confidence: Confidence = (
        "certain" if cause.attached and not cause.guessed else "possible" if cause.guessed else "likely"
    )
    if finding.means == "not-oom":
        sentence = f"killed-other: {who(culprit.program)} was killed, and its container says that it was not for memory"
    elif cause.kind == "killed-other":
        how = _SIGNALS.get(finding.signal or 0, f"signal {finding.signal}")
        sentence = f"killed-other: {who(culprit.program)} was ended{doing(culprit.program, culprit.output)} by {how}"
    elif cause.kind == "missing-byproduct":
        sentence = simple(
            cause.kind, culprit.program, culprit.output, f"{finding.source} needs it" if finding.source else ""
        )
    elif cause.guessed:
        sentence = simple(cause.kind, culprit.program, culprit.output, "the log says that it failed, not why")
    else:
        sentence = simple(cause.kind, culprit.program, culprit.output, finding.text)
    return Draft(
        cause.kind,
        confidence,
        sentence,
        program=culprit.program,
        output=culprit.output,
        edge=culprit.edge,
        evidence=joined(evidence),
    )


def _failed_trial(cause: Cause) -> Draft:
    """CMake tries compiler and linker before anything is built: its own error only quotes theirs."""
    evidence = [
        from_log(each, "what CMake tried before it built anything") for each in (cause.finding, *cause.others[:3])
    ]
    sentence = simple("configure-error", "cmake", "", cause.finding.text)
    return Draft("configure-error", "certain", sentence, program="cmake", evidence=joined(evidence))


def succeeded(facts: Facts, known: list[Cause]) -> Draft:
    """The command ended well."""
    evidence: list[Evidence] = [
        from_log(each.finding, "it failed once; the command passed all the same") for each in known[:3]
    ]
    text = "ok: the command ended with exit status 0"
    if facts.again:
        killed = {edge.output for edge in facts.again if edge.run_again == OOM_KILL}
        ended = {edge.output for edge in facts.again} - killed
        hows = ((killed, "that memory had killed"), (ended, "that had left no room for file pages"))
        named = [f"{count(len(outputs), 'edge')} {how}" for outputs, how in hows if outputs]
        text += f"; {' and '.join(named)} ran again alone"
        evidence += [_killed_once(edge) for edge in facts.again[:3]]
    if known:
        first = known[0]
        text += f", although {first.output or first.program or 'something'} failed once ({first.kind})"
    return Draft("ok", "likely" if known else "certain", text, evidence=joined(evidence, foreign(facts.records)))


def _killed_once(edge: Edge) -> Evidence:
    held = f" when it held {size(edge.peak_anonymous_swap_bytes)}" if edge.peak_anonymous_swap_bytes else ""
    name, why = edge.output or edge.program, "it ran again, and the build went on"
    if edge.run_again == OOM_KILL:
        return from_report(f"memory killed {name}{held}", why)
    return from_report(f"the agent ended {name} to make room for file pages{held}", why)


def nothing_known(facts: Facts, failed: list[Failure]) -> Draft:
    """Nothing says why, or that anything failed at all."""
    findings = facts.findings
    strangers = foreign(facts.records)
    if failed:
        first = failed[0]
        evidence = [from_log(first.says, "the build tool says that it failed, and nobody why")] if first.says else []
        text = f"unknown: {first.output} failed, and the log does not say why"
        return Draft(
            "unknown",
            "possible",
            text,
            output=first.output,
            edge=edge_making(first.output, facts.report),
            evidence=joined(evidence, strangers),
        )
    edges = failed_edges(facts.report)
    if edges:
        edge = edges[0]
        how = f"signal {edge.signal}" if edge.signal else f"exit status {edge.exit_status}"
        fact = from_report(
            f"{edge.program} for {edge.output or 'no output'} ended with {how}", "the first edge that failed"
        )
        what = f"{edge.program} failed{doing(edge.program, edge.output, edge.kind)}"
        text = f"unknown: {what} with {how}, and no log says why"
        return Draft(
            "unknown",
            "possible",
            text,
            program=edge.program,
            output=edge.output,
            edge=edge,
            evidence=joined([fact], strangers),
        )
    if findings.rebuilt and facts.exit_status is None:
        name = sorted(findings.rebuilt)[0]
        return Draft("ok", "likely", f"ok: {name} failed once and was made later", evidence=joined(strangers))
    if findings.succeeded and facts.exit_status is None:
        evidence = [Evidence("log", findings.succeeded_line, findings.succeeded, "the build tool says that it is done")]
        return Draft(
            "ok",
            "likely",
            "ok: the log ends with the build tool's last step, and nothing failed",
            evidence=joined(evidence, strangers),
        )
    if facts.exit_status is not None:
        text = f"unknown: the command ended with exit status {facts.exit_status}, and nothing says why"
        evidence = []
        if findings.last:
            evidence = [Evidence("log", findings.last_line, findings.last, "the last line; it may tell a person more")]
            text += f"; its last line: {cut(findings.last)}"
        return Draft("unknown", "possible", text, evidence=joined(evidence, strangers))
    return Draft(
        "unknown",
        "possible",
        "unknown: nothing in the input says that or why something failed",
        evidence=joined(strangers),
    )
