"""Talent pools: who stands in which, what they say to it, the moderated judgement with its reasons, and everybody who has looked.

What was said stays: a change is a new row (docs/decisions/0027). How ready somebody is stands in no table; it follows from pathways.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, Table, UniqueConstraint, text

from app.core.db import FOREVER, Base, Model, append_only
from app.core.declared import Mapped, mapped_column
from app.core.frozen import MARK, refuse
from app.core.ledger import Json
from app.core.tx import meaning

LIVE = "superseded_at IS NULL"
SENT = "entry_key IS NOT NULL"
WORDS = 1000  # characters of reasons, of a view, of a purpose
KEPT = "What was recorded stays as it is: change it by a new entry."
LEFT = {
    "appointed": "Appointed to a post",
    "withdrawn": "Taken out of the pool",
    "left": "Left the council",
    "closed": "The pool was closed",
}
KINDS = {"view": "Looked at the list", "card": "Opened the card", "export": "Took a file", "api": "Another system read it"}


class TalentLabel(Model):
    """A word of the council's own for a horizon or for potential. None of these is a national standard, so they are rows."""

    __tablename__ = "talent_labels"
    organisation_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    kind: Mapped[str]  # horizon · potential
    code: Mapped[str]
    title: Mapped[str]
    position: Mapped[int]  # the order of lists
    ready_now: Mapped[bool] = mapped_column(default=False)  # a horizon with which somebody counts as cover
    source: Mapped[str] = mapped_column(default="")
    verified: Mapped[bool] = mapped_column(default=False)  # seen in a published source
    retired_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("kind IN ('horizon', 'potential')", name="kind"),
        CheckConstraint("kind = 'horizon' OR NOT ready_now", name="ready_now"),
        UniqueConstraint("organisation_id", "kind", "code", name="uq_talent_labels_code"),
    )


