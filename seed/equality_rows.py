"""What part of the county's people told of themselves for equality monitoring, and last year's call for applications in figures."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, insert, select

from app.core.tx import Tx
from app.equality import figures
from app.equality.models import Answer, Objection, Option
from app.frameworks.models import ProgrammeVersion
from app.people.models import Person
from app.programmes.apprentice_models import Application, Call
from app.programmes.operations.equity import STEPS

TOLD, OBJECT, NOT_SAID = 0.72, 0.01, 0.06  # shares of people, and of answers
LIKELY = {  # the first options of a characteristic are so much more usual than the others
    "age": (1, 5, 6, 5, 4, 1),
    "sex": (8, 2),
    "gender": (60, 1),
    "disability": (1, 2, 20),
    "ethnicity": (60, 1, 1, 1, 4, 2, 1, 1, 1, 3, 2, 1, 1, 1, 6, 4, 1, 1, 1),
    "religion": (20, 18, 1, 1, 1, 3, 1, 1),
    "orientation": (40, 2, 2, 1),
    "caring": (2, 3),
}
APPLICANTS, LISTED, PLACES = 150, 90, 48
AGO = timedelta(days=400)


def tell(tx: Tx, seed: int, moment: datetime, besides: set[int]) -> int:
    """Answers, a few objections, and the call; returns how many answers there are. `besides`: people who apply for nothing here."""
    chance = random.Random(f"equality {seed}")
    options: dict[str, list[str]] = {}
    for row in tx.rows(select(Option.characteristic, Option.code).order_by(Option.characteristic, Option.position)):
        if row.code != "not-said":
            options.setdefault(row.characteristic, []).append(row.code)
    people = [
        row.id for row in tx.rows(select(Person.id).where(Person.leaving_on.is_(None), Person.organisation_id == 1).order_by(Person.id))
    ]
    answers: list[dict[str, Any]] = []
    objections = []
    for person in people:
        lot = chance.random()
        if lot < TOLD:
            answers += _answers(chance, person, options, moment)
        elif lot > 1 - OBJECT:
            objections.append(dict(person_id=person, since=moment - timedelta(days=90)))
    if answers:
        tx.db.execute(insert(Answer), answers)
    if objections:
        tx.db.execute(insert(Objection), objections)
    _call(tx, chance, [person for person in people if person not in besides], moment)
    return len(answers)


def _answers(chance: random.Random, person: int, options: dict[str, list[str]], moment: datetime) -> list[dict[str, Any]]:
    day = moment.date() - timedelta(days=chance.randrange(30, 500))
    return [
        dict(
            person_id=person,
            characteristic=characteristic,
            option="not-said" if chance.random() < NOT_SAID else chance.choices(codes, LIKELY[characteristic])[0],
            given_on=day,
        )
        for characteristic, codes in sorted(options.items())
    ]


def _call(tx: Tx, chance: random.Random, people: list[int], moment: datetime) -> None:
    """Last year's call, decided and begun long ago at the university that runs it: who applied, who got how far, and the figures."""
    version = tx.scalar(select(ProgrammeVersion.id).where(ProgrammeVersion.programme_code == "SPLP", ProgrammeVersion.state == "published"))
    if version is None or len(people) < 2 * APPLICANTS:
        return
    then = moment - AGO
    values: dict[str, Any] = dict(version_id=version, title="Systemic Practice Leadership Programme, last year", places=PLACES)
    values |= dict(about="A year of learning to lead systemically.", questions=[], criteria=[], state="decided")
    call = tx.insert(Call, **values, closes_at=then, created_at=then - timedelta(days=40))
    applicants = sorted(chance.sample(people, APPLICANTS))
    places = dict.fromkeys(chance.sample(applicants, LISTED), 1)
    places |= dict.fromkeys(chance.sample(sorted(places), PLACES), 2)
    states = {0: "not shortlisted", 1: "declined", 2: "offered"}
    rows = [
        dict(call_id=call, person_id=person, answers={}, state=states[places.get(person, 0)], submitted_at=then - timedelta(days=5))
        | dict(reasons="As the panel noted.", decided_at=then + timedelta(days=30))
        for person in applicants
    ]
    tx.insert_many(Application, rows)
    for row in tx.rows(select(Application.id, Application.person_id).where(Application.call_id == call)):
        if places.get(row.person_id):
            tx.record("application.decided", "applications", row.id, person_id=row.person_id, state="shortlisted")
    reached = case((Application.state == "offered", 3), (Application.state == "declined", 1), else_=0).label("step")
    figures.take(tx, call, select(Application.person_id, reached).where(Application.call_id == call), STEPS, figures.SMALLEST)
