"""What must hold of documents, their revisions, and what others contribute to them."""

from __future__ import annotations

from app.invariants.rule import Rule

_NEWEST = (
    "SELECT d.id FROM documents d LEFT JOIN document_revisions r ON r.document_id = d.id "
    "GROUP BY d.id, d.head HAVING coalesce(max(r.number), 0) <> d.head"
)
_SEALED = (
    "SELECT d.id FROM documents d LEFT JOIN document_revisions r ON r.document_id = d.id AND r.number = d.frozen "
    "WHERE d.state IN ('signing', 'final') AND (r.number IS NULL OR NOT r.sealed OR d.frozen <> d.head)"
)
_LEFT = (
    "SELECT c.id FROM contributions c WHERE c.state = 'given' AND c.person_id IS NULL "
    "AND NOT EXISTS (SELECT 1 FROM document_revisions r WHERE r.contribution_id = c.id) UNION "
    "SELECT c.id FROM contributions c JOIN links l ON l.purpose = 'contribution' AND l.subject_id = c.id "
    "WHERE c.state IN ('given', 'declined', 'withdrawn') AND l.used_at IS NULL"
)

PORTFOLIO_RULES: tuple[Rule, ...] = (
    Rule("documents-show-their-newest", "What a document shows is its newest revision.", "documents", _NEWEST),
    Rule(
        "finished-documents-are-sealed",
        "What is being signed or complete is the newest revision, and sealed.",
        "documents",
        _SEALED,
    ),
    Rule(
        "contributions-leave-their-words",
        "What was given by link is a revision of its document, and the links of what was answered are spent.",
        "contributions",
        _LEFT,
    ),
)
