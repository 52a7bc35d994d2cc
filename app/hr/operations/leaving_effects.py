"""What follows from somebody's leaving, for any number of leavers at once: one statement for each kind of thing, each effect kept as a row.

`arrange` runs as soon as a last day is certain: whatever lies after that day ends with it or passes on. `finish` runs once the day is over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, and_, func, insert, literal, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from app.bookings import approvals
from app.bookings.models import Booking, Session
from app.bookings.operations import leavers
from app.core.db import is_postgresql
from app.core.ledger import Audit, Outbox, entry, message
from app.core.tx import Tx
from app.hr.directory_models import Departure, DepartureEffect
from app.hr.models import ImportCut, ImportRow
from app.hr.operations import leaving_flags, leaving_reports
from app.hr.operations.expressions import lines, next_day
from app.identity.models import Account, Link, SignIn
from app.learning.models import Course
from app.mentoring.operations import leaving as together
from app.people.models import Duty, GroupMember, Membership, Person, Post, Responsibility, RoleHeld, Stage

ENDS: Any = next_day(Departure.last_day)  # the first day on which they are gone
EFFECT = ("departure_id", "kind", "subject", "subject_id", "before", "flagged")
_JSON = DepartureEffect.before.type
# Facts that end with the last day: kind of effect, table, the column that says whose, and which of its rows.
CUTS: tuple[tuple[str, Any, Any, tuple[ColumnElement[bool], ...]], ...] = (
    ("fact", Membership, Membership.person_id, ()),
    ("fact", Stage, Stage.person_id, ()),
    ("fact", Post, Post.person_id, ()),
    ("fact", Responsibility, Responsibility.person_id, (Responsibility.kind == Duty.MANAGER.value,)),
    ("role", RoleHeld, RoleHeld.person_id, ()),
    ("group", GroupMember, GroupMember.person_id, ()),
    ("duty", Responsibility, Responsibility.holder_id, (Responsibility.kind != Duty.MANAGER.value,)),
    ("cover", Responsibility, Responsibility.person_id, (Responsibility.kind == Duty.DEPUTY.value,)),
)
_TRACKS: dict[str, tuple[str, Any]] = {
    "memberships": ("fact", Membership),
    "stages": ("fact", Stage),
    "managers": ("fact", Responsibility),
    "posts": ("fact", Post),
    "further posts": ("fact", Post),
    "roles": ("role", RoleHeld),
}


def arrange(tx: Tx, ids: Collection[int]) -> None:
    """See to everything that lies after these departures' last days. Safe to repeat: only what is new is done.

    The caller holds the locks of the people and of the departures.
    """
    for piece in leavers.pieces(sorted(ids)):
        mark = newest_effect(tx)
        _places(tx, piece)
        flagged = leaving_reports.pass_on(tx, piece)
        for kind, table, whose, which in CUTS:
            _cut(tx, piece, mark, kind, table, whose, which)
        _addresses(tx, piece, mark)
        flagged += leaving_flags.look(tx, piece)
        _record(tx, piece, mark)
        leaving_flags.tell(tx, flagged)


def newest_effect(tx: Tx) -> int:
    """What has a higher number was written since. (Others' effects are of other departures.)"""
    return int(tx.scalar(select(func.max(DepartureEffect.id))) or 0)


def effects(ids: Collection[int], *more: ColumnElement[bool]) -> ColumnElement[bool]:
    """Effects of some departures that stand: nobody has taken them back, nor tried to."""
    stands = (DepartureEffect.undone_at.is_(None), DepartureEffect.not_undone.is_(None))
    return and_(DepartureEffect.departure_id.in_(ids), *stands, *more)


# Places ------------------------------------------------------------------------------------------------------------


def _places(tx: Tx, ids: Sequence[int]) -> None:
    keep_places(tx, leavers.free(tx, select(Departure.person_id).where(Departure.id.in_(ids))))


def keep_places(tx: Tx, freed: Sequence[Row[Any]]) -> None:
    """Keep what these bookings were, each with the newest departure of whoever gave it up."""
    people = sorted({row.leaver_id for row in freed})
    newest: dict[int, int] = {}
    for piece in leavers.pieces(people):
        held = (Departure.person_id.in_(piece), Departure.state.in_(("due", "done")))
        newest |= {row.person_id: row.id for row in tx.rows(select(Departure.person_id, Departure.id).where(*held).order_by(Departure.id))}
    kept = [
        dict(departure_id=newest[row.leaver_id], kind="place", subject="bookings", subject_id=row.id, before=_was(row), flagged=False)
        for row in freed
        if row.leaver_id in newest
    ]
    tx.insert_many(DepartureEffect, kept)


def _was(row: Row[Any]) -> dict[str, Any]:
    times = {name: getattr(row, name) for name in ("offer_ends_at", "approval_due_at")}
    return {"status": row.status, "place": row.place} | {name: at.isoformat() for name, at in times.items() if at is not None}


# Facts, roles and duties -------------------------------------------------------------------------------------------


def _cut(tx: Tx, ids: Sequence[int], mark: int, kind: str, table: Any, whose: Any, which: tuple[ColumnElement[bool], ...]) -> None:
    """End one kind of fact with the last day: the row is superseded, and what of it lies before is written again."""
    subject = table.__tablename__
    later = (Departure.id.in_(ids), table.superseded_at.is_(None), table.valid_to > ENDS, *which)
    found = select(Departure.id, literal(kind), literal(subject), table.id, literal({}, _JSON), literal(False))
    found = found.join(table, whose == Departure.person_id).where(*later)
    tx.db.execute(insert(DepartureEffect).from_select(EFFECT, found, include_defaults=False))
    mine = effects(ids, DepartureEffect.id > mark, DepartureEffect.kind == kind, DepartureEffect.subject == subject)
    cut = table.id.in_(select(DepartureEffect.subject_id).where(mine))
    tx.db.execute(update(table).where(cut, table.superseded_at.is_(None)).values(superseded_at=tx.now))
    kept = [column for column in table.__table__.c if column.name not in ("id", "valid_to", "recorded_at", "superseded_at")]
    again = select(*kept, ENDS, literal(tx.now)).join(DepartureEffect, and_(mine, DepartureEffect.subject_id == table.id))
    again = again.join(Departure, Departure.id == DepartureEffect.departure_id).where(table.valid_from < ENDS, *which)
    columns = [*(column.name for column in kept), "valid_to", "recorded_at"]
    tx.db.execute(insert(table).from_select(columns, again, include_defaults=False))


def cut_by_import(tx: Tx, import_id: int, ids: Collection[int]) -> None:
    """An import ended its leavers' facts itself: keep those ends as effects of their departures."""
    about = lines(import_id, ImportRow.lead.is_(True))
    mark = newest_effect(tx)
    for track, (kind, table) in _TRACKS.items():
        subject = table.__tablename__
        found = (
            select(Departure.id, literal(kind), literal(subject), table.id, literal({}, _JSON), literal(False))
            .select_from(ImportCut)
            .join(table, table.id == ImportCut.row_id)
            .join(ImportRow, and_(about, ImportRow.person_id == table.person_id, ImportRow.new_end == ImportCut.ends))
            .join(Departure, and_(Departure.person_id == table.person_id, Departure.id.in_(ids), ImportCut.ends == ENDS))
            .where(ImportCut.import_id == import_id, ImportCut.track == track)
        )
        tx.db.execute(insert(DepartureEffect).from_select(EFFECT, found, include_defaults=False))
    for piece in leavers.pieces(sorted(ids)):
        _addresses(tx, piece, mark)
        _record(tx, piece, mark)


def address_mark(email: str | None) -> str:
    """Tells whether an address is the same as it was, without keeping it."""
    return hashlib.sha256((email or "").encode()).hexdigest()[:24]


def _addresses(tx: Tx, ids: Sequence[int], mark: int) -> None:
    """With each role that ends, whose address it was: whoever gets the role back with another one would be somebody else."""
    mine = effects(ids, DepartureEffect.id > mark, DepartureEffect.kind == "role")
    rows = tx.rows(
        select(DepartureEffect.id, Person.email)
        .join(Departure, Departure.id == DepartureEffect.departure_id)
        .join(Person, Person.id == Departure.person_id)
        .where(mine)
    )
    for row in rows:  # few hold roles
        tx.update(DepartureEffect, row.id, before={"address": address_mark(row.email)})


def _record(tx: Tx, ids: Sequence[int], mark: int) -> None:
    """One audit row for each effect. (Places and managers have theirs.)"""
    actor = tx.actor
    kinds = DepartureEffect.kind.not_in(("place", "reports"))
    action = literal("departure.").concat(DepartureEffect.kind)
    by = (literal(tx.now), literal(actor.kind), literal(actor.id, Audit.actor_id.type), action)
    what = (DepartureEffect.subject, DepartureEffect.subject_id, Departure.person_id)
    facts = (literal({}, Audit.facts.type), literal(tx.request_id, Audit.request_id.type))
    about = (
        select(*by, *what, *facts)
        .join(Departure, Departure.id == DepartureEffect.departure_id)
        .where(effects(ids, DepartureEffect.id > mark, kinds))
        .order_by(DepartureEffect.id)
    )
    columns = ["at", "actor_kind", "actor_id", "action", "subject", "subject_id", "person_id", "facts", "request_id"]
    tx.db.execute(insert(Audit).from_select(columns, about, include_defaults=False))


# Once the day is over ----------------------------------------------------------------------------------------------


def finish(tx: Tx, ids: Collection[int]) -> None:
    """They are gone: requests that waited for them wait for others, and nothing opens a door for them. Their record stays."""
    for piece in leavers.pieces(sorted(ids)):
        mark = newest_effect(tx)
        _approvals(tx, piece)
        _access(tx, piece)
        people = tx.rows(select(Departure.person_id).where(Departure.id.in_(piece)).order_by(Departure.person_id))
        together.part(tx, [row.person_id for row in people])
        _record(tx, piece, mark)
        tx.db.execute(
            update(Departure)
            .where(Departure.id.in_(piece), Departure.state == "due")
            .values(state="done", done_at=tx.now, version=Departure.version + 1)
        )
        rows = tx.rows(select(Departure.id, Departure.person_id).where(Departure.id.in_(piece)))
        record_all(tx, "departure.done", [(row.id, row.person_id) for row in rows])


def record_all(tx: Tx, action: str, about: Sequence[tuple[int, int]], **facts: Any) -> None:
    """One audit row for each (departure, person)."""
    actor = (tx.actor.kind, tx.actor.id, tx.now, tx.request_id)
    rows = [entry(*actor, action, "departures", person, None, facts) | {"subject_id": departure} for departure, person in about]
    if rows:
        tx.db.execute(insert(Audit), rows)


def _approvals(tx: Tx, ids: Sequence[int]) -> None:
    """Requests for places that their reports have made: asked of whoever answers now, or of nobody, which is flagged."""
    passed = effects(ids, DepartureEffect.kind == "reports")
    pending = tx.rows(
        select(Booking.id, Booking.person_id, Booking.approval_due_at, DepartureEffect.departure_id)
        .select_from(DepartureEffect)
        .join(Responsibility, Responsibility.id == DepartureEffect.subject_id)
        .join(Booking, Booking.person_id == Responsibility.person_id)
        .join(Session, Session.id == Booking.session_id)
        .join(Course, Course.id == Session.course_id)
        .where(passed, approvals.PENDING, Course.approver == "manager", Session.starts_at > tx.now)
        .order_by(Booking.id)
    )
    known = _kept(tx, ids, "approval")
    rows = [row for row in pending if (row.departure_id, row.id) not in known]
    if not rows:
        return
    answer = approvals.approvers(tx, {row.person_id for row in rows})
    kept, told = [], []
    for row in rows:
        now = [one.id for one in answer[row.person_id]]
        fact = dict(departure_id=row.departure_id, kind="approval", subject="bookings", subject_id=row.id, before={})
        kept.append(fact | {"to_id": now[0] if now else None, "flagged": not now})
        due = {"decide_by": row.approval_due_at.isoformat()} if row.approval_due_at else {}
        told += [message("email.approval_asked", tx.now, "bookings", person, due) | {"subject_id": row.id} for person in now]
    tx.insert_many(DepartureEffect, kept)
    if told:
        tx.db.execute(insert(Outbox), told)
    leaving_flags.tell(tx, [(row["departure_id"], 1) for row in kept if row["flagged"]])


def _kept(tx: Tx, ids: Sequence[int], kind: str) -> set[tuple[int, int]]:
    rows = tx.rows(select(DepartureEffect.departure_id, DepartureEffect.subject_id).where(effects(ids, DepartureEffect.kind == kind)))
    return {(row.departure_id, row.subject_id) for row in rows}


def _access(tx: Tx, ids: Sequence[int]) -> None:
    """Sign-ins end and links do nothing any more. Signing in anew is refused from the day after the last, whatever else happens."""
    people = select(Departure.person_id).where(Departure.id.in_(ids))
    tx.db.execute(update(SignIn).where(SignIn.person_id.in_(people), SignIn.ended_at.is_(None)).values(ended_at=tx.now))
    tx.db.execute(update(Link).where(Link.person_id.in_(people), Link.used_at.is_(None)).values(used_at=tx.now))
    already = select(DepartureEffect.departure_id).where(effects(ids, DepartureEffect.kind == "account"))
    found = select(Departure.id, literal("account"), literal("accounts"), Account.person_id, literal({}, _JSON), literal(False))
    found = found.join(Account, Account.person_id == Departure.person_id).where(Departure.id.in_(ids), Departure.id.not_in(already))
    tx.db.execute(insert(DepartureEffect).from_select(EFFECT, found, include_defaults=False))


def locked(tx: Tx, people: Collection[int]) -> None:
    """Take these people's turns, by id, and then their departures': whoever decides about them at the same moment waits."""
    if is_postgresql(tx.db):
        for piece in leavers.pieces(sorted(people)):
            tx.rows(select(Person.id).where(Person.id.in_(piece)).order_by(Person.id).with_for_update(key_share=True))
            held = or_(Departure.state == "waiting", Departure.state == "due", Departure.state == "done")
            tx.rows(select(Departure.id).where(Departure.person_id.in_(piece), held).order_by(Departure.id).with_for_update(key_share=True))
