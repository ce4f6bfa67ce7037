"""config/*.yaml -> a checked model -> the matrix of variants.

`load()` reads and checks, `variants()` multiplies out, why.py explains; schema.py writes the JSON schemas.
Of the rest of arm_ci it knows where the shipped files are and, in agent/tools.py, the table of tools.
"""

from arm_ci.config.loader import load
from arm_ci.config.matrix import variants
from arm_ci.config.model import Board, Compiler, Config, Linker, Site, Variant, Worker
from arm_ci.config.problems import ConfigError, Problem
from arm_ci.config.project import Project
from arm_ci.config.this_machine import Host

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
    "Variant",
    "Worker",
    "load",
    "variants",
]
