"""`arm-ci force` and its waiting, with a master that says what a test wants."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from sites import whole_site

from arm_ci import cli
from arm_ci.cli import service
from arm_ci.cli.service import Awaited
from arm_ci.config import Config, load, variants

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = "sample-local-gcc-bfd-ninja-full"
MESOS = "mesos-rpi3-arm64-clang-lld-ninja-full"


class FakeMaster:
    """What rest.Master offers, from lists."""

    def __init__(self) -> None:
        self.forced: list[tuple[str, str, dict[str, Any], str]] = []
        self.requests: list[dict[str, Any]] = [{"complete": True, "results": 0, "builderid": 3}]
        self.builds: list[dict[str, Any]] = []
        self.workers: list[dict[str, Any]] = []

    def __call__(self, url: str, login_file: Path | None = None) -> FakeMaster:
        return self

    def force(self, scheduler: str, builder: str, parameters: dict[str, Any], reason: str) -> int:
        self.forced.append((scheduler, builder, parameters, reason))
        return len(self.forced)

    def request(self, request_id: int) -> dict[str, Any]:
        return self.requests.pop(0) if len(self.requests) > 1 else self.requests[0]

    def builds_of(self, request_id: int) -> list[dict[str, Any]]:
        return self.builds

    def connected_workers(self, builder_id: int) -> list[dict[str, Any]]:
        return self.workers

    def current_step(self, build_id: int) -> str:
        return "build 3/9"


@pytest.fixture
def config() -> Config:
    return load(None)


@pytest.fixture
def master(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMaster]:
    fake = FakeMaster()
    monkeypatch.setattr(service, "Master", fake)
    monkeypatch.setattr(service, "_POLL_SECONDS", 0)
    return fake


def force(*words: str) -> int:
    with TemporaryDirectory() as directory:
        return cli.main(["force", "--site", str(whole_site(Path(directory))), *words])


def test_each_variant_gets_its_own_projects_branch(master, capsys):
    assert force("--variant", SAMPLE, "--variant", MESOS) == 0
    assert [(scheduler, parameters["main_branch"]) for scheduler, _, parameters, _ in master.forced] == [
        ("force-sample", "main"),
        ("force-mesos", "master"),
    ]
    assert capsys.readouterr().out == "2 builds asked for: http://localhost:8010/\n"


def test_one_build_is_one_build(master, capsys):
    assert force("--variant", SAMPLE, "--branch", "v1.0", "--revision", "abc", "--jobs", "2") == 0
    assert master.forced == [
        (
            "force-sample",
            SAMPLE,
            {"main_branch": "v1.0", "main_revision": "abc", "targets": "", "jobs": 2},
            "a person asked",
        )
    ]
    assert capsys.readouterr().out == "1 build asked for: http://localhost:8010/\n"


@pytest.mark.parametrize("option", ["--branch", "--revision"])
def test_what_git_could_take_for_an_option_is_refused(master, capsys, option):
    assert force("--variant", SAMPLE, f"{option}=--upload-pack=x") == 2
    assert capsys.readouterr().err == (
        f"arm-ci: {option}: `--upload-pack=x` is not a branch, tag or revision: letters, digits, `.`, `_`, `/`, `+`, "
        "`@` and `-` were expected, starting with a letter, digit or `_`\n"
    )
    assert master.forced == []


PATCH = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+2\n"


def test_a_patch_goes_into_the_masters_form(master, tmp_path):
    (tmp_path / "p").write_bytes(PATCH.replace("\n", "\r\n").encode())
    assert force("--variant", SAMPLE, "--patch", str(tmp_path / "p")) == 0
    fields = master.forced[0][2]
    assert (fields["main_patch_body"], fields["main_patch_level"]) == (PATCH, 1)


def test_a_patch_has_a_strip_level(master, tmp_path):
    (tmp_path / "p").write_text(PATCH.replace(" a/", " x/y/").replace(" b/", " x/y/"))
    assert force("--variant", SAMPLE, "--patch", str(tmp_path / "p"), "--strip", "2") == 0
    assert master.forced[0][2]["main_patch_level"] == 2


@pytest.mark.parametrize(
    ("content", "more", "message"),
    [
        (b"hello", (), "--patch: p: no diff in it: expected lines `--- a/FILE` and `+++ b/FILE`"),
        (PATCH.encode(), ("--strip", "2"), "--patch: p: line 1: strip level 2 leaves nothing of a/x"),
        (
            PATCH.encode(),
            ("--strip", "-1"),
            "--strip: `-1` is not a strip level: how many leading parts of each path to leave out, 0, 1, 2, ...",
        ),
        (
            PATCH.encode().replace(b"2", b"\xe4"),
            (),
            "--patch: p, line 5 is not UTF-8, and the master's form takes nothing else; "
            "`arm-ci build --patch` and `buildbot try` do",
        ),
        (None, (), "--patch: p: No such file or directory"),
    ],
)
def test_a_patch_that_fits_no_tree_is_refused_before_the_master_is_asked(
    master, tmp_path, monkeypatch, capsys, content, more, message
):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "p").write_bytes(content)
    assert force("--variant", SAMPLE, "--patch", "p", *more) == 2
    assert capsys.readouterr().err == f"arm-ci: {message}\n"
    assert master.forced == []


def test_a_strip_level_without_a_patch_is_a_mistake(master, capsys):
    assert force("--variant", SAMPLE, "--strip", "0") == 2
    assert capsys.readouterr().err == "arm-ci: --strip: only with --patch\n"


def test_a_request_that_was_cancelled_is_a_row_and_a_failure(master, capsys):
    master.requests = [{"complete": True, "results": 6, "builderid": 3}]
    assert force("--variant", SAMPLE, "--wait") == 1
    assert capsys.readouterr().out == (
        "variant                          result     time  tests passed  page\n"
        f"{SAMPLE}  cancelled  -     -             http://localhost:8010/#/buildrequests/1\n"
        "\nweb UI: http://localhost:8010/\n"
    )


def test_waiting_for_a_board_that_is_not_connected_says_so(master, capsys):
    waiting = {"complete": False, "results": None, "builderid": 3}
    master.requests = [waiting, {"complete": True, "results": 6, "builderid": 3}]
    assert force("--variant", MESOS, "--wait") == 1
    assert capsys.readouterr().out.splitlines()[0] == (
        f"  {MESOS}: waiting for a worker of board `rpi3-arm64`: none is connected"
    )


def test_a_guest_need_not_be_connected_to_be_waited_for(master, capsys):
    waiting = {"complete": False, "results": None, "builderid": 3}
    master.requests = [waiting, {"complete": True, "results": 6, "builderid": 3}]
    variant = "sample-qemu-virt-arm64-gcc-lld-ninja-full"
    assert force("--variant", variant, "--wait") == 1
    assert capsys.readouterr().out.splitlines()[0] == f"  {variant}: waiting for a guest of board `qemu-virt-arm64`"


def test_waiting_for_a_board_that_is_busy_does_not_say_that_it_is_not_connected(master, capsys):
    waiting = {"complete": False, "results": None, "builderid": 3}
    master.requests = [waiting, {"complete": True, "results": 6, "builderid": 3}]
    master.workers = [{"name": "pi-1", "paused": False}, {"name": "pi-2", "paused": True, "pause_reason": "dust"}]
    assert force("--variant", MESOS, "--wait") == 1
    assert capsys.readouterr().out.splitlines()[0] == f"  {MESOS}: waiting for a worker of board `rpi3-arm64`"


def test_waiting_for_workers_that_are_all_paused_says_why(master, capsys):
    master.requests = [
        {"complete": False, "results": None, "builderid": 3},
        {"complete": True, "results": 6, "builderid": 3},
    ]
    master.workers = [
        {"name": "pi-1", "paused": True, "pause_reason": "dust"},
        {"name": "pi-2", "paused": True, "pause_reason": None},
    ]
    assert force("--variant", MESOS, "--wait") == 1
    assert capsys.readouterr().out.splitlines()[0] == (
        f"  {MESOS}: waiting for a worker of board `rpi3-arm64`: `pi-1` is paused (dust), "
        "`pi-2` is paused (no reason given)"
    )


def test_a_build_that_ended_stands_in_the_table_with_its_reason(master, capsys):
    running = {"complete": False, "results": None, "builderid": 3}
    master.requests = [running, {"complete": True, "results": 2, "builderid": 3}]
    master.builds = [
        {
            "complete": False,
            "buildid": 8,
            "builderid": 3,
            "number": 4,
            "results": 2,
            "state_string": "tests: 1 failed",
            "started_at": 100,
            "complete_at": 112,
            "properties": {"tests_passed": [5, "tests"]},
        }
    ]
    assert force("--variant", SAMPLE, "--wait") == 1
    assert capsys.readouterr().out == (
        f"  {SAMPLE}: build 3/9\n"
        "variant                          result   time  tests passed  page\n"
        f"{SAMPLE}  failure  12 s  5             http://localhost:8010/#/builders/3/builds/4\n"
        "  tests: 1 failed\n"
        "\nweb UI: http://localhost:8010/\n"
    )


def test_progress_is_told_at_once_for_a_step_and_once_a_minute_when_nothing_changes(config, capsys):
    awaited = Awaited(variants(config)[0], 1)
    name = awaited.variant.name
    for said, now in (
        ("waiting for a worker", 1000.0),
        ("waiting for a worker", 1059.0),
        ("waiting for a worker", 1060.0),
        ("waiting for a worker", 1119.0),
        ("build 1/9", 1119.5),
        ("build 2/9", 1120.0),
        ("build 3/9", 1129.5),
    ):
        awaited.tell(said, now)
    assert capsys.readouterr().out.splitlines() == [
        f"  {name}: waiting for a worker",
        f"  {name}: still waiting for a worker",
        f"  {name}: build 1/9",
        f"  {name}: build 3/9",
    ]


# -- stop: whatever the configuration says -----------------------------------------------------------------------


def stop(config: Path, *words: str) -> int:
    return cli.main(["stop", "--site", str(config), *words])


def test_stopping_needs_nothing_but_site_yaml(tmp_path, capsys):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "site.yaml").write_text("no-such-key: 1\nno-such-key: 2\nweb: {port: x}\nstate: ../there\n")
    (tmp_path / "config" / "projects.yaml").write_text("{{{")
    assert stop(tmp_path / "config") == 0
    assert capsys.readouterr().out == f"master in {tmp_path}/there: not running\n"


def test_stopping_without_a_state_key_takes_the_usual_directory(tmp_path, capsys):
    (tmp_path / "without-site-yaml").mkdir()
    for site in (whole_site(tmp_path / "site"), tmp_path / "without-site-yaml"):
        assert stop(site) == 0
        assert capsys.readouterr().out == f"master in {site}/state: not running\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("state: [a]\n", "1:8: `state`: expected text, the state directory"),
        ("state:\n", "1:7: `state`: expected text, the state directory"),
        ("- state\n", "1:1: found a list, expected a mapping"),
        ("state: '\n", "2:1: not YAML: while scanning a quoted scalar, found unexpected end of stream"),
    ],
)
def test_a_site_that_cannot_be_read_is_said(tmp_path, capsys, text, message):
    (tmp_path / "site.yaml").write_text(text)
    assert stop(tmp_path) == 2
    assert capsys.readouterr().err == (
        f"{tmp_path}/site.yaml:{message}\n"
        "arm-ci: the state directory is not known: name it with `arm-ci stop --state DIR`\n"
    )


def test_a_site_that_is_not_there_is_said(tmp_path, capsys):
    assert stop(tmp_path / "none") == 2
    assert capsys.readouterr().err == (
        f"{tmp_path}/none/site.yaml:1:1: the file cannot be read (No such file or directory)\n"
        "arm-ci: the state directory is not known: name it with `arm-ci stop --state DIR`\n"
    )


def test_the_state_directory_can_be_named(tmp_path, capsys):
    assert stop(tmp_path / "nowhere", "--state", str(tmp_path)) == 0
    assert capsys.readouterr().out == f"master in {tmp_path}: not running\n"


def test_a_state_directory_that_is_not_there_is_a_mistake(tmp_path, capsys):
    assert stop(tmp_path, "--state", f"{tmp_path}/gone") == 2
    assert capsys.readouterr().err == f"arm-ci: --state: `{tmp_path}/gone` is not a directory\n"


def test_run_in_a_site_without_a_project_of_its_own_starts_the_master_and_says_so(tmp_path, monkeypatch, capsys):
    site = whole_site(tmp_path, projects="llvm:\n")
    started = []
    monkeypatch.setattr(service, "_start", lambda instance: started.append(instance.url))
    assert cli.main(["run", "--site", str(site)]) == 0
    assert started == ["http://localhost:8010/"]
    assert capsys.readouterr().out.splitlines() == [
        "nothing to build: no project with a `directory:` has a variant of tier `commit` (see projects.yaml)",
    ]
