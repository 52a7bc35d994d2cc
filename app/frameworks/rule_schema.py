"""What files of supervision rules, apprenticeships and standards may hold: the shape of them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from app.frameworks.schema import Code, Months, Part, Percent, Roles, Title, Verified, Version, Words


class SupervisionPeriod(Part):
    """From when to when counted from the start, and how often. The first day or month is included, the last is not; no end: to the end."""

    label: Title
    from_day: Annotated[int, Field(ge=0, le=4000)] | None = None
    from_month: Annotated[int, Field(ge=0, le=120)] | None = None
    to_day: Annotated[int, Field(ge=1, le=4000)] | None = None
    to_month: Annotated[int, Field(ge=1, le=120)] | None = None
    every_days: Annotated[int, Field(ge=1, le=400)] | None = None
    every_months: Annotated[int, Field(ge=1, le=24)] | None = None


SupervisionKind = Literal["professional", "reflective", "case", "group_reflective", "management_oversight", "conference_chair"]


class SupervisionDefinition(Part):
    """How often supervision is due and what counts towards it."""

    source: Words
    verified: Verified
    applies_to: Words
    counts: Annotated[list[SupervisionKind], Field(min_length=1)]  # kinds that count towards the frequency
    supplementary: list[SupervisionKind] = Field(default_factory=list)  # shown, never instead
    report_reflective_separately: bool = False
    reflective_supervisor_registered: bool = False
    minimum_minutes: Annotated[int, Field(ge=1, le=600)] | None = None
    minutes_effect: Literal["show_only", "counts"] = "show_only"  # counts: a shorter one does not count
    proportionate: bool = False  # to part-time hours
    periods: Annotated[list[SupervisionPeriod], Field(min_length=1, max_length=20)]


class SupervisionRule(Part):
    """One version of one rule."""

    code: Code
    version: Version
    title: Title
    definition: SupervisionDefinition


class SupervisionRules(Part):
    """A file of them."""

    supervision_rules: Annotated[list[SupervisionRule], Field(min_length=1, max_length=50)]


class Ksb(Part):
    """A piece of knowledge, a skill or a behaviour."""

    code: Annotated[str, Field(pattern=r"^[KSB][1-9][0-9]{0,2}$")]
    title: Annotated[str, Field(min_length=1, max_length=1000)]
    verified: bool = False


class ApprenticeshipStandard(Part):
    """One version of one occupational standard."""

    code: Code
    version: Version
    title: Title
    level: Annotated[int, Field(ge=2, le=8)]
    typical_months: Months
    otj_minimum_hours: Annotated[int, Field(ge=1, le=5000)] | None = None
    otj_note: Words = ""
    regulated: bool = False
    options: Annotated[list[Title], Field(max_length=10)] = Field(default_factory=list)
    verified: Verified
    ksbs: Annotated[list[Ksb], Field(max_length=300)] = Field(default_factory=list)


class Review(Part):
    """How often the three meet."""

    every_months: Annotated[int, Field(ge=1, le=24)] | None = None  # to the end of that calendar month after the last review
    every_weeks: Annotated[int, Field(ge=1, le=104)] | None = None
    parties: Roles
    signed: bool = True
    alternative_if: Words = ""


class Terms(Part):
    """What these rules call things."""

    assessment: Title
    gateway: Title
    assessor_body: Title


class ApprenticeshipDefinition(Part):
    """What a set of funding rules asks for."""

    source: Words
    verified: Verified
    otj_basis: Literal["published_hours", "hours_per_week", "percent_of_hours"]
    otj_words: Title  # as the page says it
    otj_hours_per_week: Annotated[int, Field(ge=1, le=40)] | None = None  # of somebody in full-time work
    otj_percent: Percent | None = None  # of working hours; under hours_per_week that of part-time workers
    otj_floor_hours: Annotated[int, Field(ge=1, le=5000)] | None = None  # however much was learnt before
    statutory_leave_days: Annotated[int, Field(ge=0, le=100)] | None = None  # a year, of five-day weeks: weeks without training
    minimum_months: Months
    progress_review: Review
    english_maths: Literal["required", "optional_19_plus"]
    terms: Terms


class ApprenticeshipRule(Part):
    """The rules of apprenticeships that start in this span."""

    code: Code
    title: Title
    starts_from: date | None = None
    starts_to: date | None = None
    definition: ApprenticeshipDefinition


class Apprenticeships(Part):
    """A file of standards, rules, or both."""

    apprenticeship_standards: Annotated[list[ApprenticeshipStandard], Field(max_length=200)] = Field(default_factory=list)
    apprenticeship_rules: Annotated[list[ApprenticeshipRule], Field(max_length=50)] = Field(default_factory=list)


class StandardItem(Part):
    """One standard of a set."""

    code: Code
    number: Annotated[int, Field(ge=1, le=1000)]
    title: Title
    verified: Verified = "false"


class StandardsSet(Part):
    """One version of one set. What is known of it beyond these is kept in the file only."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    code: Code
    version: Version
    title: Title
    in_force_from: date | None = None
    in_force_to: date | None = None
    verified: Verified = "false"
    items: Annotated[list[StandardItem], Field(min_length=1, max_length=300)]


class StandardsSets(Part):
    """A file of them."""

    standards_sets: Annotated[list[StandardsSet], Field(min_length=1, max_length=50)]
