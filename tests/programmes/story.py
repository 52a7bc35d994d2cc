"""A year on a real programme, lived through pages: who does what is what the pages offer them, and days pass by the tests' clock."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.core.calendar import from_london
from app.core.config import Settings, load
from app.core.tx import SYSTEM, transaction
from app.frameworks import operations
from app.frameworks.models import DocumentTemplate, ProgrammeVersion
from app.frameworks.operations import Prepared
from app.notifications import delivery
from app.programmes.models import Capacity, Enrolment, Involvement
from app.programmes.portfolio_models import Document, Entry
from seed import programme_rows
from seed.frameworks import FIGURES, prepared, reference_files
from tests.factory import Make
from tests.programmes.hand import Field, Form, Hand, Refused, number

MOST_TURNS = 12  # more than any document has
FIRST_DAY = date(2026, 9, 7)


class Clock:
    """What time it is. A little passes with every look, so that no two things happen at once."""

    def __init__(self, day: date) -> None:
        self.now = from_london(day, time(9))

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def go_to(self, day: date, at: time = time(9)) -> None:
        """That day at nine, or later on the same day."""
        self.now = max(from_london(day, at), self.now)


@dataclass
class Story:
    """The people of a portfolio and their pages."""

    make: Make
    clock: Clock
    sign_in: Callable[[Any], TestClient]
    visitor: TestClient
    settings: Settings
    people: dict[str, Any] = field(default_factory=dict)
    enrolment: int = 0
    said: dict[str, str] = field(default_factory=dict)  # answers that a test gives, by the question's code

    # who and when ------------------------------------------------------------------------------------------------

    def hand(self, who: str, address: str = "") -> Hand:
        """Somebody signs in anew."""
        hand = Hand(self.sign_in(self.people[who]))
        return hand.open(address) if address else hand

    def holder(self, capacity: str) -> str:
        """Which of the people has this capacity today."""
        today = self.clock.now.date()
        held = (
            select(Involvement.person_id)
            .join(Capacity, Capacity.involvement_id == Involvement.id)
            .where(Capacity.enrolment_id == self.enrolment, Capacity.capacity == capacity)
            .where(Capacity.valid_from <= today, Capacity.valid_to > today)
        )
        keys = {row.person_id for row in self.make.rows(held)}
        return next(name for name, person in self.people.items() if person.id in keys)

    def row(self) -> Any:
        return self.make.row(Enrolment, self.enrolment)

    # beginning ---------------------------------------------------------------------------------------------------

    def version(self, code: str) -> Any:
        """The published version of a programme."""
        chosen = (ProgrammeVersion.programme_code == code, ProgrammeVersion.state == "published")
        return self.make.rows(select(ProgrammeVersion.__table__).where(*chosen).order_by(ProgrammeVersion.id))[-1]

    def enrol(self, programme: str, starts_on: date, who: str = "learner", **named: str) -> int:
        """The coordinator makes a cohort and enrols somebody, with the people of the story as `assessor`, `line_manager`, …"""
        page = self.hand("coordinator", "/cohorts").follow("New cohort")
        given = {"version": str(self.version(programme).id), "title": f"{programme} of {starts_on:%B %Y}"}
        page.press("Make the cohort", given | day("starts_on", starts_on))
        page.follow("Enrol")
        page.press("Check", {"who": self.people[who].email} | day("starts_on", starts_on))
        button = f"Enrol {self.people[who].name}"
        boxes = {name: ["yes"] for name in page.fields(button) if name.startswith("confirm_")}
        page.press(button, boxes | {part: self.people[name].email for part, name in named.items()})
        self.enrolment = number(page.address)
        return self.enrolment

    def on_paper(self, besides: str) -> None:
        """Everything but one document was done on paper before it came here, and the support that was promised was given."""
        with self.make.tx() as tx:
            programme_rows.on_paper(tx, self.enrolment, 12, (besides,))
            tx.db.execute(update(Enrolment).where(Enrolment.id == self.enrolment).values(status="in_progress"))
            learner, assessor = (self.people[name].id for name in ("learner", "assessor"))
            programme_rows.supported(tx, learner, assessor, self.row().starts_on, 0)

    # documents ---------------------------------------------------------------------------------------------------

    def document(self, code: str, copy: int = 1) -> int:
        """The id of a document. The learner begins one that may be written several times and is not there yet."""
        named = (Document.enrolment_id == self.enrolment, DocumentTemplate.code == code, Document.number == copy)
        rows = self.make.rows(select(Document.id).join(DocumentTemplate, DocumentTemplate.id == Document.template_id).where(*named))
        if rows:
            return int(rows[0].id)
        of = (DocumentTemplate.version_id == self.row().version_id, DocumentTemplate.code == code)
        template = self.make.rows(select(DocumentTemplate.id).where(*of))[0].id
        page = self.hand("learner", f"/portfolios/{self.enrolment}")
        return number(page.press("Add another" if copy > 1 else "", value=str(template)).address)

    def state(self, key: int) -> tuple[str, str | None]:
        """How a document stands, and for which capacity it waits."""
        row = self.make.row(Document, key)
        return row.state, row.waiting_for

    def finish(self, key: int, until: str = "final", waits_for: str = "") -> None:
        """Everybody whose turn it is does their part, on the document's own pages, until it is in that state or waits for that capacity."""
        for _ in range(MOST_TURNS):
            row = self.make.row(Document, key)
            if row.state == until or (waits_for and row.waiting_for == waits_for):
                return
            who = row.waiting_for or self.make.row(DocumentTemplate, row.template_id).completed_by[0]
            page = self.hand(self.holder(who), f"/documents/{key}")
            if row.state == "signing":
                page.follow("Read and sign").press("Sign", {"answer": "agree"})
            else:
                self.write(page)
        raise AssertionError(f"document {key} is still {self.state(key)}")

    def all_of(self, *codes: str) -> None:
        """These documents, one after the other."""
        for code in codes:
            self.finish(self.document(code))

    def write(self, page: Hand) -> None:
        """Answer what is asked on a document's page, and press its main button."""
        form = next(form for form in page.page.forms if form.action.endswith("/save"))
        step = next(button.words for button in form.buttons if (button.action or "").endswith("/send"))
        page.press(step, self.answers(form))

    def answers(self, form: Form) -> dict[str, str | list[str]]:
        """Something fitting for every question that has no answer yet."""
        found: dict[str, str | list[str]] = {}
        for name, each in form.fields.items():
            if name == "standards":
                found[name] = each.offered[:2]
            elif name.startswith("a-") and (name[2:] in self.said or not "".join(each.value)):
                found[name] = self.said.get(name[2:]) or self._answer(each)
        return found

    def _answer(self, asked: Field) -> str:
        if asked.offered:
            return asked.offered[0]
        if asked.kind == "date":
            return (self.clock.now.date() - timedelta(days=3)).isoformat()
        return f"What I saw and did, and what I made of it in supervision ({asked.name[2:]})."

    def ask(self, key: int, part: str, name: str, address: str) -> None:
        """The learner asks somebody for their part of a document."""
        page = self.hand("learner", f"/documents/{key}").follow("Ask somebody for their part")
        page.press("Ask them", {"part": part, "name": name, "email": address, "words": "You came along on Tuesday."})

    def give_by_link(self, address: str, **more: str) -> str:
        """Somebody without an account opens the link that they were sent and gives their part; returns the link."""
        found = re.findall(r"http://testserver(/contributions/\S+)", self.post(address)[-1])
        page = Hand(self.visitor).open(found[-1])
        form = next(form for form in page.page.forms if any(button.words == "Give it" for button in form.buttons))
        page.press("Give it", self.answers(form) | more)
        assert page.reads("Thank you: your part is given")
        return str(found[-1])

    # messages ----------------------------------------------------------------------------------------------------

    def post(self, address: str) -> list[str]:
        """Everything that this address has been sent, oldest first, as plain text."""
        while delivery.deliver_due(self.make.database, self.settings):
            pass
        found = []
        for path in Path(self.settings.mail_dir).glob("*.eml"):
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            if message["To"] == address:
                body = message.get_body(("plain",))
                assert body is not None
                found.append((path.stat().st_mtime_ns, f"{message['Subject']}\n{body.get_content()}"))
        return [words for _, words in sorted(found)]

    def receipts(self, who: str) -> list[str]:
        """The fingerprints that somebody was sent when they signed."""
        return [found[1] for words in self.post(self.people[who].email) if (found := re.search(r"Fingerprint: ([0-9a-f]{64})", words))]

    # support and readiness ---------------------------------------------------------------------------------------

    def supervised(self, who: str, days: list[date]) -> None:
        """Whoever supervises enters these dates, a page of several lines at a time."""
        for at in range(0, len(days), 6):
            given: dict[str, str] = {}
            for n, on in enumerate(days[at : at + 6], 1):
                line = {"person": str(self.people["learner"].id), "held_on": f"{on.day}/{on.month}/{on.year}", "kind": "reflective"}
                given |= {f"{name}-{n}": value for name, value in (line | {"minutes": "90"}).items()}
            self.hand(who, "/supervision/several").press("Record them", given)

    def protected(self, on: date, minutes: int) -> None:
        """The learner writes down time that was kept free."""
        page = self.hand("learner", f"/people/{self.people['learner'].id}/workload")
        page.press(
            "Record the time", {"minutes": str(minutes), "what": page.fields("Record the time")["what"].offered[0]} | day("on_date", on)
        )

    def caseload(self, who: str, on: date, children: int, percent: int) -> None:
        """The manager counts."""
        page = self.hand(who, f"/people/{self.people['learner'].id}/workload")
        page.press("Record the caseload", {"children": str(children), "percent": str(percent)} | day("counted_on", on))

    def ready(self) -> str:
        """What the checklist says at the top, as the learner reads it."""
        words = self.hand("learner", f"/portfolios/{self.enrolment}/checklist").words
        found = re.search(r"(Not ready yet \d+ of \d+ met, \d+ missing|Ready Nothing is missing)", words)
        assert found, words
        return found[1]

    # the panel ---------------------------------------------------------------------------------------------------

    def sitting(self, on: date, title: str = "Panel") -> int:
        """The coordinator arranges one with a chair and two readers."""
        members = [str(self.people[name].id) for name in ("chair", "first", "second")]
        page = self.hand("coordinator", "/panels/new")
        given: dict[str, str | list[str]] = {"title": title, "time": "9:30am", "place": "Room 4", "members": members, "chair": members[0]}
        return number(page.press("Arrange the sitting", given | day("day", on)).address)

    def list_before(self, sitting: int) -> int:
        """The portfolio is put before it; returns the case."""
        page = self.hand("coordinator", f"/panels/{sitting}")
        readers = {"first": str(self.people["first"].id), "second": str(self.people["second"].id)}
        page.press("Put it before the panel", {"enrolment": str(self.enrolment), **readers})
        return number(page.follow(self.people["learner"].name).address)

    def judge(self, case: int) -> None:
        """Both readers look for names, and judge."""
        for reader in ("first", "second"):
            page = self.hand(reader, f"/panels/cases/{case}")
            if page.offers("I looked"):
                page.press("I looked")
            asked = page.fields("Save my judgement")
            page.press("Save my judgement", {name: "yes" for name, each in asked.items() if each.kind == "radio"})

    def decide(self, case: int, kind: str, **more: str | list[str]) -> Hand:
        """The chair records the decision."""
        page = self.hand("chair", f"/panels/cases/{case}").follow("Record the panel’s decision")
        return page.press("Sign and save the decision", {"kind": kind, "reasons": "We read all of it, and talked.", **more})

    def chain(self) -> list[str]:
        """What was answered, entry by entry."""
        return [
            row.answer for row in self.make.rows(select(Entry.answer).where(Entry.enrolment_id == self.enrolment).order_by(Entry.sequence))
        ]

    def head(self) -> str:
        """The newest fingerprint of the chain."""
        newest = select(Entry.hash).where(Entry.enrolment_id == self.enrolment).order_by(Entry.sequence.desc()).limit(1)
        return str(self.make.rows(newest)[0].hash)


