"""Whatever JSON comes: it is read as its annotations say, or the format's own error names the place."""

from __future__ import annotations

import contextlib
import json
from typing import Any, NamedTuple, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arm_ci.agent.fallback.fallbacks_file import FallbackError, fallbacks_of_text
from arm_ci.agent.json_reader import JsonFormat
from arm_ci.agent.link_trial.trial_result import TrialResult
from arm_ci.agent.peaks import Peaks, PeaksError
from arm_ci.agent.report import SAMPLE_COLUMNS, Report, ReportError


class BadFleetError(ValueError):
    pass


class Boat(NamedTuple):
    name: str
    sails: int = 1
    length: Optional[float] = None  # noqa: UP045  (as the agent's Python has it)
    afloat: bool = True
    crew: tuple[str, ...] = ()
    papers: dict[str, Any] = {}


class Fleet(NamedTuple):
    boats: tuple[Boat, ...]
    flagship: Optional[Boat] = None  # noqa: UP045
    logs: tuple[tuple[Optional[float], ...], ...] = ()  # noqa: UP045


FLEET = JsonFormat("no fleet", 2, BadFleetError, {Boat: {"crew": "hands"}})


def read(**document: Any) -> Fleet:
    return FLEET.read(Fleet, {"schema": 2, **document}, "fleet")


def test_named_tuples_lists_and_what_may_be_null_are_read():
    found = read(
        boats=[{"name": "Ada", "length": 7, "crew": ["a", "b"], "papers": {"x": [1]}}],
        flagship={"name": "Bo", "sails": 2, "length": None},
        logs=[[1, None], []],
        unknown="is passed over",
    )
    assert found == Fleet((Boat("Ada", 1, 7, True, ("a", "b"), {"x": [1]}),), Boat("Bo", 2), ((1, None), ()))


def test_what_a_field_was_called_before_is_read_unless_todays_name_is_there():
    assert read(boats=[{"name": "Ada", "hands": ["a"]}]).boats[0].crew == ("a",)
    assert read(boats=[{"name": "Ada", "hands": ["a"], "crew": ["b"]}]).boats[0].crew == ("b",)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "fleet.boats: is missing"),
        ({"boats": {}}, "fleet.boats: a list was expected"),
        ({"boats": [{"name": "Ada"}, 1]}, "fleet.boats[1]: an object was expected"),
        ({"boats": [{}]}, "fleet.boats[0].name: is missing"),
        ({"boats": [{"name": None}]}, "fleet.boats[0].name: a text was expected"),
        ({"boats": [{"name": "A", "sails": True}]}, "fleet.boats[0].sails: a whole number was expected"),
        ({"boats": [{"name": "A", "sails": 1.0}]}, "fleet.boats[0].sails: a whole number was expected"),
        ({"boats": [{"name": "A", "sails": 1 << 63}]}, "fleet.boats[0].sails: a whole number was expected"),
        ({"boats": [{"name": "A", "length": "7"}]}, "fleet.boats[0].length: a number was expected, or null"),
        ({"boats": [{"name": "A", "length": float("nan")}]}, "fleet.boats[0].length: a number was expected, or null"),
        ({"boats": [{"name": "A", "length": -(10**400)}]}, "fleet.boats[0].length: a number was expected, or null"),
        ({"boats": [{"name": "A", "afloat": 1}]}, "fleet.boats[0].afloat: true or false was expected"),
        ({"boats": [{"name": "A", "hands": ["b", 2]}]}, "fleet.boats[0].hands[1]: a text was expected"),
        ({"boats": [{"name": "A", "papers": []}]}, "fleet.boats[0].papers: an object was expected"),
        ({"boats": [], "flagship": 1}, "fleet.flagship: an object was expected"),
        ({"boats": [], "logs": [[1], [2, "x"]]}, "fleet.logs[1][1]: a number was expected, or null"),
        ({"schema": 3}, "schema 3 is newer than 2, which this arm_ci reads"),
        ({"schema": 10**5000}, "schema 2^16609 is newer than 2, which this arm_ci reads"),
        ({"schema": True}, "no fleet: an object with a number `schema` was expected"),
        ({"schema": "2"}, "no fleet: an object with a number `schema` was expected"),
    ],
)
def test_the_message_names_the_place_and_what_was_expected(document, message):
    with pytest.raises(BadFleetError) as raised:
        read(**document)
    assert str(raised.value) == message


def test_where_every_key_is_known_another_one_is_a_mistake():
    strict = JsonFormat("no fleet", 1, BadFleetError, knows_all_keys=True)
    with pytest.raises(BadFleetError, match=r"^boats\[0\]\.\\ud800x: is not known$"):
        strict.read(Fleet, {"schema": 1, "boats": [{"name": "A", "\ud800x": 1}]})


