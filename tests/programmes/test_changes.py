"""Pause, extension, withdrawal, transfer, working pattern, handover: who must agree, what follows, and what stays to be seen."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select

from app import invariants
from app.core.db import FOREVER
from app.core.errors import Conflict, Forbidden, Invalid, NotFound, Refusal
from app.frameworks.models import ProgrammeStage
from app.people.models import Duty, Responsibility
from app.policy import Can
from app.programmes.access import part
from app.programmes.models import Agreement, Capacity, Change, Enrolment, Involvement, Plan, StageRecord
from app.programmes.operations import applying, changes, enrol, plans
from app.programmes.portfolio_models import Entry
from app.supervision.models import SupervisionPause
from tests.factory import Make
from tests.programmes.asye import asye, cohort, nqsw
from tests.queues import acting

START = date(2026, 9, 7)


class Now:
    """The clock of these tests."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 23, 10, tzinfo=UTC)  # a Monday in the third month

    def __call__(self) -> datetime:
        return self.at

    def on(self, day: date) -> None:
        self.at = datetime(day.year, day.month, day.day, 10, tzinfo=UTC)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Now:
    clock = Now()
    monkeypatch.setattr("app.core.tx.clock", clock)
    return clock


@dataclass
class Cast:
    make: Make
    id: int
    learner: Any
    assessor: Any
    manager: Any
    coordinator: Any

    def row(self) -> Any:
        return self.make.row(Enrolment, self.id)

    def change(self, key: int) -> Any:
        return self.make.row(Change, key)

    def due(self, number: int | None = None) -> dict[int, date]:
        """Due days of a plan (the one in force), by the stage's number."""
        with self.make.tx(writes=False) as tx:
            lines = plans.plan_lines(tx, self.id, number or tx.get(Enrolment, self.id).plan_number)
            stages = {row.id: row.number for row in tx.rows(select(ProgrammeStage.id, ProgrammeStage.number))}
        return {stages[key]: day for key, day in lines.items()}

    def propose(self, who: Any, kind: str, from_on: date, to_on: date = FOREVER, reason: str = "", **details: Any) -> int:
        words = details.pop("words", None)
        with acting(self.make, who, *self._roles(who)) as tx:
            return changes.propose_change(tx, self.id, kind, from_on, to_on, reason, words, details)

    def agree(self, who: Any, change: int, agreed: bool = True, words: str | None = None) -> str:
        with acting(self.make, who, *self._roles(who)) as tx:
            return changes.agree(tx, change, agreed, words)

    def all_agree(self, change: int) -> str:
        state = "proposed"
        for who in (self.learner, self.assessor, self.manager, self.coordinator):
            if state == "proposed":
                try:
                    state = self.agree(who, change)
                except (Conflict, Forbidden):
                    state = self.change(change).state
        return state

    def _roles(self, who: Any) -> tuple[str, ...]:
        return ("coordinator",) if who is self.coordinator else ()


@pytest.fixture
def cast(make: Make, now: Now) -> Cast:
    learner = nqsw(make)
    assessor, manager = make.person("Asa Sessor", swe_number="SW900400"), make.person("Lina Manager")
    coordinator = make.person("Cora Coordinator", roles=("coordinator",))
    into = cohort(make, starts_on=START)
    with make.tx() as tx:
        key = enrol.enrol(tx, into, learner.id, START, {"assessor": assessor.id, "line_manager": manager.id})
    return Cast(make, key, learner, assessor, manager, coordinator)


