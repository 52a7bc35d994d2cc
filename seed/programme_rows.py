"""The county's programmes: two running ASYE cohorts and the people of an earlier one, whose portfolios come before a panel."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select, update

from app.core.calendar import add_months
from app.core.errors import Conflict
from app.core.tx import SYSTEM, Actor, Tx, transaction
from app.frameworks.models import DocumentTemplate, ProgrammeStage, ProgrammeVersion
from app.people.models import Person
from app.policy import Role
from app.programmes.checklist import checklist
from app.programmes.models import Enrolment, StageRecord
from app.programmes.operations import applications, contribute, judging, panels, sampling, sign
from app.programmes.operations.applications import NewCall
from app.programmes.operations.chaining import add_entry
from app.programmes.operations.cohorts import create_cohort
from app.programmes.operations.enrol import enrol
from app.programmes.operations.judging import Verdict
from app.programmes.operations.panels import Members
from app.programmes.portfolio_models import Document, Entry
from app.supervision.operations.record import New, add
from app.supervision.operations.workload import record_caseload, record_protected_time
from seed.apprentice_rows import carry_apprentices
from seed.portfolio_life import Life
from seed.sample import Stage
from seed.workforce import Workforce

PROGRAMME = "ASYE-CF"
IN_SYSTEM = ("CRL5", "PDP5", "RSPA5")  # what the earlier cohort wrote here; the rest they had on paper
SIGNED = ("SAA", "RSPA2", "RSPA3", "RSPA4")
EARLIER = 5  # people of the earlier cohort
COPIES = {"observation": 1, "family_feedback": 2}  # copies of a repeatable document on paper, two in each of two stages
JUDGED = dict.fromkeys(judging.CRITERIA, (True, "It shows in the observations and in the reviews."))


@dataclass(slots=True)
class County:
    """Who is there and what time it is in the story."""

    stage: Stage
    force: Workforce
    moment: datetime

    def coordinating(self, days_ago: float) -> AbstractContextManager[Tx]:
        """A transaction of the coordinator's, so many days ago."""
        return self.as_(self.force.persona["coordinator"], days_ago, Role.COORDINATOR)

    def as_(self, i: int, days_ago: float, role: Role | None = None) -> AbstractContextManager[Tx]:
        """A transaction of somebody's, so many days ago."""
        roles = ((Role.PRACTITIONER.value, None), *(((role.value, None),) if role else ()))
        person = self.force.people[i]
        actor = Actor("person", i + 1, f"{person.first_name} {person.last_name}", roles, organisation_id=1)
        return transaction(self.stage.database, actor, writes=True, now=self.moment - timedelta(days=days_ago))

    def system(self, days_ago: float) -> AbstractContextManager[Tx]:
        """A transaction of the service itself."""
        return transaction(self.stage.database, SYSTEM, writes=True, now=self.moment - timedelta(days=days_ago))


def carry_programmes(stage: Stage, moment: datetime) -> None:
    """Enrol the newly qualified, and take the earlier cohort through its panel."""
    county = County(stage, stage.force, moment)
    with county.system(60) as tx:
        version = tx.scalar(
            select(ProgrammeVersion.id).where(ProgrammeVersion.programme_code == PROGRAMME, ProgrammeVersion.state == "published")
        )
    enrolled = _running(county, int(version))
    callum = stage.force.persona["nqsw"]
    if callum in enrolled:
        _first_stage(county, enrolled[callum])
    _waiting_for_grace(county, enrolled, callum)
    _earlier(county, int(version))
    carry_apprentices(county)
    _call(county)


def _running(county: County, version: int) -> dict[int, int]:
    """Everybody who is newly qualified, by cohort; who began long ago had their first stages on paper. By person: the enrolment."""
    force = county.force
    starts = sorted({since for _, _, since in force.assessed})
    cohorts, enrolled = {}, {}
    with county.coordinating(58) as tx:
        for start in starts:
            cohorts[start] = create_cohort(tx, version, f"ASYE, {start:%B %Y}", start)
        for assessor, i, since in force.assessed:
            people = {"assessor": assessor + 1, "line_manager": force.people[i].managers[-1][1] + 1, "observer": assessor + 1}
            try:
                enrolled[i] = enrol(tx, cohorts[since], i + 1, since, people, moved_in=since < starts[-1], tell=False)
            except Conflict:
                continue  # somebody whose registration has lapsed, or who manages themselves
    for i, enrolment in enrolled.items():
        since = force.people[i].started_on
        with county.system(57) as tx:
            months = (county.moment.date() - since).days // 30
            on_paper(tx, enrolment, max(months - 4, 0) if i % 5 == 0 else months - (i % 3 == 0))  # some are late
            tx.db.execute(update(Enrolment).where(Enrolment.id == enrolment).values(status="in_progress"))
    return enrolled


