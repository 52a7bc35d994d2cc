"""Drafts of the frameworks that ship: what somebody has under way when a test or a page needs one."""

from __future__ import annotations

from app.core.config import ROOT
from app.core.db import Database
from app.core.tx import SYSTEM, Tx, transaction
from app.frameworks import operations

REFERENCE = ROOT / "seed" / "reference"
ASYE = (REFERENCE / "programmes" / "asye_cf.yaml").read_text()
RULES = (REFERENCE / "supervision_rules.yaml").read_text()


def altered(text: str, *changes: tuple[str, str]) -> str:
    """A file with these changes, each of which must fit somewhere."""
    for old, new in changes:
        assert old in text, f"{old!r} is not there to be changed"
        text = text.replace(old, new)
    return text


def next_asye(*changes: tuple[str, str]) -> str:
    """The ASYE's file as another version."""
    return altered(ASYE, ('version: "2026-04"', 'version: "2027-draft"'), *changes)


def load(tx: Tx, *texts: str) -> list[operations.Loaded]:
    """Load files with these contents."""
    return operations.load(tx, operations.prepare([(f"file {n}.yaml", text.encode()) for n, text in enumerate(texts, 1)]))


def load_drafts(database: Database) -> None:
    """Another version of the ASYE, with a few differences, and of its supervision rule; neither is published."""
    rules = altered(RULES, ('version: "2026"', 'version: "2027"'), ('version: "2023"', 'version: "2027"'))
    asye = next_asye(("title: Heading page", "title: First page"), ("due_month: 9", "due_month: 8"))
    with transaction(database, SYSTEM, writes=True) as tx:
        load(tx, rules, asye)
