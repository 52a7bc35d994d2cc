"""Reads YAML files of frameworks so that whatever is wrong in one can be said with its line, its place in the structure and the remedy."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date, datetime
from math import isfinite
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from app.core.errors import Invalid

MOST_BYTES = 1024 * 1024
MOST_NODES = 60_000  # a file may use a part of itself again with & and *, but not to grow without end
DEEPEST = 30
MOST_SHOWN = 60
Place = tuple[str | int, ...]  # where in the structure: ("programme", "stages", 0, "title")
M = TypeVar("M", bound=BaseModel)
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same, faster where it is built in


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a file."""

    file: str
    line: int  # from 1
    where: str  # "stages › ASYE-2 › documents › DO1 › title"
    wrong: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}{f', {self.where}' if self.where else ''}: {self.wrong} {self.remedy}".strip()


class FileRefused(Invalid):
    """Nothing of the file, or of the files given together, was kept; `problems` says why."""

    def __init__(self, problems: list[Problem]) -> None:
        problems = sorted(problems, key=lambda problem: (problem.file, problem.line))
        shown = problems[:MOST_SHOWN]
        words = f"{problems[0]}" if len(problems) == 1 else f"There are {len(problems)} problems. The first: {problems[0]}"
        super().__init__(words, code="framework-refused", errors=[{"field": "file", "message": str(problem)} for problem in shown])
        self.problems = problems


