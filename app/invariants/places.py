# ruff: noqa: S608 - the statements are put together from names and words that stand in this package or in the models
"""What must hold of places, turns and the order of the queue."""

from __future__ import annotations

from app.bookings.models import HOLDS_SQL, LIVE_SQL
from app.invariants.rule import SEEN, Rule, listed

_HELD = HOLDS_SQL.replace("status", "b.status")
_HISTORY = "audit WHERE subject = 'bookings' AND state IS NOT NULL"
_FIRST = f"(SELECT subject_id, min(id) AS first_id FROM {_HISTORY} GROUP BY subject_id)"
# Each booking's time on the waiting list, as ids of its history: since when, and until when (NULL: still there).
_WAITS = (
    "(SELECT j.subject_id, j.since, (SELECT min(l.id) FROM audit l WHERE l.subject = 'bookings' AND l.subject_id = j.subject_id "
    "AND l.state <> 'waiting' AND l.id > j.since) AS until FROM (SELECT subject_id, min(id) AS since FROM audit "
    "WHERE subject = 'bookings' AND state = 'waiting' GROUP BY subject_id) j)"
)
# When each booking took its seat, except where a coordinator put somebody first: the reason for that stands in the history.
_TOOK = (
    "(SELECT t.subject_id, t.at_id FROM (SELECT subject_id, min(id) AS at_id FROM audit WHERE subject = 'bookings' "
    "AND state IN ('reserved', 'requested', 'offered', 'booked') GROUP BY subject_id) t "
    "JOIN audit a ON a.id = t.at_id WHERE NOT (a.action = 'booking.given' AND CAST(a.facts AS TEXT) LIKE '%override%'))"
)
# Classes are compared as they are now, so whose class was changed since is left out.
_RECLASSED = (
    "SELECT 1 FROM audit c WHERE c.subject = 'bookings' AND c.subject_id IN (b.id, o.id) AND c.action = 'booking.priority-changed' "
    "AND c.id > t.at_id"
)
_FREE = (
    "SELECT p.session_id FROM places p LEFT JOIN bookings h ON h.session_id = p.session_id AND h.place = p.number "
    "WHERE NOT p.closing AND p.quota_id IS NULL AND h.id IS NULL"
)

