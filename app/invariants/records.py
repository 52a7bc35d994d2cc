# ruff: noqa: S608 - the statements are put together from names that stand here
"""What must hold of learning records: chains of corrections, and what people hang on them."""

from __future__ import annotations

from app.invariants.rule import Rule

_CHAIN = "coalesce(first_id, id)"
_HANGING = ("learning_reflections", "learning_standards", "learning_files", "learning_shares")

RECORD_RULES = (
    Rule(
        "records-form-chains",
        "A corrected learning record and its corrections are of one person and one source; at most one of them counts, and it is the last.",
        "learning_records",
        "SELECT r.id FROM learning_records r JOIN learning_records f ON f.id = r.first_id "
        "WHERE f.person_id <> r.person_id OR f.source <> r.source OR f.first_id IS NOT NULL OR f.id >= r.id "
        f"UNION SELECT {_CHAIN} FROM learning_records WHERE superseded_at IS NULL GROUP BY {_CHAIN} HAVING count(*) > 1 "
        "UNION SELECT r.id FROM learning_records r WHERE r.superseded_at IS NULL AND EXISTS "
        "(SELECT 1 FROM learning_records later WHERE later.first_id = coalesce(r.first_id, r.id) AND later.id > r.id)",
    ),
    Rule(
        "records-count-once",
        "One fact that another room brings, or one entry as it was sent, gives somebody one learning record that counts.",
        "learning_records",
        "SELECT min(id) FROM learning_records WHERE source_key IS NOT NULL AND superseded_at IS NULL "
        "GROUP BY source_key, source, person_id HAVING count(*) > 1 "
        "UNION SELECT min(id) FROM learning_records WHERE entry_key IS NOT NULL GROUP BY person_id, entry_key HAVING count(*) > 1",
    ),
    Rule(
        "reflections-hang-on-first-records",
        "Reflections, standards, files and sharing belong to the first record of a chain; of each at most one says what holds now, and of "
        "standards at most three do.",
        "learning_reflections",
        " UNION ".join(
            f"SELECT h.first_id FROM {table} h JOIN learning_records r ON r.id = h.first_id WHERE r.first_id IS NOT NULL"
            for table in _HANGING
        )
        + " UNION SELECT first_id FROM learning_reflections WHERE superseded_at IS NULL GROUP BY first_id HAVING count(*) > 1"
        " UNION SELECT first_id FROM learning_standards WHERE superseded_at IS NULL GROUP BY first_id "
        "HAVING count(*) > 3 OR count(*) > count(DISTINCT standard)"
        " UNION SELECT first_id FROM learning_shares WHERE ended_at IS NULL GROUP BY first_id, audience HAVING count(*) > 1",
    ),
)
