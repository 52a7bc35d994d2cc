"""Learning from elsewhere: somebody asks that it counts as a completion, and a coordinator decides."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, func, select

from app import policy
from app.core.calendar import add_months
from app.core.declared import aliased
from app.core.errors import Changed, Conflict, Forbidden, Invalid, NotFound
from app.core.forms import Problems
from app.core.ledger import Outbox, message
from app.core.text import normal
from app.core.tx import Tx
from app.guarding import checking
from app.guarding.checking import Decision
from app.learning import completing
from app.learning.models import Course, LearningRecord, PriorLearning
from app.people.models import Person
from app.policy import Can, operation

OLDEST = 120  # months: what lies further back is no longer asked about
LONGEST = {"provider": 150, "evidence": 2000}


@operation(Can.READ_OWN_PAGE)
def ask(tx: Tx, *, course_id: int | None, completed_on: date | None, provider: str, evidence: str, guard: Decision | None = None) -> int:
    """The actor asks that what they did elsewhere counts as completing a course of the catalogue; returns the request.

    Refused while an earlier request for the same course is undecided.
    """
    problems, provider, evidence = Problems(), normal(provider), normal(evidence)
    course = tx.one(select(Course.id, Course.status).where(Course.id == course_id))
    if course is None or course.status != "published":
        problems.add("course", "Choose a course from the list")
    if completed_on is None:
        problems.add("completed_on", "Enter the day on which you completed it")
    elif not add_months(tx.today, -OLDEST) <= completed_on <= tx.today:
        problems.add("completed_on", f"The day must be in the past, and not more than {OLDEST // 12} years ago")
    if not 2 <= len(provider) <= LONGEST["provider"]:
        problems.add("provider", "Enter who taught it, up to 150 characters")
    if not 10 <= len(evidence) <= LONGEST["evidence"]:
        problems.add("evidence", "Say what shows that you completed it and what it covered, in 10 to 2,000 characters")
    problems.raise_any()
    settled = checking.settle(tx, {"evidence": evidence}, guard, labels={"evidence": "What it covered"})
    values = dict(
        person_id=tx.actor.person_id,
        course_id=course_id,
        completed_on=completed_on,
        provider=provider,
        evidence=settled["evidence"],
        state="asked",
        asked_at=tx.now,
        version=1,
    )
    asked = tx.insert_recorded(PriorLearning, values, action="prior-learning.asked", person_id=tx.actor.person_id, course_id=course_id)
    checking.note(tx, settled, "prior_learning", asked)
    return asked


@operation(Can.DECIDE_PRIOR)
def decide(tx: Tx, key: int, version: int, *, accepted: bool, reason: str) -> None:
    """Accept (it becomes a completion, on the day they did it, and a learning record) or refuse with a reason. Nobody decides their own."""
    asked = one(tx, key)
    if asked.person_id == tx.actor.person_id:
        raise Forbidden("Somebody else has to decide your own request.", code="own-request")
    tx.get(Person, asked.person_id, lock=True)
    row = tx.get(PriorLearning, key, lock=True)
    if row.state != "asked":
        raise Conflict("This request has already been decided.", code="already-decided")
    if row.version != version:
        raise Changed("Somebody changed this since you opened it.", way_out="Look at it again and repeat your decision.")
    reason = normal(reason)
    if len(reason) > 500 or (not accepted and len(reason) < 3):
        words = "Your reason must be 500 characters or fewer" if len(reason) > 500 else "Say why it does not count"
        raise Invalid(f"{words}.", errors=[{"field": "reason", "message": words}])
    completion = _accept(tx, row) if accepted else None
    state = "accepted" if accepted else "refused"
    decided: dict[str, Any] = dict(decided_by=tx.actor.person_id, decided_at=tx.now, decision=reason or None)
    tx.update(PriorLearning, key, state=state, completion_id=completion, version=row.version + 1, **decided)
    tx.record(f"prior-learning.{state}", "prior_learning", key, person_id=row.person_id, decision=reason)
    told = {"state": state, "decision": reason or None}
    tx.insert(Outbox, **message("email.prior_learning_decided", tx.now, "prior_learning", row.person_id, told), subject_id=key)


def _accept(tx: Tx, row: Row[Any]) -> int:
    course = tx.get(Course, row.course_id)
    made = completing.complete(tx, course, {row.person_id: row.completed_on}, "prior learning")
    tx.insert(LearningRecord, **completing.record(tx, course, row.person_id, row.completed_on, course.cpd_minutes, "prior learning"))
    return made[row.person_id]


# Reading -----------------------------------------------------------------------------------------------------------

_decider = aliased(Person, name="decider")
_REQUEST = (
    select(
        PriorLearning.__table__,
        Person.name,
        Course.title,
        Course.slug,
        Course.validity_months,
        _decider.name.label("decider"),
        func.count().over().label("found"),
    )
    .join(Person, Person.id == PriorLearning.person_id)
    .join(Course, Course.id == PriorLearning.course_id)
    .outerjoin(_decider, _decider.id == PriorLearning.decided_by)
)


def one(tx: Tx, key: int) -> Row[Any]:
    """One request of somebody whose requests the actor decides, or NotFound."""
    row = tx.one(_REQUEST.where(PriorLearning.id == key, policy.within_reach(tx, Can.DECIDE_PRIOR, PriorLearning.person_id)))
    if row is None:
        raise NotFound("There is no request with that reference.", code="request-not-found")
    return row


def open_requests(tx: Tx, *, decided: bool = False, skip: int = 0, most: int = 25) -> Sequence[Row[Any]]:
    """Requests in the actor's reach: those to decide, the longest waiting first, or those decided, newest first. `found` counts all."""
    reach = policy.within_reach(tx, Can.DECIDE_PRIOR, PriorLearning.person_id)
    if decided:
        which = _REQUEST.where(PriorLearning.state != "asked", reach).order_by(PriorLearning.decided_at.desc(), PriorLearning.id.desc())
    else:
        which = _REQUEST.where(PriorLearning.state == "asked", reach).order_by(PriorLearning.asked_at, PriorLearning.id)
    return tx.rows(which.limit(most).offset(skip))


def mine(tx: Tx) -> Sequence[Row[Any]]:
    """What the actor has asked for, newest first."""
    return tx.rows(_REQUEST.where(PriorLearning.person_id == tx.actor.person_id).order_by(PriorLearning.id.desc()).limit(25))


def offered(tx: Tx) -> list[tuple[int, str]]:
    """Courses that learning from elsewhere can count as: those of the catalogue, by title."""
    rows = tx.rows(select(Course.id, Course.title).where(Course.status == "published").order_by(Course.title))
    return [(row.id, row.title) for row in rows]
