"""What the columns of an extract are called, and what its words mean: the built-in synonyms and the mapping file."""

import hashlib
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from app.hr.problems import ExtractRefused, MappingRefused

SYNONYMS: dict[str, tuple[str, ...]] = {
    "employee_number": (
        "employee number", "employee no", "employee id", "emp no", "emp number", "emp id", "employee ref", "employee reference",
        "staff number", "staff no", "staff id", "payroll number", "payroll no", "payroll ref", "personnel number", "personnel no",
        "assignment number", "worker id", "person number",
    ),
    "first_name": ("first name", "forename", "forenames", "given name", "given names", "legal first name"),
    "last_name": ("last name", "surname", "family name", "legal last name"),
    "known_as": ("known as", "preferred name", "preferred first name", "known name"),
    "email": ("email", "e-mail", "email address", "e-mail address", "work email", "work e-mail", "work email address"),
    "swe_number": (
        "swe number", "swe no", "swe registration", "swe registration number", "social work england number",
        "social work england registration number", "registration number", "professional registration number", "sw number",
    ),
    "registration_status": ("registration status", "swe status", "swe registration status", "social work england status"),
    "job_title": ("job title", "position title", "post title", "position", "job", "role title"),
    "stage": ("stage", "career stage", "grade stage", "practice stage", "progression stage"),
    "contract": ("contract", "contract type", "employment type", "assignment category", "employee category", "worker type"),
    "fte": ("fte", "full time equivalent", "whole time equivalent", "wte"),
    "working_days": ("working days", "working pattern", "work pattern", "days worked", "work days"),
    "organisation": ("organisation", "organization", "employer", "company", "council"),
    "service": ("service", "service area", "department", "division"),
    "locality": ("locality", "area", "district", "locality name"),
    "team": ("team", "team name", "team code", "unit", "organisational unit", "organisation unit", "org unit", "cost centre name"),
    "manager_number": (
        "manager number", "manager no", "manager employee number", "manager employee no", "manager id", "line manager number",
        "line manager employee number", "line manager no", "line manager id", "manager payroll number", "reports to number",
        "supervisor number", "supervisor id",
    ),
    "manager_email": ("manager email", "manager e-mail", "line manager email", "line manager e-mail", "manager email address",
                      "line manager email address", "supervisor email"),
    "start_date": ("start date", "date started", "date joined", "employment start date", "hire date", "original hire date",
                   "continuous service date", "commencement date"),
    "leaving_date": ("leaving date", "end date", "date left", "leave date", "termination date", "employment end date", "leaver date",
                     "last working day"),
    "team_from": ("team from", "team start date", "in team from", "team effective date", "date into team", "transfer date"),
    "post_from": ("post from", "post start date", "position start date", "assignment start date", "in post from", "date into post"),
    "practice_area": ("practice area", "area of practice", "specialism", "practice specialism"),
    "entry_route": ("entry route", "route into social work", "qualifying route", "route"),
    "qualification_year": ("qualification year", "year qualified", "year of qualification", "qualified in"),
    "primary_post": ("primary post", "primary", "main post", "primary assignment", "primary assignment flag", "main assignment",
                     "primary position", "primary flag"),
}  # fmt: skip
"""Our column → headings that are taken for it without a mapping file (compared without case, spaces and punctuation)."""

COLUMNS = tuple(SYNONYMS)
REQUIRED = ("first_name", "last_name", "start_date")
IDENTIFIERS = ("employee_number", "email", "swe_number")
MAX_MAPPING_BYTES = 256 * 1024

_KEYS = {"name", "headings", "values", "ignore", "sheet", "dates", "organisation", "extract", "units", "create_units"}
_VALUE_COLUMNS = {
    "registration_status", "job_title", "stage", "contract", "working_days", "organisation", "service", "locality", "team", "practice_area",
    "entry_route", "primary_post",
}  # fmt: skip


def folded(text: object) -> str:
    """A heading or word without case, spacing and punctuation: "  Employee-No. " → "employeeno"."""
    return re.sub(r"[\W_]+", "", str(text).casefold())


_KNOWN = {folded(word): column for column, words in SYNONYMS.items() for word in (column, *words)}


