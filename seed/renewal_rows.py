"""Renewal of registrations in the county: what people ticked so far this year, and the reminders that went out to the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from random import Random

from sqlalchemy import select

from app.core.db import Database
from app.core.tx import SYSTEM, Tx, transaction
from app.learning import renewal, renewal_clock
from app.learning.models import LearningRecord
from app.learning.renewal_models import RenewalTick
from app.learning.renewal_rules import Year, year_of
from app.people.models import Person
from seed.rows import Row

ALL, SOME = 0.55, 0.8  # of those who have ticked everything, and who have ticked anything, when the year ends
ELSEWHERE = ("A reflective account of a hard conversation", "What a serious case review changed in my practice")


def renew(database: Database, seed: int, moment: datetime, begun: Collection[int]) -> None:
    """The same for the same seed and day. Of the people in `begun` everybody has ticked something and nobody everything."""
    chance = Random(f"{seed} renewal")
    with transaction(database, SYSTEM, writes=True, now=moment) as tx:
        year = year_of(tx, tx.today)
        gone = min(max((tx.today - year.opens).days / (year.ends - year.opens).days, 0), 1)
        titles = _pieces(tx, year)
        rows: list[Row] = []
        for person in tx.rows(select(Person.id).where(renewal.concerned(tx.today)).order_by(Person.id)):
            far = (ALL + SOME) / 2 * gone if person.id in begun else chance.random()
            if far < SOME * gone:
                rows += _ticks(chance, person.id, titles[person.id], year, moment, whole=far < ALL * gone)
        tx.insert_many(RenewalTick, rows)
        renewal_clock.tell(tx, moment)


def _pieces(tx: Tx, year: Year) -> dict[int, list[int]]:
    """Each person's own chains of records of this year."""
    found: dict[int, list[int]] = defaultdict(list)
    live = select(LearningRecord.person_id, LearningRecord.id).where(
        LearningRecord.superseded_at.is_(None), LearningRecord.first_id.is_(None), LearningRecord.on_date >= year.starts
    )
    for row in tx.rows(live.order_by(LearningRecord.id)):
        found[row.person_id].append(row.id)
    return found


def _ticks(chance: Random, person: int, pieces: list[int], year: Year, moment: datetime, *, whole: bool) -> list[Row]:
    today = moment.date()
    day = max(year.starts, today - timedelta(days=chance.randrange(1, 60)))
    tick = dict(person_id=person, year=year.starts, first_id=None, words=None, with_peer=False, done_on=day, recorded_at=moment)
    found = [tick | dict(step="cpd", first_id=key) for key in pieces[: 2 if whole else 1]]
    wanted = 2 if whole else 1
    found += [tick | dict(step="cpd", words=words) for words in ELSEWHERE[: wanted - len(found)]]
    found[0] |= dict(with_peer=True)
    if today >= year.opens and (whole or chance.random() < 0.5):
        tick["done_on"] = max(day, year.opens)
        found.append(tick | dict(step="form"))
    return [*found, tick | dict(step="fee")] if whole else found
