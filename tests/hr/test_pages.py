from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.bookings.models import Booking
from app.core.tx import clock
from app.hr.models import Import, ImportRow
from app.people.models import Person
from tests.bookings.test_sessions import book
from tests.factory import Make
from tests.hr.extracts import as_csv, write_xlsx
from tests.hr.test_imports import Office, office, person

__all__ = ["office"]


@pytest.fixture
def officer(office: Office, make: Make, sign_in: Callable[[Any], TestClient]) -> TestClient:
    """An HR officer of the council, signed in."""
    return sign_in(make.person("Hana", roles=("HR officer",), scope=make.organisation(), employee_number="900"))


def upload(
    browser: TestClient, content: bytes | str, extract: str = "partial", name: str = "people.csv", mapping: str = "", **fields: str
) -> Any:
    files = {"file": (name, content if isinstance(content, bytes) else content.encode())}
    if mapping:
        files["mapping"] = ("map.yaml", mapping.encode())
    return browser.post("/hr/imports/new", data={"extract": extract, **fields}, files=files)


def follow(browser: TestClient, reply: Any) -> tuple[str, str]:
    assert reply.status_code == 303, reply.text
    path = reply.headers["location"]
    page = browser.get(path)
    assert page.status_code == 200
    return path, page.text


def test_from_upload_to_receipt(office: Office, officer: TestClient, ledger: Any) -> None:
    assert "No extract has been imported yet" in officer.get("/hr/imports").text
    zoe = person("2", "Zoë", "O’Neill", **{"Email": "zoe@westmarch.example", "Manager number": "1"})
    path, preview = follow(officer, upload(officer, as_csv([person("1"), zoe])))
    assert "Ready to apply" in preview
    assert "Zoë O’Neill" in preview
    assert "Manager: First1 Last1" in preview
    assert office.rows(select(Person.id).where(Person.employee_number == "2")) == []
    question = officer.get(f"{path}/apply").text
    assert "2 joiners get a record" in question
    ledger.start()
    receipt_path, receipt = follow(officer, officer.post(f"{path}/apply"))
    assert "Import applied" in receipt
    assert "2 people changed" in receipt
    assert ledger.actions() == ["person.joined", "person.joined", "import.applied"]
    assert "Applied" in officer.get("/hr/imports").text
    assert officer.post(f"{path}/apply").status_code == 409
    assert receipt_path.startswith(path)


def test_moves_and_changes_are_said_in_words(office: Office, officer: TestClient) -> None:
    office.send([person("1"), person("2")], as_at=clock().date())
    path, preview = follow(officer, upload(officer, as_csv([person("1", Team="Harbour"), person("2", "First2", "Newname")])))
    assert re.search(r"Team: Harbour, from \w+ \d+ \w+ \d{4} \(was Meadow\)", preview)
    changed = officer.get(f"{path}?show=changed").text
    assert "Last name: Last2 to Newname" in changed


def test_problems_are_listed_downloaded_and_block_applying(office: Office, officer: TestClient) -> None:
    bad = [person("1", **{"SWE number": "SW01"}), person("2", **{"Job title": "=cmd()"})]
    path, preview = follow(officer, upload(officer, as_csv(bad)))
    assert "Correct the 2 lines below" in preview
    assert "SW01" in preview
    file = officer.get(f"{path}/problems.csv")
    assert file.headers["content-type"].startswith("text/csv")
    assert "'=cmd()" in file.content.decode("utf-8-sig")
    assert officer.post(f"{path}/apply").status_code == 409
    assert "It cannot be applied" in officer.get(f"{path}/apply").text


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (b"", {}, "file is empty"),
        (b"a,b\n1,2\n", {}, "no column for first name"),
        (as_csv([person("1")]), {"extract": ""}, "Say whether the extract names everybody"),
        (as_csv([person("1")]), {"as_at": "31/02/2026"}, "Date of the extract must be a real date"),
        (as_csv([person("1")]), {"as_at": "1/1/2090"}, "not in the future"),
        (as_csv([person("1")]), {"mapping": "headings: {nonsense: x}"}, "nonsense"),
        (as_csv([person("1")]), {"mapping": "organisation: Nowhere"}, "does not exist here"),
    ],
)
def test_a_refused_upload_says_why_and_keeps_nothing(
    office: Office, officer: TestClient, content: Any, options: dict[str, str], words: str
) -> None:
    reply = upload(officer, content, **options)
    assert reply.status_code == 422
    assert 'role="alert"' in reply.text
    assert words in reply.text
    assert office.rows(select(ImportRow.id)) == []


def test_no_file_chosen(officer: TestClient) -> None:
    reply = officer.post("/hr/imports/new", data={"extract": "full"}, files={"file": ("", b"")})
    assert (reply.status_code, "Choose the file" in reply.text) == (422, True)


def test_a_workbook_with_a_mapping_file(officer: TestClient, tmp_path: Path) -> None:
    row = person("1") | {"Employee number": 1}
    row["Ref"] = row.pop("Employee number")
    path = write_xlsx(tmp_path / "people.xlsx", [row])
    _, preview = follow(officer, upload(officer, path.read_bytes(), name="people.xlsx", mapping="headings: {employee_number: Ref}"))
    assert "First1 Last1" in preview


