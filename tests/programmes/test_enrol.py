"""Enrolment: eligibility with reasons, the grant, the plan, stages and documents, and who takes part; on both databases."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from app.core.db import Database
from app.core.errors import Conflict, Invalid, NotFound, Refusal
from app.core.tx import Actor, transaction
from app.frameworks.models import ProgrammeStage, ProgrammeVersion
from app.people import operations as people
from app.people.models import Duty, Responsibility
from app.programmes.models import Capacity, Cohort, Enrolment, Involvement, Plan, PlanLine, StageRecord
from app.programmes.operations import cohorts, enrol
from app.programmes.operations.involving import end_capacity, involve
from app.programmes.operations.outlook import look
from app.programmes.portfolio_models import Document
from tests.factory import Make
from tests.programmes.asye import asye, cohort, nqsw
from tests.programmes.making import Programmes
from tests.programmes.test_changes import at_once

START = date(2026, 9, 7)


def codes(rows: Any) -> dict[str, bool]:
    return {row["code"]: row["ok"] for row in rows}


def test_an_enrolment_begins_with_everything_it_needs(make: Make, ledger: Any) -> None:
    """Plan 1, a record for every stage, the documents that are not repeated, and everybody's part; one person may assess and manage."""
    learner, boss = nqsw(make), make.person("Asa Sessor", swe_number="SW900400")
    into = cohort(make, starts_on=START)
    with make.tx() as tx:
        key = enrol.enrol(tx, into, learner.id, START, {"assessor": boss.id, "line_manager": boss.id})
        row = tx.get(Enrolment, key)
        assert (row.status, row.plan_number, row.fte, row.grant_ok) == ("registered", 1, Decimal(1), True)
        assert codes(row.eligible) == {"registration": True, "role": True}
        assert codes(row.grant_reasons) == {"registration": True, "years": True, "funded": True}
        assert len(row.reference) == 10
        lines = tx.rows(
            select(PlanLine.due_on, ProgrammeStage.number)
            .join(Plan, Plan.id == PlanLine.plan_id)
            .join(ProgrammeStage, ProgrammeStage.id == PlanLine.stage_id)
            .where(Plan.enrolment_id == key)
        )
        due = {line.number: line.due_on for line in lines}
        # One, eleven and twelve months; 7 August 2027 is a Saturday.
        assert due == {1: date(2026, 10, 7), 2: date(2027, 8, 9), 3: date(2027, 9, 7)}
        assert row.ends_on == date(2027, 9, 7)
        assert {each.state for each in tx.rows(select(StageRecord.state).where(StageRecord.enrolment_id == key))} == {"not started"}
        assert len(tx.rows(select(Document.id).where(Document.enrolment_id == key))) == 4
        parts = tx.rows(select(Involvement.person_id, Capacity.capacity).join(Capacity, Capacity.involvement_id == Involvement.id))
        assert {(each.person_id, each.capacity) for each in parts} == {
            (learner.id, "nqsw"),
            (boss.id, "assessor"),
            (boss.id, "line_manager"),
        }
        assert len(tx.rows(select(Involvement.id).where(Involvement.enrolment_id == key))) == 2
        assert tx.scalar(select(Responsibility.id).where(Responsibility.kind == Duty.ASSESSOR.value, Responsibility.holder_id == boss.id))
    assert ledger.outbox().count("email.enrolled") == 1


def test_nobody_is_enrolled_twice_on_one_version(make: Make) -> None:
    learner, into = nqsw(make), cohort(make, starts_on=START)
    with make.tx() as tx:
        enrol.enrol(tx, into, learner.id, START)
    with pytest.raises(Conflict, match="already on this programme"), make.tx() as tx:
        enrol.enrol(tx, into, learner.id, START)


def test_only_registered_social_workers_take_part_and_the_reason_is_said(make: Make) -> None:
    into = cohort(make, starts_on=START)
    cases = (
        (nqsw(make, 1, swe_number=None), "No Social Work England number"),
        (nqsw(make, 2, registered_until=date(2026, 9, 1)), "Their registration ends on Tuesday 1 September 2026"),
        (nqsw(make, 3, registration_status="suspended"), "“suspended”"),
        (nqsw(make, 4, registered_from=date(2026, 10, 1)), "Their registration begins on Thursday 1 October 2026"),
    )
    for person, words in cases:
        with pytest.raises(Conflict, match=words), make.tx() as tx:
            enrol.enrol(tx, into, person.id, START)


@pytest.mark.parametrize(("year", "ok"), [(2022, True), (2021, False), (None, False)])
def test_the_grant_is_for_up_to_four_years_after_qualifying(make: Make, year: int | None, ok: bool) -> None:
    """Beyond the limit somebody may still take part."""
    person, into = nqsw(make, qualified_in=year), cohort(make, starts_on=START)
    with make.tx() as tx:
        row = tx.get(Enrolment, enrol.enrol(tx, into, person.id, START))
        assert row.grant_ok is ok
        assert codes(row.grant_reasons)["years"] is ok


