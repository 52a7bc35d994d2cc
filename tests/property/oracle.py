"""What must become of everybody who asks for a place, in the plainest Python there is: lists, loops, and a clock that counts quarter hours.

Written from the rules for booking as people say them (docs/bookings.md), not from the engine, with no database and no thought of speed.
The engine must agree with it after every step of every history.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
QUARTER = timedelta(minutes=15)
# England's bank holidays of the year in which all histories play, from the calendar on the wall.
HOLIDAYS = {date(2027, *day) for day in ((1, 1), (3, 26), (3, 29), (5, 3), (5, 31), (8, 30), (12, 27), (12, 28))}
HOLDING = ("reserved", "requested", "offered", "booked")


class Refused(Exception):
    """Somebody may not do that."""


# The clocks --------------------------------------------------------------------------------------------------------


def works(day: date, week: str) -> bool:
    return week[day.weekday()] == "1" and day not in HOLIDAYS


def at_work(instant: datetime, week: str, away: frozenset[date]) -> bool:
    """Is the quarter of an hour that begins now working time for somebody with this week?"""
    local = instant.astimezone(LONDON)
    return works(local.date(), week) and local.date() not in away and time(9) <= local.time() < time(17)


@cache
def offer_end(now: datetime, cut_off: datetime, week: str, away: frozenset[date]) -> datetime | None:
    """When sixteen of one's own working hours are over, a week at most, never past the cut-off; None: under an hour is left for anybody."""
    quarters, instant = 0, now
    while instant < cut_off and quarters < 4:
        quarters += at_work(instant, "1111100", frozenset())
        instant += QUARTER
    if quarters < 4:
        return None
    local = now.astimezone(LONDON)
    week_later = datetime.combine(local.date() + timedelta(days=7), local.time(), LONDON).astimezone(UTC)
    quarters, instant = 0, now
    while quarters < 64 and instant < min(cut_off, week_later):
        quarters += at_work(instant, week, away)
        instant += QUARTER
    return instant


def close_of_working_day(now: datetime, days: int) -> datetime:
    """5pm of the day that is so many of England's working days after today."""
    day = now.astimezone(LONDON).date()
    while days:
        day += timedelta(days=1)
        if works(day, "1111100"):
            days -= 1
    return datetime.combine(day, time(17), LONDON).astimezone(UTC)


# The things --------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Member:
    """Somebody who might come."""

    name: str
    week: str = "1111100"
    away: frozenset[date] = frozenset()
    priority: int = 5


@dataclass(eq=False)
class Seat:
    closing: bool = False


@dataclass(eq=False)
class Wish:
    """One person's asking for a place: it is somewhere between asked and over."""

    who: Member
    turn: int
    priority: int
    state: str
    approval: str
    seat: Seat | None = None
    offer_ends: datetime | None = None
    answer_by: datetime | None = None  # a pending approval


@dataclass(eq=False)
class Event:
    """One session with its seats and everybody who ever asked for one, in the order in which they asked."""

    starts: datetime
    ends: datetime
    seats: list[Seat]
    closes: datetime | None = None
    asks: bool = False  # a manager has to approve
    list_limit: int | None = None
    off: bool = False
    wishes: list[Wish] = field(default_factory=list)

    @property
    def cut_off(self) -> datetime:
        two_hours_before = self.starts - timedelta(hours=2)
        return two_hours_before if self.closes is None else min(self.closes, two_hours_before)

    def held(self, seat: Seat) -> bool:
        return any(wish.seat is seat for wish in self.wishes)

    def free(self) -> list[Seat]:
        return [seat for seat in self.seats if not seat.closing and not self.held(seat)]

    def queue(self) -> list[Wish]:
        """Everybody waiting: the lower class number first, then who asked earlier."""
        return sorted((wish for wish in self.wishes if wish.state == "waiting"), key=lambda wish: (wish.priority, wish.turn))

    def live(self) -> list[Wish]:
        return [wish for wish in self.wishes if wish.state == "waiting" or wish.state in HOLDING]


