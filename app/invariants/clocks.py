# ruff: noqa: S608 - the statements are put together from names and words that stand in this package or in the models
"""What must hold of everything that has its time: offers, requests, reserved places, kept places, and the places of those who have left."""

from __future__ import annotations

from app.bookings.models import LIVE_SQL
from app.invariants.rule import Rule

_LIVE_B = LIVE_SQL.replace("status", "b.status")

CLOCK_RULES = (
    Rule(
        "offers-have-an-end",
        "An offer has an end, before its session starts; nothing else has one.",
        "bookings",
        "SELECT b.id FROM bookings b JOIN sessions s ON s.id = b.session_id WHERE (b.status = 'offered') <> (b.offer_ends_at IS NOT NULL) "
        "OR b.offer_ends_at > s.starts_at",
    ),
    Rule(
        "requests-have-an-end",
        "A request that is pending has a day by which it is answered or expires.",
        "bookings",
        f"SELECT id FROM bookings WHERE approval = 'pending' AND {LIVE_SQL} AND approval_due_at IS NULL",
    ),
    Rule(
        "nothing-outlives-its-time",
        "An hour after its time was over no offer, no pending request and no reserved place is still open, no place is still to be passed "
        "on, and a day after it should have been no kept place is still to be released.",
        "records",
        "SELECT 'bookings ' || id FROM bookings WHERE status = 'offered' AND offer_ends_at < :lately UNION ALL "
        f"SELECT 'bookings ' || id FROM bookings WHERE approval = 'pending' AND {LIVE_SQL} AND approval_due_at < :lately UNION ALL "
        "SELECT 'bookings ' || id FROM bookings WHERE status = 'reserved' AND name_by < :lately UNION ALL "
        "SELECT 'pass_ons ' || id FROM pass_ons WHERE done_at IS NULL AND asked_at < :lately UNION ALL "
        "SELECT 'quotas ' || id FROM quotas WHERE released_at IS NULL AND release_on < :yesterday",
    ),
    Rule(
        "no-place-for-those-who-left",
        "Nobody who left before yesterday has a place or a turn on a session to come.",
        "bookings",
        "SELECT b.id FROM people p JOIN bookings b ON b.person_id = p.id JOIN sessions s ON s.id = b.session_id "
        f"WHERE p.leaving_on < :yesterday AND s.starts_at > :now AND {_LIVE_B}",
    ),
    Rule(
        "offer-links-open-their-own-offer",
        "A link that answers an offer is about a booking of the person it was sent to.",
        "links",
        "SELECT l.token_hash FROM links l LEFT JOIN bookings b ON b.id = l.subject_id WHERE l.purpose = 'offer' "
        "AND (b.id IS NULL OR b.person_id IS NULL OR b.person_id <> l.person_id)",
    ),
)
