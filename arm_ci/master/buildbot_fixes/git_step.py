"""The source step without the patch, which another step applies.

What: how Buildbot's Git step updates the tree. The code stands in `arm_ci/steps/source.py`, which may not import the
master.
Why: Buildbot's step applies a person's patch itself; where it does not apply, it looks as if fetching had failed.
Buildbot's issue: no issue found.
Can go: when the Git step can be told to leave the patch alone.
"""

from __future__ import annotations

from arm_ci.master.buildbot_fixes.fix import NO_ISSUE, Fix

FIX = Fix(
    name="git_step",
    why="the Git step leaves a person's patch to a step that says which part of it does not apply",
    issue=NO_ISSUE,
    goes_when="the Git step can be told to leave the patch alone",
    relies_on=("buildbot.steps.source.base:Source.run",),
    extends=("buildbot.steps.source.git:Git.run_vc", "buildbot.process.buildstep:BuildStep.addCompleteLog"),
    reads=("buildbot.steps.source.base:Source.retry",),
    ours={"buildbot.steps.source.git:Git": "arm_ci.steps.source:Source"},
)
