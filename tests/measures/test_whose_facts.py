"""Supervision and caseloads are told of by name only to whoever may read them of the person; other readers of measures get the figure."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app.core.tx import Actor, transaction
from app.measures import sets, shown
from app.measures.closing import close_month
from app.measures.counting import FUNCTIONS, counts, facts
from app.measures.models import MeasureCell
from app.policy import Can
from tests.factory import Make
from tests.measures.published import MEASURES, ODD, World, ago, measure, measure_set
from tests.measures.test_pages import SignIn, got, listed, words

HELD, CASES = "of-odd-number-held", "of-odd-number-cases"
for _name, _facts in ((HELD, Can.READ_SUPERVISION), (CASES, Can.READ_WORKLOAD)):
    if _name not in FUNCTIONS:
        counts(_name, facts=_facts)(FUNCTIONS[ODD])
BEHIND = ("/people", "/people?live=yes", "/live")


@pytest.fixture
def one(make: Make) -> World:
    """A closed month with figures of supervision and of caseloads, which the council's set calls by names of its own."""
    world = World.of(make, months=False)
    more = [
        measure("upheld", "Supervision held", counts=HELD, breakdowns=["tree"]),
        measure("load", "Few children", counts=CASES, breakdowns=["tree"]),
    ]
    with make.tx() as tx:
        sets.publish(tx, world.council, measure_set(measures=[*MEASURES, *more]))
        close_month(tx, world.council, ago(1))
    return world


def cells(world: World, who: str, *held: tuple[str, int | None]) -> dict[str, list[tuple[int | None, bool]]]:
    """The newest month as this reader may see it: measure → (numerator, hidden) of each of its cells."""
    actor = Actor("person", world.people[who].id, who, held, organisation_id=world.council)
    with transaction(world.make.database, actor, writes=False) as tx:
        close = shown.close(tx, world.council, ago(1))
        found: dict[str, list[tuple[int | None, bool]]] = {}
        for cell in shown.cells(tx, close.id, world.council):
            found.setdefault(cell.measure, []).append((cell.num, cell.hidden))
    return found


@pytest.mark.parametrize(
    ("who", "allowed"),
    [
        ("Daniel", {"seen"}),  # HR
        ("Helen", {"seen", "upheld"}),  # principal social worker: supervision, not workload
        ("Joanne", {"seen", "upheld", "load"}),  # line manager
        ("Ruth", set()),  # board viewer
    ],
)
def test_who_gets_behind_which_figure(who: str, allowed: set[str], one: World, sign_in: SignIn) -> None:
    browser = sign_in(one.people[who])
    for code in ("seen", "upheld", "load"):
        page = got(browser, f"/measures/{code}")
        for tail in BEHIND:
            assert browser.get(f"/measures/{code}{tail}").status_code == (200 if code in allowed else 403), (code, tail)
        for tail in ("live", "people"):
            assert (f"/measures/{code}/{tail}" in page) == (code in allowed), "no link to what is refused"


def test_a_refusal_says_which_facts_and_names_nobody(one: World, sign_in: SignIn) -> None:
    said = words(got(sign_in(one.people["Daniel"]), "/measures/upheld/people", 403))
    assert "your account cannot see when someone was supervised" in said and "Worker" not in said


def test_those_who_may_see_the_people_in_their_reach(one: World, sign_in: SignIn) -> None:
    assert listed(got(sign_in(one.people["Joanne"]), "/measures/upheld/people")) == {"Ann": "Counted", "Bea": "Counted", "Cal": "Missing"}
    assert listed(got(sign_in(one.people["Joanne"]), "/measures/load/people")) == {"Ann": "Counted", "Bea": "Counted", "Cal": "Missing"}
    assert len(listed(got(sign_in(one.people["Helen"]), "/measures/upheld/people"))) == 12


def test_an_officer_who_manages_somebody_sees_their_line_and_no_others(one: World, make: Make, sign_in: SignIn) -> None:
    both = make.person("Piet Both", roles=("HR officer",), scope=one.council, employee_number="P0")
    make.person("Una Under", manager=both.id, employee_number="U1")
    html = got(sign_in(both), "/measures/upheld/people?live=yes")
    assert listed(html) == {"Una": "Counted", "Piet": "Missing"}
    assert "1 of 2" in words(got(sign_in(both), "/measures/upheld/live"))
    assert len(listed(got(sign_in(both), "/measures/seen/people?live=yes"))) == 14


def test_numbers_that_are_small_are_hidden_from_whoever_may_not_read_the_facts(one: World) -> None:
    """As from the board; what they may read is shown to them as it was counted."""
    raw = one.make.rows(MeasureCell.__table__.select())
    assert any(row.hidden for row in raw if row.measure == "upheld") and any(row.hidden for row in raw if row.measure == "load")
    outside = cells(one, "Ruth", ("board viewer", one.council))
    officer = cells(one, "Daniel", ("HR officer", one.council))
    principal = cells(one, "Helen", ("principal social worker", one.council))
    whole = cells(one, "Daniel", ("HR officer", None))
    true = {code: [row.num for row in raw if row.measure == code] for code in ("seen", "upheld", "load")}
    for mine, open_codes in ((officer, {"seen"}), (whole, {"seen"}), (principal, {"seen", "upheld"}), (outside, set())):
        for code in ("seen", "upheld", "load"):
            if code in open_codes:
                assert sorted(num for num, _ in mine[code]) == sorted(true[code]), code  # type: ignore[type-var]
            else:
                assert mine[code] == outside[code] and any(hidden for _, hidden in mine[code]), code


def test_the_service_counts_supervision_and_caseloads_of_those_facts() -> None:
    mine = {name: can.name for name, can in facts().items() if not name.startswith("of-odd")}
    cases = ("caseload-18", "caseload-22", "caseload-average", "asye-under-18")
    assert mine == {"supervision-held": "READ_SUPERVISION"} | dict.fromkeys(cases, "READ_WORKLOAD")


@pytest.mark.thorough
def test_in_the_demonstration_county(demo_county: Any) -> None:
    """HR and the board read the same figures of supervision; HR opens development reviews, the principal social worker supervision too."""
    expected = {
        "hr": {"pdr-complete": 200, "supervision-held": 403, "caseload-18": 403},
        "psw": {"pdr-complete": 200, "supervision-held": 200},  # who manages some people, and sees those behind caseloads
        "manager": {"pdr-complete": 200, "supervision-held": 200, "caseload-18": 200},
    }
    pages = {}
    for who, codes in expected.items():
        browser = demo_county.sign_in(who)
        for code, status in codes.items():
            assert browser.get(f"/measures/{code}/people").status_code == status, (who, code)
            assert browser.get(f"/measures/{code}/live").status_code == status, (who, code)
        pages[who] = re.findall(r"<td[^>]*>.*?</td>", browser.get("/measures/supervision-held").text, re.DOTALL)
    board = re.findall(r"<td[^>]*>.*?</td>", demo_county.sign_in("board").get("/measures/supervision-held").text, re.DOTALL)
    assert pages["hr"] == board != pages["psw"] and len(board) > 20
