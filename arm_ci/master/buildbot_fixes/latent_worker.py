"""The guests' worker: told at once when its guest did not come up, and never put into quarantine.

What: Buildbot's class for workers that are started for a build. The code stands in `arm_ci/guests/latent_worker.py`,
which may not import the master.
Why: Buildbot waits for a guest that is gone until a timeout; after a failed build it waits longer each time before it
starts another guest, though every build has another machine; and a password of a guest is for one log-in only.
Buildbot's issue: 7122 (its own worker for virtual machines is not pristine); none found for the rest.
Can go: when a latent worker can say that its instance failed after `start_instance` has returned.
"""

from __future__ import annotations

from arm_ci.master.buildbot_fixes.fix import Fix

_LATENT = "buildbot.worker.latent:AbstractLatentWorker"

FIX = Fix(
    name="latent_worker",
    why="a guest that did not come up is told at once, and no guest is put into quarantine",
    issue="https://github.com/buildbot/buildbot/issues/7122",
    goes_when="a latent worker can tell that its instance failed after start_instance() has returned",
    replaces=("buildbot.worker.base:AbstractWorker.putInQuarantine", f"{_LATENT}._generate_random_password"),
    relies_on=(f"{_LATENT}._substantiation_failed",),
    extends=(f"{_LATENT}.canStartBuild", f"{_LATENT}.attached"),
    calls=(
        f"{_LATENT}.getRandomPass",
        "buildbot.worker.base:AbstractWorker.stopMissingTimer",
        "buildbot.worker.manager:WorkerRegistration.update",
    ),
    reads=(
        f"{_LATENT}.state",
        "buildbot.worker.base:AbstractWorker.registration",
        "buildbot.worker.base:AbstractWorker.password",
        "buildbot.worker.latent:States.SUBSTANTIATING_STARTING",
    ),
)
