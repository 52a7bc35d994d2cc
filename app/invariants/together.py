"""What must hold of learning together: agreed by both, logged once, and on the records of exactly those who were there."""

from __future__ import annotations

from app.invariants.rule import Rule

_SOURCES = "('mentoring', 'shadowing', 'action learning')"
_COUNTED = f"""
SELECT m.id FROM learning_meetings m JOIN learning_meeting_people p ON p.meeting_id = m.id
LEFT JOIN learning_records r ON r.source_key = coalesce(m.first_id, m.id) AND r.source IN {_SOURCES} AND r.person_id = p.person_id
  AND r.on_date = m.held_on AND r.minutes = m.minutes AND r.superseded_at IS NULL
WHERE m.superseded_at IS NULL AND r.id IS NULL
UNION
SELECT r.source_key FROM learning_records r
LEFT JOIN learning_meetings m ON coalesce(m.first_id, m.id) = r.source_key AND m.superseded_at IS NULL
LEFT JOIN learning_meeting_people p ON p.meeting_id = m.id AND p.person_id = r.person_id
WHERE r.source IN {_SOURCES} AND r.superseded_at IS NULL AND p.meeting_id IS NULL
"""  # noqa: S608 - put together from names that stand in this module
_CORRECTED = """
SELECT new.id FROM learning_meetings new JOIN learning_meetings old ON old.id = new.corrected_from
WHERE old.superseded_at IS NULL OR new.first_id <> coalesce(old.first_id, old.id)
  OR coalesce(new.pairing_id, 0) <> coalesce(old.pairing_id, 0) OR coalesce(new.set_id, 0) <> coalesce(old.set_id, 0)
"""
_PAIRS = """
SELECT m.id FROM learning_meetings m JOIN pairings p ON p.id = m.pairing_id
WHERE m.superseded_at IS NULL AND (p.state NOT IN ('active', 'ended') OR m.held_on < p.since OR m.held_on > coalesce(p.ended_on, m.held_on))
UNION
SELECT m.id FROM learning_meetings m JOIN pairings p ON p.id = m.pairing_id JOIN learning_meeting_people w ON w.meeting_id = m.id
WHERE w.person_id NOT IN (p.giver_id, p.receiver_id)
"""
_ROOM = """
SELECT s.id FROM learning_sets s JOIN learning_set_members m ON m.set_id = s.id AND m.left_on IS NULL
GROUP BY s.id, s.most HAVING count(*) > s.most
UNION
SELECT s.id FROM learning_sets s WHERE s.ended_on IS NULL AND NOT EXISTS (
  SELECT 1 FROM learning_set_members m WHERE m.set_id = s.id AND m.person_id = s.facilitator_id AND m.left_on IS NULL)
"""

TOGETHER_RULES = (
    Rule(
        "meetings-count-for-those-there",
        "Every meeting is on the learning records of exactly those who were there, with its day and minutes.",
        "meetings",
        _COUNTED,
    ),
    Rule(
        "meetings-corrected-in-a-chain",
        "A corrected meeting stopped counting, and its correction is of the same pair or set.",
        "meetings",
        _CORRECTED,
    ),
    Rule("meetings-of-pairs", "A pair’s meetings lie in the time for which both agreed, and are of the two.", "meetings", _PAIRS),
    Rule("sets-have-room", "No set has more members than places, and whoever facilitates one belongs to it.", "sets", _ROOM),
    Rule(
        "meetings-have-taken-place",
        "No meeting is dated in the future.",
        "meetings",
        "SELECT id FROM learning_meetings WHERE held_on > :today",
    ),
)
