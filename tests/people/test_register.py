"""A file of the register: what differs is listed, applied whole or not at all, and again changes nothing."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import xlsxwriter
from sqlalchemy import select
from starlette.testclient import TestClient

from app import invariants
from app.core.errors import Conflict
from app.core.sheets import SheetRefused
from app.core.tx import SYSTEM, Actor, Tx, transaction
from app.people import register
from app.people.models import Person, Registration
from app.people.register_models import RegisterCheck
from tests.factory import Make

SignIn = Callable[[Any], TestClient]
LONG = date(2015, 3, 2)
TODAY = datetime.now(UTC).date()
UNTIL = date(TODAY.year + (TODAY.month == 12), 11, 30)  # every registration is renewed by 30 November
RENEWED = UNTIL.replace(year=UNTIL.year + 1)


def main(reply: Any) -> str:
    text = re.sub(r"<[^>]+>", " ", reply.text[reply.text.index("<main") :])
    return re.sub(r"\s+", " ", text)


class Office:
    """An HR officer of the council, with three people who are registered there and one of a neighbour."""

    def __init__(self, make: Make) -> None:
        self.make = make
        council = make.organisation()
        self.hr = make.person("Hal Officer", roles=("HR officer",), scope=council)
        known: dict[str, Any] = dict(registration_status="registered", registered_from=LONG, registered_until=UNTIL)
        self.ann = make.person("Ann", swe_number="SW900701", **known)
        self.ben = make.person("Ben", swe_number="SW900702", **known)
        self.cat = make.person("Cat", swe_number="SW900703")
        neighbour = make.organisation("Northmoor Council", host=False)
        self.other = make.person("Odette", organisation=neighbour, swe_number="SW900704")

    def tx(self) -> Any:
        roles = (("practitioner", None), ("HR officer", self.make.organisation()))
        return transaction(self.make.database, Actor("person", self.hr.id, self.hr.name, roles), writes=True)

    def sent(self, content: str | bytes) -> int:
        rows = register.parse(content.encode() if isinstance(content, str) else content)
        with self.tx() as tx:
            return register.keep(tx, "register.csv", rows)

    def plan(self, check_id: int) -> register.Plan:
        with self.tx() as tx:
            return register.plan(tx, register.kept(tx, check_id).rows)

    def apply(self, check_id: int) -> int:
        with self.tx() as tx:
            return register.apply(tx, check_id)

    def person(self, person: Any) -> tuple[Any, ...]:
        row = self.make.row(Person, person.id)
        return row.registration_status, row.registered_from, row.registered_until


@pytest.fixture
def office(make: Make) -> Office:
    return Office(make)


FILE = f"""Registration number;Registered name;Status;Town of employment;Registered from;Registered until
SW900701;Ann;Registered;Aldermoor;02/03/2015;30/11/{RENEWED.year}
sw 900702;Ben;Suspended;Aldermoor;;
SW900703;Cat;Registered with conditions;Aldermoor;1 October 2025;30/11/{RENEWED.year}
SW900704;Odette;Removed;;;
"""


def test_differences_are_listed_and_taken_over(office: Office, ledger: Any) -> None:
    check = office.sent(FILE)
    plan = office.plan(check)
    assert plan.problems == [] and [each.person.name for each in plan.differences] == [office.ann.name, office.ben.name, office.cat.name]
    assert plan.differences[0].fields == [("Registered until", UNTIL, RENEWED)]
    assert plan.differences[1].fields == [("Status", "registered", "suspended")]
    assert [each.number for each in plan.unknown] == ["SW900704"], "somebody else's people are nobody here"
    assert office.apply(check) == 3
    assert office.person(office.ann) == ("registered", LONG, RENEWED)
    assert office.person(office.ben) == ("suspended", LONG, UNTIL)
    assert office.person(office.cat) == ("conditions", date(2025, 10, 1), RENEWED)
    assert office.person(office.other) == (None, None, None)
    with office.make.tx(writes=False) as tx:
        assert [each.rule for each in invariants.check(tx) if "regist" in each.rule] == []
        live = select(Registration.status, Registration.valid_from).where(
            Registration.person_id == office.ben.id, Registration.superseded_at.is_(None)
        )
        assert [tuple(row) for row in tx.rows(live.order_by(Registration.valid_from))] == [("registered", LONG), ("suspended", tx.today)]
    assert ledger.actions().count("person.changed") == 3, "other systems are told"
    with pytest.raises(Conflict, match="already been applied"):
        office.apply(check)
    again = office.sent(FILE)
    assert office.plan(again).same == 3 and office.apply(again) == 0


def test_one_mistake_and_nothing_is_done(office: Office) -> None:
    wrong = """number,status,from,until
