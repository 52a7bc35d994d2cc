"""The grant: what can be claimed when, and that nothing is claimed twice, whoever asks at once."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from app.core.errors import Conflict, Refusal
from app.programmes.models import Claim, Enrolment
from app.programmes.operations import claims, enrol
from tests.factory import Make
from tests.programmes.asye import ASYE, asye, cohort, nqsw
from tests.programmes.test_changes import at_once
from tests.queues import acting

START = date(2026, 9, 7)


@pytest.fixture
def three(make: Make, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Three enrolments: two that bring the grant, one that does not."""
    monkeypatch.setattr("app.core.tx.clock", lambda: datetime(2026, 11, 23, 10, tzinfo=UTC))
    version = asye(make, grant={**ASYE["grant"], "funded_until": "2027-03-31"})
    into = cohort(make, version, START)
    people = [nqsw(make, 1, "Ann One"), nqsw(make, 2, "Bea Two"), nqsw(make, 3, "Cyd Three", qualified_in=2019)]
    with make.tx() as tx:
        return [enrol.enrol(tx, into, person.id, START) for person in people]


def test_each_part_is_claimed_once(make: Make, three: list[int], ledger: Any) -> None:
    with make.tx() as tx:
        found = claims.claimable(tx, "registration")
        assert [(each.row.name, each.pence) for each in found] == [("Ann One", 100_000), ("Bea Two", 100_000)]
        key = claims.make_batch(tx, "registration", three[:1])
    with make.tx() as tx:
        assert [each.row.id for each in claims.claimable(tx, "registration")] == three[1:2]
        assert [row.person_id for row in claims.batch(tx, key)[1]] == [make.row(Enrolment, three[0]).person_id]
    with pytest.raises(Conflict, match="cannot be claimed any more"), make.tx() as tx:
        claims.make_batch(tx, "registration", three)
    assert ledger.actions().count("grant.claimed") == 1


def test_the_second_part_is_for_the_completed_and_in_the_last_funded_month_for_everybody(
    make: Make, three: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with make.tx() as tx:
        assert claims.claimable(tx, "completion") == []
    monkeypatch.setattr("app.core.tx.clock", lambda: datetime(2027, 3, 2, 10, tzinfo=UTC))
    with make.tx() as tx:
        tx.update(Enrolment, three[0], status="withdrawn")
        found = claims.claimable(tx, "completion")
        assert [(each.row.name, each.why) for each in found] == [("Bea Two", "Still on the programme in the last funded month")]
    monkeypatch.setattr("app.core.tx.clock", lambda: datetime(2027, 4, 1, 10, tzinfo=UTC))
    with make.tx() as tx:
        assert claims.claimable(tx, "completion") == []


def test_two_who_claim_at_once_claim_once(make: Make, three: list[int]) -> None:
    coordinators = [make.person(f"Cora {n}", roles=("coordinator",)) for n in range(2)]

    def claim(who: Any) -> int:
        with acting(make, who, "coordinator") as tx:
            return claims.make_batch(tx, "registration", three[:2])

    answers = at_once(lambda: claim(coordinators[0]), lambda: claim(coordinators[1]))
    assert sum(isinstance(each, int) for each in answers) == 1
    assert sum(isinstance(each, Refusal) for each in answers) == 1
    with make.tx() as tx:
        assert tx.scalar(select(func.count()).select_from(Claim)) == 2


def test_preview_then_extract_over_the_pages(make: Make, three: list[int], sign_in: Any, ledger: Any) -> None:
    browser = sign_in(make.person("Cora", roles=("coordinator",)))
    page = browser.get("/cohorts/claims")
    assert "2 people, £2,000" in page.text
    assert browser.post("/cohorts/claims", data={"kind": "registration"}).status_code == 422
    made = browser.post("/cohorts/claims", data={"kind": "registration", "enrolments": [str(key) for key in three[:2]]})
    where = made.headers["location"].partition("?")[0]
    assert "Grant claim" in browser.get(where).text
    lines = list(csv.reader(io.StringIO(browser.get(f"{where}/extract.csv").content.decode("utf-8-sig"))))
    assert lines[0] == list(claims.HEADS)
    assert lines[1][1:5] == ["Ann", "One", "SW900301", lines[1][4]]
    assert lines[1][8:15] == ["2026-09-07", "2027-09-07", "1", "registered", "", "registration", "1000.00"]
    assert browser.get(f"{where}/extract.xlsx").content.startswith(b"PK")
    assert browser.get(f"{where}/extract.pdf").status_code == 404
    assert ledger.actions().count("grant.exported") == 2
    north = make.unit("North", "locality")
    assert sign_in(make.person("Lo Cal", roles=("coordinator",), scope=north)).get(where).status_code == 404
    assert sign_in(make.person("Pat", roles=("principal social worker",))).get("/cohorts/claims").status_code == 403
