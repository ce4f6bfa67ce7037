"""`arm-ci config`: the site's values over those that ship, each with its file and line."""

from pathlib import Path

import pytest
import yaml

from arm_ci.cli import main

CATALOGUE = Path(__file__).resolve().parents[2] / "config"
SITE = {
    "site.yaml": "title: 'ours: a, {b}'\nmail: {sender: b@example.org, recipients: [c@example.org]}\n",
    "boards.yaml": "rpi4:\n  memory: 2G\nmine: {architecture: arm64, cores: 2, memory: 8G, os: '12'}\n",
    "toolchains.yaml": "linkers: {mold: off}\n",
    "projects.yaml": "llvm:\n  poll: never\n  matrix: {boards: [mine], tiers: {nightly: []}}\nsample:\n",
    "workers.yaml": "local: {board: local, local: true}\nmine-1:\n  board: mine\n",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name, text in SITE.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def line_of(file: str, text: str) -> int:
    """The first line of a file of the catalogue that begins with a text."""
    lines = (CATALOGUE / file).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.startswith(text))


def test_each_value_has_its_place_in_either_file(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--site", str(site), "--board", "rpi4", "--board", "mine", "--worker", "mine-1"]) == 0
    first = line_of("boards.yaml", "rpi4:")
    assert capsys.readouterr().out.splitlines() == [
        f"# site: {site}",
        f"# catalogue: {CATALOGUE}",
        "boards:",
        "  rpi4:",
        f"    description: Raspberry Pi 4 with 4 GB  # catalogue/boards.yaml:{first + 1}",
        f"    architecture: arm64  # catalogue/boards.yaml:{first + 2}",
        f"    cores: 4  # catalogue/boards.yaml:{first + 3}",
        "    memory: 2G  # site/boards.yaml:2",
        f"    swap: 8G  # catalogue/boards.yaml:{first + 5}",
        f"    os: debian-12  # catalogue/boards.yaml:{first + 6}",
        f"    cpu: cortex-a72  # catalogue/boards.yaml:{first + 7}",
        "  mine:",
        "    architecture: arm64  # site/boards.yaml:3",
        "    cores: 2  # site/boards.yaml:3",
        "    memory: 8G  # site/boards.yaml:3",
        "    os: '12'  # site/boards.yaml:3",
        "workers:",
        "  mine-1:",
        "    board: mine  # site/workers.yaml:3",
    ]


def test_a_long_list_has_an_item_a_line_and_its_place_once(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--site", str(site), "--project", "llvm"]) == 0
    lines = capsys.readouterr().out.splitlines()
    options = lines.index(
        f"      options:  # catalogue/projects.yaml:{line_of('projects.yaml', '      - -DLLVM_ENABLE')}"
    )
    assert lines[options + 1] == "        - -DLLVM_ENABLE_PROJECTS=lld"
    assert "      boards: [mine]  # site/projects.yaml:3" in lines
    assert "        nightly: []  # site/projects.yaml:3" in lines
    assert "    poll: never  # site/projects.yaml:2" in lines


def test_what_is_taken_out_and_what_the_site_does_not_have_is_not_there(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "--site", str(site)]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert list(shown) == ["site", "boards", "compilers", "linkers", "projects", "workers"]
    assert shown["site"] == yaml.safe_load(SITE["site.yaml"])
    assert "mold" not in shown["linkers"]
    assert list(shown["projects"]) == ["llvm", "sample"]
    matrix = shown["projects"]["sample"]["matrix"]
    assert (matrix["boards"], matrix["linkers"]) == (["local"], ["bfd", "gold", "lld"])
    assert {combination["board"] for combination in matrix["include"]} == {"local"}


def test_without_a_site_it_is_what_ships(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--catalogue"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    shipped = {
        name: yaml.safe_load((CATALOGUE / f"{name}.yaml").read_text(encoding="utf-8"))
        for name in ("boards", "toolchains", "projects", "workers")
    }
    assert shown == {**shipped.pop("toolchains"), **shipped}


def test_a_name_that_is_not_there_is_said_with_the_nearest_one(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--site", str(site), "--linker", "mold"]) == 2
    assert capsys.readouterr().err == "arm-ci: --linker: unknown `mold`; did you mean `gold`?\n"
    assert main(["config", "--site", str(site), "--project", "lvm"]) == 2
    assert capsys.readouterr().err == "arm-ci: --project: unknown `lvm`; did you mean `llvm`?\n"


def test_mistakes_are_told_instead(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "site.yaml").write_text("database: postgresql://me:secret@there/db\n", encoding="utf-8")
    assert main(["config", "--site", str(site)]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.split(": ")[0]) == ("", f"{site}/site.yaml:1:11")
    assert "secret@" not in said.err


def test_secrets_are_never_shown(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = site / "state" / "secrets" / "worker-mine-1"
    secret.parent.mkdir(parents=True)
    secret.touch(mode=0o600)
    secret.write_text("swordfish\n", encoding="ascii")
    assert main(["config", "--site", str(site)]) == 0
    assert "swordfish" not in capsys.readouterr().out
