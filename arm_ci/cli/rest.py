"""A running master's REST API (Buildbot's /api/v2), as far as a terminal needs it."""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from arm_ci.cli.options import OUTSIDE, CommandError
from arm_ci.config.model import TERMINAL

_TIMEOUT_SECONDS = 60
# A busy master now and then closes a connection before it has sent the answer; asking again is harmless.
_GET_ATTEMPTS = 5
_FORCE_ATTEMPTS = 3
_PAUSE_SECONDS = 0.5
_REDIRECT = 302
_RESULTS = ("success", "warnings", "failure", "skipped", "exception", "retry", "cancelled")


def result_name(result: int | None) -> str:
    """Buildbot's result codes as words."""
    return "running" if result is None else _RESULTS[result] if 0 <= result < len(_RESULTS) else str(result)


class _CutShortError(CommandError):
    """The master may have taken the request, but did not answer to the end."""


class _TooLateError(_CutShortError):
    """The master did not answer in time."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A login is answered with a redirect to the page as people reach it, which is none of a terminal's business."""

    def redirect_request(self, *_: Any) -> None:
        return None


# The master is on this machine: no proxy is asked, and none sees a password.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)


@dataclass(frozen=True)
class Master:
    """A master's REST API below `url` (which ends with a slash). Errors are CommandErrors with status 3.

    `login_file` holds the password of a terminal's own person, where people log in.
    """

    url: str
    login_file: Path | None = None

    def get(self, path: str, **query: str | int) -> dict[str, Any]:
        """The JSON at a path."""
        suffix = f"?{urllib.parse.urlencode(query)}" if query else ""
        request = urllib.request.Request(f"{self.url}api/v2/{path}{suffix}")
        for _ in range(_GET_ATTEMPTS - 1):
            try:
                return self._open(request)
            except _TooLateError:
                raise
            except _CutShortError:
                time.sleep(_PAUSE_SECONDS)
        return self._open(request)

    def items(self, path: str, **query: str | int) -> list[dict[str, Any]]:
        """The things at a path, which ends with what Buildbot calls them."""
        found = self.get(path, **query).get(path.rsplit("/", 1)[-1])
        if not isinstance(found, list):
            raise CommandError(f"{self.url}api/v2/{path} holds something else: is that a Buildbot?", OUTSIDE)
        return found

    def force(self, scheduler: str, builder: str, parameters: dict[str, Any], reason: str = "a person asked") -> int:
        """Forces a build, once, whatever becomes of the answers; returns the number of the build request."""
        # The token tells our request from everybody else's when the answer that would have named it is lost.
        token = f"[arm-ci {secrets.token_hex(4)}]"
        arguments = {"builderNames": [builder], **parameters, "reason": f"{reason} {token}"}
        request = urllib.request.Request(
            f"{self.url}api/v2/forceschedulers/{urllib.parse.quote(scheduler)}",
            data=json.dumps({"jsonrpc": "2.0", "method": "force", "id": 1, "params": arguments}).encode(),
            headers={"Content-Type": "application/json", **self._login},
        )
        for attempt in range(_FORCE_ATTEMPTS):
            try:
                answer = self._open(request)
                return int(next(iter(answer["result"][1].values())))
            except (KeyError, IndexError, TypeError, StopIteration) as error:
                raise CommandError(f"{request.full_url} answers otherwise: is that a Buildbot?", OUTSIDE) from error
            except _CutShortError:
                forced = self._forced(token)
                if forced is not None:
                    return forced
                if attempt == _FORCE_ATTEMPTS - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _forced(self, token: str) -> int | None:
        """The build request whose reason holds a token, or None; a busy master gets a moment to make it."""
        for _ in range(_GET_ATTEMPTS):
            for buildset in self.items("buildsets", reason__contains=token):
                for each in self.items("buildrequests", buildsetid=buildset["bsid"]):
                    return int(each["buildrequestid"])
            time.sleep(_PAUSE_SECONDS)
        return None

    def builds_of(self, request_id: int) -> list[dict[str, Any]]:
        """The builds of a request, oldest first: more than one when a worker was lost, none when it was cancelled."""
        return self.items(f"buildrequests/{request_id}/builds", property="*")

    def request(self, request_id: int) -> dict[str, Any]:
        """A build request as Buildbot describes it."""
        return dict(self.get(f"buildrequests/{request_id}")["buildrequests"][0])

    def connected_workers(self, builder_id: int) -> list[dict[str, Any]]:
        """The workers of a builder that are connected, paused or not."""
        return [worker for worker in self.items(f"builders/{builder_id}/workers") if worker["connected_to"]]

    def build_data(self, build_id: int, name: str) -> dict[str, Any] | None:
        """What a build keeps under a name, which must be JSON; None when it keeps nothing there."""
        kept = self.get(f"builds/{build_id}/data")["build_data"]
        return self.get(f"builds/{build_id}/data/{name}/value") if name in (each["name"] for each in kept) else None

    def current_step(self, build_id: int) -> str:
        """What the newest step of a build says."""
        started = [step for step in self.items(f"builds/{build_id}/steps") if step["started_at"]]
        if not started:
            return "waiting"
        # A step that has just begun has said nothing yet.
        said = str(started[-1]["state_string"])
        return str(started[-1]["name"]) if said == "pending" else said

    @cached_property
    def _login(self) -> dict[str, str]:
        """The header that shows the master who asks; logs in the first time."""
        if self.login_file is None:
            return {}
        try:
            password = self.login_file.read_bytes().strip()
        except FileNotFoundError as error:
            raise CommandError(f"{self.login_file} is not there to log in with: `arm-ci start` makes it") from error
        except OSError as error:
            sentence = f"{self.login_file} cannot be read to log in with ({error.strerror}); the master's user can"
            raise CommandError(sentence) from error
        shown = base64.b64encode(TERMINAL.encode() + b":" + password).decode()
        request = urllib.request.Request(f"{self.url}auth/login", headers={"Authorization": f"Basic {shown}"})
        try:
            with _OPENER.open(request, timeout=_TIMEOUT_SECONDS) as answer:
                status, headers = answer.status, answer.headers
        except urllib.error.HTTPError as error:
            status, headers = error.code, error.headers
            error.close()
        except (http.client.HTTPException, OSError) as error:
            raise self._lost(request, error) from error
        # The last one counts: the session of nobody, which every first request gets, comes before that of the login.
        cookies = [cookie.partition(";")[0] for cookie in headers.get_all("Set-Cookie", [])]
        if status == _REDIRECT and cookies:
            return {"Cookie": cookies[-1]}
        raise CommandError(
            f"the master at {self.url} does not take the password in {self.login_file} (HTTP status {status}): "
            "`arm-ci start` has it read the configuration",
            OUTSIDE,
        )

    def _open(self, request: urllib.request.Request) -> dict[str, Any]:
        try:
            with _OPENER.open(request, timeout=_TIMEOUT_SECONDS) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            raise CommandError(f"{request.full_url}: {_reason(error)}", OUTSIDE) from error
        except (ValueError, TypeError) as error:
            raise CommandError(f"{request.full_url} did not answer with JSON: is that a Buildbot?", OUTSIDE) from error
        except (http.client.HTTPException, OSError) as error:
            raise self._lost(request, error) from error

    def _lost(self, request: urllib.request.Request, error: Exception) -> CommandError:
        """What to say when the connection brought no whole answer."""
        reason = getattr(error, "reason", error)
        if isinstance(reason, http.client.HTTPException | ConnectionResetError | BrokenPipeError):
            return _CutShortError(f"the answer of {request.full_url} was cut short", OUTSIDE)
        if isinstance(error, TimeoutError):
            return _TooLateError(f"{request.full_url} did not answer within {_TIMEOUT_SECONDS} s", OUTSIDE)
        return CommandError(f"no master answers at {self.url} ({reason}): `arm-ci start` starts it", OUTSIDE)


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        said = json.load(error)["error"]
        message = said["message"] if isinstance(said, dict) else said
        return json.dumps(message) if isinstance(message, dict) else str(message)
    except (ValueError, KeyError, TypeError):
        return f"HTTP status {error.code}"
