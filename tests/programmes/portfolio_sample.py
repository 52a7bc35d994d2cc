"""An invented portfolio as `portfolio_pdf` takes it, as long as one likes."""

from __future__ import annotations

import hashlib
from typing import Any

WORDS = (
    "I visited with my assessor and thought about what I had read before: the plan, the chronology and what the school had said. "
    "What struck me was how differently the same week can be told. In supervision we talked about power, about time, and about "
    "how I might have asked instead of assumed. Next time I will begin with what is going well, and write down the exact words. "
)
HOSTILE = (
    "#pagebreak() $x^2$ *bold* _slanted_ `code` = heading \\ \\u{41} @ref <label> // comment /* and */ [content] \"quotes\" 'single' "
    "--- ... ~ #let x = 1 {curly}"
)
LONG_NAME = "Beobachtungsprotokoll" * 14 + "Schluss"  # 301 letters without a gap


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def portfolio(*, stages: int = 3, documents: int = 4, items: int = 5, length: int = 4) -> dict[str, Any]:
    """`length` paragraphs in each answer."""
    answer = "\n\n".join([WORDS * 2] * length) + "\n\n- listened first\n- asked twice\n\n1. wrote it down\n2. read it out"
    return {
        "title": "ASYE portfolio",
        "council": "Westmarch County Council",
        "service": "Social Work Academy",
        "colour": "#4c2c92",
        "person": {"name": "Zoë Łukasik-O’Brien", "number": "SW900012"},
        "programme": "Assessed and supported year in employment (child and family)",
        "version": "2026.1",
        "cohort": "September 2026",
        "status": "In progress: stage 2",
        "exported_at": "2026-12-08T14:05:00Z",
        "exported_by": "Ann Marsh",
        "notes": ["This is a copy to read. The bundle that came with it can be verified."],
        "stages": [
            {
                "title": f"Stage {s}: review at {3 * s} months",
                "status": "Signed",
                "due": "2026-12-11",
                "documents": [document(s, d, items, answer) for d in range(1, documents + 1)],
            }
            for s in range(1, stages + 1)
        ],
        "promised": [
            {
                "title": "Supervision",
                "intro": "Weekly for six weeks, then every fortnight to six months, then monthly.",
                "columns": ["Period", "Promised", "Actual"],
                "rows": [[f"Week {n}", "1 of 1", "0 of 1" if n % 7 == 0 else "1 of 1"] for n in range(1, 60)],
                "note": "Counted from records of supervision, not from diaries.",
            }
        ],
        "decision": {
            "outcome": "Pass confirmed",
            "at": "2027-09-02T09:00:00Z",
            "reasons": "The panel saw steady growth.\n\nIt thanks the assessor.",
            "members": [{"name": "Ben Ash", "capacity": "Panel chair"}],
            "hash": sha("decision"),
        },
        "chain": [
            {"sequence": n, "what": f"Reflective log {n}, version 1", "at": "2026-12-01T10:30:00Z", "hash": sha(f"entry {n}")}
            for n in range(1, 41)
        ],
        "head": sha("entry 40"),
    }


def document(stage: int, number: int, items: int, answer: str) -> dict[str, Any]:
    """One document of a stage, signed by two."""
    return {
        "title": f"Document {stage}.{number}: critical reflection",
        "revision": 2,
        "status": "Signed",
        "author": "Zoë Łukasik-O’Brien",
        "saved_at": "2026-11-30T16:00:00Z",
        "standards": ["KSS 1: Relationships and effective direct work", "KSS 3"],
        "sections": [
            {
                "title": "What happened and what I made of it",
                "guidance": "Two or three pages. Change names and places.",
                "items": [
                    {
                        "question": f"Question {stage}.{number}.{n}: what did you learn?",
                        "guidance": "Think of one moment.",
                        "answer": answer,
                        "standards": ["KSS 2"],
                    }
                    for n in range(1, items + 1)
                ],
            }
        ],
        "attachments": [
            {"name": "Observation – first visit.pdf", "kind": "PDF", "size": 48_213, "digest": sha("first visit")},
            {"name": LONG_NAME + ".docx", "kind": "Word document", "size": 4_404_019, "digest": sha("long")},
        ],
        "signatures": [
            {
                "sequence": 2 * number + n,
                "name": name,
                "number": number_of,
                "capacity": capacity,
                "answer": "Agrees",
                "statement": "I have read this with care.",
                "at": "2026-12-01T10:30:00Z",
                "hash": sha(f"{stage}{number}{n}"),
                "previous": sha(f"{stage}{number}{n - 1}"),
            }
            for n, (name, number_of, capacity) in enumerate(
                [
                    ("Zoë Łukasik-O’Brien", "SW900012", "newly qualified social worker"),
                    ("Ann Marsh", "SW900003", "assessor and line manager"),
                ]
            )
        ],
    }
