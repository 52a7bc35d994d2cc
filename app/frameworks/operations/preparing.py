"""From bytes to something that could be loaded: read, shaped, checked within itself. Nothing here asks the database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from app.frameworks import checks
from app.frameworks.reading import FileRefused, Problem, Source, read, shaped
from app.frameworks.rule_schema import Apprenticeships, StandardsSets, SupervisionRules
from app.frameworks.schema import ProgrammeFile


@dataclass(frozen=True, slots=True)
class Prepared:
    """One file that holds together by itself."""

    source: Source
    kind: str  # standards · supervision · apprenticeships · programme, in the order of loading
    made: Any  # the model of that kind


KINDS = ("standards", "supervision", "apprenticeships", "programme")
_MODELS: dict[str, tuple[str, type[BaseModel], Callable[[Any], list[checks.Wrong]]]] = {
    "standards_sets": ("standards", StandardsSets, checks.of_standards),
    "supervision_rules": ("supervision", SupervisionRules, checks.of_supervision),
    "apprenticeship_standards": ("apprenticeships", Apprenticeships, checks.of_apprenticeships),
    "apprenticeship_rules": ("apprenticeships", Apprenticeships, checks.of_apprenticeships),
    "programme": ("programme", ProgrammeFile, lambda made: checks.of_programme(made.programme)),
}


def prepare(files: Sequence[tuple[str, bytes]]) -> list[Prepared]:
    """These files (name, content) in the order in which they must be loaded. Raises FileRefused with what is wrong in any of them."""
    problems: list[Problem] = []
    prepared: list[Prepared] = []
    for name, content in files:
        try:
            prepared.append(_one(name, content))
        except FileRefused as wrong:
            problems += wrong.problems
    if problems:
        raise FileRefused(problems)
    return sorted(prepared, key=lambda each: KINDS.index(each.kind))


def _one(name: str, content: bytes) -> Prepared:
    source = read(name, content)
    tops = [key for key in source.data if key in _MODELS] if isinstance(source.data, dict) else []
    if not tops:
        wrong = "The file does not say what it holds."
        raise FileRefused([source.problem((), wrong, f"Begin it with one of: {', '.join(f'{key}:' for key in _MODELS)}")])
    kind, model, check = _MODELS[tops[0]]
    made = shaped(source, model)
    wrongs = check(made)
    if wrongs:
        raise FileRefused([source.problem(*wrong) for wrong in wrongs])
    return Prepared(source, kind, made)


def plain(made: BaseModel) -> dict[str, Any]:
    """A model as it is kept: texts, whole numbers, lists, true, false and null; dates as 2027-09-01."""
    return made.model_dump(mode="json")


def digest(definition: Any) -> str:
    """SHA-256 of a definition's canonical JSON: names sorted, no white space, UTF-8."""
    canonical = json.dumps(definition, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
