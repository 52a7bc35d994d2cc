"""Invitations as three independent readers understand them: the right hour all year round, an update replaces, a cancellation removes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.bookings import operations
from app.bookings.models import Part, Session
from app.bookings.operations import sessions
from app.bookings.operations.timetable import PartNew
from app.core.calendar import from_london
from app.core.config import Settings
from app.notifications import delivery, feed
from app.notifications.ical import Part as IcalPart
from tests.factory import Make, tuesday
from tests.mailbox import Inbox
from tests.notifications.readers import READERS, Diary
from tests.notifications.test_delivery import acting, book, calendar
from tests.notifications.test_ical import made

CLOCK_CHANGES = (date(2027, 3, 28), date(2027, 10, 31), date(2028, 3, 26), date(2028, 10, 29))
DAYS = [day + timedelta(days=shift) for day in CLOCK_CHANGES for shift in (-1, 0, 1)] + [date(2027, 1, 13), date(2027, 7, 14)]
LASTS = timedelta(minutes=20)  # so that none ends in the hour that happens twice, which readers take differently
HOURS = (time(0, 30), time(9, 30), time(16), time(23))
LONDON: list[tuple[datetime, str]] = [(from_london(day, at), datetime.combine(day, at).isoformat()) for day in DAYS for at in HOURS]


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_shows_londons_hour_through_the_year(reader: str) -> None:
    parts = [IcalPart(n, starts, starts + LASTS) for n, (starts, _) in enumerate(LONDON, 1)]
    (read,) = READERS[reader]([made(parts=parts)])
    assert [(event.local, event.starts, event.ends) for event in read] == [(local, starts, starts + LASTS) for starts, local in LONDON]
    assert {event.method for event in read} == {"REQUEST"} and {event.status for event in read} == {"CONFIRMED"}


@pytest.mark.parametrize("reader", READERS)
def test_a_part_across_the_change_itself_lasts_what_it_lasts(reader: str) -> None:
    """Half past midnight to half past two: one hour in March, three in October."""
    for day, hours in ((date(2027, 3, 28), 1), (date(2027, 10, 31), 3)):
        starts, ends = from_london(day, time(0, 30)), from_london(day, time(2, 30))
        ((event,),) = READERS[reader]([made(parts=[IcalPart(1, starts, ends)])])
        assert event.ends - event.starts == timedelta(hours=hours)


def at(day: date, hour: float) -> datetime:
    return from_london(day, time(int(hour), int(hour % 1 * 60)))


SPRING, SUMMER, AUTUMN = tuesday(3), tuesday(4), tuesday(11)  # the clocks change between each and the next


@pytest.fixture
def story(make: Make, inbox: Inbox, mail: Settings) -> Callable[[], dict[str, list[str]]]:
    """What reached the learner's and the trainer's calendars, in order: booked, moved, one part dropped, called off."""
    ann, tess = make.person("Ann Ames"), make.person("Tess Tate")
    cai = make.person("Cai Cole", roles=("coordinator",))
    room = make.room("Oak Room")

    def coordinating() -> Any:
        return acting(make, cai, ("coordinator", None))

    def change(session: int, *parts: PartNew) -> None:
        with coordinating() as tx:
            sessions.change_session(tx, session, make.row(Session, session).version, list(parts))
        deliver()

    def deliver() -> None:
        while delivery.deliver_due(make.database, mail):
            pass

    def run() -> dict[str, list[str]]:
        course = make.course("Court skills")
        first, second, third = (PartNew(at(day, 9.5), at(day, 12), room, None, (tess.id,)) for day in (SPRING, SUMMER, AUTUMN))
        with coordinating() as tx:
            session = sessions.create_session(tx, course.id, [first, second, third], 5)
            sessions.publish_session(tx, session)
        book(make, ann, make.row(Session, session))
        deliver()
        moved = PartNew(at(SUMMER, 13), at(SUMMER, 15.5), room, None, (tess.id,))
        change(session, first, moved, third)
        change(session, first, third)
        with coordinating() as tx:
            sessions.cancel_session(tx, session, "Too few people")
        deliver()
        return {
            person.name: [text for email in inbox.taken if email["To"] == person.email and (text := calendar(email))]
            for person in (ann, tess)
        }

    return run


def test_an_update_replaces_and_a_cancellation_removes(story: Callable[[], dict[str, list[str]]]) -> None:
    sent = story()
    for name, prefix in (("Ann Ames", ""), ("Tess Tate", "Delivering: ")):
        texts = sent[name]
        assert len(texts) == 4, name
        for reader, read in READERS.items():
            diary, shown = Diary(), []
            for events in read(texts):
                diary.obey(events)
                shown.append([local for local, _ in diary.shown])
            assert shown == [
                [f"{SPRING}T09:30:00", f"{SUMMER}T09:30:00", f"{AUTUMN}T09:30:00"],
                [f"{SPRING}T09:30:00", f"{SUMMER}T13:00:00", f"{AUTUMN}T09:30:00"],
                [f"{SPRING}T09:30:00", f"{AUTUMN}T09:30:00"],
                [],
            ], (name, reader)
            assert diary.ignored == [] and len(diary.known) == 3
            assert all(event.summary.startswith(f"{prefix}Court skills") for event in diary.known.values())


def test_a_place_given_up_leaves_the_calendar_and_booking_again_returns_it(make: Make, inbox: Inbox, mail: Settings) -> None:
    ann, session = make.person("Ann"), make.session(starts=at(SUMMER, 9.5))
    diaries = {reader: Diary() for reader in READERS}
    for turn in range(2):
        booked = book(make, ann, session)
        while delivery.deliver_due(make.database, mail):
            pass
        _obey(diaries, inbox)
        assert {reader: len(diary.shown) for reader, diary in diaries.items()} == dict.fromkeys(READERS, 1), turn
        with acting(make, ann) as tx:
            operations.cancel(tx, booked.id, "Court hearing")
        while delivery.deliver_due(make.database, mail):
            pass
        _obey(diaries, inbox)
        assert {reader: diary.shown for reader, diary in diaries.items()} == {reader: [] for reader in READERS}


def _obey(diaries: dict[str, Diary], inbox: Inbox) -> None:
    text = calendar(inbox.taken[-1])
    assert text
    for reader, diary in diaries.items():
        (events,) = READERS[reader]([text])
        diary.obey(events)


def test_the_private_feed_reads_the_same_and_has_the_identity_of_the_invitation(make: Make, inbox: Inbox, mail: Settings) -> None:
    ann = make.person("Ann Ames")
    for day in (SPRING, SUMMER, AUTUMN):
        book(make, ann, make.session(starts=at(day, 9.5)))
    while delivery.deliver_due(make.database, mail):
        pass
    with make.tx(writes=False) as tx:
        text = feed.calendar(tx, ann.id, mail)
        assert feed.calendar(tx, ann.id, mail) == text
    invited = {event.uid for email in inbox.taken for event in READERS["icalendar"]([calendar(email)])[0]}
    for read in READERS.values():
        (events,) = read([text])
        assert [event.local for event in events] == [f"{day}T09:30:00" for day in (SPRING, SUMMER, AUTUMN)]
        assert {event.uid for event in events} == invited and {event.method for event in events} == {"PUBLISH"}
    assert len(make.rows(select(Part.id))) == 3
