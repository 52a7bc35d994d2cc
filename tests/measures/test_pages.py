"""The dashboard, a measure's page, live counts and who stands behind a figure, held against cells and people written by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from markupsafe import escape
from sqlalchemy import Select
from starlette.testclient import TestClient

from app.core.calendar import long_date, month_and_year
from app.measures import inputs, sets
from app.measures.counting import FUNCTIONS, function
from app.measures.dimensions import Moment
from app.measures.input_models import MeasureInput
from tests.conftest import Ledger
from tests.factory import Make
from tests.measures import published
from tests.measures.published import MEASURES, THREE, TODAY, World, ago, measure, measure_set
from tests.pages.reading import Reading

SignIn = Callable[[Any], TestClient]
NAMES = ("Ann", "Bea", "Cal", "S0", "S1", "S2", "S3")


def words(html: str) -> str:
    """The text of a page, with single spaces."""
    return " ".join(re.sub(r"<[^>]+>", " ", html[html.index("<main") :]).replace("&#39;", "'").split())


def got(browser: TestClient, path: str, status: int = 200) -> str:
    reply = browser.get(path)
    assert reply.status_code == status, reply.text[:2000]
    return reply.text


def block(html: str, title: str) -> str:
    """What the dashboard says of one measure."""
    found = re.search(rf'<li class="app-measure">(?:(?!<li).)*?>{re.escape(title)}</a>.*?</li>', html, re.DOTALL)
    assert found, f"{title} is not on the dashboard"
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split())


# The dashboard -------------------------------------------------------------------------------------------------------


def test_each_measure_is_a_sentence_with_its_target_and_what_changed(make: Make, sign_in: SignIn) -> None:
    one = World.of(make)
    html = got(sign_in(one.people["Ruth"]), "/measures")
    assert f"as at {long_date(THREE[2])}" in words(html)
    seen = block(html, "People seen")
    assert "85 of 100 people (85%) were seen." in seen
    assert "Target met Target: 80% or more" in seen
    assert f"Up 3 percentage points since {month_and_year(THREE[1])} (better)" in seen
    assert block(html, "Staff").count("1,286") >= 2
    assert "There was nobody to count (z)." in block(html, "Average caseload")
    assert "Not given yet for this month. The survey’s owner gives it." in block(html, "Staff survey")
    assert "Rests on a definition that nobody has confirmed" in block(html, "Staff survey")


def test_what_is_sensitive_is_hidden_in_words_from_everybody(make: Make, sign_in: SignIn) -> None:
    one = World.of(make)
    for name in ("Ruth", "Helen", "Daniel", "Joanne"):
        said = block(got(sign_in(one.people[name]), "/measures"), "Formal cases")
        assert "Hidden from everybody: fewer than 6 people or cases, or it would give another hidden number away (c)." in said


def test_every_success_measure_of_the_strategy_is_there_with_what_answers_it(make: Make, sign_in: SignIn) -> None:
    html = got(sign_in(World.of(make).people["Ruth"]), "/measures")
    listed = re.findall(r'<dt class="govuk-summary-list__key">(.*?)</dt><dd.*?>(.*?)</dd>', html, re.DOTALL)
    assert [(said, re.findall(r">([^<>]+)</a>", answers)) for said, answers in listed] == [
        ("Annual survey", ["Staff survey"]),
        ("Seeing people", ["People seen"]),
    ]


def test_an_earlier_month_and_a_part_of_the_organisation(make: Make, sign_in: SignIn) -> None:
    one = World.of(make)
    psw, board = sign_in(one.people["Helen"]), sign_in(one.people["Ruth"])
    first = block(got(board, f"/measures?month={THREE[0]}"), "People seen")
    assert "70 of 100 people (70%)" in first
    assert "Target not met" in first
    assert "since" not in first, "there is no month before it"
    north = f"/measures?part={one.units['north']}"
    assert "3 of 5 people (60%)" in block(got(psw, north), "People seen")
    hidden = block(got(board, north), "People seen")
    assert "Hidden: fewer than 6 people, or it would give another hidden number away (c)." in hidden
    assert not re.search(r"\b(3|5|60)\b", hidden.replace("80%", "")), "the number is not there in any other form"
    assert "Formal cases" not in got(psw, north), "it is not broken down by part"


def test_a_month_or_part_that_is_not_there_is_never_answered_with_another(make: Make, sign_in: SignIn) -> None:
    one = World.of(make)
    ruth, helen = sign_in(one.people["Ruth"]), sign_in(one.people["Helen"])
    north = one.units["north"]
    for asked in (f"month={TODAY}", "month=soon", "month=2026-13-01", "part=9999999", "part=north"):
        for path in ("/measures", "/measures/table.csv", "/measures/table.xlsx", "/measures/seen", "/measures/formal-cases"):
            got(ruth, f"{path}?{asked}", 404)
    for path in ("/measures/seen/table.csv", "/measures/seen/people"):
        got(helen, f"{path}?month=soon", 404)
    for asked in ("", "month=&part=", f"month={THREE[2]}&part={north}"):
        for path in ("/measures", "/measures/table.csv", "/measures/seen"):
            got(ruth, f"{path}?{asked}")
    assert long_date(THREE[2]) in words(got(ruth, "/measures?month=&part=&theme=all"))


def test_before_the_first_month_the_page_says_so(make: Make, sign_in: SignIn) -> None:
    ruth = sign_in(World.of(make, months=False).people["Ruth"])
    assert "No month is published yet." in words(got(ruth, "/measures"))
    got(ruth, "/measures/seen", 404)
    got(ruth, "/measures/table.csv", 404)


def test_another_organisation_sees_its_own_months_only(make: Make, sign_in: SignIn) -> None:
    World.of(make)
    elsewhere = make.organisation("Northmoor Council", host=False)
    theirs = make.person("Nell Board", organisation=elsewhere, roles=("board viewer",), scope=elsewhere)
    assert "No month is published yet." in words(got(sign_in(theirs), "/measures"))


def test_few_questions_for_the_whole_dashboard(make: Make, sign_in: SignIn, count_queries: Any) -> None:
    ruth = sign_in(World.of(make).people["Ruth"])
    got(ruth, "/measures")
    with count_queries() as queries:
        got(ruth, "/measures")
    assert len(queries) <= 8, queries.statements
    with count_queries() as queries:
        got(ruth, "/measures/seen")
    assert len(queries) <= 8, queries.statements


# One measure ---------------------------------------------------------------------------------------------------------


def test_a_measure_says_what_it_means_and_hides_what_others_may_not_see(make: Make, sign_in: SignIn) -> None:
    one = World.of(make, north="North <b>team</b>")
    html = got(sign_in(one.people["Ruth"]), "/measures/seen")
    said = words(html)
    for meant in ("Who was seen", "Everybody", "Nobody is left out.", "The service", "Workforce development", "Seeing people"):
        assert meant in said
    assert "c – hidden: fewer than 6 people, or it would give another hidden number away." in said
    assert str(escape("North <b>team</b>")) in html
    assert "<b>team" not in html
    rows = re.findall(r'<th class="govuk-table__header[^>]*>(?:<a[^>]*>)?([^<]*)(?:</a>)?</th><td[^>]*>(.*?)</td><td[^>]*>(.*?)</td>', html)
    shown = {name: (words(f"<main>{figure}"), made) for name, figure, made in rows}
    assert shown["Assessment"] == ("85%", "85 of 100")
    assert shown["South team"] == ("c – hidden", "–")
    assert shown[month_and_year(THREE[0])] == ("70%", "70 of 100")
    assert not re.search(r"82 of 95|3 of 5\b|60%", html), "neither the table nor a chart nor its words tell it"


def test_who_reaches_everybody_sees_outcomes_of_small_groups(make: Make, sign_in: SignIn) -> None:
    one = World.of(make)
    for name in ("Helen", "Daniel"):
        html = got(sign_in(one.people[name]), "/measures/seen")
        assert "3 of 5" in html
        assert "82 of 95" in html
    assert "3 of 5" not in got(sign_in(one.people["Joanne"]), "/measures/seen"), "published figures of others' people"


def test_charts_are_pictures_with_words_and_a_table(make: Make, sign_in: SignIn) -> None:
    html = got(sign_in(World.of(make).people["Helen"]), "/measures/seen")
    charts = re.findall(r'<svg viewBox="0 0 340.*?</svg>', html, re.DOTALL)
    assert len(charts) == 3, "months, parts of the organisation, career stages"
    for chart in charts:
        name, described = re.search(r'role="img" aria-labelledby="([\w-]+)" aria-describedby="([\w-]+)"', chart).groups()  # type: ignore[union-attr]
        assert re.search(rf'<title id="{name}">[^<]+</title>', chart)
        assert re.search(rf'<desc id="{described}">[^<]+</desc>', chart)
        assert "style=" not in chart
    assert html.count("<table") == 3
    assert Reading(html).faults() == []


def test_a_setting_lead_and_a_practitioner_see_no_measures(make: Make, sign_in: SignIn) -> None:
    one = World.of(make)
    for name in ("Sue", "Ann"):
        browser = sign_in(one.people[name])
        for path in ("/measures", "/measures/seen", "/measures/table.csv", "/measures/seen/live", "/measures/seen/people"):
            got(browser, path, 403)


# Counted when asked --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["seen", "seen-by-row"])
def test_a_manager_counts_their_own_people_and_no_others(code: str, make: Make, sign_in: SignIn) -> None:
    one = World.of(make)
    said = words(got(sign_in(one.people["Joanne"]), f"/measures/{code}/live"))
    assert "2 of 3 people (67%) were seen." in said
    assert "Only of the people you may see" in said
    assert "North team" in said
    assert "South team" not in said


@pytest.mark.parametrize("code", ["seen", "seen-by-row"])
def test_who_reaches_the_organisation_counts_all_of_it(code: str, make: Make, sign_in: SignIn) -> None:
    """Ann, Bea and S0 of twelve: seven workers, Joanne and four readers."""
    said = words(got(sign_in(World.of(make).people["Helen"]), f"/measures/{code}/live"))
    assert "3 of 12 people (25%) were seen." in said
    assert "South team 25% 1 of 4" in said


def test_a_day_before_anybody_was_recorded_and_days_that_cannot_be(make: Make, sign_in: SignIn) -> None:
    helen = sign_in(World.of(make).people["Helen"])
    assert "There was nobody to count (z)." in words(got(helen, "/measures/seen/live?on=31&on-month=12&on-year=2019"))
    early = words(got(helen, "/measures/seen/live?on=1&on-month=1&on-year=2020"))
    assert "3 of 12 people" in early, "everybody's post began on that day"
    later = got(helen, f"/measures/seen/live?on=1&on-month=1&on-year={TODAY.year + 2}", 422)
    assert "The day must be today or in the past" in later
    assert "must be a real date" in got(helen, "/measures/seen/live?on=31&on-month=2&on-year=2026", 422)


def test_nobody_counts_or_opens_what_is_sensitive_or_imported(make: Make, sign_in: SignIn) -> None:
    one = World.of(make)
    for name in ("Helen", "Daniel", "Joanne"):
        browser = sign_in(one.people[name])
        assert "Nobody can see who stands behind this figure." in got(browser, "/measures/formal-cases/live", 403)
        assert "W01" not in got(browser, "/measures/formal-cases/people", 403)
        got(browser, "/measures/survey/live", 404)
        got(browser, "/measures/survey/people", 404)
        assert "/people?" not in got(browser, "/measures/formal-cases")
        assert "/formal-cases/live" not in got(browser, "/measures/formal-cases")


@pytest.mark.parametrize("counts", ["absence-rate", "days-lost-average", "vacancy-rate", "vacancies-agency-covered", "places-taken"])
@pytest.mark.parametrize("months", [True, False])
def test_what_rests_on_figures_of_the_whole_council_is_not_counted_for_some(
    counts: str, months: bool, make: Make, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without what was given of the council, absence would be 0.0% of Joanne's people: "Target met"."""
    one = World.of(make, months=False)
    rested = measure("rested", "Rested", counts=counts, unit="rate", scale=100, target={"value": 4, "words": "x"}, better="lower")
    found = measure_set(measures=[*MEASURES, rested])
    if months:
        monkeypatch.setattr(published, "measure_set", lambda: found)
        one.publish()
    else:
        with make.tx() as tx:
            sets.publish(tx, one.council, found)
    joanne, helen = sign_in(one.people["Joanne"]), sign_in(one.people["Helen"])
    refused = got(joanne, "/measures/rested/live", 409)
    assert "This cannot be counted for your people alone: part of it comes from figures of the whole council." in refused
    assert "Target" not in words(refused)
    assert "/people?" not in got(helen, "/measures/rested/live"), "who reaches everybody has all that it is made of"
    for browser in (joanne, helen):
        assert "Nobody in particular stands behind this figure" in got(browser, "/measures/rested/people?live=yes", 409)
    if months:
        got(helen, "/measures/rested/people", 409)
        assert "/rested/live" in got(helen, "/measures/rested") and "/rested/people" not in got(helen, "/measures/rested")
        assert "/rested/live" not in got(joanne, "/measures/rested")


