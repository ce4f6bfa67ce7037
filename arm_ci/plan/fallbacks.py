"""The fallbacks of a variant, as the agent needs them: options and programs instead of names of the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from arm_ci.agent.fallback.fallbacks_file import Fallback as Resolved
from arm_ci.agent.tools import STRIP
from arm_ci.config.matrix import axes_of_variant, matcher
from arm_ci.config.model import Config, Variant
from arm_ci.config.project import Fallback
from arm_ci.plan.toolchain import toolchain_of

_STRIPPED = f"-Wl,{STRIP}"
"""A link leaves debug info out of the program."""


def fallbacks_of(config: Config, variant: Variant, support: str) -> tuple[Resolved, ...]:
    """The fallbacks for a variant in the order of trial; in the directory `support` its linker may have its own."""
    axes = axes_of_variant(variant)
    wanted = config.projects[variant.project].fallback
    return tuple(_resolved(config, variant, fallback, support) for fallback in wanted if matcher(fallback.match)(axes))


def _resolved(config: Config, variant: Variant, fallback: Fallback, support: str) -> Resolved:
    before = toolchain_of(config, variant, support)
    instead = replace(
        variant,
        compiler=fallback.compiler or variant.compiler,
        linker=fallback.linker or variant.linker,
        debug_info=fallback.debug_info or variant.debug_info,
    )
    after = toolchain_of(config, instead, support)
    remove = _not_in(after.compile_flags, before.compile_flags)
    add = _not_in(before.compile_flags, after.compile_flags)
    linker: tuple[str, ...] = ()
    if fallback.linker:
        remove += _not_in(after.link_flags, before.link_flags)
        # The agent makes the directory of a linker that no compiler knows by name.
        linker = after.link_flags[1:] if after.linker_directory else after.link_flags
    if fallback.debug_info:
        add += after.debug_flags
    if fallback.debug_info == "none":
        add.append(_STRIPPED)
    programs = (after.c_compiler, after.cxx_compiler) if fallback.compiler else ()
    return Resolved(
        name=fallback.name,
        edges=fallback.edges,
        kinds=fallback.kinds,
        always=fallback.when == "always",
        programs=programs,
        remove=(*remove, *fallback.remove),
        linker=linker,
        linker_program=after.linker_program if fallback.linker else "",
        by_directory=bool(fallback.linker and after.linker_directory),
        add=(*add, *fallback.add),
    )


def _not_in(others: Sequence[str], flags: Sequence[str]) -> list[str]:
    return [flag for flag in flags if flag not in others]
