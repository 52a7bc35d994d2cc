"""The county's board reports: the last months signed off by the principal social worker, the newest a draft with some of its words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from app.core.config import settings
from app.core.tx import Actor, Tx, transaction
from app.measures.models import MonthClose
from app.people.models import Unit
from app.policy import Role
from app.reports import content, delivery, operations, signing
from app.reports.kinds import EVERY_MONTH, HEADLINE, measure_key, theme_key
from app.reports.models import BoardReport
from seed.sample import Stage

SIGNED = 2  # reports before the newest
LATER = timedelta(days=3)  # after the month was closed its report is signed
HEADLINES = (
    (
        "Two teams filled posts that agency workers had covered, which shows in the figures from this month on.\n"
        "Fewer development reviews were completed than planned: managers asked for time in the half-term week, and have it now."
    ),
    "The month was quiet. Absence rose a little with the start of the colder weather, as it does every year.",
    "More people took up training than in any month since spring. The academy ran the essentials twice.",
)
THEMES = {
    "culture": "People say that they are heard. What they ask for most is time to reflect together.",
    "capacity": "Caseloads are the first concern. New starters carry fewer cases in their first months, as agreed.",
    "capability": "The offer is used. Two programmes have more applicants than places.",
}
REPLIES = (
    (
        "We fill in the same form twice when a child moves between teams.",
        "The second form is gone. The systems team took its questions into the first.",
    ),
    ("There is nowhere quiet to write at the largest office.", "Two rooms are kept free of bookings on Tuesdays and Thursdays."),
)
ABOUT = {"headcount": "The growth is planned: it follows the posts that were agreed in spring."}


def report(stage: Stage, moment: datetime) -> int:
    """Sign off the reports of the months before the newest closed one, and draft that one; returns how many there are."""
    with transaction(stage.database, _helen(stage), writes=False, now=moment) as tx:
        host = int(tx.scalar(select(Unit.id).where(Unit.host.is_(True))))
        closes = tx.rows(select(MonthClose.__table__).where(MonthClose.organisation_id == host).order_by(MonthClose.month_end.desc()))
    _schedule(stage, host, moment)
    for number, close in reversed(list(enumerate(closes[: SIGNED + 1]))):
        at = min(close.closed_at + LATER, moment)
        with transaction(stage.database, _helen(stage), writes=True, now=at) as tx:
            key = operations.begin(tx, host, "board", close.month_end)
            _write(tx, key, number)
        if number:
            _sign(stage, key, at)
    return min(len(closes), SIGNED + 1)


def _helen(stage: Stage) -> Actor:
    i = stage.force.persona["psw"]
    person = stage.force.people[i]
    roles: Any = ((Role.PRACTITIONER.value, None), (Role.PSW.value, 1))
    return Actor("person", i + 1, f"{person.first_name} {person.last_name}", roles, organisation_id=1)


def _schedule(stage: Stage, host: int, moment: datetime) -> None:
    helen = _helen(stage)
    wanted = delivery.Schedule(EVERY_MONTH, delivery.DRAFT_ON, delivery.REMIND_ON, helen.id, runs=True)
    with transaction(stage.database, helen, writes=True, now=moment) as tx:
        delivery.set_schedule(tx, host, "board", wanted, [stage.force.persona["hr"] + 1], version=0)


def _write(tx: Tx, key: int, number: int) -> None:
    """Words for the whole, and for the themes and a measure of those that are signed; the newest still lacks some."""
    found = content.compose(tx, tx.get(BoardReport, key))
    subjects = content.subjects(found)
    said = {HEADLINE: HEADLINES[number % len(HEADLINES)]}
    said |= {theme_key(theme): words for theme, words in THEMES.items() if number or theme != "culture"}
    said |= {measure_key(code): words for code, words in ABOUT.items() if measure_key(code) in subjects}
    for about, words in said.items():
        operations.comment(tx, key, about, words, None, version=0, subjects=subjects)
    for n, (you, we) in enumerate(REPLIES if number else REPLIES[:1]):
        operations.reply(tx, key, None, you, we, None, entry_key=f"{key:016x}{n:016x}")


def _sign(stage: Stage, key: int, at: datetime) -> None:
    with transaction(stage.database, _helen(stage), writes=False, now=at) as tx:
        seen = signing.digest_of(content.compose(tx, tx.get(BoardReport, key)))
        drawn = signing.prepare(tx, settings(), key, seen)
    with transaction(stage.database, _helen(stage), writes=True, now=at) as tx:
        signing.sign(tx, key, drawn)
