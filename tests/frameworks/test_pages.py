"""The pages: what there is, one version, two versions side by side; loading, publishing and withdrawing over HTTP."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.frameworks import operations, running
from app.frameworks.models import ApprenticeshipStandard, ProgrammeStage, ProgrammeVersion, StandardsSet, SupervisionRule
from tests.conftest import Ledger
from tests.factory import Make
from tests.frameworks.drafts import ASYE, RULES, altered, load, next_asye

SignIn = Callable[[Any], TestClient]
FIGURE = """\
apprenticeship_standards:
  - code: ST0510
    version: "2027"
    title: Social worker (integrated degree)
    level: 6
    typical_months: 36
    otj_minimum_hours: 1200
    otj_note: The published figure
    verified: true
"""


def words(reply: Any) -> str:
    """What stands on the page, without its tags."""
    main = reply.text[reply.text.index("<main") :]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", main)))


def key_of(make: Make, code: str, version: str | None = None) -> int:
    statement = select(ProgrammeVersion.id).where(ProgrammeVersion.programme_code == code)
    return int(make.rows(statement.where(ProgrammeVersion.version == version) if version else statement)[0].id)


@pytest.fixture
def coordinator(shipped: Make, sign_in: SignIn) -> TestClient:
    return sign_in(shipped.person("Zofia Nowak", roles=("coordinator",)))


def send(browser: TestClient, text: str, **fields: str) -> Any:
    return browser.post("/frameworks/load", files={"file": ("my programme.yaml", text.encode())}, data=fields)


def test_a_version_says_what_it_asks_for_where_it_is_from_and_that_it_is_provisional(shipped: Make, sign_in: SignIn) -> None:
    reader = sign_in(shipped.person("Priya Nair"))
    listed = words(reader.get("/frameworks"))
    assert "Assessed and supported year in employment, child and family" in listed and "From Wednesday 1 September 2027" in listed
    ecdp = words(reader.get(f"/frameworks/versions/{key_of(shipped, 'ECDP')}"))
    assert "Provisional. The national text was not published when this version was made." in ecdp
    assert "Social work induction programme (SWIP)" in ecdp and "Seen in part in a published source" in ecdp
    asye = reader.get(f"/frameworks/versions/{key_of(shipped, 'ASYE-CF')}")
    said = words(asye)
    assert "Provisional" not in said and "Month 11" in said and "£2,000 for each person" in said
    assert "Signed in this order: 1 Newly qualified social worker, 2 Assessor, 3 Line manager." in said
    assert "/publish" not in asye.text and "/withdraw" not in asye.text  # not for her
    form = words(reader.get(f"/frameworks/versions/{key_of(shipped, 'ASYE-CF')}/documents/RSPA5"))
    assert "Recommendation" in form and "pass, fail" in form
    assert reader.get(f"/frameworks/versions/{key_of(shipped, 'ASYE-CF')}/documents/NONE").status_code == 404
    apprentices = words(reader.get(f"/frameworks/versions/{key_of(shipped, 'APP-ST0510')}"))
    assert "Every knowledge, skill and behaviour is covered" in apprentices and "Gateway" in apprentices


def test_drafts_are_for_those_who_work_on_them(coordinator: TestClient, shipped: Make, sign_in: SignIn) -> None:
    with shipped.tx() as tx:
        key = load(tx, next_asye())[0].key
        rule = load(tx, altered(RULES, ('version: "2026"', 'version: "2027"')))[0].key
    reader = sign_in(shipped.person("Priya Nair"))
    for path in (
        f"/frameworks/versions/{key}",
        f"/frameworks/versions/{key}.yaml",
        f"/frameworks/compare?old=1&new={key}",
        f"/frameworks/rules/{rule}",
    ):
        assert (reader.get(path).status_code, coordinator.get(path).status_code) == (404, 200)
    for path in ("/frameworks", f"/frameworks/versions/{key_of(shipped, 'ASYE-CF', '2026-04')}", "/frameworks/compare"):
        assert "2027-draft" not in reader.get(path).text and "2027-draft" in coordinator.get(path).text


def test_two_versions_side_by_side(coordinator: TestClient, shipped: Make) -> None:
    with shipped.tx() as tx:
        new = load(tx, next_asye(("due_month: 9", "due_month: 8"), ("        - code: CONF\n", "        - code: CONF2\n")))[0].key
    said = words(coordinator.get(f"/frameworks/compare?old={key_of(shipped, 'ASYE-CF')}&new={new}"))
    assert "3 differences: 1 added, 1 removed, 1 changed" in said
    assert "Stages › “Progressive development meeting” (ASYE-4) › due in month Changed 9 8" in said
    assert "Removed “Confidentiality statement” (CONF) (nothing)" in said
    assert "This is the same version twice" in words(coordinator.get(f"/frameworks/compare?old={new}&new={new}"))
    assert coordinator.get("/frameworks/compare?old=999999&new=1").status_code == 404
    sets = {row.code: row.id for row in shipped.rows(select(StandardsSet.code, StandardsSet.id))}
    said = words(coordinator.get(f"/frameworks/standards/compare?old={sets['PQS-PRACTITIONER']}&new={sets['ECS']}"))
    assert "Relationships and effective direct work" in said and "Anti-discriminatory practice" in said


def test_a_wrong_file_changes_nothing_and_says_where_and_why(coordinator: TestClient, shipped: Make, ledger: Ledger) -> None:
    ledger.start()
    reply = send(coordinator, altered(ASYE, ("nominal_months: 12", 'nominal_months: "12"')))
    said = words(reply)
    assert reply.status_code == 422 and "Nothing was loaded" in said
    line = ASYE[: ASYE.index("nominal_months")].count("\n") + 1
    assert f"Line {line} programme › nominal_months “nominal_months” must be a whole number, and “12” is not. Write digits" in said
    for wrong in ("", "\x00\x01", "programme: [", "[" * 5000):
        assert send(coordinator, wrong).status_code == 422
    assert coordinator.post("/frameworks/load", data={"file": "no file"}).status_code == 422
    assert "Choose the file to load" in words(coordinator.post("/frameworks/load", files={"file": ("", b"")}))
    changed = send(coordinator, altered(ASYE, ("due_month: 9", "due_month: 8")))
    assert changed.status_code == 422 and "cannot be changed. Different here:" in words(changed)
    assert ledger.actions() == []


def test_a_file_becomes_a_draft_and_is_published_on_a_page_of_its_own(
    coordinator: TestClient, shipped: Make, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = key_of(shipped, "ASYE-CF")
    monkeypatch.setattr(running, "_counters", [lambda *_: {old: 41}])
    reply = send(coordinator, next_asye(("starts_from: null", "starts_from: 2027-01-01"), ("title: Heading page", "title: First page")))
    assert reply.status_code == 303
    where = reply.headers["location"].partition("?")[0]
    new = int(where.rpartition("/")[2])
    assert "A draft: nobody can be enrolled on it yet." in words(coordinator.get(where))
    before = words(coordinator.get(f"{where}/publish"))
    assert "New enrolments Use it if they start from Friday 1 January 2027" in before
    assert "41 enrolments stay on the version they began with" in before and "Version 2026-04 , 41 running enrolments" in before
    assert "Heading page First page" in before
    ledger.start()
    assert coordinator.post(f"{where}/publish").headers["location"] == f"{where}?done=published"
    assert shipped.row(ProgrammeVersion, new).state == "published" and shipped.row(ProgrammeVersion, new).published_by is not None
    assert ledger.actions() == ["framework.published"]
    assert coordinator.post(f"{where}/publish").status_code == 409
    assert coordinator.get(f"{where}/publish").status_code == 409


def test_withdrawing_asks_why_and_a_draft_can_be_thrown_away(coordinator: TestClient, shipped: Make) -> None:
    where = f"/frameworks/versions/{key_of(shipped, 'SPLP')}"
    empty = coordinator.post(f"{where}/withdraw", data={"reason": " "})
    assert empty.status_code == 422 and "Say why, in up to 500 characters" in words(empty)
    assert coordinator.post(f"{where}/withdraw", data={"reason": "It has a successor"}).status_code == 303
    assert "Nobody new can be enrolled on it." in words(coordinator.get(f"{where}?done=withdrawn"))
    assert (coordinator.get(f"{where}/withdraw").status_code, coordinator.get(f"{where}/discard").status_code) == (409, 409)
    draft = send(coordinator, next_asye()).headers["location"].partition("?")[0]
    assert coordinator.post(f"{draft}/discard").headers["location"] == "/frameworks?done=discarded"
    assert coordinator.get(draft).status_code == 404


def test_a_download_is_a_file_that_loads_as_the_same_version(coordinator: TestClient, shipped: Make) -> None:
    for row in shipped.rows(select(ProgrammeVersion.id, ProgrammeVersion.programme_code, ProgrammeVersion.digest)):
        reply = coordinator.get(f"/frameworks/versions/{row.id}.yaml")
        assert reply.headers["content-disposition"].startswith(f'attachment; filename="{row.programme_code.lower()}-')
        made = operations.prepare([("download.yaml", reply.content)])[0].made.programme
        assert operations.digest(made.model_dump(mode="json")) == row.digest
        assert send(coordinator, reply.text).headers["location"] == f"/frameworks/versions/{row.id}?done=there"


def test_figures_without_drafts_need_a_tick(coordinator: TestClient, shipped: Make) -> None:
    count = select(func.count()).select_from(ApprenticeshipStandard)
    before = shipped.rows(count)
    reply = send(coordinator, FIGURE)
    assert reply.status_code == 422 and "Tick that it may be in force at once" in words(reply) and shipped.rows(count) == before
    assert send(coordinator, FIGURE, at_once="yes").headers["location"] == "/frameworks?done=in-force"
    newest = shipped.rows(select(ApprenticeshipStandard.id).order_by(ApprenticeshipStandard.id.desc()))[0].id
    said = words(coordinator.get(f"/frameworks/apprenticeships/{newest}"))
    assert "1,200. The published figure" in said and "In use" in said
    assert "An earlier version" in words(coordinator.get("/frameworks/apprenticeships/1"))
    assert "Not entered yet: nobody who starts from August 2025 can be enrolled" in words(coordinator.get("/frameworks/apprenticeships/1"))


def test_a_rule_is_published_on_a_page_of_its_own(coordinator: TestClient, shipped: Make) -> None:
    one = altered(
        RULES[: RULES.index("  - code: SUP-ECDP")],
        ('version: "2026"', 'version: "2027"'),
        ("weekly, from_day: 0, to_day: 42", "weekly, from_day: 0, to_day: 56"),
        ("from_day: 42", "from_day: 56"),
    )
    where = send(coordinator, one).headers["location"].partition("?")[0]
    said = words(coordinator.get(f"{where}/publish"))
    assert "Now due From day 1 to day 56: weekly" in said and "Due before (version 2026) From day 1 to day 42: weekly" in said
    assert coordinator.post(f"{where}/publish").status_code == 303
    assert shipped.row(SupervisionRule, int(where.rpartition("/")[2])).state == "published"
    assert coordinator.get(f"{where}/publish").status_code == 409


def test_nobody_else_may_change_anything(shipped: Make, sign_in: SignIn) -> None:
    with shipped.tx() as tx:
        key = load(tx, next_asye())[0].key
    stages = shipped.rows(select(ProgrammeStage.__table__).order_by(ProgrammeStage.id))
    for role in ("HR officer", "board viewer", "administrator", "setting lead"):
        other = sign_in(shipped.person(f"The {role}", roles=(role,)))
        for verb in ("publish", "discard", "withdraw"):
            assert other.post(f"/frameworks/versions/{key}/{verb}", data={"reason": "Mine"}).status_code == 403
        assert send(other, ASYE).status_code == 403
    assert shipped.rows(select(ProgrammeStage.__table__).order_by(ProgrammeStage.id)) == stages
