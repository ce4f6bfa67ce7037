"""The page says everything that is known about a verdict, and nothing of a log or a report acts in it."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judged import judged
from made_up import BLIND, GB, MB, advised, cgroup_link, edge, link, report, samples, verdict

from arm_ci.agent.report import Admission, Kernel, Limits, OomRecord, Outcome, Report, Unseen, Visibility
from arm_ci.diagnosis.judging.judge import Ended
from arm_ci.diagnosis.page.largest_edges import LARGEST
from arm_ci.diagnosis.page.verdict_page import page
from arm_ci.diagnosis.verdict import Advice, Evidence

HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>&\"'\0\ud800"
SHAPES = {"svg", "rect", "line", "path", "text", "style"}
ELEMENTS = SHAPES.union(
    ("html", "head", "meta", "title", "body", "div", "main", "header", "section", "span", "h1", "h2"),
    ("dl", "dt", "dd", "ol", "li", "b", "small", "p", "table", "thead", "tbody", "tr", "th", "td", "code"),
)


class Reader(HTMLParser):
    """The words of a page, what it is made of, and rows of its tables as lists of words."""

    def __init__(self, text):
        super().__init__()
        self.words, self.elements, self.attributes, self.rows = [], set(), set(), []
        self._open = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.elements.add(tag)
        self.attributes.update(name for name, _ in attributes)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if "style" in self._open or not data.strip():
            return
        if not {"td", "th"}.isdisjoint(self._open):
            self.rows[-1][-1] += data if not self.rows[-1][-1] else f" | {data}"
        self.words.append(data)


def read(found, there):
    return Reader(page(found, there))


def whole():
    found, there = cgroup_link()
    return replace(found, advice=advised(found, there)), there


def test_the_page_begins_with_the_sentence_and_how_sure_it_is():
    words = read(*whole()).words
    assert words[:5] == [
        "oom-kill",
        "oom-kill",
        "certain: the kernel or the tool said so, and it matches the edge",
        "the cgroup's memory",
        "oom-kill: ld making bin/app was killed at the cgroup's limit of 900 MB",
    ]
    assert words[5:13] == [
        "program",
        "ld",
        "was making",
        "bin/app",
        "held in RAM and swap",
        "1.4 GB",
        "limit",
        "900 MB",
    ]


def test_evidence_has_its_source_line_and_reason():
    rows = read(*whole()).rows
    assert rows[0] == ["source", "line", "what it says", "why it counts"]
    assert rows[2] == [
        "log",
        "8812",
        "collect2: fatal error: ld terminated with signal 9 [Killed]",
        "the driver saw it",
    ]


def test_advice_comes_with_its_figures_and_code_is_code():
    found, there = whole()
    text = page(found, there)
    assert "<li><b>Link with lld (-fuse-ld=lld -Wl,-S), or with mold.</b><small>For mesos-execute 1.1.0 " in text
    assert (
        "<b>Raise the memory limit of cgroup <code>/build</code>, and add at least 2.0 GB of swap to the machine.</b>"
        in text
    )


def test_the_largest_edges_have_every_figure_and_the_failed_one_is_marked():
    text = page(*whole())
    assert Reader(text).rows[3:5] == [
        ["output, program and kind", "wall", "CPU", "peak RSS", "anonymous + swap", "of it swap", "virtual", "ended"],
        ["bin/app | g++: ld, link", "50 s", "50 s", "1.3 GB", "1.3 GB", "", "1.4 GB", "exit status 1"],
    ]
    assert text.count('<tr class="failed">') == 1


def test_of_many_edges_the_largest_and_the_culprit_are_shown():
    many = tuple(edge(i, f"src/{i}.o", 0.0, 5.0, (100 + i) * MB) for i in range(50))
    text = page(verdict(output="bin/app", edge=len(many)), report((*many, link(MB))))
    assert "20 of 51 edges" in text
    rows = [row for row in Reader(text).rows if row and row[0].endswith((", compile", ", link"))]
    assert len(rows) == LARGEST
    assert rows[0][0] == "src/49.o | g++: cc1plus, compile"
    assert rows[-1][0] == "bin/app | g++: ld, link"


def test_how_an_edge_ended_is_said_in_words():
    edges = (
        edge(1, "a.o", 0.0, 1.0, 5 * MB, exit_status=None, signal=9),
        edge(2, "b.o", 0.0, 1.0, 4 * MB, exit_status=None, signal=99),
        edge(3, "c.o", 0.0, None, 3 * MB),
        edge(4, "d.o", 0.0, 1.0, 2 * MB, exit_status=None),
        edge(5, "e.o", 0.0, 1.0, MB),
    )
    ended = [row[-1] for row in read(verdict(), report(edges)).rows[1:]]
    assert ended == ["SIGKILL", "signal 99", "still ran", "not known", "well"]


def test_an_edge_that_ran_again_is_told():
    first = link(800 * MB, exit_status=None, signal=9)
    again = link(300 * MB, exit_status=0, attempts=2)._replace(start_seconds=70.0, end_seconds=90.0)
    rows = read(verdict("ok"), report((first, again))).rows
    assert rows[-2:] == [["output", "times", "ended", "because"], ["bin/app", "2", "SIGKILL, then well", ""]]
    assert "more than once" not in page(verdict("ok"), report((first,)))


def test_every_edge_that_was_built_differently_is_listed_as_it_was_built_at_last():
    killed = [edge(n, f"{n}.o", 0.0, 1.0, MB, exit_status=1, run_again="oom-kill") for n in range(60)]
    changed = [
        each._replace(exit_status=0, run_again="", attempts=2, fallback="less: -g0 instead of -g") for each in killed
    ]
    text = page(verdict("ok"), report((*killed, *changed, link(MB))))
    assert "Edges that were built differently <small>60 outputs</small>" in text
    rows = [row for row in Reader(text).rows if "less: -g0 instead of -g" in row]
    assert rows == [[f"{n}.o", "less: -g0 instead of -g", "well"] for n in range(60)]
    assert "differently" not in page(verdict("ok"), report((*killed, link(MB))))


def test_the_machines_limits_are_listed():
    limits = Limits(
        memory_bytes=925 * MB,
        swap_bytes=GB,
        zram_bytes=512 * MB,
        address_bits=32,
        address_top_bytes=2 * GB,
        rlimit_as_bytes=GB,
        overcommit_mode=2,
        commit_limit_bytes=3 * GB,
    )
    words = read(verdict(), report((), limits)).words
    for name, value in (
        ("model", "Raspberry Pi 3 Model B"),
        ("RAM", "925 MB"),
        ("swap", "1.0 GB, 512 MB of it zram"),
        ("address space", "32 bits, up to 2.0 GB"),
        ("RLIMIT_AS", "1.0 GB"),
        ("overcommit", "2, refuses beyond the commit limit"),
        ("commit limit", "3.0 GB"),
        ("command", "ninja -j4"),
    ):
        assert words[words.index(name) + 1] == value


def test_what_could_not_be_seen_has_the_word_that_would_show_it():
    rows = read(verdict(), report(visibility=BLIND)).rows
    assert ["memory pressure", "/proc/pressure/memory is not there", "psi=1 in cmdline.txt"] in rows


def test_without_a_report_the_page_says_what_is_missing():
    words = read(verdict(), None).words
    assert words[-1] == (
        "There is no report of the agent: memory, limits and edges are not known, only what was printed."
    )


def test_a_report_that_the_agent_did_not_finish_is_called_so():
    there = report(outcome=Outcome(complete=False))
    assert "the report is not complete: the agent was killed, this is what it had until then" in page(verdict(), there)


def test_an_empty_report_makes_a_page():
    assert "The report has no samples and no edges to draw." in page(verdict("unknown"), Report())


def hostile():
    failed = edge(1, HOSTILE, 0.0, 9.0, MB, exit_status=1, program=HOSTILE, heaviest=HOSTILE, kind=HOSTILE, attempts=2)
    there = report(
        (failed,),
        samples=samples(10),
        command=(HOSTILE,),
        host={"model": HOSTILE, "cores": {"a": HOSTILE}},
        visibility=BLIND._replace(unseen=(BLIND.unseen[0]._replace(what=HOSTILE, why=HOSTILE, cure=HOSTILE),)),
    )
    found = verdict(
        sentence=HOSTILE,
        program=HOSTILE,
        output=HOSTILE,
        edge=0,
        evidence=(Evidence("log", 1, HOSTILE, f"`{HOSTILE}`"),),
        advice=(Advice(f"`{HOSTILE}`", HOSTILE),),
        unseen=(HOSTILE,),
    )
    return found, there


def test_text_of_others_is_shown_and_never_acts():
    text = page(*hostile())
    made = Reader(text)
    assert made.elements <= ELEMENTS
    assert not any(name.startswith("on") or name in ("src", "href") for name in made.attributes)
    text.encode("utf-8")
    assert "\0" not in text
    assert Reader(page(hostile()[0], None)).elements <= ELEMENTS


SHOWN = {
    *("command", "model", "machine", "kernel", "cores", "does_not_fit", "what", "why", "cure"),
    *("output", "program", "heaviest", "kind", "expected_by", "run_again", "fallback"),
    *("verdict.program", "verdict.output", "verdict.sentence", "verdict.code", "verdict.unseen"),
    *("evidence.text", "evidence.why", "advice.text", "advice.because"),
}
"""Every text of a report and a verdict that the page shows."""


def scripted(name):
    return f"<script>{name}"


def every_text(value, name=""):
    """A part of a report in which each text is a script with its name."""
    if isinstance(value, str):
        return scripted(name)
    if hasattr(value, "_fields"):
        return value._replace(**{each: every_text(getattr(value, each), each) for each in value._fields})
    return tuple(every_text(each, name) for each in value) if isinstance(value, tuple) else value


def test_every_text_of_a_report_and_a_verdict_is_a_script_and_shown_as_text():
    waited = edge(1, "x", 5.0, 9.0, MB, exit_status=1, waited_seconds=3.0, suspended_seconds=1.0, run_again="x")
    again = edge(2, "x", 9.0, 12.0, MB, waited_seconds=2.0, attempts=2, fallback="x", inputs=("x",), fingerprint="x")
    killed = edge(3, "x", 9.0, 12.0, MB, exit_status=1)
    record = OomRecord("x", 3, "cgroup", cgroup="x", text="x")
    there = report(
        tuple(map(every_text, (waited, again, killed))),
        command=(scripted("command"),),
        directory=scripted("directory"),
        host={name: scripted(name) for name in ("model", "machine", "kernel", "cores", "os")},
        outcome=every_text(Outcome(1, None, "x", 12.0)),
        admission=every_text(Admission(4, MB, MB, does_not_fit="x")),
        kernel=Kernel(1, 1, 1, (every_text(record),)),
        visibility=every_text(Visibility("x", "x", "x", True, (Unseen("x", "x", "x"),))),
        samples=samples(12),
    )
    found = verdict(
        sentence=f"{scripted('verdict.sentence')} `{scripted('verdict.code')}`",
        program=scripted("verdict.program"),
        output=scripted("verdict.output"),
        evidence=(Evidence("log", 1, scripted("evidence.text"), scripted("evidence.why")),),
        advice=(Advice(scripted("advice.text"), scripted("advice.because")),),
        unseen=(scripted("verdict.unseen"),),
    )
    text = page(found, there) + page(found, None)
    assert "<script" not in text
    assert set(re.findall(r"&lt;script&gt;([\w.]+)", text)) == SHOWN


@pytest.mark.parametrize(
    "log",
    [
        "<script>1</script>.cpp:3:4: error: <script>2</script>\n",
        "FAILED: <script>1</script>\n<script>2</script> -c x\ncollect2: error: ld returned 1 exit status\n",
        "ninja: error: '<script>1</script>', needed by '<script>2</script>', missing and no known rule to make it\n",
        "make: *** [<script>1</script>: <script>2</script>] Killed\n",
        "The following tests FAILED:\n\t  1 - <script>1</script> (Failed)\n",
        "fatal: unable to access 'https://x/<script>1</script>': Could not resolve host: <script>2</script>\n",
        "error: patch failed: <script>1</script>:7\nerror: <script>1</script>: patch does not apply\n",
        "CMake Error at <script>1</script>:3 (message):\n  <script>2</script>\n",
        "ld: <script>1</script>: final link failed: No space left on device\n",
        "<script>1</script>\n",
    ],
)
def test_every_part_of_a_log_is_shown_as_text(log):
    text = page(judged(log, ended=Ended(exit_status=1)), None)
    assert "<script" not in text
    assert "&lt;script&gt;1&lt;/script&gt;" in text


def test_the_page_loads_nothing_and_runs_nothing():
    text = page(*whole())
    assert not re.search(r"<script|<link|<img|<iframe|url\(|@import|javascript:", text)


def test_its_style_reaches_nothing_outside_of_it():
    style = re.findall("<style>(.*?)</style>", page(verdict(), None), re.DOTALL)[0]
    for rule in style.strip().splitlines():
        selectors = rule.partition("{")[0].split(",")
        assert all(selector.startswith(".arm-ci-verdict") for selector in selectors), rule


@given(st.text(), st.text(), st.none() | st.integers())
def test_whatever_a_verdict_says_it_is_a_page(sentence, output, number):
    found = verdict(sentence=sentence, output=output, program=sentence, used_bytes=number, had_bytes=number)
    made = Reader(page(found, report((link(MB),))))
    assert made.elements <= ELEMENTS
