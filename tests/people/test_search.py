"""Finding people: by every kind of word, only within reach, in a useful order, with bounded work."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from app.core.tx import Actor, transaction
from app.people import operations as people
from app.people import search
from app.people.models import Membership, Person
from app.people.search import Asked
from tests.factory import Make

Roles = tuple[tuple[str, int | None], ...]
OFFICER: Roles = (("practitioner", None), ("HR officer", None))


def found(
    make: Make, q: str = "", *, roles: tuple[tuple[str, int | None], ...] = OFFICER, me: int = 0, page: int = 1, **more: Any
) -> list[str]:
    with transaction(make.database, Actor("person", me, roles=roles), writes=False) as tx:
        return [row.name for row in search.search(tx, Asked(q, **more), page).rows]


@pytest.fixture
def county(make: Make) -> Any:
    service = make.unit("Safeguarding", "service")
    team = make.unit("Aldermoor Court", parent=service)
    other = make.unit("Fostering")
    make.person("Siân O'Neill", team=team, email="sian.oneill@westmarch.example", employee_number="W40001", swe_number="SW900001")
    make.person("Ólafur Smith-Jones", team=team, email="olaf@westmarch.example", employee_number="W40002", known_as="Olly")
    make.person("Anne Smith", team=other, email="anne.smith@westmarch.example", employee_number="W40003", stage="SW")
    make.person("Zed Gone", team=other, email="zed@westmarch.example", employee_number="W40004", leaving_on=date(2020, 1, 1))
    return {"service": service, "team": team, "other": other}


@pytest.mark.parametrize(
    ("q", "names"),
    [
        ("oneill", ["Siân O'Neill"]),
        ("O'Neill", ["Siân O'Neill"]),
        ("sian", ["Siân O'Neill"]),
        ("SIÂN o", ["Siân O'Neill"]),
        ("smith", ["Anne Smith", "Olly Smith-Jones"]),
        ("olly", ["Olly Smith-Jones"]),
        ("olafur", ["Olly Smith-Jones"]),
        ("smith-jones", ["Olly Smith-Jones"]),
        ("olaf@westmarch.example", ["Olly Smith-Jones"]),
        ("w40003", ["Anne Smith"]),
        ("W4000", ["Anne Smith", "Siân O'Neill", "Olly Smith-Jones"]),
        ("sw900001", ["Siân O'Neill"]),
        ("aldermoor", ["Siân O'Neill", "Olly Smith-Jones"]),
        ("safeguarding", ["Siân O'Neill", "Olly Smith-Jones"]),  # everybody below the service
        ("fostering", ["Anne Smith"]),
        ("westmarch", ["Anne Smith", "Siân O'Neill", "Olly Smith-Jones"]),
        ("nobody", []),
        ("s", []),  # too short: the page asks for more
        ("", []),
        ("* \" ' & | !", []),
        ("😀", []),
    ],
)
def test_by_every_kind_of_word(make: Make, county: Any, q: str, names: list[str]) -> None:
    with transaction(make.database, Actor("person", 0, roles=OFFICER), writes=False) as tx:
        asked = Asked(q)
        rows = search.search(tx, asked).rows if asked.anything else []
    assert sorted(row.name for row in rows) == sorted(names)


def test_exact_numbers_and_addresses_come_first(make: Make) -> None:
    make.person("Aaron Early", employee_number="W4", email="a.early@westmarch.example")
    make.person("Zoe Late", employee_number="W40", email="z.late@westmarch.example")
    make.person("Bea Between", employee_number="W400", email="b.between@westmarch.example")
    assert found(make, "w40") == found(make, " W40 ") == ["Zoe Late", "Bea Between"]
    assert found(make, "b.between@westmarch.example")[0] == "Bea Between"


def test_narrowing(make: Make, county: Any) -> None:
    assert found(make, "smith", unit_id=county["service"]) == ["Olly Smith-Jones"]
    assert found(make, unit_id=county["service"]) == ["Siân O'Neill", "Olly Smith-Jones"]
    assert found(make, stage="SW") == ["Anne Smith"]
    assert found(make, "smith", stage="SW", unit_id=county["team"]) == []
    assert found(make, "zed") == [] and found(make, "zed", left=True) == ["Zed Gone"]
    assert found(make, unit_id=999) == [] and found(make, stage="NONE") == []


def test_only_within_reach(make: Make, county: Any) -> None:
    boss = make.person("Bo Boss")
    make.person("Rae Report", manager=boss.id, email="rae@westmarch.example")
    manager = (("practitioner", None), ("line manager", None))
    assert found(make, "rae", roles=manager, me=boss.id) == ["Rae Report"]
    assert found(make, "smith", roles=manager, me=boss.id) == []
    scoped = (("HR officer", county["team"]),)
    assert found(make, "smith", roles=scoped) == ["Olly Smith-Jones"]
    assert found(make, "aldermoor", roles=scoped) == ["Siân O'Neill", "Olly Smith-Jones"]
    assert found(make, unit_id=county["other"], roles=scoped) == []


def test_the_same_answer_whether_reach_or_words_come_first(make: Make, county: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few people in reach, or many: two statements that must agree."""
    roles = (("HR officer", county["service"]), ("practitioner", None))
    me = make.person("Me Myself").id
    first = {q: found(make, q, roles=roles, me=me) for q in ("smith", "aldermoor", "westmarch", "myself", "fostering")}
    assert first["smith"] and first["myself"] == ["Me Myself"] and first["fostering"] == []
    monkeypatch.setattr(search, "MOST", 2)
    search._search.cache_clear()
    search._how_many.cache_clear()
    try:
        with transaction(make.database, Actor("person", me, roles=roles), writes=False) as tx:
            for q in ("smith", "myself", "fostering"):
                assert [row.name for row in search.search(tx, Asked(q)).rows] == first[q]
            assert search.search(tx, Asked("westmarch")).total is None  # more than that many match, though few are in reach
    finally:
        search._search.cache_clear()
        search._how_many.cache_clear()


