"""Loading: all or nothing, the same again is nothing new, what is published is never changed; publishing and withdrawing."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import yaml
from sqlalchemy import func, select

from app.core.errors import Conflict, Forbidden, Invalid
from app.core.tx import Actor, Tx
from app.frameworks import operations, queries, running
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
from app.frameworks.reading import FileRefused
from seed.frameworks import FIGURES, prepared, reference_files
from tests.conftest import Ledger
from tests.factory import Make
from tests.frameworks.drafts import ASYE, REFERENCE, RULES, altered, load, next_asye

TABLES = (Programme, ProgrammeVersion, ProgrammeStage, DocumentTemplate, SupervisionRule, ApprenticeshipStandard, Ksb, ApprenticeshipRule)
ECDP = (REFERENCE / "programmes" / "ecdp.yaml").read_text()
APPRENTICESHIPS = (REFERENCE / "apprenticeships.yaml").read_text()


def counted(tx: Tx) -> dict[str, int]:
    return {table.__tablename__: tx.scalar(select(func.count()).select_from(table)) for table in TABLES}


def whole(tx: Tx) -> dict[str, Any]:
    """Every row of every table."""
    return {table.__tablename__: [tuple(row) for row in tx.rows(select(table.__table__))] for table in TABLES}


def version_id(tx: Tx, code: str = "ASYE-CF", version: str = "2026-04") -> int:
    named = ProgrammeVersion.programme_code == code, ProgrammeVersion.version == version
    return int(tx.scalar(select(ProgrammeVersion.id).where(*named)))


def refused(make: Make, *texts: str) -> list[str]:
    """What is said, and that nothing of any file is kept."""
    with make.tx(writes=False) as tx:
        before = whole(tx)
    with pytest.raises(FileRefused) as problem, make.tx() as tx:
        load(tx, *texts)
    with make.tx(writes=False) as tx:
        assert whole(tx) == before
    return [str(each) for each in problem.value.problems]


def test_what_ships_is_loaded_and_published_and_loading_it_again_adds_nothing(shipped: Make, ledger: Ledger) -> None:
    with shipped.tx() as tx:
        before = whole(tx)
        assert {row.state for row in tx.rows(select(ProgrammeVersion.state))} == {"published"}
        ledger.start()
        again = operations.load(tx, prepared([*reference_files(), FIGURES]))
        assert {each.outcome for each in again} == {"already there"}
        assert operations.publish_loaded(tx, again) == 0
        assert whole(tx) == before
    assert ledger.actions() == []


def test_the_facts_of_the_asye_as_they_are_known(shipped: Make) -> None:
    with shipped.tx(writes=False) as tx:
        key = version_id(tx)
        stages, templates = queries.stages(tx, key), queries.templates(tx, key)
        held = queries.version(tx, key).definition
        documents = {row.code: row for row in templates}
        assert [(row.code, row.due_month, row.kind, row.optional) for row in stages] == [
            ("ASYE-1", 1, "stage", False),
            ("ASYE-2", 3, "stage", False),
            ("ASYE-3", 6, "stage", False),
            ("ASYE-4", 9, "stage", True),
            ("ASYE-5", 11, "stage", False),
            ("ASYE-PANEL", 12, "panel", False),
        ]
        for code in ("SAA", "RSPA2", "RSPA3", "RSPA4", "RSPA5"):
            assert documents[code].signed_by == ["nqsw", "assessor", "line_manager"]
        assert {row.code for row in templates if row.signed_by} == {"SAA", "RSPA2", "RSPA3", "RSPA4", "RSPA5"}
        assert not any(documents[code].in_portfolio for code in ("SELF1", "SELF2", "SELF3"))
        assert held["minimum_evidence"]["direct_observations"] == held["minimum_evidence"]["feedback_from_people_supported"] == 3
        assert (held["protected_percent"], held["workload_percent"], held["grant"]["total_gbp"]) == (10, 90, 2000)
        final = [item for section in documents["RSPA5"].form["sections"] for item in section["items"]]
        assert next(item["choices"] for item in final if item["code"] == "recommendation") == ["pass", "fail"]
        assert [row.number for row in templates] == list(range(1, len(templates) + 1))
        rule = queries.rule(tx, held["supervision_rule"])
        assert rule is not None and [period["label"] for period in rule.definition["periods"]] == ["weekly", "fortnightly", "monthly"]
        assert queries.standards_set(tx, queries.version(tx, key).standards_set_id).code == "PQS-PRACTITIONER"  # type: ignore[union-attr]
        assert len(queries.standard_set_items(tx, queries.version(tx, key).standards_set_id)) == 10


def test_the_ecdp_is_provisional_and_for_starts_from_september_2027(shipped: Make) -> None:
    with shipped.tx(writes=False) as tx:
        assert queries.latest_published(tx, "ECDP", date(2027, 8, 31)) is None
        found = queries.latest_published(tx, "ECDP", date(2027, 9, 1))
        assert found is not None and found.provisional and "Provisional" in found.source and found.nominal_months == 24
        assert [row.due_month for row in queries.stages(tx, found.id)] == [3, 6, 12, 18, 24, 24]
        assert not tx.rows(select(Programme.code).where(Programme.code.like("ECT%")))


def test_apprenticeship_rules_by_start_date_and_no_invented_hours_in_the_reference(shipped: Make) -> None:
    days = {date(2022, 7, 31): "APP-2017", date(2022, 8, 1): "APP-2022", date(2025, 7, 31): "APP-2022", date(2025, 8, 1): "APP-2025"}
    with shipped.tx(writes=False) as tx:
        for day, code in days.items():
            found = queries.apprenticeship_rule(tx, day)
            assert found is not None and found.code == code
        columns = select(ApprenticeshipStandard.version, ApprenticeshipStandard.otj_minimum_hours)
        assert {row.otj_minimum_hours for row in tx.rows(columns) if row.version == "2026"} == {None}
        newest = queries.apprenticeship_standard(tx, "ST0510")
        assert newest is not None and newest.otj_note.startswith("Invented for the demonstration")
        ksbs = queries.ksbs(tx, newest.id)
        assert {row.kind for row in ksbs} == {"knowledge", "skill", "behaviour"} and not any(row.verified for row in ksbs)


def test_a_changed_version_that_is_published_is_refused_naming_the_differences(shipped: Make) -> None:
    said = refused(shipped, altered(ASYE, ("due_month: 9", "due_month: 8"), ("title: Heading page", "title: First page")))
    assert len(said) == 1
    assert said[0].startswith("file 1.yaml, line 6, programme › version: ASYE-CF 2026-04 is loaded already and cannot be changed.")
    assert "“Progressive development meeting” (ASYE-4) › due in month: 9 became 8" in said[0]
    assert "Heading page became First page" in said[0] and "Give the changed one a new version." in said[0]


def test_changed_rules_standards_and_figures_are_refused_too(shipped: Make) -> None:
    said = refused(shipped, altered(RULES, ("minimum_minutes: 90\n      minutes_effect", "minimum_minutes: 60\n      minutes_effect")))
    assert "SUP-ASYE 2026 is loaded already" in said[0] and "Minimum minutes: 90 became 60" in said[0]
    said = refused(
        shipped, altered(APPRENTICESHIPS, ("typical_months: 36", "typical_months: 40"), ("otj_floor_hours: 187", "otj_floor_hours: 100"))
    )
    assert "ST0510 2026 is loaded already" in said[0] and "36 became 40" in said[0]
    assert "APP-2025 is loaded already" in said[1] and "187 became 100" in said[1]
    standards = (REFERENCE / "standards.yaml").read_text()
    said = refused(shipped, altered(standards, ("title: Communication,", "title: Talking,")))
    assert "PQS-PRACTITIONER 2018 is already loaded with other items (PQS-P-02)" in said[0]


def test_one_bad_file_among_good_ones_keeps_all_of_them_out(shipped: Make) -> None:
    good = next_asye()
    missing = altered(
        ECDP, ("version: 2027-provisional", "version: other"), ('{code: ECS, version: "2026"}', '{code: ECS, version: "2030"}')
    )
    assert "There is no standards set ECS 2030 here. Load it first, or with this file." in refused(shipped, good, missing)[0]
    assert "must be a whole number" in refused(shipped, good, altered(ECDP, ("nominal_months: 24", 'nominal_months: "24"')))[0]
    unknown = next_asye(("supervision_rule: SUP-ASYE", "supervision_rule: SUP-NONE"))
    assert "There is no supervision rule SUP-NONE here." in refused(shipped, unknown)[0]
    other = (REFERENCE / "programmes" / "app_st0510.yaml").read_text()
    other = altered(other, ('version: "2026"\n', 'version: "2027"\n'), ("{standard: ST0510}", "{standard: ST9999}"))
    assert "There is no apprenticeship standard ST9999 here." in refused(shipped, other)[0]


def test_a_draft_is_replaced_by_loading_it_again(shipped: Make, ledger: Ledger) -> None:
    with shipped.tx() as tx:
        first = load(tx, next_asye())[0]
    ledger.start()
    with shipped.tx() as tx:
        assert load(tx, next_asye())[0].outcome == "already there"
        second = load(tx, next_asye(("title: Heading page", "title: First page")))[0]
        assert (second.outcome, second.key) == ("draft replaced", first.key)
        assert {row.title for row in queries.templates(tx, second.key or 0)} >= {"First page"}
        assert len(queries.stages(tx, second.key or 0)) == 6
    assert ledger.actions() == ["framework.replaced"]


def test_a_definition_is_kept_whole_with_its_digest(shipped: Make) -> None:
    with shipped.tx(writes=False) as tx:
        for row in tx.rows(select(ProgrammeVersion.__table__)):
            assert operations.digest(row.definition) == row.digest
            stages = queries.stages(tx, row.id)
            assert [stage.code for stage in stages] == [stage["code"] for stage in row.definition["stages"]]
            forms = {document["code"]: document["form"] for stage in row.definition["stages"] for document in stage["documents"]}
            assert {template.code: template.form for template in queries.templates(tx, row.id)} == forms


# Publishing ----------------------------------------------------------------------------------------------------------


def test_publishing_leaves_running_enrolments_as_they_are(shipped: Make, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    with shipped.tx() as tx:
        old = version_id(tx)
        before = queries.version(tx, old)
        new = load(tx, next_asye(("starts_from: null", "starts_from: 2027-01-01")))[0].key
        assert new is not None
        found = queries.latest_published(tx, "ASYE-CF", date(2027, 3, 1))
        assert found is not None and found.id == old  # drafts count for nobody
    monkeypatch.setattr(running, "_counters", [lambda _, code: {old: 7} if code == "ASYE-CF" else {}])
    ledger.start()
    with shipped.tx() as tx:
        operations.publish(tx, new)
        assert queries.version(tx, old) == before
        assert running.running(tx, "ASYE-CF") == {old: 7}
        days = date(2026, 12, 31), date(2027, 1, 1)
        assert [row.id for day in days if (row := queries.latest_published(tx, "ASYE-CF", day))] == [old, new]
    assert ledger.actions() == ["framework.published"]


def test_a_version_is_published_once_withdrawn_once_and_never_comes_back(shipped: Make, ledger: Ledger) -> None:
    with shipped.tx() as tx:
        key = version_id(tx, "SPLP", "2026")
    with pytest.raises(Conflict, match="draft only"), shipped.tx() as tx:
        operations.publish(tx, key)
    with pytest.raises(Invalid, match="Say why"), shipped.tx() as tx:
        operations.withdraw(tx, key, "  ")
    ledger.start()
    with shipped.tx() as tx:
        operations.withdraw(tx, key, "A national programme takes its place")
        assert queries.latest_published(tx, "SPLP", date(2026, 12, 1)) is None
        assert len(queries.templates(tx, key)) > 0  # those on it finish on it
    assert ledger.entries("framework.withdrawn")[-1].facts["reason"] == "A national programme takes its place"
    for again in (operations.publish, operations.discard, lambda tx, key: operations.withdraw(tx, key, "Again")):
        with pytest.raises(Conflict), shipped.tx() as tx:
            again(tx, key)
    text = (REFERENCE / "programmes" / "splp.yaml").read_text()
    with shipped.tx() as tx:
        assert load(tx, text)[0].outcome == "already there"
        assert queries.version(tx, key).state == "withdrawn"
    assert "is loaded already" in refused(shipped, altered(text, ("nominal_months: 12", "nominal_months: 13")))[0]


def test_the_name_of_a_programme_is_that_of_the_version_published_last(shipped: Make) -> None:
    renamed = altered(
        ECDP, ("version: 2027-provisional", "version: next"), ("title: Early career development programme\n", "title: Early years\n")
    )
    with shipped.tx() as tx:
        key = load(tx, renamed)[0].key
        assert tx.scalar(select(Programme.title).where(Programme.code == "ECDP")) == "Early career development programme"
        operations.publish(tx, key or 0)
        assert tx.scalar(select(Programme.title).where(Programme.code == "ECDP")) == "Early years"


def test_a_programme_is_not_published_before_its_supervision_rule(make: Make) -> None:
    with make.tx() as tx:
        operations.load(tx, prepared(reference_files()))
        key = version_id(tx)
    with pytest.raises(Conflict, match="SUP-ASYE, which is not published"), make.tx() as tx:
        operations.publish(tx, key)
    with make.tx() as tx:
        rule = tx.scalar(select(SupervisionRule.id).where(SupervisionRule.code == "SUP-ASYE"))
        operations.publish_rule(tx, rule)
        operations.publish(tx, key)
        assert queries.version(tx, key).state == "published"
    with pytest.raises(Conflict, match="Only a draft"), make.tx() as tx:
        operations.publish_rule(tx, rule)


def test_a_newer_rule_counts_from_its_publication(shipped: Make) -> None:
    with shipped.tx() as tx:
        before = queries.rule(tx, "SUP-STANDARD")
        newer = altered(RULES, ('version: "2023"', 'version: "2027"'), ("from_month: 0, every_months: 1", "from_month: 0, every_months: 2"))
        loaded = load(tx, newer)
        assert queries.rule(tx, "SUP-STANDARD") == before
        operations.publish_loaded(tx, loaded)
        assert queries.rule(tx, "SUP-STANDARD").version == "2027"  # type: ignore[union-attr]
        assert tx.get(SupervisionRule, before.id).definition == before.definition  # type: ignore[union-attr]


def test_a_draft_can_be_thrown_away_whole(shipped: Make) -> None:
    with shipped.tx() as tx:
        before = counted(tx)
        operations.discard(tx, load(tx, next_asye())[0].key or 0)
        assert counted(tx) == before


def test_only_those_who_may_change_frameworks(shipped: Make) -> None:
    with shipped.tx() as tx:
        key = load(tx, next_asye())[0].key or 0
        tx.actor = Actor("person", 1, "Somebody", (("practitioner", None), ("line manager", None), ("HR officer", None)))
        files = operations.prepare([("x.yaml", ECDP.encode())])
        for verb in (
            lambda: operations.load(tx, files),
            lambda: operations.publish(tx, key),
            lambda: operations.withdraw(tx, key, "Why"),
            lambda: operations.discard(tx, key),
            lambda: operations.publish_rule(tx, 1),
        ):
            with pytest.raises(Forbidden, match="cannot load, publish and withdraw programmes and rules"):
                verb()


def test_the_host_organisation_looks_after_them(shipped: Make) -> None:
    """A principal social worker of a partner reads them; one of the council, or of a part of it, changes them."""
    partner, council = shipped.organisation("Northmoor Council", host=False), shipped.organisation()
    part = shipped.unit("Aldermoor", "service", council)
    with shipped.tx() as tx:
        key = load(tx, next_asye())[0].key or 0
    for unit in (council, part, None):
        with shipped.tx() as tx:
            tx.actor = Actor("person", None, "Somebody", (("principal social worker", unit),))
            assert load(tx, next_asye())[0].outcome == "already there"
    with shipped.tx() as tx:
        tx.actor = Actor("person", None, "Somebody", (("principal social worker", partner),))
        for verb in (
            lambda: operations.publish(tx, key),
            lambda: operations.discard(tx, key),
            lambda: operations.withdraw(tx, key, "Why"),
            lambda: load(tx, ECDP),
        ):
            with pytest.raises(Forbidden, match="the host organisation does"):
                verb()


def test_a_standards_set_comes_from_the_same_loader(make: Make) -> None:
    text = yaml.safe_dump(
        {"standards_sets": [{"code": "NEW", "version": "1", "title": "New", "items": [{"code": "N-1", "number": 1, "title": "One"}]}]}
    )
    with make.tx() as tx:
        assert [(each.outcome, each.code) for each in load(tx, text)] == [("added", "NEW")]
        assert [each.outcome for each in load(tx, text)] == ["already there"]
        key = tx.scalar(select(StandardsSet.id).where(StandardsSet.code == "NEW"))
        assert [row.title for row in queries.standard_set_items(tx, key)] == ["One"]
