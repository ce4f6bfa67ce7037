"""The page about one verdict: why, what would have fitted, the picture, the largest edges, and what could not be seen.

One HTML text for a browser or for a log of Buildbot: inline style, no scripts, nothing from elsewhere. Everything that
a log or a report holds is escaped.
"""

from __future__ import annotations

from arm_ci.agent.report import Edge, Limits, Report
from arm_ci.diagnosis.advice.situation import culprit, held
from arm_ci.diagnosis.figures import count, usable
from arm_ci.diagnosis.page.admission_section import admission_sections
from arm_ci.diagnosis.page.markup import escaped
from arm_ci.diagnosis.page.pieces import (
    LONGEST_PATH,
    LONGEST_TEXT,
    definitions,
    ended,
    seconds_cell,
    section,
    size_cell,
    table,
    words_of,
)
from arm_ci.diagnosis.page.style import STYLE
from arm_ci.diagnosis.page.timeline import timeline
from arm_ci.diagnosis.verdict import Verdict

LARGEST = 20
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
            *admission_sections(report),
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
        ("program", escaped(verdict.program or "", LONGEST_PATH)),
        ("was making", escaped(verdict.output or "", LONGEST_PATH)),
        ("asked for", size_cell(verdict.bytes)),
        ("held of addresses" if addresses else "held in RAM and swap", size_cell(verdict.used_bytes)),
        ("limit", size_cell(verdict.had_bytes)),
    ]
    tone = verdict.kind if verdict.kind in ("ok", "unknown") else "bad"
    return (
        f'<header class="{tone}">{"".join(chips)}<h1>{words_of(verdict.sentence)}</h1>{definitions(facts)}</header>\n'
    )


def _evidence(verdict: Verdict) -> str:
    if not verdict.evidence:
        return ""
    rows = [
        (
            f'<td class="short">{escaped(each.source)}</td>'
            f'<td class="number">{"" if each.line is None else each.line}</td>'
            f'<td class="quote">{escaped(each.text, LONGEST_TEXT)}</td><td>{words_of(each.why)}</td>'
        )
        for each in verdict.evidence
    ]
    head = '<th>source</th><th class="number">line</th><th>what it says</th><th>why it counts</th>'
    return section("Evidence", table(head, rows))


def _advice(verdict: Verdict) -> str:
    items = [f"<li><b>{words_of(each.text)}</b><small>{words_of(each.because)}</small></li>" for each in verdict.advice]
    return section("What to change", f"<ol>{''.join(items)}</ol>", "best first") if items else ""


# -- edges --------------------------------------------------------------------------------------------------------


def _edges(report: Report, failed: Edge | None) -> str:
    if not report.edges:
        return ""
    largest = sorted(report.edges, key=lambda edge: usable(held(edge)) or 0.0, reverse=True)[:LARGEST]
    if failed is not None and failed not in largest:
        largest[-1] = failed
    most = max((usable(held(edge)) or 0.0 for edge in largest), default=0.0) or 1.0
    rows = [_edge_row(edge, most) for edge in largest]
    marks = [(edge.failed and not edge.run_again) or edge is failed for edge in largest]
    head = "<th>output, program and kind</th>" + "".join(
        f'<th class="number">{words}</th>'
        for words in ("wall", "CPU", "peak RSS", "anonymous + swap", "of it swap", "virtual")
    )
    total = f"{len(largest)} of {count(len(report.edges), 'edge')}"
    return section("The largest edges", table(head + "<th>ended</th>", rows, marks), total, "wide")


