"""What `buildbot try` may ask for; the sentences are what its client shows."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from example import config
from twisted.internet.defer import Deferred

from arm_ci.config.model import Variant
from arm_ci.master.buildbot_fixes.try_port import Refusal
from arm_ci.master.triggers.try_job import Tried, check_job
from arm_ci.master.triggers.try_scheduler import Person, try_scheduler

PROJECTS = {
    "mesos": Tried(("master", "1.11.x"), ("1.11.0",), ("mesos-a", "mesos-b", "mesos-c"), ("mesos-a", "mesos-b")),
    "llvm": Tried(("main", "release/19.x"), (), ("llvm-a",), ()),
}
DIFF = b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"
BASE = "c1b42f79d157aa900be5cbb0c1023f1479962aa7"


def job(
    projects=PROJECTS, project="", builders=("mesos-c",), branch="master", revision=BASE, patch=(1, DIFF), **properties
):
    return check_job(projects, project, builders, branch, revision, patch, properties)


def refused(**words):
    with pytest.raises(ValueError) as raised:
        job(**words)
    return str(raised.value)


def test_a_job_is_a_patch_on_a_revision_of_named_variants():
    checked = job(builders=("mesos-c", "mesos-a", "mesos-c"), targets=" all  check ", jobs="2")
    assert checked.variants == ("mesos-c", "mesos-a")
    assert (checked.project, checked.branch, checked.revision) == ("mesos", "master", BASE)
    assert (checked.strip, checked.patch) == (1, DIFF)
    assert checked.properties == {"targets": "all check", "jobs": 2}


@pytest.mark.parametrize("words", [{"project": "mesos"}, {"projects": {"mesos": PROJECTS["mesos"]}}])
def test_without_named_variants_those_of_tier_commit_are_built(words):
    assert job(builders=(), **words).variants == ("mesos-a", "mesos-b")


def test_the_project_may_come_as_a_property():
    properties = {"project": "mesos"}
    checked = check_job(PROJECTS, "", (), "master", BASE, (1, DIFF), properties)
    assert checked.variants == ("mesos-a", "mesos-b")
    assert checked.properties == {}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"builders": ("nonsense",)}, "there is no variant `nonsense`"),
        ({"project": "gcc"}, "there is no project `gcc`; expected one of `llvm`, `mesos`"),
        ({"project": "llvm"}, "variant `mesos-c` is not of project `llvm`"),
        (
            {"builders": ("mesos-a", "llvm-a")},
            "the variants are of several projects: `llvm`, `mesos`; try one at a time",
        ),
        (
            {"builders": ()},
            "say what to build: `--builder VARIANT`, or `--properties project=NAME` for a project's variants of tier "
            "`commit`, one of `llvm`, `mesos`",
        ),
        (
            {"builders": (), "project": "llvm"},
            "project `llvm` has no variants of tier `commit`; name one with --builder",
        ),
    ],
)
def test_it_must_be_clear_what_to_build(words, sentence):
    assert refused(**words) == sentence


@pytest.mark.parametrize(
    ("branch", "meant"),
    [
        ("master", "master"),
        ("origin/1.11.x", "1.11.x"),
        ("refs/heads/1.11.x", "1.11.x"),
        ("refs/remotes/origin/1.11.x", "1.11.x"),
        ("1.11.0", "1.11.0"),
        ("", "master"),
        ("my-feature", "master"),
    ],
)
def test_the_branch_is_the_upstream_one_that_is_meant(branch, meant):
    assert job(branch=branch).branch == meant


def test_a_branch_with_a_slash_in_its_name_is_found():
    checked = job(builders=("llvm-a",), branch="origin/release/19.x")
    assert checked.branch == "release/19.x"


def test_without_a_revision_the_branch_must_be_one_of_the_projects():
    assert job(revision="").revision is None
    assert (
        refused(branch="mine", revision="") == "there is no branch `mine`; expected one of `1.11.0`, `1.11.x`, `master`"
    )


@pytest.mark.parametrize("name", ["builddir", "workername", "revision", "got_revision", "trigger", "owner", "version"])
def test_no_property_gets_through_but_those_of_the_force_form(name):
    with pytest.raises(ValueError, match=f"^property `{name}` is not one of `targets`, `jobs` and `project`$"):
        check_job(PROJECTS, "", ("mesos-c",), "master", BASE, (1, DIFF), {name: "/etc"})


@pytest.mark.parametrize(
    ("properties", "sentence"),
    [
        (
            {"targets": "-C/"},
            "`-C/` is not a target: letters, digits, `.`, `_`, `/`, `+` and `-` were expected, starting with a letter, "
            "digit or `_`",
        ),
        ({"targets": ["all"]}, "property `targets` is not text"),
        ({"jobs": "many"}, "`many` is not a number of edges at once: 0 to 1000 was expected"),
        ({"jobs": -1}, "`-1` is not a number of edges at once: 0 to 1000 was expected"),
        ({"jobs": "1001"}, "`1001` is not a number of edges at once: 0 to 1000 was expected"),
    ],
)
def test_targets_and_jobs_are_checked_as_in_the_force_form(properties, sentence):
    assert refused(**properties) == sentence


@pytest.mark.parametrize("word", ["--upload-pack=x", "-x", "a b"])
def test_nothing_that_git_takes_for_an_option_gets_through(word):
    assert refused(branch=word).startswith(f"`{word}` is not a branch, tag or revision: ")
    assert refused(revision=word).startswith(f"`{word}` is not a branch, tag or revision: ")


def test_a_revision_is_a_number_of_gits():
    assert refused(revision="HEAD") == "`HEAD` is not a revision: 7 to 64 digits and letters a to f were expected"


def test_an_empty_diff_is_refused():
    assert refused(patch=(1, b"")) == (
        "the diff is empty: nothing was changed, or git does not know on top of what "
        "(`git branch --set-upstream-to origin/BRANCH`)"
    )


def test_a_patch_that_reaches_outside_is_refused_before_a_worker_sees_it():
    outside = DIFF.replace(b"b/x", b"b/../../etc/passwd").replace(b"a/x", b"a/../../etc/passwd")
    assert refused(patch=(1, outside)).startswith("the patch cannot be applied: ")


def test_the_strip_level_is_one_that_the_force_form_would_take():
    assert refused(patch=("1", DIFF)) == "the patch level is not a number"
    for strip in (-1, 100, 2**70):
        assert refused(patch=(strip, DIFF)) == (
            f"`{strip}` is not a strip level: how many leading parts of each path to leave out, 0, 1, 2, ..."
        )


# -- what a client sends --------------------------------------------------------------------------------------


class Scheduler:
    projects = PROJECTS
    master = SimpleNamespace()

    def __init__(self):
        self.added = []

    async def addBuildsetForSourceStamps(self, **described):
        self.added.append(described)
        return 1, {}


def send(scheduler, **words):
    sent = {
        "branch": b"master",
        "revision": BASE.encode(),
        "patch": (1, DIFF),
        "repository": "ext::sh -c id",
        "project": "",
        "builderNames": ["mesos-c"],
        "who": "somebody else",
        "comment": "why",
        "properties": {},
        **words,
    }
    outcome = []
    call = Person(scheduler, "alice").perspective_try(*sent.values())
    assert isinstance(call, Deferred)
    call.addBoth(outcome.append)
    return outcome[0]


def test_the_repository_and_the_name_that_a_client_sends_do_not_count():
    scheduler = Scheduler()
    send(scheduler)
    (added,) = scheduler.added
    assert added["sourcestamps"] == [
        {
            "branch": "master",
            "revision": BASE,
            "repository": "",
            "project": "mesos",
            "codebase": "",
            "patch_level": 1,
            "patch_body": DIFF,
            "patch_subdir": "",
            "patch_author": "alice",
            "patch_comment": "why",
        }
    ]
    assert added["reason"] == "`buildbot try` by alice: why"
    assert added["builderNames"] == ["mesos-c"]
    assert added["properties"].asDict() == {"owner": ("alice", "buildbot try")}


@pytest.mark.parametrize(
    "words",
    [
        {"patch": None},
        {"patch": (1,)},
        {"patch": (1, None)},
        {"patch": (1, 5)},
        {"builderNames": "mesos-c"},
        {"builderNames": [["mesos-c"]]},
        {"properties": "targets"},
        {"revision": b"\xff\xfe"},
        {"branch": ["x"], "revision": None},
    ],
)
def test_whatever_a_client_sends_is_refused_with_a_sentence_or_harmless(words):
    scheduler = Scheduler()
    answer = send(scheduler, **words)
    if words.get("branch"):
        # Not text: as if none was named.
        assert scheduler.added[0]["sourcestamps"][0]["branch"] == "master"
    else:
        assert isinstance(answer, Refusal)
        assert scheduler.added == []


def test_a_refusal_is_shown_as_a_build_that_failed():
    refusal = send(Scheduler(), builderNames=["nonsense"])
    assert refusal.remote_getBuildRequests() == [("refused", refusal)]
    assert refusal.remote_getText() == ["there is no variant `nonsense`"]
    assert refusal.remote_getResults() == 4


def test_people_log_in_with_the_password_of_their_file(tmp_path):
    settings = config(tmp_path)
    settings = replace(settings, site=replace(settings.site, people=("alice", "bob"), secrets="secrets"))
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "person-alice").write_text("hers\n")
    (tmp_path / "secrets" / "person-bob").write_text("\n")
    variant = Variant("demo", "pc", "gcc", "bfd", "ninja", "full", "commit")
    scheduler = try_scheduler(settings, (variant,))
    (alice, hers), (bob, nobodys) = scheduler._config_kwargs["userpass"]
    assert (alice, hers, bob) == ("alice", "hers", "bob")
    assert len(nobodys) > 30
    assert scheduler._config_kwargs["port"] == "tcp:9989:interface=127.0.0.1"
    assert scheduler._config_kwargs["projects"] == {"demo": Tried(("main",), (), (variant.name,), (variant.name,))}
    assert scheduler._config_kwargs["properties"] == {"trigger": "try"}
