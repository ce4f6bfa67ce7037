"""The source step says what was checked out, or git's own reason."""

import example
from buildbot.process.results import CANCELLED, FAILURE, RETRY, SUCCESS
from step_case import StepCase

from arm_ci.steps.source import Source, source_step

MISSING = "fatal: Remote branch nosuch not found in upstream origin"


class SourceTest(StepCase):
    def source(self):
        return self.use(
            source_step(example.PROJECT, "https://example.org/app.git"),
            got_revision="0123456789abcdef",
        )

    def test_a_checkout_names_branch_and_revision(self):
        step = self.source()
        step.branch, step.results = "1.1.0", SUCCESS
        self.assertEqual(step.getResultSummary(), {"step": "1.1.0, revision 0123456789ab"})

    def test_gits_own_reason_is_the_sentence(self):
        step = self.source()
        step.results = FAILURE
        for line in ("Cloning into '.'...", "warning: Could not find remote branch", MISSING, "fatal: second"):
            step.take(line)
        self.assertEqual(step.getResultSummary(), {"step": MISSING, "build": f"source: {MISSING}"})

    def test_an_interrupted_git_is_not_said_to_have_failed(self):
        step = self.source()
        for results, sentence in ((RETRY, "the worker was lost"), (CANCELLED, "interrupted")):
            step.results = results
            self.assertEqual(step.getResultSummary(), {"step": sentence})

    def test_what_is_not_there_is_not_asked_for_again(self):
        step = self.source()
        self.assertEqual(step.retry, (30, 2))
        step.take(MISSING)
        self.assertIsNone(step.retry)

    def test_a_network_that_is_away_is_asked_again(self):
        step = self.source()
        step.take("fatal: unable to access 'https://example.org/': Could not resolve host: example.org")
        self.assertEqual(step.retry, (30, 2))

    def test_a_checkout_is_as_fresh_as_a_clone(self):
        step = self.source()
        self.assertIsInstance(step, Source)
        self.assertEqual((step.mode, step.method), ("full", "fresh"))
