"""What must hold of the chains of signatures. A chain is checked by computing, so these rules name what is wrong in words, not by ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from sqlalchemy.engine import Connection

from app.core.tx import SYSTEM, Tx, clock
from app.invariants.rule import Rule
from app.programmes import chain_tables

Found = Iterable[tuple[str, str]]


def _words(look: Callable[[Tx], Found]) -> Callable[[Connection], str]:
    """A statement that answers with what `look` finds: "portfolio P7QK: Entry 3, …: the answer was altered."."""

    def sql(connection: Connection) -> str:
        found = list(_lines(look(Tx(connection, SYSTEM, clock()))))
        return " UNION ALL ".join(f"SELECT {_literal(one)}" for one in found[:200]) or "SELECT '' WHERE 1 = 0"

    return sql


def _lines(found: Found) -> Iterator[str]:
    for reference, words in found:
        yield f"portfolio {reference}: {words}" if reference else words


def _literal(words: str) -> str:
    """Words as SQL; a colon would be read as the beginning of a parameter."""
    return "'" + words.replace("'", "''").replace("\x00", "").replace(":", "\\:") + "'"


CHAIN_RULES = (
    Rule(
        "chains-hold",
        "Every link of every chain of signatures, and what it stands for, is as it was signed, and the columns beside it say the same.",
        "chain_entries",
        _words(chain_tables.altered),
    ),
    Rule(
        "documents-say-what-was-signed",
        "Documents and decisions say what their signatures froze, and a signature is counted as its signatory's.",
        "chain_entries",
        _words(chain_tables.signed_otherwise),
    ),
    Rule(
        "daily-heads-hold",
        "A daily head is the fingerprint of what it was made of, and every chain still has the entries that stood under it.",
        "daily_heads",
        _words(chain_tables.heads_broken),
    ),
)
