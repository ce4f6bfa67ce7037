"""Talking to a master that answers badly: a tiny server stands in for it."""

from __future__ import annotations

import json
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from arm_ci.cli import rest
from arm_ci.cli.options import CommandError
from arm_ci.cli.rest import Master

CUT = object()


class Stub:
    """A server whose answers a test chooses: bytes, something to send as JSON, or CUT."""

    def __init__(self) -> None:
        self.gets: list[str] = []
        self.posts: list[dict[str, Any]] = []
        self.answer_get: Callable[[str], Any] = lambda _: {}
        self.answer_login: Callable[[str], tuple[int, list[str]]] = lambda _: (
            302,
            ["S=nobody; Path=/", "S=us; Path=/"],
        )
        self.cookies: list[str | None] = []
        self.answer_post: Callable[[dict[str, Any]], Any] = lambda _: {"result": [7, {"1": 9}]}
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/auth/login":
                    status, cookies = stub.answer_login(self.headers["Authorization"])
                    self.send_response(status)
                    for cookie in cookies:
                        self.send_header("Set-Cookie", cookie)
                    self.send_header("Location", "https://ci.example.invalid/")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                stub.gets.append(self.path)
                self.answer(stub.answer_get(self.path))

            def do_POST(self) -> None:
                said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["params"]
                stub.posts.append(said)
                stub.cookies.append(self.headers["Cookie"])
                self.answer(stub.answer_post(said))

            def answer(self, value: Any) -> None:
                if value is CUT:
                    return
                data = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    monkeypatch.setattr(rest, "_PAUSE_SECONDS", 0)
    stub = Stub()
    thread = threading.Thread(target=stub.server.serve_forever, args=(0.01,))
    thread.start()
    yield stub
    stub.server.shutdown()
    thread.join()
    stub.server.server_close()


def force(stub: Stub) -> int:
    return Master(stub.url).force("force-p", "p-v", {"jobs": 2}, "a person asked")


def token_of(said: dict[str, Any]) -> str:
    return str(said["reason"]).removeprefix("a person asked ")


@pytest.mark.parametrize("answer", [b"<html>", b"7", b"[1]"])
def test_an_answer_that_is_not_json_is_said(stub, answer):
    stub.answer_get = lambda _: answer
    with pytest.raises(CommandError) as error:
        Master(stub.url).get("masters")
    assert str(error.value) == f"{stub.url}api/v2/masters did not answer with JSON: is that a Buildbot?"
    assert error.value.status == 3


def test_json_of_another_program_is_said(stub):
    stub.answer_post = lambda _: {"ok": True}
    for ask, message in (
        (lambda: Master(stub.url).builds_of(1), "buildrequests/1/builds holds something else: is that a Buildbot?"),
        (lambda: force(stub), "forceschedulers/force-p answers otherwise: is that a Buildbot?"),
    ):
        with pytest.raises(CommandError) as error:
            ask()
        assert str(error.value) == f"{stub.url}api/v2/{message}"


def test_a_forced_build_has_a_reason_that_nobody_else_has(stub):
    assert force(stub) == 9
    assert force(stub) == 9
    first, second = stub.posts
    assert first["builderNames"] == ["p-v"]
    assert first["jobs"] == 2
    assert token_of(first).startswith("[arm-ci ")
    assert token_of(first) != token_of(second)


@pytest.fixture
def login_file(tmp_path: Path) -> Path:
    file = tmp_path / "person-arm-ci"
    file.write_text("geheim\n")
    return file


def refused(stub: Stub, file: Path) -> tuple[str, int]:
    with pytest.raises(CommandError) as error:
        Master(stub.url, file).force("force-p", "p-v", {})
    assert stub.posts == []
    return str(error.value), error.value.status


def test_where_people_log_in_the_terminal_does_once_and_follows_no_redirect(stub, login_file, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    said: list[str] = []
    answer = stub.answer_login
    stub.answer_login = lambda header: (said.append(header), answer(header))[1]
    master = Master(stub.url, login_file)
    assert master.force("force-p", "p-v", {}) == 9
    assert master.force("force-p", "p-v", {}) == 9
    assert [b64decode(each.removeprefix("Basic ")) for each in said] == [b"arm-ci:geheim"]
    assert stub.cookies == ["S=us", "S=us"]


def test_where_nobody_logs_in_no_cookie_is_sent(stub):
    force(stub)
    assert stub.cookies == [None]


def test_a_login_file_that_is_not_there_is_said(stub, tmp_path):
    file = tmp_path / "none"
    assert refused(stub, file) == (f"{file} is not there to log in with: `arm-ci start` makes it", 2)


def test_a_login_file_that_cannot_be_read_is_said(stub, tmp_path):
    assert refused(stub, tmp_path) == (
        f"{tmp_path} cannot be read to log in with (Is a directory); the master's user can",
        2,
    )


@pytest.mark.parametrize("status", [200, 401, 501])
def test_a_master_that_does_not_take_the_login_is_said(stub, login_file, status):
    stub.answer_login = lambda _: (status, ["S=nobody"])
    assert refused(stub, login_file) == (
        f"the master at {stub.url} does not take the password in {login_file} (HTTP status {status}): `arm-ci start` "
        "has it read the configuration",
        3,
    )


def test_a_lost_answer_is_not_forced_again_when_the_master_took_it(stub):
    stub.answer_post = lambda _: CUT

    def buildsets(path: str) -> Any:
        if path.startswith("/api/v2/buildsets?"):
            return {"buildsets": [{"bsid": 5}]}
        assert path == "/api/v2/buildrequests?buildsetid=5"
        return {"buildrequests": [{"buildrequestid": 11}]}

    stub.answer_get = buildsets
    assert force(stub) == 11
    assert len(stub.posts) == 1
    token = token_of(stub.posts[0]).replace("[", "%5B").replace(" ", "+").replace("]", "%5D")
    assert stub.gets[0] == f"/api/v2/buildsets?reason__contains={token}"


def test_a_lost_request_is_forced_again(stub):
    answers = iter([CUT, {"result": [7, {"1": 12}]}])
    stub.answer_post = lambda _: next(answers)
    stub.answer_get = lambda _: {"buildsets": []}
    assert force(stub) == 12
    assert len(stub.posts) == 2
    assert token_of(stub.posts[0]) == token_of(stub.posts[1])


def test_a_master_that_never_answers_to_the_end_is_given_up(stub):
    stub.answer_post = lambda _: CUT
    stub.answer_get = lambda _: {"buildsets": []}
    with pytest.raises(CommandError) as error:
        force(stub)
    assert str(error.value) == f"the answer of {stub.url}api/v2/forceschedulers/force-p was cut short"
    assert (error.value.status, len(stub.posts)) == (3, 3)


def test_a_cut_answer_is_asked_for_again(stub):
    answers = iter([CUT, CUT, {"masters": [1]}])
    stub.answer_get = lambda _: next(answers)
    assert Master(stub.url).get("masters") == {"masters": [1]}


def test_a_silent_master_is_said_after_a_while(stub, monkeypatch):
    monkeypatch.setattr(rest, "_TIMEOUT_SECONDS", 0.2)
    wait = threading.Event()
    stub.answer_get = lambda _: wait.wait(10) and CUT
    with pytest.raises(CommandError) as error:
        Master(stub.url).get("masters")
    wait.set()
    assert str(error.value) == f"{stub.url}api/v2/masters did not answer within 0.2 s"


def test_results_have_names():
    assert [rest.result_name(number) for number in (None, 0, 6, 99, -1)] == [
        "running",
        "success",
        "cancelled",
        "99",
        "-1",
    ]
