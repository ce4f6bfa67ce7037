"""Pieces of the page: sections, tables, figures and sentences as HTML. What comes from outside is escaped before."""

from __future__ import annotations

import re
import signal as signals
from collections.abc import Iterable, Sequence

from arm_ci.agent.report import Edge
from arm_ci.diagnosis.figures import duration, size, usable
from arm_ci.diagnosis.page.markup import escaped

LONGEST_TEXT = 2000
LONGEST_PATH = 300
_CODE = re.compile("`([^`]+)`")


def section(title: str, body: str, note: str = "", css: str = "") -> str:
    """A part of the page under a heading; `note` stands small beside that."""
    small = f" <small>{escaped(note)}</small>" if note else ""
    return f"<section{f' class={css}' if css else ''}><h2>{title}{small}</h2>{body}</section>\n"


def table(head: str, rows: Sequence[str], failed: Sequence[bool] = ()) -> str:
    """Rows of cells; `failed` says which of them are marked."""
    marks = list(failed) or [False] * len(rows)
    body = "".join(f"<tr{' class=failed' if bad else ''}>{row}</tr>\n" for row, bad in zip(rows, marks, strict=True))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def definitions(facts: Iterable[tuple[str, str]]) -> str:
    """Names and values as HTML; without those that have no value."""
    pairs = [f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts if value]
    return f"<dl>{''.join(pairs)}</dl>" if pairs else ""


def words_of(text: str) -> str:
    """A sentence of ours: what stands in backquotes is code."""
    return _CODE.sub(r"<code>\1</code>", escaped(text, LONGEST_TEXT))


def size_cell(size_bytes: float | None) -> str:
    """A size for people; empty: not known, or no size."""
    number = usable(size_bytes)
    return "" if number is None else size(number)


def seconds_cell(seconds: float | None) -> str:
    """A duration for people; empty: not known, or none."""
    number = usable(seconds)
    return "" if number is None else duration(number)


def ended(edge: Edge) -> str:
    """How an edge ended, in words: `well`, `exit status 1`, `SIGKILL`, `still ran`."""
    if edge.end_seconds is None:
        return "still ran"
    if edge.signal:
        try:
            return signals.Signals(edge.signal).name
        except ValueError:
            return f"signal {edge.signal}"
    if edge.exit_status is None:
        return "not known"
    return f"exit status {edge.exit_status}" if edge.exit_status else "well"
