"""Facts of messages by what they are about: each subject asks its question once for all of them, and only where there is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from app.core.tx import Tx

Facts = dict[str, Any]
Rows = Sequence[Row[Any]]
Ask = Callable[[Tx, Rows], dict[int, Facts]]


def by_subject(tx: Tx, rows: Rows, questions: Mapping[str, Ask]) -> dict[int, Facts]:
    """By outbox id, for those messages whose subject has a question."""
    found: dict[int, Facts] = {}
    for subject, ask in questions.items():
        some = [row for row in rows if row.subject == subject and row.subject_id]
        if some:
            found |= ask(tx, some)
    return found


def looked_up(statement: Any, key: Any, said: Callable[[Row[Any], Row[Any]], Facts]) -> Ask:
    """A question that looks up each message's subject: `said` makes the facts of the message and the row (`id`) found for it."""

    def ask(tx: Tx, rows: Rows) -> dict[int, Facts]:
        one = {found.id: found for found in tx.rows(statement.where(key.in_({row.subject_id for row in rows})))}
        return {row.id: said(row, one[row.subject_id]) for row in rows if row.subject_id in one}

    return ask