class TalentPool(Model):
    """A role that the council wants people to grow towards. It promises nobody a post."""

    __tablename__ = "talent_pools"
    organisation_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    title: Mapped[str]  # what the role is called
    about: Mapped[str] = mapped_column(default="")
    step_id: Mapped[int | None] = mapped_column(ForeignKey("pathway_steps.id"))  # readiness is measured by it
    stage: Mapped[str | None] = mapped_column(ForeignKey("career_stages.code"))  # where it leads
    critical: Mapped[bool]
    posts: Mapped[int]
    depth_wanted: Mapped[int]  # how many people there should be in it
    moderator_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # who is asked to moderate
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (
        CheckConstraint("posts >= 0 AND posts <= 10000", name="posts"),
        CheckConstraint("depth_wanted >= 0 AND depth_wanted <= 10000", name="depth_wanted"),
        Index(
            "uq_talent_pools_title",
            "organisation_id",
            "title",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )


class TalentEntry(Model):
    """Somebody in a pool, from a day until they leave it. Whether they are on its lists, `TalentAgreement` says."""

    __tablename__ = "talent_entries"
    pool_id: Mapped[int] = mapped_column(ForeignKey("talent_pools.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    entered_on: Mapped[date]
    entered_at: Mapped[datetime]
    left_on: Mapped[date] = mapped_column(default=FOREVER)  # the first day on which they are no longer in it
    left_at: Mapped[datetime | None]
    left_why: Mapped[str | None]
    __table_args__ = (
        CheckConstraint("entered_on <= left_on", name="period"),
        CheckConstraint("left_why IS NULL OR left_why IN ('appointed', 'withdrawn', 'left', 'closed')", name="left_why"),
        CheckConstraint("(left_at IS NULL) = (left_why IS NULL)", name="left"),
        UniqueConstraint("id", "person_id", name="uq_talent_entries_person"),
        Index(
            "uq_talent_entries_open",
            "pool_id",
            "person_id",
            unique=True,
            sqlite_where=text("left_at IS NULL"),
            postgresql_where=text("left_at IS NULL"),
        ),
    )


def _own(table: str) -> ForeignKeyConstraint:
    """The row's person is the entry's: what follows compares people by it."""
    return ForeignKeyConstraint(["entry_id", "person_id"], ["talent_entries.id", "talent_entries.person_id"], name=f"fk_{table}_entry")


class TalentNomination(Model):
    """Who brought somebody into the pool, and why; the person themselves, where they put themselves forward."""

    __tablename__ = "talent_nominations"
    entry_id: Mapped[int] = mapped_column(ForeignKey("talent_entries.id"))
    nominated_by: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    reasons: Mapped[str]
    recorded_at: Mapped[datetime]
    __table_args__ = (
        CheckConstraint(f"length(reasons) BETWEEN 1 AND {WORDS}", name="reasons"),
        UniqueConstraint("entry_id", "nominated_by", name="uq_talent_nominations_once"),
    )


class TalentAgreement(Model):
    """Whether somebody agrees to be on the pool's lists. The newest word counts; without one that says yes they are on none."""

    __tablename__ = "talent_agreements"
    entry_id: Mapped[int]
    person_id: Mapped[int]
    agrees: Mapped[bool]
    on_date: Mapped[date]
    until: Mapped[date] = mapped_column(default=FOREVER)  # the day on which they said something else
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    __table_args__ = (
        _own("talent_agreements"),
        CheckConstraint("on_date <= until", name="period"),
        Index("uq_talent_agreements_live", "entry_id", unique=True, sqlite_where=text(LIVE), postgresql_where=text(LIVE)),
        Index("ix_talent_agreements_entry", "entry_id", "on_date"),
    )


class TalentView(Model):
    """What somebody says of their own place in a pool, in their words."""

    __tablename__ = "talent_views"
    entry_id: Mapped[int] = mapped_column(ForeignKey("talent_entries.id"))
    words: Mapped[str]
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint(f"length(words) BETWEEN 1 AND {WORDS}", name="words"),
        Index("uq_talent_views_live", "entry_id", unique=True, sqlite_where=text(LIVE), postgresql_where=text(LIVE)),
    )


class TalentJudgement(Model):
    """What is thought of somebody's potential for the pool's role, with reasons: proposed by one, and counting once another confirms it."""

    __tablename__ = "talent_judgements"
    entry_id: Mapped[int]
    person_id: Mapped[int]
    potential_id: Mapped[int | None] = mapped_column(ForeignKey("talent_labels.id"))  # NULL: a specialist on a track of their own
    horizon_id: Mapped[int] = mapped_column(ForeignKey("talent_labels.id"))
    specialist: Mapped[bool] = mapped_column(default=False)
    reasons: Mapped[str]
    proposed_by: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    proposed_on: Mapped[date]
    recorded_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="proposed")  # proposed · confirmed · returned
    moderated_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    moderated_on: Mapped[date | None]
    moderated_at: Mapped[datetime | None]
    moderation: Mapped[str | None]  # the moderator's reasons
    until: Mapped[date] = mapped_column(default=FOREVER)  # the first day on which another counts
    superseded_at: Mapped[datetime | None]
    __table_args__ = (
        _own("talent_judgements"),
        CheckConstraint("state IN ('proposed', 'confirmed', 'returned')", name="state"),
        CheckConstraint("specialist OR potential_id IS NOT NULL", name="potential"),
        CheckConstraint(f"length(reasons) BETWEEN 1 AND {WORDS}", name="reasons"),
        CheckConstraint("person_id <> proposed_by", name="not_of_oneself"),
        CheckConstraint("moderated_by IS NULL OR moderated_by <> person_id", name="not_moderated_by_oneself"),
        CheckConstraint("moderated_by IS NULL OR moderated_by <> proposed_by", name="by_another"),
        CheckConstraint(
            "(state = 'proposed') = (moderated_by IS NULL) AND (state = 'proposed') = (moderated_at IS NULL) "
            "AND (state = 'proposed') = (moderated_on IS NULL) AND (state = 'proposed') = (moderation IS NULL)",
            name="moderated",
        ),
        Index(
            "uq_talent_judgements_live",
            "entry_id",
            "state",
            unique=True,
            sqlite_where=text(f"{LIVE} AND state <> 'returned'"),
            postgresql_where=text(f"{LIVE} AND state <> 'returned'"),
        ),
        Index("ix_talent_judgements_entry", "entry_id", "moderated_on"),
    )


class TalentAction(Model):
    """What is to be done so that somebody grows: by whom, until when; done. Every change is a new row."""

    __tablename__ = "talent_actions"
    entry_id: Mapped[int] = mapped_column(ForeignKey("talent_entries.id"))
    number: Mapped[int]
    words: Mapped[str]
    who_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)  # who does it
    by_date: Mapped[date]
    done_on: Mapped[date | None]
    course_id: Mapped[int | None] = mapped_column(ForeignKey("courses.id"))
    step_id: Mapped[int | None] = mapped_column(ForeignKey("pathway_steps.id"))
    entry_key: Mapped[str | None]  # of the first row: the key under which a browser sent it
    told_at: Mapped[datetime | None]  # when whoever does it was reminded of this row
    recorded_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(f"length(words) BETWEEN 1 AND {WORDS}", name="words"),
        CheckConstraint("course_id IS NULL OR step_id IS NULL", name="one_link"),
        Index("uq_talent_actions_live", "entry_id", "number", unique=True, sqlite_where=text(LIVE), postgresql_where=text(LIVE)),
        Index("uq_talent_actions_entry", "entry_id", "entry_key", unique=True, sqlite_where=text(SENT), postgresql_where=text(SENT)),
        Index("ix_talent_actions_due", "by_date", sqlite_where=text(LIVE), postgresql_where=text(LIVE)),
    )


