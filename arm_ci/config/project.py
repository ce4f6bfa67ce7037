"""The checked model of projects.yaml: a project, how it is built and tested, and which variants it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .keys import (
    BuildType,
    Bytes,
    DebugInfo,
    FallbackKind,
    FallbackTime,
    Generator,
    Interval,
    LessDebugInfo,
    Name,
    PatchSetName,
    Pattern,
    Seconds,
    TestKind,
    TimeOfDay,
    VersionRange,
    key,
)


@dataclass(frozen=True)
class UpstreamVersion:
    """How to read the upstream version from a source tree."""

    file: str = key("File in the source tree, for example `configure.ac`.")
    pattern: Pattern = key("Regular expression with one group, the version.")


@dataclass(frozen=True)
class Test:
    """A test program of the project."""

    name: Name = key("Name shown to people.")
    kind: TestKind = key("`gtest`: one program; the others: what the build system's own test tool knows of.")
    target: str = key("Build target that makes it; empty: part of the ordinary targets.", "")
    program: str = key("gtest: the program, relative to the build tree.", "")
    directory: str = key("Directory to run in, relative to the build tree.", ".")
    arguments: tuple[str, ...] = key("More arguments, for example `--gtest_filter=-Slow*`.", ())
    versions: VersionRange = key("Upstream versions that have it; empty: every version.", "")
    timeout: Seconds = key("Longest silence before it is stopped.", 3600)


@dataclass(frozen=True)
class BuildSystem:
    """How a build system builds the project: options, targets, tests, artefacts."""

    prepare: tuple[tuple[str, ...], ...] = key(
        "Commands run in the source tree before configuring, each a list of words.", ()
    )
    options: tuple[str, ...] = key("Options for the command that configures.", ())
    targets: tuple[str, ...] = key("Targets built unless a build asks for others.", ("all",))
    tests: tuple[Test, ...] = key("Test programs.", ())
    artefacts: tuple[str, ...] = key("Files kept from the build tree; shell patterns.", ())


@dataclass(frozen=True)
class Selector:
    """Chooses variants: each axis that is given must match one of its values."""

    board: tuple[str, ...] = key("Boards.", ())
    compiler: tuple[str, ...] = key("Compilers.", ())
    linker: tuple[str, ...] = key("Linkers.", ())
    generator: tuple[Generator, ...] = key("Generators.", ())
    debug_info: tuple[DebugInfo, ...] = key("Debug info.", ())


@dataclass(frozen=True)
class Combination:
    """One variant beyond the product of the axes."""

    board: str = key("Board.")
    compiler: str = key("Compiler.")
    linker: str = key("Linker.")
    generator: Generator = key("Generator.")
    debug_info: DebugInfo = key("Debug info.")


@dataclass(frozen=True)
class Fallback:
    """One way to build edges differently when they do not fit."""

    name: Name = key("Name shown to people.")
    edges: tuple[str, ...] = key(
        "Shell patterns of outputs relative to the build tree, for example `src/*.o` (`*` matches `/` too); empty: "
        "every edge.",
        (),
    )
    kinds: tuple[FallbackKind, ...] = key("Which edges: compiles, links.", ("compile", "link"))
    when: FallbackTime = key(
        "`too-large`: when the edge does not fit alone, as it is or with the fallbacks before this one; `always`: from "
        "its first try.",
        "too-large",
    )
    match: Selector = key("For which variants; empty: all.", factory=Selector)
    linker: str = key("Linker that links take instead.", "")
    compiler: str = key("Compiler that takes the place of the variant's; it builds for the same board.", "")
    debug_info: LessDebugInfo | None = key("Less debug info; `none` leaves it out of programs, too.", None)
    add: tuple[str, ...] = key(
        "Options for the compiler that are added; those for a linker (`-Wl,`) to links only.", ()
    )
    remove: tuple[str, ...] = key("Options for the compiler that are left out.", ())


@dataclass(frozen=True)
class Exclusion:
    """Variants left out, and why."""

    match: Selector = key("Which variants.")
    reason: str = key("Why, in a sentence that people will read.")


@dataclass(frozen=True)
class Tiers:
    """When a variant builds: at every commit, every night; all others when a person asks (`force`)."""

    commit: tuple[Selector, ...] = key("Variants built at every commit.", ())
    nightly: tuple[Selector, ...] = key("Variants built every night.", ())


@dataclass(frozen=True)
class Matrix:
    """Which variants a project has: the product of the axes, plus include, minus exclude."""

    boards: tuple[str, ...] = key("Boards.")
    compilers: tuple[str, ...] = key("Compilers.")
    linkers: tuple[str, ...] = key("Linkers.")
    generators: tuple[Generator, ...] = key("Generators.")
    debug_info: tuple[DebugInfo, ...] = key("Debug info.", ("full",))
    include: tuple[Combination, ...] = key("Variants beyond the product.", ())
    exclude: tuple[Exclusion, ...] = key("Variants of the product that are left out.", ())
    tiers: Tiers = key("When variants build.", factory=Tiers)
    distcc: tuple[Selector, ...] = key("Variants whose compiles go to the helpers of their board.", ())


@dataclass(frozen=True, kw_only=True)
class Project:
    """An upstream repository and how it is built."""

    name: Name
    description: str = key("One line for people.", "")
    repository: str = key("URL or path of the Git repository.", "")
    directory: str = key(
        "Instead of `repository`: a plain directory, relative to the site directory, of which a Git repository is "
        "made in the state directory when the master starts.",
        "",
    )
    branches: tuple[str, ...] = key("Branches that are built; the first is the default.")
    tags: tuple[str, ...] = key("Tags offered to people who force a build.", ())
    poll: Interval = key(
        "How often the repository is asked for new commits on `branches`, or `never`. A `directory` is not asked.", 300
    )
    unimportant: tuple[str, ...] = key(
        "Shell patterns of files that no build depends on, for example `docs/*` (`*` matches `/` too); a commit that "
        "changes nothing else starts no build.",
        (),
    )
    nightly: TimeOfDay = key("When the variants of tier `nightly` are built, by the master's clock.", "02:00")
    nightly_unchanged: bool = key("Build them also on nights when no commit came since the last time.", False)
    source_directory: str = key("Directory in the checkout with the top CMakeLists.txt or configure.", ".")
    version: UpstreamVersion | None = key("How to read the upstream version from the source tree.", None)
    build_type: BuildType = key("CMake's build type.", "Debug")
    patch_set: PatchSetName = key(
        "Patch set, a directory in the site's `patches` or in the catalogue's; empty: the one of the project's name, "
        "where there is one; `none`: no patches.",
        "",
    )
    cmake: BuildSystem | None = key("How CMake builds it (generators ninja, make, kati).", None)
    autotools: BuildSystem | None = key("How configure and make build it (generator autotools).", None)
    meson: BuildSystem | None = key("How Meson and ninja build it (generator meson).", None)
    prerequisites: Mapping[str, tuple[str, ...]] = key(
        "Packages per distribution: a key is `debian-12` or just `debian`; both lists count.", factory=dict
    )
    install_prerequisites: bool = key(
        "Install missing packages when the worker's user may (root, or sudo without a password).", False
    )
    disk: Bytes = key("Free disk that a build needs.", 0)
    memory: Bytes = key("RAM and swap together that a build needs at least.", 0)
    timeout: Seconds = key("Longest silence of a command before it is stopped.", 6 * 3600)
    environment: Mapping[str, str] = key("Environment variables for every command.", factory=dict)
    link_trial: bool = key(
        "When memory ends a link, repeat it on the worker with every linker and memory option, and show what fits.",
        False,
    )
    admission: bool = key(
        "Start edges only as memory allows, from what earlier builds have shown, and run again alone what memory "
        "killed; `false`: the board's number of edges at once, whatever they need.",
        True,
    )
    fallback: tuple[Fallback, ...] = key(
        "How edges may be built differently when they do not fit, in the order of trial.", ()
    )
    fallback_from_trials: bool = key(
        "What a link trial found to fit is used for that link in the next builds of the variant, after `fallback`.",
        False,
    )
    matrix: Matrix = key("Which variants the project has.")
