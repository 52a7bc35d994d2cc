"""What a few people have written of their own learning, through the real operations: some of it private, some of it shared."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from app.learning import drafts, records
from app.learning.records import Added, Entry, Words
from seed.sample import Stage

WRITTEN = {  # persona → (days ago, minutes, activity, title, words, whom it is shared with)
    "practitioner": (
        (
            6,
            90,
            "co_working",
            "First visit with a colleague from the court team",
            ("", "To let silence stand, and to say early what I write down.", ""),
            ("manager",),
        ),
        (
            19,
            45,
            "peer_reflection",
            "How we speak about neglect",
            ("We read two of our own assessments aloud.", "My sentences hide who did what.", "My last plan says who does what by when."),
            (),
        ),
        (33, 60, "reading", "A paper on disguised compliance", ("", "It is a label: better to describe what was seen.", ""), ()),
        (58, 420, "shadowing", "A day with the family court advisory team", ("", "", ""), ()),
    ),
    "nqsw": (
        (
            4,
            60,
            "observation_feedback",
            "Feedback on how I opened a meeting",
            ("", "I explain the purpose twice and lose people.", "I now begin with their question."),
            ("assessor",),
        ),
        (12, 120, "co_working", "Joint visit with my assessor", ("", "", ""), ("assessor", "manager")),
        (25, 30, "briefing", "Briefing on private fostering", ("", "", ""), ()),
    ),
    "manager": (
        (9, 75, "action_learning_set", "Managers’ action-learning set", ("", "To ask one more question before I advise.", ""), ()),
    ),
}


def learn(stage: Stage) -> None:
    """Each finds their own, and a draft that waits for its writer."""
    for persona, written in WRITTEN.items():
        for number, (ago, minutes, activity, title, (did, learnt, impact), shared) in enumerate(written):
            with stage.as_(stage.force.persona[persona]) as tx:
                words = Words(did, learnt, impact, *(("A colleague in my team", tx.today - timedelta(days=ago)) if did else ("", None)))
                entry = Entry(tx.today - timedelta(days=ago), minutes, activity, title)
                records.add(tx, _key(persona, number), entry, Added(words), shared)
    with stage.as_(stage.force.persona["practitioner"]) as tx:
        drafts.keep(tx, _key("draft", 0), {"activity": "court_work", "title": "Giving evidence for the first time", "hours": "2"})


def _key(persona: str, number: int) -> str:
    return hashlib.sha256(f"{persona} {number}".encode()).hexdigest()[:32]
