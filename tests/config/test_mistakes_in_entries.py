"""Names and single entries: each edit of a good configuration gets exactly these lines."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_configuration import B, Edit, P, S, T, W, said_after

from arm_ci.agent.tools import LINKERS
from arm_ci.config.project_checks import is_inside
from arm_ci.patches import paths

*FIRST, LAST = sorted(linker.fuse_ld_program for linker in LINKERS if linker.gcc_since is not None)
FUSE_LD = f"{', '.join(FIRST)} or {LAST}"

ADDRESS_WITH_SECRET = (
    "projects.yaml:2:15: project `app`, `repository`: the address holds a password or token, which every log would "
    "show; take out what stands before the `@`, and use a key or a credential helper"
)
DATABASE_WITH_PASSWORD = (
    "site.yaml:1:11: `database`: the URL holds a password, and a configuration is no secret; leave it out and write it "
    "into the file `.pgpass` in the home of the master's user, where PostgreSQL's driver finds it"
)
EVERY_FILE = "matches every file, so no commit would ever start a build; for that, leave tier `commit` empty"
A_PATTERN = "expected a shell pattern of files inside the source tree such as `docs/*`"

CASES: list[tuple[str, list[Edit], list[str]]] = [
    (
        "a project's name is no part of an address",
        [(P, "app:", "app-1.x:")],
        [
            "projects.yaml:1:1: project `app-1.x`: the name is part of an address of the web UI, which takes letters, "
            "digits, `_` and `-` there"
        ],
    ),
    (
        "a board in the matrix is misspelt",
        [(P, "boards: [rpi4, here]", "boards: [rpi4, heer]")],
        [("projects.yaml:8:20: project `app`, `matrix.boards[1]`: unknown board `heer`; did you mean `here`?")],
    ),
    (
        "a compiler in an exclusion is unknown",
        [(P, "match: {board: rpi4,", "match: {compiler: icc,")],
        [
            (
                "projects.yaml:13:27: project `app`, `matrix.exclude[0].match.compiler[0]`: unknown "
                "compiler `icc`; did you mean `gcc`?"
            )
        ],
    ),
    (
        "a linker in a tier is misspelt",
        [(P, "linker: bfd}", "linker: bdf}")],
        [
            (
                "projects.yaml:17:33: project `app`, `matrix.tiers.commit[0].linker[0]`: unknown "
                "linker `bdf`; did you mean `bfd`?"
            )
        ],
    ),
    (
        "a linker in an include is misspelt",
        [
            (
                P,
                "    exclude:",
                (
                    "    include:\n      - {board: here, compiler: gcc, linker: ld, generator: ninja, "
                    "debug_info: none}\n    exclude:"
                ),
            )
        ],
        [("projects.yaml:13:46: project `app`, `matrix.include[0].linker`: unknown linker `ld`; did you mean `lld`?")],
    ),
    (
        "a worker is of an unknown board",
        [(W, "  board: rpi4", "  board: rpi5")],
        [("workers.yaml:2:10: worker `rpi4-1`, `board`: unknown board `rpi5`; did you mean `rpi4`?")],
    ),
    (
        "a cross compiler is for an unknown board",
        [(T, "target: rpi4", "target: rpi44")],
        [("toolchains.yaml:11:13: compiler `to-rpi4`, `target`: unknown board `rpi44`; did you mean `rpi4`?")],
    ),
    (
        "both servers have one port",
        [(S, "9989", "8010")],
        ["site.yaml:4:1: `workers`: port 8010 is that of the web UI; each needs a port of its own"],
    ),
    (
        "an address lacks http",
        [(S, "title: test", "url: example.org")],
        [("site.yaml:1:6: `url`: found `example.org`, expected an address that starts with http(s)://")],
    ),
    (
        "a database is no URL",
        [(S, "title: test", "database: state.sqlite")],
        [
            (
                "site.yaml:1:11: `database`: found `state.sqlite`, expected an SQLAlchemy URL such "
                "as `sqlite:///state.sqlite`"
            )
        ],
    ),
    (
        "an operating system has a blank",
        [(B, "os: debian-12", "os: Debian 12")],
        [
            (
                "boards.yaml:6:7: board `rpi4`, `os`: found `Debian 12`, expected a distribution and "
                "version such as `debian-12`, or `host`"
            )
        ],
    ),
    (
        "a sysroot has no target",
        [(T, "    version: '8'", "    sysroot: /sysroot")],
        [
            (
                "toolchains.yaml:6:14: compiler `gcc-8`, `sysroot`: a sysroot is for cross builds; "
                "`target` says for which board, and it is missing"
            )
        ],
    ),
    (
        "a directory on the worker is relative",
        [(T, "    version: '8'", "    directory: clang")],
        [
            (
                "toolchains.yaml:6:16: compiler `gcc-8`, `directory`: found `clang`, expected an "
                "absolute path on the worker"
            )
        ],
    ),
    (
        "a toolchain file is not there",
        [(T, "    version: '8'", "    cmake_toolchain_file: none.cmake")],
        [
            (
                "toolchains.yaml:6:27: compiler `gcc-8`, `cmake_toolchain_file`: there is no file "
                "`none.cmake` beside the site's files"
            )
        ],
    ),
    (
        "a minimum is newer than the version",
        [(T, "    version: '8'", "    version: '8'\n    minimum: '9.1'")],
        [("toolchains.yaml:7:14: compiler `gcc-8`, `minimum`: found `9.1`, which is newer than the version `8`")],
    ),
    (
        "-fuse-ld= does not know the linker",
        [(T, "selection: directory", "selection: fuse-ld")],
        [
            (
                f"toolchains.yaml:23:14: linker `odd`, `program`: found `ld.odd`, expected {FUSE_LD}: "
                "-fuse-ld= knows no other; use `selection: directory`"
            )
        ],
    ),
    (
        "nothing can drive the linker",
        [(T, "compilers: {clang: ''}", "compilers: {}")],
        [("toolchains.yaml:25:5: linker `odd`, `compilers`: no compiler can drive this linker; name `gcc` or `clang`")],
    ),
    (
        "a package is an option",
        [(T, "    version: '8'", "    packages: [--force]")],
        [
            (
                "toolchains.yaml:6:16: compiler `gcc-8`, `packages[0]`: found `--force`, expected a "
                "package name such as `g++-12`"
            )
        ],
    ),
    (
        "a local worker has a password file",
        [(W, "local: true", "local: true\n  password_file: secret")],
        [
            (
                "workers.yaml:6:18: worker `here-1`, `password_file`: a local worker runs inside the "
                "master and has no password; take one key out"
            )
        ],
    ),
    (
        "a local worker is of another architecture",
        [(W, "board: here", "board: rpi4"), (W, "rpi4-1:\n  board: rpi4\n", "here-2:\n  board: here\n")],
        [
            (
                "workers.yaml:4:10: worker `here-1`, `board`: board `rpi4` is arm64, but a local "
                "worker runs on this machine, which is amd64"
            )
        ],
    ),
    (
        "a project has no source",
        [(P, "  repository: https://example.org/app.git\n", "")],
        [
            (
                "projects.yaml:1:1: project `app`: names neither a `repository` nor a `directory`; "
                "where does its source come from?"
            )
        ],
    ),
    (
        "a project has two sources",
        [(P, "  branches: [main]", "  directory: .\n  branches: [main]")],
        [
            (
                "projects.yaml:3:14: project `app`, `directory`: a project comes from a `repository` "
                "or from a `directory`, and this one names both"
            )
        ],
    ),
    (
        "a project's directory is not there",
        [(P, "repository: https://example.org/app.git", "directory: nowhere")],
        [("projects.yaml:2:14: project `app`, `directory`: there is no directory `nowhere` beside the site's files")],
    ),
    (
        "an address holds a password",
        [(P, "https://example.org", "https://me:secret@example.org")],
        [ADDRESS_WITH_SECRET],
    ),
    (
        "an address holds a token",
        [(P, "https://example.org", "HTTPS://ghp_token@example.org")],
        [ADDRESS_WITH_SECRET],
    ),
    (
        "an ssh address holds a password",
        [(P, "https://example.org", "ssh://git:secret@example.org")],
        [ADDRESS_WITH_SECRET],
    ),
    (
        "a password in an address has an @",
        [(P, "https://example.org", "https://me:sec@ret@example.org")],
        [ADDRESS_WITH_SECRET],
    ),
    (
        "the master's address holds a password",
        [(S, "title: test", "url: https://me:secret@example.org/")],
        ["site.yaml:1:6: `url`: the address holds a name or password, and everybody sees it; take it out"],
    ),
    (
        "a database's URL holds a password",
        [(S, "title: test", "database: postgresql://me:sec/ret@example.org/arm_ci")],
        [DATABASE_WITH_PASSWORD],
    ),
    (
        "a database's options hold a password",
        [(S, "title: test", "database: postgresql://me@example.org/arm_ci?sslmode=require&password=x")],
        [DATABASE_WITH_PASSWORD],
    ),
    (
        "an address is an option",
        [(P, "https://example.org/app.git", "--upload-pack=evil")],
        [
            (
                "projects.yaml:2:15: project `app`, `repository`: found `--upload-pack=evil`, "
                "expected the URL or path of a Git repository"
            )
        ],
    ),
    (
        "there is no branch",
        [(P, "[main]", "[]")],
        [
            (
                "projects.yaml:3:3: project `app`, `branches`: the list is empty; its first branch "
                "is what is built by default"
            )
        ],
    ),
    (
        "a branch is an option",
        [(P, "[main]", "['--all']")],
        [
            (
                "projects.yaml:3:14: project `app`, `branches[0]`: found `--all`, which cannot be "
                "the name of a branch or tag"
            )
        ],
    ),
    (
        "unimportant patterns cannot be meant",
        [(P, "  cmake:\n", "  unimportant: ['', '*', '**', docs/, /docs/*, ../x, ./x, '*.md', '*.md']\n  cmake:\n")],
        [
            "projects.yaml:4:17: project `app`, `unimportant[0]`: found nothing, expected a shell pattern of files "
            "such as `docs/*`",
            f"projects.yaml:4:21: project `app`, `unimportant[1]`: `*` {EVERY_FILE}",
            f"projects.yaml:4:26: project `app`, `unimportant[2]`: `**` {EVERY_FILE}",
            "projects.yaml:4:32: project `app`, `unimportant[3]`: found `docs/`, a directory; for the files in it "
            "write `docs/*`",
            f"projects.yaml:4:39: project `app`, `unimportant[4]`: found `/docs/*`, {A_PATTERN}",
            f"projects.yaml:4:48: project `app`, `unimportant[5]`: found `../x`, {A_PATTERN}",
            f"projects.yaml:4:54: project `app`, `unimportant[6]`: found `./x`, {A_PATTERN}",
            "projects.yaml:4:67: project `app`, `unimportant[8]`: `*.md` is in the list twice",
        ],
    ),
    (
        "a source directory leaves the tree",
        [(P, "  branches: [main]", "  source_directory: ../other\n  branches: [main]")],
        [
            (
                "projects.yaml:3:21: project `app`, `source_directory`: found `../other`, expected a "
                "path inside the source tree"
            )
        ],
    ),
    (
        "a source directory is not written plainly",
        [(P, "  branches: [main]", "  source_directory: src/\n  branches: [main]")],
        [
            (
                "projects.yaml:3:21: project `app`, `source_directory`: found `src/`, expected a "
                "path inside the source tree without `.`, `..` and empty parts: `src`"
            )
        ],
    ),
    (
        "a version file is not written plainly",
        [(P, "  branches: [main]", "  version: {file: ./configure.ac, pattern: '(.*)'}\n  branches: [main]")],
        [
            (
                "projects.yaml:3:19: project `app`, `version.file`: found `./configure.ac`, expected a "
                "path inside the source tree without `.`, `..` and empty parts: `configure.ac`"
            )
        ],
    ),
    (
        "an artefact and a test leave the build tree",
        [
            (P, "    tests:\n", "    artefacts: [lib//a.so, ../a.so]\n    tests:\n"),
            (P, "kind: ctest", "kind: ctest, directory: /"),
        ],
        [
            (
                "projects.yaml:5:17: project `app`, `cmake.artefacts[0]`: found `lib//a.so`, expected a "
                "path inside the build tree without `.`, `..` and empty parts: `lib/a.so`"
            ),
            (
                "projects.yaml:5:28: project `app`, `cmake.artefacts[1]`: found `../a.so`, expected a "
                "path inside the build tree"
            ),
            (
                "projects.yaml:7:46: project `app`, `cmake.tests[0].directory`: found `/`, expected a "
                "path inside the build tree"
            ),
        ],
    ),
    (
        "a gtest has no program",
        [(P, "kind: ctest", "kind: gtest")],
        [("projects.yaml:6:9: project `app`, `cmake.tests[0]`: test `unit` is a gtest and names no `program` to run")],
    ),
    (
        "a ctest has a program",
        [(P, "kind: ctest", "kind: ctest, program: unit")],
        [
            (
                "projects.yaml:6:44: project `app`, `cmake.tests[0].program`: a ctest runs what "
                "the build system knows of; `program` is for gtest"
            )
        ],
    ),
    (
        "a test comes twice",
        [
            (
                P,
                "      - {name: unit, kind: ctest}",
                (
                    "      - {name: unit, kind: ctest, versions: '<2'}\n      - {name: unit, kind: ctest, "
                    "versions: '>=1.5'}"
                ),
            )
        ],
        [
            (
                "projects.yaml:7:16: project `app`, `cmake.tests[1].name`: test `unit` is here twice "
                "for the same upstream versions; rename one, or give them `versions` that do not "
                "overlap"
            )
        ],
    ),
    (
        "an environment name has a dash",
        [(P, "  cmake:\n", "  environment: {MAKE-FLAGS: ''}\n  cmake:\n")],
        [
            (
                "projects.yaml:4:29: project `app`, `environment.MAKE-FLAGS`: found `MAKE-FLAGS`, "
                "expected the name of a variable: letters, digits and `_`"
            )
        ],
    ),
    (
        "a distribution is not one",
        [(P, "  cmake:\n", "  prerequisites: {Debian 12: [cmake]}\n  cmake:\n")],
        [
            (
                "projects.yaml:4:19: project `app`, `prerequisites.Debian 12`: found `Debian 12`, "
                "expected a distribution such as `debian-12` or just `debian`"
            )
        ],
    ),
    (
        "a prerequisite is not a package",
        [(P, "  cmake:\n", "  prerequisites: {debian: ['-y']}\n  cmake:\n")],
        [
            (
                "projects.yaml:4:28: project `app`, `prerequisites.debian[0]`: found `-y`, expected "
                "a package name such as `zlib1g-dev`"
            )
        ],
    ),
]


@pytest.mark.parametrize(("edits", "lines"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_mistake_in_entries_is_said_in_these_words_at_its_place(
    tmp_path: Path, edits: list[Edit], lines: list[str]
) -> None:
    assert said_after(tmp_path / "config", edits) == lines


@pytest.mark.parametrize("url", ["ssh://git@example.org", "git+ssh://git@example.org", "git@example.org:"])
def test_ssh_needs_a_name_in_an_address(tmp_path: Path, url: str) -> None:
    assert said_after(tmp_path / "config", [(P, "https://example.org", url)]) == []


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg2:///arm_ci",
        "postgresql+psycopg2://arm_ci@db.example.org:5432/arm_ci?sslmode=require",
        "sqlite:////srv/a:b/me@here.sqlite",
    ],
)
def test_a_database_without_a_password_is_fine(tmp_path: Path, url: str) -> None:
    assert said_after(tmp_path / "config", [(S, "title: test", f"database: {url}")]) == []


PARTS = st.sampled_from(["", ".", "..", "a", "b.c", ".git", ".arm_ci-patches", "a\\b", "\0", "..."])


@given(st.lists(PARTS, min_size=1, max_size=4).map("/".join))
def test_the_patch_engine_accepts_the_same_paths(path: str) -> None:
    assert is_inside(path) == (paths.outside(path) is None)
