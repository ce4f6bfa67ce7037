"""What the probe finds on this very machine, and how it fails."""

import json
import os
import socket
import subprocess
import sys

import pytest

from arm_ci.agent.machine import probe
from arm_ci.plan import Facts


def run(request):
    command = [sys.executable, "-m", "arm_ci.agent", "probe"]
    return subprocess.run(command, input=request, capture_output=True, text=True)


def test_it_answers_with_facts_that_the_master_can_read(tmp_path):
    done = run(json.dumps({"directory": str(tmp_path / "not" / "yet"), "programs": ["git", "no-such-program"]}))
    facts = Facts.from_json(json.loads(done.stdout))
    assert facts.cores == len(os.sched_getaffinity(0))
    assert facts.memory_bytes > 0
    assert facts.free_disk_bytes > 0
    assert facts.program_version("git")[0].isdigit()
    assert facts.programs["no-such-program"] is None


def test_a_helper_that_listens_answers_and_another_says_why_not(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_server(("127.0.0.1", 0)) as gone:
        heard, silent = (f"127.0.0.1:{each.getsockname()[1]}" for each in (listening, gone))
        gone.close()
        done = run(json.dumps({"directory": str(tmp_path), "helpers": [heard, silent, "no-such-host.invalid:3632"]}))
    helpers = Facts.from_json(json.loads(done.stdout)).helpers
    assert (helpers[heard], helpers[silent]) == ("", "Connection refused")
    assert helpers["no-such-host.invalid:3632"]


def test_what_a_build_found_before_there_were_helpers_can_still_be_read():
    answer = probe.probe({"directory": "/"})
    del answer["helpers"]
    assert Facts.from_json(answer).helpers == {}


@pytest.mark.parametrize("request_text", ["", "[]", "{}", "not json"])
def test_a_request_that_it_cannot_read_is_one_line_and_no_traceback(request_text):
    done = run(request_text)
    assert done.returncode == 2
    assert done.stderr.startswith("probe: cannot answer the request: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("first_line", "version"),
    [
        ("gcc (Debian 12.2.0-14+deb12u1) 12.2.0", "12.2.0"),
        ("Debian clang version 14.0.6", "14.0.6"),
        ("GNU ld (GNU Binutils for Debian) 2.40", "2.40"),
        ("GNU gold (GNU Binutils for Debian 2.40) 1.16", "1.16"),
        ("Debian LLD 14.0.6 (compatible with GNU linkers)", "14.0.6"),
        ("mold 1.10.1 (compatible with GNU ld)", "1.10.1"),
        ("1.11.1", "1.11.1"),
        ("GNU Make 4.3", "4.3"),
        ("ldd: no number here", ""),
    ],
)
def test_versions_are_read_as_tools_print_them(first_line, version, tmp_path, monkeypatch):
    tool = tmp_path / "tool"
    tool.write_text(f"#!/bin/sh\necho '{first_line}'\necho 9.9.9\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert probe.program("tool")["version"] == version


def test_packages_are_told_apart_where_dpkg_knows_them(tmp_path, monkeypatch):
    query = tmp_path / "dpkg-query"
    query.write_text('#!/bin/sh\ncase "$3" in there) printf installed;; gone) printf config-files;; *) exit 1;; esac\n')
    query.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert probe.packages(["there", "gone", "unknown"]) == {"there": True, "gone": False, "unknown": False}
