"""What each e-mail says. An operation queues a kind and its facts; `render` turns them into a message when it is sent.

The facts of each kind are the TypedDicts below: JSON only, instants as ISO 8601 in UTC, addresses of pages as paths ("/bookings/7") or
in full. `NotRequired` facts may be left out or null. `to`, `name` and `booking_id` need not be in what an operation queues: the
worker adds them from the outbox row (its person's address and name today, and the booking it is about).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from pathlib import Path
from typing import Any, Literal, NotRequired, Protocol
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from app.bookings.words import pounds
from app.core import calendar as cal
from app.core.mail import IcsMethod, Message, is_address
from app.core.text import normal, ordinal, plural, shorten
from app.notifications.ical import Part, Party, booking_uid, invitation

Was = Literal["booked", "requested", "waiting", "offered"]


class PartFacts(TypedDict):
    """One part of a session. The joining link reaches only people who are booked, whatever is put here."""

    starts_at: str
    ends_at: str
    room: NotRequired[str | None]
    address: NotRequired[str | None]
    online: NotRequired[bool]
    link: NotRequired[str | None]


class Everyone(TypedDict):
    """In every message."""

    to: str  # the worker adds it
    name: str  # the worker adds it
    contact: NotRequired[str | None]  # whom to ask; the service's own contact where it is left out


class BookingFacts(Everyone):
    """About one booking on one session."""

    title: str  # the course's
    when: list[PartFacts]  # at least one
    booking_id: int  # the worker adds it; it is the booking's identity in people's calendars
    sequence: NotRequired[int]  # how often this session has been changed so far; a cancellation adds one by itself
    access_notes: NotRequired[str | None]  # the room's: step-free access, hearing loop, parking
    booking_url: NotRequired[str | None]  # /bookings/<booking_id> where it is left out
    course_url: NotRequired[str | None]  # where other dates are
    booked_by: NotRequired[str | None]  # the name of whoever booked for them; null when they did themselves


class BookingMade(BookingFacts):
    """booking_made: the place is theirs. Carries an invitation."""

    cancel_by: NotRequired[str | None]  # instant


class BookingRequested(BookingFacts):
    """booking_requested: a place is held while somebody decides."""

    approver: NotRequired[str | None]  # name; "your manager" where it is left out
    decide_by: NotRequired[str | None]  # instant at which the request lapses


class BookingWaiting(BookingFacts):
    """booking_waiting: no place, but a turn on the waiting list."""

    position: int  # at joining, from 1
    waiting: int  # how many are on the list, this person included


class BookingCancelled(BookingFacts):
    """booking_cancelled: carries a calendar cancellation if they were booked."""

    was: Was  # the booking's state before
    cancelled_by: NotRequired[str | None]  # name; null when they did it themselves
    reason: NotRequired[str | None]


class BookingRefused(BookingFacts):
    """booking_refused: a request was not approved. No calendar entry went out for it, so none is taken back."""

    refused_by: NotRequired[str | None]  # name
    reason: NotRequired[str | None]


class ApprovalAsked(BookingFacts):
    """approval_asked: to the manager of whoever asks. `booking_url` is the page where it is decided."""

    learner: str  # name of the person who would have the place
    cost_pence: NotRequired[int | None]
    status: NotRequired[str | None]  # as it is when the message is written


class BookingGiven(BookingFacts):
    """booking_given: a coordinator has given them a freed place. Carries an invitation unless approval is still pending."""

    given_by: NotRequired[str | None]
    approval_pending: NotRequired[bool]
    cancel_by: NotRequired[str | None]


class SessionChanged(BookingFacts):
    """session_changed: `when` is how it is now. Carries a new invitation if they are booked."""

    status: Was
    changes: list[str]  # what changed, a sentence each: "The room is now Oak Room."; at least one
    before: NotRequired[list[PartFacts] | None]  # the parts as they were, if their times changed


class SessionCancelled(BookingFacts):
    """session_cancelled: carries a calendar cancellation if they were booked."""

    was: Was
    reason: NotRequired[str | None]


class Invitation(Everyone):
    """invitation: to set a first password."""

    link: str
    expires_at: str
    invited_by: NotRequired[str | None]


class PasswordReset(Everyone):
    """password_reset: a new password was asked for."""

    link: str
    expires_at: str


class ImportFinished(Everyone):
    """import_finished: to the HR officer. Numbers only, never names."""

    applied: bool  # False: checked only, nothing changed
    joiners: int
    movers: int
    leavers: int
    unchanged: int
    problems: int  # rows that could not be used
    link: str  # the import's page


FACTS: dict[str, Any] = {
    "booking_made": BookingMade,
    "booking_requested": BookingRequested,
    "booking_waiting": BookingWaiting,
    "booking_cancelled": BookingCancelled,
    "booking_refused": BookingRefused,
    "approval_asked": ApprovalAsked,
    "booking_given": BookingGiven,
    "session_changed": SessionChanged,
    "session_cancelled": SessionCancelled,
    "invitation": Invitation,
    "password_reset": PasswordReset,
    "import_finished": ImportFinished,
}
_CHECKS: dict[str, TypeAdapter[Any]] = {kind: TypeAdapter(facts) for kind, facts in FACTS.items()}
_PAGES = ("link", "booking_url", "course_url")
_INSTANTS = ("expires_at", "cancel_by", "decide_by")


class FactsError(ValueError):
    """A message cannot be written because a fact is missing or wrong; it names the kind and the fact, never its value."""


class MailSettings(Protocol):
    """What this needs to know of the service's settings."""

    @property
    def base_url(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def council_name(self) -> str: ...
    @property
    def service_name(self) -> str: ...
    @property
    def contact_email(self) -> str: ...
    @property
    def contact_phone(self) -> str: ...
    @property
    def mail_from(self) -> str: ...


@dataclass(frozen=True, slots=True)
class PartWords:
    """One part of a session as the templates say it."""

    starts: datetime
    ends: datetime
    words: str  # "Tuesday 8 December 2026, 9:30am to 4pm"
    place: str  # "" for online only
    online: bool
    link: str | None
    opens: bool  # whether the link is a web address, safe to make clickable


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).resolve().parent.parent / "templates" / "email"),
    autoescape=select_autoescape(enabled_extensions=("html",), default=False),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_ENVIRONMENT.filters.update(ordinal=ordinal, shorten=shorten, count=plural)


