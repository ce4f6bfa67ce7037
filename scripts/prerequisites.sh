#!/bin/sh
# Looks for the system's programs that `make run` and `make test` use, and installs what is missing on a Debian-like
# system when the caller may (root, or sudo without a password). It knows nothing of Python packages: see environment.sh.
# usage: prerequisites.sh run|test; exit status 0: go on, 1: something that is needed is missing, 2: usage
set -u

case "${1-}" in
run | test) purpose=$1 ;;
*)
    echo "usage: prerequisites.sh run|test" >&2
    exit 2
    ;;
esac

# has PROGRAM: is it there? Beside programs it knows python-venv: a Python >= 3.11 that can make virtual environments.
# What is in /usr/sbin counts as well, which an ordinary user's PATH lacks.
has() {
    if [ "$1" = python-venv ]; then
        sh "$(dirname -- "$0")/find_python.sh" >/dev/null 2>&1
    else
        command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]
    fi
}

# Program and Debian package, a pair a line. What `make run` builds with is needed; what only some tests use is wanted.
needed='python-venv python3-venv
git git
make make
cmake cmake
ninja ninja-build
g++ g++
clang++ clang
ld.lld lld
ckati ckati'
wanted=''
if [ "$purpose" = test ]; then
    wanted='ld.gold binutils-gold
meson meson
mold mold
shellcheck shellcheck
qemu-img qemu-utils
ignition-validate ignition
distcc distcc
cpio cpio
mcopy mtools
mkfs.vfat dosfstools
aarch64-linux-gnu-g++ g++-aarch64-linux-gnu
autoconf autoconf
patch patch
ip iproute2
ssh-keygen openssh-client
chromium chromium'
fi

# missing PAIRS: the Debian packages of the programs that are not there, on one line
missing() {
    printf '%s\n' "$1" | while read -r program package; do
        if [ -n "$program" ] && ! has "$program"; then
            printf ' %s' "$package"
        fi
    done
}

# privileged COMMAND...: run it as root when that is possible without asking anybody
privileged() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

may_install() {
    command -v apt-get >/dev/null 2>&1 || return 1
    [ "$(id -u)" -eq 0 ] || { command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; }
}

lack_needed=$(missing "$needed")
lack_wanted=$(missing "$wanted")
[ -z "$lack_needed$lack_wanted" ] && exit 0

if may_install; then
    echo "prerequisites: installing$lack_needed$lack_wanted"
    privileged apt-get -qq update
    # shellcheck disable=SC2086 # a list of words
    [ -z "$lack_needed" ] || privileged env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install -y --no-install-recommends $lack_needed >/dev/null
    # One by one: a package that this release does not have must not keep the others away.
    for package in $lack_wanted; do
        privileged env DEBIAN_FRONTEND=noninteractive \
            apt-get -qq install -y --no-install-recommends "$package" >/dev/null
    done
    lack_needed=$(missing "$needed")
    lack_wanted=$(missing "$wanted")
fi

if [ -n "$lack_wanted" ]; then
    echo "prerequisites: some tests will be skipped; for all of them: apt-get install$lack_wanted" >&2
fi
if [ -n "$lack_needed" ]; then
    echo "prerequisites: missing for \`make $purpose\`; as root: apt-get install$lack_needed" >&2
    case " $lack_needed " in
    *' python3-venv '*)
        echo "prerequisites: python3-venv stands for Python 3.11 or newer with its venv module; found: $(
            python3 --version 2>/dev/null || echo no python3)" >&2
        ;;
    esac
    exit 1
fi