class TalentFilter(Model):
    """Filters of a pool's list that somebody keeps under a name of their own."""

    __tablename__ = "talent_filters"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    pool_id: Mapped[int] = mapped_column(ForeignKey("talent_pools.id"))
    title: Mapped[str]
    filters: Mapped[dict[str, Any]] = mapped_column(Json)
    saved_at: Mapped[datetime]
    __table_args__ = (UniqueConstraint("person_id", "pool_id", "title", name="uq_talent_filters_title"),)


class TalentRead(Model):
    """Somebody looked at a list or a card, or took one away: what they asked for, why, and what left."""

    __tablename__ = "talent_reads"
    pool_id: Mapped[int] = mapped_column(ForeignKey("talent_pools.id"))
    kind: Mapped[str]
    reader_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    client_id: Mapped[int | None] = mapped_column(ForeignKey("api_clients.id"))
    reader: Mapped[str]  # what they were called
    filters: Mapped[dict[str, Any]] = mapped_column(Json)
    purpose: Mapped[str | None]
    file_type: Mapped[str | None]
    as_at: Mapped[date]
    known_at: Mapped[datetime]  # as far as had been recorded at this instant
    people: Mapped[int]  # how many are in TalentReadOf
    digest: Mapped[str | None]  # SHA-256 of the file's bytes
    at: Mapped[datetime]  # when it was read
    __table_args__ = (
        CheckConstraint("kind IN ('view', 'card', 'export', 'api')", name="kind"),
        CheckConstraint("(reader_id IS NULL) <> (client_id IS NULL)", name="one_reader"),
        CheckConstraint("(kind = 'export') = (file_type IS NOT NULL)", name="file_type"),
        CheckConstraint("(kind = 'export') = (digest IS NOT NULL)", name="digest"),
        CheckConstraint("kind <> 'export' OR purpose IS NOT NULL", name="purpose"),
        Index("ix_talent_reads_pool", "pool_id", "id"),
    )


