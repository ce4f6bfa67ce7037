"""Fallbacks: each edit of a good configuration gets exactly these lines."""

from pathlib import Path

import pytest
from small_configuration import Edit, P, said_after

CASES: list[tuple[str, str, list[str]]] = [
    ("one of each", "{name: a, linker: lld, add: [-O0]}, {name: b, match: {compiler: gcc}, compiler: clang}", []),
    (
        "a name is there twice",
        "{name: a, add: [-O0]}, {name: a, add: [-O1]}",
        ["4:44: fallback[1].name: fallback `a` is here twice; rename one"],
    ),
    (
        "nothing changes",
        "{name: a, when: always}",
        [
            "4:14: fallback[0]: changes nothing; name a `linker`, a `compiler`, `debug_info`, or options to "
            "`add` or `remove`"
        ],
    ),
    (
        "names that nobody has",
        "{name: a, linker: llld, compiler: clnag}",
        [
            "4:32: fallback[0].linker: unknown linker `llld`; did you mean `lld`?",
            "4:48: fallback[0].compiler: unknown compiler `clnag`; did you mean `clang`?",
        ],
    ),
    (
        "no edge",
        "{name: a, edges: [/src/a.o], kinds: [], add: [-O0]}",
        [
            "4:32: fallback[0].edges[0]: found `/src/a.o`, expected a shell pattern of outputs inside the build tree "
            "such as `src/*.o`",
            "4:43: fallback[0].kinds: the list is empty; leave the key out for both",
        ],
    ),
    (
        "what a link has is for no compile",
        "{name: a, kinds: [compile], linker: lld, add: ['-Wl,-S']}",
        [
            "4:50: fallback[0].linker: a linker is for links, and `kinds` leaves them out",
            "4:61: fallback[0].add[0]: `-Wl,-S` is for links, and `kinds` leaves them out",
        ],
    ),
    (
        "what a compile has is for no link",
        "{name: a, kinds: [link], debug_info: line-tables}",
        ["4:51: fallback[0].debug_info: line tables are made by compiles, and `kinds` leaves them out"],
    ),
    (
        "no options",
        "{name: a, add: [Os, '--param x=1', -S], remove: [-c, -MD, -ofile]}",
        [
            "4:30: fallback[0].add[0]: found `Os`, expected one option that begins with `-`, its value in the same "
            "word as in `--param=ggc-min-expand=10`",
            "4:34: fallback[0].add[1]: found `--param x=1`, expected one option that begins with `-`, its value in the "
            "same word as in `--param=ggc-min-expand=10`",
            "4:49: fallback[0].add[2]: `-S` is the linker's; write `-Wl,-S`",
            "4:63: fallback[0].remove[0]: `-c` decides what the edge makes, not how",
            "4:67: fallback[0].remove[1]: `-MD` decides what the edge makes, not how",
            "4:72: fallback[0].remove[2]: `-ofile` decides what the edge makes, not how",
        ],
    ),
    (
        "variants that there are not",
        "{name: a, match: {compiler: gcc-8}, add: [-O0]}",
        [
            "4:42: fallback[0].match.compiler[0]: no variant of the project has compiler `gcc-8`; take it out or "
            "correct it"
        ],
    ),
    (
        "a linker that the compiler cannot drive",
        "{name: a, linker: odd}",
        [
            "4:32: fallback[0].linker: compiler `gcc` cannot drive linker `odd` (only clang can): 6 variants; choose "
            "others with `match`, or take it out",
            "4:32: fallback[0].linker: linker `odd` links for arm64, and board `here` is amd64: 8 variants; choose "
            "others with `match`, or take it out",
        ],
    ),
    (
        "a compiler that cannot drive the variant's linker",
        "{name: a, compiler: gcc-8}",
        [
            "4:34: fallback[0].compiler: compiler `gcc-8` cannot drive linker `lld` (needs gcc >=9, has 8): 6 "
            "variants; choose others with `match`, or take it out"
        ],
    ),
    (
        "a compiler for another board",
        "{name: a, kinds: [compile], match: {board: here}, compiler: to-rpi4}",
        [
            "4:74: fallback[0].compiler: compiler `to-rpi4` builds for board `rpi4`, the variant's for `here`: 8 "
            "variants; choose others with `match`, or take it out"
        ],
    ),
]


def with_fallbacks(text: str, more: str = "") -> list[Edit]:
    return [(P, "  cmake:\n", f"  fallback: [{text}]\n{more}  cmake:\n")]


@pytest.mark.parametrize(("fallbacks", "lines"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_mistake_in_a_fallback_gets_exactly_these_lines(fallbacks: str, lines: list[str], tmp_path: Path) -> None:
    said = said_after(tmp_path / "config", with_fallbacks(fallbacks))
    expected = []
    for line in lines:
        place, key, message = line.split(": ", 2)
        expected.append(f"projects.yaml:{place}: project `app`, `{key}`: {message}")
    assert said == expected


def test_what_is_too_large_nobody_finds_out_without_admission(tmp_path: Path) -> None:
    said = said_after(tmp_path / "config", with_fallbacks("{name: a, add: [-O0]}", "  admission: false\n"))
    assert said == [
        "projects.yaml:4:14: project `app`, `fallback[0]`: is for edges that do not fit, and without `admission` "
        "nobody finds that out; use `when: always`"
    ]


def test_without_link_trials_there_is_nothing_to_learn_from_them(tmp_path: Path) -> None:
    said = said_after(tmp_path / "config", [(P, "  cmake:\n", "  fallback_from_trials: true\n  cmake:\n")])
    assert said == [
        "projects.yaml:4:25: project `app`, `fallback_from_trials`: nothing is tried without `link_trial: true`"
    ]
