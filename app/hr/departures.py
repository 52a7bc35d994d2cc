"""Who is leaving, waits to be confirmed, has left, and what followed: read for HR, and what is flagged for coordinators too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, String, and_, case, cast, func, literal, null, or_, select, union_all

from app import policy
from app.bookings.models import Booking, Session
from app.core.calendar import london, long_date
from app.core.db import UtcDateTime
from app.core.declared import aliased
from app.core.errors import NotFound
from app.core.tx import Tx
from app.frameworks.models import ProgrammeVersion
from app.hr import queries as imports
from app.hr.directory_models import Departure, DepartureEffect, LeaverRun
from app.hr.models import Import
from app.identity.models import ApiClient
from app.learning.models import Course
from app.people.models import Group, GroupMember, Membership, Person, Post, Responsibility, RoleHeld, Stage, Unit
from app.policy import Can
from app.programmes.models import Enrolment
from app.programmes.panel_models import PanelCase, Sitting

SOON = timedelta(days=60)
LATELY = timedelta(days=60)
MOST = 200  # on one list: a form takes no more, and nobody looks through more
SOURCES = {"import": "An HR extract", "scim": "The directory (SCIM)", "api": "Another system (REST)", "page": "A colleague, on the page"}
STATES = {
    "waiting": ("Waits to be confirmed", "yellow"),
    "due": ("Leaving", "blue"),
    "done": ("Left", "grey"),
    "dropped": ("Not leaving", "grey"),
    "restored": ("Restored", "green"),
}
HEADINGS = {
    "delivery": "Sessions to deliver",
    "assessment": "People they assess",
    "enrolment": "Programmes they are on",
    "panel": "Panels they sit on",
    "reading": "Portfolios to read for a panel",
    "reports": "Their reports",
    "approval": "Requests that waited for them",
    "client": "Systems they are the contact for",
    "place": "Places and turns",
    "fact": "Team, post, stage and manager",
    "role": "Roles",
    "duty": "Duties",
    "cover": "Who stood in for them",
    "group": "Groups",
    "account": "Signing in",
}
PAGES = {"delivery": "/sessions/", "assessment": "/enrolments/", "enrolment": "/enrolments/", "panel": "/panels/"}
_AT = UtcDateTime()
_COLUMNS = (
    Departure.id,
    Departure.person_id,
    Departure.last_day,
    Departure.planned_day,
    Departure.source,
    Departure.state,
    Departure.asked_at,
    Departure.done_at,
    Departure.run_id,
    Person.name,
    Person.employee_number,
)


def _listed(tx: Tx, *where: Any) -> Any:
    flags = select(func.count()).where(
        DepartureEffect.departure_id == Departure.id, DepartureEffect.flagged, DepartureEffect.settled_at.is_(None)
    )
    reached = policy.within_reach(tx, Can.CONFIRM_LEAVERS, Departure.person_id)
    columns = (*_COLUMNS, flags.scalar_subquery().label("flags"))
    return select(*columns).join(Person, Person.id == Departure.person_id).where(reached, *where)


def waiting(tx: Tx) -> Sequence[Row[Any]]:
    """Who waits to be confirmed, run by run, by name."""
    return tx.rows(_listed(tx, Departure.state == "waiting").order_by(Departure.run_id, Person.sort_name, Departure.id).limit(MOST))


def number_waiting(tx: Tx) -> int:
    """How many wait to be confirmed."""
    reached = policy.within_reach(tx, Can.CONFIRM_LEAVERS, Departure.person_id)
    return int(tx.scalar(select(func.count()).select_from(Departure).where(Departure.state == "waiting", reached)) or 0)


def for_hr(tx: Tx) -> tuple[int, int, int]:
    """Imports to apply, imports with problems, and leavers to confirm, of those in reach: one statement, for the first page."""
    one = select(literal(1).label("one")).subquery()
    reached = policy.within_reach(tx, Can.CONFIRM_LEAVERS, Departure.person_id)
    leavers = select(func.count()).select_from(Departure).where(Departure.state == "waiting", reached).scalar_subquery()
    staged = select(leavers.label("leavers"), Import.id, Import.counts).select_from(one)
    rows = tx.rows(staged.outerjoin(Import, and_(imports.visible(tx), Import.state == "staged")))
    found = [imports.state_of("staged", row.counts)[0] for row in rows if row.id is not None]
    return found.count("Ready to apply"), found.count("Problems to correct"), int(rows[0].leavers)


def held(tx: Tx) -> Sequence[Row[Any]]:
    """Runs that wait because of their number: how many of how many, and what brought them."""
    number = func.count(Departure.id).label("number")
    undated = func.count(case((Departure.last_day.is_(None), 1))).label("undated")
    return tx.rows(
        select(LeaverRun.id, LeaverRun.source, LeaverRun.employed, LeaverRun.started_at, Unit.name, number, undated)
        .join(Departure, and_(Departure.run_id == LeaverRun.id, Departure.state == "waiting"))
        .join(Unit, Unit.id == LeaverRun.organisation_id)
        .where(LeaverRun.state == "held", policy.within_reach(tx, Can.CONFIRM_LEAVERS, Departure.person_id))
        .group_by(LeaverRun.id, LeaverRun.source, LeaverRun.employed, LeaverRun.started_at, Unit.name)
        .order_by(LeaverRun.id)
    )


def of_run(tx: Tx, run_id: int) -> list[int]:
    """Departures of a run that wait, in reach; not the actor's own, which a colleague confirms."""
    reached = and_(policy.within_reach(tx, Can.CONFIRM_LEAVERS, Departure.person_id), Departure.person_id != tx.actor.person_id)
    rows = tx.rows(select(Departure.id).where(Departure.run_id == run_id, Departure.state == "waiting", reached))
    if not rows:
        raise NotFound("Nobody waits to be confirmed there, or they are not your people.", code="run-not-found")
    return [row.id for row in rows]


