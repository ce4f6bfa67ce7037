"""A request of a launcher for its edge to start: what admission knows of it until the edge has ended for good."""

from __future__ import annotations

import os
from typing import NamedTuple, Tuple

from ..edges.command_line import EdgeCommand
from ..edges.launcher_socket import Reply
from ..fallback.candidates import Candidate
from .expectation import Expected


class Request(NamedTuple):
    """A launcher that waits, or whose command runs."""

    key: int
    """The launcher's connection."""
    pid: int
    """Its process."""
    command: EdgeCommand
    since: float
    """When it began to wait."""
    order: int
    """The first request has the least."""
    reply: Reply
    expected: Expected
    attempt: int = 1
    alone: bool = False
    """Memory has killed it before: nothing else may run beside it."""
    had_company: bool = False
    """Since it started another edge has run beside it."""
    fallback: str = ""
    """How its command differs from what the build asks for."""
    candidates: Tuple[Candidate, ...] = ()
    """What is left to try when it does not fit alone."""

    @property
    def name(self) -> str:
        """What the edge is called in a line for people."""
        return self.command.output or self.command.argv[0]

    @property
    def may_repeat(self) -> bool:
        """Whether its command would do the same a second time."""
        if "-" in self.command.argv:
            return False  # what came through its standard input is gone
        if self.command.kind == "archive" and self.command.output:
            # `ar q` adds to what is there.
            return not os.path.exists(os.path.join(self.command.directory, self.command.output))
        return True