def day(name: str, on: date) -> dict[str, str]:
    """A date as three fields."""
    return {name: str(on.day), f"{name}-month": str(on.month), f"{name}-year": str(on.year)}


def refused(act: Callable[[], Any]) -> Refused:
    """That it is refused, and how."""
    try:
        act()
    except Refused as why:
        return why
    raise AssertionError("it was not refused")


CAST: Mapping[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {
    "manager": ("Lina Manager", (), {}),
    "learner": (
        "Nell Newly",
        (),
        dict(swe_number="SW900501", qualified_in=2026, registration_status="registered", registered_until=date(2029, 11, 30)),
    ),
    "assessor": (
        "Asa Sessor",
        (),
        dict(swe_number="SW900502", registration_status="registered", registered_until=date(2029, 11, 30)),
    ),
    "observer": ("Obi Server", (), {}),
    "coordinator": ("Coco Ordinator", ("coordinator",), {}),
    "chair": ("Cora Chair", ("panel member",), {}),
    "first": ("Finn First", ("panel member",), {}),
    "second": ("Sena Second", ("panel member",), {}),
}


def begin(make: Make, clock: Clock, sign_in: Callable[[Any], TestClient], visitor: TestClient, folder: Path) -> Story:
    """The frameworks that ship, published, and the people."""
    with transaction(make.database, SYSTEM, writes=True, now=datetime(2026, 8, 3, tzinfo=UTC)) as tx:
        operations.publish_loaded(tx, operations.load(tx, shipped()))
    settings = load(base_url="http://testserver", mail_dir=folder / "mail", log_level="error")
    story = Story(make, clock, sign_in, visitor, settings)
    for key, (name, roles, values) in CAST.items():
        manager = story.people["manager"].id if key == "learner" else None
        story.people[key] = make.person(name, roles=roles, manager=manager, **values)
    return story


@cache
def shipped() -> list[Prepared]:
    """The files that ship, read and checked once for all tests."""
    return prepared([*reference_files(), FIGURES])
