"""How settings take up safeguarding training: one line for each organisation that is not the host, to decide whom to visit.

Figures of a setting are small and are not hidden: whoever may ask at all answers for safeguarding training in all settings. Names are for
those who reach the people anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, and_, case, distinct, func, literal, or_, select, true, union, union_all

from app import policy
from app.bookings.models import Booking, Session, Status
from app.core.calendar import add_months, london, london_day
from app.core.db import AnySelect
from app.core.errors import NotFound
from app.core.facts import current
from app.core.tables_out import Cell
from app.core.tx import Tx
from app.identity.models import ExternalIdentity, SignIn
from app.learning.models import Completion, Course, CourseKind
from app.measures.settings_models import KINDS, SettingKind, SettingVisit
from app.pathways.applying import fitting
from app.pathways.evidence import When
from app.pathways.models import Requirement, RequirementCourse
from app.pathways.progress import met_rows
from app.pathways.versions import Version, in_force
from app.people.models import Person, Post, RoleHeld, Unit, UnitKind
from app.policy import Can, Role

AHEAD = (Status.BOOKED.value, Status.OFFERED.value, Status.REQUESTED.value)
CAME = (Status.ATTENDED.value, Status.PARTLY_ATTENDED.value)
QUIET = (3, 6, 12, 24)  # months to choose from
UNKNOWN = "unknown"
HEADS = (
    *("Setting", "Kind", "People known", "In date", "Lapses soon", "Lapsed", "Never had it", "Places booked ahead"),
    *("Did not attend, 12 months", "Last attended", "Last sign-in", "Lead known", "Last visit", "Visit planned"),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which settings: by kind (UNKNOWN: none known), with nobody who attended for so many months and nothing booked, never visited."""

    kind: str = ""
    quiet: int = 0
    never: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting on a day. People are those who work there as far as we know; training is that for safeguarding."""

    id: int
    name: str
    kind: str | None
    people: int
    in_date: int
    lapsing: int
    lapsed: int
    never: int
    booked: int
    missed: int  # places not taken up in the twelve months before
    attended_on: date | None
    signed_in_on: date | None
    leads: int
    visited_on: date | None
    planned_on: date | None

    def quiet(self, since: date) -> bool:
        """Has nobody attended since, and is nothing booked ahead?"""
        return not self.booked and (self.attended_on is None or self.attended_on < since)

    @property
    def cells(self) -> list[Cell]:
        """As a file has it, in the order of HEADS."""
        days = ("" if day is None else day for day in (self.attended_on, self.signed_in_on))
        visits = ("" if day is None else day for day in (self.visited_on, self.planned_on))
        numbers = (self.people, self.in_date, self.lapsing, self.lapsed, self.never, self.booked, self.missed)
        kind = KINDS[self.kind] if self.kind else "Not known"
        return [self.name, kind, *numbers, *days, "Yes" if self.leads else "No", *visits]


# Which training ----------------------------------------------------------------------------------------------------


def versions(tx: Tx) -> list[Version]:
    """The sets of required training in force today that are for people of settings."""
    return [version for version in in_force(tx, tx.today, kind="mandatory") if version.applies.settings]


def _courses(held: Sequence[Version]) -> Any:
    """Ids of the courses that count as safeguarding training: of that kind, or asked for by these versions."""
    ids = [version.id for version in held]
    kind = select(Course.id).where(Course.kind == CourseKind.SAFEGUARDING.value)
    asked = select(Requirement.course_id).where(Requirement.version_id.in_(ids), Requirement.course_id.is_not(None))
    inside = select(RequirementCourse.course_id).where(RequirementCourse.version_id.in_(ids))
    return union(kind, asked, inside)


# Everything known of settings --------------------------------------------------------------------------------------


def listed(tx: Tx, asked: Asked) -> list[Setting]:
    """Every open setting asked for, in the order in which one would look at them. Forbidden for who does not act for the host.

    Nothing booked ahead comes first; of those, where nobody ever attended, then the longest ago; then by name.
    """
    policy.require_for_host(tx, Can.READ_SETTINGS_TRAINING)
    since = add_months(tx.today, -asked.quiet)
    found = [
        setting
        for setting in _all(tx)
        if (not asked.kind or (setting.kind or UNKNOWN) == asked.kind)
        and (not asked.quiet or setting.quiet(since))
        and (not asked.never or setting.visited_on is None)
    ]
    return sorted(found, key=lambda each: (each.booked > 0, each.attended_on or date.min, each.name.lower(), each.id))


def one(tx: Tx, organisation_id: int) -> Setting:
    """One setting, or NotFound. Forbidden for who does not act for the host."""
    policy.require_for_host(tx, Can.READ_SETTINGS_TRAINING)
    found = next(iter(_all(tx, organisation_id)), None)
    if found is None:
        raise NotFound("There is no setting with that reference.", code="setting-not-found")
    return found


def settings_are(organisation_id: int | None = None) -> Any:
    """SQL: an open organisation that is not the host; this one, if one is named."""
    its = and_(Unit.kind == UnitKind.ORGANISATION.value, Unit.host.is_(False), Unit.closed_on.is_(None))
    return its if organisation_id is None else and_(its, Unit.id == organisation_id)


def _all(tx: Tx, organisation_id: int | None = None) -> Iterator[Setting]:
    held = versions(tx)
    there = _there(tx, organisation_id)
    staff = there.cte("staff")
    parts = [
        _standing(tx, there, staff, held),
        _places(tx, staff, held),
        _attended(staff, held),
        _signed_in(staff),
        _leads(tx, staff),
        _visits(),
    ]
    joined: Any = Unit.__table__.outerjoin(SettingKind, SettingKind.organisation_id == Unit.id)
    columns: list[Any] = []
    for number, part in enumerate(parts):
        each = part.subquery(f"part_{number}")
        joined = joined.outerjoin(each, each.c.setting == Unit.id)
        columns += [each.c[name] for name in each.c.keys() if name != "setting"]  # noqa: SIM118 - a collection of columns, not a dict
    rows = tx.rows(select(Unit.id, Unit.name, SettingKind.kind, *columns).select_from(joined).where(settings_are(organisation_id)))
    for row in rows:
        values: dict[str, Any] = {name: getattr(row, name) or 0 for name in _NUMBERS}
        values |= {name: getattr(row, name) for name in ("attended_on", "visited_on", "planned_on")}
        seen = row.signed_in_on
        yield Setting(row.id, row.name, row.kind, **values, signed_in_on=london(seen).date() if seen else None)


_NUMBERS = ("people", "in_date", "lapsing", "lapsed", "never", "booked", "missed", "leads")


def _there(tx: Tx, organisation_id: int | None) -> AnySelect:
    """(person_id, setting) of everybody who works at a setting today."""
    return (
        select(Person.id.label("person_id"), Person.organisation_id.label("setting"))
        .join(Unit, Unit.id == Person.organisation_id)
        .where(settings_are(organisation_id))
        .where(or_(Person.started_on.is_(None), Person.started_on <= tx.today))
        .where(or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today))
    )


def _standing(tx: Tx, there: AnySelect, staff: Any, held: Sequence[Version]) -> AnySelect:
    """How many people a setting has, and how their required training stands: the worst of what is asked of each."""
    if not held:
        nothing: list[Any] = [literal(0).label(name) for name in _RANKS]
        return select(staff.c.setting, func.count().label("people"), *nothing).group_by(staff.c.setting)
    each = _worst(tx, there.with_only_columns(Person.id), held).subquery("each_person")
    count = {name: func.sum(case((each.c.worst == rank, 1), else_=0)).label(name) for name, rank in _RANKS.items()}
    return (
        select(staff.c.setting, func.count().label("people"), *count.values())
        .select_from(staff)
        .outerjoin(each, each.c.person_id == staff.c.person_id)
        .group_by(staff.c.setting)
    )


_RANKS = {"in_date": 0, "lapsing": 1, "lapsed": 2, "never": 3}
_STATUS = {"met": 0, "lapsing": 1, "lapsed": 2, "missing": 3}


def _worst(tx: Tx, people: AnySelect, held: Sequence[Version]) -> AnySelect:
    """(person_id, worst) of each person for whom some of it is: a number of _RANKS."""
    when = When(tx.today, None)
    pairs = fitting(people, held, when)
    rows = met_rows(tx, pairs, [version.id for version in held], when).order_by(None).subquery("met")
    rank = case(*((rows.c.status == status, number) for status, number in _STATUS.items()), else_=0)
    return select(rows.c.person_id, func.max(rank).label("worst")).group_by(rows.c.person_id)


def _places(tx: Tx, staff: Any, held: Sequence[Version]) -> AnySelect:
    """Places booked ahead, and those that nobody took up in twelve months."""
    ahead = and_(Booking.status.in_(AHEAD), Session.starts_at > tx.now, Session.status == "published")
    year, _ = london_day(add_months(tx.today, -12))
    missed = and_(Booking.status == Status.DID_NOT_ATTEND.value, Session.starts_at >= year)
    return (
        select(
            staff.c.setting,
            func.sum(case((ahead, 1), else_=0)).label("booked"),
            func.sum(case((missed, 1), else_=0)).label("missed"),
        )
        .join(Booking, Booking.person_id == staff.c.person_id)
        .join(Session, Session.id == Booking.session_id)
        .where(Session.course_id.in_(_courses(held)), Booking.status.in_((*AHEAD, Status.DID_NOT_ATTEND.value)))
        .group_by(staff.c.setting)
    )


def _attended(staff: Any, held: Sequence[Version]) -> AnySelect:
    """The last day on which somebody completed some of it, in a room or online."""
    return (
        select(staff.c.setting, func.max(Completion.completed_on).label("attended_on"))
        .join(Completion, Completion.person_id == staff.c.person_id)
        .where(Completion.superseded_at.is_(None), Completion.course_id.in_(_courses(held)))
        .group_by(staff.c.setting)
    )


def _signed_in(staff: Any) -> AnySelect:
    """When anybody last signed in, with a password or through their own organisation."""
    both = union_all(
        select(SignIn.person_id, SignIn.last_seen_at.label("at")),
        select(ExternalIdentity.person_id, ExternalIdentity.last_signed_in_at.label("at")),
    ).subquery("signed_in")
    return (
        select(staff.c.setting, func.max(both.c.at).label("signed_in_on"))
        .join(both, both.c.person_id == staff.c.person_id)
        .group_by(staff.c.setting)
    )


def _leads(tx: Tx, staff: Any) -> AnySelect:
    """How many of a setting's people hold the role of its lead, for it or a part of it."""
    return (
        select(staff.c.setting, func.count(distinct(staff.c.person_id)).label("leads"))
        .join(RoleHeld, RoleHeld.person_id == staff.c.person_id)
        .join(Unit, and_(Unit.id == RoleHeld.unit_id, Unit.organisation_id == staff.c.setting))
        .where(RoleHeld.role == Role.SETTING_LEAD.value, current(RoleHeld, tx.today))
        .group_by(staff.c.setting)
    )


