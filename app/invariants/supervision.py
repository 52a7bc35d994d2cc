# ruff: noqa: S608 - the statements are put together from names that stand in this module
"""What must hold of supervision: dated facts, recorded once, never overwritten."""

from __future__ import annotations

from app.invariants.people import period_apart
from app.invariants.rule import Rule

_SUPERVISORS = """
SELECT s.id FROM supervisions s LEFT JOIN supervisors b ON b.supervision_id = s.id
WHERE b.supervision_id IS NULL OR b.supervised_id <> s.person_id OR b.held_on <> s.held_on OR b.kind <> s.kind
  OR b.live <> (s.superseded_at IS NULL) OR b.person_id = s.person_id
GROUP BY s.id
"""
_ONCE = """
SELECT a.supervision_id FROM supervisors a JOIN supervisors b ON b.supervised_id = a.supervised_id AND b.held_on = a.held_on
  AND b.kind = a.kind AND b.person_id = a.person_id AND b.supervision_id <> a.supervision_id
WHERE a.live AND b.live GROUP BY a.supervision_id
UNION
SELECT a.id FROM protected_time a JOIN protected_time b ON b.person_id = a.person_id AND b.on_date = a.on_date AND b.what = a.what
  AND b.id <> a.id WHERE a.superseded_at IS NULL AND b.superseded_at IS NULL
UNION
SELECT a.id FROM caseloads a JOIN caseloads b ON b.person_id = a.person_id AND b.on_date = a.on_date AND b.id <> a.id
WHERE a.superseded_at IS NULL AND b.superseded_at IS NULL
"""
_CORRECTED = " UNION ALL ".join(
    f"SELECT '{table} ' || new.id FROM {table} new JOIN {table} old ON old.id = new.corrected_from "
    "WHERE old.person_id <> new.person_id OR old.superseded_at IS NULL OR old.superseded_at <> new.recorded_at"
    for table in ("supervisions", "protected_time", "caseloads")
)
_FUTURE = " UNION ALL ".join(
    f"SELECT '{table} ' || id FROM {table} WHERE {day} > :today" for table, day in (("supervisions", "held_on"), ("caseloads", "on_date"))
)
_CONFIRMED = "SELECT id FROM supervisions WHERE confirmed_by = person_id OR (confirmed_by IS NULL) <> (confirmed_at IS NULL)"

SUPERVISION_RULES = (
    Rule(
        "supervision-terms-apart",
        "Nobody follows two rules of supervision at once.",
        "supervision_terms",
        period_apart("supervision_terms"),
    ),
    Rule(
        "supervision-pauses-apart",
        "Nobody’s supervision is paused twice at once.",
        "supervision_pauses",
        period_apart("supervision_pauses"),
    ),
    Rule(
        "supervisors-say-what-was-held",
        "Every supervision has somebody else who gave it, listed with its person, day and kind, and as live for as long as it counts.",
        "supervisions",
        _SUPERVISORS,
    ),
    Rule(
        "supervision-counts-once",
        "The same supervision, protected time or caseload of a day counts once.",
        "entries",
        _ONCE,
    ),
    Rule(
        "corrections-take-the-place",
        "A corrected entry stopped counting when its correction was recorded, and is about the same person.",
        "entries",
        _CORRECTED,
    ),
    Rule("supervision-has-taken-place", "No supervision and no caseload is dated in the future.", "entries", _FUTURE),
    Rule("supervision-confirmed-by-another", "Nobody confirms their own supervision.", "supervisions", _CONFIRMED),
)