def test_every_count_of_something_else_than_people_is_known_as_one(make: Make) -> None:
    here, moment = make.organisation(), Moment(ago(1), datetime(2200, 1, 1, tzinfo=UTC))
    make.person("Ann", organisation=here)
    given = [measure(code, code, unit="count", scale=100, small="none") for code in ("vacancies", "agency-covering", "days-lost")]
    with make.tx() as tx:
        sets.publish(tx, here, measure_set(measures=[*MEASURES, *given], constants={"working-days-a-year": 253}))
        rows = [(each["code"], ago(n)) for each in given for n in range(1, 13)]
        tx.insert_many(
            MeasureInput,
            [dict(organisation_id=here, measure=code, month_end=day, num=7, source="S", recorded_at=tx.now) for code, day in rows],
        )
    function("headcount")  # all areas are there now
    nobody = set()
    with make.tx(writes=False) as tx:
        for name, counts in FUNCTIONS.items():
            found = counts(tx, here, moment)
            rows_ = tx.rows(found) if isinstance(found, Select) else found
            nobody |= {name for each in rows_ if each[0] is None}
    assert nobody == inputs.OF_NO_PEOPLE


def test_a_board_viewer_never_gets_behind_a_figure(make: Make, sign_in: SignIn) -> None:
    ruth = sign_in(World.of(make).people["Ruth"])
    for path in ("/measures/seen/live", "/measures/seen/people", "/measures/seen/people?live=yes"):
        got(ruth, path, 403)
    html = got(ruth, "/measures/seen")
    assert "/measures/seen/live" not in html
    assert "/measures/seen/people" not in html


