"""A pool for tests: a step to measure by, words for judgements, and the people who have to do with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select

from app.core.tx import SYSTEM, Actor, Tx, transaction
from app.pathways.models import Step
from app.talent import entering, judging, operations
from app.talent.judging import Judgement
from app.talent.operations import Pool
from tests.factory import Make
from tests.pathways.steps import begin

WHY = "She steadies a whole team on a hard day."
HORIZONS = (("now", "Ready now", True), ("near", "1 to 2 years", False), ("far", "3 to 5 years", False))


@contextmanager
def as_(make: Make, person: Any, *roles: str, scope: int | None = None, writes: bool = True) -> Iterator[Tx]:
    """A transaction of this person's, with these roles and what everybody may do."""
    held = (("practitioner", None), *((role, scope) for role in roles))
    actor = Actor("person", person.id, person.name, held, organisation_id=person.organisation_id)
    with transaction(make.database, SYSTEM, writes=writes, snapshot=not writes) as tx:
        tx.actor = actor
        yield tx


@dataclass
class Scene:
    """Who is there: the principal social worker and a second one, a manager with a report, a colleague, and the pool."""

    make: Make
    council: int
    psw: Any
    second: Any
    manager: Any
    ann: Any
    bob: Any
    pool: int
    labels: dict[str, int]

    def keeper(self, person: Any = None, *, writes: bool = True) -> Any:
        """A transaction of a principal social worker's."""
        return as_(self.make, person or self.psw, "principal social worker", scope=self.council, writes=writes)

    def manages(self) -> Any:
        """A transaction of the line manager's."""
        return as_(self.make, self.manager, "line manager")

    def own(self, person: Any, *, writes: bool = True) -> Any:
        """A transaction of somebody's own."""
        return as_(self.make, person, writes=writes)

    def listed(self, person: Any = None) -> int:
        """Somebody is nominated by the principal social worker and agrees; the id of their entry."""
        person = person or self.ann
        with self.keeper() as tx:
            key = entering.nominate(tx, self.pool, person.id, WHY)
        with self.own(person) as tx:
            entering.say(tx, key, agrees=True)
        return key

    def thought(self, **changes: Any) -> Judgement:
        """A judgement: ready now, with potential."""
        return replace(Judgement(self.labels["now"], self.labels["growing"], specialist=False, reasons=WHY), **changes)

    def judged(self, entry_id: int, **changes: Any) -> int:
        """One proposes, the other confirms."""
        with self.keeper() as tx:
            key = judging.propose(tx, entry_id, self.thought(**changes))
        with self.keeper(self.second) as tx:
            judging.moderate(tx, key, confirms=True, words="I have seen the same.")
        return key


def scene(make: Make) -> Scene:
    """Everything above."""
    begin(make)
    council = make.organisation()
    team = make.unit("Team one")
    psw = make.person("Helen Psw", roles=("principal social worker",), scope=council)
    second = make.person("Sara Second", roles=("principal social worker",), scope=council)
    manager = make.person("Mo Manager", team=team)
    ann = make.person("Ann Holt", team=team, manager=manager.id, stage="SW")
    bob = make.person("Bob Bell", team=team, stage="SW")
    with make.tx() as tx:
        step = tx.scalar(select(Step.id))
        wanted = Pool("Experienced social worker", "Leads by example.", step, "EXP", critical=True, posts=3, depth_wanted=6)
        pool = operations.add_pool(tx, council, wanted)
        labels = {code: operations.add_label(tx, council, "horizon", title, code=code, ready_now=now) for code, title, now in HORIZONS}
        labels["growing"] = operations.add_label(tx, council, "potential", "Growing leader", code="growing")
    return Scene(make, council, psw, second, manager, ann, bob, pool, labels)
