"""`arm-ci patches list | check | apply`: a project's patch set for a person with a source tree.

The judging and writing is arm_ci.patches.engine's, the same that a worker runs in a build.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import indent
from typing import Any, get_args

from arm_ci.agent.tools import COMPILERS, alternatives
from arm_ci.cli.options import DONE, FAILED, OUTSIDE, USAGE, CommandError, add_site_option, find_variant, load_config
from arm_ci.config import Config
from arm_ci.config.keys import Architecture, Generator
from arm_ci.config.problems import listing, suggestion
from arm_ci.config.project import Project
from arm_ci.patches import diffs, engine, series, transaction
from arm_ci.plan import Recipe
from arm_ci.plan.patching import bundle_of, context_of, known_names, state_table

NOT_CHECKED = "not checked"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `arm-ci patches` and its three actions."""
    parser = subparsers.add_parser("patches", help="list, check or apply a project's patch set")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    everything = actions.add_parser("list", help="list the patches of one project or of all")
    _add_common(everything)
    everything.set_defaults(run=run_list)
    for name, function, text in (
        ("check", run_check, "say for each patch whether it applies to a source tree, and change nothing"),
        ("apply", run_apply, "apply every patch that applies, all or none"),
    ):
        action = actions.add_parser(name, help=text, description=text.capitalize() + ".")
        _add_common(action)
        _add_context(action)
        action.set_defaults(run=function)


def _add_common(parser: argparse.ArgumentParser) -> None:
    add_site_option(parser)
    parser.add_argument("--project", metavar="NAME", help="project of the configuration")
    parser.add_argument("--json", action="store_true", help="print a list of objects with name, state and reason")


