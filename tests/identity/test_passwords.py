"""Invitations, resets, changing a password: links that work once, and nothing that tells who has an account."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from app.core import tx as core_tx
from app.core.errors import Invalid, TooMany
from app.core.tx import SYSTEM, transaction
from app.identity import operations
from app.identity.models import Account, Attempt, Link
from app.people import operations as people
from app.people.models import Person
from tests.factory import Make

PASSWORD, NEW = "three small otters", "four tall herons"


@pytest.fixture
def ann(make: Make) -> Any:
    person = make.person("Ann Field", email="ann.field@westmarch.example")
    make.password(person.id, PASSWORD)
    return person


def mint(make: Make, person_id: int, purpose: str = "reset") -> str:
    with make.tx() as tx:
        return operations.mint_link(tx, person_id, purpose)


def choose(browser: Any, token: str, password: str = NEW, again: str | None = None) -> Any:
    return browser.post(f"/password/set/{token}", data={"password": password, "again": password if again is None else again})


def enter(browser: Any, password: str) -> Any:
    return browser.post("/sign-in", data={"email": "ann.field@westmarch.example", "password": password})


def test_asking_says_the_same_whoever_asks(visitor: Any, ann: Any, make: Make, ledger: Any) -> None:
    ledger.start()
    make.person("Gil Gone", email="gil.gone@westmarch.example", leaving_on=datetime(2020, 1, 1, tzinfo=UTC).date())
    suspended = make.person("Sue Spender", email="sue.spender@westmarch.example")
    with make.tx() as tx:
        tx.db.execute(update(Account).where(Account.person_id == suspended.id).values(suspended_at=tx.now))
    ledger.start()
    for email in (ann.email, "nobody@westmarch.example", "gil.gone@westmarch.example", suspended.email):
        reply = visitor.post("/password/forgotten", data={"email": email})
        assert (reply.status_code, reply.headers["location"]) == (303, "/password/forgotten?asked=1")
    assert "If there is an account with that address" in visitor.get("/password/forgotten?asked=1").text
    assert ledger.actions() == ["account.reset-asked"] and ledger.outbox() == ["email.password_reset"]


def test_few_links_an_account_and_a_limit_for_an_address(visitor: Any, ann: Any, ledger: Any, monkeypatch: Any) -> None:
    for _ in range(operations.RESETS_PER_ACCOUNT + 2):
        assert visitor.post("/password/forgotten", data={"email": ann.email}).status_code == 303
    assert ledger.outbox() == ["email.password_reset"] * operations.RESETS_PER_ACCOUNT
    monkeypatch.setattr(operations, "RESETS_PER_ADDRESS", 1)
    assert visitor.post("/password/forgotten", data={"email": "x@westmarch.example"}).status_code == 429


def test_nonsense_is_not_an_address(visitor: Any, ledger: Any) -> None:
    for email in ("", "ann", "a@b@c", "a b@c.example"):
        assert visitor.post("/password/forgotten", data={"email": email}).status_code == 422
    assert ledger.actions() == []


def test_the_first_password_by_invitation(visitor: Any, make: Make, ledger: Any) -> None:
    person = make.person("Ivy Dale", email="ivy.dale@westmarch.example")
    token = mint(make, person.id, "invitation")
    for _ in range(3):  # mail scanners follow links: looking changes nothing
        page = visitor.get(f"/password/set/{token}")
        assert page.status_code == 200 and "Welcome" in page.text and person.email in page.text
    ledger.start()
    assert choose(visitor, token).headers["location"] == "/sign-in?said=password-set"
    assert ledger.actions() == ["sign-in.ended-everywhere", "account.password-set"]
    assert visitor.post("/sign-in", data={"email": person.email, "password": NEW}).status_code == 303


def test_a_link_works_once_and_takes_the_others_with_it(visitor: Any, ann: Any, make: Make, sign_in: Any) -> None:
    token, other, browser = mint(make, ann.id), mint(make, ann.id), sign_in(ann)
    assert choose(visitor, token).status_code == 303
    for used in (token, other, "x" * 43, "x"):
        assert visitor.get(f"/password/set/{used}").status_code == 410
        reply = choose(visitor, used)
        assert reply.status_code == 410 and "This link no longer works" in reply.text and "forgotten my password" in reply.text
    assert browser.get("/my-details").status_code == 303  # signed out everywhere
    assert enter(visitor, PASSWORD).status_code == 422
    assert enter(visitor, NEW).status_code == 303


@pytest.mark.parametrize(("purpose", "life"), operations.LINK_LIFE.items())
def test_a_link_runs_out(visitor: Any, ann: Any, make: Make, monkeypatch: Any, purpose: str, life: timedelta) -> None:
    now = datetime.now(UTC)
    token = mint(make, ann.id, purpose)
    monkeypatch.setattr(core_tx, "clock", lambda: now + life - timedelta(seconds=5))
    assert visitor.get(f"/password/set/{token}").status_code == 200
    monkeypatch.setattr(core_tx, "clock", lambda: now + life + timedelta(seconds=5))
    assert visitor.get(f"/password/set/{token}").status_code == 410
    assert choose(visitor, token).status_code == 410


def test_a_link_is_no_way_back_for_the_suspended_or_gone(visitor: Any, ann: Any, make: Make) -> None:
    token = mint(make, ann.id)
    with make.tx() as tx:
        tx.db.execute(update(Account).where(Account.person_id == ann.id).values(suspended_at=tx.now))
    assert choose(visitor, token).status_code == 410
    with make.tx() as tx:
        tx.db.execute(update(Account).where(Account.person_id == ann.id).values(suspended_at=None))
        tx.update(Person, ann.id, leaving_on=tx.today - timedelta(days=1))
    assert choose(visitor, token).status_code == 410


@pytest.mark.parametrize(
    ("password", "again", "says"),
    [
        ("short", "short", "12 characters or more"),
        ("x" * 201, "x" * 201, "200 characters or fewer"),
        ("aaaaaaaaaaaa", "aaaaaaaaaaaa", "harder to guess"),
        ("Password123456", "Password123456", "harder to guess"),
        ("1234-5678-9012", "1234-5678-9012", "harder to guess"),
        ("SocialWork2026!", "SocialWork2026!", "harder to guess"),
        ("annfield-annfield", "annfield-annfield", "must not contain your name"),
        (NEW, NEW + "!", "must be the same"),
        ("", "", "Enter a password"),
    ],
)
def test_poor_passwords_are_refused_and_the_link_still_works(
    visitor: Any, ann: Any, make: Make, password: str, again: str, says: str
) -> None:
    token = mint(make, ann.id)
    reply = choose(visitor, token, password, again)
    assert reply.status_code == 422 and says in reply.text
    assert not password or f'value="{password}"' not in reply.text
    assert choose(visitor, token).status_code == 303


def test_words_of_any_language_will_do(visitor: Any, ann: Any, make: Make) -> None:
    assert choose(visitor, mint(make, ann.id), "трималися гуртом").status_code == 303
    assert enter(visitor, "трималися гуртом").status_code == 303


def test_a_new_password_lets_a_throttled_person_in(visitor: Any, ann: Any, make: Make) -> None:
    for _ in range(operations.PER_ACCOUNT):
        enter(visitor, "wrong wrong wrong")
    assert enter(visitor, PASSWORD).status_code == 429
    choose(visitor, mint(make, ann.id))
    assert enter(visitor, NEW).status_code == 303


def test_changing_ones_own_password(sign_in: Any, visitor: Any, ann: Any, make: Make, ledger: Any) -> None:
    here, there = sign_in(ann), sign_in(ann)
    token = mint(make, ann.id)
    ledger.start()

    def change(current: str, new: str = NEW, again: str = NEW) -> Any:
        return here.post("/my-details/password", data={"current": current, "password": new, "again": again})

    assert change("not this one").status_code == 422
    assert change("", "").status_code == 422
    assert change(PASSWORD, "short", "short").status_code == 422
    assert ledger.actions() == ["sign-in.failed"]
    assert change(PASSWORD).headers["location"] == "/my-details?said=password"
    assert here.get("/my-details").status_code == 200 and there.get("/my-details").status_code == 303
    assert visitor.get(f"/password/set/{token}").status_code == 410
    assert enter(visitor, PASSWORD).status_code == 422 and enter(visitor, NEW).status_code == 303


def test_guessing_the_present_password_is_throttled(sign_in: Any, ann: Any) -> None:
    browser = sign_in(ann)
    form = {"current": "wrong wrong", "password": NEW, "again": NEW}
    statuses = [browser.post("/my-details/password", data=form).status_code for _ in range(operations.PER_ACCOUNT + 1)]
    assert statuses == [422] * operations.PER_ACCOUNT + [429]
    assert browser.post("/my-details/password", data={**form, "current": PASSWORD}).status_code == 429


# What is kept ------------------------------------------------------------------------------------------------------


def test_only_hashes_are_kept(visitor: Any, ann: Any, make: Make) -> None:
    token = mint(make, ann.id)
    enter(visitor, PASSWORD)
    cookie = visitor.cookies.get("academy")
    with make.tx(writes=False) as tx:
        held = [
            str(row)
            for table in ("accounts", "links", "sign_ins", "outbox", "audit")
            for row in tx.db.exec_driver_sql(f"SELECT * FROM {table}")
        ]
    assert not any(secret in row for secret in (PASSWORD, token, cookie) for row in held)
    assert make.rows(select(Account.password_hash))[0].password_hash.startswith("$argon2id$")


def test_tokens_have_256_random_bits(make: Make, ann: Any) -> None:
    tokens = {mint(make, ann.id) for _ in range(50)}
    assert len(tokens) == 50 and all(len(token) >= 43 for token in tokens)


def test_an_unknown_account_takes_as_long_as_a_wrong_password(make: Make, ann: Any) -> None:
    operations.PASSWORDS.dummy_verify()

    def took(email: str, password: str = "wrong wrong wrong") -> float:
        started = time.thread_time()
        with transaction(make.database, SYSTEM, writes=False) as tx:
            assert operations.check_password(tx, email, password) is None
        return time.thread_time() - started

    known = median(took(ann.email) for _ in range(5))
    for email, password in (("nobody@westmarch.example", "wrong wrong wrong"), (ann.email, "x" * 999)):
        assert 0.5 < median(took(email, password) for _ in range(5)) / known < 2


def test_the_nightly_job_forgets_what_has_served_its_time(make: Make, ann: Any) -> None:
    mint(make, ann.id)
    with make.tx() as tx:
        operations.failed(tx, ann.email, "192.0.2.1")
        operations.tidy(tx, tx.now + timedelta(hours=23))
        assert len(tx.rows(select(Attempt.id))) == 2 and len(tx.rows(select(Link.token_hash))) == 1
        operations.tidy(tx, tx.now + timedelta(days=33))
        assert not tx.rows(select(Attempt.id)) and not tx.rows(select(Link.token_hash))


def test_throttling_is_by_account_whatever_the_case_of_the_address(make: Make) -> None:
    with make.tx() as tx:
        for _ in range(operations.PER_ACCOUNT):
            operations.failed(tx, "Ann.Field@Westmarch.example ", "192.0.2.1")
        with pytest.raises(TooMany):
            operations.throttle(tx, "ann.field@westmarch.example", "192.0.2.2")
        tx.db.execute(delete(Attempt))
        operations.throttle(tx, "ann.field@westmarch.example", "192.0.2.2")
    with pytest.raises(Invalid):
        operations.check_new_password("123456789012", "123456789012", "Ann Field", None)


def test_many_guesses_at_once_at_ones_own_password_are_counted_in_turn(sign_in: Any, ann: Any, make: Make, monkeypatch: Any) -> None:
    """Whoever passed the first check while others were being counted meets the second."""
    browser = sign_in(ann)
    real = operations.own_new_password

    def slow(tx: Any, *typed: str) -> Any:
        found = real(tx, *typed)
        with make.tx() as other:
            for _ in range(operations.PER_ACCOUNT):
                operations.failed(other, ann.email, "192.0.2.9")
        return found

    monkeypatch.setattr(operations, "own_new_password", slow)
    reply = browser.post("/my-details/password", data={"current": PASSWORD, "password": NEW, "again": NEW})
    assert reply.status_code == 429
    assert browser.post("/sign-out").status_code == 303 and enter(browser, NEW).status_code == 429


# A changed address -------------------------------------------------------------------------------------------------


def rename(make: Make, person_id: int, email: str) -> None:
    with make.tx() as tx:
        people.change_person(tx, person_id, email=email)


def test_a_link_works_only_while_the_address_it_went_to_is_theirs(visitor: Any, ann: Any, make: Make) -> None:
    token = mint(make, ann.id)
    rename(make, ann.id, "ann.marsh@westmarch.example")
    assert visitor.get(f"/password/set/{token}").status_code == 410 and choose(visitor, token).status_code == 410
    assert choose(visitor, mint(make, ann.id)).status_code == 303


def test_a_changed_address_ends_sign_ins(sign_in: Any, ann: Any, make: Make) -> None:
    browser = sign_in(ann)
    assert browser.get("/my-details").status_code == 200
    rename(make, ann.id, "ann.marsh@westmarch.example")
    assert browser.get("/my-details").headers["location"].startswith("/sign-in")
    again = sign_in(ann)
    page = again.get("/my-details").text
    assert "(this one)" in page and page.count("Sign out everywhere") == 1


def test_suspending_ends_links_for_good(sign_in: Any, visitor: Any, ann: Any, make: Make) -> None:
    token, admin = mint(make, ann.id), sign_in(make.person("Ada", roles=("administrator",)))
    assert admin.post(f"/access/people/{ann.id}/suspend").status_code == 303
    assert admin.post(f"/access/people/{ann.id}/restore").status_code == 303
    assert visitor.get(f"/password/set/{token}").status_code == 410
