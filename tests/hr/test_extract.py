import tracemalloc
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.hr import files
from app.hr.extract import Row, digest, read
from app.hr.mapping import Mapping, load_mapping
from app.hr.problems import ExtractRefused
from tests.hr.extracts import SAM, as_csv, write_csv, write_xlsx


def rows(path: Path, mapping: Mapping | None = None) -> list[Row]:
    return list(read(path, mapping).rows)


def refusal(path: Path, mapping: Mapping | None = None) -> str:
    with pytest.raises(ExtractRefused) as refused:
        rows(path, mapping)
    return str(refused.value)


ZOE = SAM | {"First name": "Zoë", "Surname": "O’Neill-Łaski"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_any_encoding_and_delimiter(tmp_path: Path, encoding: str, delimiter: str) -> None:
    (row,) = rows(write_csv(tmp_path / "extract.csv", [ZOE], encoding, delimiter=delimiter))
    assert (row.first_name, row.last_name, row.employee_number, row.start_date) == ("Zoë", "O’Neill-Łaski", "001234", date(2020, 9, 1))
    assert row.problems == []


def test_windows_1252(tmp_path: Path) -> None:
    (row,) = rows(write_csv(tmp_path / "e.csv", [SAM | {"First name": "Zoë", "Surname": "O’Neill"}], "cp1252"))
    assert (row.first_name, row.last_name, row.problems) == ("Zoë", "O’Neill", [])


def test_a_byte_that_windows_1252_does_not_have_is_a_problem_of_its_row(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_bytes(as_csv([SAM, SAM | {"Surname": "Na?me"}]).encode().replace(b"?", b"\x81\xe9"))
    first, second = rows(path)
    assert first.problems == []
    assert [(p.line, p.column) for p in second.problems] == [(3, "Surname")]


def test_headings_in_any_order_case_and_spacing_and_the_unknown_are_listed(tmp_path: Path) -> None:
    row = {
        "SURNAME ": "Lee",
        " payroll  no.": "7",
        "National insurance": "x",
        "fore-name": "Sam",
        "Hire Date": "2020-09-01",
        "Sickness days": "3",
        "": "loose",
    }
    extract = read(write_csv(tmp_path / "e.csv", [row]))
    (found,) = extract.rows
    assert (found.employee_number, found.first_name, found.last_name, found.start_date) == ("7", "Sam", "Lee", date(2020, 9, 1))
    assert extract.ignored == ("National insurance", "Sickness days")
    assert extract.has("start_date") and not extract.has("team")
    assert extract.heading("employee_number") == "payroll no."


def test_a_title_above_the_headings_and_blank_lines_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("Staff in post, run on 01/11/2026\n\n" + as_csv([SAM]).replace("\r\n", "\n") + ",,,,\n\n" + "7,Kim,Ray,,2020-01-01\n")
    assert [(row.line, row.last_name) for row in rows(path)] == [(4, "Lee"), (7, "Ray")]


def test_the_line_that_names_its_delimiter(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("sep=;\n" + as_csv([SAM], delimiter=";"))
    assert [(row.line, row.last_name) for row in rows(path)] == [(3, "Lee")]


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "e.csv", [SAM | {"Job title": "Social\nworker"}, SAM | {"Start date": "soon"}])
    first, second = rows(path)
    assert first.job_title == "Social worker"
    assert [(p.line, p.column, p.value) for p in second.problems] == [(4, "Start date", "soon")]


def test_a_workbook(tmp_path: Path) -> None:
    row = SAM | {
        "Employee Number": 1234,
        "Start date": date(2020, 9, 1),
        "FTE": 0.6,
        "Year qualified": 2019,
        "Primary": True,
        "Leaving date": 46266,
    }
    (found,) = rows(write_xlsx(tmp_path / "e.xlsx", [row], first_row=2))
    assert found.line == 4
    assert (found.employee_number, found.start_date, found.fte, found.qualification_year) == ("1234", date(2020, 9, 1), 0.6, 2019)
    assert (found.primary_post, found.leaving_date, found.problems) == (True, date(2026, 9, 1), [])


def test_a_workbook_is_known_by_its_content_and_a_sheet_by_its_name(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "extract.csv", [SAM], sheet="People")
    assert len(rows(path, Mapping(sheet="People"))) == 1
    assert "no sheet called “Staff”" in refusal(path, Mapping(sheet="Staff"))


def test_rows_that_cannot_be_say_line_column_value_and_remedy(tmp_path: Path) -> None:
    bad = SAM | {"SWE number": "SW0", "Contract": "casual", "FTE": "37", "Surname": ""}
    (row,) = rows(write_csv(tmp_path / "e.csv", [bad]))
    assert [(p.line, p.column, p.value) for p in row.problems] == [
        (2, "SWE number", "SW0"),
        (2, "Contract", "casual"),
        (2, "FTE", "37"),
        (2, "Surname", ""),
    ]
    assert all(problem.wrong.endswith((".", "not 0.")) and problem.remedy for problem in row.problems)


def test_a_row_must_say_who_it_is(tmp_path: Path) -> None:
    agency = SAM | {"Employee Number": "", "Contract": "agency"}
    nobody = agency | {"Work email": " "}
    first, second = rows(write_csv(tmp_path / "e.csv", [agency, nobody]))
    assert (first.problems, first.employee_number, first.email) == ([], None, "sam.lee@westmarch.example")
    assert [p.column for p in second.problems] == ["Employee Number"]


def test_leaving_before_starting_and_values_shifted_by_a_comma(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text(
        "Emp no,Forename,Surname,Start date,Leaving date\n1,Sam,Lee,2020-09-01,2020-08-31\n2,Sam,Lee,Jr,2020-09-01,\n3,Kim,Ray,2020-09-01\n"
    )
    early, shifted, short = rows(path)
    assert [p.column for p in early.problems] == ["Leaving date"]
    assert len(shifted.problems) >= 1
    assert short.problems == []


def test_extra_cells_are_a_problem_only_when_they_hold_something(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("Emp no,Forename,Surname,Start date\n1,Sam,Lee,2020-09-01,,\n2,Sam,Lee,2020-09-01,x\n")
    first, second = rows(path)
    assert (first.problems, len(second.problems)) == ([], 1)


def test_a_mapping_file(tmp_path: Path) -> None:
    mapping = load_mapping("""
name: Westmarch HR system
headings: {employee_number: Ref, team: [Cost centre, Unit name], start_date: Began}
values:
  contract: {Zero hours: agency, 01: permanent}
  primary_post: {Main: yes}
  team: {"0012": Meadow Team}
ignore: [Payroll cost]
dates: month first
organisation: Westmarch County Council
extract: full
create_units: true
""")
    base = {
        "Ref": "7",
        "First name": "Sam",
        "Last name": "Lee",
        "Cost centre": "0012",
        "Began": "09/01/2020",
        "Contract": "ZERO-HOURS",
        "Payroll cost": "1",
    }
    extract = read(write_csv(tmp_path / "e.csv", [base, base | {"Contract": "01"}]), mapping)
    first, second = extract.rows
    assert (first.employee_number, first.team, first.contract, first.start_date) == ("7", "Meadow Team", "agency", date(2020, 9, 1))
    assert (second.contract, first.organisation, extract.ignored) == ("permanent", "Westmarch County Council", ())
    assert mapping.full and mapping.create_units and first.problems == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("headings: {employee_nr: Ref}", "employee_nr"),
        ("heading: {}", "“heading”"),
        ("headings: {team: Unit, service: unit}", "same heading"),
        ("values: {fte: {a: 1}}", "cannot translate “fte”"),
        ("extract: everything", "partial, full"),
        ("create_units: perhaps", "true or false"),
        ("- a\n- b", "entries such as"),
        ("headings: [", "not valid YAML"),
        ("a: &a [x]\nb: *a", "anchors"),
        ("values: {team: {a: [b]}}", "not a word"),
    ],
)
def test_a_wrong_mapping_file_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ExtractRefused, match=words):
        load_mapping(text)


def test_missing_and_doubled_headings_refuse_the_file(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "e.csv", [{"Emp no": "1", "Forename": "Sam", "Family": "Lee"}])
    assert "last name and start date" in refusal(path) and "Family" in refusal(path)
    path = write_csv(tmp_path / "f.csv", [{"Forename": "Sam", "Surname": "Lee", "Start date": "2020-01-01"}])
    assert "employee number, e-mail or Social Work England number" in refusal(path)
    path = write_csv(tmp_path / "g.csv", [SAM | {"Family name": "Lee"}])
    assert "“Surname” and “Family name”" in refusal(path)


def many_parts(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/workbook.xml", "<workbook/>")
        package.writestr("xl/worksheets/sheet1.xml", b"0" * (files.MAX_UNPACKED_BYTES + 1))


def far_cell(path: Path) -> None:
    write_xlsx(path, [SAM])
    with zipfile.ZipFile(path) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"].replace(b'r="A2"', b'r="XFD1048576"')
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)


def error_cell(path: Path) -> None:
    import xlsxwriter

    book = xlsxwriter.Workbook(str(path))
    page = book.add_worksheet()
    page.write_row(0, 0, list(SAM))
    page.write_formula(1, 3, "=NA()", None, "#N/A")
    book.close()


def truncated(path: Path) -> None:
    write_xlsx(path, [SAM])
    path.write_bytes(path.read_bytes()[:-200])


def spoiled(path: Path) -> None:
    write_xlsx(path, [SAM])
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as package:
        start = package.getinfo("xl/worksheets/sheet1.xml").header_offset + 60
    content[start : start + 40] = b"\xff" * 40
    path.write_bytes(content)


def text_in_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("extract.csv", as_csv([SAM]))


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (many_parts, "too large unpacked: more than 400 MB"),
        (far_cell, "beyond row"),
        (error_cell, "Cell D2 holds an error"),
        (truncated, "damaged"),
        (spoiled, "damaged"),
        (text_in_zip, "a zip file, not an Excel workbook"),
        (lambda path: path.write_bytes(b"PK\3\4" + b"rubbish" * 50), "damaged"),
        (lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600), "old Excel workbook"),
        (lambda path: path.write_bytes(b"\x7fELF\0\0\1\2\0\0\0\0"), "not a CSV or Excel file"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(b"\n\n  \n"), "no rows"),
        (lambda path: path.write_text(as_csv([SAM]).split("\r\n")[0]), "headings and no rows"),
        (lambda path: path.write_text(as_csv([SAM]) + '1,"Kim' + "x" * 140_000), "quotation mark"),
        (lambda path: path.write_text(",".join([*SAM, *(f"c{n}" for n in range(60))]) + "\n1\n"), "more than 60 columns"),
    ],
)
def test_files_that_are_refused_say_why(tmp_path: Path, make: Any, words: str) -> None:
    path = tmp_path / "extract"
    make(path)
    assert words in refusal(path)


def test_limits_on_size_and_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_csv(tmp_path / "e.csv", [SAM, SAM, SAM])
    monkeypatch.setattr("app.hr.extract.MAX_ROWS", 2)
    assert "more than 2 rows" in refusal(path)
    monkeypatch.setattr(files, "MAX_BYTES", 10)
    assert "the limit is" in refusal(path)
    assert "cannot be opened" in refusal(tmp_path / "none.csv")


@pytest.mark.thorough
def test_memory_stays_flat_however_long_the_file(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        path = write_csv(tmp_path / "e.csv", [SAM | {"Employee Number": str(n)} for n in range(count)])
        tracemalloc.start()
        assert sum(1 for _ in read(path).rows) == count
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(10)  # fills the caches
    assert peak(20_000) < peak(2_000) + 8_000_000


def test_the_digest_names_the_bytes(tmp_path: Path) -> None:
    first, second = write_csv(tmp_path / "a.csv", [SAM]), write_csv(tmp_path / "b.csv", [SAM], "utf-16")
    assert digest(first) != digest(second)
    assert len(digest(first)) == 64
