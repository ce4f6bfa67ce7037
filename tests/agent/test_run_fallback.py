"""What does not fit alone becomes whole in another way: real compilers and linkers in a limited cgroup."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from agent_runs import Agent

from arm_ci.agent.link_trial.trial_result import TrialResult
from arm_ci.agent.machine.cgroup import make
from arm_ci.agent.peaks import Peaks
from arm_ci.agent.report import Edge, plain
from arm_ci.history.learned_fallbacks import fallback_of

pytestmark = pytest.mark.real

SOURCES = Path(__file__).parents[2] / "samples" / "hungry" / "src"
TABLES = 40
"""gcc takes 270 MB for such a source with -g, 220 with -g0, 167 with sparing parameters too; clang 159."""
COMPILE_LIMIT = ("--memory", str(170 << 20), "--swap", "0", "--cores", "2")
BLOCKS = 10
OBJECTS = 4
"""bfd takes 200 MB of its own to link so many objects of so many blocks; lld has mostly pages of files."""
LINK_LIMIT = ("--memory", str(150 << 20), "--swap", "0", "--cores", "2")
LESS = {"name": "less", "kinds": ["compile"], "add": ["-g0"]}
SPARING = {
    "name": "sparing",
    "edges": ["sub/*"],
    "add": ["-g0", "--param=ggc-min-expand=10", "--param=ggc-min-heapsize=32768"],
}
CLANG = {"name": "clang", "edges": ["other.o"], "programs": ["clang", "clang++"]}
LLD = {"name": "lld", "kinds": ["link"], "linker": ["-fuse-ld=lld"], "linker_program": "ld.lld", "add": ["-Wl,-S"]}
NO_LINKER = {"name": "no-linker", "linker": ["-fuse-ld=lld"], "linker_program": "ld.no-such"}
MISSING = {"name": "missing", "programs": ["no-such-cc", "no-such-c++"]}


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    made, refusal = make()
    if made is None:
        pytest.skip(f"no memory cgroup can be made here: {refusal}")
    made.remove()
    if shutil.which("clang++") is None or shutil.which("ld.lld") is None:
        pytest.skip("clang and lld are needed")
    return Agent(tmp_path)


def build(agent: Agent, limit: tuple[str, ...], *fallbacks: dict, known: bool = False) -> tuple[list[Edge], str]:
    """Runs make under the agent; the tries of edges, and what it said."""
    fallback = agent.directory / "fallback.json"
    fallback.write_text(json.dumps({"schema": 1, "fallbacks": list(fallbacks)}))
    peaks = agent.directory / "peaks.json"
    if known:
        peaks.write_text(Peaks().with_report(agent.report()).to_text())
    options = (*limit, "--fallback", str(fallback), *(("--peaks", str(peaks)) if known else ()))
    done = agent.run("make", "-s", "-j2", options=options)
    said = [line for line in done.stdout.decode().splitlines() if line.startswith("arm_ci: ")]
    assert done.returncode == 0, done.stdout + done.stderr
    return list(agent.report().edges), "\n".join(said)


def test_a_compile_that_memory_kills_alone_is_whole_with_less_debug_info_or_another_compiler(agent: Agent) -> None:
    text = (SOURCES / "feed.cpp.in").read_text().replace("@HUNGRY_TABLES@", str(TABLES))
    agent.write("sub/feed.cpp", text.replace("@HUNGRY_INDEX@", "0"))
    agent.write("other.cpp", text.replace("@HUNGRY_INDEX@", "1"))
    agent.write(
        "Makefile",
        "all: sub/feed.o other.o\nother.o: sub/feed.o\n%.o: %.cpp\n\tg++ -g -c $< -o $@\n",
    )
    edges, said = build(agent, COMPILE_LIMIT, LESS, SPARING, CLANG, MISSING, NO_LINKER)
    tried = [(each.output, each.fallback.partition(":")[0], each.exit_status == 0) for each in edges]
    assert tried == [
        ("sub/feed.o", "", False),
        ("sub/feed.o", "less", False),
        ("sub/feed.o", "sparing", True),
        ("other.o", "", False),
        ("other.o", "less", False),
        ("other.o", "clang", True),
    ]
    assert [each.attempts for each in edges] == [1, 2, 3, 1, 2, 3]
    assert os.path.basename(edges[-1].argv[0]) == edges[-1].program == "clang++"
    assert edges[-1].fallback == "clang: clang++ instead of g++"
    assert "arm_ci: fallback `missing` is left out: there is no no-such-cc on this machine" in said
    assert "arm_ci: fallback `no-linker` is left out: there is no ld.no-such on this machine" in said
    sentence = "sub/feed.o is built with less: -g0 instead of -g"
    assert f"arm_ci: {sentence}" in said

    # What it found out is used from the first try.
    for name in ("sub/feed.o", "other.o"):
        (agent.work / name).unlink()
    edges, said = build(agent, COMPILE_LIMIT, LESS, SPARING, CLANG, known=True)
    tried = [(each.output, each.fallback.partition(":")[0], each.exit_status == 0) for each in edges]
    assert tried == [("sub/feed.o", "sparing", True), ("other.o", "clang", True)]
    assert [each.expected_by for each in edges] == ["history", "history"]
    assert agent.report().kernel.cgroup_oom_kills == 0


def write_link(agent: Agent) -> None:
    """A program of which the link takes much memory."""
    blocks = ",".join(map(str, range(BLOCKS)))
    symbols = (SOURCES / "symbols.cpp.in").read_text().replace("@HUNGRY_BLOCKS@", blocks)
    for number in range(OBJECTS):
        agent.write(f"symbols_{number}.cpp", symbols.replace("@HUNGRY_OBJECT@", str(number)))
    calls = " + ".join(f"symbol_of_{number}()" for number in range(OBJECTS))
    declared = "".join(f"int symbol_of_{number}();\n" for number in range(OBJECTS))
    agent.write("main.cpp", f"{declared}int main() {{ return {calls} == {OBJECTS * 0x1234} ? 0 : 1; }}\n")
    objects = " ".join(["main.o", *(f"symbols_{number}.o" for number in range(OBJECTS))])
    rules = f"program: {objects}\n\tg++ -g $^ -o $@\n%.o: %.cpp\n\tg++ -g -c $< -o $@\n"
    agent.write("Makefile", rules)


def test_a_link_that_memory_kills_alone_is_whole_with_another_linker(agent: Agent) -> None:
    write_link(agent)
    edges, said = build(agent, LINK_LIMIT, LESS, LLD)
    links = [each for each in edges if each.kind == "link"]
    assert [(each.fallback, each.exit_status) for each in links] == [
        ("", 1),
        ("lld: -fuse-ld=lld -Wl,-S", 0),
    ]
    assert {each.fallback for each in edges if each.kind == "compile"} == {""}
    assert said.endswith("arm_ci: program is built with lld: -fuse-ld=lld -Wl,-S")
    assert subprocess.run([agent.work / "program"], check=False).returncode == 0

    (agent.work / "program").unlink()
    edges, _ = build(agent, LINK_LIMIT, LESS, LLD, known=True)
    assert [(each.fallback, each.exit_status) for each in edges] == [("lld: -fuse-ld=lld -Wl,-S", 0)]


def test_what_a_link_trial_found_to_fit_is_used_by_the_next_build(agent: Agent) -> None:
    write_link(agent)
    assert agent.run("make", "-s", options=LINK_LIMIT).returncode != 0
    assert agent.report().admission.does_not_fit == "program"
    result = agent.directory / "result.json"
    words = ("--report", str(agent.report_path), "--result", str(result), "--only", "bfd,lld")
    subprocess.run(agent.argv("link-trial", *words), cwd=agent.work, env=agent.environment, check=True)
    found = fallback_of(TrialResult.from_json(json.loads(result.read_text())), str(agent.work))
    assert found is not None
    assert (found.edges, found.linker) == (("program",), ("-fuse-ld=lld",))
    # A linker that is killed may leave a part of the program, which make would take for the whole.
    (agent.work / "program").unlink(missing_ok=True)

    edges, said = build(agent, LINK_LIMIT, plain(found), known=True)
    assert [(each.output, each.attempts, each.exit_status) for each in edges] == [("program", 1, 0)]
    assert edges[0].fallback.startswith("link-trial: -fuse-ld=lld")
    assert said == f"arm_ci: program is built with {edges[0].fallback}"
    assert subprocess.run([agent.work / "program"], check=False).returncode == 0


def test_a_linker_that_no_compiler_knows_by_name_is_put_before_it(agent: Agent) -> None:
    agent.write("bin/ld.odd", '#!/bin/sh\nexec ld.bfd "$@"\n', 0o755)
    agent.environment["PATH"] = f"{agent.work}/bin:{agent.environment['PATH']}"
    agent.write("main.cpp", "int main() {}\n")
    agent.write("Makefile", "program: main.cpp\n\tg++ $< -o $@\n")
    odd = {
        "name": "odd",
        "always": True,
        "kinds": ["link"],
        "linker_program": "ld.odd",
        "by_directory": True,
        "add": ["-Wl,-v"],
    }
    edges, _ = build(agent, (), odd)
    directory = agent.directory / "linkers" / "ld.odd"
    assert (directory / "ld").resolve() == agent.work / "bin" / "ld.odd"
    assert edges[0].fallback == f"odd: -B{directory} -Wl,-v"


def test_an_unreadable_file_of_fallbacks_is_said_and_harms_nothing(agent: Agent) -> None:
    fallback = agent.write("fallback.json", "{")
    done = agent.run("true", options=("--cores", "1", "--fallback", str(fallback)))
    assert done.returncode == 0
    assert done.stderr.decode().startswith(f"agent: no edge is built differently: {fallback}: not JSON: ")
