"""Workbooks made to make the reader take all memory: refused in words, by both importers, on the pages and from the command line."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.core.sheets import SheetRefused, read_sheet
from app.core.workbooks import Limits, WorkbookRefused, safe_copy
from app.hr import command
from app.hr.files import open_rows
from app.hr.problems import ExtractRefused
from tests.core.test_sheets import workbook
from tests.factory import Make

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
FIRST = '<row r="1"><c r="A1"><v>1</v></c></row>'


def forged(sheet: str, target: str = "worksheets/sheet1.xml", others: dict[str, bytes] | None = None) -> bytes:
    """A workbook with this sheet data, its sheet wherever the target says."""
    out = io.BytesIO()
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}">'
            f'<Relationship Id="rId1" Type="{RELATED}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        parts.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN}" xmlns:r="{RELATED}"><sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>',
        )
        parts.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}"><Relationship Id="rId1" Type="{RELATED}/worksheet" Target="{target}"/></Relationships>',
        )
        parts.writestr(f"xl/{target}", f'<?xml version="1.0"?><worksheet xmlns="{MAIN}" xmlns:x="{MAIN}">{sheet}</worksheet>')
        for name, content in (others or {}).items():
            parts.writestr(name, content)
    return out.getvalue()


def rows(text: str) -> str:
    return f"<sheetData>{text}</sheetData>"


def far(reference: str = "XFD1048576", row: str = "1048576", quote: str = '"', tag: str = "c") -> str:
    return rows(f"{FIRST}<row r={quote}{row}{quote}><{tag} r={quote}{reference}{quote}><v>1</v></{tag}></row>")


HOSTILE = {
    "plain": (forged(far()), "far below"),
    "another folder": (forged(far(), "sheets/s1.xml"), "far below"),
    "another case": (forged(far(), "Worksheets/Sheet1.XML"), "far below"),
    "another ending": (forged(far(), "media/picture.png"), "far below"),
    "lower case": (forged(far("xfd1048576")), "far below"),
    "lower case elsewhere": (forged(far("xfd1048576"), "sheets/s1.xml"), "far below"),
    "single quotes": (forged(far(quote="'")), "far below"),
    "a prefix": (forged(far(tag="x:c")), "far below"),
    "only the cell": (forged(far(row="2")), "far below"),
    "a huge row": (forged(rows(FIRST + '<row r="1048576"><c><v>1</v></c></row>')), "far below"),
    "a huge dimension": (forged('<dimension ref="A1:XFD1048576"/>' + rows(FIRST)), "far below"),
    "behind another attribute": (forged(rows('<row r="1"><c s="1" r="ZZZ9"><v>1</v></c></row>')), "far below"),
    "hidden by a quoted bracket": (forged(rows('<row r="1"><c s=">" r="ZZZ9"><v>1</v></c></row>')), "damaged"),
    "an entity": (forged(rows('<row r="1"><c r="&#90;ZZ9"><v>1</v></c></row>')), "damaged"),
    "cells without references": (forged(rows("<row>" + "<c><v>1</v></c>" * 300 + "</row>")), "far below"),
    "after a named one": (forged(rows('<row r="1"><c r="GR1"><v>1</v></c><c><v>1</v></c></row>')), "far below"),
    "rows without references": (forged(rows("<row/>" * 200_002)), "far below"),
    "as a binary workbook": (forged(rows(FIRST), others={"xl/workbook.bin": b""}), "not an Excel workbook of the usual kind"),
    "as a spreadsheet of another program": (forged(rows(FIRST), others={"content.xml": b""}), "not an Excel workbook of the usual kind"),
    "many cells with one huge text": (
        forged(
            rows("".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, 1_601))),
            others={"xl/sharedStrings.xml": f'<sst xmlns="{MAIN}"><si><t>{"x" * 1_000_000}</t></si></sst>'.encode()},
        ),
        "longest text",
    ),
    "the same part twice": (forged(rows(FIRST), others={"XL/Worksheets/sheet1.xml": b""}), "damaged"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_both_importers_refuse_in_words(name: str, tmp_path: Path) -> None:
    content, words = HOSTILE[name]
    with pytest.raises(SheetRefused, match=words):
        read_sheet(content, 500)
    (tmp_path / "extract").write_bytes(content)
    with pytest.raises(ExtractRefused, match=words):
        list(open_rows(tmp_path / "extract", len))


@pytest.mark.parametrize(
    ("sheet", "cells"),
    [
        (FIRST, [[1.0]]),
        ('<row><c><v>1</v></c><c><v>2</v></c></row><x:row><x:c s="1" r="B2"><x:v>3</x:v></x:c></x:row>', [[1.0, 2.0], ["", 3.0]]),
        ("<row r='1' spans='1:1'><c r='a1' ><v>1</v></c></row>", [[1.0]]),
    ],
)
def test_what_honest_programs_write_is_read(sheet: str, cells: list[list[object]], tmp_path: Path) -> None:
    (tmp_path / "extract").write_bytes(forged(rows(sheet), "sheets/s1.xml", {"xl/media/p.png": b"\x89PNG <c <row"}))
    assert [line for _, line in open_rows(tmp_path / "extract", len)] == cells


def test_a_rectangle_of_too_many_cells_is_refused() -> None:
    content = forged(rows('<row r="90"><c r="A90"><v>1</v></c></row><row r="2"><c r="Z2"><v>1</v></c></row>'))
    with (
        pytest.raises(WorkbookRefused, match=r"more than 0\.002 million cells"),
        safe_copy(io.BytesIO(content), Limits(100, 100, 10**6, 2_000)),
    ):
        pass


def test_only_shared_texts_count_for_their_length() -> None:
    texts = f'<sst xmlns="{MAIN}"><si><t>ab</t></si><x:si xmlns:x="{MAIN}"><t>{"c" * 50}</t></x:si></sst>'.encode()
    sheet = rows('<row r="1"><c r="A1" t="s"><v>1</v></c><c r="B1" t="str"><v>' + "long " * 200 + "</v></c></row>")
    with safe_copy(io.BytesIO(forged(sheet, others={"xl/sharedStrings.xml": texts})), Limits(10, 10, 10**6, texts=300)) as copy:
        assert copy.exists()


def test_the_copy_is_gone_afterwards() -> None:
    with safe_copy(io.BytesIO(workbook(["a"])), Limits(10, 10, 10**6)) as copy:
        assert copy.exists()
    assert not copy.parent.exists()


@pytest.mark.parametrize("name", ["another folder", "lower case", "a huge dimension", "a huge row"])
def test_pages_and_command_refuse_it_and_go_on(
    name: str, make: Make, sign_in: Callable[[Any], Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, words = HOSTILE[name]
    upload = {"file": ("book.xlsx", content)}
    coordinator = sign_in(make.person("Cora", roles=("coordinator",)))
    reply = coordinator.post("/manage/sessions/import", files=upload)
    assert reply.status_code == 422 and words in reply.text
    assert coordinator.get("/manage/sessions/import").status_code == 200
    officer = sign_in(make.person("Hana", roles=("HR officer",), scope=make.organisation()))
    reply = officer.post("/hr/imports/new", data={"extract": "partial"}, files=upload)
    assert reply.status_code == 422 and words in reply.text
    assert officer.get("/hr/imports/new").status_code == 200
    (tmp_path / "book.xlsx").write_bytes(content)
    assert command.run(make.database, tmp_path / "book.xlsx") == 2
    assert words in capsys.readouterr().err
