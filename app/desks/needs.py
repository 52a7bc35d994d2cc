"""What needs the reader now, whatever their roles: a few questions however many things there are, on the busiest page of all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Date, Integer, Row, String, and_, bindparam, case, cast, exists, func, literal_column, null, or_, select, union_all

from app import policy
from app.bookings.event_models import EvaluationAsk
from app.bookings.models import Booking, PartTrainer, Session
from app.bookings.models import Part as SessionPart
from app.bookings.policy_models import Consequence
from app.bookings.queries import NOW, ONE, held, leads_line, may_book_others, waiting
from app.core.calendar import deadline, london, long_date
from app.core.db import UtcDateTime, few
from app.core.declared import aliased
from app.core.ledger import Outbox
from app.core.ready import Ready
from app.core.tx import Tx
from app.desks.queries import FOREVER, ME, MINE_TO_ANSWER, PENDING, SOON, TODAY
from app.frameworks.models import ProgrammeVersion
from app.hr.departures import for_hr
from app.learning import renewal
from app.learning.models import Completion, Course
from app.mentoring.models import Pairing
from app.pathways.models import EndorsementAsk
from app.people.models import Person
from app.policy import Can
from app.programmes import asked
from app.programmes import waiting as documents_waiting
from app.programmes.models import RUNNING, Enrolment
from app.supervision import action_queries as actions
from app.supervision import queries as supervision
from app.supervision.action_models import SupervisionAction
from app.supervision.models import Supervision, Supervisor

OPENS = timedelta(minutes=30)  # before it starts, a session's register is already worth a word
YEAR = timedelta(days=365)
ASKED, UNTAKEN = timedelta(days=42), timedelta(days=60)  # how long an evaluation and a register that nobody took stay on the first page
SHOWN = 3  # of one kind: the pages behind the links show the rest


@dataclass(frozen=True, slots=True)
class Need:
    """One line of "needs you now": what it is, where to see to it, and until when."""

    words: str
    link: str
    hint: str = ""

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody's completions stand: one row a course, by its latest."""

    done: int
    lapsed: list[Row[Any]]
    soon: list[Row[Any]]
    programme: str = ""  # the title of the one they are on, if any

    @property
    def in_date(self) -> int:
        return self.done - len(self.lapsed)


# What is the reader's own ----------------------------------------------------------------------------------------------

_AT = UtcDateTime()


def _row(kind: Any, key: Any, title: Any, at: Any, number: Any = ONE) -> tuple[Any, ...]:
    until = (cast(null(), String).label("slug"), cast(null(), Date).label("until"))
    return (
        (literal_column(f"'{kind}'") if isinstance(kind, str) else kind).label("kind"),
        key.label("key"),
        title.label("title"),
        at.label("at"),
        number.label("number"),
        *until,
    )


