"""The kinds of message, and the facts that each needs to be written.

Facts are JSON only: instants as ISO 8601 in UTC, addresses of pages as paths ("/bookings/7") or in full. `NotRequired` facts may be left
out or null. An operation queues only what cannot be read later (a reason, what changed); the worker adds the rest from the outbox row:
the person's address and name, the booking, session or course it is about (`facts.py`).
"""

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from app.notifications import account_kinds, pathway_kinds, programme_kinds, renewal_kinds, report_kinds, talent_kinds, together_kinds
from app.notifications.everyone import Everyone

Was = Literal["booked", "requested", "waiting", "offered", "reserved"]


class PartFacts(TypedDict):
    """One part of a session. The joining link reaches only people who are booked, whatever is put here."""

    id: NotRequired[int]  # its identity in calendars; without it the part is in nobody's
    starts_at: str
    ends_at: str
    room: NotRequired[str | None]
    address: NotRequired[str | None]
    online: NotRequired[bool]
    link: NotRequired[str | None]


class CourseFacts(Everyone):
    """About a course."""

    title: str
    course_url: NotRequired[str | None]


class SessionFacts(CourseFacts):
    """About a session."""

    when: list[PartFacts]  # at least one
    session_id: NotRequired[int]
    reference: NotRequired[str | None]
    sequence: NotRequired[int]  # how often this session has been changed so far; a cancellation adds one by itself
    access_notes: NotRequired[str | None]  # the room's: step-free access, hearing loop, parking


class BookingFacts(SessionFacts):
    """About one booking on one session."""

    booking_id: int  # it is the booking's identity in people's calendars
    booking_url: NotRequired[str | None]  # /bookings/<booking_id> where it is left out
    booked_by: NotRequired[str | None]  # the name of whoever booked for them; null when they did themselves


# A place, a turn, an offer -----------------------------------------------------------------------------------------


class BookingMade(BookingFacts):
    """booking_made: the place is theirs. Carries an invitation."""

    cancel_by: NotRequired[str | None]  # instant


class BookingRequested(BookingFacts):
    """booking_requested: a place is held while somebody decides."""

    approver: NotRequired[str | None]  # name; "your manager" where it is left out
    decide_by: NotRequired[str | None]  # instant at which the request lapses


class BookingWaiting(BookingFacts):
    """booking_waiting: no place, but a turn on the waiting list."""

    position: int  # at joining, from 1
    waiting: int  # how many are on the list, this person included


class BookingOffered(BookingFacts):
    """booking_offered: a freed place is held for them. The link works once, needs no signing in, and is made when the message is sent."""

    offer_ends_at: str
    link: NotRequired[str | None]  # the booking's own page where it is left out
    approval: NotRequired[str | None]


class BookingEnded(BookingFacts):
    """offer_lapsed, offer_declined, approval_expired: the turn or request is over. No calendar entry went out for it."""

    was: NotRequired[str | None]
    reason: NotRequired[str | None]


class BookingCancelled(BookingFacts):
    """booking_cancelled: carries a calendar cancellation if they were booked."""

    was: Was  # the booking's state before
    cancelled_by: NotRequired[str | None]  # name; null when they did it themselves
    reason: NotRequired[str | None]
    pence: NotRequired[int | None]  # what a late cancellation costs their team
    appeal_by: NotRequired[str | None]


class BookingGiven(BookingFacts):
    """booking_given: a coordinator has given them a freed place. Carries an invitation unless approval is still pending."""

    given_by: NotRequired[str | None]
    approval_pending: NotRequired[bool]
    cancel_by: NotRequired[str | None]


class BookingPassed(BookingFacts):
    """booking_passed: a colleague has passed them a place. Carries an invitation unless approval is pending."""

    passed_by: NotRequired[str | None]
    approval_pending: NotRequired[bool]
    cancel_by: NotRequired[str | None]


