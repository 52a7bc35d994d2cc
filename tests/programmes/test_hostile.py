"""Forms of programmes as nobody's page sends them: refused in words, and nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.core.errors import Conflict
from app.programmes.models import Enrolment
from app.programmes.operations import enrol, sign
from app.programmes.portfolio_models import Clash, Entry
from tests.factory import Make
from tests.programmes import asye
from tests.programmes.making import Programmes
from tests.programmes.signing import signing
from tests.queues import acting

SignIn = Callable[..., TestClient]


@pytest.mark.parametrize("fte", ["NaN", "sNaN", "Infinity", "1e999", "-0.5", "9" * 60])
def test_a_working_pattern_that_is_no_number(make: Make, sign_in: SignIn, fte: str) -> None:
    coordinator, learner = make.person("Coco Ordinator", roles=("coordinator",)), asye.nqsw(make)
    key = asye.cohort(make)
    page = sign_in(coordinator)
    with make.tx(writes=False) as tx:
        days = {"starts_on": str(tx.today.day), "starts_on-month": str(tx.today.month), "starts_on-year": str(tx.today.year)}
        change = {"from_on": str(tx.today.day), "from_on-month": str(tx.today.month), "from_on-year": str(tx.today.year)}
    given = {"who": learner.email, "fte": fte, **days}
    assert page.get(f"/cohorts/{key}/enrol", params=given).status_code in (200, 422)
    assert page.post(f"/cohorts/{key}/enrol", data=given).status_code == 422
    assert make.rows(select(func.count()).select_from(Enrolment))[0][0] == 0
    with make.tx() as tx:
        there = enrol.enrol(tx, key, learner.id, tx.today)
    proposed = page.post(f"/enrolments/{there}/change", data={"kind": "working_pattern", "fte": fte, **change})
    assert proposed.status_code == 422 and "working pattern must be" in proposed.text


def test_nobody_enrols_themselves(make: Make) -> None:
    coordinator = make.person("Coco Ordinator", roles=("coordinator",), swe_number="SW900390", registration_status="registered")
    key = asye.cohort(make)
    with pytest.raises(Conflict, match="Nobody enrols themselves"), acting(make, coordinator, "coordinator") as tx:
        enrol.enrol(tx, key, coordinator.id, tx.today)


@pytest.mark.parametrize("had", ["[" * 20_000, '{"a":' * 5_000, "[]", "null", "{", '{"reflection": [1]}'])
def test_fingerprints_that_no_page_was_given(make: Make, sign_in: SignIn, had: str) -> None:
    there = Programmes(make).enrolment()
    key = there.documents["CRL1"]
    saved = sign_in(there.nqsw).post(
        f"/documents/{key}/save", data={"had": had, "a-reflection": "I learnt.", "base": "9" * 40, "turn": "9" * 40}
    )
    assert saved.status_code == 303
    assert [row.words for row in make.rows(select(Clash.words))] == ["I learnt."]  # kept, and the writer chooses


def test_eight_times_the_same_signature_at_once_is_one(make: Make, sign_in: SignIn) -> None:
    room = signing(make)
    key, nell = room.freeze(), sign_in(room.there.nqsw)
    with room.of(room.there.nqsw) as tx:
        given = {"read": sign.to_sign(tx, key).digest, "answer": "agree"}

    def press(_: int) -> Any:
        return nell.post(f"/documents/{key}/sign", data=given).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(press, range(8)))
    assert answers == [303] + [409] * 7
    assert make.rows(select(func.count()).select_from(Entry))[0][0] == 1