def due(tx: Tx) -> Sequence[Row[Any]]:
    """Who leaves, the soonest first."""
    return tx.rows(_listed(tx, Departure.state == "due").order_by(Departure.last_day, Person.sort_name, Departure.id).limit(MOST))


def lately(tx: Tx) -> Sequence[Row[Any]]:
    """Who has left lately or was restored, the latest first."""
    recent = or_(Departure.last_day >= tx.today - LATELY, Departure.restored_at > tx.now - LATELY)
    over = and_(Departure.state.in_(("done", "restored")), recent)
    return tx.rows(_listed(tx, over).order_by(Departure.last_day.desc(), Person.sort_name, Departure.id).limit(MOST))


def departure(tx: Tx, departure_id: int) -> Row[Any]:
    """One departure in reach, with who decided what; or NotFound."""
    decided, restored = aliased(Person), aliased(Person)
    more = (Departure.decided_at, Departure.restored_at, Departure.reason, decided.name.label("decided"), restored.name.label("restored"))
    row = tx.one(
        _listed(tx, Departure.id == departure_id)
        .add_columns(*more)
        .outerjoin(decided, decided.id == Departure.decided_by)
        .outerjoin(restored, restored.id == Departure.restored_by)
    )
    if row is None:
        raise NotFound("There is no departure with that reference, or it is not one of your people’s.", code="departure-not-found")
    return row


# What followed -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One effect in words: what it is about, what became of it, and whether somebody has to see to it."""

    id: int
    kind: str
    departure_id: int
    person: str
    words: str
    link: str
    to: str | None
    flagged: bool
    open: bool
    undone: bool
    not_undone: str | None


def lines(tx: Tx, departure_id: int) -> list[Line]:
    """Everything that followed from one departure, kind by kind."""
    found = _lines(tx, DepartureEffect.departure_id == departure_id)
    order = list(HEADINGS)
    return sorted(found, key=lambda line: (order.index(line.kind) if line.kind in order else len(order), line.words, line.id))


def flag_terms(tx: Tx, can: Can) -> tuple[Any, ...]:
    """What is flagged and not settled, of people in reach."""
    return (DepartureEffect.flagged, DepartureEffect.settled_at.is_(None), policy.within_reach(tx, can, Departure.person_id))


def flags(tx: Tx, can: Can, most: int = MOST) -> list[Line]:
    """What is flagged and not settled, of people in reach for `can`; those who leave soonest first."""
    rows = tx.rows(
        select(DepartureEffect.id)
        .join(Departure, Departure.id == DepartureEffect.departure_id)
        .where(*flag_terms(tx, can))
        .order_by(Departure.last_day, DepartureEffect.departure_id, DepartureEffect.id)
        .limit(most)
    )
    order = {row.id: n for n, row in enumerate(rows)}
    return sorted(_lines(tx, DepartureEffect.id.in_(list(order))), key=lambda line: order[line.id]) if order else []


def number_flagged(tx: Tx, can: Can) -> int:
    """How many things are flagged and not settled, of people in reach for `can`."""
    statement = select(func.count()).select_from(DepartureEffect).join(Departure, Departure.id == DepartureEffect.departure_id)
    return int(tx.scalar(statement.where(*flag_terms(tx, can))) or 0)


