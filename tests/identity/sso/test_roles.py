"""Roles from claims, and the administrator's pages of single sign-on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.core.config import Settings, load
from app.core.db import FOREVER
from app.core.errors import Conflict, Forbidden, Invalid
from app.core.tx import Actor, transaction
from app.identity import access, operations
from app.identity.models import ExternalIdentity, RoleMapping
from app.identity.provider import roles
from app.people.models import RoleHeld
from tests.factory import Make
from tests.identity.sso.providers import RealProvider
from tests.identity.sso.test_settings import ENTRA

CONFIG = load(**ENTRA)
PAGE = "/access/single-sign-on"


def add(make: Make, claim: str, role: str, unit: int | None = None, config: Settings = CONFIG) -> int:
    with make.tx() as tx:
        return roles.add(tx, config, claim, role, unit)


def signs_in(make: Make, person: Any, *claims: str, config: Settings = CONFIG) -> None:
    with make.tx() as tx:
        roles.apply(tx, config, person.id, frozenset(claims))


def held(make: Make, person: Any) -> list[tuple[str, int | None, bool]]:
    now = RoleHeld.superseded_at.is_(None), RoleHeld.valid_to == FOREVER
    rows = make.rows(select(RoleHeld.__table__).where(RoleHeld.person_id == person.id, *now).order_by(RoleHeld.role))
    return [(row.role, row.unit_id, row.mapped) for row in rows]


def test_mapped_roles_are_what_the_claims_give_and_others_stay(make: Make, ledger: Any) -> None:
    ann, team = make.person("Ann", roles=("panel member",)), make.unit("Fostering")
    add(make, "Academy.HR", "HR officer")
    add(make, "Academy.HR", "board viewer", team)
    add(make, "Academy.PSW", "principal social worker")
    add(make, "Academy.Panel", "panel member")
    ledger.start()
    signs_in(make, ann, "Academy.HR", "Academy.Panel", "Something.Else", "x" * 5000)
    by_hand = ("panel member", None, False)
    assert held(make, ann) == [("HR officer", None, True), ("board viewer", team, True), by_hand]
    assert ledger.actions() == ["role.given", "role.given"]
    signs_in(make, ann, "Academy.HR", "Academy.Panel")
    assert len(ledger.actions()) == 2, "the same claims change nothing"
    signs_in(make, ann, "Academy.PSW")
    assert held(make, ann) == [by_hand, ("principal social worker", None, True)]
    assert ledger.actions()[2:] == ["role.ended", "role.ended", "role.given"]
    with make.tx() as tx:
        roles.apply(tx, CONFIG, ann.id, None)
    assert len(held(make, ann)) == 2, "a token that does not say changes nothing"
    signs_in(make, ann)
    assert held(make, ann) == [by_hand]


def test_having_held_a_role_stays_on_record(make: Make) -> None:
    ann = make.person("Ann")
    add(make, "Academy.HR", "HR officer")
    signs_in(make, ann, "Academy.HR")
    with make.tx() as tx:
        tx.db.execute(update(RoleHeld).values(valid_from=tx.today - timedelta(days=30)))
    signs_in(make, ann)
    (row,) = make.rows(select(RoleHeld.__table__).where(RoleHeld.superseded_at.is_(None)))
    assert row.mapped and (row.valid_to - row.valid_from).days == 30


def test_a_claim_makes_an_administrator_only_where_the_setting_says_so(make: Make) -> None:
    ann, allowed = make.person("Ann"), load(**ENTRA, oidc_administrators_by_claim=True)
    with pytest.raises(Invalid) as why:
        add(make, "Academy.Admin", "administrator")
    assert why.value.code == "administrator-by-claim"
    add(make, "Academy.Admin", "administrator", config=allowed)
    signs_in(make, ann, "Academy.Admin")
    assert held(make, ann) == [], "and not where it no longer does"
    signs_in(make, ann, "Academy.Admin", config=allowed)
    assert held(make, ann) == [("administrator", None, True)]
    signs_in(make, ann, "Academy.Admin")
    assert held(make, ann) == []


def test_a_mapped_role_counts_only_where_the_provider_signed_in(make: Make) -> None:
    ann = make.person("Ann")
    add(make, "Academy.HR", "HR officer")
    signs_in(make, ann, "Academy.HR")
    for provider, expected in ((None, False), ({"provider_session": "s", "id_token": "t"}, True)):
        with make.tx() as tx:
            token = operations.sign_in(tx, ann.id, "", CONFIG, provider)
            found = access.signed_in(tx, token, CONFIG)
        assert found is not None
        assert (("HR officer", None) in found.actor.roles) is expected


def test_ending_a_mapping_ends_the_roles_that_it_alone_gave(make: Make) -> None:
    ann, bea, cai = make.person("Ann"), make.person("Bea"), make.person("Cai", roles=("HR officer",))
    one, two = add(make, "Academy.HR", "HR officer"), add(make, "People.Team", "HR officer")
    for person in (ann, bea, cai):
        signs_in(make, person, "Academy.HR")
    with make.tx() as tx:
        assert roles.end(tx, one) == 0, "another mapping may be why they hold it"
        assert roles.end(tx, two) == 2
    assert (held(make, ann), held(make, bea), held(make, cai)) == ([], [], [("HR officer", None, False)])
    with make.tx() as tx, pytest.raises(Conflict):
        roles.end(tx, one)


def test_who_may_map_what(make: Make) -> None:
    add(make, "Academy.HR", "HR officer")
    partner = make.organisation("Larkmoor Trust", host=False)
    refused: list[tuple[tuple[Any, ...], type[Exception]]] = [
        (("Academy.HR", "HR officer"), Conflict),
        (("", "HR officer"), Invalid),
        (("x" * 201, "HR officer"), Invalid),
        (("Academy.X", "line manager"), Invalid),
        (("Academy.X", "coordinator", partner), Invalid),
    ]
    for given, kind in refused:
        with pytest.raises(kind):
            add(make, *given)
    of_part = Actor("person", make.person("Ada").id, roles=(("administrator", partner),))
    with transaction(make.database, of_part, writes=True) as tx:
        with pytest.raises(Forbidden):
            roles.add(tx, CONFIG, "A", "board viewer", partner)
        with pytest.raises(Forbidden):
            roles.end(tx, 1)
    assert len(make.rows(select(RoleMapping.id))) == 1


# Pages -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def admin(enter: Any, make: Make) -> TestClient:
    """A browser of an administrator's, where single sign-on is on."""
    browser: TestClient = enter().here
    person = make.person("Ada Admin", roles=("administrator",))
    with make.tx() as tx:
        token = operations.sign_in(tx, person.id, "", browser.app.state.settings)  # type: ignore[attr-defined]
    browser.cookies.set("academy", token)
    return browser


