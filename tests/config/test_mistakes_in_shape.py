"""Keys, types and scalars: each edit of a good configuration gets exactly these lines."""

from pathlib import Path

import pytest
from small_configuration import B, Edit, P, S, T, W, said_after

CASES: list[tuple[str, list[Edit], list[str]]] = [
    (
        "a key is misspelt",
        [(B, "  cores: 4", "  coers: 4")],
        ["boards.yaml:3:3: board `rpi4`: unknown key `coers`; did you mean `cores`?"],
    ),
    (
        "a key is none at all",
        [(B, "  cores: 4", "  cores: 4\n  colour: red")],
        [
            (
                "boards.yaml:4:3: board `rpi4`: unknown key `colour`; the keys are `description`, "
                "`architecture`, `cores`, `memory`, `swap`, `os`, `triplet`, `cpu`, `jobs`, `distcc`, `guest`"
            )
        ],
    ),
    (
        "helpers are not written as they should be",
        [(B, "  cores: 4", "  cores: 4\n  distcc: [192.168.1.10, big:70000/8, 'a b/8', -x/8, big/0, fd00::1/8]")],
        [
            f"boards.yaml:4:{column}: board `rpi4`, `distcc[{index}]`: found `{text}`{why}, expected a helper such as "
            "`192.168.1.10/8` or `helper.example:3632/8`"
            for index, (column, text, why) in enumerate(
                (
                    (12, "192.168.1.10", " (it does not say how many jobs it may get)"),
                    (26, "big:70000/8", ""),
                    (39, "a b/8", ""),
                    (48, "-x/8", ""),
                    (54, "big/0", ""),
                    (61, "fd00::1/8", ""),
                )
            )
        ],
    ),
    (
        "a required key is missing",
        [(B, "  os: debian-12\n", "")],
        [
            (
                "boards.yaml:1:1: board `rpi4`: key `os` is missing: Distribution and version as in "
                "/etc/os-release, for example `debian-12`, `raspbian-12`; or `host`."
            )
        ],
    ),
    (
        "a nested required key is missing",
        [(P, "        reason: ninja is enough there\n", "")],
        [
            (
                "projects.yaml:13:9: project `app`, `matrix.exclude[0]`: key `reason` is missing: "
                "Why, in a sentence that people will read."
            )
        ],
    ),
    (
        "a board is a text",
        [(W, "here-1:\n  board: here\n  local: true", "here-1: here")],
        [
            (
                "workers.yaml:3:9: worker `here-1`: found `here`, expected a mapping with the keys "
                "`board`, `local`, `password_file`, `owner`, `builds`"
            )
        ],
    ),
    (
        "a file is a list",
        [(W, "rpi4-1:\n  board: rpi4\nhere-1:\n  board: here\n  local: true", "- board: rpi4")],
        ["workers.yaml:1:1: found a list, expected a mapping of names to entries"],
    ),
    (
        "linkers are misspelt",
        [(T, "linkers:\n", "linker:\n")],
        ["toolchains.yaml:13:1: unknown key `linker`; did you mean `linkers`?"],
    ),
    (
        "a list is a text",
        [(P, "compilers: [gcc, clang]", "compilers: gcc")],
        ["projects.yaml:9:16: project `app`, `matrix.compilers`: found `gcc`, expected a list"],
    ),
    (
        "a text is a list",
        [(S, "title: test", "title: [test]")],
        ["site.yaml:1:8: `title`: found a list, expected text"],
    ),
    (
        "a value is empty",
        [(P, "repository: https://example.org/app.git", "repository:")],
        ["projects.yaml:2:14: project `app`, `repository`: found nothing, expected text"],
    ),
    (
        "memory is written as lots",
        [(B, "3792M", "lots")],
        [
            (
                "boards.yaml:4:11: board `rpi4`, `memory`: found `lots`, expected a size such as "
                "`925M`, `12G` or `0`, or `host`"
            )
        ],
    ),
    (
        "memory has no unit",
        [(B, "3792M", "3792")],
        [
            (
                "boards.yaml:4:11: board `rpi4`, `memory`: found `3792` (it has no unit), expected a "
                "size such as `925M`, `12G` or `0`, or `host`"
            )
        ],
    ),
    (
        "memory is negative",
        [(B, "3792M", "-1G")],
        [
            (
                "boards.yaml:4:11: board `rpi4`, `memory`: found `-1G`, expected a size such as "
                "`925M`, `12G` or `0`, or `host`"
            )
        ],
    ),
    (
        "memory is nothing",
        [(B, "3792M", "0")],
        [("boards.yaml:4:11: board `rpi4`, `memory`: found `0`, expected the RAM that the system can use")],
    ),
    (
        "memory is unbelievable",
        [(B, "3792M", "99999T")],
        [
            (
                "boards.yaml:4:11: board `rpi4`, `memory`: found `99999T` (it is more than 1024T), "
                "expected a size such as `925M`, `12G` or `0`, or `host`"
            )
        ],
    ),
    (
        "cores are none",
        [(B, "cores: 4", "cores: 0")],
        [("boards.yaml:3:10: board `rpi4`, `cores`: found `0`, expected a whole number from 1 on, or `host`")],
    ),
    (
        "cores are a fraction",
        [(B, "cores: 4", "cores: 1.5")],
        [("boards.yaml:3:10: board `rpi4`, `cores`: found `1.5`, expected a whole number from 1 on, or `host`")],
    ),
    (
        "a port is too high",
        [(S, "8010", "80100")],
        ["site.yaml:3:9: `web.port`: found `80100`, expected a port from 1 to 65535"],
    ),
    (
        "a port is a text",
        [(S, "8010", "'8010'")],
        [("site.yaml:3:9: `web.port`: found `8010` in quotes, expected a port from 1 to 65535; leave the quotes out")],
    ),
    (
        "a duration has no unit",
        [(S, "title: test", "keep_logs: 90")],
        [
            (
                "site.yaml:1:12: `keep_logs`: found `90` (it has no unit), expected a duration "
                "such as `90s`, `20m`, `3h` or `1d`"
            )
        ],
    ),
    (
        "a duration is a word",
        [(S, "title: test", "keep_logs: forever")],
        [("site.yaml:1:12: `keep_logs`: found `forever`, expected a duration such as `90s`, `20m`, `3h` or `1d`")],
    ),
    (
        "a version is a number to YAML",
        [(T, "version: '8'", "version: 3.10")],
        [
            (
                "toolchains.yaml:6:14: compiler `gcc-8`, `version`: found `3.10`, which YAML reads "
                'as a number, expected a version such as `12` or `3.9.0`; quote it: `"3.10"`'
            )
        ],
    ),
    (
        "a version is a word",
        [(T, "version: '8'", "version: new")],
        [
            (
                "toolchains.yaml:6:14: compiler `gcc-8`, `version`: found `new`, expected a version "
                "such as `12` or `3.9.0`"
            )
        ],
    ),
    (
        "a text is true to YAML",
        [(P, "branches: [main]", "branches: [on]")],
        [
            (
                "projects.yaml:3:14: project `app`, `branches[0]`: found `on`, which YAML reads as "
                'true or false, expected text; quote it: `"on"`'
            )
        ],
    ),
    (
        "a truth is written as yes",
        [(W, "local: true", "local: yes")],
        ["workers.yaml:5:10: worker `here-1`, `local`: found `yes`, expected `true` or `false`"],
    ),
    (
        "a version range is no range",
        [(T, "'>=9'", "'9 or newer'")],
        [
            (
                "toolchains.yaml:21:22: linker `lld`, `compilers.gcc`: found `9 or newer` (`9 or "
                "newer` is not a comparison), expected comparisons such as `>=1.0.0, <1.5.0`"
            )
        ],
    ),
    (
        "a version range holds no version",
        [(T, "'>=9'", "'>=9, <8'")],
        [
            (
                "toolchains.yaml:21:22: linker `lld`, `compilers.gcc`: found `>=9, <8` (no version "
                "is in it), expected comparisons such as `>=1.0.0, <1.5.0`"
            )
        ],
    ),
    (
        "a compiler family is unknown to a linker",
        [(T, "{gcc: '>=9', clang: ''}", "{gc: '>=9', clang: ''}")],
        [
            (
                "toolchains.yaml:21:17: linker `lld`, `compilers`: unknown key `gc`, expected `gcc` "
                "or `clang`; did you mean `gcc`?"
            )
        ],
    ),
    (
        "a pattern does not compile",
        [(P, "  cmake:\n", "  version: {file: configure.ac, pattern: '(['}\n  cmake:\n")],
        [
            (
                "projects.yaml:4:42: project `app`, `version.pattern`: found `([` (it does not "
                "compile: unterminated character set at position 1), expected a regular expression "
                "with exactly one group"
            )
        ],
    ),
    (
        "a pattern has no group",
        [(P, "  cmake:\n", "  version: {file: configure.ac, pattern: 'x'}\n  cmake:\n")],
        [
            (
                "projects.yaml:4:42: project `app`, `version.pattern`: found `x` (it has none), "
                "expected a regular expression with exactly one group"
            )
        ],
    ),
    (
        "a pattern has two groups",
        [(P, "  cmake:\n", "  version: {file: configure.ac, pattern: '(x)(y)'}\n  cmake:\n")],
        [
            (
                "projects.yaml:4:42: project `app`, `version.pattern`: found `(x)(y)` (it has 2), "
                "expected a regular expression with exactly one group"
            )
        ],
    ),
    (
        "a name has a blank",
        [(W, "here-1:", "right here: {board: here}\nhere-1:")],
        [
            (
                "workers.yaml:3:1: worker `right here`: expected a name of letters, digits, `.`, "
                "`_`, `+`, `-`, at most 50, the first a letter or digit"
            )
        ],
    ),
    (
        "an architecture is misspelt",
        [(B, "architecture: arm64", "architecture: amr64")],
        [
            (
                "boards.yaml:2:17: board `rpi4`, `architecture`: found `amr64`, expected `armhf`, "
                "`arm64`, `amd64`, `i386` or `host`; did you mean `arm64`?"
            )
        ],
    ),
    (
        "a generator is misspelt",
        [(P, "[ninja, make]", "[ninja, maek]")],
        [
            (
                "projects.yaml:11:25: project `app`, `matrix.generators[1]`: found `maek`, expected "
                "`ninja`, `make`, `autotools`, `kati` or `meson`; did you mean `make`?"
            )
        ],
    ),
    (
        "debug info is unknown",
        [(P, "    exclude:", "    debug_info: [ful]\n    exclude:")],
        [
            (
                "projects.yaml:12:18: project `app`, `matrix.debug_info[0]`: found `ful`, expected "
                "`full`, `line-tables`, `split` or `none`; did you mean `full`?"
            )
        ],
    ),
]


@pytest.mark.parametrize(("edits", "lines"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_mistake_in_the_shape_is_said_in_these_words_at_its_place(
    tmp_path: Path, edits: list[Edit], lines: list[str]
) -> None:
    assert said_after(tmp_path / "config", edits) == lines
