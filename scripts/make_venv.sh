#!/usr/bin/env bash
# Make or bring up to date the virtual environment that the Makefile uses:  scripts/make_venv.sh .venv
# Takes the first Python 3.11 or newer that really runs (a version manager may offer names that do not).
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1

usable() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

if ! usable "$venv/bin/python"; then
    python=""
    for candidate in ${PYTHON:-} python3.12 python3.11 python3.13 python3.14 python3 python; do
        if command -v "$candidate" >/dev/null && usable "$candidate"; then
            python=$candidate
            break
        fi
    done
    if [ -z "$python" ]; then
        echo "Python 3.11 or newer, with its venv module, is needed and was not found (PYTHON=/path/to/python3.11 names one)." >&2
        exit 1
    fi
    echo "Making $venv with $("$python" --version) …"
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi

echo "Installing the locked requirements …"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
