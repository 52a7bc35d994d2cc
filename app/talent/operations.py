"""Pools, their words and labels, and the filters that somebody keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, select, update

from app import policy
from app.core.db import ONE
from app.core.errors import Changed, Conflict, Invalid, NotFound
from app.core.text import lines, normal, slug
from app.core.tx import Tx
from app.pathways.models import Step
from app.people.models import CareerStage, Person, Unit
from app.policy import Can, Reach, operation
from app.talent.models import TalentEntry, TalentFilter, TalentLabel, TalentPool

TITLE = 100  # characters
ABOUT = 500
MOST_FILTERS = 30  # that somebody keeps for one pool
NO_POOL = "There is no such pool, or it is not one of yours."


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool as it should be."""

    title: str
    about: str = ""
    step_id: int | None = None
    stage: str | None = None
    critical: bool = False
    posts: int = 0
    depth_wanted: int = 0
    moderator_id: int | None = None


def organisations(tx: Tx, can: Can) -> list[int] | None:
    """Organisations whose pools the actor has to do with; None: every one. Their own, where it is about themselves or their people."""
    found = policy.require(tx, can)
    if (Reach.ALL, None) in found:
        return None
    nodes = [node for reach, node in found if reach is Reach.SCOPE]
    keys: set[int] = {node for node in nodes if node is not None and node == tx.actor.organisation_id}
    further = [node for node in nodes if node not in keys]
    keys |= {row.organisation_id for row in tx.rows(select(Unit.organisation_id).where(Unit.id.in_(further)))} if further else set()
    if len(nodes) < len(found) and tx.actor.organisation_id is not None:
        keys.add(tx.actor.organisation_id)
    return sorted(keys)


def pool(tx: Tx, can: Can, pool_id: int, *, lock: bool = False) -> Row[Any]:
    """The pool, or NotFound where it is another organisation's."""
    mine = organisations(tx, can)
    row = tx.one(select(TalentPool.__table__).where(TalentPool.id == pool_id))
    if row is None or (mine is not None and row.organisation_id not in mine):
        raise NotFound(NO_POOL, code="pool-not-found")
    return tx.get(TalentPool, pool_id, lock=True) if lock else row


def open_pool(tx: Tx, can: Can, pool_id: int) -> Row[Any]:
    """The same, and it is not closed."""
    row = pool(tx, can, pool_id)
    if row.closed_at is not None:
        raise Conflict("This pool is closed.", code="pool-closed")
    return row


@operation(Can.MANAGE_TALENT)
def add_pool(tx: Tx, organisation_id: int, wanted: Pool) -> int:
    """There is a pool for a role; returns its id. Only for an organisation that the actor's reach covers whole."""
    _covers(tx, organisation_id)
    _sound(tx, organisation_id, wanted)
    key = tx.insert(TalentPool, organisation_id=organisation_id, **_values(wanted), opened_at=tx.now, version=1)
    tx.record("talent-pool.opened", "talent_pools", key, title=wanted.title)
    return key


@operation(Can.MANAGE_TALENT)
def change_pool(tx: Tx, pool_id: int, wanted: Pool, version: int) -> None:
    """It says something else; `version` is the one that was read, else Changed."""
    row = pool(tx, Can.MANAGE_TALENT, pool_id, lock=True)
    _covers(tx, row.organisation_id)
    if row.version != version:
        raise Changed("Somebody has changed this pool meanwhile. Look at it again and retry.")
    if row.closed_at is not None:
        raise Conflict("This pool is closed.", code="pool-closed")
    _sound(tx, row.organisation_id, wanted)
    if wanted.step_id != row.step_id and tx.scalar(select(ONE).where(TalentEntry.pool_id == pool_id).limit(1)) is not None:
        words = "People have been in this pool, and their readiness of earlier days is measured by its step. Close it and open another"
        refuse([{"field": "step", "message": words}])
    tx.update(TalentPool, pool_id, **_values(wanted), version=version + 1)
    tx.record("talent-pool.changed", "talent_pools", pool_id, title=wanted.title)


@operation(Can.MANAGE_TALENT)
def close_pool(tx: Tx, pool_id: int) -> int:
    """It is closed, and everybody leaves it; what was recorded stays. Returns how many left."""
    row = pool(tx, Can.MANAGE_TALENT, pool_id, lock=True)
    _covers(tx, row.organisation_id)
    if row.closed_at is not None:
        raise Conflict("This pool is closed already.", code="pool-closed")
    inside = (TalentEntry.pool_id == pool_id, TalentEntry.left_at.is_(None))
    many = int(tx.scalar(select(func.count()).select_from(TalentEntry).where(*inside)) or 0)
    tx.db.execute(update(TalentEntry).where(*inside).values(left_on=tx.today, left_at=tx.now, left_why="closed"))
    tx.update(TalentPool, pool_id, closed_at=tx.now, version=row.version + 1)
    tx.record("talent-pool.closed", "talent_pools", pool_id, people=many)
    return many


def _covers(tx: Tx, organisation_id: int) -> None:
    if not policy.covers(tx, Can.MANAGE_TALENT, organisation_id):
        raise NotFound(NO_POOL, code="pool-not-found")


def _values(wanted: Pool) -> dict[str, Any]:
    return {name: getattr(wanted, name) for name in Pool.__slots__} | {"title": normal(wanted.title), "about": lines(wanted.about)}


