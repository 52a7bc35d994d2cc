"""What must hold of the board's reports."""

from __future__ import annotations

from app.invariants.rule import Rule

_FILES = """
SELECT r.id FROM board_reports r WHERE r.state = 'signed' AND (
  NOT EXISTS (SELECT 1 FROM board_files f WHERE f.report_id = r.id AND f.kind = 'pdf' AND f.sha256 = r.pdf_sha256)
  OR NOT EXISTS (SELECT 1 FROM board_files f WHERE f.report_id = r.id AND f.kind = 'xlsx' AND f.sha256 = r.workbook_sha256)
  OR EXISTS (SELECT 1 FROM board_files f WHERE f.report_id = r.id AND f.size <> length(f.content)))
"""
_PLACES = """
SELECT r.id FROM board_reports r JOIN board_reports o ON o.id = r.replaces_id
WHERE o.state <> 'signed' OR o.close_id <> r.close_id OR o.kind <> r.kind OR o.organisation_id <> r.organisation_id
  OR r.number <> o.number + 1
"""
_MONTHS = """
SELECT r.id FROM board_reports r JOIN measure_closes c ON c.id = r.close_id
WHERE c.organisation_id <> r.organisation_id OR r.signed_at < c.closed_at
"""

REPORT_RULES = (
    Rule("signed-reports-have-their-files", "A signed report has the PDF and the workbook whose fingerprints it names.", "reports", _FILES),
    Rule(
        "reports-replace-signed-ones",
        "A report takes the place of a signed one of the same organisation, kind and month, and is numbered after it.",
        "reports",
        _PLACES,
    ),
    Rule(
        "reports-of-closed-months",
        "A report is on a closed month of its organisation, and signed after that was closed.",
        "reports",
        _MONTHS,
    ),
)