# What waits about bookings of the reader's: which one, and until when or since when. Their courses are looked up for all of them at once,
# since on most days there is nothing, and to make a database ready for a join takes longer than finding that out.
_told = union_all(
    select(literal_column("'offer'").label("kind"), Booking.id.label("booking_id"), Booking.offer_ends_at.label("at")).where(
        Booking.person_id == ME, literal_column("bookings.status = 'offered'"), Booking.offer_ends_at > NOW
    ),
    select(literal_column("'charge'"), Consequence.booking_id, Consequence.appeal_by).where(
        Consequence.person_id == ME, Consequence.state == "stands", Consequence.appeal_by > NOW
    ),
    select(EvaluationAsk.kind, EvaluationAsk.booking_id, EvaluationAsk.asked_at).where(
        EvaluationAsk.person_id == ME, EvaluationAsk.answered_at.is_(None), EvaluationAsk.asked_at > bindparam("asked", type_=_AT)
    ),
).subquery("told")
_BOOKINGS = (
    select(*_row(_told.c.kind, Booking.id, Course.title, _told.c.at))
    .select_from(_told)
    .join(Booking, Booking.id == _told.c.booking_id)
    .join(Session, Session.id == Booking.session_id)
    .join(Course, Course.id == Session.course_id)
    .where(few(_told.c.booking_id))
)
_RESERVED = (
    select(*_row("reserved", func.min(Booking.id), Course.title, func.min(Booking.name_by), func.count()))
    .join(Session, Session.id == Booking.session_id)
    .join(Course, Course.id == Session.course_id)
    .where(Booking.booked_by == ME, literal_column("bookings.status = 'reserved'"))
    .group_by(Session.id, Course.title)
)
_closes = renewal.to_renew(ME, TODAY, bindparam("year_ago", type_=Date()))
_RENEW = _closes.with_only_columns(
    *_row("renew", cast(null(), Integer), cast(null(), String), cast(null(), _AT))[:-1],
    _closes.selected_columns.closes.label("until"),
)
_delivered = select(SessionPart.session_id).join(PartTrainer, PartTrainer.part_id == SessionPart.id).where(PartTrainer.person_id == ME)
_REGISTERS = (
    select(*_row("register", Session.id, Course.title, Session.starts_at))
    .join(Course, Course.id == Session.course_id)
    .where(
        Session.id.in_(_delivered),
        Session.status == "published",
        Session.register_at.is_(None),
        Session.starts_at <= bindparam("opening", type_=_AT),
        Session.ends_at > bindparam("untaken", type_=_AT),
        exists(select(ONE).where(Booking.session_id == Session.id, literal_column("bookings.status = 'booked'"))),
    )
)
_REQUESTS = (
    select(*_row("request", cast(null(), Integer), cast(null(), String), func.min(Booking.approval_due_at), func.count()))
    .select_from(Booking)
    .join(Session, Session.id == Booking.session_id)
    .join(Course, Course.id == Session.course_id)
    .where(MINE_TO_ANSWER, PENDING, Session.starts_at > NOW)
    .having(func.count() > 0)
)
_MESSAGES = (  # what went out by e-mail has been told; these are nowhere but in the inbox
    select(*_row("message", cast(null(), Integer), cast(null(), String), func.max(Outbox.created_at), func.count()))
    .select_from(Outbox)
    .where(Outbox.person_id == ME, Outbox.read_at.is_(None), literal_column("outbox.how = 'inbox'"))
    .having(func.count() > 0)
)


_follower = supervision.FOLLOWED.selected_columns[0]
_FOLLOWED = supervision.FOLLOWED.with_only_columns(*_row("supervised", _follower, cast(null(), String), cast(null(), _AT)))
_ACTIONS = (
    select(*_row("action", cast(null(), Integer), cast(null(), String), cast(null(), _AT), func.count()))
    .select_from(SupervisionAction)
    .where(*actions.OVERDUE)
    .having(func.count() > 0)
)
_CONFIRM = (
    select(*_row("confirm", cast(null(), Integer), cast(null(), String), cast(null(), _AT), func.count()))
    .select_from(Supervisor)
    .join(Supervision, Supervision.id == Supervisor.supervision_id)
    .where(*supervision.TO_CONFIRM)
    .having(func.count() > 0)
)

# How long each course that the reader completed still counts; only those that lapse soon, or have, are looked up. All others are one row.
_warn_until = bindparam("soon", type_=Date())
_latest = (
    select(Completion.course_id, func.max(func.coalesce(Completion.expires_on, FOREVER)).label("until"))
    .where(Completion.person_id == ME, Completion.superseded_at.is_(None))
    .group_by(Completion.course_id)
    .subquery("latest")
)
_lapsing = case((_latest.c.until <= _warn_until, _latest.c.course_id))
_refresher = aliased(Course, name="refresher")
_slug = func.coalesce(_refresher.slug, Course.slug)
_STANDING = (
    select(literal_column("'standing'"), _lapsing, Course.title, null(), func.count(), _slug, func.max(_latest.c.until))
    .select_from(_latest)
    .outerjoin(Course, Course.id == _lapsing)
    .outerjoin(_refresher, _refresher.id == Course.refresher_id)
    .group_by(_lapsing, Course.title, _slug)
)


