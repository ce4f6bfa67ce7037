"""A worker's kit: one shell script that makes a machine this worker, with bootstrap.sh and all that it asks for inside.

It holds the worker's password, so it is for one reader: a board's root.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from arm_ci.config import Config, Worker, variants
from arm_ci.plan.packages import BOOTSTRAP, package_table, with_table

_KIT = """\
#!/bin/sh
# Makes this machine the worker {name} of {master}. It holds a password: show it to nobody.
# usage: sudo sh FILE [OPTION OF bootstrap.sh...], for example --dry-run or --cmdline
main() {{
    umask 077
    kit=$(mktemp -d) || exit 1
    trap 'rm -rf "$kit"' EXIT
    trap 'exit 129' HUP INT TERM
{files}
    # Standard input may be this very script.
    sh "$kit/bootstrap.sh" {words} "$@" </dev/null
}}
main "$@"
"""
_FILE = """\
    cat >"$kit/{name}" <<'END_OF_FILE'
{text}
END_OF_FILE"""
_MIB = 1024**2


@dataclass(frozen=True)
class Address:
    """Where a worker finds the master."""

    host: str
    port: int
    certificate: str
    """What it trusts there, in PEM; empty: it connects without TLS."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def projects_of(config: Config, board: str) -> tuple[str, ...]:
    """The projects that have a variant on a board."""
    return tuple(dict.fromkeys(variant.project for variant in variants(config) if variant.board == board))


def kit(config: Config, worker: Worker, address: Address, secret: str) -> str:
    """The script for a worker. Raises OSError when this checkout has no bootstrap.sh."""
    projects = projects_of(config, worker.board)
    swap = int(config.boards[worker.board].swap)
    words = ["--master", str(address), "--name", worker.name]
    words += ["--swap", f"{swap // _MIB}M"] if swap else ["--swap", "none"]
    words += ["--projects", ",".join(projects)] if projects else []
    files = {
        "bootstrap.sh": with_table(BOOTSTRAP.read_text(encoding="utf-8"), package_table(config)),
        "secret": secret,
    }
    given = ' --secret-file "$kit/secret"'
    if address.certificate:
        files["certificate.pem"] = address.certificate
        given += ' --certificate "$kit/certificate.pem"'
    return _KIT.format(
        name=worker.name,
        master=address,
        files="\n".join(_FILE.format(name=name, text=text.rstrip("\n")) for name, text in files.items()),
        words=shlex.join(words) + given,
    )
