"""Packages are named when they are missing, and installed only where that is allowed."""

import example
from buildbot.process.results import FAILURE, SKIPPED, SUCCESS
from step_case import StepCase, shell

from arm_ci.steps import Prerequisites
from arm_ci.steps.prerequisites import _INSTALL

BOTH = ["libfoo-dev", "libbar-dev"]


class PrerequisitesTest(StepCase):
    def prerequisites(self, installed, may_install=False, allowed=False, os="debian-12", knows=True):
        recipe = example.recipe(example.config(install_prerequisites=allowed))
        self.use(
            Prerequisites(recipe),
            os=os,
            installed_packages=installed,
            may_install=may_install,
            knows_packages=knows,
        )

    def test_all_are_there(self):
        self.prerequisites(BOTH)
        self.expect_outcome(SUCCESS, "2 packages are there")
        return self.run_step()

    def test_missing_ones_are_named_with_the_command(self):
        self.prerequisites(["libfoo-dev"], may_install=True)
        self.expect_outcome(FAILURE, "1 packages are missing on worker `pi-1`: apt-get install libbar-dev")
        return self.run_step()

    def test_they_are_installed_where_configuration_and_user_allow_it(self):
        self.prerequisites([], may_install=True, allowed=True)
        argv = ("sh", "-c", _INSTALL, "sh", "apt-get", "install", "--yes", "--no-install-recommends", *BOTH)
        self.expect_commands(shell(argv, "/w/b/support", timeout=1800).exit(0))
        self.expect_outcome(SUCCESS, "installed libfoo-dev libbar-dev")
        return self.run_step()

    def test_a_failed_installation_says_how_it_ended(self):
        self.prerequisites([], may_install=True, allowed=True)
        argv = ("sh", "-c", _INSTALL, "sh", "apt-get", "install", "--yes", "--no-install-recommends", *BOTH)
        self.expect_commands(shell(argv, "/w/b/support", timeout=1800).exit(100))
        self.expect_outcome(FAILURE, "`apt-get install libfoo-dev libbar-dev` failed on worker `pi-1`: exit status 100")
        return self.run_step()

    def test_another_distribution_has_none_named(self):
        self.prerequisites([], os="fedora-40")
        self.expect_outcome(SKIPPED, "none named for this distribution")
        return self.run_step()

    def test_without_dpkg_they_are_not_judged(self):
        self.prerequisites([], knows=False)
        self.expect_outcome(SKIPPED, "cannot be checked without dpkg: libfoo-dev libbar-dev")
        return self.run_step()
