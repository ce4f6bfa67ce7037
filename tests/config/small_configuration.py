"""A small configuration without mistakes, and what load() says about it after an edit."""

from pathlib import Path

from arm_ci.config import Config, ConfigError, Host, load

NOTHING_SHIPS = Path("/nothing-ships")
"""A catalogue without anything in it: what a test writes is the whole configuration."""

HOST = Host(architecture="amd64", cores=4, memory=8 * 1024**3, swap=0, os="debian-12")

GOOD = {
    "site.yaml": """\
title: test
web:
  port: 8010
workers:
  port: 9989
""",
    "boards.yaml": """\
rpi4:
  architecture: arm64
  cores: 4
  memory: 3792M
  swap: 8G
  os: debian-12
here:
  architecture: host
  cores: host
  memory: host
  swap: host
  os: host
""",
    "toolchains.yaml": """\
compilers:
  gcc:
    family: gcc
  gcc-8:
    family: gcc
    version: '8'
  clang:
    family: clang
  to-rpi4:
    family: gcc
    target: rpi4
    architectures: [amd64]
linkers:
  bfd:
    program: ld.bfd
    selection: fuse-ld
    compilers: {gcc: '', clang: ''}
  lld:
    program: ld.lld
    selection: fuse-ld
    compilers: {gcc: '>=9', clang: ''}
  odd:
    program: ld.odd
    selection: directory
    compilers: {clang: ''}
    architectures: [arm64]
""",
    "projects.yaml": """\
app:
  repository: https://example.org/app.git
  branches: [main]
  cmake:
    tests:
      - {name: unit, kind: ctest}
  matrix:
    boards: [rpi4, here]
    compilers: [gcc, clang]
    linkers: [bfd, lld]
    generators: [ninja, make]
    exclude:
      - match: {board: rpi4, generator: make}
        reason: ninja is enough there
    tiers:
      commit:
        - {board: here, linker: bfd}
""",
    "workers.yaml": """\
rpi4-1:
  board: rpi4
here-1:
  board: here
  local: true
""",
}

B, T, P, W, S = "boards.yaml", "toolchains.yaml", "projects.yaml", "workers.yaml", "site.yaml"

Edit = tuple[str, str, str]
"""A file, what stands there, what shall stand there."""


def write_files(directory: Path, edits: dict[str, list[tuple[str, str]]]) -> Path:
    """GOOD with (old, new) replacements per file; every `old` must be there, once."""
    directory.mkdir(exist_ok=True)
    for name, text in GOOD.items():
        for old, new in edits.get(name, []):
            assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {name}"
            text = text.replace(old, new)
        (directory / name).write_text(text, encoding="utf-8")
    return directory


def read(directory: Path, host: Host = HOST) -> Config:
    """What load() makes of a site that is the whole configuration."""
    return load(directory, host, NOTHING_SHIPS)


def said_by_load(directory: Path) -> list[str]:
    """What load() reports, without the directory."""
    try:
        read(directory)
    except ConfigError as error:
        return [str(problem).removeprefix(f"{directory}/") for problem in error.problems]
    return []


def said_after(directory: Path, edits: list[Edit]) -> list[str]:
    """What load() reports about GOOD after some edits."""
    by_file: dict[str, list[tuple[str, str]]] = {}
    for file, old, new in edits:
        by_file.setdefault(file, []).append((old, new))
    return said_by_load(write_files(directory, by_file))
