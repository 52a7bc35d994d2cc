"""A measure set: every success measure of a strategy in words, with where its figures come from. Data, checked and then frozen."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Theme = Literal["culture", "capacity", "capability"]
Breakdown = Literal["tree", "stage", "contract"]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,59}$")]
THEMES: dict[str, str] = {"culture": "Culture", "capacity": "Capacity", "capability": "Capability"}
# The organisation tree is one breakdown of several levels: services, localities in them, teams in those.
BREAKDOWNS: dict[str, str] = {"tree": "Part of the organisation", "stage": "Career stage", "contract": "Contract"}


class _Checked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Target(_Checked):
    """What the council wants to reach, in the unit of the measure as it is shown ("90" of a share: 90%)."""

    value: float
    words: Words | None = None  # where it comes from: "strategy", "national average 2023"


class Measure(_Checked):
    """One figure, in words and as a count."""

    code: Code
    title: Words
    sentence: (
        Words  # with "{figure}", "{numerator}" and "{denominator}" where they stand: "{numerator} of {denominator} people ({figure}) …"
    )
    themes: tuple[Theme, ...] = Field(min_length=1)
    answers: tuple[Words, ...] = ()  # the strategy's success measures that it is a row of, in the strategy's words
    numerator: Words
    denominator: Words | None  # None: a plain number
    exclusions: Words
    source: Words
    owner: Words
    # share: so many of so many people or things, in %. rate: one amount by another, in %. average: one by another, with one decimal.
    # count: the numerator alone. score: the numerator alone, with one decimal.
    unit: Literal["share", "rate", "average", "count", "score"]
    scale: Literal[1, 100] = 1  # numerator and denominator are kept as whole numbers of this part: 100 for full-time equivalents
    better: Literal["higher", "lower", "neither"]
    target: Target | None = None
    # How small numbers are treated (product §13): never hidden; people's outcomes; equality and employee relations, hidden from everybody.
    small: Literal["none", "outcomes", "sensitive"]
    counts: Code | None = None  # the function in app.measures.counting that counts it; None: imported as an aggregate
    breakdowns: tuple[Breakdown, ...] = ()
    every: Literal[1, 3, 12] = 1  # months from one imported figure to the next: so long the last one stands for the months after it
    within: Code | None = None  # of the same people another share, true of everybody of whom this one is: both are hidden alike
    grows: bool = False  # within its period the numerator only grows but for who leaves: hiding compares successive months
    local: bool = False  # a local variant beside the census formula, labelled as such
    unverified: bool = False  # rests on a definition that nobody has confirmed

    @property
    def sensitive(self) -> bool:
        """About equality or employee relations: hidden from everybody, whoever they reach."""
        return self.small == "sensitive"

    @model_validator(mode="after")
    def _sound(self) -> Measure:
        if (self.denominator is None) != (self.unit in ("count", "score")):
            raise ValueError("a share, rate or average needs a denominator; a count or score has none")
        return self


class MeasureSet(_Checked):
    """All measures of one strategy, in the order in which they are shown."""

    code: Code
    version: int = Field(ge=1)
    title: Words
    strategy: Words
    runs_from: date
    runs_until: date | None
    # Who may not see everybody of a group sees no number of people below this one (product §13). More can be hidden, never less.
    below: int = Field(default=6, ge=6, le=100)
    # A month is published by itself on this working day of the next one; none: only by whoever presses the button.
    publishes_on: int | None = Field(default=10, ge=1, le=20)
    constants: dict[Code, int] = {}  # what formulas rest on and nobody has confirmed, such as the working days of a year
    success_measures: dict[Theme, tuple[Words, ...]]  # as the strategy lists them
    measures: tuple[Measure, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _whole(self) -> MeasureSet:
        codes = [measure.code for measure in self.measures]
        twice = {code for code in codes if codes.count(code) > 1}
        if twice:
            raise ValueError(f"two measures have the code {', '.join(sorted(twice))}")
        answered = {(theme, words) for measure in self.measures for theme in measure.themes for words in measure.answers}
        missing = [words for theme, listed in self.success_measures.items() for words in listed if (theme, words) not in answered]
        if missing:
            raise ValueError(f"no measure answers {'; '.join(missing)}")
        for measure in self.measures:
            self._check_within(measure)
        return self

    def _check_within(self, measure: Measure) -> None:
        if measure.within is None:
            return
        wide = self.measure(measure.within)
        if wide is None or wide is measure:
            raise ValueError(f"{measure.code} is within {measure.within}, which is no other measure of the set")
        if any(
            (each.unit, each.small, each.breakdowns, each.scale, each.grows, each.counts is None)
            != ("share", measure.small, measure.breakdowns, 1, False, measure.counts is None)
            for each in (measure, wide)
        ):
            raise ValueError(f"{measure.code} is within {wide.code}: both must be shares, broken down and hidden alike, and not grow")

    def together(self) -> list[list[Measure]]:
        """The measures in groups of those that are hidden alike, because one is within the other; most stand alone."""
        found: list[list[Measure]] = []
        for measure in self.measures:
            tied = [group for group in found if any(measure.within == each.code or each.within == measure.code for each in group)]
            found = [group for group in found if group not in tied] + [[*(each for group in tied for each in group), measure]]
        return found

    def measure(self, code: str) -> Measure | None:
        """The measure with this code, if it is in the set."""
        return next((each for each in self.measures if each.code == code), None)


def parsed(content: Any) -> MeasureSet:
    """The set that this content (of a YAML or JSON file, or of the database) is; pydantic's ValidationError where it is none."""
    return MeasureSet.model_validate(content)
