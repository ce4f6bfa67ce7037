"""Writes a report into its file, whole or not at all. When the disk is full the journal beside it remains."""

from __future__ import annotations

import json
import os

from .report import Report


def write_report(report: Report, path: str) -> bool:
    """Whether it could be written."""
    temporary = "{}.{}".format(path, os.getpid())
    try:
        with open(temporary, "w", encoding="ascii") as file:
            json.dump(report.to_json(), file, separators=(",", ":"))
        os.replace(temporary, path)
    except OSError:
        try:
            os.unlink(temporary)
        except OSError:
            pass
        return False
    return True
