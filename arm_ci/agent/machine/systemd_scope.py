"""Has systemd make a cgroup for the agent where this user cannot: the agent starts again in a scope of its own.

The scope is delegated, so that the agent makes the command's cgroup in it. It ends with the agent.
"""

from __future__ import annotations

import os
from typing import Dict, List, Tuple

_INSIDE = "ARM_CI_SCOPE"
"""Environment variable of an agent that was started again: what of the environment was added for that."""
_RUNTIME = "XDG_RUNTIME_DIR"
_BOOTED = "/run/systemd/system"
_PATIENCE_SECONDS = 20


def arrive() -> bool:
    """Whether this agent was started again in a scope; the command is not to see anything of that."""
    added = os.environ.pop(_INSIDE, None)
    if added == _RUNTIME:
        os.environ.pop(_RUNTIME, None)
    return added is not None


def command() -> Tuple[List[str], Dict[str, str]]:
    """`systemd-run` with the options of a scope for this user, and its environment; empty without a systemd to ask."""
    words = ["systemd-run", "--scope", "--quiet", "--collect", "--property=Delegate=yes"]
    environment = dict(os.environ)
    if os.geteuid() == 0:
        return (words if os.path.isdir(_BOOTED) else []), environment  # sd_booted(3)
    # A service of this user has no XDG_RUNTIME_DIR, even where the user's systemd runs.
    added = _RUNTIME not in environment
    runtime = environment.setdefault(_RUNTIME, "/run/user/{}".format(os.geteuid()))
    environment[_INSIDE] = _RUNTIME if added else ""
    return ([*words, "--user"] if os.path.exists(runtime + "/bus") else []), environment


def refusal() -> str:
    """Why systemd makes no scope for us; empty when it does."""
    words, environment = command()
    if not words:
        return "systemd does not run here for this user"
    # Imported late: most machines do not need it, and the agent shall stay small.
    import subprocess

    try:
        tried = subprocess.run(
            [*words, "--", "true"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_PATIENCE_SECONDS,
            env=environment,
        )
    except OSError as error:
        return "systemd-run: {}".format(error.strerror)
    except subprocess.SubprocessError:
        return "systemd-run: no answer in {} s".format(_PATIENCE_SECONDS)
    said = tried.stdout.decode("utf-8", "replace").strip().splitlines() or ["exit status {}".format(tried.returncode)]
    return "systemd-run: {}".format(said[-1]) if tried.returncode else ""


def enter(argv: List[str]) -> str:
    """Starts the agent again, as `argv`, in a scope; returns why it could not."""
    # Tried before: once we are systemd-run there is no way back.
    found = refusal()
    if not found:
        words, environment = command()
        environment.setdefault(_INSIDE, "")
        os.execvpe(words[0], [*words, "--", *argv], environment)
    return found
