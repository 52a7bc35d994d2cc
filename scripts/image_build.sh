#!/usr/bin/env bash
# Build the service into a virtual environment that needs nothing else:  scripts/image_build.sh DEST
# The Dockerfile's first stage runs this, and so does .ci/run, because not every machine can fetch base images.
#   1. the locked build tools, in a scratch environment
#   2. style sheet and scripts, into the source tree
#   3. one wheel: app, migrations, seed
#   4. DEST: the locked production requirements and the wheel, no build tools
set -euo pipefail
cd "$(dirname "$0")/.."
dest=$(realpath -m "${1:?usage: scripts/image_build.sh DEST}")
python=${PYTHON:-python3}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

export PIP_DISABLE_PIP_VERSION_CHECK=1
"$python" -m venv "$scratch/tools"
"$scratch/tools/bin/python" -m pip install --quiet --require-hashes -r requirements-build.lock
"$scratch/tools/bin/python" scripts/build_assets.py
"$scratch/tools/bin/python" -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$scratch/wheel" .

rm -rf "$dest"
"$python" -m venv "$dest"
"$dest/bin/python" -m pip install --quiet --require-hashes -r requirements.lock
"$dest/bin/python" -m pip install --quiet --no-deps --no-index "$scratch"/wheel/*.whl
"$dest/bin/python" -m compileall -q "$dest"/lib/python3*/site-packages/{app,migrations,seed}
"$dest/bin/python" -m pip check
echo "Built $(basename "$scratch"/wheel/*.whl) into $dest"
