"""What was read so far: the tables before anyone knows that they fit together, and what was found wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arm_ci.config.model import Board, Compiler, Linker, Site, Worker
from arm_ci.config.project import Project
from arm_ci.config.reader import Findings
from arm_ci.config.reader import Path as Keys
from arm_ci.config.this_machine import Host


@dataclass
class Draft:
    """The configuration on its way to a Config."""

    directory: Path
    """The site's."""
    catalogue: Path
    findings: Findings
    shipped_files: frozenset[str] = frozenset()
    """Files of the catalogue, as places name them."""
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
    taken_out: dict[str, frozenset[str]] = field(default_factory=dict)
    """Of each table what the site takes out of the catalogue."""
    without_worker: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Projects of whose boards the site has no worker, with those boards."""

    host: Host | None = None
    """The machine, once somebody asked."""

    def host_now(self) -> Host:
        """This machine; looked at once, and only when something depends on it."""
        self.host = self.host or Host.current()
        return self.host

    def path(self, relative: str) -> Path:
        """A path that the site gives relative to itself."""
        return self.directory / relative

    def is_shipped(self, path: Keys) -> bool:
        """Whether what stands at `path` was written in the catalogue, not by the site."""
        return self.findings.place(path).file in self.shipped_files

    def patch_directories(self) -> tuple[Path, Path]:
        """Where patch sets are looked for, one after the other: in the site, in the catalogue."""
        return self.path(self.site.patches), self.catalogue / "patches"
