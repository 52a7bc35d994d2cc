"""From bytes to steps that could be loaded: read, shaped, checked within themselves. Nothing here asks the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.frameworks.reading import FileRefused, Problem, Source, read, shaped
from app.pathways.schema import StepsFile, wrongs


@dataclass(frozen=True, slots=True)
class PreparedSteps:
    """One file that holds together by itself."""

    source: Source
    made: StepsFile


def prepare(files: Sequence[tuple[str, bytes]]) -> list[PreparedSteps]:
    """These files (name, content). Raises FileRefused with what is wrong in any of them, line by line."""
    problems: list[Problem] = []
    prepared: list[PreparedSteps] = []
    for name, content in files:
        try:
            source = read(name, content)
            made = shaped(source, StepsFile)
            wrong = [source.problem(*each) for each in wrongs(made)]
            if wrong:
                raise FileRefused(wrong)
            prepared.append(PreparedSteps(source, made))
        except FileRefused as refused:
            problems += refused.problems
    if problems:
        raise FileRefused(problems)
    return prepared
