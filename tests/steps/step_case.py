"""What the tests of steps share: a step of ours among Buildbot's fakes, and the commands that it must send."""

from __future__ import annotations

from typing import Any

from buildbot.process.remotetransfer import StringFileReader
from buildbot.test.reactor import TestReactorMixin
from buildbot.test.steps import ExpectDownloadFile, ExpectRemoteRef, ExpectShell, TestBuildStepMixin
from twisted.internet import defer
from twisted.trial import unittest

from arm_ci.steps.base import MOST_LINES

ENVIRONMENT = {"LC_ALL": "C"}


class StepCase(TestReactorMixin, TestBuildStepMixin, unittest.TestCase):
    """A test case with one step; properties are those of a build in /w/b on worker pi-1."""

    @defer.inlineCallbacks
    def setUp(self) -> Any:
        self.setup_test_reactor()
        yield self.setup_test_build_step()

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
