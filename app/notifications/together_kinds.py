"""The kinds of message about learning together, and the facts that each needs (see `kinds.py`). Never what somebody hopes for."""

from typing import Any, Literal, NotRequired

from app.notifications.everyone import Everyone


class PairFacts(Everyone):
    """About a pair, to one of the two, or to the coordinator who suggested it (then `other` names both)."""

    kind: str  # "Mentoring"
    need: str  # what it is about
    other: str
    own: NotRequired[bool | None]  # the reader is one of the two
    link: str


class TogetherAsked(PairFacts):
    """together_asked: somebody would like to pair up with them. `by`: the name of the coordinator, where it is the Academy's idea."""

    by: NotRequired[str | None]
    does: str  # "you would mentor them"


class TogetherAnswered(PairFacts):
    """together_answered: the other agreed, or did not."""

    state: Literal["active", "declined"]


class SetFacts(Everyone):
    """together_added, together_set_ended: they belong to a set now (`leads`: and facilitate it); a set has ended."""

    title: str
    facilitator: str
    leads: NotRequired[bool | None]
    link: str


FACTS: dict[str, Any] = {
    "together_asked": TogetherAsked,
    "together_answered": TogetherAnswered,
    "together_ended": PairFacts,
    "together_added": SetFacts,
    "together_set_ended": SetFacts,
}
TOPICS: dict[str, tuple[str, tuple[str, ...]]] = {
    "together": ("Learning together: who asks you, their answers, sets", tuple(FACTS)),
}
WORDS = {
    "email.together_asked": "Asked to learn together",
    "email.together_answered": "Answer to learning together",
    "email.together_ended": "Learning together ended",
    "email.together_added": "Action-learning set",
    "email.together_set_ended": "Action-learning set ended",
}
