from datetime import date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.hr import values
from app.hr.values import Wrong


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2026-09-01", date(2026, 9, 1)),
        ("20260901", date(2026, 9, 1)),
        ("2026-09-01 00:00:00", date(2026, 9, 1)),
        ("2026-09-01T00:00:00Z", date(2026, 9, 1)),
        ("01/09/2026", date(2026, 9, 1)),
        ("1/9/2026", date(2026, 9, 1)),
        ("1.9.26", date(2026, 9, 1)),
        ("01/09/2026 00:00", date(2026, 9, 1)),
        ("1-Sep-26", date(2026, 9, 1)),
        ("1 September 2026", date(2026, 9, 1)),
        ("1st Sept 2026", date(2026, 9, 1)),
        ("01SEP2026", date(2026, 9, 1)),
        ("Tue, 1 Sep 2026", date(2026, 9, 1)),
        ("46266", date(2026, 9, 1)),
        (46266.0, date(2026, 9, 1)),
        (datetime(2026, 9, 1, 0, 0), date(2026, 9, 1)),  # noqa: DTZ001 - a spreadsheet knows no zone
        (date(2026, 9, 1), date(2026, 9, 1)),
        ("03/04/2026", date(2026, 4, 3)),
        ("1/1/68", date(2068, 1, 1)),
        ("1/1/69", date(1969, 1, 1)),
        ("29/02/2024", date(2024, 2, 29)),
        ("", None),
        ("n/a", None),
    ],
)
def test_dates_of_every_kind_are_read_day_first(cell: object, expected: date | None) -> None:
    assert values.day(cell) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "cell",
    ["03/25/2026", "31/02/2026", "29/02/2025", "tomorrow", "1/9", "01/01/1900", "1 Sept", "260901", "1 Mayor 2026", time(9), "12345678"],
)
def test_a_date_that_does_not_fit_is_never_guessed(cell: object) -> None:
    with pytest.raises(Wrong):
        values.day(cell)  # type: ignore[arg-type]


def test_month_first_only_when_the_mapping_says_so() -> None:
    assert values.day("03/25/2026", month_first=True) == date(2026, 3, 25)
    with pytest.raises(Wrong):
        values.day("25/03/2026", month_first=True)


@given(st.dates(date(1941, 1, 1), date(2068, 12, 31)))
def test_every_way_of_writing_a_date_gives_that_date(day: date) -> None:
    shapes = [
        day.isoformat(),
        f"{day.day}/{day.month}/{day.year}",
        f"{day:%d-%b-%Y}",
        f"{day:%d %B %Y}",
        str((day - date(1899, 12, 30)).days),
    ]
    assert {values.day(shape) for shape in shapes} == {day}


@pytest.mark.parametrize("cell", ["31/12/9999", "2999-12-31", "31-Dec-4712", "31/12/2099", "", date(9999, 12, 31)])
def test_stand_ins_for_no_leaving_date_are_no_leaving_date(cell: str | date) -> None:
    assert values.leaving_day(cell) is None


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("Mon-Fri", "1111100"),
        ("Monday to Friday", "1111100"),
        ("MTW--", "1110000"),
        ("MTWTF--", "1111100"),
        ("M-W-F", "1010100"),
        ("-----SS", "0000011"),
        ("1111100", "1111100"),
        ("11110", "1111000"),
        ("Mon, Tue & Thu", "1101000"),
        ("Mon-Wed, Fri", "1110100"),
        ("tues weds thurs", "0111000"),
    ],
)
def test_working_days(cell: str, expected: str) -> None:
    assert values.working_days(cell) == expected


@pytest.mark.parametrize("cell", ["5", "0000000", "full time", "Fri-Mon", "M", "XXXXX", "Mon-Wed-Fri"])
def test_working_days_not_understood(cell: str) -> None:
    with pytest.raises(Wrong):
        values.working_days(cell)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (1234.0, "1234"),
        ("001234", "001234"),
        (" a 12 ", "A12"),
        ('="0077"', "0077"),
        ("'0077", "0077"),
        ("1234.0", "1234"),
        ("-", None),
        ("", None),
    ],
)
def test_employee_numbers_keep_their_zeros(cell: str | float, expected: str | None) -> None:
    assert values.number(cell) == expected


