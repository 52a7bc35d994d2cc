"""Equity of learning and progression: who is counted, from facts; published once a quarter; who may publish, and what is shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from starlette.testclient import TestClient

from app.core.calendar import add_months
from app.core.errors import Conflict, Forbidden
from app.core.ledger import Audit
from app.core.tx import SYSTEM, Actor, transaction
from app.equality.figures import Line
from app.equality.models import Answer, Measured
from app.learning.models import LearningRecord
from app.measures import equity
from app.measures.dimensions import Moment
from app.people import operations as people
from app.people.models import Person, Post, Unit
from tests.factory import LONG_AGO, Make
from tests.pathways.steps import load, stages

Enter = Callable[[Any], TestClient]
REQUIRED = """\
pathway_steps:
  - code: REQ
    title: Required
    kind: mandatory
    summary: Everybody.
    source: The council's own.
    applies: {settings: true}
    groups:
      - title: Required
        requirements:
          - {kind: course, course: required}
"""


def host(make: Make) -> int:
    found = make.rows(select(Unit.id).where(Unit.host.is_(True)))
    return int(found[0].id)


def crowd(make: Make, many: int, contract: str = "permanent") -> list[int]:
    """People with a post since long ago, and nothing else."""
    organisation = make.organisation()
    with make.tx() as tx:
        values = dict(
            organisation_id=organisation, first_name="P", last_name="Q", name="P Q", sort_name="q, p", search_text="p q", version=1
        )
        ids = [tx.insert(Person, **values, created_at=tx.now, updated_at=tx.now) for _ in range(many)]
        post = dict(job_title="Social worker", contract=contract, fte=1, valid_from=LONG_AGO, recorded_at=tx.now, is_primary=True)
        tx.insert_many(Post, [dict(person_id=key, **post) for key in ids])
    return ids


def learnt(make: Make, who: list[int], course: int, on: date, source: str = "attendance") -> None:
    with make.tx() as tx:
        values = dict(on_date=on, minutes=60, bucket="formal", title="It", source=source, course_id=course, recorded_at=tx.now)
        tx.insert_many(LearningRecord, [dict(person_id=key, **values) for key in who])


def steps(make: Make, code: str, day: date) -> dict[int, int]:
    """Person → last step of a part, of the host on a day."""
    with make.tx(writes=False) as tx:
        part = next(each for each in equity.parts(tx, host(make), Moment(day, tx.now)) if each.code == code)
        return {row.person_id: row.step for row in tx.rows(part.reached)}


@pytest.mark.parametrize(
    ("today", "end"),
    [("2026-01-01", "2025-12-31"), ("2026-03-31", "2025-12-31"), ("2026-04-01", "2026-03-31"), ("2026-11-22", "2026-09-30")],
)
def test_the_newest_quarter_that_is_over(today: str, end: str) -> None:
    assert equity.quarter_end(date.fromisoformat(today)).isoformat() == end


def test_who_takes_part_in_learning_that_is_not_mandatory(make: Make) -> None:
    people_, agency = crowd(make, 6), crowd(make, 1, "agency")
    required, free = make.course("Required").id, make.course("Free").id
    load(make, REQUIRED, publish=True)
    with make.tx(writes=False) as tx:
        day = tx.today
        before = Moment(day, tx.now).year_ago
    learnt(make, [people_[0], agency[0]], free, day)
    learnt(make, [people_[1]], free, before + timedelta(days=1))
    learnt(make, [people_[2]], free, before)
    learnt(make, [people_[3]], required, day)
    learnt(make, [people_[4]], free, day, source="supervision")
    assert steps(make, "learning", day) == {people_[0]: 2, people_[1]: 2, people_[2]: 0, people_[3]: 0, people_[4]: 0, people_[5]: 0}


def test_who_progresses_is_of_those_who_were_there_a_year_before(make: Make) -> None:
    stages(make)
    day = equity.quarter_end(date(2026, 11, 1))
    old = crowd(make, 4)
    temporary = crowd(make, 1, "fixed term")
    with make.tx() as tx:
        for key in (*old, *temporary):
            people.set_stage(tx, key, "SW", LONG_AGO)
        for key in (old[0], temporary[0]):
            people.set_stage(tx, key, "EXP", add_months(day, -3))
        people.set_stage(tx, old[1], "EXP", add_months(day, -13))
        people.set_post(tx, old[2], "Something else", "permanent", 1, add_months(day, -2))
    assert steps(make, "progression", day) == {old[0]: 3, old[1]: 1, old[2]: 2, old[3]: 1, temporary[0]: 0}


def answered(make: Make, women: list[int], men: list[int]) -> None:
    with make.tx() as tx:
        for option, who in (("01", women), ("02", men)):
            tx.db.execute(insert(Answer), [dict(person_id=key, characteristic="sex", option=option, given_on=tx.today) for key in who])


def psw(make: Make) -> Any:
    return make.person("Pat", roles=("principal social worker",), scope=host(make))


def test_published_once_a_quarter_and_read_by_the_board(make: Make, sign_in: Enter) -> None:
    everybody = crowd(make, 120)
    answered(make, everybody[:70], everybody[70:110])
    course = make.course("Free").id
    with make.tx(writes=False) as tx:
        day = equity.quarter_end(tx.today)
    learnt(make, everybody[:42] + everybody[70:82], course, day)
    leader, board = sign_in(psw(make)), make.person("Bo", roles=("board viewer",), scope=host(make))
    ahead = leader.get("/measures/equity/publish").text
    assert "Publish the figures" in ahead and ">42<" not in ahead and ">70<" not in ahead, "no group is said before"
    assert leader.post("/measures/equity/publish", data={"day": "2020-03-31"}).status_code == 409
    assert leader.post("/measures/equity/publish", data={"day": day.isoformat()}).status_code == 303
    assert leader.post("/measures/equity/publish", data={"day": day.isoformat()}).status_code == 409
    reader = sign_in(board)
    shown = reader.get("/measures/equity").text
    assert "42 of 70" in shown and "12 of 40" in shown and "0.50 times" in shown, "30% of the men, 60% of the women"
    with make.tx() as tx:
        tx.db.execute(update(Answer).values(option="02"))
    assert "42 of 70" in reader.get("/measures/equity").text
    lines = reader.get("/measures/equity/table.csv").text.splitlines()
    assert "Access to learning,Sex,Male,Learning not mandatory,12,40,0.50" in lines
    assert "Access to learning,Everybody,All,In post,122,122,z" in lines, "with the two who read it"
    assert reader.get("/measures/equity/table.xlsx").content[:2] == b"PK" and reader.get("/measures/equity/table.pdf").status_code == 404
    assert len(make.rows(select(Audit.id).where(Audit.action == "equity.exported"))) == 2
    assert reader.get("/measures/equity/publish").status_code == 403


def test_only_who_reaches_the_whole_organisation_publishes(make: Make) -> None:
    crowd(make, 30)
    team = make.unit("A team")
    with make.tx(writes=False) as tx:
        day = equity.quarter_end(tx.today)
    for role, unit in (("board viewer", host(make)), ("HR officer", host(make)), ("coordinator", None), ("principal social worker", team)):
        person = make.person(role)
        actor = Actor("person", person.id, person.name, (("practitioner", None), (role, unit)))
        with pytest.raises(Forbidden), transaction(make.database, actor, writes=True) as tx:
            equity.publish(tx, day)
    assert make.rows(select(Measured.id)) == []


def test_another_quarter_of_nearly_the_same_people_is_refused(make: Make) -> None:
    everybody = crowd(make, 60)
    with make.tx() as tx:
        equity.publish(tx, equity.quarter_end(tx.today))
        later = tx.now + timedelta(days=93)
    crowd(make, 10)
    with pytest.raises(Conflict, match="nearly the same people"), transaction(make.database, SYSTEM, writes=True, now=later) as tx:
        equity.publish(tx, equity.quarter_end(tx.today))
    assert len(everybody) == 60


def test_likelihood_is_relative_to_the_largest_group_shown() -> None:
    lines = [Line("A", (100, 50)), Line("B", (40, 10)), Line("C", (None, None)), Line("D", (0, 0)), Line("Not known", (300, 200))]
    found = {each.line.title: (each.ratio, each.largest) for each in equity.compared(lines, 0, 1)}
    assert found == {"A": (None, True), "B": (Decimal("0.50"), False), "C": (None, False), "D": (None, False), "Not known": (None, False)}
    nobody = [Line("A", (100, 0)), Line("B", (40, 10))]
    assert [each.ratio for each in equity.compared(nobody, 0, 1)] == [None, None], "nothing to divide by"
