"""What must hold of figures that come from elsewhere."""

from __future__ import annotations

from app.invariants.rule import Rule

INPUT_RULES = (
    Rule(
        "figures-of-its-own-parts",
        "A figure from elsewhere is of a part of the organisation that it was given for, and came in a file of its own.",
        "measure_inputs",
        "SELECT i.id FROM measure_inputs i LEFT JOIN units u ON u.id = i.unit_id LEFT JOIN measure_imports f ON f.id = i.import_id "
        "WHERE u.organisation_id <> i.organisation_id OR u.kind = 'organisation' OR f.organisation_id <> i.organisation_id",
    ),
    Rule(
        "figures-once",
        "Of a month and a part of the organisation one figure of a measure stands, and none that it corrects.",
        "measure_inputs",
        "SELECT min(id) FROM measure_inputs WHERE superseded_at IS NULL "
        "GROUP BY organisation_id, measure, month_end, coalesce(unit_id, 0) HAVING count(*) > 1",
    ),
    Rule(
        "figures-parts-fit-the-whole",
        "The parts of a figure that stands are together no more than the whole, where the whole was given.",
        "measure_inputs",
        "SELECT w.id FROM measure_inputs w JOIN measure_inputs p ON p.organisation_id = w.organisation_id AND p.measure = w.measure "
        "AND p.month_end = w.month_end AND p.unit_id IS NOT NULL AND p.superseded_at IS NULL "
        "WHERE w.unit_id IS NULL AND w.superseded_at IS NULL GROUP BY w.id, w.num, w.den "
        "HAVING sum(p.num) > w.num OR sum(coalesce(p.den, 0)) > coalesce(w.den, 0)",
    ),
    Rule(
        "figures-from-applied-files",
        "A figure comes from a file that was applied, in the instant in which it was.",
        "measure_inputs",
        "SELECT i.id FROM measure_inputs i JOIN measure_imports f ON f.id = i.import_id "
        "WHERE f.applied_at IS NULL OR f.applied_at <> i.recorded_at",
    ),
)
