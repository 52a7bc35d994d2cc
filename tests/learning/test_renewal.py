"""Renewal: ticks by the person, states that follow, what to copy out, who is told and when; the rule is data."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import yaml
from sqlalchemy import insert, select
from starlette.testclient import TestClient

from app.core.config import ROOT
from app.core.errors import Conflict, Invalid, NotFound
from app.core.ledger import Outbox
from app.core.tx import Actor, Tx, transaction
from app.learning import renewal, renewal_clock, renewal_operations
from app.learning.models import LearningRecord
from app.learning.record_models import Reflection
from app.learning.renewal_models import RenewalNotice
from app.learning.renewal_rules import year_of
from app.people import operations as people
from tests.factory import Make

SignIn = Callable[[Any], TestClient]
Clock = Any
NOVEMBER = datetime(2026, 11, 10, 9, tzinfo=UTC)


def main(reply: Any) -> str:
    text = re.sub(r"<[^>]+>", " ", reply.text[reply.text.index("<main") :])
    return re.sub(r"\s+", " ", text)


def at(make: Make, person: Any, moment: datetime = NOVEMBER) -> Any:
    actor = Actor("person", person.id, person.name, (("practitioner", None),))
    return transaction(make.database, actor, writes=True, now=moment)


def registered(make: Make, name: str = "Ann", **values: Any) -> Any:
    number = f"SW90{make.n + 1000}"
    return make.person(name, **{"swe_number": number, "registration_status": "registered", "registered_from": date(2015, 3, 2), **values})


def wrote(make: Make, person: Any, on: date = date(2026, 10, 5), *, peer: str = "", title: str = "Court skills") -> int:
    """A record of theirs with a whole reflection."""
    with make.tx() as tx:
        row = dict(person_id=person.id, minutes=60, bucket="formal", activity="course", title=title, source="own", on_date=on)
        key = tx.insert(LearningRecord, recorded_at=tx.now, **row)
        words = dict(did="I went.", learnt="To listen.", impact="I listen.", peer_with=peer)
        tx.insert(Reflection, first_id=key, recorded_at=tx.now, **words)
    return key


def standing(make: Make, person: Any, moment: datetime = NOVEMBER) -> renewal.Standing:
    with at(make, person, moment) as tx:
        found = renewal.mine(tx, year_of(tx, tx.today))
    assert found is not None
    return found


def tick(make: Make, person: Any, step: str, moment: datetime = NOVEMBER, **values: Any) -> int:
    with at(make, person, moment) as tx:
        return renewal_operations.tick(tx, step, **values)


def test_step_by_step_to_everything_ticked(make: Make) -> None:
    ann = registered(make)
    assert (standing(make, ann).state, standing(make, ann).left) == (
        "nothing",
        ["the form", "the fee", "2 pieces of CPD, 1 with peer reflection"],
    )
    first = tick(make, ann, "cpd", first_id=wrote(make, ann))
    assert standing(make, ann).state == "begun" and standing(make, ann).left[2] == "1 piece of CPD, 1 with peer reflection"
    tick(make, ann, "cpd", words="Something kept elsewhere")
    assert standing(make, ann).left[2] == "peer reflection in 1 piece of CPD"
    with at(make, ann) as tx:
        renewal_operations.untick(tx, first)
    tick(make, ann, "cpd", first_id=wrote(make, ann, peer="A colleague"), with_peer=True)
    tick(make, ann, "form")
    fee = tick(make, ann, "fee", done_on=date(2026, 11, 1))
    done = standing(make, ann)
    assert (done.state, done.left, done.fee_on) == ("ticked", [], date(2026, 11, 1))
    with at(make, ann) as tx:
        renewal_operations.untick(tx, fee)
    assert standing(make, ann).left == ["the fee"]
    assert standing(make, ann, datetime(2026, 12, 1, 9, tzinfo=UTC)).state == "nothing", "a new year begins"


def test_what_is_refused(make: Make, ledger: Any) -> None:
    ann, ben = registered(make), registered(make, "Ben")
    hers = wrote(make, ann)
    nobody = make.person("Nobody")
    tick(make, ann, "cpd", first_id=hers)
    tick(make, ann, "form")
    refused: list[tuple[Any, dict[str, Any], type[Exception]]] = [
        (ann, dict(step="cpd", first_id=hers), Conflict),
        (ann, dict(step="form"), Conflict),
        (ann, dict(step="cpd"), Invalid),
        (ann, dict(step="cpd", words=" \u200b "), Invalid),
        (ann, dict(step="cpd", words="x" * 201), Invalid),
        (ann, dict(step="jump"), Invalid),
        (ann, dict(step="fee", done_on=date(2026, 11, 11)), Invalid),
        (ann, dict(step="fee", done_on=date(2025, 11, 30)), Invalid),
        (ben, dict(step="cpd", first_id=hers), NotFound),
        (ben, dict(step="fee", moment=datetime(2026, 8, 31, 9, tzinfo=UTC)), Conflict),
        (nobody, dict(step="form"), Conflict),
    ]
    for who, asked, why in refused:
        with pytest.raises(why):
            tick(make, who, **asked)
    tick(make, ben, "cpd", datetime(2026, 1, 5, 9, tzinfo=UTC), words="Sent early")
    with pytest.raises(NotFound), at(make, ben) as tx:
        renewal_operations.untick(tx, 1)
    assert ledger.actions().count("renewal.ticked") == 3


@pytest.mark.parametrize(
    ("values", "state"),
    [
        (dict(registered_from=date(2026, 9, 1)), "joiner"),
        (dict(registered_from=date(2026, 8, 31)), "nothing"),
        (dict(registration_status=None, registered_from=None), "nothing"),
        (dict(registration_status="conditions"), "nothing"),
        (dict(registration_status="suspended"), None),
        (dict(swe_number=None), None),
    ],
)
def test_whom_it_concerns(make: Make, values: dict[str, Any], state: str | None) -> None:
    ann = registered(make, **values)
    with at(make, ann) as tx:
        found = renewal.mine(tx, year_of(tx, tx.today))
    assert (found.state if found else None) == state


def told(make: Make, day: date) -> list[tuple[int, str, list[str]]]:
    """Run the day's job; what it queued."""
    moment = datetime(day.year, day.month, day.day, 8, 30, tzinfo=UTC)
    with transaction(make.database, Actor("system", None), writes=True, now=moment) as tx:
        before = tx.scalar(select(Outbox.id).order_by(Outbox.id.desc()).limit(1)) or 0
        renewal_clock.tell(tx, moment)
        rows = tx.rows(select(Outbox.__table__).where(Outbox.id > before).order_by(Outbox.id))
    return [(row.person_id, row.kind, row.facts["subjects"]) for row in rows]


