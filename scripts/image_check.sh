#!/usr/bin/env bash
# Show that a built environment stands without the source tree:  scripts/image_check.sh DEST EMPTY_FOLDER
# From an empty folder it migrates a database from nothing, serves, says it is ready and hands out its assets.
set -euo pipefail
dest=$(realpath "${1:?usage: scripts/image_check.sh DEST EMPTY_FOLDER}")
cd "${2:?usage: scripts/image_check.sh DEST EMPTY_FOLDER}"
unset PYTHONPATH
export ACADEMY_DEMO=1 ACADEMY_DATABASE_URL="sqlite:///$PWD/check.sqlite3"

"$dest/bin/python" -m app --help >/dev/null
"$dest/bin/python" -m app migrate
"$dest/bin/python" - <<'PYTHON'
"""The files are there; the service answers; it is stopped again, whatever happens."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import app

root = Path(app.__file__).parent.parent
for needed in ("app/static/build/app.css", "app/templates", "migrations/env.py", "seed/reference"):
    assert (root / needed).exists(), f"the wheel lacks {needed}"

with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
server = subprocess.Popen([sys.executable, "-m", "app", "serve", "--port", str(port), "--no-worker"], stdout=subprocess.DEVNULL)
try:
    until = time.monotonic() + 30
    for path in ("/readyz", "/healthz", "/static/app.css", "/static/app.js"):
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as reply:
                    assert reply.status == 200, path
                break
            except urllib.error.HTTPError:
                raise
            except OSError:
                if time.monotonic() > until or server.poll() is not None:
                    sys.exit(f"the built service does not answer {path}")
                time.sleep(0.2)
finally:
    server.terminate()
    server.wait(20)
PYTHON
echo "The built environment stands on its own."
