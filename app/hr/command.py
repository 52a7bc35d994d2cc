"""`python -m app import-people`: the preview as text, and applying it, for whoever runs the server."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Any

from app.core.db import Database
from app.core.errors import Invalid, Refusal
from app.core.text import plural
from app.core.tx import Tx
from app.core.work import job
from app.hr import imports, operations, queries
from app.hr.mapping import Mapping, load_mapping

APPLIED, CLEAN, PROBLEMS = 0, 0, 2
LISTED = 20
"""Rows of a label, and problems, printed at most; the page shows all."""


def run(
    database: Database,
    file: Path,
    *,
    dry_run: bool = False,
    mapping: Path | None = None,
    confirm_leavers: int | None = None,
    as_at: date | None = None,
) -> int:
    """Import a file, or show what importing it would do. 0: applied, or a dry run without problems; 2: nothing was applied."""

    def turn() -> AbstractContextManager[Tx]:
        return job(database)

    started = time.perf_counter()
    try:
        rules = load_mapping(mapping) if mapping is not None else Mapping()
        import_id, counts = imports.stage(turn, file, rules, file_name=file.name, as_at=as_at)
        with job(database, writes=False) as tx:
            _print(preview(tx, import_id))
        if dry_run or counts["problems"]:
            with turn() as tx:
                operations.discard(tx, import_id)
            _print(_outcome(counts))
            return PROBLEMS if counts["problems"] else CLEAN
        compared = time.perf_counter()
        try:
            with turn() as tx:
                operations.apply(tx, import_id, confirmed_leavers=confirm_leavers)
        except Refusal:
            with turn() as tx:
                operations.discard(tx, import_id)
            raise
    except Refusal as refused:
        lines = [refused.message, refused.way_out]
        if isinstance(refused, Invalid) and refused.code == "confirm-leavers":
            lines.append(f"If that is right, run the command again with --confirm-leavers {refused.facts['leavers']}.")
        sys.stderr.write("\n".join(line for line in lines if line) + "\n")
        return PROBLEMS
    _print(["", f"Applied. Read and compared in {compared - started:.1f} s, applied in {time.perf_counter() - compared:.1f} s."])
    return APPLIED


def preview(tx: Tx, import_id: int) -> list[str]:
    """The preview as lines of text: figures, the first rows of each label, the first problems."""
    found = queries.find(tx, import_id)
    counts: dict[str, Any] = found.counts
    lines = [f"{found.file_name}: {plural(counts['rows'], 'row')}, as at {queries.day_in_words(found.as_at)}"]
    lines += [f"{queries.HEADINGS[label.value]:>14}: {counts[label.value]:>7,}" for label in queries.SHOWN]
    lines.append(f"{'Problems':>14}: {counts['problems']:>7,}")
    if counts["left out"]:
        lines.append(f"{counts['left out']:,} of the leavers are people whom the file does not name.")
    if found.ignored:
        lines.append(f"Headings that mean nothing here and are ignored: {', '.join(found.ignored)}")
    for label in queries.SHOWN:
        if counts[label.value] and label.value != "same":
            lines += _listed(tx, found, label.value, counts[label.value])
    shown = tx.rows(queries.problems(import_id).limit(LISTED))
    if shown:
        lines += ["", "Problems"]
    for problem in shown:
        lines.append(
            f"  line {problem.line}, {problem.column_name or 'the whole line'}: “{problem.value}”. {problem.wrong} {problem.remedy}"
        )
    if counts["problems"] > LISTED:
        lines.append(f"  … and {counts['problems'] - LISTED:,} more")
    return lines


def _listed(tx: Tx, found: Any, label: str, total: int) -> list[str]:
    lines = ["", queries.HEADINGS[label]]
    for row in queries.rows(tx, found, label, limit=LISTED):
        where = f"line {row['line']}" if row["line"] else "not in the file"
        lines.append(f"  {row['name']} ({row['number'] or 'no number'}, {where}): {'; '.join(row['changes'])}")
    return [*lines, f"  … and {total - LISTED:,} more"] if total > LISTED else lines


def _outcome(counts: dict[str, Any]) -> list[str]:
    if counts["problems"]:
        said = plural(counts["problems"], "problem")
        return ["", f"Nothing was applied: {said} on {plural(counts['invalid'], 'line')}. Correct them and run the command again."]
    if counts["confirm"]:
        return ["", f"Dry run: nothing was changed. To apply it, add --confirm-leavers {counts['leaver']}."]
    return ["", "Dry run: nothing was changed."]


def _print(lines: list[str]) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
