"""docs/contributing/rules.md has every rule of judging, in order, with the line that says what it explains."""

from reading import ROOT

from arm_ci.diagnosis.judging.rules import RULES, meaning

PAGE = ROOT / "docs" / "contributing" / "rules.md"


def test_the_table_has_each_rule_in_its_place_with_its_line():
    expected = [
        f"| {number} | `{rule.__module__.rpartition('.')[2]}.{rule.__name__}` | {meaning(rule)} |"
        for number, rule in enumerate(RULES, 1)
    ]
    assert [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[2:3].isdigit()] == expected
