"""Actions agreed in supervision, and development reviews (PDR)."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from migrations.helpers import KEY, add_to_end, no_longer, no_overlap, refuse, reword

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

LIVE = "superseded_at IS NULL"
SENT = "entry_key IS NOT NULL"
MARK = "[Redacted]"
STOOD = ("person_id", "held_on", "kind", "minutes", "place", "source", "recorded_by", "recorded_at", "corrected_from")
FIRST = "CONSTRAINT fk_supervisions_first_id FOREIGN KEY(first_id) REFERENCES supervisions (id)"
STANDS = {  # every column but when it was superseded and its words
    "supervision_actions": (
        *(
            "id",
            "person_id",
            "number",
            "supervision_id",
            "agreed_on",
            "whose",
            "by_date",
            "ended",
            "ended_on",
            "entry_key",
            "recorded_by",
            "recorded_at",
        ),
    ),
    "pdr_events": ("id", "pdr_id", "kind", "on_date", "recorded_by", "recorded_at"),
    "pdr_objectives": ("id", "pdr_id", "number", "reached", "entry_key", "recorded_by", "recorded_at"),
    "development_items": (
        "id",
        "pdr_id",
        "number",
        "course_id",
        "step_id",
        "by_date",
        "done_on",
        "entry_key",
        "recorded_by",
        "recorded_at",
    ),
}
TABLES = (
    "development_items",
    "pdr_objectives",
    "pdr_events",
    "pdrs",
    "pdr_cycles",
    "supervision_defaults",
    "supervision_actions",
)


def _postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _key(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, KEY, nullable=nullable)


def _day(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Date(), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"))


def _check(table: str, name: str, words: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(words, name=op.f(f"ck_{table}_{name}"))


def _recorded(table: str) -> list[sa.schema.SchemaItem]:
    """Who recorded a row, when, and since when it no longer counts."""
    return [
        _key("recorded_by", nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        _to(table, "recorded_by", "people"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def _one_live(name: str, table: str, columns: list[str], where: str = LIVE) -> None:
    op.create_index(name, table, columns, unique=True, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def upgrade() -> None:
    _first_of_corrections()
    _learning_of_supervision()
    _actions()
    _defaults()
    _cycles()
    _reviews()
    for table, columns in STANDS.items():
        kept = [f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in columns]
        if table != "pdr_events":
            kept.append(f"(NEW.words = OLD.words OR NEW.words = '{MARK}')")
        kept.append("(OLD.superseded_at IS NULL OR NEW.superseded_at IS NOT DISTINCT FROM OLD.superseded_at)")
        refuse(table, "UPDATE", f"{table}_stand", f"NOT ({' AND '.join(kept)})")
        refuse(table, "DELETE", f"{table}_stay", "OLD.id IS NOT NULL")


def _supervisions_stand(*columns: str) -> None:
    same = " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in columns)
    once = " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in ("confirmed_at", "confirmed_by"))
    when = f"OLD.superseded_at IS NOT NULL OR NOT ({same}) OR (OLD.confirmed_at IS NOT NULL AND NOT ({once}))"
    refuse("supervisions", "UPDATE", "supervisions_stand", when)


def _first_of_corrections() -> None:
    """Corrections of one supervision know the entry they all began with: what counts elsewhere keeps its key."""
    no_longer("supervisions", "supervisions_stand")
    op.add_column("supervisions", sa.Column("first_id", KEY, nullable=True))
    if _postgresql():
        op.create_foreign_key(op.f("fk_supervisions_first_id"), "supervisions", "supervisions", ["first_id"], ["id"])
    else:
        add_to_end("supervisions", FIRST)
    op.create_index(op.f("ix_supervisions_first_id"), "supervisions", ["first_id"])
    op.execute(
        "WITH RECURSIVE chain (id, first_id) AS (SELECT id, id FROM supervisions WHERE corrected_from IS NULL UNION ALL "
        "SELECT later.id, chain.first_id FROM supervisions AS later JOIN chain ON later.corrected_from = chain.id) "
        "UPDATE supervisions SET first_id = (SELECT chain.first_id FROM chain WHERE chain.id = supervisions.id) "
        "WHERE corrected_from IS NOT NULL"
    )
    _supervisions_stand(*STOOD, "first_id")


def _learning_of_supervision() -> None:
    """What was held before comes into learning records, as what is held from now on does by itself."""
    op.execute(
        sa.text(
            "INSERT INTO learning_records (person_id, on_date, minutes, bucket, title, source, activity, source_key, recorded_at) "
            "SELECT person_id, held_on, minutes, 'social', "
            "CASE kind WHEN 'reflective' THEN 'Reflective supervision' ELSE 'Group reflective supervision' END, 'supervision', "
            "CASE kind WHEN 'reflective' THEN 'reflective_supervision' ELSE 'group_supervision' END, coalesce(first_id, id), :now "
            "FROM supervisions WHERE superseded_at IS NULL AND kind IN ('reflective', 'group_reflective') AND NOT EXISTS "
            "(SELECT 1 FROM learning_records AS there WHERE there.source = 'supervision' "
            "AND there.source_key = coalesce(supervisions.first_id, supervisions.id) AND there.superseded_at IS NULL)"
        ).bindparams(sa.bindparam("now", _now(), sa.DateTime(timezone=_postgresql())))
    )


def _now() -> datetime:
    now = datetime.now(UTC)
    return now if _postgresql() else now.replace(tzinfo=None)


def _actions() -> None:
    name = "supervision_actions"
    op.create_table(
        name,
        _key("id"),
        _key("person_id"),
        _key("number"),
        _key("supervision_id", nullable=True),
        _day("agreed_on"),
        _text("words"),
        _text("whose"),
        _day("by_date", nullable=True),
        _text("ended", nullable=True),
        _day("ended_on", nullable=True),
        _text("entry_key", nullable=True),
        *_recorded(name),
        _check(name, "number", "number > 0"),
        _check(name, "words", "length(words) BETWEEN 1 AND 200"),
        _check(name, "whose", "whose IN ('person', 'supervisor')"),
        _check(name, "ended", "(ended IS NULL) = (ended_on IS NULL) AND (ended IS NULL OR ended IN ('done', 'dropped'))"),
        _check(name, "in_order", "ended_on IS NULL OR ended_on >= agreed_on"),
        _to(name, "person_id", "people"),
        _to(name, "supervision_id", "supervisions"),
    )
    op.create_index(op.f("ix_supervision_actions_supervision_id"), name, ["supervision_id"])
    op.create_index("ix_supervision_actions_person", name, ["person_id", "number", "recorded_at"])
    _one_live("uq_supervision_actions_live", name, ["person_id", "number"])
    _one_live("uq_supervision_actions_entry", name, ["person_id", "entry_key"], SENT)


def _defaults() -> None:
    name = "supervision_defaults"
    op.create_table(
        name,
        _key("id"),
        _key("unit_id"),
        _key("rule_id"),
        *_recorded(name),
        _day("valid_from"),
        _day("valid_to"),
        _check(name, "period", "valid_from < valid_to"),
        _to(name, "unit_id", "units"),
        _to(name, "rule_id", "supervision_rules"),
    )
    op.create_index(op.f("ix_supervision_defaults_unit_id"), name, ["unit_id"])
    no_overlap(name, "unit_id", "valid_from", "valid_to", LIVE, name="ex_supervision_defaults")


def _cycles() -> None:
    name = "pdr_cycles"
    op.create_table(
        name,
        _key("id"),
        _key("organisation_id"),
        _text("title"),
        _day("starts_on"),
        _day("ends_on"),
        _day("objectives_by"),
        _day("mid_year_by"),
        _day("complete_by"),
        _key("new_days"),
        _key("away_days"),
        _key("version"),
        _check(name, "period", "starts_on < ends_on"),
        _check(name, "order", "starts_on <= objectives_by AND objectives_by < mid_year_by AND mid_year_by < complete_by"),
        _check(name, "excused", "new_days >= 0 AND new_days <= 366 AND away_days >= 1 AND away_days <= 366"),
        _to(name, "organisation_id", "units"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pdr_cycles")),
        sa.UniqueConstraint("organisation_id", "starts_on", name="uq_pdr_cycles_start"),
        sa.UniqueConstraint("organisation_id", "ends_on", name="uq_pdr_cycles_end"),
    )
    no_overlap(name, "organisation_id", "starts_on", "ends_on", "ends_on IS NOT NULL", name="ex_pdr_cycles")


def _reviews() -> None:
    op.create_table(
        "pdrs",
        _key("id"),
        _key("person_id"),
        _key("cycle_id"),
        _to("pdrs", "person_id", "people"),
        _to("pdrs", "cycle_id", "pdr_cycles"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pdrs")),
        sa.UniqueConstraint("person_id", "cycle_id", name="uq_pdrs_person"),
    )
    op.create_index(op.f("ix_pdrs_cycle_id"), "pdrs", ["cycle_id"])
    op.create_table(
        "pdr_events",
        _key("id"),
        _key("pdr_id"),
        _text("kind"),
        _day("on_date"),
        *_recorded("pdr_events"),
        _check("pdr_events", "kind", "kind IN ('objectives', 'mid-year', 'complete')"),
        _to("pdr_events", "pdr_id", "pdrs"),
    )
    op.create_index("ix_pdr_events_pdr", "pdr_events", ["pdr_id", "kind", "on_date"])
    _one_live("uq_pdr_events_once", "pdr_events", ["pdr_id", "kind"])
    op.create_table(
        "pdr_objectives",
        _key("id"),
        _key("pdr_id"),
        _key("number"),
        _text("words"),
        _text("reached", nullable=True),
        _text("entry_key", nullable=True),
        *_recorded("pdr_objectives"),
        _check("pdr_objectives", "number", "number > 0"),
        _check("pdr_objectives", "words", "length(words) BETWEEN 1 AND 400"),
        _check("pdr_objectives", "reached", "reached IS NULL OR reached IN ('met', 'partly', 'dropped')"),
        _to("pdr_objectives", "pdr_id", "pdrs"),
    )
    op.create_table(
        "development_items",
        _key("id"),
        _key("pdr_id"),
        _key("number"),
        _text("words"),
        _key("course_id", nullable=True),
        _key("step_id", nullable=True),
        _day("by_date", nullable=True),
        _day("done_on", nullable=True),
        _text("entry_key", nullable=True),
        *_recorded("development_items"),
        _check("development_items", "number", "number > 0"),
        _check("development_items", "words", "length(words) BETWEEN 1 AND 400"),
        _check("development_items", "one_link", "course_id IS NULL OR step_id IS NULL"),
        _to("development_items", "pdr_id", "pdrs"),
        _to("development_items", "course_id", "courses"),
    )
    op.create_index(op.f("ix_development_items_course_id"), "development_items", ["course_id"])
    for table in ("pdr_objectives", "development_items"):
        op.create_index(f"ix_{table}_pdr", table, ["pdr_id", "number", "recorded_at"])
        _one_live(f"uq_{table}_live", table, ["pdr_id", "number"])
        _one_live(f"uq_{table}_entry", table, ["pdr_id", "entry_key"], SENT)


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    if _postgresql():
        for table in STANDS:
            for name in ("stand", "stay"):
                op.execute(sa.text(f"DROP FUNCTION {table}_{name}()"))
    no_longer("supervisions", "supervisions_stand")
    op.drop_index(op.f("ix_supervisions_first_id"), "supervisions")
    if _postgresql():
        op.drop_constraint(op.f("fk_supervisions_first_id"), "supervisions", type_="foreignkey")
    else:
        reword("supervisions", (f", \n\t{FIRST}", ""))
    op.drop_column("supervisions", "first_id")
    _supervisions_stand(*STOOD)
