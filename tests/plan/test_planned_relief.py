"""What the agent is told of a variant's reliefs: programs and options, word for word."""

from __future__ import annotations

from dataclasses import replace

import example
import pytest

from arm_ci.agent.relief import Relief as Resolved
from arm_ci.agent.relief import reliefs_of_text, text_of_reliefs
from arm_ci.config.project import Relief, Selector
from arm_ci.plan import Choices
from arm_ci.plan.watching import watched


def resolved(relief: Relief, **axes: str) -> Resolved:
    recipe = example.recipe(example.config(relief=(relief,)), **axes)
    (found,) = recipe.reliefs(example.PLACES)
    return found


@pytest.mark.parametrize(
    ("relief", "axes", "expected"),
    [
        (Relief("a", debug_info="none"), {}, Resolved("a", add=("-g0", "-Wl,-S"))),
        (Relief("a", debug_info="line-tables"), {}, Resolved("a", add=("-g1",))),
        (Relief("a", debug_info="line-tables"), {"compiler": "clang"}, Resolved("a", add=("-gline-tables-only",))),
        (
            Relief("a", compiler="clang", debug_info="line-tables"),
            {},
            Resolved("a", programs=("clang", "clang++"), add=("-gline-tables-only",)),
        ),
        (
            Relief("a", ("src/*",), ("link",), "always", linker="lld", add=("-Wl,-S",), remove=("-Werror",)),
            {"linker": "gold-no-map"},
            Resolved(
                "a",
                ("src/*",),
                ("link",),
                True,
                remove=("-fuse-ld=gold", "-Wl,--no-map-whole-files", "-Werror"),
                linker=("-fuse-ld=lld",),
                linker_program="ld.lld",
                add=("-Wl,-S",),
            ),
        ),
        (
            Relief("a", linker="mclinker"),
            {},
            Resolved("a", remove=("-fuse-ld=bfd",), linker_program="ld.mcld", by_directory=True),
        ),
        (
            Relief("a", linker="lld"),
            {"linker": "mclinker"},
            Resolved("a", remove=("-B/w/b/support/linker",), linker=("-fuse-ld=lld",), linker_program="ld.lld"),
        ),
        (
            Relief("a", compiler="clang-for-pi"),
            {"compiler": "gcc-for-pi"},
            Resolved(
                "a",
                programs=("clang", "clang++"),
                add=("--target=aarch64-linux-gnu", "--sysroot=/srv/pi"),
            ),
        ),
    ],
)
def test_names_of_the_configuration_become_programs_and_options(relief, axes, expected):
    assert resolved(relief, **axes) == expected
    assert reliefs_of_text(text_of_reliefs([expected])) == (expected,)


def test_a_linker_with_options_of_its_own_brings_them():
    settings = example.config(relief=(Relief("a", linker="lld"),))
    lld = replace(settings.linkers["lld"], options=("--threads=1",))
    settings = replace(settings, linkers={**settings.linkers, "lld": lld})
    (found,) = example.recipe(settings).reliefs(example.PLACES)
    assert found.linker == ("-fuse-ld=lld", "-Wl,--threads=1")


def test_a_relief_is_for_the_variants_that_it_matches():
    settings = example.config(relief=(Relief("a", match=Selector(compiler=("clang",)), add=("-O0",)),))
    assert example.recipe(settings).reliefs(example.PLACES) == ()
    assert len(example.recipe(settings, compiler="clang").reliefs(example.PLACES)) == 1


@pytest.mark.parametrize(
    ("project", "is_told"),
    [({}, False), ({"relief": (Relief("a", add=("-O0",)),)}, True), ({"relief_from_trials": True}, True)],
)
def test_the_agent_is_told_of_the_file_where_there_may_be_reliefs(project, is_told):
    (command,) = example.recipe(example.config(**project)).build(example.PLACES, Choices(2))
    words = watched(command, example.PLACES, "build").argv
    assert ("--relief" in words) == is_told
    if is_told:
        assert words[words.index("--relief") + 1] == "/w/b/support/relief-build.json"
