"""A launcher is as the program that it stands before, with and without an agent, whatever is asked of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from agent_runs import lives
from waiting import wait_for

from arm_ci.agent.edges import masquerade
from arm_ci.agent.edges.launcher import AGENT

# Shows all that a program is given, as Python and a shell see it.
SHOW = """#!/bin/sh
exec {python} -IS -c '
import os, sys
with open("/proc/self/cmdline", "rb") as file:
    words = file.read().split(b"\\0")[4:-1]
with open("/proc/self/status") as file:
    # Numbers 32 and 33 belong to the C library: its posix_spawn leaves them ignored.
    signals = [int(line.split()[1], 16) & ~0x180000000 for line in file if line.startswith(("SigIgn", "SigBlk"))]
sys.stdout.buffer.write(repr((words, signals)).encode())
' "$@"
"""


class Hearer:
    """An agent of which only the socket is there; it answers each message with the next of `answers`."""

    def __init__(self) -> None:
        self.name = f"arm_ci-test-{os.urandom(8).hex()}"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(b"\0" + self.name.encode())
        self.listener.listen()
        self.messages: list[list[bytes]] = []
        self.answers = {b"begin": [b"go"], b"end": [b"done"]}
        self.thread = threading.Thread(target=self._hear, daemon=True)
        self.thread.start()

    def _hear(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            # One that has ended without waiting for an answer has closed the connection.
            with connection.makefile("rb") as stream, contextlib.suppress(ConnectionError):
                while head := stream.read(4):
                    self.messages.append(stream.read(struct.unpack(">I", head)[0]).split(b"\0"))
                    left = self.answers.get(self.messages[-1][0], [])
                    answer = left.pop(0) if len(left) > 1 else left[0] if left else b""
                    if answer:
                        send(connection, answer)
            connection.close()


def send(connection: socket.socket, answer: bytes) -> None:
    """A message of the agent's; one that has gone does not hear it."""
    with contextlib.suppress(OSError):
        connection.sendall(struct.pack(">I", len(answer)) + answer)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A directory for the real programs."""
    directory = tmp_path / "real"
    directory.mkdir()
    write(directory / "g++", SHOW.format(python=os.path.realpath(sys.executable)))
    return directory


@pytest.fixture
def hearer() -> Hearer:
    return Hearer()


def write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


class Masquerade:
    """The masquerade directory before the real programs."""

    def __init__(self, directory: Path, programs: Path) -> None:
        self.directory = directory
        self.path = f"{programs}:/usr/bin:/bin"
        masquerade.make(str(directory), self.path)
        self.environment = {"PATH": f"{directory}:{self.path}"}

    def run(self, *words, hearer: Hearer | None = None, directory: str = "", **more):
        """Runs a program as make does, found in PATH."""
        environment = dict(self.environment, **more.pop("add", {}))
        if hearer:
            environment[AGENT.decode()] = hearer.name
        return subprocess.run(
            [f"{directory or self.directory}/{words[0]}", *words[1:]],
            **{"env": environment, "capture_output": True, "check": False, "timeout": 60, **more},
        )


@pytest.fixture
def stand(tmp_path: Path, programs: Path) -> Masquerade:
    return Masquerade(tmp_path / "masquerade", programs)


WORDS = [b"-c", b"a b", b"", b"\xff\xfe", b"-o", "ü".encode(), b"$HOME 'x' \"y\" \n"]


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "POSIX", ""])
@pytest.mark.parametrize("heard", [True, False])
def test_arguments_of_any_bytes_and_signals_are_those_that_were_given(stand, hearer, programs, locale, heard):
    add = {"LC_ALL": locale} if locale else {}
    plain = subprocess.run([str(programs / "g++"), *WORDS], env={**stand.environment, **add}, capture_output=True)
    done = stand.run("g++", *WORDS, hearer=hearer if heard else None, add=add)
    assert done.stdout == plain.stdout
    words, (blocked, _) = eval(done.stdout)
    assert words == WORDS
    assert blocked == 0


@pytest.mark.parametrize("number", [signal.SIGPIPE, signal.SIGXFSZ])
def test_what_python_ignores_ends_the_program(stand, hearer, programs, number):
    write(programs / "gcc", f"#!/bin/sh\nkill -{number.value} $$\necho still here\n")
    masquerade.make(str(stand.directory), stand.path)
    for heard in (hearer, None):
        done = stand.run("gcc", hearer=heard)
        assert (done.returncode, done.stdout) == (-number, b"")


def test_the_environment_is_the_one_that_was_given_but_for_the_masquerade(stand, hearer, programs):
    write(programs / "g++", "#!/bin/sh\ncat /proc/$$/environ\n")
    for add in ({}, {"LANG": "C"}, {"LC_CTYPE": "C"}, {"LC_CTYPE": "C.UTF-8"}, {"X": "a=b"}, {"Y": "\udcff"}):
        given = dict(stand.environment, **add)
        done = stand.run("g++", hearer=hearer, add=add)
        expected = {os.fsencode(f"{name}={value}") for name, value in {**given, "PATH": stand.path}.items()}
        assert set(done.stdout.split(b"\0")[:-1]) == expected, add


def test_an_environment_without_path_stays_without(stand, programs):
    write(programs / "g++", "#!/bin/sh\n/bin/cat /proc/$$/environ\n")
    done = subprocess.run([f"{stand.directory}/g++"], env={"A": "1"}, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"A=1\0")


@pytest.mark.parametrize("status", [0, 1, 3, 126, 127, 137, 255])
def test_it_ends_with_the_exit_status_of_the_program(stand, hearer, programs, status):
    write(programs / "g++", f"#!/bin/sh\nexit {status}\n")
    assert stand.run("g++", hearer=hearer).returncode == status
    assert stand.run("g++").returncode == status
    wait_for(lambda: len(hearer.messages) == 2, "begin and end")
    begin, end = hearer.messages
    assert begin == [b"begin", os.getcwdb(), os.fsencode(programs / "g++")]
    assert end[:2] == [b"end", str(status << 8).encode()]


@pytest.mark.parametrize("name", ["HUP", "INT", "QUIT", "ILL", "ABRT", "BUS", "FPE", "KILL", "SEGV", "PIPE", "TERM"])
def test_it_ends_by_the_signal_that_ended_the_program_without_a_core_of_its_own(
    stand, hearer, programs, name, tmp_path
):
    write(programs / "g++", f"#!/bin/sh\nulimit -c 0\nkill -{name} $$\n")
    done = stand.run("g++", hearer=hearer, cwd=tmp_path)
    assert done.returncode == -getattr(signal, f"SIG{name}")
    assert not list(tmp_path.glob("core*"))


def test_input_and_output_are_the_programs_own(stand, hearer, programs):
    write(programs / "g++", "#!/bin/sh\ncat; echo error >&2\n")
    done = stand.run("g++", hearer=hearer, input=b"\0int main\xff")
    assert (done.stdout, done.stderr) == (b"\0int main\xff", b"error\n")


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_closed_standard_stream_stays_closed(stand, hearer, programs, closed):
    write(programs / "g++", f"#!/bin/sh\ntest -e /proc/$$/fd/{closed} && exit 1\nexit 0\n")
    environment = {**stand.environment, AGENT.decode(): hearer.name}
    command = f"exec {stand.directory}/g++ {closed}>&-"
    assert subprocess.run(["/bin/sh", "-c", command], env=environment, check=False).returncode == 0


def test_file_descriptors_of_a_jobserver_are_passed_on_and_no_other_of_ours(stand, hearer, programs):
    reading, writing = os.pipe()
    write(programs / "g++", f"#!/bin/sh\necho token >/proc/$$/fd/{writing}\nls /proc/$$/fd\n")
    done = stand.run("g++", hearer=hearer, pass_fds=(writing,))
    assert os.read(reading, 100) == b"token\n"
    # The script's own is 10 or 255 in many shells.
    assert {int(number) for number in done.stdout.split()} - {10, 255} == {0, 1, 2, writing} - {10, 255}
    os.close(reading)
    os.close(writing)


def test_a_command_line_as_long_as_the_kernel_takes_arrives(stand, hearer):
    # One word may have 128 KB, all together a quarter of the stack's limit (execve(2)).
    words = [b"x" * 100_000] * 12
    done = stand.run("g++", *words, hearer=hearer)
    assert eval(done.stdout)[0] == words
    wait_for(lambda: hearer.messages, "begin")
    assert hearer.messages[0][3:] == words


def test_a_response_file_is_left_to_the_program(stand, hearer, tmp_path):
    done = stand.run("g++", "@objects.rsp", hearer=hearer, cwd=tmp_path)
    assert eval(done.stdout)[0] == [b"@objects.rsp"]


def test_a_relative_directory_in_path_means_the_current_one(stand, hearer, tmp_path):
    write(tmp_path / "g++", "#!/bin/sh\necho mine\n")
    for place in (".", "", "real/.."):
        add = {"PATH": f"{stand.directory}:{place}:{stand.path}"}
        assert stand.run("g++", hearer=hearer, add=add, cwd=tmp_path).stdout == b"mine\n", place


def test_only_what_comes_behind_it_in_path_is_the_program(stand, hearer, tmp_path):
    # A directory like ccache's before ours: its program starts the next of its name, which is ours.
    before = tmp_path / "before"
    before.mkdir()
    write(before / "g++", f'#!/bin/sh\necho cache\nexec {stand.directory}/g++ "$@"\n')
    add = {"PATH": f"{before}:{stand.directory}:{stand.path}"}
    done = stand.run("g++", "a", hearer=hearer, add=add, directory=str(before))
    assert done.stdout.startswith(b"cache\n([b'a']")


def test_two_masquerades_before_one_program_start_it_once(stand, hearer, tmp_path, programs):
    write(programs / "g++", "#!/bin/sh\necho once\n")
    inner = tmp_path / "inner"
    masquerade.make(str(inner), stand.environment["PATH"])
    add = {"PATH": f"{inner}:{stand.environment['PATH']}"}
    done = stand.run("g++", hearer=hearer, add=add, directory=str(inner))
    assert done.stdout == b"once\n"
    wait_for(lambda: len(hearer.messages) == 2, "one begin and one end")


@pytest.mark.parametrize("spelling", ["{0}/", "{0}/.", "{0}//", "{0}/../masquerade", "{0}-link"])
def test_the_masquerade_is_known_however_it_is_spelt(stand, hearer, tmp_path, spelling):
    (tmp_path / "masquerade-link").symlink_to(stand.directory)
    place = spelling.format(stand.directory)
    add = {"PATH": f"{place}:{stand.path}"}
    for directory in (place, str(stand.directory)):
        done = stand.run("g++", "x", hearer=hearer, add=add, directory=directory)
        assert eval(done.stdout)[0] == [b"x"]


def test_called_by_its_path_it_needs_no_path_variable(stand, hearer, programs):
    # CMake writes down where it found the compiler.
    for path in ("/nowhere", "", "/usr/bin:/bin"):
        assert stand.run("g++", "-v", hearer=hearer, add={"PATH": path}).stdout.startswith(b"([b'-v']")


def test_a_program_that_has_gone_is_not_found(stand, hearer, programs):
    (programs / "g++").unlink()
    for heard in (hearer, None):
        done = stand.run("g++", hearer=heard, add={"PATH": "/nowhere"})
        message = f"{programs}/g++: No such file or directory\n"
        assert (done.returncode, done.stderr.decode()) == (127, message)
    wait_for(lambda: len(hearer.messages) == 2, "begin and forget")
    assert hearer.messages[1] == [b"forget"]


def test_a_script_without_an_interpreter_is_run_by_a_shell(stand, hearer, programs):
    write(programs / "g++", "echo shell $1\n")
    for heard in (hearer, None):
        assert stand.run("g++", "one", hearer=heard).stdout == b"shell one\n"


def test_a_directory_of_its_name_is_no_program(stand, hearer, tmp_path):
    (tmp_path / "d" / "g++").mkdir(parents=True)
    add = {"PATH": f"{stand.directory}:{tmp_path / 'd'}:{stand.path}"}
    assert eval(stand.run("g++", "x", hearer=hearer, add=add).stdout)[0] == [b"x"]


def test_without_an_agent_the_program_takes_its_place(stand, programs):
    write(programs / "g++", "#!/bin/sh\necho $$\n")
    environment = {**stand.environment, AGENT.decode(): "arm_ci-nobody-listens"}
    with subprocess.Popen([f"{stand.directory}/g++"], env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert int(process.stdout.read()) == process.pid


def test_from_another_network_namespace_it_is_the_program(stand, hearer):
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode:
        pytest.skip("a network namespace cannot be made here")
    environment = {**stand.environment, AGENT.decode(): hearer.name}
    command = ["unshare", "--net", f"{stand.directory}/g++", "x"]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert eval(done.stdout)[0] == [b"x"]
    assert hearer.messages == []


def test_an_agent_that_dies_meanwhile_changes_nothing(stand, programs, tmp_path):
    write(programs / "g++", "#!/bin/sh\necho begun\nread line\nexit 5\n")
    name = f"arm_ci-test-{os.urandom(8).hex()}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(b"\0" + name.encode())
        listener.listen()
        process = subprocess.Popen(
            [f"{stand.directory}/g++"],
            env={**stand.environment, AGENT.decode(): name},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        connection, _ = listener.accept()
        send(connection, b"go")
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        connection.close()
    process.communicate(b"go on\n")
    assert process.returncode == 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_ends_it_ends_the_program_first(stand, hearer, programs, number):
    write(programs / "g++", f"#!/bin/sh\ntrap 'echo cleaning up; exit 9' {number.value}\necho $$\nread line\n")
    process = subprocess.Popen(
        [f"{stand.directory}/g++"],
        env={**stand.environment, AGENT.decode(): hearer.name},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Also where these tests run under nohup.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    assert process.stdout is not None
    program = int(process.stdout.readline())
    assert program != process.pid
    # The shell is in its `read` when it has nothing left to do but wait.
    wait_for(lambda: Path(f"/proc/{program}/wchan").read_text() not in ("0", ""), "the program waits")
    process.send_signal(number)
    assert process.stdout.read() == b"cleaning up\n"
    assert process.wait() == 9
    assert not lives(program)


def test_ignored_signals_stay_ignored(stand, hearer, programs):
    write(programs / "g++", "#!/bin/sh\nkill -INT $$\nkill -HUP $$\nexit 4\n")
    environment = {**stand.environment, AGENT.decode(): hearer.name}
    command = f"trap '' INT HUP; exec {stand.directory}/g++"
    assert subprocess.run(["/bin/sh", "-c", command], env=environment, check=False).returncode == 4


def test_blocked_signals_stay_blocked(stand, hearer, tmp_path):
    def block() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM])

    for heard in (hearer, None):
        done = stand.run("g++", hearer=heard, preexec_fn=block)
        assert eval(done.stdout)[1][0] == (1 << 9) | (1 << 14)


def test_what_the_program_took_is_told(stand, hearer, programs):
    python = os.path.realpath(sys.executable)
    write(programs / "g++", f"#!/bin/sh\nexec {python} -c 'x = b\"x\" * (60 << 20); sum(range(3000000))'\n")
    assert stand.run("g++", hearer=hearer).returncode == 0
    wait_for(lambda: len(hearer.messages) == 2, "begin and end")
    _, status, cpu_seconds, rss_bytes = hearer.messages[1]
    assert status == b"0"
    assert 0.01 < float(cpu_seconds) < 10
    assert 60 << 20 < int(rss_bytes) < 120 << 20


def test_a_removed_directory_is_no_hindrance(stand, hearer, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    environment = {**stand.environment, AGENT.decode(): hearer.name}
    command = f"rmdir {gone}; exec {stand.directory}/g++ x"
    done = subprocess.run(["/bin/sh", "-c", command], env=environment, cwd=gone, capture_output=True, check=False)
    assert eval(done.stdout)[0] == [b"x"]


def test_compilers_speak_and_make_the_same_with_it(stand, hearer, tmp_path):
    if not shutil.which("g++", path="/usr/bin"):
        pytest.skip("there is no g++")
    masquerade.make(str(stand.directory), "/usr/bin:/bin")
    (tmp_path / "good.cpp").write_text("int f(int x) { return x; }\n")
    (tmp_path / "bad.cpp").write_text("int f( { return x; }\n")
    for source in ("good", "bad"):
        words = ("-g", "-c", f"{source}.cpp", "-o", f"{source}.o")
        path = {"PATH": f"{stand.directory}:/usr/bin:/bin"}
        plain = subprocess.run(["/usr/bin/g++", *words], env=path, cwd=tmp_path, capture_output=True, check=False)
        made = (tmp_path / "good.o").read_bytes()
        done = stand.run("g++", *words, hearer=hearer, cwd=tmp_path, add=path)
        assert (done.returncode, done.stdout, done.stderr) == (plain.returncode, plain.stdout, plain.stderr)
        assert (tmp_path / "good.o").read_bytes() == made
