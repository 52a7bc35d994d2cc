"""The feed of changes: numbers are given to what is committed, by one writer at a time, and what changed is read when it is told.

A number taken inside the writer's transaction would be committed in another order than it was taken, and a reader who had seen 12 would
never learn of 11. So a job reads what the ledger says since its mark and numbers it. On SQLite there is one writer at a time, and the mark
is the ledger's last row. On PostgreSQL rows appear in another order than they were numbered; there the mark is a transaction's number below
which none is under way any more (`pg_snapshot_xmin`), and each row of the ledger says which transaction wrote it (docs/changes.md).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, exists, func, insert, or_, select, text, update

from app.bookings import listings as bookings
from app.core.db import ONE, Database, is_postgresql
from app.core.ledger import Audit
from app.core.tx import Tx
from app.core.work import job
from app.hr import events, training
from app.hr.change_models import Change, FeedMark
from app.learning import listings as learning
from app.learning import shared as shared_learning
from app.pathways import listings as pathways
from app.people import listings as people
from app.people import organisation
from app.programmes import listings as programmes
from app.supervision import listings as supervision

LOCK = 20261122  # of the numbering alone: two workers take turns
MARK = "changes"
AT_ONCE = 5_000  # rows of the ledger numbered in one transaction on SQLite, where everybody else waits meanwhile


# Numbering ---------------------------------------------------------------------------------------------------------

_LAST = select(func.coalesce(func.max(Change.number), 0))
_MARK = select(FeedMark.mark).where(FeedMark.name == bindparam("name"))
_COMMITTED = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
_NEWEST = select(func.coalesce(func.max(Audit.id), 0))
_MOVE = update(FeedMark).where(FeedMark.name == bindparam("its")).values(mark=bindparam("to"), moved_at=bindparam("at"))


def number_due(database: Database) -> int:
    """Number what is committed, at each look of the worker; returns how many changes were numbered. Nothing is written if there is none."""
    with job(database, writes=False) as tx:
        if not _waiting(tx):
            return 0
    done, more = 0, True
    while more:
        with job(database) as tx:
            done += number(tx)
            more = not is_postgresql(tx.db) and _waiting(tx)
    return done


def number(tx: Tx) -> int:
    """Give the next numbers to what is committed for good; returns how many were given."""
    if is_postgresql(tx.db):
        tx.db.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))  # what is read below is read after its turn has come
    mark = _mark(tx)
    if is_postgresql(tx.db):
        until = int(tx.db.execute(_COMMITTED).scalar_one())
        which = _committed(tx, mark, until)
    else:
        until = min(int(tx.scalar(_NEWEST)), mark + AT_ONCE)
        which = and_(Audit.id > mark, Audit.id <= until)
    if until == mark:
        return 0
    numbered = events.tell(tx, which, int(tx.scalar(_LAST)))
    tx.db.execute(_MOVE, dict(its=MARK, to=until, at=tx.now))
    return numbered


def _committed(tx: Tx, mark: int, until: int) -> Any:
    """Rows of the ledger whose transactions lie between two marks; every transaction below the second has ended.

    Transactions count anew in another cluster. If the numbers have gone back, the database was restored into one: then all that was left
    is told, and all that was written since. What was numbered before is not numbered again.
    """
    unnumbered = ~exists(select(ONE).select_from(Change).where(Change.audit_id == Audit.id))
    if until >= mark:
        return and_(Audit.xid >= mark, Audit.xid < until, unnumbered)
    top = tx.scalar(select(func.coalesce(func.max(Change.audit_id), 0)))
    return and_(or_(Audit.xid >= mark, and_(Audit.xid < until, Audit.id > top)), unnumbered)


def _waiting(tx: Tx) -> bool:
    """Has anything been written to the ledger since the mark?"""
    mark = tx.scalar(_MARK, name=MARK) or 0
    if not is_postgresql(tx.db):
        return int(tx.scalar(_NEWEST)) > mark
    until = int(tx.db.execute(_COMMITTED).scalar_one())
    return until < mark or tx.scalar(select(ONE).where(Audit.xid >= mark, Audit.xid < until).limit(1)) is not None


def _mark(tx: Tx) -> int:
    mark = tx.scalar(_MARK, name=MARK)
    if mark is None:
        tx.db.execute(insert(FeedMark), dict(name=MARK, mark=0, moved_at=tx.now))
    return int(mark or 0)


def last(tx: Tx) -> int:
    """The last number given so far; what has it, or a smaller one, is committed and will be seen by whoever reads from now on."""
    return int(tx.scalar(_LAST))


# Telling -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Source:
    """How one resource is read for a client: what it shows now, and which are gone."""

    scope: str  # that a client needs to read it
    these: Callable[[Tx, Sequence[int]], list[dict[str, Any]]]  # the items as its list shows them, of those that the client may see
    gone: Callable[[Tx, Sequence[int]], Iterable[int]] = lambda _tx, _keys: ()  # which of them it could see and no more


SOURCES: dict[str, Source] = {
    "people": Source("people:read", people.these),
    "units": Source("organisation:read", organisation.these),
    "courses": Source("catalogue:read", learning.these_courses),
    "sessions": Source("catalogue:read", bookings.these_sessions),
    "bookings": Source("bookings:read", bookings.these_bookings),
    "completions": Source("completions:read", learning.these_completions, learning.gone_completions),
    "cohorts": Source("programmes:read", programmes.these_cohorts),
    "enrolments": Source("programmes:read", programmes.these_enrolments),
    "supervisions": Source("supervision:read", supervision.these, supervision.gone),
    "progressions": Source("pathways:read", pathways.these, pathways.gone),
    "learning-records": Source("learning-records:read", shared_learning.these, shared_learning.gone),
    "training-records": Source("training-records:read", training.these, training.gone),
}


def readable(tx: Tx) -> list[str]:
    """The resources that the client's scopes let it read."""
    return [resource for resource, source in SOURCES.items() if source.scope in tx.actor.scopes]


def told(tx: Tx, rows: Iterable[Any]) -> dict[int, dict[str, Any]]:
    """What changes say to the client that acts, by number; absent: they are not for it. One statement for each resource.

    Each says what the resource is now, as its list shows it, or that it is gone: `deleted`, and no data.
    """
    by_resource: defaultdict[str, list[Any]] = defaultdict(list)
    for row in rows:
        by_resource[row.resource].append(row)
    found: dict[int, dict[str, Any]] = {}
    for resource in readable(tx):
        changes = by_resource.get(resource)
        if not changes:
            continue
        source, keys = SOURCES[resource], sorted({row.resource_id for row in changes})
        shown = {item["id"]: item for item in source.these(tx, keys)}
        gone = set(source.gone(tx, [key for key in keys if key not in shown]))
        for row in changes:
            data = shown.get(row.resource_id)
            if data is not None or row.resource_id in gone:
                found[row.number] = _item(row, data)
    return found


def _item(row: Any, data: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "number": row.number,
        "id": f"change-{row.number}",
        "at": row.at,
        "event": row.event if data is not None else events.removed(row.event),
        "resource": row.resource,
        "resource_id": row.resource_id,
        "deleted": data is None,
        "data": data,
    }
