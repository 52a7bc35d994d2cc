"""The demonstration county's figures, every one counted once more slowly."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, update

from app.bookings.models import Booking
from app.core.calendar import add_months
from app.core.db import Database
from app.core.ledger import Audit
from app.core.tx import SYSTEM, transaction
from app.people.models import Unit
from tests.county import County
from tests.measures import oracle
from tests.measures.counted import both, measures


@pytest.mark.thorough
def test_every_figure_of_the_county_is_what_a_slow_count_of_its_rows_says(
    open_county: Callable[[str], AbstractContextManager[County]],
) -> None:
    with open_county("sqlite") as county:  # random histories are compared on both
        compare(county.database)


def compare(database: Database) -> None:
    """On the last day of last month as far as was known some days later, and on days long ago."""
    with transaction(database, SYSTEM, writes=True) as tx:  # the tour changes some bookings without a history
        last_said = select(Audit.state).where(Audit.subject == "bookings", Audit.subject_id == Booking.id, Audit.state.is_not(None))
        wrong = last_said.order_by(Audit.id.desc()).limit(1).scalar_subquery() != Booking.status
        tx.db.execute(update(Booking).where(wrong).values(updated_at=tx.now))
    raw = oracle.load(database)
    with transaction(database, SYSTEM, writes=False) as tx:
        organisation = tx.scalar(select(Unit.id).where(Unit.host))
        last = tx.today.replace(day=1) - timedelta(days=1)
        told = datetime.combine(last + timedelta(days=6), datetime.min.time(), UTC)
        for as_at, known_at in ((last, told), (add_months(last, -7), tx.now), (date(last.year - 1, 5, 17), tx.now)):
            for measure in (*measures("learning"), *measures("practice"), *measures("workforce")):
                quick, slow = both(tx, raw, measure, organisation, as_at, known_at)
                assert quick == slow, (measure.code, as_at, known_at)
