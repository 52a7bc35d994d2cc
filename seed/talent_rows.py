"""The county's talent pools: who was nominated by whom, who agrees to be listed, what two people thought of them, and who has looked."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

import yaml
from sqlalchemy import select

from app.core.calendar import add_months
from app.core.config import ROOT
from app.core.db import FOREVER
from app.core.tx import Tx
from app.learning.models import Completion, Course, LearningRecord
from app.learning.record_models import RecordStandard
from app.pathways import progress
from app.pathways.models import Endorsement, Requirement, Step, StepVersion
from app.pathways.versions import in_force
from app.people.models import Person, Stage
from app.policy import Role
from app.talent import exporting, listed, operations, reads
from app.talent.models import TalentAction, TalentAgreement, TalentEntry, TalentJudgement, TalentNomination, TalentPool, TalentView
from app.talent.operations import Pool
from seed.programme_rows import County
from seed.rows import morning
from seed.sample import Stage as Scene

FILE = ROOT / "seed" / "reference" / "talent.yaml"
WHY = (
    "Colleagues go to them first when work is hard, and leave with a plan.",
    "Chairs meetings so that families are heard, and keeps to what was agreed.",
    "Has brought two newly qualified colleagues through a difficult winter.",
    "Writes so clearly that others use their assessments to learn from.",
    "Steady under pressure, and says early when something is not right.",
)
OWN = (
    "I have stood in for my manager this summer and would like to do it with more preparation.",
    "I enjoy helping students, and have finished the first part of the course for it.",
    "I want to stay close to practice and lead by example.",
)
SEEN = (
    "I have seen it in three observations this year: calm, prepared, and curious about what families know.",
    "They lead our group supervision already, and the team has grown with it.",
    "Ready for more, once they have led a change from beginning to end.",
)
CONFIRMED = (
    "The evidence of the step bears this out.",
    "I discussed it with their head of service, who sees the same.",
    "I agree, with the plan as it is.",
)
VIEWS = (
    "I would like to, but not before my daughter starts school.",
    "I see myself there within a year, and would like to shadow a panel.",
)
TO_DO = ("Shadow a fostering panel", "Lead a practice forum", "Take the first leadership module", "Chair a strategy meeting with support")


def fill(scene: Scene, seed: int, moment: datetime) -> int:
    """Pools, labels and everybody in them; returns how many entries there are."""
    county, given = County(scene, scene.force, moment), yaml.safe_load(FILE.read_text(encoding="utf-8"))
    with county.system(0) as tx:
        labels = _labels(tx, given)
        pools = [(each, _pool(tx, each, moment)) for each in given["pools"]]
        writer = Writer(tx, county, random.Random(f"talent {seed}"), labels, moment)
        for each, key in pools:
            writer.people(each, key)
        writer.for_personas({each["title"]: key for each, key in pools})
    _look(county, [key for _, key in pools])
    return writer.entries


def _labels(tx: Tx, given: dict[str, Any]) -> dict[str, int]:
    found = {}
    for kind, name in (("horizon", "horizons"), ("potential", "potential")):
        for each in given[name]:
            found[each["code"]] = operations.add_label(tx, 1, kind, **each)
    return found


def _pool(tx: Tx, each: dict[str, Any], moment: datetime) -> int:
    step = tx.scalar(select(Step.id).where(Step.code == each["step"]))
    wanted = Pool(each["title"], each["about"], step, each["stage"], each["critical"], each["posts"], each["depth_wanted"])
    key = operations.add_pool(tx, 1, wanted)
    tx.update(TalentPool, key, opened_at=moment - timedelta(days=600))
    return key


class Writer:
    """Writes the past of the pools: each event on a day of its own."""

    def __init__(self, tx: Tx, county: County, chance: random.Random, labels: dict[str, int], moment: datetime) -> None:
        self.tx, self.county, self.chance, self.labels, self.moment = tx, county, chance, labels, moment
        self.psw = county.force.persona["psw"] + 1
        self.entries = 0
        self.personas = {i + 1 for i in county.force.persona.values()}

    def people(self, pool: dict[str, Any], pool_id: int) -> None:
        """Those of the stages that its step is for, who meet the step first."""
        step = next(each for each in in_force(self.tx, self.tx.today) if each.code == pool["step"])
        here = select(Person.id).join(Stage, Stage.person_id == Person.id)
        here = here.where(Person.organisation_id == 1, Person.leaving_on.is_(None), Stage.superseded_at.is_(None))
        here = here.where(Stage.stage.in_(step.applies.stages), Stage.valid_from <= self.tx.today, Stage.valid_to > self.tx.today)
        found = progress.steps(self.tx, here, [step.id], self.tx.today)
        fit = [each for each in found if each.person_id not in self.personas and self._manager(each.person_id)]
        order = {"met": 0, "lapsing": 0, "lapsed": 1, "missing": 1}
        fit.sort(key=lambda each: (order[each.status], -each.held, each.person_id))
        readied = self._make_ready(step.id, [each.person_id for each in fit[:20]], pool["ready"])
        ready = [each for each in fit if each.person_id in readied]
        others = [each for each in fit if each not in ready][: 4 * pool["people"]]
        chosen = ready + sorted(self.chance.sample(others, min(len(others), pool["people"] - len(ready))), key=lambda each: each.person_id)
        for place, each in enumerate(chosen):
            self._one(pool_id, each.person_id, place, ready=each in ready)

    def _make_ready(self, version: int, near: Sequence[int], many: int) -> set[int]:
        """Some who lack only what can be learnt, taught or endorsed have it now."""
        wanted = {row.id: row for row in self.tx.rows(select(Requirement.__table__).where(Requirement.version_id == version))}
        who = select(Person.id).where(Person.id.in_(near))
        lacks: dict[int, list[Any]] = {key: [] for key in near}
        for each in progress.met(self.tx, who, [version], self.tx.today):
            if each.status not in ("met", "lapsing"):
                lacks[each.person_id].append(wanted[each.requirement_id])
        able = [key for key in near if all(row.kind in self._GIVEN for row in lacks[key]) and self._manager(key) != self.psw][:many]
        for key in able:
            for row in lacks[key]:
                self._GIVEN[row.kind](self, key, row)
        return set(able)

    def _complete(self, person_id: int, row: Any) -> None:
        ago = self.chance.randint(20, 200)
        course = self.tx.get(Course, row.course_id)
        ends = add_months(self._day(ago), course.validity_months) if course.validity_months else None
        values = dict(completed_on=self._day(ago), expires_on=ends, source="import", recorded_at=self._at(ago))
        self.tx.insert(Completion, person_id=person_id, course_id=row.course_id, **values)

    def _learn(self, person_id: int, row: Any) -> None:
        for n in range(row.times or 1):
            ago = self.chance.randint(20, 200) + n
            values = dict(minutes=row.minutes or 120, bucket="experience", source="own", recorded_at=self._at(ago))
            title = "A practice audit" if row.activity == "practice_audit" else "Time given to colleagues’ practice"
            about = dict(on_date=self._day(ago), title=title, activity=row.activity or "shadowing")
            key = self.tx.insert(LearningRecord, person_id=person_id, **about, **values)
            if row.standard:
                self.tx.insert(RecordStandard, first_id=key, standard=row.standard, slot=1, recorded_at=self._at(ago))

    def _endorse(self, person_id: int, row: Any) -> None:
        by = {"line manager": self._manager(person_id), "coordinator": self.county.force.persona["coordinator"] + 1}
        step = self.tx.scalar(select(StepVersion.step_id).where(StepVersion.id == row.version_id))
        values = dict(role=row.role, endorsed_by=by.get(row.role, self.psw), on_date=self._day(40), recorded_at=self._at(40))
        self.tx.insert(Endorsement, person_id=person_id, step_id=step, words=None, valid_to=FOREVER, **values)

    _GIVEN: ClassVar[dict[str, Any]] = {"course": _complete, "standard": _learn, "records": _learn, "endorsement": _endorse}

    def _manager(self, person_id: int) -> int | None:
        managers = self.county.force.people[person_id - 1].managers
        return managers[-1][1] + 1 if managers else None

    def _one(self, pool_id: int, person_id: int, place: int, *, ready: bool) -> None:
        ago = self.chance.randint(60, 500)
        own = self.chance.random() < 0.3
        entry = self.enter(pool_id, person_id, ago, None if own else self._manager(person_id))
        if not own and place % 9 == 7:
            return  # has not answered
        agrees = own or place % 9 != 8
        agreed = ago if own else ago - self.chance.randint(1, 12)
        self.agree(entry, person_id, agreed, agrees=agrees)
        if not agrees:
            return
        if self.chance.random() < 0.4:
            self.say(entry, agreed - 2)
        if self.chance.random() < 0.75 or ready:
            self.judge(entry, person_id, agreed - 20, "now" if ready else self.chance.choice(("one-to-two", "one-to-two", "three-to-five")))
        if self.chance.random() < 0.5:
            self.act(entry, person_id, agreed - 25)
        if place % 11 == 10:
            left = dict(left_on=self._day(30), left_at=self._at(30), left_why="appointed")
            self.tx.update(TalentEntry, entry, **left)

    def _at(self, ago: float) -> datetime:
        return morning((self.moment - timedelta(days=ago)).date())

    def _day(self, ago: float) -> date:
        return (self.moment - timedelta(days=ago)).date()

    def enter(self, pool_id: int, person_id: int, ago: int, by: int | None) -> int:
        """Nominated by somebody, or by themselves; returns the entry."""
        self.entries += 1
        values = dict(entered_on=self._day(ago), entered_at=self._at(ago), left_on=FOREVER)
        entry = self.tx.insert(TalentEntry, pool_id=pool_id, person_id=person_id, **values)
        reasons = self.chance.choice(OWN if by is None else WHY)
        self.tx.insert(TalentNomination, entry_id=entry, nominated_by=by or person_id, reasons=reasons, recorded_at=self._at(ago))
        return entry

    def agree(self, entry: int, person_id: int, ago: int, *, agrees: bool) -> None:
        """Their word."""
        values = dict(on_date=self._day(ago), recorded_at=self._at(ago), until=FOREVER)
        self.tx.insert(TalentAgreement, entry_id=entry, person_id=person_id, agrees=agrees, **values)

    def say(self, entry: int, ago: int) -> None:
        """Their own view."""
        self.tx.insert(TalentView, entry_id=entry, words=self.chance.choice(VIEWS), recorded_at=self._at(ago))

    def judge(self, entry: int, person_id: int, ago: int, horizon: str, *, confirmed: bool = True) -> None:
        """Proposed by their manager, moderated by the principal social worker, who cannot moderate what she proposed herself."""
        if self._manager(person_id) == self.psw:
            return
        potential = (
            "ready-for-promotion" if horizon == "now" else self.chance.choice(("growing-leader", "potential-leader", "high-potential"))
        )
        specialist = self.chance.random() < 0.1
        values = dict(potential_id=self.labels[potential], horizon_id=self.labels[horizon], specialist=specialist, until=FOREVER)
        by = dict(proposed_by=self._manager(person_id), proposed_on=self._day(ago), recorded_at=self._at(ago))
        settled: dict[str, Any] = {}
        if confirmed:
            then = ago - 9
            settled = dict(moderated_by=self.psw, moderated_on=self._day(then), moderated_at=self._at(then))
            settled["moderation"] = self.chance.choice(CONFIRMED)
        state = "confirmed" if confirmed else "proposed"
        about = dict(entry_id=entry, person_id=person_id, reasons=self.chance.choice(SEEN), state=state)
        self.tx.insert(TalentJudgement, **about, **values, **by, **settled)

    def act(self, entry: int, person_id: int, ago: int) -> None:
        """Something is agreed; half of it is done, and some is late."""
        due = self.chance.randint(-90, 120)
        done = self._day(-due) if due < -20 and self.chance.random() < 0.8 else None
        values = dict(who_id=person_id, by_date=self._day(-due), done_on=done, told_at=self._at(0) if due < 8 else None)
        written = dict(recorded_by=self.psw, recorded_at=self._at(ago))
        self.tx.insert(TalentAction, entry_id=entry, number=1, words=self.chance.choice(TO_DO), **values, **written)

    def for_personas(self, pools: dict[str, int]) -> None:
        """Priya was nominated by her manager and has not answered; Grace is listed, judged, and reads it; a judgement waits for Helen."""
        force = self.county.force
        joanne, priya, grace = (force.persona[key] + 1 for key in ("manager", "practitioner", "assessor"))
        self.enter(pools["Senior or advanced practitioner"], priya, 6, joanne)
        entry = self.enter(pools["Assistant team manager"], grace, 200, None)
        self.agree(entry, grace, 200, agrees=True)
        self.say(entry, 190)
        if self._manager(grace):
            self.judge(entry, grace, 160, "one-to-two")
        self.act(entry, grace, 120)
        hers = [i + 1 for i in self.county.stage.reports(joanne - 1, besides=tuple(force.persona.values()))]
        for person in hers[:2]:
            entry = self.enter(pools["Practice educator"], person, 90, joanne)
            self.agree(entry, person, 80, agrees=True)
            self.judge(entry, person, 4, "one-to-two", confirmed=False)


def _look(county: County, pools: Sequence[int]) -> None:
    """The principal social worker has looked at every pool, and taken one away for a meeting."""
    helen = county.force.persona["psw"]
    for place, key in enumerate(pools):
        with county.as_(helen, 12 - place, Role.PSW) as tx:
            pool = tx.get(TalentPool, key)
            asked = listed.Asked(tx.today, tx.now)
            version = listed.version_of(tx, pool, asked)
            shown = [line.row.person_id for line in listed.one_page(tx, pool, asked, version, 1)[1]]
            reads.keep(tx, reads.Seen(key, "view", tx.today, tx.now, {"page": 1}), shown)
            if place == 0:
                purpose = "Succession planning with heads of service"
                made = exporting.take(tx, pool, asked, "xlsx", purpose)
                made.drop()
                told = dict(purpose=purpose, file_type="xlsx", digest=made.digest)
                reads.keep(tx, reads.Seen(key, "export", tx.today, tx.now, {}, asked.known_at, **told), made.people)
