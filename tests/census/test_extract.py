"""What leaves: XML by the collection's schema, written down here by hand; CSV that runs nothing; and the published figures."""

from __future__ import annotations

import csv
import io
import re
from fractions import Fraction
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import select

from app.census import access, extract, operations, totals
from app.census.models import CensusDocument
from tests.census.world import YEAR, Census, peopled, ready, submitted
from tests.factory import Make


@pytest.fixture
def census(make: Make) -> Census:
    return peopled(make)


# The collection's schema for a worker, transcribed by hand: element and the form of its text, in order. None: any text.
DAY, SHARE = r"\d{4}-\d\d-\d\d", r"0(\.\d{1,6})?|1(\.0{1,6})?"
ETHNICITY = "WBRI|WIRI|WOTH|MWBC|MWBA|MWAS|MOTH|AIND|APKN|ABAN|AOTH|BCRB|BAFR|BOTH|CHNE|OOTH|REFU|NOBT"
WORKER = (
    ("AgencyWorker", "[01]"), ("SWENo", "[A-Za-z]{2}[0-9]{10}"), ("FTE", SHARE), ("PersonBirthDate", DAY), ("GenderCurrent", "[0129]"),
    ("Ethnicity", ETHNICITY), ("QualInst", None), ("QualLevel", "[123]"), ("StepUpGrad", "[01]"), ("OrgRole", "[1-6]"),
    ("RoleStartDate", DAY), ("StartOrigin", "[1-9]|10"), ("RoleEndDate", DAY), ("LeaverDestination", "[1-9]"), ("ReasonLeave", "[1-9]|10"),
    ("FTE30", SHARE), ("Cases30", r"\d+"), ("WorkingDaysLost", r"\d+(\.\d{1,2})?"), ("ContractWeeks", r"\d+(\.\d)?"),
    ("FrontlineGrad", "[01]"), ("Absat30Sept", "[01]"), ("ReasonAbsence", "MAT|OTH|PUB|SIC|TRN|UNA|UNP"), ("CFKSSstatus", "[1234]"),
)  # fmt: skip
VACANCIES = (("NumberOfVacancies", r"\d+(\.\d{1,2})?"), ("NoAgencyFTE", r"\d+(\.\d{1,2})?"), ("NoAgencyHeadcount", r"\d+"))
MUST = {"AgencyWorker", "SWENo", "QualInst"}


def tree(content: bytes) -> ET.Element:
    """What we wrote ourselves, as a tree."""
    return ET.fromstring(content)  # noqa: S314


def faults(group: ET.Element, schema: tuple[tuple[str, str | None], ...], must: set[str]) -> list[str]:
    """Where an element breaks the schema: what is strange, out of order, twice, of another form, or missing."""
    order = [name for name, _ in schema]
    names = [child.tag for child in group]
    found = [f"{name} is not known" for name in names if name not in order]
    known = [name for name in names if name in order]
    found += [] if known == sorted(set(known), key=order.index) else ["order"]
    found += [f"{name} is missing" for name in must - set(names)]
    forms = dict(schema)
    return found + [
        f"{child.tag}: {child.text}"
        for child in group
        if child.tag in forms and not re.fullmatch(forms[child.tag] or ".+", child.text or "")
    ]


def wrong_in(content: bytes) -> list[str]:
    """Everything in a message that the collection's schema would refuse."""
    root = tree(content)
    head, vacancies, *workers = list(root)
    found = [] if (root.tag, head.tag, vacancies.tag) == ("Message", "Header", "LALevelVacancies") else ["frame"]
    found += faults(vacancies, VACANCIES, {name for name, _ in VACANCIES})
    found += [fault for worker in workers for fault in faults(worker, WORKER, MUST)]
    said = [(each.tag, each.text) for each in head.iter() if not len(each)]
    expected = [("Collection", "CSWW"), ("Year", str(YEAR)), ("ReferenceDate", f"{YEAR}-09-30"), ("SourceLevel", "L"), ("LEA", "999")]
    if said[:5] != expected or [name for name, _ in said[5:]] != ["SoftwareCode", "DateTime"]:
        found.append("header")
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", said[-1][1] or ""):
        found.append("time")
    return found + ["a strange group" for worker in workers if worker.tag != "CSWWWorker"]


