"""`arm-ci image` at the terminal: what it prints, and its exit statuses."""

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import fake_making
import pytest
from waiting import limit

from arm_ci import cli
from arm_ci.cli import image
from arm_ci.guests import image_prerequisites, making, namespace

PYTHON = sys.executable


class Terminal:
    """The command with programs that only seem to make something, and what it printed."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.directory = directory
        self.capsys = capsys
        self.log = directory / "log"
        self.path = fake_making.install(directory / "bin", self.log)
        (directory / "mine.yaml").write_text(fake_making.RECIPE)

    def run(self, action: str, *words: str, recipes: Path | None = None) -> tuple[int, str, str]:
        options = ["--state", str(self.directory / "state")]
        if action == "build":
            options += ["--recipes", str(recipes or self.directory)]
        before = signal.getsignal(signal.SIGTERM)
        try:
            status = cli.main(["image", action, *words, *options])
        finally:
            signal.signal(signal.SIGTERM, before)
        printed = self.capsys.readouterr()
        return status, printed.out, printed.err


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    terminal = Terminal(tmp_path, capsys)
    monkeypatch.setattr(namespace, "PATH", terminal.path)
    monkeypatch.setattr(making.sys, "executable", tmp_path / "bin" / "pip")
    monkeypatch.setattr(image_prerequisites, "KEYRING", tmp_path / "log")
    terminal.log.touch()
    return terminal


def test_an_image_is_made_once(terminal: Terminal) -> None:
    place = terminal.directory / "state" / "images" / "mine"
    status, out, err = terminal.run("build", "mine")
    assert (status, err) == (0, "")
    assert re.fullmatch(rf"mine: made in \d+ s, 0 MB: {place}", out.splitlines()[-1])
    status, out, err = terminal.run("build", "mine")
    assert (status, err) == (0, "")
    when = r"\d{4}-\d\d-\d\d \d\d:\d\d"
    assert re.fullmatch(rf"mine: made {when} from the very same recipe; nothing to do: {place}\n", out)
    assert terminal.run("build", "mine", "--again")[1].startswith("mine: 12 packages of bookworm for arm64")


def test_images_are_listed_with_size_time_and_origin(terminal: Terminal) -> None:
    place = terminal.directory / "state" / "images"
    assert terminal.run("list") == (0, f"no images in {place}; `arm-ci image build NAME` makes one\n", "")
    terminal.run("build", "mine")
    status, out, _ = terminal.run("list")
    assert status == 0
    first, second = out.splitlines()
    assert first.split() == ["image", "machine", "size", "made", "from"]
    assert re.fullmatch(r"mine   arm64 virt  0 MB  \d{4}-\d\d-\d\d \d\d:\d\d  recipe: bookworm, Linux 6\.1", second)


def test_an_image_whose_recipe_has_changed_is_listed_as_such(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(image.WORKERS / "guest", terminal.directory / "guest")
    (terminal.directory / "images").mkdir()
    recipe = (terminal.directory / "mine.yaml").rename(terminal.directory / "images" / "mine.yaml")
    monkeypatch.setattr(image, "WORKERS", terminal.directory)
    terminal.run("build", "mine", recipes=recipe.parent)
    assert terminal.run("list")[1].endswith("recipe: bookworm, Linux 6.1\n")
    recipe.write_text(fake_making.RECIPE + "disk: 16G\n")
    assert terminal.run("list")[1].endswith("recipe: bookworm, Linux 6.1; the recipe is another by now\n")


def test_an_image_is_removed(terminal: Terminal) -> None:
    terminal.run("build", "mine")
    assert terminal.run("remove", "mine") == (0, "mine: removed\n", "")
    assert terminal.run("remove", "mine") == (2, "", "arm-ci: there is no image `mine`\n")


def test_a_mistake_in_a_recipe_is_a_usage_error(terminal: Terminal) -> None:
    (terminal.directory / "mine.yaml").write_text(fake_making.RECIPE.replace("arm64", "x86"))
    status, out, err = terminal.run("build", "mine")
    assert (status, out) == (2, "")
    place = terminal.directory / "mine.yaml"
    assert err.startswith(f"arm-ci: {place}:2: `architecture`: `arm64` or `armhf` was expected, not `x86`\n")


def test_missing_programs_are_told_with_the_line_that_installs_them(terminal: Terminal) -> None:
    (terminal.directory / "bin" / "mmdebstrap").unlink()
    (terminal.directory / "bin" / "newuidmap").rename(terminal.directory / "bin" / "other")
    status, out, err = terminal.run("build", "mine")
    assert (status, out) == (3, "")
    assert err.startswith("arm-ci: mmdebstrap")
    assert err.endswith(": not on this machine; install with: sudo apt install mmdebstrap uidmap\n")


def test_a_failure_is_told_with_its_last_lines(terminal: Terminal) -> None:
    terminal.log.with_name("log.fail").touch()
    status, _, err = terminal.run("build", "mine")
    assert status == 1
    assert err.splitlines() == [
        "arm-ci: image `mine`: unpacking Debian's packages for arm64 failed: mmdebstrap ended with 25",
        "I: downloading packages with apt...",
        "a progress bar",
        "E: apt-get update --error-on=any failed",
    ]


def test_what_a_killed_build_left_is_gone_after_the_next_command(terminal: Terminal) -> None:
    abandoned = terminal.directory / "state" / "images" / ".half-made-abc"
    abandoned.mkdir(parents=True)
    terminal.run("list")
    assert not abandoned.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_ends_its_programs_and_leaves_nothing(terminal: Terminal, number: signal.Signals) -> None:
    slow = terminal.directory / "bin" / "mmdebstrap"
    slow.write_text(f'#!/bin/sh\necho "I: $$"\nexec sleep 600 # {slow}\n')
    program = f"""
        import sys
        from pathlib import Path
        from arm_ci import cli
        from arm_ci.guests import namespace, image_prerequisites
        namespace.PATH = {terminal.path!r}
        image_prerequisites.KEYRING = Path({str(terminal.log)!r})
        sys.exit(cli.main(sys.argv[1:]))
    """
    state, recipes = str(terminal.directory / "state"), str(terminal.directory)
    command = [PYTHON, "-c", textwrap.dedent(program), "image", "build", "mine"]
    with subprocess.Popen(
        [*command, "--state", state, "--recipes", recipes], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as build:
        assert build.stdout is not None
        assert build.stderr is not None
        build.stdout.readline()
        child = int(build.stdout.readline().split()[-1])
        build.send_signal(number)
        assert build.wait(timeout=limit(60)) == 1
        assert build.stderr.read() == "arm-ci: interrupted\n"
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    left = {each.name for each in (terminal.directory / "state" / "images").iterdir()}
    assert left == {".mine.lock"}
