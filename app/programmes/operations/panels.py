"""Moderation panels: sittings, who sits, which portfolios they read, and that nobody can be recognised in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, select, update

from app.core.calendar import london
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.facts import current
from app.core.tx import Tx
from app.frameworks.models import DocumentTemplate
from app.people.models import Person, RoleHeld
from app.policy import Can, Role, covers, may, operation
from app.programmes import access
from app.programmes.checklist import checklist
from app.programmes.models import Capacity, Enrolment, Involvement
from app.programmes.operations.involving import end_capacity, involve
from app.programmes.panel_models import PanelCase, Reader, Sitting, SittingMember
from app.programmes.portfolio_models import Document, Entry, Revision

AFTERWARDS = timedelta(days=31)  # so long after the sitting its members can still read what they decided on
READERS = 2


@dataclass(frozen=True, slots=True)
class Members:
    """Who sits, and who of them has the chair."""

    people: tuple[int, ...]
    chair: int


@operation(Can.RUN_PANELS)
def create_sitting(
    tx: Tx, title: str, starts_at: datetime, place: str, members: Members, *, unit_id: int | None = None, reading_days: int = 10
) -> int:
    """Arrange a sitting; returns its id. Members hold the role of a panel member on that day, and the chair is one of them."""
    _about(title, place, starts_at, tx.now, reading_days)
    if not covers(tx, Can.RUN_PANELS, unit_id):
        raise Forbidden("That part of the organisation is outside what you arrange panels for.")
    key = tx.insert(Sitting, title=title, starts_at=starts_at, place=place, unit_id=unit_id, reading_days=reading_days, created_at=tx.now)
    _seat(tx, key, starts_at, members)
    tx.record("panel.arranged", "sittings", key, starts_at=starts_at.isoformat(), members=len(members.people))
    return key


def _about(title: str, place: str, starts_at: datetime, now: datetime, reading_days: int) -> None:
    wrong = []
    if not 0 < len(title) <= 200:
        wrong.append({"field": "title", "message": "Give the sitting a name, of at most 200 letters"})
    if not 0 < len(place) <= 300:
        wrong.append({"field": "place", "message": "Say where it takes place, or that it is online"})
    if starts_at <= now:
        wrong.append({"field": "day", "message": "Choose a day and time to come"})
    if not 0 <= reading_days <= 60:
        wrong.append({"field": "reading_days", "message": "Reading days are between 0 and 60"})
    if wrong:
        raise Invalid("The sitting cannot be arranged yet.", errors=wrong)


def _seat(tx: Tx, sitting_id: int, starts_at: datetime, members: Members) -> None:
    if members.chair not in members.people or len(members.people) < READERS:
        message = f"A sitting has at least {READERS} members, and one of them has the chair"
        raise Invalid(message + ".", errors=[{"field": "members", "message": message}])
    known = set(panel_members(tx, members.people, starts_at))
    if strangers := [key for key in members.people if key not in known]:
        names = ", ".join(row.name for row in tx.rows(select(Person.name).where(Person.id.in_(strangers)).order_by(Person.sort_name)))
        raise Conflict(
            f"Not a panel member on that day: {names or 'somebody unknown'}.",
            code="not-a-panel-member",
            way_out="An administrator can give the role.",
        )
    tx.insert_many(
        SittingMember, [dict(sitting_id=sitting_id, person_id=key, chair=key == members.chair) for key in dict.fromkeys(members.people)]
    )


def panel_members(tx: Tx, among: Sequence[int] | None, at: datetime) -> list[int]:
    """Ids of those who hold the role of a panel member on that day, all or some of `among`."""
    held = select(RoleHeld.person_id).where(RoleHeld.role == Role.PANEL.value, current(RoleHeld, london(at).date())).distinct()
    return [row.person_id for row in tx.rows(held if among is None else held.where(RoleHeld.person_id.in_(among)))]


def sitting(tx: Tx, sitting_id: int, *, lock: bool = False) -> Row[Any]:
    """A sitting that the actor arranges or sits on, or NotFound."""
    row = tx.get(Sitting, sitting_id, lock=lock, what="sitting") if _may_see(tx, sitting_id) else None
    if row is None:
        raise NotFound("There is no sitting with that reference, or you do not sit on it.", code="sitting-not-found")
    return row


def _may_see(tx: Tx, sitting_id: int) -> bool:
    mine = select(SittingMember.person_id).where(SittingMember.sitting_id == sitting_id, SittingMember.person_id == tx.actor.person_id)
    return tx.scalar(mine) is not None or arranges(tx, tx.get(Sitting, sitting_id, what="sitting"))


def arranges(tx: Tx, row: Row[Any]) -> bool:
    """Does the actor arrange this sitting?"""
    return may(tx.actor, Can.RUN_PANELS) and covers(tx, Can.RUN_PANELS, row.unit_id)


@operation(Can.RUN_PANELS)
def cancel_sitting(tx: Tx, sitting_id: int) -> None:
    """Nothing was decided yet; what was listed can be listed for another sitting."""
    row = _planned(tx, sitting_id)
    for case in tx.rows(select(PanelCase.__table__).where(PanelCase.sitting_id == row.id, PanelCase.state == "listed")):
        _take_off(tx, case)
    tx.update(Sitting, row.id, state="cancelled", version=row.version + 1)
    tx.record("panel.cancelled", "sittings", row.id)


def _planned(tx: Tx, sitting_id: int) -> Row[Any]:
    row = tx.get(Sitting, sitting_id, lock=True, what="sitting")
    if not arranges(tx, row):
        raise NotFound("There is no sitting with that reference.", code="sitting-not-found")
    if row.state != "planned":
        raise Conflict(f"This sitting is {row.state}.", code="sitting-over")
    return row


# Listing -----------------------------------------------------------------------------------------------------------


def recommendation(tx: Tx, enrolment_id: int) -> str | None:
    """What the assessor recommends in the final report that everybody has signed: "pass" or "fail"; None: there is none yet."""
    rows = tx.rows(
        select(Revision.content)
        .join(Document, (Document.id == Revision.document_id) & (Document.frozen == Revision.number))
        .join(DocumentTemplate, DocumentTemplate.id == Document.template_id)
        .where(Document.enrolment_id == enrolment_id, Document.state == "final", DocumentTemplate.kind == "review")
        .order_by(DocumentTemplate.id.desc(), Document.number.desc())
    )
    said = (str(row.content.get("recommendation", "")).lower() for row in rows)
    return next((words for words in said if words in ("pass", "fail")), None)


@operation(Can.RUN_PANELS)
def list_case(tx: Tx, sitting_id: int, enrolment_id: int, readers: Sequence[int]) -> int:
    """Put a portfolio before a sitting, with its two readers; returns the case's id.

    Refused while the checklist has something missing or the final report is not signed. Members who assess this very person get no part
    in it and cannot read it; a reader who does is refused, by the database too.
    """
    planned = _planned(tx, sitting_id)
    found = access.part(tx, Can.RUN_PANELS, enrolment_id, lock=True).enrolment
    recommended = _ready(tx, found)
    members = {row.person_id: row.chair for row in tx.rows(select(SittingMember.__table__).where(SittingMember.sitting_id == planned.id))}
    chosen = tuple(dict.fromkeys(readers))
    if len(chosen) != READERS or not set(chosen) <= set(members):
        message = f"Choose {READERS} different members of the sitting as readers"
        raise Invalid(message + ".", errors=[{"field": "readers", "message": message}])
    head = tx.scalar(select(Entry.hash).where(Entry.enrolment_id == found.id).order_by(Entry.sequence.desc()).limit(1))
    case = tx.insert(
        PanelCase, sitting_id=planned.id, enrolment_id=found.id, recommended=recommended, listed_at=tx.now, listed_head=head or ""
    )
    _let_in(tx, planned, found, case, members, chosen)
    tx.update(Enrolment, found.id, status="awaiting_panel", version=found.version + 1)
    tx.record("panel.listed", "panel_cases", case, person_id=found.person_id)
    for key in chosen:
        tx.record("panel.papers", "panel_cases", case, person_id=found.person_id, tell=["email.papers_ready"], to=key)
    return case


def _ready(tx: Tx, enrolment: Row[Any]) -> str:
    if enrolment.status not in ("in_progress", "awaiting_panel"):
        raise Conflict(f"This enrolment is {enrolment.status.replace('_', ' ')}.", code="not-ready")
    missing = checklist(tx, enrolment.id).missing
    if missing:
        raise Conflict(
            "The portfolio is not ready: " + "; ".join(f"{line.title} ({line.words})" for line in missing) + ".", code="not-ready"
        )
    recommended = recommendation(tx, enrolment.id)
    if recommended is None:
        raise Conflict("The final report with the assessor’s recommendation is not signed by everybody yet.", code="not-ready")
    return recommended


def _let_in(tx: Tx, planned: Row[Any], enrolment: Row[Any], case: int, members: dict[int, bool], readers: Sequence[int]) -> None:
    """Members can read the portfolio from now until a month after the sitting, unless they stand on another side of it."""
    until = london(planned.starts_at).date() + AFTERWARDS
    sides = {
        row.person_id: row.side
        for row in tx.rows(
            select(Involvement.person_id, Involvement.side).where(
                Involvement.enrolment_id == enrolment.id, Involvement.person_id.in_(members)
            )
        )
    }
    for key, chair in sorted(members.items()):
        if sides.get(key, "moderating") != "moderating" and key not in readers:
            continue  # they leave the room for this one
        involvement = involve(tx, enrolment.id, key, "chair" if chair else "panel_member", tx.today, until)
        if key in readers:
            lead = key == readers[0]
            tx.db.execute(
                insert(Reader), dict(case_id=case, involvement_id=involvement, enrolment_id=enrolment.id, side="moderating", lead=lead)
            )


@operation(Can.RUN_PANELS)
def withdraw_case(tx: Tx, case_id: int) -> None:
    """Take a portfolio off a sitting before it is decided. Its members can no longer read it."""
    case = tx.get(PanelCase, case_id, what="case")
    access.part(tx, Can.RUN_PANELS, case.enrolment_id, lock=True)
    case = tx.get(PanelCase, case_id, what="case")
    if case.state != "listed":
        raise Conflict(f"This portfolio is {case.state}.", code="case-over")
    _take_off(tx, case)


def _take_off(tx: Tx, case: Row[Any]) -> None:
    tx.update(PanelCase, case.id, state="withdrawn")
    tx.db.execute(
        update(Enrolment)
        .where(Enrolment.id == case.enrolment_id, Enrolment.status == "awaiting_panel")
        .values(status="in_progress", version=Enrolment.version + 1)
    )
    holders = tx.rows(
        select(Involvement.person_id, Capacity.capacity)
        .join(Capacity, Capacity.involvement_id == Involvement.id)
        .where(Capacity.enrolment_id == case.enrolment_id, Capacity.capacity.in_(("chair", "panel_member")), Capacity.valid_to > tx.today)
    )
    for row in holders:
        end_capacity(tx, case.enrolment_id, row.person_id, row.capacity, tx.today)
    tx.record("panel.withdrawn", "panel_cases", case.id)


@operation(Can.READ_PANELS)
def check_anonymised(tx: Tx, case_id: int) -> None:
    """Somebody has looked that no child or family can be recognised in the portfolio: a reader, or whoever arranges the panel."""
    case = open_case(tx, case_id)
    if case.anonymised_at is None:
        tx.update(PanelCase, case.id, anonymised_by=tx.actor.person_id, anonymised_at=tx.now)
        tx.record("panel.anonymised", "panel_cases", case.id)


def open_case(tx: Tx, case_id: int) -> Row[Any]:
    """A case not yet decided, whose enrolment is locked; NotFound for whoever has no part in it and does not arrange panels."""
    case = tx.get(PanelCase, case_id, what="case")
    access.part(tx, Can.READ_PANELS, case.enrolment_id, lock=True)
    case = tx.get(PanelCase, case_id, what="case")
    if case.state != "listed":
        raise Conflict(f"This portfolio is {case.state} already.", code="case-over")
    return case