def test_leavers_by_omission_need_the_tick_with_their_number(office: Office, officer: TestClient) -> None:
    office.send([person(str(n)) for n in range(1, 11)], as_at=clock().date() - timedelta(1))
    rest = as_csv([person(str(n)) for n in range(6, 11)] + [person("900", "Hana", "Officer", Email="")])  # or she would be a leaver herself
    path, preview = follow(officer, upload(officer, rest, extract="full"))
    assert "whom the file does not name" in preview
    question = officer.get(f"{path}/apply").text
    number = re.search(r'name="confirm_leavers" type="checkbox" value="(\d+)"', question)
    assert number is not None
    refused = officer.post(f"{path}/apply")
    assert (refused.status_code, "would leave because the file does not name them" in refused.text) == (422, True)
    follow(officer, officer.post(f"{path}/apply", data={"confirm_leavers": number[1]}))
    assert len(office.rows(select(Person.id).where(Person.leaving_on.is_not(None)))) == int(number[1])


def test_out_of_date_previews_can_be_compared_again(office: Office, officer: TestClient) -> None:
    path, _ = follow(officer, upload(officer, as_csv([person("1")])))
    office.send([person("1")], as_at=clock().date())
    refused = officer.post(f"{path}/apply")
    assert refused.status_code == 409
    assert "Compare again" in refused.text
    _, again = follow(officer, officer.post(f"{path}/compare"))
    assert "compared again" in again
    assert officer.post(f"{path}/apply").status_code == 303


def test_discarding(office: Office, officer: TestClient) -> None:
    path, _ = follow(officer, upload(officer, as_csv([person("1")])))
    _, listed = follow(officer, officer.post(f"{path}/discard"))
    assert "Nothing was changed" in listed
    assert "Discarded" in officer.get(path).text
    assert [row.state for row in office.rows(select(Import.state))] == ["discarded"]


def test_only_hr_and_only_its_own_organisation(
    office: Office, officer: TestClient, make: Make, sign_in: Callable[[Any], TestClient]
) -> None:
    path, _ = follow(officer, upload(officer, as_csv([person("1")])))
    elsewhere = make.organisation("Eastmoor Council", host=False)
    other = sign_in(make.person("Eve", organisation=elsewhere, roles=("HR officer",), scope=elsewhere))
    for address in (path, f"{path}/apply", f"{path}/problems.csv"):
        assert other.get(address).status_code == 404
    for action in ("apply", "compare", "discard"):
        assert other.post(f"{path}/{action}").status_code == 404
    _, preview = follow(other, upload(other, as_csv([person("1") | {"Organisation": "Westmarch County Council"}])))
    assert "You may not import people of this organisation" in preview
    nobody = sign_in(make.person("Noa"))
    assert nobody.get("/hr/imports").status_code == 403
    assert upload(nobody, as_csv([person("1")])).status_code == 403


def test_a_colleague_in_hr_sees_the_same_imports(officer: TestClient, make: Make, sign_in: Callable[[Any], TestClient]) -> None:
    path, _ = follow(officer, upload(officer, as_csv([person("1")])))
    colleague = sign_in(make.person("Cai", roles=("HR officer",), scope=make.organisation()))
    assert colleague.get(path).status_code == 200


def test_long_lists_come_in_pages_with_few_queries(office: Office, officer: TestClient, count_queries: Any) -> None:
    path, _ = follow(officer, upload(officer, as_csv([person(f"{n:03}") for n in range(60)])))
    with count_queries() as queries:
        last = officer.get(f"{path}?show=joiner&page=3").text
    assert len([statement for statement in queries.statements if "BEGIN" not in statement.upper()[:6]]) <= 8
    assert "Page 3 of 3" in last
    assert last.count("Employee number") == 11  # the heading, and a label in each of ten rows
    assert officer.get(f"{path}?show=joiner&page=99").status_code == 200


def test_what_leavers_leave_behind_is_said_before_and_after(office: Office, officer: TestClient, make: Make) -> None:
    office.send([person("1"), person("2")], as_at=clock().date())
    two = office.rows(select(Person.id, Person.name).where(Person.employee_number == "2"))[0]
    day = clock().date() + timedelta(days=60)
    booked, delivered = make.session(day=day), make.session(day=day + timedelta(days=7), trainers=(two.id,))
    book(make, booked.id, two)
    assert delivered.id
    path, preview = follow(officer, upload(officer, as_csv([person("1"), person("900", "Hana", "Officer", Email="")]), "full"))
    assert "Ready to apply" in preview
    question = officer.get(f"{path}/apply").text
    assert "leavers still have 1 booking and 1 session to deliver" in question and two.name in question
    _, receipt = follow(officer, officer.post(f"{path}/apply", data={"confirm_leavers": "1"}))
    assert "leavers still have 1 session to deliver" in receipt  # the booking ended with the import
    assert "Applying the import ends these bookings" in question and "find other trainers" in receipt
    assert office.rows(select(Booking.status).where(Booking.person_id == two.id))[0].status == "cancelled"