@dataclass(frozen=True, slots=True)
class Mapping:
    """How to read one kind of extract. `Mapping()` is the default: synonyms only, day first, a partial extract."""

    name: str = "default"
    headings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    """Column → folded word in the file → our word; an empty word makes the cell blank."""
    ignore: frozenset[str] = frozenset()
    sheet: str | None = None
    dates: Literal["day first", "month first"] = "day first"
    organisation: str | None = None
    full: bool = False
    """The extract names everyone employed: people it does not name have left."""
    units: Literal["code or name", "code", "name"] = "code or name"
    create_units: bool = False

    def column_of(self, heading: str) -> str | None:
        """Our column for a heading of the file, or None. The mapping file's headings win over the synonyms."""
        key = folded(heading)
        for column, words in self.headings.items():
            if key in words:
                return column
        column_ = _KNOWN.get(key)
        return None if column_ in self.headings else column_

    def digest(self) -> str:
        """Tells two ways to read a file apart, whatever they are called."""
        return hashlib.sha256(repr(replace(self, ignore=sorted(self.ignore))).encode()).hexdigest()  # type: ignore[arg-type]

    def ignores(self, heading: str) -> bool:
        """Whether the mapping file says to pass over this heading without a word."""
        return folded(heading) in self.ignore


def load_mapping(source: Path | str) -> Mapping:
    """The mapping in a YAML file, or in its text. Raises MappingRefused with the entry that is wrong."""
    if isinstance(source, Path):
        try:
            if source.stat().st_size > MAX_MAPPING_BYTES:
                raise MappingRefused("The mapping file is larger than 256 KB. It should hold headings and words, not rows.")
            text = source.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as problem:
            raise MappingRefused(f"The mapping file {source.name} cannot be read as UTF-8 text.") from problem
    else:
        text = source
    if len(text) > MAX_MAPPING_BYTES:
        raise MappingRefused("The mapping file is larger than 256 KB. It should hold headings and words, not rows.")
    if re.search(r"(?m)(^|[\s:\[{,-])[&*][A-Za-z0-9_]", text):
        raise MappingRefused("The mapping file uses YAML anchors (& or *). Write the words out, in quotation marks if they begin so.")
    try:
        data = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - makes strings, lists and dicts only: 0012 and Yes stay as written
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f" near line {mark.line + 1}" if mark else ""
        raise MappingRefused(f"The mapping file is not valid YAML{where}. Check its indentation and colons.") from problem
    except RecursionError as problem:
        raise MappingRefused("The mapping file nests its entries far too deeply. It needs three levels at most.") from problem
    if data is None or data == "":
        return Mapping()
    if not isinstance(data, dict):
        raise MappingRefused("The mapping file should hold entries such as “headings:” and “values:”.")
    return _checked(data)


def _checked(data: dict[Any, Any]) -> Mapping:
    if unknown := sorted(str(key) for key in data if key not in _KEYS):
        raise MappingRefused(f"The mapping file has an entry “{unknown[0]}”, which means nothing. Entries are: {', '.join(sorted(_KEYS))}.")
    return Mapping(
        name=_text(data, "name") or "mapping file",
        headings=_headings(data.get("headings") or {}),
        values=_values(data.get("values") or {}),
        ignore=frozenset(folded(word) for word in _words(data.get("ignore") or [], "ignore")),
        sheet=_text(data, "sheet"),
        dates=_choice(data, "dates", ("day first", "month first")),
        organisation=_text(data, "organisation"),
        full=_choice(data, "extract", ("partial", "full")) == "full",
        units=_choice(data, "units", ("code or name", "code", "name")),
        create_units=_flag(data, "create_units"),
    )


