"""Learning together in words: what a pair is called for each of the two, whose turn it is, what has just been done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.mentoring.models import KINDS, NEEDS

SAID = {
    "put-up": "It is on the list.",
    "changed": "Changed.",
    "taken-off": "It is off the list.",
    "asked": "They are asked. You are told when they answer.",
    "agreed": "You have agreed.",
    "declined": "You have declined.",
    "taken-back": "You no longer ask.",
    "ended": "It has ended. What you logged stays on your records.",
    "logged": "The meeting is logged, and counts as learning for everybody who was there.",
    "corrected": "The meeting is corrected, and everybody’s learning with it.",
    "withdrawn": "The meeting no longer counts for anybody.",
    "started": "The set is started.",
    "joined": "You belong to this set now.",
    "left": "You have left the set. What was logged stays on your records.",
    "added": "They belong to the set, and are told.",
    "handed-over": "They facilitate the set now.",
    "set-ended": "The set has ended. What was logged stays on everybody’s records.",
    "paired": "Both are asked. You see their answers here.",
}
KIND_CHOICES = {  # on the form of a notice
    "offer": (("mentoring", "To mentor"), ("coaching", "To coach"), ("shadowing", "To be shadowed at work")),
    "ask": (("mentoring", "A mentor"), ("coaching", "A coach"), ("shadowing", "Somebody to shadow")),
}
ROLES = (
    ("receiver", "I learn: they mentor or coach me, or I shadow them"),
    ("giver", "They learn: I mentor or coach them, or they shadow me"),
)
_SIDES = {
    ("offer", "mentoring"): "Offers to mentor",
    ("offer", "coaching"): "Offers to coach",
    ("offer", "shadowing"): "Can be shadowed",
    ("ask", "mentoring"): "Looks for a mentor",
    ("ask", "coaching"): "Looks for a coach",
    ("ask", "shadowing"): "Would like to shadow somebody",
}
_AS = {
    ("giver", "mentoring"): "You mentor them",
    ("giver", "coaching"): "You coach them",
    ("giver", "shadowing"): "They shadow you",
    ("receiver", "mentoring"): "They mentor you",
    ("receiver", "coaching"): "They coach you",
    ("receiver", "shadowing"): "You shadow them",
}


def headline(notice: Any) -> str:
    """What a notice is: "Offers to mentor"."""
    return _SIDES[notice.side, notice.kind]


def need(notice: Any) -> str:
    """What it is about."""
    return NEEDS[notice.need]


def role(pair: Any, me: int) -> str:
    """Which of the two the reader is."""
    return "giver" if pair.giver_id == me else "receiver"


def other(pair: Any, me: int) -> str:
    """The name of the other."""
    return str(pair.receiver if pair.giver_id == me else pair.giver)


def who_does_what(pair: Any, me: int) -> str:
    """ "They mentor you"."""
    return _AS[role(pair, me), pair.kind]


def pair_title(pair: Any, me: int) -> str:
    """ "Mentoring with Ann Example"."""
    return f"{KINDS[pair.kind]} with {other(pair, me)}"


def my_turn(pair: Any, me: int) -> bool:
    """Is the reader asked, and has not answered?"""
    return pair.state == "asked" and getattr(pair, f"{role(pair, me)}_agreed_at") is None


def sorted_pairs(pairs: Iterable[Any], me: int) -> dict[str, list[Any]]:
    """Pairs by what the reader can do: "answer", "wait", "active", "over"."""
    found: dict[str, list[Any]] = {"answer": [], "wait": [], "active": [], "over": []}
    for pair in pairs:
        which = "answer" if my_turn(pair, me) else {"asked": "wait", "active": "active"}.get(pair.state, "over")
        found[which].append(pair)
    return found
