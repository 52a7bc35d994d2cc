"""The kinds of message about programmes, and the facts that each needs (see `kinds.py`). Never what somebody wrote in a portfolio."""

from typing import Any, Literal, NotRequired

from app.notifications.everyone import Everyone


class ProgrammeFacts(Everyone):
    """About one enrolment, or a document in it. `own`: the reader is the learner."""

    title: str  # of the programme, the document or the call
    learner: str
    own: NotRequired[bool | None]
    link: str


class PlanChanged(ProgrammeFacts):
    """plan_changed: the days by which stages are due have moved."""

    why: NotRequired[str | None]  # "Return from a pause"


class ChangeAsked(ProgrammeFacts):
    """change_asked, change_waiting: to those who must agree to a pause, an extension, a handover; at once, and when it goes on waiting."""

    change: str  # "Pause"


class ChangeSettled(ChangeAsked):
    """change_settled: agreed, refused or taken back."""

    state: NotRequired[str | None]


class OutcomeKnown(ProgrammeFacts):
    """outcome: a decision has confirmed it."""

    outcome: Literal["pass", "fail"]


class ListFacts(Everyone):
    """A line for each stage, document, review or apprentice. `own`: of the reader's own programme."""

    own: bool
    subjects: list[str]
    link: str


class SignedReceipt(ProgrammeFacts):
    """signed_receipt: what they signed, and the fingerprint by which they can prove it. It is their copy, kept outside the service."""

    hash: str
    sequence: int
    reference: str


class ContributionAsked(Everyone):
    """contribution_asked: to somebody without an account. The link is made when the message is sent; none if nothing is asked any more."""

    learner: str
    asker: NotRequired[str | None]
    part: str
    title: str
    link: NotRequired[str | None]
    expires_at: NotRequired[str | None]


class ContributionAnswered(ProgrammeFacts):
    """contribution_given, contribution_declined: to the learner and the assessor."""

    contributor: str
    part: str


class PapersReady(ProgrammeFacts):
    """papers_ready: to the readers of a portfolio before a panel."""

    sitting: str
    sits_at: str  # instant


class PanelDecided(ProgrammeFacts):
    """panel_decided: to the learner and the assessing side."""

    state: NotRequired[str | None]  # confirmed · returned · not confirmed


class SampleReady(Everyone):
    """sample_ready: to the external moderator."""

    title: str  # of the cohort
    portfolios: int
    link: str


class DailyHead(Everyone):
    """daily_head: to named officers, who keep it."""

    hash: str
    chains: int
    entries: int
    made_at: str  # instant


FACTS: dict[str, Any] = {
    "enrolled": ProgrammeFacts,
    "plan_changed": PlanChanged,
    "change_asked": ChangeAsked,
    "change_waiting": ChangeAsked,
    "change_settled": ChangeSettled,
    "outcome": OutcomeKnown,
    "stage_due": ListFacts,
    "stage_overdue": ListFacts,
    "documents_waiting": ListFacts,
    "review_due": ListFacts,
    "safeguarding_due": ListFacts,
    "training_required": ListFacts,
    "document_sent": ProgrammeFacts,
    "document_returned": ProgrammeFacts,
    "document_commented": ProgrammeFacts,
    "sign_asked": ProgrammeFacts,
    "signed_receipt": SignedReceipt,
    "contribution_asked": ContributionAsked,
    "contribution_given": ContributionAnswered,
    "contribution_declined": ContributionAnswered,
    "papers_ready": PapersReady,
    "panel_decided": PanelDecided,
    "sample_ready": SampleReady,
    "daily_head": DailyHead,
    "export_ready": ProgrammeFacts,
    "support_asked": ProgrammeFacts,
    "application_decided": ProgrammeFacts,
}

TOPICS: dict[str, tuple[str, tuple[str, ...]]] = {
    "programmes": (
        "Programmes: documents sent and given back, parts given, what falls due",
        (
            *("enrolled", "document_sent", "document_returned", "contribution_given", "stage_due", "stage_overdue"),
            *("documents_waiting", "review_due", "safeguarding_due", "training_required", "export_ready"),
        ),
    ),
    "comments": ("Comments on documents of a portfolio", ("document_commented",)),
}

WORDS = {
    "email.enrolled": "Enrolled on a programme",
    "email.plan_changed": "Plan changed",
    "email.change_asked": "Change to agree to",
    "email.change_waiting": "Change still to agree to",
    "email.change_settled": "Change settled",
    "email.outcome": "Outcome confirmed",
    "email.stage_due": "Stages due soon",
    "email.stage_overdue": "Stages overdue",
    "email.documents_waiting": "Documents waiting",
    "email.review_due": "Review due",
    "email.safeguarding_due": "Safeguarding training due",
    "email.training_required": "Required training due",
    "email.document_sent": "Document sent to you",
    "email.document_returned": "Document given back",
    "email.document_commented": "Comment on a document",
    "email.sign_asked": "Document to sign",
    "email.signed_receipt": "Receipt for a signature",
    "email.contribution_asked": "Part of a portfolio asked for",
    "email.contribution_given": "Part of a portfolio given",
    "email.contribution_declined": "Part of a portfolio declined",
    "email.papers_ready": "Portfolio to read for a panel",
    "email.panel_decided": "Panel has decided",
    "email.sample_ready": "Portfolios to moderate",
    "email.daily_head": "Fingerprint of the day",
    "email.export_ready": "Portfolio ready to fetch",
    "email.support_asked": "Application to support",
    "email.application_decided": "Application decided",
}
