"""GitHub's webhook: whose word counts, and which poller looks; the sentences are what GitHub's page shows."""

import hashlib
import hmac
import json
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from example import config
from twisted.internet.defer import Deferred
from twisted.python import log

from arm_ci.config.model import Site
from arm_ci.master.triggers import webhook
from arm_ci.master.triggers.commit_poller import CommitPoller
from arm_ci.master.triggers.webhook import GitHubPush, change_hook_dialects, names_of

SECRET = b"s3cret"
GITHUB = "https://github.com/apache/mesos.git"


class Poller(CommitPoller):
    def __init__(self, project, repository, branches=("master",)):
        self.project, self.repourl, self.branches = project, repository, list(branches)
        self.name, self.looks = f"commits-{project}", 0

    def force(self):
        self.looks += 1


class Request:
    """As much of Twisted's as Buildbot and we use."""

    def __init__(self, body, headers):
        self.content, self.headers = BytesIO(body), {name.lower(): value for name, value in headers.items()}
        self.status, self.written = 200, b""

    def getHeader(self, name):
        return self.headers.get(name.decode().lower())

    def getClientAddress(self):
        return SimpleNamespace(host="192.0.2.7")

    def setResponseCode(self, status):
        self.status = status

    def write(self, data):
        self.written += data


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "github-webhook"
    path.write_bytes(SECRET + b"\n")
    return path


@pytest.fixture
def lines():
    found = []
    observer = lambda event: found.extend(event["message"])  # noqa: E731
    log.addObserver(observer)
    yield found
    log.removeObserver(observer)


@pytest.fixture
def send(secret):
    """Sends a payload, signed unless said otherwise; returns the status and the sentence."""

    def send(payload, *pollers, event=b"push", signature=None, kind=b"application/json"):
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        if signature is None:
            signature = b"sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest().encode()
        headers = {"X-GitHub-Event": event, "X-Hub-Signature-256": signature, "Content-Type": kind}
        dialects = {"github": {"secret_file": str(secret)}}
        master = SimpleNamespace(
            change_svc=[object(), *pollers], config=SimpleNamespace(www={"change_hook_dialects": dialects})
        )
        request = Request(body, {name: value for name, value in headers.items() if value})
        outcome = []
        GitHubPush(master, {}).getChanges(request).addBoth(outcome.append)
        if isinstance(outcome[0], tuple):
            assert outcome[0] == ([], "git")
            return request.status, request.written.decode()
        outcome[0].trap(ValueError)
        return 400, outcome[0].getErrorMessage()

    return send


def push(branch="refs/heads/master", **repository):
    return {"ref": branch, "repository": repository or {"clone_url": GITHUB, "full_name": "apache/mesos"}}


def test_a_push_has_every_project_of_the_repository_look_at_once(send):
    mesos, again, other = Poller("mesos", GITHUB), Poller("again", GITHUB), Poller("llvm", "https://x.org/llvm.git")
    assert send(push(), mesos, again, other) == (202, "looking for new commits of again, mesos\n")
    assert (mesos.looks, again.looks, other.looks) == (1, 1, 0)


@pytest.mark.parametrize(
    ("payload", "event", "sentence"),
    [
        ({"zen": "Design for failure."}, b"ping", "the webhook works"),
        ({}, b"issues", "nothing to do: event `issues` is not a push"),
        (push("refs/tags/1.11.0"), b"push", "nothing to do: `refs/tags/1.11.0` is not a branch"),
        ({**push(), "deleted": True}, b"push", "nothing to do: branch `master` was deleted"),
        (push("refs/heads/feature"), b"push", "nothing to do: branch `feature` is not built"),
        (push(clone_url="https://github.com/a/b.git"), b"push", "nothing to do: no project has this repository"),
        (push("refs/heads/a\n" + "b" * 200), b"push", f"nothing to do: branch `a?{'b' * 98}` is not built"),
    ],
)
def test_other_events_are_answered_and_start_nothing(send, payload, event, sentence):
    poller = Poller("mesos", GITHUB)
    assert send(payload, poller, event=event) == (202, f"{sentence}\n")
    assert poller.looks == 0


@pytest.mark.parametrize(
    "signature", [b"sha256=" + b"0" * 64, b"sha1=" + b"0" * 40, b"sha256=", "sha256=é".encode(), b"x" * 10_000]
)
def test_a_wrong_signature_is_refused_and_says_from_where_it_came(send, lines, signature):
    poller = Poller("mesos", GITHUB)
    assert send(push(), poller, signature=signature) == (400, "the signature is wrong")
    assert poller.looks == 0
    assert lines == ["webhook from 192.0.2.7: refused: the signature is wrong"]