_document, _what, _since = documents_waiting.MINE.selected_columns
_DOCUMENTS = documents_waiting.MINE.with_only_columns(*_row("document", _document, _what, _since))
_PROGRAMME = (
    select(*_row("programme", Enrolment.id, ProgrammeVersion.title, Enrolment.created_at))
    .join(ProgrammeVersion, ProgrammeVersion.id == Enrolment.version_id)
    .where(Enrolment.person_id == ME, literal_column(f"enrolments.{RUNNING}"))
)
_change, _whose, _proposed = asked.MINE.selected_columns
_AGREE = asked.MINE.with_only_columns(*_row("agree", _change, _whose, _proposed))
# Colleagues who ask something of the reader, likewise: their names are looked up for both kinds at once.
_by = union_all(
    select(
        literal_column("'endorse'").label("kind"), EndorsementAsk.person_id.label("key"), EndorsementAsk.person_id, EndorsementAsk.asked_at
    ).where(EndorsementAsk.asked_of == ME, literal_column("endorsement_asks.state = 'asked'")),
    select(literal_column("'together'"), Pairing.id, Pairing.asked_by, Pairing.asked_at).where(
        or_(
            and_(Pairing.giver_id == ME, Pairing.giver_agreed_at.is_(None)),
            and_(Pairing.receiver_id == ME, Pairing.receiver_agreed_at.is_(None)),
        ),
        literal_column("pairings.state = 'asked'"),
    ),
).subquery("by")
_COLLEAGUES = (
    select(*_row(_by.c.kind, _by.c.key, Person.name, _by.c.asked_at))
    .select_from(_by)
    .join(Person, Person.id == _by.c.person_id)
    .where(few(_by.c.person_id))
)


@lru_cache(maxsize=8)
def _statement(leads: bool, books: bool, trains: bool) -> Ready:
    """Everything of the reader's own in one statement; of managers, of those who book for others and of trainers a little more."""
    parts = [
        _BOOKINGS,
        _RENEW,
        _MESSAGES,
        _DOCUMENTS,
        _AGREE,
        _PROGRAMME,
        _FOLLOWED,
        _CONFIRM,
        _ACTIONS,
        _COLLEAGUES,
        _STANDING,
    ]
    parts += [part for wanted, part in ((leads, _REQUESTS), (books, _RESERVED), (trains, _REGISTERS)) if wanted]
    return Ready(union_all(*parts))


def prepare() -> None:
    """Build the statement of those whom most readers are: people without duties, with and without colleagues to book for."""
    _statement(leads=False, books=False, trains=False)
    _statement(leads=False, books=True, trains=False)


_ORDER = (
    "offer",
    "reserved",
    "request",
    "register",
    "agree",
    "endorse",
    "together",
    "document",
    "charge",
    "renew",
    "message",
    "after",
    "impact",
)  # the soonest to be lost first


_MORE = {
    "register": ("register to finish", "registers to finish", "/delivering"),
    "together": ("colleague asks you to learn together", "colleagues ask you to learn together", "/learning-together"),
    "document": ("document waits for you", "documents wait for you", "/assessing"),
}


def _asked(tx: Tx) -> Sequence[Row[Any]]:
    leads = leads_line(tx)
    trains = (policy.Reach.DELIVERED, None) in policy.terms(tx.actor, Can.TAKE_REGISTER)
    given: dict[str, Any] = dict(
        lately=tx.today - supervision.LATELY,
        me=tx.actor.person_id,
        now=tx.now,
        today=tx.today,
        soon=tx.today + SOON,
        asked=tx.now - ASKED,
        year_ago=tx.today - YEAR,
    )
    if trains:
        given |= dict(opening=tx.now + OPENS, untaken=tx.now - UNTAKEN)
    return tx.rows(_statement(leads=leads, books=may_book_others(tx), trains=trains), **given)


