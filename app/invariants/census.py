"""What must hold of the workforce census."""

from __future__ import annotations

from app.invariants.rule import Rule

CENSUS_RULES = (
    Rule(
        "census-erased-is-gone",
        "Of a return whose personal data was deleted nothing is kept of anybody.",
        "census_returns",
        "SELECT r.id FROM census_returns r WHERE r.erased_at IS NOT NULL AND ("
        "EXISTS (SELECT 1 FROM census_people p WHERE p.return_id = r.id)"
        " OR EXISTS (SELECT 1 FROM census_messages m WHERE m.return_id = r.id)"
        " OR EXISTS (SELECT 1 FROM census_documents d WHERE d.return_id = r.id)"
        " OR EXISTS (SELECT 1 FROM census_uploads u WHERE u.return_id = r.id))",
    ),
    Rule(
        "census-sent-as-kept",
        "What was submitted is kept as XML with the digest that the return names, until its personal data is deleted.",
        "census_returns",
        "SELECT r.id FROM census_returns r LEFT JOIN census_documents d ON d.return_id = r.id AND d.kind = 'xml' "
        "WHERE r.state = 'submitted' AND r.erased_at IS NULL AND (d.digest IS NULL OR d.digest <> r.digest)",
    ),
    Rule(
        "census-of-its-own-people",
        "Everybody in a return works, or worked, for the organisation whose return it is.",
        "census_people",
        "SELECT c.id FROM census_people c JOIN census_returns r ON r.id = c.return_id JOIN people p ON p.id = c.person_id "
        "WHERE p.organisation_id <> r.organisation_id",
    ),
    Rule(
        "census-files-emptied",
        "Of a file that was taken in no rows are kept.",
        "census_uploads",
        "SELECT id FROM census_uploads WHERE applied_at IS NOT NULL AND CAST(rows AS TEXT) <> '[]'",
    ),
    Rule(
        "census-counts-its-errors",
        "A return that is not submitted has as many errors as there are messages of them; one of nobody has one more.",
        "census_returns",
        "SELECT r.id FROM census_returns r WHERE r.state <> 'submitted' AND r.erased_at IS NULL AND r.errors <> "
        "(SELECT count(*) FROM census_messages m WHERE m.return_id = r.id AND m.kind = 'error') + CASE WHEN r.people = 0 THEN 1 ELSE 0 END",
    ),
)
