"""What a unified diff says: the files that it changes and their hunks. parsing.py reads it, matching.py applies it.

It knows nothing of patch sets. It is shipped to workers: standard library only,
Python >= 3.7.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .paths import shown


class BundleError(Exception):
    """The bundle or a patch in it is malformed; the message says where and what was expected."""

    def __init__(self, message: str, line: int = 0) -> None:
        message = shown(message)
        super().__init__(f"line {line}: {message}" if line else message)
        self.message = message
        self.line = line
        """Line of the patch, from 1; 0: not about a line."""


@dataclass(frozen=True)
class Hunk:
    """One hunk: `lines` are (operation, line with its line end), operation one of ` `, `-`, `+`."""

    number: int
    before_start: int
    after_start: int
    lines: tuple[tuple[str, bytes], ...]
    exact: bool = False
    """It has no context to be found by, and fits where it says or nowhere."""

    @property
    def before(self) -> list[bytes]:
        """The lines that the hunk expects."""
        return [line for operation, line in self.lines if operation != "+"]

    @property
    def ends_in_context(self) -> bool:
        """Whether lines follow the change; without, the change is at the end of the file (as git reads it)."""
        return self.lines[-1][0] == " "


@dataclass(frozen=True)
class FilePatch:
    """What a patch does to one file. A mode is True (executable), False, or None: stays as it is."""

    path: str
    creates: bool
    deletes: bool
    before_executable: bool | None
    after_executable: bool | None
    hunks: tuple[Hunk, ...]
    renames: str = ""
    """The path that it has before a rename; empty: none."""


def reversed_file(file: FilePatch) -> FilePatch:
    """The patch that takes one back."""
    swap = {" ": " ", "-": "+", "+": "-"}
    hunks = tuple(
        replace(
            hunk,
            before_start=hunk.after_start,
            after_start=hunk.before_start,
            lines=tuple((swap[operation], line) for operation, line in hunk.lines),
        )
        for hunk in file.hunks
    )
    modes = file.after_executable, file.before_executable
    if file.renames:
        return FilePatch(file.renames, False, False, *modes, hunks, file.path)
    return FilePatch(file.path, file.deletes, file.creates, *modes, hunks)
