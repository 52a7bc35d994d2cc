"""Plays one history twice, once with the engine on a real database and once with the oracle, and compares them after every step."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, insert, select

from app import jobs
from app.bookings.models import Booking, Part, Place, Session
from app.core.db import FOREVER, Database
from app.core.errors import Refusal
from app.core.ready import Ready
from app.core.tx import Actor, Tx, transaction
from app.people.models import Absence, CareerStage, Group, GroupMember, Person, Post, Stage
from tests.factory import LONG_AGO, Make
from tests.property.oracle import LONDON, Event, Member, Oracle, Refused, Seat, Wish
from tests.property.verbs import APT, OF_A_WISH, OF_AN_EVENT, Pair

LENGTH = 36  # steps of a history
RUSH = 9  # of them at the beginning, when most people ask for a place
# Mondays around which a clock can go wrong: the clocks go forward on Easter Day, back on the last of October; Christmas falls on a weekend.
STARTS = (date(2027, 2, 1), date(2027, 3, 22), date(2027, 5, 24), date(2027, 10, 25), date(2027, 12, 20))
WEEKS = ("1111100", "1111100", "1110000", "0011100", "1010100")
OFTEN = {"wait": 14, "too late": 3} | {verb: often for verb, (_, often) in (OF_AN_EVENT | OF_A_WISH).items()}
Step = tuple[str, int, int, int]


class Disagreement(AssertionError):
    """The engine and the oracle differ, or a promise is broken."""


@dataclass(frozen=True)
class History:
    """How it begins (from the seed) and what is tried. A step's numbers choose among what is there, so that any step may be left out."""

    seed: int
    steps: tuple[Step, ...]

    @staticmethod
    def drawn(seed: int, length: int = LENGTH) -> History:
        chance = random.Random(seed)
        verbs = chance.choices(("join", *OFTEN), (200, *OFTEN.values()), k=RUSH)
        verbs += chance.choices(tuple(OFTEN), tuple(OFTEN.values()), k=length - RUSH)
        return History(seed, tuple((verb, chance.randrange(1000), chance.randrange(1000), chance.randrange(1000)) for verb in verbs))


class Table:
    """What all histories on one database share, and the clock that everything reads."""

    def __init__(self, database: Database, make: Make) -> None:
        self.database = database
        self.now = datetime.now(UTC)
        self.organisation = make.organisation()
        self.course = make.course().id
        self.coordinator = make.person("Cai", account=False).id
        self.games = 0
        stages = [dict(code=code, title=code, rank=rank, stage_group="practitioner") for rank, code in enumerate(("NQSW", "SW"))]
        with make.tx() as tx:
            tx.insert_many(CareerStage, stages)

    def clock(self) -> datetime:
        return self.now

    def tx(self, person: int | None = None, *, writes: bool = True) -> Any:
        """A transaction of the coordinator, or of somebody with no other role than their own."""
        roles = (("practitioner", None),) if person else (("practitioner", None), ("coordinator", None))
        return transaction(self.database, Actor("person", person or self.coordinator, "Cai", roles), writes=writes)


