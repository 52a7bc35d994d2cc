"""The real provider signs people in and out. Who they are is its object id; what goes wrong is said in words and stays on record."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.core import tx as moment
from app.identity import external, operations
from app.identity.models import Account, ExternalIdentity, ProviderAttempt, SignIn
from app.identity.provider import attempts, roles
from app.people.models import Person, RoleHeld
from tests.factory import Make
from tests.identity.sso.providers import RealProvider, sent, settings_for


def why(ledger: Any) -> list[str]:
    return [entry.facts["why"] for entry in ledger.entries("sign-in.refused")]


@pytest.fixture
def ann(make: Make, real: RealProvider, link: Any) -> Any:
    """Ann is linked to the provider's ann."""
    person = make.person("Ann Field")
    link(settings_for(real.issuer), person, real.account("ann", name="Ann Field", email=person.email))
    return person


def test_signs_a_person_in_and_out(enter: Any, ann: Any, make: Make, ledger: Any) -> None:
    visitor = enter()
    assert "Sign in with your council account" in visitor.here.get("/sign-in").text
    there = visitor.begin("/auth/sign-in?next=/my-bookings")
    asked = sent(there)
    assert asked["code_challenge_method"] == "S256" and asked["scope"] == "openid profile"
    back = visitor.sign_in_there(there, "ann")
    reply = visitor.here.get(back)
    assert reply.status_code == 303 and reply.headers["location"] == "/my-bookings", reply.text
    assert "Ann Field" in visitor.here.get("/my-details").text
    row = make.rows(select(SignIn.__table__))[0]
    assert row.via == "provider" and row.provider_session and row.id_token
    assert make.rows(select(ExternalIdentity.last_signed_in_at))[0].last_signed_in_at

    out = visitor.here.post("/sign-out")
    assert sent(out.headers["location"])["id_token_hint"] == row.id_token
    assert visitor.here.get("/my-details").status_code == 303, "signed out here at once, whatever the provider does"
    page = visitor.there.get(out.headers["location"])
    assert page.status_code == 200 and "op.logoutForm" in page.text, "the provider knows its token and asks"
    assert "You have signed out" in visitor.here.get("/sign-in?state=signed-out").text
    assert make.rows(select(SignIn.id_token))[0].id_token is None, "the token goes with the sign-in"
    assert ledger.actions()[-2:] == ["sign-in.made", "sign-in.ended"]


def test_a_callback_works_once_in_its_own_browser_in_time(enter: Any, ann: Any, make: Make, ledger: Any, monkeypatch: Any) -> None:
    visitor, thief = enter(), enter()
    ledger.start()
    back = visitor.sign_in_there(visitor.begin(), "ann")
    stolen = thief.here.get(back)
    assert stolen.status_code == 403 and "sign-on-not-ours" in stolen.text and "another browser" in stolen.text
    again = visitor.here.get(back)
    assert again.status_code == 403 and "used already" in again.text, "somebody else has seen it, so it is used up"

    back = visitor.sign_in_there(visitor.begin(), "ann")
    assert visitor.here.get(back).status_code == 303
    replayed = visitor.here.get(back)
    assert replayed.status_code == 403 and "used already" in replayed.text

    planted = thief.sign_in_there(thief.begin(), "ann")  # a callback of one's own, slipped to somebody else
    assert visitor.here.get(planted).status_code == 403

    forged = visitor.here.get("/auth/callback?code=abc&state=" + "x" * 43)
    assert forged.status_code == 403 and "not one that was begun here" in forged.text
    assert visitor.here.get("/auth/callback").status_code == 403

    late = visitor.sign_in_there(visitor.begin(), "ann")
    with make.tx() as tx:
        tx.db.execute(update(ProviderAttempt).values(created_at=tx.now - timedelta(minutes=11)))
    assert "ten minutes" in visitor.here.get(late).text
    states = ["other-browser", "replayed-state", "replayed-state", "other-browser", "unknown-state", "unknown-state", "late-state"]
    assert why(ledger) == states
    assert len(make.rows(select(SignIn.token_hash))) == 1


