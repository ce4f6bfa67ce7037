"""The force form: which builds it starts, and what each field refuses, word for word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import example
from buildbot.schedulers.forcesched import CollectedValidationError
from buildbot.test import fakedb
from buildbot.test.reactor import TestReactorMixin
from buildbot.test.util.scheduler import SchedulerMixin
from twisted.internet import defer
from twisted.trial import unittest

from arm_ci.config.matrix import project_variants
from arm_ci.config.project import Exclusion, Matrix, Selector
from arm_ci.master.web.force_form import force_scheduler

PROJECT = replace(
    example.PROJECT,
    branches=("main", "next"),
    tags=("v1",),
    matrix=Matrix(
        boards=("pc",),
        compilers=("gcc", "clang"),
        linkers=("bfd", "lld"),
        generators=("ninja", "make"),
        exclude=(Exclusion(Selector(compiler=("clang",), linker=("bfd",)), "not wanted"),),
    ),
)
FORM = "demo-pc-gcc-bfd-ninja-full"
LETTERS = "letters, digits, `.`, `_`, `/`, `+`, `@` and `-` were expected, starting with a letter, digit or `_`"
PATCH = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+2\n"


class FormTest(TestReactorMixin, SchedulerMixin, unittest.TestCase):
    @defer.inlineCallbacks
    def setUp(self) -> Any:
        self.setup_test_reactor()
        yield self.setUpScheduler()
        made = force_scheduler(PROJECT, project_variants(PROJECT))
        self.form = yield self.attachScheduler(made, 9, 27, overrideBuildsetMethods=True)
        yield made.configureService()
        rows = [fakedb.Builder(id=300 + number, name=name) for number, name in enumerate(made.builderNames)]
        yield self.master.db.insert_test_data(rows)

    def started(self, builder: str = FORM, owner: str = "anonymous", **fields: Any) -> Any:
        """The one build set that a form starts."""
        self.successResultOf(self.form.force(owner, builderNames=[builder], **fields))
        ((_, call),) = self.addBuildsetCalls
        return call

    def stamp(self, **fields: Any) -> Any:
        (stamp,) = self.started(**fields)["sourcestamps"]
        return stamp

    def errors(self, builder: str = FORM, **fields: Any) -> dict[str, str]:
        """What is refused at which field; then nothing is started."""
        failure = self.failureResultOf(self.form.force("anonymous", builderNames=[builder], **fields))
        failure.trap(CollectedValidationError)
        self.assertEqual(self.addBuildsetCalls, [])
        return dict(failure.value.errors)

    # -- builds ---------------------------------------------------------------------------------------------------

    def test_a_form_without_a_choice_builds_its_own_variant(self):
        call = self.started(main_branch="next", main_revision="abc", targets="all check", jobs=2)
        self.assertEqual(call["builderNames"], [FORM])
        (stamp,) = call["sourcestamps"]
        self.assertEqual((stamp["branch"], stamp["revision"], stamp["patch_body"]), ("next", "abc", ""))
        properties = call["properties"]
        self.assertEqual((properties["targets"][0], properties["jobs"][0]), ("all check", 2))
        self.assertEqual(call["reason"], "forced by anonymous: a person asked")

    def test_a_person_who_is_logged_in_stands_in_the_reason(self):
        self.assertEqual(self.started(owner="ann", reason="why not")["reason"], "forced by ann: why not")

    def test_every_build_carries_what_triggered_it(self):
        self.assertEqual(self.form.properties.getProperty("trigger"), "force")

    def test_choices_that_are_not_properties_of_builds_are_none(self):
        properties = self.started(linkers=["lld"])["properties"]
        self.assertEqual(set(properties), {"targets", "jobs", "reason", "owner"})

    def test_other_values_of_an_axis_replace_the_forms_own(self):
        self.assertEqual(self.started(linkers=["lld"])["builderNames"], ["demo-pc-gcc-lld-ninja-full"])

    def test_the_product_of_the_choices_is_one_build_set_of_those_that_are_variants(self):
        names = self.started(compilers=["gcc", "clang"], linkers=["bfd", "lld"], generators="make")["builderNames"]
        self.assertEqual(
            names, ["demo-pc-clang-lld-make-full", "demo-pc-gcc-bfd-make-full", "demo-pc-gcc-lld-make-full"]
        )

    def test_without_a_builder_all_are_meant(self):
        self.successResultOf(self.form.force("anonymous", generators=["ninja"]))
        ((_, call),) = self.addBuildsetCalls
        self.assertEqual(
            call["builderNames"],
            ["demo-pc-clang-lld-ninja-full", "demo-pc-gcc-bfd-ninja-full", "demo-pc-gcc-lld-ninja-full"],
        )

    def test_a_combination_that_is_no_variant_is_named(self):
        self.assertEqual(
            self.errors(compilers=["clang"]),
            {
                "compilers": "there is no variant `demo-pc-clang-bfd-ninja-full`: "
                "`arm-ci matrix --why demo-pc-clang-bfd-ninja-full` says why"
            },
        )

    def test_combinations_of_which_none_is_a_variant_are_named(self):
        self.assertEqual(
            self.errors(compilers=["clang"], generators=["ninja", "make"]),
            {"compilers": "none of these is a variant: `demo-pc-clang-bfd-ninja-full`, `demo-pc-clang-bfd-make-full`"},
        )

    def test_a_value_that_is_none_of_the_axis_is_refused(self):
        self.assertEqual(self.errors(linkers=["gold"]), {"linkers": "`gold` is not one of `bfd`, `lld`"})

    def test_an_axis_with_one_value_is_not_shown(self):
        choices = self.form.choices.getSpec()["fields"]
        self.assertEqual(
            [field["name"] for field in choices if not field["hide"]], ["compilers", "linkers", "generators"]
        )

    def test_every_mistake_is_told_at_once_each_at_its_field(self):
        self.assertEqual(
            self.errors(
                main_branch="-b", main_revision="--x", main_patch_level="-1", targets="-f", jobs="many", linkers=["x"]
            ),
            {
                "main_branch": f"`-b` is not a branch, tag or revision: {LETTERS}",
                "main_revision": f"`--x` is not a branch, tag or revision: {LETTERS}",
                "main_patch_level": "`-1` is not a strip level: how many leading parts of each path to leave out, "
                "0, 1, 2, ...",
                "targets": "`-f` is not a target: letters, digits, `.`, `_`, `/`, `+` and `-` were expected, starting "
                "with a letter, digit or `_`",
                "jobs": "`many` is not a number of edges at once: 0 to 1000 was expected",
                "linkers": "`x` is not one of `bfd`, `lld`",
            },
        )

    def test_a_builder_that_is_not_the_projects_is_named(self):
        def refused(**words: Any) -> Any:
            failure = self.failureResultOf(self.form.force("anonymous", **words))
            failure.trap(CollectedValidationError)
            return failure.value.errors

        for names in ("nonsense", ["nonsense"], [FORM, "nonsense"]):
            self.assertEqual(
                refused(builderNames=names), {"builderNames": "`nonsense` is no builder of project `demo`"}
            )
        self.assertEqual(
            refused(builderNames=[{"a": 1}]), {"builderNames": "`{'a': 1}` is no builder of project `demo`"}
        )
        self.assertEqual(refused(builderNames=[]), {"builderNames": "no builder is named"})
        for number in (4711, "x", {"a": 1}, 2**70):
            self.assertEqual(refused(builderid=number), {"builderid": f"`{number}` is no builder of project `demo`"})

    def test_a_builder_may_be_named_by_its_number(self):
        self.successResultOf(self.form.force("anonymous", builderid="300"))
        ((_, call),) = self.addBuildsetCalls
        self.assertEqual(call["builderNames"], [self.form.builderNames[0]])

    def test_values_of_a_kind_that_no_form_sends_are_refused_at_their_field(self):
        odd = {"a": 1}
        shown = "`{'a': 1}` is not"
        self.assertEqual(
            self.errors(reason=odd, priority=odd, generators=[odd], linkers=odd, jobs=odd),
            {
                "reason": "the reason is not text",
                "priority": f"{shown} a priority: a whole number such as 0 was expected",
                "generators": f"{shown} one of `ninja`, `make`",
                "linkers": f"{shown} one of `bfd`, `lld`",
                "jobs": f"{shown} a number of edges at once: 0 to 1000 was expected",
            },
        )

    # -- patches --------------------------------------------------------------------------------------------------

    def test_a_patch_goes_with_the_source_stamp(self):
        stamp = self.stamp(main_patch_body=PATCH)
        self.assertEqual(
            {name: value for name, value in stamp.items() if name.startswith("patch")},
            {"patch_body": PATCH, "patch_level": 1, "patch_author": "", "patch_comment": "", "patch_subdir": ""},
        )

    def test_its_strip_level_is_a_number_or_the_text_of_one(self):
        self.assertEqual(
            self.stamp(main_patch_body=PATCH.replace("a/x", "b/x"), main_patch_level="0")["patch_level"], 0
        )

    def test_windows_line_ends_and_a_missing_last_one_are_put_right(self):
        body = PATCH.rstrip("\n").replace("\n", "\r\n")
        self.assertEqual(self.stamp(main_patch_body=body)["patch_body"], PATCH)

    def test_blanks_alone_are_no_patch(self):
        self.assertEqual(self.stamp(main_patch_body=" \n\n")["patch_body"], "")

    def refusal(self, body: Any, level: Any = 1) -> str:
        errors = self.errors(main_patch_body=body, main_patch_level=level)
        self.assertEqual(list(errors), ["main_patch_body"])
        return errors["main_patch_body"]

    def test_a_text_that_is_no_patch_is_refused(self):
        self.assertEqual(
            self.refusal("please build this"), "no diff in it: expected lines `--- a/FILE` and `+++ b/FILE`"
        )

    def test_a_binary_patch_is_refused(self):
        head = "diff --git a/x b/x\nindex 1..2 100644\n"
        for line in ("GIT binary patch\nliteral 1\n", "Binary files a/x and b/x differ\n"):
            self.assertEqual(self.refusal(head + line), "line 3: x: binary patches are not supported")

    def test_paths_that_lead_out_of_the_tree_are_refused(self):
        for path, level, message in (
            ("a/../x", 1, "../x: expected a path inside the source tree, without `.` and `..`"),
            ("/etc/passwd", 0, "/etc/passwd: expected a path inside the source tree"),
            ("/etc/passwd", 1, "/etc/passwd: expected a path inside the source tree"),
            ("a/.Git/config", 1, ".Git/config: not a source file"),
        ):
            self.assertEqual(
                self.refusal(f"--- {path}\n+++ {path}\n@@ -1 +1 @@\n-1\n+2\n", level), f"line 1: {message}"
            )

    def test_a_link_that_points_outside_is_refused(self):
        body = "diff --git a/x b/x\nnew file mode 120000\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+/etc\n"
        self.assertEqual(self.refusal(body), "line 2: x would be a symbolic link to /etc, out of the source tree")

    def test_a_strip_level_that_leaves_nothing_of_a_path_is_refused(self):
        self.assertEqual(self.refusal(PATCH, 2), "line 1: strip level 2 leaves nothing of a/x")

    def test_a_strip_level_that_leaves_two_names_is_refused(self):
        self.assertEqual(
            self.refusal(PATCH, 0), "line 1: with strip level 0 its two names are a/x and b/x; with 1 both are x"
        )

    def test_a_patch_that_is_too_large_is_refused(self):
        self.assertEqual(
            self.refusal("x" * 3 * 1024 * 1024),
            "the patch has 3.0 MB, more than 2.0: push it as a branch and build that",
        )

    def test_what_is_not_text_is_refused(self):
        for body in ("--- \udce4", 5):
            self.assertEqual(self.refusal(body), "the patch is not text in UTF-8")

    def test_no_number_for_strip_level_or_jobs_is_refused(self):
        # What a browser makes of a lone minus sign.
        self.assertEqual(
            self.errors(main_patch_body=PATCH, main_patch_level=None, jobs=None),
            {
                "main_patch_level": "`None` is not a strip level: how many leading parts of each path to leave out, "
                "0, 1, 2, ...",
                "jobs": "`None` is not a number of edges at once: 0 to 1000 was expected",
            },
        )
