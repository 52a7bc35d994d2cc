"""Every route for every role: what it answers about somebody in reach, and about somebody in nobody's.

The tables beside this file are the expectation, and are read by people. `python -m tests.policy.test_matrix --write` writes them anew from
what the service does; then every changed cell has to be looked at: 200 and 303 (done), 409, 410, 412, 422 and 428 (may, but not with this)
mean allowed; 403 not with this role; 404 not about this person; a visitor's 303 leads to the sign-in page.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from app.core.db import Database, connect
from app.identity.limits import Limits
from app.main import create_app
from app.policy import SCOPES
from tests.client import Browser
from tests.county import Filled, Template, migrated
from tests.policy.routes import Asked, Way, about_somebody, apis, body, fill, form, pages
from tests.policy.world import JOINING, NEEDS, OUTSIDER, OUTSIDERS_NEEDS, PRIVATE, ROLES, THEMSELVES, VISITOR, World, build, settings

HERE = Path(__file__).parent
PAGES, ELSEWHERE = HERE / "matrix.csv", HERE / "elsewhere.csv"
API = HERE / "api_matrix.csv"
NO_TOKEN = "no token"
CLIENTS = (NO_TOKEN, *SCOPES, "all, own organisation", "all, another organisation")
REFUSED = {403, 404}
Cells = dict[tuple[str, str], int]
Templates = Callable[[str, Filled], Template]


# Walking -----------------------------------------------------------------------------------------------------------


@cache
def service() -> FastAPI:
    """One application for all walks; a copy of the world is put behind it."""
    made = create_app(settings(), connect(f"sqlite:///{tempfile.gettempdir()}/never-opened.sqlite3"))
    made.state.calls.every = 3600.0  # the log of calls is not what is looked at here
    return made


OPEN = ExitStack()
COPIES: dict[str, Database] = {}  # by their template's address; what was compiled for one walk serves the next


def fresh(template: Template) -> None:
    """The service stands over a copy of the world that nobody has changed."""
    if template.address in COPIES:
        template.refresh(COPIES[template.address])
    else:
        COPIES[template.address] = OPEN.enter_context(template.copy())
    service().state.database = COPIES[template.address]
    service().state.limits = Limits(COPIES[template.address], settings().client_per_minute)


@pytest.fixture(scope="module", autouse=True)
def copies() -> Iterator[None]:
    yield
    COPIES.clear()
    OPEN.close()


def walk(template: Template, ways: list[Way], ask: Callable[[Way], Any]) -> Cells:
    """Ask for each of these on a copy of the world, and go on with a fresh one once something was changed: order does not matter."""
    cells: Cells = {}
    fresh(template)
    for way in ways:
        reply = ask(way)
        cells[way.key] = reply.status_code
        if way.method != "GET" and reply.status_code < 400 and reply.headers.get("location") != "/sign-in":
            fresh(template)
    return cells


def walk_pages(template: Template, role: str, *, elsewhere: bool = False, look: Callable[[Way, str], None] | None = None) -> Cells:
    """What a role gets from every page; `look` sees those that are read."""
    world: World = template.known

    def ask(way: Way) -> Any:
        ids = Asked(world.elsewhere if elsewhere else world.here)
        browser = Browser(service(), headers={"sec-fetch-site": "same-origin"})
        if role != VISITOR:
            browser.cookies.set("academy", world.cookies[role])
        address = fill(way, ids)
        if way.method != "GET":
            return browser.post(address, data=form(way, ids))
        reply = browser.get(address)
        if look is not None:
            look(way, reply.text)
        return reply

    return walk(template, [way for way in pages() if not elsewhere or about_somebody(way, world)], ask)


def walk_api(template: Template, client: str, *, elsewhere: bool = False) -> Cells:
    """What a client gets from every API route."""
    world: World = template.known
    headers = {} if client == NO_TOKEN else {"authorization": f"Bearer {world.tokens[client]}"}

    def ask(way: Way) -> Any:
        ids = Asked(world.elsewhere if elsewhere else world.here)
        return Browser(service(), headers=headers).request(way.method, fill(way, ids), json=body(way, ids))

    return walk(template, [way for way in apis() if not elsewhere or about_somebody(way, world)], ask)


# The tables --------------------------------------------------------------------------------------------------------


def read_table(path: Path) -> dict[str, Cells]:
    """Column → (method, path) → status."""
    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    columns = [name for name in rows[0] if name not in ("method", "path", "door")]
    return {name: {(row["method"], row["path"]): int(row[name]) for row in rows} for name in columns}


def write_table(path: Path, ways: list[Way], columns: dict[str, Cells]) -> None:
    with path.open("w", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(["method", "path", "door", *columns])
        for way in ways:
            if all(way.key in cells for cells in columns.values()):
                writer.writerow([way.method, way.path, way.door, *(cells[way.key] for cells in columns.values())])


def different(found: Cells, expected: Cells) -> list[str]:
    """What a reader of a failed test needs to see."""
    return [
        f"{method} {path}: {expected.get((method, path), 'no row')} expected, {found.get((method, path), 'no such route')} found"
        for method, path in sorted(found.keys() | expected.keys())
        if found.get((method, path)) != expected.get((method, path))
    ]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.thorough)])
def template(request: pytest.FixtureRequest, templates: Templates) -> Template:
    return templates(request.param, build)


def test_no_fault_is_expected() -> None:
    for path in (PAGES, ELSEWHERE, API):
        faults = [(*key, column) for column, cells in read_table(path).items() for key, status in cells.items() if status >= 500]
        assert faults == [], f"{path.name} was written while something was broken"


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    for path, ways in ((PAGES, pages()), (API, apis())):
        rows, routes = read_table(path)[ROLES[1] if path == PAGES else NO_TOKEN].keys(), {way.key for way in ways}
        assert sorted(routes - rows) == [], f"no row in {path.name}: python -m tests.policy.test_matrix --write, then look at each cell"
        assert sorted(rows - routes) == [], f"rows in {path.name} without a route"


# On SQLite everybody; on PostgreSQL, where each change needs a copy made in a quarter of a second, whoever reaches people by a walk:
# down the management line, and under a node of the tree.
BY_REACH = ("line manager", "coordinator")
IN_REACH = [
    *(("sqlite", role) for role in ROLES),
    *(pytest.param("postgresql", role, marks=pytest.mark.thorough) for role in BY_REACH),
]


@pytest.mark.parametrize(("template", "role"), IN_REACH, indirect=["template"])
def test_pages_about_somebody_in_reach(template: Template, role: str) -> None:
    leaks: list[str] = []

    def look(way: Way, text: str) -> None:
        leaks.extend(f"{way.path}: {secret}" for secret in SECRETS if secret in text and not may_read(secret, way, role))

    assert different(walk_pages(template, role, look=look), read_table(PAGES)[role]) == []
    assert leaks == [], "these stand on pages where this role must not read them"


@pytest.mark.parametrize("template", ["sqlite"], indirect=True)  # on PostgreSQL the same statements have answered for those in reach
@pytest.mark.parametrize("role", ROLES)
def test_pages_about_somebody_out_of_reach(template: Template, role: str) -> None:
    cells = walk_pages(template, role, elsewhere=True)
    assert different(cells, read_table(ELSEWHERE)[role]) == []
    theirs = (*DELIVERED, CHECKED, ASKED) if role == "trainer" else (CHECKED, ASKED)
    allowed = {key: status for key, status in cells.items() if status not in REFUSED and key[1] not in theirs}
    assert allowed == {} or (role == VISITOR and set(allowed.values()) == {303})


@pytest.mark.parametrize("client", CLIENTS)
def test_api_about_somebody_in_reach(template: Template, client: str) -> None:
    assert different(walk_api(template, client), read_table(API)[client]) == []


def test_api_refuses_a_client_of_another_organisation(template: Template) -> None:
    """The clients limited to one organisation, about somebody of the other: as though nobody were there."""
    for client, elsewhere in (("all, own organisation", True), ("all, another organisation", False)):
        found = walk_api(template, client, elsewhere=elsewhere)
        personal = {way.key for way in apis() if about_somebody(way, template.known)}
        assert {key: status for key, status in found.items() if key in personal and status not in REFUSED} == {}


# What must not be read ---------------------------------------------------------------------------------------------

SECRETS = (OUTSIDER, OUTSIDERS_NEEDS, NEEDS, JOINING, PRIVATE)
ROSTER = "/sessions/{session_id:int}/roster"
REGISTER = "/sessions/{session_id:int}/register"
CHECKED = "/verify/{code}"  # whoever has the number of a certificate may check it
ASKED = "/pathways/{step}/ask"  # whom one asks is checked against those who can be asked: the form comes back, and says nothing of them
DELIVERED = (  # what a trainer reads and does about everybody on a session of theirs, whoever employs them
    ROSTER,
    REGISTER,
    f"{REGISTER}/finish",
    f"{REGISTER}/{{booking_id:int}}",
    "/sessions/{session_id:int}/sheet",
)
BOOKED_BY = {  # who sees the joining link: those with a place, those who deliver, those who run the offer
    THEMSELVES: None,
    "trainer": ("/", "/delivering", "/sessions/{session_id:int}", ROSTER),
    "coordinator": None,
}


def may_read(secret: str, way: Way, role: str) -> bool:
    """Names of another organisation's people: only their trainer. Needs: oneself, and who arranges the place. Links: who goes there."""
    if secret == OUTSIDER:
        return role == "trainer" and way.path in DELIVERED
    if secret == NEEDS:
        return role == THEMSELVES or role == "coordinator"
    if secret == PRIVATE:
        return role == THEMSELVES  # what somebody writes of their learning is nobody else's, until they share it
    if secret == JOINING and way.path == "/calendar/{token}.ics":
        return True  # whoever has the private address reads as its owner
    if secret == JOINING and role in BOOKED_BY:
        where = BOOKED_BY[role]
        return where is None or way.path in where
    return False


# Writing the tables ------------------------------------------------------------------------------------------------


def write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        address = f"{folder}/world.sqlite3"
        database = migrated(Path(address))
        world = build(database)
        with database.write.connect() as connection:
            connection.connection.execute("pragma wal_checkpoint(truncate)")
        database.dispose()
        template = Template("sqlite", address, world, folder)
        write_table(PAGES, pages(), {role: walk_pages(template, role) for role in ROLES})
        write_table(ELSEWHERE, pages(), {role: walk_pages(template, role, elsewhere=True) for role in ROLES})
        write_table(API, apis(), {client: walk_api(template, client) for client in CLIENTS})
        OPEN.close()


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit(__doc__)
    write()
