"""What must hold of equality information and of reminders about required training."""

from __future__ import annotations

from app.invariants.rule import Rule

EQUALITY_RULES = (
    Rule(
        "nothing-held-of-who-objects",
        "No equality information is held of anybody who objects to monitoring.",
        "people",
        "SELECT a.person_id FROM equality_answers a JOIN equality_objections o ON o.person_id = a.person_id",
    ),
    Rule(
        "reminders-in-order",
        "Those above somebody are told after them, and only of what has lapsed or was never done.",
        "requirement_chases",
        "SELECT id FROM requirement_chases WHERE told_above_at < told_at OR (kind = 'lapsing' AND told_above_at IS NOT NULL)",
    ),
)
