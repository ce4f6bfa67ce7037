"""The page about one verdict: why, what would have fitted, the picture, the largest edges, and what could not be seen.

One HTML text for a browser or for a log of Buildbot: inline style, no scripts, nothing from elsewhere. Everything that
a log or a report holds is escaped.
"""

from __future__ import annotations

import re
import signal as signals
from collections.abc import Iterable, Sequence

from arm_ci.agent.report import Edge, Limits, Report
from arm_ci.diagnosis.differently import built_differently
from arm_ci.diagnosis.figures import count, duration, size, usable
from arm_ci.diagnosis.markup import escaped
from arm_ci.diagnosis.page_style import STYLE
from arm_ci.diagnosis.situation import culprit, held
from arm_ci.diagnosis.timeline import timeline
from arm_ci.diagnosis.verdict import Verdict

LARGEST = 20
_REPEATED = 20
_LONGEST_TEXT = 2000
_LONGEST_PATH = 300
_CODE = re.compile("`([^`]+)`")
_CONFIDENCE = {
    "certain": "certain: the kernel or the tool said so, and it matches the edge",
    "likely": "likely: the facts agree, and nothing contradicts",
    "possible": "possible: one of several explanations",
}
_SCOPE = {"system": "the machine's memory", "cgroup": "the cgroup's memory"}
_OVERCOMMIT = {
    0: "0, refuses what is obviously too much",
    1: "1, refuses nothing",
    2: "2, refuses beyond the commit limit",
}


def page(verdict: Verdict, report: Report | None) -> str:
    """The whole page as HTML; `report` None: there was only a log."""
    sections = [_head(verdict), _evidence(verdict), _advice(verdict)]
    if report is not None:
        sections += [
            f'<section class="picture">{timeline(report, verdict)}</section>',
            _edges(report, culprit(verdict, report)),
            _repeated(report),
            _differently(report),
            _limits(report),
        ]
    sections.append(_unseen(verdict, report))
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escaped(verdict.kind)}</title></head><body>\n"
        f'<div class="arm-ci-verdict"><style>{STYLE}</style>\n<main>\n{"".join(filter(None, sections))}</main></div>\n'
        "</body></html>\n"
    )


def _head(verdict: Verdict) -> str:
    chips = [
        f'<span class="chip kind">{escaped(verdict.kind)}</span>',
        f'<span class="chip">{_CONFIDENCE[verdict.confidence]}</span>',
    ]
    if verdict.scope:
        chips.append(f'<span class="chip">{_SCOPE[verdict.scope]}</span>')
    addresses = verdict.kind == "address-space"
    facts = [
        ("program", escaped(verdict.program or "", _LONGEST_PATH)),
        ("was making", escaped(verdict.output or "", _LONGEST_PATH)),
        ("asked for", _size(verdict.bytes)),
        ("held of addresses" if addresses else "held in RAM and swap", _size(verdict.used_bytes)),
        ("limit", _size(verdict.had_bytes)),
    ]
    tone = verdict.kind if verdict.kind in ("ok", "unknown") else "bad"
    return f'<header class="{tone}">{"".join(chips)}<h1>{_words(verdict.sentence)}</h1>{_list(facts)}</header>\n'


def _evidence(verdict: Verdict) -> str:
    if not verdict.evidence:
        return ""
    rows = [
        (
            f'<td class="short">{escaped(each.source)}</td>'
            f'<td class="number">{"" if each.line is None else each.line}</td>'
            f'<td class="quote">{escaped(each.text, _LONGEST_TEXT)}</td><td>{_words(each.why)}</td>'
        )
        for each in verdict.evidence
    ]
    head = '<th>source</th><th class="number">line</th><th>what it says</th><th>why it counts</th>'
    return _section("Evidence", _table(head, rows))


def _advice(verdict: Verdict) -> str:
    items = [f"<li><b>{_words(each.text)}</b><small>{_words(each.because)}</small></li>" for each in verdict.advice]
    return _section("What to change", f"<ol>{''.join(items)}</ol>", "best first") if items else ""


