"""Measure sets: files that are refused with the line, versions that count for their months, and the pages of both."""

from __future__ import annotations

import html
import json
import re
from datetime import date
from typing import Any

import pytest
import yaml

from app.core.errors import Conflict, Forbidden, NotFound
from app.core.tx import Actor
from app.frameworks.reading import FileRefused
from app.measures import sets
from app.measures.definitions import parsed
from app.measures.input_models import MeasureImport, MeasureInput
from seed.measure_sets import FOLDER
from tests.factory import Make

PSW = "principal social worker"
MEASURE: dict[str, Any] = dict(
    code="headcount",
    title="People in post",
    sentence="{figure} people worked here",
    themes=["capacity"],
    answers=["Workforce"],
    numerator="People with a primary post on the day",
    denominator=None,
    exclusions="Nobody",
    source="HR",
    owner="HR",
    unit="count",
    better="neither",
    small="none",
    counts="headcount",
    breakdowns=["tree", "stage"],
)
SET: dict[str, Any] = dict(
    code="strategy",
    version=1,
    title="Measures",
    strategy="Strategy",
    runs_from=date(2023, 4, 1),
    runs_until=date(2026, 12, 31),
    success_measures={"capacity": ["Workforce"]},
    measures=[MEASURE],
)


def a_set(**values: Any) -> dict[str, Any]:
    return {**SET, **values}


def as_yaml(content: Any) -> bytes:
    return yaml.safe_dump(content, sort_keys=False).encode()


def refused(content: bytes) -> list[str]:
    with pytest.raises(FileRefused) as caught:
        sets.from_file("set.yaml", content)
    return [str(problem) for problem in caught.value.problems]


# Files ---------------------------------------------------------------------------------------------------------------


def test_a_file_of_yaml_or_json_is_read() -> None:
    wanted = parsed(SET)
    assert sets.from_file("set.yaml", as_yaml(SET)) == wanted
    assert sets.from_file("set.json", json.dumps(SET, default=str).encode()) == wanted


