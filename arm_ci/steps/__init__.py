"""Buildbot steps of a variant's build: thin, each runs one stage of the recipe and says in a sentence how it went."""

from arm_ci.steps.artefacts import Artefacts
from arm_ci.steps.build import Build, Configure
from arm_ci.steps.check_worker import CheckWorker
from arm_ci.steps.forced_patch import ForcedPatch
from arm_ci.steps.learn_peaks import LearnPeaks
from arm_ci.steps.link_trial import LinkTrial
from arm_ci.steps.patch_set import PatchSet
from arm_ci.steps.prerequisites import Prerequisites
from arm_ci.steps.source import source_step
from arm_ci.steps.summary import Summary
from arm_ci.steps.tests import Tests

__all__ = [
    "Artefacts",
    "Build",
    "CheckWorker",
    "Configure",
    "ForcedPatch",
    "LearnPeaks",
    "LinkTrial",
    "PatchSet",
    "Prerequisites",
    "Summary",
    "Tests",
    "source_step",
]
