"""What a worker must have for a variant, and the sentences that say what is missing and what to install where.

Pure: `probe_request` says what to look for, the agent's probe looks, `missing` judges what it found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from arm_ci.agent import tools
from arm_ci.config.model import Board, Compiler, Linker
from arm_ci.config.versions import in_range, version_key
from arm_ci.diagnosis.figures import size
from arm_ci.plan import distcc
from arm_ci.plan.commands import Places
from arm_ci.plan.fallbacks import fallbacks_of
from arm_ci.plan.generators import SUITES
from arm_ci.plan.recipe import Recipe
from arm_ci.plan.toolchain import Toolchain, triplet

_DEBIAN_FAMILY = ("debian", "raspbian", "ubuntu")
PROBE = "probe"
"""The build data that keeps the answer of a build's probe: what `arm-ci worker` knows of a machine."""
THIS_MACHINE = "this machine"
"""How sentences name the machine of `arm-ci build`; a worker is named as "worker `NAME`"."""


@dataclass(frozen=True)
class Facts:
    """What the probe found on a worker (arm_ci/agent/machine/probe.py says what each means)."""

    architecture: str
    os: str
    cores: int
    memory_bytes: int
    swap_bytes: int
    free_disk_bytes: int
    programs: Mapping[str, Mapping[str, str] | None] = field(default_factory=dict)
    packages: Mapping[str, bool] | None = None
    links: Mapping[str, bool] = field(default_factory=dict)
    may_install: bool = False
    throttling: tuple[str, ...] = ()
    """What the firmware says of power and heat: `undervoltage now`."""
    helpers: Mapping[str, str] = field(default_factory=dict)
    """Why a helper, `HOST:PORT`, does not answer there; empty: it does."""
    unseen: tuple[tuple[str, str], ...] = ()
    """What the agent cannot see there, and what would show it."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Facts:
        """Reads the probe's JSON; raises KeyError or TypeError when it is not one."""
        machine, sight = value["machine_facts"], value["sight"]
        elsewhere = ("helpers", "throttling", "unseen")
        known = {name: value[name] for name in cls.__dataclass_fields__ if name not in elsewhere}
        return cls(
            **known,
            # What a master keeps of builds before there were helpers does not have them.
            helpers=value.get("helpers", {}),
            throttling=tuple(machine.get("throttling", ())),
            unseen=tuple((each["what"], each["cure"]) for each in sight["unseen"]),
        )

    def program_version(self, name: str) -> str:
        found = self.programs.get(name)
        return found["version"] if found else ""

    def install_hint(self, *packages: str) -> str:
        """The command that installs packages on this worker, as far as we know its system."""
        names = " ".join(packages)
        if self.os.split("-")[0] in _DEBIAN_FAMILY:
            return f"apt-get install {names}"
        return f"install what Debian calls {names}"


def compiler_packages(compiler: Compiler, toolchain: Toolchain) -> tuple[str, ...]:
    """Debian packages that bring a compiler."""
    if compiler.packages:
        return compiler.packages
    suffix = f"-{compiler.version}" if compiler.version else ""
    family = tools.compiler_of_family(compiler.family)
    target = toolchain.target if family.one_per_target else None
    cross = f"-{_package_triplet(target)}" if target is not None else ""
    return (f"{family.package}{suffix}{cross}",)


def linker_packages(linker: Linker, toolchain: Toolchain) -> tuple[str, ...]:
    """Debian packages that bring a linker; none for one that has to be built."""
    if toolchain.target is not None and toolchain.linker_program != linker.program:
        return (f"binutils-{_package_triplet(toolchain.target)}",)
    return linker.packages


def _package_triplet(board: Board) -> str:
    """A triplet as Debian's package names write it: x86-64 where the triplet has x86_64."""
    return triplet(board).replace("_", "-")


def wanted_programs(recipe: Recipe) -> dict[str, str]:
    """Programs that must be there besides compiler and linker -> the Debian package of each."""
    generator = recipe.generator
    wanted = {"git": "git", **generator.programs}
    if recipe.build_system.prepare:
        wanted.update(generator.prepare_programs)
    for kind, suite in SUITES.items():
        if any(test.kind == kind for test in recipe.build_system.tests):
            wanted.update(suite.programs)
    if recipe.helpers:
        wanted.update(distcc.PACKAGES)
    return wanted


