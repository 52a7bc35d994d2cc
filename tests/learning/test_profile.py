"""The 70/20/10 profile: everything of one's own; of others what may be known anyway; of the council nothing that shows anybody."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.core.tx import Actor, Tx, transaction
from app.learning import profile
from app.learning.models import LearningRecord
from app.learning.record_models import RecordShare
from app.learning.renewal_rules import year_of
from tests.factory import Make

SignIn = Callable[[Any], TestClient]
BUCKET = {"own": ("experience", "project"), "supervision": ("social", "reflective_supervision"), "attendance": ("formal", "course")}


def learnt(make: Make, person_id: int, source: str, minutes: int, on: date | None = None, **values: Any) -> int:
    """A record of somebody's, of today."""
    bucket, activity = BUCKET[source]
    with make.tx() as tx:
        row = dict(person_id=person_id, minutes=minutes, bucket=bucket, activity=activity, title="Something", source=source, **values)
        return tx.insert(LearningRecord, on_date=on or tx.today, recorded_at=tx.now, **row)


def main(reply: Any) -> str:
    text = re.sub(r"<[^>]+>", " ", reply.text[reply.text.index("<main") :])
    return re.sub(r"\s+", " ", text)


def reading(make: Make, person: Any, *roles: str) -> AbstractContextManager[Tx]:
    actor = Actor("person", person.id, person.name, tuple((role, None) for role in ("practitioner", *roles)))
    return transaction(make.database, actor, writes=False)


def test_own_team_and_person(make: Make, sign_in: SignIn) -> None:
    manager = make.person("Mo Manager")
    ann = make.person("Ann", manager=manager.id)
    ben = make.person("Ben", manager=manager.id)
    private = learnt(make, ann.id, "own", 420)
    learnt(make, ann.id, "supervision", 90)
    learnt(make, ann.id, "attendance", 30)
    learnt(make, ann.id, "attendance", 600, on=date(2015, 5, 5))
    gone = learnt(make, ann.id, "own", 999)
    with make.tx() as tx:
        tx.update(LearningRecord, gone, superseded_at=tx.now)
    mine = sign_in(ann)
    seen = main(mine.get("/my-learning/profile"))
    assert "9 hours in 3 records" in seen and "Experience: 78%, 7 hours" in seen and "This registration year" in seen
    assert "19 hours in 4 records" in main(mine.get("/my-learning/profile?period=all"))
    assert "19 hours" not in main(mine.get("/my-learning/profile?period=3-months"))
    over = sign_in(manager)
    theirs = main(over.get(f"/people/{ann.id}/learning-profile"))
    assert "2 hours in 2 records" in theirs and "private to them" in theirs and "7 hours" not in theirs
    team = main(over.get("/my-team/learning-profile"))
    assert "2 hours in 2 records of 2 people" in team and "7 hours" not in team and "Ben" in team
    with make.tx() as tx:
        tx.insert(RecordShare, first_id=private, audience="assessor", shared_at=tx.now)
    assert "2 hours in 2 records" in main(over.get(f"/people/{ann.id}/learning-profile"))
    with make.tx() as tx:
        tx.insert(RecordShare, first_id=private, audience="manager", shared_at=tx.now)
    assert "9 hours in 3 records" in main(over.get(f"/people/{ann.id}/learning-profile"))
    assert "9 hours in 3 records" in main(over.get("/my-team/learning-profile"))
    assert "Nothing is recorded in this period" in main(sign_in(ben).get("/my-learning/profile"))
    assert sign_in(ben).get(f"/people/{ann.id}/learning-profile").status_code == 404
    assert sign_in(ben).get("/learning-profile").status_code == 403


def test_shares_are_whole_percents() -> None:
    found = profile.Profile(tuple(profile.Part(bucket, minutes, 1) for bucket, minutes in zip(profile.GUIDE, (100, 100, 100), strict=True)))
    assert sum(found.shares("minutes").values()) == 100 == sum(found.shares("records").values())
    assert profile.Profile(tuple(profile.Part(bucket, 0, 0) for bucket in profile.GUIDE)).shares("minutes") == {}
    some = profile.Profile((profile.Part("experience", None, None), profile.Part("social", 5, 1), profile.Part("formal", 5, 1)))
    assert not some.whole and some.shares("minutes") == {}


def test_few_people_are_hidden_and_cannot_be_worked_out(make: Make, sign_in: SignIn) -> None:
    """Two people of one team and six of each other: the small one is hidden, and one more, so that the council's figure tells nothing."""
    psw = make.person("Pat Principal", roles=("principal social worker",))
    service = make.unit("Safeguarding", "service")
    teams = {name: make.unit(name, parent=service) for name in ("Small", "Middle", "Large")}
    for name, number in (("Small", 2), ("Middle", 6), ("Large", 8)):
        for _ in range(number):
            learnt(make, make.person(team=teams[name], account=False).id, "own", 60)
    with reading(make, psw, "principal social worker") as tx:
        period = profile.periods(tx, only_years=True)[0]
        host = profile.organisations(tx)[0].id
        lines = {each.name: each for each in profile.of_council(tx, host, period)}
    experience = {name: line.profile.parts[0].minutes for name, line in lines.items()}
    assert experience == {"Westmarch County Council": 960, "Safeguarding": 960, "Small": None, "Middle": None, "Large": 480}
    assert lines["Small"].people == 2 and lines["Small"].profile.shares("minutes") == {} and lines["Large"].profile.shares("minutes")
    assert lines["Small"].profile.parts[1].minutes == 0, "a true zero is shown"
    seen = main(sign_in(psw).get("/learning-profile"))
    assert "16 hours in 16 records" in seen and "Hidden: few people" in seen and "In Safeguarding" in seen
    assert sign_in(psw).get("/learning-profile?organisation=99999").status_code == 404


def test_only_lines_in_reach_and_the_same_for_everybody(make: Make) -> None:
    one, other = make.unit("One", "service"), make.unit("Other", "service")
    psw = make.person("Pat", team=one)
    for unit, number in ((one, 3), (other, 9)):
        for _ in range(number):
            learnt(make, make.person(team=unit, account=False).id, "attendance", 60)
    actor = Actor("person", psw.id, psw.name, (("practitioner", None), ("principal social worker", other)))
    with transaction(make.database, actor, writes=False) as tx:
        period = profile.periods(tx, only_years=True)[0]
        lines = profile.of_council(tx, profile.organisations(tx)[0].id, period)
    assert [(line.name, line.profile.parts[2].minutes) for line in lines] == [("Other", None)], "hidden for the other part's sake"


@pytest.mark.parametrize(
    ("day", "starts", "ends"),
    [
        (date(2026, 11, 22), date(2025, 12, 1), date(2026, 11, 30)),
        (date(2026, 12, 1), date(2026, 12, 1), date(2027, 11, 30)),
        (date(2028, 2, 29), date(2027, 12, 1), date(2028, 11, 30)),
        (date(2001, 1, 1), date(2000, 12, 1), date(2001, 11, 30)),
    ],
)
def test_registration_years(make: Make, day: date, starts: date, ends: date) -> None:
    with make.tx(writes=False) as tx:
        year = year_of(tx, day)
        assert (year.starts, year.ends) == (starts, ends)
        assert year.opens == date(ends.year, 9, 1) and year.joiners_from == date(ends.year, 9, 1)
        assert year.days_left(ends) == 0 and year_of(tx, ends + timedelta(days=1)).starts == ends + timedelta(days=1)
