"""What the personas did themselves, through the real operations: the bookings that a newcomer finds first."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from sqlalchemy import select

from app.bookings import operations
from app.bookings.models import Status
from app.core.db import Database
from app.core.errors import Refusal
from app.core.tx import SYSTEM, Actor, Tx, transaction
from app.learning import certificates
from app.learning.models import Completion
from app.policy import Role
from seed.timetable import SOON, Meeting
from seed.workforce import Workforce

PRACTITIONER = (Role.PRACTITIONER.value, None)


def act_out(database: Database, force: Workforce, meetings: list[Meeting], now: datetime) -> None:
    """The practitioner, the newly qualified social worker and the manager book, wait, ask and approve."""
    stage = Stage(database, force, meetings, now)
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
    reports = [
        i for i, person in enumerate(force.people) if person.managers and person.managers[-1][1] == joanne and i not in (priya, callum)
    ]
    for turn, i in enumerate(reports[:4]):
        stage.book(joanne if turn % 2 else i, i, stage.later(7 + 14 * turn), wanted=Status.BOOKED)
    asked = [made for turn, i in enumerate(reports) if (made := stage.book(i, i, stage.with_approval(3 * turn), wanted=Status.REQUESTED))]
    if len(asked) > 1:
        with stage.as_(joanne) as tx:
            operations.decide(tx, asked[0], True)
    with transaction(database, SYSTEM, writes=True, now=now) as tx:
        of_personas = select(Completion.id).where(Completion.person_id.in_([i + 1 for i in force.persona.values()]))
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
        self.taken: set[tuple[int, str]] = set()  # nobody books a course twice

    def as_(self, i: int) -> AbstractContextManager[Tx]:
        """A transaction of this person's, half a minute after the one before."""
        self.now += timedelta(seconds=30)
        return transaction(self.database, self.actor(i), writes=True, now=self.now)

    def actor(self, i: int) -> Actor:
        """The person as they would be when signed in."""
        person = self.force.people[i]
        roles = (PRACTITIONER, (Role.MANAGER.value, None)) if i == self.force.persona["manager"] else (PRACTITIONER,)
        return Actor("person", i + 1, f"{person.first_name} {person.last_name}", roles, organisation_id=1)

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
