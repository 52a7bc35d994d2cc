"""Calendar invitations (iCalendar, RFC 5545 and 5546) in London time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from icalendar import Calendar, Event, Timezone, vCalAddress, vText, vUri

from app.core.calendar import london
from app.core.mail import IcsMethod
from app.core.text import normal

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


def invitation(
    *,
    uid: str,
    sequence: int,
    method: IcsMethod | Literal["PUBLISH"],
    summary: str,
    description: str,
    location: str,
    url: str,
    organiser: Party,
    attendee: Party | None,
    parts: Sequence[Part],
    now: datetime,
) -> str:
    """The invitation (REQUEST) or its withdrawal (CANCEL) as iCalendar text with CRLF line ends; PUBLISH, without an attendee, for a file.

    Each part is an event of its own, so that a course over three mornings does not fill the nights between. A later message about
    the same booking must carry a higher `sequence`, or calendars ignore it.
    """
    if not parts:
        raise ValueError("An invitation needs at least one part.")
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    calendar.add_component(_LONDON)
    for number, part in enumerate(parts, start=1):
        event = Event()
        event.add("uid", part_uid(uid, part.key))
        event.add("sequence", sequence)
        event.add("dtstamp", now.astimezone(UTC))
        event.add("dtstart", london(part.starts))
        event.add("dtend", london(part.ends))
        event.add("summary", normal(summary) + (f" (part {number} of {len(parts)})" if len(parts) > 1 else ""))
        event.add("description", description.strip())
        event.add("location", normal(part.location or location))
        event.add("status", "CANCELLED" if method == "CANCEL" else "CONFIRMED")
        event.add("transp", "OPAQUE")
        if url:
            event.add("url", vUri(_unbroken(url)))
        event.add("organizer", _address(organiser), encode=False)
        if attendee is not None:
            event.add("attendee", _guest(attendee), encode=False)
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
