"""The picture shows what was there, marks what ended badly, and stays a picture whatever the report holds."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import GB, MB, cgroup_link, edge, link, report, samples, verdict

from arm_ci.agent.report import SAMPLE_COLUMNS, Limits, Outcome, Samples
from arm_ci.diagnosis.page import curves
from arm_ci.diagnosis.page.rendering import rendered
from arm_ci.diagnosis.page.timeline import WIDTH, picture

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</text><script>alert(1)</script>&\"'\0\x1b[31m\ud800\u202egnp"


def timeline(there, found):
    """The picture as SVG."""
    return rendered("timeline.svg.j2", picture=picture(there, found))


def words(svg):
    """Every text of the picture; it must be well-formed XML."""
    return ["".join(each.itertext()) for each in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_the_cgroups_memory_is_drawn_against_its_limit_and_the_kill_is_marked():
    found, there = cgroup_link()
    shown = words(timeline(there, found))
    assert "Memory of the build's cgroup" in shown
    assert "limit of the cgroup 900 MB" in shown
    assert "with swap 1.4 GB" in shown
    assert "oom-kill: ld making bin/app" in shown
    assert {"RAM", "swap", "running"} <= set(shown)
    assert "bin/app 1.4 GB, failed" in shown
    assert "src/beside.cpp.o 300 MB" in shown


def test_without_a_cgroup_it_is_the_machines_memory():
    shown = words(timeline(report((link(800 * MB),), samples=samples(60)), verdict(output="bin/app", edge=0)))
    assert "Memory of the machine" in shown
    assert "RAM 925 MB" in shown
    assert "swap" not in shown


def test_the_axes_have_round_marks_with_units():
    shown = words(timeline(report((link(800 * MB),), samples=samples(60)), verdict(output="bin/app", edge=0)))
    assert [each for each in shown if re.fullmatch(r"\d+ MB", each)] == ["256 MB", "512 MB", "768 MB"]
    assert {"0 s", "10 s", "20 s", "1 min", "25 %", "100 %"} <= set(shown)
    assert "since the start of the command, which took 1 min" in shown


def test_a_limit_of_addresses_is_not_drawn_as_one_of_memory():
    found = verdict("address-space", program="ld", output="bin/app", edge=0, had_bytes=2 * GB)
    shown = words(timeline(report((link(800 * MB),), samples=samples(60)), found))
    assert "the limit that was reached is one of addresses, 2.0 GB, not of RAM" in shown


def without(*columns):
    kept = samples(60)
    gone = [SAMPLE_COLUMNS.index(name) for name in columns]
    rows = tuple(tuple(None if i in gone else value for i, value in enumerate(row)) for row in kept.rows)
    return kept._replace(rows=rows)


def test_without_pressure_it_shows_what_came_back_from_swap():
    shown = words(timeline(report(samples=without("pressure_some_seconds", "pressure_full_seconds")), verdict()))
    assert "Read back from swap" in shown
    assert "Time that something waited for memory" not in shown


def test_what_the_machine_does_not_tell_is_said_and_not_drawn():
    unseen = without("memory_available_bytes", "cgroup_bytes", "pressure_some_seconds", "swapped_in_bytes")
    shown = words(timeline(report(samples=unseen), verdict()))
    assert shown.count("not to be seen in this report") == 2


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_samples_are_enough(count):
    few = samples(60)._replace(rows=samples(60).rows[:count])
    assert "Edges" in words(timeline(report((link(800 * MB),), samples=few), verdict(output="bin/app", edge=0)))


def test_an_empty_report_is_told_in_words():
    assert words(timeline(report(), verdict())) == ["The report has no samples and no edges to draw."]


def test_the_largest_edges_are_shown_and_always_the_culprit():
    many = tuple(edge(i, f"src/{i}.o", i, i + 5.0, (500 + i) * MB) for i in range(30))
    shown = words(
        timeline(report((*many, link(5 * MB)), samples=samples(60)), verdict(output="bin/app", edge=len(many)))
    )
    assert [each for each in shown if each.startswith("src/")] == [f"src/{i}.o {500 + i} MB" for i in range(23, 30)]
    assert "bin/app 5 MB, failed" in shown


def test_ten_hours_with_thousands_of_samples_are_a_small_picture():
    long = report(
        (link(800 * MB),), outcome=Outcome(1, None, "", 36000.0, True), samples=samples(36000, swap=GB, step=5)
    )
    svg = timeline(long, verdict())
    assert len(svg) < 60_000
    assert {"2 h", "10 h"} <= set(words(svg))


def test_thinning_keeps_the_highest_of_each_part():
    points = [(float(at), 1000.0 if at == 3333 else 1.0) for at in range(10_000)]
    thin = curves.thinned(points, 10_000, 100)
    assert len(thin) == 100
    assert (3333.0, 1000.0) in thin


def test_nothing_was_killed_in_a_build_that_went_well():
    there = report((edge(1, "a.o", 0.0, 5.0, MB),), samples=samples(10))
    assert not any("moment" in line for line in re.findall("<text[^>]*>", timeline(there, verdict("ok"))))


def test_text_of_others_is_shown_and_never_acts():
    hostile = edge(1, HOSTILE, 0.0, 50.0, 900 * MB, exit_status=1, program=HOSTILE, heaviest=HOSTILE)
    found = verdict(output=HOSTILE, program=HOSTILE, edge=0)
    svg = timeline(report((hostile,), samples=samples(60)), found)
    assert "<script" not in svg
    assert any("</text><script>alert(1)</script>&\"'\ufffd\ufffd\ufffdgnp" in each for each in words(svg))


def test_it_is_self_contained():
    svg = timeline(*reversed(cgroup_link()))
    assert not re.search(r"<script|<image|<foreignObject|href|url\(|@import", svg)
    assert svg.count("http") == 1  # the name of the format
    # Within a page a rule of the picture would hold for all of it.
    (style,) = re.findall("<style>(.*?)</style>", svg, re.DOTALL)
    assert all(rule.startswith(".arm-ci-timeline ") for rule in style.strip().splitlines())


ANY = st.none() | st.integers() | st.floats() | st.sampled_from([10**400, -1, 0, 1e308, float("nan"), float("inf")])


@given(
    st.lists(st.lists(ANY, min_size=len(SAMPLE_COLUMNS), max_size=len(SAMPLE_COLUMNS)).map(tuple), max_size=5),
    st.lists(st.tuples(ANY, ANY, ANY, st.text(max_size=30)), max_size=4),
    ANY,
    ANY,
)
def test_whatever_a_report_holds_it_is_a_picture(rows, edges, seconds, limit):
    made = tuple(
        edge(i, text, start or 0.0, None, MB)._replace(end_seconds=end, peak_anonymous_swap_bytes=held)
        for i, (start, end, held, text) in enumerate(edges)
    )
    there = report(
        made,
        Limits(memory_bytes=limit or 0),
        samples=Samples(rows=tuple(rows)),
        outcome=Outcome(seconds=seconds or 0.0),
    )
    svg = timeline(there, verdict(output=made[0].output if made else None, edge=0 if made else None))
    ElementTree.fromstring(svg)
    for place in re.findall(r' (?:x|x1|x2|width)="([^"]*)"', svg):
        assert -1 <= float(place) <= WIDTH