def test_pages_of_25(make: Make) -> None:
    unit = make.organisation()
    with make.tx() as tx:
        for n in range(60):
            key = people.create_person(tx, unit, first_name=f"P{n:02}", last_name="Common", email=f"p{n}@westmarch.example")
            tx.insert(Membership, person_id=key, unit_id=unit, valid_from=tx.today, recorded_at=tx.now)
    names = [f"P{n:02} Common" for n in range(60)]
    assert (
        found(make, "common") == names[:25]
        and found(make, "common", page=2) == names[25:50]
        and found(make, "common", page=3) == names[50:]
    )
    assert found(make, "common", page=9) == [] and found(make, "common", page=10**6) == []
    with transaction(make.database, Actor("person", 0, roles=OFFICER), writes=False) as tx:
        assert (search.search(tx, Asked("common")).total, search.search(tx, Asked("common")).pages) == (60, 3)


def test_what_is_shown_is_todays(make: Make, county: Any) -> None:
    mover = make.person("Mo Mover", team=county["team"])
    with make.tx() as tx:
        people.set_team(tx, mover.id, county["other"], tx.today + timedelta(days=1))
        people.set_post(tx, mover.id, "Panel Adviser", "permanent", 1, tx.today - timedelta(days=5))
        tx.update(Person, mover.id, leaving_on=tx.today + timedelta(days=30))
    with transaction(make.database, Actor("person", 0, roles=OFFICER), writes=False) as tx:
        row = search.search(tx, Asked("mover")).rows[0]
    assert (row.job_title, row.unit) == ("Panel Adviser", "Aldermoor Court")
    assert "Mo Mover" not in found(make, "fostering")


def test_no_search_reads_every_person(make: Make, county: Any) -> None:
    """The plan of each shape starts from an index; nothing walks the table of people."""
    database = make.database
    if not database.sqlite:
        pytest.skip("PostgreSQL chooses plans by size; they were looked at with 100,000 people")
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        seen.append((statement, values))

    event.listen(database.read, "before_cursor_execute", note)
    boss = make.person("Bo Boss").id
    for roles in (OFFICER, (("HR officer", county["service"]),), (("practitioner", None), ("line manager", None))):
        for asked in (Asked("smith"), Asked("smith", unit_id=county["team"]), Asked(unit_id=county["team"])):
            with transaction(database, Actor("person", boss, roles=roles), writes=False) as tx:
                search.search(tx, asked)
    event.remove(database.read, "before_cursor_execute", note)
    with database.read.connect() as connection:
        for statement, values in [pair for pair in seen if pair[0].startswith("WITH")]:
            plan = [row[-1] for row in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, values)]
            assert not [line for line in plan if line.startswith(("SCAN people ", "SCAN memberships", "SCAN responsibilities", "BLOOM"))], (
                plan
            )