def _standing(tx: Tx, rows: Sequence[Row[Any]]) -> Standing:
    own = [row for row in rows if row.kind == "standing"]
    lapsing = sorted((row for row in own if row.key is not None), key=lambda row: (row.until, row.title))
    lapsed = [row for row in lapsing if row.until < tx.today]
    programme = next((str(row.title) for row in rows if row.kind == "programme"), "")
    return Standing(sum(row.number for row in own), lapsed, lapsing[len(lapsed) :], programme)


def _own(rows: Sequence[Row[Any]]) -> Iterator[Need]:
    for kind in _ORDER:
        of_kind = sorted((row for row in rows if row.kind == kind), key=lambda row: (row.at is None, row.at, row.key or 0))
        for row in of_kind[:SHOWN]:
            yield _line(row)
        if len(of_kind) > SHOWN and kind in _MORE:
            more = len(of_kind) - SHOWN
            one, many, page = _MORE[kind]
            yield Need(f"{more} more {one if more == 1 else many}", page)


def _line(row: Row[Any]) -> Need:
    if row.kind == "offer":
        return Need(f"A place is held for you: {row.title}", f"/bookings/{row.key}", f"Accept or decline by {deadline(row.at)}")
    if row.kind == "reserved":
        places = "a place" if row.number == 1 else f"{row.number} places"
        return Need(f"Say who comes: {places} on {row.title}", f"/bookings/{row.key}/name", f"By {deadline(row.at)}")
    if row.kind == "request":
        words = "1 request for a place to approve" if row.number == 1 else f"{row.number:,} requests for places to approve"
        first = "" if row.at is None else f"{'It runs' if row.number == 1 else 'The first runs'} out at {deadline(row.at)}"
        return Need(words, "/my-team", first)
    if row.kind == "renew":
        return Need("Renew your registration", "/my-learning/renewal", f"By {long_date(row.until)}")
    if row.kind == "message":
        return Need("1 message to read" if row.number == 1 else f"{row.number:,} messages to read", "/inbox")
    if row.kind == "register":
        return Need(f"Register to finish: {row.title}", f"/sessions/{row.key}/register", long_date(row.at))
    if row.kind == "document":
        return Need(row.title, f"/documents/{row.key}", f"Since {long_date(london(row.at))}")
    if row.kind == "agree":
        return Need(f"Your agreement is asked for: {row.title}", f"/changes/{row.key}", f"Since {long_date(london(row.at))}")
    if row.kind == "endorse":
        return Need(f"{row.title} asks for your endorsement", "/endorsements", f"Since {long_date(london(row.at))}")
    if row.kind == "together":
        return Need(f"{row.title} asks you to learn together", f"/learning-together/pairs/{row.key}", f"Since {long_date(london(row.at))}")
    if row.kind == "charge":
        return Need(f"You can give a reason or appeal: {row.title}", f"/bookings/{row.key}/answer", f"By {deadline(row.at)}")
    said = "Three quick questions about" if row.kind == "after" else "Has it changed what you do?"
    return Need(f"{said} {row.title}", f"/bookings/{row.key}/evaluation/{row.kind}")


# What is an office's ----------------------------------------------------------------------------------------------------


def _count(*where: Any) -> Any:
    """How many sessions to come fit (scalar subquery)."""
    coming: Any = literal_column("sessions.status = 'published'")
    return select(func.count()).select_from(Session).where(coming, Session.starts_at > NOW, *where).scalar_subquery()


