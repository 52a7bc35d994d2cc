"""What must hold of published figures."""

from __future__ import annotations

from app.invariants.rule import Rule

# Each published family: the lines of a breakdown that add up to one line, with that line.
_PARTS = """
    SELECT p.close_id, p.hidden, p.num, p.den, c.sum, c.lines, c.given, c.hidden AS parts_hidden, c.shown
    FROM (
        SELECT close_id, measure, breakdown, parent_key, SUM(num) AS sum, COUNT(*) AS lines, COUNT(num) AS given,
            SUM(CASE WHEN hidden AND (num > 0 OR den > 0) THEN 1 ELSE 0 END) AS hidden, SUM(CASE WHEN hidden THEN 0 ELSE 1 END) AS shown
        FROM measure_cells WHERE breakdown <> 'all' GROUP BY close_id, measure, breakdown, parent_key
    ) c
    JOIN measure_cells p ON p.close_id = c.close_id AND p.measure = c.measure AND p.group_key = COALESCE(c.parent_key, '')
        AND p.breakdown = CASE WHEN c.parent_key IS NULL THEN 'all' ELSE c.breakdown END
"""

CELL_RULES = (
    Rule(
        "hidden-with-all-in-it",
        "Nothing is shown of what lies in a hidden figure.",
        "measure_closes",
        f"SELECT DISTINCT close_id FROM ({_PARTS}) x WHERE hidden AND shown > 0",  # noqa: S608 - our own words
    ),
    Rule(
        "nothing-hidden-alone",
        "No figure is hidden alone among the parts of one that is shown: it could be worked out by subtracting.",
        "measure_closes",
        f"SELECT DISTINCT close_id FROM ({_PARTS}) x WHERE NOT hidden AND parts_hidden = 1 AND num > 0 AND num <> den",  # noqa: S608
    ),
    Rule(
        "parts-add-up",
        "The parts of a published figure add up to it.",
        "measure_closes",
        f"SELECT DISTINCT close_id FROM ({_PARTS}) x WHERE given = lines AND num <> sum",  # noqa: S608
    ),
    Rule(
        "months-in-turn",
        "The months of an organisation are published one after the other.",
        "measure_closes",
        "SELECT later.id FROM measure_closes later JOIN measure_closes earlier ON earlier.organisation_id = later.organisation_id "
        "AND earlier.id < later.id AND earlier.month_end > later.month_end",
    ),
)
