"""The checked model of config/*.yaml: frozen dataclasses, nothing else.

Every field that an administrator may write carries its documentation in `key(...)`; the reader, the JSON
schema and the test that compares docs/ with the model all draw on it. Reading YAML is reader.py's business,
judging how the parts fit together is checks.py's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from arm_ci.catalogue import catalogue

from .keys import (
    NO_PATCHES,
    Architecture,
    BoardArchitecture,
    Bytes,
    CompilerFamily,
    DebugInfo,
    Generator,
    GuestMachine,
    Helper,
    HostBytes,
    HostCount,
    LinkerSelection,
    Name,
    Port,
    Seconds,
    Tier,
    Version,
    VersionRange,
    key,
)
from .project import Project

TERMINAL = "arm-ci"
"""The person as whom `arm-ci force` logs in where people do: whoever may read its file may start builds."""


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
        "File with the certificate (PEM; those of intermediate authorities after it), relative to the site directory; "
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
    state: str = key("State directory (database, logs, artefacts), relative to the site directory.", "state")
    secrets: str = key(
        "Directory of secret files (`worker-NAME`, `person-NAME`, `github-webhook`), relative to the site directory; "
        "nobody but their owner may read them.",
        "state/secrets",
    )
    patches: str = key(
        "Directory of the site's own patch sets, relative to the site directory; each takes the place of one of the "
        "same name that ships.",
        "patches",
    )
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
        """A worker's secret file, relative to the site directory."""
        return worker.password_file or f"{self.secrets}/worker-{worker.name}"

    def person_file(self, person: str) -> str:
        """A person's secret file, relative to the site directory."""
        return f"{self.secrets}/person-{person}"

    @property
    def certificate_file(self) -> str:
        """The certificate of `tls`, relative to the site directory."""
        return (self.tls.certificate if self.tls else "") or f"{self.secrets}/tls-certificate.pem"

    @property
    def private_key_file(self) -> str:
        """The private key of `tls`, relative to the site directory."""
        return (self.tls.private_key if self.tls else "") or f"{self.secrets}/tls-key.pem"

    @property
    def trusted_file(self) -> str:
        """The certificate that boards trust, relative to the site directory."""
        return (self.tls.authority if self.tls else "") or self.certificate_file

    @property
    def github_webhook_file(self) -> str:
        """The webhook's secret file, relative to the site directory."""
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
        "A CMake toolchain file of your own, relative to the site directory; empty: one is written when needed.", ""
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
class Worker:
    """One machine of a board."""

    name: Name
    board: str = key("Its board.")
    local: bool = key("Runs inside the master, on this machine.", False)
    password_file: str = key(
        "File with its password, relative to the site directory; empty: `worker-NAME` in the secrets directory.", ""
    )
    owner: str = key("Whom to ask about this machine.", "")
    builds: int = key("Builds at the same time.", 1)


def is_local(repository: str) -> bool:
    """Whether the address of a repository is a path of this machine; `HOST:PATH` is ssh's."""
    return "://" not in repository and (":" not in repository or repository.startswith(("/", ".")))


def find_patch_set(project: Project, directories: Iterable[Path]) -> Path | None:
    """The first directory of a project's patch set; None when there is none, or the project wants none."""
    if project.patch_set == NO_PATCHES:
        return None
    found = (directory / (project.patch_set or project.name) for directory in directories)
    return next((each for each in found if each.is_dir()), None)


@dataclass(frozen=True)
class Config:
    """The whole configuration, checked: a site's over the catalogue's."""

    directory: Path
    """The site's, absolute."""
    site: Site
    boards: Mapping[str, Board]
    compilers: Mapping[str, Compiler]
    linkers: Mapping[str, Linker]
    projects: Mapping[str, Project]
    workers: Mapping[str, Worker]
    places: Mapping[tuple[str | int, ...], str] = field(default_factory=dict, compare=False, repr=False)
    """FILE:LINE of what was read, by its way through the tables: ("projects", "mesos", "matrix", "exclude", 0)."""
    catalogue: Path = field(default_factory=catalogue, compare=False)
    """The catalogue that the site's values stand over."""

    def path(self, relative: str) -> Path:
        """An absolute path for one that the site gives relative to itself."""
        return (self.directory / relative).resolve()

    def patch_set(self, project: Project) -> Path | None:
        """The directory of a project's patch set; None: it has no patches."""
        return find_patch_set(project, (self.path(self.site.patches), self.catalogue / "patches"))

    def repository_url(self, project: Project) -> str:
        """Where a project is fetched from; a plain directory's repository is made in the state directory."""
        if project.directory:
            return str(self.path(self.site.state) / "sources" / f"{project.name}.git")
        return str(self.path(project.repository)) if is_local(project.repository) else project.repository

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
