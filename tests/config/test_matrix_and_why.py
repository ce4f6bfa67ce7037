"""The variants of a configuration, and why a combination is one of them."""

from pathlib import Path

import pytest
from small_configuration import B, P, read, write_files

from arm_ci.config import Config, variants
from arm_ci.config.why import UnknownCombination, why

INCLUDE = (
    "    include:\n      - {board: rpi4, compiler: gcc, linker: bfd, generator: make, debug_info: full}\n    exclude:"
)


def test_variants_are_the_product_minus_exclude_in_the_order_written(config: Config) -> None:
    names = [variant.name for variant in variants(config)]
    assert names[:5] == [
        "app-rpi4-gcc-bfd-ninja-full",
        "app-rpi4-gcc-lld-ninja-full",
        "app-rpi4-clang-bfd-ninja-full",
        "app-rpi4-clang-lld-ninja-full",
        "app-here-gcc-bfd-ninja-full",
    ]
    assert len(names) == 12


def test_an_include_brings_back_one_of_what_exclude_took(tmp_path: Path) -> None:
    config = read(write_files(tmp_path / "config", {P: [("    exclude:", INCLUDE)]}))
    assert variants(config)[-1].name == "app-rpi4-gcc-bfd-make-full"


def test_the_first_tier_that_matches_decides(config: Config) -> None:
    tiers = {variant.name: variant.tier for variant in variants(config)}
    assert tiers["app-here-gcc-bfd-ninja-full"] == "commit"
    assert tiers["app-here-gcc-lld-ninja-full"] == "force"


def said(config: Config, text: str) -> str:
    return str(why(config, text)).replace(f"{config.directory}/", "")


def test_a_variant_is_in_with_the_rule_of_its_tier(config: Config) -> None:
    assert said(config, "app-here-gcc-bfd-ninja-full") == (
        "app-here-gcc-bfd-ninja-full is in, from the product of the axes (projects.yaml:7).\n"
        "Tier commit: by matrix.tiers.commit[0] (projects.yaml:17)."
    )


def test_a_variant_without_a_tier_says_that_a_person_asks_for_it(config: Config) -> None:
    assert said(config, "app-rpi4-gcc-bfd-ninja-full") == (
        "app-rpi4-gcc-bfd-ninja-full is in, from the product of the axes (projects.yaml:7).\n"
        "Tier force: no rule of matrix.tiers matches it, so it builds when a person asks."
    )


def test_an_excluded_combination_says_the_rule_and_its_reason(config: Config) -> None:
    assert said(config, "board=rpi4, generator=make compiler=gcc linker=lld debug-info=full project=app") == (
        "app-rpi4-gcc-lld-make-full is out: excluded by matrix.exclude[0] (projects.yaml:13): ninja is enough there."
    )


def test_a_combination_beyond_the_axes_says_which_axis_lacks_it(config: Config) -> None:
    assert said(config, "app-rpi4-gcc-8-odd-ninja-full") == (
        "app-rpi4-gcc-8-odd-ninja-full is out: compiler `gcc-8` is not in matrix.compilers (projects.yaml:9), "
        "linker `odd` is not in matrix.linkers (projects.yaml:10)."
    )


def test_an_included_combination_names_the_include(tmp_path: Path) -> None:
    config = read(write_files(tmp_path / "config", {P: [("    exclude:", INCLUDE)]}))
    assert said(config, "app-rpi4-gcc-bfd-make-full").startswith(
        "app-rpi4-gcc-bfd-make-full is in, by matrix.include[0] (projects.yaml:13)."
    )


def test_a_part_of_a_combination_says_how_many_match_and_why_others_do_not(config: Config) -> None:
    answer = why(config, "rpi4 lld")
    assert answer.included == 2
    assert said(config, "rpi4 lld") == (
        "app: 2 variants of this combination\n"
        "  in: app-rpi4-gcc-lld-ninja-full\n"
        "  in: app-rpi4-clang-lld-ninja-full\n"
        "  out: 2 combinations, excluded by matrix.exclude[0] (projects.yaml:13): ninja is enough there"
    )


def test_a_variant_with_helpers_keeps_its_name_and_says_which_they_are(tmp_path: Path) -> None:
    edits = {
        B: [("  memory: 3792M", "  memory: 3792M\n  distcc: [192.168.1.10/8, '[fd00::10]:3700/4']")],
        P: [("    tiers:", "    distcc:\n      - {board: rpi4, compiler: clang}\n      - {board: rpi4}\n    tiers:")],
    }
    config = read(write_files(tmp_path / "config", edits))
    helped = [variant.name for variant in variants(config) if variant.distcc]
    assert helped == [
        f"app-rpi4-{compiler}-{linker}-ninja-full" for compiler in ("gcc", "clang") for linker in ("bfd", "lld")
    ]
    assert said(config, "app-rpi4-clang-bfd-ninja-full").splitlines()[-1] == (
        "Compiles go to `192.168.1.10/8` and `[fd00::10]:3700/4`: by matrix.distcc[0] (projects.yaml:16)."
    )
    assert "matrix.distcc[1]" in said(config, "app-rpi4-gcc-bfd-ninja-full")
    assert "Compiles" not in said(config, "app-here-gcc-bfd-ninja-full")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "empty; expected a builder's name, or words such as `board=rpi4 lld`"),
        ("linker=lldd", "unknown linker `lldd`; did you mean `lld`?"),
        ("linkr=lld", "unknown axis `linkr`; did you mean `linker`?"),
        ("rpi44 lld", "`rpi44` is neither a builder's name nor a value of an axis; did you mean `rpi4`?"),
        ("rpi5", "`rpi5` is neither a builder's name nor a value of an axis; did you mean `rpi4`?"),
        (
            "app-rpi4-gcc-ldd-ninja-full",
            "`app-rpi4-gcc-ldd-ninja-full` is neither a builder's name nor a value of an axis; "
            "did you mean `app-rpi4-gcc-lld-ninja-full`?",
        ),
        ("rpi4 here", "two values for board: `rpi4` and `here`; give one"),
        ("debug_info=fll", "unknown debug info `fll`; did you mean `full`?"),
    ],
)
def test_words_that_the_configuration_does_not_have_are_said(config: Config, text: str, sentence: str) -> None:
    with pytest.raises(UnknownCombination) as caught:
        why(config, text)
    assert str(caught.value) == sentence
