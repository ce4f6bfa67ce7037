"""Workers of other machines connect with TLS to a master that they know, and to no other."""

import json
import ssl
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from connecting import ConnectingWorker
from running import WORKERS, Site, free_port
from tls import BoardWorker
from waiting import wait_for

from arm_ci.cli import certificate

pytestmark = pytest.mark.integration

MACHINES = f"{WORKERS}board-1: {{board: x86_64}}\nboard-2: {{board: x86_64}}\n"


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Site]:
    made = Site.make(tmp_path_factory.mktemp("tls"), workers=MACHINES)
    file = made.config / "site.yaml"
    file.write_text(f"{file.read_text()}tls: {{port: {port}, host: 127.0.0.1, name: ci.example.org}}\n")
    started = made.arm_ci("start")
    assert started.returncode == 0, started.stderr
    assert f"made: certificate for boards: {made.state}/secrets/tls-certificate.pem\n" in started.stdout
    yield made
    made.arm_ci("stop")


def password(site: Site, name: str) -> str:
    return (site.state / "secrets" / f"worker-{name}").read_text().strip()


def trusted(site: Site) -> Path:
    return site.state / "secrets" / "tls-certificate.pem"


@pytest.fixture
def workers() -> Iterator[list[BoardWorker]]:
    made: list[BoardWorker] = []
    yield made
    for each in made:
        each.stop()


def connected(site: Site, name: str) -> bool:
    (worker,) = site.get(f"workers?name={urllib.parse.quote(name)}")["workers"]
    return bool(worker["connected_to"])


def listed(site: Site) -> dict[str, dict[str, object]]:
    return {row["name"]: row for row in json.loads(site.arm_ci("worker", "list", "--json").stdout)}


def test_a_worker_that_has_the_certificate_connects(site, port, workers, tmp_path) -> None:
    worker = BoardWorker.make(tmp_path / "board", port, "board-1", password(site, "board-1"), trusted(site))
    workers.append(worker)
    worker.start()
    wait_for(lambda: connected(site, "board-1"))
    wait_for(lambda: "Connected to buildmaster; worker is ready" in worker.said())
    assert "is silent" not in worker.said()
    assert listed(site)["board-1"]["state"] == "connected"
    worker.stop()
    wait_for(lambda: not connected(site, "board-1"))
    wait_for(lambda: listed(site)["board-1"]["last_seen"] is not None)
    assert listed(site)["board-1"]["state"] == "away"


def test_a_worker_that_trusts_another_certificate_says_so_and_shows_no_password(site, port, workers, tmp_path) -> None:
    other = tmp_path / "other.pem"
    certificate.make("ci.example.org", other, tmp_path / "other.key")
    worker = BoardWorker.make(tmp_path / "board", port, "board-2", password(site, "board-2"), other)
    workers.append(worker)
    worker.start()
    wait_for(lambda: "is not trusted" in worker.said())
    assert (
        f"the master at 127.0.0.1:{port} is not trusted, and was told nothing: its certificate is neither "
        f"{worker.directory}/trusted/master.pem nor signed by that one"
    ) in worker.said()
    assert not connected(site, "board-2")


def test_a_worker_without_tls_is_not_let_in_there_and_wonders(site, port, workers, tmp_path) -> None:
    worker = BoardWorker.make(tmp_path / "board", port, "board-2", password(site, "board-2"), None, silence_seconds=1)
    workers.append(worker)
    worker.start()
    wait_for(lambda: f"the master at 127.0.0.1:{port} is silent: does it expect TLS?" in worker.said())
    assert "Connected to buildmaster" not in worker.said()


def test_a_worker_that_expects_tls_where_there_is_none_names_the_key(site, workers, tmp_path) -> None:
    plain = site.worker_port
    worker = BoardWorker.make(tmp_path / "board", plain, "board-2", password(site, "board-2"), trusted(site))
    workers.append(worker)
    worker.start()
    wait_for(lambda: "TLS with" in worker.said())
    assert f"TLS with the master at 127.0.0.1:{plain} failed: " in worker.said()
    assert "; is that the port of `tls` in its site.yaml?" in worker.said()


def test_a_wrong_password_is_refused_as_elsewhere(site, port, workers, tmp_path) -> None:
    worker = BoardWorker.make(tmp_path / "board", port, "board-2", "wrong", trusted(site))
    workers.append(worker)
    worker.start()
    wait_for(lambda: "unauthorized login; check worker name and password" in worker.said())
    assert not connected(site, "board-2")


def test_a_master_that_is_not_there_is_named_with_the_reason(workers, tmp_path) -> None:
    nobody = free_port()
    worker = BoardWorker.make(tmp_path / "board", nobody, "board-2", "x", None)
    workers.append(worker)
    worker.start()
    wait_for(lambda: f"the master at 127.0.0.1:{nobody} does not answer: Connection was refused" in worker.said())


def test_a_worker_on_the_masters_machine_connects_without_tls_as_before(site) -> None:
    worker = ConnectingWorker.make(site, "board-2")
    worker.start()
    try:
        worker.wait_until_connected()
    finally:
        worker.kill()


def test_a_renewed_certificate_is_shown_after_arm_ci_start(site, port) -> None:
    for name in ("tls-certificate.pem", "tls-key.pem"):
        (site.state / "secrets" / name).unlink()
    before = ssl.get_server_certificate(("127.0.0.1", port))
    assert site.arm_ci("start").returncode == 0
    shown = ssl.get_server_certificate(("127.0.0.1", port))
    assert shown != before
    assert shown == trusted(site).read_text()
