"""Changes of enrolments that wait for somebody's agreement: for the first page, in one statement with everything else."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Date, String, bindparam, case, cast, exists, func, literal, literal_column, or_, select

from app import policy
from app.core.db import ONE, AnySelect
from app.core.tx import Tx
from app.people.models import Person
from app.policy import Can
from app.programmes.models import Agreement, Capacity, Change, Enrolment, Involvement
from app.programmes.proposals import HANDOVERS, KINDS

ME: Any = bindparam("me")
TODAY = bindparam("today", type_=Date())
_proposed: Any = literal_column("enrolment_changes.state = 'proposed'")  # as the index of open changes has it
_words = case(*((Change.kind == kind, literal(f"{words}: ")) for kind, words in KINDS.items()), else_=literal(""))
_unanswered = ~exists(select(ONE).where(Agreement.change_id == Change.id, Agreement.person_id == ME))


def _needs(capacity: Any) -> Any:
    """SQL for "this capacity is among those that must agree". They are kept as a list, whose text is the same on both databases."""
    return cast(Change.needs, String).like(literal('%"').concat(capacity).concat('"%'))


_mine = exists(
    select(ONE)
    .select_from(Capacity)
    .join(Involvement, Involvement.id == Capacity.involvement_id)
    .where(
        Capacity.enrolment_id == Change.enrolment_id,
        Involvement.person_id == ME,
        Capacity.valid_from <= TODAY,
        Capacity.valid_to > TODAY,
        _needs(Capacity.capacity),
    )
)
_taking_over = (Change.kind.in_(HANDOVERS)) & (Change.details["person_id"].as_integer() == ME)

# (id, "Pause: Callum Reid", since when), for `me` and `today`. Few changes are open at one time, and an index holds only these.
MINE: AnySelect = (
    select(Change.id, _words + Person.name, Change.proposed_at)
    .select_from(Change)
    # Each has an enrolment and that a person. Joined so, planners begin with the few changes; else with all enrolments there are.
    .outerjoin(Enrolment, Enrolment.id == Change.enrolment_id)
    .outerjoin(Person, Person.id == Enrolment.person_id)
    .where(_proposed, or_(_mine, _taking_over), _unanswered)
)


def for_the_academy(tx: Tx) -> tuple[int, int | None]:
    """How many changes wait for the Academy's agreement among the actor's people, and one of them, the oldest."""
    answered = exists(select(ONE).where(Agreement.change_id == Change.id, Agreement.capacity == "coordinator"))
    row = tx.one(
        select(func.count().label("waiting"), func.min(Change.id).label("oldest"))
        .select_from(Change)
        .join(Enrolment, Enrolment.id == Change.enrolment_id)
        .where(
            _proposed,
            _needs(literal("coordinator")),
            ~answered,
            Enrolment.person_id != tx.actor.person_id,
            policy.within_reach(tx, Can.MANAGE_ENROLMENTS, Enrolment.person_id),
        )
    )
    assert row is not None
    return int(row.waiting), row.oldest
