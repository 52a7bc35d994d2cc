"""Mentoring, coaching, shadowing and action learning: offered, asked for, paired, logged. Files of what was learnt before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.helpers import JSON_TYPE, KEY, append_only, refuse

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

KINDS = "'mentoring', 'coaching', 'shadowing'"
NEEDS = (
    "'child_protection', 'court', 'direct_work', 'assessment', 'care', 'early_help', 'first_years', 'practice_education', "
    "'supervising', 'career', 'confidence', 'returning', 'other'"
)
TABLES = (
    "imported_learning",
    "learning_imports",
    "learning_meeting_people",
    "learning_meetings",
    "learning_set_members",
    "learning_sets",
    "pairings",
    "together_notices",
)
STANDS = ("pairing_id", "set_id", "held_on", "minutes", "recorded_by", "recorded_at", "first_id", "corrected_from")
FUNCTIONS = ("learning_meetings_stand", "learning_meetings_stay", "learning_meeting_people_append_only")


def _key(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, KEY, nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _on(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Date(), nullable=nullable)


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"))


def _check(table: str, name: str, words: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(words, name=op.f(f"ck_{table}_{name}"))


def _numbered(table: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}"))


def _while(name: str, table: str, columns: list[str], where: str, *, unique: bool = True) -> None:
    op.create_index(name, table, columns, unique=unique, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def upgrade() -> None:
    _notices()
    _pairings()
    _sets()
    _meetings()
    _imports()


def _notices() -> None:
    table = "together_notices"
    op.create_table(
        table,
        _key("id"),
        _key("person_id"),
        *(_text(name) for name in ("side", "kind", "need", "words")),
        _key("most", nullable=True),
        _text("shown_to"),
        _at("opened_at"),
        _at("closed_at", nullable=True),
        _key("version"),
        _check(table, "side", "side IN ('offer', 'ask')"),
        _check(table, "kind", f"kind IN ({KINDS})"),
        _check(table, "need", f"need IN ({NEEDS})"),
        _check(table, "shown_to", "shown_to IN ('colleagues', 'academy')"),
        _check(table, "offer", "(side = 'offer') = (most IS NOT NULL)"),
        _check(table, "most", "most IS NULL OR (most >= 1 AND most <= 10)"),
        _to(table, "person_id", "people"),
        _numbered(table),
    )
    op.create_index("ix_together_notices_person", table, ["person_id"])
    _while("uq_together_notices_open", table, ["person_id", "side", "kind", "need"], "closed_at IS NULL")
    _while("ix_together_notices_open", table, ["kind", "need"], "closed_at IS NULL", unique=False)


def _pairings() -> None:
    table = "pairings"
    op.create_table(
        table,
        _key("id"),
        _text("kind"),
        _text("need"),
        _key("giver_id"),
        _key("receiver_id"),
        _key("notice_id", nullable=True),
        _text("aim"),
        _on("since"),
        _text("state"),
        _key("asked_by"),
        _at("asked_at"),
        *(_at(name, nullable=True) for name in ("giver_agreed_at", "receiver_agreed_at", "answered_at")),
        _on("ended_on", nullable=True),
        _text("ended_why", nullable=True),
        _key("version"),
        _check(table, "kind", f"kind IN ({KINDS})"),
        _check(table, "need", f"need IN ({NEEDS})"),
        _check(table, "state", "state IN ('asked', 'active', 'declined', 'withdrawn', 'ended')"),
        _check(table, "not_oneself", "giver_id <> receiver_id"),
        _check(table, "both_agreed", "(state IN ('active', 'ended')) = (giver_agreed_at IS NOT NULL AND receiver_agreed_at IS NOT NULL)"),
        _check(table, "answered", "(state = 'asked') = (answered_at IS NULL)"),
        _check(table, "ended", "(state = 'ended') = (ended_on IS NOT NULL) AND (ended_on IS NULL) = (ended_why IS NULL)"),
        _check(table, "ended_why", "ended_why IS NULL OR ended_why IN ('finished', 'no_time', 'no_match', 'moved', 'left')"),
        _check(table, "period", "ended_on IS NULL OR ended_on >= since"),
        _to(table, "giver_id", "people"),
        _to(table, "receiver_id", "people"),
        _to(table, "asked_by", "people"),
        _to(table, "notice_id", "together_notices"),
        _numbered(table),
    )
    _while("uq_pairings_live", table, ["giver_id", "receiver_id", "kind"], "state IN ('asked', 'active')")
    op.create_index("ix_pairings_giver", table, ["giver_id"])
    for column in ("receiver_id", "notice_id"):
        op.create_index(op.f(f"ix_pairings_{column}"), table, [column])


def _sets() -> None:
    table = "learning_sets"
    op.create_table(
        table,
        _key("id"),
        *(_text(name) for name in ("title", "need", "words")),
        _key("organisation_id"),
        _key("facilitator_id"),
        _key("most"),
        sa.Column("joins", sa.Boolean(), server_default=sa.true(), nullable=False),
        _on("started_on"),
        _on("ended_on", nullable=True),
        _key("version"),
        _check(table, "need", f"need IN ({NEEDS})"),
        _check(table, "most", "most >= 3 AND most <= 12"),
        _check(table, "period", "ended_on IS NULL OR ended_on >= started_on"),
        _to(table, "organisation_id", "units"),
        _to(table, "facilitator_id", "people"),
        _numbered(table),
    )
    for column in ("organisation_id", "facilitator_id"):
        op.create_index(op.f(f"ix_learning_sets_{column}"), table, [column])
    table = "learning_set_members"
    op.create_table(
        table,
        _key("id"),
        _key("set_id"),
        _key("person_id"),
        _on("joined_on"),
        _on("left_on", nullable=True),
        _check(table, "period", "left_on IS NULL OR left_on >= joined_on"),
        _to(table, "set_id", "learning_sets"),
        _to(table, "person_id", "people"),
        _numbered(table),
    )
    _while("uq_learning_set_members_live", table, ["set_id", "person_id"], "left_on IS NULL")
    op.create_index(op.f("ix_learning_set_members_person_id"), table, ["person_id"])


def _meetings() -> None:
    table, live = "learning_meetings", "superseded_at IS NULL"
    op.create_table(
        table,
        _key("id"),
        _key("pairing_id", nullable=True),
        _key("set_id", nullable=True),
        _on("held_on"),
        _key("minutes"),
        _key("recorded_by", nullable=True),
        _at("recorded_at"),
        _at("superseded_at", nullable=True),
        _key("first_id", nullable=True),
        _key("corrected_from", nullable=True),
        _text("withdrawn", nullable=True),
        _check(table, "of_one", "(pairing_id IS NULL) <> (set_id IS NULL)"),
        _check(table, "minutes", "minutes >= 1 AND minutes <= 600"),
        _check(table, "chain", "(first_id IS NULL) = (corrected_from IS NULL)"),
        _check(
            table,
            "withdrawn",
            "withdrawn IS NULL OR (superseded_at IS NOT NULL AND withdrawn IN ('not_held', 'twice', 'wrong'))",
        ),
        _to(table, "pairing_id", "pairings"),
        _to(table, "set_id", "learning_sets"),
        _to(table, "recorded_by", "people"),
        _to(table, "first_id", "learning_meetings"),
        _to(table, "corrected_from", "learning_meetings"),
        _numbered(table),
    )
    _while("uq_learning_meetings_pairing", table, ["pairing_id", "held_on"], live)
    _while("uq_learning_meetings_set", table, ["set_id", "held_on"], live)
    op.create_index("uq_learning_meetings_corrected", table, ["corrected_from"], unique=True)
    op.create_index("ix_learning_meetings_first", table, ["first_id"])
    same = " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in STANDS)
    refuse(table, "UPDATE", "learning_meetings_stand", f"OLD.superseded_at IS NOT NULL OR NOT ({same})")
    refuse(table, "DELETE", "learning_meetings_stay", "OLD.id IS NOT NULL")
    table = "learning_meeting_people"
    op.create_table(
        table,
        _key("meeting_id"),
        _key("person_id"),
        _to(table, "meeting_id", "learning_meetings"),
        _to(table, "person_id", "people"),
        sa.PrimaryKeyConstraint("meeting_id", "person_id", name=op.f(f"pk_{table}")),
    )
    op.create_index(op.f("ix_learning_meeting_people_person_id"), table, ["person_id"])
    append_only(table)


def _imports() -> None:
    table = "learning_imports"
    op.create_table(
        table,
        _key("id"),
        _text("kind"),
        _text("file_name"),
        sa.Column("rows", JSON_TYPE, nullable=False),
        _key("staged_by"),
        _at("staged_at"),
        _at("applied_at", nullable=True),
        sa.Column("made", JSON_TYPE, nullable=True),
        _at("taken_back_at", nullable=True),
        _check(table, "taken_back", "taken_back_at IS NULL OR applied_at IS NOT NULL"),
        _check(table, "kind", "kind IN ('completions', 'learning')"),
        _to(table, "staged_by", "people"),
        _numbered(table),
    )
    op.create_index(op.f("ix_learning_imports_staged_by"), table, ["staged_by"])
    table = "imported_learning"
    op.create_table(
        table,
        _key("id"),
        _key("person_id"),
        _on("on_date"),
        *(_text(name) for name in ("title", "title_key", "activity")),
        _key("minutes"),
        _key("import_id"),
        sa.Column("live", sa.Boolean(), server_default=sa.true(), nullable=False),
        _check(table, "minutes", "minutes >= 0"),
        _to(table, "person_id", "people"),
        _to(table, "import_id", "learning_imports"),
        sa.UniqueConstraint("person_id", "on_date", "title_key", name="uq_imported_learning_once"),
        _numbered(table),
    )
    op.create_index(op.f("ix_imported_learning_import_id"), table, ["import_id"])


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for name in FUNCTIONS:
            op.execute(sa.text(f"DROP FUNCTION {name}()"))