def _add_context(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", type=Path, required=True, metavar="DIR", help="source tree")
    parser.add_argument("--variant", metavar="NAME", help="judge for this variant; default: for every variant")
    parser.add_argument("--architecture", choices=get_args(Architecture), help="judge for this architecture")
    parser.add_argument("--compiler", metavar="NAME", help="judge for this compiler, for example gcc-12 or clang")
    parser.add_argument("--generator", choices=get_args(Generator), help="judge for this generator")
    parser.add_argument("--os", metavar="NAME", help="judge for this distribution, for example debian-12")
    parser.add_argument("--upstream-version", metavar="VERSION", help="default: read from the source tree")


def run_list(arguments: argparse.Namespace) -> int:
    """Lists patches with the conditions under which they are needed."""
    config = load_config(arguments)
    names = [_known_project(config, arguments.project).name] if arguments.project else list(config.projects)
    rows: list[dict[str, str]] = []
    for project in names:
        directory = config.patch_set(config.projects[project])
        for patch in series.read(directory, known_names()).patches if directory else ():
            needed = conditions(patch.needed_for)
            rows.append(
                {"project": project, "name": patch.name, "state": NOT_CHECKED, "reason": needed, "title": patch.title}
            )
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return DONE
    for project in names:
        mine = [row for row in rows if row["project"] == project]
        print(f"{project}: {len(mine) or 'no'} patch{'' if len(mine) == 1 else 'es'}")
        for row in mine:
            print(f"  {row['name']}: {row['title']}\n    {row['reason']}")
    return DONE


def run_check(arguments: argparse.Namespace) -> int:
    """Prints the state of each patch on the source tree; 1 when one conflicts."""
    return _run(arguments, change=False)


def run_apply(arguments: argparse.Namespace) -> int:
    """Applies the patch set to the source tree; 1, and no change, when a patch conflicts."""
    return _run(arguments, change=True)


def _run(arguments: argparse.Namespace, change: bool) -> int:
    config = load_config(arguments)
    context = _context(config, arguments)
    try:
        project, how = _project(config, arguments)
        loaded = _series(config, project)
        if context.version is None:
            context = replace(context, version=engine.read_version(str(arguments.source), loaded.version))
        states = (engine.apply if change else engine.check)(loaded, str(arguments.source), context)
    except transaction.SourceError as error:
        raise CommandError(str(error), OUTSIDE if arguments.source.is_dir() else USAGE) from None
    conflicts = any(state.state == engine.CONFLICTS for state in states)
    rows = [{"name": each.name, "state": each.state, "reason": each.reason} for each in states]
    if arguments.json:
        print(json.dumps(rows, indent=1))
    else:
        print(f"{project.name} {context.version or '(version unknown)'}{how}")
        print(indent(state_table(rows), "  "), end="")
        if change:
            print(_outcome(states))
    return FAILED if conflicts else DONE


def _series(config: Config, project: Project) -> engine.Series:
    """The project's patch set, read and judged sound."""
    bundle = bundle_of(config, project)
    try:
        return engine.load_bundle(bundle)
    except diffs.BundleError as error:
        raise CommandError(f"project `{project.name}`: {error}") from None


def _outcome(states: Sequence[engine.PatchState]) -> str:
    if any(state.state == engine.CONFLICTS for state in states):
        return "nothing was changed, because a patch conflicts"
    count = len(engine.applied(states))
    return f"applied {count} patch{'' if count == 1 else 'es'}" if count else "nothing to apply"


def conditions(needed_for: Mapping[str, Any]) -> str:
    """The conditions of a patch in words: `needed for versions >=1.0.0, <1.5.0; ninja`."""
    compilers = needed_for.get("compilers", {}).items()
    parts = [
        f"versions {needed_for['versions']}" if needed_for.get("versions") else "",
        ", ".join(needed_for.get("architectures", ())),
        " or ".join(f"{family} {versions}".strip() for family, versions in compilers),
        ", ".join(needed_for.get("generators", ())),
        ", ".join(needed_for.get("os", ())),
    ]
    return "needed for " + ("; ".join(part for part in parts if part) or "every variant")


def _known_project(config: Config, name: str) -> Project:
    if name not in config.projects:
        raise CommandError(f"no project `{name}`" + suggestion(name, config.projects, "projects"))
    return config.projects[name]


def _project(config: Config, arguments: argparse.Namespace) -> tuple[Project, str]:
    """The project, and how it was told when nobody named it."""
    if arguments.variant:
        variant = find_variant(config, arguments.variant)
        if arguments.project not in (None, variant.project):
            raise CommandError(f"variant `{variant.name}` is of project {variant.project}, not {arguments.project}")
        return config.projects[variant.project], ""
    if arguments.project:
        return _known_project(config, arguments.project), ""
    if not arguments.source.is_dir():
        raise CommandError(f"{arguments.source}: no such directory")
    found = [project for project in config.projects.values() if _upstream_version(project, arguments.source)]
    if len(found) == 1 and found[0].version:
        return found[0], f" (told by {found[0].version.file})"
    which = "more than one project" if found else "no project"
    raise CommandError(
        f"{arguments.source} looks like {which}; name it with --project: "
        + listing([project.name for project in found] or config.projects)
    )


def _upstream_version(project: Project, source: Path) -> str | None:
    version = project.version
    return engine.read_version(str(source), engine.Marker(version.file, version.pattern)) if version else None


def _context(config: Config, arguments: argparse.Namespace) -> engine.Context:
    """The axes of the variant, overridden by those that are named one by one."""
    context = engine.Context()
    if arguments.variant:
        recipe = Recipe(config, find_variant(config, arguments.variant))
        compiler = config.compilers[recipe.variant.compiler]
        context = context_of(recipe, compiler.version, config.boards[compiler.target or recipe.variant.board].os)
    if arguments.compiler:
        family, version = _compiler(config, arguments.compiler)
        context = replace(context, compiler=family, compiler_version=version)
    named = {
        "architecture": arguments.architecture,
        "generator": arguments.generator,
        "os": arguments.os,
        "version": arguments.upstream_version,
    }
    return replace(context, **{axis: value for axis, value in named.items() if value})


def _compiler(config: Config, name: str) -> tuple[str, str | None]:
    """Family and version of a compiler of the configuration, or of one named `gcc-12`."""
    if name in config.compilers:
        return config.compilers[name].family, config.compilers[name].version or None
    families = alternatives(compiler.family for compiler in COMPILERS)
    match = re.fullmatch(rf"({families})(?:-(\d+(?:\.\d+)*))?", name)
    if not match:
        raise CommandError(
            f"no compiler `{name}`" + suggestion(name, config.compilers, "for example `gcc-12` or one of")
        )
    return match[1], match[2]
