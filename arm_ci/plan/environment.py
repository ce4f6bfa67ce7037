"""Environment variables of a build's commands: what is set for each, and what of the caller's must not reach them."""

from __future__ import annotations

from collections.abc import Mapping

from arm_ci.plan.generators import GENERATORS

# Every command's environment: messages that we (and people elsewhere) can read and compare.
ENVIRONMENT: Mapping[str, str] = {"LC_ALL": "C"}

# What compilers, build tools and test programs read from the environment: a build must not depend on who starts it.
_FOREIGN = frozenset(
    {
        *("CC", "CXX", "CPP", "LD", "AR", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "LIBS", "LDEMULATION"),
        *("CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX"),
        *("LD_LIBRARY_PATH", "LD_PRELOAD", "LD_RUN_PATH", "PKG_CONFIG_PATH", "CONFIG_SITE", "DESTDIR", "VERBOSE"),
        *("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEFILES", "GNUMAKEFLAGS", "MAKE_TERMOUT", "MAKE_TERMERR"),
        *("LANG", "LANGUAGE", "CLICOLOR_FORCE", "GCC_COLORS"),
    }
)
_FOREIGN_PREFIXES = (
    *("GTEST_", "LC_", "CCACHE_", "DISTCC_"),
    *{prefix for generator in GENERATORS.values() for prefix in generator.variables},
)


def is_foreign(variable: str) -> bool:
    """Whether an environment variable of the caller or the worker would change what a build does."""
    return variable in _FOREIGN or variable.startswith(_FOREIGN_PREFIXES)
