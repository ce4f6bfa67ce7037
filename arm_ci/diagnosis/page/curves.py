"""Columns of samples as curves: only what can be drawn, thinned to what a picture shows, with round marks for axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from arm_ci.agent.report import Samples
from arm_ci.diagnosis.figures import usable

Point = tuple[float, float]

_LONGEST_SECONDS = 1e8
_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_MOST_MARKS = 7


def usable_seconds(value: float | None) -> float | None:
    """A time since the start of the command, when it can be drawn."""
    return usable(value, _LONGEST_SECONDS)


def curve(samples: Samples, column: str) -> list[Point]:
    """A column over time, without what was not seen."""
    points = []
    for at, value in zip(samples.column("seconds"), samples.column(column), strict=False):
        seconds, height = usable_seconds(at), usable(value)
        if seconds is not None and height is not None:
            points.append((seconds, height))
    return sorted(points)


def rates(counter: Iterable[Point]) -> list[Point]:
    """How fast a counter grew per second, at the end of each step; one that went back gives nothing."""
    points: list[Point] = []
    before: Point | None = None
    for at, value in counter:
        if before is not None and at > before[0] and value >= before[1]:
            points.append((at, (value - before[1]) / (at - before[0])))
        before = at, value
    return points


def thinned(points: Sequence[Point], end: float, most: int) -> list[Point]:
    """The highest point of each of `most` equal parts of the time up to `end`."""
    if len(points) <= most or end <= 0:
        return list(points)
    highest: dict[int, Point] = {}
    for at, value in points:
        part = min(int(at / end * most), most - 1)
        if part not in highest or value > highest[part][1]:
            highest[part] = at, value
    return [highest[part] for part in sorted(highest)]


def time_step(end: float) -> float:
    """Seconds between the marks of a time axis that ends at `end`."""
    for step in _SECONDS:
        if end / step <= _MOST_MARKS:
            return step
    return _SECONDS[-1] * math.ceil(end / _MOST_MARKS / _SECONDS[-1])


def size_step(top: float, most: int = 5) -> float:
    """Bytes between the marks of an axis up to `top`: a power of two."""
    step = 1.0
    while top / step > most:
        step *= 2
    return step


def number_step(top: float, most: int = 4) -> float:
    """Between the marks of an axis of counts or percent: 1, 2, 5, 10, ..."""
    power = 1.0
    while True:
        for factor in (1, 2, 5):
            if top / (factor * power) <= most:
                return factor * power
        power *= 10


def marks(top: float, step: float) -> list[float]:
    """The marks from 0 to `top`."""
    return [step * number for number in range(int(top / step + 1e-9) + 1)]
