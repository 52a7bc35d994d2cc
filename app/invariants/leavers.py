# ruff: noqa: S608 - the statements are put together from names and words that stand in this package or in the models
"""What must hold of those who leave: nothing held after the last day, and nothing done before a person has confirmed it."""

from __future__ import annotations

from app.invariants.rule import Rule


def _held(table: str, whose: str, more: str = "") -> str:
    """What somebody who has left holds still, and held when their leaving was seen to."""
    return (
        f"SELECT '{table} ' || h.id FROM departures d JOIN people p ON p.id = d.person_id AND p.leaving_on = d.last_day "
        f"JOIN {table} h ON h.{whose} = p.id WHERE d.state = 'done' AND p.leaving_on < :yesterday AND h.superseded_at IS NULL "
        f"AND h.valid_to > :today AND h.recorded_at <= d.done_at{more}"
    )


LEAVER_RULES = (
    Rule(
        "nothing-held-by-those-who-left",
        "Nobody who has left holds a role, a duty, a team, a manager or a place in a group that was theirs when they left.",
        "records",
        " UNION ALL ".join(
            (
                _held("roles_held", "person_id"),
                _held("responsibilities", "holder_id"),
                _held("responsibilities", "person_id", " AND h.kind IN ('manager', 'deputy')"),
                _held("memberships", "person_id"),
                _held("group_members", "person_id"),
            )
        ),
    ),
    Rule(
        "departures-have-their-day",
        "Whoever is leaving has a last day, and within an hour of its being over, or taken back, their departure says so.",
        "departures",
        "SELECT d.id FROM departures d JOIN people p ON p.id = d.person_id WHERE d.state = 'due' AND d.asked_at < :lately "
        "AND p.updated_at < :lately AND (p.leaving_on IS NULL OR d.last_day < :yesterday)",
    ),
    Rule(
        "effects-of-what-came-to-pass",
        "Only of somebody who leaves or has left does anything follow; of whoever waits to be confirmed, stays or was restored all of it "
        "was taken back, or says why not.",
        "departure_effects",
        "SELECT e.id FROM departure_effects e JOIN departures d ON d.id = e.departure_id "
        "WHERE d.state IN ('waiting', 'dropped', 'restored') AND e.undone_at IS NULL AND e.not_undone IS NULL",
    ),
    Rule(
        "held-runs-wait",
        "Exactly while leavers of one run wait because they are too many is it held; once confirmed nobody of it waits.",
        "leaver_runs",
        "SELECT r.id FROM leaver_runs r LEFT JOIN departures d ON d.run_id = r.id AND d.state = 'waiting' "
        "WHERE (r.state = 'held' AND d.id IS NULL) OR (r.state = 'confirmed' AND d.id IS NOT NULL) GROUP BY r.id",
    ),
)
