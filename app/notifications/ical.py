"""Calendar invitations (iCalendar, RFC 5545 and 5546) in London time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from icalendar import Calendar, Event, Timezone, vCalAddress, vDuration, vText, vUri

from app.core.calendar import london
from app.core.mail import IcsMethod
from app.core.text import normal

EVERY = timedelta(hours=1)  # how often a calendar program may ask a feed again
PRODUCT = "-//Social Work Academy//Learning//EN"

# Written out once: what libraries generate lists every clock change for decades, and names some of them wrongly.
_LONDON = Timezone.from_ical(
    """\
BEGIN:VTIMEZONE
TZID:Europe/London
BEGIN:DAYLIGHT
TZOFFSETFROM:+0000
TZOFFSETTO:+0100
TZNAME:BST
DTSTART:19700329T010000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:+0100
TZOFFSETTO:+0000
TZNAME:GMT
DTSTART:19701025T020000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
END:VTIMEZONE
""".replace("\n", "\r\n")
)


class Party(NamedTuple):
    """Someone named in an invitation."""

    name: str
    email: str


class Part(NamedTuple):
    """One stretch of a session, in UTC; `key` is its own for good. `location` where it differs from the session's own."""

    key: int
    starts: datetime
    ends: datetime
    location: str | None = None


def booking_uid(key: int | str, host: str) -> str:
    """The identity of a booking in people's calendars: the same in its invitation, its changes and its cancellation."""
    return f"booking-{key}@{host}"


def trainer_uid(session: int, person: int, host: str) -> str:
    """The identity of a session in the calendar of somebody who delivers it."""
    return f"session-{session}-trainer-{person}@{host}"


def part_uid(uid: str, key: int) -> str:
    """The identity of one part, whatever becomes of the others: booking-7@host → booking-7-31@host."""
    name, at, host = uid.partition("@")
    return f"{name}-{key}{at}{host}"


class Entry(NamedTuple):
    """One event of a calendar: a part of a session, as somebody comes to it or delivers it."""

    uid: str
    sequence: int
    stamp: datetime  # when it last changed
    summary: str
    description: str
    part: Part
    url: str = ""
    organiser: Party | None = None
    attendee: Party | None = None


def invitation(
    *,
    uid: str,
    sequence: int,
    method: IcsMethod,
    summary: str,
    description: str,
    location: str,
    url: str,
    organiser: Party,
    attendee: Party,
    parts: Sequence[Part],
    now: datetime,
) -> str:
    """The invitation (REQUEST) or its withdrawal (CANCEL) as iCalendar text with CRLF line ends.

    Each part is an event of its own, so that a course over three mornings does not fill the nights between. A later message about
    the same booking must carry a higher `sequence`, or calendars ignore it.
    """
    if not parts:
        raise ValueError("An invitation needs at least one part.")
    title = normal(summary)
    entries = [
        Entry(
            part_uid(uid, part.key),
            sequence,
            now,
            numbered(title, number, len(parts)),
            description,
            part._replace(location=part.location or location),
            url,
            organiser,
            attendee,
        )
        for number, part in enumerate(parts, start=1)
    ]
    return write(method, entries)


def numbered(title: str, number: int, of: int) -> str:
    """What one part of several is called."""
    return f"{title} (part {number} of {of})" if of > 1 else title


def write(method: IcsMethod | Literal["PUBLISH"], entries: Sequence[Entry], name: str = "") -> str:
    """A calendar in London time. PUBLISH: a file or a feed, which nobody is invited by; `name` is what the feed is called."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    if name:
        calendar.add("x-wr-calname", normal(name))
        calendar.add("x-wr-timezone", "Europe/London")
        calendar.add("refresh-interval", vDuration(EVERY), parameters={"VALUE": "DURATION"})
        calendar.add("x-published-ttl", vDuration(EVERY))
    calendar.add_component(_LONDON)
    for entry in entries:
        event = Event()
        event.add("uid", entry.uid)
        event.add("sequence", entry.sequence)
        event.add("dtstamp", entry.stamp.astimezone(UTC))
        event.add("dtstart", london(entry.part.starts))
        event.add("dtend", london(entry.part.ends))
        event.add("summary", normal(entry.summary))
        event.add("description", entry.description.strip())
        event.add("location", normal(entry.part.location or ""))
        event.add("status", "CANCELLED" if method == "CANCEL" else "CONFIRMED")
        event.add("transp", "OPAQUE")
        if entry.url:
            event.add("url", vUri(_unbroken(entry.url)))
        if entry.organiser is not None:
            event.add("organizer", _address(entry.organiser), encode=False)
        if entry.attendee is not None:
            event.add("attendee", _guest(entry.attendee), encode=False)
        calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written.decode()


def _guest(attendee: Party) -> vCalAddress:
    guest = _address(attendee)
    guest.params["CUTYPE"] = vText("INDIVIDUAL")
    guest.params["ROLE"] = vText("REQ-PARTICIPANT")
    # The place is already theirs: the calendar shows the date without asking for an answer, which would go nowhere.
    guest.params["PARTSTAT"] = vText("ACCEPTED")
    guest.params["RSVP"] = vText("FALSE")
    return guest


def _unbroken(address: str) -> str:
    """Addresses are written as they are, so nothing in them may end the line."""
    return "".join(normal(address).split())


def _address(party: Party) -> vCalAddress:
    address = vCalAddress(f"mailto:{_unbroken(party.email)}")
    # A parameter cannot hold a double quote or a control character.
    address.params["CN"] = vText(normal(party.name).replace('"', "'"))
    return address
