"""What is said of a fix: a private thing of Buildbot that we replace or call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NO_ISSUE = "no issue found"


@dataclass(frozen=True)
class Fix:
    """One fix. Things of Buildbot are written `module:Class.name`, as they are in Buildbot 4.3.0.

    A test pins them all, so that another Buildbot fails there first and names the fix that must be looked at.
    """

    name: str
    why: str
    """One sentence, for the master's log."""
    issue: str
    """Buildbot's issue or pull request, or NO_ISSUE."""
    goes_when: str
    replaces: tuple[str, ...] = ()
    """Functions that no longer run, because ours runs instead: their whole source is pinned."""
    relies_on: tuple[str, ...] = ()
    """Functions that run, and whose way of doing it ours depends on: their whole source is pinned."""
    extends: tuple[str, ...] = ()
    """Functions that ours calls and adds to: their signature is pinned."""
    calls: tuple[str, ...] = ()
    """Functions, not documented for others, that ours calls: their signature is pinned."""
    reads: tuple[str, ...] = ()
    """Attributes and tables that ours reads or sets: pinned is that they are there."""
    ours: Mapping[str, str] = field(default_factory=dict)
    """Classes of Buildbot -> the class of ours that takes its place."""
