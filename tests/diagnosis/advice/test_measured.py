"""What advice says was measured is what stands in the table of measurements."""

import csv
from pathlib import Path

import pytest

from arm_ci.diagnosis.advice import measured

TABLE = Path(__file__).resolve().parents[2] / "data" / "measurements" / "mesos-1.1.0-links.tsv"
with TABLE.open(encoding="utf-8", newline="") as lines:
    ROWS = {row["case"]: row for row in csv.DictReader(lines, delimiter="\t")}


@pytest.mark.parametrize(
    ("case", "cost"),
    [
        ("execute-bfd-free", measured.LINKS["bfd"]),
        ("execute-gold-free", measured.LINKS["gold"]),
        ("execute-lld19-free", measured.LINKS["lld"]),
        ("execute-mold-free-nofork", measured.LINKS["mold"]),
        ("opt-bfd-S", measured.STRIPPED["bfd"]),
        ("opt-gold-S", measured.STRIPPED["gold"]),
        ("opt-lld19-S", measured.STRIPPED["lld"]),
        ("opt-mold-S", measured.STRIPPED["mold"]),
        ("opt-bfd-S-nokeep", measured.BFD_SPARING),
        ("opt-gold-both", measured.GOLD_SPARING),
        ("opt-gold-S-both", measured.GOLD_SPARING_STRIPPED),
        ("exec-so-bfd", measured.AGAINST_SHARED["bfd"]),
        ("exec-so-gold", measured.AGAINST_SHARED["gold"]),
        ("exec-so-lld19", measured.AGAINST_SHARED["lld"]),
    ],
)
def test_what_a_link_cost_is_what_was_measured(case, cost):
    columns = ("peak_anonymous_mb", "peak_virtual_mb", "peak_rss_mb")
    assert (cost.anonymous, cost.virtual, cost.resident) == tuple(int(ROWS[case][each]) for each in columns)
