"""What the agent is told of a variant's fallbacks: programs and options, word for word."""

from __future__ import annotations

from dataclasses import replace

import example
import pytest

from arm_ci.agent.fallback.fallbacks_file import Fallback as Resolved
from arm_ci.agent.fallback.fallbacks_file import fallbacks_of_text, text_of_fallbacks
from arm_ci.config.project import Fallback, Selector
from arm_ci.plan import Choices
from arm_ci.plan.agent_command import watched


def resolved(fallback: Fallback, **axes: str) -> Resolved:
    recipe = example.recipe(example.config(fallback=(fallback,)), **axes)
    (found,) = recipe.fallbacks(example.PLACES)
    return found


@pytest.mark.parametrize(
    ("fallback", "axes", "expected"),
    [
        (Fallback("a", debug_info="none"), {}, Resolved("a", add=("-g0", "-Wl,-S"))),
        (Fallback("a", debug_info="line-tables"), {}, Resolved("a", add=("-g1",))),
        (Fallback("a", debug_info="line-tables"), {"compiler": "clang"}, Resolved("a", add=("-gline-tables-only",))),
        (
            Fallback("a", compiler="clang", debug_info="line-tables"),
            {},
            Resolved("a", programs=("clang", "clang++"), add=("-gline-tables-only",)),
        ),
        (
            Fallback("a", ("src/*",), ("link",), "always", linker="lld", add=("-Wl,-S",), remove=("-Werror",)),
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
            Fallback("a", linker="mclinker"),
            {},
            Resolved("a", remove=("-fuse-ld=bfd",), linker_program="ld.mcld", by_directory=True),
        ),
        (
            Fallback("a", linker="lld"),
            {"linker": "mclinker"},
            Resolved(
                "a", remove=("-B/w/b/support/linkers/ld.mcld",), linker=("-fuse-ld=lld",), linker_program="ld.lld"
            ),
        ),
        (
            Fallback("a", compiler="clang-for-pi"),
            {"compiler": "gcc-for-pi"},
            Resolved(
                "a",
                programs=("clang", "clang++"),
                add=("--target=aarch64-linux-gnu", "--sysroot=/srv/pi"),
            ),
        ),
    ],
)
def test_names_of_the_configuration_become_programs_and_options(fallback, axes, expected):
    assert resolved(fallback, **axes) == expected
    assert fallbacks_of_text(text_of_fallbacks([expected])) == (expected,)


def test_a_linker_with_options_of_its_own_brings_them():
    settings = example.config(fallback=(Fallback("a", linker="lld"),))
    lld = replace(settings.linkers["lld"], options=("--threads=1",))
    settings = replace(settings, linkers={**settings.linkers, "lld": lld})
    (found,) = example.recipe(settings).fallbacks(example.PLACES)
    assert found.linker == ("-fuse-ld=lld", "-Wl,--threads=1")


def test_a_fallback_is_for_the_variants_that_it_matches():
    settings = example.config(fallback=(Fallback("a", match=Selector(compiler=("clang",)), add=("-O0",)),))
    assert example.recipe(settings).fallbacks(example.PLACES) == ()
    assert len(example.recipe(settings, compiler="clang").fallbacks(example.PLACES)) == 1


@pytest.mark.parametrize(
    ("project", "is_told"),
    [({}, False), ({"fallback": (Fallback("a", add=("-O0",)),)}, True), ({"fallback_from_trials": True}, True)],
)
def test_the_agent_is_told_of_the_file_where_there_may_be_fallbacks(project, is_told):
    (command,) = example.recipe(example.config(**project)).build(example.PLACES, Choices(2))
    words = watched(command, example.PLACES, "build").argv
    assert ("--fallback" in words) == is_told
    if is_told:
        assert words[words.index("--fallback") + 1] == "/w/b/support/fallback-build.json"
