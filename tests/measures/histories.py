"""Random histories of two organisations with later corrections: what pathways draw, and bookings, plans and caseloads."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from app.bookings.models import HOLDS, Booking, Place, Session, Status
from app.core.db import FOREVER
from app.core.ledger import Audit
from app.frameworks.models import ProgrammeVersion
from app.learning.models import Completion
from app.pathways.models import Progression
from app.people.models import Person, Post
from app.programmes.models import Change, Enrolment, Plan
from app.programmes.panel_models import Decision
from app.supervision.models import Caseload, Supervision, Supervisor
from app.supervision.pdr_models import Pdr, PdrCycle, PdrEvent
from tests.factory import Make
from tests.property import pathways_game
from tests.property.pathways_game import HOST, LAST, OTHER, STAGES, Drawn

EARLY, PLAIN = 11, 12  # versions of programmes
JOBS = ("Social worker", "social worker", "Senior practitioner", "Team manager")
BEFORE = (Status.REQUESTED, Status.WAITING, Status.BOOKED)
AFTER = (Status.ATTENDED, Status.ATTENDED, Status.PARTLY_ATTENDED, Status.DID_NOT_ATTEND, Status.EXCUSED, Status.CANCELLED)
NEVER = datetime(2200, 1, 1, tzinfo=UTC)  # as far as is known at all


def begin(make: Make) -> None:
    """What all histories share."""
    pathways_game.begin(make)
    with make.tx() as tx:
        stated: dict[str, Any] = dict(title="P", state="published", published_at=tx.now, created_at=tx.now, nominal_months=12, digest="")
        for key, kind in ((EARLY, "early_career"), (PLAIN, "leadership")):
            tx.insert(ProgrammeVersion, id=key, programme_code="PRO1", version=str(key), definition={"kind": kind}, **stated)


class History(Drawn):
    """One history, of ten people: `organisations` are asked about. Seeds begin at 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for _ in range(4):
            self._person()
        self.organisations = (self.unit[HOST], self.unit[OTHER])
        self._jobs()
        self._reviews()
        for _ in range(14):
            self._session()
        for who in self.people:
            self._careers(who)
            self._enrolments(who)
            self._children(who)
            self._supervised(who)
            self._online(who)

    def moment(self) -> tuple[date, datetime]:
        """A day near something that happened, half the time the end of a month, and an instant near one at which something was recorded."""
        chance = self.chance
        day = chance.choice(self.days) + timedelta(days=chance.choice((-1, 0, 1, 30, 90, 365)))
        if chance.random() < 0.5:
            day = (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        instant = chance.choice(self.instants) - timedelta(seconds=chance.choice((0, 0, 1)))
        late = datetime(day.year, day.month, day.day, 6, tzinfo=UTC) + timedelta(days=chance.choice((0, 3, 40)))
        return day, chance.choice((NEVER, NEVER, late, late, instant))

    def _jobs(self) -> None:
        """Titles, hours, second posts, and when continuous service began."""
        chance = self.chance
        for model, row in self.rows:
            if model is Post:
                row["job_title"] = chance.choice(JOBS)
                row["fte"] = chance.choice((1, 0.6, 0.145, 0.333, 0.8))
            if model is Person and chance.random() < 0.4:
                row["started_on"] = self.day()
            if model.__tablename__ == "units" and row["kind"] == "team" and chance.random() < 0.2:
                row["closed_on"] = self.day()
        for who in self.people:
            if chance.random() < 0.4:
                self._periods(
                    "more", Post, {"person_id": who}, "fte", "fte", (0.2, 0.145), job_title="Trainer", contract="agency", is_primary=False
                )

    def _careers(self, who: int) -> None:
        taken: set[date] = set()
        for _ in range(self.chance.choice((0, 1, 2, 4))):
            on = self.day()
            if on in taken:
                continue
            taken.add(on)
            for fact in self.versions_of(on, lambda: dict(kind=self.chance.choice(("promotion", "sideways", "regrade")))):
                moved = dict(person_id=who, on_date=on, kind=fact["kind"], mechanism="appraisal", from_stage=STAGES[0], to_stage=STAGES[1])
                self.put("progressions", Progression, fact, **moved)

    # bookings --------------------------------------------------------------------------------------------------------

    def _session(self) -> None:
        chance, key, day = self.chance, next(self.next), self.day()
        ends = datetime(
            day.year, day.month, day.day, chance.choice((12, 16, 22, 23)), 30, tzinfo=UTC
        )  # 11.30pm UTC may be tomorrow in London
        made = ends - timedelta(days=90)
        status = chance.choice(("published",) * 5 + ("cancelled", "draft"))
        times = dict(starts_at=ends - timedelta(hours=4), ends_at=ends, created_at=made, updated_at=made)
        self.rows.append((Session, dict(id=key, course_id=1, reference=f"S{key}", capacity=8, status=status, **times)))
        self.rows += [(Place, dict(session_id=key, number=number)) for number in range(1, 9)]
        self.days.append(day)
        self.instants.append(ends)
        for place, who in enumerate(chance.sample(self.people, chance.choice((0, 2, 5, 7))), 1):
            self._booking(key, who, place, made, ends)

    def _booking(self, session: int, who: int, place: int, made: datetime, ends: datetime) -> None:
        """A history of one to four states, after the session too, as when a register is put right."""
        chance, key = self.chance, next(self.next)
        states = [(made + timedelta(days=1), chance.choice(BEFORE)), (made + timedelta(days=9), Status.BOOKED)]
        at = ends + timedelta(hours=chance.choice((1, 30, 1000)))
        for _ in range(chance.choice((0, 1, 1, 1, 2))):
            states.append((at, chance.choice(AFTER)))
            at += timedelta(days=chance.choice((2, 60)))
        for at, state in states:
            actor = dict(actor_kind="system", action="booking.moved", facts={})
            self.rows.append((Audit, dict(at=at, subject="bookings", subject_id=key, person_id=who, state=state.value, **actor)))
        if chance.random() < 0.2:  # something else of it was changed, such as the reason of an absence
            at = states[-1][0] + timedelta(days=5)
            note: dict[str, Any] = dict(actor_kind="system", action="booking.reason", facts={}, state=None)
            self.rows.append((Audit, dict(at=at, subject="bookings", subject_id=key, person_id=who, **note)))
        last = states[-1][1]
        seat = place if last in HOLDS else None
        dates = dict(created_at=states[0][0], updated_at=max(at, states[-1][0]) if last in HOLDS else states[-1][0])
        self.rows.append((Booking, dict(id=key, session_id=session, person_id=who, place=seat, turn=place, status=last.value, **dates)))
        self.instants += [at for at, _ in states]

    def _online(self, who: int) -> None:
        for _ in range(self.chance.choice((0, 1, 2))):
            on = self.day()
            for fact in self.versions_of(on, lambda on=on: dict(on=on)):
                self.put("online", Completion, fact, person_id=who, course_id=6, completed_on=on, source="e-learning")

    # programmes ------------------------------------------------------------------------------------------------------

    def _enrolments(self, who: int) -> None:
        chance = self.chance
        for version in (EARLY, PLAIN):
            if chance.random() < 0.25:
                continue
            key, starts = next(self.next), self.day()
            created = self.instant(starts - timedelta(days=chance.choice((0, 60))))
            ends = starts + timedelta(days=365)
            said = dict(status="in_progress", eligible=[], grant_reasons=[], fte=1, cohort_id=1, created_at=created)
            its = dict(id=key, reference=f"m{key}", person_id=who, version_id=version, starts_on=starts, ends_on=ends)
            self.rows.append((Enrolment, {**its, **said}))
            made = created
            for number in range(1, chance.choice((2, 2, 3, 4))):
                self.rows.append((Plan, dict(enrolment_id=key, number=number, reason="start", ends_on=ends, made_at=made)))
                self.days.append(ends)
                self.instants.append(made)
                later = made.date() + timedelta(days=chance.choice((30, 300, 400)))
                made, ends = self.instant(later), ends + timedelta(days=chance.choice((30, 200)))
            self._of_enrolment(key, starts, created)
            self.days.append(starts)

    def _of_enrolment(self, key: int, starts: date, created: datetime) -> None:
        chance = self.chance
        stops = starts + timedelta(days=chance.choice((-10, 0, 90, 200)))
        if chance.random() < 0.5:
            kind = chance.choice(("pause", "pause", "withdrawal", "transfer"))
            ends = stops + timedelta(days=90) if kind == "pause" and chance.random() < 0.6 else FOREVER
            state = chance.choice(("agreed", "agreed", "agreed", "refused", "proposed"))
            settled = None if state == "proposed" else self.instant(max(stops, created.date()))
            said = dict(kind=kind, state=state, from_on=stops, to_on=ends, reason_code="other", details={}, needs=[])
            self.rows.append((Change, dict(enrolment_id=key, proposed_at=created, settled_at=settled, **said)))
            self.instants += [settled] if settled else []
            self.days += [stops] if ends == FOREVER else [stops, ends]
        if chance.random() < 0.6:
            at = self.instant(starts + timedelta(days=chance.choice((200, 365, 400))))
            kind = chance.choice(("confirm", "confirm", "return"))
            outcome = chance.choice(("pass", "pass", "fail")) if kind == "confirm" else None
            self.rows.append((Decision, dict(enrolment_id=key, kind=kind, outcome=outcome, reasons="", checklist=[], decided_at=at)))
            self.instants.append(at)

    # practice --------------------------------------------------------------------------------------------------------

    def _reviews(self) -> None:
        """Review years of both organisations, some to be completed after they end, and what became of each."""
        for organisation in self.organisations:
            for year in range(2022, 2027):
                key, late = next(self.next), self.chance.choice((0, 0, 45))
                ends = date(year + 1, 3, 31)
                dates = dict(starts_on=date(year, 4, 1), ends_on=ends, objectives_by=date(year, 6, 1), mid_year_by=date(year, 10, 1))
                excused = dict(new_days=self.chance.choice((0, 90, 200)), away_days=self.chance.choice((1, 30, 90)))
                due = dict(complete_by=ends + timedelta(days=late), title=f"{year}", organisation_id=organisation)
                self.rows.append((PdrCycle, dict(id=key, **dates, **excused, **due)))
                self.days += [ends, ends + timedelta(days=late)]
                for who in self.people:
                    self._review(who, key, year)

    def _review(self, who: int, cycle: int, year: int) -> None:
        if self.chance.random() < 0.3:
            return
        key, on = next(self.next), date(year, 4, 1) + timedelta(days=self.chance.randrange(400))
        self.rows.append((Pdr, dict(id=key, person_id=who, cycle_id=cycle)))
        for kind in self.chance.choice((("objectives",), ("complete",), ("mid-year", "complete"))):
            for fact in self.versions_of(on, lambda: dict(on=on + timedelta(days=self.chance.choice((0, 0, 20))))):
                self.put("reviews", PdrEvent, fact, pdr_id=key, kind=kind, on_date=fact["on"])

    def _children(self, who: int) -> None:
        """Counts month by month for a while, with corrections."""
        on = self.day()
        for _ in range(self.chance.choice((0, 9, 30))):
            on += timedelta(days=self.chance.choice((10, 30, 100)))
            if on > LAST:
                return
            for fact in self.versions_of(on, lambda: dict(children=self.chance.choice((0, 3, 17, 18, 19, 22, 23, 40)))):
                self.put("children", Caseload, fact, person_id=who, on_date=on, children=fact["children"], source="case_system")

    def _supervised(self, who: int) -> None:
        """Supervision for a year, about as often as most rules ask, some of it short or by nobody registered."""
        on, chance = self.day(), self.chance
        for _ in range(14):
            on += timedelta(days=chance.choice((7, 20, 30, 45)))
            for fact in self.versions_of(on, lambda on=on: dict(on=on, kind=chance.choice(("professional", "reflective", "case")))):
                key = next(self.next)
                self.put(
                    "held", Supervision, fact, id=key, person_id=who, held_on=on, kind=fact["kind"], minutes=chance.choice((30, 60, 95))
                )
                given = dict(person_id=who + 1, supervised_id=who, held_on=on, kind=fact["kind"], live=fact["superseded_at"] is None)
                self.rows.append((Supervisor, dict(supervision_id=key, registered=chance.random() < 0.7, **given)))
