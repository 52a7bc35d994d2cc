"""The kinds of message about pathways, and the facts that each needs (see `kinds.py`). Never what somebody wrote about somebody."""

from typing import Any

from app.notifications.everyone import Everyone


class EndorsementAsked(Everyone):
    """endorsement_asked: somebody asks the reader to endorse them for a step."""

    learner: str
    step: str
    link: str


class EndorsementAnswered(Everyone):
    """endorsement_answered: the reader was endorsed for a step, or whoever was asked said that it is too early."""

    by: str
    step: str
    given: bool
    link: str


FACTS: dict[str, Any] = {"endorsement_asked": EndorsementAsked, "endorsement_answered": EndorsementAnswered}
TOPICS: dict[str, tuple[str, tuple[str, ...]]] = {
    "pathways": ("Pathways: endorsements asked of you, and answers to yours", tuple(FACTS)),
}
WORDS = {
    "email.endorsement_asked": "Endorsement asked for",
    "email.endorsement_answered": "Answer about an endorsement",
}
