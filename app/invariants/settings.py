"""What must hold of visits to settings, and of equity in figures."""

from __future__ import annotations

from app.invariants.rule import Rule

_PLANNED_TWICE = """
SELECT max(v.id) FROM setting_visits v
WHERE v.kind = 'planned' AND NOT EXISTS (SELECT 1 FROM setting_visits a WHERE a.answers_id = v.id)
GROUP BY v.organisation_id HAVING count(*) > 1
"""
_ANSWERS = """
SELECT a.id FROM setting_visits a JOIN setting_visits v ON v.id = a.answers_id
WHERE a.organisation_id <> v.organisation_id
  OR (a.kind IN ('held', 'called off') AND v.kind <> 'planned') OR (a.kind = 'taken back' AND v.kind <> 'held')
"""
_OWN = """
SELECT v.id FROM setting_visits v JOIN units u ON u.id = v.organisation_id WHERE u.kind <> 'organisation' OR u.host
UNION SELECT k.organisation_id FROM setting_kinds k JOIN units u ON u.id = k.organisation_id WHERE u.kind <> 'organisation' OR u.host
"""
_UNCOUNTED = """
SELECT m.id FROM equality_measured m WHERE NOT EXISTS (SELECT 1 FROM equality_counted c WHERE c.measured_id = m.id) AND m.told IS NOT NULL
"""

SETTING_RULES = (
    Rule("one-visit-planned", "No setting has two open plans for a visit.", "setting_visits", _PLANNED_TWICE),
    Rule(
        "visits-answer-what-they-can",
        "A visit or a call-off answers a plan, and what is taken back was held, all at the same setting.",
        "setting_visits",
        _ANSWERS,
    ),
    Rule("visits-are-to-settings", "Visits and kinds are of organisations that are not the host.", "units", _OWN),
    Rule(
        "equity-knows-whom-it-counted",
        "Of all equity in figures that was published it is kept who was counted, so that no later one can tell on the few who differ.",
        "equality_measured",
        _UNCOUNTED,
    ),
)