def _sound(tx: Tx, organisation_id: int, wanted: Pool) -> None:
    errors = []
    if not normal(wanted.title) or len(wanted.title) > TITLE:
        errors.append({"field": "title", "message": f"Say which role it is for, in at most {TITLE} characters"})
    if len(wanted.about) > ABOUT:
        errors.append({"field": "about", "message": f"Use at most {ABOUT} characters"})
    numbers = [name for name in ("posts", "depth_wanted") if not 0 <= getattr(wanted, name) <= 10_000]
    errors += [{"field": name, "message": "Enter a number from 0 to 10,000"} for name in numbers]
    if wanted.step_id is not None and tx.scalar(select(ONE).where(Step.id == wanted.step_id, Step.kind == "progression")) is None:
        errors.append({"field": "step", "message": "Choose a step from the list"})
    if wanted.stage is not None and tx.scalar(select(ONE).where(CareerStage.code == wanted.stage)) is None:
        errors.append({"field": "stage", "message": "Choose a career stage from the list"})
    if wanted.moderator_id is not None:
        theirs = select(ONE).where(Person.id == wanted.moderator_id, Person.organisation_id == organisation_id)
        if tx.scalar(theirs) is None:
            errors.append({"field": "moderator", "message": "Name somebody of this organisation"})
    refuse(errors)


def refuse(errors: list[dict[str, str]]) -> None:
    """Raise what is wrong, if anything is."""
    if errors:
        raise Invalid(errors[0]["message"] + "." if len(errors) == 1 else "Check what you entered.", errors=errors)


# Labels ------------------------------------------------------------------------------------------------------------


@operation(Can.MANAGE_TALENT)
def add_label(
    tx: Tx,
    organisation_id: int,
    kind: str,
    title: str,
    *,
    code: str = "",
    ready_now: bool = False,
    source: str = "",
    verified: bool = False,
) -> int:
    """A horizon or a word for potential, at the end of its list; returns its id."""
    _covers(tx, organisation_id)
    errors = []
    title = normal(title)
    if kind not in ("horizon", "potential"):
        errors.append({"field": "kind", "message": "Choose what it says"})
    if not title or len(title) > TITLE or not slug(title):
        errors.append({"field": "title", "message": f"Enter its words, at most {TITLE} characters"})
    refuse(errors)
    last = select(func.coalesce(func.max(TalentLabel.position), 0)).where(
        TalentLabel.organisation_id == organisation_id, TalentLabel.kind == kind
    )
    values = dict(code=code or slug(title), title=title, position=int(tx.scalar(last) or 0) + 1, source=source, verified=verified)
    key = tx.insert(TalentLabel, organisation_id=organisation_id, kind=kind, ready_now=ready_now and kind == "horizon", **values)
    tx.record("talent-label.added", "talent_labels", key, kind=kind, title=title)
    return key


@operation(Can.MANAGE_TALENT)
def retire_label(tx: Tx, label_id: int) -> None:
    """It is offered no more; judgements that used it keep it."""
    row = tx.get(TalentLabel, label_id, lock=True, what="label")
    _covers(tx, row.organisation_id)
    if row.retired_at is None:
        tx.update(TalentLabel, label_id, retired_at=tx.now)
        tx.record("talent-label.retired", "talent_labels", label_id, title=row.title)


def labels(tx: Tx, organisation_id: int, *, retired: bool = False) -> dict[str, list[Row[Any]]]:
    """Those of an organisation by kind, in order."""
    found = select(TalentLabel.__table__).where(TalentLabel.organisation_id == organisation_id)
    if not retired:
        found = found.where(TalentLabel.retired_at.is_(None))
    rows = tx.rows(found.order_by(TalentLabel.position, TalentLabel.id))
    return {kind: [row for row in rows if row.kind == kind] for kind in ("horizon", "potential")}


# Filters -----------------------------------------------------------------------------------------------------------


@operation(Can.READ_TALENT)
def save_filter(tx: Tx, pool_id: int, title: str, filters: dict[str, Any]) -> int:
    """The actor keeps filters of a pool's list under a name; returns the id."""
    pool(tx, Can.READ_TALENT, pool_id)
    title = normal(title)
    if not title or len(title) > TITLE:
        refuse([{"field": "title", "message": f"Give the filters a name of at most {TITLE} characters"}])
    mine = (TalentFilter.person_id == tx.actor.person_id, TalentFilter.pool_id == pool_id)
    if int(tx.scalar(select(func.count()).select_from(TalentFilter).where(*mine)) or 0) >= MOST_FILTERS:
        raise Conflict(f"You keep {MOST_FILTERS} filters here, which is the most.", code="too-many-filters", way_out="Remove one first.")
    key = tx.insert(TalentFilter, person_id=tx.actor.person_id, pool_id=pool_id, title=title, filters=filters, saved_at=tx.now)
    tx.record("talent-filter.saved", "talent_filters", key)
    return key


@operation(Can.READ_TALENT)
def remove_filter(tx: Tx, filter_id: int) -> int:
    """The actor keeps it no longer; returns the pool it was for. NotFound for somebody else's."""
    row = tx.one(select(TalentFilter.__table__).where(TalentFilter.id == filter_id, TalentFilter.person_id == tx.actor.person_id))
    if row is None:
        raise NotFound("You keep no such filters.", code="filter-not-found")
    tx.db.execute(TalentFilter.__table__.delete().where(TalentFilter.id == filter_id))
    tx.record("talent-filter.removed", "talent_filters", filter_id)
    return int(row.pool_id)
