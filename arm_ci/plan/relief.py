"""The reliefs of a variant, as the agent needs them: options and programs instead of names of the configuration."""

from __future__ import annotations

from dataclasses import replace

from arm_ci.agent.relief import Relief as Resolved
from arm_ci.config.matrix import axes_of_variant, matcher
from arm_ci.config.model import Config, Variant
from arm_ci.config.project import Relief
from arm_ci.plan.toolchain import toolchain_of

_STRIPPED = "-Wl,-S"
"""A link leaves debug info out of the program."""


def reliefs_of(config: Config, variant: Variant, linker_directory: str) -> tuple[Resolved, ...]:
    """The reliefs for a variant in the order of trial; `linker_directory` is the variant's own, where it has one."""
    axes = axes_of_variant(variant)
    wanted = config.projects[variant.project].relief
    return tuple(
        _resolved(config, variant, relief, linker_directory) for relief in wanted if matcher(relief.match)(axes)
    )


def _resolved(config: Config, variant: Variant, relief: Relief, linker_directory: str) -> Resolved:
    before = toolchain_of(config, variant, linker_directory)
    instead = replace(
        variant,
        compiler=relief.compiler or variant.compiler,
        linker=relief.linker or variant.linker,
        debug_info=relief.debug_info or variant.debug_info,
    )
    after = toolchain_of(config, instead, linker_directory)
    remove = [flag for flag in before.compile_flags if flag not in after.compile_flags]
    add = [flag for flag in after.compile_flags if flag not in before.compile_flags]
    linker: tuple[str, ...] = ()
    if relief.linker:
        remove += [flag for flag in before.link_flags if flag not in after.link_flags]
        # The agent makes the directory of a linker that no compiler knows by name.
        linker = after.link_flags[1:] if after.linker_directory else after.link_flags
    if relief.debug_info:
        add += after.debug_flags
    if relief.debug_info == "none":
        add.append(_STRIPPED)
    programs = (after.c_compiler, after.cxx_compiler) if relief.compiler else ()
    return Resolved(
        name=relief.name,
        edges=relief.edges,
        kinds=relief.kinds,
        always=relief.when == "always",
        programs=programs,
        remove=(*remove, *relief.remove),
        linker=linker,
        linker_program=after.linker_program if relief.linker else "",
        by_directory=bool(relief.linker and after.linker_directory),
        add=(*add, *relief.add),
    )