class TalentReadOf(Base):
    """Of whom it was: what lets somebody see who has looked."""

    __tablename__ = "talent_read_people"
    read_id: Mapped[int] = mapped_column(ForeignKey("talent_reads.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    __table_args__ = (Index("ix_talent_read_people_person", "person_id", "read_id"),)


def steady_when(names: list[str], once: tuple[str, ...], words: tuple[str, ...], ends: tuple[str, ...]) -> str:
    """When an UPDATE is refused: `once` is written where it was NULL, `ends` are open ends that close, `words` give way to MARK."""
    kept = [f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in names if name not in (*once, *words, *ends)]
    kept += [f"(OLD.{name} IS NULL OR NEW.{name} IS NOT DISTINCT FROM OLD.{name})" for name in once]
    kept += [f"(OLD.{name} = '{FOREVER.isoformat()}' OR NEW.{name} = OLD.{name})" for name in ends]
    for name in words:
        first = f" OR OLD.{name} IS NULL" if name == "moderation" else ""
        kept.append(f"(NEW.{name} IS NOT DISTINCT FROM OLD.{name} OR coalesce(NEW.{name}, '') = '{MARK}'{first})")
    return f"NOT ({' AND '.join(kept)})"


def _steady(table: Table, *, once: tuple[str, ...] = (), words: tuple[str, ...] = (), ends: tuple[str, ...] = ()) -> None:
    refuse(table, "UPDATE", f"{table.name}_stand", steady_when([column.name for column in table.columns], once, words, ends))
    refuse(table, "DELETE", f"{table.name}_stay", "OLD.id IS NOT NULL")
    for name in (f"{table.name}_stand", f"{table.name}_stay"):
        meaning(name, message=KEPT, code="recorded-stays")


_steady(TalentEntry.__table__, once=("left_at", "left_why"), ends=("left_on",))
_steady(TalentNomination.__table__, words=("reasons",))
_steady(TalentAgreement.__table__, once=("superseded_at",), ends=("until",))
_steady(TalentView.__table__, once=("superseded_at",), words=("words",))
_steady(TalentAction.__table__, once=("superseded_at", "told_at"), words=("words",))
# A judgement is moderated once: `state` changes from proposed only.
refuse(
    TalentJudgement.__table__,
    "UPDATE",
    "talent_judgements_stand",
    steady_when(
        [column.name for column in TalentJudgement.__table__.columns if column.name != "state"],
        ("moderated_by", "moderated_on", "moderated_at", "superseded_at"),
        ("reasons", "moderation"),
        ("until",),
    )
    + " OR NOT (NEW.state = OLD.state OR OLD.state = 'proposed')",
)
refuse(TalentJudgement.__table__, "DELETE", "talent_judgements_stay", "OLD.id IS NOT NULL")
append_only(TalentRead.__table__)
append_only(TalentReadOf.__table__)

for _name in ("talent_judgements_stand", "talent_judgements_stay"):
    meaning(_name, message=KEPT, code="recorded-stays")
_AGAIN = "Somebody has just changed this. Look at it again and retry."
for _name, _list, _message, _code in (
    (
        "uq_talent_labels_code",
        "talent_labels.organisation_id, talent_labels.kind, talent_labels.code",
        "That code is taken.",
        "label-taken",
    ),
    ("uq_talent_pools_title", "talent_pools.organisation_id, talent_pools.title", "There is a pool for that role.", "pool-taken"),
    ("uq_talent_entries_open", "talent_entries.pool_id, talent_entries.person_id", "They are in this pool already.", "already-in-pool"),
    (
        "uq_talent_nominations_once",
        "talent_nominations.entry_id, talent_nominations.nominated_by",
        "You have nominated them already.",
        "already-nominated",
    ),
    ("uq_talent_agreements_live", "talent_agreements.entry_id", _AGAIN, "conflict-at-once"),
    ("uq_talent_views_live", "talent_views.entry_id", _AGAIN, "conflict-at-once"),
    ("uq_talent_judgements_live", "talent_judgements.entry_id, talent_judgements.state", _AGAIN, "conflict-at-once"),
    ("uq_talent_actions_live", "talent_actions.entry_id, talent_actions.number", _AGAIN, "conflict-at-once"),
    ("uq_talent_actions_entry", "talent_actions.entry_id, talent_actions.entry_key", "This has just been saved.", "entry-saved"),
    (
        "uq_talent_filters_title",
        "talent_filters.person_id, talent_filters.pool_id, talent_filters.title",
        "You keep filters under that name already.",
        "filter-taken",
    ),
):
    meaning(_name, _list, message=_message, code=_code)
