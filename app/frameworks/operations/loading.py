"""Loading prepared files: all of them or none. What is published, or has no drafts, is never changed by it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, select

from app.core.tx import Tx, meaning
from app.frameworks import queries, rule_schema, schema
from app.frameworks.comparing import differences
from app.frameworks.models import (
    ApprenticeshipRule,
    ApprenticeshipStandard,
    DocumentTemplate,
    Ksb,
    Programme,
    ProgrammeStage,
    ProgrammeVersion,
    StandardsSet,
    SupervisionRule,
)
from app.frameworks.operations.preparing import Prepared, digest, plain
from app.frameworks.operations.standards import load_standards, standards_problems
from app.frameworks.reading import FileRefused, Place, Problem
from app.policy import Can, operation, require_for_host

for _table in (ProgrammeVersion, ProgrammeStage, DocumentTemplate, SupervisionRule):
    _names = [f"{_table.__tablename__}_frozen_{verb}" for verb in ("insert", "update", "delete")]
    meaning(*_names, message="A published version cannot be changed. Load the change as a new version.", code="version-frozen")

KSB_KINDS = {"K": "knowledge", "S": "skill", "B": "behaviour"}
SHOWN = 12  # differences named for one version


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of one thing in a file."""

    kind: str  # standards set · supervision rule · apprenticeship standard · apprenticeship rules · programme
    code: str
    version: str
    outcome: str  # added · draft replaced · already there
    key: int | None = None  # of a programme's version or a supervision rule


@operation(Can.MANAGE_FRAMEWORKS)
def load(tx: Tx, files: Sequence[Prepared]) -> list[Loaded]:
    """Load these files, as `prepare` gives them. Programmes and supervision rules become drafts; the others are in force at once.

    Loading the same again adds nothing; a draft of the same version is replaced. Raises FileRefused, with every problem of every file,
    if one names what is not there or would change what is published: then nothing of any of them is loaded.
    """
    require_for_host(tx, Can.MANAGE_FRAMEWORKS)
    problems: list[Problem] = []
    done: list[Loaded] = []
    for each in files:
        found = [each.source.problem(*wrong) for wrong in _CHECKS[each.kind](tx, each.made)]
        problems += found
        if not found:
            done += _LOADS[each.kind](tx, each)
    if problems:
        raise FileRefused(problems)
    return done


def _changed(place: Place, name: str, old: Any, new: Any) -> Iterator[tuple[Place, str, str]]:
    """What stands in the way of loading `new` where `old` is already: everything that differs."""
    found = differences(old, new)
    if found:
        said = "; ".join(each.said for each in found[:SHOWN]) + ("; and more" if len(found) > SHOWN else "")
        yield place, f"{name} is loaded already and cannot be changed. Different here: {said}.", "Give the changed one a new version."


# Standards -----------------------------------------------------------------------------------------------------------


def _standards_wrong(tx: Tx, made: rule_schema.StandardsSets) -> Iterator[tuple[Place, str, str]]:
    data = made.model_dump()
    for n, wrong in standards_problems(tx, data["standards_sets"]):
        yield ("standards_sets", n), wrong, ""


def _load_standards(tx: Tx, each: Prepared) -> list[Loaded]:
    known = {(row.code, row.version) for row in tx.rows(select(StandardsSet.code, StandardsSet.version))}
    load_standards(tx, each.source.data)
    sets = each.made.standards_sets
    return [Loaded("standards set", s.code, s.version, "already there" if (s.code, s.version) in known else "added") for s in sets]


# Supervision rules ---------------------------------------------------------------------------------------------------


def _rule_there(tx: Tx, rule: rule_schema.SupervisionRule) -> Row[Any] | None:
    there = select(SupervisionRule.__table__).where(SupervisionRule.code == rule.code, SupervisionRule.version == rule.version)
    return tx.one(there)


def _supervision_wrong(tx: Tx, made: rule_schema.SupervisionRules) -> Iterator[tuple[Place, str, str]]:
    for n, rule in enumerate(made.supervision_rules):
        there = _rule_there(tx, rule)
        if there is not None and there.state != "draft":
            old = {"title": there.title, "definition": there.definition}
            new = {"title": rule.title, "definition": plain(rule.definition)}
            yield from _changed(("supervision_rules", n), f"{rule.code} {rule.version}", old, new)


