"""Fallbacks come as a JSON text; one that holds none is told by what was expected where."""

from __future__ import annotations

import json
from typing import Any

import pytest

from arm_ci.agent.fallback.fallbacks_file import Fallback, FallbackError, fallbacks_of_text


def text(*fallbacks: Any, schema: Any = 2) -> str:
    return json.dumps({"schema": schema, "fallbacks": list(fallbacks)})


def test_fallbacks_come_as_a_json_text() -> None:
    found = fallbacks_of_text(text({"name": "less", "edges": ["src/*"], "always": True, "add": ["-g0"]}))
    assert found == (Fallback("less", edges=("src/*",), always=True, add=("-g0",)),)


def test_fallbacks_of_version_1_are_read_as_todays() -> None:
    """As arm_ci wrote them when it called them reliefs."""
    old = """{"schema": 1, "reliefs": [
      {"name": "link-trial", "edges": ["src/app"], "kinds": ["link"], "always": false, "programs": [], "remove": [],
       "linker": ["-fuse-ld=lld"], "linker_program": "ld.lld", "by_directory": false, "add": ["-Wl,-S"]}
    ]}"""
    linker = ("-fuse-ld=lld",)
    assert fallbacks_of_text(old) == (
        Fallback("link-trial", ("src/app",), ("link",), linker=linker, linker_program="ld.lld", add=("-Wl,-S",)),
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("{", "not JSON: "),
        ("[]", "no fallbacks: an object with a number `schema` was expected"),
        (text(schema=3), "schema 3 is newer than 2, which this arm_ci reads"),
        ('{"schema": 1, "fallbacks": {}}', "fallbacks: a list was expected"),
        (text(1), "fallbacks[0]: an object was expected"),
        (text({}), "fallbacks[0].name: is missing"),
        (text({"name": "a", "when": "now"}), "fallbacks[0].when: is not known"),
        (text({"name": "a", "add": "-g0"}), "fallbacks[0].add: a list was expected"),
        (text({"name": "a", "always": 1}), "fallbacks[0].always: true or false was expected"),
        (text({"name": "a", "add": ["-g0", 1]}), "fallbacks[0].add[1]: a text was expected"),
        (text({"name": 1}), "fallbacks[0].name: a text was expected"),
        (text({"name": "a", "programs": ["clang"]}), "fallbacks[0].programs: a C and a C++ compiler were expected"),
    ],
)
def test_what_is_no_fallback_is_said(said: str, expected: str) -> None:
    with pytest.raises(FallbackError) as raised:
        fallbacks_of_text(said)
    assert str(raised.value).startswith(expected)
