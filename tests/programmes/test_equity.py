"""Equity by stage of a call: counted from what became of applications, published once, small numbers hidden, and who may see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError
from starlette.testclient import TestClient

from app.core.errors import Conflict, Forbidden
from app.core.ledger import Audit
from app.core.tx import Actor, transaction
from app.equality import figures
from app.equality.models import Answer, Figures
from app.programmes.apprentice_models import Application, Call
from app.programmes.models import Cohort, Enrolment
from app.programmes.operations import equity
from tests.factory import Make
from tests.programmes.asye import asye

Enter = Callable[[Any], TestClient]
# One in this place of the answers: how far they got (an index of equity.STEPS).
PLANNED = {"01": [3] * 30 + [0] * 31, "02": [3] * 8 + [0] * 9, None: [0] * 2}  # 61 women, 17 men, 2 who did not say


@dataclass
class World:
    make: Make
    call: int
    cohort: int
    version: int
    people: list[int]

    def as_(self, person: Any, *roles: tuple[str, int | None]) -> Any:
        return transaction(self.make.database, Actor("person", person.id, person.name, (("practitioner", None), *roles)), writes=True)

    def publish(self, person: Any, call: int | None = None, role: str = "coordinator", unit: int | None = None) -> None:
        with self.as_(person, (role, unit)) as tx:
            equity.publish(tx, call or self.call)

    def found(self) -> dict[str, dict[str, tuple[int | None, ...]]]:
        with self.make.tx(writes=False) as tx:
            told = figures.published(tx, self.call)
        assert told is not None
        return {title: {line.title: line.counts for line in lines} for title, lines in told.tables}


def called(make: Make, version: int, cohort: int | None, title: str = "Leadership") -> int:
    with make.tx() as tx:
        values: dict[str, Any] = dict(
            version_id=version, cohort_id=cohort, title=title, about="About", places=40, questions=[], criteria=[]
        )
        return tx.insert(Call, **values, closes_at=tx.now - timedelta(days=1), state="open", created_at=tx.now)


def applied(make: Make, call: int, version: int, cohort: int, who: list[tuple[int, int]]) -> None:
    """These people's applications, as far as each got, with what the operations leave of it."""
    with make.tx() as tx:
        for person, step in who:
            state = "offered" if step >= 2 else "not shortlisted" if step == 0 else "declined"
            key = tx.insert(
                Application,
                call_id=call,
                person_id=person,
                answers={},
                state=state,
                submitted_at=tx.now,
                reasons="Because.",
                decided_at=tx.now,
            )
            if step >= 1:
                tx.record("application.decided", "applications", key, person_id=person, state="shortlisted")
            if step == 3:
                values = dict(person_id=person, cohort_id=cohort, version_id=version, starts_on=tx.today, fte=1)
                tx.insert(
                    Enrolment,
                    reference=f"r{call}-{person}",
                    **values,
                    ends_on=tx.today + timedelta(365),
                    eligible=[],
                    grant_reasons=[],
                    created_at=tx.now,
                )


@pytest.fixture
def world(make: Make) -> World:
    version = asye(make)
    with make.tx() as tx:
        cohort = tx.insert(Cohort, version_id=version, title="Spring", starts_on=tx.today, created_at=tx.now)
    made = World(make, called(make, version, cohort), cohort, version, [])
    planned = [(option, step) for option, reached in PLANNED.items() for step in reached]
    made.people += [make.person(f"P{n}").id for n in range(len(planned))]
    with make.tx() as tx:
        told = [(person, option) for person, (option, _) in zip(made.people, planned, strict=True) if option]
        rows = [dict(person_id=person, characteristic="sex", option=option, given_on=tx.today) for person, option in told]
        tx.db.execute(insert(Answer), rows)
    applied(make, made.call, version, cohort, [(person, step) for person, (_, step) in zip(made.people, planned, strict=True)])
    return made


def test_figures_from_what_became_of_applications(world: World) -> None:
    coordinator = world.make.person("Cai")
    world.publish(coordinator)
    hidden = (None,) * 4
    sex = world.found()["Sex"]
    # The two who did not say are hidden, and the line before them that holds anybody with them.
    assert sex == {"Female": (61, 30, 30, 30), "Male": hidden, "Not known": hidden}
    assert world.found()["Age"]["Not known"] == hidden, "that nobody answered is not said either"
    (row,) = world.make.rows(select(Figures.__table__))
    assert row.told["totals"] == [80, 38, 38, 38] and "2" not in str(row.told["characteristics"]).replace("25", "").split(), (
        "hidden: not stored"
    )