def _edge_row(edge: Edge, most: float) -> str:
    program = edge.program if not edge.heaviest or edge.heaviest == edge.program else f"{edge.program}: {edge.heaviest}"
    width = 100 * (usable(held(edge)) or 0.0) / most
    numbers = [
        seconds_cell(edge.wall_seconds),
        seconds_cell(edge.cpu_seconds),
        size_cell(edge.peak_rss_bytes),
        f'{size_cell(edge.peak_anonymous_swap_bytes)}<span class="bar" style="width:{width:.0f}%"></span>',
        size_cell(edge.peak_swap_bytes),
        size_cell(edge.peak_virtual_bytes),
    ]
    return (
        f"<td>{escaped(edge.output or ' '.join(edge.argv), LONGEST_PATH)}"
        f"<small>{escaped(program, 40)}, {escaped(edge.kind, 40)}</small></td>"
        + "".join(f'<td class="number">{number}</td>' for number in numbers)
        + f'<td class="short">{escaped(ended(edge))}{", ran again" if edge.run_again else ""}</td>'
    )


# -- the machine --------------------------------------------------------------------------------------------------


def _limits(report: Report) -> str:
    limits = report.limits
    host = [
        (name, escaped(str(report.host[name]), LONGEST_PATH))
        for name in ("model", "machine", "kernel", "cores")
        if report.host.get(name)
    ]
    facts = [
        *host,
        ("RAM", size_cell(limits.memory_bytes or None)),
        ("swap", _swap(limits)),
        ("address space", _addresses(limits)),
        ("RLIMIT_AS", size_cell(limits.rlimit_as_bytes)),
        ("RLIMIT_DATA", size_cell(limits.rlimit_data_bytes)),
        ("largest file", size_cell(limits.rlimit_fsize_bytes)),
        ("overcommit", _OVERCOMMIT.get(limits.overcommit_mode, str(limits.overcommit_mode))),
        ("commit limit", size_cell(limits.commit_limit_bytes) if limits.overcommit_mode == 2 else ""),
        ("cgroup limit", size_cell(limits.cgroup_limit_bytes)),
        ("swap of the cgroup", size_cell(limits.cgroup_swap_limit_bytes)),
        ("free disk", size_cell(limits.free_disk_bytes)),
        ("free for temporary files", size_cell(limits.free_temporary_bytes)),
        ("OOM kills on the machine", "" if report.kernel.oom_kills is None else str(report.kernel.oom_kills)),
        (
            "OOM kills in the cgroup",
            "" if report.kernel.cgroup_oom_kills is None else str(report.kernel.cgroup_oom_kills),
        ),
        ("command", f"<code>{escaped(' '.join(report.command), LONGEST_PATH)}</code>" if report.command else ""),
    ]
    note = (
        ""
        if report.outcome.complete
        else "the report is not complete: the agent was killed, this is what it had until then"
    )
    return section("The machine when it started", definitions(facts), note)


def _swap(limits: Limits) -> str:
    zram = f", {size_cell(limits.zram_bytes)} of it zram" if limits.zram_bytes else ""
    return size_cell(limits.swap_bytes) + zram if limits.swap_bytes else "none"


def _addresses(limits: Limits) -> str:
    top = (
        f", up to {size_cell(limits.address_top_bytes)}"
        if limits.address_top_bytes and limits.address_bits < 64
        else ""
    )
    return f"{limits.address_bits} bits{top}"


def _unseen(verdict: Verdict, report: Report | None) -> str:
    if report is not None and report.how.unseen:
        rows = [
            f"<td>{escaped(each.what, LONGEST_TEXT)}</td><td>{escaped(each.why, LONGEST_TEXT)}</td>"
            f"<td><code>{escaped(each.cure, LONGEST_TEXT)}</code></td>"
            for each in report.how.unseen
        ]
        return section("What could not be seen", table("<th>what</th><th>why</th><th>what would show it</th>", rows))
    if verdict.unseen:
        return section(
            "What could not be seen", "".join(f"<p>{escaped(each, LONGEST_TEXT)}</p>" for each in verdict.unseen)
        )
    if report is None:
        words = "There is no report of the agent: memory, limits and edges are not known, only what was printed."
        return section("What could not be seen", f"<p>{words}</p>")
    return ""
