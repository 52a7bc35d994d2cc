"""One's own records: written once however often they are sent, never overwritten, private until shared, and nobody else's to touch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from app.core.errors import Changed, Conflict, Forbidden, Invalid, NotFound
from app.core.tx import Actor, Tx, transaction
from app.frameworks.models import Standard, StandardsSet
from app.grants import Role
from app.learning import drafts, record_queries, records, sources
from app.learning.models import LearningRecord
from app.learning.record_models import RecordDraft, Reflection
from app.learning.records import Added, Entry, Words
from tests.factory import Make

KEY, OTHER = "0123456789abcdef" * 2, "f" * 32
DAY = timedelta(days=1)
ROLES = ("practitioner", "line manager", "assessor")


@contextmanager
def acting(make: Make, person: Any, *roles: str, writes: bool = True) -> Iterator[Tx]:
    held = tuple((role, None) for role in roles or ROLES)
    with transaction(make.database, Actor("person", person.id, person.name, held), writes=writes) as tx:
        yield tx


def entry(tx: Tx, minutes: int = 45, activity: str = "co_working", title: str = "") -> Entry:
    return Entry(tx.today - DAY, minutes, activity, title)


def added(make: Make, person: Any, key: str = KEY, *, shared: tuple[str, ...] = (), **words: Any) -> int:
    with acting(make, person) as tx:
        return records.add(tx, key, entry(tx), Added(Words(**words)), shared)


def standards(make: Make) -> None:
    with make.tx() as tx:
        key = tx.insert(StandardsSet, code="S", version="1", title="Standards")
        tx.db.execute(insert(Standard), [dict(code=f"S-{n}", set_id=key, number=n, title=f"Standard {n}") for n in range(1, 5)])


def test_sent_twice_is_one_record_and_the_draft_goes(make: Make, ledger: Any) -> None:
    ann, ben = make.person("Ann"), make.person("Ben")
    with acting(make, ann) as tx:
        drafts.keep(tx, KEY, {"title": "Half a wo", "unheard_of": "x"})
    ledger.start()
    first = added(make, ann, learnt="To listen longer")
    assert added(make, ann, learnt="Quite other words") == first
    assert added(make, ben) != first  # the same key in another browser is another record
    row = make.rows(select(LearningRecord.__table__).where(LearningRecord.person_id == ann.id))[0]
    assert (row.bucket, row.title, row.source, row.minutes) == ("experience", "Co-working", "own", 45)
    assert [row.learnt for row in make.rows(select(Reflection.learnt))] == ["To listen longer"]
    assert make.rows(select(RecordDraft.draft_key)) == [] and ledger.actions() == ["learning-record.added"] * 2
    assert "listen" not in str([each.facts for each in ledger.entries("learning-record.added")])


def test_what_is_wrong_is_said_at_once(make: Make) -> None:
    ann = make.person("Ann")
    with pytest.raises(Invalid) as refused, acting(make, ann) as tx:
        records.add(
            tx, KEY, Entry(tx.today + DAY, 0, "napping", "y" * 151), Added(Words("x" * 10_001, peer_on=tx.today), ("S-9",)), ["all"]
        )
    fields = {error["field"] for error in refused.value.errors}
    assert fields == {"activity", "title", "on_date", "hours", "did", "peer_with", "standards", "audiences"}
    for key in ("", "short", "../../etc", KEY.upper()):
        with pytest.raises(Invalid), acting(make, ann) as tx:
            records.add(tx, key, entry(tx))
    assert make.rows(select(LearningRecord.id)) == []


def test_a_change_keeps_what_stood_there_and_the_same_again_is_no_change(make: Make) -> None:
    standards(make)
    ann = make.person("Ann")
    first = added(make, ann, did="A first visit")
    with acting(make, ann) as tx:
        old = records.mark(tx, records.mine(tx, first))
        new = Added(Words("A first visit", "To ask first", peer_with="My team", peer_on=tx.today), ("S-2", "S-1"))
        records.change(tx, first, old, entry(tx, 90, title="A visit"), new)
    with acting(make, ann) as tx:  # the answer was lost, so it is sent again, from what was there before
        records.change(tx, first, old, entry(tx, 90, title="A visit"), new)
        with pytest.raises(Changed):
            records.change(tx, first, old, entry(tx, 91, title="A visit"), new)
        with pytest.raises(Invalid):
            records.change(tx, first, old, None, Added(standards=("S-1", "S-2", "S-3", "S-4")))
    chain = make.rows(select(LearningRecord.__table__).order_by(LearningRecord.id))
    assert [(row.minutes, row.first_id, row.superseded_at is None) for row in chain] == [(45, None, False), (90, first, True)]
    with acting(make, ann, writes=False) as tx:
        assert records.tags(tx, first) == ["S-2", "S-1"]
        told = [each.what for each in record_queries.history(tx, first)]
        seen = record_queries.one(tx, first)
    assert seen.row.minutes == 90 and "Reflection changed" in told and "Reflection written" in told
    assert "Standard chosen: Standard 2" in told and len(told) == 6


def test_taken_away_it_is_its_owners_alone(make: Make) -> None:
    boss = make.person("Mo")
    ann = make.person("Ann", manager=boss.id)
    first = added(make, ann, shared=("manager",), did="Something")
    with acting(make, boss, writes=False) as tx:
        assert record_queries.one(tx, first).row.title == "Co-working"
    with acting(make, ann) as tx:
        records.take_away(tx, first)
    with acting(make, boss, writes=False) as tx:
        with pytest.raises(NotFound):
            record_queries.one(tx, first)
        assert record_queries.shared_by(tx, ann.id, 0, 25) == []
    with acting(make, ann) as tx:
        assert record_queries.one(tx, first).gone and [row.first for row in record_queries.gone(tx, 0, 25)] == [first]
        assert record_queries.history(tx, first)[0].what == "Counts no more"
        with pytest.raises(Conflict):
            records.take_away(tx, first)
        with pytest.raises(Conflict):
            records.share(tx, first, ["manager"])


def test_what_was_brought_is_reflected_on_and_not_changed(make: Make) -> None:
    ann = make.person("Ann")
    with make.tx() as tx:
        sources.settle(tx, "mentoring", {(3, ann.id): sources.Learning(tx.today, 60, "mentoring", "Mentoring")})
    first = make.rows(select(LearningRecord.id))[0].id
    with acting(make, ann) as tx:
        old = records.mark(tx, records.mine(tx, first))
        records.change(tx, first, old, None, Added(Words(learnt="Patience")))
        with pytest.raises(Conflict):
            records.change(tx, first, old, entry(tx), Added())
        with pytest.raises(Conflict):
            records.take_away(tx, first)
    with make.tx() as tx:  # corrected where it comes from
        sources.settle(tx, "mentoring", {(3, ann.id): sources.Learning(tx.today, 30, "mentoring", "Mentoring")})
    with acting(make, ann, writes=False) as tx:
        seen, thought = record_queries.one(tx, first), records.reflection(tx, first)
    assert seen.row.minutes == 30 and thought is not None and thought.learnt == "Patience"


def test_drafts_are_their_writers_few_and_forgotten(make: Make) -> None:
    ann, ben = make.person("Ann"), make.person("Ben")
    with acting(make, ann) as tx:
        drafts.keep(tx, KEY, {"title": "Half", "standards": ["S-1", "S-2"]})
        drafts.keep(tx, KEY, {"title": "More than half", "standards": ["S-1"]})
        assert drafts.one(tx, KEY) is not None
        with pytest.raises(Invalid):
            drafts.keep(tx, OTHER, {"did": "x" * 12_001})
        with pytest.raises(Invalid):
            drafts.keep(tx, "not a key", {"did": "x"})
    with acting(make, ben) as tx:
        assert drafts.one(tx, KEY) is None and drafts.mine(tx) == []
        drafts.discard(tx, KEY)
        drafts.keep(tx, KEY, {"title": "Ben's"})
        for n in range(drafts.MOST - 1):
            drafts.keep(tx, f"{n:032x}", {"title": "x"})
        with pytest.raises(Conflict):
            drafts.keep(tx, OTHER, {"title": "x"})
    with acting(make, ann) as tx:
        assert [row.words["title"] for row in drafts.mine(tx)] == ["More than half"]
    with make.tx() as tx:
        tx.db.execute(update(RecordDraft).where(RecordDraft.person_id == ben.id).values(changed_at=tx.now - timedelta(days=91)))
        drafts.forget_old(tx, tx.now)
    assert {row.person_id for row in make.rows(select(RecordDraft.person_id))} == {ann.id}


# Who sees it -------------------------------------------------------------------------------------------------------


def test_private_is_private_and_shared_is_shared_with_whom_it_says(make: Make) -> None:
    """Everybody who could have an interest, against every way of sharing."""
    team = make.unit("Assessment")
    head = make.person("Hal")
    boss = make.person("Mo", manager=head.id, team=team)
    ann = make.person("Ann", manager=boss.id, team=team)
    assessor, colleague, coordinator = make.person("Asa"), make.person("Col", manager=boss.id, team=team), make.person("Cai")
    make.assessor(assessor.id, ann.id)
    readers: dict[str, tuple[Any, Role]] = {
        "manager": (boss, Role.MANAGER),
        "their manager": (head, Role.MANAGER),
        "assessor": (assessor, Role.ASSESSOR),
        "coordinator": (coordinator, Role.COORDINATOR),
        "colleague": (colleague, Role.MANAGER),
        "psw": (coordinator, Role.PSW),
        "hr": (coordinator, Role.HR),
        "administrator": (coordinator, Role.ADMINISTRATOR),
        "setting lead": (coordinator, Role.SETTING_LEAD),
    }
    first = added(make, ann, did="What nobody else reads")

    def who(audiences: list[str]) -> set[str]:
        with acting(make, ann) as tx:
            records.share(tx, first, audiences)
        seen = set()
        for name, (reader, role) in readers.items():
            with acting(make, reader, "practitioner", role, writes=False) as tx:
                try:
                    record_queries.one(tx, first)
                except NotFound:
                    listed: Any = record_queries.shared_by(tx, ann.id, 0, 25)
                    assert list(listed) == [], name
                    continue
                assert [row.first for row in record_queries.shared_by(tx, ann.id, 0, 25)] == [first], name
                seen.add(name)
        return seen

    assert who([]) == set()
    assert who(["systems"]) == set()
    assert who(["manager"]) == {"manager", "their manager"}
    assert who(["assessor"]) == {"assessor"}
    assert who(["coordinator", "systems"]) == {"coordinator"}
    assert who(["assessor", "manager", "coordinator"]) == {"manager", "their manager", "assessor", "coordinator"}
    assert who([]) == set()  # and taken back


def test_nobody_else_writes_in_it(make: Make) -> None:
    boss = make.person("Mo")
    ann = make.person("Ann", manager=boss.id)
    first = added(make, ann, shared=("manager",))
    attacks: tuple[Callable[[Tx], Any], ...] = (
        lambda tx: records.change(tx, first, "", None, Added(Words("Mine now"))),
        lambda tx: records.take_away(tx, first),
        lambda tx: records.share(tx, first, ["systems"]),
        lambda tx: records.remove_file(tx, first, 1),
    )
    for attack in attacks:
        with pytest.raises(NotFound), acting(make, boss) as tx:
            attack(tx)
        with pytest.raises(Forbidden), transaction(make.database, Actor("person", boss.id, "", ()), writes=True) as tx:
            attack(tx)
    with acting(make, ann) as tx:
        assert records.reflection(tx, first) is None and records.shared_with(tx, first) == ["manager"]
