#!/bin/sh
# Makes the virtual environment .venv with the pinned packages and our own one, once: a second call that finds nothing
# changed does nothing and needs no network. Installs nothing on the system.
# usage: environment.sh run|development, in the top directory
set -eu

case "${1-}" in
run) requirements="requirements.txt" ;;
development) requirements="requirements-development.txt" ;;
*)
    echo "usage: environment.sh run|development" >&2
    exit 2
    ;;
esac

here=$(pwd -P)
# made_from run|development: all that the environment depends on. A clone that was moved needs a new one, because scripts
# in it name their directory.
made_from() {
    echo "$here"
    cat requirements.txt pyproject.toml setup.py arm_ci/__init__.py
    [ "$1" = run ] || cat requirements-development.txt
}
stamp=.venv/made-for-$1
if [ -x .venv/bin/python ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(made_from "$1")" ]; then
    exit 0
fi

if [ ! -x .venv/bin/python ] || [ "$(cat .venv/made-in 2>/dev/null)" != "$here" ]; then
    python=$(sh scripts/find_python.sh)
    echo "environment: making .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv
    echo "$here" >.venv/made-in
fi
echo "environment: installing $requirements"
pip() {
    # -qq: errors only
    .venv/bin/python -m pip --disable-pip-version-check -qq "$@"
}
export PIP_ROOT_USER_ACTION=ignore
pip install -r "$requirements"
pip install --no-deps -e .
made_from "$1" >"$stamp"
# The development environment has all that the other has.
[ "$1" = run ] || made_from run >.venv/made-for-run