_no_trainer = ~exists(
    select(ONE)
    .select_from(PartTrainer)
    .join(SessionPart, SessionPart.id == PartTrainer.part_id)
    .join(Person, Person.id == PartTrainer.person_id)
    .where(SessionPart.session_id == Session.id, or_(Person.leaving_on.is_(None), Person.leaving_on >= TODAY))
)
_soon = Session.starts_at < bindparam("month_ahead", type_=_AT)
_COORDINATING = Ready(
    select(
        _count(and_(_soon, held() < Session.min_numbers, Session.runs_at.is_(None))).label("thin"),
        _count(held() < Session.capacity, waiting() > 0).label("to_give"),
        _count(_soon, _no_trainer).label("untaught"),
    )
)
_PARKED = select(func.count()).select_from(Outbox).where(Outbox.parked_at.is_not(None), Outbox.sent_at.is_(None))


def _counted(number: int, one: str, many: str, link: str) -> list[Need]:
    return [Need(f"{number:,} {one if number == 1 else many}", link)] if number else []


def _offices(tx: Tx) -> Iterator[Need]:
    if policy.may(tx.actor, Can.MANAGE_SESSIONS):
        row = tx.one(_COORDINATING, now=tx.now, today=tx.today, month_ahead=tx.now + timedelta(days=30))
        assert row is not None
        a_place, minimum = "a free place and people waiting", "in the next 30 days below"
        yield from _counted(row.to_give, f"session with {a_place}", f"sessions with {a_place}", "/manage?status=give")
        yield from _counted(row.thin, f"session {minimum} its minimum", f"sessions {minimum} their minimum", "/manage?status=thin")
        without = "in the next 30 days without a trainer"
        yield from _counted(row.untaught, f"session {without}", f"sessions {without}", "/manage?status=untaught")
    if policy.may(tx.actor, Can.MANAGE_ENROLMENTS):
        number, oldest = asked.for_the_academy(tx)
        one, many = "change of a programme waits for the Academy", "changes of programmes wait for the Academy"
        yield from _counted(number, one, many, f"/changes/{oldest}")
    if policy.may(tx.actor, Can.IMPORT_PEOPLE):
        ready, wrong, leavers = for_hr(tx)
        yield from _counted(ready, "HR import to check and apply", "HR imports to check and apply", "/hr/imports")
        yield from _counted(wrong, "HR import with problems to correct", "HR imports with problems to correct", "/hr/imports")
        yield from _counted(leavers, "leaver to confirm", "leavers to confirm", "/hr/leavers")
    if policy.may(tx.actor, Can.READ_DELIVERIES):
        parked = tx.scalar(_PARKED.where(policy.within_reach(tx, Can.READ_DELIVERIES, Outbox.person_id)))
        yield from _counted(parked, "message that could not be sent", "messages that could not be sent", "/deliveries")


def _supervision(tx: Tx, rows: Sequence[Row[Any]]) -> Iterator[Need]:
    """Supervision that is overdue, the reader's own before that of their people, and what colleagues recorded of it."""
    since, others = supervision.overdue(tx, {row.key for row in rows if row.kind == "supervised"})
    if since is not None:
        yield Need("Your supervision is overdue", "/supervision", f"It was due by {long_date(since)}")
    for row in rows:
        if row.kind == "confirm":
            yield from _counted(row.number, "supervision to confirm", "supervisions to confirm", "/supervision")
        elif row.kind == "action":
            late = "action from supervision is overdue", "actions from supervision are overdue"
            yield from _counted(row.number, *late, "/supervision#actions")
    theirs = "colleague’s supervision is overdue", "colleagues’ supervision is overdue"
    yield from _counted(others, *theirs, "/supervision/team?show=overdue")


def needs(tx: Tx) -> tuple[list[Need], Standing]:
    """What waits on the reader, their own things before those of their office, nothing that is nought; and how their completions stand."""
    rows = _asked(tx)
    return [*_own(rows), *_supervision(tx, rows), *_offices(tx)], _standing(tx, rows)
