"""Pages about talent pools: what each shows to whom, and what it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.factory import Make
from tests.talent.pools import WHY, Scene, scene

SignIn = Callable[[Any], TestClient]


@pytest.fixture
def there(make: Make) -> Scene:
    return scene(make)


def test_a_person_is_nominated_agrees_is_judged_and_reads_it_all(there: Scene, sign_in: SignIn) -> None:
    manager, psw, second, ann = (sign_in(person) for person in (there.manager, there.psw, there.second, there.ann))
    assert "Nominate Ann Holt" in manager.get(f"/people/{there.ann.id}/nominate").text
    again = manager.post(f"/people/{there.ann.id}/nominate", data={"reasons": WHY})
    assert again.status_code == 422 and WHY in again.text and 'href="#pool"' in again.text
    sent = manager.post(f"/people/{there.ann.id}/nominate", data={"pool": str(there.pool), "reasons": WHY})
    assert sent.status_code == 303 and "Not answered yet" in manager.get(sent.headers["location"]).text
    shown = psw.get(f"/talent/pools/{there.pool}").text
    assert "Asked, and not answered yet" in shown and "Nobody is on the list yet" in shown
    assert psw.get("/talent/entries/1").status_code == 404, "without agreement there is no card"
    asked = ann.get("/my-talent-pools").text
    assert "Answer needed" in asked
    place = ann.get("/my-talent-pools/1").text
    assert WHY in place and "promises nobody a post" in place and "not the council’s legal ground" in place
    assert ann.post("/my-talent-pools/1/agreement", data={}).status_code == 422
    assert ann.post("/my-talent-pools/1/agreement", data={"agrees": "yes"}).status_code == 303
    assert ann.post("/my-talent-pools/1/view", data={"words": "I would love to lead a team."}).status_code == 303
    card = psw.get("/talent/entries/1").text
    assert card.index("Evidence") < card.index("Judgement") < card.index("Their own view") < card.index("I would love to lead")
    wrong = psw.post("/talent/entries/1/judge", data={"reasons": WHY})
    assert wrong.status_code == 422 and 'href="#horizon"' in wrong.text
    thought = {"horizon": str(there.labels["now"]), "potential": str(there.labels["growing"]), "reasons": WHY}
    assert psw.post("/talent/entries/1/judge", data=thought).status_code == 303
    assert "Growing leader" not in ann.get("/my-talent-pools/1").text, "a proposal is not told"
    assert psw.post("/talent/judgements/1", data={"answer": "confirm", "words": "Yes."}).status_code == 409, "not what one proposed oneself"
    assert "Ann Holt" in second.get("/talent").text
    assert second.get("/talent/judgements/1").status_code == 200
    assert second.post("/talent/judgements/1", data={"answer": "confirm", "words": "Seen it too."}).status_code == 303
    place = ann.get("/my-talent-pools/1").text
    assert "Growing leader" in place and "Seen it too." in place and "Helen Psw" in place and "Opened the card" in place
    assert "Growing leader" not in manager.get("/talent/nominations").text, "nobody else's judgement"
    psw.post(
        "/talent/entries/1/actions/new",
        data={
            "words": "Shadow a panel",
            "who": str(there.ann.id),
            "by_date": "1",
            "by_date-month": "6",
            "by_date-year": "2030",
            "entry_key": "0" * 32,
        },
    )
    assert "Shadow a panel" in ann.get("/my-talent-pools/1").text
    assert ann.post("/my-talent-pools/1/actions/1/done").status_code == 303
    listed = psw.get(f"/talent/pools/{there.pool}").text
    assert "Ann Holt" in listed and "Ready now" in listed and "0 ready now for 3 posts" in listed
    assert ann.post("/my-talent-pools/1/agreement", data={"agrees": "no"}).status_code == 303
    assert psw.get("/talent/entries/1").status_code == 404
    assert "Ann Holt" not in psw.get(f"/talent/pools/{there.pool}").text


def test_every_page_opens(there: Scene, sign_in: SignIn) -> None:
    key = there.listed()
    there.judged(key)
    psw, ann, manager = sign_in(there.psw), sign_in(there.ann), sign_in(there.manager)
    for path in (
        *(
            "/talent",
            "/talent/pools/new",
            f"/talent/pools/{there.pool}",
            f"/talent/pools/{there.pool}/edit",
            "/talent/labels",
            "/talent/reads",
        ),
        *(f"/talent/pools/{there.pool}/close", f"/talent/pools/{there.pool}/export", f"/talent/entries/{key}", "/talent/nominations"),
        *(f"/talent/entries/{key}/judge", f"/talent/entries/{key}/actions/new", f"/talent/entries/{key}/leave"),
        *(
            f"/talent/pools/{there.pool}?{query}"
            for query in ("ready=met", "ready=missing&sort=ready", "horizon=0", "sort=horizon&stage=SW", "on=1&on-month=1&on-year=2026")
        ),
    ):
        assert psw.get(path).status_code == 200, path
    for path in ("/my-talent-pools", f"/my-talent-pools/{key}"):
        assert ann.get(path).status_code == 200, path
    assert (
        manager.get("/talent/nominations").status_code == 200
        and sign_in(there.bob).get(f"/my-talent-pools/join/{there.pool}").status_code == 200
    )
