"""The checked model of config/*.yaml: frozen dataclasses, nothing else.

Every field that an administrator may write carries its documentation in `key(...)`; the reader, the JSON
schema and the test that compares docs/ with the model all draw on it. Reading YAML is reader.py's business,
judging how the parts fit together is checks.py's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

Architecture = Literal["armhf", "arm64", "amd64", "i386"]
BoardArchitecture = Literal["armhf", "arm64", "amd64", "i386", "host"]
CompilerFamily = Literal["gcc", "clang"]
Generator = Literal["ninja", "make", "autotools", "kati"]
DebugInfo = Literal["full", "line-tables", "split", "none"]
Tier = Literal["commit", "nightly", "force"]
BuildType = Literal["Debug", "Release", "RelWithDebInfo", "MinSizeRel"]
TestKind = Literal["ctest", "gtest"]
GuestMachine = Literal["virt", "raspi3b"]
LinkerSelection = Literal["fuse-ld", "directory"]
ReliefKind = Literal["compile", "link"]
ReliefTime = Literal["too-large", "always"]
LessDebugInfo = Literal["line-tables", "none"]

# Scalars with a meaning of their own. The text beside each type is what a mistake says was expected.
Bytes = Annotated[int, "bytes"]
"""Memory or disk, written as `925M`, `12G`, `0`; binary units: K = 1,024 bytes, M = 1,024 K, G, T."""
HostBytes = Annotated[int, "bytes-or-host"]
"""As Bytes, or `host`: read off the machine that loads the configuration."""
HostCount = Annotated[int, "count-or-host"]
"""A whole number >= 1, or `host`."""
Seconds = Annotated[int, "seconds"]
"""A duration, written as `90s`, `20m`, `3h`, `1d`."""
Interval = Annotated[int, "seconds-or-never"]
"""A duration, or `never`: 0."""
Version = Annotated[str, "version"]
"""Digits with dots, `12` or `3.9.0` (quote it when YAML would read a number)."""
VersionRange = Annotated[str, "version-range"]
"""Comparisons joined by commas, `>=1.0.0, <1.5.0`; empty means every version."""
Port = Annotated[int, "port"]
"""A TCP port, 1 to 65535."""
TimeOfDay = Annotated[str, "time-of-day"]
"""Hours and minutes of the master's clock, `02:00`."""
Pattern = Annotated[str, "pattern"]
"""A Python regular expression with exactly one group."""
Helper = Annotated[str, "helper"]
"""A machine that compiles for a board, `HOST[:PORT]/JOBS`; an IPv6 address stands in brackets."""
Name = Annotated[str, "name"]
"""Letters, digits, `.`, `_`, `+`, `-`; starts with a letter or digit."""

TERMINAL = "arm-ci"
"""The person as whom `arm-ci force` logs in where people do: whoever may read its file may start builds."""

AXES = ("project", "board", "compiler", "linker", "generator", "debug_info")


def key(doc: str, default: Any = MISSING, factory: Any = MISSING) -> Any:
    """A field that a YAML key sets: `doc` is its documentation; without a default the key is required."""
    if factory is not MISSING:
        return field(default_factory=factory, metadata={"doc": doc})
    if default is not MISSING:
        return field(default=default, metadata={"doc": doc})
    return field(metadata={"doc": doc})


@dataclass(frozen=True)
class Listen:
    """Where a server of ours listens."""

    port: Port = key("TCP port.")
    host: str = key("Address to listen on. Loopback unless you decide otherwise.", "127.0.0.1")


@dataclass(frozen=True)
class Mail:
    """Who is written to about builds that begin to fail, fail or work again."""

    sender: str = key("Address that the mail comes from.")
    recipients: tuple[str, ...] = key("Addresses that it goes to.")
    server: str = key("The mail server that takes it, without a login.", "localhost")
    port: Port = key("Its TCP port.", 25)


