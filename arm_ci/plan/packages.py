"""Which Debian packages projects need on boards: the table in workers/bootstrap.sh, made from a configuration.

`python -m arm_ci.plan.packages CONFIG` writes the shipped table into the script; who has a configuration of their own
gets a script with their own projects from `arm-ci worker kit`.
"""

from __future__ import annotations

import sys

from arm_ci.agent.tools import linker_called
from arm_ci.catalogue import catalogue
from arm_ci.config import Config, Variant, load, variants
from arm_ci.plan.commands import Places
from arm_ci.plan.recipe import Recipe
from arm_ci.plan.requirements import compiler_packages, linker_packages, wanted_programs

BOOTSTRAP = catalogue() / "workers" / "bootstrap.sh"
"""The script that ships."""

_BEGIN, _END = "    cat <<'TABLE'\n", "TABLE\n"


def package_table(config: Config) -> str:
    """Lines `PROJECT ARCHITECTURE DISTRIBUTION PACKAGE...`, `*` for all; boards of local workers alone do not count."""
    wanted = _wanted(config)
    lines = []
    for project in sorted(config.projects.values(), key=lambda each: each.name):
        for (name, architecture), packages in sorted(wanted.items()):
            if name == project.name:
                lines.append(" ".join((name, architecture, "*", *sorted(packages))))
        if any(name == project.name for name, _ in wanted):
            lines += [" ".join((project.name, "*", system, *names)) for system, names in project.prerequisites.items()]
    return "".join(f"{line}\n" for line in lines)


def _wanted(config: Config) -> dict[tuple[str, str], set[str]]:
    """Packages of toolchains and generators by project and architecture."""
    by_hand = {worker.board for worker in config.workers.values() if worker.local}
    by_hand -= {worker.board for worker in config.workers.values() if not worker.local}
    wanted: dict[tuple[str, str], set[str]] = {}
    for variant in variants(config):
        if variant.board not in by_hand:
            key = variant.project, config.boards[variant.board].architecture
            wanted.setdefault(key, set()).update(_packages(config, variant))
    return wanted


def _packages(config: Config, variant: Variant) -> set[str]:
    """What a variant needs on every distribution."""
    recipe = Recipe(config, variant)
    toolchain = recipe.toolchain(Places.below("/"))
    compiler, linker = config.compilers[variant.compiler], config.linkers[variant.linker]
    found = set(wanted_programs(recipe).values())
    if not compiler.directory:
        found.update(compiler_packages(compiler, toolchain))
    found.update(linker_packages(linker, toolchain))
    known = linker_called(linker.program)
    if toolchain.linker_program in known.programs:
        found.update(known.more_packages)
    return found


def with_table(script: str, table: str) -> str:
    """The script's text with another table."""
    before, begin, rest = script.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError("this is not bootstrap.sh: it has no table of packages")
    return f"{before}{begin}{table}{end}{after}"


def main(arguments: list[str]) -> int:
    """Writes the table of the catalogue into its script."""
    if arguments:
        sys.stderr.write("usage: python -m arm_ci.plan.packages\n")
        return 2
    table = package_table(load(None))
    BOOTSTRAP.write_text(with_table(BOOTSTRAP.read_text(encoding="utf-8"), table), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
