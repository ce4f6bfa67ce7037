"""The recipe of one variant: which files are written and which commands run, stage by stage.

How a generator configures, builds and tests is in arm_ci/plan/generators.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import PurePosixPath

from arm_ci.agent.fallback.fallbacks_file import Fallback
from arm_ci.config.keys import BUILD_SYSTEMS, CompilerFamily
from arm_ci.config.model import Config, Variant
from arm_ci.config.project import BuildSystem, Project, Test
from arm_ci.config.versions import in_range
from arm_ci.plan import distcc
from arm_ci.plan.choices import Choices, offered
from arm_ci.plan.commands import Command, File, Places, TestRun
from arm_ci.plan.environment import ENVIRONMENT
from arm_ci.plan.fallbacks import fallbacks_of
from arm_ci.plan.generators import GENERATORS, SUITES, Generator, Setup
from arm_ci.plan.test_results import GtestParser
from arm_ci.plan.toolchain import Toolchain, toolchain_of, toolchain_text

# A version such as 1.2.0-rc1 counts as its numbers.
_LEADING_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,7}", re.ASCII)


def _is_of_version(test: Test, upstream_version: str) -> bool:
    """Whether an upstream version has a test; one that cannot be told has only those that every version has."""
    number = _LEADING_NUMBER.match(upstream_version)
    return in_range(number[0], test.versions) if number else not test.versions


@dataclass(frozen=True)
class Recipe:
    """Everything that a variant's build runs. Errors: none beyond those of reading a CMake toolchain file."""

    config: Config = field(repr=False)
    variant: Variant

    @property
    def project(self) -> Project:
        return self.config.projects[self.variant.project]

    @cached_property
    def build_system(self) -> BuildSystem:
        """The section of the project that the variant's generator uses."""
        section: BuildSystem | None = getattr(self.project, BUILD_SYSTEMS[self.variant.generator])
        if section is None:
            raise ValueError(f"project {self.project.name} says nothing of generator {self.variant.generator}")
        return section

    @property
    def generator(self) -> Generator:
        """What drives the build."""
        return GENERATORS[self.variant.generator]

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of every command."""
        return {**ENVIRONMENT, **self.project.environment}

    @property
    def is_cross(self) -> bool:
        """Whether what is built runs on another board."""
        return bool(self.config.compilers[self.variant.compiler].target)

    def toolchain(self, places: Places) -> Toolchain:
        return toolchain_of(self.config, self.variant, str(places.support))

    def toolchain_text(self, compiler_version: str, linker_version: str) -> str:
        """The toolchain with its versions on the machine that builds: what is learned of peaks is learned with it."""
        compiler, linker = self.config.compilers[self.variant.compiler], self.config.linkers[self.variant.linker]
        return toolchain_text(compiler, linker, compiler_version, linker_version)

    @property
    def helpers(self) -> tuple[str, ...]:
        """The machines that compile for the board, `HOST[:PORT]/JOBS`; none for a variant without distcc."""
        return self.config.boards[self.variant.board].distcc if self.variant.distcc else ()

    def fallbacks(self, places: Places) -> tuple[Fallback, ...]:
        """How edges may be built differently by configuration, in the order of trial."""
        return fallbacks_of(self.config, self.variant, str(places.support))

    def default_jobs(self) -> int:
        """How many edges run at once at most when nobody says otherwise: the board's and its helpers' together."""
        board = self.config.boards[self.variant.board]
        return (board.jobs or int(board.cores)) + distcc.jobs(self.helpers)

    # -- stages -----------------------------------------------------------------------------------------------

    def files(self, places: Places) -> tuple[File, ...]:
        """Files to write before configuring."""
        files = self.generator.files(self._setup(places))
        if not self.helpers:
            return files
        cores = int(self.config.boards[self.variant.board].cores)
        text = distcc.launcher_text(self._family, self.toolchain(places), self.helpers, cores)
        return (*files, File(distcc.launcher(places.support), text))

    def prepare(self, places: Places) -> tuple[Command, ...]:
        """Links the chosen linker into its directory, then runs the project's own preparation."""
        commands = []
        toolchain = self.toolchain(places)
        if self.helpers:
            argv = distcc.prepare(self._family, toolchain, places.support)
            commands.append(Command(argv, places.support, self.project.timeout))
        if toolchain.linker_directory:
            script = f'mkdir -p "$1" && ln -sfn "$(command -v {shlex.quote(toolchain.linker_program)})" "$1/ld"'
            commands.append(
                Command(("sh", "-c", script, "sh", toolchain.linker_directory), places.support, self.project.timeout)
            )
        source = self._source(places)
        commands += [Command(argv, source, self.project.timeout) for argv in self.build_system.prepare]
        return tuple(commands)

    def configure(self, places: Places) -> tuple[Command, ...]:
        """Configures the build tree."""
        return (Command(self.generator.configure(self._setup(places)), places.build, self.project.timeout),)

    def build(self, places: Places, choices: Choices) -> tuple[Command, ...]:
        """Builds the targets and the programs of the tests."""
        cores = choices.jobs if self.project.admission else 0
        jobs = offered(choices.jobs) if cores else choices.jobs
        argvs = self.generator.build(self._setup(places), jobs, self.targets(choices))
        *before, last = (Command(argv, places.build, self.project.timeout) for argv in argvs)
        has_fallback = bool(self.fallbacks(places)) or self.project.fallback_from_trials
        return (*before, replace(last, cores=cores, has_fallback=has_fallback))

    def tests(self, places: Places, choices: Choices) -> tuple[TestRun, ...]:
        """Runs every test of this upstream version whose target was built; none of a cross build runs here."""
        if self.is_cross:
            return ()
        return tuple(self._test_run(test, places, choices) for test in self.chosen_tests(choices))

    def artefacts(self) -> tuple[str, ...]:
        """Shell patterns of what is kept, relative to the build tree."""
        return self.build_system.artefacts

    # -- details ----------------------------------------------------------------------------------------------

    @property
    def _family(self) -> CompilerFamily:
        return self.config.compilers[self.variant.compiler].family

    def _source(self, places: Places) -> PurePosixPath:
        return places.source / self.project.source_directory

    def _setup(self, places: Places) -> Setup:
        return Setup(
            places=places,
            source=self._source(places),
            toolchain=self.toolchain(places),
            family=self._family,
            build_type=self.project.build_type,
            options=self.build_system.options,
            launcher=str(distcc.launcher(places.support)) if self.helpers else "",
        )

    def targets(self, choices: Choices) -> tuple[str, ...]:
        """The targets of the build command: those asked for, or the project's and its tests'."""
        if choices.targets:
            return choices.targets
        wanted = (*self.build_system.targets, *(test.target for test in self.chosen_tests(choices) if test.target))
        return tuple(dict.fromkeys(wanted))

    def chosen_tests(self, choices: Choices) -> tuple[Test, ...]:
        """Tests of this upstream version; when targets were asked for, only those whose target is among them."""
        return tuple(
            test
            for test in self.build_system.tests
            if (_is_of_version(test, choices.upstream_version) or test.target in choices.targets)
            and (not choices.targets or test.target in choices.targets or "all" in choices.targets)
        )

    def _test_run(self, test: Test, places: Places, choices: Choices) -> TestRun:
        suite = SUITES.get(test.kind)
        if suite is None:
            argv: tuple[str, ...] = (str(places.build / test.program), "--gtest_color=no", *test.arguments)
        else:
            argv = suite.command(choices.jobs, test.arguments)
        command = Command(argv, places.build / test.directory, test.timeout)
        return TestRun(test, command, GtestParser if suite is None else suite.parser)
