"""People as a directory names them (SCIM), and those who leave: what is to happen, what was done about it, and how to take it back."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text

from app.core.db import Base, Model
from app.core.declared import Mapped, mapped_column
from app.core.ledger import Json

HERE = text("deleted_at IS NULL")
OPEN = text("state IN ('waiting', 'due')")


class ScimUser(Base):
    """What a directory calls a person, and whether it lets them sign in. Everything else about them is the person's own row.

    The SCIM id is the person's. Once the directory has deleted them they are gone from SCIM, never from the Academy.
    """

    __tablename__ = "scim_users"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True, autoincrement=False)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    user_name: Mapped[str]  # as sent; compared in small letters
    user_name_key: Mapped[str]
    external_id: Mapped[str | None]
    active: Mapped[bool]
    details: Mapped[dict[str, Any]] = mapped_column(Json)  # what is kept only to be given back, such as displayName
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    __table_args__ = (
        Index("uq_scim_users_name", "organisation_id", "user_name_key", unique=True, sqlite_where=HERE, postgresql_where=HERE),
        Index("ix_scim_users_external", "organisation_id", "external_id"),
    )


class ScimGroup(Base):
    """What a directory calls a team. The SCIM id is the unit's; its members are those who belong to the team today."""

    __tablename__ = "scim_groups"
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"), primary_key=True, autoincrement=False)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    display_name: Mapped[str]
    external_id: Mapped[str | None]
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    __table_args__ = (Index("ix_scim_groups_name", "organisation_id", "display_name"),)


class LeaverRun(Model):
    """Leavers that came together: one import, or one client's within a day. Over 2% of those employed, a person confirms."""

    __tablename__ = "leaver_runs"
    organisation_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    source: Mapped[str]  # "import:12", "scim:3:2026-11-22", "api:3:2026-11-22", "page"
    started_at: Mapped[datetime]
    employed: Mapped[int]  # in the organisation when it began
    state: Mapped[str] = mapped_column(default="open")
    confirmed_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    confirmed_at: Mapped[datetime | None]
    __table_args__ = (
        Index("uq_leaver_runs_source", "organisation_id", "source", unique=True),
        CheckConstraint("state IN ('open', 'held', 'confirmed')", name="state"),
        CheckConstraint("(state = 'confirmed') = (confirmed_at IS NOT NULL)", name="confirmed"),
    )


class Departure(Model):
    """Somebody is to leave, has left, or was said to. Its effects are kept one by one, so that a mistake can be taken back whole."""

    __tablename__ = "departures"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    run_id: Mapped[int | None] = mapped_column(ForeignKey("leaver_runs.id"), index=True)
    last_day: Mapped[date | None]  # of employment; NULL: the source gave none, and whoever confirms says it
    planned_day: Mapped[date | None]  # the later last day that was agreed before a program brought it forward; restoring gives it back
    source: Mapped[str]  # import · scim · api · page
    state: Mapped[str]
    asked_at: Mapped[datetime]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # who confirmed or dropped it
    decided_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    restored_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    restored_at: Mapped[datetime | None]
    reason: Mapped[str | None]  # for dropping or restoring
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (
        CheckConstraint("source IN ('import', 'scim', 'api', 'page')", name="source"),
        # waiting: for a person to confirm · due: on its day · done · dropped: not leaving after all · restored: done, and taken back
        CheckConstraint("state IN ('waiting', 'due', 'done', 'dropped', 'restored')", name="state"),
        CheckConstraint("state = 'waiting' OR state = 'dropped' OR last_day IS NOT NULL", name="last_day"),
        CheckConstraint("(done_at IS NOT NULL) = (state IN ('done', 'restored'))", name="done"),
        CheckConstraint("(restored_at IS NOT NULL) = (state = 'restored')", name="restored"),
        # one is due, and one waits that would bring it forward
        Index("uq_departures_open", "person_id", "state", unique=True, sqlite_where=OPEN, postgresql_where=OPEN),
        Index("ix_departures_person", "person_id", "id"),
        Index("ix_departures_due", "last_day", sqlite_where=text("state = 'due'"), postgresql_where=text("state = 'due'")),
    )


class DepartureEffect(Model):
    """One thing that followed from somebody's leaving: which row, what was done, and what it was before."""

    __tablename__ = "departure_effects"
    departure_id: Mapped[int] = mapped_column(ForeignKey("departures.id"), index=True)
    kind: Mapped[str]  # place · approval · assessment · reports · delivery · role · duty · account · fact · …
    subject: Mapped[str]  # the table of the row
    subject_id: Mapped[int]
    before: Mapped[dict[str, Any]] = mapped_column(Json)  # what taking it back needs
    to_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # whom it passed to
    flagged: Mapped[bool] = mapped_column(default=False)  # somebody has to see to it
    settled_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    settled_at: Mapped[datetime | None]
    undone_at: Mapped[datetime | None]
    not_undone: Mapped[str | None]  # why it could not be taken back, in words
    __table_args__ = (Index("ix_departure_effects_flagged", "subject", "subject_id"),)
