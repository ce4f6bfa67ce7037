"""Builds that did not fail, though something in them may have."""

from __future__ import annotations

from arm_ci.agent.report import OOM_KILL, Edge
from arm_ci.diagnosis.figures import count, size
from arm_ci.diagnosis.judging.case import Case
from arm_ci.diagnosis.judging.draft_verdict import Draft, from_log, from_report, joined, kills_of_others
from arm_ci.diagnosis.verdict import Evidence

_MOST_QUOTED = 3


def command_ended_well(case: Case) -> Draft | None:
    """The command ended with exit status 0, whatever failed on the way."""
    if case.exit_status != 0:
        return None
    failed = case.every_cause
    once = [from_log(each.finding, "it failed once; the command passed all the same") for each in failed[:_MOST_QUOTED]]
    text = f"ok: the command ended with exit status 0{_ran_again(case)}"
    if failed:
        name = failed[0].output or failed[0].program or "something"
        text += f", although {name} failed once ({failed[0].kind})"
    killed = map(_killed_once, case.again[:_MOST_QUOTED])
    evidence = joined(once, killed, kills_of_others(case.records))
    return Draft("ok", "likely" if failed else "certain", text, evidence=evidence)


def _ran_again(case: Case) -> str:
    """`; 2 edges that memory had killed ran again alone`, or nothing."""
    killed = {edge.output for edge in case.again if edge.run_again == OOM_KILL}
    ended = {edge.output for edge in case.again} - killed
    hows = ((killed, "that memory had killed"), (ended, "that had left no room for file pages"))
    named = [f"{count(len(outputs), 'edge')} {how}" for outputs, how in hows if outputs]
    return f"; {' and '.join(named)} ran again alone" if named else ""


def _killed_once(edge: Edge) -> Evidence:
    held = f" when it held {size(edge.peak_anonymous_swap_bytes)}" if edge.peak_anonymous_swap_bytes else ""
    name, why = edge.output or edge.program, "it ran again, and the build went on"
    if edge.run_again == OOM_KILL:
        return from_report(f"memory killed {name}{held}", why)
    return from_report(f"the agent ended {name} to make room for file pages{held}", why)


def made_later(case: Case) -> Draft | None:
    """A log without an exit status in which what failed was made later."""
    if not case.findings.rebuilt or case.exit_status is not None:
        return None
    name = min(case.findings.rebuilt)
    text = f"ok: {name} failed once and was made later"
    return Draft("ok", "likely", text, evidence=joined(kills_of_others(case.records)))


def log_ends_well(case: Case) -> Draft | None:
    """A log without an exit status that ends with the build tool's last step."""
    findings = case.findings
    if not findings.succeeded or case.exit_status is not None:
        return None
    done = Evidence("log", findings.succeeded_line, findings.succeeded, "the build tool says that it is done")
    text = "ok: the log ends with the build tool's last step, and nothing failed"
    return Draft("ok", "likely", text, evidence=joined([done], kills_of_others(case.records)))
