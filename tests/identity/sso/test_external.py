"""Who is linked to which identity, and who may say so: the directory, administrators, never an e-mail address."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from app.core.config import Settings, load
from app.core.errors import Conflict, Invalid, NotFound, Refusal
from app.core.tx import Actor, transaction
from app.identity import external
from app.identity.models import Account, ExternalIdentity, SignIn
from app.people import operations as people
from tests.factory import Make
from tests.identity.sso.test_settings import ENTRA

CONFIG = load(**ENTRA, oidc_scim_external_id_is_subject=True)


def says(make: Make, person: Any, external_id: str | None, config: Settings = CONFIG, **client: Any) -> None:
    actor = Actor("client", 1, scopes=frozenset({"scim"}), **client)
    with transaction(make.database, actor, writes=True) as tx:
        external.directory_says(tx, person.id, external_id, config)


def linked(make: Make, person: Any) -> list[tuple[str, str]]:
    asked = select(ExternalIdentity.subject, ExternalIdentity.how).where(ExternalIdentity.person_id == person.id)
    return [(row.subject, row.how) for row in make.rows(asked)]


def test_the_directory_links_moves_and_unlinks(make: Make, ledger: Any) -> None:
    ann, old, new = make.person("Ann", account=False), str(uuid4()), str(uuid4())
    says(make, ann, old.upper())
    assert linked(make, ann) == [(old, "directory")]
    assert make.rows(select(Account.person_id).where(Account.person_id == ann.id)), "somebody linked has an account"
    with make.tx() as tx:
        tx.insert_many(SignIn, [a_sign_in(tx.now, ann.id, via) for via in ("provider", "password")])
    ledger.start()
    says(make, ann, old)
    assert ledger.actions() == [], "said again, nothing changes"
    says(make, ann, new)
    assert linked(make, ann) == [(new, "directory")]
    assert ledger.actions() == ["identity.unlinked", "identity.linked"]
    still = [row.via for row in make.rows(select(SignIn.via).where(SignIn.ended_at.is_(None)))]
    assert still == ["password"], "what the old identity signed in is over"
    says(make, ann, None)
    assert linked(make, ann) == []


def a_sign_in(now: Any, person_id: int, via: str) -> dict[str, Any]:
    at = dict(created_at=now, last_seen_at=now, expires_at=now)
    return dict(token_hash=via, person_id=person_id, agent="", email=None, via=via, **at)


def test_what_the_directory_may_not_say(make: Make) -> None:
    ann, bea, oid = make.person("Ann"), make.person("Bea"), str(uuid4())
    says(make, ann, oid, load(**ENTRA))
    assert linked(make, ann) == [], "the setting is off"
    says(make, ann, oid, load(oidc_scim_external_id_is_subject=True))
    assert linked(make, ann) == [], "there is no provider"
    partner = make.organisation("Larkmoor Trust", host=False)
    says(make, ann, oid, organisation_id=partner)
    assert linked(make, ann) == [], "a partner's directory has ids of another provider"
    says(make, ann, oid, organisation_id=make.organisation())
    assert linked(make, ann) == [(oid, "directory")]
    with pytest.raises(Conflict) as taken:
        says(make, bea, oid)
    assert taken.value.code == "identity-taken"
    with pytest.raises(Invalid) as wrong:
        says(make, bea, "bea.field")
    assert wrong.value.code == "external-id-not-subject"
    assert linked(make, bea) == []


def test_an_administrators_link_stays_when_the_directory_takes_back_nothing_of_its_own(make: Make) -> None:
    ann, oid = make.person("Ann"), str(uuid4())
    with make.tx() as tx:
        external.link_by_hand(tx, CONFIG, ann.id, oid)
    says(make, ann, None)
    assert linked(make, ann) == [(oid, "administrator")]


def test_a_directory_does_not_decide_who_signs_in_as_somebody_with_a_role(make: Make, ledger: Any) -> None:
    admin, ann, first = make.person("Ada", roles=("administrator",)), make.person("Ann"), str(uuid4())
    ledger.start()
    says(make, admin, str(uuid4()))
    assert (linked(make, admin), ledger.actions()) == ([], ["identity.not-linked"])
    says(make, ann, first)
    with make.tx() as tx:
        people.give_role(tx, ann.id, "HR officer", None, tx.today)
    says(make, ann, str(uuid4()))
    assert linked(make, ann) == [(first, "directory")], "who was linked before the role stays so"
    says(make, ann, first)
    assert ledger.actions()[-1] == "identity.not-linked" and ledger.actions().count("identity.not-linked") == 2
    says(make, ann, None)
    assert linked(make, ann) == [], "taking away is always heard"


def by_hand(make: Make, admin: Any, verb: Any, *given: Any, unit: int | None = None) -> None:
    actor = Actor("person", admin.id, roles=(("administrator", unit),))
    with transaction(make.database, actor, writes=True) as tx:
        verb(tx, CONFIG, *given)


def test_administrators_link_and_unlink_and_never_themselves(make: Make, ledger: Any) -> None:
    admin, ann, bea, oid = make.person("Ada"), make.person("Ann"), make.person("Bea"), str(uuid4())
    ledger.start()
    by_hand(make, admin, external.link_by_hand, ann.id, f" {oid.upper()} ")
    assert linked(make, ann) == [(oid, "administrator")]
    refused: list[tuple[Any, tuple[Any, ...], type[Refusal], str]] = [
        (external.link_by_hand, (ann.id, str(uuid4())), Conflict, "identity-linked"),
        (external.link_by_hand, (bea.id, oid), Conflict, "identity-taken"),
        (external.link_by_hand, (bea.id, "bea@westmarch.example"), Invalid, "not-a-subject"),
        (external.link_by_hand, (admin.id, str(uuid4())), Conflict, "own-account"),
        (external.unlink_by_hand, (bea.id,), NotFound, "identity-not-linked"),
    ]
    for verb, given, kind, code in refused:
        with pytest.raises(kind) as why:
            by_hand(make, admin, verb, *given)
        assert why.value.code == code
    by_hand(make, admin, external.unlink_by_hand, ann.id)
    assert linked(make, ann) == []
    assert ledger.actions() == ["identity.linked", "identity.unlinked"]


def test_an_administrator_of_a_part_does_not_decide_over_who_has_a_role_beyond_it(make: Make) -> None:
    team = make.unit("Fostering")
    admin, psw = make.person("Ada", team=team), make.person("Pia", team=team, roles=("principal social worker",))
    elsewhere = make.person("Eve", team=make.unit("Leaving care"))
    with pytest.raises(Conflict) as why:
        by_hand(make, admin, external.link_by_hand, psw.id, str(uuid4()), unit=team)
    assert why.value.code == "role-beyond-reach"
    with pytest.raises(NotFound):
        by_hand(make, admin, external.link_by_hand, elsewhere.id, str(uuid4()), unit=team)
