"""What the register said of somebody and when; renewal."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from alembic import op

from migrations.helpers import JSON_TYPE, KEY, no_overlap

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

STATUSES = "'registered', 'conditions', 'suspended', 'removed', 'not registered'"

ONCE = {
    "uq_renewal_ticks_step": (["person_id", "year", "step"], "step <> 'cpd'"),
    "uq_renewal_ticks_piece": (["person_id", "first_id"], "first_id IS NOT NULL"),
    "uq_renewal_ticks_words": (["person_id", "year", "words"], "words IS NOT NULL"),
}
RULE = dict(  # as in seed/reference/renewal.yaml
    first_year=date(2025, 12, 1),
    opens="09-01",
    items=2,
    with_peer=1,
    fee_pence=None,
    joiners_from="09-01",
    joiners_words=(
        "Your registration began after renewal opened for this year. Whether you renew this year, and with how many pieces of CPD, "
        "Social Work England says in your account with them. Ask there; nothing here counts against you."
    ),
    reminders=[60, 28, 14, 7, 2],
    source="Social Work England’s guidance on renewal and CPD, as read in November 2026; the rule for those who join late is not confirmed.",
    verified=True,
)


def upgrade() -> None:
    op.create_table(
        "registrations",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("valid_from < valid_to", name=op.f("ck_registrations_period")),
        sa.CheckConstraint(f"status IN ({STATUSES})", name=op.f("ck_registrations_status")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_registrations_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registrations")),
    )
    op.create_index(op.f("ix_registrations_person_id"), "registrations", ["person_id"], unique=False)
    no_overlap("registrations", "person_id", "valid_from", "valid_to", "superseded_at IS NULL", name="ex_registrations")
    _what_is_known()
    _renewal()
    _checks()


def _what_is_known() -> None:
    """One fact for everybody of whom a status is known. Without a beginning: from the day on which they were added here."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    added = "(created_at AT TIME ZONE 'Europe/London')::date" if postgresql else "date(created_at)"
    no_end = "DATE '9999-12-31'" if postgresql else "'9999-12-31'"
    after = "registered_until + 1" if postgresql else "date(registered_until, '+1 day')"
    op.execute(
        sa.text(
            f"""
            INSERT INTO registrations (person_id, status, valid_from, valid_to, recorded_at)
            SELECT id, registration_status,
                CASE
                    WHEN registration_status IN ('removed', 'not registered') THEN coalesce({after}, {added})
                    WHEN registration_status <> 'suspended' AND registered_from <= coalesce(registered_until, registered_from)
                        THEN registered_from
                    WHEN registered_until < {added} THEN registered_until
                    ELSE {added}
                END,
                CASE
                    WHEN registration_status IN ('removed', 'not registered') OR registered_until IS NULL THEN {no_end}
                    ELSE {after}
                END,
                updated_at
            FROM people WHERE registration_status IN ({STATUSES})
            """
        )
    )


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _person(table: str, column: str = "person_id") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["people.id"], name=op.f(f"fk_{table}_{column}"))


def _check(table: str, name: str, words: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(words, name=op.f(f"ck_{table}_{name}"))


def _renewal() -> None:
    rules = op.create_table(
        "renewal_rules",
        sa.Column("id", KEY, nullable=False),
        sa.Column("first_year", sa.Date(), nullable=False),
        sa.Column("opens", sa.String(), nullable=False),
        sa.Column("items", KEY, nullable=False),
        sa.Column("with_peer", KEY, nullable=False),
        sa.Column("fee_pence", KEY, nullable=True),
        sa.Column("joiners_from", sa.String(), nullable=True),
        sa.Column("joiners_words", sa.String(), nullable=True),
        sa.Column("reminders", JSON_TYPE, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        _check("renewal_rules", "items", "items >= 0 AND with_peer BETWEEN 0 AND items"),
        _check("renewal_rules", "fee", "fee_pence > 0"),
        _check("renewal_rules", "joiners", "(joiners_from IS NULL) = (joiners_words IS NULL)"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_renewal_rules")),
        sa.UniqueConstraint("first_year", name=op.f("uq_renewal_rules_first_year")),
    )
    op.bulk_insert(rules, [RULE])
    op.create_table(
        "renewal_ticks",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("year", sa.Date(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("first_id", KEY, nullable=True),
        sa.Column("words", sa.String(), nullable=True),
        sa.Column("with_peer", sa.Boolean(), nullable=False),
        sa.Column("done_on", sa.Date(), nullable=False),
        _at("recorded_at"),
        _at("superseded_at", nullable=True),
        _check("renewal_ticks", "step", "step IN ('form', 'fee', 'cpd')"),
        _check("renewal_ticks", "piece", "(step = 'cpd') = (first_id IS NOT NULL OR words IS NOT NULL)"),
        _check("renewal_ticks", "one_piece", "first_id IS NULL OR words IS NULL"),
        _check("renewal_ticks", "peer", "step = 'cpd' OR NOT with_peer"),
        _person("renewal_ticks"),
        sa.ForeignKeyConstraint(["first_id"], ["learning_records.id"], name=op.f("fk_renewal_ticks_first_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_renewal_ticks")),
    )
    op.create_index(op.f("ix_renewal_ticks_first_id"), "renewal_ticks", ["first_id"], unique=False)
    op.create_index("ix_renewal_ticks_person", "renewal_ticks", ["person_id", "year"], unique=False)
    for name, (columns, where) in ONCE.items():
        live = sa.text(f"{where} AND superseded_at IS NULL")
        op.create_index(name, "renewal_ticks", columns, unique=True, sqlite_where=live, postgresql_where=live)
    op.create_table(
        "renewal_notices",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("about", sa.Date(), nullable=False),
        sa.Column("days", KEY, nullable=False),
        _at("told_at"),
        _check("renewal_notices", "kind", "kind IN ('remind', 'ending', 'ended')"),
        _person("renewal_notices"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_renewal_notices")),
        sa.UniqueConstraint("person_id", "kind", "about", "days", name=op.f("uq_renewal_notices_once")),
    )


def _checks() -> None:
    op.create_table(
        "register_checks",
        sa.Column("id", KEY, nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("rows", JSON_TYPE, nullable=False),
        sa.Column("sent_by", KEY, nullable=False),
        _at("sent_at"),
        _at("applied_at", nullable=True),
        sa.Column("changed", KEY, nullable=True),
        _person("register_checks", "sent_by"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_checks")),
    )
    op.create_index(op.f("ix_register_checks_sent_by"), "register_checks", ["sent_by"], unique=False)


def downgrade() -> None:
    for table in ("register_checks", "renewal_notices", "renewal_ticks", "renewal_rules", "registrations"):
        op.drop_table(table)
