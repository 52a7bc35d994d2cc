"""Actions agreed in supervision: agreed, changed, closed, taken out; words for those two and those above, counts for the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.core.errors import Conflict, Invalid, NotFound
from app.core.forms import day_fields
from app.core.ledger import Audit
from app.guarding.models import GuardDecision
from app.supervision import operations
from app.supervision.action_models import SupervisionAction
from app.supervision.action_queries import counts
from app.supervision.operations import actions
from tests.conftest import Ledger
from tests.factory import Make
from tests.supervision.rules import Team, team
from tests.supervision.world import carried

SignIn = Callable[[Any], TestClient]
WORDS = "Book the masterclass on court reports"


@pytest.fixture
def us(make: Make) -> Team:
    return team(make)


def stored(us: Team) -> list[Any]:
    return us.make.rows(select(SupervisionAction.__table__).order_by(SupervisionAction.id))


def test_an_action_is_agreed_changed_and_closed_with_its_history(us: Team, ledger: Ledger) -> None:
    with us.acting(us.manager) as tx:
        held = operations.record(tx, us.callum.id, date(2026, 3, 2), "professional", 60, [us.manager.id])
        number = actions.agree(tx, us.callum.id, f"  {WORDS}\n now ", by_date=tx.today, supervision_id=held)
    with us.acting(us.callum) as tx:
        actions.reword(tx, us.callum.id, number, WORDS, "person", None, base=1)
        actions.close(tx, us.callum.id, number)
        actions.reopen(tx, us.callum.id, number)
        actions.close(tx, us.callum.id, number, "dropped")
        actions.close(tx, us.callum.id, number, "dropped")  # nothing changes twice
    rows = stored(us)
    assert [(row.number, row.words, row.ended) for row in rows] == [
        (1, f"{WORDS} now", None),
        *((1, WORDS, ended) for ended in (None, "done", None, "dropped")),
    ]
    assert [row.superseded_at is None for row in rows] == [False, False, False, False, True]
    assert {(row.agreed_on, row.supervision_id) for row in rows} == {(date(2026, 3, 2), held)}
    told = us.make.rows(select(Audit.facts).where(Audit.action.startswith("supervision-action.")))
    assert len(told) == 5 and WORDS not in str(told) and ledger.outbox() == []


def test_it_stays_with_its_supervision_when_that_is_corrected(us: Team) -> None:
    with us.acting(us.manager) as tx:
        first = operations.record(tx, us.callum.id, date(2026, 3, 2), "professional", 60, [us.manager.id])
        second = operations.correct(tx, first, date(2026, 3, 3), "professional", 60, [us.manager.id])
        actions.agree(tx, us.callum.id, WORDS, supervision_id=second)
        with pytest.raises(Conflict):
            actions.agree(tx, us.callum.id, WORDS, supervision_id=first)
    assert [row.supervision_id for row in stored(us)] == [first]


@pytest.mark.parametrize("who", ["stranger", "coordinator"])
def test_nobody_else_writes_or_closes_one(us: Team, who: str) -> None:
    with us.acting(us.manager) as tx:
        actions.agree(tx, us.callum.id, WORDS)
    for verb in (actions.agree, actions.close):
        with pytest.raises(NotFound), us.acting(getattr(us, who)) as tx:
            verb(tx, us.callum.id, *(["Other words"] if verb is actions.agree else [1]))


def test_what_is_wrong_is_said_beside_its_field(us: Team) -> None:
    with us.acting(us.manager) as tx:
        today = tx.today
        wrong: list[tuple[str, dict[str, Any]]] = [
            ("words", dict(words=" ")),
            ("words", dict(words="x" * 201)),
            ("whose", dict(words=WORDS, whose="nobody")),
            ("by_date", dict(words=WORDS, by_date=today - timedelta(days=1))),
            ("by_date", dict(words=WORDS, by_date=date(9999, 12, 31))),
            ("agreed_on", dict(words=WORDS, agreed_on=today + timedelta(days=1))),
        ]
        for field, given in wrong:
            with pytest.raises(Invalid) as refused:
                actions.agree(tx, us.callum.id, **given)
            assert [error["field"] for error in refused.value.errors] == [field]


def test_words_that_should_never_have_been_written_are_gone_for_good(us: Team) -> None:
    with us.acting(us.manager) as tx:
        actions.agree(tx, us.callum.id, "Something about a family")
        actions.reword(tx, us.callum.id, 1, "Something else", "person", None, base=1)
        actions.take_back(tx, us.callum.id, 1)
    assert {row.words for row in stored(us)} == {"[Redacted]"} and all(row.superseded_at for row in stored(us))
    with pytest.raises(NotFound), us.acting(us.manager) as tx:
        actions.close(tx, us.callum.id, 1)


def test_on_a_page_it_is_written_in_a_minute_and_the_guard_looks(us: Team, sign_in: SignIn) -> None:
    manager, here = sign_in(us.manager), f"/people/{us.callum.id}/supervision"
    with us.make.tx(writes=False) as tx:
        today = tx.today
    typed = {"words": "Visit 14 Acacia Avenue, LS1 4AP with Jo", "whose": "person", **day_fields("by_date", today)}
    asked = manager.post(f"{here}/actions/new", data=typed)
    assert asked.status_code == 422 and "may identify a child or a family" in asked.text and stored(us) == []
    seen = asked.text.split('name="guard-seen" value="')[1].split('"')[0]
    sent = manager.post(f"{here}/actions/new", data={**typed, "guard": "redact", "guard-seen": seen})
    assert sent.headers["location"] == f"{here}?said=agreed"
    assert "LS1 4AP" not in stored(us)[0].words and us.make.rows(select(GuardDecision.decision))[0].decision == "redacted"
    assert "[postcode removed]" in manager.get(here).text
    for deed, state in (("done", "Done"), ("reopen", "Open"), ("dropped", "No longer needed")):
        assert manager.post(f"{here}/actions/1/{deed}").headers["location"] == f"{here}?said={deed}"
        assert state in manager.get(here).text


def test_two_who_change_an_action_do_not_overwrite_each_other(us: Team, sign_in: SignIn) -> None:
    with us.acting(us.manager) as tx:
        actions.agree(tx, us.callum.id, WORDS)
    manager, callum, here = sign_in(us.manager), sign_in(us.callum), f"/people/{us.callum.id}/supervision/actions/1"
    old = {"whose": "person", "base": carried(manager.get(here).text, "base")}
    assert callum.post(here, data={**old, "words": "Read the new policy"}).status_code == 303
    late = manager.post(here, data={**old, "words": "Shadow a colleague"})
    assert late.status_code == 412 and "Somebody changed this" in late.text
    assert "It says now: Read the new policy" in late.text and "Shadow a colleague</textarea>" in late.text
    assert manager.post(here, data={**old, "words": "Shadow a colleague", "base": ""}).status_code == 412, (
        "a form that does not say is late too"
    )
    assert manager.post(here, data={**old, "words": "Read the new policy"}).status_code == 303, "nothing is different"
    assert [row.words for row in stored(us)] == [WORDS, "Read the new policy"]
    assert manager.post(here, data={**old, "words": "Shadow a colleague", "base": carried(late.text, "base")}).status_code == 303
    assert [row.words for row in stored(us) if row.superseded_at is None] == ["Shadow a colleague"]


def test_a_form_sent_twice_is_one_action(us: Team, sign_in: SignIn) -> None:
    manager, here = sign_in(us.manager), f"/people/{us.callum.id}/supervision/actions"
    asked = manager.post(
        f"{here}/new", data={"whose": "person", "entry_key": (key := carried(manager.get(f"{here}/new").text, "entry_key"))}
    )
    assert asked.status_code == 422 and carried(asked.text, "entry_key") == key
    data = {"words": WORDS, "whose": "person", "entry_key": key}
    assert [manager.post(f"{here}/new", data=data).status_code for _ in range(2)] == [303, 303] and len(stored(us)) == 1
    assert manager.post(f"{here}/1", data={**data, "words": "Read it", "base": str(stored(us)[0].id)}).status_code == 303
    assert manager.post(f"{here}/new", data=data).status_code == 303, "also once it has been changed"
    assert [(row.number, row.words) for row in stored(us)] == [(1, WORDS), (1, "Read it")]
    assert manager.post(f"{here}/new", data={**data, "entry_key": "x"}).status_code == 422
    assert manager.post(f"{here}/new", data={**data, "entry_key": "0" * 32}).status_code == 303 and len(stored(us)) == 3


def test_a_form_sent_twice_at_once_is_one_action(us: Team) -> None:
    numbers: list[int] = []
    ready = threading.Barrier(2)

    def attempt(who: Any) -> None:
        ready.wait()
        with us.acting(who) as tx:
            numbers.append(actions.agree(tx, us.callum.id, WORDS, entry_key="a" * 32))

    threads = [threading.Thread(target=attempt, args=(us.manager,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers == [1, 1] and len(stored(us)) == 1
    again = {key: value for key, value in stored(us)[0]._mapping.items() if key != "id"}
    with pytest.raises(Conflict, match="just been saved"), us.make.tx() as tx:  # the database has the last word
        tx.insert(SupervisionAction, **{**again, "number": 2})


def test_others_see_how_many_and_never_what(us: Team, sign_in: SignIn) -> None:
    with us.acting(us.manager) as tx:
        actions.agree(tx, us.callum.id, WORDS, by_date=tx.today)
        actions.agree(tx, us.callum.id, "Read the new policy")
        actions.close(tx, us.callum.id, 2)
    psw = us.make.person("Petra Principal", roles=("principal social worker",))
    text = sign_in(psw).get(f"/people/{us.callum.id}/supervision").text
    assert "1 of 2 actions closed" in text and "masterclass" not in text and "policy" not in text
    assert sign_in(psw).get(f"/people/{us.callum.id}/supervision/actions/1").status_code == 404
    assert WORDS in sign_in(us.callum).get("/supervision").text
    with us.make.tx(writes=False) as tx:
        found = counts(tx, [us.callum.id, us.dana.id], tx.today)
    assert {key: (each.open, each.overdue, each.agreed) for key, each in found.items()} == {us.callum.id: (1, 0, 2)}


def test_whoever_is_to_do_it_reads_on_their_first_page_that_it_is_overdue(us: Team, sign_in: SignIn) -> None:
    with us.acting(us.manager) as tx:
        since = tx.today - timedelta(days=9)
        for whose in ("person", "person", "supervisor"):
            actions.agree(tx, us.callum.id, WORDS, whose, since, agreed_on=since)
    assert "2 actions from supervision are overdue" in sign_in(us.callum).get("/").text
    with us.acting(us.callum) as tx:
        actions.close(tx, us.callum.id, 1)
        actions.close(tx, us.callum.id, 2, "dropped")
    assert "from supervision" not in sign_in(us.callum).get("/").text
