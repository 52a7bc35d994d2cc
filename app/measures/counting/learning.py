"""Learning and careers: who rose, who takes up training, which places were taken, what was completed, and what must be in date.

The twelve months of a day are those that end with it. Windows of days are (`Moment.year_ago`, `as_at`]: the first day is left out.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, String, and_, case, cast, func, literal, null, or_, select, union

from app.bookings.models import Booking, Place, Session, Status
from app.core.calendar import london_day
from app.core.db import AnySelect, Key
from app.core.declared import aliased
from app.core.facts import recorded
from app.core.ledger import Audit
from app.core.tx import Tx
from app.learning.models import Completion
from app.measures.counting import Rows, counts, enrolled
from app.measures.dimensions import Moment, employed, standing
from app.pathways.applying import applying
from app.pathways.evidence import When
from app.pathways.models import Progression
from app.pathways.progress import step_rows
from app.pathways.versions import in_force
from app.people.models import CareerStage, Contract, Post, Stage
from app.programmes.models import Enrolment

HELD = (Status.BOOKED, Status.ATTENDED, Status.PARTLY_ATTENDED, Status.DID_NOT_ATTEND, Status.EXCUSED)  # when the session ended
DUE = tuple(status.value for status in HELD if status is not Status.EXCUSED)
CAME = (Status.ATTENDED.value, Status.PARTLY_ATTENDED.value)
IN_DATE = ("met", "lapsing")


# Careers -------------------------------------------------------------------------------------------------------------


@counts("promotion")
def promotion(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect:  # noqa: ARG001 - every counting function is asked alike
    """Of permanent staff at the start of the twelve months those whose stage's order rose, as a progression or in their stages."""
    said = _progressed(moment).where(Progression.kind == "promotion")
    return _of_permanent(organisation_id, moment, union(said, _moved_stage(moment, rising=True)))


@counts("progression")
def progression(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect:  # noqa: ARG001
    """Of the same people those with any change of stage or role: a progression, another stage, or another job title of the main post."""
    return _of_permanent(organisation_id, moment, union(_progressed(moment), _moved_stage(moment, rising=False), _changed_job(moment)))


def _of_permanent(organisation_id: int, moment: Moment, moved: Any) -> AnySelect:
    """Who was permanent staff before the twelve months, where they stood then, and whether they are among those who moved."""
    start = Moment(moment.year_ago, moment.known_at)
    staff = standing(organisation_id, start).where(Post.contract == Contract.PERMANENT.value)
    return staff.add_columns(_one_if(Post.person_id.in_(moved)).label("num"), literal(1).label("den"))


def _one_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, 1), else_=0)


def _within(day: Any, moment: Moment) -> ColumnElement[bool]:
    """A day of the twelve months."""
    return and_(day > moment.year_ago, day <= moment.as_at)


def _progressed(moment: Moment) -> AnySelect:
    return select(Progression.person_id).where(_within(Progression.on_date, moment), recorded(Progression, moment.known_at))


def _followed(table: Any, moment: Moment) -> tuple[Any, Any, AnySelect]:
    """Facts that began within the twelve months, each with the one that ended the day before: (before, after, their people)."""
    before, after = aliased(table), aliased(table)
    its = and_(before.person_id == after.person_id, before.valid_to == after.valid_from, recorded(before, moment.known_at))
    found = select(after.person_id).join(before, its).where(_within(after.valid_from, moment), recorded(after, moment.known_at))
    return before, after, found


def _moved_stage(moment: Moment, *, rising: bool) -> AnySelect:
    before, after, found = _followed(Stage, moment)
    if not rising:
        return found.where(before.stage != after.stage)
    lower, higher = aliased(CareerStage), aliased(CareerStage)
    joined = found.join(lower, lower.code == before.stage).join(higher, higher.code == after.stage)
    return joined.where(higher.rank > lower.rank)


def _changed_job(moment: Moment) -> AnySelect:
    before, after, found = _followed(Post, moment)
    return found.where(before.is_primary, after.is_primary, func.lower(before.job_title) != func.lower(after.job_title))


# Training ------------------------------------------------------------------------------------------------------------


