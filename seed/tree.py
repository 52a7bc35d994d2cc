"""The council as a tree of units with seats in it: who could work where, and who manages whom. People sit down later (`seed.workforce`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from seed.content import Content, Job, ServiceSpec, TeamSpec

SPAN = 8  # a team's lead manages so many people; the team's seconds manage the others
FEWEST = 300  # people: below this some teams could not hold their personas
DIRECTIONS = ("", "North ", "South ", "East ", "West ", "Upper ")
AGENCY_JOB = Job("Social Worker", "EXP")


@dataclass(slots=True)
class Unit:
    """A node of the organisation tree; `parent` and `organisation` are positions in `Tree.units`."""

    kind: str
    code: str
    name: str
    parent: int | None
    organisation: int
    service: str = ""  # the service's code, for units below one


@dataclass(slots=True)
class Seat:
    """One place in the establishment. `manager` is a position in `Tree.seats`, always an earlier one."""

    unit: int
    title: str
    stage: str | None
    group: str  # social_care · agency · other · partner
    manager: int | None
    leads: bool = False
    team: str = ""  # the team's code in the content, such as CPC


@dataclass(slots=True)
class Tree:
    """Units and seats, parents and managers always before those below them."""

    units: list[Unit] = field(default_factory=list)
    seats: list[Seat] = field(default_factory=list)
    teams_of: dict[str, list[int]] = field(default_factory=dict)  # service and team code → units of that kind
    lead_of: dict[int, int] = field(default_factory=dict)  # unit → seat of whoever leads it

    def add(self, kind: str, code: str, name: str, parent: int | None, service: str = "") -> int:
        """Add a unit; returns its position."""
        here = len(self.units)
        organisation = here if parent is None else self.units[parent].organisation
        self.units.append(Unit(kind, code, name, parent, organisation, service))
        return here

    def seat(self, unit: int, job: Job, group: str, manager: int | None, *, leads: bool = False, team: str = "") -> int:
        """Add a seat; returns its position."""
        self.seats.append(Seat(unit, job.title, job.stage, group, manager, leads, team))
        if leads:
            self.lead_of[unit] = len(self.seats) - 1
        return len(self.seats) - 1


def shares(total: int, weights: Sequence[float]) -> list[int]:
    """Split `total` into whole numbers in proportion to the weights: the largest remainders get the odd ones."""
    whole = sum(weights)
    if total <= 0 or whole <= 0:
        return [0] * len(weights)
    exact = [total * weight / whole for weight in weights]
    found = [int(value) for value in exact]
    order = sorted(range(len(exact)), key=lambda i: (found[i] - exact[i], i))
    for i in order[: total - sum(found)]:
        found[i] += 1
    return found


def sizes(people: int, content: Content) -> dict[str, int]:
    """How many people each group has, in the proportions of the worked example."""
    whole = content.headcount["total"]
    social_care = round(people * content.headcount["social_care"] / whole)
    agency = round(people * content.headcount["agency"] / whole)
    return {"social_care": social_care, "agency": agency, "other": people - social_care - agency}


def _localities(people: int, content: Content) -> list[tuple[str, str]]:
    """Six localities at the county's own size; fewer in a small county, up to 36 ("North Aldermoor") in a big one."""
    scale = people / content.headcount["total"]
    if scale <= 1.5:
        return list(content.localities[: max(2, min(6, round(6 * scale)))])
    rounds = min(len(DIRECTIONS), max(1, round(scale / 4)))
    return [(f"{code}{turn or ''}", f"{word}{name}") for turn, word in enumerate(DIRECTIONS[:rounds]) for code, name in content.localities]


def _copies(team: TeamSpec, people: int, localities: int, content: Content) -> int:
    """How many teams of one kind there are in each of its places."""
    scale = people / content.headcount["total"]
    if team.once or scale <= 1.5:
        return 1
    return max(1, round(scale * 6 / localities if team.scope == "locality" else scale))


def build_tree(people: int, content: Content) -> Tree:
    """Lay out the county for `people` current staff, and the partners beside it. ValueError below the fewest it can hold."""
    if people < FEWEST:
        raise ValueError(f"The demonstration county needs at least {FEWEST} people.")
    tree = Tree()
    council = tree.add("organisation", *content.council, None)
    office = tree.add("service", *content.directorate, council, content.directorate[0])
    director = tree.seat(office, content.directorate_posts[0], "other", None, leads=True)
    assistants = [tree.seat(office, job, "other", director) for job in content.directorate_posts[1:]]
    localities = _localities(people, content)
    slots: dict[str, list[tuple[int, TeamSpec, int]]] = {"social_care": [], "other": []}
    for service in content.services:
        slots[service.group] += _lay_out(tree, service, council, assistants[service.assistant_director], localities, people, content)
    wanted = sizes(people, content)
    taken = {group: sum(seat.group == group for seat in tree.seats) for group in wanted}
    agency = shares(wanted["agency"], [team.agency for _, team, _ in slots["social_care"]])
    for group, teams in slots.items():
        counts = _at_least_one(shares(wanted[group] - taken[group], [_weight(team) for _, team, _ in teams]))
        extra = agency if group == "social_care" else [0] * len(teams)
        carry: dict[str, list[float]] = {}
        for (unit, team, manager), count, temporary in zip(teams, counts, extra, strict=True):
            _fill(tree, unit, team, manager, group, count, temporary, carry.setdefault(team.code, [0.0] * len(team.jobs)))
    for partner in content.partners:
        organisation = tree.add("organisation", partner.code, partner.name, None)
        unit = tree.add("team", partner.team_code, partner.team_name, organisation)
        first = tree.seat(unit, partner.jobs[0], "partner", None, leads=True)
        for turn in range(partner.people - 1):
            tree.seat(unit, partner.jobs[1 + turn % (len(partner.jobs) - 1)], "partner", first)
    return tree


