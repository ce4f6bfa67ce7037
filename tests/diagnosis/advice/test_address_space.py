"""Advice where the address space was too small, down to its words and figures."""

from dataclasses import replace

import pytest
from made_up import GB, LINK, MB, advised, link, report, verdict

from arm_ci.agent.report import Limits
from arm_ci.diagnosis.verdict import Evidence

GOLD_SPARING = "Link with gold's -Wl,--no-map-whole-files,--no-mmap-output-file."


def texts(*args):
    return [each.text for each in advised(*args)]


def pairs(*args):
    return [(each.text, each.because) for each in advised(*args)]


def small_addresses(linker="gold", top=0x7F00_0000, model="Raspberry Pi 3 Model B", **limits):
    failed = link(900 * MB, f"ld.{linker}", argv=("g++", f"-fuse-ld={linker}", *LINK[1:]), address_bits=32)
    failed = failed._replace(peak_virtual_bytes=1900 * MB)
    there = Limits(memory_bytes=925 * MB, swap_bytes=4 * GB, address_bits=32, address_top_bytes=top, **limits)
    found = verdict(
        "address-space",
        program=f"ld.{linker}",
        output="bin/app",
        bytes=1200 * MB,
        used_bytes=1900 * MB,
        had_bytes=there.rlimit_as_bytes or top,
    )
    return found, report((failed,), there, host={"model": model})


def test_gold_in_a_small_address_space_gets_its_own_options_first():
    assert pairs(*small_addresses()) == [
        (
            GOLD_SPARING,
            "For mesos-execute 1.1.0 it took 2,127 instead of gold's 3,367 MB of addresses: here 1.9 GB or more "
            "instead of the 3.0 GB that ld.gold had or asked for; there are 2.0 GB.",
        ),
        (
            "The same and no debug information: -Wl,--no-map-whole-files,--no-mmap-output-file,-S.",
            "For mesos-execute 1.1.0 it took 1,328 instead of gold's 3,367 MB of addresses: here 1.2 GB or more "
            "instead of the 3.0 GB that ld.gold had or asked for; there are 2.0 GB.",
        ),
        (
            "On a Raspberry Pi set arm_64bit=1 in config.txt: a 64-bit kernel gives 32-bit programs about 4 GB.",
            "A program of this userland has 2.0 GB of addresses; the 32-bit kernel keeps the rest for itself.",
        ),
        (
            "Use a 64-bit OS, or cross-build on one: it has no such limit.",
            "A program of this userland has 2.0 GB of addresses; RAM and swap were not the limit, so more of them "
            "changes nothing.",
        ),
        (
            "Make a shared library of the largest static archive and link against it; the library itself has to be "
            "linked once, with the same options.",
            "For mesos-execute 1.1.0 bfd took 203 instead of 2,507 MB of addresses.",
        ),
        (
            "Compile with less debug information: -g1 or -g0.",
            "Linkers map their input: for mesos-execute 1.1.0 without debug information lld took 2,357 instead of "
            "2,640 MB of addresses, mold 1,912 instead of 2,547.",
        ),
    ]


@pytest.mark.parametrize("linker", ["bfd", "gold", "lld", "mold"])
def test_a_small_address_space_is_never_met_with_swap_jobs_or_a_linker_of_more_addresses(linker):
    found = " ".join(texts(*small_addresses(linker)))
    assert not any(word in found for word in ("of swap", "zram", "-j", "memory limit"))
    assert "with lld" not in found or linker == "gold"


@pytest.mark.parametrize(
    ("linker", "said", "asked", "which"),
    [
        ("gold", "x: mmap: failed to allocate 3800007904 bytes for output file: No", 3800007904, "output of 3.5 GB"),
        ("lld", "ld.lld: error: failed to open bin/app: Cannot allocate memory", None, "output"),
        ("mold", "mold: fatal: ftruncate failed: Invalid argument", None, "output"),
    ],
)
def test_an_output_that_no_linker_can_map_gets_no_linker_and_no_option_that_leaves_it_as_large(
    linker, said, asked, which
):
    found, there = small_addresses(linker, top=0xFFFF_0000)
    found = replace(found, bytes=asked, evidence=(Evidence("log", 7, said, "the program's own words"),))
    why = (
        f"Its {which} did not fit in one piece, and gold (with --no-mmap-output-file too), lld and mold all need that."
    )
    assert pairs(found, there) == [
        (
            "Use a 64-bit OS, or cross-build on one: it has no such limit.",
            "A program of this userland has 4.0 GB of addresses; RAM and swap were not the limit, so more of them "
            "changes nothing.",
        ),
        ("Link without debug information: -Wl,-S.", why),
        ("Compile with less debug information: -g1 or -g0.", why),
        ("Make a shared library of the largest static archive and link against it.", why),
    ]


def test_an_output_that_is_the_smaller_part_leaves_other_maps_to_save():
    found, there = small_addresses()
    said = "x: mmap: failed to allocate 524288000 bytes for output file: No"
    small = replace(found, bytes=500 * MB, evidence=(Evidence("log", 7, said, "the program's own words"),))
    assert texts(small, there)[0] == GOLD_SPARING


def test_a_64_bit_kernel_and_another_board_get_no_word_for_config_txt():
    assert not any("arm_64bit" in text for text in texts(*small_addresses(top=0xFFFF_0000)))
    assert not any("arm_64bit" in text for text in texts(*small_addresses(model="ODROID-XU4")))


def test_a_limit_of_addresses_is_raised_to_what_was_asked_for():
    found = pairs(*small_addresses("bfd", rlimit_as_bytes=1000 * MB))
    assert found[0] == (
        "Lift the limit of addresses (`ulimit -v unlimited`), or raise it to at least `ulimit -v 4194304`.",
        "RLIMIT_AS allows 1000 MB; ld.bfd had 1.9 GB and asked for 1.2 GB more.",
    )
    assert not any("64" in text for text, _ in found[1:])
