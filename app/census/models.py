"""The census of the social work workforce: returns, what they say of each person, and what was sent.

**Personal and partly special-category data** stands in `census_people`, `census_messages`, `census_documents` and `census_uploads`: in this
room only, read by whoever takes the census, and deleted by a job some time after a return was submitted (docs/decisions/0028).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text

from app.core.db import Base, Model, append_only
from app.core.declared import Mapped, mapped_column
from app.core.frozen import refuse
from app.core.ledger import Json
from app.core.tx import meaning

DRAFT, CHECKED, SUBMITTED = "draft", "checked", "submitted"
OPEN = "state <> 'submitted' AND erased_at IS NULL"
KEEP_DAYS = 400  # a return's personal data after it was submitted or last touched, if the council says nothing else


class CensusGuide(Model):
    """The items, codes and rules of the collection from a year on, as they were loaded (`app.census.guide.Guide`)."""

    __tablename__ = "census_guides"
    year: Mapped[int]
    version: Mapped[int]
    title: Mapped[str]
    content: Mapped[Any] = mapped_column(Json)
    loaded_at: Mapped[datetime]
    loaded_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    __table_args__ = (UniqueConstraint("year", "version", name="uq_census_guides_version"),)


class CensusSettings(Base):
    """What a council says about its census: no row means nothing."""

    __tablename__ = "census_settings"
    organisation_id: Mapped[int] = mapped_column(ForeignKey("units.id"), primary_key=True)
    authority: Mapped[str | None]  # its number in the collection
    roles: Mapped[Any] = mapped_column(Json)  # career stage → role, "" for outside the census; what is not named goes by the guide
    titles: Mapped[Any] = mapped_column(Json)  # job title in small letters → role, "" for outside; goes before the stage
    keep_days: Mapped[int] = mapped_column(default=KEEP_DAYS)
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (CheckConstraint("keep_days BETWEEN 30 AND 2000", name="keep_days"),)


class CensusReturn(Model):
    """What a council returns for a collection year: a draft, checked (no errors left), or submitted, which freezes it.

    A correction of what was submitted is the next version. Totals, numbers of messages and the digests of what was sent stay when the
    personal data is erased.
    """

    __tablename__ = "census_returns"
    organisation_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    year: Mapped[int]  # in which the collection year ends
    version: Mapped[int]
    guide_id: Mapped[int] = mapped_column(ForeignKey("census_guides.id"))
    state: Mapped[str] = mapped_column(default=DRAFT)
    reference_day: Mapped[date]
    filled_at: Mapped[datetime]  # as known then the Academy filled its part
    authority: Mapped[Any] = mapped_column(Json)  # the items about the authority as a whole
    people: Mapped[int]
    errors: Mapped[int]
    queries: Mapped[int]
    summary: Mapped[Any] = mapped_column(Json)  # item → {"needed", "given", "academy", "hr"}: numbers of people
    totals: Mapped[Any] = mapped_column(Json)  # the published formulas: see app.census.totals
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    touched_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    submitted_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    digest: Mapped[str | None]  # SHA-256 of the XML that was frozen
    erased_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("state IN ('draft', 'checked', 'submitted')", name="state"),
        CheckConstraint("(state = 'submitted') = (submitted_at IS NOT NULL AND digest IS NOT NULL)", name="submitted"),
        CheckConstraint("state = 'draft' OR errors = 0", name="checked"),
        CheckConstraint("digest IS NULL OR length(digest) = 64", name="digest"),
        UniqueConstraint("organisation_id", "year", "version", name="uq_census_returns_version"),
        Index("uq_census_returns_open", "organisation_id", "year", unique=True, sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
    )


class CensusPerson(Model):
    """One person of a return: what the Academy filled in, and what HR gave, which goes before it."""

    __tablename__ = "census_people"
    return_id: Mapped[int] = mapped_column(ForeignKey("census_returns.id"))
    number: Mapped[int]  # by which messages name them
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    ours: Mapped[Any] = mapped_column(Json)  # item → value as text
    theirs: Mapped[Any] = mapped_column(Json)
    __table_args__ = (
        UniqueConstraint("return_id", "number", name="uq_census_people_number"),
        UniqueConstraint("return_id", "person_id", name="uq_census_people_once"),
    )


class CensusMessage(Base):
    """What is wrong with a return (an error) or looks strange (a query), about one person or (number 0) the authority."""

    __tablename__ = "census_messages"
    return_id: Mapped[int] = mapped_column(ForeignKey("census_returns.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]
    kind: Mapped[str]  # error · query
    rule: Mapped[str]  # "missing", "form", or a rule of the guide
    item: Mapped[str]
    value: Mapped[str]  # empty where it is missing, or private
    __table_args__ = (
        CheckConstraint("kind IN ('error', 'query')", name="kind"),
        Index("ix_census_messages_item", "return_id", "item", "kind"),
    )


class CensusDocument(Base):
    """What was sent, byte for byte, by its content."""

    __tablename__ = "census_documents"
    return_id: Mapped[int] = mapped_column(ForeignKey("census_returns.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)  # xml · csv
    digest: Mapped[str]  # SHA-256
    content: Mapped[bytes] = mapped_column(LargeBinary)
    __table_args__ = (CheckConstraint("length(digest) = 64", name="digest"),)


class CensusUpload(Model):
    """A file of HR's for a return. Its rows are kept until it is applied, or for a week."""

    __tablename__ = "census_uploads"
    return_id: Mapped[int] = mapped_column(ForeignKey("census_returns.id"), index=True)
    file_name: Mapped[str]
    rows: Mapped[list[dict[str, Any]]] = mapped_column(Json)  # {"line": 2, "cells": {"PersonBirthDate": "…"}}
    lines: Mapped[int]
    staged_by: Mapped[int] = mapped_column(ForeignKey("people.id"))
    staged_at: Mapped[datetime]
    applied_at: Mapped[datetime | None]
    changed: Mapped[int | None]  # people whose values it changed


