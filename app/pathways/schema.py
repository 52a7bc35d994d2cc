"""What a file of pathway steps may hold: its shape, and what each kind of requirement takes. docs/pathway-steps.md explains it.

A requirement is one flat row: which of its fields belong to its kind stands in `TAKES`, and `wrongs` says what does not fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field

from app.core.text import normal
from app.frameworks.reading import Place
from app.frameworks.schema import Code, Part, Verified

Kind = Literal[
    "course",
    "curriculum",
    "programme",
    "standard",
    "records",
    "months_in_stage",
    "registration",
    "pdr",
    "supervision",
    "endorsement",
]
KINDS: tuple[Kind, ...] = get_args(Kind)


def _seen(value: object) -> object:
    """One line of what can be seen: what hides text or turns it round goes, before anything is counted."""
    return normal(value) if isinstance(value, str) else value


Line = BeforeValidator(_seen)
Title = Annotated[str, Line, Field(min_length=1, max_length=200)]
Words = Annotated[str, Line, Field(max_length=4000)]
Name = Annotated[str, Line, Field(min_length=1, max_length=200)]
Number = Annotated[int, Field(ge=1, le=100)]
Months = Annotated[int, Field(ge=1, le=240)]
Minutes = Annotated[int, Field(ge=1, le=100_000)]
Contract = Literal["permanent", "fixed term", "agency", "student"]
ENDORSERS = ("line manager", "assessor", "coordinator", "principal social worker")
"""The roles an endorsement can be asked of: those that may read how far somebody is, and answer for it."""

TAKES: dict[Kind, tuple[tuple[str, ...], tuple[str, ...]]] = {  # kind → (what it needs, what it may have); as models.PARAMETERS
    "course": (("course",), ()),
    "curriculum": (("curriculum",), ()),
    "programme": (("programme",), ()),
    "standard": (("standard", "times"), ("level", "months")),
    "records": ((), ("minutes", "times", "bucket", "activity", "months")),
    "months_in_stage": (("stage", "months"), ()),
    "registration": ((), ()),
    "pdr": (("months",), ()),
    "supervision": ((), ()),
    "endorsement": (("role",), ()),
}
FIELDS = tuple(dict.fromkeys(name for needs, may in TAKES.values() for name in (*needs, *may)))


class Requirement(Part):
    """One thing that is asked for. Without a `title` the service says it in its own words."""

    kind: Kind
    title: Title | None = None
    course: Name | None = None  # the last part of its address
    curriculum: Name | None = None  # its title
    programme: Code | None = None
    standard: Code | None = None
    times: Number | None = None
    level: Literal["signed"] | None = None  # in signed documents of a portfolio only
    minutes: Minutes | None = None
    bucket: Literal["experience", "social", "formal"] | None = None
    activity: Name | None = None  # of the learning activities
    months: Months | None = None
    stage: Code | None = None
    role: Literal["line manager", "assessor", "coordinator", "principal social worker"] | None = None


class Group(Part):
    """Requirements that belong together: all of them, or any `needed`."""

    title: Title
    rule: Literal["all", "any"] = "all"
    needed: Number | None = None
    requirements: Annotated[list[Requirement], Field(min_length=1, max_length=30)]


class Applies(Part):
    """Whom a step is for. What is left out does not limit."""

    stages: Annotated[list[Code], Field(max_length=30)] = Field(default_factory=list)
    contracts: Annotated[list[Contract], Field(max_length=4)] = Field(default_factory=list)
    roles: Annotated[list[Name], Field(max_length=10)] = Field(default_factory=list)
    host_only: bool = False
    settings: bool = False


class Step(Part):
    """One version of a step."""

    code: Code
    title: Title
    kind: Literal["progression", "mandatory"]
    to_stage: Code | None = None
    summary: Words = ""
    source: Words = ""
    verified: Verified = "false"
    applies: Applies = Applies()
    in_force_from: date | None = None
    in_force_to: date | None = None
    rule: Literal["all", "any"] = "all"  # of the groups
    needed: Number | None = None
    groups: Annotated[list[Group], Field(min_length=1, max_length=20)]


class StepsFile(Part):
    """A whole file."""

    pathway_steps: Annotated[list[Step], Field(min_length=1, max_length=100)]


Wrong = tuple[Place, str, str]  # where, what, the remedy


def wrongs(made: StepsFile) -> list[Wrong]:
    """Everything in a file of the right shape that does not hold together."""
    found: list[Wrong] = []
    seen: set[str] = set()
    for n, step in enumerate(made.pathway_steps):
        place: Place = ("pathway_steps", n)
        if step.code in seen:
            found.append(((*place, "code"), f"The step “{step.code}” is given twice.", "Give each its own code."))
        seen.add(step.code)
        found += [((*place, *where), wrong, remedy) for where, wrong, remedy in _of_step(step)]
    return found


def _of_step(step: Step) -> Iterator[Wrong]:
    if (step.kind == "progression") != (step.to_stage is not None):
        if step.kind == "progression":
            yield ("kind",), "A progression does not say where to.", "Add “to_stage: …” with the code of a career stage."
        else:
            yield ("to_stage",), "Mandatory training leads to no stage.", "Take it out, or make the kind “progression”."
    if step.in_force_from and step.in_force_to and step.in_force_to < step.in_force_from:
        yield ("in_force_to",), "It goes out of force before it comes into force.", "Exchange the dates, or take one out."
    if step.to_stage is not None and step.to_stage in step.applies.stages:
        yield ("applies", "stages"), f"It leads from {step.to_stage} to {step.to_stage}.", "Take that stage out."
    yield from _counted((), step.rule, step.needed, len(step.groups), "groups")
    for n, group in enumerate(step.groups):
        place: Place = ("groups", n)
        yield from _counted(place, group.rule, group.needed, len(group.requirements), "requirements")
        for k, requirement in enumerate(group.requirements):
            yield from (((*place, "requirements", k, *where), wrong, remedy) for where, wrong, remedy in _of_requirement(requirement))
        yield from _repeated(place, group.requirements)


def _counted(place: Place, rule: str, needed: int | None, there: int, what: str) -> Iterator[Wrong]:
    if rule == "all" and needed is not None:
        yield (*place, "needed"), "“needed” says how many of several; here all are needed.", "Take it out, or write “rule: any”."
    if rule == "any" and needed is None:
        yield (*place, "rule"), "It does not say how many are needed.", "Add “needed: 1”, or however many."
    if rule == "any" and needed is not None and needed > there:
        yield (*place, "needed"), f"{needed} are needed, and there are only {there} {what}.", "Lower the number, or add some."


def _of_requirement(made: Requirement) -> Iterator[Wrong]:
    needs, may = TAKES[made.kind]
    for name in FIELDS:
        given = getattr(made, name)
        if given is None and name in needs:
            yield (), f"A requirement of the kind “{made.kind}” needs “{name}”.", f"Add “{name}: …” to it."
        elif given is not None and name not in (*needs, *may):
            takes = ", ".join((*needs, *may)) or "nothing else"
            yield (name,), f"“{name}” does not belong to the kind “{made.kind}”.", f"It takes: {takes}."
    if made.kind == "records" and made.minutes is None and made.times is None:
        yield (), "It does not say how much is asked for.", "Add “minutes: …” or “times: …”, or both."
    if made.bucket is not None and made.activity is not None:
        yield ("bucket",), "An activity belongs to its own kind of learning.", "Take “bucket” or “activity” out."


def _repeated(place: Place, made: Iterable[Requirement]) -> Iterator[Wrong]:
    seen: list[dict[str, Any]] = []
    for k, requirement in enumerate(made):
        held = requirement.model_dump(exclude={"title"})
        if held in seen:
            yield (*place, "requirements", k), "The same stands in this group already.", "Take one of them out."
        seen.append(held)
