"""Each thing that can happen, twice: what the oracle does and what the engine's own operation does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from app.bookings import operations
from app.bookings.models import Quota, Session
from app.bookings.operations import leavers, offers, quotas, reservations, timetable
from app.bookings.operations.give import change_priority, give_to
from app.bookings.operations.passing import pass_on_to
from app.bookings.operations.quotas import Keep
from app.bookings.operations.sessions import cancel_session, change_session
from app.bookings.operations.timetable import PartNew
from app.core.tx import Tx
from app.people.models import Person
from tests.property.oracle import Event, Wish, _days_on

if TYPE_CHECKING:
    from tests.property.game import Game

Oracle = Callable[[], None]
Engine = Callable[[Tx], Any]
Pair = tuple[Oracle, Engine]  # does the same on both sides; the engine's answer is the new booking's id, or the ids of several


def join(game: Game, event: Event, y: int, z: int) -> Pair:
    who = game.people[y % len(game.people)]
    by_coordinator = z % 3 == 0
    game.actor = None if by_coordinator else game.ids[who]
    return (
        lambda: game.oracle.join(event, who, by_coordinator),
        lambda tx: operations.book(tx, game.sessions[event], game.ids[who]).id,
    )


def reserve(game: Game, event: Event, y: int, _: int) -> Pair:
    number = 1 + y % 2
    return lambda: game.oracle.reserve(event, number), lambda tx: reservations.reserve(tx, game.sessions[event], number)


def keep(game: Game, event: Event, y: int, z: int) -> Pair:
    """For the cohort until a day; a second time for the same session, and a day that is over, are refused."""
    until = game.oracle.today + timedelta(days=z % 6)

    def engine(tx: Tx) -> None:
        if tx.one(select(Quota.id).where(Quota.session_id == game.sessions[event], Quota.released_at.is_(None))):
            tx.get(Session, 0)  # the page offers to change what is kept; here that is refused
        quotas.set_quotas(tx, game.sessions[event], [Keep(1 + y % 2, until, group_id=game.cohort)])

    return lambda: game.oracle.keep(event, 1 + y % 2, until), engine


def release(game: Game, event: Event, *_: int) -> Pair:
    quota = select(Quota.id).where(Quota.session_id == game.sessions[event], Quota.released_at.is_(None))
    return lambda: game.oracle.release(event), lambda tx: quotas.release(tx, game.sessions[event], tx.scalar(quota) or 0)


def resize(game: Game, event: Event, y: int, _: int) -> Pair:
    capacity = 1 + y % 4

    def engine(tx: Tx) -> None:
        session = tx.get(Session, game.sessions[event])
        change_session(tx, session.id, session.version, capacity=capacity)

    return lambda: game.oracle.resize(event, capacity), engine


def move(game: Game, event: Event, y: int, _: int) -> Pair:
    days = (1, 3, -1, -1, -3)[y % 5]

    def engine(tx: Tx) -> None:
        session = tx.get(Session, game.sessions[event])
        parts = [
            PartNew(_days_on(part.starts_at, days), _days_on(part.ends_at, days), part.room_id, part.link)
            for part in timetable.read(tx, session.id)
        ]
        change_session(tx, session.id, session.version, parts=parts)

    return lambda: game.oracle.move(event, days), engine


def give(game: Game, event: Event, *_: int) -> Pair:
    return lambda: game.oracle.give(event), lambda tx: operations.give_next(tx, game.sessions[event])


def call_off(game: Game, event: Event, *_: int) -> Pair:
    return lambda: game.oracle.call_off(event), lambda tx: cancel_session(tx, game.sessions[event], "The trainer is ill")


def leave(game: Game, _: Event, y: int, z: int) -> Pair:
    who = game.people[y % len(game.people)]
    last_day = game.oracle.today + timedelta(days=z % 5 - 1)

    def engine(tx: Tx) -> None:
        tx.update(Person, game.ids[who], leaving_on=last_day)
        leavers.free_places_of(tx, [game.ids[who]])

    return lambda: game.oracle.leave(who, last_day), engine


def cancel(game: Game, event: Event, wish: Wish, *_: int) -> Pair:
    return lambda: game.oracle.cancel(event, wish), lambda tx: operations.cancel(tx, game.bookings[wish], "Court hearing")


def decide(game: Game, event: Event, wish: Wish, y: int, _: int) -> Pair:
    granted = y % 10 < 7
    return (
        lambda: game.oracle.decide(event, wish, granted),
        lambda tx: operations.decide(tx, game.bookings[wish], granted, "Not this term"),
    )


def accept(game: Game, event: Event, wish: Wish, *_: int) -> Pair:
    return lambda: game.oracle.accept(event, wish), lambda tx: void(offers.accept(tx, game.bookings[wish]))


def decline(game: Game, event: Event, wish: Wish, *_: int) -> Pair:
    return lambda: game.oracle.decline(event, wish), lambda tx: offers.decline(tx, game.bookings[wish])


def pass_place(game: Game, event: Event, wish: Wish, y: int, _: int) -> Pair:
    colleague = game.people[y % len(game.people)]
    return (
        lambda: game.oracle.pass_place(event, wish, colleague),
        lambda tx: pass_on_to(tx, game.bookings[wish], game.ids[colleague]),
    )


def name(game: Game, event: Event, wish: Wish, y: int, _: int) -> Pair:
    who = game.people[y % len(game.people)]
    return (
        lambda: game.oracle.name(event, wish, who),
        lambda tx: void(reservations.name(tx, game.bookings[wish], game.ids[who])),
    )


def give_back(game: Game, event: Event, wish: Wish, *_: int) -> Pair:
    return lambda: game.oracle.give_back(event, wish), lambda tx: reservations.give_back(tx, game.bookings[wish])


def override(game: Game, event: Event, wish: Wish, *_: int) -> Pair:
    game.overridden.add(game.bookings[wish])
    return lambda: game.oracle.give(event, wish), lambda tx: void(give_to(tx, game.bookings[wish], "She delivers it next week"))


def reclass(game: Game, event: Event, wish: Wish, y: int, _: int) -> Pair:
    priority = (1, 2, 5, 8)[y % 4]
    return (
        lambda: game.oracle.reclass(event, wish, priority),
        lambda tx: change_priority(tx, game.bookings[wish], priority, "The panel meets soon"),
    )


def void(_: object) -> None:
    """The answer is not a booking's id."""


