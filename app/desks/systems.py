"""Other systems at a glance, for administrators: what is connected, whether it works, and what somebody has to look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, case, exists, func, literal, or_, select, true
from sqlalchemy.sql.elements import ColumnElement
from starlette.responses import Response

from app import policy
from app.core.calendar import clock, london, london_day, long_date
from app.core.facts import current
from app.core.ledger import Audit, Outbox
from app.core.text import plural
from app.core.tx import Tx
from app.doors import Page, Pages
from app.hr.change_models import Change, Delivery, FeedMark, Subscription, TrainingConfirmation
from app.hr.directory_models import Departure, DepartureEffect, ScimUser
from app.hr.models import Import
from app.identity.models import ApiCall, ApiClient, SignIn
from app.identity.queries import units
from app.people.models import Person, RoleHeld
from app.policy import Can, Role

pages = Pages()
LATE = timedelta(minutes=15)  # a change or a delivery that waits longer than this is late: the worker looks every second
WELL, LOOK, QUIET = ("Works", "green"), ("Look at this", "red"), ("Not used", "grey")


@dataclass(frozen=True, slots=True)
class Line:
    """One connection: what it is, how it stands, what there is to say of it, and where to see more (empty: nowhere for this reader)."""

    title: str
    state: tuple[str, str]
    words: list[str]
    link: str = ""


@pages.get("/systems", can=Can.MANAGE_CLIENTS)
def systems(tx: Tx, page: Page) -> Response:
    """Every connection with its health; those that somebody has to look at come first."""
    lines = [
        *_clients(tx),
        *_feed(tx),
        *_webhooks(tx),
        *_directory(tx),
        *_imports(tx),
        *_leavers(tx),
        *_records(tx),
        *_sign_on(tx, page),
        *_messages(tx),
    ]
    return page.render(
        "desks/systems.html",
        lines=sorted(lines, key=lambda line: (line.state is not LOOK, line.state is QUIET)),
        troubled=sum(line.state is LOOK for line in lines),
    )


def _when(moment: datetime | None) -> str:
    if moment is None:
        return "never"
    local = london(moment)
    return f"{long_date(local.date())}, {clock(local)}"


def _own(tx: Tx, organisation: Any) -> ColumnElement[bool]:
    """Of the organisations that the reader looks after; everything, for those who look after all."""
    nodes = units(tx, Can.MANAGE_CLIENTS)
    return true() if nodes is None else organisation.in_(nodes)


def _only(tx: Tx, statement: Any) -> Row[Any]:
    row = tx.one(statement)
    assert row is not None  # an aggregate has exactly one row
    return row


def _together(tx: Tx, **figures: Any) -> Row[Any]:
    """Several figures by one statement."""
    return _only(tx, select(*(figure.scalar_subquery().label(name) for name, figure in figures.items())))


def _link(tx: Tx, can: Can, path: str) -> str:
    return path if policy.may(tx.actor, can) else ""


def _clients(tx: Tx) -> Iterator[Line]:
    begins, _ = london_day(tx.today)
    own = _own(tx, ApiClient.organisation_id)
    at_work = select(func.count()).select_from(ApiClient).where(own, ApiClient.disabled_at.is_(None)).scalar_subquery().label("at_work")
    counts = (
        func.count().label("calls"),
        func.coalesce(func.sum(case((ApiCall.status >= 500, 1), else_=0)), 0).label("failed"),
        func.coalesce(func.sum(case((ApiCall.status == 429, 1), else_=0)), 0).label("limited"),
        func.count(ApiCall.client_id.distinct()).label("clients"),
    )
    row = _only(
        tx,
        select(at_work, *counts).select_from(ApiCall).join(ApiClient, ApiClient.id == ApiCall.client_id).where(own, ApiCall.at >= begins),
    )
    words = [f"{plural(row.at_work, 'client')} may use the API, {row.clients:,} of them did today"]
    if row.calls:
        words.append(f"{plural(row.calls, 'call')} today, {row.failed:,} failed on our side, {row.limited:,} over their limit")
    state = QUIET if not row.at_work else LOOK if row.failed else WELL
    yield Line("API clients", state, words, "/access/clients")


def _feed(tx: Tx) -> Iterator[Line]:
    row = _together(
        tx,
        number=select(func.max(Change.number)),
        at=select(Change.at).order_by(Change.number.desc()).limit(1),
        moved=select(FeedMark.moved_at).where(FeedMark.name == "changes"),
        written=select(Audit.at).order_by(Audit.id.desc()).limit(1),
    )
    behind = row.written is not None and (row.moved is None or row.written > row.moved) and tx.now - row.written > LATE
    words = [f"Last change: number {row.number:,}, {_when(row.at)}" if row.number else "No change has been numbered yet"]
    if behind:
        words.append(f"Nothing has been numbered since {_when(row.moved)}: is the worker running?")
    yield Line("Feed of changes", LOOK if behind else WELL if row.number else QUIET, words)


def _webhooks(tx: Tx) -> Iterator[Line]:
    own = _own(tx, ApiClient.organisation_id)
    each = select(Subscription.state, func.count().label("number")).join(ApiClient, ApiClient.id == Subscription.client_id)
    states = {row.state: row.number for row in tx.rows(each.where(own, Subscription.deleted_at.is_(None)).group_by(Subscription.state))}
    counts = (
        func.coalesce(func.sum(case((Delivery.state == "due", 1), else_=0)), 0).label("due"),
        func.coalesce(func.sum(case((Delivery.state == "parked", 1), else_=0)), 0).label("parked"),
        func.min(case((Delivery.state == "due", Delivery.created_at), else_=None)).label("oldest"),
    )
    mine = select(*counts).join(Subscription, Subscription.id == Delivery.subscription_id)
    mine = mine.join(ApiClient, ApiClient.id == Subscription.client_id)
    row = _only(tx, mine.where(own, Subscription.deleted_at.is_(None), Delivery.state.in_(("due", "parked"))))
    words = [f"{plural(states.get('on', 0), 'subscription')} on, {states.get('paused', 0):,} paused, {states.get('off', 0):,} off"]
    if row.due or row.parked:
        oldest = f", the oldest since {_when(row.oldest)}" if row.due else ""
        words.append(f"{plural(row.due, 'message')} waiting{oldest}; {row.parked:,} given up")
    troubled = bool(row.parked or states.get("paused") or (row.due and tx.now - row.oldest > LATE))
    yield Line("Webhooks", QUIET if not states else LOOK if troubled else WELL, words, "/webhooks")


def _directory(tx: Tx) -> Iterator[Line]:
    counts = (
        func.count().label("people"),
        func.coalesce(func.sum(case((ScimUser.active, 0), else_=1)), 0).label("suspended"),
        func.max(ScimUser.updated_at).label("last"),
    )
    row = _only(tx, select(*counts).where(ScimUser.deleted_at.is_(None), _own(tx, ScimUser.organisation_id)))
    if not row.people:
        yield Line("Directory (SCIM)", QUIET, ["No directory keeps people here"])
        return
    words = [f"{plural(row.people, 'person', 'people')} kept by the directory, {row.suspended:,} of them suspended by it"]
    yield Line("Directory (SCIM)", WELL, [*words, f"Last change {_when(row.last)}"])


def _imports(tx: Tx) -> Iterator[Line]:
    last = tx.one(
        select(Import.applied_at, Import.as_at)
        .where(Import.state == "applied", or_(_own(tx, Import.organisation_id), Import.organisation_id.is_(None)))
        .order_by(Import.applied_at.desc())
        .limit(1)
    )
    link = _link(tx, Can.IMPORT_PEOPLE, "/hr/imports")
    if last is None:
        yield Line("HR extracts", QUIET, ["None has been applied yet"], link)
    else:
        yield Line("HR extracts", WELL, [f"Last applied {_when(last.applied_at)}, as at {long_date(last.as_at)}"], link)


def _leavers(tx: Tx) -> Iterator[Line]:
    about = select(func.count()).select_from(Departure).join(Person, Person.id == Departure.person_id)
    mine = _own(tx, Person.organisation_id)
    flagged = (
        select(func.count())
        .select_from(DepartureEffect)
        .join(Departure, Departure.id == DepartureEffect.departure_id)
        .join(Person, Person.id == Departure.person_id)
        .where(mine, DepartureEffect.flagged, DepartureEffect.settled_at.is_(None), DepartureEffect.undone_at.is_(None))
    )
    theirs = or_(RoleHeld.unit_id.is_(None), RoleHeld.unit_id == Person.organisation_id)
    alone = ~exists(select(RoleHeld.id).where(RoleHeld.role == Role.HR, current(RoleHeld, tx.today), theirs))
    row = _together(
        tx,
        waiting=about.where(mine, Departure.state == "waiting"),
        alone=about.where(mine, Departure.state == "waiting", alone),
        flagged=flagged,
    )
    link = _link(tx, Can.CONFIRM_LEAVERS, "/hr/leavers")
    if not row.waiting and not row.flagged:
        yield Line("Leavers", ("Nothing to do", "green"), ["Nobody waits for confirmation, and nothing is left to see to"], link)
    else:
        words = [
            f"{plural(row.waiting, 'leaver waits', 'leavers wait')} for HR to confirm",
            f"{plural(row.flagged, 'thing')} left to see to",
        ]
        if row.alone:
            words.append(f"No HR officer can confirm {row.alone:,} of them: give somebody the role in their organisation")
        yield Line("Leavers", LOOK, words, link)


def _records(tx: Tx) -> Iterator[Line]:
    """How HR's system keeps up, for those who may see training records; others are told when it last answered."""
    last = tx.scalar(select(TrainingConfirmation.at).order_by(TrainingConfirmation.id.desc()).limit(1))
    if last is None:
        yield Line("Training records for HR", QUIET, ["HR’s system has never answered"], _records_link(tx))
        return
    silent = london(last).date() < tx.today - timedelta(days=7)
    words = [f"HR’s system last answered {_when(last)}"]
    yield Line("Training records for HR", LOOK if silent else WELL, words, _records_link(tx))


