"""A linker is named as the one that it is, also when it is only an `ld` in a directory."""

from __future__ import annotations

import pytest
from judged import judged, said
from made_up import MB, link, report

COLLECT2 = "collect2: fatal error: ld terminated with signal {} [{}]\ncompilation terminated.\n"
NINJA = "FAILED: bin/app \n: && /usr/bin/g++ {} main.o -o bin/app && :\n" + COLLECT2
MCLINKER = "-B/w/b/support/linkers/ld.mcld"


@pytest.mark.parametrize(
    ("words", "program"),
    [
        *(("", "ld"), ("-fuse-ld=gold", "ld.gold"), ("-fuse-ld=mold", "mold"), ("-fuse-ld=lld-19", "ld.lld")),
        *((MCLINKER, "ld.mcld"), ("-B/usr/libexec/mold", "mold"), ("'-B/a b/linkers/ld.mcld'", "ld.mcld")),
        ("-fuse-ld=new", "new"),
    ],
)
def test_the_logged_command_says_which_linker_was_killed(words, program):
    assert said(judged(NINJA.format(words, 9, "Killed"))) == ("oom-kill", program, "bin/app", None)


@pytest.mark.parametrize(
    ("words", "kind"),
    [(MCLINKER, "disk-full"), ("-fuse-ld=lld", "disk-full"), ("-fuse-ld=bfd", "compiler-crash"), ("", "disk-full")],
)
def test_a_bus_error_is_a_full_disk_where_the_linker_maps_its_output_or_nobody_knows_which_it_is(words, kind):
    assert judged(NINJA.format(words, 7, "Bus error")).kind == kind


def test_the_failed_edges_command_says_it_where_the_log_does_not():
    failed = link(900 * MB, "ld", argv=("g++", MCLINKER, "-o", "bin/app", "main.o"))
    verdict = judged(COLLECT2.format(9, "Killed"), report((failed,)))
    assert (verdict.program, verdict.output) == ("ld.mcld", "bin/app")
