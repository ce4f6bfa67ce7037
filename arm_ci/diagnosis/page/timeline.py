"""The picture of a build: memory against its limit, pressure, the edges that ran, and the moment it ended badly.

One self-contained SVG without scripts. It has its own background, because Buildbot's pages are light or dark.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from arm_ci.agent.report import Edge, Report
from arm_ci.diagnosis.advice.situation import Situation, held
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
from arm_ci.diagnosis.page.markup import escaped, escaped_path
from arm_ci.diagnosis.verdict import Verdict

WIDTH = 1000
_LEFT, _RIGHT = 78, 18
_PLOT = WIDTH - _LEFT - _RIGHT
_TOP = 24
_TITLE = 26
_GAP = 16
_MEMORY, _PRESSURE, _COUNT = 200, 80, 56
_LANE = 19
_MOST_LANES = 8
_MOST_MOMENTS = 12
_POINTS = _PLOT // 2
_LETTER = 6.3
"""Width of a letter of 11.5 px, roughly."""

_INK, _SOFT, _GRID = "#24292f", "#57606a", "#e4e8ec"
_RAM, _SWAP, _WAIT, _EDGES = "#7ba7dd", "#f4b66f", "#b39adb", "#8cc7a4"
_BAR, _BAD, _AGAIN, _LIMIT = "#cfe0f5", "#f6c3bd", "#fbe3b5", "#c62828"
# Within a page these rules hold for all of it: each names the picture.
_STYLE = "".join(
    f".arm-ci-timeline {rule}"
    for rule in (
        f"text{{font:11.5px 'Segoe UI',Helvetica,Arial,sans-serif;fill:{_INK}}}",
        "text.title{font-weight:600;font-size:13px}",
        f"text.axis{{fill:{_SOFT}}}",
        "text.end{text-anchor:end}",
        "text.middle{text-anchor:middle}",
        f"text.moment{{fill:{_LIMIT};font-weight:600}}",
        f"text.limit{{fill:{_LIMIT};paint-order:stroke;stroke:#fff;stroke-width:3px}}",
    )
)


def timeline(report: Report, verdict: Verdict) -> str:
    """The picture as SVG text, WIDTH wide; a report without samples and edges gives one that says so."""
    return _Picture(report, verdict).draw()


class _Picture:
    """Draws from the top down; `self._y` is where the next panel begins."""

    def __init__(self, report: Report, verdict: Verdict) -> None:
        self._report = report
        self._situation = Situation(verdict, report)
        self._verdict = verdict
        self._parts: list[str] = []
        self._grid: list[str] = []
        self._y = float(_TOP)
        self._end = _end(report)
        self._panels: list[tuple[float, float]] = []

    def draw(self) -> str:
        if not self._report.samples.rows and not self._report.edges:
            self._text(WIDTH / 2, 34, "The report has no samples and no edges to draw.", "axis middle")
            return self._svg(60)
        self._memory()
        self._pressure()
        self._edges()
        self._time_axis()
        self._moments()
        return self._svg(self._y + 8)

    # -- panels -----------------------------------------------------------------------------------------------

    def _memory(self) -> None:
        samples, limits = self._report.samples, self._report.limits
        ram, swap = curve(samples, "cgroup_bytes"), curve(samples, "cgroup_swap_bytes")
        limit = usable(self._situation.ram) if self._situation.in_cgroup else usable(limits.cgroup_limit_bytes)
        name, limit_name = "Memory of the build's cgroup", "limit of the cgroup"
        if not ram or not limit:
            total = usable(limits.memory_bytes) or 0
            ram = [(at, max(total - free, 0)) for at, free in curve(samples, "memory_available_bytes")]
            swap, limit = curve(samples, "swap_used_bytes"), total
            name, limit_name = "Memory of the machine", "RAM"
        there = dict(swap)
        ram, whole = (
            thinned(points, self._end, _POINTS)
            for points in (ram, [(at, value + there.get(at, 0)) for at, value in ram])
        )
        top = max([limit or 0, *(value for _, value in whole)]) * 1.06 or 1.0
        self._title(name, [("RAM", _RAM)] + ([("swap", _SWAP)] if any(there.values()) else []), self._other_limit())
        self._axis(_MEMORY, top, size_step(top), size)
        self._area(whole, _MEMORY, top, _SWAP)
        self._area(ram, _MEMORY, top, _RAM)
        if limit:
            self._limit_line(limit, _MEMORY, top, f"{limit_name} {size(limit)}")
            with_swap = limit + (usable(self._situation.swap) or 0)
            if limit < with_swap <= top:
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
        self._area(thinned(points, self._end, _POINTS), _PRESSURE, top, _WAIT)
        if not points:
            self._unseen(_PRESSURE)
        self._close(_PRESSURE)

    def _edges(self) -> None:
        running = thinned(curve(self._report.samples, "edges_running"), self._end, _POINTS)
        self._title("Edges", [("running", _EDGES)], "")
        if running:
            top = max([value for _, value in running] + [1.0]) * 1.1
            self._axis(_COUNT, top, number_step(top, 3), _number)
            self._area(running, _COUNT, top, _EDGES)
            self._panels.append((self._y, self._y + _COUNT))
            self._y += _COUNT + 8
        start = self._y
        for edge in _shown(self._report.edges, self._situation.edge):
            self._bar(edge)
        self._panels.append((start, self._y))

    def _bar(self, edge: Edge) -> None:
        begin = usable_seconds(edge.start_seconds) or 0.0
        end = usable_seconds(edge.end_seconds)
        left = self._x(begin)
        right = max(self._x(self._end if end is None else end), left + 2)
        bad = edge.failed or edge is self._situation.edge
        fill = _AGAIN if edge.run_again else _BAD if bad else _BAR
        place = f'x="{left:.1f}" y="{self._y:.1f}" width="{right - left:.1f}" height="{_LANE - 4}"'
        self._parts.append(f'<rect {place} rx="2" fill="{fill}"/>')
        room = max(WIDTH - _RIGHT - left, right - _LEFT)
        figures = f" {size(usable(self._situation.held(edge)) or 0)}{_of_tries(edge)}"
        name = escaped_path(edge.output or edge.program, max(int(room / _LETTER) - len(figures), 12))
        # From the start of the bar on, or up to its end, where there is more room.
        at_start = WIDTH - _RIGHT - left >= right - _LEFT
        x, css = (left + 4, "") if at_start else (right - 4, ' class="end"')
        self._parts.append(f'<text x="{x:.1f}" y="{self._y + _LANE - 8:.1f}"{css}>{name}{figures}</text>')
        self._y += _LANE

    def _time_axis(self) -> None:
        step = time_step(self._end)
        for at in marks(self._end, step):
            x = self._x(at)
            for top, bottom in self._panels:
                self._grid.append(_line(x, top, x, bottom, _GRID))
            self._text(x, self._y + 16, duration(at) if at >= 10 else f"{at:g} s", "axis middle")
        self._text(
            WIDTH - _RIGHT,
            self._y + 31,
            f"since the start of the command, which took {duration(self._end)}",
            "axis end",
        )
        self._y += 36

    def _moments(self) -> None:
        """A line through everything where something was killed or failed, the culprit's with words."""
        top, bottom = self._panels[0][0], self._panels[-1][1]
        for seconds, words in _moments(self._report, self._situation):
            x = self._x(seconds)
            above = _TOP - 16 if words else top
            self._parts.append(_line(x, above, x, bottom, _LIMIT, 'stroke-width="1.4"'))
            if words:
                right = x > WIDTH / 2
                self._text(x - 5 if right else x + 5, above + 10, words, "moment end" if right else "moment")

    # -- pieces -----------------------------------------------------------------------------------------------

    def _x(self, seconds: float) -> float:
        return _LEFT + _PLOT * min(seconds / self._end, 1.0)

    def _title(self, name: str, legend: Sequence[tuple[str, str]], note: str) -> None:
        y = self._y + 14
        self._text(_LEFT, y, name, "title")
        x = _LEFT + len(name) * 7.4 + 16
        for word, colour in legend:
            self._parts.append(f'<rect x="{x:.0f}" y="{y - 9:.0f}" width="10" height="10" rx="2" fill="{colour}"/>')
            self._text(x + 14, y, word, "axis")
            x += 30 + len(word) * _LETTER
        if note:
            self._text(x, y, note, "axis")
        self._y += _TITLE

    def _axis(self, height: float, top: float, step: float, words: Callable[[float], str]) -> None:
        for value in marks(top, step):
            y = self._y + height * (1 - value / top)
            self._grid.append(_line(_LEFT, y, WIDTH - _RIGHT, y, _GRID))
            self._text(_LEFT - 7, y + 4, words(value) if value else "0", "axis end")

    def _area(self, points: Sequence[Point], height: float, top: float, colour: str) -> None:
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
        self._parts.append(f'<path d="{"".join(path)}" fill="{colour}"/>')

    def _limit_line(self, limit: float, height: float, top: float, words: str) -> None:
        y = self._y + height * (1 - limit / top)
        self._parts.append(_line(_LEFT, y, WIDTH - _RIGHT, y, _LIMIT, 'stroke-width="1.5" stroke-dasharray="6 4"'))
        self._text(_LEFT + 6, y + 13 if y < self._y + 16 else y - 5, words, "limit")

    def _unseen(self, height: float) -> None:
        self._text(_LEFT + _PLOT / 2, self._y + height / 2 + 4, "not to be seen in this report", "axis middle")

    def _close(self, height: float) -> None:
        self._panels.append((self._y, self._y + height))
        self._y += height + _GAP

    def _text(self, x: float, y: float, words: str, css: str) -> None:
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{css}">{escaped(words)}</text>')

    def _svg(self, height: float) -> str:
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="arm-ci-timeline" viewBox="0 0 {WIDTH} {height:.0f}" '
            f'role="img" aria-label="memory, pressure and edges over time"><style>{_STYLE}</style>'
            f'<rect width="{WIDTH}" height="{height:.0f}" rx="6" fill="#fff"/>{"".join(self._grid + self._parts)}</svg>'
        )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, more: str = "") -> str:
    more = f" {more}" if more else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{more}/>'


