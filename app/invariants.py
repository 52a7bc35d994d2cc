# ruff: noqa: S608 - the statements are put together from names and words that stand in this file or in the models
"""The auditor: every rule that the data must obey, asked of the whole database at once. `python -m app check-invariants` runs it.

Most rules are guarded by a constraint as well; the auditor trusts none of them, so that it also finds what a restored backup, a lost index
or a hand-written UPDATE has broken. Each rule is one statement that answers with the rows that break it. docs/bookings.md lists them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Date, Table, bindparam, text
from sqlalchemy.engine import Connection

from app import models
from app.bookings.models import HOLDS_SQL, LIVE_SQL, Status
from app.core.db import Database, is_postgresql
from app.core.tx import Tx
from app.core.work import job

SHOWN = 20  # ids named for each broken rule

# From each state of a booking, where it may go next. A waiting turn that is approved stays waiting.
_SEEN = ("attended", "partly attended", "did not attend", "excused")
STARTS = ("reserved", "requested", "waiting", "booked")
MOVES: dict[str, tuple[str, ...]] = {
    "reserved": ("requested", "booked", "cancelled", "expired"),
    "requested": ("booked", "cancelled", "declined", "expired"),
    "waiting": ("waiting", "offered", "requested", "booked", "cancelled", "declined", "expired"),
    "offered": ("offered", "booked", "requested", "cancelled", "declined", "expired"),
    "booked": ("cancelled", *_SEEN),
    **{state: tuple(other for other in _SEEN if other != state) for state in _SEEN},
    **dict.fromkeys(("cancelled", "declined", "expired"), ()),
}
assert set(MOVES) == {status.value for status in Status}  # each has its line


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that does not hold: its name, what is wrong in words, and the first ids of the rows that break it."""

    rule: str
    detail: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """`says` is what must hold; `sql` selects, as its first column, the ids of the rows of `of` that break it."""

    name: str
    says: str
    of: str
    sql: str | Callable[[Connection], str]


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


_HELD = HOLDS_SQL.replace("status", "b.status")
_HISTORY = "audit WHERE subject = 'bookings' AND state IS NOT NULL"
_FIRST = f"(SELECT subject_id, min(id) AS first_id FROM {_HISTORY} GROUP BY subject_id)"
# Each booking's time on the waiting list, as ids of its history: since when, and until when (NULL: still there).
_WAITS = (
    "(SELECT j.subject_id, j.since, (SELECT min(l.id) FROM audit l WHERE l.subject = 'bookings' AND l.subject_id = j.subject_id "
    "AND l.state <> 'waiting' AND l.id > j.since) AS until FROM (SELECT subject_id, min(id) AS since FROM audit "
    "WHERE subject = 'bookings' AND state = 'waiting' GROUP BY subject_id) j)"
)
_TOOK = (
    "(SELECT subject_id, min(id) AS at_id FROM audit WHERE subject = 'bookings' AND state IN ('requested', 'offered', 'booked') "
    "GROUP BY subject_id)"
)

