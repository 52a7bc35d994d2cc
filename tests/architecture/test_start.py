"""What the service loads at its start stays small: each process keeps it in memory, whether anybody ever needs it or not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.core.config import ROOT

HEAVY = {
    "authlib",
    "cryptography",
    "httpx2",
    "joserfc",
    "openpyxl",
    "psycopg",  # until the settings name PostgreSQL
    "scim2_models",
    "typst",
    "xlsxwriter",
}
WORKER = "import app.cli, app.worker"
WEB = f"""{WORKER}
from app.core.config import settings
from app.main import create_app
app.cli.warm(create_app(settings()).state.database)"""
MOST = {"worker": 78, "web": 125}  # megabytes of its own when it has started


@pytest.mark.thorough
@pytest.mark.parametrize(("kind", "start"), [("worker", WORKER), ("web", WEB)])
def test_what_starts_is_light(kind: str, start: str, tmp_path: Path) -> None:
    """Heavy libraries are imported in the functions that need them; and no pattern, table or template is enormous."""
    said = """
import sys
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
print(next(line.split()[1] for line in open("/proc/self/smaps_rollup") if line.startswith("Anonymous:")))"""
    environment = {"ACADEMY_DATABASE_URL": f"sqlite:///{tmp_path}/none.sqlite3", "PATH": ""}
    ran = subprocess.run([sys.executable, "-c", start + said], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    loaded, kilobytes = ran.stdout.splitlines()
    assert not HEAVY & set(loaded.split())
    assert int(kilobytes) / 1000 < MOST[kind], f"{kilobytes} kB: `python -X importtime` and tracemalloc say what"
    if kind == "worker":  # what web processes have, they have before they part
        assert "holidays" not in loaded.split()
        assert not {"fastapi", "uvicorn"} & set(loaded.split()), "the worker imports no door"
