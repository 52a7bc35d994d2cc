"""What must hold of accounts, identities at the provider, and sign-ins."""

from __future__ import annotations

from app.invariants.rule import Rule

SIGNING_IN_RULES: tuple[Rule, ...] = (
    Rule(
        "identity-with-account",
        "Whoever is linked to an identity has an account, which can be suspended.",
        "external_identities",
        "SELECT e.id FROM external_identities e LEFT JOIN accounts a ON a.person_id = e.person_id WHERE a.person_id IS NULL",
    ),
    Rule(
        "signed-in-by-an-identity",
        "A sign-in that the provider made is over when the identity is unlinked.",
        "sign_ins",
        "SELECT s.person_id FROM sign_ins s WHERE s.via = 'provider' AND s.ended_at IS NULL AND s.expires_at > :now "
        "AND NOT EXISTS (SELECT 1 FROM external_identities e WHERE e.person_id = s.person_id)",
    ),
)
