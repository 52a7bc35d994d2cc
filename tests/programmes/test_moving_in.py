"""Portfolios from elsewhere: a dry run with every bad cell, all or nothing, twice the same changes nothing, and paper stays paper."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.core.errors import Conflict, NotFound
from app.core.files import Store
from app.core.sheets import SheetRefused
from app.core.tx import Actor, transaction
from app.programmes import moving_in_file
from app.programmes.models import Capacity, Cohort, Enrolment, StageRecord
from app.programmes.moving_in_plan import Plan
from app.programmes.operations import moving_in
from app.programmes.portfolio_models import Attachment, Document, Entry, PortfolioImport
from tests.core import samples
from tests.factory import Make
from tests.programmes.making import Programmes

HEAD = "person,cohort,start date,assessor,line manager,stage,held on,document,file,signed by"
PDF = samples.pdf()


class Desk:
    """A coordinator, a cohort, and people to bring in."""

    def __init__(self, make: Make, folder: Path) -> None:
        self.make, self.store = make, Store(folder, 20 * 1024 * 1024)
        self.coordinator = make.person("Cora Coordinator", roles=("coordinator",))
        self.cohort = Programmes(make).cohort()
        self.assessor = make.person("Asa Sessor", employee_number="A1")

    def acting(self) -> Any:
        roles = (("practitioner", None), ("coordinator", None))
        return transaction(self.make.database, Actor("person", self.coordinator.id, self.coordinator.name, roles), writes=True)

    def stage(self, content: bytes, name: str = "portfolios.zip") -> int:
        sent = moving_in_file.read(io.BytesIO(content), name, self.store)
        with self.acting() as tx:
            return moving_in.stage(tx, sent)

    def plan(self, key: int) -> Plan:
        with self.acting() as tx:
            return moving_in.planned(tx, moving_in.staged(tx, key))

    def apply(self, key: int) -> Plan:
        with self.acting() as tx:
            return moving_in.apply_import(tx, key)


@pytest.fixture
def desk(make: Make, tmp_path: Path) -> Desk:
    return Desk(make, tmp_path / "files")


def zipped(table: str, **files: bytes) -> bytes:
    """A ZIP with the table and these files; "_" in a name stands for "."."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("portfolios.csv", table)
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return out.getvalue()


def table(*lines: str) -> str:
    return "\n".join([HEAD, *lines]) + "\n"


def counts(make: Make) -> list[int]:
    return [make.rows(select(func.count().label("n")).select_from(one))[0].n for one in (Enrolment, Document, Entry, Attachment, Capacity)]


ONE = table(
    'E100,September cohort,1/6/2025,A1,,ST-1,1/9/2025,SAA,saa.pdf,"assessor: Asa Sessor, 2/9/2025; nqsw: Nell Newly, 3/9/2025"',
    "E100,,,,,,,CRL1,,",
)


def test_stages_and_papers_come_in_and_nobody_signed_here(make: Make, desk: Desk) -> None:
    nell = make.person("Nell Newly", employee_number="E100", swe_number="SW900301")
    key = desk.stage(zipped(ONE, saa_pdf=PDF))
    plan = desk.plan(key)
    assert plan.problems == [] and (plan.fresh_people, plan.fresh_papers) == (1, 2)
    before = counts(make)
    assert before[0] == 0, "a dry run changes nothing"
    desk.apply(key)
    (enrolment,) = make.rows(select(Enrolment.__table__))
    assert (enrolment.person_id, enrolment.moved_in, enrolment.status) == (nell.id, True, "in_progress")
    (stage,) = make.rows(select(StageRecord.__table__).where(StageRecord.state == "complete"))
    assert stage.on_paper and str(stage.held_on) == "2025-09-01"
    papers = make.rows(select(Document.__table__).where(Document.state == "on paper"))
    assert len(papers) == 2 and all(row.frozen is None for row in papers)
    entries = make.rows(select(Entry.__table__).order_by(Entry.sequence))
    assert [(row.kind, row.answer, row.involvement_id, row.person_id) for row in entries] == [
        ("paper", "recorded", None, desk.coordinator.id)
    ] * 2
    signer = json.loads(entries[0].canonical)["signer"]
    assert signer["name"] == "Cora Coordinator", "whoever recorded it, not whoever signed on paper"
    (attachment,) = make.rows(select(Attachment.__table__))
    assert attachment.name == "saa.pdf" and desk.store.path(attachment.digest).read_bytes() == PDF


