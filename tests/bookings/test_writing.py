"""Writing to everyone on a session: who may, to whom it goes, what is refused, and that words stay words; on both databases."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select, update

from app.bookings import operations
from app.bookings.event_models import SessionMessage
from app.bookings.models import Session
from app.bookings.operations import writing
from app.core.errors import Conflict, Forbidden, Invalid, NotFound, Refusal
from app.core.ledger import Outbox
from app.core.tx import Actor, transaction
from tests.factory import Make

BODY = "Please bring the case notes\nof one child you work with."


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.text))


def filled(make: Make, **values: Any) -> tuple[Any, list[Any]]:
    """A session of two places, both taken, and one person waiting."""
    session, people = make.session(places=2, **values), [make.person(name) for name in ("Ann", "Bob", "Eve")]
    with make.tx() as tx:
        for person in people:
            operations.book(tx, session.id, person.id)
    return session, people


def as_(make: Make, person: Any, role: str, scope: int | None = None) -> Any:
    actor = Actor("person", person.id, person.name, (("practitioner", None), (role, scope)), organisation_id=person.organisation_id)
    return transaction(make.database, actor, writes=True)


def sent(make: Make) -> list[Any]:
    return make.rows(select(Outbox.__table__).where(Outbox.kind == "email.session_message").order_by(Outbox.id))


@pytest.mark.parametrize(("whom", "count"), [("seated", 2), ("waiting", 1), ("all", 3)])
def test_it_goes_to_those_who_were_meant(make: Make, ledger: Any, whom: str, count: int) -> None:
    (session, people), cai = filled(make), make.person("Cai Orme")
    ledger.start()
    with as_(make, cai, "coordinator") as tx:
        assert writing.write_to_session(tx, session.id, "  What  to bring ", BODY + "\r\n", whom) == count
    rows = sent(make)
    expected = {"seated": people[:2], "waiting": people[2:], "all": people}[whom]
    assert [row.person_id for row in rows] == [person.id for person in expected]
    assert {(row.subject, row.subject_id, row.how) for row in rows} == {("sessions", session.id, "email")}
    assert rows[0].facts == {"subject": "What to bring", "body": BODY, "from": "Cai Orme"}
    kept = make.rows(select(SessionMessage.__table__))[0]
    assert (kept.subject, kept.body, kept.people) == ("What to bring", BODY, count)
    assert ledger.actions() == ["session.written-to"]


def test_what_is_refused(make: Make) -> None:
    session, _ = filled(make)
    cai = make.person("Cai")

    def refusal(kind: type[Refusal], *given: str, session_id: int = session.id) -> Refusal:
        with pytest.raises(kind) as problem, as_(make, cai, "coordinator") as tx:
            writing.write_to_session(tx, session_id, *given)
        return problem.value

    wrong = refusal(Invalid, "x", "short", "nobody")
    assert [error["field"] for error in wrong.errors] == ["whom", "subject", "body"]
    assert refusal(Invalid, "A subject", "x" * 4001, "all").errors[0]["field"] == "body"
    assert refusal(Invalid, "s" * 121, BODY, "all").errors[0]["field"] == "subject"
    assert refusal(Conflict, "A subject", BODY, "waiting", session_id=make.session().id).code == "nobody-to-tell"
    assert refusal(Conflict, "A subject", BODY, "all", session_id=make.session(status="draft").id).code == "session-draft"
    with as_(make, cai, "coordinator") as tx:
        writing.write_to_session(tx, session.id, "A subject", BODY, "all")
    assert refusal(Conflict, "A subject", BODY, "all").code == "already-sent"
    with make.tx() as tx:
        tx.db.execute(update(SessionMessage).values(sent_at=tx.now - 2 * writing.AGAIN))
    with as_(make, cai, "coordinator") as tx:
        assert writing.write_to_session(tx, session.id, "A subject", BODY, "all") == 3


def test_who_may_write(make: Make) -> None:
    trainer, other, team = make.person("Tess"), make.person("Tom"), make.unit("Team one")
    session, _ = filled(make, trainers=(trainer.id,))
    with as_(make, trainer, "trainer") as tx:
        assert writing.write_to_session(tx, session.id, "From your trainer", BODY, "all") == 3
    with pytest.raises(NotFound), as_(make, other, "trainer") as tx:
        writing.write_to_session(tx, session.id, "A subject", BODY, "all")
    for role in ("line manager", "principal social worker", "HR officer"):
        with pytest.raises(Forbidden), as_(make, other, role) as tx:
            writing.write_to_session(tx, session.id, "A subject", BODY, "all")
    near = make.person("Nia", team=team)
    larger, far = make.session(), make.person("Far")
    with make.tx() as tx:
        for person in (near, far):
            operations.book(tx, larger.id, person.id)
    with as_(make, make.person("Cai"), "coordinator", team) as tx:
        assert writing.write_to_session(tx, larger.id, "To my own part", BODY, "all") == 1
    assert sent(make)[-1].person_id == near.id


# On pages ----------------------------------------------------------------------------------------------------------


def test_it_is_checked_before_it_goes(make: Make, sign_in: Any) -> None:
    session, _ = filled(make)
    browser = sign_in(make.person("Cai Orme", roles=("coordinator",)))
    here = f"/sessions/{session.id}/write"
    form = words(browser.get(here))
    assert "Everyone with a place (2 people)" in form and "Everyone waiting (1 person)" in form and "Both (3 people)" in form
    typed = {"subject": "What to bring", "body": 'Bring <b>this</b> & "that".\nThank you.', "whom": "all"}
    check = browser.post(here, data=typed)
    assert check.status_code == 200 and "Send this to 3 people?" in check.text and sent(make) == []
    assert "Bring &lt;b&gt;this&lt;/b&gt; &amp;" in check.text and "<b>this" not in check.text
    again = browser.post(here, data={**typed, "then": "change"})
    assert 'value="What to bring"' in again.text and "Bring &lt;b&gt;" in again.text
    done = browser.post(here, data={**typed, "then": "send"})
    assert done.status_code == 303 and len(sent(make)) == 3
    page = browser.get(done.headers["location"])
    assert "Your message goes to 3 people" in words(page) and "<b>this" not in page.text and "Cai Orme" in page.text
    assert "1 message so far" in browser.get(f"/manage/sessions/{session.id}").text
    wrong = browser.post(here, data={"subject": "", "body": "Only this, but long enough", "whom": "all"})
    assert wrong.status_code == 422 and 'href="#subject"' in wrong.text and "Only this, but long enough" in wrong.text


def test_the_page_is_for_those_who_may(make: Make, sign_in: Any) -> None:
    trainer = make.person("Tess")
    session, people = filled(make, trainers=(trainer.id,))
    here = f"/sessions/{session.id}/write"
    assert "Write to everyone" in sign_in(trainer).get(here).text
    assert here in sign_in(trainer).get(f"/sessions/{session.id}/roster").text
    assert sign_in(people[0]).get(here).status_code == 403
    elsewhere = make.session(trainers=(make.person("Tom").id,))
    assert sign_in(trainer).get(f"/sessions/{elsewhere.id}/write").status_code == 404
    cancelled = make.session(status="cancelled")
    assert "nobody is on it" in sign_in(make.person("Cai", roles=("coordinator",))).get(f"/sessions/{cancelled.id}/write").text
    assert make.row(Session, session.id).version == 1
