"""The guide in docs/api.md is true: its commands run, and its table holds every code that the interface can answer with."""

from __future__ import annotations

import ast
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.config import ROOT
from app.core.db import connect
from tests.factory import Make

GUIDE = (ROOT / "docs" / "api.md").read_text()
ROWS = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \|", GUIDE, re.MULTILINE)

# Where the interface's refusals are raised. Importers and pages have others of their own.
SOURCES = [
    "core/errors.py",
    "core/listing.py",
    "core/tx.py",
    "core/web.py",
    "apidoor.py",
    "doors.py",
    "main.py",
    "policy.py",
    "identity/access.py",
    *(f"hr/{name}.py" for name in ("bulk", "import_api", "feed_api", "problems", "queries", "operations/applying", "operations/labelling")),
    "identity/limits.py",
    *(f"people/{name}.py" for name in ("api", "details", "listings", "models", "operations")),
    *(f"learning/{name}.py" for name in ("api", "checks", "listings", "models", "operations", "results")),
    *(f"bookings/{name}.py" for name in ("api", "listings", "models", "rules")),
    *(f"bookings/operations/{name}.py" for name in ("book", "cancel", "changes", "offers", "places", "sessions", "timetable")),
]
NOT_HERE = {
    "sign-in-needed": "replaced by token-missing and token-invalid",
    "conflict": "every conflict has a code of its own",
    "too-many-requests": "likewise",
    "cross-site": "tokens are no cookies",
    "approval-needed": "told, refuses nothing",
    "non-working-day": "told, refuses nothing",
    "coordinator-not-of-host": "roles are given on pages",
    "own-role": "roles are given on pages",
    "role-beyond-reach": "roles are given on pages",
    "role-ended": "roles are given on pages",
    "role-held": "roles are given on pages",
    "course-has-sessions": "courses are withdrawn on pages",
    "provider-name-taken": "providers are kept on pages",
    "series-title-taken": "series are kept on pages",
    "curriculum-title-taken": "curricula are kept on pages",
    "already-asked": "learning from elsewhere is asked for on pages",
    "confirm-leavers": "a program's leavers wait for a person",
    "reference-taken": "references are given by the import of sessions",
}


def raised() -> set[str]:
    """Every code in those files: of classes, of keywords, of reasons, and those chosen between."""
    codes: set[str] = set()
    for name in SOURCES:
        for node in ast.walk(ast.parse((ROOT / "app" / name).read_text())):
            places: list[ast.AST] = []
            if isinstance(node, ast.Call):
                places += [keyword.value for keyword in node.keywords if keyword.arg == "code"]
                places += node.args[:1] if getattr(node.func, "id", "") == "Reason" else []
            elif isinstance(node, ast.Assign) and "code" in {getattr(one, "id", getattr(one, "attr", "")) for one in _targets(node)}:
                places.append(node.value)
            texts = [part.value for place in places for part in ast.walk(place) if isinstance(part, ast.Constant)]
            codes |= {text for text in texts if isinstance(text, str) and re.fullmatch(r"[a-z]+(-[a-z]+)*", text) and text != "session-"}
    return codes - {"code"} | {"session-published", "session-cancelled"}  # the last two are made of the session's state


def _targets(node: ast.Assign) -> list[ast.expr]:
    return [part for target in node.targets for part in (target.elts if isinstance(target, ast.Tuple) else [target])]


def test_every_code_is_in_the_guide_and_no_other() -> None:
    told = {code for code, _ in ROWS}
    found = raised() - set(NOT_HERE)
    assert len(ROWS) == len(told) and len(told) > 40
    assert found - told == set(), "raised, but not in docs/api.md"
    assert told - found == set(), "in docs/api.md, but not raised"


TOOLS = shutil.which("curl") and shutil.which("jq")
REQUIRED = os.environ.get("ACADEMY_REQUIRE_BROWSER")  # continuous integration leaves nothing out: without the tools it fails


# The commands ------------------------------------------------------------------------------------------------------


@pytest.fixture
def served(tmp_path: Path, sqlite_template: Path) -> Iterator[dict[str, str]]:
    """A live server on a small world; what it yields is the environment of the guide's reader."""
    file = tmp_path / "academy.sqlite3"
    shutil.copy(sqlite_template, file)
    database = connect(f"sqlite:///{file}", pool=2)
    make = Make(database)
    for name in ("Amina Okafor", "Bo Baker", "Cai Clark"):
        make.person(name)
    make.session()
    database.dispose()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "ACADEMY_DATABASE_URL": f"sqlite:///{file}",
        "ACADEMY_LOG_LEVEL": "error",
        "ACADEMY_MAIL_DIR": str(tmp_path / "mail"),
        "ACADEMY": f"http://127.0.0.1:{port}",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    server = subprocess.Popen([sys.executable, "-m", "app", "serve", "--port", str(port)], env=environment, stdout=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(environment["ACADEMY"] + "/healthz", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield environment
    finally:
        server.terminate()
        server.wait(20)


@pytest.mark.thorough
@pytest.mark.skipif(not (TOOLS or REQUIRED), reason="the guide's commands need curl and jq")
def test_the_guides_commands_run(served: dict[str, str], tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 8
    script = "set -euo pipefail\n" + "\n".join(blocks)
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=served, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"Cai Clark"' in done.stdout, "the second page"
    assert done.stdout.count("booked\n") == 1 and "idempotent-replayed: true" in done.stdout.lower() and "cancelled\n" in done.stdout
    assert "Sam Okafor" in done.stdout and '"emial"' in done.stdout
    assert "joiner\njoiner\n" in done.stdout and "applied\n" in done.stdout and "person.changed Sammy Okafor\n" in done.stdout
