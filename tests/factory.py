"""Makes real rows for tests, through the operations where they exist and by insert where a test needs the past."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import insert, select, update

from app.bookings.models import Part, PartTrainer, Place, Room, Session
from app.core.calendar import from_london
from app.core.db import FOREVER, Database
from app.core.text import search_words, slug
from app.core.tx import SYSTEM, Tx, transaction
from app.identity import operations as identity
from app.identity.models import Account
from app.learning.models import Completion, Course, CourseStandard, Prerequisite
from app.people import operations as people
from app.people.models import CareerStage, Duty, Person, RoleHeld, Unit

STAGES = (
    ("NQSW", "Newly qualified social worker", 30),
    ("SW", "Social worker", 40),
    ("EXP", "Experienced social worker", 50),
    ("TM", "Team manager", 80),
)
LONG_AGO = date(2020, 1, 1)
NEXT_YEAR = datetime.now(UTC).year + 1


def tuesday(month: int) -> date:
    """The first Tuesday of that month next year: for what is to come whenever the tests run."""
    first = date(NEXT_YEAR, month, 1)
    return first + timedelta(days=(1 - first.weekday()) % 7)


class Make:
    """`make.person("Ann")`, `make.course()`, `make.session(places=1)`: each returns the row, committed."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.n = 0

    def tx(self, *, writes: bool = True) -> AbstractContextManager[Tx]:
        """A transaction of the system, for what a test has to arrange or look at."""
        return transaction(self.database, SYSTEM, writes=writes)

    def _next(self) -> int:
        self.n += 1
        return self.n

    def row(self, table: Any, key: int) -> Any:
        with self.tx(writes=False) as tx:
            return tx.get(table, key)

    def rows(self, statement: Any) -> list[Any]:
        with self.tx(writes=False) as tx:
            return list(tx.rows(statement))

    def organisation(self, name: str = "Westmarch County Council", *, host: bool = True) -> int:
        with self.tx() as tx:
            found = tx.scalar(select(Unit.id).where(Unit.name == name, Unit.kind == "organisation"))
            return int(found) if found else people.create_unit(tx, "organisation", name, slug(name), host=host)

    def unit(self, name: str, kind: str = "team", parent: int | None = None) -> int:
        parent = parent or self.organisation()
        with self.tx() as tx:
            return people.create_unit(tx, kind, name, f"{slug(name)}-{self._next()}", parent)

    def person(
        self,
        name: str = "Ann",
        *,
        organisation: int | None = None,
        team: int | None = None,
        manager: int | None = None,
        stage: str | None = None,
        roles: tuple[str, ...] = (),
        scope: int | None = None,
        account: bool = True,
        **values: Any,
    ) -> Any:
        """Somebody with an account; `roles` are held for `scope` (None: everywhere)."""
        n = self._next()
        organisation = organisation or self.organisation()
        first, _, last = name.partition(" ")
        values.setdefault("email", f"{slug(first)}.{n}@westmarch.example")
        values.setdefault("employee_number", f"E{n:05}")
        working_days = values.pop("working_days", "1111100")
        with self.tx() as tx:
            key = people.create_person(tx, organisation, first_name=first, last_name=last or f"Test{n}", **values)
            people.set_post(tx, key, "Social worker", "permanent", 1, LONG_AGO, working_days=working_days)
            if team:
                people.set_team(tx, key, team, LONG_AGO)
            if manager:
                people.set_manager(tx, key, manager, LONG_AGO)
            if stage:
                self._stages(tx)
                people.set_stage(tx, key, stage, LONG_AGO)
            for role in roles:
                tx.insert(RoleHeld, person_id=key, role=role, unit_id=scope, valid_from=LONG_AGO, valid_to=FOREVER, recorded_at=tx.now)
            if account:
                tx.db.execute(insert(Account), dict(person_id=key, created_at=tx.now))
            return tx.get(Person, key)

    def _stages(self, tx: Tx) -> None:
        if not tx.scalar(select(CareerStage.code).limit(1)):
            tx.insert_many(
                CareerStage, [dict(code=code, title=title, rank=rank, stage_group="practitioner") for code, title, rank in STAGES]
            )

    def password(self, person_id: int, password: str) -> None:
        with self.tx() as tx:
            tx.db.execute(update(Account).where(Account.person_id == person_id).values(password_hash=identity.PASSWORDS.hash(password)))

    def assessor(self, holder: int, person: int) -> None:
        with self.tx() as tx:
            people.give_duty(tx, Duty.ASSESSOR, holder, LONG_AGO, person_id=person)

    def course(self, title: str | None = None, *, requires: tuple[int, ...] = (), standards: tuple[str, ...] = (), **values: Any) -> Any:
        title = title or f"Course {self._next()}"
        values = {"kind": "masterclass", "status": "published", "summary": "What it is about.", "outcomes": "Do it well", **values}
        with self.tx() as tx:
            key = tx.insert(
                Course,
                title=title,
                slug=slug(title),
                search_text=search_words(title, values["summary"]),
                created_at=tx.now,
                updated_at=tx.now,
                **values,
            )
            tx.insert_many(Prerequisite, [dict(course_id=key, requires_id=other) for other in requires])
            tx.insert_many(CourseStandard, [dict(course_id=key, standard=code) for code in standards])
            return tx.get(Course, key)

    def room(self, name: str | None = None, *, capacity: int = 30) -> int:
        with self.tx() as tx:
            return tx.insert(Room, name=name or f"Room {self._next()}", place="Aldermoor", capacity=capacity)

    def session(
        self,
        *,
        course: int | None = None,
        places: int = 10,
        day: date | None = None,
        starts: datetime | None = None,
        hours: float = 3,
        room: int | None = None,
        link: str | None = None,
        trainers: tuple[int, ...] = (),
        **values: Any,
    ) -> Any:
        """A published one-part session, by default at 9:30 on a working Tuesday some weeks ahead and in a room of its own."""
        course = course or self.course().id
        if room is None and link is None:
            room = self.room(capacity=max(places, 1))
        with self.tx() as tx:
            if starts is None:
                if day is None:
                    day = tx.today + timedelta(days=28)
                    day += timedelta(days=(1 - day.weekday()) % 7)
                starts = from_london(day, time(9, 30))
            ends = starts + timedelta(hours=hours)
            key = tx.insert(
                Session,
                **{
                    "course_id": course,
                    "reference": f"S{self._next():04}",
                    "starts_at": starts,
                    "ends_at": ends,
                    "place": "Aldermoor" if room else "Online",
                    "online": room is None,
                    "capacity": places,
                    "status": "published",
                    "created_at": tx.now,
                    "updated_at": tx.now,
                    **values,
                },
            )
            part = tx.insert(Part, session_id=key, starts_at=starts, ends_at=ends, room_id=room, link=link)
            tx.insert_many(Place, [dict(session_id=key, number=number) for number in range(1, places + 1)])
            for trainer in trainers:
                tx.insert(PartTrainer, part_id=part, person_id=trainer, starts_at=starts, ends_at=ends)
                people.give_duty(tx, Duty.TRAINER, trainer, LONG_AGO, subject=f"session:{key}")
            return tx.get(Session, key)

    def completion(self, person: int, course: int, on: date, expires: date | None = None) -> int:
        with self.tx() as tx:
            return tx.insert(
                Completion, person_id=person, course_id=course, completed_on=on, expires_on=expires, source="attendance", recorded_at=tx.now
            )
