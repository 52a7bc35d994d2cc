"""Learning together in the county: who offers and looks for what, pairs with their meetings, two action-learning sets. By operations."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.mentoring.operations import meetings, notices, pairing, sets
from seed.programme_rows import County
from seed.sample import Stage

SENIOR, JUNIOR = ("SENIOR", "PE", "ATM", "EXP", "TM"), ("SW", "NQSW")
PAIRS = (  # kind, what for, days ago it began, days between meetings, minutes; the first two are the personas'
    ("mentoring", "court", 150, 28, 60),
    ("shadowing", "child_protection", 45, 20, 240),
    ("mentoring", "first_years", 200, 35, 60),
    ("coaching", "confidence", 120, 21, 45),
    ("mentoring", "career", 260, 42, 60),
    ("shadowing", "court", 60, 30, 360),
    ("coaching", "supervising", 90, 28, 60),
)
OFFERS = (
    ("mentoring", "court", 2, "Fifteen years of care proceedings. Evidence, statements, and staying calm while being asked."),
    ("coaching", "supervising", 3, "For those who have begun to supervise others."),
    ("shadowing", "child_protection", 1, "A day at conferences and strategy discussions."),
    ("mentoring", "practice_education", 2, "For those who think of taking a student."),
    ("coaching", "career", 2, ""),
    ("shadowing", "early_help", 2, "A day in a family hub."),
)
ASKS = (
    ("mentoring", "court", "colleagues", "My first final hearing is in spring."),
    ("coaching", "confidence", "academy", ""),
    ("mentoring", "returning", "colleagues", "I came back after four years away."),
    ("mentoring", "court", "colleagues", ""),
    ("shadowing", "care", "colleagues", "I would like to see how reviews are chaired."),
)
SETS = (
    ("Supervising for the first time", "supervising", 170, 28, 120),
    ("Reunification in practice", "care", 110, 35, 90),
)


@dataclass(slots=True)
class _Cast:
    """Who may take part, in the order in which they are asked; nobody twice."""

    seniors: list[int]
    juniors: list[int]

    def senior(self) -> int:
        return self.seniors.pop()

    def junior(self) -> int:
        return self.juniors.pop()


def meet(stage: Stage, moment: datetime, seed: int) -> None:
    """Everything up to `moment`, the same for the same seed and date. A county of few people has less of it."""
    county, chance = County(stage, stage.force, moment), random.Random(seed + 61)
    cast = _cast(stage, moment.date(), chance)
    personas = [(cast.senior(), stage.force.persona["practitioner"]), (stage.force.persona["assessor"], stage.force.persona["nqsw"])]
    few = max(2, min(len(PAIRS), len(cast.seniors) // 4, len(cast.juniors) // 4))
    for turn, (kind, need, days, every, minutes) in enumerate(PAIRS[:few]):
        giver, receiver = personas[turn] if turn < len(personas) else (cast.senior(), cast.junior())
        _pair(county, chance, (giver, receiver), kind, need, days, every, minutes)
    _asked(county, cast.junior(), stage.force.persona["practitioner"])
    for turn, (kind, need, most, words) in enumerate(OFFERS[: few - 1]):
        with county.as_(cast.senior(), 40 - turn) as tx:
            notices.put_up(tx, side="offer", kind=kind, need=need, words=words, most=most)
    for turn, (kind, need, shown_to, words) in enumerate(ASKS[: few - 2]):
        with county.as_(cast.junior(), 30 - 4 * turn) as tx:
            notices.put_up(tx, side="ask", kind=kind, need=need, words=words, shown_to=shown_to)
    with county.as_(stage.force.persona["practitioner"], 12) as tx:
        notices.put_up(tx, side="ask", kind="coaching", need="career", words="I wonder about practice education.")
    for turn, (title, need, days, every, minutes) in enumerate(SETS):
        if len(cast.juniors) >= 4 and cast.seniors:
            leads = cast.senior() if turn else stage.force.persona["manager"]
            others = [cast.junior() for _ in range(3)] + ([stage.force.persona["practitioner"]] if turn else [])
            _set(county, chance, leads, others, title, need, days, every, minutes)


def _cast(stage: Stage, today: date, chance: random.Random) -> _Cast:
    """The council's own staff who stay, by how far they are."""
    force, kept = stage.force, set(stage.force.persona.values())
    found: dict[bool, list[int]] = {True: [], False: []}
    for i in force.here(today):
        person = force.people[i]
        stages = [code for since, code in person.stages if since <= today]
        if i in kept or person.leaving_on is not None or not stages or stages[-1] not in SENIOR + JUNIOR:
            continue
        found[stages[-1] in SENIOR].append(i)
    for people in found.values():
        chance.shuffle(people)
    return _Cast(found[True], found[False])


def _days(today: date, chance: random.Random, begins: int, every: int) -> list[date]:
    """Weekdays of meetings from `begins` days ago until yesterday."""
    days = [today - timedelta(days=ago - chance.randint(0, 3)) for ago in range(begins - 7, 5, -every)]
    return [day - timedelta(days=max(0, day.weekday() - 4)) for day in days]


def _pair(
    county: County, chance: random.Random, people: tuple[int, int], kind: str, need: str, days: int, every: int, minutes: int
) -> None:
    giver, receiver = people
    with county.as_(receiver, days) as tx:
        key = pairing.ask(tx, kind=kind, need=need, role="receiver", other=giver + 1)
    with county.as_(giver, days - 1) as tx:
        pairing.answer(tx, key, 1, accepted=True)
    with county.as_(receiver, 1) as tx:
        for day in _days(tx.today, chance, days, every):
            meetings.record(tx, day, minutes, pairing_id=key)


def _asked(county: County, asker: int, asked: int) -> None:
    """Somebody waits for the practitioner's answer."""
    with county.as_(asker, 2) as tx:
        aim = "To come along to a review, and see how you prepare."
        pairing.ask(tx, kind="shadowing", need="care", role="receiver", other=asked + 1, aim=aim)


def _set(
    county: County, chance: random.Random, leads: int, others: list[int], title: str, need: str, days: int, every: int, minutes: int
) -> None:
    with county.as_(leads, days) as tx:
        key = sets.start(tx, title=title, need=need, words="Every few weeks, in turn about one of our questions.", most=6)
    for other in others:
        with county.as_(other, days - 1) as tx:
            sets.join(tx, key)
    with county.as_(leads, 1) as tx:
        for day in _days(tx.today, chance, days, every):
            there = [leads, *others] if chance.random() < 0.6 else [leads, *others[1:]]
            meetings.record(tx, day, minutes, set_id=key, people=[i + 1 for i in there])