# Who stands behind it -------------------------------------------------------------------------------------------------


def listed(html: str) -> dict[str, str]:
    """Name → what it says of them."""
    rows = re.findall(r'<a class="govuk-link" href="/people/\d+">([^<]+)</a></th>.*?<strong class="govuk-tag[^>]*>(\w+)</strong>', html)
    return {name.split()[0]: state for name, state in rows}


@pytest.mark.parametrize("code", ["seen", "seen-by-row"])
@pytest.mark.parametrize("how", ["", "live=yes"])
def test_who_is_counted_and_who_is_missing_within_reach(code: str, how: str, make: Make, sign_in: SignIn) -> None:
    one = World.of(make)
    joanne, helen = sign_in(one.people["Joanne"]), sign_in(one.people["Helen"])
    path = f"/measures/{code}/people?{how}"
    assert listed(got(joanne, path)) == {"Ann": "Counted", "Bea": "Counted", "Cal": "Missing"}
    assert listed(got(joanne, path + "&show=missing")) == {"Cal": "Missing"}
    everybody = listed(got(helen, path))
    assert {name: everybody[name] for name in NAMES} == {name: "Counted" if name in ("Ann", "Bea", "S0") else "Missing" for name in NAMES}
    assert len(everybody) == 12
    assert set(listed(got(helen, path + "&show=counted"))) == {"Ann", "Bea", "S0"}
    assert "Together 3 of 12" in words(got(helen, path))


