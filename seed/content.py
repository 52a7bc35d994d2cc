"""The files of reference data and content, read into plain typed values. Every code that one file uses is checked against the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
MODES = ("room", "online", "either", "self-paced")


@dataclass(frozen=True, slots=True)
class Item:
    """One standard of a set."""

    code: str
    number: int
    title: str
    verified: bool


@dataclass(frozen=True, slots=True)
class StandardsSet:
    """One version of one set of standards; unknown dates are None."""

    code: str
    version: str
    title: str
    in_force_from: date | None
    in_force_to: date | None
    verified: bool
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class CareerStage:
    """A stage of a career. A higher order is a promotion; `registered` roles need registration with Social Work England."""

    code: str
    title: str
    order: int
    group: str
    registered: bool


@dataclass(frozen=True, slots=True)
class CourseSpec:
    """A course of the academy's offer, as written in `content/courses`."""

    code: str
    title: str
    kind: str
    provider: str
    bucket: str
    minutes: int
    summary: str
    outcomes: tuple[str, ...]
    audience: str
    standards: tuple[str, ...]
    stages: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    series: str | None = None
    parts: int = 1
    mode: str = "room"
    places: int = 20
    valid_months: int | None = None
    refresher: str | None = None
    cost: int = 0  # pounds a place
    materials: str = ""
    approval: bool = False

    @property
    def part_minutes(self) -> int:
        """How long one part lasts, breaks left out."""
        return self.minutes // self.parts


@dataclass(frozen=True, slots=True)
class CurriculumSpec:
    """A set of courses: all of them, or any `any_n`."""

    code: str
    title: str
    summary: str
    rule: str
    courses: tuple[str, ...]
    any_n: int | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """What somebody does in a team."""

    title: str
    stage: str | None
    weight: int = 0


@dataclass(frozen=True, slots=True)
class TeamSpec:
    """A kind of team; `scope` says whether each locality has one. `weight` and `agency` share out the people."""

    code: str
    name: str
    scope: str
    weight: int
    agency: int
    lead: Job
    jobs: tuple[Job, ...]
    once: bool = False


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """A service and its kinds of team. `group` says which part of the headcount its people belong to."""

    code: str
    name: str
    group: str
    assistant_director: int
    teams: tuple[TeamSpec, ...]
    area_managers: bool = False


@dataclass(frozen=True, slots=True)
class PartnerSpec:
    """Another organisation whose staff are given part of the offer."""

    code: str
    name: str
    kind: str
    domain: str
    team_code: str
    team_name: str
    people: int
    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class RoomSpec:
    """A room where sessions are held."""

    code: str
    name: str
    site: str
    capacity: int
    access: str


@dataclass(frozen=True, slots=True)
class Content:
    """Everything the files say."""

    standards: tuple[StandardsSet, ...]
    stages: dict[str, CareerStage]
    providers: dict[str, str]
    series: dict[str, tuple[str, str]]  # code → title, summary
    courses: dict[str, CourseSpec]
    curricula: tuple[CurriculumSpec, ...]
    council: tuple[str, str]  # code, name
    headcount: dict[str, int]
    localities: tuple[tuple[str, str], ...]  # code, name
    directorate: tuple[str, str]
    directorate_posts: tuple[Job, ...]
    services: tuple[ServiceSpec, ...]
    partners: tuple[PartnerSpec, ...]
    rooms: tuple[RoomSpec, ...] = field(default=())