def _headings(entry: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(entry, dict):
        raise MappingRefused("“headings” should list our columns, each with the heading in your file.")
    headings: dict[str, tuple[str, ...]] = {}
    seen: dict[str, str] = {}
    for column, words in entry.items():
        if column not in SYNONYMS:
            raise MappingRefused(f"“headings” names a column “{column}”, which does not exist. Columns are: {', '.join(COLUMNS)}.")
        headings[column] = tuple(folded(word) for word in _words(words, f"headings: {column}"))
        for word in headings[column]:
            if other := seen.get(word):
                raise MappingRefused(f"“headings” gives the same heading to {other} and {column}. One heading can feed one column.")
            seen[word] = column
    return headings


def _values(entry: Any) -> dict[str, dict[str, str]]:
    if not isinstance(entry, dict):
        raise MappingRefused("“values” should list our columns, each with the words in your file and what they mean.")
    values: dict[str, dict[str, str]] = {}
    for column, words in entry.items():
        if column not in _VALUE_COLUMNS:
            raise MappingRefused(f"“values” cannot translate “{column}”. It can translate: {', '.join(sorted(_VALUE_COLUMNS))}.")
        if not isinstance(words, dict):
            raise MappingRefused(f"“values: {column}” should list words as “word in the file: our word”.")
        values[column] = {folded(word): _plain(ours, f"values: {column}") for word, ours in words.items()}
    return values


def _words(entry: Any, where: str) -> list[str]:
    return [_plain(word, where) for word in (entry if isinstance(entry, list) else [entry])]


def _plain(value: Any, where: str) -> str:
    if isinstance(value, str):
        return " ".join(value.split())
    raise MappingRefused(f"“{where}” holds something that is not a word. Put it in quotation marks.")


def _text(data: dict[Any, Any], key: str) -> str | None:
    value = data.get(key)
    return None if value is None else _plain(value, key) or None


def _flag(data: dict[Any, Any], key: str) -> bool:
    value = str(data.get(key, "false")).lower()
    if value not in ("true", "false"):
        raise MappingRefused(f"“{key}” should be true or false.")
    return value == "true"


def _choice(data: dict[Any, Any], key: str, words: tuple[str, ...]) -> Any:
    value = data.get(key, words[0])
    if value not in words:
        raise MappingRefused(f"“{key}” should be one of: {', '.join(words)}.")
    return value


@dataclass(frozen=True, slots=True)
class Headings:
    """The heading row of a file: where each of our columns stands, what it is called there, and what is passed over."""

    line: int
    width: int
    position: dict[str, int]
    named: dict[str, str]
    ignored: tuple[str, ...]


def recognised(cells: list[Any], mapping: Mapping) -> int:
    """How many different columns of ours a row of cells names, were it the heading row."""
    return len({column for cell in cells if isinstance(cell, str) and (column := mapping.column_of(cell))})


def read_headings(line: int, cells: list[Any], mapping: Mapping) -> Headings:
    """Understand the heading row. Raises ExtractRefused when a needed column is missing or two headings feed one column."""
    position: dict[str, int] = {}
    named: dict[str, str] = {}
    ignored: list[str] = []
    for index, cell in enumerate(cells):
        heading = " ".join(str(cell).replace("\ufeff", "").split())
        if not heading:
            continue
        column = mapping.column_of(heading)
        if column is None:
            if not mapping.ignores(heading):
                ignored.append(heading)
        elif column in position:
            raise ExtractRefused(
                f"Two headings, “{named[column]}” and “{heading}”, are both taken for {said(column)}. "
                f"Say in a mapping file which one it is (headings: {column}: …), or take one column out."
            )
        else:
            position[column], named[column] = index, heading
    if missing := [column for column in REQUIRED if column not in position]:
        raise ExtractRefused(_missing(" and ".join(said(column) for column in missing), missing[0], line, ignored))
    if not any(column in position for column in IDENTIFIERS):
        raise ExtractRefused(_missing("employee number, e-mail or Social Work England number", "employee_number", line, ignored))
    return Headings(line, len(cells), position, named, tuple(ignored))


def said(column: str) -> str:
    """A column of ours in words: "swe_number" → "SWE number"."""
    return column.replace("_", " ").replace("swe", "SWE").replace("fte", "FTE")


def _missing(what: str, column: str, line: int, ignored: list[str]) -> str:
    found = f" Headings on line {line} that mean nothing yet: {', '.join(ignored[:20])}." if ignored else ""
    return f"The file has no column for {what}.{found} Add it, or say in a mapping file what it is called (headings: {column}: …)."
