"""Who is in a return and what fills itself, as at the reference day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from app.census import operations
from app.census.models import CensusPerson
from app.core.db import FOREVER
from app.core.errors import Conflict, Invalid, NotFound
from app.people.models import Absence, Person, Post, Registration
from app.programmes.models import Enrolment
from app.supervision.models import Caseload
from tests.census.world import REFERENCE, YEAR, Census
from tests.factory import LONG_AGO, Make
from tests.programmes.making import Programmes

AFTER = REFERENCE + timedelta(days=1)  # the first day that is not of the year any more
JULY = date(2025, 7, 1)


@pytest.fixture
def census(make: Make) -> Census:
    return Census(make)


def job(until: date = FOREVER, *, since: date = LONG_AGO, title: str = "Social worker", contract: str = "permanent", fte: str = "1") -> Any:
    return since, until, title, contract, fte


def test_who_is_in_scope(census: Census, make: Make) -> None:
    inside = {
        "employee": census.worker("An Employee"),
        "agency": census.worker("Agency Worker", job(contract="agency")),
        "leaver": census.worker("Left InJuly", job(JULY)),
        "left on the day": census.worker("Left OnTheDay", job(AFTER)),
        "first day left": census.worker("Left First", job(date(2024, 10, 2))),
        "joined on the day": census.worker("Joined Lately", job(since=REFERENCE)),
        "promoted out of support": census.worker("Was Support", stages=((LONG_AGO, JULY, "SUPPORT"), (JULY, FOREVER, "NQSW"))),
    }
    census.worker("Left Before", job(date(2024, 10, 1)))  # the last day was the year before's reference day
    census.worker("Joins After", job(since=AFTER))
    census.worker("Support Worker", stages=((LONG_AGO, FOREVER, "SUPPORT"),))
    census.worker("Stu Dent", job(contract="student"))
    census.worker("Not Registered", swe=False)
    census.worker("No Stage", stages=())
    removed = census.worker("Long Removed")
    with make.tx() as tx:
        tx.insert(
            Registration,
            person_id=removed.id,
            status="removed",
            valid_from=LONG_AGO,
            valid_to=FOREVER,
            recorded_at=tx.now.replace(year=2020),
        )
    Census(make, "Northmoor Council", host=False).worker("Of Another")
    found = census.people(census.begin())
    assert set(found) == {person.id for person in inside.values()}
    ends = {name: found[person.id].ours.get("RoleEndDate") for name, person in inside.items()}
    assert ends == dict.fromkeys(inside) | {
        "leaver": "2025-06-30",
        "left on the day": "2025-09-30",
        "first day left": "2024-10-01",
    }
    assert {name for name, person in inside.items() if "FTE30" in found[person.id].ours} == {name for name, end in ends.items() if not end}


def test_the_work_of_a_person(census: Census) -> None:
    two = census.worker(
        "Two Posts",
        job(fte="0.6"),
        job(since=date(2025, 1, 6), title="Consultant social worker", fte="0.25"),
    )
    promoted = census.worker("Pro Moted", stages=((LONG_AGO, date(2025, 3, 3), "EXP"), (date(2025, 3, 3), FOREVER, "SENIOR")))
    same_role = census.worker("Same Role", stages=((LONG_AGO, date(2025, 3, 3), "SW"), (date(2025, 3, 3), FOREVER, "EXP")))
    anew = census.worker("Contract Anew", job(AFTER), job(since=AFTER, contract="fixed term"))
    census.say(titles={"consultant social worker": "4"})
    found = {key: row.ours for key, row in census.people(census.begin()).items()}
    assert {name: found[two.id][name] for name in ("FTE", "FTE30", "OrgRole", "RoleStartDate")} == {
        "FTE": "0.85",
        "FTE30": "0.85",
        "OrgRole": "4",
        "RoleStartDate": "2025-01-06",
    }
    assert (found[promoted.id]["OrgRole"], found[promoted.id]["RoleStartDate"]) == ("4", "2025-03-03")
    assert (found[same_role.id]["OrgRole"], found[same_role.id]["RoleStartDate"]) == ("5", LONG_AGO.isoformat())
    assert "RoleEndDate" not in found[anew.id], "a new contract on the next day is not leaving"
    number = f"SW{int(two.swe_number[2:]):010}"
    assert found[two.id]["SWENo"] == number and found[two.id]["AgencyWorker"] == "0"


def test_cases_absence_route_and_status(census: Census, make: Make) -> None:
    ann, ben = census.worker("Ann Vale", entry_route="STEP_UP"), census.worker("Ben Ash", entry_route="something else")
    with make.tx() as tx:
        then = tx.now.replace(year=2025, month=9, day=1)
        counts = ((ann, 30, 11), (ann, 10, 17), (ann, -3, 29), (ben, 45, 12))  # days before the reference day
        for person, before, children in counts:
            day = REFERENCE - timedelta(days=before)
            tx.insert(Caseload, person_id=person.id, on_date=day, children=children, source="own", recorded_at=then)
        tx.insert(Absence, person_id=ben.id, valid_from=date(2025, 9, 1), valid_to=date(2025, 10, 3), recorded_at=then)
        tx.insert(Absence, person_id=ann.id, valid_from=date(2025, 9, 1), valid_to=REFERENCE, recorded_at=then)
    found = {key: row.ours for key, row in census.people(census.begin()).items()}
    assert found[ann.id]["Cases30"] == "17" and "Cases30" not in found[ben.id]
    assert (found[ann.id]["Absat30Sept"], found[ben.id]["Absat30Sept"]) == ("0", "1")
    assert (found[ann.id]["StepUpGrad"], found[ann.id]["FrontlineGrad"]) == ("1", "0") and "StepUpGrad" not in found[ben.id]


def test_the_status_comes_from_programmes(census: Census, make: Make) -> None:
    programmes = Programmes(make)
    nora = census.worker("Nora Quill", stages=((LONG_AGO, FOREVER, "NQSW"),))
    other = census.worker("Other One")
    cohort = programmes.cohort(programmes.version("ASYE-CF"), "2025")
    enrolled = programmes.enrolment(nqsw=nora, cohort=cohort, reference="T-CENSUS")
    with make.tx() as tx:
        tx.update(Enrolment, enrolled.id, starts_on=date(2025, 9, 1), ends_on=date(2026, 9, 1))
    found = census.people(census.begin())
    assert found[nora.id].ours["CFKSSstatus"] == "1" and "CFKSSstatus" not in found[other.id].ours


def test_what_became_known_later_comes_in_with_the_next_filling_and_hrs_part_stays(census: Census, make: Make) -> None:
    ann, ben = census.worker("Ann Vale"), census.worker("Ben Ash")
    return_id = census.begin()
    assert (
        census.give(return_id, {"person": ann.swe_number, "WorkingDaysLost": "4"}, {"person": ben.swe_number, "WorkingDaysLost": "9"}) == 2
    )
    numbers = {key: row.number for key, row in census.people(return_id).items()}
    with make.tx() as tx:
        tx.db.execute(update(Post).where(Post.person_id == ann.id).values(fte=0.5))
        tx.db.execute(update(Person).where(Person.id == ben.id).values(swe_number=None))
    cara = census.worker("Cara Moss")
    assert census.people(return_id)[ann.id].ours["FTE30"] == "1", "not before it is filled again"
    with census.acting() as tx:
        assert operations.fill(tx, return_id) == 2
    found = census.people(return_id)
    assert set(found) == {ann.id, cara.id}
    assert (found[ann.id].ours["FTE30"], found[ann.id].theirs) == ("0.5", {"WorkingDaysLost": "4"})
    assert found[ann.id].number == numbers[ann.id] and found[cara.id].number not in numbers.values()
    assert found[cara.id].theirs == {}


def test_a_year_is_begun_once_and_only_when_it_is_over(census: Census, make: Make) -> None:
    census.worker("Ann Vale")
    census.begin()
    with pytest.raises(Conflict):
        census.begin()
    with make.tx(writes=False) as tx:
        coming = tx.today.year + 1
    for year in (coming, 2016):
        with pytest.raises((Invalid, Conflict)):
            census.begin(year)
    another = make.organisation("Northmoor Council", host=False)
    with census.acting() as tx, pytest.raises(NotFound):
        operations.begin(tx, another, YEAR)
    with pytest.raises(Conflict), make.tx() as tx:  # the database says so too
        operations._new(tx, census.council, YEAR, 2, 1, census.guide)


def test_filling_asks_as_much_for_many_as_for_few(census: Census, count_queries: Callable[[], Any]) -> None:
    census.worker("Ann Vale")
    return_id = census.begin()
    with count_queries() as few, census.acting() as tx:
        operations.fill(tx, return_id)
    for n in range(25):
        census.worker(f"Worker Number{n}")
    with count_queries() as many, census.acting() as tx:
        operations.fill(tx, return_id)
    assert len(census.people(return_id)) == 26
    assert len(many) <= len(few) + 1  # the new rows are one statement
    assert all(row.theirs == {} for row in census.make.rows(CensusPerson.__table__.select()))
