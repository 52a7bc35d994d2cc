"""Lawful redaction: words or a file are taken out of a signed portfolio, and the chain says that it was done, by whom, when and why.

What goes is the content and its salt, wherever the same content stands: beside every signature that froze it, in the document's versions,
in the record of a decision or an agreement, in earlier exports. What stays are fingerprints that nobody can open any more, so that
everything else still verifies.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, select, update

from app.core.db import Base
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.files import File
from app.core.frozen import MARK
from app.core.tx import Tx
from app.policy import Can, operation
from app.programmes.access import part
from app.programmes.chain import STATEMENT, Redacted, salted
from app.programmes.models import Agreement, Change, Plan
from app.programmes.operations.chaining import add_entry
from app.programmes.panel_models import Decision
from app.programmes.portfolio_models import Attachment, Clash, Document, Entry, Export, Opening, Revision

REASONS = {
    "family": "Names a child or a family",
    "third party": "Names somebody who has not agreed",
    "erasure": "Erasure was asked for and is granted",
    "elsewhere": "Belongs to another procedure, not to a portfolio",
}
KINDS = ("document", "declined", "addendum", "paper", "decision", "agreement")
# Of what is a record of its own only what somebody wrote in their own words can go: its dates, outcome and kind are facts, not words.
WORDS = {"decision": ("reasons", "to_learner", "to_assessor"), "agreement": ("words", STATEMENT)}
DECLARATION = "I take this content out of the portfolio as the law allows. What was signed stays in the chain as a fingerprint."


@operation(Can.REDACT)
def redact(tx: Tx, enrolment_id: int, picked: Sequence[tuple[int, str]], reason: str) -> int:
    """Take out what stands at these (entry's number, path); returns the id of the entry that says so.

    The same content beside other signatures on the same document goes with it. Invalid for an unknown reason or an empty choice, Conflict
    for what is redacted already or is not kept here; somebody who takes part in the portfolio cannot do it.
    """
    given = part(tx, Can.REDACT, enrolment_id, lock=True)
    if given.side is not None:
        raise Forbidden("You take part in this portfolio yourself, so somebody else has to redact it.")
    if reason not in REASONS:
        raise Invalid("Choose the reason.", errors=[{"field": "reason", "message": "Choose the reason"}])
    if not picked:
        raise Invalid("Choose what is to go.", errors=[{"field": "what", "message": "Choose what is to go"}])
    entries = {row.sequence: row for row in tx.rows(select(Entry.__table__).where(Entry.enrolment_id == enrolment_id))}
    openings = _openings(tx, enrolment_id)
    chosen: dict[tuple[int, str], Row[Any]] = {}
    for sequence, path in dict.fromkeys(picked):
        chosen |= _same(entries, openings, sequence, path)
    gone = [Redacted(sequence, path, _digest(entries[sequence], path)) for sequence, path in sorted(chosen)]
    entry = add_entry(
        tx,
        given.enrolment,
        "redaction",
        what=("REDACTION", "Redaction", 1),
        declaration=DECLARATION,
        answer="redacted",
        redacts=gone,
        reason=REASONS[reason],
        person_id=tx.actor.person_id,
        capacities=("coordinator",),
    )
    for (sequence, path), opening in chosen.items():
        tx.db.execute(
            update(Opening)
            .where(Opening.entry_id == entries[sequence].id, Opening.path == path)
            .values(salt=None, value=None, redacted_at=tx.now)
        )
        _in_document(tx, entries[sequence], path, opening.value)
        _in_record(tx, entries[sequence], path, json.loads(opening.value))
    _exports(tx, enrolment_id)
    tx.record("portfolio.redacted", "chain_entries", entry, person_id=given.enrolment.person_id, reason=reason, pieces=len(gone))
    return entry


def words_at(kind: str, path: str) -> bool:
    """Is this something that can be redacted in an entry of that kind?"""
    return kind in KINDS and (kind not in WORDS or path in WORDS[kind])


def _openings(tx: Tx, enrolment_id: int) -> dict[tuple[int, str], Row[Any]]:
    rows = tx.rows(
        select(Entry.sequence, Opening.__table__).join(Entry, Entry.id == Opening.entry_id).where(Entry.enrolment_id == enrolment_id)
    )
    return {(row.sequence, row.path): row for row in rows}


def _same(
    entries: dict[int, Row[Any]], openings: dict[tuple[int, str], Row[Any]], sequence: int, path: str
) -> dict[tuple[int, str], Row[Any]]:
    """The opening that was picked, and the same content at the same place of the same document, decision or change beside others."""
    opening = openings.get((sequence, path))
    if opening is None:
        raise NotFound("There is no such content in this portfolio.", code="content-not-found")
    if opening.redacted_at is not None:
        raise Conflict("This is redacted already.", code="already-redacted")
    entry = entries[sequence]
    if entry.kind not in KINDS or not words_at(entry.kind, path):
        raise Conflict("Only what somebody wrote in their own words can be redacted.", code="not-here")
    if path == STATEMENT:
        return {(sequence, path): opening}
    if entry.kind in WORDS:
        about = (entry.decision_id, entry.change_id)
        return {
            key: other
            for key, other in openings.items()
            if (entries[key[0]].decision_id, entries[key[0]].change_id) == about
            and (key[1], other.value, other.redacted_at) == (path, opening.value, None)
        }
    if entry.document_id is None:
        return {(sequence, path): opening}
    wanted = _file(entry, path) or opening.value
    found = {}
    for key, other in openings.items():
        there = entries[key[0]]
        if there.document_id != entry.document_id or there.kind not in KINDS or other.redacted_at is not None:
            continue
        same = _file(there, key[1]) == wanted if _file(entry, path) else (key[1] == path and other.value == wanted)
        if same:
            found[key] = other
    return found


def _file(entry: Row[Any], path: str) -> str | None:
    """The digest of the file at this path of an entry; None if no file is there."""
    if not path.startswith("files/"):
        return None
    return next((str(one["sha256"]) for one in json.loads(entry.canonical)["files"] if one["path"] == path), None)


def _digest(entry: Row[Any], path: str) -> str:
    return next(digest for name, _, digest in salted(json.loads(entry.canonical)) if name == path)


# Where else it stands ----------------------------------------------------------------------------------------------


def _in_document(tx: Tx, entry: Row[Any], path: str, value: str) -> None:
    """The same words in any version of the document, and the file itself."""
    if entry.document_id is None or path == STATEMENT:
        return
    if sha := _file(entry, path):
        tx.db.execute(delete(Attachment).where(Attachment.document_id == entry.document_id, Attachment.digest == sha))
        forget(tx, sha)
        return
    code, words = path.rpartition("/")[2], json.loads(value)
    for row in tx.rows(select(Revision.number, Revision.content).where(Revision.document_id == entry.document_id)):
        if words and row.content.get(code) == words:
            mine = (Revision.document_id == entry.document_id) & (Revision.number == row.number)
            tx.db.execute(update(Revision).where(mine).values(content={**row.content, code: MARK}, redacted_at=tx.now))
    if words:
        tx.db.execute(
            update(Clash).where(Clash.document_id == entry.document_id, Clash.item == code, Clash.words == words).values(words=MARK)
        )
    tx.update(Document, entry.document_id, changed_at=tx.now)


def _in_record(tx: Tx, entry: Row[Any], path: str, words: Any) -> None:
    """The same words in the row of a decision, of what was proposed, of what somebody answered, and of the plan that followed."""
    if not words:
        return
    if entry.decision_id is not None:
        tx.db.execute(update(Decision).where(Decision.id == entry.decision_id).values({path: MARK}))
    elif entry.change_id is not None and path == STATEMENT:
        mine = (Agreement.change_id == entry.change_id) & (Agreement.person_id == entry.person_id)
        tx.db.execute(update(Agreement).where(mine, Agreement.words == words).values(words=MARK))
    elif entry.change_id is not None:
        tx.db.execute(update(Change).where(Change.id == entry.change_id, Change.words == words).values(words=MARK))
        tx.db.execute(update(Plan).where(Plan.change_id == entry.change_id, Plan.words == words).values(words=MARK))


def _exports(tx: Tx, enrolment_id: int) -> None:
    """Bundles made before hold the content still."""
    made = tx.rows(select(Export.id, Export.digest).where(Export.enrolment_id == enrolment_id, Export.digest.is_not(None)))
    for row in made:
        tx.update(Export, row.id, digest=None, failed="redacted")
        forget(tx, row.digest)


def forget(tx: Tx, digest: str) -> None:
    """Forget a file that nothing refers to any more; its bytes go with the next sweep of the folder."""
    for column in _references():
        if tx.scalar(select(column).where(column == digest).limit(1)) is not None:
            return
    tx.db.execute(delete(File).where(File.digest == digest))


def _references() -> list[ColumnElement[str]]:
    """Every column of every table that names a file."""
    keys = (key for table in Base.metadata.sorted_tables for key in table.foreign_keys if key.column is File.__table__.c.digest)
    return [key.parent for key in keys]
