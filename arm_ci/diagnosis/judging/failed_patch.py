"""The verdict on a patch that could not be applied, from what the patch engine says of it."""

from __future__ import annotations

from collections.abc import Sequence

from arm_ci.diagnosis.advice.patches import forced_patch_advice, patch_set_advice
from arm_ci.diagnosis.judging.draft_verdict import joined
from arm_ci.diagnosis.verdict import Advice, Evidence, Verdict
from arm_ci.patches.matching import file_of


def forced_patch_failed(sentence: str, problems: Sequence[str]) -> Verdict:
    """A person's patch that does not fit; `problems` are the engine's, the most telling one first."""
    return _verdict(sentence, problems, forced_patch_advice(problems))


def patch_set_failed(name: str, reason: str) -> Verdict:
    """A patch of the patch set that conflicts, and the engine's reason."""
    return _verdict(f"{name}: {reason}", [reason], patch_set_advice(name, reason))


def patching_failed(reason: str) -> Verdict:
    """Patches that could not even be tried: one cannot be read, or the engine found no room; as it says itself."""
    return _verdict(reason, [], ())


def _verdict(sentence: str, problems: Sequence[str], advice: tuple[Advice, ...]) -> Verdict:
    said = [Evidence("patch engine", None, problem, "the patch does not fit there") for problem in problems]
    return Verdict(
        "patch-failed",
        "certain",
        f"patch-failed: {sentence}",
        output=next(filter(None, map(file_of, problems)), None),
        evidence=joined(said or [Evidence("patch engine", None, sentence, "why no patch was applied")]),
        advice=advice,
    )
