"""What must hold of renewals: people tick their own pieces, for the year in which they did."""

from __future__ import annotations

from app.invariants.rule import Rule

RENEWAL_RULES = (
    Rule(
        "pieces-ticked-are-ones-own",
        "Whoever ticks a piece of CPD for renewal ticks a learning record of their own, and not twice.",
        "renewal_ticks",
        "SELECT t.id FROM renewal_ticks t JOIN learning_records r ON r.id = t.first_id WHERE r.person_id <> t.person_id "
        "OR r.first_id IS NOT NULL UNION SELECT min(id) FROM renewal_ticks WHERE superseded_at IS NULL AND first_id IS NOT NULL "
        "GROUP BY person_id, first_id HAVING count(*) > 1 UNION SELECT min(id) FROM renewal_ticks WHERE superseded_at IS NULL "
        "AND step <> 'cpd' GROUP BY person_id, year, step HAVING count(*) > 1",
    ),
    Rule(
        "ticks-belong-to-their-year",
        "What is ticked for renewal was done in its registration year, and a rule of renewal was in force.",
        "renewal_ticks",
        "SELECT t.id FROM renewal_ticks t WHERE t.done_on < t.year "
        "OR NOT EXISTS (SELECT 1 FROM renewal_rules r WHERE r.first_year <= t.year)",
    ),
)
