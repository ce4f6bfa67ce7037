"""A running master's REST API (Buildbot's /api/v2), as far as a terminal needs it."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from arm_ci.cli.options import OUTSIDE, CommandError

_TIMEOUT_SECONDS = 60
# A busy master now and then closes a connection before it has sent the answer; asking again is harmless.
_GET_ATTEMPTS = 5
_PAUSE_SECONDS = 0.5
_RESULTS = ("success", "warnings", "failure", "skipped", "exception", "retry", "cancelled")


def result_name(result: int | None) -> str:
    """Buildbot's result codes as words."""
    return "running" if result is None else _RESULTS[result] if result < len(_RESULTS) else str(result)


class _CutShortError(CommandError):
    """The master took the request but did not answer to the end."""


@dataclass(frozen=True)
class Master:
    """A master's REST API below `url` (which ends with a slash). Errors are CommandErrors with status 3."""

    url: str

    def get(self, path: str, **query: str | int) -> dict[str, Any]:
        """The JSON at a path."""
        suffix = f"?{urllib.parse.urlencode(query)}" if query else ""
        request = urllib.request.Request(f"{self.url}api/v2/{path}{suffix}")
        for _ in range(_GET_ATTEMPTS - 1):
            try:
                return self._open(request)
            except _CutShortError:
                time.sleep(_PAUSE_SECONDS)
        return self._open(request)

    def force(self, scheduler: str, builder: str, parameters: dict[str, Any]) -> int:
        """Forces a build; returns the number of the build request."""
        body = {"jsonrpc": "2.0", "method": "force", "id": 1, "params": {"builderNames": [builder], **parameters}}
        request = urllib.request.Request(
            f"{self.url}api/v2/forceschedulers/{urllib.parse.quote(scheduler)}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        result = self._open(request)["result"]
        return int(next(iter(result[1].values())))

    def builds_of(self, request_id: int) -> list[dict[str, Any]]:
        """The builds of a request, oldest first: more than one when a worker was lost."""
        return list(self.get(f"buildrequests/{request_id}/builds", property="*")["builds"])

    def is_complete(self, request_id: int) -> bool:
        return bool(self.get(f"buildrequests/{request_id}")["buildrequests"][0]["complete"])

    def current_step(self, build_id: int) -> str:
        """What the newest step of a build says."""
        steps = self.get(f"builds/{build_id}/steps")["steps"]
        started = [step for step in steps if step["started_at"]]
        if not started:
            return "waiting"
        # A step that has just begun has said nothing yet.
        said = str(started[-1]["state_string"])
        return str(started[-1]["name"]) if said == "pending" else said

    def _open(self, request: urllib.request.Request) -> dict[str, Any]:
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            raise CommandError(f"{request.full_url}: {_reason(error)}", OUTSIDE) from error
        except (http.client.HTTPException, ConnectionResetError) as error:
            raise _CutShortError(f"the answer of {request.full_url} was cut short", OUTSIDE) from error
        except (urllib.error.URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise CommandError(
                f"no master answers at {self.url} ({reason}): `arm-ci start` starts it", OUTSIDE
            ) from error
        except ValueError as error:
            raise CommandError(f"{request.full_url} did not answer with JSON: is that a Buildbot?", OUTSIDE) from error


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        said = json.load(error)["error"]
        message = said["message"] if isinstance(said, dict) else said
        return json.dumps(message) if isinstance(message, dict) else str(message)
    except (ValueError, KeyError, TypeError):
        return f"HTTP status {error.code}"
