"""`arm-ci check`."""

from pathlib import Path

import pytest

from arm_ci.cli import main

SHIPPED = Path(__file__).resolve().parents[2] / "config"


def test_a_configuration_without_mistakes_is_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--site", str(SHIPPED)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("config: 10 boards, ")
    assert out.endswith(" 10 workers: no mistakes\n")
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
    assert capsys.readouterr().err == (
        f"{tmp_path}/none:1:1: no such directory; a configuration is a directory\n1 mistake\n"
    )
