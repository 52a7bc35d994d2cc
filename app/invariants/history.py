# ruff: noqa: S608 - the statements are put together from names and words that stand in this package or in the models
"""What must hold of histories, and of the messages that tell people what is in them."""

from __future__ import annotations

from app.invariants.rule import BEGINNINGS, MOVES, Rule, listed

_HISTORY = "audit WHERE subject = 'bookings' AND state IS NOT NULL"
_FIRST = f"(SELECT subject_id, min(id) AS first_id FROM {_HISTORY} GROUP BY subject_id)"
_MADE = {"booked": "email.booking_made", "requested": "email.booking_requested", "waiting": "email.booking_waiting"}
# What each move tells the person, by its action and, where one action leads to several states, the state it led to.
_TOLD: dict[str, str | dict[str, str]] = {
    "booking.made": _MADE,
    "booking.named": _MADE,
    "booking.accepted": _MADE,
    "booking.offered": "email.booking_offered",
    "booking.offer-declined": "email.offer_declined",
    "booking.offer-lapsed": "email.offer_lapsed",
    "booking.given": "email.booking_given",
    "booking.refused": "email.booking_refused",
    "booking.approval-expired": "email.approval_expired",
    "booking.passed": "email.place_passed",
    "booking.received": "email.booking_passed",
}
# What is said when its time has come or because of something else that is on record, not because the booking moved.
_UNMOVED = (
    "email.reminder",
    "email.approval_chased",
    "email.evaluation_asked",
    "email.certificate",
    "email.digest",
    "email.charge_decided",
)


def _told_kind() -> str:
    """SQL: the kind of message that the history's row `a` must have told."""
    cases = []
    for action, kind in _TOLD.items():
        if isinstance(kind, str):
            cases.append(f"WHEN a.action = '{action}' THEN '{kind}'")
        else:
            cases += [f"WHEN a.action = '{action}' AND a.state = '{state}' THEN '{each}'" for state, each in kind.items()]
    return f"CASE {' '.join(cases)} END"


_BEGUN = " OR ".join(f"(a.action = '{action}' AND a.state IN ({listed(states)}))" for action, states in BEGINNINGS.items())

HISTORY_RULES = (
    Rule(
        "history-exists",
        "Every booking has a history, which begins with it being made (or received from a colleague, "
        "reserved, moved from a session that was "
        "called off, or imported, for a bulk load) and does so once.",
        "bookings",
        "SELECT b.id FROM bookings b LEFT JOIN audit a ON a.subject = 'bookings' AND a.subject_id = b.id "
        f"AND a.action IN ({listed(tuple(BEGINNINGS))}) GROUP BY b.id HAVING count(a.id) <> 1 UNION "
        f"SELECT a.subject_id FROM audit a JOIN {_FIRST} j ON j.first_id = a.id WHERE NOT ({_BEGUN})",
    ),
    Rule(
        "history-allows-each-move",
        "Each state in a booking's history may follow the one before it; only what ended with somebody's leaving, by mistake, is taken up "
        "again.",
        "bookings",
        "SELECT subject_id FROM (SELECT subject_id, state, action, lag(state) OVER (PARTITION BY subject_id ORDER BY id) AS was "
        f"FROM {_HISTORY}) h WHERE was IS NOT NULL AND NOT (action = 'booking.restored' AND was = 'cancelled') "
        "AND was || '>' || state NOT IN "
        f"({listed(tuple(f'{was}>{now}' for was, then in MOVES.items() for now in then))}) GROUP BY subject_id",
    ),
    Rule(
        "history-ends-in-the-state",
        "A booking is in the state that its history ends with.",
        "bookings",
        f"SELECT b.id FROM bookings b JOIN (SELECT subject_id, max(id) AS last_id FROM {_HISTORY} GROUP BY subject_id) l "
        "ON l.subject_id = b.id JOIN audit a ON a.id = l.last_id WHERE a.state <> b.status",
    ),
    Rule(
        "told-once",
        "Whoever's booking was made, named, offered, accepted, declined, given, refused or passed on, or "
        "ended because its time was over, has "
        "exactly one message about that.",
        "bookings",
        "SELECT a.subject_id FROM audit a LEFT JOIN outbox o ON o.subject = 'bookings' AND o.subject_id = a.subject_id "
        f"AND o.created_at = a.at AND o.person_id = a.person_id AND o.kind = {_told_kind()} "
        f"WHERE a.subject = 'bookings' AND a.action IN ({listed(tuple(_TOLD))}) AND a.person_id IS NOT NULL "
        "GROUP BY a.id, a.subject_id HAVING count(o.id) <> 1",
    ),
    Rule(
        "no-message-without-its-cause",
        "Every message that a booking has changed tells of something in the history of that booking or of its session, at that instant.",
        "outbox",
        "SELECT o.id FROM outbox o LEFT JOIN bookings b ON b.id = o.subject_id WHERE o.subject = 'bookings' AND (b.id IS NULL "
        f"OR (o.kind NOT IN ({listed(_UNMOVED)}) AND NOT EXISTS (SELECT 1 FROM audit a WHERE a.at = o.created_at "
        "AND a.subject = 'bookings' AND a.subject_id = b.id) AND NOT EXISTS "
        "(SELECT 1 FROM audit a WHERE a.at = o.created_at AND a.subject = 'sessions' AND a.subject_id = b.session_id)))",
    ),
    Rule(
        "sent-or-set-aside",
        "No message is both sent and set aside, each goes by e-mail, in a summary or to the inbox only, and "
        "a summary tells its own reader.",
        "outbox",
        "SELECT id FROM outbox WHERE (sent_at IS NOT NULL AND parked_at IS NOT NULL) OR how NOT IN ('email', 'digest', 'inbox') UNION "
        "SELECT o.id FROM outbox o JOIN outbox d ON d.id = o.digest_id WHERE d.person_id <> o.person_id",
    ),
    Rule(
        "reminded-once",
        "Each reminder that was noted as said has exactly one message, and no reminder went out without being noted.",
        "reminders",
        "SELECT n.key FROM notices n LEFT JOIN outbox o ON o.kind = 'email.reminder' AND o.created_at = n.at "
        "AND n.key LIKE 'reminder:%:' || o.subject_id WHERE n.key LIKE 'reminder:%' GROUP BY n.key HAVING count(o.id) <> 1 UNION ALL "
        "SELECT 'outbox ' || o.id FROM outbox o WHERE o.kind = 'email.reminder' AND NOT EXISTS (SELECT 1 FROM notices n "
        "WHERE n.at = o.created_at AND n.key LIKE 'reminder:%:' || o.subject_id)",
    ),
)
