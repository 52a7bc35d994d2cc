from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from app.notifications.ical import Part, Party, booking_uid, invitation

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
WINTER = Part(31, datetime(2026, 12, 8, 9, 30, tzinfo=UTC), datetime(2026, 12, 8, 16, 0, tzinfo=UTC))
SUMMER = Part(32, datetime(2027, 7, 8, 8, 30, tzinfo=UTC), datetime(2027, 7, 8, 15, 0, tzinfo=UTC), "Elm Room")


def made(**changes: Any) -> str:
    facts: dict[str, Any] = {
        "uid": booking_uid(7, "academy.westmarch.example"),
        "sequence": 0,
        "method": "REQUEST",
        "summary": "Court skills",
        "description": "Bring a pen.\nNo need to reply.",
        "location": "Oak Room, Shire Hall",
        "url": "https://academy.westmarch.example/bookings/7",
        "organiser": Party("Social Work Academy", "academy@westmarch.example"),
        "attendee": Party("Ann Example", "ann@westmarch.example"),
        "parts": [WINTER],
        "now": NOW,
    }
    return invitation(**(facts | changes))


def events(text: str) -> list[Any]:
    return list(Calendar.from_ical(text).walk("VEVENT"))


def test_it_reads_back_with_the_right_local_hour_in_winter_and_summer() -> None:
    winter, summer = events(made(parts=[WINTER, SUMMER]))
    for event, part in ((winter, WINTER), (summer, SUMMER)):
        assert event.decoded("dtstart") == part.starts
        assert event.decoded("dtend") == part.ends
        assert event["dtstart"].params["TZID"] == "Europe/London"
        assert event.decoded("dtstart").time() == time(9, 30)
    assert "DTSTART;TZID=Europe/London:20261208T093000\r\n" in made()


@pytest.mark.parametrize(("day", "offset"), [(datetime(2026, 1, 15, 9), 0), (datetime(2026, 7, 15, 9), 1)])  # noqa: DTZ001
def test_the_zone_it_carries_is_londons(day: datetime, offset: int) -> None:
    zones = list(Calendar.from_ical(made()).walk("VTIMEZONE"))
    assert len(zones) == 1
    assert day.replace(tzinfo=zones[0].to_tz()).utcoffset() == timedelta(hours=offset)  # type: ignore[attr-defined]


def test_a_part_each_with_a_stable_identity() -> None:
    first, second = events(made(parts=[WINTER, SUMMER]))
    assert (first["uid"], second["uid"]) == ("booking-7-31@academy.westmarch.example", "booking-7-32@academy.westmarch.example")
    assert first["summary"] == "Court skills (part 1 of 2)"
    assert (first["location"], second["location"]) == ("Oak Room, Shire Hall", "Elm Room")
    assert events(made())[0]["uid"] == first["uid"]


def test_a_request() -> None:
    calendar = Calendar.from_ical(made())
    (event,) = calendar.walk("VEVENT")
    assert calendar["method"] == "REQUEST"
    assert (event["sequence"], event["status"], event["summary"]) == (0, "CONFIRMED", "Court skills")
    assert event["organizer"] == "mailto:academy@westmarch.example"
    assert event["attendee"] == "mailto:ann@westmarch.example"
    assert event["attendee"].params["PARTSTAT"] == "ACCEPTED"
    assert event["attendee"].params["CN"] == "Ann Example"
    assert event["url"] == "https://academy.westmarch.example/bookings/7"
    assert event.decoded("dtstamp") == NOW
    assert event["description"] == "Bring a pen.\nNo need to reply."


def test_a_cancellation_is_the_same_event_called_off() -> None:
    calendar = Calendar.from_ical(made(method="CANCEL", sequence=1))
    (event,) = calendar.walk("VEVENT")
    assert calendar["method"] == "CANCEL"
    assert (event["sequence"], event["status"]) == (1, "CANCELLED")
    assert event["uid"] == events(made())[0]["uid"]


def test_lines_end_and_fold_as_the_standard_asks() -> None:
    text = made(summary="é" * 200)
    assert text.replace("\r\n", "").count("\n") == 0
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    assert events(text)[0]["summary"] == "é" * 200


def test_the_same_facts_give_the_same_bytes() -> None:
    assert made(parts=[WINTER, SUMMER]) == made(parts=[WINTER, SUMMER])


def test_no_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one part"):
        made(parts=[])


HOSTILE = 'Eve"\r\nATTENDEE:mailto:evil@evil.example\r\nEND:VEVENT;,:\\'


@pytest.mark.parametrize("where", ["summary", "description", "location", "url"])
def test_hostile_text_stays_inside_its_line(where: str) -> None:
    (event,) = events(made(**{where: HOSTILE}))
    assert event["attendee"] == "mailto:ann@westmarch.example"


@given(st.text(max_size=80))
def test_any_name_and_title_read_back_as_one_event(text: str) -> None:
    (event,) = events(made(summary=text, attendee=Party(text, "ann@westmarch.example"), location=text, description=text))
    assert event["attendee"] == "mailto:ann@westmarch.example"
    assert event["organizer"] == "mailto:academy@westmarch.example"
    assert event["uid"] == "booking-7-31@academy.westmarch.example"


def test_a_hostile_address_stays_inside_its_line() -> None:
    (event,) = events(made(attendee=Party(HOSTILE, "ann@westmarch.example\r\nSUMMARY:Evil")))
    assert event["summary"] == "Court skills"
