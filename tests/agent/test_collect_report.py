"""What is left when the agent is killed, has no room, or may do little: the build is as without it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from agent_runs import Agent, lives
from waiting import wait_for

from arm_ci.agent.machine import cgroup
from arm_ci.agent.report import Report

pytestmark = pytest.mark.real

NOBODY = 65534
EATER = """#!/bin/sh
exec {python} -c 'x = b"x" * {bytes}; print("eaten")'
"""


@pytest.fixture
def agent(tmp_path) -> Agent:
    return Agent(tmp_path / "agent")


@pytest.fixture
def full_disk(tmp_path):
    """A small file system in memory; call it to fill it up."""
    place = tmp_path / "full"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a file system cannot be mounted here")

    def fill(leave_bytes: int = 0) -> None:
        free = os.statvfs(place)
        (place / "filler").write_bytes(b"x" * (free.f_bavail * free.f_frsize - leave_bytes))

    fill.place = place
    yield fill
    subprocess.run(["umount", "--lazy", place], check=True)


def killed(agent: Agent, *command: str, known: bytes = b'{"sample"', **more) -> list[int]:
    """Runs a command that prints process ids in one line, kills the agent when that is in its journal; those ids."""
    process = agent.start(*command, **more)
    pids = [int(word) for word in process.stdout.readline().split()]
    wait_for(lambda: known in agent.journal_path.read_bytes(), "the journal has it")
    process.kill()
    process.wait()
    process.stdout.close()
    process.stderr.close()
    return pids


def test_when_the_agent_is_killed_the_command_and_its_edges_end(agent):
    agent.write("bin/g++", "#!/bin/sh\necho $PPID $$\nexec sleep 600\n", 0o755)
    agent.environment["PATH"] = f"{agent.work / 'bin'}:{agent.environment['PATH']}"
    agent.write("Makefile", "a.o:\n\t@g++ -c a.cpp -o a.o\n")
    pids = killed(agent, "make")
    wait_for(lambda: not any(map(lives, pids)), "launcher and compiler have ended")


def test_the_report_of_a_killed_agent_has_all_until_then_and_its_leftovers_end(agent):
    agent.environment["ARM_CI_BUILD"] = f"{agent.directory}:c1:b1"
    agent.write("bin/g++", "#!/bin/sh\nexec sleep 600\n", 0o755)
    agent.environment["PATH"] = f"{agent.work / 'bin'}:{agent.environment['PATH']}"
    # The shell that the kernel ends does not end what it started.
    script = "g++ -c a.cpp -o a.o & setsid sleep 600 & echo $!; wait"
    (pid,) = killed(agent, "sh", "-c", script, known=b'{"edge"')
    assert lives(pid)
    done = agent.collect_report()
    assert (done.returncode, done.stderr) == (0, "")
    assert not lives(pid)
    report = Report.from_text(done.stdout)
    assert report == agent.report()
    assert (report.outcome.complete, report.outcome.exit_status, report.outcome.signal) == (False, None, None)
    (edge,) = report.edges
    assert (edge.output, edge.end_seconds, edge.signal) == ("a.o", None, None)
    assert report.samples.rows
    assert report.kernel.oom_kills is not None
    found = cgroup.hierarchy()
    if found is not None and report.visibility.cgroup_path:
        assert not Path(found.mount + report.visibility.cgroup_path).exists()


def test_collecting_after_a_whole_report_prints_that(agent):
    assert agent.run("true").returncode == 0
    written = agent.report_path.read_text()
    assert json.loads(agent.collect_report().stdout) == json.loads(written)


@pytest.mark.parametrize(
    ("journal", "message"),
    [
        (None, "collect-report: no report: [Errno 2] No such file or directory: '{}'\n"),
        ("", "collect-report: no report: the journal has no beginning\n"),
        ('{"begin": {}}', "collect-report: no report: the journal has no beginning\n"),
    ],
)
def test_without_a_journal_there_is_no_report(agent, journal, message):
    if journal is not None:
        agent.journal_path.write_text(journal)
    done = agent.collect_report()
    assert (done.returncode, done.stderr) == (1, message.format(agent.journal_path))


def test_a_journal_that_was_cut_off_counts_up_to_there(agent):
    assert agent.run("true").returncode == 0
    text = agent.journal_path.read_text()
    agent.journal_path.write_text(text[: text.index('{"outcome"') + 12] + "\0" * 50)
    report = Report.from_text(agent.collect_report().stdout)
    assert not report.outcome.complete
    assert report.command == ("true",)
    assert report.samples.rows


def test_on_a_disk_that_fills_up_the_room_that_was_kept_takes_the_report(agent, full_disk):
    agent.report_path = full_disk.place / "report.json"
    agent.journal_path = full_disk.place / "report.json.journal"
    agent.write("a.cpp", "int a;\n")
    process = agent.start("sh", "-c", "echo; read line; g++ -c a.cpp -o a.o", stdin=subprocess.PIPE)
    process.stdout.readline()
    full_disk()
    process.communicate(b"\n")
    assert process.returncode == 0
    report = agent.report()
    assert report == Report.from_text(agent.collect_report().stdout)
    assert report.outcome.complete
    assert [(edge.output, edge.exit_status) for edge in report.edges] == [("a.o", 0)]
    assert report.limits.free_disk_bytes > 0


def test_on_a_disk_without_any_room_the_command_runs_and_a_sentence_says_what_is_missing(agent, full_disk):
    agent.report_path = full_disk.place / "r" / "report.json"
    agent.report_path.parent.mkdir()
    full_disk()
    done = agent.run("sh", "-c", "echo built")
    assert (done.returncode, done.stdout) == (0, b"built\n")
    report = Report.from_text(agent.collect_report().stdout) if agent.collect_report().returncode == 0 else None
    if report is not None:
        assert "edges" in {unseen.what for unseen in report.visibility.unseen}


def test_a_place_for_the_report_that_is_not_there_does_not_stop_the_command(agent):
    agent.report_path = agent.directory / "no" / "such" / "report.json"
    done = agent.run("sh", "-c", "exit 3")
    assert done.returncode == 3
    message = f"agent: no report: {agent.report_path}.journal: No such file or directory\n"
    assert done.stderr.decode() == message


def test_an_old_journal_that_cannot_be_written_anew_is_no_report_of_this_command(agent):
    # As one of root's is for everybody else.
    agent.journal_path.mkdir()
    (agent.journal_path / "x").touch()
    done = agent.run("true")
    assert (done.returncode, done.stderr.decode()) == (0, f"agent: no report: {agent.journal_path}: Is a directory\n")
    assert not agent.report_path.exists()


def test_an_archive_that_cannot_be_unpacked_runs_as_it_is(agent, full_disk):
    archive = full_disk.place / agent.archive.name
    shutil.copy(agent.archive, archive)
    full_disk()
    agent.archive = archive
    agent.write("a.cpp", "int a;\n")
    assert agent.run("g++", "-c", "a.cpp", "-o", "a.o").returncode == 0
    assert set(agent.edges()) == {"a.o"}
    assert not archive.with_suffix("").exists()


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root becomes somebody else")
def test_a_user_who_may_nothing_has_edges_and_hears_what_is_not_seen(tmp_path_factory):
    # Not below pytest's directory, which is root's alone.
    place = Path("/var/tmp") / f"arm_ci-test-{os.getpid()}"
    try:
        agent = Agent(place)
        agent.python = "/usr/bin/python3"
        agent.before = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs")
        agent.write("a.cpp", "int a;\n")
        for path in (place, agent.work):
            os.chown(path, NOBODY, NOBODY)
        done = agent.run("g++", "-c", "a.cpp", "-o", "a.o")
        assert (done.returncode, done.stderr) == (0, b"")
        report = agent.report()
        assert [edge.output for edge in report.edges] == ["a.o"]
        assert report.visibility.cgroup == ""
        unseen = {each.what: each for each in report.visibility.unseen}
        own = unseen["memory cgroup of the build alone"]
        assert own.why
        assert own.cure in (
            "Delegate=yes in the worker's systemd unit",
            "cgroup_enable=memory cgroup_memory=1 in cmdline.txt",
        )
        if report.visibility.kernel_log == "":
            cure = "kernel.dmesg_restrict=0 in /etc/sysctl.d, or the worker's user in group adm or systemd-journal"
            assert unseen["kernel log"].cure == cure
        done = agent.run("true", options=("--memory", "1000000000"))
        assert done.returncode == 2
        assert done.stderr.decode().startswith("agent: a memory limit needs a cgroup of our own, and ")
    finally:
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def own_cgroup():
    made, refusal = cgroup.make()
    if made is None:
        pytest.skip(refusal)
    made.remove()


@pytest.mark.usefixtures("own_cgroup")
def test_what_a_limit_kills_is_counted_and_on_record(agent):
    agent.write("bin/g++", EATER.format(python=agent.python, bytes=400 << 20), 0o755)
    agent.environment["PATH"] = f"{agent.work / 'bin'}:{agent.environment['PATH']}"
    agent.write("Makefile", "a.o:\n\tg++ -c a.cpp -o a.o\n")
    done = agent.run("make", options=("--memory", str(100 << 20), "--swap", "0"))
    assert done.returncode == 2, done.stdout
    report = agent.report()
    assert report.limits.cgroup_limit_bytes == 100 << 20
    assert agent.edges()["a.o"].signal == 9
    assert report.kernel.cgroup_oom_kills == 1
    assert report.kernel.oom_kills >= 1
    if report.visibility.kernel_log:
        records = [record for record in report.kernel.records if record.cgroup == report.visibility.cgroup_path]
        assert len(records) == 1


@pytest.mark.usefixtures("own_cgroup")
def test_kills_before_the_command_and_of_a_killed_agent_are_told_apart(agent):
    agent.write("eat", EATER.format(python=agent.python, bytes=400 << 20), 0o755)
    options = ("--memory", str(100 << 20), "--swap", "0")
    assert agent.run("./eat", options=options).returncode == 128 + signal.SIGKILL
    assert agent.run("true").returncode == 0
    assert agent.report().kernel.records == ()
    killed(agent, "sh", "-c", "./eat; echo $$; sleep 600", options=options)
    kernel = Report.from_text(agent.collect_report().stdout).kernel
    assert kernel.cgroup_oom_kills == 1
    assert len(kernel.records) <= 1
    assert agent.report().kernel == kernel
