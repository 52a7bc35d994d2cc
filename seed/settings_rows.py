"""Settings beside the council, some that take up safeguarding training and some that do not; visits to them; and equity in figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, select

from app.core.calendar import add_months
from app.core.db import FOREVER
from app.core.tx import Tx
from app.equality import measured
from app.learning.models import Completion, Course
from app.measures import equity
from app.measures.dimensions import DAY, Moment
from app.measures.settings_models import SettingKind, SettingVisit
from app.people import operations as people
from app.people.models import Membership, Post, RoleHeld, Unit
from app.policy import Role

COURSE = "safeguarding-children-foundation"


@dataclass(frozen=True, slots=True)
class New:
    """A setting: (first name, last name, months since they had the training; None: never) of its people, the first of whom leads it."""

    code: str
    name: str
    kind: str
    job: str
    people: tuple[tuple[str, str, int | None], ...] = ()


NEW = (
    New(
        "OLN",
        "Oak Lane Nursery",
        "early years",
        "Early Years Educator",
        (("Philippa", "Trent", 40), ("Denise", "Okafor", 41), ("Amy", "Lark", None)),
    ),
    New(
        "SWP",
        "St Winifred’s Primary School",
        "school",
        "Teaching Assistant",
        (("Gareth", "Moss", 4), ("Ruth", "Penhale", 9), ("Iman", "Aziz", 34)),
    ),
    New("LYC", "The Lantern Youth Charity", "voluntary", "Youth Worker", (("Callum", "Reyes", None), ("Tess", "Hallam", None))),
    New(
        "FCH",
        "Fernbank Children’s Home",
        "care",
        "Residential Worker",
        (("Marcus", "Oyelaran", 2), ("Beth", "Sowerby", 15), ("Joan", "Ferris", 20)),
    ),
    New("MCM", "Millbrook Childminders", "early years", "Childminder"),
)
KINDS = {"HVC": "council", "LBN": "early years", "WBP": "early years"}
VISITS = (  # setting, days ago, what came of it
    ("OLN", 430, "Met the manager. The team had no cover to release anybody; agreed to try the evening sessions."),
    ("LBN", 95, "Went through who is due. The manager books two places each term from now on."),
    ("FCH", 210, "All booked. They asked for the refresher on site; passed on to the Academy."),
)
PLANNED = (("LYC", 12, "Nobody there has had the training. Find out what keeps them away."),)


def tell(tx: Tx, moment: datetime, by: int) -> int:
    """Write all of it, visits as the person `by`; returns how many rows there are about visits."""
    host = tx.scalar(select(Unit.id).where(Unit.host.is_(True)))
    course = tx.one(select(Course.id, Course.validity_months).where(Course.slug == COURSE))
    for each in NEW:
        _add(tx, each, moment, course)
    units = {row.code: row.id for row in tx.rows(select(Unit.code, Unit.id).where(Unit.kind == "organisation", Unit.id != host))}
    for code, kind in [*KINDS.items(), *((each.code, each.kind) for each in NEW)]:
        if code in units:
            tx.db.execute(insert(SettingKind), dict(organisation_id=units[code], kind=kind, set_by=by, set_at=moment))
    written = 0
    for kind, sign, listed in (("held", -1, VISITS), ("planned", 1, PLANNED)):
        for code, days, words in listed:
            on_date = moment.date() + sign * timedelta(days=days)
            recorded_at = moment + timedelta(days=min(sign * days, 0))
            values = dict(organisation_id=units[code], kind=kind, on_date=on_date, words=words, by_person_id=by)
            tx.insert(SettingVisit, **values, answers_id=None, entry_key=None, recorded_by=by, recorded_at=recorded_at)
            written += 1
    _equity(tx, host, moment)
    return written


def _add(tx: Tx, new: New, moment: datetime, course: Row[Any] | None) -> None:
    unit = people.create_unit(tx, "organisation", new.name, new.code)
    team = people.create_unit(tx, "team", "All staff", f"{new.code}-ALL", unit)
    since = moment.date() - timedelta(days=1500)
    for number, (first, last, months) in enumerate(new.people):
        email = f"{first}.{last}@{new.code}.example".lower()
        person = people.create_person(tx, unit, first_name=first, last_name=last, email=email, started_on=since)
        fact = dict(person_id=person, valid_from=since, valid_to=FOREVER, recorded_at=moment, superseded_at=None)
        tx.db.execute(insert(Membership), dict(unit_id=team, **fact))
        job = f"{new.job}, lead" if not number else new.job
        tx.db.execute(insert(Post), dict(job_title=job, contract="permanent", fte=1, working_days="1111100", is_primary=True, **fact))
        if not number and new.code != "OLN":  # nobody has told us who leads there
            tx.db.execute(insert(RoleHeld), dict(role=Role.SETTING_LEAD.value, unit_id=unit, mapped=False, **fact))
        if months is not None and course is not None:
            _completed(tx, person, course, moment, months)


def _completed(tx: Tx, person: int, course: Row[Any], moment: datetime, months: int) -> None:
    day = add_months(moment.date(), -months)
    expires = add_months(day, course.validity_months) - DAY if course.validity_months else None
    values = dict(person_id=person, course_id=course.id, completed_on=day, expires_on=expires, source="import")
    tx.insert(Completion, **values, session_id=None, by_course_id=None, recorded_at=moment, superseded_at=None)


def _equity(tx: Tx, host: int, moment: datetime) -> None:
    """The newest quarter in figures, and the one a year before, as far as they can be told."""
    newest = equity.quarter_end(tx.today)
    for day in (add_months(newest + DAY, -12) - DAY, newest):
        found = equity.parts(tx, host, Moment(day, moment), pools=day == newest)
        if not measured.ahead(tx, found).refused:
            title = f"Equity of learning and progression as at {day.isoformat()}"
            measured.take_together(tx, equity.key(host, day), title, found, as_at=day)
