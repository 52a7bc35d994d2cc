"""Learning records for other systems: nothing private, the facts of what is shared, and word of it in the feed only while it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from starlette.testclient import TestClient

from app.core.tx import Actor
from app.hr import feed
from app.hr.change_models import Change
from app.learning import completing, records, sources
from app.learning.completing import Learnt
from app.learning.models import LearningRecord
from app.learning.records import Added, Words
from tests.factory import Make
from tests.hr.numbering import number_all
from tests.learning.test_records import KEY, acting, added

Client = Callable[..., TestClient]
LIST, SCOPES = "/api/v1/learning-records", ("learning-records:read", "changes:read")


def test_only_what_is_shared_with_systems_and_no_words(make: Make, client: Client) -> None:
    ann, ben = make.person("Ann"), make.person("Ben")
    added(make, ann, did="Private")
    added(make, ann, "a" * 32, shared=("manager", "assessor", "coordinator"), did="For my manager")
    open_ = added(make, ann, "b" * 32, shared=("systems",), did="Words that stay here", learnt="These too")
    other = added(make, ben, "c" * 32, shared=("systems",))
    api = client(*SCOPES)
    items = api.get(LIST).json()["items"]
    assert [item["id"] for item in items] == [open_, other]
    assert (items[0]["bucket"], items[0]["activity"], items[0]["minutes"]) == ("experience", "co_working", 45)
    assert "Words that stay here" not in api.get(LIST).text and "These too" not in api.get(LIST).text
    assert [item["id"] for item in api.get(LIST, params={"person": ben.id}).json()["items"]] == [other]
    assert api.get(LIST, params={"bucket": "social"}).json()["items"] == []
    assert len(api.get(LIST, params={"limit": 1}).json()["items"]) == 1
    with acting(make, ann) as tx:
        records.change(tx, open_, records.mark(tx, records.mine(tx, open_)), records.Entry(tx.today, 60, "coaching"), Added())
    (item,) = api.get(LIST, params={"person": ann.id}).json()["items"]
    assert (item["id"], item["minutes"], item["bucket"]) == (open_, 60, "social")  # the same record
    assert client("completions:read").get(LIST).status_code == 403
    elsewhere = client(*SCOPES, organisation=make.organisation("Northmoor Council", host=False))
    assert elsewhere.get(LIST).json()["items"] == []
    with acting(make, ann) as tx:
        records.share(tx, open_, ["manager"])
    assert [item["id"] for item in api.get(LIST).json()["items"]] == [other]


def test_the_feed_tells_while_it_is_shared_and_that_it_is_no_more(make: Make) -> None:
    ann = make.person("Ann")
    first, council = added(make, ann), make.organisation()
    seen = 0

    def told() -> list[tuple[str, bool]]:
        nonlocal seen
        number_all(make.database)
        with make.tx() as tx:
            tx.actor = Actor("client", 1, scopes=frozenset(SCOPES), organisation_id=council)
            rows = tx.rows(select(Change.__table__).where(Change.resource == "learning-records", Change.number > seen))
            seen = max([seen, *(row.number for row in rows)])
            return [(item["event"], item["deleted"]) for item in feed.told(tx, rows).values()]

    def change(minutes: int) -> None:
        with acting(make, ann) as tx:
            entry = records.Entry(tx.today, minutes, "coaching")
            records.change(tx, first, records.mark(tx, records.mine(tx, first)), entry, Added(Words(did=f"{minutes}")))

    def share(*audiences: str) -> None:
        with acting(make, ann) as tx:
            records.share(tx, first, audiences)

    change(10)
    share("manager")
    assert told() == []  # not even that there is one
    share("manager", "systems")
    assert told() == [("learning-record.changed", False)]
    change(20)
    assert told() == [("learning-record.changed", False)]
    share()
    assert told() == [("learning-record.removed", True)]
    change(30)
    assert told() == []  # what happens to it now is private again
    share("systems")
    assert told() == [("learning-record.changed", False)]
    with acting(make, ann) as tx:
        records.take_away(tx, first)
    assert told() == [("learning-record.removed", True)]


def test_a_correction_where_it_comes_from_is_told_of_what_is_shared(make: Make, ledger: Any) -> None:
    ann, ben, course = make.person("Ann"), make.person("Ben"), make.course()

    def attended(minutes: int | None) -> None:
        with make.tx() as tx:
            there = [Learnt(n, who.id, tx.today - timedelta(days=2), minutes, full=False) for n, who in ((1, ann), (2, ben))]
            completing.settle(tx, 9, course.id, there, "corrected")

    def met(minutes: int | None) -> None:
        with make.tx() as tx:
            wanted = None if minutes is None else sources.Learning(tx.today, minutes, "mentoring", "Mentoring")
            sources.settle(tx, "mentoring", {(5, ann.id): wanted, (5, ben.id): wanted})

    attended(60)
    met(60)
    for row in make.rows(select(LearningRecord.id).where(LearningRecord.person_id == ann.id)):
        with acting(make, ann) as tx:
            records.share(tx, row.id, ["systems"])
    ledger.start()
    for step in (attended, met):
        for minutes in (60, 30, None, 45):
            step(minutes)
    settled = ledger.entries("learning-record.settled")
    assert len(settled) == 6 and {entry.person_id for entry in settled} == {ann.id}  # not for what stayed, and nothing of Ben's
    assert len(make.rows(select(LearningRecord.id).where(LearningRecord.superseded_at.is_(None)))) == 4
    chains = make.rows(select(LearningRecord.first_id).where(LearningRecord.superseded_at.is_(None)))
    assert None not in {row.first_id for row in chains}


def test_a_key_is_one_persons(make: Make) -> None:
    """Two people whose browsers made up the same key have a record each; the list never mixes them."""
    ann, ben = make.person("Ann"), make.person("Ben")
    assert added(make, ann, KEY, shared=("systems",)) != added(make, ben, KEY, shared=("systems",))
