"""External moderation: a sample of decided portfolios is shown to somebody from outside, whose words are feedback to the employer."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, select

from app.core.errors import Conflict, Invalid, NotFound
from app.core.facts import current
from app.core.tx import Tx
from app.people.models import Person, RoleHeld
from app.policy import Can, Role, operation, within_reach
from app.programmes.models import Cohort, Enrolment, Involvement
from app.programmes.operations.involving import involve
from app.programmes.panel_models import Decision, Sample

READING = timedelta(days=61)  # so long the moderator can read what was shown to them
LONGEST = 10_000


@operation(Can.RUN_PANELS)
def draw_sample(tx: Tx, cohort_id: int, moderator_id: int, *, every: int = 3) -> list[int]:
    """Show a moderator every fail and every n-th other portfolio of a cohort that a panel has decided; returns the new samples' ids.

    Which ones they are follows from the portfolios' references alone, so nobody picks them, and drawing again adds only what was decided
    since. Whoever has another part in a portfolio is refused.
    """
    if not 1 <= every <= 100:
        raise Invalid("Choose how many.", errors=[{"field": "every", "message": "Choose a number from 1 to 100"}])
    sampled(tx, cohort_id, lock=True)
    _moderator(tx, moderator_id)
    shown = {row.enrolment_id for row in tx.rows(select(Sample.enrolment_id).join(Involvement, Involvement.id == Sample.involvement_id))}
    drawn = []
    for row, why in choose(_decided(tx, cohort_id), every):
        if row.id in shown:
            continue
        involvement = involve(tx, row.id, moderator_id, "external_moderator", tx.today, tx.today + READING)
        key = tx.insert(Sample, enrolment_id=row.id, involvement_id=involvement, side="moderating", why=why, sampled_at=tx.now)
        tx.record("sample.drawn", "external_samples", key, person_id=row.person_id, why=why)
        drawn.append(key)
    if drawn:
        tx.record("sample.shown", "cohorts", cohort_id, tell=["email.sample_ready"], to=moderator_id, portfolios=len(drawn))
    return drawn


def sampled(tx: Tx, cohort_id: int, *, lock: bool = False) -> Row[Any]:
    """The cohort, or NotFound where everybody in it is out of the actor's reach."""
    row = tx.get(Cohort, cohort_id, lock=lock, what="cohort")
    anybody = select(Enrolment.id).where(Enrolment.cohort_id == row.id).limit(1)
    if tx.scalar(anybody) and not tx.scalar(anybody.where(within_reach(tx, Can.RUN_PANELS, Enrolment.person_id))):
        raise NotFound("There is no cohort with that reference, or it is not one of yours.", code="cohort-not-found")
    return row


def choose(rows: Sequence[Row[Any]], every: int) -> list[tuple[Row[Any], str]]:
    """Every fail, and of the others one in so many by the fingerprints of their references, which nobody chose; at least one of them."""
    fails = [(row, "fail") for row in rows if row.outcome == "fail"]
    others = sorted((row for row in rows if row.outcome != "fail"), key=_fingerprint)
    chosen = [row for row in others if _fingerprint(row) % every == 0] or others[:1]
    return fails + [(row, f"one in {every}") for row in chosen]


def _fingerprint(row: Row[Any]) -> int:
    return int.from_bytes(hashlib.sha256(row.reference.encode()).digest())


def _decided(tx: Tx, cohort_id: int) -> list[Row[Any]]:
    statement = (
        select(Enrolment.id, Enrolment.reference, Enrolment.person_id, Enrolment.outcome)
        .join(Decision, Decision.id == Enrolment.decision_id)
        .where(Enrolment.cohort_id == cohort_id, within_reach(tx, Can.RUN_PANELS, Enrolment.person_id))
        .order_by(Enrolment.id)
    )
    return list(tx.rows(statement))


def moderators(tx: Tx) -> list[Row[Any]]:
    """Those who hold the role of an external moderator today: id and name."""
    held = select(RoleHeld.person_id).where(RoleHeld.role == Role.MODERATOR.value, current(RoleHeld, tx.today))
    return list(tx.rows(select(Person.id, Person.name).where(Person.id.in_(held)).order_by(Person.sort_name)))


def _moderator(tx: Tx, person_id: int) -> None:
    if person_id not in {row.id for row in moderators(tx)}:
        message = "Choose somebody who is an external moderator today"
        raise Invalid(message + ".", errors=[{"field": "moderator", "message": message}])


def mine(tx: Tx, sample_id: int) -> Row[Any]:
    """A sample that was shown to the actor, or NotFound."""
    statement = (
        select(Sample.__table__)
        .join(Involvement, Involvement.id == Sample.involvement_id)
        .where(Sample.id == sample_id, Involvement.person_id == tx.actor.person_id)
    )
    row = tx.one(statement)
    if row is None:
        raise NotFound("There is no such portfolio in your sample.", code="sample-not-found")
    return row


@operation(Can.MODERATE)
def moderate(tx: Tx, sample_id: int, agrees: bool | None, feedback: str) -> None:
    """What the moderator says of one portfolio; said once. It goes to the Academy, and overturns nothing."""
    row = mine(tx, sample_id)
    wrong = []
    if agrees is None:
        wrong.append({"field": "agrees", "message": "Say whether you would have come to the same outcome"})
    if not feedback or len(feedback) > LONGEST:
        wrong.append({"field": "feedback", "message": f"Give your feedback, in at most {LONGEST:,} letters"})
    if wrong:
        raise Invalid("Your feedback is not complete.", errors=wrong)
    if row.given_at is not None:
        raise Conflict("You have given your feedback on this portfolio.", code="already-given")
    tx.update(Sample, row.id, agrees=agrees, feedback=feedback, given_at=tx.now)
    tx.record("sample.moderated", "external_samples", row.id)
