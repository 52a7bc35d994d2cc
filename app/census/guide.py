"""The guide of a collection year: its items, their codes, and what must hold between them. Data, checked when it is loaded, then frozen.

Names, order, codes and forms of the items follow the public schema social_work_workforce_2022.xsd (liia-tools). Each year's guide changes
some of them; `seed/reference/census/` has the files.
"""

from __future__ import annotations

import re
from datetime import date
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator
from sqlalchemy import Row, select

from app.census.models import CensusGuide
from app.core.errors import Conflict, Invalid
from app.core.tx import Tx
from app.frameworks.reading import read, shaped
from app.policy import Can, operation

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9]{1,39}$")]  # an element of the collection
RuleCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,59}$")]
IN_YEAR, NOT_IN_YEAR, GIVEN, MISSING, REPEATED = "in year", "not in year", "given", "missing", "repeated"
WORDS = (IN_YEAR, NOT_IN_YEAR, GIVEN, MISSING, REPEATED)
_ITEMS, _AMOUNTS = ("before", "more than"), ("over", "under", "age under", "age over")
Is = str | list[str] | dict[str, str | int | float]


class _Checked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Item(_Checked):
    """One element of the collection: what it may hold, who knows it first, and for whom it is needed (None: for nobody)."""

    code: Name
    title: Text
    kind: Literal["choice", "number", "whole", "date", "text", "pattern"]
    from_: Literal["academy", "hr", "both"] = Field("hr", alias="from")
    private: bool = False  # its value is never shown on a page
    needed: dict[Name, Is] | None = None
    choices: dict[str, Text] = {}
    pattern: str = ""
    example: str = ""
    least: float | None = None
    most: float | None = None
    places: int = 0  # decimal places at most

    @model_validator(mode="after")
    def _sound(self) -> Item:
        if (self.kind == "choice") != bool(self.choices):
            raise ValueError("choices belong to items of the kind choice")
        if (self.kind == "pattern") != bool(self.pattern):
            raise ValueError("a pattern belongs to items of the kind pattern")
        if self.pattern:
            re.compile(self.pattern)
        return self

    @property
    def by_academy(self) -> bool:
        """Does the Academy fill it in?"""
        return self.from_ != "hr"

    @cached_property
    def means(self) -> dict[str, str]:
        """What people write for a choice, in small letters, to its code."""
        said = {words.lower(): code for code, words in self.choices.items()} | {code.lower(): code for code in self.choices}
        if set(self.choices) == {"0", "1"}:
            said |= {"no": "0", "n": "0", "yes": "1", "y": "1"}
        return said


class Rule(_Checked):
    """What must not be found: a message is given where `when` holds and the item is as `is` says."""

    code: RuleCode
    kind: Literal["error", "query"]
    item: Name
    when: dict[Name, Is] = {}
    is_: Is = Field(alias="is")
    said: Text
    remedy: Text


class Status(_Checked):
    """A status of knowledge and skills, and the programmes that give it."""

    code: str
    programmes: list[str] = Field(min_length=1)
    passed: bool


class Number(_Checked):
    """How the collection writes registration numbers."""

    prefix: str
    digits: int = Field(ge=1, le=12)


class Guide(_Checked):
    """Everything about one collection year."""

    year: int = Field(ge=2017, le=2100)
    version: int = Field(ge=1)
    title: Text
    collection: Name
    source: Text
    reference_day: Annotated[str, StringConstraints(pattern=r"^\d\d-\d\d$")]
    working_days: int = Field(ge=200, le=366)
    cases_within: int = Field(ge=0, le=366)
    number: Number
    authority: str
    roles: dict[str, str]
    routes: dict[str, dict[Name, str]]
    statuses: list[Status]
    items: list[Item] = Field(min_length=1)
    authority_items: list[Item]
    rules: list[Rule]

    @field_validator("rules")
    @classmethod
    def _once(cls, rules: list[Rule]) -> list[Rule]:
        codes = [rule.code for rule in rules]
        if len(set(codes)) != len(codes):
            raise ValueError("two rules have the same code")
        return rules

    @model_validator(mode="after")
    def _sound(self) -> Guide:
        """Everything that is named is there, and every condition is one that can be asked."""
        known = {item.code: item for item in (*self.items, *self.authority_items)}
        if len(known) != len(self.items) + len(self.authority_items):
            raise ValueError("two items have the same code")
        for item in self.items:
            for name, condition in (item.needed or {}).items():
                _condition(known, name, condition)
        for rule in self.rules:
            for name, condition in {**rule.when, rule.item: rule.is_}.items():
                _condition(known, name, condition)
        role = known.get("OrgRole")
        if role is None or any(code not in role.choices for code in self.roles.values()):
            raise ValueError("roles name a code that OrgRole does not have")
        if missing := {name for values in self.routes.values() for name in values} - set(known):
            raise ValueError(f"routes name items that are not there: {', '.join(sorted(missing))}")
        return self

    @cached_property
    def known(self) -> dict[str, Item]:
        """The items about people by code, in their order."""
        return {item.code: item for item in self.items}

    @cached_property
    def of_authority(self) -> dict[str, Item]:
        """The items about the authority as a whole."""
        return {item.code: item for item in self.authority_items}

    @cached_property
    def ruled(self) -> dict[str, Rule]:
        """Rules by code."""
        return {rule.code: rule for rule in self.rules}

    def reference(self, year: int) -> date:
        """The snapshot's day of a return: its collection year's last."""
        month, day = map(int, self.reference_day.split("-"))
        return date(year, month, day)