def test_a_request_without_a_signature_is_refused(send):
    poller = Poller("mesos", GITHUB)
    sentence = "the request is not signed: there is no X-Hub-Signature-256"
    assert send(push(), poller, signature=b"") == (400, sentence)
    assert poller.looks == 0


@pytest.mark.parametrize("content", [b"", b"\n"])
def test_without_a_secret_nothing_is_accepted(send, secret, content):
    secret.write_bytes(content)
    signature = b"sha256=" + hmac.new(b"", json.dumps(push()).encode(), hashlib.sha256).hexdigest().encode()
    assert send(push(), signature=signature) == (400, "this master has no secret for the webhook")
    secret.unlink()
    assert send(push(), signature=signature) == (400, "this master has no secret for the webhook")


@pytest.mark.parametrize(
    ("payload", "kind", "sentence"),
    [
        (b"{", b"application/json", "the payload is not JSON"),
        (b"\xff", b"application/json", "the payload is not JSON"),
        (b"[" * 100_000, b"application/json", "the payload is not JSON"),
        (b"[]", b"application/json", "the payload is not a JSON object"),
        (b"x=1", b"application/x-www-form-urlencoded", "the form has no field `payload`"),
        (
            b"{}",
            b"text/plain",
            "the content type is neither application/json nor application/x-www-form-urlencoded",
        ),
        ({}, b"application/json", "the payload has no `ref`"),
        ({"ref": 1}, b"application/json", "the payload has no `ref`"),
        ({"ref": "refs/heads/x"}, b"application/json", "the payload names no repository"),
        ({"ref": "x", "repository": {"clone_url": 1}}, b"application/json", "the payload names no repository"),
    ],
)
def test_bad_content_is_refused_with_a_sentence(send, payload, kind, sentence):
    assert send(payload, kind=kind) == (400, sentence)


def test_more_than_github_sends_is_refused(send, monkeypatch):
    monkeypatch.setattr(webhook, "_MOST_BYTES", 10)
    assert send(push()) == (400, "the request is larger than any of GitHub's")


def test_a_form_is_read_too(send):
    poller = Poller("mesos", GITHUB)
    form = b"payload=" + json.dumps(push()).replace(" ", "").encode()
    kind = b"application/x-www-form-urlencoded; charset=utf-8"
    assert send(form, poller, kind=kind) == (202, "looking for new commits of mesos\n")


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/apache/mesos",
        "https://GitHub.com/apache/mesos/",
        "https://user@github.com:443/apache/mesos.git",
        "git@github.com:apache/mesos.git",
        "ssh://git@github.com/apache/mesos.git",
        "git://github.com/apache/mesos.git/",
    ],
)
def test_every_way_to_write_an_address_is_the_same_repository(send, address):
    assert names_of(address) == ["github.com/apache/mesos", "github:apache/mesos"]
    poller = Poller("mesos", address)
    assert send(push(), poller)[1] == "looking for new commits of mesos\n"
    assert send(push(full_name="apache/mesos"), poller)[1] == "looking for new commits of mesos\n"


def test_a_path_on_this_machine_is_found_too(send):
    assert names_of("/srv/a b/demo.git") == names_of(Path("/srv/a b/demo").as_uri()) == ["/srv/a b/demo"]
    poller = Poller("demo", "/srv/demo.git", ["main"])
    assert send(push("refs/heads/main", clone_url=Path("/srv/demo.git").as_uri()), poller)[0] == 202
    assert poller.looks == 1


def test_the_name_alone_is_githubs_and_nobody_elses():
    assert names_of("https://example.org/apache/mesos.git") == ["example.org/apache/mesos"]
    assert names_of("https://[broken/x") == ["https://[broken/x"]


def test_the_secret_is_not_part_of_the_configuration(tmp_path):
    settings = config(tmp_path)
    assert settings.site == Site()
    dialects = change_hook_dialects(settings)
    assert dialects == {
        "github": {"custom_class": GitHubPush, "secret_file": str(tmp_path / "state" / "secrets" / "github-webhook")}
    }


def test_the_answer_is_a_deferred_as_buildbot_wants_it(secret):
    assert isinstance(GitHubPush(SimpleNamespace(), {}).getChanges(Request(b"", {})).addErrback(lambda _: 0), Deferred)
