"""What must hold of cohorts, enrolments, plans, panels and outcomes, whoever wrote the rows."""

from __future__ import annotations

from app.invariants.rule import Rule

_PINNED = """
SELECT e.id FROM enrolments e JOIN cohorts c ON c.id = e.cohort_id JOIN programme_versions v ON v.id = e.version_id
WHERE c.version_id <> e.version_id OR v.state = 'draft'
UNION
SELECT d.enrolment_id FROM documents d JOIN enrolments e ON e.id = d.enrolment_id JOIN document_templates t ON t.id = d.template_id
WHERE t.version_id <> e.version_id
"""
_PLANNED = """
SELECT e.id FROM enrolments e LEFT JOIN plans p ON p.enrolment_id = e.id AND p.number = e.plan_number
WHERE p.id IS NULL OR p.ends_on <> e.ends_on
UNION
SELECT e.id FROM enrolments e JOIN plans p ON p.enrolment_id = e.id AND p.number > e.plan_number
UNION
SELECT e.id FROM enrolments e JOIN programme_stages s ON s.version_id = e.version_id
JOIN plans p ON p.enrolment_id = e.id AND p.number = e.plan_number
LEFT JOIN plan_lines l ON l.plan_id = p.id AND l.stage_id = s.id
WHERE l.plan_id IS NULL OR l.due_on < e.starts_on
"""
_STAGED = """
SELECT e.id FROM enrolments e JOIN programme_stages s ON s.version_id = e.version_id
LEFT JOIN stage_records r ON r.enrolment_id = e.id AND r.stage_id = s.id WHERE r.enrolment_id IS NULL
UNION
SELECT r.enrolment_id FROM stage_records r JOIN enrolments e ON e.id = r.enrolment_id JOIN programme_stages s ON s.id = r.stage_id
WHERE s.version_id <> e.version_id
"""
_SIDES = """
SELECT c.id FROM capacities c LEFT JOIN involvements i ON i.id = c.involvement_id
WHERE i.id IS NULL OR i.enrolment_id <> c.enrolment_id OR i.side <> c.side
UNION
SELECT c.id FROM capacities c JOIN involvements i ON i.id = c.involvement_id JOIN involvements o ON o.enrolment_id = i.enrolment_id
  AND o.person_id = i.person_id AND o.id <> i.id
UNION
SELECT c.id FROM capacities c JOIN involvements i ON i.id = c.involvement_id JOIN enrolments e ON e.id = c.enrolment_id
WHERE (c.side = 'learner') <> (i.person_id = e.person_id)
"""
_OUTCOMES = """
SELECT e.id FROM enrolments e LEFT JOIN panel_decisions d ON d.id = e.decision_id
WHERE (e.status = 'completed') <> (e.outcome IS NOT NULL)
  OR (e.outcome IS NOT NULL AND (d.id IS NULL OR d.enrolment_id <> e.id OR d.kind <> 'confirm' OR d.outcome <> e.outcome))
UNION
SELECT d.enrolment_id FROM panel_decisions d JOIN enrolments e ON e.id = d.enrolment_id
WHERE d.kind = 'confirm' AND (e.decision_id IS NULL OR e.decision_id <> d.id)
"""
_PANELS = """
SELECT c.id FROM panel_cases c LEFT JOIN panel_decisions d ON d.case_id = c.id WHERE (c.state = 'decided') <> (d.id IS NOT NULL)
UNION
SELECT d.case_id FROM panel_decisions d WHERE d.case_id IS NOT NULL AND 2 > (
  SELECT count(*) FROM panel_judgements j JOIN involvements i ON i.id = j.involvement_id
  WHERE j.case_id = d.case_id AND i.side = 'moderating')
UNION
SELECT c.id FROM panel_cases c JOIN enrolments e ON e.id = c.enrolment_id WHERE c.state = 'listed' AND e.status <> 'awaiting_panel'
"""
_AGREED = """
SELECT c.id FROM enrolment_changes c WHERE c.state = 'agreed' AND EXISTS (
  SELECT 1 FROM agreements a WHERE a.change_id = c.id AND NOT a.agreed)
UNION
SELECT a.id FROM enrolment_changes a JOIN enrolment_changes b ON b.enrolment_id = a.enrolment_id AND b.id <> a.id
  AND b.from_on < a.to_on AND a.from_on < b.to_on
WHERE a.kind = 'pause' AND b.kind = 'pause' AND a.state = 'agreed' AND b.state = 'agreed'
"""
_TURNS = """
SELECT id FROM documents WHERE (waiting_for IS NOT NULL AND state IN ('draft', 'final', 'on paper'))
  OR (waiting_for IS NULL AND state IN ('sent', 'signing'))
"""
_HOURS = """
SELECT h.id FROM otj_hours h JOIN enrolments e ON e.id = h.enrolment_id
WHERE h.verified_by = e.person_id OR (h.source = 'attendance' AND h.booking_id IS NULL)
UNION
SELECT h.id FROM otj_hours h JOIN enrolments e ON e.id = h.enrolment_id JOIN bookings b ON b.id = h.booking_id
WHERE b.person_id IS NULL OR b.person_id <> e.person_id
"""
_ASSESSED = """
SELECT a.enrolment_id FROM apprenticeships a JOIN enrolments e ON e.id = a.enrolment_id
WHERE (a.assessment IS NULL AND e.outcome IS NOT NULL)
  OR (a.assessment IS NOT NULL AND (e.outcome IS NULL OR (e.outcome = 'fail') <> (a.assessment = 'fail')))
"""

PROGRAMME_RULES = (
    Rule(
        "enrolments-keep-their-version",
        "An enrolment and its documents are of its cohort’s version, which is no draft.",
        "enrolments",
        _PINNED,
    ),
    Rule("enrolments-have-a-plan", "Every enrolment has a plan in force, its newest, with a day for each stage.", "enrolments", _PLANNED),
    Rule(
        "enrolments-know-their-stages", "There is a record for every stage of an enrolment’s version, and no other.", "enrolments", _STAGED
    ),
    Rule(
        "nobody-on-two-sides",
        "In each enrolment a person stands on one side only, and the learner’s is that of the enrolled.",
        "capacities",
        _SIDES,
    ),
    Rule(
        "outcomes-were-confirmed",
        "An outcome is the one that a decision about that enrolment confirmed; nothing else has one.",
        "enrolments",
        _OUTCOMES,
    ),
    Rule(
        "panels-judged-before-deciding",
        "A portfolio before a panel waits for it; what was decided was judged by two of the moderating side before.",
        "panel_cases",
        _PANELS,
    ),
    Rule(
        "changes-were-agreed",
        "Nobody who was asked is against an agreed change, and no two pauses of an enrolment overlap.",
        "enrolment_changes",
        _AGREED,
    ),
    Rule(
        "documents-wait-for-somebody",
        "A document that was sent or is being signed waits for somebody; a finished one for nobody.",
        "documents",
        _TURNS,
    ),
    Rule(
        "hours-were-seen-by-somebody-else",
        "No apprentice verified their own hours, and a session counts only for whoever attended it.",
        "otj_hours",
        _HOURS,
    ),
    Rule(
        "apprentices-have-the-result-they-were-given",
        "An apprenticeship has an outcome exactly when its assessment has a result, and the two agree.",
        "apprenticeships",
        _ASSESSED,
    ),
)
