#!/bin/sh
# Prints the Python that our virtual environment is made with: the first in PATH that is 3.11 or newer and has the venv
# and ensurepip modules (Debian keeps the latter in python3-venv). Installs nothing.
set -u

for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$candidate" -c '
import sys
if sys.version_info < (3, 11):
    sys.exit(1)
import ensurepip, venv
' 2>/dev/null; then
        command -v "$candidate"
        exit 0
    fi
done
if python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "python3 cannot make virtual environments: apt-get install python3-venv" >&2
else
    echo "Python 3.11 or newer is needed; python3 is $(python3 --version 2>/dev/null || echo missing)" >&2
fi
exit 1
