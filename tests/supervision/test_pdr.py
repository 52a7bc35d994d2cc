"""Development reviews: review years, meetings with their history, objectives, the plan, and who is counted as missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.core.errors import Changed, Conflict, Forbidden, Invalid, NotFound
from app.core.tx import Actor, transaction
from app.learning.models import Completion
from app.people import cover
from app.people.models import Person
from app.policy import Can
from app.supervision import pdr_queries as queries
from app.supervision.operations import pdr
from app.supervision.pdr_models import DevelopmentItem, Pdr, PdrCycle, PdrEvent, PdrObjective
from tests.factory import Make
from tests.supervision.rules import Team, team
from tests.supervision.world import year

Days = timedelta


@pytest.fixture
def us(make: Make) -> Team:
    """The year began two hundred days ago; objectives were due sixty days after that, mid-year is due in thirty."""
    made = team(make)
    host = make.organisation()
    with make.tx() as tx:
        pdr.open_cycle(tx, host, year(tx.today))
    return made


CYCLE = 1


def day(us: Team, days: int) -> date:
    with us.make.tx(writes=False) as tx:
        return tx.today + Days(days=days)


def held(us: Team, kind: str, days: int, person: Any = None, by: Any = None) -> None:
    with us.acting(by or us.manager) as tx:
        pdr.hold(tx, (person or us.callum).id, CYCLE, kind, tx.today + Days(days=days))


def events(us: Team) -> list[tuple[str, bool]]:
    return [(row.kind, row.superseded_at is None) for row in us.make.rows(select(PdrEvent.__table__).order_by(PdrEvent.id))]


# Review years ------------------------------------------------------------------------------------------------------


def test_review_years_of_one_organisation_stand_apart(us: Team) -> None:
    host, partner = us.make.organisation(), us.make.organisation("Partner Council", host=False)
    with us.make.tx() as tx:
        this = year(tx.today)
    spans = {"overlapping": 300, "on its last day": 364}
    for shift in spans.values():
        later = {name: getattr(this, name) + Days(days=shift) for name in ("starts_on", "ends_on", "objectives_by", "mid_year_by")}
        moved = replace(this, **later, complete_by=this.complete_by + Days(days=shift))
        with pytest.raises(Conflict), us.make.tx() as tx:
            pdr.open_cycle(tx, host, moved)
    with us.make.tx() as tx:
        assert pdr.open_cycle(tx, partner, this) > CYCLE


def test_only_whoever_looks_after_an_organisation_sets_up_its_years(us: Team) -> None:
    partner = us.make.organisation("Partner Council", host=False)
    with us.make.tx(writes=False) as tx:
        this = year(tx.today)
    for roles, refusal in (((("HR officer", us.make.organisation()),), NotFound), ((("coordinator", None),), Forbidden)):
        with pytest.raises(refusal), transaction(us.make.database, Actor("person", us.stranger.id, "S", roles), writes=True) as tx:
            pdr.open_cycle(tx, partner, this)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("title", {"title": " "}),
        ("ends_on", {"ends_on": date(2020, 1, 1)}),
        ("objectives_by", {"mid_year_by": date(2100, 1, 1)}),
        ("new_days", {"new_days": -1}),
        ("away_days", {"away_days": 0}),
    ],
)
def test_days_in_no_order_are_refused(us: Team, field: str, wrong: dict[str, Any]) -> None:
    with us.make.tx() as tx, pytest.raises(Invalid) as refused:
        pdr.change_cycle(tx, CYCLE, replace(year(tx.today), **wrong), 1)
    assert field in [error["field"] for error in refused.value.errors]


def test_two_who_change_a_year_at_once_do_not_overwrite_each_other(us: Team) -> None:
    with us.make.tx() as tx:
        pdr.change_cycle(tx, CYCLE, replace(year(tx.today), title="2026 to 2027"), 1)
        with pytest.raises(Conflict):
            pdr.change_cycle(tx, CYCLE, year(tx.today), 1)


# Meetings ----------------------------------------------------------------------------------------------------------


def test_a_meeting_is_held_once_corrected_with_history_and_taken_back(us: Team) -> None:
    held(us, "objectives", -150)
    held(us, "objectives", -150)
    held(us, "objectives", -149)
    assert events(us) == [("objectives", False), ("objectives", True)]
    with us.acting(us.manager) as tx:
        pdr.never_held(tx, us.callum.id, CYCLE, "objectives")
    assert events(us) == [("objectives", False)] * 2
    with pytest.raises(Conflict), us.acting(us.manager) as tx:
        pdr.never_held(tx, us.callum.id, CYCLE, "objectives")


def test_nobody_records_their_own_or_somebody_elses(us: Team) -> None:
    for who, refusal in ((us.callum, Forbidden), (us.assessor, Forbidden), (us.stranger, Forbidden)):
        with pytest.raises(refusal):
            held(us, "objectives", -10, by=who)
    with pytest.raises(NotFound):
        held(us, "objectives", -10, person=us.stranger)
    own = Actor("person", us.callum.id, "Callum", (("practitioner", None), ("HR officer", None)))
    with pytest.raises(Conflict), transaction(us.make.database, own, writes=True) as tx:
        pdr.hold(tx, us.callum.id, CYCLE, "objectives", tx.today)
    assert events(us) == []


def test_meetings_come_in_their_order_and_not_before_they_are_held(us: Team) -> None:
    held(us, "mid-year", -50)
    for kind, days in (("objectives", -49), ("complete", -51), ("complete", 1), ("complete", -600), ("party", -1)):
        with pytest.raises(Invalid):
            held(us, kind, days)
    held(us, "objectives", -50)
    held(us, "complete", 0)


def test_meetings_are_taken_back_last_first(us: Team) -> None:
    held(us, "objectives", -100)
    held(us, "mid-year", -50)
    held(us, "complete", -10)
    for kind, later in (("objectives", "Review complete"), ("mid-year", "Review complete")):
        with pytest.raises(Conflict, match=later), us.acting(us.manager) as tx:
            pdr.never_held(tx, us.callum.id, CYCLE, kind)
    assert events(us) == [("objectives", True), ("mid-year", True), ("complete", True)]
    for kind in ("complete", "mid-year", "objectives"):
        with us.acting(us.manager) as tx:
            pdr.never_held(tx, us.callum.id, CYCLE, kind)
    assert not any(live for _, live in events(us))


def test_the_database_keeps_what_was_recorded(us: Team) -> None:
    held(us, "objectives", -50)
    for change in (dict(on_date=date(2026, 1, 1)), dict(kind="complete")):
        with pytest.raises(Conflict), us.make.tx() as tx:
            tx.update(PdrEvent, 1, **change)


# Objectives and the plan -------------------------------------------------------------------------------------------


def test_both_write_objectives_and_every_change_is_kept(us: Team) -> None:
    with us.acting(us.callum) as tx:
        assert pdr.set_objective(tx, us.callum.id, CYCLE, "Chair a strategy meeting") == 1
    with us.acting(us.manager) as tx:
        pdr.change_objective(tx, us.callum.id, CYCLE, 1, "Chair two strategy meetings", None, base=1)
        pdr.change_objective(tx, us.callum.id, CYCLE, 1, "Chair two strategy meetings", "met", base=2)
        assert pdr.set_objective(tx, us.callum.id, CYCLE, "Mentor somebody") == 2
        with pytest.raises(Invalid):
            pdr.change_objective(tx, us.callum.id, CYCLE, 2, "Mentor somebody", "excellent", base=4)
    rows = us.make.rows(select(PdrObjective.__table__).order_by(PdrObjective.id))
    assert [(row.number, row.reached, row.superseded_at is None) for row in rows] == [
        (1, None, False),
        (1, None, False),
        (1, "met", True),
        (2, None, True),
    ]
    assert len(us.make.rows(select(Pdr.id))) == 1
    with us.acting(us.callum) as tx:
        pdr.take_back_objective(tx, us.callum.id, CYCLE, 1)
    assert {row.words for row in us.make.rows(select(PdrObjective.words).where(PdrObjective.number == 1))} == {"[Redacted]"}


def test_a_change_names_the_row_it_was_made_to(us: Team) -> None:
    with us.acting(us.callum) as tx:
        pdr.set_objective(tx, us.callum.id, CYCLE, "Chair a strategy meeting", entry_key="b" * 32)
        pdr.plan(tx, us.callum.id, CYCLE, "Shadow a colleague", entry_key="b" * 32)
        assert pdr.set_objective(tx, us.callum.id, CYCLE, "Chair a strategy meeting", entry_key="b" * 32) == 1
        assert pdr.plan(tx, us.callum.id, CYCLE, "Shadow a colleague", entry_key="b" * 32) == 1
    with us.acting(us.manager) as tx:
        pdr.change_objective(tx, us.callum.id, CYCLE, 1, "Chair two", None, base=1)
        pdr.change_line(tx, us.callum.id, CYCLE, 1, "Shadow two", None, None, base=1)
    with us.acting(us.callum) as tx:
        with pytest.raises(Changed):
            pdr.change_objective(tx, us.callum.id, CYCLE, 1, "Chair three", None, base=1)
        with pytest.raises(Changed):
            pdr.change_line(tx, us.callum.id, CYCLE, 1, "Shadow three", None, None, base=1)
        pdr.change_objective(tx, us.callum.id, CYCLE, 1, "Chair two", None, base=1)  # the same already
        pdr.change_line(tx, us.callum.id, CYCLE, 1, "Shadow three", None, None, base=2)
    for table, words in ((PdrObjective, "Chair two"), (DevelopmentItem, "Shadow three")):
        assert [row.words for row in us.make.rows(select(table.words).where(table.superseded_at.is_(None)))] == [words]


@pytest.mark.parametrize("who", ["assessor", "coordinator", "stranger"])
def test_nobody_beside_the_line_writes_or_reads_them(us: Team, who: str) -> None:
    with pytest.raises((NotFound, Forbidden)), us.acting(getattr(us, who)) as tx:
        pdr.set_objective(tx, us.callum.id, CYCLE, "Anything")


def test_a_line_of_the_plan_is_words_a_course_or_a_step(us: Team) -> None:
    course, draft = us.make.course("Court skills"), us.make.course("Not yet", status="draft")
    with us.acting(us.callum) as tx:
        pdr.plan(tx, us.callum.id, CYCLE, "", course_id=course.id, by_date=tx.today + Days(days=90))
        pdr.plan(tx, us.callum.id, CYCLE, "Advanced practitioner", step_id=7)
        wrong: list[dict[str, Any]] = [dict(words=""), dict(words="x", course_id=draft.id), dict(words="x", course_id=course.id, step_id=7)]
        for given in wrong:
            with pytest.raises(Invalid):
                pdr.plan(tx, us.callum.id, CYCLE, **given)
        pdr.done(tx, us.callum.id, CYCLE, 2, tx.today)
        pdr.change_line(tx, us.callum.id, CYCLE, 2, "Senior practitioner", None, None, base=3)
    rows = us.make.rows(select(DevelopmentItem.__table__).where(DevelopmentItem.superseded_at.is_(None)).order_by(DevelopmentItem.number))
    assert [(row.words, row.course_id, row.step_id, bool(row.done_on)) for row in rows] == [
        ("Court skills", course.id, None, False),
        ("Senior practitioner", None, 7, True),
    ]


def test_a_completed_course_speaks_for_itself(us: Team) -> None:
    course = us.make.course("Court skills")
    with us.acting(us.callum) as tx:
        pdr.plan(tx, us.callum.id, CYCLE, "Learn about court", course_id=course.id)
    with us.make.tx() as tx:
        done = dict(person_id=us.callum.id, course_id=course.id, source="import", recorded_at=tx.now)
        tx.insert(Completion, completed_on=tx.today - Days(days=900), superseded_at=tx.now, **done)
        assert queries.review(tx, 1).plan[0].completed_on is None
        tx.insert(Completion, completed_on=tx.today - Days(days=3), **done)
        assert queries.review(tx, 1).plan[0].completed_on == tx.today - Days(days=3)


# Compliance --------------------------------------------------------------------------------------------------------


def standing(us: Team, on: int = 0) -> dict[str, queries.Standing]:
    with us.make.tx(writes=False) as tx:
        cycle = tx.get(PdrCycle, CYCLE)
        return {row.name: row for row in queries.each_person(tx, Can.READ_PDR_DATES, cycle, tx.today + Days(days=on))}


def test_who_is_late_and_who_is_not_counted(us: Team) -> None:
    held(us, "objectives", -150)
    with us.make.tx() as tx:
        tx.db.execute(update(Person).where(Person.id == us.assessor.id).values(started_on=tx.today - Days(days=220)))
        cover.record_absence(tx, us.dana.id, tx.today - Days(days=40), tx.today + Days(days=40))
    found = standing(us)
    assert found["Callum Reid"].overdue == () and found["Callum Reid"].held["objectives"] == day(us, -150)
    assert found["Stan Stranger"].overdue == ("objectives",) and found["Stan Stranger"].excused == {}
    assert found["Asa Assessor"].excused == {"objectives": "new"} and found["Asa Assessor"].overdue == ()
    assert found["Dana Cole"].excused == dict.fromkeys(("objectives", "mid-year", "complete"), "away")
    assert standing(us, on=31)["Callum Reid"].overdue == ("mid-year",)
    assert standing(us, on=-20)["Dana Cole"].overdue == ("objectives",)  # away for twenty days only by then


def test_teams_add_up_to_their_people(us: Team, count_queries: Callable[[], Any]) -> None:
    crew = us.make.unit("Edge of Care")
    new = us.make.person("Nia New", team=crew)
    us.make.person("Una Usual", team=crew)
    held(us, "objectives", -150)
    with us.make.tx() as tx:
        tx.db.execute(update(Person).where(Person.id == new.id).values(started_on=tx.today - Days(days=145)))
        cover.record_absence(tx, us.dana.id, tx.today - Days(days=40), tx.today + Days(days=40))
    with us.make.tx(writes=False) as tx, count_queries() as asked:
        cycle = tx.get(PdrCycle, CYCLE)
        teams = {team.name: team for team in queries.by_team(tx, Can.READ_PDR_DATES, cycle, tx.today)}
        people = queries.each_person(tx, Can.READ_PDR_DATES, cycle, tx.today)
        one_team = queries.each_person(tx, Can.READ_PDR_DATES, cycle, tx.today, team=crew)
        total = queries.how_many(tx, Can.READ_PDR_DATES, cycle, tx.today)
    assert len(asked) == 5 and total == len(people) == sum(team.people for team in teams.values())
    edge = teams["Edge of Care"]
    assert (edge.people, edge.held, edge.counted, edge.new, edge.away) == (2, (0, 0, 0), (1, 2, 2), (1, 0, 0), 0)
    rest = teams["No team"]
    assert (rest.held[0], rest.away, rest.counted[0]) == (1, 1, rest.people - 1)
    for n, kind in enumerate(queries.MILESTONES):
        for members, counted in ((one_team, edge), ([each for each in people if each.team == "No team"], rest)):
            assert counted.held[n] == sum(kind in each.held and "away" not in each.excused.values() for each in members)
            assert counted.counted[n] == sum(kind not in each.excused for each in members)
