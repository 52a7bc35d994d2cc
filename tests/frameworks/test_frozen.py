"""What is published cannot be changed by anybody, not even by SQL beside the service."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.core.db import Database
from app.core.errors import Conflict
from app.frameworks.models import DocumentTemplate, ProgrammeStage, ProgrammeVersion, SupervisionRule
from tests.factory import Make
from tests.frameworks.drafts import RULES, altered, load, next_asye

VERSION = "(SELECT id FROM programme_versions WHERE programme_code = 'ASYE-CF' AND state = 'published')"
DRAFT = "(SELECT id FROM programme_versions WHERE state = 'draft')"
STAGE = f"SELECT id FROM programme_stages WHERE version_id = {VERSION}"
REFUSED = [
    f"UPDATE programme_versions SET definition = '{{}}' WHERE id = {VERSION}",
    f"UPDATE programme_versions SET title = 'Another' WHERE id = {VERSION}",
    f"UPDATE programme_versions SET digest = 'x' WHERE id = {VERSION}",
    f"UPDATE programme_versions SET starts_to = '2026-12-31' WHERE id = {VERSION}",
    f"UPDATE programme_versions SET standards_set_id = NULL WHERE id = {VERSION}",
    f"UPDATE programme_versions SET state = 'draft', published_at = NULL WHERE id = {VERSION}",
    f"UPDATE programme_versions SET state = 'withdrawn', title = 'Another' WHERE id = {VERSION}",
    f"UPDATE programme_versions SET state = 'withdrawn', published_by = NULL, published_at = '2020-01-01 00:00:00' WHERE id = {VERSION}",
    "DELETE FROM programme_versions WHERE state = 'published'",
    f"UPDATE programme_stages SET due_month = 5 WHERE version_id = {VERSION}",
    f"UPDATE programme_stages SET version_id = {DRAFT}, code = 'X', number = 99 WHERE version_id = {VERSION} AND kind = 'panel'",
    f"UPDATE programme_stages SET version_id = {VERSION}, code = 'X', number = 99 WHERE version_id = {DRAFT} AND kind = 'panel'",
    f"DELETE FROM programme_stages WHERE version_id = {VERSION}",
    ("INSERT INTO programme_stages (version_id, code, number, title, kind, due_month, attends, optional) "
    f"VALUES ({VERSION}, 'NEW', 99, 'New', 'stage', 1, '[]', false)"),
    f"UPDATE document_templates SET signed_by = '[]' WHERE version_id = {VERSION}",
    f"DELETE FROM document_templates WHERE version_id = {VERSION}",
    ("INSERT INTO document_templates (version_id, stage_id, code, number, title, kind, required, repeatable, in_portfolio, completed_by, "
    f"signed_by, form) VALUES ({VERSION}, ({STAGE} LIMIT 1), 'NEW', 99, 'New', 'form', true, false, true, '[]', '[]', '{{}}')"),
    "UPDATE supervision_rules SET definition = '{}' WHERE state = 'published'",
    "UPDATE supervision_rules SET state = 'draft' WHERE state = 'published'",
    "DELETE FROM supervision_rules WHERE state = 'published'",
    "UPDATE standards SET title = 'Another'",
    "DELETE FROM standards",
    "UPDATE standards_sets SET in_force_to = NULL",
    "UPDATE apprenticeship_standards SET otj_minimum_hours = 1",
    "DELETE FROM apprenticeship_standards",
    "UPDATE ksbs SET title = 'Another'",
    "DELETE FROM ksbs",
    "UPDATE apprenticeship_rules SET starts_to = NULL",
    "DELETE FROM apprenticeship_rules",
]  # fmt: skip


def change(database: Database, statement: str) -> None:
    """As somebody with the database's password would."""
    with database.write.connect() as connection, connection.begin():
        connection.execute(text(re.sub(r"(?<!:):(?=\w)", r"\\:", statement)))


@pytest.fixture
def frozen(shipped: Make) -> Make:
    """What ships, and a draft beside it."""
    with shipped.tx() as tx:
        load(tx, next_asye(), altered(RULES, ('version: "2026"', 'version: "2027"')))
    return shipped


def rows(make: Make) -> Any:
    tables = ProgrammeVersion, ProgrammeStage, DocumentTemplate, SupervisionRule
    return [make.rows(select(table.__table__).order_by(table.id)) for table in tables]


def test_every_such_statement_is_refused_by_the_database(frozen: Make) -> None:
    before = rows(frozen)
    for statement in REFUSED:
        with pytest.raises(DBAPIError, match=r"_frozen_(insert|update|delete)|append-only"):
            change(frozen.database, statement)
    assert rows(frozen) == before


def test_withdrawing_is_the_one_step_and_drafts_are_free(frozen: Make) -> None:
    change(frozen.database, "UPDATE programme_versions SET title = 'Another' WHERE state = 'draft'")
    change(frozen.database, f"UPDATE programme_stages SET title = 'Another' WHERE version_id = {DRAFT}")
    change(frozen.database, f"DELETE FROM document_templates WHERE version_id = {DRAFT}")
    change(frozen.database, "UPDATE supervision_rules SET title = 'Another' WHERE state = 'draft'")
    change(frozen.database, "UPDATE programme_versions SET state = 'withdrawn' WHERE programme_code = 'SPLP'")
    change(frozen.database, "UPDATE supervision_rules SET state = 'withdrawn' WHERE code = 'SUP-FOUR-WEEKLY' AND state = 'published'")
    with pytest.raises(IntegrityError, match="programme_versions_frozen_update"):
        change(frozen.database, "UPDATE programme_versions SET state = 'published' WHERE programme_code = 'SPLP'")


def test_a_broken_rule_is_said_in_words(frozen: Make) -> None:
    with pytest.raises(Conflict, match="Load the change as a new version"), frozen.tx() as tx:
        tx.update(ProgrammeVersion, tx.scalar(select(ProgrammeVersion.id).where(ProgrammeVersion.state == "published")), title="Another")


def test_a_document_belongs_to_a_stage_of_its_own_version(frozen: Make) -> None:
    elsewhere = f"(SELECT min(id) FROM programme_stages WHERE version_id = {VERSION})"
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        change(frozen.database, f"UPDATE document_templates SET stage_id = {elsewhere} WHERE version_id = {DRAFT}")
