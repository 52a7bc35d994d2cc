"""Supervision: what was held, by which rule it falls due, protected time and caseloads."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.helpers import JSON_TYPE, KEY, no_overlap, refuse

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KINDS = "'professional', 'reflective', 'case', 'group_reflective', 'management_oversight'"
LIVE = "superseded_at IS NULL"
TABLES = (
    "supervision_imports",
    "caseloads",
    "protected_time",
    "supervision_pauses",
    "supervision_terms",
    "supervisors",
    "supervisions",
)
STANDS = {
    "supervisions": ("person_id", "held_on", "kind", "minutes", "place", "source", "recorded_by", "recorded_at", "corrected_from"),
    "protected_time": ("person_id", "on_date", "minutes", "what", "recorded_by", "recorded_at", "corrected_from"),
    "caseloads": ("person_id", "on_date", "children", "percent", "source", "recorded_by", "recorded_at", "corrected_from"),
}


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _key(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, KEY, nullable=nullable)


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"))


def _check(table: str, name: str, words: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(words, name=op.f(f"ck_{table}_{name}"))


def upgrade() -> None:
    _supervisions()
    _periods()
    _workload()
    for table, columns in STANDS.items():
        when = "OLD.superseded_at IS NOT NULL OR " + _changed(*columns)
        if table == "supervisions":
            when += f" OR (OLD.confirmed_at IS NOT NULL AND {_changed('confirmed_at', 'confirmed_by')})"
        refuse(table, "UPDATE", f"{table}_stand", when)
        refuse(table, "DELETE", f"{table}_stay", "OLD.id IS NOT NULL")


def _changed(*columns: str) -> str:
    return "NOT (" + " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in columns) + ")"


def _supervisions() -> None:
    op.create_table(
        "supervisions",
        _key("id"),
        _key("person_id"),
        sa.Column("held_on", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        _key("minutes"),
        sa.Column("place", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        _key("recorded_by", nullable=True),
        _at("recorded_at"),
        _at("superseded_at", nullable=True),
        _key("corrected_from", nullable=True),
        sa.Column("withdrawn", sa.String(), nullable=True),
        _key("confirmed_by", nullable=True),
        _at("confirmed_at", nullable=True),
        _check("supervisions", "kind", f"kind IN ({KINDS})"),
        _check("supervisions", "minutes", "minutes >= 1 AND minutes <= 600"),
        _check("supervisions", "place", "place IS NULL OR place IN ('in_person', 'online', 'telephone')"),
        _check("supervisions", "source", "source IN ('entry', 'import')"),
        _check(
            "supervisions",
            "withdrawn",
            "withdrawn IS NULL OR (superseded_at IS NOT NULL AND withdrawn IN ('not_held', 'twice', 'wrong_person'))",
        ),
        _check("supervisions", "confirmed", "(confirmed_by IS NULL) = (confirmed_at IS NULL)"),
        _check("supervisions", "not_oneself", "confirmed_by IS NULL OR confirmed_by <> person_id"),
        _to("supervisions", "person_id", "people"),
        _to("supervisions", "recorded_by", "people"),
        _to("supervisions", "corrected_from", "supervisions"),
        _to("supervisions", "confirmed_by", "people"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervisions")),
        sa.UniqueConstraint("id", "person_id", "held_on", "kind", name="uq_supervisions_copied"),
    )
    op.create_index("ix_supervisions_person", "supervisions", ["person_id", "held_on"])
    op.create_index("uq_supervisions_corrected", "supervisions", ["corrected_from"], unique=True)
    op.create_table(
        "supervisors",
        _key("supervision_id"),
        _key("person_id"),
        sa.Column("registered", sa.Boolean(), nullable=False),
        _key("supervised_id"),
        sa.Column("held_on", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        _check("supervisors", "not_oneself", "person_id <> supervised_id"),
        sa.ForeignKeyConstraint(
            ["supervision_id", "supervised_id", "held_on", "kind"],
            ["supervisions.id", "supervisions.person_id", "supervisions.held_on", "supervisions.kind"],
            name="fk_supervisors_supervision",
        ),
        _to("supervisors", "person_id", "people"),
        sa.PrimaryKeyConstraint("supervision_id", "person_id", name=op.f("pk_supervisors")),
    )
    once = ["supervised_id", "held_on", "kind", "person_id"]
    op.create_index("uq_supervisors_once", "supervisors", once, unique=True, sqlite_where=sa.text("live"), postgresql_where=sa.text("live"))
    op.create_index("ix_supervisors_person", "supervisors", ["person_id", "held_on"])


def _periods() -> None:
    op.create_table(
        "supervision_terms",
        _key("id"),
        _key("person_id"),
        _key("rule_id"),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("anchor", sa.Date(), nullable=False),
        sa.Column("agreed", JSON_TYPE, nullable=True),
        _at("recorded_at"),
        _at("superseded_at", nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        _check("supervision_terms", "period", "valid_from < valid_to"),
        _to("supervision_terms", "person_id", "people"),
        _to("supervision_terms", "rule_id", "supervision_rules"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervision_terms")),
    )
    op.create_index(op.f("ix_supervision_terms_subject"), "supervision_terms", ["subject"])
    op.create_table(
        "supervision_pauses",
        _key("id"),
        _key("person_id"),
        sa.Column("subject", sa.String(), nullable=True),
        _at("recorded_at"),
        _at("superseded_at", nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        _check("supervision_pauses", "period", "valid_from < valid_to"),
        _to("supervision_pauses", "person_id", "people"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervision_pauses")),
    )
    for table in ("supervision_terms", "supervision_pauses"):
        op.create_index(op.f(f"ix_{table}_person_id"), table, ["person_id"])
        no_overlap(table, "person_id", "valid_from", "valid_to", LIVE, name=f"ex_{table}")


def _workload() -> None:
    op.create_table(
        "protected_time",
        _key("id"),
        _key("person_id"),
        sa.Column("on_date", sa.Date(), nullable=False),
        _key("minutes"),
        sa.Column("what", sa.String(), nullable=False),
        *_recorded("protected_time"),
        _check("protected_time", "minutes", "minutes >= 1 AND minutes <= 600"),
        _check("protected_time", "what", "what IN ('study', 'writing', 'shadowing', 'training', 'reflection')"),
    )
    op.create_table(
        "caseloads",
        _key("id"),
        _key("person_id"),
        sa.Column("on_date", sa.Date(), nullable=False),
        _key("children"),
        _key("percent", nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        *_recorded("caseloads"),
        _check("caseloads", "children", "children >= 0 AND children <= 200"),
        _check("caseloads", "percent", "percent IS NULL OR (percent >= 0 AND percent <= 300)"),
        _check("caseloads", "source", "source IN ('own', 'manager', 'case_system')"),
    )
    for table, once in {"protected_time": ["person_id", "on_date", "what"], "caseloads": ["person_id", "on_date"]}.items():
        op.create_index(f"ix_{table}_person", table, ["person_id", "on_date"])
        op.create_index(f"uq_{table}_once", table, once, unique=True, sqlite_where=sa.text(LIVE), postgresql_where=sa.text(LIVE))
    op.create_table(
        "supervision_imports",
        _key("id"),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("rows", JSON_TYPE, nullable=False),
        _key("staged_by"),
        _at("staged_at"),
        _at("applied_at", nullable=True),
        _to("supervision_imports", "staged_by", "people"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervision_imports")),
    )


def _recorded(table: str) -> list[sa.schema.SchemaItem]:
    """Who recorded a row, when, and what became of it."""
    return [
        _key("recorded_by", nullable=True),
        _at("recorded_at"),
        _at("superseded_at", nullable=True),
        _key("corrected_from", nullable=True),
        _to(table, "person_id", "people"),
        _to(table, "recorded_by", "people"),
        _to(table, "corrected_from", table),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for table in STANDS:
            for name in ("stand", "stay"):
                op.execute(sa.text(f"DROP FUNCTION {table}_{name}()"))
