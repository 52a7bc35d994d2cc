"""Draws random histories of learning and careers, writes them to a database as they would have been recorded, and tells the oracle.

What was corrected later stands there as it would: the row that was wrong, superseded, and the row that took its place, if any did.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import insert, update

from app.core.db import FOREVER, Base, Database
from app.frameworks.models import Programme, ProgrammeVersion, Standard, StandardsSet, SupervisionRule
from app.learning.models import Completion, Course, LearningRecord
from app.learning.record_models import RecordStandard
from app.pathways.models import COLUMNS, Endorsement, Requirement, RequirementCourse, RequirementGroup, Step, StepVersion
from app.people.models import Absence, CareerStage, Membership, Person, Post, Registration, RoleHeld, Stage, Unit, UnitClosure
from app.programmes.models import Cohort, Enrolment
from app.programmes.panel_models import Decision
from app.programmes.portfolio_models import Document, Entry, Revision
from app.supervision.action_models import SupervisionDefault
from app.supervision.models import Supervision, SupervisionPause, SupervisionTerm
from app.supervision.pdr_models import Pdr, PdrCycle, PdrEvent
from tests.factory import Make
from tests.pathways.crowd import unchecked
from tests.property.pathways_oracle import Fact, World

STAGES = ("NQSW", "SW", "EXP", "TM")
COURSES, STANDARDS = range(1, 7), ("ST1", "ST2", "ST3")
CURRICULA: dict[int, tuple[str, int | None, tuple[int, ...]]] = {1: ("all", None, (1, 2)), 2: ("any", 2, (2, 3, 4, 5))}
PROGRAMMES = ("PRO1", "PRO2")
HOST, OTHER = 1, 2  # organisations
PARENTS: dict[int, int | None] = {HOST: None, OTHER: None, 3: HOST, 4: 3, 5: OTHER}
TEAMS = (3, 4, 5)
RULES: dict[int, Fact] = {
    1: {"counts": ["professional", "reflective"], "periods": [{"label": "monthly", "from_month": 0, "every_months": 1}]},
    2: {
        "counts": ["professional", "case"],
        "periods": [
            {"label": "weekly", "from_day": 0, "to_day": 42, "every_days": 7},
            {"label": "fortnightly", "from_day": 42, "to_month": 6, "every_days": 14},
            {"label": "every other month", "from_month": 6, "every_months": 2},
        ],
    },
}
FIRST, LAST = date(2022, 1, 1), date(2026, 6, 30)
HARD = (
    date(2023, 1, 31),
    date(2024, 1, 31),
    date(2024, 2, 29),
    date(2023, 2, 28),
    date(2024, 3, 31),
    date(2024, 10, 31),
    date(2025, 2, 28),
)
KINDS = ("course", "curriculum", "programme", "standard", "records", "months_in_stage", "registration", "pdr", "supervision", "endorsement")
PLAIN: dict[str, Any] = dict.fromkeys(COLUMNS)


def begin(make: Make) -> None:
    """What all histories on a database share: courses, programmes, rules and two organisations."""
    with make.tx() as tx:
        tx.insert_many(CareerStage, [dict(code=code, title=code, rank=n, stage_group="practitioner") for n, code in enumerate(STAGES)])
        tx.insert_many(Programme, [dict(code=code, title=code, former_names=[]) for code in PROGRAMMES])
        tx.insert(StandardsSet, code="ST", version="1", title="Standards")
        tx.insert_many(Standard, [dict(code=code, set_id=1, number=n, title=code) for n, code in enumerate(STANDARDS)])
        stated: dict[str, Any] = dict(version="1", title="P", state="published", published_at=tx.now, created_at=tx.now, nominal_months=12)
        for n, code in enumerate(PROGRAMMES, 1):
            tx.insert(ProgrammeVersion, id=n, programme_code=code, definition={}, digest="", **stated)
        tx.insert(Cohort, id=1, version_id=1, title="All", starts_on=FIRST, created_at=tx.now)
        for n, rule in RULES.items():
            tx.insert(SupervisionRule, id=n, code=f"R{n}", version="1", title=f"Rule {n}", definition=rule, state="published")
    with unchecked(make.database) as db:
        plain = dict(
            summary="", outcomes="", kind="masterclass", status="published", created_at=datetime.now(UTC), updated_at=datetime.now(UTC)
        )
        db.execute(insert(Course), [dict(id=n, slug=f"c{n}", title=f"Course {n}", **plain) for n in COURSES])
        due = dict(new_days=90, away_days=60)
        for n, year in enumerate((2022, 2023, 2024, 2025, 2026), 1):
            dates = dict(starts_on=date(year, 1, 1), ends_on=date(year, 12, 31), objectives_by=date(year, 3, 1))
            more = dict(mid_year_by=date(year, 7, 1), complete_by=date(year, 12, 31))
            db.execute(insert(PdrCycle), dict(id=n, organisation_id=1, title=str(year), **dates, **more, **due))


@dataclass
class Drawn:
    """One history: what was recorded of some people, and the steps they are asked about."""

    seed: int
    people: list[int] = field(default_factory=list)
    world: World = field(default_factory=World)
    rows: list[tuple[type[Base], dict[str, Any]]] = field(default_factory=list)
    days: list[date] = field(default_factory=list)  # on which something begins or ends
    instants: list[datetime] = field(default_factory=list)  # at which something was recorded

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.next = count(1 + self.seed * 10_000)
        self.world.rules = RULES
        self._units()
        self._steps()
        for _ in range(6):
            self._person()
        if self.seed % 3:
            self._periods("defaults", SupervisionDefault, {"unit_id": self.unit[3], "unit": self.unit[3]}, "rule", "rule_id", list(RULES))
        if self.seed % 2:
            self._periods("defaults", SupervisionDefault, {"unit_id": self.unit[HOST], "unit": self.unit[HOST]}, "rule", "rule_id", [1])

    def _units(self) -> None:
        """Two organisations of this history's own, with teams."""
        self.unit = {n: next(self.next) for n in PARENTS}
        for n, parent in PARENTS.items():
            key, depth = self.unit[n], 0
            organisation = self.unit[OTHER if n in (OTHER, 5) else HOST]
            self.world.organisation[key] = organisation
            self.world.parents[key] = None if parent is None else self.unit[parent]
            named = dict(code=f"u{key}", name=f"Unit {key}", host=n == HOST, organisation_id=organisation)
            kind = "organisation" if parent is None else "team"
            self.rows.append((Unit, dict(id=key, kind=kind, parent_id=self.world.parents[key], **named)))
            line: int | None = n
            while line is not None:
                self.rows.append((UnitClosure, dict(ancestor_id=self.unit[line], descendant_id=key, depth=depth)))
                line, depth = PARENTS[line], depth + 1
        self.world.hosts = {self.unit[HOST]}

    # drawing ---------------------------------------------------------------------------------------------------------

    def day(self) -> date:
        """Some day, often one on which months are hard to count."""
        if self.chance.random() < 0.25:
            return self.chance.choice(HARD)
        return FIRST + timedelta(days=self.chance.randrange((LAST - FIRST).days))

    def instant(self, after: date) -> datetime:
        """Some time after a day: at once, or much later; sometimes in the hour that is another day in London."""
        delay = self.chance.choice((0, 0, 1, 5, 40, 200, 500))
        return datetime(after.year, after.month, after.day, self.chance.choice((0, 9, 22, 23)), 30, tzinfo=UTC) + timedelta(days=delay)

    def put(self, table: str, model: type[Base], fact: Fact, **columns: Any) -> None:
        """A row for the database and for the oracle."""
        self.world.facts.setdefault(table, []).append(fact)
        known: Fact = {name: fact[name] for name in ("recorded_at", "superseded_at") if name in fact}
        self.rows.append((model, {**columns, **known}))
        self.days += [value for value in fact.values() if type(value) is date and value < FOREVER]
        self.instants += [value for value in fact.values() if isinstance(value, datetime)]

    def versions_of(self, on: date, draw: Any) -> Iterable[Fact]:
        """A fact of a day as first recorded, corrected and perhaps withdrawn: what `draw` makes, with when each was known."""
        recorded = self.instant(on)
        for turn in count():
            last = turn == 2 or self.chance.random() < 0.65
            ended = None if last else self.instant(recorded.date() + timedelta(days=1))
            yield draw() | dict(recorded_at=recorded, superseded_at=ended)
            if ended is None or self.chance.random() < 0.3:  # it stands, or it is withdrawn
                return
            recorded = ended

    def _periods(self, table: str, model: type[Base], of: Fact, name: str, column: str, choices: Sequence[Any], **more: Any) -> None:
        """Periods that do not overlap; now and then all of them are corrected."""
        edges = sorted({self.day() for _ in range(self.chance.choice((2, 3, 4)))})
        recorded = self.instant(edges[0])
        for turn in range(2):
            ended = self.instant(recorded.date() + timedelta(days=1)) if turn == 0 and self.chance.random() < 0.35 else None
            for starts, ends in zip(edges, [*edges[1:], FOREVER], strict=True):
                if self.chance.random() < 0.2:
                    continue  # a hole
                value = self.chance.choice(choices)
                period = dict(valid_from=starts, valid_to=ends)
                fact = {**of, **period, name: value, **more, "recorded_at": recorded, "superseded_at": ended}
                held = {key: value for key, value in {**of, **more}.items() if key in model.__table__.c}
                self.put(table, model, fact, **{**held, **period, column: value})
            if ended is None:
                return
            edges, recorded = sorted({self.day() for _ in range(3)}), ended

    # people ----------------------------------------------------------------------------------------------------------

    def _person(self) -> None:
        who, chance = next(self.next), self.chance
        self.people.append(who)
        self.world.employer[who] = self.unit[chance.choice((HOST, HOST, OTHER))]
        named = dict(first_name="Pat", last_name=str(who), name=f"Pat {who}", sort_name=f"pat {who}")
        made = dict(created_at=datetime.now(UTC), updated_at=datetime.now(UTC))
        self.rows.append((Person, dict(id=who, organisation_id=self.world.employer[who], **named, **made)))
        of = {"person": who, "person_id": who}
        job = dict(job_title="Social worker", fte=1, is_primary=True)
        self._periods("posts", Post, of, "contract", "contract", ("permanent", "agency"), **job)
        self._periods("stages", Stage, of, "stage", "stage", STAGES[:3])
        self._periods("memberships", Membership, of, "unit", "unit_id", [self.unit[n] for n in TEAMS])
        self._periods("registrations", Registration, of, "status", "status", ("registered", "conditions", "suspended", "removed"))
        self._periods("roles", RoleHeld, of, "role", "role", ("coordinator", "hr"))
        self._periods("absences", Absence, of, "why", "person_id", [who]) if chance.random() < 0.5 else None
        self._periods("pauses", SupervisionPause, of, "why", "person_id", [who]) if chance.random() < 0.3 else None
        self._learning(who)
        self._development(who, of)
        self._programmes(who)

    def _learning(self, who: int) -> None:
        chance = self.chance
        for _ in range(8):
            on, course = self.day(), chance.choice(COURSES)
            for fact in self.versions_of(on, lambda on=on, course=course: self._completion(who, course, on)):
                columns = dict(
                    person_id=who, course_id=fact["course"], completed_on=fact["on"], expires_on=fact["expires"], source="import"
                )
                self.put("completions", Completion, fact, **columns)
        for _ in range(10):
            on, first = self.day(), None
            for fact in self.versions_of(on, lambda on=on: self._record(who, on)):
                key = next(self.next)
                first = first or key
                fact["first"] = first
                columns = dict(
                    id=key, first_id=None if key == first else first, person_id=who, on_date=fact["on"], title="L", source="import"
                )
                self.put("records", LearningRecord, fact, **columns, **{name: fact[name] for name in ("minutes", "bucket", "activity")})
            for slot, standard in enumerate(chance.sample(STANDARDS, chance.choice((0, 1, 2))), 1):
                tags = self.versions_of(on, lambda first=first, standard=standard: dict(first=first, standard=standard))
                for fact in tags:
                    self.put("tags", RecordStandard, fact, first_id=first, standard=standard, slot=slot)

    def _completion(self, who: int, course: int, on: date) -> Fact:
        days = self.chance.choice((None, 0, 200, 365, 900))
        on += timedelta(days=self.chance.choice((0, 0, 1, 30)))
        return dict(person=who, course=course, on=on, expires=None if days is None else on + timedelta(days=days))

    def _record(self, who: int, on: date) -> Fact:
        sort = self.chance.choice((("experience", "shadowing"), ("social", "mentoring"), ("social", None), ("formal", "course")))
        on += timedelta(days=self.chance.choice((0, 0, 3)))
        return dict(person=who, on=on, minutes=self.chance.choice((0, 30, 60, 90)), bucket=sort[0], activity=sort[1])

    def _development(self, who: int, of: Fact) -> None:
        chance = self.chance
        for _ in range(8):
            on, kind = self.day(), chance.choice(("professional", "reflective", "case", "management_oversight"))
            for fact in self.versions_of(on, lambda on=on, kind=kind: dict(person=who, on=on, kind=kind)):
                self.put("supervisions", Supervision, fact, person_id=who, held_on=on, kind=kind, minutes=60)
        if chance.random() < 0.5:
            anchor = self.day()
            more = dict(anchor=anchor)
            self._periods("terms", SupervisionTerm, of, "rule", "rule_id", list(RULES), **more)
        for cycle in range(1, 6):
            if chance.random() < 0.3:
                continue
            key = next(self.next)
            self.rows.append((Pdr, dict(id=key, person_id=who, cycle_id=cycle)))
            for kind in ("mid-year", "complete"):
                for fact in self.versions_of(self.day(), lambda kind=kind: dict(person=who, kind=kind, on=self.day())):
                    self.put("pdr", PdrEvent, fact, pdr_id=key, kind=kind, on_date=fact["on"])
        for step in {version["step"] for version in self.world.versions}:
            for role in ("line manager", "coordinator"):
                for fact in self.versions_of(self.day(), lambda step=step, role=role: self._endorsement(who, step, role)):
                    given = dict(person_id=who, step_id=step, role=role, endorsed_by=999_999)
                    self.put("endorsements", Endorsement, fact, **given, on_date=fact["on"], valid_to=fact["valid_to"])

    def _endorsement(self, who: int, step: int, role: str) -> Fact:
        on = self.day()
        ends = self.chance.choice((FOREVER, on + timedelta(days=1), on + timedelta(days=400)))
        return dict(person=who, step=step, role=role, on=on, valid_to=ends)

    def _programmes(self, who: int) -> None:
        for n, code in enumerate(PROGRAMMES, 1):
            enrolment, decided = next(self.next), self.instant(self.day())
            outcome = self.chance.choice(("pass", "pass", "fail"))
            dates = dict(starts_on=FIRST, ends_on=LAST, fte=1, created_at=decided)
            said = dict(status="in_progress", eligible=[], grant_reasons=[])
            self.rows.append(
                (Enrolment, dict(id=enrolment, reference=f"r{enrolment}", person_id=who, cohort_id=1, version_id=n, **dates, **said))
            )
            if self.chance.random() < 0.6:
                fact = dict(person=who, programme=code, kind="confirm", outcome=outcome, decided_at=decided)
                self.put("decisions", Decision, fact, enrolment_id=enrolment, kind="confirm", outcome=outcome, reasons="", checklist=[])
                self.rows[-1][1]["decided_at"] = decided
            for number in range(self.chance.choice((0, 1, 2))):
                self._paper(who, enrolment, number)

    def _paper(self, who: int, enrolment: int, number: int) -> None:
        key, first = next(self.next), self.instant(self.day())
        signed = [first, first + timedelta(days=self.chance.choice((0, 3)), minutes=1)]
        standards = self.chance.sample(STANDARDS, 2)
        state = self.chance.choice(("final", "final", "signing"))
        made = dict(id=key, enrolment_id=enrolment, template_id=1, number=number + 1, state=state, head=1, frozen=1, changed_at=first)
        self.rows.append((Document, made))
        said = dict(base=0, content={}, kind="typing", sitting="", begun_at=first, saved_at=first, sealed=True)
        self.rows.append((Revision, dict(document_id=key, number=1, standards=standards, **said)))
        for sequence, at in enumerate(signed, 1):
            place = dict(sequence=10 * number + sequence, kind="document", document_id=key, revision=1, involvement_id=next(self.next))
            chain = dict(answer="agree", canonical="{}", hash=f"{key * 10 + sequence:064}", previous=f"{key * 10 + sequence + 5:064}")
            self.rows.append((Entry, dict(enrolment_id=enrolment, **place, **chain, signed_at=at)))
        self.instants += signed
        if state == "final":
            self.world.facts.setdefault("papers", []).append(dict(person=who, standards=standards, signed_at=max(signed)))

    # steps -----------------------------------------------------------------------------------------------------------

    def _steps(self) -> None:
        chance = self.chance
        for kind in ("progression", "mandatory"):
            step, to_stage = next(self.next), chance.choice(STAGES) if kind == "progression" else None
            self.rows.append((Step, dict(id=step, code=f"S{step}", title=f"Step {step}", kind=kind, to_stage=to_stage)))
            for number in (1, 2):
                self._version(step, kind, to_stage, number)

    def _version(self, step: int, kind: str, to_stage: str | None, number: int) -> None:
        chance, key, starts = self.chance, next(self.next), self.day()
        published = self.instant(starts - timedelta(days=chance.choice((0, 300))))
        gone = self.instant(published.date()) if chance.random() < 0.4 else None
        version: Fact = dict(
            id=key,
            step=step,
            kind=kind,
            to_stage=to_stage,
            number=number,
            published_at=published,
            withdrawn_at=gone,
            withdrawn_on=gone.date() + timedelta(days=chance.choice((-40, 0, 0, 30))) if gone else None,
            to=starts + timedelta(days=chance.choice((0, 500))) if chance.random() < 0.2 else None,
            applies=self._applies(),
            groups=[],
            loose=[],
        )
        version["from"] = starts
        self.world.versions.append(version)
        self.days += [starts, *(day for day in (version["to"], version["withdrawn_on"]) if day)]
        self.instants += [published, *([gone] if gone else [])]
        kinds = list(KINDS) + chance.choices(KINDS, k=2)
        chance.shuffle(kinds)
        place = count(1)
        while kinds:
            group: Fact | None = None if chance.random() < 0.25 else dict(id=next(self.next), needed=None, requirements=[])
            taken = [self._requirement(version, group, kinds.pop(), next(place)) for _ in range(min(len(kinds), 3 if group else 1))]
            if group is None:
                version["loose"] += taken
                continue
            group["requirements"] = taken
            group["needed"] = chance.choice((None, 1, min(2, len(taken))))
            version["groups"].append(group)
        items = len(version["groups"]) + len(version["loose"])
        version["needed"] = chance.choice((None, 1, items // 2 or 1))

    def _applies(self) -> Fact:
        chance = self.chance
        return dict(
            stages=chance.sample(STAGES, 2) if chance.random() < 0.6 else [],
            contracts=["permanent"] if chance.random() < 0.3 else [],
            roles=["hr"] if chance.random() < 0.2 else [],
            host_only=chance.random() < 0.4,
            settings=chance.random() < 0.3,
        )

    def _requirement(self, version: Fact, group: Fact | None, kind: str, number: int) -> Fact:
        made = PLAIN | dict(id=next(self.next), kind=kind, number=number, group=group["id"] if group else None)
        return made | self._parameters(kind)

    def _parameters(self, kind: str) -> Fact:
        chance = self.chance
        months = chance.choice((None, 1, 6, 13))
        if kind == "curriculum":
            key = chance.choice(tuple(CURRICULA))
            rule, needed, courses = CURRICULA[key]
            return dict(curriculum_id=key, rule=rule, needed=needed, courses=courses)
        if kind == "records":
            least = chance.choice((dict(minutes=90), dict(times=2), dict(minutes=60, times=3)))
            sort = chance.choice((dict(bucket="social"), dict(activity="shadowing"), {}))
            return dict(months=months, **least, **sort)
        if kind == "standard":
            level = chance.choice((None, "recorded", "signed"))
            return dict(standard=chance.choice(STANDARDS), times=chance.choice((1, 2)), level=level, months=months)
        plain: dict[str, Fact] = {
            "course": dict(course_id=chance.choice(COURSES)),
            "programme": dict(programme_code=chance.choice(PROGRAMMES)),
            "months_in_stage": dict(stage=chance.choice(STAGES[:3]), months=chance.choice((1, 6, 24))),
            "pdr": dict(months=chance.choice((6, 12))),
            "endorsement": dict(role=chance.choice(("line manager", "coordinator"))),
        }
        return plain.get(kind, {})

    # writing ---------------------------------------------------------------------------------------------------------

    def write(self, database: Database) -> None:
        """Everything into the database, steps as drafts first."""
        with unchecked(database) as db:
            for model, row in self.rows:
                db.execute(insert(model), row)
            for version in self.world.versions:
                self._write_version(db, version)

    def _write_version(self, db: Any, version: Fact) -> None:
        rule = dict(rule="any" if version["needed"] else "all", needed=version["needed"])
        dates = dict(in_force_from=version["from"], in_force_to=version["to"], applies=version["applies"])
        db.execute(
            insert(StepVersion), dict(id=version["id"], step_id=version["step"], number=version["number"], title="S", **rule, **dates)
        )
        for number, group in enumerate(version["groups"], 1):
            rule = dict(rule="any" if group["needed"] else "all", needed=group["needed"])
            db.execute(insert(RequirementGroup), dict(id=group["id"], version_id=version["id"], number=number, title="G", **rule))
        for asked in [*version["loose"], *(one for group in version["groups"] for one in group["requirements"])]:
            columns = {name: asked[name] for name in (*PLAIN, "id", "kind", "number")}
            db.execute(insert(Requirement), dict(version_id=version["id"], group_id=asked["group"], title=asked["kind"], **columns))
            for course in asked.get("courses", ()):
                db.execute(insert(RequirementCourse), dict(requirement_id=asked["id"], course_id=course, version_id=version["id"]))
        changed = update(StepVersion).where(StepVersion.id == version["id"])
        db.execute(changed.values(state="published", published_at=version["published_at"]))
        if version["withdrawn_at"]:
            gone = dict(withdrawn_at=version["withdrawn_at"], withdrawn_on=version["withdrawn_on"])
            db.execute(changed.values(state="withdrawn", **gone))
