"""Who is told of a report, when reports are drafted by themselves, and when whoever owns one is reminded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import Row, exists, or_, select
from sqlalchemy.sql.elements import ColumnElement

from app.core.calendar import from_london, london, working_day
from app.core.db import ONE
from app.core.errors import Changed, Conflict, Invalid, NotFound
from app.core.facts import current
from app.core.ledger import Outbox, message
from app.core.tx import Tx
from app.grants import roles_with
from app.measures.dimensions import month_before
from app.measures.models import MonthClose
from app.people.models import Person, RoleHeld
from app.policy import Can, Role, operation
from app.reports import access, content, operations
from app.reports.kinds import KINDS
from app.reports.models import DRAFT, BoardReader, BoardReport, BoardSchedule

SIGNED_KIND, WAITS_KIND = "email.board_report_signed", "email.board_report_waits"
AT = time(8)  # London time
AGAIN = 2  # working days from one reminder to the next
DRAFT_ON, REMIND_ON = 11, 13  # where nobody says otherwise: the day after months are closed by themselves
ROLES = roles_with(Can.READ_BOARD_REPORTS)
WRITERS = roles_with(Can.WRITE_BOARD_REPORTS)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When reports are drafted by themselves (see `BoardSchedule`)."""

    months: tuple[int, ...]
    draft_on: int
    remind_on: int
    owner_id: int | None
    runs: bool


# Who is told -------------------------------------------------------------------------------------------------------


def _holds(tx: Tx, roles: Sequence[str], organisation_id: int) -> ColumnElement[bool]:
    """SQL for "is here today, and holds one of these roles for the organisation"."""
    place = or_(RoleHeld.unit_id == organisation_id, RoleHeld.unit_id.is_(None) & (Person.organisation_id == organisation_id))
    held = exists(select(ONE).where(RoleHeld.person_id == Person.id, RoleHeld.role.in_(roles), current(RoleHeld, tx.today), place))
    return held & or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today)


def recipients(tx: Tx, organisation_id: int, kind: str) -> Sequence[Row[Any]]:
    """Who is told of a signed report (`id`, `name`): the board's viewers, and those who are named for the kind and may read it."""
    named = (
        select(BoardReader.person_id)
        .join(BoardSchedule, BoardSchedule.id == BoardReader.schedule_id)
        .where(BoardSchedule.organisation_id == organisation_id, BoardSchedule.kind == kind)
    )
    board = _holds(tx, [Role.BOARD.value], organisation_id)
    reads = Person.id.in_(named) & _holds(tx, ROLES, organisation_id)
    return tx.rows(select(Person.id, Person.name).where(or_(board, reads)).order_by(Person.sort_name, Person.id))


def could_read(tx: Tx, organisation_id: int) -> Sequence[Row[Any]]:
    """Who could be named for a kind of report: those who may read reports of the organisation."""
    return tx.rows(select(Person.id, Person.name).where(_holds(tx, ROLES, organisation_id)).order_by(Person.sort_name, Person.id))


def could_write(tx: Tx, organisation_id: int) -> Sequence[Row[Any]]:
    """Who could own a kind of report, and be reminded of what it lacks: those who may write in it."""
    return tx.rows(select(Person.id, Person.name).where(_holds(tx, WRITERS, organisation_id)).order_by(Person.sort_name, Person.id))


def _writers(tx: Tx, organisation_id: int) -> set[int]:
    return {row.id for row in could_write(tx, organisation_id)}


def tell_signed(tx: Tx, report: Row[Any]) -> int:
    """Queue word of a signed report to everybody who is told of its kind, without a figure; returns how many."""
    month = tx.scalar(select(MonthClose.month_end).where(MonthClose.id == report.close_id))
    facts = dict(title=content.title(KINDS[report.kind], month), link=f"/board-reports/{report.id}", corrected=report.number > 1)
    people = [row.id for row in recipients(tx, report.organisation_id, report.kind)]
    return _queue(tx, SIGNED_KIND, people, report.id, facts)


def _queue(tx: Tx, kind: str, people: Sequence[int], report_id: int, facts: dict[str, Any]) -> int:
    tx.insert_many(Outbox, [message(kind, tx.now, "board_reports", key, facts) | {"subject_id": report_id} for key in people])
    return len(people)


# The timetable -----------------------------------------------------------------------------------------------------


def turn(now: datetime) -> datetime | None:
    """Today's turn once its hour has come; None before that, and on days that nobody works."""
    day = london(now).date()
    due = from_london(day, AT)
    return due if working_day(day) and now >= due else None


def prepare(tx: Tx, _now: datetime) -> None:
    """Draft the reports whose day has come, and remind the owners of drafts that lack commentary."""
    nth = working_days(tx.today)
    month = month_before(tx.today)
    running = tx.rows(select(BoardSchedule.__table__).where(BoardSchedule.runs.is_(True)).order_by(BoardSchedule.id))
    for schedule in running:
        if str(month.month) in schedule.months.split() and nth >= schedule.draft_on:
            _begin(tx, schedule, month)
        if nth >= schedule.remind_on and (nth - schedule.remind_on) % AGAIN == 0:
            _remind(tx, schedule)


def working_days(today: date) -> int:
    """The how-manieth working day of its month a day is; of one that nobody works, that of the last one before."""
    return sum(working_day(today.replace(day=n)) for n in range(1, today.day + 1))


