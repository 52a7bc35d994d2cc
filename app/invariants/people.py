# ruff: noqa: S608 - the statements are put together from names and words that stand in this package or in the models
"""What must hold of people, teams, rooms and trainers, and that nothing points at what is not there."""

from __future__ import annotations

from sqlalchemy import Table
from sqlalchemy.engine import Connection

from app import models
from app.core.db import FOREVER, is_postgresql
from app.invariants.rule import Rule, listed
from app.people.models import IN_GOOD_STANDING
from app.people.registrations import ENDED


def _overlap(table: str, key: str, starts: str, ends: str, where: str) -> str:
    """Two rows of one `key` whose `[starts, ends)` meet."""
    conditions = " AND ".join(f"{alias}.{part}" for part in where.split(" AND ") for alias in ("a", "b"))
    return (
        f"SELECT a.id FROM {table} a JOIN {table} b ON b.{key} = a.{key} AND b.id <> a.id AND b.{starts} < a.{ends} "
        f"AND a.{starts} < b.{ends} WHERE {conditions} GROUP BY a.id"
    )


def period_apart(table: str, more: str = "") -> str:
    """Two rows of one person that are believed now and overlap."""
    return _overlap(table, "person_id", "valid_from", "valid_to", "superseded_at IS NULL" + more)


def _swe_number(connection: Connection) -> str:
    wrong = (
        "swe_number !~ '^SW[1-9][0-9]{0,5}$'"
        if is_postgresql(connection)
        else "(swe_number NOT GLOB 'SW[1-9]*' OR substr(swe_number, 3) GLOB '*[^0-9]*' OR length(swe_number) > 8)"
    )
    return f"SELECT id FROM people WHERE swe_number IS NOT NULL AND {wrong}"


def _registrations(connection: Connection) -> str:
    """The latest of what is believed of each person, beside what stands on the person."""
    after = "p.registered_until + 1" if is_postgresql(connection) else "date(p.registered_until, '+1 day')"
    never = f"CAST('{FOREVER}' AS DATE)" if is_postgresql(connection) else f"'{FOREVER}'"
    ends = f"CASE WHEN p.registered_until IS NULL OR p.registration_status IN ({listed(ENDED)}) THEN {never} ELSE {after} END"
    live = "FROM registrations r WHERE r.person_id = p.id AND r.superseded_at IS NULL"
    latest = "SELECT max(l.valid_from) FROM registrations l WHERE l.person_id = p.id AND l.superseded_at IS NULL"
    return (
        f"SELECT p.id FROM people p WHERE p.registration_status IS NULL AND EXISTS (SELECT 1 {live} AND r.valid_to > :today) UNION "
        f"SELECT p.id FROM people p WHERE p.registration_status IS NOT NULL AND NOT EXISTS (SELECT 1 {live} "
        f"AND r.status = p.registration_status AND r.valid_to = {ends} AND r.valid_from = ({latest})) UNION "
        f"SELECT p.id FROM people p WHERE p.registration_status IN ({listed(IN_GOOD_STANDING)}) AND p.registered_from IS NOT NULL "
        f"AND NOT EXISTS (SELECT 1 {live} AND r.valid_from = p.registered_from)"
    )


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
    Rule("primary-posts-apart", "Nobody has two primary posts at once.", "posts", period_apart("posts", " AND is_primary")),
    Rule("memberships-apart", "Nobody belongs to two teams at once.", "memberships", period_apart("memberships")),
    Rule("stages-apart", "Nobody is at two career stages at once.", "stages", period_apart("stages")),
    Rule(
        "managers-apart", "Nobody has two managers at once.", "responsibilities", period_apart("responsibilities", " AND kind = 'manager'")
    ),
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
    Rule("registrations-apart", "The register says one thing of a person at a time.", "registrations", period_apart("registrations")),
    Rule(
        "register-in-step",
        "What stands on a person is the last that is believed of their registration: its last day and, if they are registered, its first.",
        "people",
        _registrations,
    ),
    Rule(
        "findable",
        "People, units and courses have the text by which they are searched.",
        "records",
        " UNION ALL ".join(f"SELECT '{table} ' || id FROM {table} WHERE search_text = ''" for table in ("people", "units", "courses")),
    ),
    Rule("no-orphans", "Nothing points at a row that is not there.", "records", _orphans),
)