def _load_supervision(tx: Tx, each: Prepared) -> list[Loaded]:
    done = []
    for rule in each.made.supervision_rules:
        there = _rule_there(tx, rule)
        values = dict(title=rule.title, definition=plain(rule.definition))
        if there is None:
            key = tx.insert(SupervisionRule, code=rule.code, version=rule.version, state="draft", **values)
            outcome = "added"
            tx.record("framework.loaded", "supervision_rules", key, code=rule.code, version=rule.version)
        elif there.state != "draft" or (there.title == rule.title and there.definition == values["definition"]):
            key, outcome = there.id, "already there"
        else:
            tx.update(SupervisionRule, there.id, **values)
            key, outcome = there.id, "draft replaced"
            tx.record("framework.replaced", "supervision_rules", key, code=rule.code, version=rule.version)
        done.append(Loaded("supervision rule", rule.code, rule.version, outcome, key))
    return done


# Apprenticeships -----------------------------------------------------------------------------------------------------


def _standards_there(tx: Tx, made: rule_schema.Apprenticeships) -> dict[tuple[str, str], dict[str, Any]]:
    """The versions of this file that are loaded already, as the file would say them."""
    codes = [each.code for each in made.apprenticeship_standards]
    rows = tx.rows(select(ApprenticeshipStandard.__table__).where(ApprenticeshipStandard.code.in_(codes)))
    held: dict[int, list[dict[str, Any]]] = {row.id: [] for row in rows}
    for ksb in tx.rows(select(Ksb.__table__).where(Ksb.standard_id.in_(held)).order_by(Ksb.standard_id, Ksb.number)):
        held[ksb.standard_id].append(dict(code=ksb.code, title=ksb.title, verified=ksb.verified))
    return {
        (row.code, row.version): {name: value for name, value in row._mapping.items() if name != "id"} | {"ksbs": held[row.id]}
        for row in rows
    }


def _rules_there(tx: Tx, made: rule_schema.Apprenticeships) -> dict[str, dict[str, Any]]:
    codes = [each.code for each in made.apprenticeship_rules]
    rows = tx.rows(select(ApprenticeshipRule.__table__).where(ApprenticeshipRule.code.in_(codes)))
    return {row.code: dict(starts_from=row.starts_from, starts_to=row.starts_to, definition=row.definition) for row in rows}


def _rule_values(rule: rule_schema.ApprenticeshipRule) -> dict[str, Any]:
    definition = {"title": rule.title, **plain(rule.definition)}
    return dict(starts_from=rule.starts_from, starts_to=rule.starts_to, definition=definition)


def _apprenticeships_wrong(tx: Tx, made: rule_schema.Apprenticeships) -> Iterator[tuple[Place, str, str]]:
    there = _standards_there(tx, made)
    for n, each in enumerate(made.apprenticeship_standards):
        if old := there.get((each.code, each.version)):
            yield from _changed(("apprenticeship_standards", n), f"{each.code} {each.version}", old, plain(each))
    rules = _rules_there(tx, made)
    for n, rule in enumerate(made.apprenticeship_rules):
        if held := rules.get(rule.code):
            yield from _changed(("apprenticeship_rules", n), rule.code, held, _rule_values(rule))


def _load_apprenticeships(tx: Tx, each: Prepared) -> list[Loaded]:
    there, rules = _standards_there(tx, each.made), _rules_there(tx, each.made)
    done = []
    for one in each.made.apprenticeship_standards:
        known = (one.code, one.version) in there
        if not known:
            values = plain(one)
            ksbs = values.pop("ksbs")
            key = tx.insert(ApprenticeshipStandard, **values)
            rows = [dict(standard_id=key, number=n, kind=KSB_KINDS[ksb["code"][0]], **ksb) for n, ksb in enumerate(ksbs, 1)]
            tx.insert_many(Ksb, rows)
            tx.record("framework.loaded", "apprenticeship_standards", key, code=one.code, version=one.version)
        done.append(Loaded("apprenticeship standard", one.code, one.version, "already there" if known else "added"))
    for rule in each.made.apprenticeship_rules:
        if rule.code not in rules:
            tx.db.execute(ApprenticeshipRule.__table__.insert(), dict(code=rule.code, **_rule_values(rule)))
            tx.record("framework.loaded", "apprenticeship_rules", None, code=rule.code)
        done.append(Loaded("apprenticeship rules", rule.code, "", "already there" if rule.code in rules else "added"))
    return done


