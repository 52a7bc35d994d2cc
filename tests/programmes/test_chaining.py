"""Adding links to a chain: rows, openings, receipts, order; and what the database itself refuses afterwards."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, text, update

from app.core.errors import Conflict
from app.core.ledger import Audit, Outbox
from app.core.tx import SYSTEM, transaction
from app.programmes import chain
from app.programmes.chain_check import check_chain
from app.programmes.models import Enrolment
from app.programmes.operations.chaining import add_entry, framework_of, head_of
from app.programmes.portfolio_models import Entry, Opening
from tests.factory import Make
from tests.programmes.making import Enrolled, Programmes


def agreed(make: Make, enrolled: Enrolled, *, at: datetime | None = None, **values: Any) -> int:
    """A pause agreed by the line manager: one entry."""
    given: dict[str, Any] = {
        "what": ("pause", "Pause of the programme", 1),
        "items": [("reason", "Reason", "Long illness"), ("weeks", "Weeks", 12)],
        "answer": "agree",
        "statement": "I have spoken to Nell.",
        "declaration": "I agree to this change.",
        "person_id": enrolled.line_manager.id,
        "capacities": ("line_manager",),
        **values,
    }
    with transaction(make.database, SYSTEM, writes=True, now=at) as tx:
        enrolment = tx.get(Enrolment, enrolled.id, lock=True)
        return add_entry(tx, enrolment, given.pop("kind", "agreement"), **given)


def links(make: Make, enrolled: Enrolled) -> tuple[str, list[chain.Link]]:
    """The chain as it stands in the tables."""
    with make.tx() as tx:
        enrolment = tx.get(Enrolment, enrolled.id)
        head = head_of(enrolment, framework_of(tx, enrolment.version_id))
        rows = tx.rows(select(Entry.__table__).where(Entry.enrolment_id == enrolled.id).order_by(Entry.sequence))
        kept = {row.id: {one.path: chain.Opening(one.salt, one.value) for one in openings(tx, row.id)} for row in rows}
    return head, [chain.Link(row.canonical, row.hash, kept[row.id]) for row in rows]


def openings(tx: Any, entry_id: int) -> Any:
    return tx.rows(select(Opening.__table__).where(Opening.entry_id == entry_id, Opening.redacted_at.is_(None)))


def test_links_join_open_and_are_receipted(make: Make) -> None:
    enrolled = Programmes(make).enrolment()
    agreed(make, enrolled)
    agreed(make, enrolled, what=("pause", "Pause of the programme", 1), person_id=enrolled.nqsw.id, capacities=("nqsw",), statement=None)
    head, made = links(make, enrolled)
    assert check_chain(head, made) == []
    assert {path: one.value for path, one in made[0].openings.items()} == {
        "reason": '"Long illness"',
        "weeks": "12",
        "statement": '"I have spoken to Nell."',
    }
    assert "Long illness" not in made[0].text and "spoken" not in made[0].text
    with make.tx() as tx:
        receipts = tx.rows(select(Outbox.person_id, Outbox.facts).where(Outbox.kind == "email.signed_receipt").order_by(Outbox.id))
        audit = tx.rows(select(Audit.facts, Audit.person_id).where(Audit.action == "chain.added"))
    assert [row.person_id for row in receipts] == [enrolled.line_manager.id, enrolled.nqsw.id]
    assert [row.facts["hash"] for row in receipts] == [one.hash for one in made]
    assert {row.person_id for row in audit} == {enrolled.nqsw.id}
    assert "illness" not in str([row.facts for row in (*audit, *receipts)])


def test_no_signature_is_before_the_one_it_follows(make: Make) -> None:
    enrolled = Programmes(make).enrolment()
    noon = datetime(2026, 12, 8, 12, tzinfo=UTC)
    agreed(make, enrolled, at=noon)
    agreed(make, enrolled, at=noon - timedelta(seconds=2))
    head, made = links(make, enrolled)
    assert check_chain(head, made) == []
    assert '"signed_at":"2026-12-08T12:00:00.000000Z"' in made[1].text


def test_the_database_keeps_entries_openings_and_what_the_head_rests_on(make: Make) -> None:
    enrolled = Programmes(make).enrolment()
    entry = agreed(make, enrolled)
    for change in (
        update(Entry).values(answer="disagree"),
        delete(Entry),
        update(Opening).values(value='"Something else"'),
        update(Opening).values(value=None),
        delete(Opening),
        update(Enrolment).values(starts_on=date(2026, 1, 1)),
        update(Enrolment).values(reference="OTHER"),
    ):
        with pytest.raises(Exception, match=r"append|frozen|kept|signed|never|stay|moment"), make.tx() as tx:
            tx.db.execute(change)
    with make.tx() as tx:  # a lawful redaction is the one change there is, and it cannot be undone
        tx.db.execute(update(Opening).where(Opening.path == "reason").values(salt=None, value=None, redacted_at=tx.now))
        assert tx.scalar(select(Opening.value).where(Opening.entry_id == entry, Opening.path == "reason")) is None
    with pytest.raises(Conflict), make.tx() as tx:
        tx.db.execute(update(Opening).where(Opening.path == "reason").values(salt="0" * 64, value='"x"', redacted_at=None))


def test_before_anything_is_signed_the_start_may_be_corrected(make: Make) -> None:
    enrolled = Programmes(make).enrolment()
    with make.tx() as tx:
        tx.update(Enrolment, enrolled.id, starts_on=date(2026, 1, 5))


def test_two_cannot_take_the_same_place_in_a_chain(make: Make) -> None:
    enrolled = Programmes(make).enrolment()
    agreed(make, enrolled)
    again = text("INSERT INTO chain_entries (enrolment_id, sequence, kind, answer, canonical, hash, previous, signed_at) "
                 "SELECT enrolment_id, sequence, kind, answer, canonical, hash, :other, signed_at FROM chain_entries")  # fmt: skip
    with pytest.raises(Conflict, match="at the same moment"), make.tx() as tx:
        tx.db.execute(again, {"other": "0" * 64})
