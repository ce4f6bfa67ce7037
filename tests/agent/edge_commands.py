"""For tests: the command of an edge by its words."""

from __future__ import annotations

from arm_ci.agent.edges.command_line import EdgeCommand, kind_and_output


def command_of(line: str) -> EdgeCommand:
    argv = tuple(line.split())
    return EdgeCommand(argv, "/build", *kind_and_output(argv))