def wanted_packages(recipe: Recipe, os: str) -> tuple[str, ...]:
    """The project's prerequisites on a distribution: those of `debian` and of `debian-12` together."""
    prerequisites = recipe.project.prerequisites
    return tuple(dict.fromkeys((*prerequisites.get(os.split("-")[0], ()), *prerequisites.get(os, ()))))


def link_trial(toolchain: Toolchain) -> tuple[str, ...]:
    """A command that succeeds when the compiler can drive the linker; empty for a linker chosen by directory."""
    if toolchain.linker_directory:
        return ()
    choice = [flag for flag in (*toolchain.compile_flags, *toolchain.link_flags) if not flag.startswith("-mcpu=")]
    return (toolchain.cxx_compiler, *choice, "-Wl,--version")


def probe_request(recipe: Recipe, places: Places) -> dict[str, Any]:
    """What the probe must look for: programs, packages, whether the linker can be driven, disk."""
    toolchain = recipe.toolchain(places)
    trial = link_trial(toolchain)
    needed = [
        toolchain.c_compiler,
        toolchain.cxx_compiler,
        toolchain.linker_program,
        *wanted_programs(recipe),
    ]
    # What else could compile and link here is worth knowing when memory ends a build.
    others = [linker.program for linker in recipe.config.linkers.values()]
    others += [name for names in _fallback_programs(recipe).values() for name in names]
    every_package = {name for names in recipe.project.prerequisites.values() for name in names}
    return {
        "directory": str(places.build),
        "programs": list(dict.fromkeys((*needed, *(each.cxx for each in tools.COMPILERS), *others))),
        "packages": sorted(every_package),
        "links": [list(trial)] if trial else [],
        "helpers": [distcc.address(helper) for helper in recipe.helpers],
    }


def _fallback_programs(recipe: Recipe) -> dict[str, tuple[str, ...]]:
    """What each way to build edges differently needs."""
    fallbacks = fallbacks_of(recipe.config, recipe.variant, "")
    return {each.name: tuple(filter(None, (*each.programs, each.linker_program))) for each in fallbacks}


def missing(recipe: Recipe, places: Places, facts: Facts, where: str) -> tuple[str, ...]:
    """One sentence for each thing that this worker lacks; none when it can build the variant."""
    board = recipe.config.boards[recipe.variant.board]
    return (
        *_machine(recipe, board, places, facts, where),
        *_compiler(recipe, places, facts, where),
        *_linker(recipe, places, facts, where),
        *(
            f"`{name}` is not on {where} ({facts.os}): {facts.install_hint(package)}"
            for name, package in wanted_programs(recipe).items()
            if facts.programs.get(name) is None
        ),
    )


def missing_packages(recipe: Recipe, facts: Facts) -> tuple[str, ...]:
    """Prerequisites of the project that are not installed; none where the system has no dpkg to ask."""
    if facts.packages is None:
        return ()
    installed = facts.packages
    return tuple(name for name in wanted_packages(recipe, facts.os) if not installed.get(name, False))


def notes(recipe: Recipe, facts: Facts, where: str) -> tuple[str, ...]:
    """What differs from the board's description without stopping the build."""
    board = recipe.config.boards[recipe.variant.board]
    found = []
    # Firmware and graphics take their share of RAM, so a board's figure is only roughly the kernel's.
    if facts.memory_bytes < int(board.memory) * 0.9:
        found.append(f"{where} has {size(facts.memory_bytes)} of RAM, board `{board.name}` says {size(board.memory)}")
    if facts.swap_bytes < int(board.swap) * 0.9:
        found.append(f"{where} has {size(facts.swap_bytes)} of swap, board `{board.name}` says {size(board.swap)}")
    if facts.cores != board.cores:
        found.append(f"{where} has {facts.cores} cores, board `{board.name}` says {board.cores}")
    found += [
        f"helper {helper} does not answer {where} ({reason}): what it would compile is compiled on {where}"
        for helper in map(distcc.address, recipe.helpers)
        if (reason := facts.helpers.get(helper))
    ]
    found += [
        f"fallback `{fallback}` is left out on {where}: `{name}` is not there"
        for fallback, names in _fallback_programs(recipe).items()
        for name in names
        if facts.programs.get(name) is None
    ]
    found += [f"{where} is held back by its power or heat: {each}" for each in facts.throttling]
    found += [f"the agent does not see the {what} on {where}; it would with {cure}" for what, cure in facts.unseen]
    return tuple(found)


