"""Imports of HR extracts: each import with its staged rows, what is wrong with them, and which facts it replaced."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric

from app.core.db import Model
from app.core.declared import Mapped, mapped_column
from app.core.ledger import Json


class Label(StrEnum):
    """What a staged row means for the person it names."""

    JOINER = "joiner"
    MOVER = "mover"  # another team
    LEAVER = "leaver"  # a leaving date, or left out of a full extract
    REJOINER = "rejoiner"
    CHANGED = "changed"  # anything else that is kept about them
    SAME = "same"
    PASSED_OVER = "passed over"  # not known here, and left before the extract
    INVALID = "invalid"


class Import(Model):
    """One extract, staged by someone, then applied or discarded. The file itself is not kept."""

    __tablename__ = "imports"
    file_name: Mapped[str]
    sha256: Mapped[str]
    state: Mapped[str] = mapped_column(default="reading")
    as_at: Mapped[date]  # the day that the extract describes
    full_extract: Mapped[bool]
    mapping: Mapped[str]  # the name of the mapping file, or "default"
    read_as: Mapped[str | None]  # SHA-256 of all that the mapping says: by it and the file's own an extract that comes again is known
    create_units: Mapped[bool] = mapped_column(default=False)
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))  # whose people; None: several organisations'
    headings: Mapped[dict[str, Any]] = mapped_column(Json)  # our column: the heading in the file; a column not in it changes nothing
    ignored: Mapped[list[str]] = mapped_column(Json)  # headings that mean nothing to us
    counts: Mapped[dict[str, Any]] = mapped_column(Json)  # people by label, rows, problems, leavers by omission
    ledger_mark: Mapped[int] = mapped_column(default=0)  # the newest audit row when the preview was made
    created_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # None: the command line
    created_at: Mapped[datetime]
    applied_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    applied_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("state IN ('reading', 'staged', 'applied', 'discarded')", name="state"),
        CheckConstraint("(state = 'applied') = (applied_at IS NOT NULL)", name="applied"),
    )


class ImportRow(Model):
    """One line of an extract, normalised, with what it would change. A leaver by omission has line 0."""

    __tablename__ = "import_rows"
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"))
    line: Mapped[int]
    person_key: Mapped[str | None]  # who the line says it is: lines with one key are one person's posts
    lead: Mapped[bool] = mapped_column(default=True)  # the primary post's line; it speaks for the person
    label: Mapped[str | None]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))

    # The person. NULL means that the file says nothing.
    organisation_id: Mapped[int | None]
    employee_number: Mapped[str | None]
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    known_as: Mapped[str | None]
    name: Mapped[str]
    sort_name: Mapped[str]
    email: Mapped[str | None]
    swe_number: Mapped[str | None]
    registration_status: Mapped[str | None]
    entry_route: Mapped[str | None]
    qualified_in: Mapped[int | None]
    started_on: Mapped[date | None]
    leaving_on: Mapped[date | None]
    search_text: Mapped[str]

    # Their post, team, stage and manager, each from a date
    primary_post: Mapped[bool | None]
    job_title: Mapped[str | None]
    contract: Mapped[str | None]
    fte: Mapped[Decimal | None] = mapped_column(Numeric(4, 3, asdecimal=True))
    working_days: Mapped[str | None]
    practice_area: Mapped[str | None]
    post_from: Mapped[date | None]
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    new_unit: Mapped[str | None]  # the path of a unit to create: "service > locality > team"
    team_from: Mapped[date | None]
    stage: Mapped[str | None]
    manager_number: Mapped[str | None]
    manager_email: Mapped[str | None]

    # What follows from comparing the line with what is known (the lead line of each person; see operations/labelling)
    manager_id: Mapped[int | None]
    manager_row: Mapped[int | None]  # the manager's own line, if they are in the file
    leaves_on: Mapped[date | None]  # wanted last day of employment
    old_end: Mapped[date | None]  # where their periods ended so far, exclusive
    new_end: Mapped[date | None]  # where they are to end, exclusive
    extends: Mapped[bool] = mapped_column(default=True)  # periods that ended with the old employment go on (False: a true re-joiner)
    since: Mapped[date | None]  # from when stage and manager apply
    unit_since: Mapped[date | None]
    post_since: Mapped[date | None]
    person_changed: Mapped[bool] = mapped_column(default=False)
    unit_changed: Mapped[bool] = mapped_column(default=False)
    stage_changed: Mapped[bool] = mapped_column(default=False)
    manager_changed: Mapped[bool] = mapped_column(default=False)
    post_changed: Mapped[bool] = mapped_column(default=False)
    further_changed: Mapped[bool] = mapped_column(default=False)  # a post beside the primary one begins, changes or ends
    __table_args__ = (
        CheckConstraint(
            "label IN ('joiner', 'mover', 'leaver', 'rejoiner', 'changed', 'same', 'passed over', 'invalid')",
            name="label",
        ),
        Index("ix_import_rows_key", "import_id", "person_key"),
        Index("ix_import_rows_person", "import_id", "person_id"),
        Index("ix_import_rows_label", "import_id", "label", "line"),
        Index("ix_import_rows_number", "import_id", "employee_number"),
        Index("ix_import_rows_email", "import_id", "email"),
        {"postgresql_with": {"fillfactor": 50}},  # each row is rewritten a few times; with room on its page its indexes stay untouched
    )


class ImportProblem(Model):
    """One thing wrong with one line, in words."""

    __tablename__ = "import_problems"
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"))
    line: Mapped[int]
    column_name: Mapped[str]  # the heading as it stands in the file
    value: Mapped[str]
    wrong: Mapped[str]
    remedy: Mapped[str]
    checked: Mapped[bool] = mapped_column(default=True)  # found by comparing lines and people; False: in reading the line
    __table_args__ = (Index("ix_import_problems_line", "import_id", "line"),)


class ImportCut(Model):
    """A dated fact that an import superseded, and where the row that replaced it ends (its start: nothing replaced it)."""

    __tablename__ = "import_cuts"
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"))
    track: Mapped[str]  # which facts: "memberships", "posts", …
    row_id: Mapped[int]
    ends: Mapped[date]
    __table_args__ = (Index("ix_import_cuts_row", "import_id", "track", "row_id"),)


class ImportUnit(Model):
    """A path of units that an import's lines name and that did not exist, with the unit created for it."""

    __tablename__ = "import_units"
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"))
    organisation_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    path: Mapped[str]
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    __table_args__ = (Index("uq_import_units_path", "import_id", "organisation_id", "path", unique=True),)
