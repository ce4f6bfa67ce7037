"""A real master, a real repository: commits, GitHub's webhook and people start builds; a worker that is never there
lets requests wait, so that it can be seen which of them a newer commit supersedes."""

import hashlib
import hmac
import json
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from running import Site, environment
from upstream import AWAY, COMMIT_VARIANTS, FORCE_VARIANT, PROJECT, Upstream
from waiting import limit, wait_for

pytestmark = pytest.mark.integration

SKIPPED = 3
NINJA = "demo-local-gcc-bfd-ninja-full"


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    return Upstream.make(tmp_path_factory.mktemp("upstream"))


@pytest.fixture(scope="module")
def site(tmp_path_factory, upstream):
    directory = tmp_path_factory.mktemp("site")
    site = Site.make(directory, projects=PROJECT.replace("REPOSITORY", str(upstream.repository)), workers=AWAY)
    settings = site.config / "site.yaml"
    settings.write_text(settings.read_text() + "people: [alice]\ngithub_webhook: true\n")
    started = site.arm_ci("start")
    assert started.returncode == 0, started.stderr
    wait_for(lambda: site.get("masters")["masters"])
    wait_for(lambda: len(site.get("schedulers")["schedulers"]) >= 5)
    wait_for(lambda: "is looked at for commits after now on main, stable" in site.everything_written())
    yield site
    written = site.everything_written()
    # Twisted's own for a wrong password.
    assert written.count("Traceback") == written.count("UnauthorizedLogin: ")
    assert "stopped" in site.arm_ci("stop").stdout


class Requests:
    """Build requests of the master, with what they ask for."""

    def __init__(self, site):
        self.builders = {each["builderid"]: each["name"] for each in site.get("builders")["builders"]}
        # In this order: each request has a set, but more of both are made meanwhile.
        self.all = site.get("buildrequests")["buildrequests"]
        self.sets = {each["bsid"]: each for each in site.get("buildsets")["buildsets"]}

    def of(self, revision):
        return [each for each in self.all if self.source(each)["revision"] == revision]

    def source(self, request):
        return self.sets[request["buildsetid"]]["sourcestamps"][0]

    def variants(self, revision):
        return sorted(self.builders[each["builderid"]] for each in self.of(revision))


def waiting(site, revision):
    return [each for each in Requests(site).of(revision) if not each["complete"]]


def test_a_commit_starts_the_variants_of_tier_commit(site, upstream):
    revision = upstream.commit({"demo.cpp": "int main() { return 1; }\n"}, "Change what demo returns")
    upstream.push()
    wait_for(lambda: len(waiting(site, revision)) == 2)
    requests = Requests(site)
    assert set(requests.variants(revision)) == COMMIT_VARIANTS
    (one, two) = requests.of(revision)
    assert one["buildsetid"] == two["buildsetid"]
    assert requests.sets[one["buildsetid"]]["reason"] == "new commits of demo"
    assert site.get(f"buildsets/{one['buildsetid']}/properties")["properties"][0]["trigger"] == ["commit", "Scheduler"]
    (change,) = site.get(f"changes?revision={revision}")["changes"]
    assert change["author"] == "A Person <person@example.org>"
    assert change["comments"] == "Change what demo returns"
    assert change["files"] == ["demo.cpp"]
    assert (change["project"], change["branch"]) == ("demo", "main")


def test_a_commit_to_docs_starts_none_and_supersedes_none(site, upstream):
    before = upstream.git("rev-parse", "HEAD")
    revision = upstream.commit({"docs/a/page.html": "x", "README.md": "y"})
    upstream.push()
    wait_for(lambda: site.get(f"changes?revision={revision}")["changes"])
    after = upstream.commit({"demo.cpp": "int main() { return 2; }\n"})
    upstream.push("main:stable")
    wait_for(lambda: len(waiting(site, after)) == 2)
    assert Requests(site).of(revision) == []
    assert len(waiting(site, before)) == 2