def _condition(known: dict[str, Item], name: str, condition: Is) -> None:
    """Refuse a condition about an item that is not there, or of a form that nobody can ask."""
    if name not in known:
        raise ValueError(f"there is no item {name}")
    if isinstance(condition, str):
        if condition not in WORDS:
            raise ValueError(f"{name}: “{condition}” is not one of {', '.join(WORDS)}")
    elif isinstance(condition, list):
        if strange := [code for code in condition if code not in known[name].choices]:
            raise ValueError(f"{name} has no code {', '.join(strange)}")
    else:
        for word, other in condition.items():
            if word in _ITEMS:
                if other not in known:
                    raise ValueError(f"there is no item {other}")
            elif word not in _AMOUNTS or isinstance(other, str):
                raise ValueError(f"{name}: “{word}” cannot be asked")


class _File(_Checked):
    census_guide: Guide


# Loading and finding -------------------------------------------------------------------------------------------------


@operation(Can.TAKE_CENSUS)
def load(tx: Tx, name: str, content: bytes) -> int | None:
    """Keep the guide of a file for its year and all later ones until another; returns its id, None if the same is there.

    FileRefused with every problem and its line. Conflict where this version of the year's guide says something else.
    """
    found = shaped(read(name, content, decimals=True), _File).census_guide
    kept = found.model_dump(mode="json", by_alias=True)
    old = tx.one(select(CensusGuide.id, CensusGuide.content).where(CensusGuide.year == found.year, CensusGuide.version == found.version))
    if old is not None:
        if old.content == kept:
            return None
        raise Conflict(
            f"Version {found.version} of the guide for {found.year} is there, and says something else.",
            code="guide-there",
            way_out="Give the file the next version.",
        )
    values = dict(year=found.year, version=found.version, title=found.title, content=kept, loaded_at=tx.now)
    key = tx.insert(CensusGuide, **values, loaded_by=tx.actor.person_id)
    tx.record("census-guide.loaded", "census_guides", key, year=found.year, version=found.version)
    return key


def parsed(content: Any) -> Guide:
    """A kept guide."""
    try:
        return Guide.model_validate(content)
    except ValidationError as wrong:
        raise Invalid("The guide of this year cannot be read.", code="guide-broken") from wrong


def in_force(tx: Tx, year: int) -> tuple[int, Guide]:
    """(id, guide) for a collection year: the latest year's not after it, in its newest version. Conflict: there is none."""
    row: Row[Any] | None = tx.one(
        select(CensusGuide.id, CensusGuide.content)
        .where(CensusGuide.year <= year)
        .order_by(CensusGuide.year.desc(), CensusGuide.version.desc())
        .limit(1)
    )
    if row is None:
        raise Conflict(
            "No guide of the census is loaded for that year.", code="no-guide", way_out="Ask the administrator to load one: docs/census.md."
        )
    return row.id, parsed(row.content)


def of(tx: Tx, guide_id: int) -> Guide:
    """The guide that a return goes by; parsed once for each transaction."""
    key = f"census guide {guide_id}"
    if key not in tx.memo:
        tx.memo[key] = parsed(tx.get(CensusGuide, guide_id).content)
    found: Guide = tx.memo[key]
    return found
