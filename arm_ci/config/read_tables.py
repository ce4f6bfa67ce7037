"""What was read so far: the tables before anyone knows that they fit together, and what was found wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arm_ci.config.model import Board, Compiler, Linker, Site, Worker
from arm_ci.config.project import Project
from arm_ci.config.reader import Findings
from arm_ci.config.this_machine import Host


@dataclass
class Draft:
    """The configuration on its way to a Config."""

    directory: Path
    findings: Findings
    site: Site = field(default_factory=Site)
    boards: dict[str, Board] = field(default_factory=dict)
    compilers: dict[str, Compiler] = field(default_factory=dict)
    linkers: dict[str, Linker] = field(default_factory=dict)
    projects: dict[str, Project] = field(default_factory=dict)
    workers: dict[str, Worker] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    """Tables that could not be read: nobody knows which names they hold."""
    from_host: dict[str, frozenset[str]] = field(default_factory=dict)
    """Keys of a board that were read off this machine."""

    host: Host | None = None
    """The machine, once somebody asked."""

    def host_now(self) -> Host:
        """This machine; looked at once, and only when something depends on it."""
        self.host = self.host or Host.current()
        return self.host

    def path(self, relative: str) -> Path:
        """A path that the configuration gives relative to itself."""
        return self.directory / relative
