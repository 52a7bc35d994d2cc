"""Fills the council's seats with people and gives them a past: moves, managers, leavers, and a few changes still to come."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal

from seed.content import Content, Job
from seed.makers import Maker, Sketch, Work, monday
from seed.personas import PERSONAS, Persona
from seed.tree import Seat, Tree, build_tree

LEFT = 0.09  # leavers of the last three years whose records are still here, as a share of the headcount
JOINING, LEAVING, MOVING = 6, 5, 4  # changes already known for the coming weeks, at the county's own size
MOVED = 0.18  # share of people who changed team in the last three years
ASIDE = {  # the stage of the same order that came before, and what it is called: moves sideways, which are a progression and no promotion
    "PE": ("SENIOR", "Senior Social Worker"), "LCPP": ("SENIOR", "Senior Social Worker"),
    "SENIOR": ("LCPP", "Lead Child Protection Practitioner"), "IRO": ("TM", "Team Manager"),
}  # fmt: skip
SETTLED, EVERY = timedelta(days=900), 2  # of those so long in such a stage every other came to it from beside, in the last two years


@dataclass(slots=True)
class Workforce:
    """Everybody, with positions in `people` used as references between them."""

    tree: Tree
    people: list[Sketch] = field(default_factory=list)
    persona: dict[str, int] = field(default_factory=dict)
    holder: dict[int, int] = field(default_factory=dict)  # seat → person
    assessed: list[tuple[int, int, date]] = field(default_factory=list)  # assessor, newly qualified, since

    def here(self, today: date) -> list[int]:
        """The council's staff today: the headcount."""
        return [
            i
            for i, person in enumerate(self.people)
            if person.organisation == 0 and person.started_on <= today and (person.leaving_on is None or person.leaving_on >= today)
        ]


def build_workforce(maker: Maker, content: Content, people: int) -> Workforce:
    """Invent the county's `people` current staff, its partners' staff, and those who left or have not yet started."""
    force = Workforce(build_tree(people, content))
    named = _persona_seats(force.tree)
    domains = {partner.name: partner.domain for partner in content.partners}
    # Personas first, so that their addresses carry no number.
    first = {seat: _persona_person(maker, force.tree, seat, who) for seat, who in named.items()}
    for position, seat in enumerate(force.tree.seats):
        organisation = force.tree.units[seat.unit].organisation
        if position in first:
            force.persona[named[position].key] = len(force.people)
            force.people.append(first[position])
        elif organisation:
            domain = domains[force.tree.units[organisation].name]
            force.people.append(maker.person(position, seat, organisation, domain=domain))
        else:
            force.people.append(maker.person(position, seat, 0))
        force.holder[position] = position
    for position, seat in enumerate(force.tree.seats):
        _settle(maker, force, force.people[position], seat)
    scale = people / content.headcount["total"]
    _known_changes(maker, force, scale)
    units = [unit for units in force.tree.teams_of.values() for unit in units]
    for _ in range(round(people * LEFT)):
        _leaver(maker, force, maker.chance.choice(units))
    _cohort(maker, force)
    _from_beside(force, maker.today)
    return force


def _persona_seats(tree: Tree) -> dict[int, Persona]:
    """A seat for each persona: the one whose title fits, reporting to the unit's lead where there is a choice."""
    units = {unit.code: i for i, unit in enumerate(tree.units)}
    taken: dict[int, Persona] = {}
    for who in PERSONAS:
        unit = units.get(who.unit, units.get(f"{who.unit}1", -1))
        lead = tree.lead_of[unit]
        choice = [i for i, seat in enumerate(tree.seats) if seat.unit == unit and i not in taken]
        if tree.seats[lead].title == who.title:
            found = lead
        else:
            manages = {seat.manager for seat in tree.seats}
            choice = [i for i in choice if i != lead and i not in manages and tree.seats[i].group != "agency"] or choice
            found = min(choice, key=lambda i: (tree.seats[i].title != who.title, _junior(tree.seats[i]), tree.seats[i].manager != lead, i))
            stage = {"practitioner": "SW", "nqsw": "NQSW", "assessor": "PE", "trainer": "SENIOR"}.get(who.key, tree.seats[found].stage)
            tree.seats[found] = replace(tree.seats[found], title=who.title, stage=stage)
        taken[found] = who
    return taken


