"""Record once, it counts everywhere: one attended masterclass appears in every view without anybody retyping it, and one correction of the
register takes it out of all of them, with history."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import select
from starlette.testclient import TestClient

from app.bookings import operations, registers
from app.bookings.operations import attend, register
from app.bookings.operations.attend import Mark
from app.core.calendar import long_date
from app.core.tx import SYSTEM, Actor, clock, transaction
from app.learning import records, renewal_rules
from app.learning.models import Certificate, LearningRecord
from app.learning.records import Added, Words
from app.programmes.operations import hours
from tests.factory import LONG_AGO, Make
from tests.learning.test_records import acting
from tests.pathways.steps import load, stages
from tests.programmes.apprentices import Apprentice, apprentice
from tests.programmes.making import Enrolled, Programmes

TITLE, MINUTES, SAID = "Signs of harm", 215, "3 hours 35 minutes"
STEPS = """\
pathway_steps:
  - code: NQSW-SW
    title: To social worker
    kind: progression
    to_stage: SW
    applies: {stages: [NQSW]}
    groups:
      - title: Learning
        requirements:
          - {kind: course, course: signs-of-harm, title: What harm looks like}
          - {kind: records, bucket: formal, minutes: 200, months: 12, title: Taught in the last year}
  - code: REQ-ALL
    title: In every role
    kind: mandatory
    applies: {settings: true}
    groups:
      - title: Always
        requirements:
          - {kind: course, course: signs-of-harm}