def test_a_pause_takes_all_four_and_moves_what_is_to_come(cast: Cast, now: Now, ledger: Any) -> None:
    """Proposed by the assessor, who has agreed by it; the last agreement puts it into effect, with a second plan beside the first."""
    ledger.start()
    first = cast.due()
    change = cast.propose(cast.assessor, "pause", date(2026, 12, 1), date(2027, 3, 1), "bereavement", words="Family")
    assert cast.change(change).needs == ["nqsw", "assessor", "line_manager", "coordinator"]
    assert ledger.outbox().count("email.change_asked") == 2  # the learner and the manager; coordinators see it on their first page
    assert cast.agree(cast.learner, change) == "proposed"
    assert cast.agree(cast.manager, change) == "proposed"
    assert cast.due() == first
    assert cast.agree(cast.coordinator, change) == "agreed"
    assert cast.row().status == "registered"  # until the day comes
    assert cast.row().plan_number == 2
    assert cast.due(1) == first
    ninety = timedelta(days=90)
    assert cast.due(2) == {1: first[1], 2: date(2027, 8, 7) + ninety, 3: first[3] + ninety}  # 7 August is a Saturday
    with cast.make.tx(writes=False) as tx:
        pause = tx.one(select(SupervisionPause.__table__))
        assert pause is not None
        assert (pause.valid_from, pause.valid_to, pause.subject) == (date(2026, 12, 1), date(2027, 3, 1), f"enrolment:{cast.id}")
        assert tx.scalar(select(func.count()).select_from(Entry).where(Entry.kind == "agreement")) == 4
    assert ledger.outbox().count("email.plan_changed") == 1
    for day, status in ((date(2026, 12, 1), "paused"), (date(2027, 3, 1), "registered")):
        now.on(day)
        with cast.make.tx() as tx:
            applying.apply_due(tx, tx.now)
        assert cast.row().status == status
        assert sound(cast.make)


def test_a_pause_is_never_for_capability(cast: Cast) -> None:
    with pytest.raises(Conflict, match="not paused for this: Concerns about capability") as refused:
        cast.propose(cast.coordinator, "pause", date(2026, 12, 1), reason="capability")
    assert "outside the portfolio" in refused.value.way_out
    with pytest.raises(Invalid, match="Choose a reason"):
        cast.propose(cast.coordinator, "pause", date(2026, 12, 1), reason="holiday")


def test_one_refusal_settles_it_and_nothing_changes(cast: Cast) -> None:
    change = cast.propose(cast.learner, "pause", date(2026, 12, 1), date(2027, 1, 4), "support_not_delivered")
    with pytest.raises(Invalid, match="Say why you do not agree"):
        cast.agree(cast.manager, change, agreed=False)
    assert cast.agree(cast.manager, change, agreed=False, words="Support was given") == "refused"
    assert cast.row().plan_number == 1
    with pytest.raises(Conflict, match="refused already"):
        cast.agree(cast.assessor, change)
    # Another may be proposed, and taken back by whoever proposed it.
    again = cast.propose(cast.learner, "pause", date(2026, 12, 1), date(2027, 1, 4), "bereavement")
    with pytest.raises(Conflict, match="already waits to be agreed"):
        cast.propose(cast.learner, "pause", date(2027, 12, 1), date(2028, 1, 4), "bereavement")
    with pytest.raises(Forbidden), acting(cast.make, cast.manager) as tx:
        changes.cancel_change(tx, again)
    with acting(cast.make, cast.learner) as tx:
        changes.cancel_change(tx, again)
    assert cast.change(again).state == "cancelled"


def test_whoever_has_two_parts_agrees_once_for_both(make: Make, now: Now) -> None:
    learner, boss = nqsw(make), make.person("Asa Sessor", swe_number="SW900400")
    coordinator = make.person("Cora", roles=("coordinator",))
    into = cohort(make, starts_on=START)
    with make.tx() as tx:
        key = enrol.enrol(tx, into, learner.id, START, {"assessor": boss.id, "line_manager": boss.id})
    cast = Cast(make, key, learner, boss, boss, coordinator)
    change = cast.propose(learner, "extension", date(2026, 11, 23), words="More time", ends_on=date(2027, 12, 1))
    assert cast.agree(boss, change) == "proposed"
    with pytest.raises(Conflict, match="already agreed"):
        cast.agree(boss, change)
    with make.tx(writes=False) as tx:
        said = tx.rows(select(Agreement.capacity).where(Agreement.person_id == boss.id).order_by(Agreement.capacity))
        assert [row.capacity for row in said] == ["assessor", "line_manager"]
        assert tx.scalar(select(func.count()).select_from(Entry).where(Entry.person_id == boss.id)) == 1
    assert cast.agree(coordinator, change) == "agreed"
    assert cast.row().ends_on == date(2027, 12, 1)


