"""What training somebody must have, and how it stands: the rows told to the slow oracle of pathways (`tests/property/pathways_oracle`)."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from typing import Any

from tests.measures.oracle import Raw
from tests.property.pathways_oracle import Fact, Oracle, World

PERIODS = {
    "stages": "stages",
    "memberships": "memberships",
    "registrations": "registrations",
    "absences": "absences",
    "roles_held": "roles",
}


def versions_for(raw: Raw, who: int, as_at: date, known_at: datetime) -> list[str]:
    """How each set of required training that is for somebody on the day stands: met, lapsing, lapsed or missing."""
    oracle = _oracle(raw, as_at, known_at)
    return [oracle.of_step(who, version)[0].status for version in oracle.counting if oracle.applies(who, version)]


class _Quicker(Oracle):
    """The same, with each person's facts at hand, and the versions that count on the day."""

    def __init__(self, world: World, as_at: date, known_at: datetime) -> None:
        super().__init__(world, as_at, known_at)
        self.mine: dict[tuple[str, int], list[Fact]] = defaultdict(list)
        for table, facts in world.facts.items():
            for fact in facts:
                if "person" in fact:
                    self.mine[table, fact["person"]].append(fact)
        steps = sorted({version["step"] for version in world.versions})
        found = [self.in_force(step) for step in steps]
        self.counting = [version for version in found if version is not None and (version["groups"] or version["loose"])]

    def known(self, table: str, **its: Any) -> list[Fact]:
        if "person" not in its:
            return super().known(table, **its)
        only = Oracle(World(facts={table: self.mine[table, its["person"]]}), self.as_at, self.known_at)
        return only.known(table, **its)


def _oracle(raw: Raw, as_at: date, known_at: datetime) -> _Quicker:
    key = f"required {as_at} {known_at}"
    if key not in raw.tables:
        raw.tables[key] = [_Quicker(_world(raw), as_at, known_at)]
    oracle: _Quicker = raw.tables[key][0]
    return oracle


def _world(raw: Raw) -> World:
    if "pathways" in raw.tables:
        world: World = raw.tables["pathways"][0]
        return world
    world = World()
    world.hosts = {unit.id for unit in raw.units if unit.host}
    world.organisation = {unit.id: unit.organisation_id for unit in raw.units}
    world.parents = {unit.id: unit.parent_id for unit in raw.units}
    world.employer = {person.id: person.organisation_id for person in raw.people}
    world.rules = {rule.id: rule.definition for rule in raw.supervision_rules}
    world.versions = [_version(raw, row) for row in raw.step_versions if _kind(raw, row) == "mandatory"]
    facts: dict[str, list[Fact]] = {told: [_fact(row) for row in raw.tables[table]] for table, told in PERIODS.items()}
    for fact in facts["memberships"]:
        fact["unit"] = fact["unit_id"]
    facts["posts"] = [_fact(row) for row in raw.posts if row.is_primary]
    facts["pauses"] = [_fact(row) for row in raw.supervision_pauses]
    facts["terms"] = [_fact(row) | {"rule": row.rule_id} for row in raw.supervision_terms]
    facts["defaults"] = [_fact(row) | {"unit": row.unit_id, "rule": row.rule_id} for row in raw.supervision_defaults]
    facts["supervisions"] = [_fact(row) | {"on": row.held_on} for row in raw.supervisions]
    facts["completions"] = [
        _fact(row) | {"course": row.course_id, "on": row.completed_on, "expires": row.expires_on} for row in raw.completions
    ]
    facts["records"] = [_fact(row) | {"on": row.on_date, "first": row.first_id or row.id} for row in raw.learning_records]
    facts["tags"] = [_fact(row) | {"first": row.first_id} for row in raw.learning_standards]
    facts["endorsements"] = [_fact(row) | {"step": row.step_id, "on": row.on_date} for row in raw.endorsements]
    facts["pdr"] = [_fact(row) | {"person": raw.of("pdrs", "id", row.pdr_id)[0].person_id, "on": row.on_date} for row in raw.pdr_events]
    facts["decisions"], facts["papers"] = _decisions(raw), _papers(raw)
    world.facts = facts
    raw.tables["pathways"] = [world]
    return world


def _fact(row: Any) -> Fact:
    fact = dict(row._mapping)
    return fact | {"person": fact["person_id"]} if "person_id" in fact else fact


def _decisions(raw: Raw) -> list[Fact]:
    codes = {version.id: version.programme_code for version in raw.programme_versions}
    found = []
    for row in raw.panel_decisions:
        enrolment = raw.of("enrolments", "id", row.enrolment_id)[0]
        its = {"person": enrolment.person_id, "programme": codes.get(enrolment.version_id)}
        found.append({**its, "kind": row.kind, "outcome": row.outcome, "decided_at": row.decided_at})
    return found


def _papers(raw: Raw) -> list[Fact]:
    found = []
    for paper in raw.documents:
        signed = [
            entry.signed_at
            for entry in raw.of("chain_entries", "document_id", paper.id)
            if entry.kind == "document" and entry.revision == paper.frozen
        ]
        frozen = [each for each in raw.of("document_revisions", "document_id", paper.id) if each.number == paper.frozen]
        if paper.state == "final" and signed and frozen:
            who = raw.of("enrolments", "id", paper.enrolment_id)[0].person_id
            found.append({"person": who, "standards": frozen[0].standards or [], "signed_at": max(signed)})
    return found


# What is asked for ---------------------------------------------------------------------------------------------------


def _kind(raw: Raw, version: Any) -> str:
    return str(raw.of("pathway_steps", "id", version.step_id)[0].kind)


def _version(raw: Raw, row: Any) -> Fact:
    asked = [_requirement(raw, one) for one in raw.of("requirements", "version_id", row.id)]
    groups = [
        {"id": group.id, "needed": group.needed, "requirements": [one for one in asked if one["group_id"] == group.id]}
        for group in raw.of("requirement_groups", "version_id", row.id)
    ]
    told = {name: getattr(row, name) for name in ("id", "number", "needed", "published_at", "withdrawn_at", "withdrawn_on", "applies")}
    dates = {"from": row.in_force_from, "to": row.in_force_to, "step": row.step_id, "to_stage": None}
    return {**told, **dates, "groups": groups, "loose": [one for one in asked if one["group_id"] is None]}


def _requirement(raw: Raw, row: Any) -> Fact:
    return dict(row._mapping) | {"courses": [each.course_id for each in raw.of("requirement_courses", "requirement_id", row.id)]}