def test_the_page_of_mappings(admin: TestClient, make: Make) -> None:
    make.unit("Fostering", "service")
    assert "/access/single-sign-on" in admin.get("/access").text
    page = admin.get(PAGE).text
    assert "0 of 1 account linked" in page and "No claim gives a role" in page and "Administrator</label>" not in page
    sent = admin.post(PAGE, data={"claim": "Academy.HR", "role": "HR officer", "unit": "Fostering"})
    assert sent.headers["location"] == f"{PAGE}?said=mapped"
    page = admin.get(f"{PAGE}?said=mapped").text
    assert "Academy.HR" in page and "Fostering" in page and "The mapping is added" in page
    for wrong in (
        {},
        {"claim": "A", "role": "administrator", "everywhere": "yes"},
        {"claim": "A", "role": "HR officer", "unit": "Nowhere"},
    ):
        reply = admin.post(PAGE, data=wrong)
        assert reply.status_code == 422 and 'role="alert"' in reply.text
    key = make.rows(select(RoleMapping.id))[0].id
    assert "lose it at once" in admin.get(f"{PAGE}/{key}/end").text
    assert admin.post(f"{PAGE}/{key}/end").headers["location"] == f"{PAGE}?said=unmapped"
    assert admin.get(f"{PAGE}/{key}/end").status_code == 404


def test_an_administrator_of_a_part_does_not_see_it(enter: Any, make: Make) -> None:
    browser, team = enter().here, make.unit("Fostering")
    person = make.person("Ada", roles=("administrator",), scope=team, team=team)
    with make.tx() as tx:
        browser.cookies.set("academy", operations.sign_in(tx, person.id, "", browser.app.state.settings))
    assert browser.get(PAGE).status_code == 403
    assert PAGE not in browser.get("/access").text


def test_linking_and_unlinking_by_hand(admin: TestClient, make: Make) -> None:
    ann, oid = make.person("Ann Field"), str(uuid4())
    person, page = f"/access/people/{ann.id}", f"/access/people/{ann.id}/identity"
    assert "Link a council account" in admin.get(person).text
    assert "Not linked" in admin.get(page).text
    wrong = admin.post(page, data={"subject": ann.email})
    assert wrong.status_code == 422 and "Enter the object id" in wrong.text
    assert admin.post(page, data={"subject": oid}).headers["location"] == f"{person}?said=linked"
    assert oid in admin.get(page).text and "Linked to a council account" in admin.get(person).text
    assert admin.post(f"{page}/unlink").headers["location"] == f"{person}?said=unlinked"
    assert make.rows(select(ExternalIdentity.id)) == []
    assert admin.post(f"{page}/unlink").status_code == 404


@pytest.mark.thorough
def test_claims_of_a_real_sign_in(enter: Any, make: Make, real: RealProvider, link: Any) -> None:
    visitor = enter()
    config = visitor.here.app.state.settings
    ann, team = make.person("Ann Field"), make.unit("Fostering")
    oid = real.account("ann", roles=["Academy.Coordinator"])
    link(config, ann, oid)
    add(make, "Academy.Coordinator", "coordinator", team)
    assert visitor.sign_on("ann").status_code == 303
    assert "Coordinator" in visitor.here.get("/my-details").text and "Fostering" in visitor.here.get("/my-details").text
    real.account("ann", oid=oid)
    assert visitor.sign_on("ann").status_code == 303
    assert "Fostering" not in visitor.here.get("/my-details").text
