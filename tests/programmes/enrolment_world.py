"""Rows for the matrices and the tour: a change that waits to be agreed, and an extract for the grant."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app.core.tx import Actor, Tx
from app.programmes.models import Change, Claim, ClaimBatch, Enrolment
from app.programmes.operations import changes, claims
from tests.programmes.making import Enrolled
from tests.visit import Finder

WORDS = "Long days at court in the spring; the second observation could not be held in time."


def rows(tx: Tx, enrolled: Enrolled) -> dict[str, Any]:
    """A pause that all four must agree to, and an extract with this enrolment in it."""
    needs = ["nqsw", "assessor", "line_manager", "coordinator"]
    first = tx.today + timedelta(days=9)
    asked: dict[str, Any] = dict(kind="pause", from_on=first, to_on=first + timedelta(days=30), reason_code="bereavement", details={})
    change = tx.insert(Change, enrolment_id=enrolled.id, **asked, needs=needs, proposed_at=tx.now)
    batch = tx.insert(ClaimBatch, kind="registration", made_at=tx.now)
    tx.insert_many(Claim, [dict(enrolment_id=enrolled.id, kind="registration", batch_id=batch, pence=100_000)])
    return {"change_id": change, "batch_id": batch, "file_type": "csv"}


# The tour --------------------------------------------------------------------------------------------------------------


def arrange(tx: Tx, learner: int) -> None:
    """Their coordinator proposes more time, which three others have still to agree to; and the grant was claimed for somebody."""
    enrolment = tx.one(select(Enrolment.__table__).where(Enrolment.person_id == learner).order_by(Enrolment.id.desc()))
    if enrolment is None:
        return  # a county without programmes
    until = enrolment.ends_on + timedelta(days=60)
    changes.propose_change(tx, enrolment.id, "extension", tx.today, words=WORDS, details={"ends_on": until})
    found = claims.claimable(tx, "registration")
    if found:
        claims.make_batch(tx, "registration", [found[0].row.id])


def change(finder: Finder) -> dict[str, Any]:
    """The change that waits."""
    return {"change_id": _the(finder, select(Change.id).where(Change.state == "proposed").order_by(Change.id.desc()))}


def batch(finder: Finder, file_type: str = "") -> dict[str, Any]:
    """The extract; with what sort of file is wanted."""
    return {"batch_id": _the(finder, select(ClaimBatch.id)), **({"file_type": file_type} if file_type else {})}


def _the(finder: Finder, statement: Any) -> int:
    found = finder.tx.scalar(statement.limit(1))
    assert found is not None
    return int(found)


def coordinating(tx: Tx) -> Actor:
    """The coordinator persona."""
    return Actor("person", Finder(tx).person("coordinator"), "Zofia Nowak", (("practitioner", None), ("coordinator", None)))
