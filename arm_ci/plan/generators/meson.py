"""Meson writes build.ninja, and ninja builds."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from arm_ci.config.model import Board
from arm_ci.plan.commands import File
from arm_ci.plan.generators.generator import Argv, Generator, Setup, TestSuite
from arm_ci.plan.test_results import Outcome, TestParser, TestResult
from arm_ci.plan.toolchain import triplet

# https://mesonbuild.com/Reference-tables.html#cpu-families
_FAMILIES = {"armhf": "arm", "arm64": "aarch64", "amd64": "x86_64", "i386": "x86"}

# `3/6 name            OK              0.02s`, `6/6 suite / name FAIL 0.01s   exit status 1`
_TEST = re.compile(
    r"^ *\d+/\d+ (?P<name>\S.*?) +(?P<result>OK|EXPECTEDFAIL|FAIL|UNEXPECTEDPASS|ERROR|TIMEOUT|INTERRUPT|SKIP) "
    r"+(?P<seconds>[\d.]+) ?s\b"
)
_OUTCOMES: dict[str, Outcome] = {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped"}
# Here it says once more which failed.
_SUMMARY = "Summary of Failures:"


class MesonParser(TestParser):
    """Reads what `meson test` prints; a test that never ended is not in its output."""

    def __init__(self) -> None:
        super().__init__()
        self._has_ended = False

    def feed(self, line: str) -> None:
        self._has_ended = self._has_ended or line.startswith(_SUMMARY)
        match = _TEST.match(line)
        if match is None or self._has_ended:
            return
        outcome = _OUTCOMES.get(match["result"], "failed")
        self.results.append(TestResult(match["name"], outcome, float(match["seconds"])))


class Meson(Generator):
    """The generator `meson`."""

    name = "meson"
    programs = {"meson": "meson", "ninja": "ninja-build"}
    variables = ("MESON_", "NINJA_", "CC_LD", "CXX_LD")
    suite = TestSuite(
        "meson",
        {"meson": "meson"},
        ("meson", "test", "--no-rebuild", "--print-errorlogs"),
        "--num-processes=",
        MesonParser,
    )

    def files(self, setup: Setup) -> tuple[File, ...]:
        return (File(_machine_file(setup), _machine(setup)),)

    def configure(self, setup: Setup) -> Argv:
        kind = "native" if setup.toolchain.target is None else "cross"
        return (
            "meson",
            "setup",
            # The flags of the build type are in the file, with those of the debug info.
            "--buildtype=plain",
            f"--{kind}-file={_machine_file(setup)}",
            *setup.options,
            ".",
            str(setup.source),
        )

    def build(self, setup: Setup, jobs: int, targets: tuple[str, ...]) -> tuple[Argv, ...]:
        return (("ninja", f"-j{jobs}", *targets),)


def _machine_file(setup: Setup) -> PurePosixPath:
    return setup.places.support / "meson.ini"


def _machine(setup: Setup) -> str:
    """Meson's machine file, https://mesonbuild.com/Machine-files.html."""
    toolchain = setup.toolchain
    launcher = (setup.launcher,) if setup.launcher else ()
    compile_flags = (*toolchain.compile_flags, *setup.type_and_debug_flags)
    link_flags = (*toolchain.compile_flags, *toolchain.link_flags)
    lines = ["# Written by arm_ci.", "[binaries]"]
    lines += [f"c = {_list(*launcher, toolchain.c_compiler)}", f"cpp = {_list(*launcher, toolchain.cxx_compiler)}"]
    if toolchain.target is not None:
        lines += [f"{tool} = {_list(f'{triplet(toolchain.target)}-{tool}')}" for tool in ("ar", "strip")]
    lines.append("[built-in options]")
    lines += [f"{language}_args = {_list(*compile_flags)}" for language in ("c", "cpp")]
    lines += [f"{language}_link_args = {_list(*link_flags)}" for language in ("c", "cpp")]
    if toolchain.target is not None:
        lines += _host(toolchain.target)
    return "\n".join(lines) + "\n"


def _host(board: Board) -> list[str]:
    family = _FAMILIES[board.architecture]
    values = {"system": "linux", "cpu_family": family, "cpu": board.cpu or family, "endian": "little"}
    return ["[host_machine]", *(f"{key} = '{value}'" for key, value in values.items())]


def _list(*words: str) -> str:
    quoted = (word.replace("\\", "\\\\").replace("'", "\\'") for word in words)
    return "[" + ", ".join(f"'{word}'" for word in quoted) + "]"