SW900701,registered,,30/11/2027
900702,registered,,
,registered,,
SW900703,retired,31/2/2020,1/1/1900
SW900701,removed,,
SW900702,registered,1/1/2026,1/1/2025
"""
    check = office.sent(wrong)
    plan = office.plan(check)
    found = [(each.line, each.column) for each in plan.problems]
    assert found == [(3, "number"), (4, "number"), (5, "status"), (5, "from"), (5, "until"), (6, "number"), (7, "until")]
    assert all(each.wrong and each.remedy for each in plan.problems)
    with pytest.raises(Conflict, match="Line 3"):
        office.apply(check)
    assert office.person(office.ann) == ("registered", LONG, UNTIL)
    held = office.sent("number,status,until\nSW900701,registered,1/1/2014\n")
    assert [each.column for each in office.plan(held).problems] == ["until"], "before the beginning that is held already"


def test_people_the_file_does_not_name_are_listed_and_left_alone(office: Office) -> None:
    gone = office.make.person("Gone", swe_number="SW900705", leaving_on=date(2020, 1, 1))
    plan = office.plan(office.sent("number,status\nSW900701,registered\n"))
    assert [row.name for row in plan.unnamed] == [office.ben.name, office.cat.name] and plan.unnamed_in_all == 2
    assert plan.same == 1 and gone.name not in {row.name for row in plan.unnamed}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"number,name\nSW900701,Ann\n", "status"),
        (b"number,status\n", "no rows"),
        (b"number,swe number,status\nSW900701,SW900701,registered\n", "Two columns"),
        (b"PK\x03\x04nonsense", "workbook"),
        (b"%PDF-1.7 \0 number,status", "not a CSV"),
        (b"number,status\n" + b"SW900701,registered\n" * (register.MOST_ROWS + 1), "more than 5,000 rows"),
    ],
)
def test_what_is_no_such_file_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(SheetRefused, match=says):
        register.parse(content)


def test_a_workbook_will_do(office: Office) -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet()
        for line, cells in enumerate((("SWE number", "Status"), ("SW900701", "Struck off"))):
            sheet.write_row(line, 0, cells)
    plan = office.plan(office.sent(out.getvalue()))
    assert [each.now.status for each in plan.differences] == ["removed"]


def test_on_pages_and_only_for_whoever_sent_it(office: Office, sign_in: SignIn) -> None:
    hr = sign_in(office.hr)
    watched = main(hr.get("/registrations"))
    assert "Registrations that need a look" in watched and office.cat.name in watched and "Odette" not in watched
    sent = hr.post("/registrations/check", files={"file": ("register.csv", FILE.encode(), "text/csv")})
    place = sent.headers["location"]
    seen = main(hr.get(place))
    assert "3 differences" in seen and "Status: registered, on the register suspended" in seen and "SW900704" in seen
    assert "Change 3 registrations?" in main(hr.get(f"{place}/apply"))
    colleague = sign_in(office.make.person("Hua Colleague", roles=("HR officer",)))
    assert colleague.get(place).status_code == 404 and colleague.post(f"{place}/apply").status_code == 404
    assert sign_in(office.ann).get(place).status_code == 403
    assert hr.post(f"{place}/apply").headers["location"] == place
    assert "3 registrations were changed" in main(hr.get(place))
    assert hr.post(f"{place}/apply").status_code == 409 and hr.get(f"{place}/apply").status_code == 409
    assert "Choose the file" in main(hr.post("/registrations/check", data={"other": "x"}))
    assert office.make.rows(select(RegisterCheck.rows))[0].rows == [], "it is kept no longer than it is needed"


def test_only_what_is_needed_is_kept_and_not_for_ever(office: Office) -> None:
    check = office.sent(FILE)
    kept = office.make.row(RegisterCheck, check).rows
    assert len(kept) == 4 and all(set(row["cells"]) <= set(register.HEADINGS) for row in kept), "names and towns are left behind"
    with office.make.tx() as tx:
        register.forget_old(tx, tx.now)
    assert office.make.row(RegisterCheck, check)
    with transaction(office.make.database, SYSTEM, writes=True, now=datetime.now(UTC) + timedelta(days=31)) as tx:
        register.forget_old(tx, tx.now)
    assert office.make.rows(select(RegisterCheck.id)) == []


def test_dates_that_are_near_come_first(office: Office) -> None:
    with office.make.tx() as tx:
        today = tx.today
        tx.update(Person, office.ann.id, registered_until=today - timedelta(days=1))
        tx.update(Person, office.ben.id, registered_until=today + timedelta(days=30))
    with office.tx() as tx:
        assert _names(tx, today + timedelta(days=60)) == [office.ann.name, office.ben.name, office.cat.name]
        assert _names(tx, today) == [office.ann.name, office.cat.name]


def _names(tx: Tx, soon: date) -> list[str]:
    return [row.name for row in tx.rows(register.watched(tx, soon))]
