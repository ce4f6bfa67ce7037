"""Looks at the machine it runs on and prints what it finds as JSON: facts only, no judgement.

Run on the worker as `python3 agent.pyz probe < request.json`. What the facts mean is decided in
arm_ci.plan.requirements.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import socket
import struct
import sys
from typing import Any, Dict, List, Optional

from ..report import plain
from . import facts
from .command_output import run_program
from .visibility import limits_here, visibility_here

SCHEMA = 1
_TIMEOUT_SECONDS = 30
_HELPER_SECONDS = 3
_ARCHITECTURES = {
    # platform.machine() and the size of a pointer -> Debian's name
    ("x86_64", 64): "amd64",
    ("x86_64", 32): "i386",
    ("i686", 32): "i386",
    ("aarch64", 64): "arm64",
    ("aarch64", 32): "armhf",
    ("armv8l", 32): "armhf",
    ("armv7l", 32): "armhf",
}


def _output(argv: List[str]) -> Optional[str]:
    """Standard output and error of a command, or None when it cannot be run or fails."""
    output = run_program(argv, _TIMEOUT_SECONDS)
    return output.text if output.succeeded else None


def architecture() -> str:
    """Debian's name of the architecture of the userland, or what uname says when it has none."""
    bits = struct.calcsize("P") * 8
    debian = _output(["dpkg", "--print-architecture"])
    return (debian or "").strip() or _ARCHITECTURES.get((platform.machine(), bits), platform.machine())


def operating_system() -> str:
    """`ID-VERSION_ID` of /etc/os-release (os-release(5)), for example `debian-12`."""
    values = {}
    try:
        with open("/etc/os-release", encoding="utf-8") as lines:
            for line in lines:
                name, _, value = line.strip().partition("=")
                values[name] = value.strip("\"'")
    except OSError:
        return platform.system().lower()
    return "-".join(part for part in (values.get("ID", "linux"), values.get("VERSION_ID", "")) if part)


def program(name: str) -> Optional[Dict[str, str]]:
    """Where a program is and what version it gives, or None when it is not there."""
    path = shutil.which(name)
    if path is None:
        return None
    text = _output([path, "--version"]) or ""
    first = text.strip().split("\n")[0]
    # The last number with a dot on the line is the version: `gcc (Debian 12.2.0-14) 12.2.0`, `GNU ld (...) 2.40`,
    # `mold 1.10.1 (compatible with GNU ld)`, `Debian LLD 14.0.6 (compatible with GNU linkers)`.
    bare = re.sub(r"\([^()]*\)", " ", first)
    numbers = re.findall(r"\d+(?:\.\d+)+", bare) or re.findall(r"\d+(?:\.\d+)+", first)
    return {"path": path, "version": numbers[-1] if numbers else "", "text": first[:200]}


def packages(names: List[str]) -> Optional[Dict[str, bool]]:
    """Which Debian packages are installed, or None on a system without dpkg."""
    if shutil.which("dpkg-query") is None:
        return None
    installed = {}
    for name in names:
        status = _output(["dpkg-query", "-W", "-f=${db:Status-Status}", name]) or ""
        # Several architectures of one package give one word each, all joined.
        installed[name] = "installed" in status.replace("not-installed", "")
    return installed


def silence(helper: str) -> str:
    """Why nothing answers at a helper's `HOST:PORT`; empty when something does."""
    host, _, port = helper.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _HELPER_SECONDS).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def may_install() -> bool:
    """Whether this user can install packages without being asked for a password."""
    if os.geteuid() == 0:
        return True
    return shutil.which("sudo") is not None and _output(["sudo", "-n", "true"]) is not None


def existing(directory: str) -> str:
    """The directory, or the nearest one above it that is there."""
    while not os.path.isdir(directory) and os.path.dirname(directory) != directory:
        directory = os.path.dirname(directory)
    return directory


def probe(request: Dict[str, Any]) -> Dict[str, Any]:
    """The facts for a request.

    `programs` and `packages` are what to look for, `links` argv lists to try, `helpers` addresses to connect to.
    """
    memory = facts.memory_information()
    directory = existing(str(request["directory"]))
    return {
        "schema": SCHEMA,
        "host": platform.node(),
        "architecture": architecture(),
        "machine": platform.machine(),
        "bits": struct.calcsize("P") * 8,
        "os": operating_system(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": memory.get("MemTotal", 0),
        "available_bytes": memory.get("MemAvailable", 0),
        "swap_bytes": memory.get("SwapTotal", 0),
        "free_disk_bytes": facts.free_bytes(directory) or 0,
        "programs": {name: program(name) for name in request.get("programs", [])},
        "packages": packages(list(request.get("packages", []))),
        "links": {" ".join(argv): _output(argv) is not None for argv in request.get("links", [])},
        "helpers": {helper: silence(helper) for helper in request.get("helpers", [])},
        "may_install": may_install(),
        "python": platform.python_version(),
        "machine_facts": facts.describe(),
        "limits": plain(limits_here(directory)),
        "sight": plain(visibility_here()),
    }


def main() -> int:
    try:
        request = json.load(sys.stdin)
        facts = probe(request)
    except (ValueError, KeyError, TypeError, OSError) as error:
        print("probe: cannot answer the request: {}".format(error), file=sys.stderr)
        return 2
    json.dump(facts, sys.stdout, indent=1, sort_keys=True)
    print()
    return 0
