"""One's own list of names: it warns, it is nobody's to read, and it goes when its owner says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from starlette.testclient import TestClient

from app.core.errors import Conflict, Invalid
from app.core.ledger import Audit
from app.core.tx import Actor, transaction
from app.guarding import checking, keys, operations
from app.guarding.models import GuardDecision, GuardName
from app.people.models import Person
from app.policy import Role
from tests.factory import Make


def acting(make: Make, person: Any, *, writes: bool = True) -> Any:
    actor = Actor("person", person.id, person.name, ((Role.PRACTITIONER.value, None),))
    return transaction(make.database, actor, writes=writes)


def found(make: Make, person: Any, words: str) -> list[str]:
    with acting(make, person, writes=False) as tx:
        return [each.said for one in checking.check(tx, person.id, {"did": words}).fields for each in one.findings]


def test_a_name_on_my_list_is_found_and_on_nobody_elses(make: Make) -> None:
    ann, ben = make.person("Ann"), make.person("Ben")
    with acting(make, ann) as tx:
        assert operations.add_names(tx, " Okafor \n\nSiân Prys\nGrace\nokafor") == 3
        assert operations.add_names(tx, "OKAFOR") == 0
    words = "The Okafors came with Sian Prys. Grace was kind, with grace."
    assert found(make, ann, words) == ["Okafors", "Sian Prys"]  # a sentence's first word may be any word
    assert found(make, ann, "I asked Grace about it.") == ["Grace"]
    assert found(make, ben, words) == []


def test_no_table_and_no_trail_holds_a_name(make: Make) -> None:
    ann = make.person("Ann")
    with acting(make, ann) as tx:
        operations.add_names(tx, "Quillfeather")
    with make.tx(writes=False) as tx:
        row = tx.rows(select(GuardName.__table__))[0]
        trail = tx.rows(select(Audit.action, Audit.facts).where(Audit.subject == "guard_names"))
        assert "quillfeather" not in str([tuple(row), trail]).lower()
        assert trail[0].facts == {"names": 1}
        assert len(row.digest) == 32


def test_the_same_name_is_another_digest_for_another_person_and_under_another_key(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [make.person("Ann"), make.person("Ben")]
    for person in people:
        with acting(make, person) as tx:
            operations.add_names(tx, "Okafor")
    first = {row.digest for row in make.rows(select(GuardName.digest))}
    assert len(first) == 2
    monkeypatch.setattr(keys, "secret", lambda: b"another key" * 2)
    assert found(make, people[0], "The Okafor family") == []
    with acting(make, people[0]) as tx:
        assert (operations.held(tx).names, operations.held(tx).lost) == (0, 1)
        operations.add_names(tx, "Okafor")
        assert (operations.held(tx).names, operations.held(tx).lost) == (1, 1)
    assert found(make, people[0], "The Okafor family") == ["Okafor"]


def test_taking_off_and_emptying(make: Make) -> None:
    ann, ben = make.person("Ann"), make.person("Ben")
    for person in (ann, ben):
        with acting(make, person) as tx:
            operations.add_names(tx, "Okafor\nLawson")
    with acting(make, ann) as tx:
        operations.remove_name(tx, "okafor")
    assert found(make, ann, "Okafor and Lawson") == ["Lawson"]
    with acting(make, ann) as tx, pytest.raises(Invalid, match="not on your list"):
        operations.remove_name(tx, "Okafor")
    with acting(make, ann) as tx:
        assert operations.forget_names(tx) == 1
        assert operations.forget_names(tx) == 0
    assert found(make, ben, "Okafor and Lawson") == ["Okafor", "Lawson"]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "Enter a name"),
        ("x", "Line 1 must be a name"),
        ("Okafor\n12345", "Line 2 must be a name"),
        ("a b c d e", "at most 4 words"),
        ("A" * 81, "Line 1 must be a name"),
        ("\n".join(f"Name{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(101)), "at most 100"),
    ],
)
def test_what_is_no_name_is_refused_without_repeating_it(make: Make, typed: str, says: str) -> None:
    ann = make.person("Ann")
    with acting(make, ann) as tx, pytest.raises(Invalid, match=says) as refused:
        operations.add_names(tx, typed)
    assert "Okafor" not in str(refused.value)


def test_a_list_holds_a_hundred_names(make: Make) -> None:
    ann = make.person("Ann")
    for first in "abcd":
        with acting(make, ann) as tx:
            operations.add_names(tx, "\n".join(f"{first}nn{chr(97 + n)}ame" for n in range(25)))
    with acting(make, ann) as tx, pytest.raises(Invalid, match="at most 100"):
        operations.add_names(tx, "One More")


def test_where_real_people_work_names_need_the_councils_key(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = make.person("Ann")
    monkeypatch.setattr(keys, "usable", lambda _settings: False)
    with acting(make, ann) as tx, pytest.raises(Conflict, match="has not set the key"):
        operations.add_names(tx, "Okafor")


def test_the_page_counts_and_never_shows(make: Make, sign_in: Callable[[Any], TestClient]) -> None:
    ann = make.person("Ann")
    page = sign_in(ann)
    assert "Your list is empty" in page.get("/my-details/names").text
    done = page.post("/my-details/names", data={"names": "Okafor\nLawson"})
    assert done.status_code == 303 and "Okafor" not in done.headers["location"]
    html = page.get(done.headers["location"]).text
    assert "2 names added to your list." in html and "2 names on your list" in html and "Okafor" not in html
    html = page.post("/my-details/names", data={"names": "a b c d e f"}).text
    assert "There is a problem" in html and "a b c d e f" in html  # what was typed wrongly is still there to be put right
    assert page.post("/my-details/names/remove", data={"name": "Okafor"}).status_code == 303
    assert "1 name on your list" in page.get("/my-details/names").text
    assert page.post("/my-details/names/empty").status_code == 303
    assert "Your list is empty" in page.get("/my-details/names?said=emptied").text


def test_the_database_refuses_to_change_a_decision(make: Make) -> None:
    ann = make.person("Ann")
    with acting(make, ann) as tx:
        seen = frozenset(checking.check(tx, ann.id, {"did": "Call 07700 900123"}).marks)
        settled = checking.settle(tx, {"did": "Call 07700 900123"}, checking.Decision(take_out=False, reason="mistaken", seen=seen))
        checking.note(tx, settled, "learning_records", 7)
    for verb in ("DELETE FROM guard_decisions", "UPDATE guard_decisions SET reason = 'invented'"):
        with pytest.raises((Conflict, DBAPIError)), make.tx() as tx:
            tx.db.execute(text(verb))
    assert [row.reason for row in make.rows(select(GuardDecision.reason))] == ["mistaken"]


def test_lists_of_people_who_left_go_after_a_while(make: Make) -> None:
    gone, there, soon = make.person("Gone"), make.person("There"), make.person("Soon")
    for person in (gone, there, soon):
        with acting(make, person) as tx:
            operations.add_names(tx, "Okafor")
    with make.tx() as tx:
        for person, days in ((gone, 91), (soon, 90)):
            tx.update(Person, person.id, leaving_on=tx.today - timedelta(days=days))
    for _ in range(2):
        with make.tx() as tx:
            operations.forget_leavers(tx, tx.now)
    assert {row.person_id for row in make.rows(select(GuardName.person_id))} == {there.id, soon.id}


def test_neither_key_nor_names_are_in_a_representation(make: Make) -> None:
    ann = make.person("Ann")
    with acting(make, ann) as tx:
        operations.add_names(tx, "Okafor")
        kept = checking.names_of(tx, ann.id)
    assert kept is not None and kept.digests and repr(kept).count("digests") == repr(kept).count("secret") == 0
