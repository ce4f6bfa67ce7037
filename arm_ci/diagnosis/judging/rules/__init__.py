"""The rules of judging, in the order of what explains what: the first that has something to say is the verdict.

An edge that memory killed explains the errors around it; what no build tool calls failed explains nothing while
something that it calls failed can. A new kind of verdict is a function in a file here and a row below.
"""

from __future__ import annotations

from collections.abc import Callable

from arm_ci.diagnosis.judging.case import Case
from arm_ci.diagnosis.judging.draft_verdict import Draft
from arm_ci.diagnosis.judging.rules import (
    agent_ends,
    disk,
    kills,
    refusals,
    stops,
    successes,
    tool_errors,
    unexplained,
    worker,
)

Rule = Callable[[Case], "Draft | None"]
"""What it says of a case, or None. Its docstring is one line: what it explains."""

RULES: tuple[Rule, ...] = (
    # Whatever else the command printed.
    refusals.output_too_large,
    successes.command_ended_well,
    kills.edge_does_not_fit,
    worker.connection_lost,
    # Where no tool says what ran out, how processes ended tells more than the words of others.
    kills.edge_of_the_kernels_record,
    agent_ends.agent_killed,
    kills.edge_killed,
    stops.swapping,
    # What the log says of the failure.
    kills.program_killed,
    refusals.crash_at_a_limit,
    refusals.refused,
    disk.no_space,
    disk.bus_error,
    tool_errors.failed_trial,
    tool_errors.killed_but_not_for_memory,
    tool_errors.ended_by_a_signal,
    tool_errors.file_that_nothing_makes,
    tool_errors.own_words,
    # No tool says why.
    stops.stopped,
    kills.command_killed,
    tool_errors.failed_without_words,
    kills.kernels_record_alone,
    kills.status_of_a_kill,
    unexplained.edge_of_the_log,
    unexplained.edge_of_the_report,
    successes.made_later,
    successes.log_ends_well,
    unexplained.command,
    unexplained.nothing_said,
)


def explained(case: Case) -> Draft:
    """What the first rule says that explains the case; the last one explains any."""
    return next(draft for rule in RULES if (draft := rule(case)) is not None)


def meaning(rule: Rule) -> str:
    """What a rule explains, in one line."""
    return (rule.__doc__ or "").strip()
