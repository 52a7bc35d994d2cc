"""A panel from arranging to deciding: who may read, who judges, who decides, and what each decision leaves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import DatabaseError, IntegrityError

from app.core.errors import Changed, Conflict, Forbidden, Invalid, NotFound, Refusal
from app.core.tx import Actor, Tx, transaction
from app.policy import Can
from app.programmes import access
from app.programmes.checklist import checklist
from app.programmes.models import Enrolment, Involvement
from app.programmes.operations import judging, panels, sampling
from app.programmes.operations.judging import Verdict
from app.programmes.operations.panels import Members
from app.programmes.panel_models import Decision, PanelCase, Sample, Sitting
from app.programmes.portfolio_models import Document, Entry
from tests.factory import Make
from tests.programmes.making import Enrolled, Programmes

YES = dict.fromkeys(judging.CRITERIA, (True, ""))
CONFIRM = Verdict("confirm", "All five criteria are met.", "Well done.", "Clear evidence.")


@dataclass
class Room:
    """A sitting with a chair and two readers, and one portfolio that is ready for it."""

    make: Make
    programmes: Programmes
    enrolled: Enrolled
    coordinator: Any
    chair: Any
    first: Any
    second: Any
    sitting: int = 0
    case: int = 0

    def as_(self, person: Any, role: str | None = None, *, now: datetime | None = None) -> Any:
        """A transaction of somebody with the practitioner's and one given role."""
        roles: tuple[tuple[str, int | None], ...] = (("practitioner", None), *([(role, None)] if role else []))
        return transaction(self.make.database, Actor("person", person.id, person.name, roles), writes=True, now=now)

    def arrange(self) -> None:
        with self.as_(self.coordinator, "coordinator") as tx:
            people = (self.chair.id, self.first.id, self.second.id)
            self.sitting = panels.create_sitting(
                tx, "December panel", tx.now + timedelta(days=20), "Room 4", Members(people, self.chair.id)
            )

    def list(self) -> None:
        with self.as_(self.coordinator, "coordinator") as tx:
            self.case = panels.list_case(tx, self.sitting, self.enrolled.id, [self.first.id, self.second.id])

    def read(self) -> None:
        """Both readers have judged, and one checked that nobody can be recognised."""
        for reader in (self.first, self.second):
            with self.as_(reader, "panel member") as tx:
                panels.check_anonymised(tx, self.case)
                judging.judge(tx, self.case, YES)

    @property
    def day(self) -> datetime:
        starts_at: datetime = self.make.row(Sitting, self.sitting).starts_at
        return starts_at + timedelta(hours=3)

    def decide(self, verdict: Verdict = CONFIRM, person: Any = None, head: str | None = None) -> int:
        with self.as_(person or self.chair, "panel member", now=self.day) as tx:
            return judging.decide(tx, self.case, verdict, self.head(tx) if head is None else head)

    def head(self, tx: Tx) -> str:
        return tx.scalar(select(Entry.hash).where(Entry.enrolment_id == self.enrolled.id).order_by(Entry.sequence.desc()).limit(1)) or ""


@pytest.fixture
def room(make: Make) -> Room:
    programmes = Programmes(make)
    enrolled = programmes.enrolment()
    programmes.finished(enrolled)
    panel = [make.person(name, roles=("panel member",)) for name in ("Cora Chair", "Finn First", "Sena Second")]
    made = Room(make, programmes, enrolled, make.person("Coco Ordinator", roles=("coordinator",)), *panel)
    made.arrange()
    return made


def test_a_portfolio_is_confirmed(room: Room) -> None:
    room.list()
    assert room.make.row(Enrolment, room.enrolled.id).status == "awaiting_panel"
    room.read()
    decision = room.decide()
    after = room.make.row(Enrolment, room.enrolled.id)
    assert (after.status, after.outcome, after.decision_id) == ("completed", "pass", decision)
    kept = room.make.row(Decision, decision)
    assert (kept.kind, kept.outcome) == ("confirm", "pass") and [line["state"] for line in kept.checklist] == ["met"]
    entries = room.make.rows(
        select(Entry.kind, Entry.answer, Entry.involvement_id, Entry.decision_id).where(Entry.enrolment_id == after.id)
    )
    assert [(row.kind, row.answer, row.decision_id) for row in entries] == [("decision", "confirm pass", decision)]
    with pytest.raises(Conflict, match="decided"):
        room.decide()