# -- edges --------------------------------------------------------------------------------------------------------


def _edges(report: Report, failed: Edge | None) -> str:
    if not report.edges:
        return ""
    largest = sorted(report.edges, key=lambda edge: usable(held(edge)) or 0.0, reverse=True)[:LARGEST]
    if failed is not None and failed not in largest:
        largest[-1] = failed
    most = max((usable(held(edge)) or 0.0 for edge in largest), default=0.0) or 1.0
    rows = [_edge_row(edge, most) for edge in largest]
    marks = [edge.failed or edge is failed for edge in largest]
    head = "<th>output, program and kind</th>" + "".join(
        f'<th class="number">{words}</th>'
        for words in ("wall", "CPU", "peak RSS", "anonymous + swap", "of it swap", "virtual")
    )
    total = f"{len(largest)} of {count(len(report.edges), 'edge')}"
    return _section("The largest edges", _table(head + "<th>ended</th>", rows, marks), total, "wide")


def _edge_row(edge: Edge, most: float) -> str:
    program = edge.program if not edge.heaviest or edge.heaviest == edge.program else f"{edge.program}: {edge.heaviest}"
    width = 100 * (usable(held(edge)) or 0.0) / most
    numbers = [
        _seconds(edge.wall_seconds),
        _seconds(edge.cpu_seconds),
        _size(edge.peak_rss_bytes),
        f'{_size(edge.peak_anonymous_swap_bytes)}<span class="bar" style="width:{width:.0f}%"></span>',
        _size(edge.peak_swap_bytes),
        _size(edge.peak_virtual_bytes),
    ]
    return (
        f"<td>{escaped(edge.output or ' '.join(edge.argv), _LONGEST_PATH)}"
        f"<small>{escaped(program, 40)}, {escaped(edge.kind, 40)}</small></td>"
        + "".join(f'<td class="number">{number}</td>' for number in numbers)
        + f'<td class="short">{escaped(ended(edge))}</td>'
    )


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


def _repeated(report: Report) -> str:
    """Outputs that were made more than once: an edge that was run again, or a build that was."""
    runs: dict[tuple[str, str], list[Edge]] = {}
    for edge in report.edges:
        if edge.output:
            runs.setdefault((edge.directory, edge.output), []).append(edge)
    again = [edges for edges in runs.values() if len(edges) > 1 or edges[-1].attempts > 1]
    if not again:
        return ""
    rows = [
        f"<td>{escaped(edges[-1].output, _LONGEST_PATH)}</td>"
        f'<td class="number">{max(len(edges), edges[-1].attempts)}</td>'
        f"<td>{escaped(', then '.join(map(ended, edges[-5:])))}</td>"
        for edges in again[:_REPEATED]
    ]
    head = '<th>output</th><th class="number">times</th><th>ended</th>'
    return _section("Edges that ran more than once", _table(head, rows), count(len(again), "output"))


def _differently(report: Report) -> str:
    """Every output that was built differently, however many: nobody is to find that out later."""
    edges = built_differently(report)
    if not edges:
        return ""
    rows = [
        f"<td>{escaped(edge.output, _LONGEST_PATH)}</td><td>{escaped(edge.relief, _LONGEST_TEXT)}</td>"
        f'<td class="short">{escaped(ended(edge))}</td>'
        for edge in edges
    ]
    head = "<th>output</th><th>how</th><th>ended</th>"
    return _section("Edges that were built differently", _table(head, rows), count(len(edges), "output"))


# -- the machine --------------------------------------------------------------------------------------------------


