"""An extract cannot put somebody's roles into other hands by changing the address they sign in with."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from app.core.errors import Conflict
from app.core.tx import Actor, clock
from app.hr import operations
from app.identity import operations as identity
from app.identity.models import Account
from app.people import operations as people
from app.people.models import Person, RoleHeld
from tests.factory import Make
from tests.hr.test_imports import AS_AT, Office, office, person  # noqa: F401  # fixture

OTHER = {"Email": "else@westmarch.example"}


def staged_by(office: Office, monkeypatch: Any, person_id: int, roles: tuple[tuple[str, int | None], ...], **options: Any) -> Any:  # noqa: F811
    """Stage a line with another address as somebody with these roles."""
    turn = office.turn

    def as_somebody() -> Any:
        entered = turn()
        begin = entered.__enter__

        class Turn:
            def __enter__(self) -> Any:
                tx = begin()
                tx.actor = Actor("person", person_id, "Hal", roles)
                return tx

            def __exit__(self, *wrong: Any) -> Any:
                return entered.__exit__(*wrong)

        return Turn()

    monkeypatch.setattr(office, "turn", as_somebody)
    return office.stage([person("1", **{**OTHER, **options})])[0]


@pytest.fixture
def holder(office: Office, make: Make) -> Any:  # noqa: F811
    """Somebody the extract knows, who is an administrator."""
    office.send([person("1")])
    one = office.person("1")
    with make.tx() as tx:
        people.give_role(tx, one.id, "administrator", None, AS_AT)
    return one


def test_another_address_for_a_role_is_a_problem_of_its_line(office: Office, make: Make, holder: Any, monkeypatch: Any) -> None:  # noqa: F811
    hal = make.person("Hal")
    import_id = staged_by(office, monkeypatch, hal.id, (("HR officer", None),))
    assert [(line, column) for line, column, wrong in office.problems(import_id) if "could sign in as them" in wrong] == [(2, "Email")]
    with office.turn() as tx, pytest.raises(Conflict):
        operations.apply(tx, import_id)
    assert make.row(Person, holder.id).email == holder.email


def test_it_is_asked_again_of_whoever_applies_it(office: Office, make: Make, holder: Any, monkeypatch: Any) -> None:  # noqa: F811
    hal = make.person("Hal")
    import_id = office.stage([person("1", **OTHER)])[0]  # the service's own turn: no problem
    assert office.problems(import_id) == []
    with make.tx() as tx:
        tx.actor = Actor("person", hal.id, "Hal", (("HR officer", None),))
        with pytest.raises(Conflict, match="could sign in as them"):
            operations.apply(tx, import_id)
    with make.tx() as tx:
        tx.actor = Actor("person", hal.id, "Hal", (("HR officer", None), ("administrator", None)))
        operations.apply(tx, import_id)
    assert make.row(Person, holder.id).email == OTHER["Email"]


def test_an_applied_address_ends_links_and_sign_ins(office: Office, make: Make, visitor: Any, sign_in: Any) -> None:  # noqa: F811
    office.send([person("1")])
    one = office.person("1")
    with make.tx() as tx:
        tx.db.execute(insert(Account), dict(person_id=one.id, created_at=tx.now))
    with make.tx() as tx:
        token = identity.mint_link(tx, one.id, "invitation")
    browser = sign_in(one)
    assert browser.get("/my-details").status_code == 200
    assert office.send([person("1", **OTHER)]) == {"changed": 1}
    assert visitor.get(f"/password/set/{token}").status_code == 410
    assert browser.get("/my-details").status_code == 303


def test_a_role_that_is_over_does_not_come_back_with_a_leaving_date_withdrawn(office: Office, make: Make, holder: Any) -> None:  # noqa: F811
    today = clock().date()
    office.send([person("1", **{"Leaving date": (today - timedelta(days=1)).isoformat()})], as_at=today)
    assert office.held(RoleHeld, "1", today) is None
    assert office.send([person("1", **OTHER)], as_at=today)
    assert office.person("1").leaving_on is None and office.held(RoleHeld, "1", today) is None