class Game:
    """One history at a table: its own people and sessions, and the oracle that knows the same ones."""

    def __init__(self, table: Table, seed: int) -> None:
        chance = random.Random(seed + 1_000_000)
        self.table = table
        table.games += 1
        first = chance.choice(STARTS) + timedelta(days=chance.randrange(4))
        self.now = _london(first, chance.randrange(8, 18))
        self.people = [self._member(chance, n, first) for n in range(chance.randrange(6, 11))]
        self.events = [self._event(chance, first, seats) for seats in ((1, 1, 2, 3), (2, 3, 4))]
        if chance.random() < 0.6:  # the second at the time of the first
            self.events[1].starts, self.events[1].ends = self.events[0].starts, self.events[0].ends
            self.events[1].closes = None
        self.oracle = Oracle(self.now, self.events)
        self.bookings: dict[Wish, int] = {}
        self.before: dict[int, Any] = {}
        self.actor: int | None = None  # who acts in this step; None: the coordinator
        self.overridden: set[int] = set()  # seated out of order on purpose
        self._write()

    def _member(self, chance: random.Random, n: int, first: date) -> Member:
        away = frozenset(first + timedelta(days=chance.randrange(8) + day) for day in range(2)) if chance.random() < 0.2 else frozenset()
        return Member(f"P{n}", chance.choice(WEEKS), away, 2 if chance.random() < 0.25 else 5, in_cohort=chance.random() < 0.4)

    def _event(self, chance: random.Random, first: date, sizes: tuple[int, ...]) -> Event:
        starts = _london(first + timedelta(days=chance.choice((1, 2, 4, 7, 9, 14))), chance.randrange(9, 15))
        closes = starts - timedelta(hours=chance.randrange(1, 30)) if chance.random() < 0.2 else None
        seats = [Seat() for _ in range(chance.choice(sizes))]
        limit = chance.choice((None, None, None, None, 2))
        return Event(starts, starts + timedelta(hours=3), seats, closes, asks=chance.random() < 0.4, list_limit=limit)

    # the same, in the database -------------------------------------------------------------------------------------
    def _write(self) -> None:
        self.table.now = self.now
        with self.table.tx() as tx:
            ids = tx.db.execute(insert(Person).returning(Person.id, sort_by_parameter_order=True), self._person_rows()).scalars().all()
            self.ids = dict(zip(self.people, ids, strict=True))
            fact = dict(valid_from=LONG_AGO, valid_to=FOREVER, recorded_at=self.now)
            post = dict(job_title="Social worker", contract="permanent", fte=1, is_primary=True, **fact)
            tx.insert_many(Post, [dict(person_id=self.ids[one], working_days=one.week, **post) for one in self.people])
            stages = {2: "NQSW", 5: "SW"}
            tx.insert_many(Stage, [dict(person_id=self.ids[one], stage=stages[one.priority], **fact) for one in self.people])
            gone = [(self.ids[one], day) for one in self.people for day in sorted(one.away)]
            fact = dict(recorded_at=self.now)
            days = [dict(person_id=person, valid_from=day, valid_to=day + timedelta(days=1), **fact) for person, day in gone]
            tx.insert_many(Absence, days)
            self.cohort = tx.insert(Group, code=f"cohort-{self.table.games}", name="September cohort", kind="cohort")
            fact = dict(valid_from=LONG_AGO, valid_to=FOREVER, recorded_at=self.now)
            members = [dict(group_id=self.cohort, person_id=self.ids[one], **fact) for one in self.people if one.in_cohort]
            tx.insert_many(GroupMember, members)
            self.sessions = {event: self._write_session(tx, n, event) for n, event in enumerate(self.events)}

    def _person_rows(self) -> list[dict[str, Any]]:
        common = dict(organisation_id=self.table.organisation, first_name="P", created_at=self.now, updated_at=self.now)
        return [common | dict.fromkeys(("last_name", "name", "sort_name", "search_text"), one.name) for one in self.people]

    def _write_session(self, tx: Tx, n: int, event: Event) -> int:
        times = dict(starts_at=event.starts, ends_at=event.ends)
        key = tx.insert(
            Session, course_id=self.table.course, reference=f"H{self.table.games}-{n}", capacity=len(event.seats), place="Online",
            online=True, status="published", closes_at=event.closes, needs_approval=event.asks, waiting_limit=event.list_limit,
            created_at=self.now, updated_at=self.now, **times,
        )  # fmt: skip
        tx.insert(Part, session_id=key, link="https://meet.westmarch.example/x", **times)
        tx.insert_many(Place, [dict(session_id=key, number=number) for number in range(1, len(event.seats) + 1)])
        return key

    # playing -------------------------------------------------------------------------------------------------------
    def play(self, history: History) -> None:
        for n, step in enumerate(history.steps):
            try:
                self._step(*step)
                self._compare()
            except Disagreement as wrong:
                raise Disagreement(f"history {history.seed}, step {n + 1} {step}: {wrong}") from wrong
        while moment := self.oracle.next_moment():  # to the end, so that nothing is open when another history reads the same clock
            self._tick(max(moment, self.now))
            self._compare()

    def _step(self, verb: str, x: int, y: int, z: int) -> None:
        event = self.events[x % 2 if verb == "join" else x % 3 // 2]  # most of it about the first
        self.actor = None
        if verb == "wait":
            self._wait(y, z)
        elif verb == "too late":
            self._too_late(y, z)
        elif verb in OF_AN_EVENT:
            self._both(event, OF_AN_EVENT[verb][0](self, event, y, z))
        elif event.wishes:
            apt = [wish for wish in event.wishes if APT.get(verb, event.live().__contains__)(wish)]
            some = apt if apt and z % 6 else event.wishes  # sometimes any, to be refused
            self._both(event, OF_A_WISH[verb][0](self, event, some[z % len(some)], y, z))

    def _both(self, event: Event, pair: Pair) -> None:
        """The engine and the oracle do the same, and both refuse or neither does."""
        oracle, engine = pair
        said = allowed = ""
        made: Any = None
        known = len(event.wishes)
        try:
            oracle()
        except Refused as refused:
            allowed = str(refused)
        try:
            with self.table.tx(self.actor) as tx:
                made = engine(tx)
        except Refusal as refusal:
            said = f"{refusal.code}: {refusal.message}"
        if bool(said) != bool(allowed):
            raise Disagreement(f"the engine says {said or 'yes'!r}, the oracle {allowed or 'yes'!r}")
        new = event.wishes[known:]
        if new:
            self.bookings.update(zip(new, made if isinstance(made, list) else [made], strict=True))

    def _wait(self, y: int, z: int) -> None:
        """Time passes: to when something runs out, or by a while. The worker looks at each such moment, only at the end, or not at all."""
        moment = self.oracle.next_moment()
        target = self.now + timedelta(minutes=15) * (1 + y % (40 if z % 3 else 120))
        if moment is not None and y % 2 and moment < self.now + timedelta(days=1 + z % 4):
            target = max(self.now, moment - timedelta(minutes=15) * (z % 3 // 2))
        worker = ("up", "up", "late", "down")[z // 12 % 4]
        while worker == "up" and moment is not None and self.now < moment < target:
            self._tick(moment)
            moment = self.oracle.next_moment()
        if worker == "down":
            self.now = self.table.now = self.oracle.now = target
        else:
            self._tick(target)

    def _too_late(self, y: int, z: int) -> None:
        """Somebody answers at the very moment at which their time is over, before the worker has looked."""
        moment = self.oracle.next_moment()
        if moment is None or moment > self.now + timedelta(days=4):
            return
        self.now = self.table.now = self.oracle.now = max(self.now, moment)
        clocks = {"accept": "offer_ends", "decide": "answer_by", "name": "name_by"}
        for event in self.events:
            for verb, clock in clocks.items():
                for wish in [wish for wish in event.live() if getattr(wish, clock) == moment]:
                    self._both(event, OF_A_WISH[verb][0](self, event, wish, y, z))

    def _tick(self, now: datetime) -> None:
        self.now = self.table.now = self.oracle.now = now
        self.oracle.pass_time()
        jobs.run_clocks(self.table.database)

    # comparing -----------------------------------------------------------------------------------------------------
    def _compare(self) -> None:
        with self.table.tx(writes=False) as tx:
            one, other = self.sessions.values()
            rows = {row.id: row for row in tx.rows(_BOOKINGS, one=one, other=other)}
            seats = [tuple(row) for row in tx.rows(_SEATS, one=one, other=other)]
        names = {key: member.name for member, key in self.ids.items()}
        engine = {key: _engine_side(row, names) for key, row in rows.items()}
        oracle = {self.bookings[wish]: _oracle_side(wish) for event in self.events for wish in event.wishes}
        if engine != oracle:
            keys = sorted(key for key in engine.keys() | oracle.keys() if engine.get(key) != oracle.get(key))
            raise Disagreement("; ".join(f"booking {key} is {engine.get(key)}, should be {oracle.get(key)}" for key in keys))
        self._compare_seats(seats)
        self._compare_queues(rows)
        wrongs = self.oracle.wrongs() + self._overtaken(rows)
        self.before = rows
        if wrongs:
            raise Disagreement(", ".join(wrongs))

    def _compare_seats(self, seats: list[Any]) -> None:
        """As many seats, open and closing, kept and everybody's, held by the same bookings."""
        expected = []
        for event, session in self.sessions.items():
            for seat in event.seats:
                holder = event.holder(seat)
                expected.append((session, seat.closing, seat.kept, self.bookings[holder] if holder else None))
        if sorted(map(str, seats)) != sorted(map(str, expected)):
            raise Disagreement(f"seats (session, closing, kept, booking) are {seats}, should be {expected}")

    def _compare_queues(self, rows: dict[int, Any]) -> None:
        for event, session in self.sessions.items():
            waiting = [row for row in rows.values() if row.session_id == session and row.status == "waiting"]
            order = [row.id for row in sorted(waiting, key=lambda row: (row.priority, row.turn))]
            if order != [self.bookings[wish] for wish in event.queue()]:
                raise Disagreement(f"the queue is {order}, should be {[self.bookings[wish] for wish in event.queue()]}")

    def _overtaken(self, rows: dict[int, Any]) -> list[str]:
        """What the engine did in this step, judged without the oracle: nobody took everybody's seat past somebody who went on waiting."""
        kept = {self.bookings[wish] for event in self.events for wish in event.wishes if wish.seat is not None and wish.seat.kept}
        return [
            f"{row.id} overtook {other.id}"
            for row in rows.values()
            if row.place is not None
            and (row.id not in self.before or self.before[row.id].place is None)
            and row.passed_from is None
            and row.id not in self.overridden | kept
            for other in rows.values()
            if other.session_id == row.session_id
            and other.status == "waiting"
            and other.id in self.before
            and (other.priority, other.turn) < (row.priority, row.turn)
        ]


def _engine_side(row: Any, names: dict[int, str]) -> tuple[Any, ...]:
    answer_by = row.approval_due_at if row.approval == "pending" else None
    name_by = row.name_by if row.status == "reserved" else None
    return names.get(row.person_id), row.status, row.approval, row.priority, row.turn, row.offer_ends_at, answer_by, name_by


def _oracle_side(wish: Wish) -> tuple[Any, ...]:
    pending = wish.answer_by if wish.approval == "pending" else None
    return wish.who and wish.who.name, wish.state, wish.approval, wish.priority, wish.turn, wish.offer_ends, pending, wish.name_by


def _london(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), LONDON).astimezone(UTC)


_MINE: tuple[Any, ...] = (bindparam("one"), bindparam("other"))
_LOOKED_AT = (
    *(
        Booking.id,
        Booking.session_id,
        Booking.person_id,
        Booking.status,
        Booking.place,
        Booking.priority,
        Booking.turn,
        Booking.passed_from,
    ),
    *(Booking.approval, Booking.approval_due_at, Booking.offer_ends_at, Booking.name_by),
)
_BOOKINGS = Ready(select(*_LOOKED_AT).where(Booking.session_id.in_(_MINE)))
_SEATS = Ready(
    select(Place.session_id, Place.closing, Place.quota_id.is_not(None).label("kept"), Booking.id)
    .outerjoin(Booking, and_(Booking.session_id == Place.session_id, Booking.place == Place.number))
    .where(Place.session_id.in_(_MINE))
)


def shortest(table: Table, history: History, tries: int = 200) -> tuple[History, str]:
    """A history from which no step can be left out without its failure going away, and what goes wrong in it."""
    said = str(failure(table, history))
    size = len(history.steps) // 2
    while size and tries:
        at = 0
        while at < len(history.steps) and tries:
            tries -= 1
            less = History(history.seed, history.steps[:at] + history.steps[at + size :])
            if wrong := failure(table, less):
                history, said = less, str(wrong)
            else:
                at += size
        size //= 2
    return history, said


def failure(table: Table, history: History) -> Exception | None:
    """What goes wrong in a history, or None. Whatever the engine does beside refusing counts, a broken constraint included."""
    try:
        Game(table, history.seed).play(history)
    except Exception as wrong:  # noqa: BLE001
        return wrong
    return None
