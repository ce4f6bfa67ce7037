"""`arm-ci patches` at the terminal: what it prints, and its exit statuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from sites import whole_site

from arm_ci import cli
from arm_ci.cli import patches
from arm_ci.config import load
from arm_ci.config.project import UpstreamVersion

HEADER = "Title of {name}\n\nWhat: x\nWhy: x\nUpstream: x\nNeeded for: x\n\n"
DIFF = "--- a/{file}\n+++ b/{file}\n@@ -1,3 +1,3 @@\n one\n-two\n+{new}\n three\n"
SERIES = """\
patches:
  - file: always.patch
  - file: arm.patch
    needed_for: {versions: "<1.5", architectures: [arm64], compilers: {gcc: ">=11", clang: ""}, generators: [ninja]}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The shipped configuration with a small patch set for mesos, and none for other projects."""
    projects = "sample: {patch_set: none}\nmesos:\nllvm:\n"
    directory = whole_site(tmp_path / "config", projects=projects) / "patches" / "mesos"
    directory.mkdir(parents=True)
    (directory / "series.yaml").write_text(SERIES)
    for name, file, new in (("always", "a", "2"), ("arm", "b", "ii")):
        (directory / f"{name}.patch").write_text(HEADER.format(name=name) + DIFF.format(file=file, new=new))
    return tmp_path / "config"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    tree = tmp_path / "src"
    tree.mkdir()
    (tree / "configure.ac").write_text("AC_INIT([mesos], [1.1.0])\n")
    for name in ("a", "b"):
        (tree / name).write_text("one\ntwo\nthree\n")
    return tree


def run(config: Path, *arguments: str) -> int:
    action, *rest = arguments
    return cli.main(["patches", action, "--site", str(config), *rest])


def test_list_shows_what_each_patch_does_and_what_needs_it(config: Path, capsys: pytest.CaptureFixture[str]):
    assert run(config, "list", "--project", "mesos") == 0
    assert capsys.readouterr().out == (
        "mesos: 2 patches\n"
        "  always: Title of always\n"
        "    needed for every variant\n"
        "  arm: Title of arm\n"
        "    needed for versions <1.5; arm64; gcc >=11 or clang; ninja\n"
    )


def test_list_without_a_project_lists_all(config: Path, capsys: pytest.CaptureFixture[str]):
    assert run(config, "list") == 0
    out = capsys.readouterr().out
    assert "mesos: 2 patches\n" in out
    assert "llvm: no patches\n" in out


def test_list_prints_json(config: Path, capsys: pytest.CaptureFixture[str]):
    assert run(config, "list", "--json") == 0
    first, second = json.loads(capsys.readouterr().out)
    assert first == {
        "project": "mesos",
        "name": "always",
        "state": "not checked",
        "reason": "needed for every variant",
        "title": "Title of always",
    }
    assert second["name"] == "arm"


def test_check_tells_the_project_by_the_sources_and_changes_nothing(
    config: Path, source: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(config, "check", "--source", str(source), "--architecture", "amd64") == 0
    assert capsys.readouterr().out == (
        "mesos 1.1.0 (told by configure.ac)\n"
        "  applies     always  changes a\n"
        "  not needed  arm     needed for arm64; this is amd64\n"
    )
    assert (source / "a").read_text() == "one\ntwo\nthree\n"


def test_apply_applies_and_a_second_apply_has_nothing_to_do(
    config: Path, source: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(config, "apply", "--source", str(source)) == 0
    assert capsys.readouterr().out.endswith("applied 2 patches\n")
    assert (source / "b").read_text() == "one\nii\nthree\n"
    assert run(config, "apply", "--source", str(source)) == 0
    assert capsys.readouterr().out == (
        "mesos 1.1.0 (told by configure.ac)\n"
        "  already upstream  always  its lines stand in the tree already\n"
        "  already upstream  arm     its lines stand in the tree already\n"
        "nothing to apply\n"
    )


def test_a_conflict_ends_with_1_and_changes_nothing(config: Path, source: Path, capsys: pytest.CaptureFixture[str]):
    (source / "b").write_text("one\nzwei\nthree\n")
    assert run(config, "apply", "--source", str(source)) == 1
    assert capsys.readouterr().out == (
        "mesos 1.1.0 (told by configure.ac)\n"
        "  applies    always  changes a\n"
        "  conflicts  arm     b, hunk 1: expected `two` at line 2, found `zwei`\n"
        "nothing was changed, because a patch conflicts\n"
    )
    assert (source / "a").read_text() == "one\ntwo\nthree\n"


def test_check_prints_json(config: Path, source: Path, capsys: pytest.CaptureFixture[str]):
    assert run(config, "check", "--source", str(source), "--json", "--upstream-version", "1.11.0") == 0
    assert json.loads(capsys.readouterr().out) == [
        {"name": "always", "state": "applies", "reason": "changes a"},
        {"name": "arm", "state": "not needed", "reason": "needed for versions <1.5; this is 1.11.0"},
    ]


@pytest.mark.parametrize(
    ("axes", "reason"),
    [
        (("--compiler", "gcc-10"), "needed for gcc >=11 or clang; this is gcc 10"),
        (("--generator", "make"), "needed for ninja; this is make"),
        (("--compiler", "clang", "--generator", "ninja"), "changes b"),
    ],
)
def test_axes_are_named_one_by_one(
    config: Path, source: Path, capsys: pytest.CaptureFixture[str], axes: tuple[str, ...], reason: str
):
    assert run(config, "check", "--source", str(source), "--json", *axes) == 0
    assert json.loads(capsys.readouterr().out)[1]["reason"] == reason


def test_a_variant_names_every_axis_and_the_project(config: Path, source: Path, capsys: pytest.CaptureFixture[str]):
    from arm_ci.config import load, variants

    loaded = load(config)
    chosen = next(
        variant
        for variant in variants(loaded)
        if variant.project == "mesos" and loaded.boards[variant.board].architecture == "arm64"
    )
    assert run(config, "check", "--source", str(source), "--variant", chosen.name, "--generator", "make") == 0
    assert capsys.readouterr().out == (
        "mesos 1.1.0\n  applies     always  changes a\n  not needed  arm     needed for ninja; this is make\n"
    )
    assert run(config, "check", "--source", str(source), "--variant", chosen.name, "--project", "llvm") == 2
    assert capsys.readouterr().err == f"arm-ci: variant `{chosen.name}` is of project mesos, not llvm\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("list", "--project", "meso"), "arm-ci: no project `meso`; did you mean `mesos`?\n"),
        (("check", "--source", "{tmp}/no"), "arm-ci: {tmp}/no: no such directory\n"),
        (("check", "--source", "{tmp}/no", "--project", "mesos"), "arm-ci: {tmp}/no: no such directory\n"),
        (
            ("check", "--source", "{tmp}"),
            "arm-ci: {tmp} looks like no project; name it with --project: {projects}\n",
        ),
        (("check", "--source", "{tmp}/src", "--compiler", "gc"), "arm-ci: no compiler `gc`; did you mean `gcc`?\n"),
    ],
)
def test_a_mistake_of_the_caller_is_one_line_and_2(
    config: Path,
    source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
):
    from arm_ci.config import load

    projects = ", ".join(f"`{name}`" for name in load(config).projects)
    assert run(config, *(argument.format(tmp=tmp_path) for argument in arguments)) == 2
    assert capsys.readouterr().err == message.format(tmp=tmp_path, projects=projects)


def test_mistakes_in_the_patch_set_are_told_with_their_place_and_2(
    config: Path, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    series = config / "patches/mesos/series.yaml"
    series.write_text(SERIES.replace("arm64", "arm65").replace("file: always", "file: alway"))
    for action in (("list", "--project", "mesos"), ("check", "--source", str(source))):
        assert run(config, *action) == 2
        assert capsys.readouterr().err == (
            f"{series.parent}/always.patch:1:1: not listed in series.yaml: list it or remove it\n"
            f"{series}:2:11: file: there is no `alway.patch`; did you mean `always.patch`?\n"
            f"{series}:4:52: architectures: unknown name `arm65`; did you mean `arm64`?\n"
        )


def test_a_tree_that_cannot_be_resolved_is_3(config: Path, source: Path, capsys: pytest.CaptureFixture[str]):
    (source / ".arm_ci-patches").write_text("")
    assert run(config, "apply", "--source", str(source)) == 3
    assert capsys.readouterr().err == f"arm-ci: {source}/.arm_ci-patches: expected a directory of ours; remove it\n"


def test_a_version_file_that_cannot_be_is_a_line_not_a_traceback(
    config: Path, source: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    loaded = load(config)
    mesos = replace(loaded.projects["mesos"], version=UpstreamVersion("./configure.ac", "([0-9])"))
    monkeypatch.setattr(patches, "load_config", lambda _: replace(loaded, projects={"mesos": mesos}))
    assert run(config, "check", "--project", "mesos", "--source", str(source)) == 2
    assert capsys.readouterr().err == (
        "arm-ci: project `mesos`: `version`: ./configure.ac: expected a path inside the source tree, "
        "without `.` and `..`\n"
    )