@dataclass
class Oracle:
    """The rules. Each verb does what it says, or raises Refused and changes nothing."""

    now: datetime
    events: list[Event]

    # what people do ------------------------------------------------------------------------------------------------
    def join(self, event: Event, who: Member) -> None:
        self._open_for_booking(event)
        if any(wish.who is who for wish in event.live()):
            raise Refused("already on it")
        self._no_clash(event, who)
        free, waiting = event.free(), event.queue()
        seat = free[0] if free and not waiting else None  # a free seat is nobody else's while somebody waits
        if seat is None and event.list_limit is not None and len(waiting) >= event.list_limit:
            raise Refused("list is full")
        state = "waiting" if seat is None else "requested" if event.asks else "booked"
        approval = "pending" if event.asks else "not needed"
        due = close_of_working_day(self.now, 5) if event.asks else None
        priority = who.priority if seat is None else 5  # a class is for waiting
        event.wishes.append(Wish(who, len(event.wishes) + 1, priority, state, approval, seat, answer_by=due))

    def cancel(self, event: Event, wish: Wish) -> None:
        if wish not in event.live() or self.now >= event.starts:
            raise Refused("over")
        self._end(event, [wish], "cancelled")

    def decide(self, event: Event, wish: Wish, granted: bool) -> None:
        if wish not in event.live() or wish.approval != "pending":
            raise Refused("nothing to decide")
        wish.approval = "granted" if granted else "refused"
        if not granted:
            self._end(event, [wish], "declined")
        elif wish.state == "requested":
            wish.state = "booked"

    def accept(self, event: Event, wish: Wish) -> None:
        if wish.state != "offered" or wish.offer_ends is None or self.now >= wish.offer_ends or self.now >= event.starts:
            raise Refused("offer over")
        self._no_clash(event, wish.who)
        wish.state = "requested" if wish.approval == "pending" else "booked"
        wish.offer_ends = None

    def decline(self, event: Event, wish: Wish) -> None:
        if wish.state != "offered" or self.now >= event.starts:
            raise Refused("offer over")
        self._end(event, [wish], "declined")

    def resize(self, event: Event, capacity: int) -> None:
        """More seats: closing ones open again, then new ones. Fewer: free ones go, the rest close as they are vacated; nobody is unseated."""
        if event.off or self.now >= event.ends:
            raise Refused("over")
        opened = [seat for seat in event.seats if not seat.closing]
        for seat in [*reversed([s for s in opened if not event.held(s)]), *reversed([s for s in opened if event.held(s)])]:
            if len([s for s in event.seats if not s.closing]) <= capacity:
                break
            if event.held(seat):
                seat.closing = True
            else:
                event.seats.remove(seat)
        for seat in event.seats:
            if len([s for s in event.seats if not s.closing]) < capacity:
                seat.closing = False
        while len([s for s in event.seats if not s.closing]) < capacity:
            event.seats.append(Seat())
        if capacity > len(opened):
            self.settle(event)

    def give(self, event: Event, wish: Wish | None = None) -> None:
        """A coordinator seats the head of the list or, with a reason, somebody else on it."""
        wish = wish or next(iter(event.queue()), None)
        if event.off or self.now >= event.starts or not event.free() or wish not in event.queue():
            raise Refused("nothing to give")
        self._no_clash(event, wish.who)
        wish.seat, wish.state = event.free()[0], "requested" if wish.approval == "pending" else "booked"

    def reclass(self, event: Event, wish: Wish, priority: int) -> None:
        """A coordinator puts somebody who waits into another class; their turn stays."""
        if wish not in event.queue() or wish.priority == priority:
            raise Refused("not waiting, or in it already")
        wish.priority = priority

    def call_off(self, event: Event) -> None:
        if event.off or self.now >= event.starts:
            raise Refused("over")
        for wish in event.live():
            wish.state, wish.seat, wish.offer_ends = "cancelled", None, None
        event.off = True
        event.seats = [seat for seat in event.seats if not seat.closing]

    # what time does ------------------------------------------------------------------------------------------------
    def pass_time(self) -> None:
        """Whatever is over by now ends, and its places pass on at once."""
        for event in self.events:
            over = [wish for wish in event.live() if wish.offer_ends is not None and wish.offer_ends <= self.now]
            self._end(event, over, "expired")

    def next_moment(self) -> datetime | None:
        """When the next clock runs out."""
        return min((wish.offer_ends for event in self.events for wish in event.live() if wish.offer_ends), default=None)

    # what follows --------------------------------------------------------------------------------------------------
    def settle(self, event: Event) -> None:
        """Every free seat is offered to whoever is first in the queue and may have it, and held for them."""
        if event.off or self.now >= event.starts:
            return
        for wish in event.queue():
            free = event.free()
            ends = offer_end(self.now, event.cut_off, wish.who.week, wish.who.away)
            if free and ends is not None:
                wish.seat, wish.state, wish.offer_ends = free[0], "offered", ends

    def _end(self, event: Event, wishes: list[Wish], state: str) -> None:
        freed = [wish.seat for wish in wishes if wish.seat is not None]
        for wish in wishes:
            wish.state, wish.seat, wish.offer_ends = state, None, None
        event.seats = [seat for seat in event.seats if not (seat.closing and seat in freed)]
        if freed:
            self.settle(event)

    def _open_for_booking(self, event: Event) -> None:
        if event.off or self.now >= event.starts or (event.closes is not None and self.now >= event.closes):
            raise Refused("closed")

    def _no_clash(self, event: Event, who: Member) -> None:
        for other in self.events:
            together = other is not event and other.starts < event.ends and event.starts < other.ends
            if together and any(wish.who is who and wish.state in HOLDING for wish in other.wishes):
                raise Refused("clash")

    # what must never be --------------------------------------------------------------------------------------------
    def wrongs(self) -> list[str]:
        """Whether the oracle itself keeps the promises; said of its own state, not of the rules that led there."""
        found = []
        for event in self.events:
            seated = [wish for wish in event.wishes if wish.seat is not None]
            if len({id(wish.seat) for wish in seated}) != len(seated) or len(seated) > len(event.seats):
                found.append("overbooked")
            if len({wish.who.name for wish in event.live()}) != len(event.live()):
                found.append("somebody twice")
            time_left = offer_end(self.now, event.cut_off, "1111100", frozenset()) is not None
            if time_left and not event.off and event.free() and event.queue():
                found.append("stuck")
        return found
