"""What somebody has booked and completed, for themselves and for those who may see it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.bookings import operations
from app.core.tx import Actor, clock, transaction
from app.learning import completing
from app.learning.completing import Learnt
from tests.factory import Make


@pytest.fixture
def ann(make: Make) -> Any:
    boss = make.person("Bea Boss")
    person = make.person("Ann Field", manager=boss.id)
    today = clock().date()
    fire, first_aid, ethics = (make.course(title) for title in ("Fire safety", "First aid", "Ethics"))
    make.completion(person.id, fire.id, today - timedelta(days=800), today - timedelta(days=70))
    make.completion(person.id, first_aid.id, today - timedelta(days=900), today - timedelta(days=200))
    make.completion(person.id, first_aid.id, today - timedelta(days=100), today + timedelta(days=30))
    make.completion(person.id, ethics.id, today - timedelta(days=10))
    session = make.session(course=make.course("Court skills").id)
    with transaction(make.database, Actor("person", person.id, roles=(("practitioner", None),)), writes=True) as tx:
        operations.book(tx, session.id, person.id)
    return person, boss


def test_ones_own(sign_in: Any, ann: Any, count_queries: Any, ledger: Any) -> None:
    person, _ = ann
    browser = sign_in(person)
    ledger.start()
    with count_queries() as queries:
        page = browser.get(f"/people/{person.id}/learning").text
    assert len(queries) <= 6 and ledger.actions() == []
    assert "My learning" in page and "Court skills" in page and "2 of 3" in page
    rows = [part.split("</tr>")[0] for part in page.split("<tr")[2:]]
    assert ["Ethics" in rows[0], "First aid" in rows[1], "Fire safety" in rows[2]] == [True] * 3  # newest first
    assert ["In date" in rows[0], "Renew soon" in rows[1], "Lapsed" in rows[2]] == [True] * 3
    assert "2 times in all" in rows[1] and "No end" in rows[0]


def test_a_manager_sees_it_all_and_an_assessor_what_was_completed(sign_in: Any, make: Make, ann: Any, ledger: Any) -> None:
    person, boss = ann
    assessor = make.person("Ash Assessor")
    make.assessor(assessor.id, person.id)
    ledger.start()
    assert "Court skills" in sign_in(boss).get(f"/people/{person.id}/learning").text
    page = sign_in(assessor).get(f"/people/{person.id}/learning").text
    assert "First aid" in page and "Court skills" not in page and "Coming up" not in page
    assert [entry.person_id for entry in ledger.entries("learning.viewed")] == [person.id] * 2
    assert "/learning" in sign_in(assessor).get(f"/people/{person.id}").text


def test_out_of_reach_is_not_there(sign_in: Any, make: Make, ann: Any) -> None:
    person, _ = ann
    stranger = make.person("Stu Stranger")
    admin = make.person("Ada Admin", roles=("administrator",))
    for reader in (stranger, admin):
        assert sign_in(reader).get(f"/people/{person.id}/learning").status_code == 404
    assert "/learning" not in sign_in(admin).get(f"/people/{person.id}").text
    assert "No completed courses are recorded yet" in sign_in(stranger).get(f"/people/{stranger.id}/learning").text


def test_what_i_did_stands_with_its_minutes_and_certificate(sign_in: Any, make: Make, ann: Any) -> None:
    person, boss = ann
    course = make.course("Restorative circles", cpd_minutes=90)
    with make.tx() as tx:
        completing.settle(tx, 9, course.id, [Learnt(77, person.id, tx.today, 90, full=True)], "The register was finished")
        left_early = Learnt(78, person.id, tx.today - timedelta(days=4), 20, full=False)
        completing.settle(tx, 10, course.id, [left_early], "The register was finished")
    page = sign_in(person).get("/my-learning").text
    assert page.count("Restorative circles</a></h3>") == 2
    assert (
        "1 hour 30 minutes" in page
        and "20 minutes" in page
        and page.count("Counted towards completing Restorative circles; a certificate") == 1
    )
    assert '.pdf">Certificate (PDF)' in page
    assert "Restorative circles</a></h3>" not in sign_in(boss).get(f"/people/{person.id}/learning").text  # records are one's own