def test_the_same_file_twice_changes_nothing(make: Make, desk: Desk) -> None:
    make.person("Nell Newly", employee_number="E100", swe_number="SW900301")
    first = desk.stage(zipped(ONE, saa_pdf=PDF))
    desk.apply(first)
    after = counts(make)
    with pytest.raises(Conflict, match="already been applied"):
        desk.apply(first)
    again = desk.stage(zipped(ONE, saa_pdf=PDF))
    plan = desk.plan(again)
    assert plan.problems == [] and not plan.fresh
    desk.apply(again)
    assert counts(make) == after
    more = desk.stage(zipped(ONE + "E100,,,,,,,DO1,do.pdf,\n", saa_pdf=PDF, do_pdf=PDF + b"\n"))
    assert desk.plan(more).fresh_papers == 1
    desk.apply(more)
    assert counts(make)[2] == after[2] + 1 and counts(make)[0] == after[0]


def test_every_bad_cell_is_named_and_nothing_is_done(make: Make, desk: Desk) -> None:
    make.person("Nell Newly", employee_number="E100", swe_number="SW900301")
    make.person("Pat Other", employee_number="E101", swe_number="SW900302")
    bad = table(
        "E100,September cohort,32/6/2025,NOBODY,,ST-9,1/9/2025,,,",
        "E999,September cohort,1/6/2025,,,,,,,",
        "E101,Lost cohort,1/6/2025,,,,,,,",
        "E100,,,,,,,NOPE,,",
        "E100,,,,,,,CRL1,lost.pdf,",
        'E100,,,,,,,FB2,fake.pdf,"assessor Asa, yesterday"',
        "E100,,,,,PANEL,1/9/2025,,,",
        "E100,,,,,,,,left.pdf,",
    )
    key = desk.stage(zipped(bad, fake_pdf=b"MZ this is a program", extra_pdf=PDF))
    plan = desk.plan(key)
    said = {(one.line, one.column): one for one in plan.problems}
    wanted = {(2, "start date"), (2, "assessor"), (2, "stage"), (3, "person"), (4, "cohort"), (5, "document"), (6, "file"), (7, "file")}
    assert wanted <= set(said) and {(7, "signed by"), (8, "stage"), (9, "document"), (1, "file")} <= set(said)
    assert all(one.wrong and one.remedy for one in plan.problems) and said[2, "start date"].value == "32/6/2025"
    with pytest.raises(Conflict, match="problems"):
        desk.apply(key)
    assert counts(make)[0] == 0


def test_forty_people_come_in_at_once(make: Make, desk: Desk) -> None:
    lines, files = [], {}
    for n in range(40):
        make.person(f"Learner {n:02}", employee_number=f"L{n:02}", swe_number=f"SW9006{n:02}", account=False)
        lines.append(f'L{n:02},September cohort,1/6/2025,A1,,ST-1,1/9/2025,SAA,p{n}.pdf,"assessor: Asa Sessor, 2/9/2025"')
        files[f"p{n}_pdf"] = PDF + str(n).encode()
    key = desk.stage(zipped(table(*lines), **files))
    assert desk.plan(key).problems == []
    made = desk.apply(key)
    assert (made.fresh_people, made.fresh_papers) == (40, 40)
    assert counts(make)[0] == 40 and make.rows(select(func.count().label("n")).where(Document.state == "on paper"))[0].n == 40


@pytest.mark.parametrize("earlier", [False, True])
def test_the_dry_run_asks_the_same_few_questions_for_many(make: Make, desk: Desk, count_queries: Any, earlier: bool) -> None:
    """Three people or sixty; new ones, or (`earlier`) those who are here already."""
    asked = []
    for size in (3, 60):
        lines = []
        for n in range(size):
            make.person(f"Learner {size} {n:02}", employee_number=f"L{size}-{n}", swe_number=f"SW90{size:02}{n:02}", account=False)
            lines.append(f'L{size}-{n},September cohort,1/6/2025,A1,,ST-1,1/9/2025,SAA,,"assessor: Asa Sessor, 2/9/2025"')
        if earlier:
            desk.apply(desk.stage(table(*lines[:3]).encode(), "portfolios.csv"))
        key = desk.stage(table(*lines).encode(), "portfolios.csv")
        with count_queries() as queries:
            plan = desk.plan(key)
        assert plan.problems == [] and plan.fresh_people == size - (3 if earlier else 0)
        asked.append(len(queries))
    assert asked[0] == asked[1] <= 11, asked


def test_what_enrolling_would_refuse_is_said_before(make: Make, desk: Desk) -> None:
    with make.tx() as tx:
        tx.update(Cohort, desk.cohort, closed_on=tx.today)
    make.person("Nell Newly", employee_number="E100", swe_number="SW900301")
    assert [(one.column, one.wrong) for one in desk.plan(desk.stage(ONE.replace("saa.pdf", "").encode(), "p.csv")).problems] == [
        ("cohort", "This cohort is closed")
    ]
    with make.tx() as tx:
        tx.update(Cohort, desk.cohort, closed_on=None)
    own = desk.stage(table(f"{desk.coordinator.employee_number},September cohort,1/6/2025,A1,,,,,,").encode(), "p.csv")
    assert [one.wrong for one in desk.plan(own).problems] == ["Nobody enrols themselves"]


