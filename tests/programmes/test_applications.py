"""A call, applications, a manager's word, two scores, a decision: over HTTP, and what is refused on the way."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.tx import Actor, transaction
from app.programmes.apprentice_models import Application, Call
from app.programmes.models import Cohort, Enrolment
from app.programmes.operations import applications
from app.programmes.operations.applications import NewCall
from tests.factory import Make
from tests.programmes.asye import asye, nqsw

SELECTION = {"criteria": [{"code": "time", "title": "Time"}], "manager_support": True}
Enter = Callable[[Any], TestClient]


@dataclass
class World:
    """An open call with two places, somebody who applies, their manager, two who select."""

    make: Make
    call: int
    ann: Any
    manager: Any
    one: Any
    two: Any
    cohort: int

    def as_(self, person: Any, *roles: str) -> Any:
        held = (("practitioner", None), *((role, None) for role in roles))
        return transaction(self.make.database, Actor("person", person.id, person.name, held), writes=True)

    def selecting(self, person: Any) -> Any:
        return self.as_(person, "coordinator")

    def apply(self, person: Any = None) -> int:
        with self.as_(person or self.ann) as tx:
            return applications.write(tx, self.call, {"q1": "To lead better."}, submit=True)

    def supported(self) -> int:
        key = self.apply()
        with self.as_(self.manager, "line manager") as tx:
            applications.support(tx, key, True, "The time is agreed.")
        return key

    def scored(self) -> int:
        key = self.supported()
        for person in (self.one, self.two):
            with self.selecting(person) as tx:
                applications.score(tx, key, {"c1": 4})
        return key

    def state(self, key: int) -> str:
        return str(self.make.row(Application, key).state)


@pytest.fixture
def world(make: Make) -> World:
    manager = make.person("Mona Manager")
    ann = nqsw(make, name="Ann Applicant", manager=manager.id)
    version = asye(make, selection=SELECTION)
    with make.tx() as tx:
        cohort = tx.insert(Cohort, version_id=version, title="Spring", starts_on=tx.today + timedelta(days=30), created_at=tx.now)
    one, two = (make.person(name, roles=("coordinator",)) for name in ("Sel One", "Sel Two"))
    made = World(make, 0, ann, manager, one, two, cohort)
    with made.selecting(one) as tx:
        closes = tx.now + timedelta(days=9)
        new = NewCall(version, "Leadership, spring", "For those who lead.", 1, closes, [("Why you?", 20)], [("Time agreed", 5)], cohort)
        made.call = applications.create_call(tx, new)
        applications.open_call(tx, made.call, 1)
    return made


def test_from_call_to_enrolment(world: World, ledger: Any) -> None:
    key = world.scored()
    with world.selecting(world.one) as tx:
        applications.decide(tx, key, "shortlisted", "Strong on all of it.")
        applications.decide(tx, key, "offered", "The strongest of them.", "Well argued.")
    row = world.make.row(Application, key)
    assert (row.state, row.manager_id, row.feedback) == ("offered", world.manager.id, "Well argued.")
    enrolled = world.make.row(Enrolment, row.enrolment_id)
    assert (enrolled.person_id, enrolled.cohort_id) == (world.ann.id, world.cohort)
    assert {"email.support_asked", "email.application_decided"} <= set(ledger.outbox())


def test_the_same_over_http(world: World, sign_in: Enter) -> None:
    ann, manager = sign_in(world.ann), sign_in(world.manager)
    form = f"/programme-calls/{world.call}/apply"
    assert "Why you?" in ann.get(form).text
    kept = ann.post(form, data={"q1": "Half a thought", "do": "keep"})
    assert kept.status_code == 303 and "Half a thought" in ann.get(form).text
    long = ann.post(form, data={"q1": "word " * 30, "do": "submit"})
    assert long.status_code == 422 and "this has 30" in long.text and "word word" in long.text
    assert ann.post(form, data={"q1": "To lead better.", "do": "submit"}).status_code == 303
    (row,) = world.make.rows(select(Application.id))
    page = f"/applications/{row.id}"
    assert manager.get(page).status_code == ann.get(page).status_code == 200
    assert manager.post(f"{page}/support", data={"supports": "yes", "words": "Agreed."}).status_code == 303
    for person in (world.one, world.two):
        selector = sign_in(person)
        assert selector.post(f"{page}/score", data={"c1": "9"}).status_code == 422
        assert selector.post(f"{page}/score", data={"c1": "5"}).status_code == 303
    decided = sign_in(world.one).post(f"{page}/decide", data={"kind": "declined", "reasons": "Only one place."})
    assert decided.status_code == 303 and "Only one place." in ann.get(page).text
    assert "Declined" in ann.get("/programme-calls").text


def test_who_may_not(world: World, sign_in: Enter) -> None:
    key = world.apply()
    stranger = world.make.person("Stan Stranger")
    other = world.make.person("Olga Othermanager")
    world.make.person("Report", manager=other.id)
    assert sign_in(stranger).get(f"/applications/{key}").status_code == 404
    with pytest.raises(NotFound), world.as_(other, "line manager") as tx:
        applications.support(tx, key, True, "Not mine.")
    with pytest.raises(Forbidden), world.as_(world.ann) as tx:
        applications.support(tx, key, True, "My own.")
    with pytest.raises(NotFound), world.as_(stranger) as tx:
        applications.withdraw(tx, key)
    with pytest.raises(Forbidden), world.as_(stranger) as tx:
        applications.decide(tx, key, "offered", "Me.")


def test_nobody_selects_themselves(world: World) -> None:
    manager = world.make.person("Boss")
    with world.make.tx() as tx:
        from app.people import operations as people

        people.set_manager(tx, world.one.id, manager.id, tx.today)
    key = world.apply(world.one)
    with world.as_(manager, "line manager") as tx:
        applications.support(tx, key, True, "Fine.")
    with pytest.raises(Forbidden, match="own"), world.selecting(world.one) as tx:
        applications.score(tx, key, {"c1": 5})


def test_the_order_of_things(world: World) -> None:
    key = world.apply()
    with pytest.raises(Conflict), world.selecting(world.one) as tx:
        applications.score(tx, key, {"c1": 4})  # the manager first
    with pytest.raises(Conflict, match="submitted"):
        world.apply()
    with world.as_(world.ann) as tx:
        applications.withdraw(tx, key)
    again = world.scored()
    assert again == key
    second = nqsw(world.make, 2, name="Bea Second", manager=world.manager.id)
    other = world.apply(second)
    with world.as_(world.manager, "line manager") as tx:
        applications.support(tx, other, False, "No cover until May.")
    with pytest.raises(Conflict, match="0 of 2"), world.selecting(world.one) as tx:
        applications.decide(tx, other, "declined", "Too early.")
    with world.selecting(world.one) as tx:
        applications.decide(tx, key, "offered", "Yes.")
    for person in (world.one, world.two):
        with world.selecting(person) as tx:
            applications.score(tx, other, {"c1": 1})
    with pytest.raises(Conflict, match="places"), world.selecting(world.one) as tx:
        applications.decide(tx, other, "offered", "Also.")
    assert world.state(other) == "not supported"


def test_drafts_and_closed_calls(world: World) -> None:
    with world.make.tx() as tx:
        tx.update(Call, world.call, state="draft")
    with pytest.raises(NotFound):
        world.apply()
    with world.make.tx() as tx:
        tx.update(Call, world.call, state="open", closes_at=tx.now - timedelta(minutes=1))
    with pytest.raises(Conflict, match="closed"):
        world.apply()


def test_a_call_that_is_not_complete(world: World) -> None:
    version = world.make.row(Call, world.call).version_id
    with pytest.raises(Invalid) as refused, world.selecting(world.one) as tx:
        applications.create_call(tx, NewCall(version, "", "", 0, tx.now, [], [("x", 99)], 999))
    fields = {error["field"] for error in refused.value.errors}
    assert fields == {"title", "about", "places", "closes", "questions", "criteria", "cohort"}


def test_an_application_that_may_name_a_family_is_asked_about_when_it_is_submitted(world: World, sign_in: Enter) -> None:
    ann, form = sign_in(world.ann), f"/programme-calls/{world.call}/apply"
    words = "I led the plan for the family at 14 Acacia Avenue."
    assert ann.post(form, data={"q1": words, "do": "keep"}).status_code == 303  # a draft is hers alone
    page = ann.post(form, data={"q1": words, "do": "submit"})
    assert page.status_code == 422 and "<mark>14 Acacia Avenue</mark>" in page.text
    (seen,) = re.findall(r'name="guard-seen" value="([^"]+)"', page.text)
    assert ann.post(form, data={"q1": words, "do": "submit", "guard": "redact", "guard-seen": seen}).status_code == 303
    assert [row.answers for row in world.make.rows(select(Application.answers))] == [
        {"q1": "I led the plan for the family at [address removed]."}
    ]
