"""A controller with a budget that a test sets, and launchers that ask it."""

from __future__ import annotations

from typing import Any

from arm_ci.agent.admission.budget import Budget
from arm_ci.agent.admission.controller import Controller
from arm_ci.agent.admission.expectation import Expectation
from arm_ci.agent.admission.oom_kills import OomKills
from arm_ci.agent.edges.command_line import EdgeCommand
from arm_ci.agent.edges.running import Edges
from arm_ci.agent.fallback.candidates import Fallbacks
from arm_ci.agent.fallback.fallbacks_file import Fallback
from arm_ci.agent.peaks import Learned, Peaks

MB = 1 << 20
KILLED = 1 << 8
"""The status of a g++ whose cc1plus was killed: exit status 1."""


class Machine:
    """A machine with a budget, and the launchers that ask."""

    def __init__(
        self, monkeypatch, cores: int = 4, ram_mb: int = 1000, fallbacks: tuple[Fallback, ...] = (), **needs_mb: int
    ) -> None:
        self.budget = Budget(ram_mb * MB, 0)
        self.kills = 0
        self.notes: list[tuple[str, Any]] = []
        self.said: list[str] = []
        self.ended: list[str] = []
        self.answers: dict[int, list[bytes]] = {}
        self.now = 0.0
        learned = [Learned(f"{name}.o", "g++", "compile", need * MB, 10.0) for name, need in needs_mb.items()]
        monkeypatch.setattr("arm_ci.agent.admission.expectation.HISTORY_MARGIN", 1.0)
        edges = Edges(lambda kind, value: self.notes.append((kind, value)), "/build")
        expectation = Expectation(Peaks("", tuple(learned)), "/build")
        self.controller = Controller(
            edges, expectation, cores, self.ended.append, self.said.append, Fallbacks(fallbacks)
        )
        self.controller.begin(self, OomKills(lambda: self.kills))  # type: ignore[arg-type]

    def read(self, held_bytes: int) -> Budget:
        """As a BudgetReader."""
        return self.budget

    def request(self, *names: str, more: tuple[str, ...] = ()) -> None:
        for name in names:
            key = ord(name)
            argv = ("g++", "-c", f"{name}.cpp", *more, "-o", f"{name}.o")
            self.answers.setdefault(key, [])
            command = EdgeCommand(argv, "/build", "compile", f"{name}.o")
            self.controller.request_start(
                key, 1000 + key, command, self.now, lambda words, key=key: self.answers[key].append(b" ".join(words))
            )

    def end(self, name: str, status: int = 0) -> None:
        key = ord(name)
        self.controller.ended(key, self.now, status, 1.0, 50 * MB, lambda words: self.answers[key].append(words[0]))

    def told(self, name: str) -> list[str]:
        return [word.decode() for word in self.answers[ord(name)]]

    @property
    def running(self) -> str:
        """Names of those that run."""
        return "".join(name for name in sorted(map(chr, self.answers)) if self.told(name)[-1:] == ["go"])

    def noted(self, name: str) -> list[dict[str, Any]]:
        """The tries of an edge as the journal has them."""
        found: dict[int, dict[str, Any]] = {}
        for kind, value in self.notes:
            if kind in ("edge", "end"):
                found.setdefault(value["number"], {}).update(value)
        return [each for each in found.values() if each["output"] == f"{name}.o"]
