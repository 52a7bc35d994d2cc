"""HR extracts of 1,286 and 100,000 rows through the real command: the first load, the same file again, and a month's changes.

python -m benchmarks.imports [--rows 1286 --rows 100000] [--database sqlite|postgresql]
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from app.core.config import ROOT
from app.core.db import connect
from app.core.tx import SYSTEM, transaction
from app.people import operations as people
from benchmarks import house

AS_AT = date(2026, 11, 2)
LIMITS = {1286: 5.0, 100_000: 90.0}
MEMORY_MB = 500
MAPPING = "name: benchmark\nextract: full\ncreate_units: true\n"
STAGES = ("NQSW", "SW", "EXP", "SENIOR", "TM")
FIRST = ("Asha", "Ben", "Cerys", "Dai", "Efua", "Farah", "Gwen", "Hamza", "Isla", "Joel", "Kezia", "Luca", "Mair", "Noor", "Owen", "Priya")
LAST = ("Ashdown", "Birch", "Corwen", "Dunmore", "Elvet", "Farrow", "Garth", "Holloway", "Ingram", "Jessop", "Kells", "Larkhill", "Marsh")
HEADINGS = (
    "Employee Number", "First Name", "Surname", "Work Email", "SWE Number", "Registration Status", "Job Title", "Career Stage",
    "Contract Type", "FTE", "Working Pattern", "Service", "Locality", "Team", "Line Manager Number", "Start Date", "Leaving Date",
    "Practice Area", "Entry Route", "Year Qualified",
)  # fmt: skip


def line(n: int, rows: int) -> dict[str, Any]:
    """A made-up member of staff; everybody but the first few has a manager further up the file or down it."""
    first, last = FIRST[n % len(FIRST)], f"{LAST[n % len(LAST)]} {n}"
    team = n % min(max(rows // 12, 1), 1000)
    started = date(2008, 1, 7) + timedelta(days=n % 6500)
    number = f"SW{900_001 + n * 2 // 3}" if n % 3 else ""
    manager = "" if n < 7 else f"{100_000 + n % rows // 7}"
    return dict(
        zip(
            HEADINGS,
            (
                f"{100_000 + n}", first, last, f"{first.lower()}.{n}@westmarch.example", number,
                "Registered" if n % 3 else "", "Team manager" if manager == "" else "Social worker", STAGES[n % len(STAGES)],
                ("Permanent", "Permanent", "Fixed term", "Agency")[n % 4], ("1", "0.8", "0.6")[n % 3],
                ("Mon-Fri", "MTWT-", "1111000")[n % 3],
                f"Service {team % 9}", f"Locality {team % 54}", f"Team {team}", manager,
                started.strftime(("%d/%m/%Y", "%Y-%m-%d", "%d-%b-%Y")[n % 3]), "", "Children in care", "Degree", str(2000 + n % 24),
            ),
            strict=True,
        )
    )  # fmt: skip


def month_later(lines: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """A month's changes: movers, new names, leavers by date, leavers by omission, joiners. Returns how many are left out."""
    rows, kept, omitted = len(lines), [], 0
    first_report = rows // 7 + 7  # below them nobody manages anybody
    for n, old in enumerate(lines):
        new = dict(old)
        if n % 33 == 1:
            new["Team"], new["Service"], new["Locality"] = (lines[(n + 12) % rows][column] for column in ("Team", "Service", "Locality"))
        elif n % 41 == 1:
            new["Surname"] += "-New"
        elif n >= first_report and n % 67 == 3:
            new["Leaving Date"] = "30/11/2026"
        elif n >= first_report and n % 90 == 5:
            omitted += 1
            continue
        kept.append(new)
    return kept + [line(rows + n, rows) for n in range(rows // 50)], omitted


@contextmanager
def empty(kind: str) -> Iterator[str]:
    """A migrated database with the council and the career stages, and nobody in it."""
    if kind == "sqlite":
        house.KEPT.mkdir(parents=True, exist_ok=True)
        path = house.KEPT / "imports.sqlite3"
        for old in house.KEPT.glob("imports.sqlite3*"):
            old.unlink()
        url = f"sqlite:///{path}"
    else:
        house._admin("DROP DATABASE IF EXISTS imports WITH (FORCE)", "CREATE DATABASE imports")
        url = house._named("imports")
    house._app(url, "migrate")
    database = connect(url, pool=1)
    with transaction(database, SYSTEM, writes=True) as tx:
        people.create_unit(tx, "organisation", "Westmarch County Council", "WCC", host=True)
        people.load_stages(tx, [dict(code=code, title=code, order=10, group="practitioner") for code in STAGES])
    database.dispose()
    yield url


@dataclass
class Measured:
    """One run of the command: wall time, the most memory it held, and what it printed."""

    seconds: float
    megabytes: float
    said: str

    @property
    def applied(self) -> str:
        """Seconds in the applying transaction, as the command says."""
        found = re.search(r"applied in ([\d.]+) s", self.said)
        return found[1] if found else "–"

    def figure(self, label: str) -> int:
        found = re.search(rf"^ *{label}: +([\d,]+)$", self.said, re.MULTILINE)
        return int(found[1].replace(",", "")) if found else -1


def run(url: str, file: Path, mapping: Path, *more: str) -> Measured:
    """The command in a process of its own: wall time from start to end, and the most memory it ever held."""
    command = [sys.executable, "-m", "app", "import-people", str(file), "--map", str(mapping), "--as-at", AS_AT.isoformat(), *more]
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env=house.environment(url), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(said)
    return Measured(time.perf_counter() - started, usage.ru_maxrss / 1024, said)


def write(path: Path, lines: list[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, HEADINGS)
        writer.writeheader()
        writer.writerows(lines)
    return path


def measure(kind: str, rows: int, folder: Path) -> bool:
    """Three runs on one database; prints a row of the table for each. True when all stayed within the limits."""
    mapping = folder / "map.yaml"
    mapping.write_text(MAPPING)
    lines = [line(n, rows) for n in range(rows)]
    first = write(folder / "first.csv", lines)
    changed, omitted = month_later(lines)
    second = write(folder / "second.csv", changed)
    del lines, changed
    good = True
    with empty(kind) as url:
        for name, file in (("first load", first), ("same again", first), ("a month later", second)):
            found = run(url, file, mapping, "--confirm-leavers", str(omitted))
            counts = [found.figure(label) for label in ("Joiners", "Movers", "Leavers", "Other changes", "Unchanged")]
            expected = {"first load": counts[0] == rows, "same again": counts[4] == rows}.get(name, min(counts) > 0)
            good = good and expected and found.seconds < LIMITS.get(rows, 1e9) and found.megabytes < MEMORY_MB
            shown = " | ".join(f"{count:,}" for count in counts)
            print(f"| {kind} | {rows:,} | {name} | {shown} | {found.seconds:.1f} | {found.applied} | {found.megabytes:.0f} |", flush=True)
    return good


def main() -> int:
    parser = house.arguments("Time the import of HR extracts.")
    parser.add_argument("--rows", type=int, action="append", help="1,286 and 100,000 by default")
    options = parser.parse_args()
    print("| Database | Rows | Run | Joiners | Movers | Leavers | Changed | Same | Seconds | of which applying | Peak MB |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    good = True
    for rows in options.rows or list(LIMITS):
        for kind in house.both(options):
            with tempfile.TemporaryDirectory() as folder:
                good = measure(kind, rows, Path(folder)) and good
    print("\nWithin the limits." if good else "\nOver a limit, or not the expected people.")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
