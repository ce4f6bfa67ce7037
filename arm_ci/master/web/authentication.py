"""Who may start and stop builds through the web UI: the people of site.yaml, each with a password in a secret file.

Everybody who reaches the page may look. Passwords are read when somebody logs in, so a file that was changed counts at
once, and ends the logins that were made with the old one. Nothing here writes a password into a log or a cookie.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from buildbot.www.auth import CustomAuth
from buildbot.www.authz import endpointmatchers, roles
from twisted.internet import defer
from twisted.python import log

from arm_ci.config.model import TERMINAL, Config
from arm_ci.master.buildbot_fixes.web_log_in import ReadersAllowed, session_key

_ROLE = "person"


def web_settings(config: Config) -> dict[str, Any]:
    """What Buildbot's `www` gets where people log in."""
    files = {name: config.path(config.site.person_file(name)) for name in (*config.site.people, TERMINAL)}
    return {"auth": PasswordFiles(files), "authz": OnlyPeople(files)}


def password(file: Path) -> bytes:
    """The password in a secret file, or nothing when there is none that can be read."""
    try:
        return file.read_bytes().strip()
    except OSError:
        return b""


class PasswordFiles(CustomAuth):
    """Logs people in by name and password."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        super().__init__()
        self.files = files

    def check_credentials(self, username: bytes, password_given: bytes) -> bool:
        """Whether a name and a password go together."""
        name = username.decode("utf-8", "replace")
        known = password(self.files[name]) if name in self.files else b""
        if hmac.compare_digest(known or secrets.token_bytes(), password_given):
            return True
        if name not in self.files:
            # Not by its name: some people type their password there.
            log.msg("login refused: unknown name")
        elif known:
            log.msg(f"login refused: wrong password for {name}")
        else:
            log.msg(
                f"login refused: no password can be read from {self.files[name]}; `arm-ci start` makes a missing one"
            )
        return False

    def updateUserInfo(self, request: Any) -> defer.Deferred[None]:
        """Puts the login into the session's cookie, which Buildbot signs."""
        session = request.getSession()
        name = session.user_info["username"]
        session.user_info["seal"] = seal(self.master, name, password(self.files[name]))
        session.updateSession(request)
        return defer.succeed(None)


class OnlyPeople(ReadersAllowed):
    """Whoever did not log in may look, and nothing else."""

    refusal = b"only people of this site start, stop and change things here: log in (top right), then try again"

    def __init__(self, files: Mapping[str, Path]) -> None:
        super().__init__(
            allowRules=[endpointmatchers.AnyControlEndpointMatcher(role=_ROLE)], roleMatchers=[LoggedIn(files)]
        )


class LoggedIn(roles.RolesFromBase):
    """Gives the one role to whoever is among the people, and logged in with the password that counts now."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        super().__init__()
        self.files = files

    def getRolesFromUser(self, userDetails: dict[str, Any]) -> list[str]:
        name = userDetails.get("username")
        if not isinstance(name, str) or name not in self.files:
            return []
        now = password(self.files[name])
        same = now and hmac.compare_digest(seal(self.master, name, now), str(userDetails.get("seal")))
        return [_ROLE] if same else []


def seal(master: Any, name: str, its_password: bytes) -> str:
    """What a login shows of its password: enough to see that it changed, and nothing without the master's own key."""
    return hmac.new(session_key(master), name.encode() + b"\0" + its_password, hashlib.sha256).hexdigest()