def test_ten_commits_build_the_newest_once_and_a_forced_build_stays(site, upstream):
    done = site.arm_ci("force", "--variant", NINJA, "--branch", "main")
    assert done.returncode == 0, done.stderr
    forced = {each["buildrequestid"] for each in Requests(site).all[-1:]}
    for number in range(10):
        revision = upstream.commit({"demo.cpp": f"int main() {{ return {number}; }}\n"})
        if number % 2:
            upstream.push()
    wait_for(lambda: len(waiting(site, revision)) == 2)
    newest = {each["buildrequestid"] for each in Requests(site).of(revision)}
    wait_for(lambda: {each["buildrequestid"] for each in waiting_on(site, "main")} == forced | newest)
    ended = [each for each in Requests(site).all if each["complete"]]
    assert ended and {each["results"] for each in ended} == {SKIPPED}
    # The other branch's requests wait on.
    assert len(waiting_on(site, "stable")) == 2


def test_a_commit_while_the_master_is_down_is_found_at_its_start(site, upstream):
    assert "stopped" in site.arm_ci("stop").stdout
    revision = upstream.commit({"demo.cpp": "int main() { return 100; }\n"})
    upstream.push()
    assert site.arm_ci("start").returncode == 0
    wait_for(lambda: len(waiting(site, revision)) == 2)


def waiting_on(site, branch):
    requests = Requests(site)
    return [each for each in requests.all if requests.source(each)["branch"] == branch and not each["complete"]]


# -- GitHub's webhook -----------------------------------------------------------------------------------------


def post(site, payload, event="push", secret=None, **headers):
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    if secret is None:
        secret = (site.state / "secrets" / "github-webhook").read_bytes().strip()
    if secret:
        headers["X-Hub-Signature-256"] = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-GitHub-Event": event, **headers}
    request = urllib.request.Request(f"{site.url}change_hook/github", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=limit(30)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def pushed(upstream, branch="refs/heads/main"):
    return {"ref": branch, "repository": {"clone_url": str(upstream.repository), "full_name": "a/demo"}}


def test_a_signed_push_is_accepted_and_has_the_poller_look(site, upstream):
    assert post(site, pushed(upstream)) == (202, "looking for new commits of demo\n")
    assert post(site, {"zen": "x"}, event="ping") == (202, "the webhook works\n")
    assert post(site, pushed(upstream, "refs/tags/1.0")) == (202, "nothing to do: `refs/tags/1.0` is not a branch\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"secret": b"guess"}, "the signature is wrong"),
        ({"secret": b""}, "the request is not signed: there is no X-Hub-Signature-256"),
        ({"payload": b"{"}, "the payload is not JSON"),
    ],
)
def test_a_request_that_is_not_githubs_is_refused(site, upstream, arguments, sentence):
    assert post(site, **{"payload": pushed(upstream), **arguments}) == (400, sentence)
    assert f"webhook from 127.0.0.1: refused: {sentence}" in site.everything_written()


def test_with_the_webhook_alone_a_push_starts_builds_at_once(site, upstream):
    projects = site.config / "projects.yaml"
    projects.write_text(projects.read_text().replace("poll: 1s", "poll: never"))
    assert site.arm_ci("start").returncode == 0
    revision = upstream.commit({"demo.cpp": "int main() { return 200; }\n"})
    upstream.push()
    assert post(site, pushed(upstream))[0] == 202
    wait_for(lambda: len(waiting(site, revision)) == 2)
    assert len(site.get(f"changes?revision={revision}")["changes"]) == 1


# -- buildbot try ---------------------------------------------------------------------------------------------


