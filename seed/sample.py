"""What the personas did themselves, through the real operations: the bookings that a newcomer finds first."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from sqlalchemy import func, select

from app.bookings import operations
from app.bookings.models import Booking, Session, Status
from app.bookings.operations import sessions
from app.core.db import Database
from app.core.errors import Refusal
from app.core.tx import SYSTEM, Actor, Tx, transaction
from app.learning import certificates
from app.learning.models import Completion
from app.policy import Role
from seed.timetable import SOON, Meeting
from seed.workforce import Workforce

PRACTITIONER = (Role.PRACTITIONER.value, None)


def act_out(stage: Stage) -> None:
    """The practitioner, the newly qualified social worker and the manager book, wait, ask and approve."""
    force = stage.force
    priya, callum, joanne = (force.persona[key] for key in ("practitioner", "nqsw", "manager"))
    stage.book(priya, priya, stage.soon(), wanted=Status.BOOKED)
    stage.book(priya, priya, stage.later(), wanted=Status.WAITING)
    first = stage.book(priya, priya, stage.later(45), wanted=Status.BOOKED)
    changed_mind = stage.book(priya, priya, stage.later(60), wanted=Status.BOOKED)
    if first and changed_mind:
        with stage.as_(priya) as tx:
            operations.cancel(tx, changed_mind, "My team has court that week")
    stage.book(callum, callum, stage.of_course("PRO-02", "ESS-02", "ESS-04"), wanted=Status.BOOKED)
    stage.book(callum, callum, stage.soon(), wanted=Status.BOOKED)
    reports = stage.reports(joanne, besides=(priya, callum))
    for turn, i in enumerate(reports[:4]):
        stage.book(joanne if turn % 2 else i, i, stage.later(7 + 14 * turn), wanted=Status.BOOKED)
    asked = [made for turn, i in enumerate(reports) if (made := stage.book(i, i, stage.with_approval(3 * turn), wanted=Status.REQUESTED))]
    if len(asked) < 2:  # a small county has few courses that have to be approved
        asked += [made for i in reports if (made := stage.book(i, i, stage.to_approve(), wanted=Status.REQUESTED))]
    if asked:
        with stage.as_(joanne) as tx:
            operations.decide(tx, asked[0], True)


def certify(stage: Stage) -> None:
    """The personas' completions have their certificates."""
    with transaction(stage.database, SYSTEM, writes=True, now=stage.now) as tx:
        of_personas = select(Completion.id).where(Completion.person_id.in_([i + 1 for i in stage.force.persona.values()]))
        certificates.issue(tx, [row.id for row in tx.rows(of_personas)])


class Stage:
    """Tries sessions one after another until an operation accepts; what the rules refuse is passed over, as a person would.

    What they do is spread over the last hour of the county's history, so that everything has its own moment.
    """

    def __init__(self, database: Database, force: Workforce, meetings: list[Meeting], now: datetime) -> None:
        """Look only at sessions that are still to come and open."""
        self.database, self.force, self.now = database, force, now - timedelta(hours=1)
        self.open = [
            (key, meeting) for key, meeting in enumerate(meetings, start=1) if meeting.starts_at > now and meeting.status == "published"
        ]

        self.course_of = {key: meeting.course for key, meeting in self.open}
        self.ruled: list[int] = []
        self.taken: set[tuple[int, str]] = set()  # nobody books a course twice

    def as_(self, i: int) -> AbstractContextManager[Tx]:
        """A transaction of this person's, half a minute after the one before."""
        self.now += timedelta(seconds=30)
        return transaction(self.database, self.actor(i), writes=True, now=self.now)

    def actor(self, i: int) -> Actor:
        """The person as they would be when signed in."""
        person = self.force.people[i]
        more = {"manager": Role.MANAGER, "coordinator": Role.COORDINATOR}
        roles = (PRACTITIONER, *((role.value, None) for key, role in more.items() if i == self.force.persona[key]))
        return Actor("person", i + 1, f"{person.first_name} {person.last_name}", roles, organisation_id=1)

    def coordinating(self) -> AbstractContextManager[Tx]:
        """A transaction of the coordinator's, likewise."""
        return self.as_(self.force.persona["coordinator"])

    def to_approve(self) -> list[int]:
        """The first session of some weeks ahead that had no such rule, and has now."""
        if not self.ruled:
            for key in self.later(18):
                with self.coordinating() as tx:
                    session = tx.get(Session, key)
                    if tx.scalar(select(func.count(Booking.place)).where(Booking.session_id == key)) + 3 <= session.capacity:
                        sessions.change_session(tx, key, session.version, needs_approval=True)
                        self.ruled.append(key)
                        break
        return self.ruled

    def reports(self, manager: int, besides: tuple[int, ...] = ()) -> list[int]:
        """Whom somebody manages."""
        people = enumerate(self.force.people)
        return [i for i, person in people if person.managers and person.managers[-1][1] == manager and i not in besides]

    def within(self, days: int) -> Iterable[int]:
        """Sessions of the next days."""
        return [key for key, m in self.open if m.starts_at < self.now + timedelta(days=days) and not m.course.approval]

    def delivered(self, trainer: int) -> Iterable[int]:
        """What somebody delivers, the next first."""
        return [key for key, m in self.open if trainer in m.trainers]

    def soon(self) -> Iterable[int]:
        """Sessions of the coming days."""
        return [key for key, m in self.open if m.course.code in SOON and m.starts_at < self.now + timedelta(days=15)]

    def later(self, days: int = 9) -> Iterable[int]:
        """Sessions from so many days on that need no approval."""
        return [key for key, m in self.open if m.starts_at > self.now + timedelta(days=days) and not m.course.approval and not m.audience]

    def with_approval(self, start: int) -> Iterable[int]:
        """Sessions for which a manager has to approve, beginning somewhere in the list so that not everybody asks for the same."""
        found = [key for key, m in self.open if m.course.approval]
        start %= len(found) or 1
        return found[start:] + found[:start]

    def of_course(self, *codes: str) -> Iterable[int]:
        """Sessions of these courses, the first course first."""
        return [key for code in codes for key, m in self.open if m.course.code == code]

    def book(self, who: int, learner: int, sessions: Iterable[int], *, wanted: Status) -> int | None:
        """The first of the sessions that gives the learner what is wanted; returns the booking. Anything else is undone."""
        stages = {stage for _, stage in self.force.people[learner].stages[-1:]}
        for session in sessions:
            course = self.course_of[session]
            if (learner, course.code) in self.taken or (course.stages and not stages & set(course.stages)):
                continue
            try:
                with self.as_(who) as tx:
                    made = operations.book(tx, session, learner + 1)
                    if made.status is not wanted:
                        raise NotWanted
                    self.taken.add((learner, course.code))
                    return made.id
            except (Refusal, NotWanted):
                continue
        return None


class NotWanted(Exception):
    """The booking would have become something else; raised to undo it."""
