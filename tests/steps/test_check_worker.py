"""The worker is checked before anything is fetched."""

import json
from dataclasses import asdict

import example
from buildbot.process.results import FAILURE, SUCCESS
from step_case import StepCase, download, shell

from arm_ci.plan import probe_request
from arm_ci.steps import CheckWorker

REQUEST = json.dumps(probe_request(example.recipe(), example.PLACES))


def probe():
    return shell(("python3", "probe.py"), "/w/b/support", timeout=300, initial_stdin=REQUEST)


class CheckWorkerTest(StepCase):
    def check(self, answer):
        self.use(CheckWorker(example.recipe()))
        self.expect_commands(download("probe.py", "/w/b/support").exit(0), answer)

    def test_a_fit_worker_is_described(self):
        self.check(probe().stdout(json.dumps(asdict(example.facts()))).exit(0))
        self.expect_outcome(SUCCESS, "pi-1: amd64, debian-12, g++ 12.2.0, ld.bfd 2.40")
        self.expect_property("compiler_version", "12.2.0")
        self.expect_property("os", "debian-12")
        return self.run_step()

    def test_what_is_missing_ends_the_build_with_what_to_install(self):
        self.check(probe().stdout(json.dumps(asdict(example.facts(programs={"ld.bfd": None, "ninja": None})))).exit(0))
        first = "linker `ld.bfd` is not on worker `pi-1` (debian-12): apt-get install binutils"
        self.expect_outcome(FAILURE, f"{first} (and 1 more, see findings)")
        self.expect_log_file(
            "findings", f"{first}\n`ninja` is not on worker `pi-1` (debian-12): apt-get install ninja-build\n"
        )
        return self.run_step()

    def test_what_the_probe_says_itself_is_shown(self):
        self.check(probe().stderr("probe: cannot answer the request: no memory\n").exit(2))
        self.expect_outcome(
            FAILURE, "worker `pi-1` did not answer the probe: probe: cannot answer the request: no memory"
        )
        return self.run_step()

    def test_a_worker_without_python_is_told_so(self):
        self.check(probe().stderr("sh: python3: not found\n").exit(127))
        self.expect_outcome(FAILURE, "worker `pi-1` did not answer the probe: python3 must be there")
        return self.run_step()
