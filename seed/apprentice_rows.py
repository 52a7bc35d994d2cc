"""The county's apprentices: some on each standard, one under the older rules, with hours, reviews and what is still missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select, update

from app.core.errors import Conflict
from app.core.tx import Tx
from app.frameworks.models import Ksb, ProgrammeVersion
from app.programmes.apprentice_models import Apprenticeship, KsbEvidence, OtjHours, ProgressReview
from app.programmes.models import Enrolment
from app.programmes.operations.apprentices import decide_english_maths, enrol_apprentice
from app.programmes.operations.cohorts import create_cohort
from app.programmes.operations.progress import plan_reviews
from seed.workforce import Workforce

MOST = 6  # on one standard
OLD = date(2025, 7, 7)  # before the rules changed, on 1 August 2025
OLD_UNTIL = date(2027, 7, 1)  # later too few in the county have been apprentices for so long
DAY = 420  # minutes of a day at the college
LEARNT = (
    ("taught", "Module day: communication with children"),
    ("shadowing", "Shadowed a colleague on home visits"),
    ("study", "Reading and notes for the assignment"),
    ("mentoring", "Time with my mentor"),
    ("online", "Online module on the law"),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """Who goes on which standard: by the words of their job title."""

    programme: str
    titles: tuple[str, ...]
    option: str | None
    provider: str


KINDS = (
    Kind("APP-ST0510", ("Social Work Apprentice",), None, "University of Westmarch"),
    Kind("APP-ST0868", ("Early Intervention Apprentice", "Family Support Worker"), None, "Westmarch College"),
    Kind("APP-ST0088", ("Residential Apprentice", "Residential Worker"), "Residential", "Westmarch College"),
    Kind("APP-ST0087", ("Senior Residential Worker",), "Residential", "Aldermoor Training"),
)


def begun(today: date) -> date:
    """The first day of most: the second Monday of the last September that is ten months ago or longer."""
    since = today - timedelta(days=300)
    firsts = (date(year, 9, 8) for year in (since.year, since.year - 1))
    mondays = (first + timedelta(days=-first.weekday() % 7) for first in firsts)
    return next(day for day in mondays if day <= since)


def carry_apprentices(county: Any) -> None:
    """Enrol the apprentices of every standard and play what happened since. `county`: seed.programme_rows.County."""
    force: Workforce = county.force
    today = county.moment.date()
    new = begun(today)
    old = OLD if today < OLD_UNTIL else new
    for kind in KINDS:
        people = _chosen(force, kind, min(old, new))
        if not people:
            continue
        with county.system(57) as tx:
            version = tx.scalar(
                select(ProgrammeVersion.id).where(ProgrammeVersion.programme_code == kind.programme, ProgrammeVersion.state == "published")
            )
        with county.coordinating(57) as tx:
            title = kind.programme.removeprefix("APP-")
            cohorts = {day: create_cohort(tx, version, f"Apprentices {title}, {day:%B %Y}", day) for day in dict.fromkeys((new, old))}
        for turn, i in enumerate(people):
            starts_on = old if turn == 1 else new
            _one(county, kind, i, cohorts[starts_on], starts_on, turn)


def _chosen(force: Workforce, kind: Kind, since: date) -> list[int]:
    """Those with the title who were here by then, the apprentices by name first; nobody who is on another programme or a persona."""
    taken = {i for _, i, _ in force.assessed} | set(force.persona.values())
    found: list[int] = []
    for title in kind.titles:
        for i, seat in enumerate(force.tree.seats):
            person = force.holder.get(i)
            if seat.title != title or person is None or person in taken or person in found:
                continue
            worker = force.people[person]
            if worker.leaving_on is None and worker.managers and worker.started_on <= since:
                found.append(person)
        if found:
            break
    return found[: MOST if "Apprentice" in kind.titles[0] else 2]


def _one(county: Any, kind: Kind, i: int, cohort: int, starts_on: date, turn: int) -> None:
    force: Workforce = county.force
    manager = force.people[i].managers[-1][1]
    people = {"employer": manager + 1}
    if kind.programme == "APP-ST0510" and turn == 0 and force.persona["assessor"] not in (i, manager):
        people["mentor"] = force.persona["assessor"] + 1
    keeps = kind.programme == "APP-ST0088" and turn == 0
    try:
        with county.coordinating(56) as tx:
            given: dict[str, Any] = dict(provider=kind.provider, option=kind.option, provider_keeps=keeps, moved_in=True, tell=False)
            enrolment = enrol_apprentice(tx, cohort, i + 1, starts_on, people, weekly_hours=Decimal(37), **given)
    except Conflict:
        return  # an agency worker, say
    with county.system(55) as tx:
        _since(tx, enrolment, i + 1, manager + 1, turn, keeps=keeps)
    if turn % 3 != 2 and kind.programme != "APP-ST0510":
        with county.coordinating(50) as tx:
            decide_english_maths(
                tx, enrolment, "not required", "Over 19 at the start; apprentice, employer and provider agreed.", adult=True
            )


def _since(tx: Tx, enrolment_id: int, apprentice: int, employer: int, turn: int, *, keeps: bool) -> None:
    """Hours at a pace of their own, reviews that were held before this service, and some of the standard shown."""
    row = tx.get(Enrolment, enrolment_id)
    made = tx.one(select(Apprenticeship.__table__).where(Apprenticeship.enrolment_id == enrolment_id))
    assert made is not None
    tx.db.execute(update(Enrolment).where(Enrolment.id == enrolment_id).values(status="in_progress"))
    whole, gone = (row.ends_on - row.starts_on).days, (tx.today - row.starts_on).days
    wanted = made.planned_minutes * max(gone, 0) // max(whole, 1) * (100, 62, 97, 108, 80, 101)[turn % 6] // 100
    days = max(wanted // DAY, 1)
    step = max(gone // days, 1)
    hours: list[dict[str, Any]] = []
    for n in range(days):
        activity, words = LEARNT[n % len(LEARNT)]
        on = row.starts_on + timedelta(days=min(n * step, gone))
        waits = not keeps and n >= days - 3
        hours.append(
            dict(
                enrolment_id=enrolment_id,
                on_date=on,
                minutes=DAY,
                activity=activity,
                words=words,
                source="import" if keeps else "own",
                recorded_by=None if keeps else apprentice,
                recorded_at=tx.now,
                verified_by=None if keeps or waits else employer,
                verified_at=None if waits else tx.now,
            )
        )
    tx.insert_many(OtjHours, hours)
    _reviews(tx, enrolment_id, late=turn % 4 == 1)
    _shown(tx, enrolment_id, made.standard_id, employer)


def _reviews(tx: Tx, enrolment_id: int, *, late: bool) -> None:
    """Each was held by its day, in the provider's system as they were before; the last one not, where they are late."""
    due = select(ProgressReview.id, ProgressReview.due_on).where(ProgressReview.enrolment_id == enrolment_id)
    past = [each for each in tx.rows(due.order_by(ProgressReview.number)) if each.due_on < tx.today]
    for each in past[: -1 if late else None]:
        tx.update(ProgressReview, each.id, held_on=each.due_on, imported=True)
    plan_reviews(tx, enrolment_id)


def _shown(tx: Tx, enrolment_id: int, standard_id: int, employer: int) -> None:
    """A few knowledge, skills and behaviours with evidence; most of it confirmed."""
    hours = tx.rows(
        select(OtjHours.id).where(OtjHours.enrolment_id == enrolment_id, OtjHours.verified_at.is_not(None)).order_by(OtjHours.id).limit(4)
    )
    ksbs = tx.rows(select(Ksb.id).where(Ksb.standard_id == standard_id).order_by(Ksb.number))
    tx.insert_many(
        KsbEvidence,
        [
            dict(
                enrolment_id=enrolment_id,
                ksb_id=ksb.id,
                hours_id=entry.id,
                claimed_at=tx.now,
                confirmed_by=employer if n else None,
                confirmed_at=tx.now if n else None,
            )
            for n, (ksb, entry) in enumerate(zip(ksbs, hours, strict=False))
        ],
    )
