"""For every test: imports that must come first, signals as at a terminal, and how Hypothesis searches.

`buildbot.test` turns every warning into an error, so what warns is imported before it. Tests that run in the background
have hangup, interrupt and quit ignored, and so would have what they start.

Hypothesis tries the same examples in every run, so that a run fails for what was changed and not by luck. `make fuzz`
searches on: with the profile `fuzz` it tries many more, other ones each time, and prints how to repeat what failed.
"""

import fcntl
import os
import shutil
import signal
import sys
import tempfile
import warnings
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import buildbot.util.ssl  # noqa: F401  (warns that Twisted will lose a name)

for _number, _handler in (
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, _handler)

# A version manager has a script named python3 in PATH, which takes longer than most of what the tests start with it.
_python3 = shutil.which("python3")
if _python3 and Path(_python3).read_bytes().startswith(b"#!"):
    os.environ["PATH"] = f"{Path(sys.executable).resolve().parent}{os.pathsep}{os.environ['PATH']}"

# A machine that is busy with something else is no mistake of a test.
_PATIENT = settings(database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", _PATIENT, derandomize=True, max_examples=60)
settings.register_profile("fuzz", _PATIENT, derandomize=False, max_examples=3000, print_blob=True)
settings.load_profile("steady")


# -- side by side ---------------------------------------------------------------------------------------------------

_KILLS = (
    "tests/integration/test_build_fits.py",
    "tests/integration/test_killed_edges.py",
    "tests/integration/test_link_trial_for_real.py",
    "tests/agent/test_run_admission.py",
    "tests/agent/test_run_fallback.py",
    "tests/agent/test_collect_report.py",
)
"""Files whose tests provoke kills of the kernel's OOM killer."""
_COUNT_KILLS = (
    "tests/integration/test_provoked_memory.py",
    "tests/integration/test_provoked_kills.py",
    "tests/integration/test_provoked_disk.py",
    "tests/integration/test_lost_workers.py",
)
"""Files whose tests look at the counter of such kills, which the kernel has for all of the machine, or need swap."""
_LONGEST_FIRST = (*_KILLS, *_COUNT_KILLS, "tests/integration/", "tests/browser/", "tests/agent/test_", "tests/")
_LOCK = Path(tempfile.gettempdir()) / f"arm-ci-tests-{os.getuid()}.lock"


class _ByFile(LoadFileScheduling):
    """Gives a process all tests of a file or of `_COUNT_KILLS`: they share what a fixture started for them."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "count kills" if file in _COUNT_KILLS else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> _ByFile:
    return _ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next(n for n, start in enumerate(_LONGEST_FIRST) if item.nodeid.startswith(start)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """While a test counts kills, none provokes any, also in another checkout on this machine."""
    file = item.nodeid.partition("::")[0]
    if file not in _KILLS + _COUNT_KILLS:
        return (yield)
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if file in _COUNT_KILLS else fcntl.LOCK_SH)
        return (yield)


@pytest.fixture(autouse=True)
def _fake_masters_apart(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Buildbot's fake master makes `basedir` in the current directory, and removes it: one beside it needs another."""
    if hasattr(request.cls, "setup_test_reactor"):
        monkeypatch.chdir(request.getfixturevalue("tmp_path"))


@pytest.fixture(autouse=True)
def _own_place(request: pytest.FixtureRequest) -> None:
    """Buildbot's fake master makes a directory `basedir` where it is, and removes it."""
    if request.node.nodeid.startswith(("tests/master/", "tests/steps/")):
        request.getfixturevalue("monkeypatch").chdir(request.getfixturevalue("tmp_path"))
