"""Paths and other texts of patches: from bytes, judged, and as people are shown them.

They are not UTF-8 in every patch. It is shipped to workers: standard library only, Python >= 3.7.
"""

from __future__ import annotations

import re

JOURNAL_DIRECTORY = ".arm_ci-patches"
"""Directory in the source tree that holds an apply on its way; it is gone before and after."""

LONGEST_PATH_BYTES = 4096
"""Linux's PATH_MAX."""

_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
_NOT_SHOWN = re.compile("[\0-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]")


def text_of(raw: bytes) -> str:
    """The text of bytes that should be UTF-8; os.fsencode and `encode("utf-8", "surrogateescape")` give them back."""
    return raw.decode("utf-8", "surrogateescape")


def shown(text: str) -> str:
    """A text that every log, database and terminal takes: `caf\\xe9` where a byte is not UTF-8, control codes too."""

    def escaped(match: re.Match[str]) -> str:
        code = ord(match[0])
        if code > 0xFF:
            return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"
        return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}"

    return _NOT_SHOWN.sub(escaped, text)


def unquoted(name: bytes) -> bytes:
    """A name as git writes it when it has unusual characters, in quotes, or any other."""
    if name[:1] != b'"':
        return name
    return re.sub(
        rb"\\([0-7]{3}|.)",
        lambda m: bytes([int(m[1], 8) & 0xFF]) if len(m[1]) == 3 else _ESCAPES.get(m[1], m[1]),
        name[1:-1],
    )


def outside(path: str) -> str | None:
    """Why a path must not be touched whatever the tree holds, or None."""
    parts = path.split("/")
    if path.startswith("/") or "\0" in path or "\\" in path:
        return f"{path}: expected a path inside the source tree"
    if any(part in ("", ".", "..") for part in parts):
        return f"{path}: expected a path inside the source tree, without `.` and `..`"
    if parts[0].lower() == JOURNAL_DIRECTORY or ".git" in (part.lower() for part in parts):
        return f"{path}: not a source file"
    return None
