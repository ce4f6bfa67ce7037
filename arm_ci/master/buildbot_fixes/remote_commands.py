"""How steps run commands and fetch files: more than Buildbot's documented steps tell.

What: what a remote command knows of its end, and the upload of a file. The code stands in `arm_ci/steps/base.py` and
`arm_ci/steps/artefacts.py`, which may not import the master.
Why: that a command was silent for too long is told nowhere else; Buildbot's steps that upload are steps of their own,
with one sentence for one file.
Buildbot's issue: no issue found.
Can go: when a step may ask why its command ended, and CompositeStepMixin can upload.
"""

from __future__ import annotations

from arm_ci.master.buildbot_fixes.fix import NO_ISSUE, Fix

FIX = Fix(
    name="remote_commands",
    why="steps tell a command that fell silent from one that failed, and upload any number of files",
    issue=NO_ISSUE,
    goes_when="a step may ask why its command ended, and CompositeStepMixin can upload",
    calls=(
        "buildbot.process.remotetransfer:FileWriter.__init__",
        "buildbot.process.remotetransfer:FileWriter.cancel",
        "buildbot.process.remotetransfer:FileWriter.purge",
        "buildbot.steps.transfer:makeStatusRemoteCommand",
    ),
    reads=(
        "buildbot.process.remotecommand:RemoteCommand.remote_failure_reason",
        "buildbot.worker.base:AbstractWorker.worker_environ",
    ),
)
