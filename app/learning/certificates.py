"""Certificates: issued with the completion they show, checked by anybody who has the code, withdrawn with a reason."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, exists, insert, select, update

from app import policy
from app.core.calendar import long_date
from app.core.db import ONE
from app.core.errors import NotFound
from app.core.ledger import Audit, entry
from app.core.text import duration
from app.core.tx import Tx
from app.learning.models import Certificate, Completion, Course
from app.people.models import Person
from app.policy import Can

LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # 32, without those that are read for one another
LENGTH = 12  # of them: 60 bits, so that nobody finds a certificate by trying
PRINTED = ("name", "course", "completed_on", "expires_on", "minutes", "how")


def issue(tx: Tx, completions: Sequence[int]) -> int:
    """A certificate for each of these completions whose course gives one and that has none yet; returns how many were made."""
    has_one = exists(select(ONE).select_from(Certificate).where(Certificate.completion_id == Completion.id))
    rows = tx.rows(
        select(
            Completion.id,
            Completion.person_id,
            Completion.completed_on,
            Completion.expires_on,
            Completion.source.label("how"),
            Course.title.label("course"),
            Course.cpd_minutes.label("minutes"),
            Person.name,
        )
        .join(Course, Course.id == Completion.course_id)
        .join(Person, Person.id == Completion.person_id)
        .where(Completion.id.in_(completions), Completion.superseded_at.is_(None), Course.certificate, ~has_one)
        .order_by(Completion.id)
    )
    if not rows:
        return 0
    made = [
        dict(code=new_code(), completion_id=row.id, person_id=row.person_id, facts=printed(row._mapping), issued_at=tx.now) for row in rows
    ]
    tx.db.execute(insert(Certificate), made)
    ids = {
        row.completion_id: row.id
        for row in tx.rows(select(Certificate.id, Certificate.completion_id).where(Certificate.completion_id.in_([row.id for row in rows])))
    }
    tx.db.execute(insert(Audit), [_entry(tx, "certificate.issued", ids[row.id], row.person_id, {"completion_id": row.id}) for row in rows])
    return len(rows)


def withdraw(tx: Tx, completions: Sequence[int], because: str) -> int:
    """The certificates of these completions no longer hold; whoever checks one is told so and why. Returns how many there were."""
    held = tx.rows(
        select(Certificate.id, Certificate.person_id).where(Certificate.completion_id.in_(completions), Certificate.withdrawn_at.is_(None))
    )
    if held:
        which = Certificate.id.in_([row.id for row in held])
        tx.db.execute(update(Certificate).where(which).values(withdrawn_at=tx.now, withdrawn_because=because))
        facts = {"reason": because}
        tx.db.execute(insert(Audit), [_entry(tx, "certificate.withdrawn", row.id, row.person_id, facts) for row in held])
    return len(held)


def _entry(tx: Tx, action: str, certificate_id: int, person_id: int, facts: dict[str, Any]) -> dict[str, Any]:
    made = entry(tx.actor.kind, tx.actor.id, tx.now, tx.request_id, action, "certificates", person_id, None, facts)
    return made | {"subject_id": certificate_id}


def new_code() -> str:
    """A number that nobody can guess: "K7QF-2M9X-WT4D"."""
    letters = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
    return "-".join(letters[n : n + 4] for n in range(0, LENGTH, 4))


def typed_code(text: str) -> str | None:
    """A code as somebody typed it, in the form it is kept in; None if it can be none."""
    letters = "".join(letter for letter in text.upper() if letter.isalnum())
    if len(letters) != LENGTH or any(letter not in LETTERS for letter in letters):
        return None
    return "-".join(letters[n : n + 4] for n in range(0, LENGTH, 4))


def printed(row: Any) -> dict[str, Any]:
    """What a certificate says, as JSON: names and titles as they are on the day it is issued."""
    return {name: value.isoformat() if hasattr(value := row[name], "isoformat") else value for name in PRINTED}


def by_code(tx: Tx, code: str) -> Row[Any] | None:
    """The certificate with this number, whoever asks: having the number is the permission."""
    return tx.one(select(Certificate.__table__).where(Certificate.code == code))


def one(tx: Tx, certificate_id: int) -> Row[Any]:
    """A certificate of somebody in reach, or NotFound."""
    row = tx.one(select(Certificate.__table__).where(Certificate.id == certificate_id))
    if row is None or not policy.reaches(tx, Can.READ_COMPLETIONS, row.person_id):
        raise NotFound("There is no certificate with that reference.", code="certificate-not-found")
    return row


DID = {
    "attendance": "has attended and completed",
    "e-learning": "has completed by e-learning",
    "prior learning": "has completed, through learning from elsewhere that was accepted,",
    "import": "has completed",
}


def lines(facts: dict[str, Any]) -> list[str]:
    """When, how long, and until when it counts, a sentence each."""
    said = [f"Completed on {long_date(date.fromisoformat(facts['completed_on']))}"]
    if facts["minutes"]:
        said.append(f"{duration(facts['minutes'])} of learning")
    if facts["expires_on"]:
        said.append(f"Counts until {long_date(date.fromisoformat(facts['expires_on']))}")
    return said