@dataclass(frozen=True)
class Tls:
    """Where boards connect: with TLS."""

    port: Port = key("TCP port.", 9990)
    host: str = key("Address to listen on.", "0.0.0.0")
    name: str = key(
        "Name or address under which boards reach this machine; empty: that of `url`, else what this machine calls "
        "itself.",
        "",
    )
    certificate: str = key(
        "File with the certificate (PEM; those of intermediate authorities after it), relative to the configuration; "
        "empty: `tls-certificate.pem` in the secrets directory, which `arm-ci start` makes.",
        "",
    )
    private_key: str = key(
        "File with its private key (PEM); empty: `tls-key.pem` in the secrets directory, made with the certificate.",
        "",
    )
    authority: str = key(
        "File with the certificate that boards trust, when an authority of yours signed `certificate`; empty: the "
        "certificate itself.",
        "",
    )


@dataclass(frozen=True)
class GuestLimits:
    """What guests may take of this machine, all that run at once together. One may always run if its memory fits."""

    memory: Bytes | None = key("RAM of all guests with QEMU; empty: all but 1 GB, at least half.", None)
    cores: int | None = key("Cores of all guests; empty: as many as this machine has.", None)


@dataclass(frozen=True)
class Site:
    """site.yaml: this master."""

    title: str = key("Title of the web UI.", "arm_ci")
    url: str = key("Address under which people reach the web UI; empty: http://localhost:PORT/.", "")
    web: Listen = key("The web UI and REST API.", factory=lambda: Listen(port=8010))
    workers: Listen = key(
        "Where workers on this machine connect, and `buildbot try`; without TLS.", factory=lambda: Listen(port=9989)
    )
    tls: Tls | None = key("Where boards connect, with TLS; empty: nowhere. `{}` will do.", None)
    unencrypted_workers: bool = key(
        "Let boards connect to `workers`, where everybody on the way can read and change what passes: for a network "
        "that encrypts by itself, such as WireGuard.",
        False,
    )
    database: str = key(
        "SQLAlchemy URL of Buildbot's database, without a password; a relative SQLite path is inside the state "
        "directory.",
        "sqlite:///state.sqlite",
    )
    state: str = key("State directory (database, logs, artefacts), relative to the configuration.", "../state")
    secrets: str = key(
        "Directory of secret files (`worker-NAME`, `person-NAME`, `github-webhook`), relative to the configuration; "
        "nobody but their owner may read them.",
        "../state/secrets",
    )
    patches: str = key("Directory of the patch sets, relative to the configuration.", "../patches")
    people: tuple[Name, ...] = key(
        "Who may start and stop builds: each logs in at the web UI, and uses `buildbot try`, with the password in the "
        "file `person-NAME` of the secrets directory. Empty: no login, and no `buildbot try`.",
        (),
    )
    github_webhook: bool = key(
        "Accept GitHub's webhook for pushes at `/change_hook/github`; its secret is in the file `github-webhook` of "
        "the secrets directory.",
        False,
    )
    mail: Mail | None = key("Mail about builds; empty: none is sent.", None)
    guests: GuestLimits = key("What guests may take of this machine.", factory=GuestLimits)
    worker_silence: Seconds = key(
        "A worker that does not answer for so long counts as lost, and its build is built again.", 300
    )
    keep_logs: Seconds = key("How long the logs of builds are kept; builds and results stay.", 90 * 86400)
    keep_artefacts: Seconds = key("How long artefacts are kept on the master.", 30 * 86400)

    def password_file(self, worker: Worker) -> str:
        """A worker's secret file, relative to the configuration."""
        return worker.password_file or f"{self.secrets}/worker-{worker.name}"

    def person_file(self, person: str) -> str:
        """A person's secret file, relative to the configuration."""
        return f"{self.secrets}/person-{person}"

    @property
    def certificate_file(self) -> str:
        """The certificate of `tls`, relative to the configuration."""
        return (self.tls.certificate if self.tls else "") or f"{self.secrets}/tls-certificate.pem"

    @property
    def private_key_file(self) -> str:
        """The private key of `tls`, relative to the configuration."""
        return (self.tls.private_key if self.tls else "") or f"{self.secrets}/tls-key.pem"

    @property
    def trusted_file(self) -> str:
        """The certificate that boards trust, relative to the configuration."""
        return (self.tls.authority if self.tls else "") or self.certificate_file

    @property
    def github_webhook_file(self) -> str:
        """The webhook's secret file, relative to the configuration."""
        return f"{self.secrets}/github-webhook"


