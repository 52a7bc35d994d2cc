"""What must hold of talent pools: judgements by two, nobody listed or taken away without agreeing, reads that say of how many."""

from __future__ import annotations

from app.invariants.rule import Rule

_BY_TWO = """
SELECT j.id FROM talent_judgements j JOIN talent_entries e ON e.id = j.entry_id
WHERE j.person_id <> e.person_id OR j.proposed_by = e.person_id
  OR (j.state <> 'proposed' AND (j.moderated_by IS NULL OR j.moderated_by = j.proposed_by OR j.moderated_by = e.person_id))
"""
_AGREED = """
SELECT DISTINCT r.id FROM talent_reads r JOIN talent_read_people o ON o.read_id = r.id
WHERE NOT EXISTS (
  SELECT 1 FROM talent_agreements a JOIN talent_entries e ON e.id = a.entry_id
  WHERE e.pool_id = r.pool_id AND e.person_id = o.person_id AND a.agrees AND a.recorded_at <= r.at
    AND (a.superseded_at IS NULL OR a.superseded_at > r.at))
"""
_COUNTED = """
SELECT r.id FROM talent_reads r WHERE r.people <> (SELECT count(*) FROM talent_read_people o WHERE o.read_id = r.id)
"""
_OWN_WORDS = """
SELECT j.id FROM talent_judgements j JOIN talent_entries e ON e.id = j.entry_id JOIN talent_pools p ON p.id = e.pool_id
JOIN talent_labels h ON h.id = j.horizon_id LEFT JOIN talent_labels w ON w.id = j.potential_id
WHERE h.kind <> 'horizon' OR h.organisation_id <> p.organisation_id
  OR coalesce(w.kind, 'potential') <> 'potential' OR coalesce(w.organisation_id, p.organisation_id) <> p.organisation_id
"""

TALENT_RULES = (
    Rule(
        "potential-is-judged-by-two",
        "A judgement of somebody's potential is proposed by another person, and settled by a third.",
        "judgements",
        _BY_TWO,
    ),
    Rule(
        "listed-by-agreement",
        "Whoever was on a list that was read, or in a file that left, agreed to be listed at that moment.",
        "reads",
        _AGREED,
    ),
    Rule("reads-say-of-how-many", "Of every read of a talent pool it is kept of whom it was, and of how many.", "reads", _COUNTED),
    Rule("judged-in-the-councils-words", "A judgement uses words of the pool's own organisation.", "judgements", _OWN_WORDS),
)