def test_targets_may_have_decimals() -> None:
    found = sets.from_file("set.yaml", as_yaml(a_set(measures=[{**MEASURE, "target": {"value": 92.5}}])))
    assert found.measures[0].target is not None and found.measures[0].target.value == 92.5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"unit": "percentage"}, "“unit” cannot be “percentage”"),
        ({"colour": "red"}, "“colour” is not known here"),
        ({"counts": "happiness"}, "Nothing here counts “happiness”"),
        ({"sentence": "{figure} of {everybody}"}, "The sentence does not say where its figure stands"),
        ({"sentence": "Many people"}, "The sentence does not say where its figure stands"),
        ({"unit": "share"}, "A share, rate or average needs a denominator"),
        ({"code": "Head Count"}, "“code” cannot be “Head Count”. Use small letters"),
        ({"target": {"value": "many"}}, "“value” must be a number"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(change: dict[str, Any], said: str) -> None:
    content = as_yaml(a_set(measures=[{**MEASURE, **change}]))
    problem, *others = refused(content)
    assert not others, others
    assert said.lower().replace("value error, ", "") in problem.lower(), problem
    lines = content.decode().splitlines()
    line = lines[int(problem.partition("line ")[2].partition(",")[0]) - 1]
    assert any(word in line for word in (*change, "value:", "- code:")), (problem, line)


def test_the_whole_is_looked_at_too() -> None:
    assert "no measure answers happiness" in refused(as_yaml(a_set(success_measures={"capacity": ["Workforce", "Happiness"]})))[0].lower()
    assert "two measures have the code headcount" in refused(as_yaml(a_set(measures=[MEASURE, MEASURE])))[0].lower()
    assert "less than 6" in refused(as_yaml(a_set(below=3)))[0]  # a council may hide more, never less


@pytest.mark.parametrize("content", [b"", b"- 1", b"\xff\xfe", b"a: [", b"code: !!python/object:os.system x", b"a: &a [*a]"])
def test_what_is_no_set_at_all_is_refused(content: bytes) -> None:
    assert refused(content)


def test_the_countys_set_answers_every_success_measure_of_its_strategy() -> None:
    found = parsed(sets.from_folder(FOLDER))
    assert all(sets.is_counted(measure) for measure in found.measures)
    listed = [(theme, words) for theme, every in found.success_measures.items() for words in every]
    assert len(listed) == len(set(listed)) == 26
    for theme, words in listed:
        assert any(theme in measure.themes and words in measure.answers for measure in found.measures), words


# Versions --------------------------------------------------------------------------------------------------------------


def test_the_newest_version_of_the_set_that_runs_counts(make: Make) -> None:
    here = make.organisation()
    with make.tx() as tx:
        first = sets.publish(tx, here, SET)
        second = sets.publish(tx, here, a_set(version=2, title="Better measures"))
        next_ = sets.publish(tx, here, a_set(code="next", runs_from=date(2027, 1, 1), runs_until=None))
    with make.tx(writes=False) as tx:
        assert first < second
        assert sets.in_force(tx, here, date(2026, 12, 31))[0] == second
        assert sets.in_force(tx, here, date(2027, 1, 1))[0] == next_
        assert sets.in_force(tx, here, date(2026, 5, 31))[1].title == "Better measures"
        with pytest.raises(Conflict) as caught:
            sets.in_force(tx, here, date(2023, 3, 31))
        assert caught.value.code == "no-measure-set"


@pytest.mark.parametrize("version", [1, 2])
def test_a_version_is_published_once_and_in_order(make: Make, version: int) -> None:
    here = make.organisation()
    with make.tx() as tx:
        sets.publish(tx, here, a_set(version=2))
    with pytest.raises(Conflict) as caught, make.tx() as tx:
        sets.publish(tx, here, a_set(version=version))
    assert caught.value.code == "version-taken" and "version 3" in caught.value.way_out


def test_another_organisations_versions_are_their_own(make: Make) -> None:
    here, there = make.organisation(), make.organisation("Eastmarch", host=False)
    with make.tx() as tx:
        sets.publish(tx, here, SET)
        sets.publish(tx, there, SET)
        assert len(sets.versions(tx, here)) == 1


def test_only_who_manages_the_measures_of_the_whole_organisation_publishes(make: Make) -> None:
    here, there = make.organisation(), make.organisation("Eastmarch", host=False)
    team = make.unit("Team")
    for roles, refusal in (
        (((PSW, there),), NotFound),
        (((PSW, team),), NotFound),
        ((("board viewer", here),), Forbidden),
        ((("practitioner", None),), Forbidden),
    ):
        with pytest.raises(refusal):
            _publish_as(make, here, roles)
    assert _publish_as(make, here, ((PSW, here),))


def _publish_as(make: Make, organisation: int, roles: tuple[tuple[str, int | None], ...]) -> int:
    person = make.person().id
    with make.tx() as tx:
        tx.actor = Actor("person", person, roles=roles)
        return sets.publish(tx, organisation, SET)


# Pages -----------------------------------------------------------------------------------------------------------------


def psw(make: Make) -> Any:
    return make.person("Petra", roles=(PSW,), scope=make.organisation())


def send(browser: Any, content: bytes) -> Any:
    return browser.post("/measure-sets/load", files={"file": ("set.yaml", content, "application/yaml")})


def typed(page: str) -> dict[str, str]:
    """What the form of the page that shows a file's changes sends."""
    return {name: html.unescape(value) for name, value in re.findall(r'<input type="hidden" name="(content|seen)" value="([^"]*)"', page)}


def test_from_a_file_to_a_version(make: Make, sign_in: Any) -> None:
    browser = sign_in(psw(make))
    assert "No measure set is published yet" in browser.get("/measure-sets").text
    checked = send(browser, as_yaml(SET))
    assert checked.status_code == 200 and "Publish Measures, version 1?" in checked.text
    assert "No measure set is published yet" in browser.get("/measure-sets").text, "checking publishes nothing"
    assert browser.post("/measure-sets/publish", data=typed(checked.text)).status_code == 303
    listed = browser.get("/measure-sets").text
    assert "strategy, version 1" in listed
    kept = browser.get("/measure-sets/1/set.yaml")
    assert sets.from_file("set.yaml", kept.content) == parsed(SET)
    shown = browser.get("/measure-sets/1").text
    assert "People in post" in shown and "People with a primary post on the day" in shown
    again = send(browser, as_yaml(a_set(version=2, title="Better measures")))
    assert "from version 1" in again.text and "Better measures" in again.text


def test_a_file_with_problems_names_them(make: Make, sign_in: Any) -> None:
    answer = send(sign_in(psw(make)), as_yaml(a_set(measures=[{**MEASURE, "unit": "percentage"}])))
    assert answer.status_code == 422 and "cannot be “percentage”" in answer.text and "Line 2" in answer.text


def test_a_version_that_is_there_is_refused_before_and_at_publishing(make: Make, sign_in: Any) -> None:
    here = make.organisation()
    with make.tx() as tx:
        sets.publish(tx, here, SET)
    browser = sign_in(psw(make))
    assert send(browser, as_yaml(SET)).status_code == 409
    answer = browser.post("/measure-sets/publish", data={"content": as_yaml(SET).decode()})
    assert answer.status_code == 409 and "Give it version 2" in answer.text
    assert browser.post("/measure-sets/publish", data={"content": "nonsense: ["}).status_code == 422


def test_only_what_was_shown_is_published(make: Make, sign_in: Any) -> None:
    browser = sign_in(psw(make))
    shown, other = typed(send(browser, as_yaml(SET)).text), as_yaml(a_set(title="Other measures")).decode()
    for form in ({"content": shown["content"]}, {**shown, "content": other}, {**shown, "seen": "0" * 64}):
        answer = browser.post("/measure-sets/publish", data=form)
        assert answer.status_code == 412 and "This is not what was checked." in answer.text
        assert typed(answer.text)["content"] == form["content"], "what would be published is shown"
    assert "No measure set is published yet" in browser.get("/measure-sets").text
    later = typed(send(browser, as_yaml(a_set(version=3))).text)
    assert browser.post("/measure-sets/publish", data=shown).status_code == 303
    assert browser.post("/measure-sets/publish", data=later).status_code == 412, "what it was held against is not the newest any more"


# Classes ---------------------------------------------------------------------------------------------------------------

GIVEN: dict[str, Any] = dict(measure="cases", month_end=date(2026, 1, 31), num=3, source="HR list")
CASES = {**MEASURE, "code": "cases", "title": "Formal cases", "answers": [], "counts": None, "breakdowns": []}


def classed(version: int, small: str, **more: Any) -> dict[str, Any]:
    """A version of the set with an imported measure of a class."""
    return a_set(version=version, measures=[MEASURE, {**CASES, "small": small}], **more)


@pytest.mark.parametrize(("was", "now"), [("sensitive", "none"), ("sensitive", "outcomes"), ("outcomes", "none")])
def test_nobody_unhides_figures_that_were_given(make: Make, sign_in: Any, was: str, now: str) -> None:
    here = make.organisation()
    with make.tx() as tx:
        sets.publish(tx, here, classed(1, was))
        tx.insert(MeasureInput, **GIVEN, organisation_id=here, recorded_at=tx.now)
    for way in (classed(2, now), classed(1, now, code="another", runs_from=date(2026, 1, 1))):
        with pytest.raises(Conflict) as caught, make.tx() as tx:
            sets.publish(tx, here, way)
        assert (caught.value.code, "Formal cases" in str(caught.value)) == ("measure-loosened", True)
    browser = sign_in(psw(make))
    answer = send(browser, as_yaml(classed(2, now)))
    assert answer.status_code == 409 and "It would show figures to more people" in answer.text
    with make.tx() as tx:
        sets.publish(tx, here, a_set(version=2))  # not even when the measure was out of the set meanwhile
    with pytest.raises(Conflict), make.tx() as tx:
        sets.publish(tx, here, classed(3, now))
    with make.tx() as tx:
        sets.publish(tx, here, classed(3, was))


def test_a_file_that_waits_counts_too_and_other_organisations_do_not(make: Make) -> None:
    here, there = make.organisation(), make.organisation("Eastmarch", host=False)
    row = {"line": 2, "cells": {"measure": "Cases ", "numerator": "3"}}
    with make.tx() as tx:
        for each in (here, there):
            sets.publish(tx, each, classed(1, "sensitive"))
        tx.insert(MeasureImport, organisation_id=here, file_name="a.csv", rows=[row], staged_at=tx.now)
        sets.publish(tx, there, classed(2, "none"))
    with pytest.raises(Conflict), make.tx() as tx:
        sets.publish(tx, here, classed(2, "none"))


def test_without_figures_a_class_may_be_put_right_and_the_page_warns(make: Make, sign_in: Any) -> None:
    here = make.organisation()
    with make.tx() as tx:
        sets.publish(tx, here, classed(1, "sensitive"))
    browser = sign_in(psw(make))
    answer = send(browser, as_yaml(classed(2, "outcomes")))
    assert answer.status_code == 200 and "1 measure will be hidden from fewer people than before" in answer.text
    assert browser.post("/measure-sets/publish", data=typed(answer.text)).status_code == 303
    stricter = send(browser, as_yaml(classed(3, "sensitive")))
    assert "hidden from fewer people" not in stricter.text