append_only(CensusGuide.__table__)

# What was submitted stays as it is, but that its personal data is erased in the end.
_COLUMNS = [column.name for column in CensusReturn.__table__.columns if column.name != "erased_at"]
_SAME = " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in _COLUMNS if name not in ("authority", "summary", "totals"))
_JSON_SAME = " AND ".join(f"CAST(NEW.{name} AS TEXT) = CAST(OLD.{name} AS TEXT)" for name in ("authority", "summary", "totals"))
RETURN_FROZEN = f"OLD.state = 'submitted' AND NOT ({_SAME} AND {_JSON_SAME} AND OLD.erased_at IS NULL)"
refuse(CensusReturn.__table__, "UPDATE", "census_returns_frozen_update", RETURN_FROZEN)
refuse(CensusReturn.__table__, "DELETE", "census_returns_frozen_delete", "OLD.state = 'submitted'")


def _when(row: str, erased: str = "") -> tuple[str, str]:
    named = f"FROM census_returns WHERE id = {row}.return_id"
    return f"EXISTS (SELECT 1 {named} AND state = 'submitted'{erased})", f"SELECT 1 {named} FOR SHARE"


for _table in (CensusPerson, CensusMessage, CensusDocument):
    for _verb, _row in (("INSERT", "NEW"), ("UPDATE", "OLD"), ("DELETE", "OLD")):
        _condition, _hold = _when(_row, " AND erased_at IS NULL" if _verb == "DELETE" else "")
        refuse(_table.__table__, _verb, f"{_table.__tablename__}_frozen_{_verb.lower()}", _condition, hold=_hold)
for _name in ("census_returns", "census_people", "census_messages", "census_documents"):
    for _verb in ("insert", "update", "delete"):
        meaning(f"{_name}_frozen_{_verb}", message="What was submitted stays as it is. Begin a correction.", code="census-submitted")
meaning(
    *("uq_census_returns_open", "census_returns.organisation_id, census_returns.year"),
    message="There is a return for that year that is not submitted yet.",
    code="census-open",
)
meaning(
    *("uq_census_returns_version", "census_returns.organisation_id, census_returns.year, census_returns.version"),
    message="Somebody has just begun the same return.",
    code="census-open",
)
