"""Compiling on helpers with distcc: the script that stands before the compiler, and what it needs on the board.

Preprocessing and links stay on the board. A compile that no helper does is run there by the compiler itself, under its
own name, so that the agent sees it as the edge that it is; distcc itself never compiles there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from arm_ci.agent.edges.command_line import COMPILED_HERE
from arm_ci.agent.tools import compiler_of_family
from arm_ci.config.keys import CompilerFamily
from arm_ci.plan.toolchain import Toolchain

PACKAGES = {"distcc": "distcc"}
"""Program on the board -> Debian package."""
_PORT = 3632  # distccd(1)

_SCRIPT = """\
#!/bin/sh
# distcc COMPILER ARGUMENT...: a helper compiles; what no helper does COMPILER does, here. Written by arm_ci.
# Under any other name it is what distcc finds here as the compiler: it preprocesses, and never compiles.
if [ "${0##*/}" != distcc ]; then
    case ${0##*/} in
    *++*) compiler=@CXX@ ;;
    *) compiler=@C@ ;;
    esac
    case " $* " in
    *" -E "*) exec "$compiler" "$@" ;;
    esac
    echo 'distcc does not send this command' >&2
    exit 1
fi

compiler=$1
shift
here=${0%/*}
read -r machine version <"$here/compiler"
case ${compiler##*/} in
@C@) name=@NAME_C@ ;;
@CXX@) name=@NAME_CXX@ ;;
*) exec "$compiler" "$@" ;;
esac
# A trial of configure or CMake is over before a helper has it; distcc loses what -gsplit-dwarf splits off.
case " $* " in
*" conftest."* | *CMakeFiles/cmTC_* | *" -gsplit-dwarf "*) exec "$compiler" "$@" ;;
*" -c "*) ;;
*) exec "$compiler" "$@" ;;
esac

export DISTCC_HOSTS='@HOSTS@' DISTCC_DIR="$here/state"
# distcc tells that nobody compiled, and we compile; the name to send is the one that we say.
export DISTCC_FALLBACK=0 DISTCC_SKIP_LOCAL_RETRY=1 DISTCC_NO_REWRITE_CROSS=1
# How long who waits for a helper, or for its turn to preprocess, waits before it looks again.
export DISTCC_PAUSE_TIME_MSEC=100
{ said=$(PATH="$here/names:$PATH" distcc "$name-$version" @TARGET@"$@" 2>&1 >&3 3>&-); } 3>&1
status=$?
if [ $status -eq 0 ]; then
    [ -z "$said" ] || printf '%s\\n' "$said" >&2
    exit 0
fi
# What the compiler said it will say again here; of distcc's words the first line has the reason.
first=${said%%
*}
case $said in
*'server provided no answer'*) reason="a helper does not let us in, or has no $name-$version" ;;
'distcc['* | 'distcc does not send'*) reason=${first#*ERROR: } ;;
*) reason="distcc ended with exit status $status" ;;
esac
case $reason in
'failed to distribute'*) reason='no helper answered within the last minute' ;;
esac
echo "@HERE@$reason" >&2
exec "$compiler" "$@"
"""

# Debian names a compiler after its target and version, and on its own architecture it has that name too.
_PREPARE = """\
chmod +x "$1/distcc" && rm -rf "$1/names" && mkdir -p "$1/names" "$1/state" &&
machine=$("$2" -dumpmachine) && version=$("$2" -dumpversion) && version=${version%%.*} &&
echo "$machine $version" >"$1/compiler" &&
ln -s ../distcc "$1/names/@NAME_C@-$version" && ln -s ../distcc "$1/names/@NAME_CXX@-$version"
"""


def launcher(support: PurePosixPath) -> PurePosixPath:
    """Where the script lies. libtool knows a word of that name to stand before a compiler, not to be one."""
    return support / "distcc" / "distcc"


def launcher_text(family: CompilerFamily, toolchain: Toolchain, helpers: Iterable[str], cores: int) -> str:
    """The script; so many of its runs preprocess at once as the board has cores."""
    hosts = " ".join((f"--localslots_cpp={cores}", *(f"{helper},lzo" for helper in helpers)))
    text = _with_names(_SCRIPT, family).replace("@C@", toolchain.c_compiler).replace("@CXX@", toolchain.cxx_compiler)
    target = "" if compiler_of_family(family).one_per_target else '--target="$machine" '
    return text.replace("@TARGET@", target).replace("@HOSTS@", hosts).replace("@HERE@", COMPILED_HERE)


def prepare(family: CompilerFamily, toolchain: Toolchain, support: PurePosixPath) -> tuple[str, ...]:
    """The command that asks the compiler which one it is, and makes the names by which helpers know it."""
    directory = str(launcher(support).parent)
    return ("sh", "-c", _with_names(_PREPARE, family), "sh", directory, toolchain.c_compiler)


def _with_names(text: str, family: CompilerFamily) -> str:
    compiler = compiler_of_family(family)
    prefix = "$machine-" if compiler.one_per_target else ""
    return text.replace("@NAME_C@", prefix + compiler.c).replace("@NAME_CXX@", prefix + compiler.cxx)


def address(helper: str) -> str:
    """`HOST:PORT` of a helper as the configuration has it."""
    place = helper.rpartition("/")[0]
    return place if re.search(r":[0-9]+$", place) else f"{place}:{_PORT}"


def jobs(helpers: Iterable[str]) -> int:
    """How many compiles helpers do at once."""
    return sum(int(helper.rpartition("/")[2]) for helper in helpers)
