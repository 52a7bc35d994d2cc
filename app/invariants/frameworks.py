# ruff: noqa: S608 - the statements are put together from words that stand in this module
"""What must hold of versioned programmes: their rows are what their definition says, and nobody relies on what can still change."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from app.core.db import is_postgresql
from app.invariants.rule import Rule


def _as_defined(db: Connection) -> str:
    stages = "jsonb_array_length(v.definition -> 'stages')" if is_postgresql(db) else "json_array_length(v.definition, '$.stages')"
    return (
        "SELECT v.id FROM programme_versions v WHERE v.definition ->> 'title' <> v.title OR v.definition ->> 'version' <> v.version "
        f"OR v.definition ->> 'code' <> v.programme_code OR {stages} <> "
        "(SELECT count(*) FROM programme_stages s WHERE s.version_id = v.id)"
    )


FRAMEWORK_RULES = (
    Rule(
        "frameworks-as-defined",
        "A version of a programme has the name, the version and the stages that its definition says.",
        "programme_versions",
        _as_defined,
    ),
    Rule(
        "frameworks-are-whole",
        "A version of a programme that people can be on has stages, and its documents belong to them.",
        "programme_versions",
        "SELECT v.id FROM programme_versions v WHERE v.state <> 'draft' AND NOT EXISTS "
        "(SELECT 1 FROM programme_stages s WHERE s.version_id = v.id) UNION SELECT t.version_id FROM document_templates t "
        "LEFT JOIN programme_stages s ON s.id = t.stage_id WHERE s.version_id IS NULL OR s.version_id <> t.version_id",
    ),
)
