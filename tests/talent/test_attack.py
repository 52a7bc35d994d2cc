"""What an attacker tried on talent pools: looks that nobody wrote down, filters that got lost, questions that break."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import openpyxl
import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.core.errors import Conflict, Invalid, NotFound
from app.people.models import Person
from app.talent import acting, entering, exporting, judging, operations
from app.talent.models import TalentAction, TalentEntry, TalentFilter, TalentJudgement, TalentPool, TalentRead, TalentReadOf, TalentView
from app.talent.operations import Pool
from tests.factory import Make
from tests.talent.pools import WHY, Scene, scene

SignIn = Callable[[Any], TestClient]
PURPOSE = "Succession planning meeting"
TURNED = "Lead\u202e\u2066er \u061cof\nteams"  # turned round, and on two lines


@pytest.fixture
def there(make: Make) -> Scene:
    return scene(make)


@pytest.mark.parametrize("form", ["judge", "actions/new", "leave"])
def test_a_form_that_shows_somebody_is_written_down_as_a_look(form: str, there: Scene, sign_in: SignIn) -> None:
    key = there.listed()
    assert "Ann Holt" in sign_in(there.psw).get(f"/talent/entries/{key}/{form}").text
    read = select(TalentRead.kind, TalentRead.reader_id, TalentReadOf.person_id).join(TalentReadOf, TalentReadOf.read_id == TalentRead.id)
    assert [tuple(row) for row in there.make.rows(read)] == [("card", there.psw.id, there.ann.id)]


def test_not_judged_yet_stays_with_every_link(there: Scene, sign_in: SignIn) -> None:
    there.judged(there.listed())
    there.listed(there.bob)
    psw, address = sign_in(there.psw), f"/talent/pools/{there.pool}"
    shown = psw.get(f"{address}?horizon=0").text
    assert "Bob Bell" in shown and f'href="{address}/export?horizon=0"' in shown
    kept = psw.post(f"{address}/filters", data={"horizon": "0", "title": "Not judged"})
    assert "horizon=0" in kept.headers["location"]
    assert f'href="{address}?horizon=0">Not judged' in psw.get(address).text
    taken = psw.post(f"{address}/export?horizon=0", data={"purpose": PURPOSE, "type": "csv"}).text
    assert "Bob Bell" in taken and "Ann Holt" not in taken


def change(there: Scene, **said: Any) -> None:
    row = there.make.row(TalentPool, there.pool)
    given = {name: getattr(row, name) for name in Pool.__slots__} | said
    with there.keeper() as tx:
        operations.change_pool(tx, there.pool, Pool(**given), row.version)


def test_the_step_of_a_pool_stays_once_somebody_was_in_it(there: Scene, sign_in: SignIn) -> None:
    step = there.make.row(TalentPool, there.pool).step_id
    change(there, step_id=None)
    change(there, step_id=step)
    key = there.listed()
    with there.keeper() as tx:
        entering.take_out(tx, key, "withdrawn")
    with pytest.raises(Invalid, match="open another"):
        change(there, step_id=None)
    form = {"title": "Lead", "posts": "1", "version": str(there.make.row(TalentPool, there.pool).version)}
    refused = sign_in(there.psw).post(f"/talent/pools/{there.pool}/edit", data=form)
    assert refused.status_code == 422 and 'href="#step"' in refused.text
    change(there, title="Another title")


@pytest.mark.parametrize("title", [exporting.ABOUT, exporting.ABOUT.upper(), "\U0001f600" * 40, "a" * 30 + "\U0001f600"])
def test_a_workbook_opens_whatever_the_pool_is_called(title: str, there: Scene, sign_in: SignIn) -> None:
    change(there, title=title)
    there.listed()
    sent = sign_in(there.psw).post(f"/talent/pools/{there.pool}/export", data={"purpose": PURPOSE, "type": "xlsx"})
    assert sent.status_code == 200
    sheets = openpyxl.load_workbook(io.BytesIO(sent.content)).sheetnames
    assert len(sheets) == 2 and sheets[1] == exporting.ABOUT and all(len(name.encode("utf-16-le")) <= 62 for name in sheets)


def test_no_day_breaks_the_api(there: Scene, client: Callable[..., TestClient]) -> None:
    there.listed()
    api = client("talent:read", organisation=there.council)
    lists = ("/api/v1/talent/pools?", f"/api/v1/talent/pools/{there.pool}/entries?purpose=hello&")
    for address in lists:
        for day in ("0001-01-01", "1999-12-31", "9999-12-31"):
            refused = api.get(f"{address}as_at={day}")
            assert refused.status_code == 422 and "The day must be in the years 2000 to" in refused.text
        assert api.get(f"{address}as_at=2000-01-01").status_code == 200


@pytest.mark.parametrize("known_at", ["0001-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_no_instant_breaks_a_file(known_at: str, there: Scene, sign_in: SignIn) -> None:
    there.listed()
    psw, address = sign_in(there.psw), f"/talent/pools/{there.pool}/export"
    assert psw.get(address, params={"known_at": known_at}).status_code == 200
    assert psw.post(address, params={"known_at": known_at}, data={"purpose": PURPOSE, "type": "csv"}).status_code == 200


def test_who_has_left_is_not_judged(there: Scene, sign_in: SignIn) -> None:
    key = there.listed()
    with there.keeper() as tx:
        proposed = judging.propose(tx, key, there.thought())
    with there.make.tx() as tx:
        tx.db.execute(update(Person).where(Person.id == there.ann.id).values(leaving_on=tx.today - timedelta(days=1)))
    assert sign_in(there.psw).get(f"/talent/entries/{key}/judge").status_code == 404
    with there.keeper() as tx, pytest.raises(NotFound):
        judging.propose(tx, key, there.thought())
    with there.keeper(there.second) as tx, pytest.raises(NotFound):
        judging.moderate(tx, proposed, confirms=True, words="Yes.")
    assert [row.state for row in there.make.rows(select(TalentJudgement.state))] == ["proposed"]
    with there.keeper() as tx:
        entering.take_out(tx, key, "left")


def test_a_judgement_that_waited_when_the_pool_closed_says_so(there: Scene, sign_in: SignIn) -> None:
    key = there.listed()
    with there.keeper() as tx:
        judging.propose(tx, key, there.thought())
    psw = sign_in(there.psw)
    assert "Yours waits to be moderated" in psw.get("/talent/nominations").text
    with there.keeper() as tx:
        operations.close_pool(tx, there.pool)
    shown = psw.get("/talent/nominations").text
    assert "waits to be moderated" not in shown and "not moderated any more: the pool was closed" in shown


@pytest.mark.parametrize("answer", [None, False])
def test_whoever_does_not_agree_can_be_taken_out(answer: bool | None, there: Scene, sign_in: SignIn) -> None:
    with there.keeper() as tx:
        key = entering.nominate(tx, there.pool, there.ann.id, WHY)
    if answer is not None:
        with there.own(there.ann) as tx:
            entering.say(tx, key, agrees=answer)
    psw, address = sign_in(there.psw), f"/talent/entries/{key}/leave"
    assert address in psw.get("/talent/nominations" if answer is False else f"/talent/pools/{there.pool}").text
    shown = psw.get(address).text
    assert "They are not on its list" in shown and f'href="/talent/entries/{key}"' not in shown
    assert psw.post(address, data={"why": "withdrawn"}).status_code == 303
    assert there.make.row(TalentEntry, key).left_why == "withdrawn"
    assert psw.get(address).status_code == psw.post(address, data={"why": "withdrawn"}).status_code == 404


def test_one_line_is_one_line_and_reads_one_way(there: Scene, sign_in: SignIn, client: Callable[..., TestClient]) -> None:
    key = there.listed()
    change(there, title=TURNED)
    with there.keeper() as tx:
        operations.save_filter(tx, there.pool, TURNED, {"sort": "ready"})
        operations.add_label(tx, there.council, "potential", TURNED, code="turned")
        acting.add(tx, key, TURNED, there.ann.id, tx.today)
    with there.own(there.ann) as tx:
        entering.write_view(tx, key, TURNED)
    sign_in(there.psw).post(f"/talent/pools/{there.pool}/export", data={"purpose": TURNED, "type": "csv"})
    assert (
        client("talent:read", organisation=there.council)
        .get(f"/api/v1/talent/pools/{there.pool}/entries", params={"purpose": TURNED})
        .json()["items"]
    )
    said = [there.make.row(TalentPool, there.pool).title]
    said += [row[0] for each in (TalentFilter.title, TalentAction.words, TalentRead.purpose) for row in there.make.rows(select(each))]
    assert said == ["Leader of teams"] * 5
    assert [row.words for row in there.make.rows(select(TalentView.words))] == ["Leader of\nteams"], "what has lines keeps them"
    with there.keeper() as tx, pytest.raises(Invalid):
        operations.save_filter(tx, there.pool, "\u202e\u2066", {})
    with there.keeper() as tx, pytest.raises((Invalid, Conflict)):
        acting.add(tx, key, "\u202e", there.ann.id, tx.today)