@counts("learning-take-up")
def learning_take_up(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect:  # noqa: ARG001
    """Of those in post those who came to something, did e-learning or began a programme in the twelve months."""
    held = _held(moment)
    came = select(held.c.person_id).where(held.c.state.in_(CAME))
    online = select(Completion.person_id).where(
        Completion.source == "e-learning", _within(Completion.completed_on, moment), recorded(Completion, moment.known_at)
    )
    began = select(Enrolment.person_id).where(
        _within(Enrolment.starts_on, moment), enrolled.known(moment), ~enrolled.gone(moment, Enrolment.starts_on)
    )
    return employed(organisation_id, moment).add_columns(
        _one_if(Post.person_id.in_(union(came, online, began))).label("num"), literal(1).label("den")
    )


@counts("places-taken")
def places_taken(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect:  # noqa: ARG001
    """Places that somebody held, of all places on sessions that ended in the twelve months. They are the Academy's, whoever asks."""
    offered = select(func.count()).select_from(Place).join(Session, Session.id == Place.session_id).where(*_ended(moment))
    held = _held(moment)
    taken = select(func.count()).select_from(held).where(held.c.state.in_([status.value for status in HELD]))
    nobody = (cast(null(), Key).label("person_id"), cast(null(), Key).label("unit_id"))
    nowhere = (cast(null(), String).label("stage"), cast(null(), String).label("contract"))
    return select(*nobody, *nowhere, taken.scalar_subquery().label("num"), offered.scalar_subquery().label("den"))


@counts("sessions-completed")
def sessions_completed(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect:  # noqa: ARG001
    """Places of those in post on sessions that ended in the twelve months: attended whole, of those held; excused absences left out."""
    held = _held(moment)
    whole = func.sum(_one_if(held.c.state == Status.ATTENDED.value)).label("num")
    due = select(held.c.person_id, whole, func.count().label("den")).where(held.c.state.in_(DUE)).group_by(held.c.person_id)
    places, ours = due.subquery("places"), employed(organisation_id, moment).subquery("ours")  # grouped first: else a person at a time
    return select(places).join(ours, ours.c.person_id == places.c.person_id)


def _ended(moment: Moment) -> tuple[ColumnElement[bool], ...]:
    """Sessions that took place and ended in the twelve months. One that is over stays published, with its places."""
    since, until = london_day(moment.year_ago)[1], london_day(moment.as_at)[1]
    return (Session.status == "published", Session.ends_at >= since, Session.ends_at < until, Session.ends_at <= moment.known_at)


def _held(moment: Moment) -> Any:
    """(person_id, state) of each booking of these sessions in the state that was known.

    What has not changed since the instant is in that state still; of the others the history is asked.
    """
    then = (
        select(Audit.state)
        .where(Audit.subject == "bookings", Audit.subject_id == Booking.id, Audit.state.is_not(None), Audit.at <= moment.known_at)
        .order_by(Audit.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    state = case((Booking.updated_at <= moment.known_at, Booking.status), else_=then)
    its = select(Booking.person_id, state.label("state")).join(Session, Session.id == Booking.session_id)
    return its.where(*_ended(moment)).subquery("held")


@counts("programmes-completed")
def programmes_completed(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect:  # noqa: ARG001
    """Enrolments of those in post that were to end in the twelve months: passed, of those neither withdrawn, transferred nor paused."""
    plan, passed = enrolled.plans(moment), enrolled.decided(moment, "pass")
    due = (
        select(Enrolment.person_id, _one_if(passed).label("passed"))
        .join(plan, plan.c.enrolment_id == Enrolment.id)
        .where(_within(plan.c.ends_on, moment), enrolled.known(moment), or_(passed, ~enrolled.standing_still(moment)))
        .where(Enrolment.person_id.in_(employed(organisation_id, moment)))
        .subquery("due")
    )
    return select(due.c.person_id, func.sum(due.c.passed).label("num"), func.count().label("den")).group_by(due.c.person_id)


@counts("required-training")
def required_training(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect | Rows:
    """Of those in post for whom training is mandatory on the day those who have all of it in date; two statements and this one."""
    versions = [version.id for version in in_force(tx, moment.as_at, moment.known_at, kind="mandatory")]
    if not versions:
        return []
    when = When(moment.as_at, moment.known_at)
    pairs = applying(tx, employed(organisation_id, moment), versions, when)
    each = step_rows(tx, pairs, versions, when).order_by(None).subquery("each")
    all_of_it = func.min(_one_if(each.c.status.in_(IN_DATE))).label("num")
    return select(each.c.person_id, all_of_it, literal(1).label("den")).group_by(each.c.person_id)