def _lines(tx: Tx, which: Any) -> list[Line]:
    to = aliased(Person)
    effect = DepartureEffect
    rows = tx.rows(
        select(effect.__table__, Person.name, to.name.label("to_name"))
        .join(Departure, Departure.id == effect.departure_id)
        .join(Person, Person.id == Departure.person_id)
        .outerjoin(to, to.id == effect.to_id)
        .where(which)
        .order_by(effect.id)
    )
    said = {row.id: row for row in tx.rows(_words(which))} if rows else {}
    return [
        Line(
            row.id,
            row.kind,
            row.departure_id,
            row.name,
            _said(row, said.get(row.id)),
            f"{PAGES[row.kind]}{row.subject_id}" if row.kind in PAGES else "",
            row.to_name,
            row.flagged,
            row.flagged and row.settled_at is None,
            row.undone_at is not None,
            row.not_undone,
        )
        for row in rows
    ]


def _words(which: Any) -> Any:
    """For each effect two words and an instant, whatever it is about, in one statement."""
    effect, holder = DepartureEffect, aliased(Person)
    nothing, never = cast(null(), String), cast(null(), _AT)

    def of(subject: str, table: Any, one: Any, two: Any = nothing, at: Any = never) -> Any:
        found = select(effect.id, one.label("one"), two.label("two"), at.label("at")).select_from(effect)
        return found.join(table, and_(effect.subject == subject, table.id == effect.subject_id)).where(which)

    learner = aliased(Person)
    about = case((Responsibility.person_id.is_(None), Responsibility.subject), else_=learner.name)
    parts = (
        of("bookings", Booking, Course.title, learner.name, Session.starts_at)
        .join(Session, Session.id == Booking.session_id)
        .join(Course, Course.id == Session.course_id)
        .outerjoin(learner, learner.id == Booking.person_id),
        of("sessions", Session, Course.title, nothing, Session.starts_at).join(Course, Course.id == Session.course_id),
        of("memberships", Membership, Unit.name).join(Unit, Unit.id == Membership.unit_id),
        of("stages", Stage, Stage.stage),
        of("posts", Post, Post.job_title),
        of("responsibilities", Responsibility, about, case((effect.kind == "duty", Responsibility.kind), else_=holder.name))
        .join(holder, holder.id == Responsibility.holder_id)
        .outerjoin(learner, learner.id == Responsibility.person_id),
        of("roles_held", RoleHeld, RoleHeld.role, Unit.name).outerjoin(Unit, Unit.id == RoleHeld.unit_id),
        of("group_members", GroupMember, Group.name).join(Group, Group.id == GroupMember.group_id),
        of("enrolments", Enrolment, ProgrammeVersion.title, learner.name)
        .join(ProgrammeVersion, ProgrammeVersion.id == Enrolment.version_id)
        .join(learner, learner.id == Enrolment.person_id),
        of("sittings", Sitting, Sitting.title, nothing, Sitting.starts_at),
        of("panel_cases", PanelCase, learner.name, Sitting.title, Sitting.starts_at)
        .join(Sitting, Sitting.id == PanelCase.sitting_id)
        .join(Enrolment, Enrolment.id == PanelCase.enrolment_id)
        .join(learner, learner.id == Enrolment.person_id),
        of("api_clients", ApiClient, ApiClient.name),
    )
    return union_all(*parts)


_HELD = {
    "reserved": "A place reserved",
    "requested": "A request for a place",
    "waiting": "A turn on the waiting list",
    "offered": "The offer of a place",
    "booked": "A place",
}


_DUTIES = {"assessor": "Assesses {}", "deputy": "Stands in for {}", "trainer": "Delivers a session", "manager": "Manages {}"}


def _said(row: Row[Any], about: Row[Any] | None) -> str:
    """What an effect is about, in words."""
    if about is None:
        return "Signing in, and links that they were sent" if row.kind == "account" else "It is not there any more"
    when = f", {long_date(london(about.at))}" if about.at is not None else ""
    if row.kind == "place":
        return f"{_HELD.get(row.before.get('status', ''), 'A place')} on {about.one}{when}"
    if row.kind == "approval":
        return f"{about.two} asked for a place on {about.one}{when}"
    if row.kind == "reports":
        return str(about.one)
    words = {
        "delivery": f"{about.one}{when}",
        "assessment": f"{about.two}, {about.one} ({row.before.get('capacity', '').replace('_', ' ')})",
        "enrolment": f"{about.one}",
        "panel": f"{about.one}{when}",
        "reading": f"{about.one}, for {about.two}{when}",
        "role": f"{about.one[:1].upper()}{about.one[1:]}, {about.two or 'everywhere'}",
        "duty": _DUTIES.get(str(about.two), "Answers for {}").format(about.one),
        "cover": f"{about.two}",
    }
    if row.kind == "fact":
        titles = {"memberships": "Team", "stages": "Stage", "posts": "Post", "responsibilities": "Manager"}
        return f"{titles.get(row.subject, row.subject)}: {about.two if row.subject == 'responsibilities' else about.one}"
    return words.get(row.kind, str(about.one))


def day_in_words(day: date | datetime | None) -> str:
    """A date with its day of the week; not known: said so."""
    return "Not given" if day is None else long_date(day)