class PlacePassed(BookingFacts):
    """place_passed: to whoever gave the place away. Carries a calendar cancellation if they were booked."""

    was: NotRequired[Was | None]
    passed_to: NotRequired[str | None]


class ReservationExpired(BookingFacts):
    """reservation_expired: to whoever reserved a place that nobody was named for in time."""


class Reminder(BookingFacts):
    """reminder: so many calendar days before. Carries the joining link, but no calendar entry: they have it."""

    days: int
    cancel_by: NotRequired[str | None]


# Approval ----------------------------------------------------------------------------------------------------------


class ApprovalAsked(BookingFacts):
    """approval_asked, approval_chased: to whoever decides. `booking_url` is the page where it is decided."""

    learner: str  # name of the person who would have the place
    cost_pence: NotRequired[int | None]
    status: NotRequired[str | None]  # as it is when the message is written
    decide_by: NotRequired[str | None]


class BookingRefused(BookingFacts):
    """booking_refused: a request was not approved. No calendar entry went out for it, so none is taken back."""

    refused_by: NotRequired[str | None]  # name
    reason: NotRequired[str | None]


# Afterwards --------------------------------------------------------------------------------------------------------


class Attended(BookingFacts):
    """attended: thanks, and what it counts for."""

    status: NotRequired[str | None]  # attended · partly attended


class Missed(BookingFacts):
    """missed: they were not there; what follows, and how to object."""

    pence: NotRequired[int | None]
    appeal_by: NotRequired[str | None]


class ChargeDecided(BookingFacts):
    """charge_decided: what became of an appeal or an excuse."""

    state: Literal["stands", "excused", "upheld", "overturned"]
    decision: NotRequired[str | None]  # the reason given
    pence: NotRequired[int | None]


class EvaluationAsked(BookingFacts):
    """evaluation_asked: about the session, or weeks later about its effect on practice."""

    evaluation_kind: Literal["after", "impact"]
    link: NotRequired[str | None]


class CertificateReady(BookingFacts):
    """certificate: it can be fetched."""

    path: NotRequired[str | None]


# A session and those who come to it or deliver it ------------------------------------------------------------------


class SessionChanged(BookingFacts):
    """session_changed: `when` is how it is now. Carries a new invitation if they are booked."""

    status: Was
    changes: list[str]  # what changed, a sentence each: "The room is now Oak Room."; at least one
    before: NotRequired[list[PartFacts] | None]  # the parts as they were, if their times changed
    notes: NotRequired[list[str] | None]  # further sentences for this reader: "You now have something else at that time."


class SessionCancelled(BookingFacts):
    """session_cancelled: carries a calendar cancellation if they were booked."""

    was: Was
    reason: NotRequired[str | None]
    notes: NotRequired[list[str] | None]  # further sentences for this reader, such as what they are offered instead


class PartsCancelled(BookingFacts):
    """parts_cancelled: to the booked, when some parts no longer take place. Takes just those out of the calendar."""

    off: list[PartFacts]


class SessionRuns(BookingFacts):
    """session_runs: it goes ahead, although it was in doubt."""


_Written = TypedDict("_Written", {"from": NotRequired[str | None], "subject": str, "body": str})


class SessionMessage(_Written, SessionFacts):
    """session_message: what a coordinator wrote, in their words. `from` is their name."""

    booking_url: NotRequired[str | None]


class TrainerSession(SessionFacts):
    """trainer_session_set: they deliver it. `when` is only what they deliver. Carries an invitation."""

    trainer_id: int


class TrainerSessionChanged(TrainerSession):
    """trainer_session_changed: carries a new invitation."""

    changes: list[str]
    before: NotRequired[list[PartFacts] | None]


class TrainerSessionCancelled(SessionFacts):
    """trainer_session_cancelled: `off` is what they no longer deliver, all of it or some. Takes it out of their calendar."""

    trainer_id: int
    off: list[PartFacts]
    whole: NotRequired[bool]  # they deliver nothing of it any more
    called_off: NotRequired[bool]  # the session is cancelled; otherwise somebody else delivers it or these parts are dropped
    reason: NotRequired[str | None]