OF_AN_EVENT: dict[str, tuple[Callable[..., Pair], float]] = {  # each with how often, of a hundred or so
    "join": (join, 24), "reserve": (reserve, 4), "keep": (keep, 6), "release": (release, 1.5), "resize": (resize, 6), "move": (move, 4),
    "give": (give, 4), "call off": (call_off, 0.3), "leave": (leave, 2),
}  # fmt: skip
OF_A_WISH: dict[str, tuple[Callable[..., Pair], float]] = {
    "cancel": (cancel, 14), "decide": (decide, 9), "accept": (accept, 13), "decline": (decline, 6), "pass place": (pass_place, 7),
    "name": (name, 5), "give back": (give_back, 1), "override": (override, 3), "reclass": (reclass, 4),
}  # fmt: skip
APT: dict[str, Callable[[Wish], bool]] = {  # where a verb makes sense
    "accept": lambda wish: wish.state == "offered",
    "decline": lambda wish: wish.state == "offered",
    "override": lambda wish: wish.state == "waiting",
    "reclass": lambda wish: wish.state == "waiting",
    "decide": lambda wish: wish.answer_by is not None,
    "pass place": lambda wish: wish.state == "booked",
    "name": lambda wish: wish.state == "reserved",
    "give back": lambda wish: wish.state == "reserved",
}