def on_paper(tx: Tx, enrolment_id: int, months: int, besides: tuple[str, ...] = ()) -> None:
    """Every stage due by that month was completed and signed on paper, as the coordinator recorded."""
    enrolment = tx.get(Enrolment, enrolment_id)
    stages = {
        row.id: row
        for row in tx.rows(select(ProgrammeStage.__table__).where(ProgrammeStage.version_id == enrolment.version_id))
        if row.kind == "stage" and row.due_month <= months
    }
    templates = tx.rows(
        select(DocumentTemplate.__table__)
        .where(DocumentTemplate.version_id == enrolment.version_id, DocumentTemplate.stage_id.in_(stages))
        .order_by(DocumentTemplate.id)
    )
    done = dict(enrolment_id=enrolment_id, state="on paper", head=0, changed_at=tx.now)
    for template in templates:
        if template.code in besides:
            continue
        there = tx.scalar(select(Document.id).where(Document.enrolment_id == enrolment_id, Document.template_id == template.id))
        if there:
            tx.update(Document, int(there), state="on paper")
        copies = COPIES.get(template.kind, 1) if template.repeatable else 1
        tx.insert_many(Document, [done | dict(template_id=template.id, number=number) for number in range(2 if there else 1, copies + 1)])
        if template.code in SIGNED:
            add_entry(
                tx,
                enrolment,
                "paper",
                what=(template.code, template.title, 1),
                answer="recorded",
                items=[("paper", "Signed on paper, seen by the Academy", "Yes")],
                person_id=None,
                receipt=False,
            )
    for stage in stages.values():
        held = add_months(enrolment.starts_on, stage.due_month)
        tx.db.execute(
            update(StageRecord)
            .where(StageRecord.enrolment_id == enrolment_id, StageRecord.stage_id == stage.id)
            .values(state="complete", held_on=held, completed_at=tx.now, on_paper=True)
        )


def _first_stage(county: County, enrolment_id: int) -> None:
    """The persona's first weeks: everything of the first stage is there and signed; of the second, some."""
    life = Life(county.stage.database, county.moment - timedelta(days=50))
    with county.system(51) as tx:
        tx.db.execute(update(Document).where(Document.enrolment_id == enrolment_id, Document.state == "on paper").values(state="draft"))
        first = tx.scalar(
            select(ProgrammeStage.id)
            .join(Enrolment, Enrolment.version_id == ProgrammeStage.version_id)
            .where(Enrolment.id == enrolment_id, ProgrammeStage.number == 1)
        )
        tx.db.execute(
            update(StageRecord)
            .where(StageRecord.enrolment_id == enrolment_id, StageRecord.state == "complete")
            .values(state="open", completed_at=None, on_paper=False)
        )
    for code in ("HP1", "CONF", "SELF1", "PDP1", "SAA"):
        life.finish(enrolment_id, life.begin(enrolment_id, code))
    with county.system(30) as tx:
        tx.db.execute(
            update(StageRecord)
            .where(StageRecord.enrolment_id == enrolment_id, StageRecord.stage_id == first)
            .values(state="complete", completed_at=tx.now)
        )
    life.now = county.moment - timedelta(days=9)
    people = life.holders(enrolment_id)
    reflection = life.begin(enrolment_id, "CRL2")
    with life.as_(people["nqsw"]) as tx:
        life.write(tx, reflection, {})
    observed = life.begin(enrolment_id, "DO1")
    with life.as_(people["nqsw"]) as tx:
        grace = tx.get(Person, people["assessor"])
        contribute.ask_contributor(tx, observed, "observer", grace.name, grace.email, "You came along on the home visit on Tuesday.")
    life.finish(enrolment_id, observed, until="sent")  # with the observer now


