"""Endorsements: asked for, given by whoever answers for the person, declined, withdrawn; never one's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.tx import Actor, Tx, transaction
from app.pathways import endorsing
from app.pathways.models import Endorsement, EndorsementAsk, Step
from tests.conftest import Ledger
from tests.factory import Make
from tests.pathways.steps import begin


class World:
    """Ann with her manager, a principal social worker, and one of another organisation."""

    def __init__(self, make: Make) -> None:
        self.make = make
        begin(make)
        council, other = make.organisation(), make.organisation("Northmoor Council", host=False)
        team = make.unit("Team one")
        self.manager = make.person("Joan Manager").id
        self.ann = make.person("Ann Holt", team=team, manager=self.manager, stage="SW").id
        self.psw = make.person("Helen Lead", roles=("principal social worker",), scope=council).id
        self.theirs = make.person("Nora North", organisation=other, roles=("principal social worker",), scope=other).id
        self.step = make.rows(select(Step.id))[0].id
        self.roles = {
            self.manager: (("practitioner", None), ("line manager", None)),
            self.psw: (("practitioner", None), ("principal social worker", council)),
            self.theirs: (("practitioner", None), ("principal social worker", other)),
            self.ann: (("practitioner", None),),
        }

    @contextmanager
    def as_(self, person: int) -> Iterator[Tx]:
        with transaction(self.make.database, Actor("person", person, roles=self.roles[person]), writes=True) as tx:
            yield tx


@pytest.fixture
def world(make: Make) -> World:
    return World(make)


def test_who_can_be_asked(world: World) -> None:
    with world.as_(world.ann) as tx:
        found = [(row.role, row.name) for row in endorsing.can_be_asked(tx, world.ann, world.step)]
    assert found == [("line manager", "Joan Manager"), ("principal social worker", "Helen Lead")]


def test_asked_given_and_told(world: World, ledger: Ledger) -> None:
    with world.as_(world.ann) as tx:
        endorsing.ask(tx, world.step, "line manager", world.manager, "  We spoke of it  in July. ")
    assert ledger.outbox() == ["email.endorsement_asked"]
    with world.as_(world.manager) as tx:
        assert [(row.name, row.words) for row in endorsing.waiting_for(tx)] == [("Ann Holt", "We spoke of it in July.")]
        key = endorsing.give(tx, world.ann, world.step, "line manager", "Ready.")
    assert ledger.outbox() == ["email.endorsement_asked", "email.endorsement_answered"]
    with world.as_(world.manager) as tx:
        assert endorsing.waiting_for(tx) == []
    ask = world.make.rows(select(EndorsementAsk.__table__))[0]
    assert (ask.state, ask.endorsement_id) == ("given", key)
    with world.as_(world.manager) as tx, pytest.raises(Conflict):
        endorsing.give(tx, world.ann, world.step, "line manager")


def test_asking_twice_and_taking_back(world: World) -> None:
    with world.as_(world.ann) as tx:
        key = endorsing.ask(tx, world.step, "line manager", world.manager)
    with pytest.raises(Conflict) as twice, world.as_(world.ann) as tx:
        endorsing.ask(tx, world.step, "line manager", world.manager)
    assert twice.value.code == "already-asked"
    with world.as_(world.manager) as tx, pytest.raises(NotFound):
        endorsing.take_back(tx, key)
    with world.as_(world.ann) as tx:
        endorsing.take_back(tx, key)
    with world.as_(world.manager) as tx, pytest.raises(Conflict):
        endorsing.decline(tx, key, "Not yet")
    with world.as_(world.ann) as tx:
        endorsing.ask(tx, world.step, "line manager", world.manager)


def test_declining_needs_a_reason_and_only_the_one_asked_declines(world: World, ledger: Ledger) -> None:
    with world.as_(world.ann) as tx:
        key = endorsing.ask(tx, world.step, "line manager", world.manager)
    with world.as_(world.psw) as tx, pytest.raises(NotFound):
        endorsing.decline(tx, key, "Not yet")
    with world.as_(world.manager) as tx, pytest.raises(Invalid):
        endorsing.decline(tx, key, " ")
    with world.as_(world.manager) as tx:
        endorsing.decline(tx, key, "After the next observation")
    assert ledger.outbox() == ["email.endorsement_asked", "email.endorsement_answered"]
    with world.as_(world.ann) as tx:
        assert [(row.state, row.words) for row in endorsing.of_step(tx, world.ann, world.step)] == [
            ("declined", "After the next observation")
        ]


def test_who_may_not_endorse(world: World) -> None:
    for person, role, refusal in (
        (world.ann, "line manager", Forbidden),
        (world.manager, "principal social worker", Forbidden),
        (world.theirs, "principal social worker", NotFound),
        (world.manager, "coordinator", Conflict),
    ):
        with world.as_(person) as tx, pytest.raises(refusal):
            endorsing.give(tx, world.ann, world.step, role)
    with world.as_(world.psw) as tx, pytest.raises(Forbidden):
        endorsing.give(tx, world.psw, world.step, "principal social worker")
    with world.as_(world.ann) as tx, pytest.raises(Invalid):
        endorsing.ask(tx, world.step, "line manager", world.psw)


def test_withdrawn_it_counted_until_then(world: World) -> None:
    with world.as_(world.manager) as tx:
        key = endorsing.give(tx, world.ann, world.step, "line manager")
        today = tx.today
    with world.make.tx() as tx:
        tx.db.execute(update(Endorsement).values(on_date=today - timedelta(days=10)))
    with world.as_(world.psw) as tx, pytest.raises(NotFound):
        endorsing.withdraw(tx, key, "Not hers")
    with world.as_(world.manager) as tx, pytest.raises(Invalid):
        endorsing.withdraw(tx, key, "")
    with world.as_(world.manager) as tx:
        endorsing.withdraw(tx, key, "Too early")
    rows = world.make.rows(select(Endorsement.__table__).order_by(Endorsement.id))
    assert [(row.superseded_at is None, row.valid_to == today) for row in rows] == [(False, False), (True, True)]
    with world.as_(world.manager) as tx, pytest.raises(Conflict):
        endorsing.withdraw(tx, key, "Again")
    with world.as_(world.manager) as tx:
        again = endorsing.give(tx, world.ann, world.step, "line manager")
        endorsing.withdraw(tx, again, "By mistake")
    assert len(world.make.rows(select(Endorsement.id).where(Endorsement.superseded_at.is_(None)))) == 1, "as if it had never been given"
