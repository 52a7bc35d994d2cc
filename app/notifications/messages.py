"""What each message says: a kind and its facts (`kinds.py`) become an e-mail when it is sent, or a page when it is read in the inbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from pydantic import TypeAdapter, ValidationError

from app.bookings.words import pounds
from app.core import calendar as cal
from app.core.mail import IcsMethod, Message, is_address
from app.core.text import normal, ordinal, plural, shorten
from app.notifications import prose
from app.notifications.ical import Part, Party, booking_uid, invitation, trainer_uid
from app.notifications.kinds import FACTS

_CHECKS: dict[str, TypeAdapter[Any]] = {kind: TypeAdapter(facts) for kind, facts in FACTS.items()}
_PAGES = ("link", "path", "booking_url", "course_url")
_INSTANTS = ("expires_at", "cancel_by", "decide_by", "offer_ends_at", "appeal_by", "sits_at", "made_at")
_LISTS = ("when", "changes", "off", "subjects")
_ENDS = ("booking_cancelled", "session_cancelled", "place_passed")  # of a place, which may or may not have been in a calendar
_OFF = ("parts_cancelled", "trainer_session_cancelled")
_TRAINS = ("trainer_session_set", "trainer_session_changed")
_SEES_LINK = ("reminder", "session_runs")


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
    @property
    def sso(self) -> bool: ...
    @property
    def local_passwords(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class PartWords:
    """One part of a session as the templates say it."""

    key: int | None  # its identity in calendars
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


@dataclass(frozen=True, slots=True)
class Written:
    """A message in words: subject and plain text, and which addresses in it may be clicked."""

    subject: str
    plain: str
    trusted: tuple[str, ...]


def render(kind: str, facts: Mapping[str, Any], settings: MailSettings, *, message_id: str | int, now: datetime) -> Message:
    """The message of this kind ("booking_made", or "email.booking_made" as the outbox has it). Raises FactsError.

    `message_id` identifies the outbox row and `now` is when it was queued, not sent: a second attempt is then the same to the byte.
    """
    kind = kind.removeprefix("email.")
    told = _checked(kind, facts)
    method = _calendar(kind, told)
    said = _words(kind, told, settings, now)
    text = _write(kind, said, settings)
    return Message(
        to=told["to"],
        subject=text.subject,
        plain=text.plain,
        html=_page_of(text, said),
        message_id=f"<outbox-{message_id}@{settings.host}>",
        ics=_ics(told, said, method, settings, now) if method else None,
        ics_method=method,
        reply_to=next((one for one in (told.get("contact"), settings.contact_email) if one and is_address(one)), None),
    )


def written(kind: str, facts: Mapping[str, Any], settings: MailSettings, *, now: datetime) -> Written:
    """The same message to be read in the inbox. Raises FactsError."""
    kind = kind.removeprefix("email.")
    return _write(kind, _words(kind, _checked(kind, facts), settings, now), settings)


def subject(kind: str, facts: Mapping[str, Any], settings: MailSettings, *, now: datetime) -> str:
    """Its subject alone. Raises FactsError."""
    kind = kind.removeprefix("email.")
    return _subject(kind, _words(kind, _checked(kind, facts), settings, now))


def _write(kind: str, said: dict[str, Any], settings: MailSettings) -> Written:
    plain = _tidy(_ENVIRONMENT.get_template(f"{kind}/body.txt").render(said))
    links = [part.link for part in said.get("parts", ()) if part.link and part.opens]
    return Written(_subject(kind, said), plain, (settings.base_url.rstrip("/") + "/", *links))


def _subject(kind: str, said: dict[str, Any]) -> str:
    return normal(_ENVIRONMENT.get_template(f"{kind}/subject.txt").render(said))


def _page_of(text: Written, said: dict[str, Any]) -> str:
    """The HTML beside the plain text, from the same words: greeting, what happened as the heading, the rest, and the foot."""
    greeting, happened, rest = (*text.plain.split("\n\n", 2), "", "")[:3]
    body, _, _foot = rest.rpartition("\n\nQuestions? Ask ")
    content = prose.html(body, trusted=text.trusted)
    page = dict(said, subject=text.subject, greeting=greeting, happened=happened.removesuffix(".").strip(), content=content)
    return _ENVIRONMENT.get_template("_layout.html").render(page)


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
    for name in _LISTS:
        if told.get(name) == []:
            raise FactsError(f"{kind}: the fact {name!r} is empty.")
    return dict.fromkeys(FACTS[kind].__annotations__) | told


def _calendar(kind: str, told: Mapping[str, Any]) -> IcsMethod | None:
    """What the message asks the reader's calendar to do: only a place that is theirs, or what they deliver, is in it."""
    if kind in _OFF:
        return "CANCEL"
    if kind in _ENDS:
        return "CANCEL" if (told["was"] or "booked") == "booked" else None
    booked = {
        "booking_made": True,
        "booking_given": not told.get("approval_pending"),
        "booking_passed": not told.get("approval_pending"),
        "session_changed": told.get("status") == "booked",
    }
    return "REQUEST" if kind in _TRAINS or booked.get(kind) else None