def test_an_agency_worker_takes_part_by_agreement_and_whoever_was_funded_brings_no_grant(make: Make) -> None:
    person, into = nqsw(make), cohort(make, starts_on=START)
    with make.tx() as tx:
        people.set_post(tx, person.id, "Family practitioner", "agency", 1, date(2026, 1, 1))
    with pytest.raises(Conflict) as refused, make.tx() as tx:
        enrol.enrol(tx, into, person.id, START)
    assert [error["field"] for error in refused.value.errors] == ["confirm_role", "confirm_agency"]
    with make.tx() as tx:
        row = tx.get(Enrolment, enrol.enrol(tx, into, person.id, START, confirmed=("role", "agency"), funded_before=True))
        assert codes(row.eligible) == {"registration": True, "role": True, "agency": True}
        assert row.grant_ok is False
        assert codes(row.grant_reasons)["funded"] is False


def test_nobody_is_enrolled_on_a_draft_or_outside_its_starts(make: Make) -> None:
    version = Programmes(make).version("LATER", starts_from=date(2027, 9, 1))
    with pytest.raises(Invalid, match="for starts from Wednesday 1 September 2027"), make.tx() as tx:
        cohorts.create_cohort(tx, version, "Too early", START)
    with make.tx() as tx:
        draft = tx.insert(
            ProgrammeVersion,
            programme_code="LATER",
            version="2",
            title="x",
            nominal_months=12,
            definition={},
            digest="0",
            created_at=tx.now,
        )
        with pytest.raises(Conflict, match="nobody is enrolled on a draft"):
            cohorts.create_cohort(tx, draft, "Draft", START)


def test_a_coordinator_enrols_only_people_in_reach(make: Make, database: Database) -> None:
    north, south = make.unit("North", "locality"), make.unit("South", "locality")
    person = nqsw(make, team=north)
    into = cohort(make, starts_on=START)
    for unit, refused in ((south, True), (north, False)):
        with transaction(database, Actor("person", 9999, roles=(("coordinator", unit),)), writes=True) as tx:
            if refused:
                with pytest.raises(NotFound):
                    enrol.enrol(tx, into, person.id, START)
            else:
                assert look(tx, tx.get(Cohort, into), person.id, START).may


def test_an_assessor_must_be_registered_and_cannot_be_the_learner(make: Make) -> None:
    person, into, other = nqsw(make), cohort(make, starts_on=START), make.person("Una Registered")
    with pytest.raises(Conflict, match="An assessor must be"), make.tx() as tx:
        enrol.enrol(tx, into, person.id, START, {"assessor": other.id})
    with pytest.raises(Invalid, match="Nobody assesses themselves"), make.tx() as tx:
        enrol.enrol(tx, into, person.id, START, {"assessor": person.id})


def test_nobody_stands_on_two_sides_and_what_ended_stays(make: Make) -> None:
    """An assessor whose part is over still cannot moderate; the duty that lets them read ends with the part."""
    learner, boss = nqsw(make), make.person("Asa Sessor", swe_number="SW900400")
    into = cohort(make, starts_on=START)
    with make.tx() as tx:
        key = enrol.enrol(tx, into, learner.id, START, {"assessor": boss.id})
        today = tx.today
    with make.tx() as tx:
        end_capacity(tx, key, boss.id, "assessor", today)
        assert not tx.rows(
            select(Responsibility.id).where(
                Responsibility.holder_id == boss.id, Responsibility.valid_to > today, Responsibility.superseded_at.is_(None)
            )
        )
    with pytest.raises(Conflict, match="another side"), make.tx() as tx:
        involve(tx, key, boss.id, "panel_member", today)


def test_months_of_a_part_timer_are_longer_by_our_local_choice(make: Make) -> None:
    """Half time: a month is two; as data the version can say otherwise; and never beyond the longest the programme may take."""
    half = Decimal("0.5")
    for n, (definition, ends) in enumerate((({}, date(2028, 9, 6)), ({"part_time": "as full time"}, date(2027, 9, 7))), 1):
        into, learner = cohort(make, asye(make, code=f"PT-{n}", **definition), title=f"Cohort {n}", starts_on=START), nqsw(make, n)
        with make.tx() as tx:
            assert tx.get(Enrolment, enrol.enrol(tx, into, learner.id, START, fte=half)).ends_on == ends
    into, learner = cohort(make, asye(make, code="PT-1"), title="Few hours", starts_on=START), nqsw(make, 9)
    with make.tx() as tx:
        few = tx.get(Enrolment, enrol.enrol(tx, into, learner.id, START, fte=Decimal("0.2")))
        assert few.ends_on == date(2028, 9, 6)  # 24 months of twelve: at least at half speed


def test_of_two_who_enrol_somebody_at_once_one_does(make: Make) -> None:
    """Whoever waits for the person's row is told that they are on the programme."""
    learner, into = nqsw(make), cohort(make, starts_on=START)

    def once() -> int:
        with make.tx() as tx:
            return enrol.enrol(tx, into, learner.id, START)

    answers = at_once(once, once, once)
    assert sum(isinstance(each, int) for each in answers) == 1
    assert [each.code for each in answers if isinstance(each, Refusal)] == ["already-enrolled"] * 2