def test_a_code_that_was_used_and_a_sign_in_that_was_stopped(enter: Any, ann: Any, ledger: Any) -> None:
    visitor = enter()
    used = sent(visitor.sign_in_there(visitor.begin(), "ann"))["code"]
    visitor.here.get(visitor.sign_in_there(visitor.begin(), "ann"))
    first = sent(visitor.sign_in_there(visitor.begin(), "ann"))
    assert visitor.here.get("/auth/callback", params=first).status_code == 303
    state = sent(visitor.begin())["state"]
    replayed = visitor.here.get("/auth/callback", params={"state": state, "code": first["code"]})
    assert replayed.status_code == 403 and "sign-on-refused" in replayed.text
    state = sent(visitor.begin())["state"]
    other = visitor.here.get("/auth/callback", params={"state": state, "code": used})
    assert other.status_code == 403, "a code of another attempt: its proof (PKCE) is not ours"
    stopped = visitor.here.get("/auth/callback", params={"state": sent(visitor.begin())["state"], "error": "access_denied"})
    assert stopped.status_code == 403 and "sign-on-cancelled" in stopped.text
    elsewhere = {"state": sent(visitor.begin())["state"], "code": "x", "iss": "https://id.elsewhere.example"}
    assert visitor.here.get("/auth/callback", params=elsewhere).status_code == 403
    assert why(ledger) == ["code-refused", "code-refused", "cancelled", "wrong-issuer"]


def test_an_address_links_nobody_and_a_changed_one_changes_nothing(
    enter: Any, ann: Any, make: Make, real: RealProvider, ledger: Any
) -> None:
    bea = make.person("Bea Hill")
    impostor = enter()
    real.account("impostor", email=bea.email, preferred_username=bea.email, name="Bea Hill")
    reply = impostor.sign_on("impostor")
    assert reply.status_code == 403 and "identity-unknown" in reply.text and "Nothing was created" in reply.text
    oid = make.rows(select(ExternalIdentity.subject))[0].subject
    real.account("ann", oid=oid, email=bea.email, name="Somebody Else")
    visitor = enter()
    assert visitor.sign_on("ann").status_code == 303
    assert "Ann Field" in visitor.here.get("/my-details").text
    with make.tx() as tx:
        tx.update(Person, ann.id, email="ann.married@westmarch.example")
    assert visitor.here.get("/my-details").status_code == 200, "whom the provider has named is the same under a new address"
    assert why(ledger) == ["unknown-identity"]
    assert len(make.rows(select(ExternalIdentity.id))) == 1


@pytest.mark.parametrize("how", ["suspended", "left"])
def test_who_may_not_sign_in(enter: Any, ann: Any, make: Make, ledger: Any, how: str) -> None:
    visitor, inside = enter(), enter()
    assert inside.sign_on("ann").status_code == 303
    with make.tx() as tx:
        if how == "suspended":
            operations.suspend(tx, ann.id)
        else:
            tx.update(Person, ann.id, leaving_on=tx.today - timedelta(days=1))
    assert inside.here.get("/my-details").status_code == 303, "and whoever is in is out"
    reply = visitor.sign_on("ann")
    assert reply.status_code == 403
    assert ("account-suspended" if how == "suspended" else "person-left") in reply.text
    entry = ledger.entries("sign-in.refused")[0]
    assert (entry.person_id, entry.facts["why"]) == (ann.id, how)
    assert ann.email not in str(entry.facts)


def test_another_tenant_and_another_audience_are_refused(enter: Any, ann: Any, real: RealProvider, ledger: Any) -> None:
    stranger = enter()
    real.account("stranger", tid="11111111-2222-4333-8444-555555555555")
    assert stranger.sign_on("stranger").status_code == 403
    assert why(ledger) == ["wrong-tenant"]


def test_known_by_sub_where_the_setting_says_so(enter: Any, make: Make, real: RealProvider, link: Any) -> None:
    person = make.person("Cai Moss")
    real.account("cai", oid="not looked at")
    visitor = enter(oidc_subject_claim="sub")
    link(visitor.here.app.state.settings, person, "cai")
    assert visitor.sign_on("cai").status_code == 303