"""


@dataclass
class World:
    """A masterclass of some days ago with two people on it: a newly qualified social worker and an apprentice."""

    make: Make
    nqsw: Enrolled
    apprentice: Apprentice
    manager: Any
    psw: Any
    trainer: Any
    session: Any
    bookings: dict[int, int]

    @property
    def day(self) -> Any:
        return self.session.starts_at.date()

    def training(self) -> Any:
        actor = Actor("person", self.trainer.id, self.trainer.name, (("practitioner", None), ("trainer", None)))
        return transaction(self.make.database, actor, writes=True, now=max(clock(), self.session.ends_at + timedelta(minutes=5)))

    def attended(self, mark: str) -> None:
        """The register is taken and finished."""
        with self.training() as tx:
            (part,) = registers.parts(tx, self.session.id)
            attend.mark(tx, self.session.id, [Mark(booking, part.id, mark, tx.now, None) for booking in self.bookings.values()])
            register.finish_register(tx, self.session.id)

    def taken_back(self) -> None:
        """They were not there after all."""
        for booking in self.bookings.values():
            with self.training() as tx:
                (part,) = registers.parts(tx, self.session.id)
                register.put_right(tx, self.session.id, booking, {part.id: ("absent", "unwell")}, "Was confused with somebody else")


def arrange(make: Make) -> World:
    stages(make)
    manager, psw, trainer = make.person("Mo Manager"), make.person("Pia Psw", roles=("principal social worker",)), make.person("Tess")
    course = make.course(TITLE, cpd_minutes=MINUTES, validity_months=24)
    load(make, STEPS, publish=True)
    nell = make.person("Nell Newly", stage="NQSW", manager=manager.id, swe_number="SW900301", started_on=LONG_AGO)
    nqsw = Programmes(make).enrolment(nqsw=nell)
    with make.tx() as tx:
        year = renewal_rules.year_of(tx, tx.today)
        day = max(tx.today - timedelta(days=9), year.starts)
    made = apprentice(make, day - timedelta(days=200), now=clock())
    starts = datetime.combine(day, time(0, 30), UTC)
    session = make.session(course=course.id, places=4, starts=starts, hours=3, trainers=(trainer.id,))
    bookings = {}
    for person in (nell, made.apprentice):
        with transaction(make.database, SYSTEM, writes=True, now=starts - timedelta(days=20)) as tx:
            bookings[person.id] = operations.book(tx, session.id, person.id).id
    return World(make, nqsw, made, manager, psw, trainer, session, bookings)


def hold(world: World, sign_in: Callable[[Any], TestClient], client: Callable[..., TestClient]) -> dict[str, bool]:
    """Every view, and whether the masterclass is in it."""
    nell, manager, psw = sign_in(world.nqsw.nqsw), sign_in(world.manager), sign_in(world.psw)
    tutor, person = sign_in(world.apprentice.employer), world.nqsw.nqsw.id
    day = long_date(world.day)

    def page(reader: TestClient, address: str) -> str:
        reply = reader.get(address)
        assert reply.status_code == 200, (address, reply.status_code)
        return str(reply.text)

    def part(html: str, begins: str, ends: str = "</table>") -> str:
        return html.partition(begins)[2].partition(ends)[0]

    def row(table: str) -> str:
        return next(line.strip() for line in table.splitlines() if line.startswith("Nell"))

    hours_page = page(tutor, f"/apprenticeships/{world.apprentice.id}/hours")
    pathway = page(nell, "/my-pathway")
    assessor, plan = sign_in(world.nqsw.assessor), f"/portfolios/{world.nqsw.id}"
    api = client("completions:read", "training-records:read")
    return {
        "learning record": f"{TITLE}</a></h3>" in page(nell, "/my-learning"),
        "70/20/10 profile": SAID in page(nell, "/my-learning/profile"),
        "team's profile": SAID in page(manager, "/my-team/learning-profile"),
        "CPD to renew with": TITLE in page(nell, "/my-learning/renewal"),
        "programme's plan": TITLE in part(page(nell, plan), 'id="learning"', "</ul>"),
        "assessor's view of it": TITLE in part(page(assessor, plan), 'id="learning"', "</ul>"),
        "off-the-job hours": SAID in hours_page and "does not say this any more, so it does not count" not in hours_page,
        "pathway": f"Completed on {day}" in pathway and f"last entry on {day}" in pathway,
        "required training": "In date to" in row(page(psw, "/required-training/table.csv?step=REQ-ALL")),
        "completions, for the manager": TITLE in part(page(manager, f"/people/{person}/learning"), "Courses completed"),
        "matrix of completions": not row(page(psw, "/completions.csv")).endswith(","),
        "other systems": bool(api.get("/api/v1/completions", params={"person": person}).json()["items"]),
        "HR": any(row["state"] != "gone" for row in api.get("/api/v1/training-records", params={"person": person}).json()["items"]),
        "certificate": bool(world.make.rows(select(Certificate.id).where(Certificate.withdrawn_at.is_(None)))),
    }


def test_one_masterclass_counts_everywhere_and_is_taken_out_of_everywhere(
    make: Make, sign_in: Callable[[Any], TestClient], client: Callable[..., TestClient]
) -> None:
    world = arrange(make)
    before = hold(world, sign_in, client)
    assert {view for view, there in before.items() if there} == set()
    world.attended("present")
    with world.apprentice.as_(world.apprentice.employer) as tx:
        hours.count_session(tx, world.apprentice.id, world.bookings[world.apprentice.apprentice.id])
    there = hold(world, sign_in, client)
    assert {view for view, found in there.items() if not found} == set()

    nell = world.nqsw.nqsw
    first = make.rows(select(LearningRecord.id).where(LearningRecord.person_id == nell.id))[0].id
    said = sign_in(nell).get(f"/learning-records/{first}").text
    towards = re.findall(r"<li>(?:<a[^>]*>)?([^<]+)", said.partition("This counted towards")[2].partition("</ul>")[0])
    counted = [one.split()[0] for one in towards]
    assert counted == ["Taught", "Completing", "A", "Learning", "CPD", "What", "Taught", "Signs"], towards
    hers = sign_in(world.apprentice.apprentice).get("/my-learning").text
    assert "off-the-job hours of" in hers
    with acting(make, nell) as tx:
        records.change(tx, first, records.mark(tx, records.mine(tx, first)), None, Added(Words(learnt="To look twice")))

    world.taken_back()
    after = hold(world, sign_in, client)
    assert {view for view, found in after.items() if found} == set()
    assert TITLE in sign_in(nell).get("/my-learning/gone").text
    history = sign_in(nell).get(f"/learning-records/{first}/history").text
    assert "Counts no more" in history and "To look twice" in history
    with transaction(make.database, SYSTEM, writes=False) as tx:
        everything = tx.rows(select(LearningRecord.superseded_at).where(LearningRecord.booking_id.in_(world.bookings.values())))
    assert len(everything) == 2 and all(row.superseded_at is not None for row in everything)
