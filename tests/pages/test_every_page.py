"""Every page of the tour, on both databases: it opens, asks the database little, leaks nothing, and is sound and valid HTML."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import event

from app.core.db import Database
from tests.county import County
from tests.pages.reading import JOINING, Reading, validate
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


def test_every_page_is_valid_html(visits: dict[str, Visit], demo_county: County, tmp_path: Path) -> None:
    if demo_county.kind == "postgresql":
        return  # the same templates drew them: once is enough for a slow validator
    for stop in TOUR:
        if not stop.file:
            (tmp_path / f"{re.sub(r'[^a-z]+', '-', stop.name)[:80]}-{len(list(tmp_path.iterdir()))}.html").write_text(
                visits[stop.name].html
            )
    assert validate(tmp_path) == ""
