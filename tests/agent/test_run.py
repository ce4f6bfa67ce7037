"""The agent around real commands: it is unseen by them, its report says how they went, and nothing stays behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from agent_runs import Agent, lives
from waiting import limit, wait_for

from arm_ci.agent.machine import cgroup
from arm_ci.agent.report import Report

pytestmark = pytest.mark.real

HUNGRY = Path(__file__).parents[2] / "samples" / "hungry"

MAKEFILE = """
objects = one.o two.o three.o
all: prog
prog: $(objects) lib/libx.a
\tg++ -o $@ $(objects) lib/libx.a
%.o: %.cpp
\tg++ -g -c $< -o $@
lib/libx.a:
\t$(MAKE) -C lib
"""
LIB_MAKEFILE = """
libx.a: x.o
\tar rcs libx.a x.o
x.o: x.c
\tgcc -c x.c
"""
CONFIGURE = """#!/bin/sh
# As autoconf's do: the compiler is tried out, once in vain.
echo 'int main() { return 0; }' > conftest.c
gcc -o conftest conftest.c || exit 1
echo 'no C' > conftest.c
gcc -c conftest.c 2> /dev/null && exit 1
gcc --version > /dev/null
echo configured
"""


@pytest.fixture
def agent(tmp_path) -> Agent:
    return Agent(tmp_path / "agent")


def message(*words: bytes) -> bytes:
    """As a launcher sends it."""
    text = b"\0".join(words)
    return len(text).to_bytes(4, "big") + text


def write_sources(agent: Agent) -> None:
    for name in ("one", "two", "three"):
        body = 'extern "C" int x();\nint main() { return x(); }' if name == "one" else f"int {name}() {{ return 1; }}"
        agent.write(f"{name}.cpp", body + "\n")
    agent.write("lib/x.c", "int x(void) { return 0; }\n")
    agent.write("Makefile", MAKEFILE)
    agent.write("lib/Makefile", LIB_MAKEFILE)
    agent.write("configure", CONFIGURE, 0o755)


def test_make_with_a_sub_build_has_every_edge(agent):
    write_sources(agent)
    done = agent.run("make", "-j4")
    assert done.returncode == 0, done.stderr
    report = agent.report()
    assert report.outcome.complete
    assert (report.outcome.exit_status, report.outcome.signal, report.outcome.stopped) == (0, None, "")
    assert report.command == ("make", "-j4")
    assert report.directory == str(agent.work)
    found = {(edge.kind, edge.output, Path(edge.directory).name) for edge in report.edges}
    assert found == {
        *(("compile", f"{name}.o", "work") for name in ("one", "two", "three")),
        ("compile", "x.o", "lib"),
        ("archive", "libx.a", "lib"),
        ("link", "prog", "work"),
    }
    for edge in report.edges:
        assert edge.exit_status == 0
        assert edge.signal is None
        assert edge.end_seconds > edge.start_seconds
        assert edge.cpu_seconds >= 0
        assert edge.peak_rss_bytes > 1 << 20
    assert agent.edges()["one.o"].argv[1:] == ("-g", "-c", "one.cpp", "-o", "one.o")
    assert agent.edges()["prog"].program == "g++"


def test_what_configure_tries_out_is_no_edge_and_what_it_says_is_the_same(agent):
    write_sources(agent)
    plain = subprocess.run(["./configure"], cwd=agent.work, capture_output=True, check=False)
    done = agent.run("sh", "-c", "./configure && make")
    assert done.returncode == 0
    assert done.stdout.startswith(plain.stdout)
    assert set(agent.edges()) == {"one.o", "two.o", "three.o", "x.o", "libx.a", "prog"}


@pytest.mark.skipif(not shutil.which("autoconf"), reason="autoconf is not installed")
def test_a_real_configure_script_finds_the_same_compiler(agent):
    agent.write("configure.ac", "AC_INIT([x],[1])\nAC_PROG_CXX\nAC_CONFIG_FILES([Makefile])\nAC_OUTPUT\n")
    agent.write("Makefile.in", "x: x.cpp\n\t@CXX@ @CXXFLAGS@ -c x.cpp -o x.o\n")
    agent.write("x.cpp", "int x;\n")
    subprocess.run(["autoconf"], cwd=agent.work, check=True)
    plain = subprocess.run(["./configure"], cwd=agent.work, capture_output=True, check=True)
    done = agent.run("sh", "-c", "./configure && make")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(plain.stdout)
    assert set(agent.edges()) == {"x.o"}


def test_ninja_and_an_external_project_of_cmake_have_every_edge(agent):
    dials = ("-DHUNGRY_SOURCES=1", "-DHUNGRY_COMPILE_MB=100", "-DHUNGRY_LINK_MB=30")
    assert agent.run("cmake", "-G", "Unix Makefiles", *dials, str(HUNGRY)).returncode == 0
    assert agent.report().edges == ()
    done = agent.run("cmake", "--build", ".", "--parallel", "2")
    assert done.returncode == 0, done.stdout
    edges = agent.edges()
    assert {edges[name].kind for name in ("libledger.a", "hungry")} == {"archive", "link"}
    assert edges["CMakeFiles/hungry.dir/generated/feed_0.cpp.o"].kind == "compile"
    # The sub-project is configured while this builds; nothing of that is an edge.
    assert not [output for output in edges if "cmTC" in output or "CompilerId" in output]
    feed = edges["CMakeFiles/hungry.dir/generated/feed_0.cpp.o"]
    assert feed.heaviest == "cc1plus"
    assert feed.address_bits == 64
    assert feed.peak_virtual_bytes >= feed.peak_rss_bytes > 50_000_000
    assert 20_000_000 < feed.peak_anonymous_swap_bytes <= feed.peak_rss_bytes
    assert len(feed.pids) >= 3  # the launcher, the compiler, the compiler proper


def test_a_compiler_that_is_called_by_its_own_path_is_seen_when_it_is_large(agent):
    agent.write("big.cpp", '#include <regex>\n#include <iostream>\nstd::regex r{"a"};\n')
    agent.write("Makefile", "big.o: big.cpp\n\t/usr/bin/g++ -O2 -g -c big.cpp -o big.o\n")
    assert agent.run("make").returncode == 0
    (edge,) = agent.report().edges
    assert (edge.kind, edge.output, edge.program, edge.heaviest) == ("compile", "big.o", "g++", "cc1plus")
    assert (edge.exit_status, edge.cpu_seconds) == (None, None)
    assert edge.peak_rss_bytes > 50_000_000
    assert edge.end_seconds is not None


def test_a_build_that_fails_says_which_edge_and_how(agent):
    agent.write("Makefile", "a.o:\n\tg++ -c bad.cpp -o a.o\n")
    agent.write("bad.cpp", "int f( {\n")
    done = agent.run("make")
    assert done.returncode == 2
    assert agent.report().outcome.exit_status == 2
    assert agent.edges()["a.o"].exit_status == 1
    assert agent.edges()["a.o"].failed


@pytest.mark.parametrize("who", ["launcher", "compiler"])
def test_a_killed_edge_has_signal_9(agent, who):
    agent.write("bin/g++", "#!/bin/sh\necho $PPID $$ > ready\nexec sleep 600\n", 0o755)
    agent.environment["PATH"] = f"{agent.work / 'bin'}:{agent.environment['PATH']}"
    agent.write("Makefile", "a.o:\n\tg++ -c a.cpp -o a.o\n")
    process = agent.start("make")
    ready = agent.work / "ready"
    wait_for(lambda: ready.exists() and len(ready.read_text().split()) == 2, "the edge runs")
    launcher, compiler = map(int, ready.read_text().split())
    os.kill(launcher if who == "launcher" else compiler, signal.SIGKILL)
    assert process.wait() == 2
    edge = agent.edges()["a.o"]
    assert (edge.signal, edge.exit_status) == (9, None)
    assert edge.end_seconds is not None
    if who == "launcher":
        os.kill(compiler, signal.SIGKILL)  # nobody has told it
    process.communicate()


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        (("no-such-command",), 127, "no-such-command: No such file or directory\n"),
        (("./no-such-command",), 127, "./no-such-command: No such file or directory\n"),
        (("/etc/passwd",), 126, "/etc/passwd: Permission denied\n"),
    ],
)
def test_a_command_that_cannot_be_started_is_told_as_a_shell_does(agent, command, status, message):
    done = agent.run(*command)
    assert (done.returncode, done.stderr.decode()) == (status, message)
    assert agent.report().outcome.exit_status == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
def test_a_command_that_a_signal_ends_gives_the_status_of_a_shell(agent, number):
    done = agent.run("sh", "-c", f"ulimit -c 0; kill -{number.value} $$")
    assert done.returncode == 128 + number
    assert (agent.report().outcome.signal, agent.report().outcome.exit_status) == (number, None)


def test_input_output_and_environment_are_the_commands_own(agent):
    process = agent.start("sh", "-c", "cat; env >&2", stdin=subprocess.PIPE)
    out, err = process.communicate(b"\0in\xff")
    assert out == b"\0in\xff"
    seen = dict(line.split("=", 1) for line in err.decode().splitlines())
    assert set(seen) - {"_", "PWD", "SHLVL", "OLDPWD", "ARM_CI_AGENT"} == set(agent.environment) - {
        "_",
        "PWD",
        "SHLVL",
        "OLDPWD",
    }
    assert seen["PATH"] == f"{agent.directory}/masquerade:{agent.environment['PATH']}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_agent_ends_the_command_its_own_way(agent, number):
    script = f"trap 'echo tidy; exit 3' {number.value}; echo ready; while :; do sleep 0.01; done"
    # Also where these tests run under nohup.
    process = agent.start("sh", "-c", script, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    out, _ = process.communicate()
    assert (out, process.returncode) == (b"tidy\n", 3)
    outcome = agent.report().outcome
    assert (outcome.stopped, outcome.exit_status, outcome.complete) == (f"signal {number.value}", 3, True)


def test_what_does_not_end_is_killed_after_the_grace_with_all_that_it_started(agent, monkeypatch):
    # A shell that ignores the signal, and what it started in a session of its own.
    script = "trap '' TERM; setsid sh -c 'trap \"\" TERM; echo $$; exec sleep 600' & echo $$; wait; sleep 600"
    process = agent.start("sh", "-c", script, env={**agent.environment, "ARM_CI_BUILD": "x:y:z"})
    pids = [int(process.stdout.readline()) for _ in range(2)]
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 128 + signal.SIGKILL
    assert not any(map(lives, pids))
    outcome = agent.report().outcome
    assert (outcome.stopped, outcome.signal) == ("signal 15", 9)
    assert 8 <= outcome.seconds < limit(20)


def test_ignored_signals_stay_ignored_for_agent_and_command(agent):
    process = agent.start("sh", "-c", "kill -HUP $$ $PPID; exit 6", preexec_fn=lambda: signal.signal(1, signal.SIG_IGN))
    process.communicate()
    assert process.returncode == 6
    assert agent.report().outcome.stopped == ""


def test_a_background_process_is_not_waited_for_and_lives_on(agent):
    done = agent.run("sh", "-c", "sleep 600 > /dev/null 2>&1 & echo $!")
    assert done.returncode == 0
    pid = int(done.stdout)
    try:
        assert lives(pid)
        path = agent.report().visibility.cgroup_path
        if path:
            assert path not in Path(f"/proc/{pid}/cgroup").read_text()
    finally:
        os.kill(pid, signal.SIGKILL)


def test_no_cgroup_stays_behind(agent):
    assert agent.run("true").returncode == 0
    found = cgroup.hierarchy()
    path = agent.report().visibility.cgroup_path
    if found is None or not path:
        pytest.skip("a cgroup cannot be made here")
    assert not Path(found.mount + path).exists()


def test_thousands_of_short_edges_are_all_there(agent):
    agent.write("bin/g++", "#!/bin/sh\n", 0o755)
    agent.environment["PATH"] = f"{agent.work / 'bin'}:{agent.environment['PATH']}"
    agent.write("run", 'for i in $(seq $2); do g++ -c "$1-$i.c" -o "$1-$i.o"; done\n')
    done = agent.run("sh", "-c", "for j in 1 2 3 4; do sh run $j 250 & done; wait")
    assert done.returncode == 0
    edges = agent.report().edges
    assert len({edge.output for edge in edges}) == len(edges) == 1000
    assert {edge.exit_status for edge in edges} == {0}


def test_words_that_no_launcher_says_do_not_end_the_agent(agent):
    process = agent.start("sh", "-c", "echo $ARM_CI_AGENT; read line", stdin=subprocess.PIPE)
    name = b"\0" + process.stdout.readline().strip()
    for words in (
        b"",
        b"\0\0\0\0",
        b"\xff\xff\xff\xff",
        b"\0\0\0\x05hello",
        b"\0\0\0\x09end\0x\0y\0z",
        b"\0\0\0\x05begin",
    ):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(name)
            connection.sendall(words)
    with socket.socket(socket.AF_UNIX) as connection:
        # In pieces, two at once, and the same again.
        connection.connect(name)
        begin, end = (
            message(*words) for words in ((b"begin", b"/d", b"g++", b"-c", b"a.c"), (b"end", b"256", b"0.5", b"9"))
        )
        connection.sendall(begin[:3])
        connection.sendall(begin[3:9])
        connection.sendall(begin[9:] + begin + end)
    process.communicate(b"\n")
    assert process.returncode == 0
    (edge,) = agent.report().edges
    assert (edge.output, edge.directory, edge.exit_status, edge.cpu_seconds) == ("a.o", "/d", 1, 0.5)


def test_the_archive_is_unpacked_once(agent):
    for _ in range(2):
        assert agent.run("true").returncode == 0
    (unpacked,) = [path for path in agent.directory.iterdir() if path.name.startswith("agent-") and path.is_dir()]
    assert unpacked.name == agent.archive.stem


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run",), "agent: run: a command was expected after `--`\n"),
        (("run", "--report", "r", "--"), "agent: run: a command was expected after `--`\n"),
        (("run", "--", "true"), "agent: run: --report FILE was expected\n"),
        (("run", "--report", "--", "true"), "agent: `--report`: a value was expected after it\n"),
        (
            ("run", "--reports", "r", "--", "true"),
            "agent: `--reports` is not known; expected --report, --memory, --swap, --cores, --peaks, --fallback\n",
        ),
        (
            ("run", "--report", "r", "--memory", "1G", "--", "true"),
            "agent: --memory: a number of bytes was expected, not `1G`\n",
        ),
        (("collect-report",), "agent: collect-report: --report FILE was expected\n"),
        (
            ("fly",),
            "agent: expected `probe`, `leftovers`, `run --report FILE ... -- COMMAND...`, "
            "`collect-report --report FILE` or `link-trial --report FILE --result FILE ...`\n",
        ),
    ],
)
def test_a_wrong_command_line_is_told_in_a_sentence(agent, words, message):
    done = subprocess.run(agent.argv(*words), capture_output=True, text=True, check=False, cwd=agent.work)
    assert (done.returncode, done.stderr) == (2, message)


def test_a_report_can_be_read_by_its_own_reader(agent):
    assert agent.run("true").returncode == 0
    text = agent.report_path.read_text()
    report = Report.from_text(text)
    assert report.to_json() == json.loads(text)
    assert report.samples.rows
    assert report.limits.memory_bytes > 0
    assert report.host["cores"] == len(os.sched_getaffinity(0))