def _junior(seat: Seat) -> int:
    return 0 if seat.stage == "SW" else 1


def _persona_person(maker: Maker, tree: Tree, position: int, who: Persona) -> Sketch:
    """A persona, there long enough to have a past worth looking at, on full-time weekdays."""
    seat = tree.seats[position]
    started = maker.cohorts[0] if who.key == "nqsw" else monday(maker.today - timedelta(days=1300))
    person = maker.person(position, seat, 0, name=(who.first_name, who.last_name), started=started)
    person.known_as, person.contract = None, "permanent"
    person.work = [replace(work, fte=Decimal("1.000"), days="1111100") for work in person.work]
    return person


def _settle(maker: Maker, force: Workforce, person: Sketch, seat: Seat) -> None:
    """Give somebody their team and manager today, and perhaps another team before."""
    tree, chance, today = force.tree, maker.chance, maker.today
    unit = tree.units[seat.unit]
    manager = force.holder[seat.manager] if seat.manager is not None else None
    served = (today - person.started_on).days
    others = tree.teams_of.get(f"{unit.service}/{seat.team}", [])
    if served > 240 and len(others) > 1 and not seat.leads and chance.random() < MOVED:
        before = chance.choice([other for other in others if other != seat.unit])
        moved = monday(today - timedelta(days=chance.randint(30, min(served - 90, 1090))))
        person.units = [(person.started_on, before), (moved, seat.unit)]
        person.managers = [(person.started_on, force.holder[tree.lead_of[before]])]
        if manager is not None:
            person.managers.append((moved, manager))
        return
    person.units = [(person.started_on, seat.unit)]
    if manager is not None:
        person.managers = _line(maker, force, person, manager)


def _line(maker: Maker, force: Workforce, person: Sketch, manager: int) -> list[tuple[date, int]]:
    """Their manager since they started or, before that manager came, somebody further up who was there."""
    boss = force.people[manager]
    if boss.started_on <= person.started_on:
        return [(person.started_on, manager)]
    seat = force.tree.seats[boss.seat]
    while seat.manager is not None:
        above = force.people[force.holder[seat.manager]]
        if above.started_on <= person.started_on:
            break
        seat = force.tree.seats[seat.manager]
    if seat.manager is None:
        return [(boss.started_on, manager)]
    return [(person.started_on, force.holder[seat.manager]), (boss.started_on + timedelta(days=maker.chance.randint(0, 14)), manager)]


def _known_changes(maker: Maker, force: Workforce, scale: float) -> None:
    """People who will start, leave or move in the coming weeks; none of them a persona or somebody's manager."""
    tree, chance, today = force.tree, maker.chance, maker.today
    manages = {force.holder[seat.manager] for seat in tree.seats if seat.manager is not None}
    free = [
        i for i, seat in enumerate(tree.seats) if seat.group == "social_care" and i not in manages and i not in force.persona.values()
        and seat.stage in ("SW", "EXP", "SUPPORT")
    ]  # fmt: skip
    chance.shuffle(free)
    for turn in range(round(LEAVING * max(1, scale))):
        force.people[free[turn]].leaving_on = today + timedelta(days=12 + 6 * (turn % 8))
    movers = free[round(LEAVING * max(1, scale)) :][: round(MOVING * max(1, scale))]
    for turn, i in enumerate(movers):
        seat = tree.seats[force.people[i].seat]
        others = [u for u in tree.teams_of.get(f"{tree.units[seat.unit].service}/{seat.team}", []) if u != seat.unit]
        if others:
            when, unit = monday(today + timedelta(days=14 + 7 * (turn % 4))), chance.choice(others)
            force.people[i].units.append((when, unit))
            force.people[i].managers.append((when, force.holder[tree.lead_of[unit]]))
    teams = [unit for key, units in tree.teams_of.items() if key.endswith(("/ASM", "/CIC")) for unit in units]
    for turn in range(round(JOINING * max(1, scale))):
        unit = chance.choice(teams)
        job = Job("Social Worker", "EXP" if turn % 2 else "SW")
        seat = Seat(unit, job.title, job.stage, "social_care", tree.lead_of[unit], team=tree.seats[tree.lead_of[unit]].team)
        starts = monday(today + timedelta(days=9 + 7 * (turn % 5)))
        person = maker.person(tree.lead_of[unit], seat, 0, started=starts)
        person.units, person.managers = [(starts, unit)], [(starts, force.holder[tree.lead_of[unit]])]
        force.people.append(person)


