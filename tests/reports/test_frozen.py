"""A signed report never changes: not by thousands of later changes, not by whoever writes to the database, not by another process."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DatabaseError
from starlette.testclient import TestClient

from app.core import canonical
from app.core.config import ROOT
from app.core.db import FOREVER, Database
from app.people.models import Membership, Person, Post, Unit
from app.reports import drawing
from app.reports.models import BoardComment, BoardFile, BoardReply, BoardReport
from tests.factory import Make
from tests.reports.test_pages import KEY, main, sign
from tests.reports.world import World

SignIn = Callable[[Any], TestClient]
CHANGES = 3000


@pytest.fixture
def signed(make: Make, sign_in: SignIn) -> tuple[World, int, TestClient]:
    world = World.of(make)
    report = world.begin()
    helen = sign_in(world.psw)
    helen.post(f"/board-reports/{report}/comments/headline", data={"words": "We hired.", "version": "0"})
    helen.post(f"/board-reports/{report}/replies/new", data={"said": "Forms", "did": "Fewer", "entry_key": KEY})
    assert sign(helen, report).status_code == 303
    return world, report, helen


def everything(browser: TestClient, report: int) -> dict[str, bytes]:
    found = {kind: browser.get(f"/board-reports/{report}/report.{kind}").content for kind in ("pdf", "xlsx", "json")}
    page = main(browser.get(f"/board-reports/{report}"))
    found["page"] = page[page.index('<article class="app-paper">') : page.index("</article>")].encode()
    assert all(len(each) > 1000 for each in found.values())
    return found


def test_thousands_of_later_changes_and_corrections_leave_it_to_the_byte(signed: tuple[World, int, TestClient], make: Make) -> None:
    world, report, helen = signed
    before = everything(helen, report)
    chance = random.Random(1)
    with make.tx() as tx:
        people = [row.id for row in tx.rows(select(Person.id))]
        tx.db.execute(update(Unit).values(name=Unit.name + " (renamed)"))
        tx.db.execute(update(Person).values(name=Person.name + " Renamed"))
        tx.db.execute(update(Post).values(superseded_at=tx.now))
        rows = []
        for n in range(CHANGES):
            since = world.months[0] - timedelta(days=chance.randint(0, 2000))
            gone = None if n >= CHANGES - len(people) else tx.now
            until = FOREVER if chance.random() < 0.5 else since + timedelta(days=90)
            post = dict(job_title="Other", contract=chance.choice(("permanent", "agency")), fte=0.5, is_primary=gone is None)
            rows.append(
                dict(person_id=people[n % len(people)], valid_from=since, valid_to=until, recorded_at=tx.now, superseded_at=gone, **post)
            )
        tx.db.execute(insert(Post), rows)
        tx.db.execute(update(Membership).values(superseded_at=tx.now))
    helen_now = everything(helen, report)
    assert {kind: hashlib.sha256(each).hexdigest() for kind, each in helen_now.items()} == {
        kind: hashlib.sha256(each).hexdigest() for kind, each in before.items()
    }
    assert "12 people." in before["page"].decode() and "renamed" not in helen_now["page"].decode()


def test_a_new_process_reads_the_same(signed: tuple[World, int, TestClient], database: Database) -> None:
    """Nothing of it is drawn again when it is read: what another process finds is what was frozen."""
    _, report, helen = signed
    before = everything(helen, report)
    script = (
        "import hashlib, json, sys\nfrom app.core.db import connect\nfrom sqlalchemy import select\nfrom app.reports.models import *\n"
        "db = connect(sys.argv[1], pool=1)\nwith db.read.connect() as c, c.begin():\n"
        "    row = c.execute(select(BoardReport.__table__).where(BoardReport.id == int(sys.argv[2]))).one()\n"
        "    files = c.execute(select(BoardFile.kind, BoardFile.content).where(BoardFile.report_id == row.id)).all()\n"
        "    found = {k: hashlib.sha256(bytes(v)).hexdigest() for k, v in files}\n"
        "    found |= {'json': hashlib.sha256(row.content.encode()).hexdigest()}\n"
        "    found |= {'page': row.page_sha256, 'again': hashlib.sha256(row.page.encode()).hexdigest()}\n"
        "print(json.dumps(found))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, database.url, str(report)], capture_output=True, text=True, cwd=ROOT, check=True, env={**os.environ}
    )
    found = json.loads(ran.stdout)
    assert found.pop("again") == found.pop("page")
    assert found == {kind: hashlib.sha256(before[kind]).hexdigest() for kind in ("pdf", "xlsx", "json")}


def test_its_content_is_canonical_and_draws_the_page_that_was_kept(signed: tuple[World, int, TestClient], make: Make) -> None:
    _, report, helen = signed
    row = make.row(BoardReport, report)
    content = canonical.read(row.content)
    assert canonical.digest(content) == row.content_sha256 == hashlib.sha256(everything(helen, report)["json"]).hexdigest()
    assert hashlib.sha256(row.page.encode()).hexdigest() == row.page_sha256
    assert drawing.page(content) == row.page  # nothing but the content went in
    assert drawing.workbook(content, row.content_sha256, row.signed_at) == everything(helen, report)["xlsx"]


@pytest.mark.parametrize(
    "change",
    [
        update(BoardReport).values(content="{}"),
        update(BoardReport).values(page="x"),
        update(BoardReport).values(state="draft"),
        update(BoardReport).values(signed_by=None),
        BoardReport.__table__.delete(),
        update(BoardFile).values(content=b"x"),
        BoardFile.__table__.delete(),
        update(BoardComment).values(words="x"),
        BoardComment.__table__.delete(),
        BoardReply.__table__.delete(),
    ],
    ids=str,
)
def test_the_database_refuses_to_change_it(signed: tuple[World, int, TestClient], database: Database, change: Any) -> None:
    with pytest.raises(DatabaseError), database.write.connect() as connection, connection.begin():
        connection.execute(change)


def test_the_database_refuses_to_add_to_it(signed: tuple[World, int, TestClient], database: Database) -> None:
    world, report, _ = signed
    at = world.make.row(BoardReport, report).created_at
    words = dict(report_id=report, about="theme-culture", words="x", version=1, written_at=at)
    with pytest.raises(DatabaseError), database.write.connect() as connection, connection.begin():
        connection.execute(insert(BoardComment), words)


def test_a_report_cannot_be_signed_without_all_that_is_frozen(make: Make, database: Database) -> None:
    report = World.of(make).begin()
    with pytest.raises(DatabaseError), database.write.connect() as connection, connection.begin():
        connection.execute(text("UPDATE board_reports SET state = 'signed' WHERE id = :id"), {"id": report})
