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
_LEARNT = """
SELECT 'supervision ' || s.id FROM supervisions s LEFT JOIN learning_records r ON r.source = 'supervision'
  AND r.source_key = coalesce(s.first_id, s.id) AND r.person_id = s.person_id AND r.superseded_at IS NULL
WHERE s.superseded_at IS NULL AND s.kind IN ('reflective', 'group_reflective')
  AND (r.id IS NULL OR r.on_date <> s.held_on OR r.minutes <> s.minutes)
UNION ALL
SELECT 'record ' || r.id FROM learning_records r WHERE r.source = 'supervision' AND r.superseded_at IS NULL AND NOT EXISTS (
  SELECT 1 FROM supervisions s WHERE coalesce(s.first_id, s.id) = r.source_key AND s.person_id = r.person_id
    AND s.superseded_at IS NULL AND s.kind IN ('reflective', 'group_reflective'))
"""
_FIRST = """
SELECT new.id FROM supervisions new JOIN supervisors b ON b.supervision_id = new.id
LEFT JOIN supervisions old ON old.id = new.corrected_from
WHERE (new.first_id IS NULL) <> (new.corrected_from IS NULL) OR new.first_id <> coalesce(old.first_id, old.id)
GROUP BY new.id
"""
_NUMBERED = {
    "supervision_actions": ("person_id", "number"),
    "pdr_objectives": ("pdr_id", "number"),
    "development_items": ("pdr_id", "number"),
    "pdr_events": ("pdr_id", "kind"),
}
_LIVE_ONCE = " UNION ALL ".join(
    f"SELECT '{table} ' || min(id) FROM {table} WHERE superseded_at IS NULL GROUP BY {', '.join(keys)} HAVING count(*) > 1"
    for table, keys in _NUMBERED.items()
)
_ORDER = """
SELECT a.pdr_id FROM pdr_events a JOIN pdr_events b ON b.pdr_id = a.pdr_id AND b.superseded_at IS NULL
WHERE a.superseded_at IS NULL AND (a.on_date > :today OR (a.on_date > b.on_date AND (
  (a.kind = 'objectives' AND b.kind <> 'objectives') OR (a.kind = 'mid-year' AND b.kind = 'complete'))))
GROUP BY a.pdr_id
"""
_YEARS = """
SELECT a.id FROM pdr_cycles a JOIN pdr_cycles b ON b.organisation_id = a.organisation_id AND b.id <> a.id
  AND b.starts_on <= a.ends_on AND a.starts_on <= b.ends_on GROUP BY a.id
"""
_DEFAULTS = """
SELECT a.id FROM supervision_defaults a JOIN supervision_defaults b ON b.unit_id = a.unit_id AND b.id <> a.id
  AND a.valid_from < b.valid_to AND b.valid_from < a.valid_to
WHERE a.superseded_at IS NULL AND b.superseded_at IS NULL GROUP BY a.id
"""

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
    Rule(
        "supervision-is-learning-once",
        "Reflective and group supervision that counts stands once in the learning record of whoever was supervised, and nothing else does.",
        "supervisions",
        _LEARNT,
    ),
    Rule(
        "supervision-knows-its-first",
        "Every correction of a supervision names the entry that all of them began with.",
        "supervisions",
        _FIRST,
    ),
    Rule(
        "development-entries-live-once",
        "An action, an objective, a line of a plan or a meeting of a review stands once.",
        "entries",
        _LIVE_ONCE,
    ),
    Rule("reviews-in-order", "Meetings of a review were held in their order, and not in the future.", "pdrs", _ORDER),
    Rule("review-years-apart", "Review years of one organisation share no day.", "pdr_cycles", _YEARS),
    Rule(
        "standing-rules-apart",
        "No part of the organisation has two supervision rules at once.",
        "supervision_defaults",
        _DEFAULTS,
    ),
)