def test_an_extension_ends_on_the_day_agreed_and_completed_stages_stay(cast: Cast) -> None:
    with cast.make.tx() as tx:
        stage = tx.scalar(select(ProgrammeStage.id).where(ProgrammeStage.number == 2))
        done = (StageRecord.enrolment_id == cast.id) & (StageRecord.stage_id == stage)
        tx.db.execute(StageRecord.__table__.update().where(done).values(state="complete", completed_at=tx.now))
    before = cast.due()
    for wrong, words in ((date(2027, 9, 1), "must be after"), (date(2029, 1, 1), "at most 24 months")):
        with pytest.raises(Invalid, match=words):
            cast.propose(cast.coordinator, "extension", date(2026, 11, 23), words="More time", ends_on=wrong)
    change = cast.propose(cast.coordinator, "extension", date(2026, 11, 23), words="More time", ends_on=date(2027, 11, 30))
    assert cast.all_agree(change) == "agreed"
    assert cast.row().ends_on == date(2027, 11, 30)
    after = cast.due()
    assert (after[1], after[2]) == (before[1], before[2])  # overdue already, and completed
    assert after[3] == date(2027, 11, 30)
    with cast.make.tx(writes=False) as tx:
        reasons = tx.rows(select(Plan.number, Plan.reason, Plan.words).where(Plan.enrolment_id == cast.id).order_by(Plan.number))
    assert [tuple(row) for row in reasons] == [(1, "start", None), (2, "extension", "More time")]


def test_a_new_working_pattern_counts_from_its_day(cast: Cast) -> None:
    before = cast.due()
    change = cast.propose(cast.manager, "working_pattern", date(2027, 1, 7), fte="0.5")
    assert cast.all_agree(change) == "agreed"
    row = cast.row()
    assert row.fte == Decimal("0.5")
    assert cast.due()[1] == before[1]
    left = date(2027, 9, 7) - date(2027, 1, 7)
    assert row.ends_on == date(2027, 1, 7) + 2 * left + timedelta(days=1)  # which is a Sunday
    assert cast.change(change).details == {"fte": "0.5", "before": "1"}
    # A second one, dated before the first: what stood at the start is still known.
    earlier = cast.propose(cast.manager, "working_pattern", date(2026, 12, 7), fte="0.8")
    assert cast.all_agree(earlier) == "agreed"
    assert cast.change(earlier).details["before"] == "1"


def test_a_handover_has_effect_from_its_day_for_both(cast: Cast, now: Now) -> None:
    """The learner, who leaves, who comes and the Academy agree. Whoever comes sees the change before they see the enrolment."""
    new = cast.make.person("Nia Next", swe_number="SW900401")
    day = date(2026, 12, 14)
    with pytest.raises(Forbidden):
        cast.propose(cast.learner, "assessor", day, person_id=new.id)
    with pytest.raises(Invalid, match="registered with Social Work England"):
        cast.propose(cast.coordinator, "assessor", day, person_id=cast.manager.id)
    change = cast.propose(cast.coordinator, "assessor", day, person_id=new.id)
    assert cast.change(change).needs == ["nqsw", "assessor", "incoming", "coordinator"]
    with acting(cast.make, new) as tx:
        assert changes.to_answer(tx, changes.seen(tx, change)[1], changes.seen(tx, change)[0]) == ["incoming"]
        with pytest.raises(NotFound):
            part(tx, Can.READ_ENROLMENT, cast.id)
    for who, state in ((new, "proposed"), (cast.learner, "proposed"), (cast.assessor, "agreed")):
        assert cast.agree(who, change) == state
    with cast.make.tx(writes=False) as tx:
        held = tx.rows(
            select(Involvement.person_id, Capacity.valid_from, Capacity.valid_to)
            .join(Capacity, Capacity.involvement_id == Involvement.id)
            .where(Capacity.capacity == "assessor")
            .order_by(Capacity.valid_from)
        )
        assert [tuple(row) for row in held] == [(cast.assessor.id, START, day), (new.id, day, FOREVER)]
        duties = tx.rows(
            select(Responsibility.holder_id, Responsibility.valid_to)
            .where(Responsibility.kind == Duty.ASSESSOR.value, Responsibility.superseded_at.is_(None))
            .order_by(Responsibility.valid_to)
        )
        assert [tuple(row) for row in duties] == [(cast.assessor.id, day), (new.id, FOREVER)]
    now.on(day)
    with acting(cast.make, new) as tx:
        assert part(tx, Can.READ_ENROLMENT, cast.id).has("assessor")


