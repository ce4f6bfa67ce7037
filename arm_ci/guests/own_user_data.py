"""User-data that somebody adds to ours, for a proxy or a certificate of the house: read, checked, merged. Pure.

Of what cloud-init would pass over in silence the worst is refused here: a missing first line, a key in capitals, a
public key of a type that does not exist. Everything else is for `cloud-init schema` to judge.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

from arm_ci.guests.errors import ImageError
from arm_ci.guests.ssh_keys import checked_public_key

HEADER = "#cloud-config"
_FIRST_THEIRS = ("bootcmd", "packages", "runcmd", "users", "write_files")
"""Lists that are joined, theirs first: it prepares the machine for what we do."""


def checked_cloud_config(text: str) -> dict[str, Any]:
    """What a file of user-data says. Raises ImageError with every mistake that is seen, a line each."""
    mistakes = []
    if text.partition("\n")[0].rstrip() != HEADER:
        mistakes.append(f"the first line is not `{HEADER}`; without it cloud-init does not know what it is")
    try:
        said = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ImageError("\n".join([*mistakes, f"it is no YAML: {' '.join(str(error).split())}"])) from None
    if said is not None and not isinstance(said, dict):
        raise ImageError("\n".join([*mistakes, "keys with values were expected"]))
    mistakes += [
        f"there is no key `{key}`; cloud-init's are in small letters: `{str(key).lower()}`"
        for key in said or {}
        if str(key) != str(key).lower()
    ]
    mistakes += _keys_at_fault(said)
    if mistakes:
        raise ImageError("\n".join(mistakes))
    return said or {}


def _keys_at_fault(said: Any, where: str = "") -> list[str]:
    """What is wrong with public keys, wherever they stand."""
    if isinstance(said, list):
        return [each for number, value in enumerate(said) for each in _keys_at_fault(value, f"{where}[{number}]")]
    if not isinstance(said, dict):
        return []
    found = []
    for name, value in said.items():
        here = f"{where}.{name}".lstrip(".")
        if name not in ("ssh_authorized_keys", "ssh-authorized-keys") or not isinstance(value, list):
            found += _keys_at_fault(value, here)
            continue
        for number, key in enumerate(value):
            try:
                checked_public_key(str(key))
            except ImageError as error:
                found.append(f"{here}[{number}]: {error}")
    return found


def checked_ignition(text: str) -> str:
    """An Ignition configuration as it is. Raises ImageError when it is none of the specification 3."""
    try:
        said = json.loads(text)
    except ValueError as error:
        raise ImageError(f"it is no JSON: {error} (butane makes JSON of YAML)") from None
    version = said.get("ignition", {}).get("version", "") if isinstance(said, dict) else ""
    if not str(version).startswith("3."):
        raise ImageError("it is no Ignition configuration of version 3: `ignition.version` is missing, or another one")
    return text


def merged(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Both. Where both say something of one thing, theirs counts; lists of things to do are joined."""
    both = [key for key in _FIRST_THEIRS if isinstance(theirs.get(key), list) and key in ours]
    joined = {key: [*theirs[key], *ours[key]] for key in both}
    return {**ours, **theirs, **joined}
