"""The census over HTTP: from beginning a return to taking what was frozen, and who is in the trail for it."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.census import forgetting
from app.census.models import CensusMessage, CensusReturn, CensusUpload
from app.core.db import FOREVER
from app.core.ledger import Audit
from app.people.models import Person
from tests.census.world import YEAR, Census
from tests.factory import LONG_AGO, Make

SignIn = Callable[[Any], TestClient]
CSV = "text/csv"


@pytest.fixture
def census(make: Make) -> Census:
    made = Census(make)
    for n in range(30):
        made.worker(f"Worker Number{n:02}")
    made.worker("Agency Worker", (LONG_AGO, FOREVER, "Social worker", "agency", "1"))
    return made


def main_of(html: str) -> str:
    return html[html.index("<main") :]


def test_from_beginning_to_the_frozen_file(census: Census, make: Make, sign_in: SignIn) -> None:
    hana = sign_in(census.hana)
    assert "No return has been begun yet" in hana.get("/census").text
    begun = hana.post("/census", data={"year": str(YEAR)})
    assert begun.status_code == 303
    one = begun.headers["location"]
    assert "31 people in the year to Tuesday 30 September 2025" in hana.get(one).text
    template = hana.get(f"{one}/template.csv")
    lines = list(csv.DictReader(io.StringIO(template.content.decode("utf-8-sig"))))
    assert len(lines) == 31 and set(lines[0]) >= {"person", "PersonBirthDate", "Ethnicity"} and "OrgRole" not in lines[0]

    workers = [line["person"] for line in lines]
    given = io.StringIO()
    writer = csv.writer(given)
    heads = ("Employee number", "Date of birth", "Gender", "Ethnicity", "Qualifying institution", "Qualification level", "Step up")
    writer.writerow([*heads, "Frontline", "Working days lost", "Contract weeks", "Cases at 30 September"])
    for worker in workers:
        writer.writerow([worker, "8/12/1984", "Female", "White British", "Hillfoot", "2", "no", "no", "1.5", "30", "14"])
    sent = hana.post(f"{one}/file", files={"file": ("hr.csv", given.getvalue(), CSV)})
    assert sent.status_code == 303
    plan = hana.get(sent.headers["location"]).text
    assert "31 people would change" in plan and "8/12/1984" not in plan and "1984-12-08" not in plan
    assert "Take in what the file says of 31 people?" in hana.get(sent.headers["location"] + "/apply").text
    assert hana.post(sent.headers["location"] + "/apply").headers["location"] == f"{one}?said=applied"
    assert hana.post(sent.headers["location"] + "/apply").status_code == 409

    messages = hana.get(f"{one}/messages?kind=error").text
    assert "3 messages" in messages and "The authority" in messages and "Person 1" not in main_of(messages)
    wrong = hana.post(f"{one}/authority", data={"NumberOfVacancies": "some", "NoAgencyFTE": "2", "NoAgencyHeadcount": "2"})
    assert wrong.status_code == 422 and 'value="some"' in wrong.text and 'href="#NumberOfVacancies"' in wrong.text
    assert hana.post(f"{one}/authority", data={"NumberOfVacancies": "5", "NoAgencyFTE": "2", "NoAgencyHeadcount": "2"}).status_code == 303
    assert "number in the collection is not known" in hana.get(f"{one}/submit").text
    page = hana.get(f"/census/settings/{census.council}").text
    form = {"version": "0", "authority": "999", "keep": "365"}
    form |= {name: _chosen(page, name) for name in re.findall(r'<select class="govuk-select" id="(stage-\w+)"', page)}
    assert hana.post(f"/census/settings/{census.council}", data=form).headers["location"] == "/census?said=settings"
    assert "Checked: no errors" in hana.get(one).text
    totals = hana.get(f"{one}/totals").text
    assert "5 vacant FTE" in totals and "14.3%" in totals and "30 FTE in post" in totals  # 5 of 35
    assert hana.post(f"{one}/submit").headers["location"] == f"{one}?said=submitted"

    shown = hana.get(one).text
    digest = re.search(r"\b[0-9a-f]{64}\b", shown)
    frozen = hana.get(f"{one}/extract.xml")
    assert digest is not None and hashlib.sha256(frozen.content).hexdigest() == digest[0]
    assert frozen.headers["content-disposition"] == f'attachment; filename="CSWW-{YEAR}-v1.xml"'
    assert frozen.content.count(b"<CSWWWorker>") == 31
    correction = hana.post(f"{one}/correct").headers["location"].partition("?")[0]
    assert f"Census return {YEAR}, version 2" in hana.get(correction).text
    assert hana.get(f"{one}/extract.xml").content == frozen.content

    taken = make.rows(select(Audit.action, Audit.actor_id, Audit.facts).where(Audit.action.like("census%ed")).order_by(Audit.id))
    exports = [row.facts for row in taken if row.action == "census.exported"]
    assert [facts["digest"] for facts in exports] == [digest[0]] * 2 and {row.actor_id for row in taken} <= {census.hana.id, None}
    assert [row.action for row in taken].count("census.template-exported") == 1
    assert make.rows(select(CensusUpload.rows))[0].rows == []


def _chosen(page: str, name: str) -> str:
    part = page[page.index(f'id="{name}"') :]
    found = re.search(r'<option value="(\w*)" selected', part[: part.index("</select>")])
    assert found is not None
    return found[1]


def test_messages_are_filtered_paged_and_taken(census: Census, make: Make, sign_in: SignIn) -> None:
    return_id = census.begin()
    hana = sign_in(census.hana)
    everything = make.rows(select(CensusMessage.item, CensusMessage.kind))
    births = [row for row in everything if row.item == "PersonBirthDate"]
    assert len(births) == 30, "agency workers need none"
    page = hana.get(f"/census/{return_id}/messages?item=PersonBirthDate&kind=error&page=2").text
    assert "30 messages" in page and "Page 2 of 2" in page and main_of(page).count("Give it in your file") == 5
    assert "There is nothing of this kind" in hana.get(f"/census/{return_id}/messages?item=PersonBirthDate&kind=query").text
    lines = list(csv.DictReader(io.StringIO(hana.get(f"/census/{return_id}/messages.csv").content.decode("utf-8-sig"))))
    assert len(lines) == len(everything) == make.row(CensusReturn, return_id).errors
    numbers = {make.row(Person, key).employee_number for key in census.people(return_id)}
    assert {line["Employee number"] for line in lines} == numbers | {""} and all(line["What to do"] for line in lines)


def test_a_bad_file_is_shown_with_what_to_do_and_without_private_values(census: Census, sign_in: SignIn) -> None:
    return_id = census.begin()
    hana = sign_in(census.hana)
    for content, said in (
        ("", "The file is empty"),
        ("shoe size\n9\n", "Nobody knows what to do with the column"),
        ("person\n", "no rows"),
    ):
        refused = hana.post(f"/census/{return_id}/file", files={"file": ("x.csv", content, CSV)})
        assert refused.status_code == 422 and said in refused.text
    sent = hana.post(f"/census/{return_id}/file", files={"file": ("x.csv", "person,date of birth,days lost\nE1,31/2/1980,lots\n", CSV)})
    page = hana.get(sent.headers["location"]).text
    assert "3 problems to correct" in page and "lots" in page and "31/2/1980" not in page and "Line 2, Working days lost" in page
    assert hana.post(sent.headers["location"] + "/apply").status_code == 409


def test_a_few_questions_however_many_people(census: Census, sign_in: SignIn, count_queries: Callable[[], Any]) -> None:
    return_id = census.begin()
    hana = sign_in(census.hana)
    for path in ("", "/messages", "/totals", "/file", "/submit", "/template.csv", "/messages.csv"):
        with count_queries() as queries:
            assert hana.get(f"/census/{return_id}{path}").status_code == 200
        assert len(queries) <= 12, path


def test_what_was_deleted_says_so_and_keeps_its_totals(census: Census, sign_in: SignIn) -> None:
    return_id = census.begin()
    with census.make.tx() as tx:
        forgetting.erase(tx, return_id)
    hana = sign_in(census.hana)
    page = hana.get(f"/census/{return_id}").text
    assert "personal data of this return was deleted" in page and "/messages" not in main_of(page)
    assert hana.get(f"/census/{return_id}/totals").status_code == 200
    for path in ("messages", "messages.csv", "template.csv", "extract.csv", "file", "submit", "authority"):
        assert hana.get(f"/census/{return_id}/{path}").status_code == 409
    assert "Personal data deleted on" in hana.get("/census").text


def test_an_officer_of_a_team_has_no_census_to_take(census: Census, make: Make, sign_in: SignIn) -> None:
    census.begin()
    team = make.unit("A team", parent=census.council)
    page = sign_in(make.person("Tim Part", roles=("HR officer",), scope=team)).get("/census")
    assert page.status_code == 200 and "Begin and fill in" not in page.text and "2025" not in main_of(page.text)


# What an attacker tried ----------------------------------------------------------------------------------------------


def test_the_census_own_template_sent_back_takes_nothing_away(census: Census, sign_in: SignIn) -> None:
    hana, return_id = sign_in(census.hana), census.begin()
    census.complete(return_id)
    before = {key: row.theirs for key, row in census.people(return_id).items()}
    assert census.row(return_id).errors == 0 and any(before.values())
    template = hana.get(f"/census/{return_id}/template.csv").content
    plan = hana.post(f"/census/{return_id}/file", files={"file": ("t.csv", template, CSV)}).headers["location"]
    assert "0 people would change" in hana.get(plan).text
    lines = list(csv.DictReader(io.StringIO(template.decode("utf-8-sig"))))
    text = f"person,QualInst,WorkingDaysLost\n{lines[0]['person']},none,4\n{lines[1]['person']},,5\n"
    plan = hana.post(f"/census/{return_id}/file", files={"file": ("t.csv", text, CSV)}).headers["location"]
    for page in (plan, f"{plan}/apply"):
        assert "1 cell says “none”" in hana.get(page).text
    assert hana.post(f"{plan}/apply").status_code == 303
    changed = [(before[key], row.theirs) for key, row in census.people(return_id).items() if row.theirs != before[key]]
    one, other = sorted(changed, key=lambda each: each[1]["WorkingDaysLost"])
    assert one[1] == {code: value for code, value in one[0].items() if code != "QualInst"} | {"WorkingDaysLost": "4"}
    assert other[1] == other[0] | {"WorkingDaysLost": "5"}


def test_a_year_or_an_organisation_that_is_none_is_refused(census: Census, sign_in: SignIn) -> None:
    hana = sign_in(census.hana)
    for year in ("999999999", "10000", "0", "2016", "-5", "2099"):
        refused = hana.post("/census", data={"year": year})
        assert refused.status_code == 422 and 'href="#year"' in refused.text
    for organisation in ("9" * 25, "none", "-1"):
        refused = hana.post("/census", data={"year": str(YEAR), "organisation": organisation})
        assert refused.status_code == 422 and "Choose an organisation" in refused.text
    assert hana.post("/census", data={"year": str(YEAR), "organisation": "9" * 15}).status_code == 404
    assert census.make.rows(select(CensusReturn.id)) == []


def test_digits_that_the_collection_cannot_read_are_refused(census: Census, sign_in: SignIn) -> None:
    hana, return_id = sign_in(census.hana), census.begin()
    worker = next(iter(census.people(return_id).values())).ours["SWENo"]
    plan = hana.post(f"/census/{return_id}/file", files={"file": ("t.csv", f"person,WorkingDaysLost\n{worker},٣٧\n", CSV)})
    assert "1 problem to correct" in hana.get(plan.headers["location"]).text
    items = [item.code for item in census.guide.authority_items]
    refused = hana.post(f"/census/{return_id}/authority", data=dict.fromkeys(items, "٣"))
    assert refused.status_code == 422 and census.row(return_id).authority == {}
    refused = hana.post(f"/census/settings/{census.council}", data={"authority": "٩٩٩", "keep": "400", "version": "0"})
    assert refused.status_code == 422


def test_a_colleagues_settings_are_not_lost_by_saving_again(census: Census, sign_in: SignIn) -> None:
    hana, address = sign_in(census.hana), f"/census/settings/{census.council}"
    census.say(keep=500)
    mine = {"authority": "999", "keep": "300", "version": "0"}
    for _ in range(2):
        refused = hana.post(address, data=mine)
        found = re.search(r'name="version" value="([0-9]+)"', refused.text)
        assert refused.status_code in (409, 412) and found is not None and found[1] == "0"
        mine["version"] = found[1]
    assert 'name="keep" type="text" value="500"' in hana.get(address).text
    assert hana.post(address, data=mine | {"version": "1"}).status_code == 303


def test_settings_name_the_line_that_is_there_twice(census: Census, sign_in: SignIn) -> None:
    hana, address = sign_in(census.hana), f"/census/settings/{census.council}"
    said = {"authority": "999", "keep": "400", "version": "0"}
    refused = hana.post(address, data=said | {"titles": "Same title: 4\n\nOther: 1\n same  Title: 5"})
    assert refused.status_code == 422 and "Lines 1 and 4 are about the same job title" in refused.text
    assert hana.post(address, data=said | {"stage-NOBODY": "1"}).status_code == 422
    assert hana.post(address, data=said | {"titles": "Same title: 4\nOther: 1"}).status_code == 303