def _begin(tx: Tx, schedule: Row[Any], month: date) -> None:
    """The draft of a month, once it is closed and unless there is one."""
    of = (MonthClose.organisation_id == schedule.organisation_id) & (MonthClose.month_end == month)
    there = exists(select(ONE).where(BoardReport.close_id == MonthClose.id, BoardReport.kind == schedule.kind))
    if tx.scalar(select(MonthClose.id).where(of, ~there)) is None:
        return
    key = operations.begin(tx, schedule.organisation_id, schedule.kind, month, schedule.owner_id)
    if schedule.owner_id in _writers(tx, schedule.organisation_id):
        facts = dict(title=content.title(KINDS[schedule.kind], month), link=f"/board-reports/{key}", fresh=True, subjects=[])
        _queue(tx, WAITS_KIND, [schedule.owner_id], key, facts)


def _remind(tx: Tx, schedule: Row[Any]) -> None:
    """One message for each draft of the kind that somebody owns and that lacks commentary."""
    of = (BoardReport.organisation_id == schedule.organisation_id) & (BoardReport.kind == schedule.kind)
    today = from_london(tx.today, time(0))
    writers = _writers(tx, schedule.organisation_id)  # who may not write any more cannot do what the message asks for
    waiting = select(BoardReport.__table__).where(of, BoardReport.state == DRAFT, BoardReport.owner_id.in_(sorted(writers)))
    for report in tx.rows(waiting.where(BoardReport.created_at < today).order_by(BoardReport.id)):
        found = content.compose(tx, report)
        missing = [words for _, words in content.wanted(found)]
        if missing:
            facts = dict(title=found["title"], link=f"/board-reports/{report.id}", fresh=False, subjects=missing)
            _queue(tx, WAITS_KIND, [report.owner_id], report.id, facts)


# Setting it up -----------------------------------------------------------------------------------------------------


def schedule_of(tx: Tx, organisation_id: int, kind: str) -> Row[Any] | None:
    """The schedule of a kind of report, if there is one."""
    return tx.one(select(BoardSchedule.__table__).where(BoardSchedule.organisation_id == organisation_id, BoardSchedule.kind == kind))


def readers(tx: Tx, schedule_id: int) -> Sequence[Row[Any]]:
    """Who is named for a kind (`id`, `name`), whether or not they may still read it."""
    named = select(Person.id, Person.name).join(BoardReader, BoardReader.person_id == Person.id)
    return tx.rows(named.where(BoardReader.schedule_id == schedule_id).order_by(Person.sort_name, Person.id))


@operation(Can.WRITE_BOARD_REPORTS)
def set_schedule(tx: Tx, organisation_id: int, kind: str, wanted: Schedule, named: Sequence[int], *, version: int) -> None:
    """Say when a kind of report is drafted, who owns it and who is told besides the board's viewers.

    `version`: the one that was read, 0 for none yet; Changed if it is another by now. Invalid, with the field, for days that do not
    follow each other and for people who may not read reports.
    """
    if kind not in KINDS or not access.has(tx, Can.WRITE_BOARD_REPORTS, organisation_id):
        raise NotFound("There is no such report, or it is not yours.", code="report-not-found")
    _check(tx, organisation_id, wanted, named)
    values: dict[str, Any] = dict(
        months=" ".join(map(str, sorted(set(wanted.months)))),
        draft_on=wanted.draft_on,
        remind_on=wanted.remind_on,
        owner_id=wanted.owner_id,
        runs=wanted.runs,
    )
    old = schedule_of(tx, organisation_id, kind)
    if (old.version if old else 0) != version:
        raise Changed("Somebody changed this since you opened it.", way_out="Open the page again to see what it says now.")
    if old is None:
        key = tx.insert(BoardSchedule, organisation_id=organisation_id, kind=kind, version=1, **values)
    else:
        key = old.id
        if tx.get(BoardSchedule, key, lock=True).version != version:
            raise Conflict("Somebody has just saved this. Look at it again and retry.", code="conflict-at-once")
        tx.update(BoardSchedule, key, version=version + 1, **values)
    there = {row.id for row in readers(tx, key)}
    tx.db.execute(BoardReader.__table__.delete().where(BoardReader.schedule_id == key, BoardReader.person_id.not_in(list(named))))
    tx.insert_many(BoardReader, [dict(schedule_id=key, person_id=person) for person in dict.fromkeys(named) if person not in there])
    tx.record("board-schedule.set", "board_schedules", key, kind=kind, runs=wanted.runs, readers=len(set(named)))


def _check(tx: Tx, organisation_id: int, wanted: Schedule, named: Sequence[int]) -> None:
    errors = []
    if not wanted.months or not set(wanted.months) <= set(range(1, 13)):
        errors.append({"field": "months", "message": "Choose at least one month"})
    for field, day in (("draft_on", wanted.draft_on), ("remind_on", wanted.remind_on)):
        if not 1 <= day <= 20:
            errors.append({"field": field, "message": "Enter a working day of the month, from 1 to 20"})
    if wanted.draft_on > wanted.remind_on:
        errors.append({"field": "remind_on", "message": "Reminders must not begin before the day of the draft"})
    may = {row.id for row in could_read(tx, organisation_id)}
    if wanted.owner_id is not None and wanted.owner_id not in _writers(tx, organisation_id):
        errors.append({"field": "owner", "message": "Choose somebody who may write these reports"})
    if not set(named) <= may:
        errors.append({"field": "readers", "message": "Choose people who may read these reports"})
    if errors:
        raise Invalid("Check what you entered.", errors=errors)


def describe(schedule: Row[Any] | None) -> str:
    """In a sentence, for the list of reports."""
    if schedule is None or not schedule.runs:
        return "Nothing is drafted by itself."
    return f"Drafted by itself on working day {schedule.draft_on} of the month after, once that month is closed."
