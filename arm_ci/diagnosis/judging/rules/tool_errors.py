"""Failures that are not about memory, in the words of the tool that failed."""

from __future__ import annotations

import re

from arm_ci.diagnosis.judging.case import Case
from arm_ci.diagnosis.judging.cause import Cause
from arm_ci.diagnosis.judging.draft_verdict import Draft, about, from_log, joined, with_others
from arm_ci.diagnosis.judging.failed_edge import Culprit
from arm_ci.diagnosis.judging.sentences import doing, tool_sentence, who
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
_MOST_QUOTED = 4


def failed_trial(case: Case) -> Draft | None:
    """CMake tries compiler and linker before anything is built: its own error only quotes theirs."""
    draft = _trial(case.culprit)
    return with_others(draft, case.other_causes, case.records) if draft is not None else None


def _trial(culprit: Culprit) -> Draft | None:
    cause = culprit.cause
    if cause is None or cause.kind not in ("compile-error", "link-error") or not _TRIAL.search(culprit.output):
        return None
    tried = [from_log(each, "what CMake tried before it built anything") for each in cause.lines[:_MOST_QUOTED]]
    sentence = tool_sentence("configure-error", "cmake", "", cause.finding.text)
    return Draft("configure-error", "certain", sentence, program="cmake", edge=culprit.edge, evidence=joined(tried))


def killed_but_not_for_memory(case: Case) -> Draft | None:
    """A container or service says that what it killed was not killed for memory."""
    if case.cause is None or case.cause.finding.means != "not-oom":
        return None
    what = f"{who(case.culprit.program)} was killed, and its container says that it was not for memory"
    return _said(case, f"killed-other: {what}")


def ended_by_a_signal(case: Case) -> Draft | None:
    """A program was ended by a signal that memory does not explain."""
    if case.cause is None or case.cause.kind != "killed-other":
        return None
    culprit, signal = case.culprit, case.cause.finding.signal
    how = _SIGNALS.get(signal or 0, f"signal {signal}")
    return _said(
        case, f"killed-other: {who(culprit.program)} was ended{doing(culprit.program, culprit.output)} by {how}"
    )


def file_that_nothing_makes(case: Case) -> Draft | None:
    """The build tool knows no rule that makes a file which another edge needs."""
    if case.cause is None or case.cause.kind != "missing-byproduct":
        return None
    needed = case.cause.finding.source
    return _said(case, _sentence(case.culprit, f"{needed} needs it" if needed else ""))


def own_words(case: Case) -> Draft | None:
    """Any other failure of which a tool says what it is: an error in a source, a test, a download."""
    if case.cause is None:
        return None
    return _said(case, _sentence(case.culprit, case.cause.finding.text))


def failed_without_words(case: Case) -> Draft | None:
    """An edge that the log calls failed and says nothing of; its kind is what such an edge usually fails of."""
    # The log tells of none, or a rule above had explained it.
    guessed = next(iter(case.every_cause), None)
    if guessed is None:
        return None
    culprit = case.culprit_of(guessed)
    sentence = _sentence(culprit, "the log says that it failed, not why")
    return _trial(culprit) or about(culprit, guessed.kind, "possible", sentence, _evidence(guessed))


def _said(case: Case, sentence: str) -> Draft:
    cause = case.cause
    assert cause is not None
    confidence: Confidence = "certain" if cause.attached else "likely"
    draft = about(case.culprit, cause.kind, confidence, sentence, _evidence(cause))
    return with_others(draft, case.other_causes, case.records)


def _sentence(culprit: Culprit, message: str) -> str:
    assert culprit.cause is not None
    return tool_sentence(culprit.cause.kind, culprit.program, culprit.output, message)


def _evidence(cause: Cause) -> list[Evidence]:
    first, *more = cause.lines[:_MOST_QUOTED]
    whys = _WHY.get(cause.kind, "the tool's own words")
    return [from_log(first, whys), *(from_log(each, "the same failure") for each in more)]