# Programmes ----------------------------------------------------------------------------------------------------------


def _version_there(tx: Tx, made: schema.Programme) -> Row[Any] | None:
    columns = ProgrammeVersion.id, ProgrammeVersion.state, ProgrammeVersion.digest, ProgrammeVersion.definition
    there = select(*columns).where(ProgrammeVersion.programme_code == made.code, ProgrammeVersion.version == made.version)
    return tx.one(there)


def _set_id(tx: Tx, made: schema.Programme) -> int | None:
    if made.standards is None:
        return None
    named = StandardsSet.code == made.standards.code, StandardsSet.version == made.standards.version
    key: int | None = tx.scalar(select(StandardsSet.id).where(*named))
    return key


def _programme_wrong(tx: Tx, file: schema.ProgrammeFile) -> Iterator[tuple[Place, str, str]]:
    made = file.programme
    load_first = "Load it first, or with this file."
    if made.standards is not None and _set_id(tx, made) is None:
        wrong = f"There is no standards set {made.standards.code} {made.standards.version} here."
        yield ("programme", "standards"), wrong, load_first
    if made.supervision_rule and tx.one(select(SupervisionRule.id).where(SupervisionRule.code == made.supervision_rule).limit(1)) is None:
        yield ("programme", "supervision_rule"), f"There is no supervision rule {made.supervision_rule} here.", load_first
    if made.apprenticeship and queries.apprenticeship_standard(tx, made.apprenticeship.standard) is None:
        wrong = f"There is no apprenticeship standard {made.apprenticeship.standard} here."
        yield ("programme", "apprenticeship", "standard"), wrong, load_first
    there = _version_there(tx, made)
    if there is not None and there.state != "draft":
        yield from _changed(("programme", "version"), f"{made.code} {made.version}", there.definition, plain(made))


def _load_programme(tx: Tx, each: Prepared) -> list[Loaded]:
    made: schema.Programme = each.made.programme
    definition = plain(made)
    values = dict(
        title=made.title,
        provisional=made.provisional,
        standards_set_id=_set_id(tx, made),
        starts_from=made.starts_from,
        starts_to=made.starts_to,
        nominal_months=made.nominal_months,
        definition=definition,
        digest=digest(definition),
        source=made.source,
        verified=made.verified,
    )
    there = _version_there(tx, made)
    if there is not None and there.digest == values["digest"]:
        return [Loaded("programme", made.code, made.version, "already there", there.id)]
    if there is not None:
        for table in (DocumentTemplate, ProgrammeStage):
            tx.db.execute(delete(table).where(table.version_id == there.id))
        tx.update(ProgrammeVersion, there.id, **values)
        key, action, outcome = there.id, "framework.replaced", "draft replaced"
    else:
        if tx.one(select(Programme.code).where(Programme.code == made.code)) is None:
            tx.db.execute(Programme.__table__.insert(), dict(code=made.code, title=made.title, former_names=made.former_names))
        key = tx.insert(ProgrammeVersion, programme_code=made.code, version=made.version, state="draft", created_at=tx.now, **values)
        action, outcome = "framework.loaded", "added"
    _write_stages(tx, key, made)
    tx.record(action, "programme_versions", key, code=made.code, version=made.version, digest=values["digest"])
    return [Loaded("programme", made.code, made.version, outcome, key)]


def _write_stages(tx: Tx, version_id: int, made: schema.Programme) -> None:
    rows = [
        dict(version_id=version_id, number=number, **{name: value for name, value in plain(stage).items() if name != "documents"})
        for number, stage in enumerate(made.stages, 1)
    ]
    tx.insert_many(ProgrammeStage, rows)
    keys = {row.code: row.id for row in queries.stages(tx, version_id)}
    in_order = [(stage, document) for stage in made.stages for document in stage.documents]
    documents = [
        dict(version_id=version_id, stage_id=keys[stage.code], number=number, **plain(document))
        for number, (stage, document) in enumerate(in_order, 1)
    ]
    tx.insert_many(DocumentTemplate, documents)


_CHECKS: dict[str, Any] = {
    "standards": _standards_wrong,
    "supervision": _supervision_wrong,
    "apprenticeships": _apprenticeships_wrong,
    "programme": _programme_wrong,
}
_LOADS: dict[str, Any] = {
    "standards": _load_standards,
    "supervision": _load_supervision,
    "apprenticeships": _load_apprenticeships,
    "programme": _load_programme,
}
