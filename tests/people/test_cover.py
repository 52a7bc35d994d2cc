"""Absence and deputies: who may record them, for whom, and what they change. On both databases."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import policy
from app.core.db import FOREVER
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.tx import Actor, transaction
from app.people import cover
from app.people.models import Absence
from app.policy import Can
from tests.factory import Make

MANAGER, HR = ("line manager", None), ("HR officer", None)


def acting(make: Make, person: Any, *roles: tuple[str, int | None]) -> Any:
    return transaction(make.database, Actor("person", person.id, person.name, (("practitioner", None), *roles)), writes=True)


@pytest.fixture
def line(make: Make) -> Any:
    class Line:
        lee = make.person("Lee")
        mo = make.person("Mo", manager=lee.id)
        ann = make.person("Ann", manager=mo.id)
        dee = make.person("Dee")
        officer = make.person("Hal")

    return Line


def test_absence_is_recorded_by_the_person_those_above_and_hr(make: Make, line: Any, ledger: Any) -> None:
    ledger.start()
    for person, roles in ((line.ann, ()), (line.mo, (MANAGER,)), (line.lee, (MANAGER,)), (line.officer, (HR,))):
        with acting(make, person, *roles) as tx:
            cover.record_absence(tx, line.ann.id, tx.today, tx.today + timedelta(days=5))
            assert len(cover.absences(tx, line.ann.id)) == 1
    with pytest.raises(NotFound), acting(make, line.dee) as tx:
        cover.record_absence(tx, line.ann.id, tx.today)
    assert ledger.actions() == ["person.absence-recorded"] * 4
    assert make.rows(select(Absence.id).where(Absence.superseded_at.is_(None)))


def test_absences_that_overlap_become_one_story(make: Make, line: Any) -> None:
    first = date(2030, 3, 4)
    with acting(make, line.ann) as tx:
        cover.record_absence(tx, line.ann.id, first, first + timedelta(days=10))
        cover.record_absence(tx, line.ann.id, first + timedelta(days=5), FOREVER)
        rows = cover.absences(tx, line.ann.id)
    assert [(row.valid_from, row.valid_to) for row in rows] == [(first, first + timedelta(days=5)), (first + timedelta(days=5), FOREVER)]
    with pytest.raises(Invalid, match="last day"), acting(make, line.ann) as tx:
        cover.record_absence(tx, line.ann.id, first, first)


def test_who_comes_back_is_back_today_and_what_has_not_begun_is_taken_back(make: Make, line: Any) -> None:
    with acting(make, line.ann) as tx:
        cover.record_absence(tx, line.ann.id, tx.today - timedelta(days=3), tx.today + timedelta(days=3))
        cover.record_absence(tx, line.ann.id, tx.today + timedelta(days=30))
        for row in cover.absences(tx, line.ann.id):
            cover.end_absence(tx, line.ann.id, row.id)
        assert list(cover.absences(tx, line.ann.id)) == []
        left = tx.rows(select(Absence.valid_from, Absence.valid_to).where(Absence.superseded_at.is_(None)))
        assert [tuple(row) for row in left] == [(tx.today - timedelta(days=3), tx.today)]
        with pytest.raises(NotFound):
            cover.end_absence(tx, line.ann.id, 999)


def test_a_deputy_may_do_what_the_manager_may_for_as_long_as_it_lasts(make: Make, line: Any) -> None:
    with acting(make, line.mo, MANAGER) as tx:
        cover.name_deputy(tx, line.mo.id, line.dee.id, tx.today, tx.today + timedelta(days=5))
    with acting(make, line.dee, MANAGER) as tx:
        assert policy.reaches(tx, Can.BOOK, line.ann.id)
        with pytest.raises(NotFound):  # standing in for Mo is not standing above Mo
            cover.name_deputy(tx, line.mo.id, line.dee.id, tx.today)
    with acting(make, line.lee, MANAGER) as tx:
        [row] = cover.deputies(tx, line.mo.id)
        assert (row.deputy_id, row.valid_to) == (line.dee.id, tx.today + timedelta(days=5))
        cover.end_deputy(tx, line.mo.id, row.id)
        with pytest.raises(Conflict):
            cover.end_deputy(tx, line.mo.id, row.id)
    with acting(make, line.dee, MANAGER) as tx:
        assert not policy.reaches(tx, Can.BOOK, line.ann.id)


def test_impossible_deputies_are_refused(make: Make, line: Any) -> None:
    stranger = make.person("Sol", organisation=make.organisation("Northmoor Council", host=False))
    gone = make.person("Gus", leaving_on=date(2024, 1, 1))
    with acting(make, line.mo, MANAGER) as tx:
        for wrong in (stranger.id, gone.id, 999, line.mo.id):
            with pytest.raises(Invalid):
                cover.name_deputy(tx, line.mo.id, wrong, tx.today)
        with pytest.raises(Conflict, match="manages nobody and assesses nobody"):
            cover.name_deputy(tx, line.ann.id, line.dee.id, tx.today)
        assert cover.colleague(tx, line.mo.id, f" {line.dee.email.upper()} ") == line.dee.id
        assert cover.colleague(tx, line.mo.id, line.dee.employee_number) == line.dee.id
        assert cover.colleague(tx, line.mo.id, stranger.email) is None


def test_absence_is_not_everybodys_business(make: Make, line: Any) -> None:
    with acting(make, line.ann) as tx:
        cover.record_absence(tx, line.ann.id, tx.today)
    with acting(make, line.dee) as tx:
        assert list(cover.absences(tx, line.ann.id)) == []
    with pytest.raises(Forbidden), transaction(make.database, Actor("client", 1, scopes=frozenset({"people:read"})), writes=True) as tx:
        cover.record_absence(tx, line.ann.id, tx.today)


# Pages -------------------------------------------------------------------------------------------------------------


def day(name: str, value: date) -> dict[str, str]:
    return {name: str(value.day), f"{name}-month": str(value.month), f"{name}-year": str(value.year)}


def test_a_manager_arranges_cover_on_a_page(make: Make, sign_in: Any, line: Any) -> None:
    browser, path = sign_in(line.mo), f"/people/{line.mo.id}"
    assert "Nobody stands in." in browser.get(f"{path}/cover").text
    with make.tx(writes=False) as tx:
        today = tx.today
    wrong = browser.post(f"{path}/deputies", data={"deputy": "nobody@westmarch.example", **day("stand_from", today)})
    assert wrong.status_code == 422 and "Nobody in this organisation has" in wrong.text and "nobody@westmarch.example" in wrong.text
    backwards = {**day("stand_from", today), **day("stand_to", today - timedelta(days=1))}
    assert "must not be before the first" in browser.post(f"{path}/deputies", data={"deputy": line.dee.email, **backwards}).text
    made = browser.post(f"{path}/deputies", data={"deputy": line.dee.email, **day("stand_from", today)})
    assert made.status_code == 303
    page = browser.get(made.headers["location"]).text
    assert line.dee.name in page and "with no end yet" in page
    assert browser.post(f"{path}/absences", data=day("away_from", today)).status_code == 303
    shown = sign_in(line.lee).get(path).text
    assert f"{line.dee.name}, " in shown and "with no end yet" in shown and f"{path}/cover" in shown
    assert sign_in(line.dee).get(f"{path}/cover").status_code == 404
    with make.tx(writes=False) as tx:
        [away], [deputy] = tx.rows(select(Absence.id)), cover.deputies(tx, line.mo.id)
    assert browser.post(f"{path}/absences/{away.id}/end").status_code == 303
    assert browser.post(f"{path}/deputies/{deputy.id}/end").status_code == 303
    page = browser.get(f"{path}/cover").text
    assert "No absence is recorded." in page and "Nobody stands in." in page


def test_hr_sets_a_cost_centre_on_the_organisations_page(make: Make, sign_in: Any) -> None:
    team = make.unit("East team")
    officer = sign_in(make.person("Hal", roles=("HR officer",)))
    assert "Cost centre" in officer.get(f"/organisation/{team}").text
    form = officer.get(f"/organisation/{team}/cost-centre").text
    assert "none: charges wait" in form
    assert officer.post(f"/organisation/{team}/cost-centre", data={"cost_centre": "CC-7", "version": "1"}).status_code == 303
    assert "CC-7" in officer.get(f"/organisation/{team}").text
    assert officer.post(f"/organisation/{team}/cost-centre", data={"cost_centre": "CC-8", "version": "1"}).status_code == 412
    ann = sign_in(make.person("Ann"))
    assert "Cost centre" not in ann.get(f"/organisation/{team}").text
    assert ann.get(f"/organisation/{team}/cost-centre").status_code == 403
