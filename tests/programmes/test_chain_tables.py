"""Somebody with the database in their hands alters it: whatever it is, it is found and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from app.core.canonical import canonical
from app.core.files import File
from app.core.tx import Tx
from app.programmes import chain, chain_tables
from app.programmes.models import Enrolment
from app.programmes.operations import heads
from app.programmes.operations.chaining import add_entry
from app.programmes.panel_models import Decision
from app.programmes.portfolio_models import DailyHead, Entry, Opening, Revision
from app.programmes.reading import chain_of
from tests.factory import Make
from tests.plants import unguarded_tx
from tests.programmes.signing import Signing, signing, store


@pytest.fixture
def room(make: Make, tmp_path: Path) -> Signing:
    """An agreement with a file signed by three, a panel's decision, and the head of the day."""
    room = signing(make)
    room.attach("SAA", store(tmp_path), "plan.txt", b"Mondays at ten.")
    room.sign_all(room.freeze())
    chair = make.person("Cora Chair")
    with room.of() as tx:
        given = dict(enrolment_id=room.there.id, kind="return", reasons="Too thin.", checklist=[], decided_by=chair.id, decided_at=tx.now)
        decision = tx.insert(Decision, **given)
        add_entry(
            tx,
            tx.get(Enrolment, room.there.id, lock=True),
            "decision",
            what=("PANEL", "Panel", 1),
            answer="return",
            items=[("outcome", "Outcome", "none"), ("reasons", "Reasons", "Too thin.")],
            person_id=chair.id,
            capacities=("chair",),
            decision_id=decision,
        )
        heads.daily_head(tx, [])
    return room


def findings(tx: Tx) -> list[str]:
    looks = (chain_tables.altered, chain_tables.signed_otherwise, chain_tables.heads_broken)
    return [words for look in looks for _, words in look(tx)]


def test_nothing_was_altered(room: Signing) -> None:
    with room.of() as tx:
        assert findings(tx) == []


def entry(sequence: int) -> Any:
    return Entry.sequence == sequence


def retold(tx: Tx, sequence: int, **changes: Any) -> None:
    """An entry's text changed, with a hash that fits."""
    row = tx.one(select(Entry.canonical).where(entry(sequence)))
    assert row is not None
    text = canonical({**json.loads(row.canonical), **changes}).decode()
    tx.db.execute(update(Entry).where(entry(sequence)).values(canonical=text, hash=chain.text_hash(text)))


LATER = datetime(2027, 6, 1, tzinfo=UTC)
OWN = Opening.path == "main/own"


def put(table: Any, *where: Any, **values: Any) -> Callable[[Tx], Any]:
    """A hand-written UPDATE."""
    return lambda tx: tx.db.execute(update(table).where(*where).values(**values))


def take(table: Any, *where: Any) -> Callable[[Tx], Any]:
    """A hand-written DELETE."""
    return lambda tx: tx.db.execute(delete(table).where(*where))


def telling(sequence: int, **changes: Any) -> Callable[[Tx], Any]:
    return lambda tx: retold(tx, sequence, **changes)


def another(tx: Tx) -> None:
    row = tx.rows(select(Decision.__table__))[0]._asdict()
    tx.db.execute(insert(Decision), {**row, "id": row["id"] + 1})