def _from_beside(force: Workforce, today: date) -> None:
    """Some moved sideways. Nothing is drawn for it, so that everybody else's past stays as it is."""
    named = set(force.persona.values())
    settled = [
        person for i, person in enumerate(force.people)
        if person.stages and person.stages[-1][1] in ASIDE and person.stages[-1][0] <= today - SETTLED
        and person.contract == "permanent" and person.leaving_on is None and not person.organisation and i not in named
    ]  # fmt: skip
    for turn, person in enumerate(settled[::EVERY]):
        since, stage = person.stages.pop()
        before, called = ASIDE[stage]
        moved = monday(today - timedelta(days=40 + turn * 83 % 640))
        person.stages += [(since, before), (moved, stage)]
        now = next(work for work in reversed(person.work) if work.since <= moved)
        earlier = [replace(work, title=called) if work.since >= since else work for work in person.work if work.since < moved]
        person.work = [*earlier, replace(now, since=moved), *(work for work in person.work if work.since > moved)]


def _leaver(maker: Maker, force: Workforce, unit: int) -> None:
    """Somebody who worked here and left, most likely within the last year. Their record is kept."""
    tree, chance, today = force.tree, maker.chance, maker.today
    lead = tree.lead_of[unit]
    social_care = tree.seats[lead].group == "social_care"
    stage = chance.choice(("SW", "EXP", "EXP", "SENIOR")) if social_care else tree.seats[lead].stage
    title = "Social Worker" if social_care else "Support Officer"
    seat = Seat(unit, title, stage, "social_care" if social_care else "other", lead, team=tree.seats[lead].team)
    left = today - timedelta(days=round(3 + 1090 * chance.random() ** 2))
    started = monday(left - timedelta(days=chance.randint(120, 2600)))
    person = maker.person(lead, seat, 0, started=started)
    person.leaving_on = left
    person.work = [Work(started, title, person.work[0].fte, person.work[0].days)]
    person.stages = [(started, stage)] if stage else []
    person.units, person.managers, person.caseload = [(started, unit)], [(started, force.holder[lead])], None
    force.people.append(person)


def _cohort(maker: Maker, force: Workforce) -> None:
    """Every newly qualified social worker has an assessor: a practice educator or a senior practitioner of the same service."""
    tree = force.tree
    seniors: dict[str, list[int]] = {}
    for i, seat in enumerate(tree.seats):
        if seat.stage in ("PE", "SENIOR", "ATM") and seat.group == "social_care":
            seniors.setdefault(tree.units[seat.unit].service, []).append(i)
            seniors.setdefault("", []).append(i)
    grace = force.persona["assessor"]
    turn = 0
    for i, seat in enumerate(tree.seats):
        if seat.stage != "NQSW":
            continue
        person = force.people[i]
        turn += 1
        pool = seniors.get(tree.units[seat.unit].service) or seniors[""]
        assessor = maker.chance.choice([j for j in pool if j not in force.persona.values() and j != i] or seniors[""])
        if i == force.persona["nqsw"] or turn == 3:
            assessor = grace
        force.assessed.append((assessor, i, person.started_on))
