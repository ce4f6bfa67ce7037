"""Small source trees, diffs between them and series of them, for the tests of the patch engine."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arm_ci.patches import engine


def write_tree(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Make a tree of the given files."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def read_tree(root: Path) -> dict[str, bytes]:
    """Every file of a tree, the journal's included."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def diff(name: str, before: str | None, after: str | None, context: int = 3) -> str:
    """A diff in git's format; None: the file is not there on that side."""
    old, new = (f"{side}/{name}" for side in "ab")
    head = [f"diff --git {old} {new}"]
    if before is None:
        head.append("new file mode 100644")
    if after is None:
        head.append("deleted file mode 100644")
    lines = [
        line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"
        for line in difflib.unified_diff(
            (before or "").splitlines(keepends=True),
            (after or "").splitlines(keepends=True),
            "/dev/null" if before is None else old,
            "/dev/null" if after is None else new,
            n=context,
        )
    ]
    return "\n".join(head) + "\n" + "".join(lines)


def series(*patches: str | Mapping[str, Any], version: Mapping[str, str] | None = None) -> engine.Series:
    """A series of patch texts, or of mappings with `text` and conditions; named p1, p2, ..."""
    raw = [{"text": patch} if isinstance(patch, str) else dict(patch) for patch in patches]
    named = [{"name": f"p{number}", **patch} for number, patch in enumerate(raw, 1)]
    return engine.load_bundle({"schema": 1, "project": "example", "version": version, "patches": named})


def states(checked: tuple[engine.PatchState, ...]) -> list[str]:
    """Only the states."""
    return [state.state for state in checked]


NUMBERS = "".join(f"line {number}\n" for number in range(1, 31))
"""A file of 30 different lines."""


def changed(number: int, text: str, base: str = NUMBERS) -> str:
    """`base` with one line replaced."""
    lines = base.splitlines(keepends=True)
    lines[number - 1] = text + "\n"
    return "".join(lines)