def render(kind: str, facts: Mapping[str, Any], settings: MailSettings, *, message_id: str | int, now: datetime) -> Message:
    """The message of this kind ("booking_made", or "email.booking_made" as the outbox has it). Raises FactsError.

    `message_id` identifies the outbox row and `now` is when it was queued, not sent: a second attempt is then the same to the byte.
    """
    kind = kind.removeprefix("email.")
    told = _checked(kind, facts)
    method = _calendar(kind, told)
    said = _words(kind, told, settings, now, joining=method == "REQUEST")
    said["subject"] = normal(_ENVIRONMENT.get_template(f"{kind}/subject.txt").render(said))
    return Message(
        to=told["to"],
        subject=said["subject"],
        plain=_tidy(_ENVIRONMENT.get_template(f"{kind}/body.txt").render(said)),
        html=_ENVIRONMENT.get_template(f"{kind}/body.html").render(said),
        message_id=f"<outbox-{message_id}@{settings.host}>",
        ics=_ics(told, said, method, settings, now) if method else None,
        ics_method=method,
        reply_to=next((one for one in (told.get("contact"), settings.contact_email) if one and is_address(one)), None),
    )


def _checked(kind: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts, each present and of its type; those left out are None. Facts this kind does not know are left aside."""
    if kind not in _CHECKS:
        raise FactsError(f"There is no message of the kind {kind!r}.")
    try:
        told: dict[str, Any] = _CHECKS[kind].validate_python(dict(facts))
    except ValidationError as wrong:
        first = wrong.errors(include_input=False, include_url=False)[0]
        name = ".".join(map(str, first["loc"]))
        trouble = "is missing" if first["type"] == "missing" else f"is wrong: {first['msg']}"
        raise FactsError(f"{kind}: the fact {name!r} {trouble}.") from None
    for name in ("when", "changes"):
        if told.get(name) == []:
            raise FactsError(f"{kind}: the fact {name!r} is empty.")
    return dict.fromkeys(FACTS[kind].__annotations__) | told


def _calendar(kind: str, told: Mapping[str, Any]) -> IcsMethod | None:
    """What the message asks the reader's calendar to do: only a place that is theirs is in it."""
    if kind in ("booking_cancelled", "session_cancelled"):
        return "CANCEL" if told["was"] == "booked" else None
    booked = {
        "booking_made": True,
        "booking_given": not told.get("approval_pending"),
        "session_changed": told.get("status") == "booked",
    }
    return "REQUEST" if booked.get(kind) else None


def _words(kind: str, told: Mapping[str, Any], settings: MailSettings, now: datetime, *, joining: bool) -> dict[str, Any]:
    """The facts as words on one line each, which no template needs to format any further."""
    said: dict[str, Any] = {name: normal(fact) if isinstance(fact, str) else fact for name, fact in told.items()}
    said |= {"council_name": settings.council_name, "service_name": settings.service_name, "cancel_late": False}
    said["contact"] = said["contact"] or f"{settings.contact_email} or {settings.contact_phone}"
    if "when" in told:
        said["parts"] = [_part(kind, f"when.{n}", part, joining) for n, part in enumerate(told["when"])]
        said["before"] = [_part(kind, f"before.{n}", part, False) for n, part in enumerate(told.get("before") or ())]
        said["first_day"] = cal.long_date(said["parts"][0].starts)
        said["changes"] = [normal(change) for change in told.get("changes") or ()]
        said["booking_url"] = said["booking_url"] or f"/bookings/{told['booking_id']}"
    if "cost_pence" in told:
        said["cost"] = pounds(told["cost_pence"]) if told["cost_pence"] else ""
    for name in _PAGES:
        if said.get(name) is not None:
            said[name] = _page(kind, name, said[name], settings)
    for name in _INSTANTS:
        if said.get(name) is not None:
            at = _instant(kind, name, said[name])
            said[name] = cal.deadline(at)
            if name == "cancel_by":
                said |= {"cancel_late": at <= now, "cancel_day": cal.last_day(at)}
    return said


def _part(kind: str, name: str, part: Mapping[str, Any], joining: bool) -> PartWords:
    starts, ends = (_instant(kind, f"{name}.{end}", part[end]) for end in ("starts_at", "ends_at"))
    try:
        words = cal.when(starts, ends)
    except ValueError as wrong:
        raise FactsError(f"{kind}: the fact {name!r} is wrong: {wrong}") from None
    link = normal(part.get("link") or "") if joining else ""
    return PartWords(
        starts,
        ends,
        words,
        place=", ".join(normal(text) for text in (part.get("room"), part.get("address")) if text),
        online=bool(part.get("online") or part.get("link")),
        link=link or None,
        opens=_is_web(link),
    )


def _instant(kind: str, name: str, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise FactsError(f"{kind}: the fact {name!r} is not an instant such as 2026-12-08T09:30:00+00:00.")
    return at


def _is_web(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc) and " " not in address


def _page(kind: str, name: str, address: str, settings: MailSettings) -> str:
    """The whole address of one of our pages."""
    if address.startswith("/") and not address.startswith("//"):
        address = settings.base_url.rstrip("/") + address
    if not _is_web(address):
        raise FactsError(f"{kind}: the fact {name!r} is not the address of a page.")
    return address


def _ics(told: Mapping[str, Any], said: Mapping[str, Any], method: IcsMethod, settings: MailSettings, now: datetime) -> str:
    parts: list[PartWords] = said["parts"]
    notes = [f"Join online{f', {part.words}' if len(parts) > 1 else ''}: {part.link}" for part in parts if part.link]
    if said["access_notes"] and method == "REQUEST":
        notes.append(f"Access: {said['access_notes']}")
    notes += [f"Your booking: {said['booking_url']}", f"Questions: {said['contact']}"]
    name, address = parseaddr(settings.mail_from)
    return invitation(
        uid=booking_uid(told["booking_id"], settings.host),
        sequence=(told["sequence"] or 0) + (method == "CANCEL"),
        method=method,
        summary=said["title"],
        description="\n".join(notes),
        location="",
        url=said["booking_url"],
        organiser=Party(name or settings.service_name, address),
        attendee=Party(said["name"], told["to"]),
        parts=[Part(part.starts, part.ends, part.place or ("Online" if part.online else None)) for part in parts],
        now=now,
    )


def _tidy(text: str) -> str:
    """No trailing spaces and never more than one empty line: templates need not count theirs."""
    lines: list[str] = []
    for line in (line.rstrip() for line in text.strip().splitlines()):
        if line or lines[-1]:
            lines.append(line)
    return "\n".join(lines) + "\n"
