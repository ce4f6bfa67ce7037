"""`arm-ci check`."""

import re
from pathlib import Path

import pytest
from sites import whole_site

from arm_ci.cli import main


def test_a_site_without_mistakes_is_summed_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--site", str(whole_site(tmp_path))]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{tmp_path}: 10 boards, ")
    assert out.endswith(" 10 workers: no mistakes\n")
    assert err == ""


def test_without_a_site_the_catalogue_is_summed_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("arm_ci.cli.options.site_of", lambda _: None)
    assert main(["check"]) == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(r"the catalogue: 10 boards, \d+ toolchains, 3 projects, \d+ variants: no mistakes\n", out)
    assert err == ""


def test_every_mistake_is_a_line_on_stderr_and_the_status_is_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "site.yaml").write_text("titel: x\n", encoding="utf-8")
    for name in ("boards", "projects", "workers"):
        (tmp_path / f"{name}.yaml").write_text("{}\n", encoding="utf-8")
    (tmp_path / "toolchains.yaml").write_text("compilers: {}\nlinkers: {}\nlinker: {}\n", encoding="utf-8")
    assert main(["check", "--site", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"{tmp_path}/site.yaml:1:1: unknown key `titel`; did you mean `title`?\n"
        f"{tmp_path}/toolchains.yaml:3:1: unknown key `linker`; did you mean `linkers`?\n"
        "2 mistakes\n"
    )


def test_a_single_mistake_is_counted_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--site", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err == (f"{tmp_path}/none:1:1: no such directory; a site is a directory\n1 mistake\n")
