"""Plays one history twice, once with the engine on a real database and once with the oracle, and compares them after every step."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, insert, select

from app import jobs
from app.bookings import operations
from app.bookings.models import Booking, Part, Place, Session
from app.bookings.operations import offers
from app.bookings.operations.give import change_priority, give_to
from app.bookings.operations.sessions import cancel_session, change_session
from app.core.db import FOREVER, Database
from app.core.errors import Refusal
from app.core.tx import Actor, transaction
from app.people.models import Absence, CareerStage, Person, Post, Stage
from tests.factory import LONG_AGO, Make
from tests.property.oracle import LONDON, Event, Member, Oracle, Refused, Seat, Wish

LENGTH = 30  # steps of a history
# Mondays around which a clock can go wrong: the clocks go forward on Easter Day, back on the last of October; Christmas falls on a weekend.
STARTS = (date(2027, 2, 1), date(2027, 3, 22), date(2027, 5, 24), date(2027, 10, 25), date(2027, 12, 20))
WEEKS = ("1111100", "1111100", "1110000", "0011100", "1010100")
VERBS = {
    "join": 34, "cancel": 12, "decide": 10, "accept": 14, "decline": 6, "wait": 16, "resize": 8, "give": 4, "override": 3, "reclass": 4,
    "call off": 1,
}  # fmt: skip
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
        verbs = chance.choices(tuple(VERBS), tuple(VERBS.values()), k=length)
        return History(seed, tuple((verb, *(chance.randrange(1000) for _ in range(3))) for verb in verbs))


class Table:
    """What all histories on one database share, and the clock that everything reads."""

    def __init__(self, database: Database, make: Make) -> None:
        self.database = database
        self.now = datetime.now(UTC)
        self.organisation = make.organisation()
        self.course = make.course().id
        stages = [dict(code=code, title=code, rank=rank, stage_group="practitioner") for rank, code in enumerate(("NQSW", "SW"))]
        with make.tx() as tx:
            tx.insert_many(CareerStage, stages)
        self.actor = Actor("person", make.person("Cai", account=False).id, "Cai", (("practitioner", None), ("coordinator", None)))

    def clock(self) -> datetime:
        return self.now

    def tx(self, *, writes: bool = True) -> Any:
        return transaction(self.database, self.actor, writes=writes)


class Game:
    """One history at a table: its own people and sessions, and the oracle that knows the same ones."""

    def __init__(self, table: Table, seed: int) -> None:
        chance = random.Random(seed + 1_000_000)
        self.table = table
        first = chance.choice(STARTS) + timedelta(days=chance.randrange(4))
        self.now = _london(first, chance.randrange(8, 18))
        self.people = [self._member(chance, n, first) for n in range(chance.randrange(5, 11))]
        self.events = [self._event(chance, first) for _ in range(2)]
        if chance.random() < 0.4:  # the second at the time of the first
            self.events[1].starts, self.events[1].ends = self.events[0].starts, self.events[0].ends
            self.events[1].closes = None
        self.oracle = Oracle(self.now, self.events)
        self.bookings: dict[Wish, int] = {}
        self.before: dict[int, Any] = {}
        self.overridden: set[int] = set()  # seated out of order on purpose
        self._write()

    def _member(self, chance: random.Random, n: int, first: date) -> Member:
        away = frozenset(first + timedelta(days=chance.randrange(8) + day) for day in range(2)) if chance.random() < 0.2 else frozenset()
        return Member(f"P{n}", chance.choice(WEEKS), away, priority=2 if chance.random() < 0.25 else 5)

    def _event(self, chance: random.Random, first: date) -> Event:
        starts = _london(first + timedelta(days=chance.choice((1, 2, 3, 5, 9, 14))), chance.randrange(9, 15))
        closes = starts - timedelta(hours=chance.randrange(1, 30)) if chance.random() < 0.3 else None
        seats = [Seat() for _ in range(chance.randrange(1, 4))]
        limit = chance.choice((None, None, None, 1, 3))
        return Event(starts, starts + timedelta(hours=3), seats, closes, asks=chance.random() < 0.4, list_limit=limit)

    # the same, in the database -------------------------------------------------------------------------------------
    def _write(self) -> None:
        table = self.table
        table.now = self.now
        with table.tx() as tx:
            stamps = dict(created_at=self.now, updated_at=self.now)
            rows = [
                dict(organisation_id=table.organisation, first_name="P", last_name=member.name, name=member.name, sort_name=member.name,
                     search_text=member.name, **stamps)
                for member in self.people
            ]  # fmt: skip
            ids = tx.db.execute(insert(Person).returning(Person.id, sort_by_parameter_order=True), rows).scalars().all()
            self.ids = dict(zip(self.people, ids, strict=True))
            fact = dict(valid_from=LONG_AGO, valid_to=FOREVER, recorded_at=self.now)
            post = dict(job_title="Social worker", contract="permanent", fte=1, is_primary=True, **fact)
            tx.insert_many(Post, [dict(person_id=self.ids[member], working_days=member.week, **post) for member in self.people])
            tx.insert_many(Stage, [dict(person_id=self.ids[one], stage="NQSW" if one.priority == 2 else "SW", **fact) for one in self.people])
            gone = [dict(person_id=self.ids[member], day=day) for member in self.people for day in sorted(member.away)]
            tx.insert_many(
                Absence,
                [
                    dict(person_id=row["person_id"], valid_from=row["day"], valid_to=row["day"] + timedelta(days=1), recorded_at=self.now)
                    for row in gone
                ],
            )
            self.sessions = {event: self._write_session(tx, event, stamps) for event in self.events}

    def _write_session(self, tx: Any, event: Event, stamps: dict[str, Any]) -> int:
        times = dict(starts_at=event.starts, ends_at=event.ends)
        key = tx.insert(
            Session, course_id=self.table.course, reference=f"H{id(event)}-{id(self)}-{random.random()}", capacity=len(event.seats),
            place="Online", online=True, status="published", closes_at=event.closes, needs_approval=event.asks,
            waiting_limit=event.list_limit, **times, **stamps,
        )  # fmt: skip
        tx.insert(Part, session_id=key, link="https://meet.westmarch.example/x", **times)
        tx.insert_many(Place, [dict(session_id=key, number=number) for number in range(1, len(event.seats) + 1)])
        return int(key)

    # playing -------------------------------------------------------------------------------------------------------
    def play(self, history: History) -> None:
        for n, step in enumerate(history.steps):
            try:
                self._step(*step)
                self._compare()
            except Disagreement as wrong:
                raise Disagreement(f"history {history.seed}, step {n + 1} {step}: {wrong}") from wrong

    def _step(self, verb: str, x: int, y: int, z: int) -> None:
        event = self.events[x % len(self.events)]
        if verb == "wait":
            self._wait(y, z)
        elif verb == "join":
            self._join(event, self.people[y % len(self.people)])
        elif verb in ("resize", "give", "call off"):
            self._both(getattr(self, "_" + verb.replace(" ", "_")), event, 1 + y % 4)
        elif event.wishes:
            self._both(getattr(self, "_" + verb), event, self._apt(event, verb, y, z), y)

    def _apt(self, event: Event, verb: str, y: int, z: int) -> Wish:
        """Mostly a booking with which the verb makes sense, sometimes any."""
        apt = {
            "accept": [wish for wish in event.wishes if wish.state == "offered"],
            "decline": [wish for wish in event.wishes if wish.state == "offered"],
            "override": event.queue(),
            "reclass": event.queue(),
            "decide": [wish for wish in event.live() if wish.approval == "pending"],
        }.get(verb, event.live())
        some = apt if apt and z % 6 else event.wishes
        return some[y % len(some)]

    def _both(self, verb: Any, *args: Any) -> None:
        """The engine and the oracle do the same, and both refuse or neither does."""
        oracle, engine = verb(*args)
        said = allowed = ""
        try:
            oracle()
        except Refused as refused:
            allowed = str(refused)
        try:
            with self.table.tx() as tx:
                engine(tx)
        except Refusal as refusal:
            said = f"{refusal.code}: {refusal.message}"
        if bool(said) != bool(allowed):
            raise Disagreement(f"the engine says {said or 'yes'!r}, the oracle {allowed or 'yes'!r}")

    def _join(self, event: Event, who: Member) -> None:
        made: list[int] = []
        self._both(
            lambda: (
                lambda: self.oracle.join(event, who),
                lambda tx: made.append(operations.book(tx, self.sessions[event], self.ids[who]).id),
            )
        )
        if made:
            self.bookings[event.wishes[-1]] = made[0]

    def _cancel(self, event: Event, wish: Wish, _: int) -> Any:
        return lambda: self.oracle.cancel(event, wish), lambda tx: operations.cancel(tx, self.bookings[wish], "Court hearing")

    def _decide(self, event: Event, wish: Wish, y: int) -> Any:
        granted = y % 10 < 7
        return (
            lambda: self.oracle.decide(event, wish, granted),
            lambda tx: operations.decide(tx, self.bookings[wish], granted, "Not this term"),
        )

    def _accept(self, event: Event, wish: Wish, _: int) -> Any:
        return lambda: self.oracle.accept(event, wish), lambda tx: offers.accept(tx, self.bookings[wish])

    def _decline(self, event: Event, wish: Wish, _: int) -> Any:
        return lambda: self.oracle.decline(event, wish), lambda tx: offers.decline(tx, self.bookings[wish])

    def _resize(self, event: Event, capacity: int) -> Any:
        session = self.sessions[event]
        return (
            lambda: self.oracle.resize(event, capacity),
            lambda tx: change_session(tx, session, tx.get(Session, session).version, capacity=capacity),
        )

    def _give(self, event: Event, _: int) -> Any:
        return lambda: self.oracle.give(event), lambda tx: operations.give_next(tx, self.sessions[event])

    def _override(self, event: Event, wish: Wish, _: int) -> Any:
        self.overridden.add(self.bookings[wish])
        return lambda: self.oracle.give(event, wish), lambda tx: give_to(tx, self.bookings[wish], "She delivers it next week")

    def _reclass(self, event: Event, wish: Wish, y: int) -> Any:
        priority = (1, 2, 5, 8)[y % 4]
        return (
            lambda: self.oracle.reclass(event, wish, priority),
            lambda tx: change_priority(tx, self.bookings[wish], priority, "The panel meets soon"),
        )

    def _call_off(self, event: Event, _: int) -> Any:
        return (
            lambda: self.oracle.call_off(event),
            lambda tx: cancel_session(tx, self.sessions[event], "The trainer is ill"),
        )

    def _wait(self, y: int, z: int) -> None:
        """Time passes: to the next moment at which something runs out, or by a while, in which the worker looks at each such moment or not."""
        moment = self.oracle.next_moment()
        target = self.now + timedelta(minutes=15) * (1 + y % (4 if z % 3 else 120))
        if moment is not None and y % 2:
            target = max(self.now, moment - timedelta(minutes=15) * (z % 2))
        worker_is_up = z % 4 > 0
        while worker_is_up and moment is not None and self.now < moment < target:
            self._tick(moment)
            moment = self.oracle.next_moment()
        self._tick(target)

    def _tick(self, now: datetime) -> None:
        self.now = self.table.now = self.oracle.now = now
        self.oracle.pass_time()
        jobs.run_clocks(self.table.database)

    # comparing -----------------------------------------------------------------------------------------------------
    def _compare(self) -> None:
        with self.table.tx(writes=False) as tx:
            rows = {row.id: row for row in tx.rows(_BOOKINGS, sessions=list(self.sessions.values()))}
            seats = [tuple(row) for row in tx.rows(_SEATS, sessions=list(self.sessions.values()))]
        names = {key: member.name for member, key in self.ids.items()}
        engine = {key: (names.get(row.person_id), row.status, row.approval, row.priority, row.offer_ends_at) for key, row in rows.items()}
        oracle = {
            self.bookings[wish]: (wish.who.name, wish.state, wish.approval, wish.priority, wish.offer_ends)
            for event in self.events
            for wish in event.wishes
        }
        if engine != oracle:
            differ = {key: (engine.get(key), oracle.get(key)) for key in engine.keys() | oracle.keys() if engine.get(key) != oracle.get(key)}
            raise Disagreement(f"engine and oracle differ: {differ}")
        self._compare_seats(seats)
        self._compare_queues(rows)
        wrongs = self.oracle.wrongs() + self._promises(rows)
        self.before = rows
        if wrongs:
            raise Disagreement(", ".join(wrongs))

    def _compare_seats(self, seats: list[Any]) -> None:
        """As many seats, open and closing, held by the same bookings."""
        expected = []
        for event, session in self.sessions.items():
            holders = {id(wish.seat): self.bookings[wish] for wish in event.wishes if wish.seat is not None}
            expected += [(session, seat.closing, holders.get(id(seat))) for seat in event.seats]
        if sorted(map(str, seats)) != sorted(map(str, expected)):
            raise Disagreement(f"seats are {seats}, should be {expected}")

    def _compare_queues(self, rows: dict[int, Any]) -> None:
        for event, session in self.sessions.items():
            waiting = [row for row in rows.values() if row.session_id == session and row.status == "waiting"]
            order = [row.id for row in sorted(waiting, key=lambda row: (row.priority, row.turn))]
            if order != [self.bookings[wish] for wish in event.queue()]:
                raise Disagreement(f"the queue is {order}, should be {[self.bookings[wish] for wish in event.queue()]}")

    def _promises(self, rows: dict[int, Any]) -> list[str]:
        """What the engine did in this step, judged without the oracle: nobody took a seat past somebody who went on waiting."""
        found = []
        for row in rows.values():
            was = self.before.get(row.id)
            if row.place is not None and (was is None or was.place is None) and row.id not in self.overridden:
                found += [
                    f"{row.id} overtook {other.id}"
                    for other in rows.values()
                    if other.session_id == row.session_id and other.status == "waiting" and other.id in self.before
                    and (other.priority, other.turn) < (row.priority, row.turn)
                ]  # fmt: skip
        return found


def _london(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), LONDON).astimezone(UTC)


_MINE = bindparam("sessions", expanding=True)
_BOOKINGS = select(Booking.__table__).where(Booking.session_id.in_(_MINE))
_SEATS = (
    select(Place.session_id, Place.closing, Booking.id)
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
