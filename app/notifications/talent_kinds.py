"""The kinds of message about talent pools, and the facts that each needs (see `kinds.py`). Never reasons, nor what was judged."""

from typing import Any

from app.notifications.everyone import Everyone


class TalentNominated(Everyone):
    """talent_nominated: somebody sees the reader in a role, and whether they are listed is theirs to decide."""

    pool: str
    link: str


class TalentAgreementAsked(Everyone):
    """talent_agreement_asked: the reader was nominated a while ago and has not said whether they agree."""

    pool: str
    link: str


class TalentJudged(Everyone):
    """talent_judged: what is thought of the reader's potential has been moderated, and can be read."""

    pool: str
    link: str


class TalentActionDue(Everyone):
    """talent_action_due: something that the reader was asked to do is due."""

    pool: str
    due: str  # a date in words
    link: str


FACTS: dict[str, Any] = {
    "talent_nominated": TalentNominated,
    "talent_agreement_asked": TalentAgreementAsked,
    "talent_judged": TalentJudged,
    "talent_action_due": TalentActionDue,
}
# That one is nominated and judged is always told; only reminders of actions can be had otherwise.
TOPICS: dict[str, tuple[str, tuple[str, ...]]] = {"talent": ("Talent pools: actions that are due", ("talent_action_due",))}
WORDS = {
    "email.talent_nominated": "Nominated for a talent pool",
    "email.talent_agreement_asked": "Agreement to be listed asked for",
    "email.talent_judged": "Judgement to read",
    "email.talent_action_due": "Development action due",
}