class PlaceUnoffered(SessionFacts):
    """place_unoffered: to coordinators. A place is free, people wait, and too little time is left to offer it."""

    waiting: NotRequired[int | None]


class DecisionDue(SessionFacts):
    """decision_due: to coordinators. Fewer have booked than it needs, and the day to decide has come."""

    booked: NotRequired[int | None]
    min_numbers: NotRequired[int | None]
    decide_by: NotRequired[str | None]


class DatesAdded(CourseFacts):
    """dates_added: to the interested. `dates` are the next ones, read when the message is written."""

    dates: NotRequired[list[PartFacts] | None]


class PriorLearningDecided(CourseFacts):
    """prior_learning_decided: whether learning from elsewhere counts."""

    state: Literal["accepted", "refused"]
    decision: NotRequired[str | None]


class SupervisionDue(Everyone):
    """supervision_due: to whoever's supervision is overdue (`own`), and to those who manage or assess people whose is."""

    own: bool
    subjects: list[str]  # for themselves "since Friday 4 December 2026"; for others a line for each: "Ann Example, since …"
    link: str


# The service -------------------------------------------------------------------------------------------------------


class LeaversFlagged(Everyone):
    """leavers_flagged: to coordinators. How many things people who leave have left behind, at once; never whose."""

    flags: int
    link: str  # the list of what is still to be seen to


class ImportFinished(Everyone):
    """import_finished: to the HR officers, of an import that a program sent. Numbers only, never names."""

    applied: bool  # False: checked only, nothing changed
    joiners: int
    movers: int
    leavers: int
    rejoiners: NotRequired[int | None]
    changed: NotRequired[int | None]  # other changes
    unchanged: int
    problems: int  # rows that could not be used
    waiting: NotRequired[int | None]  # leavers who wait for a person to confirm them
    confirm: NotRequired[bool | None]  # so many would leave that a person has to apply it
    link: str  # the import's page


class WebhookStopped(Everyone):
    """webhook_stopped: to the administrators who look after the client. A system's name, and numbers."""

    subscription: str
    client: str
    what: str  # happened, in a sentence or two
    waiting: int  # deliveries
    link: str  # the subscription's page


class Digest(Everyone):
    """digest: what somebody chose to hear once a day."""

    subjects: list[str]  # of the messages it stands for, oldest first; at least one


FACTS: dict[str, Any] = {
    "booking_made": BookingMade,
    "booking_requested": BookingRequested,
    "booking_waiting": BookingWaiting,
    "booking_offered": BookingOffered,
    "offer_lapsed": BookingEnded,
    "offer_declined": BookingEnded,
    "booking_cancelled": BookingCancelled,
    "booking_given": BookingGiven,
    "booking_passed": BookingPassed,
    "place_passed": PlacePassed,
    "reservation_expired": ReservationExpired,
    "reminder": Reminder,
    "approval_asked": ApprovalAsked,
    "approval_chased": ApprovalAsked,
    "approval_expired": BookingEnded,
    "booking_refused": BookingRefused,
    "attended": Attended,
    "missed": Missed,
    "charge_decided": ChargeDecided,
    "evaluation_asked": EvaluationAsked,
    "certificate": CertificateReady,
    "session_changed": SessionChanged,
    "session_cancelled": SessionCancelled,
    "parts_cancelled": PartsCancelled,
    "session_runs": SessionRuns,
    "session_message": SessionMessage,
    "trainer_session_set": TrainerSession,
    "trainer_session_changed": TrainerSessionChanged,
    "trainer_session_cancelled": TrainerSessionCancelled,
    "place_unoffered": PlaceUnoffered,
    "decision_due": DecisionDue,
    "dates_added": DatesAdded,
    "prior_learning_decided": PriorLearningDecided,
    "supervision_due": SupervisionDue,
    "import_finished": ImportFinished,
    "leavers_flagged": LeaversFlagged,
    "webhook_stopped": WebhookStopped,
    "digest": Digest,
    **account_kinds.FACTS,
    **programme_kinds.FACTS,
    **renewal_kinds.FACTS,
    **pathway_kinds.FACTS,
    **report_kinds.FACTS,
    **talent_kinds.FACTS,
    **together_kinds.FACTS,
}