def _weight(team: TeamSpec) -> float:
    return float(team.weight)


def _at_least_one(counts: list[int]) -> list[int]:
    """Every team has a lead: the smallest teams take one from the largest."""
    for i, count in enumerate(counts):
        if count == 0:
            counts[counts.index(max(counts))] -= 1
            counts[i] = 1
    return counts


def _lay_out(
    tree: Tree, service: ServiceSpec, council: int, assistant: int, localities: list[tuple[str, str]], people: int, content: Content
) -> Iterator[tuple[int, TeamSpec, int]]:
    """Add a service, its localities and teams; yields each team's unit and the seat that its lead answers to."""
    here = tree.add("service", service.code, service.name, council, service.code)
    head = tree.seat(here, Job(f"Head of Service, {service.name}", "HOS"), service.group, assistant, leads=True)
    areas: dict[str, tuple[int, int]] = {}
    if any(team.scope == "locality" for team in service.teams):
        for code, name in localities:
            unit = tree.add("locality", f"{service.code}-{code}", f"{name}, {service.name}", here, service.code)
            boss = head
            if service.area_managers:
                boss = tree.seat(unit, Job("Service Manager", "SM"), service.group, head, leads=True)
            areas[code] = (unit, boss)
    for team in service.teams:
        copies = _copies(team, people, len(localities), content)
        places = [(code, f"{name} ", *areas[code]) for code, name in localities] if team.scope == "locality" else [("", "", here, head)]
        for code, prefix, parent, manager in places:
            for copy in range(copies):
                number = f" {copy + 1}" if copies > 1 else ""
                parts = [service.code, code, f"{team.code}{copy + 1 if copies > 1 else ''}"]
                unit = tree.add("team", "-".join(filter(None, parts)), f"{prefix}{team.name}{number}", parent, service.code)
                tree.teams_of.setdefault(f"{service.code}/{team.code}", []).append(unit)
                yield unit, team, manager


def _fill(tree: Tree, unit: int, team: TeamSpec, manager: int, group: str, count: int, temporary: int, carry: list[float]) -> None:
    """Put a lead, permanent staff and agency workers in a team. `carry` keeps fractions of a job for the next team of its kind."""
    lead = tree.seat(unit, team.lead, group, manager, leads=True, team=team.code)
    jobs = _jobs(team.jobs, count - 1, carry)
    seconds = [job for job in jobs if _second(job)]
    others = _mixed([job for job in jobs if not _second(job)])
    missing = -(-(count - 1 + temporary - SPAN) // (SPAN + 1)) - len(seconds)
    for _ in range(max(0, min(missing, len(others)))):
        others.pop()
        seconds.append(_deputy(team.lead))
    bosses = [tree.seat(unit, job, group, lead, team=team.code) for job in seconds]
    room = max(0, SPAN - len(bosses)) if bosses else len(others) + temporary
    for turn, (job, kind) in enumerate([*((job, group) for job in others), *([(AGENCY_JOB, "agency")] * temporary)]):
        boss = lead if turn < room else bosses[(turn - room) % len(bosses)]
        tree.seat(unit, job, kind, boss, team=team.code)


def _deputy(lead: Job) -> Job:
    """Who helps to manage a team too big for one: an assistant team manager, or the lead's deputy outside social work."""
    if lead.stage == "PSW":
        return Job("Academy Manager", "ATM")
    return Job("Assistant Team Manager", "ATM") if lead.stage == "TM" else Job(f"Deputy {lead.title}", lead.stage)


def _second(job: Job) -> bool:
    """Somebody who manages part of the team under its lead."""
    return job.stage == "ATM" or job.title.startswith(("Senior Family", "Senior Residential"))


def _jobs(jobs: Sequence[Job], count: int, carry: list[float]) -> list[Job]:
    whole = sum(job.weight for job in jobs)
    for i, job in enumerate(jobs):
        carry[i] += max(count, 0) * job.weight / whole
    found: list[Job] = []
    for _ in range(count):
        i = max(range(len(jobs)), key=lambda i: (carry[i], -i))
        carry[i] -= 1
        found.append(jobs[i])
    return found


def _mixed(jobs: list[Job]) -> list[Job]:
    """One of each kind in turn, newly qualified first, so that the lead's own reports are a mixture."""
    kinds: dict[tuple[str | None, str], list[Job]] = {}
    for job in sorted(jobs, key=lambda job: ({"NQSW": 0, "SW": 1, "EXP": 2}.get(job.stage or "", 3), job.title)):
        kinds.setdefault((job.stage, job.title), []).append(job)
    found: list[Job] = []
    while any(kinds.values()):
        found += [same.pop() for same in kinds.values() if same]
    return found
