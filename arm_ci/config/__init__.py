"""config/*.yaml -> a checked model -> the matrix of variants. Imports nothing else of arm_ci.

`load()` reads and checks, `variants()` multiplies out, `why()` explains; schema.py writes the JSON schemas.
"""

from arm_ci.config.host import Host
from arm_ci.config.loader import load
from arm_ci.config.matrix import variants
from arm_ci.config.model import Board, Compiler, Config, Linker, Project, Site, Variant, Worker
from arm_ci.config.problems import ConfigError, Problem
from arm_ci.config.why import UnknownCombination, why

__all__ = [
    "Board",
    "Compiler",
    "Config",
    "ConfigError",
    "Host",
    "Linker",
    "Problem",
    "Project",
    "Site",
    "UnknownCombination",
    "Variant",
    "Worker",
    "load",
    "variants",
    "why",
]
