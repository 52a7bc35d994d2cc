"""The directions of imports in pyproject.toml hold, and the checker would notice if they did not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from app.core.config import ROOT

LINT = Path(sys.executable).with_name("lint-imports")


def test_every_contract_is_kept() -> None:
    done = subprocess.run([LINT, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "0 broken" in done.stdout


def test_a_planted_import_up_the_stairs_is_found(tmp_path: Path) -> None:
    """The same contracts over a copy of the tree in which a lower room calls up."""
    for name in ("app", "migrations"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("static", "templates", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "app" / "learning" / "models.py").open("a") as planted:
        planted.write("\nfrom app.bookings import models as _up  # noqa\n")
    done = subprocess.run(
        [LINT, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(tmp_path), "PATH": ""}
    )
    assert done.returncode != 0 and "BROKEN" in done.stdout