def test_keys_may_be_changed_at_any_time(enter: Any, ann: Any, real: RealProvider, signing_app: Any) -> None:
    visitor = enter()
    assert visitor.sign_on("ann").status_code == 303
    real.tell("rotate")
    signing_app.state.provider._keys.at -= 31  # as if the keys had been fetched half a minute ago: an unknown one is looked for again
    assert visitor.sign_on("ann").status_code == 303


@pytest.mark.thorough
def test_two_tabs_do_not_spoil_each_other(enter: Any, ann: Any) -> None:
    visitor = enter()
    one, two = visitor.begin(), visitor.begin()
    assert visitor.here.get(visitor.sign_in_there(one, "ann")).status_code == 303
    assert visitor.here.get(visitor.sign_in_there(two, "ann")).status_code == 303


# Linking -----------------------------------------------------------------------------------------------------------


def test_a_person_links_their_own_with_their_password(enter: Any, make: Make, real: RealProvider, ledger: Any) -> None:
    dee, oid = make.person("Dee Lake"), real.account("dee")
    make.password(dee.id, "three random words")
    visitor = enter()
    form = {"email": dee.email, "password": "three random words"}
    assert visitor.here.post("/sign-in", data=form).status_code == 303
    assert "Not linked" in visitor.here.get("/my-details/council-account").text
    assert visitor.here.post("/my-details/council-account", data={"current": "wrong"}).status_code == 422
    page = visitor.here.post("/my-details/council-account", data={"current": "three random words"}).text
    there = page.partition('govuk-button--start" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert sent(there)["prompt"] == "login", "what is linked for good is proved afresh"
    back = visitor.sign_in_there(there, "dee")
    reply = visitor.here.get(back)
    assert reply.headers["location"] == "/my-details?said=linked", reply.text
    assert [(row.subject, row.how, row.linked_by) for row in make.rows(select(ExternalIdentity.__table__))] == [(oid, "link", dee.id)]
    assert "Linked" in visitor.here.get("/my-details/council-account").text
    assert enter().sign_on("dee").status_code == 303


def begin_linking(visitor: Any, make: Make, person: Any) -> str:
    make.password(person.id, "three random words")
    visitor.here.post("/sign-in", data={"email": person.email, "password": "three random words"})
    page = visitor.here.post("/my-details/council-account", data={"current": "three random words"}).text
    return str(page.partition('govuk-button--start" href="')[2].partition('"')[0].replace("&amp;", "&"))


@pytest.mark.thorough
def test_linking_refuses_what_is_taken_and_another_reader(enter: Any, ann: Any, make: Make, real: RealProvider, ledger: Any) -> None:
    dee, eve = make.person("Dee Lake"), make.person("Eve Marsh")
    visitor = enter()
    taken = visitor.here.get(visitor.sign_in_there(begin_linking(visitor, make, dee), "ann"))
    assert taken.status_code == 409 and "identity-taken" in taken.text
    real.account("dee")
    visitor.there.cookies.clear()
    back = visitor.sign_in_there(begin_linking(visitor, make, dee), "dee")
    visitor.here.post("/sign-out")
    visitor.here.post("/sign-in", data={"email": dee.email, "password": "three random words"})
    begin_linking(visitor, make, eve)  # somebody else signs in in the same browser meanwhile
    reply = visitor.here.get(back)
    assert reply.status_code == 403 and "sign-on-other-reader" in reply.text
    assert why(ledger) == ["identity-taken", "other-reader"]
    assert len(make.rows(select(ExternalIdentity.id))) == 1


def test_an_invitation_is_followed_by_signing_on(enter: Any, make: Make, real: RealProvider, ledger: Any) -> None:
    fay, oid = make.person("Fay North"), real.account("fay")
    with make.tx() as tx:
        token = operations.mint_link(tx, fay.id, "invitation")
        reset = operations.mint_link(tx, fay.id, "reset")
    visitor = enter()
    page = visitor.here.get(f"/password/set/{token}").text
    assert f"/password/set/{token}/sign-on" in page and "Set my password" in page
    assert visitor.here.get(f"/password/set/{reset}/sign-on").status_code == 404, "a reset is for who has a password"
    assert visitor.sign_on("fay", f"/password/set/{token}/sign-on").status_code == 303
    assert "Fay North" in visitor.here.get("/my-details").text
    assert [(row.person_id, row.subject) for row in make.rows(select(ExternalIdentity.__table__))] == [(fay.id, oid)]
    assert visitor.here.get(f"/password/set/{token}").status_code == 410, "the invitation has done what it was for"
    assert visitor.here.get(f"/password/set/{token}/sign-on").status_code == 410
    assert ledger.actions()[-2:] != ["sign-in.refused"]


@pytest.mark.thorough
def test_an_invitation_that_ends_on_the_way_links_nobody(enter: Any, make: Make, real: RealProvider, ledger: Any) -> None:
    gus = make.person("Gus Oak")
    real.account("gus")
    with make.tx() as tx:
        token = operations.mint_link(tx, gus.id, "invitation")
    visitor = enter()
    back = visitor.sign_in_there(visitor.begin(f"/password/set/{token}/sign-on"), "gus")
    with make.tx() as tx:
        operations.use_link(tx, token)
    assert visitor.here.get(back).status_code == 410
    assert why(ledger) == ["link-over"] and make.rows(select(ExternalIdentity.id)) == []


def test_unlinking_signs_out_and_a_suspended_invitee_stays_out(enter: Any, ann: Any, make: Make) -> None:
    visitor = enter()
    visitor.sign_on("ann")
    with make.tx() as tx:
        external.unlink_by_hand(tx, visitor.here.app.state.settings, ann.id)
    assert visitor.here.get("/my-details").status_code == 303
    assert visitor.sign_on("ann").status_code == 403
    assert make.rows(select(Account.person_id).where(Account.person_id == ann.id)), "the account stays"


def test_nobody_fills_the_tables(enter: Any, make: Make, ledger: Any, monkeypatch: Any) -> None:
    visitor = enter()
    monkeypatch.setattr(attempts, "BEGUN", 2)
    monkeypatch.setattr(attempts, "REFUSED", 3)
    assert [visitor.here.get("/auth/sign-in").status_code for _ in range(4)] == [303, 303, 429, 429]
    forged = [visitor.here.get("/auth/callback?code=a&state=b").status_code for _ in range(5)]
    assert forged == [403, 403, 403, 429, 429]
    assert why(ledger) == ["unknown-state"] * 3 and len(make.rows(select(ProviderAttempt.state_hash))) == 2


def test_the_next_in_the_same_browser_signs_the_first_out(
    enter: Any, ann: Any, make: Make, real: RealProvider, link: Any, ledger: Any
) -> None:
    bea = make.person("Bea Hill")
    visitor = enter()
    link(visitor.here.app.state.settings, bea, real.account("bea"))
    visitor.sign_on("ann")
    visitor.there.cookies.clear()
    visitor.sign_on("bea")
    assert "Bea Hill" in visitor.here.get("/my-details").text
    assert [entry.person_id for entry in ledger.entries("sign-in.ended")] == [ann.id]
    open_ = make.rows(select(SignIn.person_id).where(SignIn.ended_at.is_(None)))
    assert [row.person_id for row in open_] == [bea.id]


@pytest.mark.thorough
def test_two_sign_ins_at_once_give_a_role_once(enter: Any, ann: Any, make: Make) -> None:
    config = enter().here.app.state.settings
    with make.tx() as tx:
        roles.add(tx, config, "Academy.HR", "HR officer", None)
    ready = threading.Barrier(4)

    def apply() -> None:
        ready.wait()
        with make.tx() as tx:
            roles.apply(tx, config, ann.id, frozenset({"Academy.HR"}))

    threads = [threading.Thread(target=apply) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(make.rows(select(RoleHeld.id).where(RoleHeld.person_id == ann.id))) == 1


def test_attempts_are_forgotten(enter: Any, make: Make) -> None:
    enter().begin()
    with make.tx() as tx:
        operations.tidy(tx, moment.clock() + timedelta(hours=23))
        assert tx.scalar(select(ProviderAttempt.state_hash)) is not None
        operations.tidy(tx, moment.clock() + timedelta(hours=25))
        assert tx.scalar(select(ProviderAttempt.state_hash)) is None
