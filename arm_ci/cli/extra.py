"""The packages that only a master needs, pip's extra `arm_ci[master]`: what to say where they are not installed."""

from __future__ import annotations

import importlib.util
import shlex
import sys

from arm_ci.cli.options import OUTSIDE, CommandError

EXTRA = "arm_ci[master]"
_MODULES = ("buildbot", "cryptography", "jinja2", "twisted")


def sentence_without(module: str | None) -> str | None:
    """What to say when a module cannot be imported; None: it is not one of the extra."""
    name = (module or "").partition(".")[0]
    if name not in _MODULES:
        return None
    command = shlex.join([sys.executable, "-m", "pip", "install", EXTRA])
    return f"this needs the Python module `{name}`, which is not installed; run: {command}"


def require() -> None:
    """Raises CommandError when the packages that a master runs on are not installed."""
    for name in _MODULES:
        if importlib.util.find_spec(name) is None:
            raise CommandError(str(sentence_without(name)), OUTSIDE)
