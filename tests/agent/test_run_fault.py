"""A fault of the agent's own is told in the report; the build goes on."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from waiting import limit

from arm_ci.agent.report import Report

ROOT = Path(__file__).resolve().parents[2]


def test_a_fault_in_looking_does_not_end_the_build(tmp_path):
    script = textwrap.dedent(
        """
        import sys
        from arm_ci.agent import run
        def fail(self, tree, now):
            raise KeyError("no such process")
        run.Edges.look = fail
        sys.exit(run.main(run.Options(("sh", "-c", "echo built"), sys.argv[1])))
        """
    )
    path = tmp_path / "report.json"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script, path], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert (done.returncode, done.stdout) == (0, "built\n"), done.stderr
    report = Report.from_text(path.read_text())
    assert report.outcome.complete
    unseen = {each.what: each.why for each in report.visibility.unseen}
    assert unseen["a part of the samples and edges"] == "a fault of the agent: KeyError: 'no such process'"


def test_a_fault_in_letting_edges_in_keeps_no_compiler_waiting(tmp_path):
    script = textwrap.dedent(
        """
        import sys
        from arm_ci.agent import run
        def fail(self, *words):
            raise KeyError("nobody")
        run.Controller.request_start = fail
        run.Controller.ended = fail
        sys.exit(run.main(run.Options(("sh", "-c", "g++ a.cpp"), sys.argv[1], cores=2)))
        """
    )
    path = tmp_path / "report.json"
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "g++").write_text("#!/bin/sh\necho compiled\nexit 3\n")
    (programs / "g++").chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{programs}:{os.environ['PATH']}"}
    done = subprocess.run(
        [sys.executable, "-c", script, path],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        check=False,
        timeout=limit(60),
    )
    assert (done.returncode, done.stdout) == (3, "compiled\n"), done.stderr
    assert "KeyError: 'nobody'" in str(Report.from_text(path.read_text()).visibility.unseen)
