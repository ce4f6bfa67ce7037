"""Each compiler and linker that ships is in the table of tools, and whoever asks about it gets an answer."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from judged import judged

from arm_ci.agent import tools
from arm_ci.agent.admission.expectation import Expectation
from arm_ci.agent.edges.command_line import is_edge_program, parse_command
from arm_ci.agent.fallback.command_change import changed_command
from arm_ci.agent.fallback.fallbacks_file import Fallback
from arm_ci.agent.link_trial.installed_linkers import Linker as InstalledLinker
from arm_ci.agent.link_trial.installed_linkers import option_sets
from arm_ci.agent.peaks import Peaks
from arm_ci.config import Host, Variant, load
from arm_ci.config.keys import CompilerFamily, DebugInfo
from arm_ci.config.model import Compiler, Linker
from arm_ci.plan import Facts, Places, Recipe
from arm_ci.plan.requirements import missing, probe_request

CONFIG = load(None, Host("amd64", 2, 8 << 30, 0, "debian-12"))
LINKERS = list(CONFIG.linkers.values())
COMPILERS = list(CONFIG.compilers.values())
PLACES = Places.below("/w/b")
NATIVE = Variant("mesos", "rpi3-arm64", "gcc", "bfd", "ninja", "full", "force")
by_name = pytest.mark.parametrize("linker", LINKERS, ids=lambda linker: linker.name)


def known(linker: Linker) -> tools.Linker:
    found = tools.linker_of_program(linker.program)
    assert found in tools.LINKERS, f"{linker.program} is not in the table of tools"
    return found


def link_flags(linker: Linker) -> tuple[str, ...]:
    return Recipe(CONFIG, replace(NATIVE, linker=linker.name)).toolchain(PLACES).link_flags


@by_name
def test_a_shipped_linker_is_chosen_as_the_table_says(linker: Linker):
    row = known(linker)
    if linker.selection == "fuse-ld":
        assert linker.program == row.fuse_ld_program
        assert linker.compilers == {"gcc": f">={row.gcc_since}" if row.gcc_since else "", "clang": ""}
        assert link_flags(linker)[0] == f"-fuse-ld={row.name}"
    else:
        assert linker.program in row.programs
        assert link_flags(linker)[0] == f"-B/w/b/support/linkers/{linker.program}"


@by_name
def test_who_reads_the_command_of_a_link_knows_its_linker(linker: Linker):
    words = ("g++", *link_flags(linker), "a.o", "-o", "app")
    assert tools.asked_linker(words) is known(linker)
    log = f"FAILED: app \n: && {' '.join(words)} && :\ncollect2: fatal error: ld terminated with signal 9 [Killed]\n"
    assert judged(log).program == known(linker).program


@by_name
def test_a_link_with_it_is_expected_to_take_what_the_table_says(linker: Linker, tmp_path):
    (tmp_path / "a.o").write_bytes(bytes(1 << 20))
    edge = parse_command(("g++", *link_flags(linker), "a.o", "-o", "app"), str(tmp_path))
    found = Expectation(Peaks(), str(tmp_path)).of(edge)
    assert found.need_bytes == int((1 << 20) * known(linker).memory_factor) + (64 << 20)


@by_name
def test_another_linker_takes_its_place(linker: Linker, tmp_path):
    edge = parse_command(("g++", *link_flags(linker), "a.o", "-o", "app"), str(tmp_path))
    other = Fallback("other", linker=("-B/w/linkers/ld.other",), linker_program="ld.other")
    instead = changed_command(other, edge)
    assert instead
    assert tools.asked_linker(instead) == tools.linker_named("ld.other")


@by_name
def test_its_own_words_are_its_errors(linker: Linker):
    program = known(linker).program
    verdict = judged(f"{program}: error: undefined symbol: main\n{program}: fatal error: cannot open b.o\n")
    assert (verdict.kind, verdict.program) == ("link-error", program)


@by_name
def test_a_trial_tries_it_plain_and_with_the_options_of_the_table(linker: Linker):
    row = known(linker)
    sets = option_sets(InstalledLinker(row.name, row.name, linker.program, "20.1"), strips=False)
    sparing = tools.sparing_options(row, "20.1")
    assert sets == [(), ("-S",), *([sparing, (*sparing, "-S")] if sparing else [])]


@by_name
def test_a_worker_without_it_is_told_so(linker: Linker):
    recipe = Recipe(CONFIG, replace(NATIVE, linker=linker.name))
    assert linker.program in probe_request(recipe, PLACES)["programs"]
    there = Facts("arm64", "debian-12", 4, 1 << 30, 4 << 30, 1 << 40)
    said = [sentence for sentence in missing(recipe, PLACES, there, "worker `w`") if "linker" in sentence]
    assert [sentence.partition(" is not on")[0] for sentence in said] == [f"linker `{linker.program}`"]


@pytest.mark.parametrize("row", tools.LINKERS, ids=lambda row: row.name)
def test_a_row_says_how_its_linker_presents_itself_and_what_it_takes(row: tools.Linker):
    assert row.version_line
    assert row.memory_factor > 0
    assert row.memory_source
    assert all(tools.linker_of_program(name) is row for name in (row.name, *row.programs, *row.message_names))


@pytest.mark.parametrize("compiler", COMPILERS, ids=lambda compiler: compiler.name)
def test_a_shipped_compiler_is_of_a_family_of_the_table_and_makes_edges(compiler: Compiler):
    family = tools.compiler_of_family(compiler.family)
    toolchain = Recipe(CONFIG, replace(NATIVE, compiler=compiler.name)).toolchain(PLACES)
    for program in (toolchain.c_compiler, toolchain.cxx_compiler):
        assert tools.compiler_of_program(program) is family
        assert is_edge_program(program.rpartition("/")[2])
    assert toolchain.debug_flags == family.debug_info[NATIVE.debug_info]
    log = "x.cpp:1:1: fatal error: y.h: No such file or directory\nmake: *** [Makefile:5: x.o] Error 1\n"
    said = judged(f"{toolchain.cxx_compiler} -c x.cpp -o x.o\n{log}")
    assert tools.compiler_of_program(said.program or "") is family


def test_the_configuration_and_the_table_name_the_same_families_and_debug_info():
    assert get_args(CompilerFamily) == tuple(each.family for each in tools.COMPILERS)
    assert all(tuple(each.debug_info) == get_args(DebugInfo) for each in tools.COMPILERS)
