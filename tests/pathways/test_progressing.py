"""Progressions: kind by the order of stages, the stage that follows, corrections and what is taken out."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.tx import Actor, transaction
from app.pathways import progressing
from app.pathways.models import Progression, Step
from app.people import operations as people
from app.people.models import Stage
from tests.factory import Make
from tests.pathways.steps import begin

JUNE, JULY = date(2026, 6, 1), date(2026, 7, 1)


def periods(make: Make, person: int) -> list[tuple[str, date]]:
    live = select(Stage.stage, Stage.valid_from).where(Stage.person_id == person, Stage.superseded_at.is_(None))
    return [(row.stage, row.valid_from) for row in make.rows(live.order_by(Stage.valid_from))]


@pytest.fixture
def ann(make: Make) -> int:
    begin(make)
    return int(make.person("Ann", stage="SW").id)


@pytest.mark.parametrize(("to", "kind"), [("EXP", "promotion"), ("NQSW", "regrade"), ("SW", "regrade"), ("SENIOR", "promotion")])
def test_the_kind_follows_from_the_order_of_the_stages(make: Make, ann: int, to: str, kind: str) -> None:
    with make.tx() as tx:
        progressing.record(tx, ann, to, JUNE, "appraisal")
    row = make.rows(select(Progression.__table__))[0]
    assert (row.from_stage, row.to_stage, row.kind) == ("SW", to, kind)
    assert periods(make, ann)[-1][0] == to


def test_stages_of_one_order_are_a_sideways_move(make: Make) -> None:
    begin(make)
    grace = make.person("Grace", stage="PE").id
    with make.tx() as tx:
        progressing.record(tx, grace, "LCPP", JUNE, "application")
    assert make.rows(select(Progression.kind))[0].kind == "sideways"


def test_a_stage_that_hr_brought_first_is_not_set_again(make: Make, ann: int) -> None:
    with make.tx() as tx:
        people.set_stage(tx, ann, "EXP", JUNE)
        progressing.record(tx, ann, "EXP", JUNE, "statement_of_learning", make.rows(select(Step.id))[0].id)
    assert [stage for stage, _ in periods(make, ann)] == ["SW", "EXP"]
    assert make.rows(select(Progression.from_stage, Progression.kind))[0] == ("SW", "promotion")


def test_what_is_planned_for_later_stays(make: Make, ann: int) -> None:
    with make.tx() as tx:
        people.set_stage(tx, ann, "TM", JULY)
        progressing.record(tx, ann, "EXP", JUNE, "panel")
    assert [stage for stage, _ in periods(make, ann)] == ["SW", "EXP", "TM"]


def test_what_cannot_be(make: Make, ann: int) -> None:
    nobody = make.person("New").id
    step = make.rows(select(Step.id))[0].id
    for person, to, on, mechanism, given, refusal in (
        (ann, "NOBODY", JUNE, "panel", None, Invalid),
        (ann, "EXP", JUNE, "luck", None, Invalid),
        (ann, "EXP", date(1990, 1, 1), "panel", None, Invalid),
        (ann, "EXP", date(2200, 1, 1), "panel", None, Invalid),
        (ann, "TM", JUNE, "panel", step, Invalid),
        (nobody, "EXP", JUNE, "panel", None, Conflict),
    ):
        with make.tx() as tx, pytest.raises(refusal):
            progressing.record(tx, person, to, on, mechanism, given)
    with make.tx() as tx:
        progressing.record(tx, ann, "EXP", JUNE, "panel")
    with pytest.raises(Conflict) as twice, make.tx() as tx:
        progressing.record(tx, ann, "SENIOR", JUNE, "panel")
    assert twice.value.code == "progression-twice"


def test_a_correction_keeps_what_was_believed(make: Make, ann: int) -> None:
    with make.tx() as tx:
        key = progressing.record(tx, ann, "SENIOR", JUNE, "panel")
    with make.tx() as tx:
        right = progressing.correct(tx, key, "EXP", JULY, "appraisal")
    assert periods(make, ann)[-1] == ("EXP", JULY) and "SENIOR" not in [stage for stage, _ in periods(make, ann)]
    assert make.row(Progression, right).corrected_from == key and make.row(Progression, key).superseded_at is not None
    with make.tx() as tx, pytest.raises(Conflict):
        progressing.correct(tx, key, "EXP", JUNE, "panel")
    with make.tx() as tx, pytest.raises(Invalid):
        progressing.withdraw(tx, right, "")
    with make.tx() as tx:
        progressing.withdraw(tx, right, "It was somebody else")
    assert {stage for stage, _ in periods(make, ann)} == {"SW"}


def test_who_may_record(make: Make, ann: int) -> None:
    other = make.organisation("Northmoor Council", host=False)
    for role, unit, refusal in (("line manager", None, Forbidden), ("HR officer", other, NotFound)):
        with transaction(make.database, Actor("person", ann, roles=((role, unit),)), writes=True) as tx, pytest.raises(refusal):
            progressing.record(tx, ann, "EXP", JUNE, "panel")
    for role in ("HR officer", "coordinator", "principal social worker"):
        with transaction(make.database, Actor("person", ann, roles=((role, make.organisation()),)), writes=True) as tx:
            key = progressing.record(tx, ann, "EXP", JUNE, "panel")
            progressing.withdraw(tx, key, "Only tried")
