"""API clients: secrets that change over, scopes that are lost at once, long tokens, the sandbox, the command, and the pages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.cli import main, parser
from app.core import tx as clocks
from app.core.config import Settings, load
from app.core.errors import Conflict, Forbidden, Invalid, NotFound, SignInNeeded
from app.core.tx import Actor, clock, transaction
from app.identity import access, clients, command, sandbox
from app.identity.access import client_actor, digest
from app.identity.models import ApiCall, ApiClient, ApiToken
from app.policy import SCOPES
from tests.factory import Make

PEOPLE = "/api/v1/people"
GRANT = {"grant_type": "client_credentials"}


@pytest.fixture
def known(make: Make) -> tuple[str, str]:
    with make.tx() as tx:
        return clients.create_client(tx, "HR system", ["people:read", "bookings:read"])


def key_of(make: Make, client_id: str) -> int:
    return int(make.rows(select(ApiClient.id).where(ApiClient.client_id == client_id))[0].id)


def good(visitor: TestClient, client_id: str, secret: str) -> bool:
    return visitor.post("/oauth/token", data=GRANT, auth=(client_id, secret)).status_code == 200


@pytest.fixture
def admin(make: Make) -> Any:
    return make.person("Ada Admin", roles=("administrator",))


# Secrets -----------------------------------------------------------------------------------------------------------


def test_both_secrets_are_good_until_the_old_ones_time_is_over(
    make: Make, visitor: TestClient, known: tuple[str, str], monkeypatch: pytest.MonkeyPatch, ledger: Any
) -> None:
    client_id, old = known
    key = key_of(make, client_id)
    with make.tx() as tx:
        new, until = clients.rotate_secret(tx, key)
        assert until == tx.now + timedelta(hours=24)
    assert good(visitor, client_id, old) and good(visitor, client_id, new) and not good(visitor, client_id, "x" * 43)
    monkeypatch.setattr(clocks, "clock", lambda: until)
    assert good(visitor, client_id, new) and not good(visitor, client_id, old)
    kept = str(make.rows(select(ApiClient.__table__))) + str([entry.facts for entry in ledger.entries("client.secret-rotated")])
    assert new not in kept and old not in kept


def test_the_old_secret_can_be_ended_at_once_and_is_ended_by_the_next(make: Make, visitor: TestClient, known: tuple[str, str]) -> None:
    client_id, first = known
    key = key_of(make, client_id)
    with make.tx() as tx:
        second, _ = clients.rotate_secret(tx, key)
        third, _ = clients.rotate_secret(tx, key)
    assert [good(visitor, client_id, secret) for secret in (first, second, third)] == [False, True, True]
    with make.tx() as tx:
        clients.end_old_secret(tx, key)
        with pytest.raises(Conflict, match="no old secret"):
            clients.end_old_secret(tx, key)
    assert [good(visitor, client_id, secret) for secret in (second, third)] == [False, True]
    with make.tx() as tx:
        fourth, _ = clients.rotate_secret(tx, key, 0)
    assert [good(visitor, client_id, secret) for secret in (third, fourth)] == [False, True]
    with make.tx() as tx, pytest.raises(Invalid):
        clients.rotate_secret(tx, key, clients.MOST_OLD_SECRET_HOURS + 1)


def test_ending_its_tokens_ends_all_of_them_and_only_its_own(make: Make, client: Callable[..., TestClient]) -> None:
    mine, other = client("people:read"), client("people:read")
    with make.tx() as tx:
        key = tx.rows(select(ApiClient.id).order_by(ApiClient.id))[0].id
        clients.long_token(tx, key, 90)
        assert clients.end_tokens(tx, key) == 2
    assert [api.get(PEOPLE).status_code for api in (mine, other)] == [401, 200]


# Scopes and organisations ------------------------------------------------------------------------------------------


def test_what_is_taken_away_is_lost_to_tokens_that_were_given_before(make: Make, client: Callable[..., TestClient], ledger: Any) -> None:
    api = client("people:read", "bookings:read")
    key = make.rows(select(ApiClient.id))[0].id
    assert api.get("/api/v1/bookings").is_success
    with make.tx() as tx:
        assert not clients.change_client(tx, key, "HR", ["people:read"], None, contact="Pat Doe")
    refused = api.get("/api/v1/bookings")
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient-scope")
    assert api.get(PEOPLE).is_success
    with make.tx() as tx:
        clients.change_client(tx, key, "HR", ["people:read", "completions:read", "bookings:read"], None)
    assert api.get("/api/v1/bookings").is_success  # its token had this scope
    assert api.get("/api/v1/completions").status_code == 403  # and never this one
    said = [entry.facts for entry in ledger.entries("client.changed")]
    assert len(said) == 2 and "Pat Doe" not in str(said)


def test_another_organisation_ends_every_token_so_that_none_sees_other_people(
    make: Make, visitor: TestClient, known: tuple[str, str], client: Callable[..., TestClient]
) -> None:
    """Wider, narrower or beside: neither the usual tokens nor a long one go on, and those of others do."""
    ann, nia = make.person("Ann"), make.person("Nia", organisation=make.organisation("Northmoor Council", host=False))
    other, key, scopes = client("people:read"), key_of(make, known[0]), ["people:read"]
    for organisation, seen in ((ann.organisation_id, [200, 404]), (nia.organisation_id, [404, 200]), (None, [200, 200])):
        given = [visitor.post("/oauth/token", data=GRANT, auth=known).json()["access_token"]]
        with make.tx() as tx:
            given.append(clients.long_token(tx, key, 90)[0])
            assert clients.change_client(tx, key, "HR", scopes, organisation)
        old = [{"authorization": f"Bearer {one}"} for one in given]
        assert [visitor.get(PEOPLE, headers=headers).status_code for headers in old] == [401, 401]
        new = {"authorization": "Bearer " + visitor.post("/oauth/token", data=GRANT, auth=known).json()["access_token"]}
        assert [visitor.get(f"{PEOPLE}/{one.id}", headers=new).status_code for one in (ann, nia)] == seen
        with make.tx() as tx:
            assert not clients.change_client(tx, key, "HR system", scopes, organisation)
        assert visitor.get(PEOPLE, headers=new).status_code == 200, "another name ends nothing"
    assert other.get(PEOPLE).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"per_minute": 0},
        {"per_minute": clients.MOST_PER_MINUTE + 1},
        {"contact": "x" * 201},
    ],
)
def test_what_is_wrong_about_a_client_is_refused_when_it_is_made_and_changed(make: Make, known: tuple[str, str], wrong: Any) -> None:
    said = {"name": "HR", "scopes": ["people:read"], "organisation_id": None} | wrong
    with make.tx() as tx, pytest.raises(Invalid):
        clients.create_client(tx, **said)
    with make.tx() as tx, pytest.raises(Invalid):
        clients.change_client(tx, key_of(make, known[0]), **said)


def test_an_administrator_of_one_organisation_reaches_its_clients_only(make: Make, known: tuple[str, str]) -> None:
    nursery = make.organisation("Little Bears Nursery", host=False)
    local = Actor("person", make.person("Lo", organisation=nursery).id, roles=(("administrator", nursery),), organisation_id=nursery)
    with make.tx() as tx:
        theirs, _ = clients.create_client(tx, "Nursery", ["people:read"], nursery)
    everybodys, own = key_of(make, known[0]), key_of(make, theirs)
    acts: list[Callable[..., Any]] = [clients.rotate_secret, clients.end_old_secret, clients.end_tokens, clients.disable_client]
    acts += [clients.enable_client, lambda tx, key: clients.long_token(tx, key, 1)]
    acts += [lambda tx, key: clients.change_client(tx, key, "Mine", ["people:read"], nursery)]
    for act in acts:
        with pytest.raises(NotFound), transaction(make.database, local, writes=True) as tx:
            act(tx, everybodys)
        with pytest.raises(Forbidden), transaction(make.database, Actor("client", 1, scopes=frozenset(SCOPES)), writes=True) as tx:
            act(tx, own)
    with transaction(make.database, local, writes=True) as tx:
        clients.rotate_secret(tx, own)
    with pytest.raises(Invalid), transaction(make.database, local, writes=True) as tx:
        clients.change_client(tx, own, "Mine", ["people:read"], None)  # it would see everybody


def test_a_disabled_client_is_refused_until_it_is_enabled(make: Make, visitor: TestClient, known: tuple[str, str]) -> None:
    client_id, secret = known
    key = key_of(make, client_id)
    with make.tx() as tx:
        clients.disable_client(tx, key)
        for act in (clients.disable_client, clients.rotate_secret, lambda tx, key: clients.long_token(tx, key, 1)):
            with pytest.raises(Conflict):
                act(tx, key)
    assert not good(visitor, client_id, secret)
    with make.tx() as tx:
        clients.enable_client(tx, key)
        with pytest.raises(Conflict):
            clients.enable_client(tx, key)
    assert good(visitor, client_id, secret)


def test_a_client_as_an_actor(make: Make, known: tuple[str, str]) -> None:
    key = key_of(make, known[0])
    with make.tx() as tx:
        assert client_actor(tx, key) == Actor("client", key, "HR system", scopes=frozenset({"people:read", "bookings:read"}))
        clients.disable_client(tx, key)
        assert client_actor(tx, key) is None and client_actor(tx, 999) is None


# Tokens ------------------------------------------------------------------------------------------------------------


def test_a_long_token_is_good_for_its_days(make: Make, known: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    with make.tx() as tx:
        token, until = clients.long_token(tx, key_of(make, known[0]), 365)
        assert until == tx.now + timedelta(days=365)
        assert access.client(tx, f"Bearer {token}").scopes == {"people:read", "bookings:read"}
        for days in (0, clients.MOST_TOKEN_DAYS + 1):
            with pytest.raises(Invalid):
                clients.long_token(tx, key_of(make, known[0]), days)
    assert token not in str(make.rows(select(ApiToken.__table__)))
    monkeypatch.setattr(clocks, "clock", lambda: until)
    with make.tx() as tx, pytest.raises(SignInNeeded):
        access.client(tx, f"Bearer {token}")


# The sandbox -------------------------------------------------------------------------------------------------------


def test_the_sandbox_is_the_same_after_every_start_and_only_for_the_host(make: Make) -> None:
    demo, ann = load(demo=True), make.person("Ann")
    make.person("Nia", organisation=make.organisation("Northmoor Council", host=False))
    made = [sandbox.prepare(make.database, demo) for _ in range(2)]
    assert made == [sandbox.Sandbox(sandbox.CLIENT_ID, sandbox.SECRET)] * 2
    row = make.rows(select(ApiClient.__table__))[0]
    assert (row.organisation_id, set(row.scopes.split())) == (ann.organisation_id, set(SCOPES) - {"catalogue:write"})
    with make.tx() as tx:
        assert sandbox.told(tx, load()) is None
        clients.rotate_secret(tx, row.id)
        assert sandbox.told(tx, demo) is None  # its secret is no longer everybody's
    assert sandbox.prepare(make.database, demo) is None


def test_there_is_no_sandbox_in_earnest_and_none_of_a_service_without_people(make: Make, visitor: TestClient) -> None:
    assert sandbox.prepare(make.database, load()) is None and sandbox.prepare(make.database, load(demo=True)) is None
    make.person("Ann")
    sandbox.prepare(make.database, load(demo=True))
    refused = visitor.post("/oauth/token", data=GRANT, auth=(sandbox.CLIENT_ID, sandbox.SECRET))  # a service in earnest, on such a database
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


# The command -------------------------------------------------------------------------------------------------------


def test_the_command_from_creation_to_disabling(make: Make, visitor: TestClient, capsys: pytest.CaptureFixture[str]) -> None:
    make.person("Ann")

    def run(*said: str) -> Any:
        assert command.run(make.database, parser().parse_args(["client", *said])) == 0
        return json.loads(capsys.readouterr().out)

    made = run("create", "--name", "Entra", "--scope", "scim", "--scope", "people:read", "--per-minute", "90", "--contact", "IT")
    client_id, secret = made["client_id"], made["client_secret"]
    assert made["scopes"] == ["people:read", "scim"] and good(visitor, client_id, secret)
    listed = run("list")
    assert [(one["client_id"], one["per_minute"], one["contact"], one["disabled_at"]) for one in listed] == [(client_id, 90, "IT", None)]
    rotated = run("rotate", "--client", client_id, "--hours", "1")
    assert good(visitor, client_id, secret) and good(visitor, client_id, rotated["client_secret"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", rotated["old_secret_until"])
    token = run("token", "--client", client_id, "--days", "180")["access_token"]
    assert visitor.get(PEOPLE, headers={"authorization": f"Bearer {token}"}).status_code == 200
    assert run("disable", "--client", client_id) == {"client_id": client_id, "disabled": True}
    assert visitor.get(PEOPLE, headers={"authorization": f"Bearer {token}"}).status_code == 401
    assert run("list")[0]["disabled_at"] is not None
    assert run("enable", "--client", client_id)["disabled"] is False and good(visitor, client_id, rotated["client_secret"])
    assert secret not in str(run("list"))


@pytest.mark.parametrize(
    "said",
    [
        ("rotate", "--client", "client-none"),
        ("disable", "--client", "client-none"),
        ("create", "--name", "HR", "--scope", "everything"),
        ("create", "--name", "HR", "--scope", "people:read", "--organisation", "nowhere"),
        ("create", "--name", "HR", "--scope", "people:read", "--organisation", ""),
    ],
)
def test_the_command_says_what_it_cannot_do(make: Make, capsys: pytest.CaptureFixture[str], said: tuple[str, ...]) -> None:
    assert command.run(make.database, parser().parse_args(["client", *said])) == 2
    told = capsys.readouterr()
    assert told.err.strip() and not told.out


def test_numbers_that_cannot_be_are_refused_by_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    for said in (["rotate", "--client", "c", "--hours", "169"], ["token", "--client", "c", "--days", "0"], ["token", "--client", "c"]):
        with pytest.raises(SystemExit):
            main(["client", *said])
    assert "must be a number" in capsys.readouterr().err


# Pages -------------------------------------------------------------------------------------------------------------


def test_a_new_secret_is_shown_once_and_the_old_one_can_be_ended(
    sign_in: Any, visitor: TestClient, make: Make, admin: Any, known: tuple[str, str], ledger: Any
) -> None:
    browser, (client_id, old), page = sign_in(admin), known, f"/access/clients/{key_of(make, known[0])}"
    assert browser.post(f"{page}/secret", data={}).status_code == 422
    assert browser.post(f"{page}/secret", data={"hours": "9999"}).status_code == 422
    made = browser.post(f"{page}/secret", data={"hours": "24"})
    assert made.headers["cache-control"] == "no-store" and "shown this once" in made.text and "The old secret is good until" in made.text
    secret = re.findall(r'<span class="app-code">([^<]+)</span></dd>', made.text)[1]
    assert good(visitor, client_id, secret) and good(visitor, client_id, old)
    shown = browser.get(page).text
    assert "End the old secret now" in shown and secret not in shown and secret not in str(ledger.entries("client.secret-rotated"))
    assert browser.post(f"{page}/secret/end").status_code == 303
    assert not good(visitor, client_id, old) and "End the old secret now" not in browser.get(page).text
    assert browser.post(f"{page}/secret/end").status_code == 409
    ended = browser.post(f"{page}/tokens/end")
    assert ended.headers["location"].endswith("?said=tokens-ended") and "None" in browser.get(page).text
    assert [browser.post(f"{page}/{act}").status_code for act in ("disable", "enable", "enable")] == [303, 303, 409]


def test_a_client_is_changed_on_its_page(sign_in: Any, make: Make, admin: Any, known: tuple[str, str]) -> None:
    browser, page = sign_in(admin), f"/access/clients/{key_of(make, known[0])}"
    form = browser.get(f"{page}/edit").text
    assert 'value="HR system"' in form and form.count(" checked") == 2
    sent = {"name": "Payroll", "scope": ["people:read"], "organisation": str(make.organisation()), "per_minute": "1,200", "contact": "IT"}
    assert browser.post(f"{page}/edit", data=sent | {"per_minute": "many"}).status_code == 422
    assert browser.post(f"{page}/edit", data=sent | {"scope": []}).status_code == 422
    assert "its tokens stop working at once" in form
    moved = browser.post(f"{page}/edit", data=sent).headers["location"]
    assert moved == f"{page}?said=moved" and "Its tokens have stopped working" in browser.get(moved).text
    assert browser.post(f"{page}/edit", data=sent).headers["location"] == f"{page}?said=changed"
    row = make.rows(select(ApiClient.__table__))[0]
    assert (row.name, row.scopes, row.organisation_id, row.per_minute, row.contact) == (
        "Payroll",
        "people:read",
        make.organisation(),
        1200,
        "IT",
    )
    assert "1,200" in browser.get(page).text


def asked(make: Make, key: int, at: Any, status: int, times: int = 1, code: str | None = None) -> None:
    row = dict(client_id=key, at=at, method="GET", route=PEOPLE, status=status, code=code, milliseconds=7, request_id="0123456789abcdef")
    with make.tx() as tx:
        tx.insert_many(ApiCall, [row] * times)


def test_health_at_a_glance_and_the_log_by_day_and_answer(
    sign_in: Any, make: Make, admin: Any, known: tuple[str, str], count_queries: Any
) -> None:
    key, now = key_of(make, known[0]), clock()
    asked(make, key, now, 200, 58)
    asked(make, key, now, 404, 2, "person-not-found")
    asked(make, key, now, 429, 1, "rate-limited")
    asked(make, key, now - timedelta(days=2), 503, 1, "busy")
    browser, log = sign_in(admin), f"/access/clients/{key}/calls"
    listed = re.sub(r"<[^>]+>", " ", browser.get("/access/clients").text)
    assert "61 calls, 3 refused, 0 failed" in listed and "Over its limit" in listed
    today = browser.get(log).text
    assert "61 calls on" in today and "Page 1 of 2" in today and today.count("<tr") == 51
    assert browser.get(log, params={"page": "2"}).text.count("<tr") == 12
    refused = browser.get(log, params={"kind": "refused"}).text
    assert "3 calls on" in refused and "person-not-found" in refused and "rate-limited" in refused
    with make.tx(writes=False) as tx:
        day = tx.today - timedelta(days=2)
    assert "1 call on" in browser.get(log, params={"day": day.isoformat(), "kind": "failed"}).text
    for strange in ({"day": "2026-02-31"}, {"kind": "x"}, {"page": "99999"}, {"day": "1066-10-14"}):
        assert browser.get(log, params=strange).status_code == 200
    assert browser.get("/access/clients/999/calls").status_code == 404
    with count_queries() as queries:
        browser.get(f"/access/clients/{key}")
    assert len(queries) <= 6


def test_pages_of_others_clients_are_not_there(sign_in: Any, make: Make, known: tuple[str, str]) -> None:
    nursery = make.organisation("Little Bears Nursery", host=False)
    local = sign_in(make.person("Lo Local", organisation=nursery, roles=("administrator",), scope=nursery))
    page = f"/access/clients/{key_of(make, known[0])}"
    assert {local.get(page + tail).status_code for tail in ("", "/edit", "/secret", "/calls")} == {404}
    form = {"name": "Mine", "scope": "people:read", "organisation": str(nursery), "hours": "24"}
    assert {local.post(page + tail, data=form).status_code for tail in ("/edit", "/secret", "/secret/end", "/tokens/end", "/enable")} == {
        404
    }
    assert "HR system" not in local.get("/access/clients").text


def test_the_sandbox_is_shown_where_the_service_is_a_demonstration(make: Make, sign_in: Any, admin: Any, test_settings: Settings) -> None:
    sandbox.prepare(make.database, load(demo=True))
    browser = sign_in(admin)
    assert sandbox.SECRET not in browser.get("/access/clients").text  # not in demonstration mode
    browser.app.state.settings = test_settings.model_copy(update={"demo": True})
    try:
        assert sandbox.SECRET in browser.get("/access/clients").text
        with make.tx() as tx:
            tx.db.execute(update(ApiClient).values(secret_hash=digest("another")))
        assert sandbox.SECRET not in browser.get("/access/clients").text
    finally:
        browser.app.state.settings = test_settings