def _records_link(tx: Tx) -> str:
    return _link(tx, Can.READ_TRAINING_RECORDS, "/hr/training-records")


def _sign_on(tx: Tx, page: Page) -> Iterator[Line]:
    begins, _ = london_day(tx.today)
    mine = select(SignIn.via, func.count().label("number")).join(Person, Person.id == SignIn.person_id)
    rows = tx.rows(mine.where(SignIn.created_at >= begins, _own(tx, Person.organisation_id)).group_by(SignIn.via))
    via = {row.via: row.number for row in rows}
    link = _link(tx, Can.MANAGE_ACCESS, "/access/single-sign-on")
    today = f"{plural(via.get('provider', 0), 'sign-in')} through it today, {via.get('password', 0):,} by password"
    if not page.settings.oidc_issuer:
        yield Line("Single sign-on", QUIET, ["No identity provider is set up: everybody signs in by password"], link)
    else:
        yield Line("Single sign-on", WELL, [today], link)


def _messages(tx: Tx) -> Iterator[Line]:
    """Counted for the whole service, and only for those who look after all of it: a message belongs to no organisation."""
    if units(tx, Can.MANAGE_CLIENTS) is not None and not policy.may(tx.actor, Can.READ_DELIVERIES):
        return
    due = (Outbox.sent_at.is_(None), Outbox.parked_at.is_(None), Outbox.how == literal("email"), Outbox.due_at <= tx.now)
    row = _together(
        tx,
        parked=select(func.count()).select_from(Outbox).where(Outbox.parked_at.is_not(None)),
        oldest=select(func.min(Outbox.due_at)).where(*due),
    )
    late = row.oldest is not None and tx.now - row.oldest > LATE
    words = ["Every message has gone out"] if row.oldest is None else [f"The oldest that waits was due {_when(row.oldest)}"]
    if row.parked:
        words.append(f"{plural(row.parked, 'message')} given up")
    yield Line("E-mail", LOOK if late or row.parked else WELL, words, _link(tx, Can.READ_DELIVERIES, "/deliveries"))
