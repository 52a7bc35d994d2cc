"""Somebody with every right in the database and on the disc tampers: the auditor and the export say so, and a receipt where they cannot.

tests/programmes/test_chain_tables.py goes through everything that can be altered; here it is the whole way, from the row to the words of
`check-invariants` and of docs/verify.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from app import invariants
from app.core.canonical import canonical
from app.core.config import Settings, load
from app.core.files import store_of
from app.core.ledger import Outbox
from app.core.tx import Tx
from app.programmes import chain
from app.programmes.models import Enrolment
from app.programmes.operations import heads, redact
from app.programmes.operations.exports import bundle_of
from app.programmes.portfolio_models import DailyHead, Entry, Opening, Revision
from app.programmes.reading import chain_of
from tests.factory import Make
from tests.plants import unguarded_tx
from tests.programmes.chains import report, unzipped, written
from tests.programmes.signing import REPORT, Signing, signing

LATER = datetime(2027, 6, 1, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(files_dir=tmp_path / "files", base_url="http://testserver", log_level="error")


@pytest.fixture
def room(make: Make, settings: Settings) -> Signing:
    """An agreement with a file and a report, each signed by three, under the head of the day."""
    room = signing(make)
    room.attach("SAA", store_of(settings), "plan.txt", b"Mondays at ten.")
    room.sign_all(room.freeze())
    room.sign_all(room.freeze("FINAL", REPORT))
    with room.of() as tx:
        heads.daily_head(tx, [])
    return room


def exported(room: Signing, tx: Tx, settings: Settings) -> dict[str, bytes]:
    """What the service would export now."""
    return unzipped(written(bundle_of(tx, room.there.id, room.there.nqsw.id, settings)))


def said(room: Signing, tx: Tx, settings: Settings, *expected: str) -> list[str]:
    """What the public script says of an export made now."""
    return [one["message"] for one in report(exported(room, tx, settings), *expected).findings]


def audit(tx: Tx) -> str:
    """What check-invariants says."""
    return " ".join(found.detail for found in invariants.check(tx))


def receipt(room: Signing, person: Any) -> str:
    """The fingerprint in the first receipt that somebody was sent."""
    mine = (Outbox.kind == "email.signed_receipt", Outbox.person_id == person.id)
    return str(room.make.rows(select(Outbox.facts).where(*mine).order_by(Outbox.id))[0].facts["hash"])


def test_nothing_was_altered(room: Signing, settings: Settings) -> None:
    with room.of() as tx:
        assert audit(tx) == ""
        assert said(room, tx, settings, receipt(room, room.there.nqsw)) == []


def put(table: Any, *where: Any, **values: Any) -> Callable[[Tx], Any]:
    return lambda tx: tx.db.execute(update(table).where(*where).values(**values))


def swapped(tx: Tx) -> None:
    """The first two signatures change places."""
    for old, new in ((1, 99), (2, 1), (99, 2)):
        tx.db.execute(update(Entry).where(Entry.sequence == old).values(sequence=new))


def entry(sequence: int) -> Any:
    return Entry.sequence == sequence


ALTERED: list[tuple[str, Callable[[Tx], Any], str, str]] = [  # what, how, in the words of the auditor, in those of the verified export
    ("a word of what was signed", put(Opening, Opening.path == "main/own", value='"Haste."'), "“What I bring”", "“What I bring”"),
    ("the document", put(Revision, content={"support": "None.", "own": "None."}), "“What support is agreed?” of document", ""),
    ("who signed", put(Entry, entry(2), person_id=1), "is counted as", ""),
    ("when, beside the entry", put(Entry, entry(3), signed_at=LATER), "signed_at beside it", ""),
    ("the answer, beside the entry", put(Entry, entry(5), answer="recommend fail"), "answer beside it", ""),
    ("the order", swapped, "was not signed after", "was not signed after"),
    ("the start", put(Enrolment, starts_on=LATER.date()), "The head of the chain", "head"),
]


def test_what_is_altered_in_the_database_is_named(room: Signing, settings: Settings) -> None:
    missed = []
    with unguarded_tx(room.make) as tx:
        for what, change, by_auditor, by_script in ALTERED:
            with tx.db.begin_nested() as savepoint:
                change(tx)
                found, heard = audit(tx), " ".join(said(room, tx, settings)) if by_script else ""
                savepoint.rollback()
            if by_auditor not in found or by_script not in heard:
                missed.append((what, found, heard))
    assert missed == []


def test_a_file_altered_on_the_disc_is_named(room: Signing, settings: Settings) -> None:
    (path,) = [each for each in store_of(settings).folder.rglob("*") if each.is_file() and each.read_bytes() == b"Mondays at ten."]
    path.chmod(0o600)
    path.write_bytes(b"Mondays at two.")
    with room.of() as tx:
        found = said(room, tx, settings)
    assert any("plan.txt" in words or "File 1" in words for words in found), found


def anew(tx: Tx, enrolment_id: int, **changes: Any) -> None:
    """The whole chain written again, every fingerprint fitting the next entry: the first answer becomes another."""
    made = chain_of(tx, tx.get(Enrolment, enrolment_id))
    previous = chain.text_hash(made.head)
    for row in made.rows:
        words = {**json.loads(row.canonical), "previous": previous} | (changes if row.sequence == 1 else {})
        line = canonical(words).decode()
        told = dict(canonical=line, hash=chain.text_hash(line), previous=previous, answer=words["answer"])
        tx.db.execute(update(Entry).where(Entry.id == row.id).values(**told))
        previous = chain.text_hash(line)


def test_a_chain_written_anew_is_caught_by_a_receipt_and_by_the_daily_head(room: Signing, settings: Settings) -> None:
    first = receipt(room, room.there.nqsw)
    (day,) = room.make.rows(select(DailyHead.hash))
    with unguarded_tx(room.make) as tx:
        anew(tx, room.there.id, answer="disagree")
        assert "every chain still has the entries that stood under it" in audit(tx)
        assert any("neither in this chain" in words for words in said(room, tx, settings, first))
        assert said(room, tx, settings, day.hash) != []
        tx.db.execute(DailyHead.__table__.delete())  # and the head with it: now nothing here knows better …
        assert audit(tx) == "" and said(room, tx, settings) == []
        assert any("neither in this chain" in words for words in said(room, tx, settings, first))  # … but whoever signed does
        assert any("neither in this chain" in words for words in said(room, tx, settings, day.hash))  # and whoever was sent the head


def test_a_lawful_redaction_shows_as_one_and_everything_else_holds(room: Signing, settings: Settings) -> None:
    officer = room.make.person("Olu Officer", roles=("coordinator",))
    with room.of(officer, "coordinator") as tx:
        redact.redact(tx, room.there.id, [(4, "main/summary")], "family")
    with room.of() as tx:
        assert audit(tx) == ""
        members = exported(room, tx, settings)
        check = report(members, receipt(room, room.there.assessor))
        assert check.findings == []
        assert {one["path"] for one in check.redacted} == {"main/summary"}
    assert all(b"Hart family" not in data for data in members.values())
