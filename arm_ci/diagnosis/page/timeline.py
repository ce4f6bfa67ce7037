"""The picture of a build: memory against its limit, pressure, the edges that ran, and the moment it ended badly.

Here it is worked out what stands where; templates/timeline.svg.j2 makes one self-contained SVG of it, without scripts.
It has its own background, because Buildbot's pages are light or dark.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from arm_ci.agent.report import Edge, Report
from arm_ci.diagnosis.advice.situation import Situation
from arm_ci.diagnosis.figures import duration, size, usable
from arm_ci.diagnosis.page.curves import (
    Point,
    curve,
    marks,
    number_step,
    rates,
    size_step,
    thinned,
    time_step,
    usable_seconds,
)
from arm_ci.diagnosis.page.drawing import Area, Box, Line, Picture, Shape, Text
from arm_ci.diagnosis.page.drawn_values import drawn_edges, last_moment, memory_curves, moments
from arm_ci.diagnosis.page.shown_text import shortened_path
from arm_ci.diagnosis.verdict import Verdict

WIDTH = 1000
_LEFT, _RIGHT = 78, 18
_PLOT = WIDTH - _LEFT - _RIGHT
_TOP = 24
_TITLE = 26
_GAP = 16
_MEMORY, _PRESSURE, _COUNT = 200, 80, 56
_LANE = 19
_POINTS = _PLOT // 2
_LETTER = 6.3
"""Width of a letter of 11.5 px, roughly."""
_TITLE_LETTER = 7.4
_SHORTEST_NAME = 12
_NOTHING = "The report has no samples and no edges to draw."


def picture(report: Report, verdict: Verdict) -> Picture:
    """The picture, WIDTH wide; a report without samples and edges gives one that says so."""
    if not report.samples.rows and not report.edges:
        return Picture(WIDTH, 60, (Text(WIDTH / 2, 34, _NOTHING, "axis middle"),))
    return _Drawing(report, verdict).drawn()


class _Drawing:
    """Draws from the top down; `self._y` is where the next panel begins."""

    def __init__(self, report: Report, verdict: Verdict) -> None:
        self._report = report
        self._situation = Situation(verdict, report, verdict.edge_of(report))
        self._verdict = verdict
        self._shapes: list[Shape] = []
        self._grid: list[Line] = []
        self._y = float(_TOP)
        self._end = last_moment(report)
        self._panels: list[tuple[float, float]] = []

    def drawn(self) -> Picture:
        self._memory()
        self._pressure()
        self._edges()
        self._time_axis()
        self._moments()
        return Picture(WIDTH, round(self._y + 8), (*self._grid, *self._shapes))

    # -- panels -----------------------------------------------------------------------------------------------

    def _memory(self) -> None:
        memory = memory_curves(self._report, self._situation)
        ram, together = (thinned(points, self._end, _POINTS) for points in (memory.ram, memory.together))
        top = max([memory.limit, *(value for _, value in together)]) * 1.06 or 1.0
        legend = [("RAM", "ram")] + ([("swap", "swap")] if memory.has_swap else [])
        self._title(memory.name, legend, self._other_limit())
        self._axis(_MEMORY, top, size_step(top), size)
        self._area(together, _MEMORY, top, "swap")
        self._area(ram, _MEMORY, top, "ram")
        if memory.limit:
            self._limit_line(memory.limit, _MEMORY, top, f"{memory.limit_name} {size(memory.limit)}")
            with_swap = memory.limit + (usable(self._situation.swap) or 0)
            if memory.limit < with_swap <= top:
                self._limit_line(with_swap, _MEMORY, top, f"with swap {size(with_swap)}")
        if not ram:
            self._unseen(_MEMORY)
        self._close(_MEMORY)

    def _other_limit(self) -> str:
        if self._verdict.kind != "address-space" or not self._verdict.had_bytes:
            return ""
        return f"the limit that was reached is one of addresses, {size(self._verdict.had_bytes)}, not of RAM"

    def _pressure(self) -> None:
        samples = self._report.samples
        waits = [(at, min(rate, 1.0) * 100) for at, rate in rates(curve(samples, "pressure_some_seconds"))]
        if waits:
            self._title("Time that something waited for memory", [], "pressure, 10 is little and 50 is slow")
            points, top, step = waits, 100.0, 25.0
        else:
            points = rates(curve(samples, "swapped_in_bytes"))
            self._title("Read back from swap", [], "per second")
            top = max([value for _, value in points] + [1 << 20]) * 1.06
            step = size_step(top, 4)
        self._axis(_PRESSURE, top, step, _percent if waits else size)
        self._area(thinned(points, self._end, _POINTS), _PRESSURE, top, "waiting")
        if not points:
            self._unseen(_PRESSURE)
        self._close(_PRESSURE)

    def _edges(self) -> None:
        running = thinned(curve(self._report.samples, "edges_running"), self._end, _POINTS)
        self._title("Edges", [("running", "running")], "")
        if running:
            top = max([value for _, value in running] + [1.0]) * 1.1
            self._axis(_COUNT, top, number_step(top, 3), _number)
            self._area(running, _COUNT, top, "running")
            self._panels.append((self._y, self._y + _COUNT))
            self._y += _COUNT + 8
        start = self._y
        for edge in drawn_edges(self._report.edges, self._situation.edge):
            self._lane(edge)
        self._panels.append((start, self._y))

    def _lane(self, edge: Edge) -> None:
        begin = usable_seconds(edge.start_seconds) or 0.0
        end = usable_seconds(edge.end_seconds)
        left = self._x(begin)
        right = max(self._x(self._end if end is None else end), left + 2)
        is_bad = edge.failed or edge is self._situation.edge
        look = "edge-again" if edge.run_again else "edge-failed" if is_bad else "edge"
        self._shapes.append(Box(left, self._y, right - left, _LANE - 4, look))
        # The words go from the start of the bar on, or up to its end, where there is more room.
        room_after, room_before = WIDTH - _RIGHT - left, right - _LEFT
        figures = f" {size(usable(self._situation.held(edge)) or 0)}{_of_tries(edge)}"
        letters = int(max(room_after, room_before) / _LETTER) - len(figures)
        words = shortened_path(edge.output or edge.program, max(letters, _SHORTEST_NAME)) + figures
        x, look = (left + 4, "") if room_after >= room_before else (right - 4, "end")
        self._text(x, self._y + _LANE - 8, words, look)
        self._y += _LANE

    def _time_axis(self) -> None:
        step = time_step(self._end)
        for at in marks(self._end, step):
            x = self._x(at)
            for top, bottom in self._panels:
                self._grid.append(Line(x, top, x, bottom, "grid"))
            self._text(x, self._y + 16, duration(at) if at >= 10 else f"{at:g} s", "axis middle")
        whole = f"since the start of the command, which took {duration(self._end)}"
        self._text(WIDTH - _RIGHT, self._y + 31, whole, "axis end")
        self._y += 36

    def _moments(self) -> None:
        """A line through everything where something was killed or failed, the culprit's with words."""
        top, bottom = self._panels[0][0], self._panels[-1][1]
        for seconds, words in moments(self._report, self._situation):
            x = self._x(seconds)
            above = _TOP - 16 if words else top
            self._shapes.append(Line(x, above, x, bottom, "moment"))
            if words:
                is_right = x > WIDTH / 2
                self._text(x - 5 if is_right else x + 5, above + 10, words, "moment end" if is_right else "moment")

    # -- pieces -----------------------------------------------------------------------------------------------

    def _x(self, seconds: float) -> float:
        return _LEFT + _PLOT * min(seconds / self._end, 1.0)

    def _title(self, name: str, legend: Sequence[tuple[str, str]], note: str) -> None:
        y = self._y + 14
        self._text(_LEFT, y, name, "title")
        x = _LEFT + len(name) * _TITLE_LETTER + 16
        for word, look in legend:
            self._shapes.append(Box(round(x), round(y - 9), 10, 10, look))
            self._text(x + 14, y, word, "axis")
            x += 30 + len(word) * _LETTER
        if note:
            self._text(x, y, note, "axis")
        self._y += _TITLE

    def _axis(self, height: float, top: float, step: float, words: Callable[[float], str]) -> None:
        for value in marks(top, step):
            y = self._y + height * (1 - value / top)
            self._grid.append(Line(_LEFT, y, WIDTH - _RIGHT, y, "grid"))
            self._text(_LEFT - 7, y + 4, words(value) if value else "0", "axis end")

    def _area(self, points: Sequence[Point], height: float, top: float, look: str) -> None:
        if not points:
            return
        base = self._y + height
        path = [f"M{self._x(points[0][0]):.1f} {base:.1f}"]
        for at, value in points:
            x, y = self._x(at), base - height * min(value / top, 1.0)
            path.append(f"L{x:.1f} {y:.1f}")
        if len(points) == 1:
            # One sample has no width of its own.
            path.append("h3")
        path.append(f"V{base:.1f}Z")
        self._shapes.append(Area("".join(path), look))

    def _limit_line(self, limit: float, height: float, top: float, words: str) -> None:
        y = self._y + height * (1 - limit / top)
        self._shapes.append(Line(_LEFT, y, WIDTH - _RIGHT, y, "limit"))
        self._text(_LEFT + 6, y + 13 if y < self._y + 16 else y - 5, words, "limit")

    def _unseen(self, height: float) -> None:
        self._text(_LEFT + _PLOT / 2, self._y + height / 2 + 4, "not to be seen in this report", "axis middle")

    def _close(self, height: float) -> None:
        self._panels.append((self._y, self._y + height))
        self._y += height + _GAP

    def _text(self, x: float, y: float, words: str, look: str) -> None:
        self._shapes.append(Text(x, y, words, look))


def _of_tries(edge: Edge) -> str:
    """`, killed, ran again` and `, try 2` of an edge that ran more than once, `, failed` of one that did."""
    if edge.run_again:
        return ", killed, ran again"
    return (f", try {edge.attempts}" if edge.attempts > 1 else "") + (", failed" if edge.failed else "")


def _percent(value: float) -> str:
    return f"{value:.0f} %"


def _number(value: float) -> str:
    return f"{value:g}"
