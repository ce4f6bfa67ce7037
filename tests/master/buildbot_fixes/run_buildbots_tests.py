"""Runs test modules of Buildbot itself, with fixes of ours in place or without; a program, started by a test.

usage: run_buildbots_tests.py SOURCE FIX,FIX,... MODULE...

SOURCE is a checkout of Buildbot of the installed version: neither its wheel nor its source archive has these tests.
Prints a JSON object with the number of tests that ran, and why the others failed by their names.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

# buildbot.test makes errors of warnings, so what warns comes before it.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import buildbot.util.ssl
    from buildbot.changes.gitpoller import GitPoller
    from buildbot.steps.source.git import Git
    from twisted.trial.reporter import TextReporter
    from twisted.trial.runner import TestLoader, TrialRunner

    from arm_ci.master.buildbot_fixes import rest_answers
    from arm_ci.master.buildbot_fixes.worker_connection import Connection

import buildbot.test


def thing(reference: str) -> Any:
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)


def put_in_place(fix: str) -> None:
    """Puts a fix wherever Buildbot's own class or function is looked up."""
    if fix == "rest_answers":
        rest_answers.put_in_force()
        # In Buildbot's tests there are no threads.
        rest_answers.in_the_reactor = lambda function, *words: function(*words)
    for theirs, ours in import_module(f"arm_ci.master.buildbot_fixes.{fix}").FIX.ours.items():
        original, name = thing(theirs), theirs.partition(":")[2]
        # Of the same name, for that is part of the key of what is kept in the database.
        replacement = type(name, (thing(ours),), ADAPTED.get(fix, {}))
        for loaded in list(sys.modules.values()):
            if loaded.__name__.startswith("buildbot.") and vars(loaded).get(name) is original:
                setattr(loaded, name, replacement)


def connection(self: Any, master: Any, worker: Any, mind: Any) -> None:
    """A connection as Buildbot's tests make one: without a configuration, and with a mock that counts as hung up."""
    mind.broker.disconnected = False
    Connection.__init__(self, 60, master, worker, mind)


ADAPTED: dict[str, dict[str, Any]] = {
    "worker_connection": {"__init__": connection},
    # The sentence beside the step is ours, and tested with our steps.
    "git_step": {"getResultSummary": Git.getResultSummary},
    # How git is run and when it looks is replaced as a whole; this is about the rest of our poller.
    "git_poller": {"poll": GitPoller.poll, "_dovccmd": GitPoller._dovccmd},
}


def main(source: str, fixes: str, *modules: str) -> None:
    buildbot.test.__path__.insert(0, str(Path(source) / "master" / "buildbot" / "test"))
    import_module("buildbot.test.util.warnings")
    # Of alembic, which Buildbot uses; the tests make errors of warnings.
    warnings.filterwarnings("ignore", "No path_separator found")
    for fix in filter(None, fixes.split(",")):
        put_in_place(fix)
    with tempfile.TemporaryDirectory() as directory:
        runner = TrialRunner(TextReporter, stream=io.StringIO(), workingDirectory=f"{directory}/trial")
        result = runner.run(TestLoader().loadByNames([f"buildbot.test.unit.{module}" for module in modules], True))
    failed = {}
    for test, why in [*result.failures, *result.errors]:
        name = test.id().removeprefix("buildbot.test.unit.")
        message = why.getErrorMessage() if hasattr(why, "getErrorMessage") else str(why)
        failed.setdefault(name, message.strip().partition("\n")[0][:200] or repr(why)[:200])
    sys.stdout.write(json.dumps({"ran": result.testsRun, "failed": failed}))


if __name__ == "__main__":
    main(*sys.argv[1:])
