"""Whatever stands in the files, load() returns a Config or raises ConfigError."""

import string
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_configuration import GOOD, read

from arm_ci.config import Config, ConfigError, Variant, variants

WORDS = st.sampled_from(
    [
        "rpi4",
        "here",
        "gcc",
        "lld",
        "ninja",
        "full",
        "host",
        "925M",
        "0",
        "-1",
        "1.5",
        "yes",
        "~",
        "'",
        '"',
        "{",
        "[",
        "&a",
        "*a",
        "<<",
        "|",
        ">",
        "#",
        "%YAML",
        "---",
        "...",
        "- ",
        ": ",
        "? ",
        "!!int 3",
        '"\t"',
        "\n    matrix:",
        "boards:",
        "cmake:",
        "tests:",
        "exclude:",
        "version:",
        ">=1",
        "(",
        "../x",
        "/x",
        "2024-01-01",
        "\x07",
        "\t",
        "☃",
    ]
)


def loads_or_complains(files: dict[str, bytes]) -> None:
    with TemporaryDirectory() as name:
        directory = Path(name)
        for file, data in files.items():
            (directory / file).write_bytes(data)
        try:
            config = read(directory)
        except ConfigError as error:
            assert error.problems
            for problem in error.problems:
                assert problem.line >= 1
                assert problem.column >= 1
                assert problem.message.isprintable()
        else:
            assert isinstance(config, Config)
            assert all(isinstance(variant, Variant) for variant in variants(config))


@pytest.mark.parametrize("file", list(GOOD))
@given(data=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_in_a_file_are_read_or_complained_about(file: str, data: bytes) -> None:
    good = {name: text.encode() for name, text in GOOD.items()}
    loads_or_complains(good | {file: data})


@given(data=st.data())
def test_any_edit_of_a_good_file_is_read_or_complained_about(data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(list(GOOD)))
    text = GOOD[file]
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 30)))
        text = text[:start] + data.draw(WORDS | st.text(string.printable, max_size=5)) + text[end:]
    loads_or_complains({name: other.encode() for name, other in GOOD.items()} | {file: text.encode()})


LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | WORDS.map(repr)
KEYS = st.sampled_from(
    [
        "name",
        "memory",
        "cores",
        "os",
        "family",
        "compilers",
        "linkers",
        "matrix",
        "boards",
        "generators",
        "exclude",
        "match",
        "reason",
        "tiers",
        "commit",
        "cmake",
        "tests",
        "kind",
        "program",
        "version",
        "pattern",
        "file",
        "branches",
        "repository",
        "directory",
        "board",
        "local",
        "web",
        "port",
        "host",
    ]
)
TREES = st.recursive(
    LEAVES.map(str),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: "[" + ", ".join(items) + "]")
        | st.dictionaries(KEYS, inner, max_size=5).map(
            lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs.items()) + "}"
        )
    ),
    max_leaves=25,
)


@pytest.mark.parametrize("file", list(GOOD))
@given(tree=TREES)
def test_any_structure_in_a_file_is_read_or_complained_about(file: str, tree: str) -> None:
    good = {name: text.encode() for name, text in GOOD.items()}
    loads_or_complains(good | {file: tree.encode()})
    loads_or_complains(good | {file: f"entry: {tree}\n".encode()})