ALTERED: list[tuple[str, Callable[[Tx], Any], str]] = [
    ("a word of an answer", put(Opening, OWN, value='"Haste."'), "“What I bring” does not say what was signed"),
    ("a salt", put(Opening, OWN, salt="0" * 64), "“What I bring” does not say what was signed"),
    ("an answer taken away", take(Opening, OWN), "no redaction accounts for it"),
    ("an answer hidden as if redacted", put(Opening, OWN, salt=None, value=None, redacted_at=LATER), "no redaction accounts for it"),
    ("the document itself", put(Revision, content={"support": "None.", "own": "Patience."}), "“What support is agreed?” of document"),
    ("its standards", put(Revision, standards=["PQS-P-09"]), "the standards of document"),
    ("a text", put(Entry, entry(2), canonical="{}"), "Entry 2 is not in the format"),
    ("a hash", put(Entry, entry(2), hash="0" * 64), "Entry 2,"),
    ("an answer with its hash", telling(2, answer="disagree"), "Entry 2"),
    ("a date with its hash", telling(3, signed_at="2027-01-01T00:00:00.000000Z"), "Entry 3"),
    ("the last answer with its hash", telling(4, answer="confirm pass"), "Entry 4: answer beside it"),
    ("the answer beside", put(Entry, entry(2), answer="disagree"), "Entry 2: answer beside it"),
    ("the kind beside", put(Entry, entry(2), kind="paper"), "Entry 2: kind beside it"),
    ("the version beside", put(Entry, entry(2), revision=7), "Entry 2: revision beside it"),
    ("the previous hash beside", put(Entry, entry(2), previous="0" * 64), "Entry 2: previous beside it"),
    ("the date beside", put(Entry, entry(2), signed_at=LATER), "Entry 2: signed_at beside it"),
    ("the order", put(Entry, entry(2), sequence=12), "Entry 2"),
    ("an entry taken out", take(Entry, entry(2)), "Entry 2 is missing."),
    ("the last entry taken out", take(Entry, entry(4)), "written anew or cut short"),
    ("the signatory", put(Entry, entry(2), person_id=1), "is counted as"),
    ("the start date", put(Enrolment, starts_on=LATER.date()), "The head of the chain"),
    ("the reference", put(Enrolment, reference="OTHER"), "belongs to another enrolment"),
    ("a file's size", put(File, size=3), "the file “File 1” was altered"),
    ("a file's row", take(File), "the file “File 1” is missing"),
    ("the reasons of a decision", put(Decision, reasons="Too short."), "the reasons of decision"),
    ("the outcome of a decision", put(Decision, kind="confirm", outcome="pass"), "the outcome of decision"),
    ("a decision that nobody took", another, "is not in the chain"),
    ("a daily head", put(DailyHead, hash="0" * 64), "is not the fingerprint"),
    ("what a head was made of", put(DailyHead, heads=[]), "is not the fingerprint"),
    ("when a head was made", put(DailyHead, made_at=LATER), "is not the fingerprint"),
]


def test_whatever_is_altered_is_found_and_named(room: Signing) -> None:
    missed = []
    with unguarded_tx(room.make) as tx:
        for what, change, words in ALTERED:
            with tx.db.begin_nested() as savepoint:
                change(tx)
                found = findings(tx)
                savepoint.rollback()
            if not any(words in one for one in found):
                missed.append((what, found))
        assert missed == [] and findings(tx) == []


def test_every_column_of_an_entry_is_watched(room: Signing) -> None:
    """What no rule above reads is only a number that points somewhere, and the row it points at is checked by its foreign key."""
    watched = {"enrolment_id", "sequence", "kind", "revision", "answer", "canonical", "hash", "previous", "signed_at", "person_id"}
    pointers = {"id", "document_id", "change_id", "decision_id", "involvement_id"}
    assert {column.name for column in Entry.__table__.columns} == watched | pointers


def test_a_chain_written_anew_from_end_to_end_is_caught_by_the_daily_head(room: Signing) -> None:
    """Every hash fits, every column fits: only what was sent outside on the day does not."""
    with unguarded_tx(room.make) as tx:
        enrolment = tx.get(Enrolment, room.there.id)
        made = chain_of(tx, enrolment)
        previous = chain.text_hash(made.head)
        for row in made.rows:
            text = canonical({**json.loads(row.canonical), "previous": previous, "answer": "agree"}).decode()
            tx.db.execute(
                update(Entry)
                .where(Entry.id == row.id)
                .values(canonical=text, hash=chain.text_hash(text), previous=previous, answer="agree")
            )
            previous = chain.text_hash(text)
        assert list(chain_tables.altered(tx)) == []
        assert [reference for reference, _ in chain_tables.heads_broken(tx)] == [enrolment.reference]
