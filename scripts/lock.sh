#!/usr/bin/env bash
# Write the three locks from their .in files: every platform's wheels, with hashes, and no host names.
# This machine's own settings (other indexes, local folders) are left out on purpose: a lock is for everyone.
# Versions already locked stay; scripts/lock.sh --upgrade raises those that nothing pins.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}

for name in requirements requirements-build requirements-dev; do
    env -u UV_INDEX -u UV_INDEX_URL -u UV_DEFAULT_INDEX -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS \
        "$uv" pip compile --no-config --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-annotate --no-header "$@" "$name.in" -o "$name.lock"
done