def _machine(recipe: Recipe, board: Board, places: Places, facts: Facts, where: str) -> list[str]:
    found = []
    if facts.architecture != board.architecture:
        cure = (
            "`arm-ci matrix` shows the variants of other boards"
            if where == THIS_MACHINE
            else "give the worker another board in workers.yaml, or install a system of that architecture"
        )
        found.append(f"{where} is {facts.architecture}, but board `{board.name}` is {board.architecture}: {cure}")
    by_directory = recipe.config.linkers[recipe.variant.linker].selection == "directory"
    is_in_the_way = " " in str(places.support) and (by_directory or recipe.helpers)
    if is_in_the_way and not recipe.generator.takes_spaces:
        what = f"linker `{recipe.variant.linker}`" if by_directory else "distcc"
        found.append(
            f"the path {places.support} has a space, and {recipe.generator.name} cannot take {what} "
            "from such a directory: build elsewhere"
        )
    project = recipe.project
    if facts.free_disk_bytes < project.disk:
        found.append(
            f"{where} has {size(facts.free_disk_bytes)} of disk free at {places.build}, "
            f"project `{project.name}` needs {size(project.disk)}"
        )
    total = facts.memory_bytes + facts.swap_bytes
    if total < project.memory:
        found.append(
            f"{where} has {size(facts.memory_bytes)} of RAM and {size(facts.swap_bytes)} of swap, "
            f"project `{project.name}` needs {size(project.memory)} together: "
            f"add at least {size(project.memory - total)} of swap"
        )
    return found


def _compiler(recipe: Recipe, places: Places, facts: Facts, where: str) -> list[str]:
    toolchain = recipe.toolchain(places)
    compiler = recipe.config.compilers[recipe.variant.compiler]
    absent = [name for name in (toolchain.c_compiler, toolchain.cxx_compiler) if facts.programs.get(name) is None]
    if absent:
        if compiler.directory:
            hint = f"unpack the compiler into {compiler.directory} there"
        else:
            hint = facts.install_hint(*compiler_packages(compiler, toolchain))
        return [f"compiler `{absent[0]}` is not on {where} ({facts.os}): {hint}"]
    version = facts.program_version(toolchain.cxx_compiler)
    found = []
    if compiler.minimum and version and version_key(version) < version_key(compiler.minimum):
        found.append(
            f"compiler `{toolchain.cxx_compiler}` on {where} is {version}, "
            f"`{compiler.name}` needs {compiler.minimum} or newer"
        )
    if compiler.version and version and not _same_release(version, compiler.version):
        found.append(
            f"compiler `{toolchain.cxx_compiler}` on {where} is {version}, `{compiler.name}` must be {compiler.version}"
        )
    return found


def _linker(recipe: Recipe, places: Places, facts: Facts, where: str) -> list[str]:
    toolchain = recipe.toolchain(places)
    linker = recipe.config.linkers[recipe.variant.linker]
    if facts.programs.get(toolchain.linker_program) is None:
        return [_absent_linker(linker, toolchain, facts, where)]
    version = facts.program_version(toolchain.linker_program)
    if linker.minimum and version and version_key(version) < version_key(linker.minimum):
        return [f"linker `{linker.program}` on {where} is {version}, `{linker.name}` needs {linker.minimum} or newer"]
    compiler = recipe.config.compilers[recipe.variant.compiler]
    compiler_version = facts.program_version(toolchain.cxx_compiler)
    wanted = linker.compilers.get(compiler.family, "")
    if compiler_version and not in_range(compiler_version, wanted):
        return [
            f"compiler `{toolchain.cxx_compiler}` {compiler_version} on {where} cannot drive linker "
            f"`{linker.name}`: it needs {compiler.family} {wanted}"
        ]
    trial = " ".join(link_trial(toolchain))
    if facts.programs.get(toolchain.cxx_compiler) is not None and facts.links.get(trial) is False:
        return [f"compiler and linker do not work together on {where}: `{trial}` fails there"]
    return []


def _absent_linker(linker: Linker, toolchain: Toolchain, facts: Facts, where: str) -> str:
    packages = linker_packages(linker, toolchain)
    hint = facts.install_hint(*packages) if packages else "no Debian package brings it; install it there"
    return f"linker `{toolchain.linker_program}` is not on {where} ({facts.os}): {hint}"


def _same_release(found: str, wanted: str) -> bool:
    """Whether `found` is `wanted` or a release of it: 12.2.0 is a 12."""
    parts = wanted.split(".")
    return found.split(".")[: len(parts)] == parts
