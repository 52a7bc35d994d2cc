"""Equality information: given, changed, taken back, objected to; and that it stands apart from everything else."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from starlette.testclient import TestClient

from app.core.config import ROOT
from app.core.errors import Conflict, Forbidden, Invalid
from app.core.ledger import Audit
from app.core.tx import Actor, transaction
from app.equality import operations
from app.equality.models import Answer, Objection, Option
from tests.factory import Make

Enter = Callable[[Any], TestClient]
PAGE = "/equality-information"


def as_(make: Make, person: Any) -> Any:
    return transaction(make.database, Actor("person", person.id, person.name, (("practitioner", None),)), writes=True)


def told(make: Make) -> set[tuple[int, str, str]]:
    return {(row.person_id, row.characteristic, row.option) for row in make.rows(select(Answer.__table__))}


def test_over_http_from_giving_to_objecting_and_back(make: Make, sign_in: Enter) -> None:
    ann = make.person("Ann")
    browser = sign_in(ann)
    assert "Nothing told" in browser.get(PAGE).text
    assert browser.post(PAGE, data={"sex": "01", "religion": "not-said", "age": ""}).status_code == 303
    page = browser.get(PAGE)
    assert "2 of 8" in page.text and '<option value="01" selected>Female' in page.text
    browser.post(PAGE, data={"sex": "02"})
    assert told(make) == {(ann.id, "sex", "02")}, "what is not said any more is not kept either"
    browser.post(f"{PAGE}/withdraw")
    assert told(make) == set()
    browser.post(PAGE, data={"sex": "02"})
    assert browser.post(f"{PAGE}/object").status_code == 303
    page = browser.get(PAGE)
    assert told(make) == set() and "You object to monitoring" in page.text and 'name="sex"' not in page.text
    refused = browser.post(PAGE, data={"sex": "01"})
    assert refused.status_code == 409 and told(make) == set()
    assert browser.post(f"{PAGE}/object").status_code == 303, "twice is no mistake"
    browser.post(f"{PAGE}/allow")
    assert browser.post(PAGE, data={"sex": "01"}).status_code == 303 and told(make) == {(ann.id, "sex", "01")}


def test_what_cannot_be_chosen_changes_nothing(make: Make, sign_in: Enter) -> None:
    ann = make.person("Ann")
    browser = sign_in(ann)
    browser.post(PAGE, data={"sex": "01"})
    refused = browser.post(PAGE, data={"sex": "77", "age": "01"})
    assert refused.status_code == 422 and "Sex: choose one of the answers shown" in refused.text
    with pytest.raises(Invalid), as_(make, ann) as tx:
        operations.give(tx, {"shoe size": "01"})
    assert told(make) == {(ann.id, "sex", "01")}


def test_only_people_for_themselves(make: Make) -> None:
    with pytest.raises(Forbidden), make.tx() as tx:
        operations.give(tx, {"sex": "01"})


def test_the_trail_does_not_tell_what_was_done(make: Make) -> None:
    """An administrator who reads the trail learns neither an answer nor that somebody objects."""
    ann = make.person("Ann")
    deeds: list[Callable[[Any], None]] = [
        lambda tx: operations.give(tx, {"religion": "06"}),
        operations.withdraw,
        operations.object_to_monitoring,
        operations.withdraw_objection,
    ]
    for deed in deeds:
        with as_(make, ann) as tx:
            deed(tx)
    rows = make.rows(select(Audit.action, Audit.subject_id, Audit.state, Audit.facts).where(Audit.subject == "equality_answers"))
    assert [tuple(row) for row in rows] == [("equality.kept", None, None, {})] * 4


def test_the_database_keeps_answers_and_objections_apart(make: Make) -> None:
    ann, ben = make.person("Ann"), make.person("Ben")
    answer = dict(characteristic="sex", option="01", given_on="2026-01-01")
    with as_(make, ann) as tx:
        operations.object_to_monitoring(tx)
    with as_(make, ben) as tx:
        operations.give(tx, {"sex": "01"})
    with pytest.raises(Conflict, match="object"), make.tx() as tx:
        tx.db.execute(insert(Answer), dict(answer, person_id=ann.id, given_on=tx.today))
    with pytest.raises(Conflict), make.tx() as tx:
        tx.db.execute(insert(Objection), dict(person_id=ben.id, since=tx.now))
    with pytest.raises((Conflict, IntegrityError)), make.tx() as tx:
        tx.db.execute(insert(Answer), dict(answer, person_id=ben.id, characteristic="religion", option="77", given_on=tx.today))


def test_every_question_can_be_answered_with_not_saying(make: Make) -> None:
    options = make.rows(select(Option.characteristic, Option.code, Option.counted_as))
    characteristics = {row.characteristic for row in options}
    assert len(characteristics) == 8
    assert {row.characteristic for row in options if (row.code, row.counted_as) == ("not-said", "Not known")} == characteristics


# Apart from everything else ----------------------------------------------------------------------------------------


def test_nothing_but_this_room_knows_the_answers() -> None:
    """No other module names the tables or models of answers and objections: so no list, export, API or page about people can show them."""
    found = subprocess.run(
        [
            "grep",
            "-rlE",
            r"equality_answers|equality_objections|equality\.models|from app\.equality import .*(models|queries|operations)",
            "app",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    outside = {Path(each).as_posix() for each in found if each.endswith(".py") and not each.startswith("app/equality/")}
    # models.py: for migrations. events.py: says that no other system is told of it. The auditor answers with people's ids alone.
    assert outside == {"app/models.py", "app/hr/events.py", "app/invariants/equality.py"}


def test_questions_about_people_take_the_actor_and_nobody_else() -> None:
    """The room has no way to ask for somebody else's answers: outside figures, every read names the actor."""
    for name in ("queries", "operations"):
        text = (ROOT / "app/equality" / f"{name}.py").read_text()
        assert not re.search(r"def \w+\([^)]*person_id", text)


def test_not_in_api_or_feed(make: Make, client: Any) -> None:
    ann = make.person("Ann")
    with as_(make, ann) as tx:
        operations.give(tx, {"religion": "06", "orientation": "02"})
    api = client("people:read", "changes:read")
    for address in (f"/api/v1/people/{ann.id}", "/api/v1/changes"):
        text = api.get(address).text.lower()
        assert "muslim" not in text and "equality" not in text and "religion" not in text, address
