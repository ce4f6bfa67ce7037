"""The plan: what a variant's build runs, as data, from one definition for the master and for a terminal.

Pure: it reads the checked configuration and returns commands, files and sentences. Running them is the business
of `arm_ci.steps` (through Buildbot) and of `arm_ci.cli.build` (on this machine).
"""

from arm_ci.plan.choices import Choices
from arm_ci.plan.commands import Command, File, Places, TestRun
from arm_ci.plan.progress import Progress
from arm_ci.plan.recipe import Recipe
from arm_ci.plan.requirements import Facts, missing, probe_request
from arm_ci.plan.test_results import CtestParser, GtestParser, TestResult, TestSummary
from arm_ci.plan.toolchain import Toolchain, toolchain_of

__all__ = [
    "Choices",
    "Command",
    "CtestParser",
    "Facts",
    "File",
    "GtestParser",
    "Places",
    "Progress",
    "Recipe",
    "TestResult",
    "TestRun",
    "TestSummary",
    "Toolchain",
    "missing",
    "probe_request",
    "toolchain_of",
]
