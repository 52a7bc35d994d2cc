"""Applying what a file states to dated facts, for all its people at once: supersede what it contradicts, write what is now known.

A track is one kind of fact of which a person has at most one at a time. The rows to be replaced are listed first
(`import_cuts`), because they must be superseded before their replacements may stand beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Date, and_, case, false, func, insert, literal, null, or_, select, true, update

from app.core.declared import aliased
from app.core.tx import Tx
from app.hr.models import ImportCut, ImportRow
from app.hr.operations.expressions import day, later, lines, reaches
from app.people.models import Duty, Membership, Post, Responsibility, RoleHeld, Stage

ACTIVE = ("joiner", "mover", "leaver", "rejoiner", "changed")


@dataclass(frozen=True)
class Track:
    """One kind of fact: where it is kept, what picks it out, when the file changes it and from which day."""

    name: str
    table: Any
    which: ColumnElement[bool]
    changed: Any
    since: Any
    values: dict[str, Any]
    """Columns of a new row; empty: the file ends facts of this kind but never begins them."""
    stated: ColumnElement[bool]
    """Whether the changed fact is something (False: from then on there is none, as with no manager)."""


def tracks() -> list[Track]:
    """Team, stage, manager and primary post; and roles, which end with the employment and are never given by a file."""
    row = ImportRow
    return [
        Track("memberships", Membership, true(), row.unit_changed, row.unit_since, {"unit_id": row.unit_id}, row.unit_id.is_not(None)),
        Track("stages", Stage, true(), row.stage_changed, row.since, {"stage": row.stage}, row.stage.is_not(None)),
        Track(
            "managers",
            Responsibility,
            Responsibility.kind == Duty.MANAGER.value,
            row.manager_changed,
            row.since,
            {"kind": literal(Duty.MANAGER.value), "holder_id": row.manager_id},
            row.manager_id.is_not(None),
        ),
        Track("posts", Post, Post.is_primary.is_(True), row.post_changed, row.post_since, _post(True), row.job_title.is_not(None)),
        Track("roles", RoleHeld, true(), false(), row.since, {}, false()),
    ]


def _post(primary: bool) -> dict[str, Any]:
    row = ImportRow
    return {
        "job_title": row.job_title,
        "contract": func.coalesce(row.contract, "permanent"),
        "fte": func.coalesce(row.fte, 1),
        "working_days": func.coalesce(row.working_days, "1111100"),
        "practice_area": row.practice_area,
        "is_primary": literal(primary),
    }


def restate(tx: Tx, import_id: int, track: Track) -> None:
    """Bring one track of every person with a change into line with the file."""
    row, table = ImportRow, track.table
    ends = reaches(table.valid_to, row.old_end, row.new_end, row.extends)
    cut = case(
        (and_(track.changed, table.valid_from >= track.since), table.valid_from),
        (and_(track.changed, ends > track.since), track.since),
        else_=ends,
    )
    about = and_(table.person_id == row.person_id, table.superseded_at.is_(None), track.which)
    # A role that is over is not brought back by a later leaving date: its holder's address may have changed hands meanwhile.
    lives = true() if track.values else or_(cut < table.valid_to, table.valid_to > tx.today)
    touched = (
        select(literal(import_id), literal(track.name), table.id, cut)
        .select_from(row)
        .join(table, about)
        .where(lines(import_id, row.lead.is_(True), row.label.in_(ACTIVE)), cut != table.valid_to, lives)
    )
    _replace(tx, import_id, track.name, table, touched)
    if track.values:
        new = select(row.person_id, track.since, row.new_end, literal(tx.now), *track.values.values()).where(
            lines(import_id, row.lead.is_(True), row.label.in_(ACTIVE)), track.changed, track.stated, track.since < row.new_end
        )
        columns = ["person_id", "valid_from", "valid_to", "recorded_at", *track.values]
        tx.db.execute(insert(table).from_select(columns, new, include_defaults=False))


def _replace(tx: Tx, import_id: int, name: str, table: Any, touched: Any) -> None:
    """Supersede the rows that `touched` lists (import, track, row, new end) and write again what of them still holds."""
    tx.db.execute(insert(ImportCut).from_select(["import_id", "track", "row_id", "ends"], touched, include_defaults=False))
    mine = and_(ImportCut.import_id == import_id, ImportCut.track == name)
    tx.db.execute(update(table).where(table.id.in_(select(ImportCut.row_id).where(mine))).values(superseded_at=tx.now))
    kept = [c for c in table.__table__.c if c.name not in ("id", "valid_to", "recorded_at", "superseded_at")]
    again = (
        select(*kept, ImportCut.ends, literal(tx.now))
        .join(ImportCut, and_(mine, ImportCut.row_id == table.id))
        .where(ImportCut.ends > table.valid_from)
    )
    columns = [*(c.name for c in kept), "valid_to", "recorded_at"]
    tx.db.execute(insert(table).from_select(columns, again, include_defaults=False))


def fill_posts(tx: Tx, import_id: int, found: Any) -> None:
    """Blank cells of changed primary posts take what is held on the day from which the post applies; done before anything is superseded."""
    row, post = ImportRow, aliased(Post)

    def held(column: str) -> Any:
        ref = later(row.post_since, day(found.as_at))
        ends = reaches(post.valid_to, row.old_end, row.new_end, row.extends)
        mine = and_(post.person_id == row.person_id, post.is_primary.is_(True), post.superseded_at.is_(None))
        now = and_(mine, post.valid_from <= ref, or_(ends > ref, ends >= row.new_end))
        return select(func.min(getattr(post, column))).where(now).scalar_subquery()

    blank = or_(row.job_title.is_(None), row.contract.is_(None), row.fte.is_(None), row.working_days.is_(None), row.practice_area.is_(None))
    columns = ("job_title", "contract", "fte", "working_days", "practice_area")
    tx.db.execute(
        update(row)
        .where(lines(import_id, row.lead.is_(True), row.post_changed.is_(True), row.label != "joiner", blank))
        .values({column: func.coalesce(getattr(row, column), held(column)) for column in columns})
    )


def restate_further_posts(tx: Tx, import_id: int, found: Any) -> None:
    """Posts beside the primary one: end those that the file names no longer, or otherwise; begin those it names anew."""
    row, lead = aliased(ImportRow), ImportRow
    today = literal(found.as_at, Date())
    first = case((row.post_since < row.new_end, row.post_since), else_=row.new_end)
    ends = reaches(Post.valid_to, lead.old_end, lead.new_end, lead.extends)
    at = case((row.id.is_(None), today), (row.post_changed, first), else_=null())
    cut = case((and_(at.is_not(None), Post.valid_from >= at), Post.valid_from), (and_(at.is_not(None), ends > at), at), else_=ends)
    touched = (
        select(literal(import_id), literal("further posts"), Post.id, cut)
        .select_from(lead)
        .join(Post, and_(Post.person_id == lead.person_id, Post.superseded_at.is_(None), Post.is_primary.is_(False)))
        .outerjoin(
            row, and_(row.import_id == import_id, row.person_id == Post.person_id, row.lead.is_(False), row.job_title == Post.job_title)
        )
        .where(lines(import_id, lead.lead.is_(True), lead.label.in_(ACTIVE)), cut != Post.valid_to)
    )
    _replace(tx, import_id, "further posts", Post, touched)
    values = _post(False)
    row_ = ImportRow
    new = select(row_.person_id, row_.post_since, row_.new_end, literal(tx.now), *values.values()).where(
        lines(import_id, row_.lead.is_(False), row_.post_changed.is_(True), row_.label.in_(ACTIVE), row_.job_title.is_not(None)),
        row_.post_since < row_.new_end,
    )
    tx.db.execute(insert(Post).from_select(["person_id", "valid_from", "valid_to", "recorded_at", *values], new, include_defaults=False))
