"""What a killed worker left running is ended, and nothing else."""

import io
import json
import os
import signal
import subprocess
import sys

import pytest
from waiting import limit

from arm_ci.agent.machine import leftovers

SCRIPT = [sys.executable, "-m", "arm_ci.agent", "leftovers"]


@pytest.fixture
def start():
    """Starts a process with a mark (or none), in a session of its own as a Buildbot worker does."""
    started = []

    def run(mark, *argv):
        environment = {"PATH": os.environ["PATH"], **({leftovers.MARK: mark} if mark else {})}
        argv = argv or (sys.executable, "-c", "print(flush=True); import time; time.sleep(600)")
        process = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, start_new_session=True)
        process.stdout.readline()
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def request_(tmp_path):
    """Of the build `now` in the builder directory `b`, over the connection `c2`."""
    return {"mark": f"{tmp_path}/b:c2:now", "repository": str(tmp_path / "b" / "source" / ".git")}


def ask(request):
    done = subprocess.run(SCRIPT, input=json.dumps(request), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ended(process):
    """Whether it was killed; waits when the signal has only just been sent."""
    try:
        return process.wait(timeout=limit(10)) == -signal.SIGKILL
    except subprocess.TimeoutExpired:
        return False


def test_a_process_of_a_build_that_does_not_run_is_ended(start, request_, tmp_path):
    old = start(f"{tmp_path}/b:c1:old")
    answer = ask(request_)
    assert ended(old)
    assert [each["pid"] for each in answer["ended"]] == [old.pid]
    assert answer["ended"][0]["command"].startswith(sys.executable)
    assert answer["remain"] == []


def test_what_runs_now_or_is_another_workers_or_a_persons_stays(start, request_, tmp_path):
    staying = [
        start(f"{tmp_path}/b:c2:now"),
        start(f"{tmp_path}/other:c2:too"),
        start("/elsewhere/b:c1:old"),
        start(f"{tmp_path}/deeper/b:c1:old"),
        start("no colons"),
        start(None),
    ]
    answer = ask(request_)
    assert answer == {"ended": [], "locks": [], "remain": []}
    assert [process.poll() for process in staying] == [None] * 6


def test_this_variants_last_build_is_over_even_if_its_connection_is_not(start, request_, tmp_path):
    old = start(f"{tmp_path}/b:c2:old")
    ask(request_)
    assert ended(old)


def test_who_is_left_over_himself_ends_nothing(request_, monkeypatch, capsys):
    parents = iter((4, 1))
    monkeypatch.setattr(leftovers, "_chosen", lambda is_meant: [4711])
    monkeypatch.setattr(leftovers.os, "getppid", lambda: next(parents))
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(request_)))
    assert leftovers.main() == 2
    assert capsys.readouterr().err == "leftovers: cannot answer the request: the worker is gone\n"


def test_another_variant_of_this_worker_is_cleaned_up_as_well(start, request_, tmp_path):
    old = start(f"{tmp_path}/other:c1:old")
    ask(request_)
    assert ended(old)


def test_what_a_leftover_starts_meanwhile_is_ended_too(start, request_, tmp_path):
    script = "echo; while :; do sleep 600 & sleep 0.01; done"
    old = start(f"{tmp_path}/b:c1:old", "sh", "-c", script)
    ask(request_)
    assert ended(old)
    assert leftovers._chosen(lambda pid: leftovers.is_left_over(pid, request_)) == []


def test_a_stopped_process_is_ended(start, request_, tmp_path):
    old = start(f"{tmp_path}/b:c1:old")
    old.send_signal(signal.SIGSTOP)
    ask(request_)
    assert ended(old)


def rm_of_parent(monkeypatch, parent, removed, parents_name=b"bash\n"):
    """Has every process look like a `rm -rf` without a mark; what it shows of itself."""
    words = {
        "cmdline": [b"rm", b"-rf", os.fsencode(removed), b""],
        "environ": [],
        "stat": [b"7 (rm) S %d 7 7 0 -1\n" % parent],
        "comm": [parents_name],
    }
    monkeypatch.setattr(leftovers, "_read", lambda pid, name: words[name])
    return words


def test_the_workers_own_rm_is_known_by_what_it_removes(request_, tmp_path, monkeypatch):
    words = rm_of_parent(monkeypatch, 1, tmp_path / "b" / "source")
    assert leftovers.is_left_over(os.getpid(), request_)
    words["cmdline"][2] = os.fsencode(tmp_path / "bigger")
    assert not leftovers.is_left_over(os.getpid(), request_)
    words["cmdline"] = [b"vi", os.fsencode(tmp_path / "b" / "source")]
    assert not leftovers.is_left_over(os.getpid(), request_)


def test_an_rm_that_somebody_waits_for_is_a_persons(request_, tmp_path, monkeypatch):
    words = rm_of_parent(monkeypatch, 4711, tmp_path / "b" / "source")
    assert not leftovers.is_left_over(os.getpid(), request_)
    # What adopts the orphans of a user's session.
    words["comm"] = [b"systemd\n"]
    assert leftovers.is_left_over(os.getpid(), request_)
    words["stat"] = []
    assert not leftovers.is_left_over(os.getpid(), request_)


def test_who_is_somebodys_child_is_no_orphan():
    assert not leftovers._is_orphan(os.getpid()) or os.getppid() == 1


def test_a_process_in_another_root_is_left_alone(request_, tmp_path, monkeypatch):
    mark = f"{leftovers.MARK}={tmp_path}/b:c1:old".encode()
    monkeypatch.setattr(leftovers, "_read", lambda pid, name: [mark])
    assert leftovers.is_left_over(os.getpid(), request_)
    monkeypatch.setattr(leftovers.os.path, "samestat", lambda one, other: False)
    assert not leftovers.is_left_over(os.getpid(), request_)


def test_what_does_not_end_is_told_and_its_locks_stay(request_, tmp_path, monkeypatch, capsys):
    lock = tmp_path / "b" / "source" / ".git" / "index.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    monkeypatch.setattr(leftovers, "_LIMIT_SECONDS", 0.0)
    monkeypatch.setattr(leftovers, "_chosen", lambda is_meant: [4711])
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(request_)))
    assert leftovers.main() == 0
    assert json.loads(capsys.readouterr().out) == {
        "ended": [],
        "locks": [],
        "remain": [{"command": "", "pid": 4711}],
    }
    assert lock.exists()


def test_gits_stale_locks_go_and_everything_else_stays(request_, tmp_path):
    git = tmp_path / "b" / "source" / ".git"
    for name in ("index.lock", "shallow.lock", "refs/heads/main.lock", "objects/kept.lock", "index", "HEAD"):
        (git / name).parent.mkdir(parents=True, exist_ok=True)
        (git / name).touch()
    assert ask(request_)["locks"] == ["index.lock", "refs/heads/main.lock", "shallow.lock"]
    assert sorted(str(path.relative_to(git)) for path in git.rglob("*") if path.is_file()) == [
        "HEAD",
        "index",
        "objects/kept.lock",
    ]


def test_a_request_that_makes_no_sense_is_answered_with_a_line(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("{}"))
    assert leftovers.main() == 2
    assert capsys.readouterr().err.startswith("leftovers: cannot answer the request: ")
