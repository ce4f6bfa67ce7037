"""load(): files, secrets, this machine, and what it hands back."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from small_configuration import B, P, S, T, W, read, said_after, said_by_load, write_files

from arm_ci.config import Config, ConfigError, Host
from arm_ci.config.model import Site
from arm_ci.config.yaml_nodes import DEEPEST, LARGEST_FILE_BYTES


def test_host_is_replaced_by_what_this_machine_is(config: Config) -> None:
    here = config.boards["here"]
    assert (here.architecture, here.cores, here.memory, here.swap, here.os) == ("amd64", 4, 8 << 30, 0, "debian-12")


def test_sizes_are_bytes_and_durations_seconds(tmp_path: Path) -> None:
    write_files(tmp_path / "config", {S: [("title: test", "keep_logs: 2d")]})
    config = read(tmp_path / "config")
    assert config.boards["rpi4"].memory == 3792 * 1024**2
    assert config.boards["rpi4"].swap == 8 * 1024**3
    assert config.site.keep_logs == 2 * 86400


@pytest.mark.parametrize("written", ["23:30", "02:00", "'23:30'", '"02:00"', "08:09", "00:00"])
def test_a_time_of_day_needs_no_quotes(tmp_path: Path, written: str) -> None:
    write_files(tmp_path / "config", {P: [("  cmake:", f"  nightly: {written}\n  cmake:")]})
    assert read(tmp_path / "config").projects["app"].nightly == written.strip("'\"")


@pytest.mark.parametrize(("written", "seconds"), [("never", 0), ("90s", 90), ("'2m'", 120)])
def test_a_repository_is_asked_every_so_often_or_never(tmp_path: Path, written: str, seconds: int) -> None:
    write_files(tmp_path / "config", {P: [("  cmake:", f"  poll: {written}\n  cmake:")]})
    assert read(tmp_path / "config").projects["app"].poll == seconds


def test_a_project_is_polled_and_built_at_night_unless_it_says_otherwise(config: Config) -> None:
    app = config.projects["app"]
    assert (app.poll, app.nightly, app.nightly_unchanged, app.unimportant) == (300, "02:00", False, ())
    assert (config.site.people, config.site.github_webhook, config.site.worker_silence) == ((), False, 300)


def test_a_selector_takes_one_value_or_a_list(config: Config) -> None:
    assert config.projects["app"].matrix.exclude[0].match.board == ("rpi4",)


def test_paths_are_relative_to_the_configuration(directory: Path, config: Config) -> None:
    assert config.directory == directory.resolve()
    assert config.path("../patches") == directory.parent.resolve() / "patches"


def test_aliases_and_merges_are_followed(tmp_path: Path) -> None:
    anchor = "rpi4: &pi\n", "here:\n  <<: *pi\n"
    edits = {B: [("rpi4:\n", anchor[0]), ("here:\n", anchor[1])]}
    config = read(write_files(tmp_path / "config", edits))
    # Its own keys win over merged ones.
    assert config.boards["here"].architecture == "amd64"


def test_every_file_may_be_missing(tmp_path: Path) -> None:
    assert said_by_load(tmp_path) == []
    config = read(tmp_path)
    assert (config.site, config.boards, config.projects, config.workers) == (Site(), {}, {}, {})


@pytest.mark.parametrize("text", ["", "# nothing\n", "--- \n", "{}\n"])
def test_a_file_may_say_nothing(directory: Path, text: str) -> None:
    (directory / S).write_text(text, encoding="utf-8")
    assert read(directory).site == Site()


def test_a_boards_file_that_cannot_be_read_does_not_make_every_board_unknown(directory: Path) -> None:
    (directory / B).unlink()
    (directory / B).mkdir()
    assert said_by_load(directory) == [
        "boards.yaml:1:1: the file cannot be read (Is a directory); it holds the kinds of machines that build"
    ]


def test_a_directory_that_is_not_there_is_one_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path / "none")
    assert str(caught.value) == f"{tmp_path}/none:1:1: no such directory; a site is a directory"


def test_a_file_that_is_a_directory_is_said(directory: Path) -> None:
    (directory / W).unlink()
    (directory / W).mkdir()
    assert said_by_load(directory) == [
        "workers.yaml:1:1: the file cannot be read (Is a directory); it holds the machines of each board"
    ]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (
            b"\xef\xbb\xbftitle: x\n",
            "1:1: the file starts with a byte order mark (UTF-8); save it as UTF-8 without one",
        ),
        (b"\xff\xfet\x00", "1:1: the file starts with a byte order mark (UTF-16); save it as UTF-8 without one"),
        (b"a: b\ntitle: caf\xe9\n", "2:11: byte 0xe9 is not UTF-8; save the file as UTF-8"),
        (b"title: a\x07b\n", "1:9: character U+0007 is not allowed in YAML"),
        (b"a: " + b"[" * 5000, f"1:{DEEPEST + 3}: nested more than {DEEPEST} deep"),
        (
            b"#" * (LARGEST_FILE_BYTES + 1),
            "1:1: the file has 4,194,305 bytes; a configuration file has at most 4,194,304",
        ),
    ],
)
def test_a_file_that_is_no_text_is_said_where_it_goes_wrong(directory: Path, data: bytes, line: str) -> None:
    (directory / S).write_bytes(data)
    assert said_by_load(directory) == [f"site.yaml:{line}"]


def test_aliases_that_grow_without_end_are_refused(directory: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (directory / S).write_text("\n".join(lines), encoding="utf-8")
    (said,) = said_by_load(directory)
    assert said == "site.yaml:5:5: more than 200,000 values, aliases counted where they are used"


def test_windows_line_ends_are_fine(directory: Path) -> None:
    for file in (B, T, P, W, S):
        path = directory / file
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert said_by_load(directory) == []


def test_a_machine_of_another_kind_is_said_only_when_a_board_wants_it(directory: Path) -> None:
    strange = Host(architecture="riscv64", cores=4, memory=1 << 30, swap=0, os="debian-13")
    with pytest.raises(ConfigError) as caught:
        read(directory, strange)
    assert [str(problem).removeprefix(f"{directory}/") for problem in caught.value.problems] == [
        "boards.yaml:8:17: board `here`, `architecture`: this machine is `riscv64`, and boards are armhf, arm64, amd64 "
        "or i386; leave this board out on this machine"
    ]


def secret(directory: Path, text: str, mode: int) -> Path:
    path = directory / "state" / "secrets" / "worker-rpi4-1"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_a_secret_that_others_can_read_is_refused_with_the_command_that_helps(directory: Path) -> None:
    path = secret(directory, "x", 0o640)
    assert said_by_load(directory) == [
        f"workers.yaml:1:1: worker `rpi4-1`: its secret file {path} is open to others (mode 0640); "
        f"run: chmod 600 {path}"
    ]


def test_an_empty_secret_is_refused(directory: Path) -> None:
    path = secret(directory, "\n", 0o600)
    assert said_by_load(directory) == [
        f"workers.yaml:1:1: worker `rpi4-1`: its secret file {path} is empty; write the password into it, or delete it "
        "and `arm-ci start` makes one"
    ]


def test_a_secret_of_its_owner_alone_is_fine_and_a_missing_one_too(directory: Path) -> None:
    assert said_by_load(directory) == []
    secret(directory, "long enough", 0o600)
    assert said_by_load(directory) == []


@contextmanager
def as_somebody_without_rights(scratch: Path, hidden: Path) -> Iterator[None]:
    """Runs as a user who can read `scratch`, and not `hidden` in it."""
    if os.geteuid() != 0:
        mode = hidden.stat().st_mode
        hidden.chmod(0)
        yield
        hidden.chmod(mode)
        return
    scratch.chmod(0o755)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("what", ["the file", "its directory"])
def test_a_secret_of_another_user_is_that_users_business(what: str) -> None:
    with TemporaryDirectory() as scratch:
        directory = write_files(Path(scratch) / "config", {})
        path = secret(directory, "\n", 0o600)
        hidden = path if what == "the file" else path.parent
        if hidden.is_dir():
            hidden.chmod(0o700)
        with as_somebody_without_rights(Path(scratch), hidden):
            with pytest.raises(PermissionError):
                path.read_bytes()
            assert said_by_load(directory) == []


def test_the_secret_of_a_worker_is_where_its_entry_or_the_site_says(tmp_path: Path) -> None:
    write_files(tmp_path / "config", {W: [("rpi4-1:\n", "rpi4-2: {board: rpi4, password_file: own}\nrpi4-1:\n")]})
    config = read(tmp_path / "config")
    assert config.password_path(config.workers["rpi4-1"]) == tmp_path / "config" / "state" / "secrets" / "worker-rpi4-1"
    assert config.password_path(config.workers["rpi4-2"]) == tmp_path / "config" / "own"


def test_the_secret_of_a_configuration_behind_a_link_is_the_one_that_is_judged(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    path = secret(write_files(tmp_path / "real" / "config", {}), "x", 0o644)
    (tmp_path / "config").symlink_to(tmp_path / "real" / "config")
    (said,) = said_by_load(tmp_path / "config")
    assert f"its secret file {path} is open to others (mode 0644)" in said


def test_a_password_file_that_is_a_directory_is_said_at_its_key(tmp_path: Path) -> None:
    said = said_after(tmp_path / "config", [(W, "rpi4-1:\n", "rpi4-1:\n  password_file: .\n")])
    assert said == [
        f"workers.yaml:2:18: worker `rpi4-1`, `password_file`: its secret file {tmp_path}/config is not a file"
    ]
