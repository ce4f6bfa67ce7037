"""A linker that was not measured gets advice without figures, and never another linker's."""

from __future__ import annotations

import pytest
from made_up import GB, MB, advised, link, report, verdict

from arm_ci.agent.report import Limits

ARGVS = {
    "ld.mcld": ("g++", "-B/w/b/support/linkers/ld.mcld", "-o", "bin/app", "main.o"),
    "new": ("g++", "-fuse-ld=new", "-o", "bin/app", "main.o"),
}
NAMES = {"ld.mcld": "mclinker", "new": "new"}


def failed_link(kind, program, **limits):
    # The kernel knows a linker that is `ld` in a directory by that name alone.
    failed = link(900 * MB, "ld", argv=ARGVS[program])._replace(peak_virtual_bytes=1900 * MB)
    there = Limits(memory_bytes=925 * MB, **limits)
    return advised(verdict(kind, program=program, output="bin/app", scope="system"), report((failed,), there))


@pytest.mark.parametrize("program", ARGVS)
def test_where_memory_was_too_small_a_measured_one_is_advised_with_its_own_figures(program):
    because = {each.text: each.because for each in failed_link("oom-kill", program)}
    assert because["Link with lld (-fuse-ld=lld), or with mold."] == (
        "For mesos-execute 1.1.0 anonymous memory in MB was bfd 2,492, gold 1,605, lld 362, mold 633."
    )
    assert because["Link without debug information: -Wl,-S."] == (
        f"How much memory {NAMES[program]} takes was not measured."
    )


@pytest.mark.parametrize("program", ARGVS)
@pytest.mark.parametrize("kind", ["address-space", "alloc-failed"])
def test_no_figures_of_another_linker_stand_for_it(kind, program):
    texts = failed_link(kind, program, address_bits=32, address_top_bytes=2 * GB)
    about = [each for each in texts if "-Wl,-S" in each.text]
    assert [each.because for each in about] == [f"How much memory {NAMES[program]} takes was not measured."]
