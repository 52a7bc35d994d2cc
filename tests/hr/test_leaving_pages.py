"""HR's pages of leavers, and what coordinators see of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from starlette.testclient import TestClient

from app.core.tx import clock
from app.hr.operations import leaving
from app.people.models import Person
from tests.factory import Make
from tests.hr.leavers import departure, everything, kinds, says

SignIn = Callable[[Any], TestClient]


def hr(make: Make, sign_in: SignIn, organisation: int | None = None) -> TestClient:
    organisation = organisation or make.organisation()
    return sign_in(make.person("Hana Officer", organisation=organisation, roles=("HR officer",), scope=organisation))


def test_who_waits_is_confirmed_with_a_day_or_stays(make: Make, sign_in: SignIn) -> None:
    browser, lea, ann = hr(make, sign_in), make.person("Lea"), make.person("Ann")
    assert "Nobody waits to be confirmed" in browser.get("/hr/leavers").text
    with make.tx() as tx:
        keys = [leaving.ask(tx, each.id) for each in (lea, ann)]
    assert "2 leavers to confirm" in browser.get("/").text
    page = browser.get("/hr/leavers").text
    assert "2 people wait for somebody to confirm" in page and lea.name in page
    empty = browser.post("/hr/leavers/confirm", data={})
    assert empty.status_code == 422 and "Choose at least one person" in empty.text
    undated = browser.post("/hr/leavers/confirm", data={"departure": keys[0], f"last_day_{keys[0]}": "32 May"})
    assert undated.status_code == 422 and "must be a real date" in undated.text and f'value="{keys[0]}" checked' in undated.text
    day = clock().date() + timedelta(days=3)
    done = browser.post("/hr/leavers/confirm", data={"departure": keys[0], f"last_day_{keys[0]}": f"{day:%d/%m/%Y}"})
    assert done.headers["location"] == "/hr/leavers?confirmed=1"
    assert make.row(Person, lea.id).leaving_on == day
    silent = browser.post("/hr/leavers/drop", data={"departure": keys[1]})
    assert silent.status_code == 422 and "Say why" in silent.text
    assert browser.post("/hr/leavers/drop", data={"departure": keys[1], "reason": "On leave"}).headers["location"].endswith("dropped=1")
    assert browser.post("/hr/leavers/confirm", data={"departure": keys[1]}).status_code == 409
    assert departure(make, ann).reason == "On leave"


def test_a_run_that_is_held_is_confirmed_as_a_whole(make: Make, sign_in: SignIn) -> None:
    browser, persons = hr(make, sign_in), [make.person(f"P{n}") for n in range(6)]
    says(make, clock().date() + timedelta(days=9), *persons[:4], source="api", run="api:1:2026-11-22")
    page = browser.get("/hr/leavers").text
    assert "4 of 7 people employed by Westmarch County Council would leave at once" in page
    run = re.search(r'name="run" value="(\d+)"', page)
    assert run is not None
    assert browser.post("/hr/leavers/confirm", data={"run": run[1]}).headers["location"] == "/hr/leavers?confirmed=4"
    assert browser.post("/hr/leavers/confirm", data={"run": run[1]}).status_code == 404
    assert {departure(make, each).state for each in persons[:2]} == {"due"}


def test_what_followed_stands_line_by_line_and_is_restored_with_a_reason(make: Make, sign_in: SignIn, count_queries: Any) -> None:
    all_ = everything(make)
    browser, coordinator = hr(make, sign_in), sign_in(all_.cai)
    says(make, clock().date() - timedelta(days=1), all_.lea)
    key = departure(make, all_.lea).id
    with count_queries() as queries:
        page = browser.get(f"/hr/leavers/{key}").text
    assert len(queries) <= 12
    assert "Principal social worker, Westmarch County Council" in page and "Toni Top" in page and "Panel" in page
    assert page.count("To see to") == 5 and "HR’s system" in page
    desk = coordinator.get("/manage").text
    assert "5 things that leavers left behind" in desk
    with count_queries() as queries:
        flags = coordinator.get("/manage/leavers").text
    assert len(queries) <= 12 and "/enrolments/" in flags and all_.lea.name in flags
    effect = re.search(r'name="effect" value="(\d+)"', flags)
    assert effect is not None
    assert coordinator.post("/manage/leavers/settle", data={"effect": effect[1]}).status_code == 303
    assert "4 things are still to be seen to" in browser.get("/hr/leavers/flags").text
    assert coordinator.post("/manage/leavers/settle", data={}).status_code == 404
    listed = browser.get("/hr/leavers").text
    assert all_.lea.name in listed and "4 things to see to" in listed
    assert browser.post(f"/hr/leavers/{key}/restore", data={"reason": " "}).status_code == 422
    assert browser.post(f"/hr/leavers/{key}/restore", data={"reason": "A mix-up"}).status_code == 303
    after = browser.get(f"/hr/leavers/{key}?restored=yes").text
    assert "Everything that followed was taken back" in after and "A mix-up" in after and "Not taken back" not in after
    assert browser.post(f"/hr/leavers/{key}/restore", data={"reason": "Again"}).status_code == 409
    assert kinds(make, all_.lea)["place"] == 4


def test_only_hr_and_only_its_own(make: Make, sign_in: SignIn) -> None:
    lea, elsewhere = make.person("Lea"), make.organisation("Eastmoor Council", host=False)
    with make.tx() as tx:
        key = leaving.ask(tx, lea.id)
    other, nobody = hr(make, sign_in, elsewhere), sign_in(make.person("Noa"))
    assert lea.name not in other.get("/hr/leavers").text
    assert other.get(f"/hr/leavers/{key}").status_code == 404
    assert other.post(f"/hr/leavers/{key}/restore", data={"reason": "x"}).status_code == 404
    for deed in ("confirm", "drop"):
        assert other.post(f"/hr/leavers/{deed}", data={"departure": key, "reason": "x"}).status_code == 404
    for path in ("/hr/leavers", f"/hr/leavers/{key}", "/hr/leavers/flags", "/manage/leavers"):
        assert nobody.get(path).status_code == 403
    assert other.get("/manage/leavers").status_code == 403 and other.get("/hr/leavers/999999999999999").status_code == 404
