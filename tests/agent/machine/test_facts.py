"""What is read of a machine, with the files of boards that are not here."""

from __future__ import annotations

import pytest

from arm_ci.agent.machine import facts
from arm_ci.agent.machine.sampling import Sampler
from arm_ci.agent.report import SAMPLE_COLUMNS

MAPS_64 = """55d0c0000000-55d0c0001000 r--p 00000000 08:01 1 /usr/bin/python3
7ffd1b3f0000-7ffd1b411000 rw-p 00000000 00:00 0 [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]
"""
# Of a Raspberry Pi's 32-bit kernel, which splits at 2 GB.
MAPS_32 = """00010000-00011000 r-xp 00000000 b3:02 1 /usr/bin/python3
7ee8f000-7eeb0000 rw-p 00000000 00:00 0 [stack]
7ef5d000-7ef5e000 r-xp 00000000 00:00 0 [sigpage]
ffff0000-ffff1000 r-xp 00000000 00:00 0 [vectors]
"""


@pytest.fixture
def files(monkeypatch):
    found: dict[str, str] = {}
    monkeypatch.setattr(facts, "read_text", found.get)
    return found


@pytest.mark.parametrize(("maps", "top"), [(MAPS_64, 0x7FFD1B411000), (MAPS_32, 0x7EF5E000), ("", None), ("x\n", None)])
def test_the_kernels_own_pages_do_not_count_as_address_space(maps, top):
    assert facts.address_top_bytes(maps) == top


def test_memory_is_in_bytes(files):
    files["/proc/meminfo"] = "MemTotal:  947700 kB\nHugePages_Total:  3\nDirectMap:\nnonsense\n"
    assert facts.memory_information() == {"MemTotal": 947700 * 1024, "HugePages_Total": 3}


def test_zram_is_what_swap_uses_of_it(files):
    lines = (
        "Filename Type Size Used",
        "/dev/zram0 partition 500 0",
        "/var/swap file 900 0",
        "/dev/zram1 partition 7 0",
    )
    files["/proc/swaps"] = "\n".join(lines)
    assert facts.zram_bytes() == 507 * 1024


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 total=250000\n", [1.5, 0.25]),
        ("some avg10=0.00 total=1500000\n", None),
        ("nonsense\nmore\n", None),
        ("", None),
    ],
)
def test_pressure_is_in_seconds(files, text, seconds):
    files["/proc/pressure/memory"] = text
    assert facts.pressure_seconds() == seconds


@pytest.mark.parametrize("soc", ["soc", "soc@107c000000"])
def test_the_firmware_of_a_raspberry_pi_tells_of_power_and_heat(tmp_path, soc):
    place = tmp_path / soc / f"{soc}:firmware"
    place.mkdir(parents=True)
    (place / "get_throttled").write_text("50005\n")
    found = facts.get_throttled(str(tmp_path))
    assert facts.throttling(found) == [
        "undervoltage now",
        "throttled now",
        "undervoltage since boot",
        "throttled since boot",
    ]


def test_other_boards_tell_nothing_of_it(tmp_path):
    (tmp_path / "soc").mkdir()
    assert facts.get_throttled(str(tmp_path)) is None
    assert facts.get_throttled(str(tmp_path / "none")) is None
    assert facts.throttling(None) == []


def test_the_hottest_zone_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(facts, "_THERMAL", str(tmp_path))
    for name, text in (
        ("thermal_zone0", "48312"),
        ("thermal_zone1", "61850"),
        ("thermal_zone2", "?"),
        ("cooling_device0", "9"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "temp").write_text(text + "\n")
    assert facts.temperature_celsius() == 61.85
    monkeypatch.setattr(facts, "_THERMAL", str(tmp_path / "none"))
    assert facts.temperature_celsius() is None


def test_a_machine_that_shows_nothing_has_unknown_samples_and_not_zeros(files, tmp_path):
    row = dict(zip(SAMPLE_COLUMNS, Sampler(str(tmp_path / "none"), None).row(1.0, 2, 3), strict=True))
    known = {name: value for name, value in row.items() if value is not None and name != "free_temporary_bytes"}
    assert known == {"seconds": 1.0, "edges_running": 2, "edges_bytes": 3}


def test_counters_are_told_as_what_they_grew_by_in_bytes_of_this_machines_pages(files, tmp_path, monkeypatch):
    monkeypatch.setattr(facts, "PAGE_BYTES", 16384)
    files["/proc/vmstat"] = "pswpin 10\npswpout 20\n"
    files["/proc/pressure/memory"] = "some total=1000000\nfull total=0\n"
    sampler = Sampler(str(tmp_path), None)
    files["/proc/vmstat"] = "pswpin 11\npswpout 23\n"
    files["/proc/pressure/memory"] = "some total=1500000\nfull total=250000\n"
    row = dict(zip(SAMPLE_COLUMNS, sampler.row(1.0, 0, 0), strict=True))
    assert (row["swapped_in_bytes"], row["swapped_out_bytes"]) == (16384, 3 * 16384)
    assert (row["pressure_some_seconds"], row["pressure_full_seconds"]) == (0.5, 0.25)
