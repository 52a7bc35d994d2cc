"""Steps from files: all or nothing, with what is wrong by line; drafts, publishing, withdrawing; and what ships."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.core.config import ROOT
from app.core.db import Database
from app.core.errors import Changed, Conflict, Forbidden, Invalid
from app.core.tx import Actor, transaction
from app.frameworks import command
from app.frameworks.reading import FileRefused
from app.pathways import definitions, operations, schema
from app.pathways.models import COLUMNS, PARAMETERS, Requirement, RequirementCourse, RequirementGroup, Step, StepVersion
from app.pathways.versions import in_force
from tests.conftest import Ledger
from tests.factory import Make
from tests.frameworks.drafts import altered
from tests.pathways.steps import STEPS, begin, load, stages

SHIPPED = ROOT / "seed" / "reference" / "pathways.yaml"
TABLES = (Step, StepVersion, RequirementGroup, Requirement, RequirementCourse)


def counted(make: Make) -> list[int]:
    return [make.rows(select(func.count()).select_from(table))[0][0] for table in TABLES]


def refused(text: str) -> list[str]:
    with pytest.raises(FileRefused) as wrong:
        operations.prepare([("steps.yaml", text.encode())])
    return [str(problem) for problem in wrong.value.problems]


def test_what_a_file_may_say_of_a_kind_is_what_the_database_keeps() -> None:
    renamed = {"course_id": "course", "curriculum_id": "curriculum", "programme_code": "programme"}
    for kind, (needs, may) in PARAMETERS.items():
        theirs = {renamed.get(name, name) for name in (*needs, *may)} - ({"rule", "needed"} if kind == "curriculum" else set())
        assert {*schema.TAKES[kind][0], *schema.TAKES[kind][1]} == theirs, kind  # type: ignore[index]
    assert tuple(PARAMETERS) == schema.KINDS
    assert {renamed.get(name, name) for name in COLUMNS} - {"rule", "needed"} == set(schema.FIELDS)


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (("kind: registration", "kind: renewal"), 13, "“kind” cannot be “renewal”."),
        (("kind: registration", "kind: registration, months: 3"), 13, "“months” does not belong to the kind “registration”."),
        (("{kind: course, course: court-skills}", "{kind: course}"), 12, "A requirement of the kind “course” needs “course”."),
        (("needed: 1", "needed: 3"), 16, "3 are needed, and there are only 2 requirements."),
        (("        needed: 1\n", ""), 15, "It does not say how many are needed."),
        (("    to_stage: EXP\n", ""), 4, "A progression does not say where to."),
        (("stages: [SW]", "stages: [EXP]"), 8, "It leads from EXP to EXP."),
        (("{kind: registration}", "{kind: records, months: 12}"), 13, "It does not say how much is asked for."),
        (("kind: registration", "kind: records, times: 1, bucket: social, activity: mentoring"), 13, "An activity belongs to its own kind"),
        (("role: line manager", "role: anybody"), 18, "“role” cannot be “anybody”."),
        (("{kind: registration}", "{kind: course, course: court-skills}"), 13, "The same stands in this group already."),
    ],
)
def test_what_is_wrong_is_said_with_its_line(change: tuple[str, str], line: int, said: str) -> None:
    found = refused(altered(STEPS, change))
    assert len(found) == 1 and found[0].startswith(f"steps.yaml, line {line}, pathway_steps › SW-EXP") and said in found[0]


def test_a_step_given_twice_is_refused() -> None:
    assert "is given twice" in refused(STEPS + STEPS.partition("\n")[2])[0]


def test_names_that_lead_nowhere_are_refused_and_nothing_is_kept(make: Make) -> None:
    stages(make)
    wrong = altered(STEPS, ("stages: [SW]", "stages: [NOBODY]"), ("{kind: registration}", "{kind: programme, programme: ASYE-CF}"))
    with pytest.raises(FileRefused) as found:
        load(make, wrong)
    said = "\n".join(str(problem) for problem in found.value.problems)
    assert "line 8" in said and "There is no career stage NOBODY here." in said
    assert "line 12" in said and "There is no course at /courses/court-skills here." in said
    assert "line 13" in said and "There is no programme ASYE-CF here." in said
    assert counted(make) == [0] * len(TABLES)


def test_a_file_becomes_a_draft_and_the_same_again_is_nothing_new(make: Make) -> None:
    stages(make)
    make.course("Court skills")
    first = load(make)
    assert counted(make) == [1, 1, 2, 4, 0]
    assert load(make) == first and counted(make) == [1, 1, 2, 4, 0]
    assert load(make, altered(STEPS, ("needed: 1", "needed: 2"))) == first, "a draft is replaced"
    assert make.row(StepVersion, first["SW-EXP"]).version == 2
    assert [row.title for row in make.rows(select(Requirement.title).order_by(Requirement.number))] == [
        "Court skills",
        "Registered with Social Work England, in good standing",
        "Endorsed by the line manager",
        "The panel",
    ]


def test_publishing_withdrawing_and_the_next_version(make: Make) -> None:
    first = begin(make)["SW-EXP"]
    assert load(make) == {"SW-EXP": first}, "what is published already is there already"
    second = load(make, altered(STEPS, ("needed: 1", "needed: 2")))["SW-EXP"]
    assert second != first and make.row(StepVersion, second).number == 2
    with make.tx() as tx, pytest.raises(Invalid):
        operations.publish(tx, second, tx.today - timedelta(days=1))
    with make.tx() as tx:
        operations.publish(tx, second, tx.today + timedelta(days=30))
    for verb in (operations.publish, operations.discard):
        with make.tx() as tx, pytest.raises(Conflict):
            verb(tx, second)
    with make.tx() as tx, pytest.raises(Invalid):
        operations.withdraw(tx, second, "  ")
    with make.tx() as tx:
        operations.withdraw(tx, second, "Too hard")
    assert [make.row(StepVersion, key).state for key in (first, second)] == ["published", "withdrawn"]


def named(make: Make) -> tuple[str, str]:
    """What the step is called: as it stands, and by the version in force."""
    with make.tx(writes=False) as tx:
        (version,) = in_force(tx, tx.today)
        return make.rows(select(Step.title))[0].title, version.title


def test_a_new_name_is_part_of_the_draft_until_it_is_published(make: Make, ledger: Ledger) -> None:
    begin(make)
    old, new = "To experienced social worker", "Onwards"
    draft = load(make, altered(STEPS, (f"title: {old}", f"title: {new}")))["SW-EXP"]
    assert make.row(StepVersion, draft).title == new and named(make) == (old, old), "it is a new draft, and changes nothing"
    with make.tx() as tx:
        operations.discard(tx, draft)
    assert named(make) == (old, old)
    draft = load(make, altered(STEPS, (f"title: {old}", f"title: {new}")))["SW-EXP"]
    ledger.start()
    with make.tx() as tx:
        operations.publish(tx, draft, tx.today, read=1)
    assert named(make) == (new, new) and ledger.actions() == ["step.published", "step.renamed"]
    with make.tx() as tx:
        operations.withdraw(tx, draft, "The old name was better")
    assert make.rows(select(Step.title))[0].title == old


def test_what_hides_or_turns_text_round_does_not_get_into_a_step(make: Make) -> None:
    stages(make)
    make.course("Court skills")
    turned = altered(
        STEPS, ("title: To experienced social worker", 'title: "To \\u202Eexperienced\\a\\u200B  worker"'), ("Two years", "Two\u200f years")
    )
    key = load(make, turned)["SW-EXP"]
    kept = make.row(StepVersion, key)
    assert (kept.title, kept.summary) == ("To experienced worker", "Two years, and a good word.")
    (said,) = refused(altered(STEPS, ("title: To experienced social worker", 'title: "\\u202E\\u200B"')))
    assert "line 3" in said


def test_a_draft_that_was_replaced_is_not_published_unseen(make: Make) -> None:
    begin(make)
    draft = load(make, altered(STEPS, ("needed: 1", "needed: 2")))["SW-EXP"]
    load(make, altered(STEPS, ("{kind: registration}", "{kind: supervision}")))
    with make.tx() as tx, pytest.raises(Changed):
        operations.publish(tx, draft, read=1)
    with make.tx() as tx:
        operations.publish(tx, draft, read=2)
    assert make.row(StepVersion, draft).state == "published"


def test_a_draft_is_thrown_away_with_its_step(make: Make) -> None:
    stages(make)
    make.course("Court skills")
    key = load(make)["SW-EXP"]
    with make.tx() as tx:
        operations.discard(tx, key)
    assert counted(make) == [0] * len(TABLES)


def test_a_published_version_cannot_be_changed_by_anybody(make: Make) -> None:
    begin(make)
    for table, values in (
        (StepVersion, {"needed": 1, "rule": "any"}),
        (Requirement, {"title": "Other"}),
        (RequirementGroup, {"title": "x"}),
    ):
        with pytest.raises(Conflict) as wrong, make.tx() as tx:
            tx.db.execute(update(table).values(**values))
        assert wrong.value.code == "frozen"


def test_who_may_load(make: Make) -> None:
    stages(make)
    make.course("Court skills")
    partner = make.organisation("Northmoor Council", host=False)
    coordinator = make.person("Zofia", roles=("coordinator",)).id
    theirs = make.person("Nora", organisation=partner).id
    prepared = operations.prepare([("steps.yaml", STEPS.encode())])
    for role, unit in (("practitioner", None), ("HR officer", None), ("principal social worker", partner)):
        actor = Actor("person", theirs, roles=((role, unit),))
        with transaction(make.database, actor, writes=True) as tx, pytest.raises(Forbidden):
            operations.load(tx, prepared)
    with transaction(make.database, Actor("person", coordinator, roles=(("coordinator", None),)), writes=True) as tx:
        assert operations.load(tx, prepared)[0].outcome == "added"


def test_a_download_can_be_loaded_again(make: Make) -> None:
    key = begin(make)["SW-EXP"]
    with make.tx(writes=False) as tx:
        row: Any = tx.one(definitions.VERSIONS.where(StepVersion.id == key))
        groups, asked = definitions.parts(tx, [key])
        said = definitions.definition(row, groups[key], asked[key])
    with make.tx() as tx:
        import yaml

        text = yaml.safe_dump({"pathway_steps": [said]}, sort_keys=False, allow_unicode=True)
        assert operations.load(tx, operations.prepare([("again.yaml", text.encode())]))[0].outcome == "already there"


def test_the_command(database: Database, make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stages(make)
    make.course("Court skills")
    file = tmp_path / "steps.yaml"
    file.write_text(STEPS)
    assert command.run(database, [file], publish=True, dry_run=True, verbs=operations) == 0
    assert "added: pathway step SW-EXP version 1\npublished: 1\n" in capsys.readouterr().out
    assert counted(make) == [0] * len(TABLES)
    file.write_text(altered(STEPS, ("court-skills", "no-such-course")))
    assert command.run(database, [file], verbs=operations) == 1
    assert "steps.yaml, line 12" in capsys.readouterr().err
