"""QEMU's machine protocol, with the other end in our hands."""

import json
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arm_ci.guests.qmp import Lines, Qmp, QmpError


@pytest.fixture()
def pair():
    ours, theirs = socket.socketpair()
    yield Qmp(ours), theirs
    ours.close()
    theirs.close()


def test_a_command_is_a_line_with_a_number(pair) -> None:
    qmp, theirs = pair
    number = qmp.send("migrate", uri="exec:true")
    assert json.loads(theirs.recv(1000)) == {"execute": "migrate", "id": number, "arguments": {"uri": "exec:true"}}


def test_answers_and_events_come_in_any_order(pair) -> None:
    qmp, _ = pair
    first, second = qmp.send("stop"), qmp.send("query-status")
    qmp.received(b'{"QMP": {}}\n{"event": "STOP"}\n{"return": {"status": "paused"}, "id": %d}\n{"ret' % second)
    assert qmp.answer(first) is None
    assert qmp.answer(second) == {"status": "paused"}
    qmp.received(b'urn": {}, "id": %d}\n' % first)
    assert qmp.answer(first) == {}
    assert qmp.answer(first) is None
    assert [each["event"] for each in qmp.events] == ["STOP"]


def test_a_refusal_is_qemus_own_sentence(pair) -> None:
    qmp, _ = pair
    number = qmp.send("migrate")
    qmp.received(b'{"error": {"class": "GenericError", "desc": "Parameter \'uri\' is missing"}, "id": %d}\n' % number)
    with pytest.raises(QmpError, match="Parameter 'uri' is missing"):
        qmp.answer(number)


@given(st.lists(st.binary(max_size=200)))
def test_whatever_comes_is_no_error(pieces) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        qmp = Qmp(ours)
        for piece in pieces:
            qmp.received(piece)
            qmp.received(piece + b"\n")


def test_a_line_without_an_end_takes_no_memory_for_ever() -> None:
    lines = Lines()
    for _ in range(40):
        assert lines.feed(b"x" * 65536) == []
    assert lines.feed(b"\nnext\n")[-1] == b"next"
