"""How ready people are is said alike by the list in every order and narrowing, its count, the interface and the file: a made-up pool, held
against what each person's completions say by themselves, and against each measured alone."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from random import Random
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.core.db import FOREVER
from app.pathways import progress
from app.pathways.models import Step
from app.pathways.progress import Progress
from app.people.models import Person
from app.policy import Can
from app.talent import exporting, listed, operations
from app.talent.listed import READY, SORTS, Asked
from app.talent.models import TalentAgreement, TalentEntry, TalentJudgement, TalentPool
from tests.factory import Make
from tests.pathways.steps import load
from tests.talent.pools import HORIZONS, Scene, scene

SignIn = Callable[[Any], TestClient]
STEP = """\
pathway_steps:
  - code: SW-SENIOR
    title: To senior practitioner
    kind: progression
    to_stage: SENIOR
    summary: Three courses.
    source: The council's own.
    applies: {stages: [SW]}
    groups:
      - title: Learning
        requirements:
          - {kind: course, course: direct-work}
          - {kind: course, course: life-story}
          - {kind: course, course: supervising-others}
"""
TITLES = ("Direct work", "Life story", "Supervising others")
PEOPLE = 43
LASTS = (None, "for ever", -200, -1, 0, 30, 59, 61, 400)  # days from today on which a completion expires; None: never completed
USUAL = ("for ever", 400, 61, 400, "for ever")  # so that some have everything


@dataclass(frozen=True)
class Truth:
    """One person of the list, from what was written about them."""

    entry: int
    person: int
    number: str
    sort_name: str
    entered_on: date
    horizon: int | None
    position: int
    status: str
    held: int
    expires_on: date | None


def judged(lasts: list[Any], today: date) -> tuple[str, int, date | None]:
    """All three are wanted: the step lasts as long as the shortest of them."""
    held = sum(each == "for ever" or (each is not None and each >= 0) for each in lasts)
    if None in lasts:
        return "missing", held, None
    shortest = min(10_000 if each == "for ever" else each for each in lasts)
    on = None if shortest == 10_000 else today + timedelta(days=shortest)
    return ("lapsed" if shortest < 0 else "lapsing" if shortest < 60 else "met"), held, on


@dataclass
class Pooled:
    """A pool of forty and what is true of each."""

    there: Scene
    pool: int
    truth: list[Truth]

    def expected(self, asked: Asked) -> list[Truth]:
        """Who is to be seen, and in which order."""
        place = {"met": 0, "lapsing": 1, "lapsed": 2, "missing": 3}
        keys: dict[str, Callable[[Truth], Any]] = {
            "name": lambda _: 0,
            "ready": lambda one: (place[one.status], -one.held),
            "horizon": lambda one: one.position,
            "since": lambda one: one.entered_on,
        }
        some = [one for one in self.truth if asked.ready in ("", one.status)]
        if asked.horizon is not None:
            some = [one for one in some if (one.horizon or 0) == asked.horizon]
        return sorted(some, key=lambda one: (keys[asked.sort](one), one.sort_name, one.entry))


@pytest.fixture
def pooled(make: Make) -> Pooled:
    """Some share a name, a day and a horizon; some never agreed, took it back, were taken out, or left the council."""
    there, chance = scene(make), Random(26)
    courses = [make.course(title, validity_months=12).id for title in TITLES]
    load(make, STEP, publish=True)
    step = make.rows(select(Step.id).where(Step.code == "SW-SENIOR"))[0].id
    with make.tx() as tx:
        about = dict(organisation_id=there.council, about="", critical=True, posts=2, depth_wanted=5, opened_at=tx.now, step_id=step)
        pool = tx.insert(TalentPool, title="Senior practitioner", **about)
    with make.tx(writes=False) as tx:
        today = tx.today
    truth = []
    positions = {there.labels[code]: number for number, (code, _, _) in enumerate(HORIZONS, 1)}
    for n in range(PEOPLE):
        last = "".join(chance.choice("abc") for _ in range(2))  # of so many some are alike
        person = make.person(f"Pat {last.title()}", stage="SW", employee_number=f"E{n:03}")
        lasts = [chance.choice(USUAL if n % 3 else LASTS) if chance.random() < 0.8 else chance.choice(LASTS) for _ in courses]
        for course, each in zip(courses, lasts, strict=True):
            if each is not None:
                expires = today + timedelta(days=each) if isinstance(each, int) else None
                if chance.random() < 0.3 and each == 400:  # an older one beside it, which counts no more
                    make.completion(person.id, course, today - timedelta(days=900), today - timedelta(days=170))
                make.completion(person.id, course, min(today, expires or today) - timedelta(days=20), expires)
        entered = today - timedelta(days=chance.choice((10, 40, 40, 300)))
        horizon = chance.choice((None, *positions))
        apart = {1: "silent", 2: "no", 3: "out", 4: "left"}.get(n)
        with make.tx() as tx:
            ends: dict[str, Any] = dict(left_on=FOREVER)
            if apart == "out":
                ends = dict(left_on=today, left_at=tx.now, left_why="withdrawn")
            entry = tx.insert(TalentEntry, pool_id=pool, person_id=person.id, entered_on=entered, entered_at=tx.now, **ends)
            if apart != "silent":
                said = dict(entry_id=entry, person_id=person.id, on_date=entered, until=FOREVER, recorded_at=tx.now)
                tx.insert(TalentAgreement, agrees=apart != "no", **said)
            if horizon is not None:
                by = dict(proposed_by=there.psw.id, proposed_on=entered, recorded_at=tx.now, reasons="Steady.")
                confirmed = dict(
                    state="confirmed", moderated_by=there.second.id, moderated_on=entered, moderated_at=tx.now, moderation="Yes."
                )
                what = dict(horizon_id=horizon, potential_id=there.labels["growing"], until=FOREVER)
                tx.insert(TalentJudgement, entry_id=entry, person_id=person.id, **what, **by, **confirmed)
            if apart == "left":
                tx.update(Person, person.id, leaving_on=today - timedelta(days=1))
        if apart is None:
            of = (entry, person.id, f"E{n:03}", f"{last} pat", entered, horizon, positions.get(horizon or 0, 10_000))
            truth.append(Truth(*of, *judged(lasts, today)))
    assert {one.status for one in truth} == set(READY) and len({one.sort_name for one in truth}) < len(truth) > 25
    return Pooled(there, pool, truth)


def alone(pooled: Pooled, version: int | None) -> dict[int, Progress]:
    """Each person measured by themselves."""
    found = {}
    with pooled.there.keeper(writes=False) as tx:
        for one in pooled.truth:
            (found[one.person],) = progress.steps(tx, select(Person.id).where(Person.id == one.person), [version or 0], tx.today)
    return found


@pytest.mark.thorough
def test_every_order_and_narrowing_page_by_page(pooled: Pooled) -> None:
    with pooled.there.keeper(writes=False) as tx:
        pool = operations.pool(tx, Can.READ_TALENT, pooled.pool)
        version = listed.version_of(tx, pool, Asked(tx.today))
    each_alone = alone(pooled, version)
    for one in pooled.truth:
        said = each_alone[one.person]
        assert (said.status, said.held, said.asked, said.expires_on) == (one.status, one.held, 3, one.expires_on), one
    narrowed = 0
    for ready, sort, horizon in product(("", *READY), SORTS, (None, 0, pooled.there.labels["now"])):
        with pooled.there.keeper(writes=False) as tx:
            asked = Asked(tx.today, ready=ready, sort=sort, horizon=horizon)
            expected, seen, page = pooled.expected(asked), [], 1
            narrowed += len(expected) < len(pooled.truth)
            while True:
                numbers, lines = listed.one_page(tx, pool, asked, version, page)
                assert numbers.total == listed.count(tx, pool, asked, version) == len(expected), asked
                assert all(line.ready == each_alone[line.row.person_id] for line in lines), asked
                assert page == numbers.pages or len(lines) == numbers.size
                seen += lines
                if page == numbers.pages:
                    break
                page += 1
            assert [line.row.entry_id for line in seen] == [one.entry for one in expected], asked
            assert listed.one_page(tx, pool, asked, version, 99)[1] == lines, "past the end is the last page"
            assert [line.row.entry_id for line in listed.everybody(tx, pool, asked, version)] == [one.entry for one in expected], asked
    assert narrowed > 30


def test_the_file_says_the_same_in_the_same_order(pooled: Pooled) -> None:
    for ready, sort in product(("", *READY), SORTS):
        with pooled.there.keeper(writes=False) as tx:
            pool = operations.pool(tx, Can.READ_TALENT, pooled.pool)
            asked = Asked(tx.today, tx.now, ready=ready, sort=sort)
            body = b"".join(exporting.take(tx, pool, asked, "csv", "Succession planning").chunks())
        rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"))))
        lapses = {one.entry: str(one.expires_on) if one.status == "lapsing" else "" for one in pooled.truth}
        assert [
            (row["Employee number"], row["Readiness"], row["Requirements met"], row["Requirements asked"], row["Something lapses on"])
            for row in rows
        ] == [(one.number, READY[one.status], str(one.held), "3", lapses[one.entry]) for one in pooled.expected(asked)]


def test_the_interface_says_the_same_reply_by_reply(pooled: Pooled, client: Callable[..., TestClient]) -> None:
    api, items, cursor = client("talent:read", organisation=pooled.there.council), [], None
    while True:
        query: dict[str, Any] = dict(purpose="Succession planning", limit=7) | ({"cursor": cursor} if cursor else {})
        reply = api.get(f"/api/v1/talent/pools/{pooled.pool}/entries", params=query).json()
        items += reply["items"]
        cursor = reply["next"]
        if cursor is None:
            break
        assert len(reply["items"]) == 7
    assert [(each["id"], each["person_id"], each["readiness"], each["held"], each["asked"], each["expires_on"]) for each in items] == [
        (one.entry, one.person, one.status, one.held, 3, one.expires_on and str(one.expires_on))
        for one in sorted(pooled.truth, key=lambda one: one.entry)
    ]


@pytest.mark.thorough
def test_the_page_and_filters_that_were_kept_show_the_same(pooled: Pooled, sign_in: SignIn) -> None:
    browser, here = sign_in(pooled.there.psw), f"/talent/pools/{pooled.pool}"

    def shown(address: str) -> list[int]:
        found: list[int] = []
        for page in (1, 2):
            html = browser.get(f"{address}{'&' if '?' in address else '?'}page={page}").text
            rows = [int(key) for key in re.findall(r'<th scope="row"[^>]*><a class="govuk-link" href="/talent/entries/(\d+)">', html)]
            found += [key for key in rows if key not in found]
        return found

    for ready, sort in (("", "ready"), ("met", "ready"), ("missing", "since"), ("lapsing", "horizon"), ("", "name")):
        asked = Asked(date.max, ready=ready, sort=sort)
        expected = [one.entry for one in pooled.expected(asked)]
        assert shown(f"{here}?ready={ready}&sort={sort}") == expected, (ready, sort)
        if asked.filters:
            kept = browser.post(f"{here}/filters", data={"title": f"{ready} {sort}", "ready": ready, "sort": sort})
            assert kept.status_code == 303, kept.text[:500]
            assert shown(kept.headers["location"]) == expected
    links = re.findall(rf'href="({here}\?(?:ready|sort)=[^"]*)"', browser.get(here).text)
    assert len({link.replace("&amp;", "&") for link in links}) >= 4