READERS = (
    (lambda text: Report.from_text(text), ReportError),
    (lambda text: Peaks.from_text(text), PeaksError),
    (fallbacks_of_text, FallbackError),
    (lambda text: TrialResult.from_json(json.loads(text)), ReportError),
)


@pytest.mark.parametrize("depth", [10, 900, 100_000])
@pytest.mark.parametrize("start", ['{"schema":1,"edges":', '{"schema":1,"host":', '{"schema":1,"fallbacks":', ""])
def test_deep_nesting_is_no_fault_of_ours(depth, start):
    text = start + "[" * depth + "]" * depth + ("}" if start else "")
    for read_text, error in READERS[:3]:
        with contextlib.suppress(error):
            read_text(text)


KEYS = st.sampled_from(
    [
        *("schema", "edges", "toolchain", "fallbacks", "reliefs", "name", "output", "way", "kind", "argv", "number"),
        *("need_bytes", "seconds", "inputs", "host", "samples", "rows", "columns", "kernel", "records", "limits"),
        *("link", "directory", "report", "admission", "how", "visibility", "unseen", "what", "why", "holds"),
    ]
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**4000),
    st.floats(),
    st.text(st.characters(codec=None, exclude_categories=[])),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=6)),
    max_leaves=25,
)


@given(st.dictionaries(KEYS, VALUES, max_size=10), st.sampled_from([0, 1, 2, True, 10**30]))
def test_nothing_but_the_formats_own_error_comes_of_any_json(document, schema):
    for read_text, error in READERS:
        text = json.dumps({**document, "schema": schema})
        try:
            read_text(text)
        except error as found:
            str(found).encode("utf-8")  # it can be printed


# As arm_ci wrote it before version 2.
OLD_REPORT = {
    "schema": 1,
    "command": ["ninja"],
    "directory": "/b",
    "started": 1.5,
    "host": {"cores": 4},
    "limits": {"memory_bytes": 1000, "swap_bytes": 0, "cgroup_version": 2},
    "outcome": {"exit_status": 1, "signal": None, "stopped": "", "seconds": 9.0, "complete": True},
    "edges": [
        {
            "number": 0,
            "argv": ["g++", "-c", "..."],
            "directory": "/b",
            "program": "g++",
            "output": "a.o",
            "kind": "compile",
            "start_seconds": 0.5,
            "end_seconds": 2.5,
            "exit_status": 0,
            "attempts": 2,
            "run_again": "",
            "waited_seconds": 1.0,
            "held_seconds": 0.75,
            "expected_bytes": 400,
            "expected_by": "kin",
            "alone": True,
            "in_part": True,
            "relief": "less: -g0 instead of -g",
            "way": "g++ -O2 -g0",
        }
    ],
    "samples": {"columns": list(SAMPLE_COLUMNS), "rows": [[0.0, *[None] * 13]]},
    "kernel": {"oom_kills": 1, "records": [{"program": "cc1plus", "pid": 7, "scope": "system"}]},
    "how": {
        "cgroup": "own cgroup (v2)",
        "cgroup_path": "/job",
        "kernel_log": "",
        "pressure": True,
        "unseen": [{"what": "kernel log", "why": "not readable", "cure": "adm"}],
    },
    "admission": {"cores": 4, "holds": 2, "part_starts": 3, "part_holds": 1, "most_waiting": 5},
}


def test_a_report_of_version_1_is_read_as_todays():
    report = Report.from_text(json.dumps(OLD_REPORT))
    (edge,) = report.edges
    assert (edge.fallback, edge.fingerprint) == ("less: -g0 instead of -g", "g++ -O2 -g0")
    assert (edge.suspended_seconds, edge.partial_start, edge.expected_by) == (0.75, True, "similar")
    admission = report.admission
    assert (admission.suspensions, admission.partial_starts, admission.partial_start_suspensions) == (2, 3, 1)
    assert (report.visibility.cgroup, report.visibility.unseen[0].cure) == ("own cgroup (v2)", "adm")
    assert (report.kernel.records[0].pid, report.limits.memory_bytes, report.samples.column("seconds")) == (
        7,
        1000,
        [0],
    )


def test_a_report_comes_back_as_it_was_written():
    report = Report.from_text(json.dumps(OLD_REPORT))
    assert report.to_json()["schema"] == 2
    assert Report.from_text(json.dumps(report.to_json())) == report


def test_a_link_trial_with_an_old_report_in_it_is_read():
    row = {"linker": "lld", "ended": "failed", "report": OLD_REPORT}
    link = {"output": "app", "directory": "/b"}
    document = {"schema": 1, "link": link, "limits": {"seconds": 60}, "rows": [row]}
    report = TrialResult.from_json(document).rows[0].report
    assert report is not None
    assert report.edges[0].expected_by == "similar"
