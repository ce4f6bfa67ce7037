"""A machine that pages too much stops the newest edge for a while: with real swap, and compilers that want too much."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from scarcity import need_root, swap_file

from arm_ci.agent.report import Report
from arm_ci.plan import archives

# How soon a disk is too slow for it differs from machine to machine.
pytestmark = pytest.mark.machine

MIB = 1 << 20
NAMES = "abcde"
# Touches all of its memory again and again, for three seconds of the processor's.
COMPILER = f"""#!/usr/bin/python3 -IS
import sys, time
data = bytearray({120 * MIB})
while time.process_time() < 4:
    for at in range(0, len(data), 4096):
        data[at] = (data[at] + 1) & 255
open(sys.argv[-1], "w").write("built")
"""


def test_the_newest_is_stopped_and_goes_on_and_the_build_is_well(tmp_path: Path) -> None:
    need_root()
    (tmp_path / "bin").mkdir()
    compiler = tmp_path / "bin" / "g++"
    compiler.write_text(COMPILER)
    compiler.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    objects = " ".join(f"{name}.o" for name in NAMES)
    (work / "Makefile").write_text(f".PHONY: all\nall: {objects}\n%.o:\n\tg++ -c $*.cpp -o $@\n")
    known = {"fingerprint": "g++", "kind": "compile", "need_bytes": MIB, "seconds": 3.0}
    learned = {"schema": 1, "toolchain": "", "edges": [{"output": f"{name}.o", **known} for name in NAMES]}
    (tmp_path / "peaks.json").write_text(json.dumps(learned))
    archive = tmp_path / archives.agent().name
    archive.write_bytes(archives.agent().data)
    words = ["run", "--report", tmp_path / "report.json", "--memory", str(240 * MIB), "--swap", str(600 * MIB)]
    words += ["--cores", "5", "--peaks", tmp_path / "peaks.json", "--", "make", "-j5"]
    with swap_file(tmp_path, 700 * MIB):
        done = subprocess.run(
            ["python3", archive, *words],
            cwd=work,
            env={**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    report = Report.from_text((tmp_path / "report.json").read_text())
    assert report.admission.suspensions >= 1
    held = [edge for edge in report.edges if edge.suspended_seconds]
    assert held
    assert held[0].output != report.edges[0].output  # the oldest is never stopped
    assert f"arm_ci: {held[0].output}: suspended for a while, the machine pages too much\n" in done.stdout
    assert {edge.exit_status for edge in report.edges} == {0}
