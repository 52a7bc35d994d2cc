"""The county's steps, who took which in the past, who is endorsed for the next, and what waits: a request, and a draft."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from app.core.config import ROOT
from app.core.db import FOREVER
from app.core.tx import Tx
from app.pathways import aiming, endorsing, operations
from app.pathways.models import Endorsement, Progression, Step, StepVersion
from app.pathways.progressing import kind_of
from app.policy import Role
from seed.content import content
from seed.programme_rows import County
from seed.rows import Row, morning
from seed.sample import Stage
from seed.workforce import Workforce

FILE = ROOT / "seed" / "reference" / "pathways.yaml"
YEARS = 4  # since when the steps have been in force
LONG_AGO = timedelta(days=3 * 365)  # earlier progressions stand on paper only
REACHED_BY = {"SW": "automatic", "NQSW": "automatic", "EXP": "statement_of_learning", "SENIOR": "panel", "PE": "panel", "LCPP": "panel"}
ASKS = ("SUPPORT-STUDENT", "SW-EXP", "EXP-SENIOR", "SENIOR-ATM")  # for the manager's endorsement
DRAFT = (
    (
        "{kind: records, activity: shadowing, times: 2, months: 24, title: Two conferences or reviews shadowed}",
        "{kind: supervision}",
    ),
)


def carry_pathways(stage: Stage, moment: datetime) -> None:
    """Publish the steps that ship, and fill in the county's past; a little of it goes through the operations."""
    county = County(stage, stage.force, moment)
    text = FILE.read_text(encoding="utf-8")
    starts = date(moment.year - YEARS, 1, 1)
    with county.system(40) as tx:
        for loaded in operations.load(tx, operations.prepare([(FILE.name, text.encode())])):
            operations.publish(tx, loaded.key or 0, starts)
    with county.system(39) as tx:
        steps = {row.code: row for row in tx.rows(select(StepVersion.applies, Step.id, Step.code, Step.to_stage).join(Step))}
        chance = random.Random(moment.toordinal())
        tx.insert_many(Progression, list(_progressions(stage.force, moment.date(), steps)))
        tx.insert_many(Endorsement, list(_endorsements(stage.force, chance, moment.date(), steps)))
    _waiting(county, steps)
    _given(county, steps)
    with county.as_(stage.force.persona["coordinator"], 3, Role.COORDINATOR) as tx:
        _draft(tx, text)


def _progressions(force: Workforce, today: date, steps: dict[str, Any]) -> Iterator[Row]:
    ranks = {code: each.order for code, each in content().stages.items()}
    for key, person in enumerate(force.people, start=1):
        for (_, before), (since, after) in zip(person.stages, person.stages[1:], strict=False):
            if since > today or since < today - LONG_AGO or before == after or not person.started_on <= since:
                continue
            kind = kind_of(ranks[before], ranks[after], same=False)
            step = next((row for row in steps.values() if row.to_stage == after and before in row.applies.get("stages", ())), None)
            yield dict(
                person_id=key,
                on_date=since,
                from_stage=before,
                to_stage=after,
                mechanism="application" if kind == "sideways" else REACHED_BY.get(after, "application"),
                kind=kind,
                step_id=step.id if step is not None else None,
                recorded_by=None,
                recorded_at=morning(since) + timedelta(days=1),
                superseded_at=None,
                corrected_from=None,
            )


def _endorsements(force: Workforce, chance: random.Random, today: date, steps: dict[str, Any]) -> Iterator[Row]:
    """Some of those for whom a step is next have their manager's word for it."""
    personas = set(force.persona.values())
    for i, person in enumerate(force.people):
        if not person.stages or not person.managers or i in personas or person.leaving_on is not None:
            continue
        now, manager = person.stages[-1][1], person.managers[-1][1]
        step = next((row for row in steps.values() if row.code in ASKS and now in row.applies.get("stages", ())), None)
        if step is None or manager in (i, force.persona["manager"]) or chance.random() > 0.25:
            continue
        on = today - timedelta(days=chance.randint(20, 300))
        if on > max(person.managers[-1][0], person.stages[-1][0]):
            said = dict(person_id=i + 1, step_id=step.id, role="line manager", endorsed_by=manager + 1, words=None)
            yield said | dict(on_date=on, valid_to=FOREVER, recorded_at=morning(on), superseded_at=None)


def _waiting(county: County, steps: dict[str, Any]) -> None:
    """The practitioner has asked her manager, and looks towards a step further on."""
    priya = county.force.persona["practitioner"]
    now = county.force.people[priya].stages[-1][1]
    step = next((row for row in steps.values() if now in row.applies.get("stages", ())), None)
    with county.as_(priya, 5) as tx:
        aiming.aim(tx, steps["EXP-PE"].id, wanted=True)
        offered = [] if step is None else [row for row in endorsing.can_be_asked(tx, priya + 1, step.id) if row.role == "line manager"]
        if step is not None and offered:
            endorsing.ask(tx, step.id, "line manager", offered[0].id, "We spoke about it at my last review.")


def _given(county: County, steps: dict[str, Any]) -> None:
    """The manager has endorsed one of her people."""
    force = county.force
    joanne = force.persona["manager"]
    for i in county.stage.reports(joanne, besides=tuple(force.persona.values())):
        now = force.people[i].stages[-1][1] if force.people[i].stages else ""
        step = next((row for row in steps.values() if row.code in ASKS and now in row.applies.get("stages", ())), None)
        if step is not None:
            with county.as_(joanne, 4, Role.MANAGER) as tx:
                endorsing.give(tx, i + 1, step.id, "line manager", "Careful, kind and clear; ready for more.")
            return


def _draft(tx: Tx, text: str) -> None:
    """The step to reviewing officer without shadowing, which few have done: a draft, to see whom it would help."""
    for old, new in DRAFT:
        assert old in text, f"{old!r} is no longer in {FILE.name}"
        text = text.replace(old, new)
    operations.load(tx, operations.prepare([(FILE.name, text.encode())]))