def _waiting_for_grace(county: County, enrolled: dict[int, int], callum: int) -> None:
    """Another whom the assessor persona assesses: an agreement that waits for her signature, and one for her view."""
    grace = county.force.persona["assessor"]
    other = next((i for assessor, i, _ in county.force.assessed if assessor == grace and i != callum and i in enrolled), None)
    if other is None:
        return
    life = Life(county.stage.database, county.moment - timedelta(days=12))
    with county.system(13) as tx:
        tx.db.execute(update(Document).where(Document.enrolment_id == enrolled[other], Document.state == "on paper").values(state="draft"))
    agreement = life.begin(enrolled[other], "SAA")
    life.finish(enrolled[other], agreement, until="signing")
    people = life.holders(enrolled[other])
    with life.as_(people["nqsw"]) as tx:
        sign.sign(tx, agreement, sign.to_sign(tx, agreement).digest, "agree")


# The earlier cohort and its panel ------------------------------------------------------------------------------------


def _earlier(county: County, version: int) -> None:
    force = county.force
    recent = [
        (person.stages[-2][0], i)
        for i, person in enumerate(force.people)
        if len(person.stages) > 1 and person.stages[-2][1] == "NQSW" and person.leaving_on is None and i not in force.persona.values()
    ]
    chosen = sorted(recent, reverse=True)[:EARLIER]
    if len(chosen) < EARLIER:
        return  # a very small county
    assessors = sorted({assessor for assessor, _, _ in force.assessed} - {i for _, i in chosen})
    enrolled = []
    with county.coordinating(56) as tx:
        cohort = create_cohort(tx, version, "ASYE, summer 2025", min(since for since, _ in chosen))
        for turn, (since, i) in enumerate(chosen):
            manager = force.people[i].managers[-1][1]
            assessor = next(each for each in assessors[turn:] + assessors if each not in (i, manager))
            people = {"assessor": assessor + 1, "line_manager": manager + 1, "observer": assessor + 1}
            try:
                enrolled.append((enrol(tx, cohort, i + 1, since, people, moved_in=True, tell=False), i, assessor, since))
            except Conflict:
                continue
    for enrolment, i, assessor, since in enrolled:
        with county.system(55) as tx:
            on_paper(tx, enrolment, 12, IN_SYSTEM)
            tx.db.execute(update(Enrolment).where(Enrolment.id == enrolment).values(status="in_progress"))
            supported(tx, i + 1, assessor + 1, since, int(enrolment))
        life = Life(county.stage.database, county.moment - timedelta(days=48, minutes=enrolment * 90))
        for code in IN_SYSTEM:
            life.finish(enrolment, life.begin(enrolment, code), {"recommendation": "pass"})
    _panels(county, cohort, [enrolment for enrolment, *_ in enrolled])


