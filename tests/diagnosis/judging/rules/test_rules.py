"""The table of rules: each says in a line what it explains, the first that has something to say is the verdict."""

from dataclasses import replace
from pathlib import Path

import pytest

from arm_ci.agent.report import Outcome, Report
from arm_ci.diagnosis.judging import rules
from arm_ci.diagnosis.judging.case import Case, Ended
from arm_ci.diagnosis.judging.rules import RULES, explained, meaning
from arm_ci.diagnosis.reading.findings import LogFindings

NOTHING = Case.of(LogFindings(), None, (), Ended())


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_says_in_one_line_what_it_explains(rule):
    assert meaning(rule).endswith(".")
    assert "\n" not in meaning(rule)


def test_no_rule_stands_twice():
    assert len(set(RULES)) == len(RULES)


def test_every_file_of_rules_has_a_row():
    files = {path.stem for path in Path(rules.__file__).parent.glob("*.py")} - {"__init__"}
    assert {rule.__module__.rpartition(".")[2] for rule in RULES} == files


def test_only_the_last_rule_explains_a_case_of_nothing():
    assert [rule for rule in RULES if rule(NOTHING) is not None] == [RULES[-1]]
    assert explained(NOTHING).kind == "unknown"


def test_of_several_that_explain_the_first_in_the_table_wins():
    case = replace(NOTHING, report=Report(outcome=Outcome(137, None, "signal 15", 1.0, True)))
    said = [draft for rule in RULES if (draft := rule(case)) is not None]
    assert [draft.kind for draft in said] == ["killed-other", "oom-kill", "unknown", "unknown"]
    assert explained(case) == said[0]