# What people may choose how to hear of. A kind that is not here is always e-mailed: offers, changes, cancellations, security.
TOPICS: dict[str, tuple[str, tuple[str, ...]]] = {
    "bookings": (
        "Bookings: places confirmed, requests, waiting lists, new dates",
        ("booking_made", "booking_requested", "booking_waiting", "offer_declined", "place_passed", "session_runs", "dates_added"),
    ),
    "reminders": ("Reminders before a session", ("reminder",)),
    "approvals": ("Requests for you to approve", ("approval_asked", "approval_chased")),
    "evaluation": (
        "Afterwards: attendance, certificates, questions about a session, earlier learning",
        ("attended", "certificate", "evaluation_asked", "prior_learning_decided"),
    ),
    "supervision": ("Supervision that is overdue, on Mondays", ("supervision_due",)),
    **programme_kinds.TOPICS,
    **renewal_kinds.TOPICS,
    **pathway_kinds.TOPICS,
    **report_kinds.TOPICS,
    **talent_kinds.TOPICS,
    **together_kinds.TOPICS,
}
AT_FIRST = {"comments": "digest"}  # how, until somebody chooses; at once where nothing stands here
TOPIC_OF = {f"email.{kind}": topic for topic, (_, kinds) in TOPICS.items() for kind in kinds}

# What the queue of messages and the inbox call each kind where the message itself is not written.
WORDS = {
    "email.booking_made": "Place confirmed",
    "email.booking_requested": "Approval asked for",
    "email.booking_waiting": "Joined the waiting list",
    "email.booking_offered": "Place offered",
    "email.offer_lapsed": "Offer ran out",
    "email.offer_declined": "Offer declined",
    "email.booking_cancelled": "Booking ended",
    "email.booking_given": "Place given from the waiting list",
    "email.booking_passed": "Place received from a colleague",
    "email.place_passed": "Place passed to a colleague",
    "email.reservation_expired": "Reserved place released",
    "email.reminder": "Reminder",
    "email.approval_asked": "Approval to decide",
    "email.approval_chased": "Approval still to decide",
    "email.approval_expired": "Request expired",
    "email.booking_refused": "Not approved",
    "email.attended": "Attendance recorded",
    "email.missed": "Recorded as not attended",
    "email.charge_decided": "Appeal or excuse decided",
    "email.evaluation_asked": "Questions about a session",
    "email.certificate": "Certificate ready",
    "email.session_changed": "Session changed",
    "email.session_cancelled": "Session cancelled",
    "email.parts_cancelled": "Part of a session cancelled",
    "email.session_runs": "Session goes ahead",
    "email.session_message": "Message about a session",
    "email.trainer_session_set": "Session to deliver",
    "email.trainer_session_changed": "Session to deliver changed",
    "email.trainer_session_cancelled": "Session to deliver called off",
    "email.place_unoffered": "Free place to see to",
    "email.decision_due": "Session to decide on",
    "email.dates_added": "New dates",
    "email.prior_learning_decided": "Earlier learning decided",
    "email.supervision_due": "Supervision overdue",
    "email.import_finished": "HR import finished",
    "email.leavers_flagged": "Left behind by leavers",
    "email.webhook_stopped": "Another system takes no changes",
    "email.digest": "Daily summary",
    **account_kinds.WORDS,
    **programme_kinds.WORDS,
    **renewal_kinds.WORDS,
    **pathway_kinds.WORDS,
    **report_kinds.WORDS,
    **talent_kinds.WORDS,
    **together_kinds.WORDS,
}
