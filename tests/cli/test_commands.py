"""Each command is found in the module that has it, and no other module is imported for it."""

import argparse
import subprocess
import sys

import pytest

from arm_ci.cli import COMMANDS, make_parser


def commands_of(parser: argparse.ArgumentParser) -> list[str]:
    (found,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    return list(found.choices)


def test_the_table_of_commands_names_what_their_modules_have() -> None:
    assert commands_of(make_parser()) == list(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_in_the_module_that_the_table_says(command: str) -> None:
    assert command in commands_of(make_parser(command))


def imported_for(*words: str) -> set[str]:
    ask = (
        "import sys; from arm_ci.cli import make_parser; make_parser(*sys.argv[1:]); "
        "print(*(name for name in sys.modules if name.startswith('arm_ci')))"
    )
    return set(subprocess.run([sys.executable, "-c", ask, *words], capture_output=True, text=True).stdout.split())


def test_the_version_is_said_without_importing_a_command() -> None:
    assert imported_for("--version") == {"arm_ci", "arm_ci.cli"}


def test_checking_the_configuration_does_not_import_the_judging_of_logs() -> None:
    imported = imported_for("check")
    assert "arm_ci.cli.check" in imported
    # Sizes in words are the same everywhere.
    assert {name for name in imported if name.startswith("arm_ci.diagnosis.")} <= {"arm_ci.diagnosis.figures"}