def test_reminders_each_once_and_the_manager_near_the_end(make: Make, sign_in: SignIn) -> None:
    manager = make.person("Mo Manager")
    ann, ben = registered(make, "Ann", manager=manager.id), registered(make, "Ben", manager=manager.id)
    registered(make, "Joy", registered_from=date(2026, 10, 1))
    registered(make, "Zed", leaving_on=date(2026, 1, 1))
    for step in ("form", "fee"):
        tick(make, ben, step)
    tick(make, ben, "cpd", words="One", with_peer=True)
    tick(make, ben, "cpd", words="Two")
    due = "email.renewal_due"
    everything = ["the form", "the fee", "2 pieces of CPD, 1 with peer reflection"]
    assert told(make, date(2026, 8, 30)) == [] and told(make, date(2026, 9, 20)) == [], "too early"
    assert told(make, date(2026, 10, 1)) == [(ann.id, due, everything)]
    assert told(make, date(2026, 10, 1)) == [] and told(make, date(2026, 10, 30)) == []
    assert told(make, date(2026, 11, 5)) == [(ann.id, due, everything)], "late, as no worker ran on the second"
    assert told(make, date(2026, 11, 16)) == [(ann.id, due, everything), (manager.id, due, [ann.name])]
    tick(make, ann, "form")
    assert told(make, date(2026, 11, 28))[0] == (ann.id, due, everything[1:])
    assert told(make, date(2026, 11, 30)) == []
    with make.tx() as tx:
        today, ends = tx.today, year_of(tx, tx.today).ends
        tx.db.execute(insert(RenewalNotice), dict(person_id=ann.id, kind="remind", about=ends, days=99, told_at=tx.now))
        tx.db.execute(
            insert(RenewalNotice), dict(person_id=manager.id, kind="remind", about=today - timedelta(days=1), days=99, told_at=tx.now)
        )
    assert "Renew your registration" in main(sign_in(ann).get("/"))
    assert "Renew your registration" not in main(sign_in(manager).get("/"))


def test_registrations_that_end(make: Make) -> None:
    manager = make.person("Mo Manager")
    soon = registered(make, "Soon", registered_until=date(2026, 7, 20))
    gone = registered(make, "Gone", registered_until=date(2026, 6, 1), manager=manager.id)
    registered(make, "Usual", registered_until=date(2026, 11, 30))
    registered(make, "Removed", registered_until=date(2026, 6, 1), registration_status="removed")
    ends = "email.registration_ends"
    found = told(make, date(2026, 7, 1))
    assert found == [
        (soon.id, ends, ["Monday 20 July 2026"]),
        (gone.id, ends, ["Monday 1 June 2026"]),
        (manager.id, ends, [gone.name]),
    ]
    assert told(make, date(2026, 7, 1)) == []
    with make.tx() as tx:
        people.change_person(tx, gone.id, registered_until=date(2026, 7, 10))
    assert [each[0] for each in told(make, date(2026, 7, 5))] == [gone.id], "another date is another matter"


