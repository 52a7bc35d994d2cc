"""The examples in docs/frameworks.md load as they stand there, and the text names every field and every choice."""

from __future__ import annotations

import re
from textwrap import dedent
from typing import Any, get_args

from pydantic import BaseModel

from app.core.config import ROOT
from app.frameworks import operations, schema
from tests.factory import Make
from tests.frameworks.drafts import load

TEXT = (ROOT / "docs" / "frameworks.md").read_text()


def example(begins: str) -> str:
    found = re.search(rf"(?m)^    {begins}:\n(?:(?:    .*)?\n)+", TEXT)
    assert found is not None
    return dedent(found[0])


def test_the_examples_load(shipped: Make) -> None:
    with shipped.tx() as tx:
        programme, standard = load(tx, example("programme"))[0], load(tx, example("apprenticeship_standards"))[0]
        assert (programme.outcome, standard.outcome) == ("added", "added")
        operations.publish(tx, programme.key or 0)


def named(model: Any) -> set[str]:
    """Every name and every choice that a file may hold."""
    found: set[str] = set()
    for name, field in model.model_fields.items():
        found |= {name, *_within(field.annotation)}
    return found


def _within(kind: Any) -> set[str]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return named(kind)
    inner = [_within(each) if not isinstance(each, str) else {each} for each in get_args(kind)]
    return set().union(*inner)


def test_the_text_names_everything_that_a_file_may_hold() -> None:
    words = set(re.findall(r"[a-z_]+|as full time|pro rata", TEXT)) | {"as full time", "pro rata"}
    everything = named(schema.Programme) | set(schema.SIDES)
    assert sorted(everything - words - {"national_code"}) == []
