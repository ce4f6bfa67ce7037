"""GitHub's webhook: a signed word that something was pushed, upon which the poller of that repository looks at once.

Nothing of the payload becomes a commit or a build here: the repository itself is asked, so that the poller and the
webhook together never build a commit twice, and a payload can at most cause a look.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from buildbot.www.hooks.base import BaseHookHandler
from twisted.python import log

from arm_ci.config.model import Config
from arm_ci.master.buildbot_fixes import webhook_answer
from arm_ci.master.buildbot_fixes.master_parts import change_sources
from arm_ci.master.deferred import as_deferred
from arm_ci.master.triggers.commit_poller import CommitPoller

# GitHub sends at most 25 MB.
_MOST_BYTES = 25 * 1024 * 1024
_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})", re.ASCII)
_ACCEPTED = 202
_BRANCHES = "refs/heads/"
_LONGEST_WORD = 100


def change_hook_dialects(config: Config) -> dict[str, Any]:
    """Buildbot's `change_hook_dialects`: `/change_hook/github`, and nothing else."""
    secret = config.path(config.site.github_webhook_file)
    return {"github": {"custom_class": GitHubPush, "secret_file": str(secret)}}


class GitHubPush(BaseHookHandler):
    """Answers GitHub. Buildbot makes one when the first request comes, and gives it the master and the options."""

    @as_deferred
    async def getChanges(self, request: Any) -> tuple[list[dict[str, Any]], str]:
        """Never has changes. Raises ValueError with the sentence of a refusal: Buildbot answers it with status 400."""
        sender = request.getClientAddress()
        where = getattr(sender, "host", sender)
        try:
            answer = self._answer(request)
        except ValueError as error:
            log.msg(f"webhook from {where}: refused: {error}")
            raise
        log.msg(f"webhook from {where}: {answer}")
        webhook_answer.answer(request, _ACCEPTED, answer)
        return [], "git"

    def _answer(self, request: Any) -> str:
        body = request.content.read(_MOST_BYTES + 1)
        if len(body) > _MOST_BYTES:
            raise ValueError("the request is larger than any of GitHub's")
        check_signature(self._secret(), body, request.getHeader(b"X-Hub-Signature-256") or b"")
        event = (request.getHeader(b"X-GitHub-Event") or b"").decode("ascii", errors="replace")
        payload = read_payload(request.getHeader(b"Content-Type") or b"", body)
        if event == "ping":
            return "the webhook works"
        if event != "push":
            return f"nothing to do: event `{_short(event)}` is not a push"
        return self._pushed(payload)

    def _secret(self) -> bytes:
        """The secret, read anew each time, so that a new one needs no restart."""
        path = Path(webhook_answer.options(self.master, "github")["secret_file"])
        try:
            secret = path.read_bytes().strip()
        except OSError as error:
            log.msg(f"the webhook's secret cannot be read: {path}: {error.strerror}")
            secret = b""
        if not secret:
            raise ValueError("this master has no secret for the webhook")
        return secret

    def _pushed(self, payload: dict[str, Any]) -> str:
        branch, names = read_push(payload)
        if branch is None:
            return f"nothing to do: `{_short(payload['ref'])}` is not a branch"
        if payload.get("deleted"):
            return f"nothing to do: branch `{_short(branch)}` was deleted"
        theirs = [each for each in change_sources(self.master, CommitPoller) if names & set(names_of(each.repourl))]
        if not theirs:
            return "nothing to do: no project has this repository"
        looking = [each for each in theirs if branch in each.branches]
        if not looking:
            return f"nothing to do: branch `{_short(branch)}` is not built"
        for poller in looking:
            # Buildbot looks again afterwards when it is looking at this moment.
            poller.force()
        return f"looking for new commits of {', '.join(sorted(each.project for each in looking))}"


def read_push(payload: dict[str, Any]) -> tuple[str | None, set[str]]:
    """The branch of a push, None when it is of something else, and the names of its repository.

    Raises ValueError with the sentence of a refusal.
    """
    reference = payload.get("ref")
    if not isinstance(reference, str):
        raise ValueError("the payload has no `ref`")
    names = set(repository_names(payload))
    if not names:
        raise ValueError("the payload names no repository")
    return reference.removeprefix(_BRANCHES) if reference.startswith(_BRANCHES) else None, names


def check_signature(secret: bytes, body: bytes, header: bytes) -> None:
    """Raises ValueError with a sentence unless the header is the body's signature."""
    if not header:
        # GitHub sends one with SHA-1 besides, for old receivers; that one does not count.
        raise ValueError("the request is not signed: there is no X-Hub-Signature-256")
    match = _SIGNATURE.fullmatch(header.decode("ascii", errors="replace"))
    expected = hmac.new(secret, body, "sha256").hexdigest()
    if not match or not hmac.compare_digest(match[1], expected):
        raise ValueError("the signature is wrong")


def read_payload(content_type: bytes, body: bytes) -> dict[str, Any]:
    """The payload of a request in one of the two forms that GitHub offers. Raises ValueError with a sentence."""
    kind = content_type.split(b";")[0].strip().lower()
    if kind == b"application/x-www-form-urlencoded":
        found = parse_qs(body).get(b"payload")
        if not found:
            raise ValueError("the form has no field `payload`")
        text = found[0]
    elif kind == b"application/json":
        text = body
    else:
        raise ValueError("the content type is neither application/json nor application/x-www-form-urlencoded")
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("the payload is not JSON") from error
    if not isinstance(payload, dict):
        raise ValueError("the payload is not a JSON object")
    return payload


def repository_names(payload: dict[str, Any]) -> Iterator[str]:
    """Every name that a payload gives its repository, in the form of `names_of`."""
    repository = payload.get("repository")
    if not isinstance(repository, dict):
        return
    for key in ("clone_url", "ssh_url", "git_url", "html_url"):
        if isinstance(value := repository.get(key), str) and value:
            yield from names_of(value)[:1]
    if isinstance(value := repository.get("full_name"), str) and value:
        yield f"github:{_path(value)}"


def names_of(url: str) -> list[str]:
    """What addresses of the same repository have in common: `HOST/PATH`, or the path of a local one.

    For one on GitHub also `github:OWNER/NAME`, which is how a payload without addresses would name it.
    """
    scp = re.fullmatch(r"(?:[^@/]+@)?([^/:]+):(?!//)(.+)", url)
    if scp:
        host, path = scp[1], scp[2]
    elif "://" in url:
        try:
            parts = urlsplit(url)
            host, path = parts.hostname or "", unquote(parts.path)
        except ValueError:
            return [url]
    else:
        host, path = "", url
    if not host:
        return [f"/{_path(path)}"]
    host = host.lower()
    name = f"{host}/{_path(path)}"
    return [name, f"github:{_path(path)}"] if host == "github.com" else [name]


def _path(path: str) -> str:
    return path.strip("/").removesuffix(".git").rstrip("/")


def _short(word: str) -> str:
    """A word of a stranger's for a sentence: one line, not long."""
    return "".join(letter if letter.isprintable() else "?" for letter in word[:_LONGEST_WORD])