def supported(tx: Tx, person_id: int, assessor_id: int, since: date, key: int) -> None:
    """Supervision by the rule, protected time and a caseload each month: what was promised, and for some a little less."""
    days = [7 * n for n in range(1, 7)] + [42 + 14 * n for n in range(1, 11)] + [182 + 28 * n for n in range(1, 7)]
    late = key % 3
    new = [
        New(person_id, since + timedelta(days=day - 2), "reflective" if n % 2 else "case", 60 + 15 * (n % 3), (assessor_id,), "in_person")
        for n, day in enumerate(days)
        if not (late and day == 126)  # one was missed
    ]
    add(tx, new)
    for month in range(12):
        day = since + timedelta(days=30 * month + 9)
        for n in range(4):
            record_protected_time(tx, person_id, day + timedelta(days=n), 240 - 20 * late, "writing")
        record_caseload(tx, person_id, day, 12 + month // 3, 78 + month + 3 * late, "manager")


def _panels(county: County, cohort: int, enrolled: list[int]) -> None:
    """A sitting that has decided, with a sample for the external moderator; and one to come, with portfolios to read."""
    force, moment = county.force, county.moment
    imogen = force.persona["panel"]
    chairs = [i for i, seat in enumerate(force.tree.seats) if seat.title == "Child Protection Conference Chair" and i != imogen]
    members = [imogen, *chairs[:3]]
    if len(members) < 4 or len(enrolled) < 4:
        return
    seats = Members(tuple(i + 1 for i in members), members[1] + 1)
    ready = [key for key in enrolled if _ready(county, key)]
    with county.coordinating(40) as tx:
        past = panels.create_sitting(tx, "ASYE panel, autumn", _wednesday(moment, -19), "Meeting room 2, Aldermoor", seats)
    with county.coordinating(10) as tx:
        coming = panels.create_sitting(tx, "ASYE panel, winter", _wednesday(moment, 7), "Meeting room 2, Aldermoor", seats)
    for turn, key in enumerate(ready[:3]):
        with county.coordinating(39) as tx:
            case = panels.list_case(tx, past, key, [members[2] + 1, members[3] + 1])
        for reader in members[2:4]:
            with county.as_(reader, 16, Role.PANEL) as tx:
                panels.check_anonymised(tx, case)
                judging.judge(tx, case, JUDGED, "Ready to be confirmed.")
        _decide(county, members[1], case, key, returned=turn == 2)
    for key in ready[3:]:
        with county.coordinating(9) as tx:
            case = panels.list_case(tx, coming, key, [imogen + 1, members[2] + 1])
        with county.as_(members[2], 3, Role.PANEL) as tx:
            panels.check_anonymised(tx, case)
            judging.judge(tx, case, JUDGED)
    with county.coordinating(5) as tx:
        sampling.draw_sample(tx, cohort, force.persona["moderator"] + 1, every=1)


def _wednesday(moment: datetime, days: int) -> datetime:
    """9:30 on the first Wednesday from so many days after, in winter time."""
    day = moment + timedelta(days=days)
    return (day + timedelta(days=(2 - day.weekday()) % 7)).replace(hour=9, minute=30)


def _ready(county: County, enrolment_id: int) -> bool:
    with county.system(40) as tx:
        return checklist(tx, enrolment_id).ready and panels.recommendation(tx, enrolment_id) is not None


def _decide(county: County, chair: int, case: int, enrolment_id: int, *, returned: bool) -> None:
    with county.as_(chair, 12, Role.PANEL) as tx:
        head = tx.scalar(select(Entry.hash).where(Entry.enrolment_id == enrolment_id).order_by(Entry.sequence.desc()).limit(1)) or ""
        verdict = Verdict("confirm", "All five criteria are met; the observations carry the recommendation.", "Well done.", "Thank you.")
        if returned:
            report = tx.scalar(
                select(Document.id)
                .join(DocumentTemplate, DocumentTemplate.id == Document.template_id)
                .where(Document.enrolment_id == enrolment_id, DocumentTemplate.code == "RSPA5")
            )
            words = "The report does not say how feedback from people supported was weighed."
            verdict = Verdict("return", words, "Your assessor will go through the report with you.", words, (int(report),))
        judging.decide(tx, case, verdict, head)


def _call(county: County) -> None:
    """The leadership programme asks for applications: one person's waits for the manager persona's word, another's for scores."""
    priya, joanne = county.force.persona["practitioner"], county.force.persona["manager"]
    with county.coordinating(25) as tx:
        version = tx.scalar(
            select(ProgrammeVersion.id).where(ProgrammeVersion.programme_code == "SPLP", ProgrammeVersion.state == "published")
        )
        questions = [("A piece of your work seen in relationships and contexts", 400), ("A change in the service that you would lead", 300)]
        criteria = [("Leads or supervises practice", 5), ("Curious about systemic practice", 5), ("An idea for a change", 5)]
        about = (
            "A year of learning to lead systemically, for those who lead or supervise practice or are about to.\n"
            "Twelve days, an action learning set, and a change project in your own service."
        )
        closes = county.moment + timedelta(days=24)
        new = NewCall(int(version), "Systemic Practice Leadership Programme, spring", about, 12, closes, questions, criteria)
        call = applications.create_call(tx, new)
        applications.open_call(tx, call, 1)
    answers = {"q1": "A family with whom nothing moved until I asked who else was in the room.", "q2": "Reflective talks between teams."}
    others = county.stage.reports(joanne, besides=(priya, county.force.persona["nqsw"]))[:1]
    for n, i in enumerate((priya, *others)):
        with county.as_(i, 12 - n) as tx:
            key = applications.write(tx, call, answers, submit=True)
        if n:
            with county.as_(joanne, 6, Role.MANAGER) as tx:
                applications.support(tx, key, True, "The days are agreed, and the team covers.")
