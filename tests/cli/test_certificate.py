"""The master's certificate: made for a host, and refused when boards would not trust it."""

import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from arm_ci.cli import certificate
from arm_ci.cli.instance import Instance
from arm_ci.cli.options import CommandError
from arm_ci.config import Site, load
from arm_ci.config.model import Tls

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    made = tmp_path / "secrets" / "master.pem", tmp_path / "secrets" / "master.key"
    certificate.make("ci.example.org", *made)
    return made


def names(path: Path) -> list[object]:
    found = x509.load_pem_x509_certificate(path.read_bytes())
    return [each.value for each in found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value]


def test_a_certificate_is_for_the_name_and_its_key_for_its_owner(files) -> None:
    assert names(files[0]) == ["arm-ci-master", "ci.example.org"]
    assert stat.S_IMODE(files[1].stat().st_mode) == 0o600
    assert stat.S_IMODE(files[1].parent.stat().st_mode) == 0o700
    assert certificate.wrong_with(*files) == ""


def test_an_address_is_no_name(tmp_path: Path) -> None:
    certificate.make("192.0.2.7", tmp_path / "a.pem", tmp_path / "a.key")
    assert [str(each) for each in names(tmp_path / "a.pem")] == ["arm-ci-master", "192.0.2.7"]


def test_the_fingerprint_is_written_as_openssl_writes_it(files) -> None:
    assert len(certificate.fingerprint(files[0]).split(":")) == 32
    assert certificate.fingerprint(files[0]).isupper()


@pytest.mark.parametrize(
    ("site", "address"),
    [
        (Site(tls=Tls(name="board.example.org"), url="https://ci.example.org/"), "board.example.org"),
        (Site(tls=Tls(), url="https://ci.example.org:8010/"), "ci.example.org"),
        (Site(tls=Tls(), url="http://localhost:8010/"), "here.example.org"),
        (Site(), "here.example.org"),
    ],
)
def test_boards_reach_the_master_under_the_best_name_that_is_known(monkeypatch, site: Site, address: str) -> None:
    monkeypatch.setattr("socket.getfqdn", lambda: "here.example.org")
    assert certificate.address(site) == address


def test_a_certificate_that_is_none_is_named(files) -> None:
    files[0].write_text("nothing")
    assert certificate.wrong_with(*files) == f"{files[0]} holds no certificate (PEM)"


def test_a_key_that_is_none_is_named(files) -> None:
    files[1].write_text("nothing")
    assert certificate.wrong_with(*files) == f"{files[1]} holds no private key (PEM, without a password)"


def test_a_key_of_another_certificate_is_named(files, tmp_path) -> None:
    certificate.make("b", tmp_path / "b.pem", tmp_path / "b.key")
    assert certificate.wrong_with(files[0], tmp_path / "b.key") == (
        f"{tmp_path / 'b.key'} is not the private key of {files[0]}"
    )


def test_a_certificate_of_the_past_is_named_with_its_day(tmp_path, monkeypatch) -> None:
    class Past(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) - timedelta(days=4000)

    files = tmp_path / "old.pem", tmp_path / "old.key"
    monkeypatch.setattr(certificate, "datetime", Past)
    certificate.make("a", *files)
    monkeypatch.undo()
    day = datetime.now(UTC) - timedelta(days=4000 + 1 - 3650)
    assert certificate.wrong_with(*files) == f"{files[0]} is no longer valid, since {day:%Y-%m-%d}"


def test_a_start_refuses_it_and_names_the_key(files, tmp_path) -> None:
    config = load(tmp_path)
    site = replace(config.site, tls=Tls(certificate=str(files[0]), private_key=str(files[1])))
    instance = Instance(replace(config, site=site))
    assert instance.make_certificate() == []
    files[1].write_text("nothing")
    with pytest.raises(CommandError) as refusal:
        instance.make_certificate()
    assert str(refusal.value) == (
        f"{files[1]} holds no private key (PEM, without a password) (`tls` in {tmp_path}/site.yaml)"
    )


def test_what_arm_ci_made_is_made_once(tmp_path) -> None:
    config = load(tmp_path)
    site = replace(config.site, tls=Tls(name="ci.example.org"), secrets=str(tmp_path / "secrets"))
    instance = Instance(replace(config, site=site))
    assert instance.make_certificate() == [f"certificate for boards: {tmp_path}/secrets/tls-certificate.pem"]
    assert instance.make_certificate() == []
