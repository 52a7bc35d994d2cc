"""Steps for tests: a small file, whose courses and stages a test's database gets with it."""

from __future__ import annotations

from seed.content import content
from tests.factory import Make

STEPS = """\
pathway_steps:
  - code: SW-EXP
    title: To experienced social worker
    kind: progression
    to_stage: EXP
    summary: Two years, and a good word.
    source: The council's own.
    applies: {stages: [SW]}
    groups:
      - title: Learning
        requirements:
          - {kind: course, course: court-skills}
          - {kind: registration}
      - title: Support
        rule: any
        needed: 1
        requirements:
          - {kind: endorsement, role: line manager}
          - {kind: endorsement, role: principal social worker, title: The panel}
"""


def stages(make: Make) -> None:
    """Every career stage of the reference data."""
    from app.people.operations import load_stages

    with make.tx() as tx:
        load_stages(tx, [dict(code=each.code, title=each.title, order=each.order, group=each.group) for each in content().stages.values()])


def load(make: Make, text: str = STEPS, *, publish: bool = False) -> dict[str, int]:
    """Load steps as the service itself; returns the version's id by the step's code."""
    from app.pathways import operations

    with make.tx() as tx:
        loaded = operations.load(tx, operations.prepare([("steps.yaml", text.encode())]))
        if publish:
            operations.publish_loaded(tx, loaded)
        return {each.code: each.key or 0 for each in loaded}


def begin(make: Make, text: str = STEPS) -> dict[str, int]:
    """A database with stages, a course and these steps, published."""
    stages(make)
    make.course("Court skills", validity_months=12)
    return load(make, text, publish=True)