def test_somebody_who_began_here_is_left_as_they_are(make: Make, desk: Desk) -> None:
    there = Programmes(make).enrolment(assessor=desk.assessor)
    key = desk.stage(table(f"{there.nqsw.employee_number},September cohort,1/6/2025,A1,,ST-1,1/9/2025,,,").encode(), "portfolios.csv")
    assert [(one.column, "already" in one.wrong) for one in desk.plan(key).problems] == [("person", True)]


def test_an_import_is_its_makers(make: Make, desk: Desk) -> None:
    make.person("Nell Newly", employee_number="E100", swe_number="SW900301")
    key = desk.stage(ONE.replace("saa.pdf", "").encode(), "portfolios.csv")
    desk.coordinator = make.person("Another Coordinator", roles=("coordinator",))
    with pytest.raises(NotFound):
        desk.apply(key)


# What a ZIP may be -------------------------------------------------------------------------------------------------


def hostile(kind: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        if kind != "no table":
            archive.writestr("portfolios.csv", ONE)
        if kind == "way out":
            archive.writestr("../../etc/cron.d/evil", b"x")
        if kind == "link":
            link = zipfile.ZipInfo("saa.pdf")
            link.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(link, "/etc/passwd")
        if kind == "absolute":
            archive.writestr("/etc/evil.pdf", b"x")
        if kind == "many":
            for n in range(2200):
                archive.writestr(f"{n}.txt", b"")
        if kind == "bomb":
            for n in range(4):
                archive.writestr(f"{n}.pdf", b"\0" * 90_000_000)
        if kind == "two tables":
            archive.writestr("more/portfolios.csv", ONE)
    return out.getvalue()


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("no table", "must hold one table"),
        ("two tables", "must hold one table"),
        ("way out", "lead out"),
        ("absolute", "lead out"),
        ("link", "links"),
        ("many", "more than 2,100 files"),
        ("bomb", "unpacks to more than"),
    ],
)
def test_a_hostile_zip_is_refused_in_words(kind: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SheetRefused, match=said):
        moving_in_file.read(io.BytesIO(hostile(kind)), "portfolios.zip", Store(tmp_path / "files", 1_000_000))
    assert not (tmp_path / "files").exists() or not any(path.is_file() for path in (tmp_path / "files").rglob("*"))


def test_a_damaged_zip_and_a_lying_one(tmp_path: Path) -> None:
    store = Store(tmp_path / "files", 1_000_000)
    with pytest.raises(SheetRefused, match="damaged"):
        moving_in_file.read(io.BytesIO(zipped(ONE, saa_pdf=PDF)[:-30]), "x.zip", store)
    whole = bytearray(zipped(ONE, saa_pdf=PDF * 50))
    place = whole.find(b"saa.pdf") + 20
    whole[place : place + 8] = bytes(8)
    with pytest.raises(SheetRefused):
        moving_in_file.read(io.BytesIO(bytes(whole)), "x.zip", store)
    with pytest.raises(SheetRefused, match="column"):
        moving_in_file.read(io.BytesIO(b"person,secret notes\nE1,x\n"), "x.csv", store)


# Pages -------------------------------------------------------------------------------------------------------------


def test_over_the_web_from_the_file_to_the_portfolio(make: Make, desk: Desk, sign_in: Any) -> None:
    nell = make.person("Nell Newly", employee_number="E100", swe_number="SW900301")
    browser = sign_in(desk.coordinator)
    assert browser.get("/cohorts/import").status_code == 200
    refused = browser.post("/cohorts/import", files={"file": ("x.zip", hostile("way out"))})
    assert refused.status_code == 422 and "lead out" in refused.text
    sent = browser.post("/cohorts/import", files={"file": ("portfolios.zip", zipped(ONE, saa_pdf=PDF))}, follow_redirects=False)
    where = sent.headers["location"]
    page = browser.get(where).text
    assert "1 person to enrol, 2 documents to add" in page and "signed on paper by Asa Sessor as Assessor" in page
    assert "cannot be taken back" in browser.get(f"{where}/apply").text
    done = browser.post(f"{where}/apply", data={})
    assert done.status_code in (200, 303) and "This file has been applied" in browser.get(where).text
    assert make.rows(select(Enrolment.person_id))[0].person_id == nell.id
    assert make.rows(select(PortfolioImport.state))[0].state == "applied"
    assert sign_in(nell).get("/cohorts/import").status_code == 403
    assert "on paper" in sign_in(nell).get("/my-programme").text