def test_the_xml_keeps_to_the_collections_schema(census: Census) -> None:
    return_id = submitted(census)
    kept = {row.kind: row.content for row in census.make.rows(select(CensusDocument.__table__))}
    assert wrong_in(kept["xml"]) == []
    workers = tree(kept["xml"]).findall("CSWWWorker")
    table = list(csv.DictReader(io.StringIO(kept["csv"].decode("utf-8-sig"))))
    assert [{child.tag: child.text for child in worker} for worker in workers] == [
        {name: value for name, value in line.items() if value} for line in table
    ]
    assert len(workers) == 6 == census.row(return_id).people


def test_the_schema_test_can_fail(census: Census) -> None:
    """The check above finds what is planted."""
    return_id = ready(census)
    with census.acting(writes=False) as tx:
        good = operations.documents(tx, access.the_return(tx, return_id), tx.now)["xml"].decode()
    plants = {
        "order": good.replace("<AgencyWorker>0</AgencyWorker>\n    <SWENo>", "<SWENo>", 1).replace(
            "</FTE>", "</FTE><AgencyWorker>0</AgencyWorker>", 1
        ),
        "Ethnicity: White": good.replace("<Ethnicity>WBRI", "<Ethnicity>White", 1),
        "QualInst is missing": re.sub("<QualInst>.*</QualInst>", "", good, count=1),
        "Shoe is not known": good.replace("<FTE>", "<Shoe>9</Shoe><FTE>", 1),
        "header": good.replace("<LEA>999", "<LEA>99", 1),
    }
    for fault, content in plants.items():
        assert any(fault in found for found in wrong_in(content.encode())), fault


def test_words_in_a_file_cannot_break_the_xml_or_run_in_a_spreadsheet(census: Census) -> None:
    census.say()
    return_id = census.begin()
    census.give(return_id, {"person": census.ann.swe_number, "QualInst": "=1+1 & <b>Sons</b>"})  # type: ignore[attr-defined]
    with census.acting(writes=False) as tx:
        made = operations.documents(tx, access.the_return(tx, return_id), tx.now)
    assert "=1+1 & <b>Sons</b>" in [each.text for each in tree(made["xml"]).iter("QualInst")]
    assert "'=1+1 & <b>Sons</b>" in made["csv"].decode("utf-8-sig")
    assert list(extract.TYPES) == ["xml", "csv"]


def test_the_published_figures_against_a_slow_count_of_the_file(census: Census) -> None:
    """From the lines of the CSV as it leaves, one figure after another, by the published formulas."""
    return_id = submitted(census)
    kept = next(row.content for row in census.make.rows(select(CensusDocument.__table__)) if row.kind == "csv")
    lines = list(csv.DictReader(io.StringIO(kept.decode("utf-8-sig"))))

    def add(item: str, which: Any) -> Fraction:
        return sum((Fraction(line[item]) for line in lines if line[item] and which(line)), Fraction(0))

    employed = add("FTE30", lambda line: line["AgencyWorker"] == "0")
    agency = add("FTE30", lambda line: line["AgencyWorker"] == "1")
    left = add("FTE", lambda line: line["AgencyWorker"] == "0" and line["RoleEndDate"])
    cases = add("Cases30", lambda line: line["Cases30"])
    holders = add("FTE30", lambda line: line["Cases30"] not in ("", "0"))
    lost = add("WorkingDaysLost", lambda line: line["AgencyWorker"] == "0")
    slow = {
        "turnover": left / employed,
        "agency": agency / (agency + employed),
        "vacancy": Fraction(21, 2) / (Fraction(21, 2) + employed),
        "covered": Fraction(4) / Fraction(21, 2),
        "caseload": cases / holders,
        "absence": lost / (employed * 253),
    }
    fast = totals.rates(census.guide, census.row(return_id).totals)
    assert {name: Fraction(num) / Fraction(den) for name, (num, den) in fast.items()} == slow
    assert employed == 4 and agency == Fraction(1, 2) and left == Fraction(3, 5), "the county of this test, counted by hand"
    assert (slow["turnover"], slow["agency"]) == (Fraction(3, 20), Fraction(1, 9))
