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
HOLIDAYS = {date(2027, *day) for day in ((1, 1), (3, 26), (3, 29), (5, 3), (5, 31), (8, 30), (12, 27), (12, 28))} | {date(2028, 1, 3)}
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


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), LONDON).astimezone(UTC)


# The things --------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Member:
    """Somebody who might come."""

    name: str
    week: str = "1111100"
    away: frozenset[date] = frozenset()
    priority: int = 5
    in_cohort: bool = False
    last_day: date | None = None


@dataclass(eq=False)
class Seat:
    closing: bool = False
    kept: bool = False  # for the cohort

    def for_(self, who: Member) -> bool:
        return who.in_cohort or not self.kept


@dataclass(eq=False)
class Wish:
    """One person's asking for a place (or a place reserved for nobody yet): it is somewhere between asked and over."""

    who: Member | None
    turn: int
    priority: int
    state: str
    approval: str = "not needed"
    seat: Seat | None = None
    offer_ends: datetime | None = None
    answer_by: datetime | None = None  # while approval is pending
    name_by: datetime | None = None  # while reserved


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
    release_on: date | None = None  # from then on the places kept for the cohort are everybody's
    next_turn: int = 1
    wishes: list[Wish] = field(default_factory=list)

    @property
    def cut_off(self) -> datetime:
        two_hours_before = self.starts - timedelta(hours=2)
        return two_hours_before if self.closes is None else min(self.closes, two_hours_before)

    def holder(self, seat: Seat) -> Wish | None:
        return next((wish for wish in self.wishes if wish.seat is seat), None)

    def opened(self) -> list[Seat]:
        return [seat for seat in self.seats if not seat.closing]

    def free(self) -> list[Seat]:
        return [seat for seat in self.opened() if self.holder(seat) is None]

    def free_for(self, who: Member) -> list[Seat]:
        """The free seats that somebody may have, those kept for them first."""
        return sorted((seat for seat in self.free() if seat.for_(who)), key=lambda seat: not seat.kept)

    def queue(self) -> list[Wish]:
        """Everybody waiting: the lower class number first, then who asked earlier."""
        return sorted((wish for wish in self.wishes if wish.state == "waiting"), key=lambda wish: (wish.priority, wish.turn))

    def live(self) -> list[Wish]:
        return [wish for wish in self.wishes if wish.state == "waiting" or wish.state in HOLDING]

    def of(self, who: Member) -> Wish | None:
        return next((wish for wish in self.live() if wish.who is who), None)

    def take_turn(self) -> int:
        self.next_turn += 1
        return self.next_turn - 1


