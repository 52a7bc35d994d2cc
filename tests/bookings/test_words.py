"""What pages say about times and what happened."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from app.bookings import words
from app.bookings.operations.changes import described
from app.bookings.operations.timetable import PartNew
from app.core.calendar import deadline, last_day


def at(day: int, hour: int, minute: int = 0, month: int = 1, year: int = 2027) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("starts", "first_ends", "last_starts", "ends", "parts", "said"),
    [
        (at(5, 9, 30), at(5, 16), at(5, 9, 30), at(5, 16), 1, "Tuesday 5 January 2027, 9:30am to 4pm"),
        (at(5, 9, 30), at(5, 16), at(12, 9, 30), at(12, 16), 2, "2 parts: Tuesday 5 January and Tuesday 12 January 2027, 9:30am to 4pm"),
        (at(5, 9, 30), at(5, 16), at(19, 9, 30), at(19, 16), 3, "3 parts: Tuesday 5 January to Tuesday 19 January 2027, 9:30am to 4pm"),
        (
            at(29, 9, month=12, year=2026),
            at(29, 12, month=12, year=2026),
            at(5, 9),
            at(5, 12),
            2,
            "2 parts: Tuesday 29 December 2026 and Tuesday 5 January 2027, 9am to midday",
        ),
        (
            at(5, 9),
            at(5, 12),
            at(12, 13),
            at(12, 16),
            2,
            "2 parts: Tuesday 5 January 2027, 9am to midday and Tuesday 12 January 2027, 1pm to 4pm",
        ),
    ],
)
def test_when_a_session_is(starts: datetime, first_ends: datetime, last_starts: datetime, ends: datetime, parts: int, said: str) -> None:
    row = SimpleNamespace(starts_at=starts, first_ends=first_ends, last_starts=last_starts, ends_at=ends, parts=parts)
    assert words.span(row) == said


def test_a_deadline_at_midnight_is_the_end_of_the_day_before() -> None:
    assert deadline(at(6, 0, month=3)) == "the end of Friday 5 March 2027" and last_day(at(6, 0, month=3)) == "Friday 5 March 2027"
    assert deadline(at(5, 16, month=3)) == "4pm on Friday 5 March 2027"
    assert last_day(at(5, 16, month=3)) == "Friday 5 March 2027, until 4pm"
    assert deadline(at(6, 23, month=7)) == "the end of Tuesday 6 July 2027"  # midnight in summer


def test_a_change_of_time_says_only_what_is_different() -> None:
    old = PartNew(starts_at=at(5, 9, 30), ends_at=at(5, 16), link="https://meet.westmarch.example/a")

    def said(starts: datetime, ends: datetime) -> list[str]:
        return described(None, [old], [PartNew(starts_at=starts, ends_at=ends, link=old.link)])  # type: ignore[arg-type]  # no rooms to name

    assert said(at(5, 10), at(5, 16)) == ["It now starts at 10am (was 9:30am)."]
    assert said(at(5, 10), at(5, 17)) == ["It now starts at 10am (was 9:30am) and ends at 5pm (was 4pm)."]
    assert said(at(6, 9, 30), at(6, 16)) == ["It is now on Wednesday 6 January 2027, 9:30am to 4pm."]


@pytest.mark.parametrize(
    ("action", "state", "own", "said"),
    [
        ("booking.made", "booked", True, "booked a place"),
        ("booking.made", "booked", False, "booked a place for you"),
        ("booking.made", "waiting", False, "put you on the waiting list"),
        ("booking.attended", "attended", False, "recorded that you attended"),
        ("booking.attended", "partly attended", False, "recorded that you attended part of it"),
        ("booking.excused", "excused", False, "recorded that you were excused"),
        ("booking.session-cancelled", "cancelled", False, "cancelled the session"),
        ("booking.newly_invented", None, False, "noted: newly invented"),
    ],
)
def test_the_history_reads_as_sentences(action: str, state: str | None, own: bool, said: str) -> None:
    assert words.happened(action, state, name="you", own=own) == said