@dataclass(frozen=True)
class Guest:
    """How a board's machines are started with QEMU on the master's machine, one for each build."""

    image: Name = key("Image that it starts from (`arm-ci image list`).")
    machine: GuestMachine = key(
        "QEMU's machine: `virt`, or `raspi3b`, which has four cores and 1 GB and boots for every build.", "virt"
    )
    cpu: str = key("QEMU's processor model; empty: `cortex-a53`, for armhf `cortex-a15`.", "")
    boot: Seconds = key("How long it may boot, when no snapshot can be resumed.", 300)


@dataclass(frozen=True, kw_only=True)
class Board:
    """A kind of machine that builds."""

    name: Name
    description: str = key("One line for people.", "")
    architecture: BoardArchitecture = key("Debian's name of the architecture, or `host`: that of this machine.")
    cores: HostCount = key("Processor cores.")
    memory: HostBytes = key("RAM that the system can use, for example `925M`.")
    swap: HostBytes = key("Swap, for example `12G`.", 0)
    os: str = key(
        "Distribution and version as in /etc/os-release, for example `debian-12`, `raspbian-12`; or `host`.",
    )
    triplet: str = key("GNU triplet; empty: the usual one of the architecture.", "")
    cpu: str = key("Value for -mcpu of a cross compiler that builds for this board; empty: the compiler's default.", "")
    jobs: int | None = key("How many edges run at once at most; empty: one per core.", None)
    distcc: tuple[Helper, ...] = key(
        "Machines that compile for it with distcc, each `HOST/JOBS` or `HOST:PORT/JOBS`, for example `192.168.1.10/8`; "
        "a matrix says for which variants.",
        (),
    )
    guest: Guest | None = key("Its machines are QEMU guests on the master's machine; empty: they connect.", None)


@dataclass(frozen=True)
class Compiler:
    """A C and C++ compiler: from the system, by version, or from a directory."""

    name: Name
    family: CompilerFamily = key("`gcc` or `clang`.")
    version: Version = key(
        "Major version (gcc-12, clang-14), or the full one of a compiler from a directory; empty: the system's.", ""
    )
    minimum: Version = key("Oldest version accepted on the worker.", "")
    directory: str = key("Directory on the worker that holds bin/ with the compiler; empty: found in PATH.", "")
    target: str = key("Board that this cross compiler builds for; empty: native.", "")
    sysroot: str = key("Directory on the worker with the target's headers and libraries (cross builds).", "")
    cmake_toolchain_file: str = key(
        "A CMake toolchain file of your own, relative to the configuration; empty: one is written when needed.", ""
    )
    architectures: tuple[Architecture, ...] = key(
        "Architectures of the boards on which this compiler runs; empty: all.", ()
    )
    packages: tuple[str, ...] = key("Debian packages that bring it; empty: the usual ones.", ())
    flags: tuple[str, ...] = key("Flags added to every C and C++ compile.", ())


@dataclass(frozen=True)
class Linker:
    """A linker, and how a compiler is told to use it. /usr/bin/ld is never replaced."""

    name: Name
    program: str = key("Program name, for example `ld.lld`.")
    selection: LinkerSelection = key(
        "`fuse-ld`: the compiler's -fuse-ld=NAME; `directory`: -B with a directory in which `ld` is this program.",
    )
    compilers: Mapping[CompilerFamily, VersionRange] = key(
        "Compiler families that can drive it, each with the versions that can (`>=9`; empty for all)."
    )
    minimum: Version = key("Oldest version accepted on the worker.", "")
    architectures: tuple[Architecture, ...] = key("Architectures that it links for; empty: all.", ())
    packages: tuple[str, ...] = key("Debian packages that bring it.", ())
    options: tuple[str, ...] = key("Options for every link, for example `--no-map-whole-files`.", ())