def _read(name: str) -> Any:
    return yaml.load((HERE / name).read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe


def _job(raw: dict[str, Any]) -> Job:
    return Job(raw["title"], raw["stage"], raw.get("weight", 0))


def _course(raw: dict[str, Any]) -> CourseSpec:
    lists = {name: tuple(raw.get(name, ())) for name in ("outcomes", "standards", "stages", "needs")}
    return CourseSpec(**{**raw, **lists, "summary": raw["summary"].strip()})


def _standards(raw: dict[str, Any]) -> StandardsSet:
    items = tuple(Item(i["code"], i["number"], i["title"], i["verified"] is True) for i in raw["items"])
    return StandardsSet(raw["code"], raw["version"], raw["title"], raw["in_force_from"], raw["in_force_to"], raw["verified"] is True, items)


def _service(raw: dict[str, Any]) -> ServiceSpec:
    teams = tuple(
        TeamSpec(
            t["code"], t["name"], t["scope"], t["weight"], t["agency"], _job(t["lead"]), tuple(map(_job, t["jobs"])), t.get("once", False)
        )
        for t in raw["teams"]
    )
    return ServiceSpec(raw["code"], raw["name"], raw["group"], raw["assistant_director"], teams, raw.get("area_managers", False))


def _partner(raw: dict[str, Any]) -> PartnerSpec:
    team = raw["team"]
    return PartnerSpec(
        raw["code"], raw["name"], raw["kind"], raw["domain"], team["code"], team["name"], raw["people"], tuple(map(_job, raw["jobs"]))
    )


@cache
def content() -> Content:
    """Read every file once. ValueError names a code that is used but not defined."""
    places, offer, stages = _read("content/places.yaml"), _read("content/offer.yaml"), _read("reference/stages.yaml")
    courses = [_course(raw) for path in sorted((HERE / "content/courses").glob("*.yaml")) for raw in _read(f"content/courses/{path.name}")]
    found = Content(
        standards=tuple(map(_standards, _read("reference/standards.yaml")["standards_sets"])),
        stages={s["code"]: CareerStage(s["code"], s["title"], s["order"], s["group"], s["registered"]) for s in stages["career_stages"]},
        providers={p["code"]: p["name"] for p in offer["providers"]},
        series={s["code"]: (s["title"], s["summary"].strip()) for s in offer["series"]},
        courses={course.code: course for course in courses},
        curricula=tuple(
            CurriculumSpec(c["code"], c["title"], c["summary"].strip(), c["rule"], tuple(c["courses"]), c.get("any_n"))
            for c in offer["curricula"]
        ),
        council=(places["council"]["code"], places["council"]["name"]),
        headcount=places["headcount"],
        localities=tuple((p["code"], p["name"]) for p in places["localities"]),
        directorate=(places["directorate"]["code"], places["directorate"]["name"]),
        directorate_posts=tuple(map(_job, places["directorate"]["posts"])),
        services=tuple(map(_service, places["services"])),
        partners=tuple(map(_partner, places["partners"])),
        rooms=tuple(RoomSpec(**raw) for raw in places["rooms"]),
    )
    if len(found.courses) != len(courses):
        raise ValueError("Two courses have the same code.")
    if problems := unknown_codes(found):
        raise ValueError("; ".join(problems))
    return found


def unknown_codes(found: Content) -> list[str]:
    """Every code that something refers to and nothing defines, in words; empty when all is well."""
    standards = {item.code for group in found.standards for item in group.items}
    problems: list[str] = []

    def check(where: str, kind: str, used: Any, known: Any) -> None:
        problems.extend(f"{where}: there is no {kind} {code!r}" for code in used if code not in known)

    for course in found.courses.values():
        check(course.code, "provider", [course.provider], found.providers)
        check(course.code, "standard", course.standards, standards)
        check(course.code, "stage", course.stages, found.stages)
        check(course.code, "course", [*course.needs, *([course.refresher] if course.refresher else [])], found.courses)
        check(course.code, "series", [course.series] if course.series else [], found.series)
        check(course.code, "mode", [course.mode], MODES)
    for curriculum in found.curricula:
        check(curriculum.code, "course", curriculum.courses, found.courses)
    jobs = [job for service in found.services for team in service.teams for job in (team.lead, *team.jobs)]
    jobs += [*found.directorate_posts, *(job for partner in found.partners for job in partner.jobs)]
    check("places", "stage", [job.stage for job in jobs if job.stage], found.stages)
    return problems