def test_a_published_month_is_opened_as_it_was_known_then(make: Make, sign_in: SignIn) -> None:
    one = World.of(make)
    make.person(
        "Zoe Late", team=one.units["south"], employee_number="Z1"
    )  # her post began in 2020, but nobody knew when the month was closed
    helen = sign_in(one.people["Helen"])
    assert "Zoe" not in listed(got(helen, "/measures/seen/people"))
    assert listed(got(helen, "/measures/seen/people?live=yes"))["Zoe"] == "Counted"


def test_every_look_behind_a_figure_is_recorded(make: Make, sign_in: SignIn, ledger: Ledger) -> None:
    one = World.of(make)
    helen = sign_in(one.people["Helen"])
    got(helen, "/measures/seen/people?show=missing")
    got(helen, "/measures/seen/live")
    (looked,) = ledger.entries("measures.people-viewed")
    assert looked.actor_id == one.people["Helen"].id
    assert {name: looked.facts[name] for name in ("measure", "on", "show", "page")} == {
        "measure": "seen",
        "on": THREE[2].isoformat(),
        "show": "missing",
        "page": 1,
    }
    (counted,) = ledger.entries("measures.counted")
    assert counted.facts == {"measure": "seen", "on": TODAY.isoformat()}


def test_people_come_by_pages_and_past_the_end_is_the_last(make: Make, sign_in: SignIn) -> None:
    one = World.of(make, months=False)
    for number in range(30):
        make.person(f"Many {number:02}", employee_number=f"X{number}1", account=False)
    one.publish()
    helen = sign_in(one.people["Helen"])
    for code in ("seen", "seen-by-row"):
        first, last = (got(helen, f"/measures/{code}/people?show=counted&page={page}") for page in (1, 999))
        names = [re.findall(r'href="/people/\d+">([^<]+)</a>', html) for html in (first, last)]
        assert [len(found) for found in names] == [25, 8]
        assert len({*names[0], *names[1]}) == 33
        assert "Page 1 of 2" in words(first)
        assert "Page 2 of 2" in words(last)
