#!/usr/bin/env bash
# Show that a built environment stands without the source tree:  scripts/image_check.sh DEST EMPTY_FOLDER
# From an empty folder it answers for help, migrates a database from nothing and carries its assets.
set -euo pipefail
dest=$(realpath "${1:?}")
cd "${2:?}"
unset PYTHONPATH
export ACADEMY_DEMO=1 ACADEMY_DATABASE_URL="sqlite:///$PWD/check.sqlite3"

"$dest/bin/python" -m app --help >/dev/null
"$dest/bin/python" -m app migrate
"$dest/bin/python" - <<'PYTHON'
from pathlib import Path

import app

root = Path(app.__file__).parent.parent
for needed in ("app/static/build/app.css", "app/static/build/app.js", "app/templates", "migrations/env.py", "seed/reference"):
    assert (root / needed).exists(), f"the wheel lacks {needed}"
for unwanted in ("app/static/src", "node_modules"):
    assert not (root / unwanted).exists(), f"the wheel should not carry {unwanted}"
PYTHON
echo "The built environment stands on its own."
