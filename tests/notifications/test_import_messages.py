"""HR officers hear of extracts that a program sent, once for what became of each; of what they do on the page they hear nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.core.config import Settings
from app.core.ledger import Outbox
from app.core.tx import Actor, transaction
from app.hr import command, imports, operations
from app.hr.mapping import Mapping
from app.notifications import delivery
from app.people.models import Person
from tests.factory import Make
from tests.hr.extracts import write_csv
from tests.hr.test_feed_api import Client, csv_of, sent
from tests.hr.test_imports import person as line
from tests.mailbox import Inbox

KIND = "email.import_finished"


@pytest.fixture
def house(make: Make) -> Make:
    """A council and a neighbour; HR officers of all, of the council, of the neighbour and of one team; somebody who is not HR."""
    council, team = make.organisation(), make.unit("Meadow")
    other = make.organisation("Eastmarch", host=False)
    make.person("Boss", stage="SW", employee_number="900")
    make.person("Ada All", roles=("HR officer",))
    make.person("Hana Here", roles=("HR officer",), scope=council)
    make.person("Nia Neighbour", roles=("HR officer",), scope=other)
    make.person("Tom Team", roles=("HR officer",), scope=team)
    make.person("Cai Coordinator", roles=("coordinator", "administrator"))
    return make


def told(make: Make) -> list[tuple[str, int, bool]]:
    """Whom, of which import, and whether it was applied."""
    statement = select(Person.name, Outbox.subject_id, Outbox.facts).join(Person, Person.id == Outbox.person_id)
    return [(row.name, row.subject_id, row.facts["applied"]) for row in make.rows(statement.where(Outbox.kind == KIND).order_by(Outbox.id))]


def plain(email: EmailMessage) -> str:
    part = email.get_body(("plain",))
    assert part is not None
    return re.sub(r"\s+", " ", str(part.get_content()))


def test_an_import_that_was_applied_arrives_in_numbers(house: Make, client: Client, inbox: Inbox, mail: Settings) -> None:
    api = client("people:import")
    made = sent(api, csv_of(line("1", "Ann"), line("2", "Bo"))).json()
    assert told(house) == [], "the program applies it in a moment"
    assert api.post(f"/api/v1/imports/{made['id']}/apply").status_code == 200
    assert told(house) == [("Ada All", made["id"], True), ("Hana Here", made["id"], True)]
    assert api.post(f"/api/v1/imports/{made['id']}/apply").json()["code"] == "import-closed"
    while delivery.deliver_due(house.database, mail):
        pass
    assert [str(email["To"]).partition(".")[0] for email in inbox.taken] == ["ada", "hana"]
    said = plain(inbox.taken[1])
    assert inbox.taken[1]["Subject"] == "People import applied"
    assert "* 2 joiners * 0 movers * 0 leavers * 0 people unchanged * 0 rows with a problem" in said
    assert f"See the import: http://academy.test/hr/imports/{made['id']} " in said
    assert "Ann" not in said.partition("In numbers")[2] and "Last1" not in said
    assert [row.error for row in house.rows(select(Outbox.error).where(Outbox.kind == KIND))] == [None, None]


def test_whoever_is_told_can_open_it_and_nobody_else(house: Make, client: Client, sign_in: Callable[[Any], TestClient]) -> None:
    api = client("people:import")
    made = sent(api, csv_of(line("1", "Ann"))).json()
    api.post(f"/api/v1/imports/{made['id']}/apply")
    readers = {name for name, _, _ in told(house)}
    for row in house.rows(select(Person.__table__).where(Person.name.in_(["Ada All", "Hana Here", "Nia Neighbour", "Tom Team"]))):
        assert (sign_in(row).get(f"/hr/imports/{made['id']}").status_code == 200) == (row.name in readers), row.name


def test_a_night_in_which_nobody_changed_is_not_news(house: Make, client: Client) -> None:
    api = client("people:import")
    for _ in range(3):
        made = sent(api, csv_of(line("1", "Ann"))).json()
        assert api.post(f"/api/v1/imports/{made['id']}/apply").json()["state"] == "applied"
    assert len(told(house)) == 2, "of the first night only"


def test_a_preview_with_problems_is_told_once(house: Make, client: Client, inbox: Inbox, mail: Settings) -> None:
    api = client("people:import")
    made = sent(api, csv_of(line("1", Team="Nowhere"), line("2", FTE="much"), line("3"))).json()
    assert told(house) == [("Ada All", made["id"], False), ("Hana Here", made["id"], False)]
    assert api.post(f"/api/v1/imports/{made['id']}/compare").status_code == 200
    assert api.post(f"/api/v1/imports/{made['id']}/apply").json()["code"] == "import-has-problems"
    assert len(told(house)) == 2
    delivery.deliver_due(house.database, mail)
    assert "* 2 rows with a problem" in plain(inbox.taken[0]) and "An import with a problem cannot be applied" in plain(inbox.taken[0])
    assert "much" not in inbox.taken[0].as_string()


def test_so_many_leavers_are_told_when_checked_and_when_they_wait(house: Make, client: Client, inbox: Inbox, mail: Settings) -> None:
    api = client("people:import")
    everybody = [line(str(n)) for n in range(1, 12)]
    made = sent(api, csv_of(*everybody)).json()
    api.post(f"/api/v1/imports/{made['id']}/apply")
    leaving = [one | {"Leaving date": "2020-12-31"} for one in everybody[:5]]
    made = sent(api, csv_of(*leaving, *everybody[5:])).json()
    assert made["counts"]["confirm"] is True
    assert told(house)[2:] == [("Ada All", made["id"], False), ("Hana Here", made["id"], False)]
    api.post(f"/api/v1/imports/{made['id']}/apply")
    assert told(house)[4:] == [("Ada All", made["id"], True), ("Hana Here", made["id"], True)]
    while delivery.deliver_due(house.database, mail):
        pass
    mine = [plain(email) for email in inbox.taken if str(email["To"]).startswith("hana.")]
    assert "More people would leave at once" in mine[1] and "* 5 leavers" in mine[1]
    assert "* 0 leavers" in mine[2] and "5 leavers wait until one of you confirms them" in mine[2]


def test_another_organisations_officers_hear_of_theirs(house: Make, client: Client) -> None:
    other = house.organisation("Eastmarch", host=False)
    house.unit("Orchard", parent=other)
    api = client("people:import", organisation=other)
    made = sent(api, csv_of(line("1", "Ann", Team="Orchard", **{"Manager number": ""}))).json()
    api.post(f"/api/v1/imports/{made['id']}/apply")
    assert told(house) == [("Ada All", made["id"], True), ("Nia Neighbour", made["id"], True)]


def test_what_a_person_imports_tells_nobody(house: Make, tmp_path: Path) -> None:
    officer = Actor("person", house.person("Ola", roles=("HR officer",)).id, "Ola", (("HR officer", None),))

    def turn() -> Any:
        return transaction(house.database, officer, writes=True)

    wrong, right = (write_csv(tmp_path / name, [line("1", Team=team)]) for name, team in (("a.csv", "Nowhere"), ("b.csv", "Meadow")))
    assert imports.stage(turn, wrong, Mapping(), file_name="a.csv")[1]["problems"] == 1
    key, counts = imports.stage(turn, right, Mapping(), file_name="b.csv")
    with turn() as tx:
        operations.apply(tx, key)
    assert counts["joiner"] == 1 and told(house) == []


def test_the_command_tells_what_it_changed_and_nothing_of_a_dry_run(house: Make, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "people.csv", [line("1", "Ann")])
    assert command.run(house.database, path, dry_run=True) == 0 and told(house) == []
    assert command.run(house.database, path) == 0
    assert [(name, applied) for name, _, applied in told(house)] == [("Ada All", True), ("Hana Here", True)]


def test_people_sent_one_by_one_tell_only_of_leavers_who_wait(house: Make, client: Client) -> None:
    api = client("people:import")

    def put(*numbers: int, **more: Any) -> None:
        items = [{"employee_number": str(n), "first_name": "A", "last_name": f"L{n}", "started_on": "2020-01-06"} | more for n in numbers]
        assert api.post("/api/v1/people/bulk", json={"items": items}).status_code == 200

    put(*range(1, 12))
    assert told(house) == []
    put(*range(1, 6), leaving_on="2020-12-31")
    assert [(name, applied) for name, _, applied in told(house)] == [("Ada All", True), ("Hana Here", True)]