@dataclass(slots=True)
class Source:
    """A file as data, and the line of every place in it."""

    name: str
    data: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    nodes: int = 0
    decimals: bool = False  # may numbers have them?

    def line(self, place: Place) -> int:
        """The line of a place, or of the nearest place around it that the file has."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def where(self, place: Place) -> str:
        """A place in words: things in lists go by their code."""
        said, here = [], self.data
        for step in place:
            if isinstance(step, int):
                here = here[step] if isinstance(here, list) and step < len(here) else None
                code = here.get("code") if isinstance(here, dict) else None
                said.append(str(code) if isinstance(code, str) else f"number {step + 1}")
            else:
                here = here.get(step) if isinstance(here, dict) else None
                said.append(str(step))
        return " › ".join(said)

    def problem(self, place: Place, wrong: str, remedy: str) -> Problem:
        """Something wrong at a place of this file."""
        return Problem(self.name, self.line(place), self.where(place), wrong, remedy)


def read(name: str, content: bytes, *, decimals: bool = False) -> Source:
    """The file as data with its lines. Raises FileRefused for what is not readable as one YAML document of plain values.

    What is signed holds no numbers with decimals; files of which nothing is signed may have them with `decimals`.
    """
    source = Source(name, decimals=decimals)
    if len(content) > MOST_BYTES:
        raise _at(name, 1, f"The file is larger than {MOST_BYTES // 1024} kB.", "Give each programme a file of its own.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = content[: wrong.start].count(b"\n") + 1
        raise _at(name, line, "This is not text in UTF-8.", "Save the file as plain text in UTF-8; it cannot be a workbook.") from None
    try:
        _not_too_deep(name, text)
        loading = LOADER(text)
        root = loading.get_single_node()
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark or wrong.context_mark
        raise _at(name, mark.line + 1 if mark else 1, _said(wrong), "Check the indentation, colons and quotation marks there.") from None
    except yaml.YAMLError as wrong:
        position = getattr(wrong, "position", 0)
        line = text[:position].count("\n") + 1 if isinstance(position, int) else 1
        raise _at(name, line, "There is a character here that YAML does not allow.", "Take it out, or save the file as UTF-8.") from None
    if root is None:
        raise _at(name, 1, "The file is empty.", "Start from the download of a version that is there.")
    _remember(source, root, ())
    source.data = _value(source, loading, root, ())
    if source.problems:
        raise FileRefused(source.problems)
    return source


def _not_too_deep(name: str, text: str) -> None:
    """Looked at before anything is built: building goes down by recursion, in C, where nothing would stop it."""
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise _at(name, line, f"There are more than {DEEPEST} levels inside each other here.", "Take some out.")


def _at(name: str, line: int, wrong: str, remedy: str) -> FileRefused:
    return FileRefused([Problem(name, line, "", wrong, remedy)])


def _said(wrong: yaml.MarkedYAMLError) -> str:
    said = (wrong.problem or wrong.context or "it cannot be read").strip()
    return f"This is not well-formed YAML: {said}."


def _remember(source: Source, node: yaml.Node, place: Place) -> None:
    source.lines[place] = node.start_mark.line + 1


def _value(source: Source, loading: Any, node: yaml.Node, place: Place) -> Any:
    """The value of a node, noting lines and problems on the way down."""
    source.nodes += 1
    if source.nodes > MOST_NODES or len(place) > DEEPEST:
        raise FileRefused(
            [source.problem(place[:1], "The file is too large or too deep once all its parts are put in place.", "Split it.")]
        )
    if isinstance(node, yaml.MappingNode):
        return _mapping(source, loading, node, place)
    if isinstance(node, yaml.SequenceNode):
        found = []
        for number, each in enumerate(node.value):
            _remember(source, each, (*place, number))
            found.append(_value(source, loading, each, (*place, number)))
        return found
    try:
        value = loading.construct_object(node)
    except (yaml.YAMLError, ValueError):
        source.problems.append(
            source.problem(place, f"{node.value!r} is not a value of a kind known here.", "Put text in quotation marks.")
        )
        return None
    if isinstance(value, str):
        return re.sub(r"[ \t]+\n", "\n", unicodedata.normalize("NFC", value)).strip()
    if source.decimals and isinstance(value, float) and isfinite(value):
        return value
    if isinstance(value, datetime) or not isinstance(value, bool | int | date | None):
        source.problems.append(
            source.problem(
                place, f"{node.value!r} is neither text, a whole number, a date nor true or false.", "Put text in quotation marks."
            )
        )
        return None
    return value


def _mapping(source: Source, loading: Any, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, each in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        line = key.start_mark.line + 1
        if key.tag != "tag:yaml.org,2002:str" or not name:
            source.problems.append(Problem(source.name, line, source.where(place), f"“{name}” cannot be a name here.", "Use a word."))
            continue
        if name in found:
            wrong = f"“{name}” is given twice; first on line {source.lines[(*place, name)]}."
            source.problems.append(Problem(source.name, line, source.where(place), wrong, "Keep one of them."))
            continue
        source.lines[(*place, name)] = line
        found[name] = None
        found[name] = _value(source, loading, each, (*place, name))
    return found


# The shape -----------------------------------------------------------------------------------------------------------


def shaped(source: Source, model: type[M]) -> M:
    """The data of a file as its model, or FileRefused with everything that does not fit."""
    try:
        return model.model_validate(source.data)
    except ValidationError as wrong:
        errors = wrong.errors()
        within = {tuple(error["loc"][:n]) for error in errors for n in range(len(error["loc"]))}
        # A list whose entries are wrong is not said to be too short without them.
        own = [error for error in errors if error["type"] != "too_short" or tuple(error["loc"]) not in within]
        raise FileRefused([_problem(source, error) for error in own]) from None


def _problem(source: Source, error: Any) -> Problem:
    place: Place = tuple(error["loc"])
    kind, context, given = error["type"], error.get("ctx", {}), error["input"]
    name = str(place[-1]) if place else "file"
    if kind == "missing":
        return source.problem(place[:-1], f"“{name}” is missing.", f"Add a line “{name}: …” here.")
    if kind == "extra_forbidden":
        return source.problem(place, f"“{name}” is not known here.", "Check its spelling and how far it is indented, or take it out.")
    wrong, remedy = _words(kind, context, given, name)
    return source.problem(place, wrong, remedy)


_PATTERNS = {
    "A-Z0-9-": "capital letters, digits and hyphens, like ASYE-CF",
    "a-z0-9_": "small letters, digits and underscores, like line_manager",
    "a-z0-9-": "small letters, digits and hyphens, beginning with a letter, like learning-take-up",
    "[KSB]": "K, S or B and a number, like K1",
    "A-Za-z0-9 ./_-": "letters, digits, spaces and . / _ -, like 2026-04",
}


def _words(kind: str, context: dict[str, Any], given: Any, name: str) -> tuple[str, str]:
    """(what is wrong, what to do) for one kind of misfit."""
    shown = _shown(given)
    if kind == "string_type":
        return f"“{name}” must be text, and {shown} is not.", f'Put it in quotation marks: {name}: "{given}".'
    if kind in ("int_type", "int_parsing", "int_from_float"):
        return f"“{name}” must be a whole number, and {shown} is not.", "Write digits without quotation marks, or null for none."
    if kind in ("float_type", "float_parsing"):
        return f"“{name}” must be a number, and {shown} is not.", "Write digits, with a point before decimals."
    if kind == "value_error":
        return f"{str(context['error'])[:1].upper()}{str(context['error'])[1:]}.", "Correct it."
    if kind == "bool_type":
        return f"“{name}” must be true or false, and {shown} is neither.", "Write true or false without quotation marks."
    if kind.startswith("date_"):
        return f"“{name}” must be a date, and {shown} is not.", "Write it like 2027-09-01, without quotation marks."
    if kind in ("literal_error", "enum"):
        return f"“{name}” cannot be {shown}.", f"Use one of: {str(context.get('expected', '')).replace(chr(39), '')}."
    if kind == "list_type":
        return f"“{name}” must be a list, and {shown} is not.", "Start each entry with a hyphen, or write [first, second]."
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return f"There must be names with values here, not {shown}.", "Indent them below this line, as “name: value”."
    if kind == "string_pattern_mismatch":
        meant = next((words for part, words in _PATTERNS.items() if part in context["pattern"]), "another form")
        return f"“{name}” cannot be {shown}.", f"Use {meant}."
    return f"“{name}”: {_limits(kind, context, shown)}", "Correct it."


def _limits(kind: str, context: dict[str, Any], shown: str) -> str:
    said = {
        "string_too_short": "there must be some text.",
        "string_too_long": f"the text is longer than {context.get('max_length')} characters.",
        "too_short": f"the list must have {context.get('min_length')} or more entries.",
        "too_long": f"the list has more than {context.get('max_length')} entries.",
        "greater_than_equal": f"{shown} is less than {context.get('ge')}.",
        "less_than_equal": f"{shown} is more than {context.get('le')}.",
    }
    return said.get(kind, f"{shown} does not fit.")


def _shown(given: Any) -> str:
    if given is None:
        return "nothing"
    if isinstance(given, list):
        return "a list"
    if isinstance(given, dict):
        return "a group of names"
    words = str(given).lower() if isinstance(given, bool) else str(given)
    return f"“{words[:60]}{'…' if len(words) > 60 else ''}”"
