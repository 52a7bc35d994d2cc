"""The same question about the same moment gives the same bytes, whatever is recorded later."""

from __future__ import annotations

from dataclasses import astuple
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, literal, select, update

from app.core.db import Database
from app.learning.models import Completion, Curriculum, CurriculumCourse, LearningRecord
from app.learning.record_models import RecordStandard
from app.pathways import progress
from app.pathways.models import Endorsement, Step, StepVersion
from app.pathways.versions import in_force
from app.people.models import Membership, Person, Post, Registration, Stage
from app.supervision.models import Supervision
from app.supervision.pdr_models import PdrEvent
from tests.factory import Make
from tests.pathways import crowd

PEOPLE = 150
AS_AT, KNOWN_AT = date(2026, 3, 31), crowd.RECORDED + timedelta(hours=1)
LATER = datetime(2026, 11, 20, 9, tzinfo=UTC)
DATED = (Completion, LearningRecord, RecordStandard, Stage, Post, Membership, Registration, Endorsement, PdrEvent)


def answer(make: Make) -> bytes:
    """Everything that is said of everybody as at one moment."""
    with make.tx(writes=False) as tx:
        people = select(Person.id).where(Person.id <= PEOPLE)
        versions = [version.id for version in in_force(tx, AS_AT, KNOWN_AT)]
        lines: list[Any] = list(progress.next_steps(tx, people, AS_AT, KNOWN_AT))
        lines += progress.met(tx, people, versions, AS_AT, KNOWN_AT)
    return "\n".join("\t".join(map(str, astuple(line))) for line in lines).encode()


@pytest.mark.thorough
def test_thousands_of_later_changes_leave_an_answer_as_it_was(make: Make, database: Database) -> None:
    crowd.fill(database, PEOPLE)
    before = answer(make)
    assert before.count(b"\n") > PEOPLE * 100
    assert change(database) > 5_000
    assert answer(make) == before
    with make.tx(writes=False) as tx:  # and the changes are such as matter: as far as is known now, the answer is another
        people = select(Person.id).where(Person.id <= PEOPLE)
        now = list(progress.next_steps(tx, people, AS_AT))
        then = list(progress.next_steps(tx, people, AS_AT, KNOWN_AT))
    assert now != then


def change(database: Database) -> int:
    """Supersede two thirds of everything, record it anew with other days, change what steps and curricula ask for; returns how much."""
    changed = 0
    with crowd.unchecked(database) as db:
        for table in DATED:
            columns = [column for column in table.__table__.c if column.name not in ("id", "recorded_at", "superseded_at")]
            wrong = (table.superseded_at.is_(None), table.id % 3 != 0)
            kept = select(*columns, table.id).where(*wrong).subquery().select()
            old = db.execute(kept).mappings().all()
            db.execute(update(table).where(*wrong).values(superseded_at=LATER))
            anew = [{**row, "recorded_at": LATER} for row in map(dict, old) if row.pop("id") % 2]
            if table is Completion:
                anew = [{**row, "completed_on": row["completed_on"] - timedelta(days=9)} for row in anew]
            if anew:
                db.execute(insert(table), anew)
            changed += len(old) + len(anew)
        changed += db.execute(update(Supervision).where(Supervision.id % 2 == 0).values(superseded_at=LATER)).rowcount
        db.execute(
            insert(CurriculumCourse),
            [dict(curriculum_id=n, course_id=(n * 6 + 30) % crowd.COURSES + 1, position=9) for n in range(1, crowd.CURRICULA + 1)],
        )
        db.execute(update(Curriculum).values(rule="any", needed=1))
        _withdraw(db)
    return changed


def _withdraw(db: Any) -> None:
    """Every other step asks for something else from today on, and every third for nothing, as was said later."""
    gone = dict(state="withdrawn", withdrawn_at=LATER, withdrawn_on=AS_AT - timedelta(days=90))
    db.execute(update(StepVersion).where(StepVersion.id % 3 == 0).values(**gone))
    newer = select(
        Step.id, literal(2), Step.title, literal("published"), literal("all"), literal({}, StepVersion.applies.type), literal(AS_AT)
    )
    columns = [
        "step_id",
        "number",
        "title",
        "state",
        "rule",
        "applies",
        "in_force_from",
        "published_at",
        "summary",
        "source",
        "verified",
        "version",
    ]
    plain = (literal(LATER), literal(""), literal(""), literal("false"), literal(1))
    db.execute(insert(StepVersion).from_select(columns, newer.add_columns(*plain).where(Step.id % 2 == 0), include_defaults=False))
