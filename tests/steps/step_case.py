"""What the tests of steps share: a step of ours among Buildbot's fakes, and the commands that it must send."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

from buildbot.process.remotetransfer import StringFileReader, StringFileWriter
from buildbot.test.reactor import TestReactorMixin
from buildbot.test.steps import (
    ExpectDownloadFile,
    ExpectRemoteRef,
    ExpectShell,
    ExpectStat,
    ExpectUploadFile,
    TestBuildStepMixin,
)
from twisted.internet import defer
from twisted.trial import unittest

from arm_ci.agent.report import Report
from arm_ci.plan.archives import Archive, agent
from arm_ci.steps.base import MOST_LINES

ENVIRONMENT = {"LC_ALL": "C"}


class StepCase(TestReactorMixin, TestBuildStepMixin, unittest.TestCase):
    """A test case with one step; properties are those of a build in /w/b on worker pi-1."""

    @defer.inlineCallbacks
    def setUp(self) -> Any:
        self.setup_test_reactor()
        yield self.setup_test_build_step()

    def directory(self) -> Path:
        """A directory of this test's own."""
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        return Path(made.name)

    def expect_verdict(self, kind: str) -> None:
        """The verdict's machine form must become build data, its kind a property."""
        self.expect_build_data("verdict", VerdictOf(kind), "arm_ci")
        self.expect_property("verdict", kind)

    def expect_verdict_with_report(self, kind: str) -> None:
        """The same, and the agent's report."""
        self.expect_verdict(kind)
        self.expect_build_data("report", AnyReport(), "arm_ci")

    def use(self, step: Any, **properties: Any) -> Any:
        step = self.setup_step(step)
        self.build.setProperty("builddir", "/w/b", "test")
        self.build.setProperty("workername", "pi-1", "test")
        self.build.setProperty("buildnumber", 7, "test")
        self.build.setProperty("upstream_version", "1.0", "test")
        for name, value in properties.items():
            self.build.setProperty(name, value, "test")
        step.getWorkerName = lambda: "pi-1"
        return step


def shell(argv: tuple[str, ...], directory: str, timeout: int = 6 * 3600, **more: Any) -> ExpectShell:
    """The remote shell command that a step must send."""
    return ExpectShell(
        workdir=directory,
        command=list(argv),
        env=ENVIRONMENT,
        timeout=timeout,
        max_lines=MOST_LINES,
        log_environ=False,
        use_pty=None,
        **more,
    )


def download(name: str, directory: str) -> ExpectDownloadFile:
    """The file that a step must bring to the worker."""
    return ExpectDownloadFile(
        blocksize=32768, workerdest=name, workdir=directory, reader=ExpectRemoteRef(StringFileReader)
    )


AGENT = f"/w/b/support/{agent().name}"


def watched(
    argv: tuple[str, ...],
    directory: str,
    stage: str,
    timeout: int = 6 * 3600,
    cores: int = 0,
    fallback: bool = False,
    **more: Any,
) -> ExpectShell:
    """The remote shell command that a step must send for a command that the agent watches.

    `cores`: how many edges the agent lets in at once; 0: all. `fallback`: whether some may be built differently.
    """
    words = ["python3", AGENT, "run", "--report", f"/w/b/support/report-{stage}.json"]
    if cores:
        words += ["--cores", str(cores), "--peaks", f"/w/b/support/peaks-{stage}.json"]
    if fallback:
        words += ["--fallback", f"/w/b/support/fallback-{stage}.json"]
    return shell((*words, "--", *argv), directory, timeout, **more)


def report_of(stage: str, report: Report = Report()) -> ExpectUploadFile:  # noqa: B008 (it cannot be changed)
    """The step asks for the agent's report, and gets this one."""
    return _asked_for_report(stage).upload_string(json.dumps(report.to_json())).exit(0)


def no_report_of(stage: str) -> ExpectUploadFile:
    """The step asks for the agent's report, and there is none."""
    return _asked_for_report(stage).exit(1)


def _asked_for_report(stage: str) -> ExpectUploadFile:
    return ExpectUploadFile(
        blocksize=32 * 1024,
        maxsize=None,
        workersrc=f"/w/b/support/report-{stage}.json",
        workdir="wkdir",
        writer=ExpectRemoteRef(StringFileWriter),
    )


def shipped(archive: Archive) -> ExpectStat:
    """The step looks whether the worker has an archive; it has."""
    return ExpectStat(file=f"/w/b/support/{archive.name}", log_environ=False).exit(0)


class VerdictOf:
    """Equal to the build data of a verdict of this kind."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __eq__(self, value: object) -> bool:
        return isinstance(value, bytes) and json.loads(value)["kind"] == self.kind

    __hash__ = None  # type: ignore[assignment]


class AnyReport:
    """Equal to the build data of any report."""

    def __eq__(self, value: object) -> bool:
        return isinstance(value, bytes) and bool(Report.from_text(gzip.decompress(value).decode()))

    __hash__ = None  # type: ignore[assignment]
