"""Public keys that OpenSSH would silently ignore are refused, with the reason."""

import stat
import subprocess

import pytest

from arm_ci.guests.errors import ImageError, MissingToolError
from arm_ci.guests.ssh_keys import TYPES, checked_public_key, make_key_pair, read_public_key, require_keygen

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKyy6TWwcs4GnNsl5/26tSTS4lRaRN+vlI4NZ/PlGNpj"
ECDSA = "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBMtVDKhSy8qJKlI1dcmz8gfJRHJXXDhNEVQ8AbM1I3Y="


def complaint(text: str) -> str:
    with pytest.raises(ImageError) as raised:
        checked_public_key(text)
    return str(raised.value)


@pytest.mark.parametrize("text", [ED25519, f" {ED25519} Ada Lovelace\n", f"ecdsa-sha2-nistp256 {ECDSA}"])
def test_a_key_is_taken_as_one_line(text):
    assert checked_public_key(text) == text.strip()


def test_the_talks_key_type_is_told_the_right_one():
    assert complaint(f"ssh-ecdsa {ECDSA} builder") == (
        "`ssh-ecdsa` is no type of a public key; this one is of the type `ecdsa-sha2-nistp256`"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", f"`hello` is no type of a public key; expected one of {', '.join(TYPES)}"),
        ("", f"`` is no type of a public key; expected one of {', '.join(TYPES)}"),
        (ED25519[:30], "what follows `ssh-ed25519` is no key: it is cut off, or not in base64"),
        ("ssh-ed25519", "what follows `ssh-ed25519` is no key: it is cut off, or not in base64"),
        ("ssh-ed25519 /w==", "what follows `ssh-ed25519` is no key: it is cut off, or not in base64"),
        (
            f"ssh-rsa {ED25519.split()[1]}",
            "the key says that it is of the type `ssh-rsa`, and is of the type `ssh-ed25519`",
        ),
        (f"{ED25519}\n{ED25519}", "one public key was expected, in one line"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n",
            "this is a private key; the public one is in the file beside it that ends in .pub",
        ),
    ],
)
def test_what_is_wrong_with_a_key_is_said(text, message):
    assert complaint(text) == message


def test_the_file_of_a_bad_key_is_named(tmp_path):
    file = tmp_path / "key.pub"
    file.write_text("ssh-ed25519 x")
    with pytest.raises(ImageError) as raised:
        read_public_key(file)
    assert str(raised.value) == f"{file}: what follows `ssh-ed25519` is no key: it is cut off, or not in base64"


def test_a_pair_that_is_made_fits_together_and_is_private(tmp_path):
    private = tmp_path / "key"
    public = make_key_pair(private, "arm-ci a")
    assert public.startswith("ssh-ed25519 ") and public.endswith(" arm-ci a")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    derived = subprocess.run(["ssh-keygen", "-y", "-f", private], capture_output=True, text=True, check=True).stdout
    assert derived.split()[1] == public.split()[1]


def test_a_key_that_cannot_be_written_is_no_traceback(tmp_path):
    with pytest.raises(ImageError) as raised:
        make_key_pair(tmp_path / "none" / "key", "x")
    assert str(raised.value).startswith("ssh-keygen made no key: ")


def test_without_ssh_keygen_the_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError) as raised:
        require_keygen()
    assert str(raised.value) == (
        "ssh-keygen is not installed: sudo apt-get install --no-install-recommends openssh-client"
    )
