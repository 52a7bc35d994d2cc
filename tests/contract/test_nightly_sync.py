"""The walk in docs/nightly-sync.md works as it stands, in curl and in Python, against a real server with its worker."""

from __future__ import annotations

import csv
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.core.config import ROOT
from app.core.db import Database, connect
from app.core.tx import SYSTEM, transaction
from app.hr.change_models import TrainingConfirmation
from app.hr.models import Import
from app.learning.models import Completion
from app.people.models import Person
from tests.contract.test_guide import REQUIRED, TOOLS
from tests.factory import Make

GUIDE = (ROOT / "docs" / "nightly-sync.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def rows(database: Database, statement: Any) -> list[Any]:
    with transaction(database, SYSTEM, writes=False) as tx:
        return list(tx.rows(statement))


@pytest.fixture
def night(tmp_path: Path, sqlite_template: Path) -> Iterator[tuple[dict[str, str], Database]]:
    """A demonstration server with two completions that HR has not got and one that turned out wrong after HR had confirmed it.

    Gives the reader's environment, and the database.
    """
    file = tmp_path / "academy.sqlite3"
    shutil.copy(sqlite_template, file)
    database = connect(f"sqlite:///{file}", pool=2)
    make = Make(database)
    ann, course = make.person("Ann", employee_number="900001"), make.course()
    for day in (3, 4):
        make.completion(ann.id, course.id, date(2026, 3, day), date(2029, 3, day))
    wrong = make.completion(ann.id, course.id, date(2026, 2, 2))
    with make.tx() as tx:
        said: dict[str, Any] = dict(
            kind="completion", record_id=wrong, person_id=ann.id, fingerprint="2026-02-02 -", state="confirmed", reference="HR-9"
        )
        tx.insert(TrainingConfirmation, **said, at=tx.now)
        tx.db.execute(update(Completion).where(Completion.id == wrong).values(superseded_at=tx.now))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "ACADEMY_DATABASE_URL": f"sqlite:///{file}",
        "ACADEMY_LOG_LEVEL": "error",
        "ACADEMY_DEMO": "1",
        "ACADEMY_MAIL_DIR": str(tmp_path / "mail"),
        "ACADEMY": f"http://127.0.0.1:{port}",
    }
    command = [sys.executable, "-m", "app", "serve", "--port", str(port)]
    server = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        told = [server.stdout.readline(), server.stdout.readline()]
        assert "client id client-sandbox, secret demonstration-only-westmarch-sandbox" in told[1]
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(environment["ACADEMY"] + "/healthz", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield environment, database
    finally:
        server.terminate()
        server.communicate(timeout=20)
        database.dispose()


def as_it_should_be(database: Database, folder: Path, said: str) -> None:
    """Both joiners are there, the feed told of them, HR has both records and takes out the third, and the place in the feed is kept."""
    people = rows(database, select(Person.name, Person.employee_number).where(Person.employee_number.like("9001%")).order_by(Person.id))
    assert [tuple(row) for row in people] == [("Imogen Hale", "900101"), ("Rafi Oduya", "900102")]
    assert [row.state for row in rows(database, select(Import.state))] == ["applied"]
    answers = select(TrainingConfirmation.fingerprint).where(TrainingConfirmation.superseded_at.is_(None))
    marks = ["2026-02-02 - withdrawn", "2026-03-03 2029-03-03", "2026-03-04 2029-03-04"]
    assert sorted(row.fingerprint for row in rows(database, answers)) == marks
    assert "Imogen Hale" in said and re.search(r"confirmed['\"]?: ?2", said)
    assert int((folder / "since.txt").read_text()) > 0
    kept = {
        name: [line[:1] + line[2:] for line in csv.reader((folder / name).read_text().splitlines())]
        for name in ("for-hr.csv", "take-out.csv")
    }
    assert kept["for-hr.csv"] == [["900001", f"2026-03-0{day}", f"2029-03-0{day}", "completed"] for day in (3, 4)]
    assert kept["take-out.csv"] == [["900001", "2026-02-02", "HR-9"]]


def discard(database: Database) -> None:
    """Somebody decides against the newest import; here it does not matter how."""
    with transaction(database, SYSTEM, writes=True) as tx:
        newest = select(func.max(Import.id)).scalar_subquery()
        tx.db.execute(update(Import).where(Import.id == newest).values(state="discarded", applied_at=None))


@pytest.mark.thorough
@pytest.mark.skipif(not (TOOLS or REQUIRED), reason="the walk's commands need curl and jq")
def test_the_walk_in_curl_and_once_more_after_an_interruption(night: tuple[dict[str, str], Database], tmp_path: Path) -> None:
    environment, database = night
    folder = tmp_path / "reader"
    folder.mkdir()
    walk = blocks("sh")
    assert len(walk) >= 6
    said = []
    for script in ("\n".join(walk), "\n".join(walk).replace("sleep 3\n", "")):  # the whole of it again: nothing is done twice
        done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        said.append(done.stdout)
    first, again = said
    assert '"joiners":2' in first and "is applied" in first
    assert '"waiting":0' in again and "is applied" not in again
    as_it_should_be(database, folder, first)
    corrected = "\n".join(walk).replace("sleep 3\n", "").replace("Team manager", "Service manager")  # later on the same night
    done = subprocess.run(["bash", "-c", corrected], cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "is applied" in done.stdout, done.stdout + done.stderr
    discard(database)
    done = subprocess.run(["bash", "-c", corrected], cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "is discarded and nothing was changed" in done.stdout, done.stdout + done.stderr


@pytest.mark.thorough
def test_the_walk_in_python(night: tuple[dict[str, str], Database], tmp_path: Path) -> None:
    environment, database = night
    folder = tmp_path / "reader"
    folder.mkdir()
    (program,) = blocks("python")
    (folder / "nightly_sync.py").write_text(program)
    extract = re.search(r"<<'CSV'\n(.*?)^CSV", GUIDE, re.MULTILINE | re.DOTALL)
    assert extract
    (folder / "extract.csv").write_text(extract[1])
    command = [sys.executable, "nightly_sync.py", "extract.csv"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    as_it_should_be(database, folder, done.stdout)
    discard(database)
    stopped = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert stopped.returncode == 1 and "is discarded and nothing was changed" in stopped.stderr, stopped.stdout + stopped.stderr
    (folder / "extract.csv").write_text(extract[1].replace("01/09/2025", "31/02/2025"))  # later on the same night
    refused = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 1 and "line 2" in refused.stdout and "nothing was changed" in refused.stderr, (
        refused.stdout + refused.stderr
    )