def test_a_return_opens_documents_again_and_leaves_no_outcome(room: Room) -> None:
    room.list()
    room.read()
    final = room.enrolled.documents["FINAL"]
    with pytest.raises(Invalid) as refused:
        room.decide(Verdict("return", "Not enough", "Say more"))
    assert refused.value.errors[0]["field"] == "reopen"
    room.decide(Verdict("return", "The report does not weigh the third observation.", "Write about it", reopen=(final,)))
    after, document = room.make.row(Enrolment, room.enrolled.id), room.make.row(Document, final)
    assert (after.status, after.outcome) == ("in_progress", None)
    assert (document.state, document.frozen, document.waiting_for) == ("returned", None, "assessor")
    with pytest.raises(Conflict, match="not ready"):
        room.list()  # the report has to be written and signed again


def test_a_panel_that_does_not_confirm_leaves_no_outcome(room: Room) -> None:
    room.list()
    room.read()
    room.decide(Verdict("not_confirmed", "The evidence does not carry a pass."))
    after = room.make.row(Enrolment, room.enrolled.id)
    assert (after.status, after.outcome, after.decision_id) == ("awaiting_panel", None, None)
    room.list()  # another panel may take it


def test_what_keeps_a_portfolio_from_a_panel(room: Room) -> None:
    with room.make.tx() as tx:
        tx.update(Document, room.enrolled.documents["DO1"], state="draft", frozen=None)
        lines = checklist(tx, room.enrolled.id)
    assert not lines.ready and lines.missing[0].words == "5 of 6"
    with pytest.raises(Conflict, match="5 of 6"):
        room.list()


@pytest.mark.parametrize("missing", ["anonymised", "judged", "day", "head", "chair", "reasons"])
def test_a_decision_needs_all_of_it(room: Room, missing: str) -> None:
    room.list()
    for reader in (room.first, room.second):
        with room.as_(reader, "panel member") as tx:
            if missing != "anonymised":
                panels.check_anonymised(tx, room.case)
            if missing != "judged" or reader is room.first:
                judging.judge(tx, room.case, YES)
    expected: dict[str, type[Refusal]] = {"head": Changed, "chair": Forbidden, "reasons": Invalid}
    verdict = Verdict("confirm", "") if missing == "reasons" else CONFIRM
    person = room.first if missing == "chair" else room.chair
    now = None if missing == "day" else room.day
    with pytest.raises(expected.get(missing, Conflict)), room.as_(person, "panel member", now=now) as tx:
        judging.decide(tx, room.case, verdict, "0" * 64 if missing == "head" else room.head(tx))
    assert room.make.rows(select(Decision.id)) == []


def test_nobody_moderates_what_they_assessed(room: Room) -> None:
    """The assessor may sit, and leaves the room for this portfolio: no part in it, no reading by the panel's door, no judgement."""
    make = room.make
    with make.tx() as tx:
        from app.people.models import RoleHeld

        values = dict(person_id=room.enrolled.assessor.id, role="panel member", valid_from=tx.today, valid_to=tx.today + timedelta(days=99))
        tx.insert(RoleHeld, **values, recorded_at=tx.now)
    with room.as_(room.coordinator, "coordinator") as tx:
        people = (room.enrolled.assessor.id, room.first.id, room.second.id)
        room.sitting = panels.create_sitting(tx, "January panel", tx.now + timedelta(days=30), "Room 4", Members(people, people[0]))
    with pytest.raises(Conflict, match="another side"), room.as_(room.coordinator, "coordinator") as tx:
        panels.list_case(tx, room.sitting, room.enrolled.id, [room.enrolled.assessor.id, room.first.id])
    room.list()
    with room.as_(room.enrolled.assessor, "panel member") as tx:
        assert access.part(tx, Can.READ_PORTFOLIO, room.enrolled.id).capacities == ("assessor",)
        with pytest.raises(Forbidden):
            judging.judge(tx, room.case, YES)
    room.read()
    with pytest.raises(Forbidden):
        room.decide(person=room.enrolled.assessor)
    room.decide(person=room.first)  # the first reader, since the chair has left the room


def test_the_database_keeps_the_sides_apart(room: Room) -> None:
    with pytest.raises((IntegrityError, Conflict)), room.make.tx() as tx:
        tx.db.execute(
            insert(Involvement), dict(enrolment_id=room.enrolled.id, person_id=room.enrolled.assessor.id, side="moderating", since=tx.now)
        )
    with pytest.raises((IntegrityError, Conflict)), room.make.tx() as tx:
        tx.db.execute(update(Enrolment).where(Enrolment.id == room.enrolled.id).values(status="completed", outcome="pass"))
    room.list()
    room.read()
    decision = room.decide(Verdict("not_confirmed", "No."))
    with pytest.raises((IntegrityError, Conflict)), room.make.tx() as tx:  # a decision that confirmed nothing brings no outcome
        tx.db.execute(
            update(Enrolment).where(Enrolment.id == room.enrolled.id).values(status="completed", outcome="pass", decision_id=decision)
        )
    with pytest.raises((DatabaseError, Conflict)), room.make.tx() as tx:
        tx.db.execute(text("UPDATE panel_decisions SET kind = 'confirm', outcome = 'pass'"))