def _words(kind: str, told: Mapping[str, Any], settings: MailSettings, now: datetime) -> dict[str, Any]:
    """The facts as words on one line each, which no template needs to format any further."""
    said: dict[str, Any] = {name: normal(fact) if isinstance(fact, str) else fact for name, fact in told.items()}
    said |= {"council_name": settings.council_name, "service_name": settings.service_name, "cancel_late": False}
    said |= {"sso": settings.sso, "passwords": settings.local_passwords}
    said["contact"] = said["contact"] or f"{settings.contact_email} or {settings.contact_phone}"
    joining = kind in _SEES_LINK or _calendar(kind, told) == "REQUEST"
    for name, target in (("when", "parts"), ("before", "before"), ("off", "off"), ("dates", "dates")):
        if name in told:
            said[target] = [_part(kind, f"{name}.{n}", part, joining and name == "when") for n, part in enumerate(told[name] or ())]
    if "when" in told:
        said["first_day"] = cal.long_date(said["parts"][0].starts)
    said |= {name: [normal(one) for one in told[name] or ()] for name in ("changes", "subjects", "notes") if name in told}
    if kind == "session_message":
        said |= {"writer": said["from"], "heading": said["subject"], "lines": [normal(line) for line in told["body"].splitlines()]}
    money = (("cost_pence", "cost"), ("pence", "pence"))
    said |= {target: pounds(told[name]) if told[name] else "" for name, target in money if name in told}
    _addresses(kind, told, said, settings)
    for name in _INSTANTS:
        if said.get(name) is not None:
            at = _instant(kind, name, said[name])
            said[name] = cal.deadline(at)
            if name == "cancel_by":
                said |= {"cancel_late": at <= now, "cancel_day": cal.last_day(at)}
    return said


def _addresses(kind: str, told: Mapping[str, Any], said: dict[str, Any], settings: MailSettings) -> None:
    """Whole addresses of the pages that a message may point to."""
    if told.get("booking_id") is not None:
        said["booking_url"] = said["booking_url"] or f"/bookings/{told['booking_id']}"
    for name in _PAGES:
        if said.get(name) is not None:
            said[name] = _page(kind, name, said[name], settings)
    base = settings.base_url.rstrip("/")
    said |= {"inbox_url": f"{base}/inbox", "learning_url": f"{base}/my-learning", "delivering_url": f"{base}/delivering"}
    if told.get("session_id") is not None:
        said |= {"roster_url": f"{base}/sessions/{told['session_id']}/roster", "manage_url": f"{base}/manage/sessions/{told['session_id']}"}
    else:
        said |= {"roster_url": f"{base}/delivering", "manage_url": f"{base}/manage"}


def _part(kind: str, name: str, part: Mapping[str, Any], joining: bool) -> PartWords:
    starts, ends = (_instant(kind, f"{name}.{end}", part[end]) for end in ("starts_at", "ends_at"))
    try:
        words = cal.when(starts, ends)
    except ValueError as wrong:
        raise FactsError(f"{kind}: the fact {name!r} is wrong: {wrong}") from None
    link = normal(part.get("link") or "") if joining else ""
    return PartWords(
        part.get("id"),
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
    parts: list[PartWords] = said.get("off") or said["parts"]
    booking = told.get("booking_id")
    about = said["booking_url"] if booking is not None else said["roster_url"]
    notes = [f"Join online{f', {part.words}' if len(parts) > 1 else ''}: {part.link}" for part in parts if part.link]
    if said["access_notes"] and method == "REQUEST":
        notes.append(f"Access: {said['access_notes']}")
    notes += [f"{'Your booking' if booking is not None else 'Who is coming'}: {about}", f"Questions: {said['contact']}"]
    name, address = parseaddr(settings.mail_from)
    return invitation(
        uid=booking_uid(booking, settings.host)
        if booking is not None
        else trainer_uid(told["session_id"] or 0, told["trainer_id"], settings.host),
        sequence=(told["sequence"] or 0) + (method == "CANCEL" and booking is not None),
        method=method,
        summary=said["title"] if booking is not None else f"Delivering: {said['title']}",
        description="\n".join(notes),
        location="",
        url=about,
        organiser=Party(name or settings.service_name, address),
        attendee=Party(said["name"], told["to"]),
        parts=[Part(part.key or n, part.starts, part.ends, place_of(part)) for n, part in enumerate(parts, 1)],
        now=now,
    )


def place_of(part: PartWords) -> str | None:
    """Where a part is, for a calendar."""
    return part.place or ("Online" if part.online else None)


def _tidy(text: str) -> str:
    """No trailing spaces and never more than one empty line: templates need not count theirs."""
    lines: list[str] = []
    for line in (line.rstrip() for line in text.strip().splitlines()):
        if line or lines[-1]:
            lines.append(line)
    return "\n".join(lines) + "\n"
