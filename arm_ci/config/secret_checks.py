"""Whether a secret file that is there is a secret: of its owner alone, and one line of text.

One that is not there is made at the start of the master. What stands in it is never said.
"""

from __future__ import annotations

import os
import stat

from arm_ci.config.problems import shorten
from arm_ci.config.read_tables import Draft
from arm_ci.config.reader import Path

PRIVATE_KEY = "private key"
_LONGEST_BYTES = 4096


def check_secret(draft: Draft, relative: str, where: Path, whose: str, content: str = "password") -> None:
    """Adds what is wrong with a secret file; `whose` begins the message, `content` says what belongs into the file.

    A `private key` has many lines, and whether it is one is for those to say who use it.
    """
    findings = draft.findings
    if findings.broken("site", "secrets"):
        return
    file = str(draft.path(relative))
    try:
        file = os.path.realpath(file)
        status = os.stat(file)  # noqa: PTH116 - a name that no file can have raises ValueError, said below
        if stat.S_ISREG(status.st_mode) and not status.st_mode & 0o077:
            with open(file, "rb") as opened:  # noqa: PTH123
                wrong = "" if content == PRIVATE_KEY else _what_is_wrong(opened.read(_LONGEST_BYTES + 1).strip())
        else:
            wrong = ""
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        # A state directory that is none is for the start to say. Who may not read the file is not the master, but
        # another user's check, build or matrix of the same checkout.
        return
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", error)
        findings.add(where, f"{whose} {shorten(file, 200)} cannot be read ({reason})")
        return
    if not stat.S_ISREG(status.st_mode):
        findings.add(where, f"{whose} {file} is not a file")
    elif status.st_mode & 0o077:
        findings.add(
            where,
            f"{whose} {file} is open to others (mode {stat.S_IMODE(status.st_mode):04o}); run: chmod 600 {file}",
        )
    elif wrong:
        findings.add(
            where,
            f"{whose} {file} {wrong}; write the {content} into it, or delete it and `arm-ci start` makes one",
        )


def _what_is_wrong(content: bytes) -> str:
    if not content:
        return "is empty"
    try:
        one_line = len(content) <= _LONGEST_BYTES and content.decode("utf-8").isprintable()
    except UnicodeDecodeError:
        one_line = False
    return "" if one_line else "is not one line of text"
