"""Learning together on pages: what somebody on a phone does, what each sees, and what leaves in messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.core.ledger import Outbox
from app.mentoring.models import LearningSet, Notice, Pairing
from app.mentoring.operations import pairing, sets
from app.notifications import facts
from app.notifications.messages import render
from tests.factory import Make
from tests.mentoring.world import Circle, circle
from tests.notifications.test_messages import SETTINGS

HOME = "/learning-together"
SignIn = Callable[[Any], TestClient]


@pytest.fixture
def us(make: Make) -> Circle:
    return circle(make)


def only(us: Circle, table: Any) -> Any:
    [row] = us.make.rows(select(table.__table__))
    return row


def day(us: Circle, name: str = "held_on") -> dict[str, str]:
    with us.make.tx(writes=False) as tx:
        today = tx.today
    return {name: str(today.day), f"{name}-month": str(today.month), f"{name}-year": str(today.year)}


def test_from_an_offer_to_a_meeting(us: Circle, sign_in: SignIn) -> None:
    mia, ned = sign_in(us.mia), sign_in(us.ned)
    assert "Nobody yet." in mia.get(HOME).text and "No colleague has anything" in ned.get(f"{HOME}/people").text
    offer = {"side": "offer", "kind": "mentoring", "need": "court", "words": "Ten years of it", "most": "1"}
    assert mia.post(f"{HOME}/notices/new", data=offer).headers["location"] == f"{HOME}?said=put-up"
    notice = only(us, Notice).id
    found = ned.get(f"{HOME}/people?need=court&side=offer").text
    assert "Mia Grey: offers to mentor" in found and "1 place left" in found and "Court team" in found
    assert "Nothing fits" in ned.get(f"{HOME}/people?need=care&area=999999").text
    assert "Ask Mia Grey" in ned.get(f"{HOME}/notices/{notice}").text and "your own" in mia.get(f"{HOME}/notices/{notice}").text
    assert ned.post(f"{HOME}/notices/{notice}", data={"aim": "My first hearing"}).headers["location"] == f"{HOME}?said=asked"
    pair = only(us, Pairing).id
    page = f"{HOME}/pairs/{pair}"
    assert "1 colleague waits for your answer" in mia.get(HOME).text and "My first hearing" in mia.get(page).text
    assert "Take it back" in ned.get(page).text and "Your answer" not in ned.get(page).text
    refused = mia.post(f"{page}/answer", data={"version": "1"})
    assert refused.status_code == 422 and "Choose whether you agree" in refused.text
    assert mia.post(f"{page}/answer", data={"version": "1", "answer": "agree"}).headers["location"] == f"{page}?said=agreed"
    assert "None is logged yet" in ned.get(page).text and 'value="60"' in ned.get(f"{page}/meetings/new").text
    assert ned.post(f"{page}/meetings/new", data={**day(us), "minutes": "75"}).headers["location"] == f"{page}?said=logged"
    twice = mia.post(f"{page}/meetings/new", data={**day(us), "minutes": "75"})
    assert twice.status_code == 409 and "logged already" in twice.text
    shown = mia.get(page).text
    assert "1 meeting, 1 hour 15 minutes; last on" in shown and "Ned Ash" in shown
    address = shown.partition(f'href="{HOME}/meetings/')[2].partition('"')[0]
    assert 'value="75"' in mia.get(f"{HOME}/meetings/{address}").text
    assert mia.post(f"{HOME}/meetings/{address}", data={**day(us), "minutes": "80"}).headers["location"] == f"{page}?said=corrected"
    assert mia.get(f"{HOME}/meetings/{address}").status_code == 409
    assert sign_in(us.pam).get(page).status_code == 404
    assert "is told that it ends, and not why" in mia.get(f"{page}/end").text
    assert mia.post(f"{page}/end", data={"version": "2", "why": "finished"}).headers["location"] == f"{page}?said=ended"
    assert "We have done what we set out to do" in ned.get(page).text and "Earlier" in ned.get(HOME).text


def test_a_set_from_start_to_end(us: Circle, sign_in: SignIn) -> None:
    mia, ned, pam = sign_in(us.mia), sign_in(us.ned), sign_in(us.pam)
    started = mia.post(f"{HOME}/sets/new", data={"title": "Court group", "need": "court", "most": "3", "joins": "yes"})
    key = only(us, LearningSet).id
    page = f"{HOME}/sets/{key}"
    assert started.headers["location"] == f"{page}?said=started"
    assert "1 of 3 places taken" in ned.get(f"{HOME}/sets").text and "There are 2 places left" in ned.get(page).text
    assert ned.post(f"{page}/join").headers["location"] == f"{page}?said=joined"
    unknown = mia.post(f"{page}/add", data={"colleague": us.odd.email})
    assert unknown.status_code == 422 and "somebody in your organisation" in unknown.text
    assert mia.post(f"{page}/add", data={"colleague": us.pam.email}).headers["location"] == f"{page}?said=added"
    form = ned.get(f"{page}/meetings/new").text
    assert "Mia Grey" in form and ">You<" in form and form.count("checked") == 3
    there = {**day(us), "minutes": "120", "people": [str(us.mia.id), str(us.ned.id)]}
    assert ned.post(f"{page}/meetings/new", data=there).headers["location"] == f"{page}?said=logged"
    assert "2 people" in pam.get(page).text and "No meeting" not in pam.get(HOME).text
    assert ned.get(f"{page}/edit").status_code == 403
    edit = {"version": "1", "title": "Court and evidence", "need": "court", "most": "5"}
    assert mia.post(f"{page}/edit", data=edit).headers["location"] == f"{page}?said=changed"
    assert "Its facilitator adds people" in sign_in(us.kit).get(page).text
    assert mia.post(f"{page}/hand-over", data={"version": "2"}).status_code == 422
    handed = mia.post(f"{page}/hand-over", data={"version": "2", "facilitator": str(us.ned.id)})
    assert handed.headers["location"] == f"{page}?said=handed-over"
    assert pam.post(f"{page}/leave").headers["location"] == f"{HOME}?said=left" and "You have left" in pam.get(HOME).text
    assert ned.post(f"{page}/end").headers["location"] == f"{page}?said=set-ended"
    assert "1 meeting" not in sign_in(us.kit).get(page).text and "2 people" in ned.get(page).text
    assert "It ended on" in mia.get(page).text and mia.get(f"{page}/edit").status_code == 409


def test_the_academy_sees_demand_and_pairs_and_not_what_they_hope_for(us: Circle, sign_in: SignIn) -> None:
    cora, ned = sign_in(us.cora), sign_in(us.ned)
    assert "Nobody looks for somebody" in cora.get(f"{HOME}/overview").text
    ask = {"side": "ask", "kind": "coaching", "need": "confidence", "words": "After a hard year", "shown_to": "academy"}
    ned.post(f"{HOME}/notices/new", data=ask)
    seen = cora.get(f"{HOME}/overview").text
    assert "After a hard year" in seen and "Too little" in seen and "Colleagues do not see this" in seen
    assert "Confidence and wellbeing at work,1,0,0" in cora.get(f"{HOME}/overview/demand.csv").text
    form = cora.get(f"{HOME}/bring-together?notice={only(us, Notice).id}").text
    assert us.ned.email in form
    both = {"kind": "coaching", "need": "confidence", "receiver": us.ned.email, "notice": str(only(us, Notice).id)}
    assert cora.post(f"{HOME}/bring-together", data=both).status_code == 422
    assert cora.post(f"{HOME}/bring-together", data=both | {"giver": us.mia.employee_number}).headers["location"].endswith("said=paired")
    pair = only(us, Pairing)
    assert "Mia Grey, Ned Ash" in cora.get(f"{HOME}/overview").text and cora.get(f"{HOME}/pairs/{pair.id}").status_code == 404
    us.agree(us.mia, pair.id)
    us.agree(us.ned, pair.id)
    with us.acting(us.pam) as tx:
        tx.update(Pairing, pair.id, aim="Something private")
    assert "Something private" not in cora.get(f"{HOME}/overview").text
    for path in ("/overview", "/overview/demand.csv", "/bring-together"):
        assert ned.get(HOME + path).status_code == 403


def test_a_colleague_is_asked_by_name_and_words_about_a_family_come_back(us: Circle, sign_in: SignIn) -> None:
    ned = sign_in(us.ned)
    assert "Ask a colleague" in ned.get(f"{HOME}/ask").text
    ask = {"other": us.mia.email, "kind": "shadowing", "role": "receiver", "need": "court"}
    for wrong, says in ((ask | {"other": ""}, "Enter their work"), (ask | {"other": us.odd.email}, "Nobody in your organisation")):
        refused = ned.post(f"{HOME}/ask", data=wrong)
        assert refused.status_code == 422 and says in refused.text
    back = ned.post(f"{HOME}/ask", data=ask | {"aim": "A family at GL50 1ZZ, 07700 900123"})
    assert back.status_code == 422 and "may identify a child or a family" in back.text
    assert ned.post(f"{HOME}/ask", data=ask | {"aim": "A day at court"}).headers["location"] == f"{HOME}?said=asked"


def _read(row: Any, told: Any) -> str:
    return " ".join(render(row.kind, told, SETTINGS, message_id=row.id, now=row.created_at).plain.split())


def test_messages_say_who_and_what_for_and_nothing_that_is_private(us: Circle) -> None:
    pair = us.pair()
    with us.acting(us.ned) as tx:
        tx.update(Pairing, pair, aim="Something private")
    key = us.set_of(us.kit, us.mia)
    with us.acting(us.cora, "coordinator") as tx:
        suggested = pairing.bring_together(tx, kind="coaching", need="career", giver=us.kit.id, receiver=us.pam.id)
    us.agree(us.kit, suggested)
    us.agree(us.pam, suggested, accepted=False)
    with us.acting(us.ned) as tx:
        pairing.end(tx, pair, 2, "no_match")
    with us.acting(us.kit) as tx:
        sets.end(tx, key)
    with us.make.tx(writes=False) as tx:
        rows = tx.rows(select(Outbox.__table__).where(Outbox.kind.like("email.together%")).order_by(Outbox.id))
        composed = facts.compose(tx, rows)
    said = {(row.kind.removeprefix("email.together_"), row.person_id): _read(row, composed[row.id]) for row in rows}
    assert set(said) == {
        ("asked", us.mia.id), ("answered", us.ned.id), ("added", us.mia.id), ("asked", us.kit.id), ("asked", us.pam.id),
        ("answered", us.kit.id), ("answered", us.cora.id), ("ended", us.mia.id), ("set_ended", us.mia.id),
    }  # fmt: skip
    assert (
        "Ned Ash would like to learn together with you: mentoring, about court work and evidence; you would mentor them"
        in said["asked", us.mia.id]
    )
    assert "Cora Vance of the Academy suggests that you and Kit Orr" in said["asked", us.pam.id]
    assert "Coaching with Kit Orr and Pam Lund will not come about" in said["answered", us.cora.id]
    assert not any("private" in text or "match" in text for text in said.values())
