"""First step: is this worker fit for the variant? Ends the build in a second instead of after hours."""

from __future__ import annotations

import json
from typing import Any

from buildbot.process.results import SUCCESS
from twisted.internet.threads import deferToThread

from arm_ci.diagnosis.judging.lost_worker import lost_build
from arm_ci.diagnosis.page.verdict_page import page
from arm_ci.plan import Facts, Recipe, missing, probe_request
from arm_ci.plan.agent_command import LOST_BUILD, LOST_BUILD_PROPERTY
from arm_ci.plan.archives import agent
from arm_ci.plan.commands import Command
from arm_ci.plan.requirements import PROBE, notes
from arm_ci.steps.agent_step import WatchedStep
from arm_ci.steps.base import how_it_ended
from arm_ci.steps.build import Build

_PROBE_TIMEOUT_SECONDS = 300
_LEFTOVERS_TIMEOUT_SECONDS = 300
# What a shell and a Buildbot worker answer when there is no such program.
_NOT_FOUND = 127


class CheckWorker(WatchedStep):
    """Runs the agent's probe on the worker and judges what it found."""

    name = "check-worker"

    def __init__(self, recipe: Recipe, **kwargs: Any) -> None:
        super().__init__(recipe, **kwargs)
        self.facts: Facts | None = None
        self._ended = ""

    async def run(self) -> int:
        places = self.places
        await self.ship(agent())
        if problem := await self._end_leftovers():
            return self.fail(problem)
        await self._look_at_lost_build()
        remote = await self.execute(
            Command(("python3", agent().name, "probe"), places.support, _PROBE_TIMEOUT_SECONDS),
            collectStdout=True,
            collectStderr=True,
            initialStdin=json.dumps(probe_request(self.recipe, places)),
        )
        try:
            answer = json.loads(remote.stdout)
            self.facts = Facts.from_json(answer)
        except (ValueError, KeyError, TypeError):
            return self.fail(f"{self.where} did not answer the probe: {_why(remote)}")
        await self.addCompleteLog("facts", json.dumps(answer, indent=1, sort_keys=True) + "\n")
        await self.setBuildData(PROBE, json.dumps(answer).encode(), "arm_ci")
        return await self._judge(self.facts)

    async def _end_leftovers(self) -> str:
        """Ends what a killed worker or master left running here; the reason why this cannot be built on, or nothing."""
        places = self.places
        if not (mark := getattr(self.build, "mark", "")):
            return ""  # a builder that is not ours uses this step
        request = {"mark": mark, "repository": str(places.source / ".git")}
        remote = await self.execute(
            Command(("python3", agent().name, "leftovers"), places.support, _LEFTOVERS_TIMEOUT_SECONDS),
            collectStdout=True,
            collectStderr=True,
            initialStdin=json.dumps(request),
        )
        if remote.rc == _NOT_FOUND:
            # The probe, which is next, says that this machine has no Python.
            return ""
        found = _answer(remote)
        if found is None:
            # Compilers of an earlier build may run on; beside them this one would be killed or wait for memory.
            return f"{self.where} cannot say what is left over of earlier builds: {_why(remote)}"
        return await self._tell_leftovers(found)

    async def _tell_leftovers(self, found: dict[str, list[Any]]) -> str:
        lines = [f"ended: {each['pid']} {each['command']}" for each in found["ended"]]
        lines += [f"does not end: {each['pid']} {each['command']}" for each in found["remain"]]
        lines += [f"removed: {name}" for name in found["locks"]]
        if lines:
            await self.addCompleteLog("leftovers", "".join(f"{line}\n" for line in lines))
        if found["remain"]:
            return f"{self.where}: {_processes(found['remain'])} of an earlier build cannot be ended, see leftovers"
        self._ended = f"; ended {_processes(found['ended'])} of an earlier build" if found["ended"] else ""
        return ""

    async def _look_at_lost_build(self) -> None:
        """When the build before this one was lost with its worker: what its agent had written down until then."""
        was_lost = getattr(self.build, "was_lost_before", None)
        if was_lost is None or not await was_lost():
            return
        report = await self.report(Build.name)
        if report is None:
            return
        verdict = await deferToThread(lost_build, report)
        self.setProperty(LOST_BUILD_PROPERTY, verdict.sentence.partition(": ")[2], self.name)
        await self.addHTMLLog(LOST_BUILD, await deferToThread(page, verdict, report))
        await self.setBuildData(LOST_BUILD, json.dumps(verdict.to_json()).encode(), "arm_ci")

    async def _judge(self, facts: Facts) -> int:
        toolchain = self.recipe.toolchain(self.places)
        for name, value in (
            ("os", facts.os),
            ("compiler_version", facts.program_version(toolchain.cxx_compiler)),
            ("linker_version", facts.program_version(toolchain.linker_program)),
            ("may_install", facts.may_install),
            ("installed_packages", [name for name, there in (facts.packages or {}).items() if there]),
            ("knows_packages", facts.packages is not None),
        ):
            self.setProperty(name, value, self.name)
        lacks = missing(self.recipe, self.places, facts, self.where)
        remarks = notes(self.recipe, facts, self.where)
        if lacks or remarks:
            await self.addCompleteLog("findings", "\n".join((*lacks, *(f"note: {line}" for line in remarks))) + "\n")
        if lacks:
            more = f" (and {len(lacks) - 1} more, see findings)" if len(lacks) > 1 else ""
            return self.fail(lacks[0] + more)
        compiler = f"{toolchain.cxx_compiler} {facts.program_version(toolchain.cxx_compiler)}"
        linker = f"{toolchain.linker_program} {facts.program_version(toolchain.linker_program)}"
        self.say(f"{self.getWorkerName()}: {facts.architecture}, {facts.os}, {compiler}, {linker}{self._ended}")
        return int(SUCCESS)


def _answer(remote: Any) -> Any:
    """The JSON that a finished command printed; None when it failed or printed none."""
    try:
        return json.loads(remote.stdout) if remote.rc == 0 else None
    except ValueError:
        return None


def _why(remote: Any) -> str:
    """Why there is no answer of a finished `python3 AGENT probe` or `leftovers`."""
    if remote.rc == _NOT_FOUND:
        return "python3 must be there"
    said = (remote.stdout + remote.stderr).strip().splitlines()
    return said[-1] if said else how_it_ended(remote)


def _processes(found: list[object]) -> str:
    return f"{len(found)} process{'es' if len(found) > 1 else ''}"