@pytest.mark.parametrize("cell", ["1.23457E+11", "12;34", "=A1", "no number"])
def test_employee_numbers_that_cannot_be(cell: str) -> None:
    with pytest.raises(Wrong):
        values.number(cell) if cell != "no number" else values.number("no/number?")


@pytest.mark.parametrize(
    ("cell", "expected"), [("SW900001", "SW900001"), ("sw 900001", "SW900001"), ("SW1", "SW1"), ("", None), ("N/A", None)]
)
def test_registration_numbers_in_their_one_form(cell: str, expected: str | None) -> None:
    assert values.swe_number(cell) == expected


@pytest.mark.parametrize("cell", ["SW0900001", "SW9000011", "900001", "SWE900001", "SW", 900001.0, "SW90000O"])
def test_bad_registration_numbers(cell: str | float) -> None:
    with pytest.raises(Wrong, match="Social Work England"):
        values.swe_number(cell)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("Perm", "permanent"),
        ("Fixed-Term", "fixed term"),
        ("FTC", "fixed term"),
        ("AGENCY WORKER", "agency"),
        ("Student", "student"),
        ("", None),
    ],
)
def test_contracts(cell: str, expected: str | None) -> None:
    assert values.contract(cell) == expected


def test_an_unknown_contract_points_to_the_mapping_file() -> None:
    with pytest.raises(Wrong) as wrong:
        values.contract("Zero hours")
    assert "mapping file" in wrong.value.remedy


@pytest.mark.parametrize(("cell", "expected"), [("1", 1.0), ("0.6", 0.6), (0.6, 0.6), ("60%", 0.6), ("", None)])
def test_fte(cell: str | float, expected: float | None) -> None:
    assert values.fte(cell) == expected


@pytest.mark.parametrize("cell", ["37", "0", "half", "0,6", "nan", "inf", "-1"])
def test_fte_out_of_range(cell: str) -> None:
    with pytest.raises(Wrong):
        values.fte(cell)


@pytest.mark.parametrize("cell", ["Sam\x07", "Sam\u202elee", "=1+1", "@sum(A1)", "+44", "-x", "S" * 101, "123", "Ren�"])
def test_names_that_are_refused(cell: str) -> None:
    with pytest.raises(Wrong):
        values.text("last_name", cell)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("  O\u2019Neill  ", "O\u2019Neill"),
        ("van\u00a0der\u200b  Berg", "van der Berg"),
        ("Null", "Null"),
        ("Zoe\u0308", "Zo\u00eb"),
        ("Lee\r\n", "Lee"),
    ],
)
def test_names_are_trimmed_and_kept(cell: str, expected: str) -> None:
    assert values.text("last_name", cell) == expected


@pytest.mark.parametrize("cell", ["sam.lee@westmarch.example", " Sam.Lee@Westmarch.Example ", "mailto:sam.lee@westmarch.example"])
def test_email_in_small_letters(cell: str) -> None:
    assert values.email(cell) == "sam.lee@westmarch.example"


@pytest.mark.parametrize("cell", ["sam", "sam@", "sam lee@westmarch.example", "a@b.example; c@d.example", "sam@westmarch..example"])
def test_not_an_email(cell: str) -> None:
    with pytest.raises(Wrong):
        values.email(cell)


def test_years_and_flags() -> None:
    assert (values.year("2019"), values.year(2019.0), values.year(date(2019, 7, 1)), values.year("")) == (2019, 2019, 2019, None)
    assert [values.yes_or_no(cell) for cell in ("Y", "no", "Primary", True, 1.0, 0.0, "")] == [True, False, True, True, True, False, None]
    with pytest.raises(Wrong):
        values.year("19")
    with pytest.raises(Wrong):
        values.yes_or_no("perhaps")
