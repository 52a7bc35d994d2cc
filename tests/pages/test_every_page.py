"""Every page of the tour, on both databases: it opens, asks the database little, leaks nothing, and is sound and valid HTML."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import event

from app.core.db import Database
from seed.personas import PERSONAS
from tests.county import County
from tests.pages.reading import JOINING, Reading, skeleton, validate
from tests.tour import TOUR, Stop, gone, missing


@dataclass
class Visit:
    """What came of a visit."""

    status: int
    kind: str
    html: str
    queries: list[str]


class Watch:
    """Notes every statement sent to a database."""

    def __init__(self, database: Database) -> None:
        self.statements: list[str] = []
        for engine in (database.read, database.write):
            event.listen(engine, "before_cursor_execute", self.note)

    def note(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        self.statements.append(statement)


@pytest.fixture(scope="module")
def visits(demo_county: County) -> dict[str, Visit]:
    """All stops of the tour, visited once."""
    found: dict[str, Visit] = {}
    browsers = {key: demo_county.sign_in(key) for key in {stop.persona for stop in TOUR}}
    watch = Watch(demo_county.database)
    for stop in TOUR:
        with demo_county.look() as finder:
            address = stop.address(finder)
        watch.statements.clear()
        reply = browsers[stop.persona].get(address)
        found[stop.name] = Visit(reply.status_code, reply.headers.get("content-type", ""), reply.text, list(watch.statements))
    return found


def test_the_tour_visits_every_page() -> None:
    assert missing() == [], "give these pages a stop in tests/tour.py"
    assert gone() == [], "these stops are at pages that no longer exist"


@pytest.mark.parametrize("stop", TOUR, ids=lambda stop: stop.name)
def test_page_opens(stop: Stop, visits: dict[str, Visit]) -> None:
    visit = visits[stop.name]
    assert visit.status == 200, visit.html[:400]
    assert visit.kind.startswith(stop.file or "text/html")


@pytest.mark.parametrize("stop", TOUR, ids=lambda stop: stop.name)
def test_page_asks_little_of_the_database(stop: Stop, visits: dict[str, Visit]) -> None:
    asked = visits[stop.name].queries
    assert len(asked) <= stop.queries, "\n\n".join(asked)


@pytest.mark.parametrize("stop", [stop for stop in TOUR if not stop.file], ids=lambda stop: stop.name)
def test_page_is_sound(stop: Stop, visits: dict[str, Visit]) -> None:
    assert Reading(visits[stop.name].html).faults(joining_link=stop.joining_link) == []


def test_files_hold_no_joining_link_but_their_own(visits: dict[str, Visit]) -> None:
    files = [stop for stop in TOUR if stop.file and not stop.joining_link]
    assert [stop.name for stop in files if JOINING in visits[stop.name].html] == []


@pytest.fixture(scope="module")
def valid() -> set[bytes]:
    """Skeletons of the pages that the validator has found nothing in."""
    return set()


def test_every_page_is_valid_html(visits: dict[str, Visit], demo_county: County, tmp_path: Path, valid: set[bytes]) -> None:
    if demo_county.kind == "postgresql":
        return  # the same templates drew them: once is enough for a slow validator
    for stop in TOUR:
        if not stop.file:
            (tmp_path / f"{re.sub(r'[^a-z]+', '-', stop.name)[:80]}-{len(list(tmp_path.iterdir()))}.html").write_text(
                visits[stop.name].html
            )
    assert validate(tmp_path) == ""
    valid |= {skeleton(visits[stop.name].html) for stop in TOUR if not stop.file}


@pytest.mark.thorough
@pytest.mark.parametrize("demo_county", ["sqlite"], indirect=True)  # on PostgreSQL as its main persona, and in the matrix for each reach
@pytest.mark.parametrize("key", [persona.key for persona in PERSONAS])
def test_every_page_as_every_persona(key: str, demo_county: County, tmp_path: Path, valid: set[bytes]) -> None:
    """Whoever opens it, whether they may or not: a sound and valid page, or a way to it; never a fault. The slow validator reads each page
    that differs from all before it in more than words and addresses."""
    browser, faults = demo_county.sign_in(key), {}
    fresh: set[bytes] = set()
    may_show = {stop.path for stop in TOUR if stop.joining_link}  # of a session of their own, whoever they are
    for number, stop in enumerate(stop for stop in TOUR if not stop.file):
        with demo_county.look() as finder:
            reply = browser.get(stop.address(finder))
        if reply.status_code == 303:
            continue
        if (bones := skeleton(reply.text)) not in valid | fresh:
            fresh.add(bones)
            (tmp_path / f"{number}.html").write_text(reply.text)
        wrong = Reading(reply.text).faults(joining_link=stop.path in may_show or key in ("coordinator", "trainer"))
        if wrong or reply.status_code not in (200, 403, 404, 409):
            faults[stop.name] = [str(reply.status_code), *wrong]
    assert faults == {}
    if fresh and demo_county.kind == "sqlite":  # the same templates draw them on PostgreSQL
        assert validate(tmp_path) == ""
        valid |= fresh
