"""Cohorts: those who begin one version of a programme together."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Row, func, select, text

from app import policy
from app.core.calendar import long_date
from app.core.errors import Changed, Conflict, Forbidden, Invalid, NotFound
from app.core.text import normal
from app.core.tx import Tx
from app.frameworks.models import ProgrammeVersion
from app.frameworks.running import count_with
from app.people.models import Unit, UnitClosure
from app.policy import Can, Reach, operation
from app.programmes.models import RUNNING, Cohort, Enrolment

LONGEST = 200  # characters of a title
NOT_FOUND = "There is no cohort with that reference, or it is not one of yours."


@operation(Can.MANAGE_ENROLMENTS)
def create_cohort(tx: Tx, version_id: int, title: str, starts_on: date, unit_id: int | None = None) -> int:
    """A cohort on a published version, for a part of the organisation in the actor's reach (None: the whole council); returns its id."""
    version = version_for(tx, version_id, starts_on)
    words = _title(title)
    if unit_id is not None and not policy.covers(tx, Can.MANAGE_ENROLMENTS, unit_id):
        message = "Choose a part of your own organisation"
        raise Invalid(message + ".", errors=[{"field": "unit", "message": message}])
    cohort_id = tx.insert(Cohort, version_id=version.id, unit_id=unit_id, title=words, starts_on=starts_on, created_at=tx.now)
    tx.record("cohort.created", "cohorts", cohort_id, title=words, starts_on=starts_on.isoformat(), version=version.id)
    return cohort_id


def _title(given: str) -> str:
    words = normal(given)
    if not words or len(words) > LONGEST:
        message = "Enter a name for the cohort" if not words else f"The name must be {LONGEST} characters or fewer"
        raise Invalid(message + ".", errors=[{"field": "title", "message": message}])
    return words


def version_for(tx: Tx, version_id: int, starts_on: date) -> Row[Any]:
    """The version, if somebody can be enrolled on it from that day."""
    version = tx.get(ProgrammeVersion, version_id, what="programme version")
    takes(version, starts_on)
    return version


def takes(version: Row[Any], starts_on: date) -> None:
    """Refused unless a version takes people from that day: published, not withdrawn, and meant for such a start."""
    if version.state != "published":
        draft = version.state == "draft"
        words = "This version is a draft: nobody is enrolled on a draft." if draft else "This version takes no new people."
        raise Conflict(words, code=f"version-{version.state}", way_out="Choose a version that is published.")
    if version.starts_from and starts_on < version.starts_from:
        message = f"This version is for starts from {long_date(version.starts_from)}"
        raise Invalid(message + ".", errors=[{"field": "starts_on", "message": message}], code="starts-too-early")
    if version.starts_to and starts_on > version.starts_to:
        message = f"This version is for starts until {long_date(version.starts_to)}"
        raise Invalid(message + ".", errors=[{"field": "starts_on", "message": message}], code="starts-too-late")


def mine(tx: Tx, can: Can, cohort_id: int, *, lock: bool = False) -> Row[Any]:
    """The cohort, or NotFound. One for the whole council stands open to everybody who has the permission: its people are still narrowed
    to those in reach."""
    row = tx.get(Cohort, cohort_id, lock=lock, what="cohort")
    if row.unit_id is not None and not policy.covers(tx, can, row.unit_id):
        raise NotFound(NOT_FOUND, code="cohort-not-found")
    return row


def yours(tx: Tx, cohort_id: int) -> Row[Any]:
    """The cohort, locked, if the actor looks after all of the part it is for: one for the whole council belongs to its coordinators."""
    row = mine(tx, Can.MANAGE_ENROLMENTS, cohort_id, lock=True)
    host = tx.scalar(select(Unit.id).where(Unit.host, Unit.parent_id.is_(None)).limit(1))
    if not policy.covers(tx, Can.MANAGE_ENROLMENTS, row.unit_id or host):
        raise Forbidden("This cohort is for the whole council: only its coordinators rename or close it.", code="cohort-of-all")
    return row


@operation(Can.MANAGE_ENROLMENTS)
def change_cohort(tx: Tx, cohort_id: int, *, title: str, read_version: int) -> None:
    """Another name."""
    row = yours(tx, cohort_id)
    if row.version != read_version:
        raise Changed("Somebody else changed this cohort while you had it open.", way_out="Open it again and repeat your change.")
    words = _title(title)
    tx.update(Cohort, cohort_id, title=words, version=row.version + 1)
    tx.record("cohort.changed", "cohorts", cohort_id, title=words)


@operation(Can.MANAGE_ENROLMENTS)
def close_cohort(tx: Tx, cohort_id: int) -> None:
    """Nobody joins it any more, and it leaves the list. Refused while anybody is still on the programme."""
    row = yours(tx, cohort_id)
    if row.closed_on is not None:
        return
    running = tx.scalar(select(func.count()).select_from(Enrolment).where(Enrolment.cohort_id == cohort_id, text(RUNNING)))
    if running:
        raise Conflict(
            f"{running} of this cohort {'is' if running == 1 else 'are'} still on the programme.",
            code="cohort-running",
            way_out="Close it when everybody has an outcome or has left.",
        )
    tx.update(Cohort, cohort_id, closed_on=tx.today, version=row.version + 1)
    tx.record("cohort.closed", "cohorts", cohort_id)


def units(tx: Tx) -> list[tuple[int, str]]:
    """Parts of the organisation that a cohort of the actor's can be for, as (id, name)."""
    found = policy.terms(tx.actor, Can.MANAGE_ENROLMENTS)
    nodes = [node for reach, node in found if reach is Reach.SCOPE]
    wanted = select(Unit.id, Unit.name).where(Unit.closed_on.is_(None), Unit.kind.in_(("organisation", "service", "locality")))
    if (Reach.ALL, None) not in found:
        wanted = wanted.where(Unit.id.in_(select(UnitClosure.descendant_id).where(UnitClosure.ancestor_id.in_(nodes))))
    return [(row.id, row.name) for row in tx.rows(wanted.order_by(Unit.name).limit(200))]


@count_with
def enrolled_by_version(tx: Tx, programme_code: str) -> dict[int, int]:
    """How many enrolments run on each version of a programme, for the pages on which versions are published and withdrawn."""
    counted = select(Enrolment.version_id, func.count().label("enrolled")).where(text(RUNNING)).group_by(Enrolment.version_id)
    of_it = select(ProgrammeVersion.id).where(ProgrammeVersion.programme_code == programme_code)
    return {row.version_id: row.enrolled for row in tx.rows(counted.where(Enrolment.version_id.in_(of_it)))}