@dataclass(frozen=True)
class UpstreamVersion:
    """How to read the upstream version from a source tree."""

    file: str = key("File in the source tree, for example `configure.ac`.")
    pattern: Pattern = key("Regular expression with one group, the version.")


@dataclass(frozen=True)
class Test:
    """A test program of the project."""

    name: Name = key("Name shown to people.")
    kind: TestKind = key("`gtest`: one program; `ctest`: CTest in a directory of the build tree.")
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
    options: tuple[str, ...] = key("Options for cmake or configure.", ())
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
class Relief:
    """One way to build edges differently when they do not fit."""

    name: Name = key("Name shown to people.")
    edges: tuple[str, ...] = key(
        "Shell patterns of outputs relative to the build tree, for example `src/*.o` (`*` matches `/` too); empty: "
        "every edge.",
        (),
    )
    kinds: tuple[ReliefKind, ...] = key("Which edges: compiles, links.", ("compile", "link"))
    when: ReliefTime = key(
        "`too-large`: when the edge does not fit alone, as it is or with the reliefs before this one; `always`: from "
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
        "Instead of `repository`: a plain directory, relative to the configuration, of which a Git repository is "
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
    cmake: BuildSystem | None = key("How CMake builds it (generators ninja, make, kati).", None)
    autotools: BuildSystem | None = key("How configure and make build it (generator autotools).", None)
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
    relief: tuple[Relief, ...] = key(
        "How edges may be built differently when they do not fit, in the order of trial.", ()
    )
    relief_from_trials: bool = key(
        "What a link trial found to fit is used for that link in the next builds of the variant, after `relief`.", False
    )
    matrix: Matrix = key("Which variants the project has.")


@dataclass(frozen=True)
class Worker:
    """One machine of a board."""

    name: Name
    board: str = key("Its board.")
    local: bool = key("Runs inside the master, on this machine.", False)
    password_file: str = key(
        "File with its password, relative to the configuration; empty: `worker-NAME` in the secrets directory.", ""
    )
    owner: str = key("Whom to ask about this machine.", "")
    builds: int = key("Builds at the same time.", 1)


@dataclass(frozen=True)
class Config:
    """The whole configuration, checked. `directory` is the absolute directory that it was read from."""

    directory: Path
    site: Site
    boards: Mapping[str, Board]
    compilers: Mapping[str, Compiler]
    linkers: Mapping[str, Linker]
    projects: Mapping[str, Project]
    workers: Mapping[str, Worker]
    places: Mapping[tuple[str | int, ...], str] = field(default_factory=dict, compare=False, repr=False)
    """FILE:LINE of what was read, by its way through the tables: ("projects", "mesos", "matrix", "exclude", 0)."""

    def path(self, relative: str) -> Path:
        """An absolute path for one that the configuration gives relative to itself."""
        return (self.directory / relative).resolve()

    def repository_url(self, project: Project) -> str:
        """Where a project is fetched from; a plain directory's repository is made in the state directory."""
        if project.directory:
            return str(self.path(self.site.state) / "sources" / f"{project.name}.git")
        address = project.repository
        if "://" in address or (":" in address and not address.startswith(("/", "."))):
            return address
        return str(self.path(address))

    def connects(self, worker: Worker) -> bool:
        """Whether a worker is a machine that connects with a password of its own, neither local nor a guest."""
        return not worker.local and self.boards[worker.board].guest is None

    def password_path(self, worker: Worker) -> Path:
        """The absolute path of a worker's secret file."""
        return self.path(self.site.password_file(worker))


@dataclass(frozen=True)
class Variant:
    """project x board x toolchain x generator x debug info: exactly one Buildbot builder."""

    project: str
    board: str
    compiler: str
    linker: str
    generator: Generator
    debug_info: DebugInfo
    tier: Tier
    distcc: bool = False
    """Whether helpers of the board compile for it."""

    @property
    def name(self) -> str:
        """The builder's name."""
        return "-".join((self.project, self.board, self.compiler, self.linker, self.generator, self.debug_info))