def buildbot_try(site, upstream, home, *words):
    password = (site.state / "secrets" / "person-alice").read_text().strip()
    process = start_try(site, upstream, home, password, *words)
    output, errors = process.communicate(timeout=limit(60))
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def start_try(site, upstream, home, password, *words):
    options = home / ".buildbot" / "options"
    options.parent.mkdir(exist_ok=True)
    options.write_text(f"try_username = 'alice'\ntry_password = '{password}'\n")
    runner = [sys.executable, "-c", "from buildbot.scripts.runner import run; run()", "try", "--connect=pb"]
    return subprocess.Popen(
        [*runner, f"--master=127.0.0.1:{site.worker_port}", "--vc=git", *words],
        cwd=upstream.clone,
        env=environment(HOME=str(home)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_tried_patch_is_built_on_the_base_revision_and_never_superseded(site, upstream, tmp_path):
    base = upstream.git("rev-parse", "origin/main")
    upstream.git("config", "branch.main.remote", "origin")
    upstream.git("config", "branch.main.merge", "refs/heads/main")
    (upstream.clone / "demo.cpp").write_text("int main() { return 42; }\n")
    words = (f"--builder={FORCE_VARIANT}", "--properties=targets=all demo,jobs=2", "--comment=returns 42")
    done = buildbot_try(site, upstream, tmp_path, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    requests = Requests(site)
    (request,) = [each for each in requests.all if requests.builders[each["builderid"]] == FORCE_VARIANT]
    source, build_set = requests.source(request), requests.sets[request["buildsetid"]]
    assert (source["branch"], source["revision"], source["repository"]) == ("main", base, "")
    assert (source["patch"]["level"], source["patch"]["author"]) == (1, "alice")
    assert build_set["reason"] == "`buildbot try` by alice: returns 42"
    properties = site.get(f"buildsets/{request['buildsetid']}/properties")["properties"][0]
    assert properties["trigger"] == ["try", "Scheduler"]
    assert properties["targets"] == ["all demo", "buildbot try"]
    assert properties["jobs"] == [2, "buildbot try"]


def test_without_a_variant_those_of_tier_commit_are_tried(site, upstream, tmp_path):
    (upstream.clone / "demo.cpp").write_text("int main() { return 43; }\n")
    before = {each["buildrequestid"] for each in Requests(site).all}
    done = buildbot_try(site, upstream, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    requests = Requests(site)
    new = [each for each in requests.all if each["buildrequestid"] not in before]
    assert {requests.builders[each["builderid"]] for each in new} == COMMIT_VARIANTS


def test_the_client_shows_why_a_job_is_refused(site, upstream, tmp_path):
    (upstream.clone / "demo.cpp").write_text("int main() { return 44; }\n")
    before = len(Requests(site).all)
    done = buildbot_try(site, upstream, tmp_path, "--wait", "--properties=builddir=/etc")
    assert done.returncode == 1
    assert "refused: exception (property `builddir` is not one of `targets`, `jobs` and `project`)" in done.stdout
    assert len(Requests(site).all) == before


def test_a_wrong_password_is_refused(site, upstream, tmp_path):
    before = len(Requests(site).all)
    # Buildbot's client shows the error and then waits for ever.
    process = start_try(site, upstream, tmp_path, "guess")
    wait_for(lambda: "invalid login from user 'alice'" in site.everything_written())
    process.terminate()
    process.wait()
    assert len(Requests(site).all) == before


def test_a_new_password_counts_after_arm_ci_start_and_a_named_branch_is_the_base(site, upstream, tmp_path):
    (site.state / "secrets" / "person-alice").write_text("anotherpassword\n")
    assert site.arm_ci("start").returncode == 0
    done = buildbot_try(site, upstream, tmp_path, "--branch=origin/stable", f"--builder={FORCE_VARIANT}")
    assert done.returncode == 0, done.stdout + done.stderr
    requests = Requests(site)
    newest = max(requests.all, key=lambda each: each["buildrequestid"])
    source = requests.source(newest)
    assert (source["branch"], source["revision"]) == ("stable", upstream.git("rev-parse", "origin/stable"))


def test_no_secret_is_in_a_log(site):
    for secret in (site.state / "secrets").iterdir():
        assert secret.read_text().strip() not in site.everything_written()