def test_a_withdrawal_ends_it_on_its_day(cast: Cast, now: Now) -> None:
    change = cast.propose(cast.learner, "withdrawal", date(2026, 12, 1), reason="left_employer")
    other = cast.propose(cast.coordinator, "extension", date(2026, 11, 23), words="More time", ends_on=date(2027, 12, 1))
    assert cast.agree(cast.coordinator, change) == "agreed"
    assert cast.row().status == "registered"
    now.on(date(2026, 12, 1))
    with cast.make.tx() as tx:
        applying.apply_due(tx, tx.now)
    assert cast.row().status == "withdrawn"
    assert cast.change(other).state == "cancelled"
    with cast.make.tx(writes=False) as tx:
        ends = tx.rows(select(Capacity.capacity, Capacity.valid_to).order_by(Capacity.capacity))
    assert dict(map(tuple, ends)) == {"assessor": date(2026, 12, 1), "line_manager": date(2026, 12, 1), "nqsw": FOREVER}
    with pytest.raises(Conflict, match="over for them"):
        cast.propose(cast.coordinator, "pause", date(2026, 12, 2), reason="bereavement")
    assert sound(cast.make)


def test_a_transfer_names_the_employer_and_who_comes_from_elsewhere_keeps_the_start(cast: Cast) -> None:
    with pytest.raises(Invalid, match="name of the new employer"):
        cast.propose(cast.coordinator, "transfer", date(2026, 11, 23))
    change = cast.propose(cast.coordinator, "transfer", date(2026, 11, 23), employer="Eastmere Council")
    assert cast.agree(cast.learner, change) == "agreed"
    assert cast.row().status == "transferred"
    into, person = cohort(cast.make, asye(cast.make), title="Joins us"), nqsw(cast.make, 7)
    with cast.make.tx() as tx:
        first = tx.scalar(select(ProgrammeStage.id).where(ProgrammeStage.number == 1))
        key = enrol.enrol(tx, into, person.id, date(2025, 10, 6), transferred_from="Eastmere Council", done=[first])
        row = tx.get(Enrolment, key)
        states = select(StageRecord.stage_id).where(StageRecord.enrolment_id == key, StageRecord.state == "complete", StageRecord.on_paper)
        assert [each.stage_id for each in tx.rows(states)] == [first]
        assert (row.transferred_from, row.starts_on, row.grant_ok) == ("Eastmere Council", date(2025, 10, 6), False)
        assert tx.scalar(select(Plan.reason).where(Plan.enrolment_id == row.id)) == "transfer"


def test_whoever_comes_back_sooner_or_later_gets_a_plan_by_the_day(cast: Cast, now: Now) -> None:
    """A pause without a known end moves nothing until they are back."""
    before = cast.due()
    change = cast.propose(cast.coordinator, "pause", date(2026, 11, 23), reason="long_term_sickness")
    with acting(cast.make, cast.coordinator, "coordinator") as tx:
        assert changes.agree_for(tx, change, "nqsw", "By telephone on 20 November") == "proposed"
    assert cast.agree(cast.assessor, change) == "proposed"
    assert cast.agree(cast.manager, change) == "agreed"
    assert (cast.row().status, cast.due()) == ("paused", before)
    now.on(date(2027, 1, 11))
    with (
        pytest.raises(Invalid, match="must be after Monday 23 November 2026"),
        acting(cast.make, cast.coordinator, "coordinator") as tx,
    ):
        applying.resume(tx, cast.id, date(2026, 11, 23))
    with acting(cast.make, cast.coordinator, "coordinator") as tx:
        applying.resume(tx, cast.id, date(2027, 1, 11))
    assert cast.row().status == "registered"
    assert cast.row().ends_on == date(2027, 9, 7) + (date(2027, 1, 11) - date(2026, 11, 23))
    with cast.make.tx(writes=False) as tx:
        live = SupervisionPause.superseded_at.is_(None)
        assert [tuple(row) for row in tx.rows(select(SupervisionPause.valid_from, SupervisionPause.valid_to).where(live))] == [
            (date(2026, 11, 23), date(2027, 1, 11))
        ]
    now.on(date(2027, 1, 12))
    with pytest.raises(Conflict, match="no pause to end"), acting(cast.make, cast.coordinator, "coordinator") as tx:
        applying.resume(tx, cast.id, date(2027, 1, 12))


