"""The page says how a build was fitted into memory: what was known, what waited, was stopped, ran again."""

import re
from dataclasses import replace

from made_up import MB, edge, report, verdict

from arm_ci.agent.report import Admission
from arm_ci.diagnosis.page.admission_section import LONGEST_WAITS
from arm_ci.diagnosis.page.verdict_page import page

ADMISSION = Admission(
    4, 800 * MB, 512 * MB, learned=460, most_waiting=6, suspensions=1, partial_starts=5, partial_start_suspensions=3
)


def text_of(*edges, admission=ADMISSION, kind="ok"):
    """The page's text, a table's cells apart by bars."""
    html = page(verdict(kind), report(edges, admission=admission))
    return re.sub(r"<[^>]+>", "", re.sub(r"</t[dh]>", "|", html)).replace("&#39;", "'")


def facts_of(html):
    return dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", html))


def test_what_there_was_and_what_was_known_is_listed_for_a_good_build_too():
    html = page(verdict("ok"), report((edge(0, "a.o", 0.0, 1.0, MB),), admission=ADMISSION))
    assert "<h2>How the build was fitted into memory <small>no edge had to wait</small></h2>" in html
    facts = facts_of(html)
    assert facts["edges at once at most"] == "4"
    assert facts["RAM for them"] == "800 MB"
    assert facts["swap for them"] == "512 MB"
    assert facts["known from earlier builds"] == "460 edges"
    assert facts["waited at once at most"] == "6 edges"
    assert facts["suspended because the machine paged"] == "1 time"
    assert facts["started before all was free that they need"] == "5 edges, suspended 3 times until it was"
    assert "ran again" not in facts


def test_a_first_build_says_that_it_guessed():
    html = page(verdict("ok"), report((), admission=Admission(2, 800 * MB)))
    facts = facts_of(html)
    assert (facts["known from earlier builds"], facts["swap for them"]) == ("no edge: peaks were guessed", "none")


def test_without_admission_there_is_no_such_section():
    assert "fitted into memory" not in text_of(edge(0, "a.o", 0.0, 1.0, MB), admission=Admission())


def test_those_that_waited_longest_come_with_what_was_expected_and_what_they_took():
    waited = [
        edge(
            n, f"{n}.o", 100.0, 110.0, 300 * MB, waited_seconds=float(n), expected_bytes=400 * MB, expected_by="similar"
        )
        for n in range(30)
    ]
    text = text_of(*waited)
    assert f"{LONGEST_WAITS} of 29 edges that waited" in text
    rows = re.findall(r"(\d+)\.o\|(\d+\.?\d* s)\|400 MB\|edges like it\|300 MB\|$", text, re.M)
    assert [int(row[0]) for row in rows] == list(range(29, 9, -1))


def test_what_was_expected_has_its_reason_in_words():
    words = {
        "history": "earlier builds",
        "similar": "edges like it",
        "inputs": "the size of its inputs",
        "default": "nothing known",
    }
    for by, said in words.items():
        waited = edge(0, "a.o", 9.0, 10.0, MB, waited_seconds=8.0, expected_bytes=2 * MB, expected_by=by)
        assert f"a.o|8.0 s|2 MB|{said}|1 MB|" in text_of(waited)
    alone = edge(0, "a.o", 9.0, 10.0, MB, waited_seconds=8.0, expected_bytes=2 * MB, expected_by="history", alone=True)
    assert "|earlier builds, alone|" in text_of(alone)


def test_what_ran_again_has_its_reason_and_is_not_marked_as_failed():
    first = edge(0, "a.o", 0.0, 5.0, 300 * MB, exit_status=1, run_again="oom-kill")
    last = edge(1, "a.o", 6.0, 9.0, 500 * MB, attempts=2, alone=True)
    text = text_of(first, last)
    assert "a.o|2|exit status 1, then well|memory killed it when it held 300 MB|" in text
    html = page(verdict("ok"), report((first, last), admission=ADMISSION))
    assert 'class="failed"' not in html
    assert "exit status 1, ran again</td>" in html
    assert facts_of(html)["ran again"] == "1 edge"
    assert "a.o 300 MB, killed, ran again</text>" in html
    assert "a.o 500 MB, try 2</text>" in html


def test_an_output_that_the_build_makes_twice_by_itself_did_not_run_again():
    assert "Edges that ran more than once" not in text_of(edge(0, "a.o", 0.0, 5.0, MB), edge(1, "a.o", 6.0, 9.0, MB))


def test_a_try_that_was_alone_is_told_as_such():
    first = edge(0, "a.o", 0.0, 5.0, 300 * MB, exit_status=1, run_again="oom-kill", alone=True)
    last = edge(1, "a.o", 6.0, 9.0, 200 * MB, attempts=2, alone=True, fallback="less: -g0 instead of -g")
    assert "memory killed it when it held 300 MB though it ran alone|" in text_of(first, last)


def test_of_many_that_ran_again_the_page_says_how_many_it_shows():
    edges = [
        edge(n, f"{n // 2}.o", float(n), n + 0.5, MB, attempts=n % 2 + 1, run_again="" if n % 2 else "oom-kill")
        for n in range(60)
    ]
    assert "Edges that ran more than once 20 of 30 outputs" in text_of(*edges)


def test_what_was_stopped_for_a_while_says_for_how_long():
    stopped = edge(0, "a.o", 0.0, 100.0, 300 * MB, suspended_seconds=40.0)
    text = text_of(stopped)
    assert "Edges that were suspended for a while 1 edge" in text
    assert "a.o|40 s|1 min 40 s|the machine paged too much|300 MB|" in text
    assert "Edges that were stopped" not in text_of(stopped._replace(suspended_seconds=0.0))
    short = "a.o|40 s|1 min 40 s|what it would take next was not free|300 MB|"
    assert short in text_of(stopped._replace(partial_start=True))
    assert short in text_of(stopped, admission=ADMISSION._replace(swap_bytes=0))


def test_what_does_not_fit_is_named():
    admission = ADMISSION._replace(does_not_fit="<b>.o")
    html = page(replace(verdict("oom-kill"), output="<b>.o"), report((), admission=admission))
    assert facts_of(html)["does not fit alone"] == "&lt;b&gt;.o"