def test_steps_are_told_apart(world: World) -> None:
    with world.make.tx(writes=False) as tx:
        rows = tx.rows(equity.reached(tx.today).where(Application.call_id == world.call))
    assert sorted(row.step for row in rows) == [0] * 42 + [3] * 38
    other = called(world.make, world.version, None, "Other")
    applied(world.make, other, world.version, world.cohort, list(zip(world.people[60:64], (0, 1, 2, 0), strict=True)))
    with world.make.tx() as tx:
        tx.db.execute(
            update(Application).where(Application.call_id == other, Application.person_id == world.people[63]).values(submitted_at=None)
        )
        rows = tx.rows(equity.reached(tx.today).where(Application.call_id == other))
    assert {row.person_id: row.step for row in rows} == {world.people[60]: 0, world.people[61]: 1, world.people[62]: 2}


def test_published_once_and_never_changed(world: World) -> None:
    coordinator = world.make.person("Cai")
    world.publish(coordinator)
    before = world.found()
    with world.make.tx() as tx:
        tx.db.execute(update(Answer).values(option="02"))
    with pytest.raises(Conflict, match="already"):
        world.publish(coordinator)
    assert world.found() == before, "an answer that changes afterwards changes no figure"
    with pytest.raises((Conflict, DBAPIError)), world.make.tx() as tx:
        tx.db.execute(update(Figures).values(below=2))


def test_not_before_everything_is_decided_and_begun(world: World) -> None:
    coordinator = world.make.person("Cai")
    with world.make.tx() as tx:
        tx.update(Call, world.call, closes_at=tx.now + timedelta(days=1))
    with pytest.raises(Conflict, match="People can apply"):
        world.publish(coordinator)
    with world.make.tx() as tx:
        tx.update(Call, world.call, closes_at=tx.now - timedelta(days=1))
        tx.db.execute(update(Application).where(Application.person_id == world.people[0]).values(state="supported"))
    with pytest.raises(Conflict, match="1 application of this call waits"):
        world.publish(coordinator)
    with world.make.tx() as tx:
        tx.db.execute(update(Application).where(Application.person_id == world.people[0]).values(state="offered"))
        tx.update(Cohort, world.cohort, starts_on=tx.today + timedelta(days=3))
    with pytest.raises(Conflict, match="starts on"):
        world.publish(coordinator)


def test_two_calls_of_nearly_the_same_people(world: World) -> None:
    """Whoever subtracts one call from another would learn what the few are who are in one of them only."""
    coordinator = world.make.person("Cai")
    world.publish(coordinator)
    again = called(world.make, world.version, None, "Again")
    applied(world.make, again, world.version, world.cohort, [(person, 0) for person in world.people[1:]])
    with pytest.raises(Conflict, match="nearly the same people"):
        world.publish(coordinator, again)
    same = called(world.make, world.version, None, "The same")
    applied(world.make, same, world.version, world.cohort, [(person, 0) for person in world.people])
    world.publish(coordinator, same)  # the very same people: subtracting leaves nobody


def test_on_the_page_and_as_a_file(world: World, sign_in: Enter) -> None:
    cai, psw = world.make.person("Cai", roles=("coordinator",)), world.make.person("Pat", roles=("principal social worker",))
    page = f"/programme-calls/{world.call}/equity"
    coordinator = sign_in(cai)
    assert coordinator.get(f"{page}.csv").status_code == 404, "not published yet"
    assert "Publish the figures" in coordinator.get(page).text
    assert coordinator.post(page).status_code == 303
    for reader in (coordinator, sign_in(psw)):
        shown = reader.get(page).text
        assert "30 of 61" in shown and "(49%)" in shown and "Nothing can be shown" in shown
        lines = reader.get(f"{page}.csv").text.splitlines()
        assert lines[1] == "All applicants,All,80,38,38,38"
        assert "Sex,Female,61,30,30,30" in lines and "Sex,Male,c,c,c,c" in lines
    assert reader.get(f"{page}.xlsx").content[:2] == b"PK" and reader.get(f"{page}.pdf").status_code == 404
    assert len(world.make.rows(select(Audit.id).where(Audit.action == "equity.exported"))) == 3


def test_who_may_not_see_it(world: World, sign_in: Enter) -> None:
    cai = world.make.person("Cai")
    world.publish(cai)
    page = f"/programme-calls/{world.call}/equity"
    for role in ("HR officer", "board viewer", "administrator", "setting lead"):
        assert sign_in(world.make.person(role, roles=(role,))).get(page).status_code == 403, role
    partner = world.make.organisation("Eastmarch", host=False)
    theirs = world.make.person("Theirs")
    with pytest.raises(Forbidden, match="host"):
        world.publish(theirs, role="coordinator", unit=partner)
    draft = called(world.make, world.version, None, "Draft")
    with world.make.tx() as tx:
        tx.update(Call, draft, state="draft")
    assert sign_in(world.make.person("Co", roles=("coordinator",))).get(f"/programme-calls/{draft}/equity").status_code == 404
