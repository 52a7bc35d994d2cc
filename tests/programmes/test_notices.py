"""Mondays: what falls due, what is late, what waits, each told once to whoever can do something about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select

from app.core.ledger import Outbox
from app.core.schedule import JobRun
from app.core.tx import SYSTEM, clock, transaction
from app.jobs import run_due
from app.people.models import Absence
from app.programmes.models import Agreement, Change, Enrolment
from app.programmes.operations import notices
from app.programmes.portfolio_models import Document
from tests.factory import Make
from tests.programmes.making import Enrolled, Programmes

KINDS = ("email.stage_due", "email.stage_overdue", "email.documents_waiting", "email.change_waiting")


def told(make: Make) -> dict[tuple[str, int], dict[str, Any]]:
    """What is queued now, by kind and reader."""
    with make.tx() as tx:
        tx.db.execute(delete(Outbox).where(Outbox.kind.in_(KINDS)))
    with transaction(make.database, SYSTEM, writes=True) as tx:
        notices.tell(tx, tx.now)
    rows = make.rows(select(Outbox.kind, Outbox.person_id, Outbox.facts).where(Outbox.kind.in_(KINDS)))
    assert len({(row.kind, row.person_id) for row in rows}) == len(rows)
    return {(row.kind, row.person_id): row.facts for row in rows}


@pytest.fixture
def there(make: Make) -> Enrolled:
    """In the second month; the first stage was due 30 days ago."""
    return Programmes(make).enrolment()


def test_overdue_is_told_to_the_learner_and_the_assessor(make: Make, there: Enrolled) -> None:
    found = told(make)
    assert set(found) == {("email.stage_overdue", there.nqsw.id), ("email.stage_overdue", there.assessor.id)}
    own, other = found["email.stage_overdue", there.nqsw.id], found["email.stage_overdue", there.assessor.id]
    assert own["own"] and own["link"] == "/my-programme" and own["subjects"][0].startswith("Beginning, since ")
    assert not other["own"] and other["link"] == "/assessing" and other["subjects"][0].startswith("Nell Newly: Beginning, since ")


@pytest.mark.parametrize(("days", "kind"), [(0, "email.stage_due"), (14, "email.stage_due"), (15, None), (-1, "email.stage_overdue")])
def test_fourteen_days_ahead(make: Make, days: int, kind: str | None) -> None:
    with make.tx(writes=False) as tx:
        starts = tx.today + timedelta(days=days - 30)
    there = Programmes(make).enrolment(starts_on=starts)
    assert set(told(make)) == ({(kind, there.nqsw.id), (kind, there.assessor.id)} if kind else set())


def test_paused_and_away_are_left_in_peace(make: Make, there: Enrolled) -> None:
    with make.tx() as tx:
        tx.insert(Absence, person_id=there.assessor.id, valid_from=tx.today, valid_to=tx.today + timedelta(days=5), recorded_at=tx.now)
    assert set(told(make)) == {("email.stage_overdue", there.nqsw.id)}
    with make.tx() as tx:
        tx.update(Enrolment, there.id, status="paused")
    assert told(make) == {}


def test_documents_are_told_of_after_five_working_days(make: Make, there: Enrolled) -> None:
    with make.tx() as tx:
        tx.update(Enrolment, there.id, status="in_progress")
        tx.update(Document, there.documents["CRL1"], state="sent", waiting_for="assessor", waiting_since=tx.now - timedelta(days=15))
        tx.update(Document, there.documents["FB2"], state="returned", waiting_for="nqsw", waiting_since=tx.now - timedelta(days=20))
        tx.update(Document, there.documents["SAA"], state="sent", waiting_for="assessor", waiting_since=tx.now - timedelta(days=2))
        tx.update(Document, there.documents["DO1"], state="sent", waiting_for="observer", waiting_since=tx.now - timedelta(days=20))
    found = {key: facts for key, facts in told(make).items() if key[0] == "email.documents_waiting"}
    assert set(found) == {("email.documents_waiting", there.assessor.id), ("email.documents_waiting", there.nqsw.id)}
    lines = found["email.documents_waiting", there.assessor.id]["subjects"]
    assert len(lines) == 1 and lines[0].startswith("Critical reflection of Nell Newly, since ")


def test_whoever_has_not_agreed_is_asked_again(make: Make, there: Enrolled) -> None:
    needs = ["nqsw", "assessor", "line_manager", "coordinator"]
    with make.tx() as tx:
        asked = dict(enrolment_id=there.id, kind="pause", from_on=tx.today, reason_code="x", words="not for others", details={})
        key = tx.insert(Change, **asked, needs=needs, proposed_at=tx.now - timedelta(days=9))
        said = dict(change_id=key, capacity="nqsw", person_id=there.nqsw.id, agreed=True, at=tx.now)
        tx.db.execute(Agreement.__table__.insert(), said)
    found = {person: facts for (kind, person), facts in told(make).items() if kind == "email.change_waiting"}
    assert found == {there.assessor.id: {"kind": "pause"}, there.line_manager.id: {"kind": "pause"}}


def test_once_a_week_however_often_the_worker_looks(make: Make, there: Enrolled) -> None:
    now = clock()
    day = datetime(now.year, now.month, now.day, tzinfo=UTC)
    monday = day - timedelta(days=day.weekday()) + timedelta(hours=9)
    for _ in range(3):
        run_due(make.database, monday)
    assert len(make.rows(select(JobRun.id).where(JobRun.name == "programme-notices"))) == 1
    rows = make.rows(select(Outbox.person_id).where(Outbox.kind == "email.stage_overdue"))
    assert sorted(row.person_id for row in rows) == sorted((there.nqsw.id, there.assessor.id))


def test_forty_people_are_one_message_for_their_assessor(make: Make, count_queries: Any) -> None:
    from tests.programmes.crowd import cohort_of

    with make.tx(writes=False) as tx:
        today = tx.today
    cohort_of(make, 40, today=today)
    with count_queries() as queries:
        found = told(make)
    assert len(found["email.stage_overdue", found_assessor(make)]["subjects"]) == 40
    assert len(queries) <= 16, queries.statements


def found_assessor(make: Make) -> int:
    from app.people.models import Person

    return int(make.rows(select(Person.id).where(Person.name == "Asa Sessor"))[0].id)
