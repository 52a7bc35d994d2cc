"""The example in docs/pathway-steps.md loads as it stands, and the text names every field and every choice; so do the steps that ship."""

from __future__ import annotations

import re
from textwrap import dedent
from typing import get_args

import pytest
from pydantic import BaseModel

from app.core.config import ROOT
from app.pathways import operations, schema, words
from app.pathways.models import MECHANISMS
from tests.factory import Make
from tests.pathways.steps import stages

TEXT = (ROOT / "docs" / "pathway-steps.md").read_text()
SHIPPED = (ROOT / "seed" / "reference" / "pathways.yaml").read_bytes()


def test_the_example_loads(make: Make) -> None:
    found = re.search(r"(?m)^    pathway_steps:\n(?:(?:    .*)?\n)+", TEXT)
    assert found is not None
    stages(make)
    with make.tx() as tx:
        (step,) = operations.load(tx, operations.prepare([("example.yaml", dedent(found[0]).encode())]))
        assert (step.code, step.outcome) == ("SW-EXP", "added")
        assert operations.publish_loaded(tx, [step]) == 1


@pytest.mark.parametrize("model", [schema.Step, schema.Group, schema.Requirement, schema.Applies])
def test_every_field_is_explained(model: type[BaseModel]) -> None:
    missing = [name for name in model.model_fields if f"`{name}" not in TEXT and f" {name}:" not in TEXT]
    assert missing == []


def test_every_kind_and_every_way_has_words() -> None:
    assert [kind for kind in schema.KINDS if f"| `{kind}` |" not in TEXT] == []
    assert set(words.MECHANISMS) == set(MECHANISMS)
    assert set(get_args(schema.Kind)) == set(words._ASKED) == set(words._MET)
    assert set(words.ROLES) == set(schema.ENDORSERS)


def test_the_steps_that_ship_ask_for_something_of_every_kind() -> None:
    (file,) = operations.prepare([("pathways.yaml", SHIPPED)])
    asked = {each.kind for step in file.made.pathway_steps for group in step.groups for each in group.requirements}
    assert asked == set(schema.KINDS)
    assert all(step.source for step in file.made.pathway_steps) and "true" not in {step.verified for step in file.made.pathway_steps}
