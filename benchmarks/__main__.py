"""`python -m benchmarks`: all of them, one after the other, into benchmarks/results.md."""

from __future__ import annotations

import io
import os
import platform
import subprocess
import sys
from contextlib import redirect_stdout
from datetime import UTC, datetime
from importlib import import_module

from app.core.config import ROOT

PARTS = {
    "booking_race": "A thousand people race for twenty places, one of them on six devices at once",
    "waitlist": "Two hundred seats come free at once while two thousand wait",
    "bookings": "Complete bookings a second, by API",
    "pages": "Pages, signed in",
    "imports": "HR extracts",
    "hr": "HR systems connected: SCIM, extracts over the API, the feed of changes, leavers",
    "guard": "The guard: 10,000 words",
    "programmes": "Programmes: a cohort board of 500, a desk of 40, a portfolio of 60 pages",
    "pathways": "Pathways: everybody's next steps, a team's, one person's",
    "measures": "Measures: the dashboard, closing a month; the export of a talent pool",
}
HEAD = """\
# Measurements

Made by `python -m benchmarks` on {when}: {cores} cores, load generator and database included, Python {python}, {machine}.
Ratios are taken to a plain baseline in the same run and move less than the figures. PostgreSQL runs with its ordinary
durability, SQLite with `synchronous=FULL`.
"""


class Both(io.StringIO):
    """Keeps what is printed, and shows it."""

    def write(self, text: str) -> int:
        """Add text to both."""
        sys.__stdout__.write(text)  # type: ignore[union-attr]
        return super().write(text)


def main() -> int:
    """Run every part, or those named, and write the table; the exit code says whether a race was lost."""
    chosen = [name for name in sys.argv[1:] if name in PARTS] or list(PARTS)
    sys.argv = sys.argv[:1]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**30
    machine = f"{platform.system()} {platform.machine()}, {memory} GiB of memory"
    now = datetime.now(UTC).strftime("%-d %B %Y")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    text = HEAD.format(when=f"{now} at {commit}", cores=os.cpu_count(), python=platform.python_version(), machine=machine)
    failed = 0
    for name in chosen:
        kept = Both()
        with redirect_stdout(kept):
            failed |= import_module(f"benchmarks.{name}").main()
        text += f"\n## {PARTS[name]}\n\n`python -m benchmarks.{name}`\n\n{kept.getvalue().strip()}\n"
        (ROOT / "benchmarks" / "results.md").write_text(text, encoding="utf-8")
    return failed


if __name__ == "__main__":
    sys.exit(main())