def test_who_may_read_and_when(room: Room) -> None:
    """A panel member reads what is listed for them, from its listing until a month after the sitting; others' portfolios never."""

    def may_read(person: Any, now: datetime | None = None) -> bool:
        with room.as_(person, "panel member", now=now) as tx:
            try:
                access.part(tx, Can.READ_PORTFOLIO, room.enrolled.id)
            except NotFound:
                return False
            return True

    stranger = room.make.person("Stan Stranger", roles=("panel member",))
    assert not may_read(room.first)
    room.list()
    assert may_read(room.first) and may_read(room.chair) and not may_read(stranger)
    assert not may_read(room.first, room.day + timedelta(days=60))
    with room.as_(room.coordinator, "coordinator") as tx:
        panels.withdraw_case(tx, room.case)
    assert not may_read(room.first) and room.make.row(Enrolment, room.enrolled.id).status == "in_progress"


def test_only_panel_members_sit(room: Room) -> None:
    with room.as_(room.coordinator, "coordinator") as tx:
        people = (room.chair.id, room.enrolled.nqsw.id)
        with pytest.raises(Conflict, match="Nell Newly"):
            panels.create_sitting(tx, "Wrong", tx.now + timedelta(days=9), "Here", Members(people, people[0]))
        with pytest.raises(Invalid):
            panels.create_sitting(tx, "", tx.now - timedelta(days=9), "", Members(people, people[0]))
    with pytest.raises(Forbidden), room.as_(room.first, "panel member") as tx:
        panels.list_case(tx, room.sitting, room.enrolled.id, [room.first.id, room.second.id])


def test_an_external_moderator_sees_the_sample_only(room: Room) -> None:
    room.list()
    room.read()
    room.decide()
    outside = room.make.person("Esme External", roles=("external moderator",))
    with pytest.raises(NotFound), room.as_(outside, "external moderator") as tx:
        access.part(tx, Can.READ_PORTFOLIO, room.enrolled.id)
    with room.as_(room.coordinator, "coordinator") as tx:
        drawn = sampling.draw_sample(tx, room.enrolled.cohort_id, outside.id)
        assert len(drawn) == 1 and sampling.draw_sample(tx, room.enrolled.cohort_id, outside.id) == []
    with room.as_(outside, "external moderator") as tx:
        access.part(tx, Can.READ_PORTFOLIO, room.enrolled.id)
        sampling.moderate(tx, drawn[0], True, "Fair and well evidenced.")
        with pytest.raises(Conflict):
            sampling.moderate(tx, drawn[0], False, "Or not.")
    with pytest.raises(NotFound), room.as_(room.first, "external moderator") as tx:
        sampling.moderate(tx, drawn[0], True, "I was not asked.")
    assert room.make.row(Sample, drawn[0]).agrees is True
    assert room.make.row(Enrolment, room.enrolled.id).outcome == "pass"


def test_a_sample_is_nobodys_choice() -> None:
    @dataclass
    class Of:
        reference: str
        outcome: str

    rows: list[Any] = [Of(f"E{n:05}", "fail" if n % 40 == 0 else "pass") for n in range(200)]
    chosen = sampling.choose(rows, 3)
    fails = [row for row, why in chosen if why == "fail"]
    assert len(fails) == 5 and 40 <= len(chosen) - 5 <= 90
    earlier = {row.reference for row, _ in sampling.choose(rows[:120], 3)}
    assert earlier <= {row.reference for row, _ in chosen}  # what was drawn stays drawn when more are decided


def test_two_decisions_at_once_are_one(room: Room) -> None:
    room.list()
    room.read()
    with room.make.tx(writes=False) as tx:
        head = room.head(tx)

    def attempt(_: int) -> bool:
        try:
            room.decide(head=head)
        except (Conflict, Changed):
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        won = list(pool.map(attempt, range(6)))
    assert won.count(True) == 1
    assert room.make.rows(select(func.count()).select_from(Decision))[0][0] == 1
    assert room.make.row(PanelCase, room.case).state == "decided"
