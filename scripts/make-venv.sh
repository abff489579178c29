#!/bin/sh
# usage: make-venv.sh PYTHON DIRECTORY: a virtual environment, also where the system's Python comes without ensurepip.
set -eu
python=$1 venv=$2
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "$("$python" --version) is too old: Python 3.11 or newer is needed; name one with make PYTHON=..." >&2
    exit 1
}
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    "$(dirname "$0")/install-packages.sh" python3-venv
fi
"$python" -m venv "$venv"