def _end(report: Report) -> float:
    """The last moment that anything is known of."""
    times = [usable_seconds(report.outcome.seconds)]
    times += [usable_seconds(at) for at in report.samples.column("seconds")]
    for edge in report.edges:
        times += [usable_seconds(edge.start_seconds), usable_seconds(edge.end_seconds)]
    return max([at for at in times if at is not None] + [0.1])


def _shown(edges: Sequence[Edge], culprit: Edge | None) -> list[Edge]:
    """The culprit and the largest edges, in the order of their start."""
    largest = sorted(edges, key=lambda edge: (edge is culprit, usable(held(edge)) or 0.0), reverse=True)[:_MOST_LANES]
    return sorted(largest, key=lambda edge: usable_seconds(edge.start_seconds) or 0.0)


def _moments(report: Report, situation: Situation) -> list[tuple[float, str]]:
    """When something was killed or failed, in seconds; the culprit's has words."""
    verdict, culprit = situation.verdict, situation.edge
    if verdict.kind == "ok":
        return []
    found: list[tuple[float, str]] = []
    killed = {record.pid for record in report.kernel.records}
    for edge in report.edges:
        at = usable_seconds(edge.end_seconds)
        if edge is culprit or edge.run_again or at is None:
            continue
        if edge.signal == 9 or killed.intersection(edge.pids):
            found.append((at, ""))
    if culprit is not None:
        end = usable_seconds(culprit.end_seconds)
        where = f" making {culprit.output[-40:]}" if culprit.output else ""
        words = f"{verdict.kind}: {situation.program or culprit.program}{where}"
        found.insert(0, (usable_seconds(report.outcome.seconds) or 0.0 if end is None else end, words))
    elif report.edges or report.samples.rows:
        found.append((_end(report), verdict.kind))
    return found[:_MOST_MOMENTS]


def _of_tries(edge: Edge) -> str:
    """`, killed, ran again` and `, try 2` of an edge that ran more than once, `, failed` of one that did."""
    if edge.run_again:
        return ", killed, ran again"
    return (f", try {edge.attempts}" if edge.attempts > 1 else "") + (", failed" if edge.failed else "")


def _percent(value: float) -> str:
    return f"{value:.0f} %"


def _number(value: float) -> str:
    return f"{value:g}"
