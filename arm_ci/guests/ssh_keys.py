"""Keys for logging in to a guest: a public key is checked before it is handed over, a pair is made with ssh-keygen(1).

OpenSSH's server ignores a line that it does not understand, and all that one sees is `Permission denied (publickey)`.
"""

from __future__ import annotations

import base64
import binascii
import shutil
import subprocess
from pathlib import Path

from arm_ci.guests.errors import ImageError, MissingToolError

TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
"""The types that OpenSSH 9 takes (sshd(8), AUTHORIZED_KEYS FILE FORMAT); those of DSA are refused by it."""


def checked_public_key(text: str) -> str:
    """The key as one line without blanks around it. Raises ImageError that says what is wrong with it."""
    line = text.strip()
    if "PRIVATE KEY" in line:
        raise ImageError("this is a private key; the public one is in the file beside it that ends in .pub")
    if "\n" in line:
        raise ImageError("one public key was expected, in one line")
    kind, _, rest = line.partition(" ")
    encoded = rest.strip().split(" ")[0]
    inside = _type_inside(encoded)
    if kind not in TYPES:
        if inside in TYPES:
            raise ImageError(f"`{kind}` is no type of a public key; this one is of the type `{inside}`")
        raise ImageError(f"`{kind[:60]}` is no type of a public key; expected one of {', '.join(TYPES)}")
    if not inside:
        raise ImageError(f"what follows `{kind}` is no key: it is cut off, or not in base64")
    if inside != kind:
        raise ImageError(f"the key says that it is of the type `{kind}`, and is of the type `{inside}`")
    return line


def _type_inside(encoded: str) -> str:
    """The type that a key in base64 names itself: a length of four bytes, and the name (RFC 4253, 6.6)."""
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return ""
    length = int.from_bytes(blob[:4], "big")
    if len(blob) <= 4 + length:
        return ""
    return blob[4 : 4 + length].decode("ascii", errors="replace")


def read_public_key(file: Path) -> str:
    """The public key in a file. Raises ImageError that names the file, OSError."""
    try:
        return checked_public_key(file.read_text(encoding="utf-8", errors="replace"))
    except ImageError as error:
        raise ImageError(f"{file}: {error}") from None


def require_keygen() -> None:
    """Raises MissingToolError when ssh-keygen is missing."""
    if shutil.which("ssh-keygen") is None:
        raise MissingToolError("ssh-keygen", "openssh-client")


def make_key_pair(private: Path, comment: str) -> str:
    """Makes a pair without a passphrase, `private` (mode 0600) and beside it `.pub`; returns the public key.

    Raises ImageError.
    """
    require_keygen()
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(private)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        said = (done.stderr or done.stdout).strip() or f"it ended with status {done.returncode}"
        raise ImageError(f"ssh-keygen made no key: {said}")
    return read_public_key(Path(f"{private}.pub"))