def _limits(report: Report) -> str:
    limits = report.limits
    host = [
        (name, escaped(str(report.host[name]), _LONGEST_PATH))
        for name in ("model", "machine", "kernel", "cores")
        if report.host.get(name)
    ]
    facts = [
        *host,
        ("RAM", _size(limits.memory_bytes or None)),
        ("swap", _swap(limits)),
        ("address space", _addresses(limits)),
        ("RLIMIT_AS", _size(limits.rlimit_as_bytes)),
        ("RLIMIT_DATA", _size(limits.rlimit_data_bytes)),
        ("largest file", _size(limits.rlimit_fsize_bytes)),
        ("overcommit", _OVERCOMMIT.get(limits.overcommit_mode, str(limits.overcommit_mode))),
        ("commit limit", _size(limits.commit_limit_bytes) if limits.overcommit_mode == 2 else ""),
        ("cgroup limit", _size(limits.cgroup_limit_bytes)),
        ("swap of the cgroup", _size(limits.cgroup_swap_limit_bytes)),
        ("free disk", _size(limits.free_disk_bytes)),
        ("free for temporary files", _size(limits.free_temporary_bytes)),
        ("OOM kills on the machine", "" if report.kernel.oom_kills is None else str(report.kernel.oom_kills)),
        (
            "OOM kills in the cgroup",
            "" if report.kernel.cgroup_oom_kills is None else str(report.kernel.cgroup_oom_kills),
        ),
        ("command", f"<code>{escaped(' '.join(report.command), _LONGEST_PATH)}</code>" if report.command else ""),
    ]
    note = (
        ""
        if report.outcome.complete
        else "the report is not complete: the agent was killed, this is what it had until then"
    )
    return _section("The machine when it started", _list(facts), note)


def _swap(limits: Limits) -> str:
    zram = f", {_size(limits.zram_bytes)} of it zram" if limits.zram_bytes else ""
    return _size(limits.swap_bytes) + zram if limits.swap_bytes else "none"


def _addresses(limits: Limits) -> str:
    top = f", up to {_size(limits.address_top_bytes)}" if limits.address_top_bytes and limits.address_bits < 64 else ""
    return f"{limits.address_bits} bits{top}"


def _unseen(verdict: Verdict, report: Report | None) -> str:
    if report is not None and report.how.unseen:
        rows = [
            f"<td>{escaped(each.what, _LONGEST_TEXT)}</td><td>{escaped(each.why, _LONGEST_TEXT)}</td>"
            f"<td><code>{escaped(each.cure, _LONGEST_TEXT)}</code></td>"
            for each in report.how.unseen
        ]
        return _section("What could not be seen", _table("<th>what</th><th>why</th><th>what would show it</th>", rows))
    if verdict.unseen:
        return _section(
            "What could not be seen", "".join(f"<p>{escaped(each, _LONGEST_TEXT)}</p>" for each in verdict.unseen)
        )
    if report is None:
        words = "There is no report of the agent: memory, limits and edges are not known, only what was printed."
        return _section("What could not be seen", f"<p>{words}</p>")
    return ""


# -- pieces -------------------------------------------------------------------------------------------------------


def _section(title: str, body: str, note: str = "", css: str = "") -> str:
    small = f" <small>{escaped(note)}</small>" if note else ""
    return f"<section{f' class={css}' if css else ''}><h2>{title}{small}</h2>{body}</section>\n"


def _table(head: str, rows: Sequence[str], failed: Sequence[bool] = ()) -> str:
    marks = list(failed) or [False] * len(rows)
    body = "".join(f"<tr{' class=failed' if bad else ''}>{row}</tr>\n" for row, bad in zip(rows, marks, strict=True))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _list(facts: Iterable[tuple[str, str]]) -> str:
    """Names and values as HTML; without those that have no value."""
    pairs = [f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts if value]
    return f"<dl>{''.join(pairs)}</dl>" if pairs else ""


def _words(text: str) -> str:
    """A sentence of ours: what stands in backquotes is code."""
    return _CODE.sub(r"<code>\1</code>", escaped(text, _LONGEST_TEXT))


def _size(size_bytes: float | None) -> str:
    number = usable(size_bytes)
    return "" if number is None else size(number)


def _seconds(seconds: float | None) -> str:
    number = usable(seconds)
    return "" if number is None else duration(number)
