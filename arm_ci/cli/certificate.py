"""The certificate with which the master shows boards who it is: made once, for ten years; looked at before each start.

A board is given the certificate and trusts that one alone, so there is no authority, and the names in it are for
programs other than ours.
"""

from __future__ import annotations

import ipaddress
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from arm_ci.config import Site

_DAYS = 3650
_NAME = "arm-ci-master"
"""In each certificate: where boards know the master by an address only."""


def address(site: Site) -> str:
    """The name or address under which boards reach the master."""
    if site.tls and site.tls.name:
        return site.tls.name
    host = urlsplit(site.url).hostname or ""
    return socket.getfqdn() if host in ("", "localhost", "127.0.0.1", "::1") else host


def make(host: str, certificate: Path, private_key: Path) -> None:
    """Writes a self-signed certificate for a host, and its private key for its owner only. Raises OSError."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)])
    start = datetime.now(UTC) - timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(_names(host)), critical=False)
        .sign(key, hashes.SHA256())
    )
    for path, mode, content in (
        (private_key, 0o600, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())),
        (certificate, 0o644, made.public_bytes(Encoding.PEM)),
    ):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=mode, exist_ok=False)
        path.write_bytes(content)


def _names(host: str) -> list[x509.GeneralName]:
    try:
        return [x509.DNSName(_NAME), x509.IPAddress(ipaddress.ip_address(host))]
    except ValueError:
        return [x509.DNSName(_NAME), x509.DNSName(host)]


def wrong_with(certificate: Path, private_key: Path) -> str:
    """Why boards would not trust a master with these files, in a sentence; empty when they would. Raises OSError."""
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
    except ValueError:
        return f"{certificate} holds no certificate (PEM)"
    try:
        key = load_pem_private_key(private_key.read_bytes(), None)
    except (ValueError, TypeError):
        return f"{private_key} holds no private key (PEM, without a password)"
    plain = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*plain) != found.public_key().public_bytes(*plain):
        return f"{private_key} is not the private key of {certificate}"
    if found.not_valid_after_utc < datetime.now(UTC):
        return f"{certificate} is no longer valid, since {found.not_valid_after_utc:%Y-%m-%d}"
    return ""


def fingerprint(certificate: Path) -> str:
    """SHA-256 of a certificate, as browsers and openssl show it. Raises OSError, and ValueError when it is none."""
    return x509.load_pem_x509_certificate(certificate.read_bytes()).fingerprint(hashes.SHA256()).hex(":").upper()
