"""What must hold of steps of careers: published ones can be met, requests are answered by what they asked for, moves are of their kind."""

from __future__ import annotations

from app.invariants.rule import Rule

_CAN_BE_MET = """
SELECT v.id FROM step_versions v WHERE v.state <> 'draft' AND (
  NOT EXISTS (SELECT 1 FROM requirements r WHERE r.version_id = v.id)
  OR EXISTS (SELECT 1 FROM requirement_groups g WHERE g.version_id = v.id
    AND coalesce(g.needed, 1) > (SELECT count(*) FROM requirements r WHERE r.group_id = g.id))
  OR coalesce(v.needed, 1) > (SELECT count(*) FROM requirement_groups g WHERE g.version_id = v.id)
    + (SELECT count(*) FROM requirements r WHERE r.version_id = v.id AND r.group_id IS NULL))
"""
_ANSWERED = """
SELECT a.id FROM endorsement_asks a JOIN endorsements e ON e.id = a.endorsement_id
WHERE e.person_id <> a.person_id OR e.step_id <> a.step_id OR e.role <> a.role OR e.endorsed_by <> a.asked_of
"""
_KINDS = """
SELECT p.id FROM progressions p JOIN career_stages a ON a.code = p.to_stage JOIN career_stages b ON b.code = p.from_stage
WHERE p.superseded_at IS NULL AND p.kind <> CASE
  WHEN a.rank > b.rank THEN 'promotion' WHEN a.rank < b.rank OR a.code = b.code THEN 'regrade' ELSE 'sideways' END
"""

PATHWAY_RULES = (
    Rule(
        "published-steps-can-be-met",
        "Every published version of a step asks for something, and for no more of several than there are.",
        "versions of steps",
        _CAN_BE_MET,
    ),
    Rule(
        "endorsements-answer-requests",
        "A request that was granted has an endorsement of that person for that step, by whoever was asked.",
        "requests",
        _ANSWERED,
    ),
    Rule(
        "progressions-by-the-order-of-stages",
        "A progression is a promotion exactly if the order of the stages rises.",
        "progressions",
        _KINDS,
    ),
)
