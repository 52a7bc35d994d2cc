"""What a leaver leaves behind that only a person can see to: sessions to deliver, people they assess, a programme they are on, a panel.

Nothing of it is handed to anybody by itself. It is flagged, the coordinators are told, and the flag goes when somebody has seen to it:
by saying so, or by the thing itself no longer being theirs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import and_, func, insert, literal_column, select, update

from app.bookings.models import Part, PartTrainer, Session
from app.bookings.operations.queue import coordinators_of
from app.core.calendar import london
from app.core.ledger import Outbox, message
from app.core.tx import Tx
from app.hr.directory_models import Departure, DepartureEffect
from app.hr.operations.expressions import next_day
from app.identity.models import ApiClient
from app.people.models import Person
from app.programmes.models import RUNNING, Capacity, Enrolment, Involvement
from app.programmes.panel_models import Judgement, PanelCase, Reader, Sitting, SittingMember

KINDS = ("delivery", "assessment", "enrolment", "panel", "reading", "client")
_ENDS: Any = next_day(Departure.last_day)
_RUNS: Any = literal_column(f"enrolments.{RUNNING}")


class Flag(NamedTuple):
    """One thing of a departure that somebody has to see to."""

    departure_id: int
    kind: str
    subject: str
    subject_id: int
    before: dict[str, Any]


def look(tx: Tx, ids: Sequence[int]) -> list[tuple[int, int]]:
    """Flag what is there now, and settle flags of what is not there any more; returns (departure, how many) of what is new.

    A report who has no manager is flagged where reports pass on.
    """
    found = {flag[:4]: flag for find in (_delivery, _assessment, _enrolment, _panel, _reading, _client) for flag in find(tx, ids)}
    known = tx.rows(
        select(
            DepartureEffect.id,
            DepartureEffect.departure_id,
            DepartureEffect.kind,
            DepartureEffect.subject,
            DepartureEffect.subject_id,
            DepartureEffect.settled_at,
        ).where(DepartureEffect.departure_id.in_(ids), DepartureEffect.kind.in_(KINDS), DepartureEffect.undone_at.is_(None))
    )
    over = [row.id for row in known if row.settled_at is None and tuple(row)[1:5] not in found]
    if over:
        settled = update(DepartureEffect).where(DepartureEffect.id.in_(over))
        tx.db.execute(settled.values(settled_at=tx.now))
    already = {tuple(row)[1:5] for row in known}
    new = [flag for key, flag in found.items() if key not in already]
    tx.insert_many(DepartureEffect, [flag._asdict() | {"flagged": True} for flag in new])
    return list(Counter(flag.departure_id for flag in new).items())


def _delivery(tx: Tx, ids: Sequence[int]) -> Iterator[Flag]:
    """Sessions of which they deliver a part after their last day."""
    rows = tx.rows(
        select(Departure.id, Departure.last_day, Part.session_id, Part.starts_at)
        .join(PartTrainer, PartTrainer.person_id == Departure.person_id)
        .join(Part, Part.id == PartTrainer.part_id)
        .join(Session, Session.id == Part.session_id)
        .where(Departure.id.in_(ids), PartTrainer.live, Part.starts_at > tx.now, Session.status != "cancelled")
        .order_by(Part.starts_at)
    )
    for row in rows:
        if london(row.starts_at).date() > row.last_day:
            yield Flag(row.id, "delivery", "sessions", row.session_id, {})


def _assessment(tx: Tx, ids: Sequence[int]) -> Iterator[Flag]:
    """Programmes of others in which they still have a part beside the learner."""
    rows = tx.rows(
        select(Departure.id, Capacity.enrolment_id, func.min(Capacity.capacity).label("capacity"))
        .join(Involvement, Involvement.person_id == Departure.person_id)
        .join(Capacity, Capacity.involvement_id == Involvement.id)
        .join(Enrolment, Enrolment.id == Capacity.enrolment_id)
        .where(Departure.id.in_(ids), Capacity.side == "assessing", Capacity.valid_to > _ENDS, _RUNS)
        .group_by(Departure.id, Capacity.enrolment_id)
        .order_by(Departure.id, Capacity.enrolment_id)
    )
    for row in rows:
        yield Flag(row.id, "assessment", "enrolments", row.enrolment_id, {"capacity": row.capacity})


def _enrolment(tx: Tx, ids: Sequence[int]) -> Iterator[Flag]:
    """Programmes that they themselves are on: whether they withdraw, or go on with another employer, is for people to say."""
    found = select(Departure.id, Enrolment.id.label("enrolment_id")).join(Enrolment, Enrolment.person_id == Departure.person_id)
    for row in tx.rows(found.where(Departure.id.in_(ids), _RUNS).order_by(Enrolment.id)):
        yield Flag(row.id, "enrolment", "enrolments", row.enrolment_id, {})


def _panel(tx: Tx, ids: Sequence[int]) -> Iterator[Flag]:
    """Panels that sit after their last day."""
    rows = tx.rows(
        select(Departure.id, Departure.last_day, Sitting.id.label("sitting_id"), Sitting.starts_at)
        .join(SittingMember, SittingMember.person_id == Departure.person_id)
        .join(Sitting, Sitting.id == SittingMember.sitting_id)
        .where(Departure.id.in_(ids), Sitting.state == "planned")
        .order_by(Sitting.id)
    )
    for row in rows:
        if london(row.starts_at).date() > row.last_day:
            yield Flag(row.id, "panel", "sittings", row.sitting_id, {})


def _reading(tx: Tx, ids: Sequence[int]) -> Iterator[Flag]:
    """Portfolios that they were to read for a panel and have not judged."""
    judged = and_(Judgement.case_id == Reader.case_id, Judgement.involvement_id == Reader.involvement_id)
    rows = tx.rows(
        select(Departure.id, Reader.case_id)
        .join(Involvement, Involvement.person_id == Departure.person_id)
        .join(Reader, Reader.involvement_id == Involvement.id)
        .join(PanelCase, PanelCase.id == Reader.case_id)
        .outerjoin(Judgement, judged)
        .where(Departure.id.in_(ids), PanelCase.state == "listed", Judgement.case_id.is_(None))
        .order_by(Reader.case_id)
    )
    for row in rows:
        yield Flag(row.id, "reading", "panel_cases", row.case_id, {})


def _client(tx: Tx, ids: Sequence[int]) -> Iterator[Flag]:
    """Systems for which they are named as the contact. There are few, so what is said in words is compared here."""
    clients = tx.rows(select(ApiClient.id, ApiClient.contact).where(ApiClient.contact.is_not(None), ApiClient.disabled_at.is_(None)))
    if not clients:
        return
    people = select(Departure.id, Person.email).join(Person, Person.id == Departure.person_id)
    for row in tx.rows(people.where(Departure.id.in_(ids), Person.email.is_not(None)).order_by(Departure.id)):
        for client in clients:
            if row.email in client.contact.lower():
                yield Flag(row.id, "client", "api_clients", client.id, {})


def tell(tx: Tx, flagged: Sequence[tuple[int, int]]) -> None:
    """One message for each coordinator, however many leave at once: how many things wait for them, and where."""
    numbers: Counter[int] = Counter()
    for departure, number in flagged:
        numbers[departure] += number
    if not numbers:
        return
    people = {row.id: row.person_id for row in tx.rows(select(Departure.id, Departure.person_id).where(Departure.id.in_(list(numbers))))}
    theirs = coordinators_of(tx, list(people.values()))
    waiting: dict[int, int] = defaultdict(int)
    newest: dict[int, int] = {}
    for departure, number in sorted(numbers.items()):
        for coordinator in theirs[people[departure]]:
            if coordinator != people[departure]:
                waiting[coordinator] += number
                newest[coordinator] = departure
    rows = [
        message("email.leavers_flagged", tx.now, "departures", person, {"flags": number}) | {"subject_id": newest[person]}
        for person, number in waiting.items()
    ]
    if rows:
        tx.db.execute(insert(Outbox), rows)
