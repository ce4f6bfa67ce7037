"""What advice says was measured is what stands in the table of measurements."""

import csv
from pathlib import Path

import pytest

from arm_ci.diagnosis.advice.measured import LINKERS

TABLE = Path(__file__).resolve().parents[2] / "data" / "measurements" / "mesos-1.1.0-links.tsv"
with TABLE.open(encoding="utf-8", newline="") as lines:
    ROWS = {row["case"]: row for row in csv.DictReader(lines, delimiter="\t")}


@pytest.mark.parametrize(
    ("case", "cost"),
    [
        ("execute-bfd-free", LINKERS["bfd"].plain),
        ("execute-gold-free", LINKERS["gold"].plain),
        ("execute-lld19-free", LINKERS["lld"].plain),
        ("execute-mold-free-nofork", LINKERS["mold"].plain),
        ("opt-bfd-S", LINKERS["bfd"].stripped),
        ("opt-gold-S", LINKERS["gold"].stripped),
        ("opt-lld19-S", LINKERS["lld"].stripped),
        ("opt-mold-S", LINKERS["mold"].stripped),
        ("opt-bfd-S-nokeep", LINKERS["bfd"].sparing_stripped),
        ("opt-gold-both", LINKERS["gold"].sparing),
        ("opt-gold-S-both", LINKERS["gold"].sparing_stripped),
        ("exec-so-bfd", LINKERS["bfd"].against_shared),
        ("exec-so-gold", LINKERS["gold"].against_shared),
        ("exec-so-lld19", LINKERS["lld"].against_shared),
    ],
)
def test_what_a_link_cost_is_what_was_measured(case, cost):
    columns = ("peak_anonymous_mb", "peak_virtual_mb", "peak_rss_mb")
    assert (cost.anonymous, cost.virtual, cost.resident) == tuple(int(ROWS[case][each]) for each in columns)