BOOKING_RULES = (
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
        f"SELECT person_id FROM bookings WHERE {LIVE_SQL} GROUP BY session_id, person_id HAVING count(*) > 1",
    ),
    Rule(
        "a-seat-when-the-state-holds-one",
        "A booking has a place exactly when its state holds one.",
        "bookings",
        f"SELECT id FROM bookings WHERE (place IS NOT NULL) <> ({HOLDS_SQL})",
    ),
    Rule(
        "approval-fits-the-state",
        "A request is pending; a booked place needed no approval or was granted it.",
        "bookings",
        "SELECT id FROM bookings WHERE (status = 'requested' AND approval <> 'pending') "
        "OR (status = 'booked' AND approval NOT IN ('not needed', 'granted'))",
    ),
    Rule(
        "turns-are-unique",
        "Turns of one session are given out once each, from 1, below the session's next turn.",
        "sessions",
        "SELECT session_id FROM bookings GROUP BY session_id, turn HAVING count(*) > 1 UNION "
        "SELECT b.session_id FROM bookings b JOIN sessions s ON s.id = b.session_id WHERE b.turn >= s.next_turn OR b.turn < 1",
    ),
    Rule(
        "turns-follow-acceptance",
        "Whoever was accepted first has the earlier turn: turns rise in the order in which the bookings entered the history.",
        "bookings",
        "SELECT id FROM (SELECT b.id, j.first_id, lag(j.first_id) OVER (PARTITION BY b.session_id ORDER BY b.turn, b.id) AS before "
        f"FROM bookings b JOIN {_FIRST} j ON j.subject_id = b.id) q WHERE q.before > q.first_id",
    ),
    Rule(
        "nobody-overtaken",
        "Nobody took a seat while somebody of the same or a higher class who had asked earlier was waiting.",
        "bookings",
        f"SELECT b.id FROM bookings b JOIN {_TOOK} t ON t.subject_id = b.id JOIN bookings o ON o.session_id = b.session_id "
        "AND (o.priority < b.priority OR (o.priority = b.priority AND o.turn < b.turn)) "
        f"JOIN {_WAITS} w ON w.subject_id = o.id WHERE w.since < t.at_id AND (w.until IS NULL OR w.until > t.at_id) GROUP BY b.id",
    ),
    Rule(
        "no-seat-overlooked",
        "While somebody waits, no more open seats are free than were given up: those are kept for the head of the list. "
        "Sessions that were changed after the first of them began to wait are left out, since places may have been added.",
        "sessions",
        "SELECT w.session_id FROM (SELECT b.session_id, min(j.first_id) AS first_id FROM bookings b "
        f"JOIN {_FIRST} j ON j.subject_id = b.id WHERE b.status = 'waiting' GROUP BY b.session_id) w "
        "WHERE (SELECT count(*) FROM places p LEFT JOIN bookings h ON h.session_id = p.session_id AND h.place = p.number "
        "WHERE p.session_id = w.session_id AND NOT p.closing AND h.id IS NULL) > (SELECT count(*) FROM bookings g "
        f"JOIN {_TOOK} t ON t.subject_id = g.id WHERE g.session_id = w.session_id AND g.place IS NULL) "
        "AND NOT EXISTS (SELECT 1 FROM audit a WHERE a.subject = 'sessions' AND a.subject_id = w.session_id AND a.id > w.first_id)",
    ),
    Rule(
        "history-exists",
        "Every booking has a history, which begins with it being made (or imported, for a bulk load) and does so once.",
        "bookings",
        "SELECT b.id FROM bookings b LEFT JOIN audit a ON a.subject = 'bookings' AND a.subject_id = b.id "
        "AND a.action IN ('booking.made', 'booking.imported') GROUP BY b.id HAVING count(a.id) <> 1 UNION "
        f"SELECT a.subject_id FROM audit a JOIN {_FIRST} j ON j.first_id = a.id "
        f"WHERE a.action NOT IN ('booking.made', 'booking.imported') OR (a.action = 'booking.made' AND a.state NOT IN ({_listed(STARTS)}))",
    ),
    Rule(
        "history-allows-each-move",
        "Each state in a booking's history may follow the one before it.",
        "bookings",
        "SELECT subject_id FROM (SELECT subject_id, state, lag(state) OVER (PARTITION BY subject_id ORDER BY id) AS was "
        f"FROM {_HISTORY}) h WHERE was IS NOT NULL AND was || '>' || state NOT IN "
        f"({_listed(tuple(f'{was}>{now}' for was, then in MOVES.items() for now in then))}) GROUP BY subject_id",
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
        "Each booking that was made has exactly one message telling its person so.",
        "bookings",
        "SELECT a.subject_id FROM audit a JOIN bookings b ON b.id = a.subject_id LEFT JOIN outbox o ON o.subject = 'bookings' "
        "AND o.subject_id = a.subject_id AND o.created_at = a.at AND o.person_id = b.person_id "
        "AND o.kind IN ('email.booking_made', 'email.booking_requested', 'email.booking_waiting') "
        "WHERE a.subject = 'bookings' AND a.action = 'booking.made' GROUP BY a.id, a.subject_id HAVING count(o.id) <> 1",
    ),
    Rule(
        "no-message-without-its-cause",
        "Every message about a booking tells of something in the history of that booking or of its session, at that instant.",
        "outbox",
        "SELECT o.id FROM outbox o LEFT JOIN bookings b ON b.id = o.subject_id WHERE o.subject = 'bookings' AND (b.id IS NULL "
        "OR NOT EXISTS (SELECT 1 FROM audit a WHERE a.at = o.created_at AND a.subject = 'bookings' AND a.subject_id = b.id) AND NOT EXISTS "
        "(SELECT 1 FROM audit a WHERE a.at = o.created_at AND a.subject = 'sessions' AND a.subject_id = b.session_id))",
    ),
    Rule(
        "sent-or-set-aside",
        "No message is both sent and set aside.",
        "outbox",
        "SELECT id FROM outbox WHERE sent_at IS NOT NULL AND parked_at IS NOT NULL",
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


def _overlap(table: str, key: str, starts: str, ends: str, where: str) -> str:
    """Two rows of one `key` whose `[starts, ends)` meet."""
    conditions = " AND ".join(f"{alias}.{part}" for part in where.split(" AND ") for alias in ("a", "b"))
    return (
        f"SELECT a.id FROM {table} a JOIN {table} b ON b.{key} = a.{key} AND b.id <> a.id AND b.{starts} < a.{ends} "
        f"AND a.{starts} < b.{ends} WHERE {conditions} GROUP BY a.id"
    )


def _period(table: str, more: str = "") -> str:
    return _overlap(table, "person_id", "valid_from", "valid_to", "superseded_at IS NULL" + more)


def _swe_number(connection: Connection) -> str:
    wrong = (
        "swe_number !~ '^SW[1-9][0-9]{0,5}$'"
        if is_postgresql(connection)
        else "(swe_number NOT GLOB 'SW[1-9]*' OR substr(swe_number, 3) GLOB '*[^0-9]*' OR length(swe_number) > 8)"
    )
    return f"SELECT id FROM people WHERE swe_number IS NOT NULL AND {wrong}"


# Follows each person's managers upwards, keeping the days on which the whole chain holds, until somebody meets themselves.
_CIRCLE = """
WITH RECURSIVE up(start, holder, since, until, depth) AS (
  SELECT person_id, holder_id, valid_from, valid_to, 1 FROM responsibilities
  WHERE kind = 'manager' AND superseded_at IS NULL AND valid_to > :today
  UNION
  SELECT up.start, r.holder_id, CASE WHEN r.valid_from > up.since THEN r.valid_from ELSE up.since END,
    CASE WHEN r.valid_to < up.until THEN r.valid_to ELSE up.until END, up.depth + 1
  FROM up JOIN responsibilities r ON r.person_id = up.holder AND r.kind = 'manager' AND r.superseded_at IS NULL AND r.valid_to > :today
    AND r.valid_from < up.until AND up.since < r.valid_to
  WHERE up.holder <> up.start AND up.depth < 40
)
SELECT start FROM up WHERE holder = start OR depth >= 40 GROUP BY start
"""
_TREE = """
SELECT u.id FROM units u LEFT JOIN unit_closure c ON c.ancestor_id = u.id AND c.descendant_id = u.id AND c.depth = 0 WHERE c.depth IS NULL
UNION
SELECT u.id FROM units u JOIN unit_closure above ON above.descendant_id = u.parent_id
  LEFT JOIN unit_closure c ON c.ancestor_id = above.ancestor_id AND c.descendant_id = u.id AND c.depth = above.depth + 1
  WHERE c.depth IS NULL
UNION
SELECT c.descendant_id FROM unit_closure c JOIN units u ON u.id = c.descendant_id
  LEFT JOIN unit_closure above ON above.ancestor_id = c.ancestor_id AND above.descendant_id = u.parent_id
  WHERE c.ancestor_id <> c.descendant_id AND above.depth IS NULL
UNION
SELECT u.id FROM units u JOIN units p ON p.id = u.parent_id WHERE u.organisation_id IS NULL OR u.organisation_id <> p.organisation_id
"""


def _orphans(_: Connection) -> str:
    """For every foreign key of every table: rows that point at nothing. And what points without a key: histories, trainers' duties."""
    found = [_orphans_of(table) for table in models.metadata.sorted_tables]
    found.append(
        "SELECT 'audit ' || a.id FROM audit a LEFT JOIN bookings b ON b.id = a.subject_id WHERE a.subject = 'bookings' AND b.id IS NULL"
    )
    found.append(
        "SELECT 'responsibilities ' || r.id FROM responsibilities r WHERE r.subject LIKE 'session:%' AND NOT EXISTS "
        "(SELECT 1 FROM sessions s WHERE s.id = CAST(substr(r.subject, 9) AS INTEGER))"
    )
    return " UNION ALL ".join(part for part in found if part)


def _orphans_of(table: Table) -> str:
    parts = []
    for constraint in sorted(table.foreign_key_constraints, key=lambda each: str(each.name)):
        pairs = [(element.parent.name, element.column.name) for element in constraint.elements]
        on = " AND ".join(f"t.{theirs} = c.{ours}" for ours, theirs in pairs)
        given = " AND ".join(f"c.{ours} IS NOT NULL" for ours, _ in pairs)
        parts.append(
            f"SELECT '{table.name}.{pairs[-1][0]} ' || c.{pairs[-1][0]} FROM {table.name} c "
            f"WHERE {given} AND NOT EXISTS (SELECT 1 FROM {constraint.referred_table.name} t WHERE {on})"
        )
    return " UNION ALL ".join(parts)


PEOPLE_RULES = (
    Rule("primary-posts-apart", "Nobody has two primary posts at once.", "posts", _period("posts", " AND is_primary")),
    Rule("memberships-apart", "Nobody belongs to two teams at once.", "memberships", _period("memberships")),
    Rule("stages-apart", "Nobody is at two career stages at once.", "stages", _period("stages")),
    Rule("managers-apart", "Nobody has two managers at once.", "responsibilities", _period("responsibilities", " AND kind = 'manager'")),
    Rule("no-management-circle", "Nobody manages themselves through others, today or later.", "people", _CIRCLE),
    Rule("rooms-apart", "No room is used twice at once.", "parts", _overlap("parts", "room_id", "starts_at", "ends_at", "live")),
    Rule(
        "trainers-apart",
        "No trainer is in two places at once.",
        "part_trainers",
        _overlap("part_trainers", "person_id", "starts_at", "ends_at", "live"),
    ),
    Rule("tree-is-complete", "Every unit is listed under itself and each of its ancestors, at the right distance.", "units", _TREE),
    Rule("registration-number-form", "A Social Work England number is SW and one to six digits.", "people", _swe_number),
    Rule(
        "findable",
        "People, units and courses have the text by which they are searched.",
        "records",
        " UNION ALL ".join(f"SELECT '{table} ' || id FROM {table} WHERE search_text = ''" for table in ("people", "units", "courses")),
    ),
    Rule("no-orphans", "Nothing points at a row that is not there.", "records", _orphans),
)
RULES: tuple[Rule, ...] = BOOKING_RULES + PEOPLE_RULES


def check(tx: Tx) -> list[Violation]:
    """Every rule that is broken, with the first of the rows that break it."""
    found = []
    for rule in RULES:
        sql = rule.sql if isinstance(rule.sql, str) else rule.sql(tx.db)
        statement = text(sql)
        if ":today" in sql:
            statement = statement.bindparams(bindparam("today", tx.today, type_=Date))
        rows = tx.db.execute(statement).all()
        if rows:
            ids = tuple(str(row[0]) for row in rows[:SHOWN])
            more = " and more" if len(rows) > SHOWN else ""
            detail = f"{rule.says} Broken by {len(rows):,} of {rule.of}: {', '.join(ids)}{more}."
            found.append(Violation(rule.name, detail, ids))
    return found


def report(database: Database, as_json: bool = False) -> int:
    """Check everything in one read transaction and print what is found; returns 0 if every rule holds, else 1."""
    with job(database, writes=False, snapshot=True) as tx:
        if is_postgresql(tx.db):
            tx.db.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))  # all rules see one moment
        violations = check(tx)
    if as_json:
        listed: list[dict[str, Any]] = [{"rule": each.rule, "detail": each.detail, "ids": list(each.ids)} for each in violations]
        lines = [json.dumps({"ok": not violations, "rules": len(RULES), "violations": listed}, indent=2, ensure_ascii=False)]
    else:
        lines = [f"{each.rule}: {each.detail}" for each in violations]
        lines.append(f"{len(violations)} of {len(RULES)} rules are broken." if violations else f"All {len(RULES)} rules hold.")
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if violations else 0
