"""What must hold of webhooks: each change made out once, up to where it was reached, and nothing left open where nothing is sent."""

from __future__ import annotations

from app.invariants.rule import Rule

_BEYOND = """
SELECT d.id FROM webhook_deliveries d JOIN subscriptions s ON s.id = d.subscription_id
WHERE d.number IS NOT NULL AND (d.number <= s.since OR d.number > s.reached)
UNION SELECT s.id FROM subscriptions s WHERE s.reached > (SELECT coalesce(max(number), 0) FROM changes)
"""
_TWICE = """
SELECT max(id) FROM webhook_deliveries WHERE number IS NOT NULL GROUP BY subscription_id, number HAVING count(*) > 1
UNION SELECT max(id) FROM webhook_deliveries GROUP BY subscription_id, message_id HAVING count(*) > 1
"""
_ENDED = """
SELECT d.id FROM webhook_deliveries d JOIN subscriptions s ON s.id = d.subscription_id
WHERE (d.state = 'due') <> (d.ended_at IS NULL) OR (d.state <> 'due' AND d.locked_until IS NOT NULL)
  OR (d.state = 'due' AND s.state = 'off') OR d.state NOT IN ('due', 'sent', 'parked', 'dropped')
"""
_SECRETS = """
SELECT id FROM subscriptions WHERE substr(secret, 1, 6) <> 'whsec_' OR length(secret) NOT BETWEEN 38 AND 94 OR secret = old_secret
  OR (old_secret IS NULL) <> (old_secret_until IS NULL)
"""
_STATES = """
SELECT id FROM subscriptions
WHERE state NOT IN ('on', 'paused', 'off') OR (state <> 'on' AND why IS NULL) OR (deleted_at IS NOT NULL AND state <> 'off')
"""
WEBHOOK_RULES = (
    Rule(
        "made-out-as-far-as-reached",
        "Deliveries are of changes up to where their subscription has come, and none is beyond the feed.",
        "deliveries",
        _BEYOND,
    ),
    Rule("made-out-once", "Each change is made out once for each subscription, with an id of its own.", "deliveries", _TWICE),
    Rule("deliveries-end", "A delivery is due or has ended, and none is due where nothing is sent any more.", "deliveries", _ENDED),
    Rule(
        "subscriptions-sign",
        "Each subscription has a secret that signs, and the one before it only for a while.",
        "subscriptions",
        _SECRETS,
    ),
    Rule(
        "subscriptions-say-why", "A subscription that is paused or off says why, and one that was deleted is off.", "subscriptions", _STATES
    ),
)
