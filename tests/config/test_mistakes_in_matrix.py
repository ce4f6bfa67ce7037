"""The matrix and what comes out of it: each edit of a good configuration gets exactly these lines."""

from pathlib import Path

import pytest
from small_configuration import B, Edit, P, T, W, said_after

MANY = ", ".join(f"b{number}" for number in range(1300))
MANY_BOARDS = "".join(
    f"b{number}: {{architecture: arm64, cores: 1, memory: 1G, os: debian-12}}\n" for number in range(1300)
)

SMALL = """\
  directory: .
  branches: [main]
  cmake: {{}}
  matrix: {{boards: [{}], compilers: [gcc], linkers: [bfd], generators: [ninja]}}
"""
CASES: list[tuple[str, list[Edit], list[str]]] = [
    (
        "an axis is empty",
        [(P, "linkers: [bfd, lld]", "linkers: []")],
        [
            (
                "projects.yaml:10:5: project `app`, `matrix.linkers`: the list is empty, so the "
                "project would have no variant"
            )
        ],
    ),
    (
        "a value is twice in an axis",
        [(P, "[ninja, make]", "[ninja, make, ninja]")],
        [("projects.yaml:11:31: project `app`, `matrix.generators[2]`: `ninja` is in the list twice")],
    ),
    (
        "an exclusion has an empty reason",
        [(P, "reason: ninja is enough there", "reason: ' '")],
        [
            (
                "projects.yaml:14:17: project `app`, `matrix.exclude[0].reason`: the reason is "
                "empty; write why, for whoever misses these variants"
            )
        ],
    ),
    (
        "an exclusion matches everything",
        [(P, "{board: rpi4, generator: make}", "{}")],
        [
            (
                "projects.yaml:13:9: project `app`, `matrix.exclude[0].match`: matches every "
                "variant; name at least one axis"
            )
        ],
    ),
    (
        "an exclusion matches nothing",
        [(P, "{board: rpi4, generator: make}", "{board: rpi4, generator: autotools}")],
        [
            (
                "projects.yaml:13:41: project `app`, `matrix.exclude[0].match.generator[0]`: no "
                "combination of the axes has generator `autotools`; take it out or correct it"
            )
        ],
    ),
    (
        "a tier matches nothing",
        [(P, "{board: here, linker: bfd}", "{board: rpi4, generator: make}")],
        [
            (
                "projects.yaml:17:11: project `app`, `matrix.tiers.commit[0]`: matches no variant of "
                "the project; take it out or correct it"
            )
        ],
    ),
    (
        "a tier names a board of no variant",
        [(P, "{board: here, linker: bfd}", "{compiler: gcc-8}")],
        [
            (
                "projects.yaml:17:22: project `app`, `matrix.tiers.commit[0].compiler[0]`: no "
                "variant of the project has compiler `gcc-8`; take it out or correct it"
            )
        ],
    ),
    (
        "compiles go to helpers of a board that has none",
        [(P, "    tiers:", "    distcc: [{compiler: gcc}]\n    tiers:")],
        [
            (
                "projects.yaml:15:14: project `app`, `matrix.distcc[0]`: board `here` has no helpers: 4 variants; "
                "name some in its `distcc`, or choose other boards here"
            ),
            (
                "projects.yaml:15:14: project `app`, `matrix.distcc[0]`: board `rpi4` has no helpers: 2 variants; "
                "name some in its `distcc`, or choose other boards here"
            ),
        ],
    ),
    (
        "compiles go to helpers with a compiler from a directory",
        [
            (B, "  memory: 3792M", "  memory: 3792M\n  distcc: [big/8]"),
            (T, "  clang:\n    family: clang", "  clang:\n    family: clang\n    directory: /opt/clang"),
            (P, "    tiers:", "    distcc: [{board: rpi4}]\n    tiers:"),
        ],
        [
            (
                "projects.yaml:15:14: project `app`, `matrix.distcc[0]`: compiler `clang` is in a directory, and "
                "helpers know compilers by name: 2 variants; choose other compilers here"
            )
        ],
    ),
    (
        "compiles go to helpers with split debug info",
        [
            (B, "  memory: 3792M", "  memory: 3792M\n  distcc: [big/8]"),
            (P, "    exclude:", "    debug_info: [full, split]\n    exclude:"),
            (P, "    tiers:", "    distcc: [{board: rpi4, compiler: gcc}]\n    tiers:"),
        ],
        [
            (
                "projects.yaml:16:14: project `app`, `matrix.distcc[0]`: debug info `split` would stay on the "
                "helpers, half of it: 2 variants; choose other debug info here"
            )
        ],
    ),
    (
        "compiles of no variant go to helpers",
        [
            (P, "    tiers:", "    distcc: [{board: rpi4, generator: make}, {compiler: gcc-8}]\n    tiers:"),
        ],
        [
            (
                "projects.yaml:15:14: project `app`, `matrix.distcc[0]`: matches no variant of the project; take it "
                "out or correct it"
            ),
            (
                "projects.yaml:15:57: project `app`, `matrix.distcc[1].compiler[0]`: no variant of the project has "
                "compiler `gcc-8`; take it out or correct it"
            ),
        ],
    ),
    (
        "an include is in the product",
        [
            (
                P,
                "    exclude:",
                (
                    "    include:\n      - {board: here, compiler: gcc, linker: lld, generator: ninja, "
                    "debug_info: full}\n    exclude:"
                ),
            )
        ],
        [
            (
                "projects.yaml:13:9: project `app`, `matrix.include[0]`: the product of the axes has "
                "this variant already; take the include out"
            )
        ],
    ),
    (
        "an include comes twice",
        [
            (
                P,
                "    exclude:",
                (
                    "    include:\n      - &one {board: here, compiler: gcc, linker: lld, generator: "
                    "ninja, debug_info: none}\n      - *one\n    exclude:"
                ),
            )
        ],
        [("projects.yaml:13:9: project `app`, `matrix.include[1]`: the same as `matrix.include[0]`; take one out")],
    ),
    (
        "everything is excluded",
        [
            (P, "{board: rpi4, generator: make}", "{board: [rpi4, here]}"),
            (P, "    tiers:\n      commit:\n        - {board: here, linker: bfd}\n", ""),
        ],
        [("projects.yaml:7:3: project `app`, `matrix`: every combination is excluded, so the project has no variant")],
    ),
    (
        "the compiler is too old for the linker",
        [(P, "compilers: [gcc, clang]", "compilers: [gcc, gcc-8]")],
        [
            (
                "projects.yaml:10:20: project `app`, `matrix.linkers[1]`: compiler `gcc-8` cannot "
                "drive linker `lld` (needs gcc >=9, has 8): 3 combinations; exclude with a reason, "
                "or take one out of the matrix"
            )
        ],
    ),
    (
        "the compiler's family cannot drive the linker",
        [
            (P, "linkers: [bfd, lld]", "linkers: [bfd, odd]"),
            (P, "boards: [rpi4, here]", "boards: [rpi4]"),
            (P, "{board: rpi4, generator: make}", "{generator: make}"),
            (P, "{board: here, linker: bfd}", "{linker: bfd}"),
        ],
        [
            (
                "projects.yaml:10:20: project `app`, `matrix.linkers[1]`: compiler `gcc` cannot "
                "drive linker `odd` (only clang can): 1 combination; exclude with a reason, or take "
                "one out of the matrix"
            )
        ],
    ),
    (
        "the linker does not link for the board",
        [
            (
                P,
                "    exclude:",
                (
                    "    include:\n      - {board: here, compiler: clang, linker: odd, generator: ninja, "
                    "debug_info: none}\n    exclude:"
                ),
            )
        ],
        [
            (
                "projects.yaml:13:48: project `app`, `matrix.include[0].linker`: linker `odd` links "
                "for arm64, and board `here` is amd64: 1 combination; take the include out"
            )
        ],
    ),
    (
        "the compiler does not run on the board",
        [
            (
                P,
                "    exclude:",
                (
                    "    include:\n      - {board: rpi4, compiler: to-rpi4, linker: bfd, generator: "
                    "ninja, debug_info: none}\n    exclude:"
                ),
            )
        ],
        [
            (
                "projects.yaml:13:33: project `app`, `matrix.include[0].compiler`: compiler "
                "`to-rpi4` runs on amd64, and board `rpi4` is arm64: 1 combination; take the include "
                "out"
            )
        ],
    ),
    (
        "a cross compiler builds for its own architecture",
        [(T, "    architectures: [amd64]\n", ""), (P, "compilers: [gcc, clang]", "compilers: [gcc, clang, to-rpi4]")],
        [
            (
                "projects.yaml:9:29: project `app`, `matrix.compilers[2]`: cross compiler `to-rpi4` "
                "builds for arm64, which board `rpi4` is itself; a native compiler does that: 2 "
                "combinations; exclude with a reason, or take one out of the matrix"
            )
        ],
    ),
    (
        "a generator has no section",
        [(P, "[ninja, make]", "[ninja, make, autotools]")],
        [
            (
                "projects.yaml:11:31: project `app`, `matrix.generators[2]`: generator `autotools` "
                "needs a section `autotools` in the project, and there is none: 8 combinations; "
                "write one or take the generator out of the matrix"
            )
        ],
    ),
    (
        "a board is too small for the project",
        [(P, "  branches: [main]", "  memory: 16G\n  branches: [main]")],
        [
            (
                "projects.yaml:9:14: project `app`, `matrix.boards[0]`: board `rpi4` has 11984M of "
                "RAM and swap, and the project needs 16384M: 4 combinations; exclude with a reason, "
                "or take the board out of the matrix"
            )
        ],
    ),
    (
        "a board has no worker",
        [(W, "rpi4-1:\n  board: rpi4\n", "")],
        [
            (
                "projects.yaml:8:14: project `app`, `matrix.boards[0]`: board `rpi4` has no worker: "
                "4 combinations; add one to workers.yaml or take the board out of the matrix"
            )
        ],
    ),
    (
        "there are too many combinations",
        [
            (P, "boards: [rpi4, here]", f"boards: [{MANY}]"),
            (B, "here:\n", MANY_BOARDS + "here:\n"),
            (P, "board: rpi4, ", ""),
            (P, "    tiers:\n      commit:\n        - {board: here, linker: bfd}\n", ""),
        ],
        [("projects.yaml:7:3: project `app`, `matrix`: the axes have 10,400 combinations; 5,000 are the most")],
    ),
    (
        "two variants have one name",
        [
            (B, "here:\n", "here-gcc:\n  architecture: amd64\n  cores: 1\n  memory: 1G\n  os: debian-12\nhere:\n"),
            (T, "  gcc-8:\n", "  gcc-gcc:\n    family: gcc\n  gcc-8:\n"),
            (P, "boards: [rpi4, here]", "boards: [rpi4, here, here-gcc]"),
            (P, "compilers: [gcc, clang]", "compilers: [gcc, gcc-gcc]"),
            (W, "here-1:", "here-2: {board: here-gcc}\nhere-1:"),
        ],
        [
            (
                "projects.yaml:7:3: project `app`, `matrix`: builder name "
                "`app-here-gcc-gcc-bfd-ninja-full` stands for two variants: board `here`, compiler "
                "`gcc-gcc` and board `here-gcc`, compiler `gcc`; rename one of them"
            )
        ],
    ),
    (
        "a builder name stands for two variants of two projects",
        [
            (P, "app:", f"app-here:\n{SMALL.format('rpi4')}app:"),
            (P, "boards: [rpi4, here]", "boards: [rpi4, here, here-rpi4]"),
            (B, "here:", "here-rpi4: {architecture: arm64, cores: 1, memory: 1G, os: debian-12}\nhere:"),
            (W, "here-1:", "here-2: {board: here-rpi4}\nhere-1:"),
        ],
        [
            "projects.yaml:12:3: project `app`, `matrix`: builder name `app-here-rpi4-gcc-bfd-ninja-full` stands for "
            "two variants: project `app-here`, board `rpi4` and project `app`, board `here-rpi4`; rename one of them"
        ],
    ),
    (
        "mistakes in three files are said at once",
        [(B, "3792M", "lots"), (T, "family: clang", "family: clnag"), (W, "  board: rpi4", "  board: rpi3")],
        [
            (
                "boards.yaml:4:11: board `rpi4`, `memory`: found `lots`, expected a size such as "
                "`925M`, `12G` or `0`, or `host`"
            ),
            (
                "toolchains.yaml:8:13: compiler `clang`, `family`: found `clnag`, expected `gcc` or "
                "`clang`; did you mean `clang`?"
            ),
            ("workers.yaml:2:10: worker `rpi4-1`, `board`: unknown board `rpi3`; did you mean `rpi4`?"),
        ],
    ),
    (
        "a broken board causes nothing else",
        [(B, "architecture: arm64", "architecture: [arm64]")],
        [
            (
                "boards.yaml:2:17: board `rpi4`, `architecture`: found a list, expected `armhf`, "
                "`arm64`, `amd64`, `i386` or `host`"
            )
        ],
    ),
    (
        "a broken matrix is not multiplied out",
        [
            (P, "boards: [rpi4, here]", "boards: [rpi44, here]"),
            (
                P,
                "{board: here, linker: bfd}",
                "{board: here, linker: bfd}\n      nightly:\n        - {compiler: gcc-8}",
            ),
        ],
        [("projects.yaml:8:14: project `app`, `matrix.boards[0]`: unknown board `rpi44`; did you mean `rpi4`?")],
    ),
]


@pytest.mark.parametrize(("edits", "lines"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_mistake_in_the_matrix_is_said_in_these_words_at_its_place(
    tmp_path: Path, edits: list[Edit], lines: list[str]
) -> None:
    assert said_after(tmp_path / "config", edits) == lines
