"""What YAML itself has against a file: each edit of a good configuration gets exactly these lines."""

from pathlib import Path

import pytest
from small_configuration import B, Edit, P, S, W, said_after

CASES: list[tuple[str, list[Edit], list[str]]] = [
    (
        "a tab indents a line",
        [(B, "  cores: 4", "\tcores: 4")],
        ["boards.yaml:3:1: a tab indents this line; YAML allows spaces only"],
    ),
    (
        "a bracket is never closed",
        [(P, "[main]", "[main")],
        [("projects.yaml:4:8: not YAML: while parsing a flow sequence, did not find expected ',' or ']'")],
    ),
    (
        "a key comes twice",
        [(B, "  cores: 4", "  cores: 4\n  cores: 2")],
        ["boards.yaml:4:3: key `cores` is here twice, first in line 3"],
    ),
    (
        "a board comes twice",
        [(B, "here:", "rpi4: {}\nhere:")],
        ["boards.yaml:7:1: key `rpi4` is here twice, first in line 1"],
    ),
    (
        "a key is a number",
        [(W, "here-1:", "64: {board: here}\nhere-1:")],
        ['workers.yaml:3:1: YAML does not read the key `64` as text; quote it: `"64"`'],
    ),
    (
        "a key is a list",
        [(W, "here-1:", "[a]: {board: here}\nhere-1:")],
        ["workers.yaml:3:1: a list cannot be a key; a key is text"],
    ),
    (
        "a second document starts",
        [(W, "here-1:", "---\nhere-1:")],
        ["workers.yaml:3:1: a second document starts here; a configuration file holds one"],
    ),
    (
        "an alias has no anchor",
        [(B, "3792M", "*size")],
        ["boards.yaml:4:11: alias `*size` has no anchor `&size` before it"],
    ),
    (
        "an alias stands inside its own anchor",
        [(P, "boards: [rpi4, here]", "boards: &all [rpi4, *all]")],
        ["projects.yaml:8:25: alias `*all` stands inside its own anchor"],
    ),
    (
        "a tag stands before a value",
        [(B, "3792M", "!!str 3792M")],
        [("boards.yaml:4:11: a YAML tag (`!`) stands here; there are none in a configuration, use quotes for text")],
    ),
    (
        "a merge of something that is no mapping",
        [(W, "  board: rpi4", "  <<: [rpi4]\n  board: rpi4")],
        ["workers.yaml:2:8: `<<` merges mappings, and this is none"],
    ),
    (
        "an escape makes an invisible character",
        [(S, "title: test", 'title: "a\\0b"')],
        ["site.yaml:1:8: character U+0000 is not allowed in a configuration"],
    ),
]


@pytest.mark.parametrize(("edits", "lines"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_mistake_in_yaml_is_said_in_these_words_at_its_place(
    tmp_path: Path, edits: list[Edit], lines: list[str]
) -> None:
    assert said_after(tmp_path / "config", edits) == lines
