"""The frameworks that ship with the service, loaded and published; and the demonstration's invented figures for apprenticeships."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from app.core.config import ROOT
from app.core.db import Database
from app.core.tx import SYSTEM, transaction
from app.frameworks import operations
from app.frameworks.operations import Prepared

REFERENCE = ROOT / "seed" / "reference"
FIGURES = ROOT / "seed" / "content" / "apprenticeship_figures.yaml"


def reference_files() -> list[Path]:
    """The files that hold true for any council, in an order in which they can be loaded."""
    named = [REFERENCE / f"{name}.yaml" for name in ("standards", "supervision_rules", "apprenticeships")]
    return [*named, *sorted((REFERENCE / "programmes").glob("*.yaml"))]


def prepared(files: list[Path]) -> list[Prepared]:
    """These files, read and checked."""
    return operations.prepare([(path.name, path.read_bytes()) for path in files])


def load_frameworks(database: Database, moment: datetime) -> None:
    """Everything that ships, published at `moment`; what is there already stays as it is."""
    files = prepared([*reference_files(), FIGURES])
    with transaction(database, SYSTEM, writes=True, now=moment) as tx:
        operations.publish_loaded(tx, operations.load(tx, files))
