"""`arm-ci build`: a variant's build on this machine, without a master, from the same recipe.

It runs the same commands in the same order as the steps do; the source tree is the caller's own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from arm_ci.agent.probe import probe
from arm_ci.cli.options import DONE, FAILED, CommandError, add_config_option, find_variant, load_config
from arm_ci.patches import engine
from arm_ci.patches.series import SeriesError
from arm_ci.plan import (
    Choices,
    Command,
    CtestParser,
    Facts,
    GtestParser,
    Headline,
    Places,
    Recipe,
    TestRun,
    TestSummary,
    missing,
    probe_request,
)
from arm_ci.plan.commands import parse_targets
from arm_ci.plan.patching import bundle_of, context_of
from arm_ci.plan.requirements import missing_packages, notes, size_text

_HERE = "this machine"
LineTaker = Callable[[str], None]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `arm-ci build`."""
    parser = subparsers.add_parser(
        "build",
        help="build a variant on this machine, without a master",
        description="Builds a variant from a source tree on this machine with the commands that the master's steps "
        "run. The patch set is applied to the source tree.",
    )
    add_config_option(parser)
    parser.add_argument("--variant", required=True, metavar="NAME", help="builder name, as `arm-ci matrix` prints it")
    parser.add_argument("--source", required=True, type=Path, metavar="DIR", help="source tree (it gets the patches)")
    parser.add_argument(
        "--directory", type=Path, metavar="DIR", help="where to build (default: beside the source tree)"
    )
    parser.add_argument("--jobs", type=int, default=0, metavar="N", help="edges at once (default: the board's)")
    parser.add_argument("--targets", default="", metavar="'A B'", help="targets to build (default: the project's)")
    parser.add_argument("--keep", action="store_true", help="keep what an earlier build left in the build tree")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the build, stage by stage."""
    config = load_config(arguments)
    variant = find_variant(config, arguments.variant)
    source = arguments.source.resolve()
    if not source.is_dir():
        raise CommandError(f"--source: `{arguments.source}` is not a directory")
    if arguments.jobs < 0:
        raise CommandError(f"--jobs: a number of edges at once was expected, not {arguments.jobs}")
    try:
        targets = parse_targets(arguments.targets)
    except ValueError as error:
        raise CommandError(f"--targets: {error}") from error
    root = (arguments.directory or source.with_name(f"{source.name}-{variant.name}")).resolve()
    places = Places(PurePosixPath(source), PurePosixPath(root / "build"), PurePosixPath(root / "support"))
    recipe = Recipe(config, variant)
    return LocalBuild(recipe, places, Choices(arguments.jobs or recipe.default_jobs(), targets), arguments.keep).run()


class LocalBuild:
    """One build on this machine; prints what it does."""

    def __init__(self, recipe: Recipe, places: Places, choices: Choices, keep: bool) -> None:
        self.recipe = recipe
        self.places = places
        self.choices = choices
        self.keep = keep
        self.facts = Facts.from_json(probe(probe_request(recipe, places)))

    def run(self) -> int:
        """Every stage until one fails; the exit status."""
        started = time.monotonic()
        stages = (self.check_worker, self.patch_set, self.prerequisites, self.configure, self.build, self.tests)
        for stage in stages:
            title = stage.__name__.replace("_", " ").replace("worker", "this machine")
            print(f"=== {title}", flush=True)
            problem = stage()
            if problem:
                print(f"=== {self.recipe.variant.name}: {problem}", file=sys.stderr)
                return FAILED
        self.artefacts()
        print(f"=== {self.recipe.variant.name}: done in {time.monotonic() - started:.0f} s")
        return DONE

    # Each stage returns what is wrong, or nothing.

    def check_worker(self) -> str:
        lacks = missing(self.recipe, self.places, self.facts, _HERE)
        for line in (*lacks, *(f"note: {line}" for line in notes(self.recipe, self.facts, _HERE))):
            print(line)
        return lacks[0] if lacks else ""

    def patch_set(self) -> str:
        try:
            series = engine.load_bundle(bundle_of(self.recipe))
        except SeriesError as error:
            return f"patch-failed: {error}"
        compiler_version = self.facts.program_version(self.recipe.toolchain(self.places).cxx_compiler)
        context = context_of(self.recipe, compiler_version, self.facts.os)
        source = str(self.places.source)
        try:
            states = engine.apply(series, source, context)
            version = engine.read_version(source, series.version)
        except engine.SourceError as error:
            return f"patch-failed: {error}"
        self.choices = Choices(self.choices.jobs, self.choices.targets, version or "")
        for state in states:
            print(f"{state.state:17} {state.name}: {state.reason}")
        conflicts = [state for state in states if state.state == "conflicts"]
        return f"patch-failed: {conflicts[0].name}: {conflicts[0].reason}" if conflicts else ""

    def prerequisites(self) -> str:
        absent = missing_packages(self.recipe, self.facts)
        return f"packages are missing: {self.facts.install_hint(*absent)}" if absent else ""

    def configure(self) -> str:
        build = Path(self.places.build)
        if build.exists() and not self.keep:
            shutil.rmtree(build)
        for directory in (build, Path(self.places.support)):
            directory.mkdir(parents=True, exist_ok=True)
        for file in self.recipe.files(self.places):
            Path(file.path).write_text(file.text, encoding="utf-8")
        return self._run_all((*self.recipe.prepare(self.places), *self.recipe.configure(self.places)))

    def build(self) -> str:
        return self._run_all(self.recipe.build(self.places, self.choices))

    def tests(self) -> str:
        problems = [self._run_test(run) for run in self.recipe.tests(self.places, self.choices)]
        return "; ".join(problem for problem in problems if problem)

    def artefacts(self) -> None:
        """Names what was made, with sizes; it stays in the build tree."""
        for pattern in self.recipe.artefacts():
            for path in sorted(Path(self.places.build).glob(pattern)):
                print(f"artefact {path} {size_text(path.stat().st_size)}")

    # -- details ----------------------------------------------------------------------------------------------

    def _run_all(self, commands: Sequence[Command]) -> str:
        headline = Headline()
        for command in commands:
            status = self._execute(command, headline.feed)
            if status:
                return headline.text or f"`{command.argv[0]}` ended with exit status {status}"
        return ""

    def _run_test(self, run: TestRun) -> str:
        parser = CtestParser() if run.test.kind == "ctest" else GtestParser()
        status = self._execute(run.command, parser.feed)
        results = parser.finish()
        sentence = f"{run.test.name}: {TestSummary(results).sentence() if results else 'no test ran'}"
        print(sentence)
        failed = status or not results or TestSummary(results).failed
        return sentence if failed else ""

    def _execute(self, command: Command, take: LineTaker) -> int:
        """Runs a command, shows its output and hands each line to `take`; its exit status, 127 when absent."""
        print(f"$ cd {command.directory} && {command.shell()}", flush=True)
        try:
            with subprocess.Popen(
                command.argv,
                cwd=command.directory,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
            ) as process:
                assert process.stdout is not None
                for line in process.stdout:
                    sys.stdout.write(line)
                    take(line.rstrip("\n"))
        except OSError as error:
            take(f"error: {command.argv[0]}: {error.strerror}")
            return 127
        return process.returncode

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.recipe.environment}