def standing_visits() -> Any:
    """SQL: a row of `SettingVisit` that nothing answers: a visit that was not taken back, a plan that is open."""
    answer = SettingVisit.__table__.alias("answer")
    return ~select(literal(1)).select_from(answer).where(answer.c.answers_id == SettingVisit.id).exists()


def _visits() -> AnySelect:
    """The last visit, and the next that is planned."""
    held = case((SettingVisit.kind == "held", SettingVisit.on_date))
    planned = case((SettingVisit.kind == "planned", SettingVisit.on_date))
    return (
        select(SettingVisit.organisation_id.label("setting"), func.max(held).label("visited_on"), func.min(planned).label("planned_on"))
        .where(standing_visits(), SettingVisit.kind.in_(("held", "planned")))
        .group_by(SettingVisit.organisation_id)
    )


# One setting -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person of a setting, for who reaches them: how their training stands (None: none is required of them)."""

    id: int
    name: str
    job_title: str | None
    status: str | None
    lead: bool


def people(tx: Tx, organisation_id: int) -> list[Somebody]:
    """Those people of a setting whom the reader may see by name, by name."""
    held = versions(tx)
    whose = _there(tx, organisation_id).where(policy.within_reach(tx, Can.READ_REQUIRED, Person.id))
    statuses: dict[int, str] = {}
    if held:
        worst = _worst(tx, whose.with_only_columns(Person.id), held)
        statuses = {row.person_id: next(name for name, rank in _STATUS.items() if rank == row.worst) for row in tx.rows(worst)}
    lead = select(RoleHeld.person_id).where(RoleHeld.role == Role.SETTING_LEAD.value, current(RoleHeld, tx.today))
    rows = tx.rows(
        whose.with_only_columns(Person.id, Person.name, Post.job_title, Person.id.in_(lead).label("lead"))
        .outerjoin(Post, and_(Post.person_id == Person.id, Post.is_primary, current(Post, tx.today)))
        .order_by(Person.sort_name, Person.id)
    )
    return [Somebody(row.id, row.name, row.job_title, statuses.get(row.id), bool(row.lead)) for row in rows]


def history(tx: Tx, organisation_id: int) -> Sequence[Row[Any]]:
    """All that was recorded of visits to a setting, newest first: with who went, who wrote it down, and whether it stands."""
    went, wrote = Person.__table__.alias("went"), Person.__table__.alias("wrote")
    return tx.rows(
        select(
            SettingVisit.__table__,
            went.c.name.label("went"),
            wrote.c.name.label("wrote"),
            case((standing_visits(), true()), else_=literal(False)).label("stands"),
        )
        .outerjoin(went, went.c.id == SettingVisit.by_person_id)
        .outerjoin(wrote, wrote.c.id == SettingVisit.recorded_by)
        .where(SettingVisit.organisation_id == organisation_id)
        .order_by(SettingVisit.id.desc())
    )


def visit(tx: Tx, visit_id: int) -> Row[Any]:
    """A plan or a visit that nothing was recorded about since, or NotFound."""
    row = tx.one(
        select(SettingVisit.__table__).where(SettingVisit.id == visit_id, SettingVisit.kind.in_(("planned", "held")), standing_visits())
    )
    if row is None:
        raise NotFound("There is no such visit any more.", code="visit-not-found")
    return row
