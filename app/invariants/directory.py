"""What must hold of people and teams as a directory has them."""

from __future__ import annotations

from app.invariants.rule import Rule

DIRECTORY_RULES: tuple[Rule, ...] = (
    Rule(
        "directory-of-their-employer",
        "A directory has its own organisation's people and teams only, and no organisation is a team.",
        "scim_users and scim_groups",
        "SELECT 'user ' || s.person_id FROM scim_users s JOIN people p ON p.id = s.person_id WHERE s.organisation_id <> p.organisation_id "
        "UNION ALL SELECT 'group ' || g.unit_id FROM scim_groups g JOIN units u ON u.id = g.unit_id "
        "WHERE g.organisation_id <> u.organisation_id OR u.parent_id IS NULL",
    ),
    Rule(
        "gone-from-the-directory",
        "Whom the directory has deleted it does not let in.",
        "scim_users",
        "SELECT person_id FROM scim_users WHERE deleted_at IS NOT NULL AND active",
    ),
)
