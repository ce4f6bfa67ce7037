"""The labelled logs of failed builds are judged as their labels say, but for those that are known to be misjudged."""

import csv
from pathlib import Path

import pytest
from judged import judged

FAILURES = Path(__file__).resolve().parents[2] / "data" / "failures"
with (FAILURES / "labels.tsv").open(encoding="utf-8", newline="") as lines:
    LABELS = {row["file"]: row for row in csv.DictReader(lines, delimiter="\t")}
MISJUDGED = {str(number) for number in range(223, 241)}
"""By the number at the front of the name. Whoever mends one takes it out."""


@pytest.mark.parametrize("name", LABELS)
def test_a_labelled_log_is_judged_as_its_label_says(name):
    label = LABELS[name]
    verdict = judged((FAILURES / name).read_bytes())
    said = (verdict.kind, verdict.program or "-", verdict.output or "-", str(verdict.bytes or "-"))
    labelled = (label["class"], label["failing_program"], label["failing_output"], label["bytes"])
    if name.partition("-")[0] in MISJUDGED:
        assert said != labelled, "take it out of MISJUDGED"
    else:
        assert said == labelled


def test_every_log_has_a_label():
    assert {path.name for path in FAILURES.glob("*.log")} == set(LABELS)