def test_pages_for_oneself(make: Make, sign_in: SignIn) -> None:
    with make.tx(writes=False) as tx:
        year, today = year_of(tx, tx.today), tx.today
    ann = registered(make)
    ready = wrote(make, ann, today, peer="Bob, a colleague", title="Listening well")
    with make.tx() as tx:
        row = dict(person_id=ann.id, minutes=60, bucket="formal", activity="course", title="Bare", source="own", on_date=today)
        bare = tx.insert(LearningRecord, recorded_at=tx.now, **row)
    client = sign_in(ann)
    assert "Renewing my registration" in main(client.get("/my-learning"))
    seen = client.get("/my-learning/renewal")
    assert "Ready to copy" in main(seen) and "Needs a reflection" in main(seen) and not re.search(r"\bsafe\b", main(seen), re.IGNORECASE)
    assert f"/learning-records/{bare}/edit" in seen.text and f"/my-learning/renewal/copy/{ready}" in seen.text
    copy = client.get(f"/my-learning/renewal/copy/{ready}").text
    for words in ("Listening well\n\nI went.", "To listen.", "I listen.", "Bob, a colleague", "Peer discussion"):
        assert words in copy
    assert client.post("/my-learning/renewal", data={"step": "cpd", "first_id": str(ready), "with_peer": "yes"}).status_code == 303
    again = client.post("/my-learning/renewal", data={"step": "cpd", "first_id": str(ready)})
    assert again.status_code == 409 and "ticked this piece already" in main(again)
    after = main(client.get("/my-learning/renewal?said=ticked"))
    assert f"1 of {year.rule.items}, with peer reflection 1 of 1" in after and "Listening well , sent" in after
    wrong = client.post("/my-learning/renewal", data={"step": "cpd", "words": "", "done_on": "31", "done_on-month": "2"})
    assert wrong.status_code == 422
    other = sign_in(registered(make, "Ben"))
    assert other.get(f"/my-learning/renewal/copy/{ready}").status_code == 404
    assert other.post("/my-learning/renewal/1/take-back").status_code == 404
    assert client.post("/my-learning/renewal/1/take-back").status_code == 303
    assert "No registration with Social Work England" in main(sign_in(make.person("Carer")).get("/my-learning/renewal"))


def test_managers_see_ticks_and_never_titles(make: Make, sign_in: SignIn) -> None:
    manager = make.person("Mo Manager")
    ann = registered(make, "Ann", manager=manager.id)
    registered(make, "Stranger")
    with transaction(make.database, Actor("person", ann.id, ann.name, (("practitioner", None),)), writes=True) as tx:
        renewal_operations.tick(tx, "cpd", words="My private struggle")
    seen = main(sign_in(manager).get("/renewal"))
    assert "0 of 1 person have ticked everything" in seen and "1 of 2" in seen and "Begun" in seen
    assert "private struggle" not in seen and "Stranger" not in seen
    psw = sign_in(make.person("Pat", roles=("principal social worker",)))
    assert "0 of 2 people" in main(psw.get("/renewal")) and "Nobody is in this state" in main(psw.get("/renewal?state=joiner"))
    file = psw.get("/renewal?file=csv&state=begun").text
    assert file.splitlines()[0].startswith("Name,Registration number") or "Registration number" in file.splitlines()[0]
    assert len(file.strip().splitlines()) == 2 and "private struggle" not in file
    assert "Nobody in your reach" in main(sign_in(ann).get("/renewal"))


def test_rules_are_data(make: Make) -> None:
    shipped = yaml.safe_load((ROOT / "seed" / "reference" / "renewal.yaml").read_text())
    later = {**shipped["renewal_rules"][0], "first_year": date(2127, 12, 1), "items": 3}
    with make.tx() as tx:
        assert renewal_operations.load_rules(tx, shipped) == [], "the database is made with what is shipped"
        assert renewal_operations.load_rules(tx, {"renewal_rules": [later]}) == [date(2127, 12, 1)]
        assert renewal_operations.load_rules(tx, {"renewal_rules": [later]}) == []
        assert year_of_(tx, date(2127, 11, 30)).rule.items == 2 and year_of_(tx, date(2130, 1, 1)).rule.items == 3
        assert renewal_operations.load_rules(tx, {"renewal_rules": [{**later, "items": 4, "joiners": None}]}) == [date(2127, 12, 1)]
    changes: list[dict[str, Any]] = [{"opens": "13-01"}, {"with_peer": 9}, {"first_year": date(2025, 12, 1)}, {"odd": 1}]
    files: list[Any] = [None, [], {"renewal_rules": []}, *({"renewal_rules": [{**later, **change}]} for change in changes)]
    for wrong in files:
        with pytest.raises(Invalid), make.tx() as tx:
            renewal_operations.load_rules(tx, wrong)


def year_of_(tx: Tx, day: date) -> Any:
    tx.memo.pop("renewal rules", None)
    return year_of(tx, day)
