"""`arm-ci init` makes a site that works as it is, and never touches one that is there."""

from pathlib import Path

import pytest

from arm_ci.cli import main
from arm_ci.config import load, variants


def test_a_new_site_builds_the_sample_on_this_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = tmp_path / "new" / "site"
    assert main(["init", str(site)]) == 0
    assert capsys.readouterr().out == (
        f"made: {site}/site.yaml\n"
        f"made: {site}/projects.yaml\n"
        f"made: {site}/workers.yaml\n"
        "\n"
        f"`arm-ci run --site {site}` starts the master and builds the sample project; "
        f"`arm-ci stop --site {site}` stops it.\n"
    )
    config = load(site)
    assert list(config.projects) == ["sample"]
    assert list(config.workers) == ["local"]
    assert "sample-local-gcc-bfd-ninja-full" in {variant.name for variant in variants(config)}
    assert config.path(config.site.state) == site / "state"


def test_a_site_in_the_current_directory_needs_no_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "."]) == 0
    assert capsys.readouterr().out.endswith(
        "`arm-ci run` starts the master and builds the sample project; `arm-ci stop` stops it.\n"
    )


@pytest.mark.parametrize("name", ["site.yaml", "projects.yaml", "workers.yaml"])
def test_a_site_that_is_there_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (tmp_path / name).write_text("mine\n")
    assert main(["init", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (f"arm-ci: {tmp_path}/{name} is there already, and a site is not overwritten\n")
    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine\n"


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["init", str(tmp_path / "file" / "site")]) == 3
    assert capsys.readouterr().err == f"arm-ci: {tmp_path}/file/site: Not a directory\n"
    assert main(["init", ""]) == 2
    assert capsys.readouterr().err == "arm-ci: DIR: a directory was expected, not an empty text\n"