def test_outsiders_and_the_learner_in_a_role_do_not_agree(cast: Cast) -> None:
    """An outsider learns nothing; a coordinator who is the learner does not agree for the Academy."""
    change = cast.propose(cast.manager, "pause", date(2026, 12, 1), date(2027, 1, 4), "bereavement")
    stranger = cast.make.person("Stan Stranger")
    with pytest.raises(NotFound):
        cast.agree(stranger, change)
    with acting(cast.make, cast.learner, "coordinator") as tx:
        assert changes.to_answer(tx, changes.seen(tx, change)[1], cast.change(change)) == ["nqsw"]
    with pytest.raises(Forbidden), acting(cast.make, cast.manager) as tx:
        changes.agree_for(tx, change, "nqsw", "She said so")


def test_a_part_that_nobody_has_is_agreed_by_the_academy(make: Make, now: Now) -> None:
    learner, coordinator = nqsw(make), make.person("Cora", roles=("coordinator",))
    into = cohort(make, starts_on=START)
    with make.tx() as tx:
        key = enrol.enrol(tx, into, learner.id, START)
    cast = Cast(make, key, learner, None, None, coordinator)
    change = cast.propose(learner, "pause", date(2026, 12, 1), date(2027, 1, 4), "bereavement")
    assert cast.change(change).needs == ["nqsw", "coordinator"]
    assert cast.agree(coordinator, change) == "agreed"


def sound(make: Make) -> bool:
    """Does everything hold that must?"""
    with make.tx(writes=False) as tx:
        return invariants.check(tx) == []


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Run these at the same time; returns what each gave or raised."""
    found: list[Any] = [None] * len(works)
    gate = threading.Barrier(len(works))

    def go(n: int, work: Callable[[], Any]) -> None:
        gate.wait()
        try:
            found[n] = work()
        except Refusal as refusal:
            found[n] = refusal

    threads = [threading.Thread(target=go, args=each) for each in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_of_two_who_agree_at_once_the_last_puts_it_into_effect_once(cast: Cast) -> None:
    change = cast.propose(cast.coordinator, "pause", date(2026, 12, 1), date(2027, 1, 4), "bereavement")
    assert cast.agree(cast.learner, change) == "proposed"
    answers = at_once(lambda: cast.agree(cast.assessor, change), lambda: cast.agree(cast.manager, change))
    assert sorted(answers) == ["agreed", "proposed"]
    assert cast.row().plan_number == 2
    with cast.make.tx(writes=False) as tx:
        assert tx.scalar(select(func.count()).select_from(Agreement)) == 4


def test_agreeing_and_refusing_at_once_leave_one_answer(cast: Cast) -> None:
    change = cast.propose(cast.coordinator, "pause", date(2026, 12, 1), date(2027, 1, 4), "bereavement")
    cast.agree(cast.learner, change)
    cast.agree(cast.manager, change)
    works = (lambda: cast.agree(cast.assessor, change, False, "No"), lambda: cast.agree(cast.assessor, change))
    answers = at_once(*works)
    assert cast.change(change).state in ("agreed", "refused")
    assert sum(isinstance(each, Refusal) for each in answers) == 1
    assert cast.row().plan_number == (2 if cast.change(change).state == "agreed" else 1)
