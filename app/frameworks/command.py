"""`python -m app load-frameworks FILE… [--dry-run] [--publish]`"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.core.db import Database
from app.core.errors import Refusal
from app.core.text import plural
from app.core.tx import SYSTEM, transaction
from app.frameworks import operations
from app.frameworks.operations import Loaded
from app.frameworks.reading import FileRefused


class _DryRun(Exception):
    """Leaves the transaction so that nothing of it stays."""


def run(database: Database, files: Sequence[Path], *, dry_run: bool = False, publish: bool = False, verbs: Any = operations) -> int:
    """Load these files, all or none, and say what became of each thing in them. 0: done; 1: refused, with every problem and its line.

    `verbs`: the operations of the room whose files they are, with `prepare`, `load` and `publish_loaded`.
    """
    loaded: list[Loaded] = []
    published = 0
    try:
        prepared = verbs.prepare([(path.name, path.read_bytes()) for path in files])
        with transaction(database, SYSTEM, writes=True) as tx:
            loaded = verbs.load(tx, prepared)
            published = verbs.publish_loaded(tx, loaded) if publish else 0
            if dry_run:
                raise _DryRun
    except FileRefused as refused:
        return _refuse([*map(str, refused.problems), f"Nothing was loaded: {plural(len(refused.problems), 'problem')}."])
    except Refusal as refused:
        return _refuse([f"Nothing was loaded: {refused.message} {refused.way_out}".strip()])
    except _DryRun:
        pass
    lines = [" ".join(word for word in (f"{each.outcome}:", each.kind, each.code, each.version) if word) for each in loaded]
    if publish:
        lines.append(f"published: {published}")
    elif any(each.key is not None and each.outcome != "already there" for each in loaded):
        lines.append("Drafts count for nobody until they are published: here with --publish, or on their page.")
    if dry_run:
        lines.append("This was a dry run: nothing was changed.")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _refuse(lines: list[str]) -> int:
    sys.stderr.write("\n".join(lines) + "\n")
    return 1