@dataclass
class Oracle:
    """The rules. Each verb does what it says, or raises Refused and changes nothing."""

    now: datetime
    events: list[Event]

    @property
    def today(self) -> date:
        return self.now.astimezone(LONDON).date()

    # asking, being asked -------------------------------------------------------------------------------------------
    def join(self, event: Event, who: Member, by_coordinator: bool) -> None:
        self._open_for_booking(event)
        if event.of(who) is not None:
            raise Refused("already on it")
        self._can_come(event, who)
        seat = self._not_owed(event, who)
        if seat is None and event.list_limit is not None and len(event.queue()) >= event.list_limit:
            raise Refused("list is full")
        approval, answer_by = self._approval(event, by_coordinator)
        state = "waiting" if seat is None else "requested" if approval == "pending" else "booked"
        priority = who.priority if seat is None else 5  # a class is for waiting
        event.wishes.append(Wish(who, event.take_turn(), priority, state, approval, seat, answer_by=answer_by))

    def cancel(self, event: Event, wish: Wish) -> None:
        if wish not in event.live() or wish.state == "reserved" or self.now >= event.starts:
            raise Refused("over, or nobody's yet")
        self._end(event, [wish], "cancelled")

    def decide(self, event: Event, wish: Wish, granted: bool) -> None:
        if wish not in event.live() or wish.answer_by is None or self.now >= wish.answer_by:
            raise Refused("nothing to decide, or too late")
        wish.approval = "granted" if granted else "refused"
        if not granted:
            self._end(event, [wish], "declined")
            return
        wish.answer_by = None
        if wish.state == "requested":
            wish.state = "booked"

    def accept(self, event: Event, wish: Wish) -> None:
        if wish.who is None or wish.offer_ends is None or self.now >= min(wish.offer_ends, event.starts):
            raise Refused("offer over")
        self._no_clash(event, wish.who)
        wish.state = "requested" if wish.approval == "pending" else "booked"
        wish.offer_ends = None

    def decline(self, event: Event, wish: Wish) -> None:
        if wish.state != "offered" or self.now >= event.starts:
            raise Refused("offer over")
        self._end(event, [wish], "declined")

    # places that change hands, that nobody has yet, that are kept --------------------------------------------------
    def pass_place(self, event: Event, wish: Wish, colleague: Member) -> None:
        if wish.state != "booked" or event.off or self.now >= event.starts or wish.who is colleague:
            raise Refused("not a place to pass on")
        self._may_take_over(event, wish, colleague)
        approval = "granted" if event.asks else "not needed"
        received = Wish(colleague, wish.turn, wish.priority, "booked", approval, wish.seat)
        wish.state, wish.seat = "cancelled", None
        event.wishes.append(received)

    def reserve(self, event: Event, number: int) -> None:
        self._open_for_booking(event)
        name_by = min(close_of_working_day(self.now, 10), event.cut_off)
        places = [seat for seat in event.free() if not seat.kept]
        if event.queue() or len(places) < number or name_by <= self.now:
            raise Refused("somebody waits, or not enough is free")
        event.wishes += [Wish(None, event.take_turn(), 5, "reserved", seat=seat, name_by=name_by) for seat in places[:number]]

    def name(self, event: Event, wish: Wish, who: Member) -> None:
        if wish.name_by is None or self.now >= wish.name_by or event.off or self.now >= event.starts:
            raise Refused("not reserved any more")
        self._may_take_over(event, wish, who)
        wish.who, wish.state, wish.name_by, wish.approval = who, "booked", None, "granted" if event.asks else "not needed"

    def give_back(self, event: Event, wish: Wish) -> None:
        if wish.state != "reserved":
            raise Refused("not reserved")
        self._end(event, [wish], "cancelled")

    def keep(self, event: Event, number: int, until: date) -> None:
        """Keep places for the cohort: free ones that nobody in the queue is owed, then those its people have."""
        starts_on = event.starts.astimezone(LONDON).date()
        too_many = number > len(event.opened())
        if event.off or self.now >= event.starts or event.release_on or too_many or not self.today < until <= starts_on:
            raise Refused("cannot be kept")
        free, theirs = event.free(), []
        for seat in event.opened():
            holder = event.holder(seat)
            if holder is not None and holder.who is not None and holder.who.in_cohort:
                theirs.append(seat)
        fit = free[len(event.queue()) :] + theirs
        if len(fit) < number:
            raise Refused("too many are taken")
        for seat in fit[:number]:
            seat.kept = True
        event.release_on = until
        self.settle(event)

    def release(self, event: Event) -> None:
        if event.release_on is None:
            raise Refused("nothing is kept")
        for seat in event.seats:
            seat.kept = False
        event.release_on = None
        self.settle(event)

    # what coordinators do ------------------------------------------------------------------------------------------
    def resize(self, event: Event, capacity: int) -> None:
        """More seats: closing ones open again, then new ones. Fewer: free ones go, the rest close as they are vacated.

        Nobody is unseated, and places that are kept stay.
        """
        if event.off or self.now >= event.ends or len([seat for seat in event.seats if seat.kept]) > capacity:
            raise Refused("over, or that many are kept")
        everybodys = [seat for seat in reversed(event.opened()) if not seat.kept]
        for seat in sorted(everybodys, key=lambda seat: event.holder(seat) is not None):
            if len(event.opened()) > capacity:
                seat.closing = True
        event.seats = [seat for seat in event.seats if not seat.closing or event.holder(seat) is not None]
        for seat in event.seats:
            if len(event.opened()) < capacity:
                seat.closing = False
        event.seats += [Seat() for _ in range(capacity - len(event.opened()))]
        self.settle(event)

    def move(self, event: Event, days: int) -> None:
        """Another day: clocks that would run past the new cut-off are shortened."""
        starts, ends = (_days_on(instant, days) for instant in (event.starts, event.ends))
        if event.off or starts <= self.now or (event.closes is not None and event.closes > starts) or event.ends <= self.now:
            raise Refused("cannot be moved")
        event.starts, event.ends = starts, ends
        event.release_on = event.release_on and min(event.release_on, starts.astimezone(LONDON).date())
        for wish in event.live():
            wish.offer_ends = wish.offer_ends and min(wish.offer_ends, event.cut_off)
            wish.answer_by = wish.answer_by and min(wish.answer_by, event.cut_off)
            wish.name_by = wish.name_by and min(wish.name_by, event.cut_off)
        self.settle(event)

    def give(self, event: Event, wish: Wish | None = None) -> None:
        """A coordinator seats the first on the list who may have a place or, with a reason, somebody else on it."""
        able = [each for each in event.queue() if each.who is not None and event.free_for(each.who)]
        wish = wish or next(iter(able), None)
        if event.off or self.now >= event.starts or wish not in able or wish.who is None:
            raise Refused("nothing to give")
        self._no_clash(event, wish.who)
        wish.seat, wish.state = event.free_for(wish.who)[0], "requested" if wish.approval == "pending" else "booked"

    def reclass(self, event: Event, wish: Wish, priority: int) -> None:
        """A coordinator puts somebody who waits into another class; their turn stays."""
        if wish not in event.queue() or wish.priority == priority:
            raise Refused("not waiting, or in it already")
        wish.priority = priority

    def call_off(self, event: Event) -> None:
        if event.off or self.now >= event.starts:
            raise Refused("over")
        event.off = True
        self._end(event, event.live(), "cancelled")
        event.seats = event.opened()

    def leave(self, who: Member, last_day: date) -> None:
        """Somebody leaves: what they have on sessions after their last day is over, and passes on."""
        who.last_day = last_day
        for event in self.events:
            wish = event.of(who)
            if wish is not None and self.now < event.starts and last_day < event.starts.astimezone(LONDON).date():
                self._end(event, [wish], "cancelled")

    # what time does ------------------------------------------------------------------------------------------------
    def pass_time(self) -> None:
        """Whatever is over by now ends, and its places pass on at once: offers, then requests, reserved places, kept places."""
        for event in self.events:
            over = [wish for wish in event.live() if wish.offer_ends is not None and wish.offer_ends <= self.now]
            self._end(event, over, "expired")
        for event in self.events:
            for wish in sorted((wish for wish in event.live() if wish.answer_by is not None), key=_answer_by):
                if _answer_by(wish) <= self.now and wish in event.live():
                    wish.approval = "expired"
                    self._end(event, [wish], "expired")
        for event in self.events:
            over = [wish for wish in event.live() if wish.name_by is not None and wish.name_by <= self.now]
            self._end(event, over, "expired")
            if event.release_on is not None and event.release_on <= self.today:
                self.release(event)

    def next_moment(self) -> datetime | None:
        """When the next clock runs out."""
        clocks = [clock for event in self.events for wish in event.live() for clock in (wish.offer_ends, wish.answer_by, wish.name_by)]
        clocks += [midnight(event.release_on) for event in self.events if event.release_on is not None]
        return min((clock for clock in clocks if clock is not None), default=None)

    # what follows --------------------------------------------------------------------------------------------------
    def settle(self, event: Event) -> None:
        """Every free seat is offered to whoever is first in the queue and may have it, and held for them."""
        if event.off or self.now >= event.starts:
            return
        for wish in event.queue():
            if wish.who is not None and event.free_for(wish.who):
                ends = offer_end(self.now, event.cut_off, wish.who.week, wish.who.away)
                if ends is not None:
                    wish.seat, wish.state, wish.offer_ends = event.free_for(wish.who)[0], "offered", ends

    def _end(self, event: Event, wishes: list[Wish], state: str) -> None:
        freed = [wish.seat for wish in wishes if wish.seat is not None]
        for wish in wishes:
            wish.state, wish.seat, wish.offer_ends, wish.answer_by, wish.name_by = state, None, None, None, None
        event.seats = [seat for seat in event.seats if not (seat.closing and seat in freed)]
        if freed:
            self.settle(event)

    def _not_owed(self, event: Event, who: Member) -> Seat | None:
        """A free seat is nobody else's while somebody waits who may have it."""
        waiting = [wish.who for wish in event.queue() if wish.who is not None]
        return next((seat for seat in event.free_for(who) if not any(seat.for_(other) for other in waiting)), None)

    def _approval(self, event: Event, by_coordinator: bool) -> tuple[str, datetime | None]:
        if not event.asks:
            return "not needed", None
        if by_coordinator:
            return "granted", None  # whoever could grant it has asked for it
        answer_by = min(close_of_working_day(self.now, 5), event.cut_off)
        if answer_by <= self.now:
            raise Refused("too late to ask for approval")
        return "pending", answer_by

    def _may_take_over(self, event: Event, wish: Wish, who: Member) -> None:
        """Who takes over a place must be able to come, and gives up a turn on the waiting list; nobody is overtaken, as no seat is free."""
        own = event.of(who)
        if (own is not None and own.state != "waiting") or (wish.seat is not None and not wish.seat.for_(who)):
            raise Refused("has one, or it is kept for others")
        self._can_come(event, who)
        if own is not None:
            self._end(event, [own], "cancelled")

    def _open_for_booking(self, event: Event) -> None:
        if event.off or self.now >= event.starts or (event.closes is not None and self.now >= event.closes):
            raise Refused("closed")

    def _can_come(self, event: Event, who: Member) -> None:
        if who.last_day is not None and who.last_day < event.starts.astimezone(LONDON).date():
            raise Refused("has left by then")
        self._no_clash(event, who)

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
            if len({wish.who.name for wish in event.live() if wish.who}) != len([wish for wish in event.live() if wish.who]):
                found.append("somebody twice")
            time_left = offer_end(self.now, event.cut_off, "1111100", frozenset()) is not None
            if time_left and not event.off and any(wish.who and event.free_for(wish.who) for wish in event.queue()):
                found.append("stuck")
        return found


def _answer_by(wish: Wish) -> datetime:
    return wish.answer_by or datetime.max.replace(tzinfo=UTC)


def _days_on(instant: datetime, days: int) -> datetime:
    """The same time by London's clock, so many days on."""
    local = instant.astimezone(LONDON)
    return datetime.combine(local.date() + timedelta(days=days), local.time(), LONDON).astimezone(UTC)
