"""The council's measure set, and the months of which figures were published: each on its working day, as far as was known then."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from sqlalchemy import select

from app.core.calendar import add_months
from app.core.config import ROOT
from app.core.db import Database
from app.core.tx import SYSTEM, Tx, transaction
from app.measures import clock, closing, sets
from app.measures.dimensions import month_end
from app.people.models import Unit

FOLDER = ROOT / "seed" / "reference" / "measures"
MONTHS = 13


def publish(database: Database, moment: datetime) -> None:
    """The host's measure set, as the files beside this one say it, published before all of its months."""
    found = sets.from_folder(FOLDER)
    since = datetime.combine(found["runs_from"], time(9), UTC)
    with transaction(database, SYSTEM, writes=True, now=min(since, moment)) as tx:
        sets.publish(tx, host(tx), found)


def close(database: Database, moment: datetime, months: int = MONTHS) -> int:
    """Publish the last months whose day has come by `moment`; returns how many."""
    with transaction(database, SYSTEM, writes=False, now=moment) as tx:
        organisation = host(tx)
        _, measures = sets.in_force(tx, organisation, moment.date())
    due = [(clock.due_at(measures, month), month) for month in reversed(month_ends(moment.date(), months + 1))]
    over = [(then, month) for then, month in due if then is not None and then <= moment][-months:]
    for then, month in over:
        with transaction(database, SYSTEM, writes=True, now=then) as tx:
            closing.close_month(tx, organisation, month)
    return len(over)


def month_ends(today: date, months: int) -> list[date]:
    """The last days of so many months before today's, the newest first."""
    first = today.replace(day=1)
    return [month_end(add_months(first, -n)) for n in range(1, months + 1)]


def host(tx: Tx) -> int:
    """The county."""
    return int(tx.scalar(select(Unit.id).where(Unit.host.is_(True))))