PLACE_RULES = (
    Rule(
        "no-overbooking",
        "No session holds more bookings than it has places.",
        "sessions",
        f"SELECT b.session_id FROM bookings b WHERE {_HELD} GROUP BY b.session_id "
        "HAVING count(*) > (SELECT count(*) FROM places p WHERE p.session_id = b.session_id)",
    ),
    Rule(
        "one-booking-a-place",
        "No place is held by two bookings.",
        "sessions",
        "SELECT session_id FROM bookings WHERE place IS NOT NULL GROUP BY session_id, place HAVING count(*) > 1",
    ),
    Rule(
        "places-match-capacity",
        "A session has as many open places as its capacity says; a closing place is one that somebody still holds.",
        "sessions",
        "SELECT s.id FROM sessions s LEFT JOIN places p ON p.session_id = s.id AND NOT p.closing GROUP BY s.id, s.capacity "
        "HAVING count(p.number) <> s.capacity UNION SELECT p.session_id FROM places p LEFT JOIN bookings b ON b.session_id = p.session_id "
        "AND b.place = p.number WHERE p.closing AND b.id IS NULL",
    ),
    Rule(
        "one-live-booking-each",
        "A person has at most one live booking on a session.",
        "people",
        f"SELECT person_id FROM bookings WHERE {LIVE_SQL} AND person_id IS NOT NULL GROUP BY session_id, person_id HAVING count(*) > 1",
    ),
    Rule(
        "a-seat-when-the-state-holds-one",
        "A booking has a place exactly when its state holds one.",
        "bookings",
        f"SELECT id FROM bookings WHERE (place IS NOT NULL) <> ({HOLDS_SQL})",
    ),
    Rule(
        "somebody-is-named",
        "Every live booking is somebody's; a reserved place is nobody's yet, and whoever reserved it is known.",
        "bookings",
        f"SELECT id FROM bookings WHERE {LIVE_SQL} AND ((status = 'reserved') <> (person_id IS NULL) "
        "OR (status = 'reserved' AND booked_by IS NULL))",
    ),
    Rule(
        "approval-fits-the-state",
        "A request is pending; a place that is theirs needed no approval or was granted it; what was refused is declined, and a request "
        "that nobody answered has expired.",
        "bookings",
        "SELECT id FROM bookings WHERE (status = 'requested' AND approval <> 'pending') "
        f"OR (status IN ({listed(('booked', *SEEN))}) AND approval NOT IN ('not needed', 'granted')) "
        "OR (approval = 'refused' AND status <> 'declined') OR (approval = 'expired' AND status <> 'expired')",
    ),
    Rule(
        "turns-are-unique",
        "Turns of one session are given out once each, from 1, below the session's next turn; only a place "
        "that is passed on keeps its turn.",
        "sessions",
        "SELECT session_id FROM bookings WHERE passed_from IS NULL GROUP BY session_id, turn HAVING count(*) > 1 UNION "
        f"SELECT session_id FROM bookings WHERE {LIVE_SQL} GROUP BY session_id, turn HAVING count(*) > 1 UNION "
        "SELECT b.session_id FROM bookings b JOIN sessions s ON s.id = b.session_id WHERE b.turn >= s.next_turn OR b.turn < 1",
    ),
    Rule(
        "turns-follow-acceptance",
        "Whoever was accepted first has the earlier turn: turns rise in the order in which the bookings entered the history.",
        "bookings",
        "SELECT id FROM (SELECT b.id, j.first_id, lag(j.first_id) OVER (PARTITION BY b.session_id ORDER BY b.turn, b.id) AS before "
        f"FROM bookings b JOIN {_FIRST} j ON j.subject_id = b.id WHERE b.passed_from IS NULL) q WHERE q.before > q.first_id",
    ),
    Rule(
        "passed-on-with-its-turn",
        "A place that was passed on keeps its session, turn and class, and whoever gave it no longer has it.",
        "bookings",
        "SELECT b.id FROM bookings b JOIN bookings g ON g.id = b.passed_from WHERE g.session_id <> b.session_id OR g.turn <> b.turn "
        "OR g.priority <> b.priority OR g.status <> 'cancelled' OR g.id >= b.id",
    ),
    Rule(
        "nobody-overtaken",
        "Nobody took a seat while somebody of the same or a higher class who had asked earlier was waiting, unless a coordinator put them "
        "first and said why. A place that was passed on was taken by whoever first had it. Sessions that kept places for some people are "
        "left out: who may have which place depends on the day.",
        "bookings",
        f"SELECT b.id FROM bookings b JOIN {_TOOK} t ON t.subject_id = b.id JOIN bookings o ON o.session_id = b.session_id "
        "AND (o.priority < b.priority OR (o.priority = b.priority AND o.turn < b.turn)) "
        f"JOIN {_WAITS} w ON w.subject_id = o.id WHERE w.since < t.at_id AND (w.until IS NULL OR w.until > t.at_id) "
        f"AND b.passed_from IS NULL AND NOT EXISTS ({_RECLASSED}) "
        "AND NOT EXISTS (SELECT 1 FROM quotas q WHERE q.session_id = b.session_id) GROUP BY b.id",
    ),
    Rule(
        "no-seat-overlooked",
        "While there is time enough to offer it, no place that anybody may have is free on a session for "
        "which somebody waits, unless it is "
        "just about to be offered.",
        "sessions",
        "SELECT s.id FROM sessions s WHERE s.status = 'published' AND s.starts_at > :ahead AND (s.closes_at "
        "IS NULL OR s.closes_at > :ahead) "
        f"AND EXISTS (SELECT 1 FROM bookings w WHERE w.session_id = s.id AND w.status = 'waiting') AND s.id IN ({_FREE}) "
        "AND NOT EXISTS (SELECT 1 FROM pass_ons d WHERE d.session_id = s.id AND d.done_at IS NULL AND d.asked_at > :lately)",
    ),
    Rule(
        "kept-places-add-up",
        "A session says that it keeps places exactly while one of its quotas is not released, and its places are kept for no others. "
        "No quota has more places than it should.",
        "sessions",
        "SELECT s.id FROM sessions s WHERE s.has_quotas <> EXISTS (SELECT 1 FROM quotas q WHERE "
        "q.session_id = s.id AND q.released_at IS NULL) "
        "UNION SELECT p.session_id FROM places p JOIN quotas q ON q.id = p.quota_id WHERE q.session_id <> p.session_id "
        "OR q.released_at IS NOT NULL UNION SELECT q.session_id FROM quotas q JOIN places p ON p.quota_id = q.id "
        "GROUP BY q.id, q.session_id, q.places HAVING count(*) > q.places",
    ),
    Rule(
        "kept-places-go-to-their-people",
        "A place that is kept for a group or a part of the organisation is held by somebody who belongs to it or has done.",
        "bookings",
        "SELECT b.id FROM places p JOIN quotas q ON q.id = p.quota_id JOIN bookings b ON b.session_id = "
        "p.session_id AND b.place = p.number "
        "WHERE NOT EXISTS (SELECT 1 FROM group_members m WHERE m.group_id = q.group_id AND m.person_id = b.person_id) "
        "AND NOT EXISTS (SELECT 1 FROM memberships m JOIN unit_closure c ON c.descendant_id = m.unit_id "
        "WHERE c.ancestor_id = q.unit_id AND m.person_id = b.person_id)",
    ),
    Rule(
        "times-match-parts",
        "A session's times are those of its first and last part, and whatever is published has a part.",
        "sessions",
        "SELECT s.id FROM sessions s LEFT JOIN parts p ON p.session_id = s.id GROUP BY s.id, s.starts_at, s.ends_at, s.status "
        "HAVING min(p.starts_at) <> s.starts_at OR max(p.ends_at) <> s.ends_at OR (count(p.id) = 0 AND s.status = 'published')",
    ),
    Rule(
        "parts-hold-rooms-while-they-take-place",
        "Parts of a cancelled session hold no room, all others do; a trainer's times are those of the part.",
        "parts",
        "SELECT p.id FROM parts p JOIN sessions s ON s.id = p.session_id WHERE p.live <> (s.status <> 'cancelled') UNION "
        "SELECT p.id FROM parts p JOIN part_trainers t ON t.part_id = p.id "
        "WHERE t.starts_at <> p.starts_at OR t.ends_at <> p.ends_at OR t.live <> p.live",
    ),
)
