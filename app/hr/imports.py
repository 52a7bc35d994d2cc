"""An extract from its file to a preview, in short transactions, so that nobody waits for the whole of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

from app.core.tx import Tx
from app.hr import operations, queries
from app.hr.extract import digest, read
from app.hr.files import check_size
from app.hr.mapping import Mapping
from app.hr.operations import telling
from app.hr.problems import ExtractRefused

Turn = Callable[[], AbstractContextManager[Tx]]
"""Opens one write transaction of whoever imports."""


def compare(tx: Tx, import_id: int) -> dict[str, Any]:
    """Compare a staged file with the people as they are; HR hears of it where a program stops there. Returns the counts of its preview."""
    counts = operations.label(tx, import_id)
    telling.checked(tx, queries.find(tx, import_id), counts)
    return counts


def stage(turn: Turn, path: Path, mapping: Mapping, *, file_name: str, as_at: date | None = None) -> tuple[int, dict[str, Any]]:
    """Read, stage and compare a file; returns the import's id and the counts of its preview.

    A program that sends what it sent before, while nobody has changed anything, is told so without reading it (`operations.again`).

    Raises ExtractRefused when the file as a whole cannot be used; then nothing of it stays.
    """
    check_size(path)
    try:
        its = digest(path)
    except OSError as problem:
        raise ExtractRefused(f"The file {path.name} cannot be read: {problem.strerror or problem}.") from problem
    with turn() as tx:
        if found := operations.again(tx, its, mapping, as_at or tx.today, file_name):
            return found
    extract = read(path, mapping)
    with turn() as tx:
        day = as_at or tx.today
        words = operations.lookups(tx, mapping, day)
        import_id = operations.begin(tx, extract, mapping, file_name=file_name, sha256=its, as_at=day)
    try:
        while rows := list(islice(extract.rows, operations.BATCH)):
            with turn() as tx:
                operations.add_rows(tx, import_id, rows, words, extract.headings.named)
        with turn() as tx:
            operations.finish(tx, import_id)
        with turn() as tx:
            return import_id, compare(tx, import_id)
    except BaseException:
        with turn() as tx:
            operations.discard(tx, import_id)
        raise
