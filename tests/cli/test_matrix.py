"""`arm-ci matrix`."""

import json
from pathlib import Path

import pytest

from arm_ci.cli import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def without_a_site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arm_ci.cli.options.site_of", lambda _: None)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["matrix", *words])
    out, err = capsys.readouterr()
    return status, out, err


def test_the_table_names_each_variant_with_its_axes_and_tier(capsys: pytest.CaptureFixture[str]) -> None:
    filters = ("--project", "llvm", "--board", "rpi5", "--compiler", "clang", "--linker", "lld")
    assert run(capsys, *filters) == (
        0,
        "name                                   project  board  compiler  linker  generator  debug info   tier\n"
        "llvm-rpi5-clang-lld-ninja-none         llvm     rpi5   clang     lld     ninja      none         nightly\n"
        "llvm-rpi5-clang-lld-ninja-line-tables  llvm     rpi5   clang     lld     ninja      line-tables  force\n"
        "2 variants\n",
        "",
    )


def test_a_filter_given_twice_matches_either_value(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--json", "--linker", "lld", "--linker", "mold")
    assert status == 0
    assert {variant["linker"] for variant in json.loads(out)} == {"lld", "mold"}


def test_json_is_a_list_of_objects_with_a_key_for_each_axis(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "--json", "--project", "sample", "--debug-info", "split", "--tier", "force")
    assert json.loads(out) == [
        {
            "name": "sample-local-gcc-bfd-ninja-split",
            "project": "sample",
            "board": "local",
            "compiler": "gcc",
            "linker": "bfd",
            "generator": "ninja",
            "debug_info": "split",
            "tier": "force",
            "distcc": False,
        }
    ]


def test_filters_that_nothing_matches_give_an_empty_result(capsys: pytest.CaptureFixture[str]) -> None:
    filters = ("--project", "llvm", "--generator", "kati")
    assert run(capsys, *filters) == (0, "0 variants\n", "")
    assert run(capsys, "--json", *filters) == (0, "[]\n", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--linker", "lldd"), "arm-ci: --linker: unknown `lldd`; did you mean `lld`?\n"),
        (("--debug-info", "ful"), "arm-ci: --debug-info: unknown `ful`; did you mean `full`?\n"),
        (("--tier", "weekly"), "arm-ci: --tier: unknown `weekly`; there are `commit`, `nightly`, `force`\n"),
        (("--why", "linker=lldd"), "arm-ci: --why: unknown linker `lldd`; did you mean `lld`?\n"),
        (
            ("--why", "lld", "--json"),
            "arm-ci: --why takes the whole combination as its text; leave --json and the filters out\n",
        ),
    ],
)
def test_a_name_that_is_not_in_the_configuration_is_a_mistake_of_usage(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    assert run(capsys, *words) == (2, "", message)


def test_why_says_the_rule_and_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--why", "mesos-rpi3-armhf-gcc-bfd-ninja-full")
    assert status == 0
    assert out.startswith(
        f"mesos-rpi3-armhf-gcc-bfd-ninja-full is out: excluded by matrix.exclude[0] ({ROOT}/config/projects.yaml:"
    )
    assert out.endswith("): the cmake build of Mesos stops on 32-bit systems, where CMAKE_SIZEOF_VOID_P is not 8.\n")
