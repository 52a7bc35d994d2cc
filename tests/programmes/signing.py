"""Documents that wait for signatures, and people who sign them: rows put there directly, signatures through the operation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update

from app.core.files import Store, keep, receive
from app.core.tx import SYSTEM, Actor, Tx, clock, transaction
from app.programmes import chain
from app.programmes.chain import Link
from app.programmes.models import Enrolment
from app.programmes.operations import sign
from app.programmes.operations.chaining import framework_of, head_of
from app.programmes.portfolio_models import Attachment, Document, Entry, Opening, Revision
from tests.factory import Make
from tests.programmes.making import Enrolled, Programmes

AGREED = {"support": "Weekly supervision of 90 minutes.", "own": "Patience."}
REPORT = {"summary": "She listens; the Hart family said so.", "recommendation": "pass"}


@dataclass
class Signing:
    """An enrolment whose agreement waits for signatures. `later` moves the clock."""

    make: Make
    there: Enrolled
    later: timedelta = timedelta()

    @property
    def now(self) -> datetime:
        return clock() + self.later

    @contextmanager
    def of(self, person: Any = None, *roles: str) -> Iterator[Tx]:
        """A transaction in which that person acts; nobody: the service."""
        held = tuple((role, None) for role in ("practitioner", *roles))
        actor = Actor("person", person.id, person.name, held) if person else SYSTEM
        with transaction(self.make.database, actor, writes=True, now=self.now) as tx:
            yield tx

    def freeze(self, code: str = "SAA", content: dict[str, str] | None = None) -> int:
        """The document as it is after sending: its newest revision sealed, the first signatory's turn."""
        key = self.there.documents[code]
        with self.of() as tx:
            number = int(tx.scalar(select(Document.head).where(Document.id == key))) + 1
            written = dict(document_id=key, number=number, base=number - 1, content=content or AGREED, standards=[], sealed=True)
            tx.db.execute(insert(Revision), {**written, "kind": "typing", "sitting": "t", "begun_at": tx.now, "saved_at": tx.now})
            turn = dict(state="signing", head=number, frozen=number, waiting_for="nqsw", waiting_since=tx.now)
            tx.db.execute(update(Document).where(Document.id == key).values(**turn))
        return key

    def attach(self, code: str, store: Store, name: str, data: bytes) -> str:
        """A file beside the document; returns its digest."""
        received = receive(store, BytesIO(data), name)
        with self.of() as tx:
            digest = keep(tx, received)
            tx.insert(Attachment, document_id=self.there.documents[code], digest=digest, name=name, added_at=tx.now)
        return digest

    def sign(self, person: Any, key: int, answer: str = "agree", statement: str = "") -> int:
        """Read it and sign it."""
        with self.of(person) as tx:
            return sign.sign(tx, key, sign.to_sign(tx, key).digest, answer, statement)

    def sign_all(self, key: int) -> list[int]:
        there = self.there
        return [self.sign(person, key) for person in (there.nqsw, there.assessor, there.line_manager)]

    def chain(self) -> tuple[str, list[Link]]:
        """The chain as it stands in the tables."""
        with self.of() as tx:
            enrolment = tx.get(Enrolment, self.there.id)
            head = head_of(enrolment, framework_of(tx, enrolment.version_id))
            rows = tx.rows(select(Entry.__table__).where(Entry.enrolment_id == self.there.id).order_by(Entry.sequence))
            opened = tx.rows(select(Opening.__table__).where(Opening.redacted_at.is_(None)))
        kept: dict[int, dict[str, chain.Opening]] = {row.id: {} for row in rows}
        for one in opened:
            kept[one.entry_id][one.path] = chain.Opening(one.salt, one.value)
        return head, [Link(row.canonical, row.hash, kept[row.id]) for row in rows]

    def state(self, key: int) -> tuple[str, str | None]:
        row = self.make.row(Document, key)
        return row.state, row.waiting_for


def signing(make: Make) -> Signing:
    return Signing(make, Programmes(make).enrolment())


def store(folder: Path) -> Store:
    return Store(folder, 20 * 1024 * 1024)
