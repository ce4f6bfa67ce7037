"""The verdict: what a build died of, who was the culprit, how sure that is, why, and what would have fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from arm_ci.agent.report import Edge, Report

Kind = Literal[
    "oom-kill",
    "address-space",
    "alloc-failed",
    "overcommit",
    "disk-full",
    "thrashing",
    "worker-lost",
    "missing-byproduct",
    "compile-error",
    "link-error",
    "configure-error",
    "patch-failed",
    "test-failure",
    "network",
    "compiler-crash",
    "killed-other",
    "unknown",
    "ok",
]
Scope = Literal["system", "cgroup", ""]
Confidence = Literal["certain", "likely", "possible"]
Source = Literal["log", "kernel log", "report", "patch engine", "master"]

CONFIDENCE_WORDS: dict[Confidence, str] = {
    "certain": "the kernel or the tool said so, and it matches the edge",
    "likely": "the facts agree, and nothing contradicts",
    "possible": "one of several explanations",
}
MEMORY_KINDS = ("oom-kill", "address-space", "alloc-failed", "overcommit", "thrashing")
EXHAUSTED = (*MEMORY_KINDS, "disk-full")
"""The kinds that are about the machine, not about the sources."""


@dataclass(frozen=True)
class Evidence:
    """One fact that counts, quoted."""

    source: Source
    line: int | None
    """Line number in that source, from 1; None for the report."""
    text: str
    """The line, or the fact from the report in words with its figures."""
    why: str
    """Why it counts, in half a sentence."""


@dataclass(frozen=True)
class Advice:
    """One thing to change, with the figures it rests on."""

    text: str
    """What to do, in a sentence."""
    because: str
    """The figures: what was needed and what was there."""


@dataclass(frozen=True)
class Verdict:
    """The judgement about one build or one log."""

    kind: Kind
    confidence: Confidence
    sentence: str
    """The whole verdict in one sentence for the build's summary line; starts with the kind."""
    scope: Scope = ""
    """For `oom-kill` and `thrashing`: whose memory was used up; empty when nothing says so."""
    program: str | None = None
    """The program that failed: `cc1plus`, `ld`, `ld.gold`."""
    output: str | None = None
    """What it was making, as the log or report names it."""
    edge: int | None = None
    """Number of the failed edge: its place in the report's `edges`, from 0; None: the report has no such edge."""
    bytes: int | None = None
    """What the refused request asked for, when the tool said so."""
    used_bytes: int | None = None
    """What the culprit held (RAM and swap; addresses for `address-space`) when it ended, or at most."""
    had_bytes: int | None = None
    """The limit that stopped it."""
    evidence: tuple[Evidence, ...] = ()
    advice: tuple[Advice, ...] = ()
    unseen: tuple[str, ...] = ()
    """What could not be seen, each with what would show it."""

    def edge_of(self, report: Report | None) -> Edge | None:
        """The failed edge in the report that this verdict was drawn from."""
        return report.edges[self.edge] if report is not None and self.edge is not None else None

    def to_json(self) -> dict[str, Any]:
        """The machine form; empty values are null."""
        return {
            "kind": self.kind,
            "scope": self.scope or None,
            "confidence": self.confidence,
            "sentence": self.sentence,
            "program": self.program,
            "output": self.output,
            "edge": self.edge,
            "bytes": self.bytes,
            "used_bytes": self.used_bytes,
            "had_bytes": self.had_bytes,
            "evidence": [vars(each) for each in self.evidence],
            "advice": [vars(each) for each in self.advice],
            "unseen": list(self.unseen),
        }
