"""The collection's checks: one case for each rule of the guide that ships, and what a right return says nothing about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from app.census import checking
from app.census.checking import AUTHORITY, check
from app.census.filling import Year
from app.census.guide import Guide, parsed
from app.census.rows import written
from tests.census.world import FILE, HR, REFERENCE

YEAR = Year.ending(REFERENCE, datetime(2025, 11, 1, tzinfo=UTC))
EMPLOYEE = HR | {
    "AgencyWorker": "0", "SWENo": "SW0000000001", "FTE": "0.8", "FTE30": "0.8", "OrgRole": "5", "RoleStartDate": "2020-01-06",
    "Cases30": "15", "Absat30Sept": "0",
}  # fmt: skip
AGENCY = {
    "AgencyWorker": "1", "SWENo": "SW0000000002", "FTE": "1", "FTE30": "1", "OrgRole": "5", "RoleStartDate": "2025-06-02", "Cases30": "20",
    "QualInst": "A university", "ContractWeeks": "17.5",
}  # fmt: skip
LEAVER = {name: value for name, value in EMPLOYEE.items() if name not in ("FTE30", "Cases30", "Absat30Sept")} | {
    "SWENo": "SW0000000003", "RoleEndDate": "2025-03-31", "LeaverDestination": "1", "ReasonLeave": "1",
}  # fmt: skip
STARTER = EMPLOYEE | {"SWENo": "SW0000000004", "RoleStartDate": "2025-01-06", "StartOrigin": "2"}
AUTHORITY_ITEMS = {"NumberOfVacancies": "12.5", "NoAgencyFTE": "8", "NoAgencyHeadcount": "9"}
EVERYBODY = [EMPLOYEE, AGENCY, LEAVER, STARTER]


@pytest.fixture(scope="module")
def guide() -> Guide:
    return parsed(yaml.safe_load(FILE.read_text())["census_guide"])


def found(guide: Guide, people: list[dict[str, str]], authority: dict[str, str] = AUTHORITY_ITEMS) -> list[tuple[int, str, str, str, str]]:
    messages = check(guide, YEAR, list(enumerate(people, 1)), authority)
    return [(each.number, each.kind, each.rule, each.item, each.value) for each in messages]


def test_a_right_return_has_no_messages(guide: Guide) -> None:
    assert found(guide, EVERYBODY) == []


CASES: dict[str, tuple[dict[str, str], dict[str, str], str]] = {  # rule → of whom, what is changed, which item is named
    "ends-before-it-starts": (LEAVER, {"RoleStartDate": "2025-05-01", "StartOrigin": "2"}, "RoleEndDate"),
    "end-outside-the-year": (LEAVER, {"RoleEndDate": "2024-09-30"}, "RoleEndDate"),
    "destination-of-nobody": (EMPLOYEE, {"LeaverDestination": "1"}, "LeaverDestination"),
    "reason-of-nobody": (EMPLOYEE, {"ReasonLeave": "1"}, "ReasonLeave"),
    "leaver-in-post": (LEAVER, {"FTE30": "1"}, "FTE30"),
    "starter-without-origin": (STARTER, {"StartOrigin": ""}, "StartOrigin"),
    "agency-with-origin": (AGENCY, {"StartOrigin": "4"}, "StartOrigin"),
    "agency-with-reason": (AGENCY | {"RoleEndDate": "2025-07-01", "FTE30": "", "Cases30": ""}, {"ReasonLeave": "1"}, "ReasonLeave"),
    "absence-of-nobody": (EMPLOYEE, {"ReasonAbsence": "SIC"}, "ReasonAbsence"),
    "reason-not-given": (LEAVER, {"ReasonLeave": "9"}, "ReasonLeave"),
    "destination-not-given": (LEAVER, {"LeaverDestination": "9"}, "LeaverDestination"),
    "ethnicity-not-obtained": (EMPLOYEE, {"Ethnicity": "NOBT"}, "Ethnicity"),
    "young": (EMPLOYEE, {"PersonBirthDate": "2005-10-01"}, "PersonBirthDate"),  # 20 on the day after the reference day
    "old": (EMPLOYEE, {"PersonBirthDate": "1949-09-30"}, "PersonBirthDate"),  # 76 on the reference day
    "no-cases": (EMPLOYEE, {"Cases30": "0"}, "Cases30"),
    "many-cases": (EMPLOYEE, {"Cases30": "41"}, "Cases30"),
    "cases-without-holding": (EMPLOYEE, {"OrgRole": "2"}, "Cases30"),
    "days-lost": (EMPLOYEE, {"WorkingDaysLost": "253.5"}, "WorkingDaysLost"),
    "assessed-year-of-manager": (EMPLOYEE, {"OrgRole": "3", "CFKSSstatus": "1"}, "CFKSSstatus"),
}


@pytest.mark.parametrize("rule", CASES)
def test_each_rule_finds_its_case_and_nothing_else(rule: str, guide: Guide) -> None:
    person, change, item = CASES[rule]
    assert found(guide, [person]) == []
    messages = found(guide, [person | change])
    assert [(kind, code, named) for _, kind, code, named, _ in messages] == [(guide.ruled[rule].kind, rule, item)]


def test_every_rule_of_the_guide_has_a_case(guide: Guide) -> None:
    assert set(guide.ruled) == set(CASES) | {"not-in-two-posts", "covered-without-vacancy"}


@pytest.mark.parametrize(
    ("person", "change"),
    [
        (EMPLOYEE, {"PersonBirthDate": "2005-09-30"}),
        (EMPLOYEE, {"PersonBirthDate": "1949-10-01"}),
        (EMPLOYEE, {"Cases30": "40"}),
        (EMPLOYEE, {"Cases30": "0", "Absat30Sept": "1", "ReasonAbsence": "MAT"}),
        (LEAVER, {"RoleEndDate": "2025-09-30"}),
        (LEAVER, {"RoleEndDate": "2024-10-01"}),
        (EMPLOYEE, {"FTE": "1", "FTE30": "1"}),
    ],
)
def test_at_the_edge_nothing_is_said(person: dict[str, str], change: dict[str, str], guide: Guide) -> None:
    assert found(guide, [person | change]) == []


def test_two_people_with_one_number(guide: Guide) -> None:
    twice = [EMPLOYEE, AGENCY | {"SWENo": "sw0000000001"}, LEAVER]
    assert [(number, rule) for number, _, rule, _, _ in found(guide, twice)] == [(1, "not-in-two-posts"), (2, "not-in-two-posts")]


def test_what_is_said_of_the_authority(guide: Guide) -> None:
    assert found(guide, [EMPLOYEE], AUTHORITY_ITEMS | {"NoAgencyFTE": "12.51"}) == [
        (AUTHORITY, "query", "covered-without-vacancy", "NoAgencyFTE", "12.51")
    ]
    assert [(each[2], each[3]) for each in found(guide, [EMPLOYEE], {"NumberOfVacancies": "0", "NoAgencyFTE": "0"})] == [
        ("missing", "NoAgencyHeadcount")
    ]
    assert [each[2:] for each in found(guide, [EMPLOYEE], AUTHORITY_ITEMS | {"NoAgencyHeadcount": "2.5"})] == [
        ("form", "NoAgencyHeadcount", "2.5")
    ]


# By whom each item is needed, said again without the guide: employees, agency workers, leavers, starters.
NEEDED = {
    "employee": {
        "AgencyWorker", "SWENo", "FTE", "PersonBirthDate", "GenderCurrent", "Ethnicity", "QualInst", "QualLevel", "StepUpGrad", "OrgRole",
        "RoleStartDate", "FTE30", "Cases30", "WorkingDaysLost", "FrontlineGrad", "Absat30Sept",
    },
    "agency": {"AgencyWorker", "SWENo", "FTE", "QualInst", "OrgRole", "RoleStartDate", "FTE30", "Cases30", "ContractWeeks"},
}  # fmt: skip
NEEDED["leaver"] = NEEDED["employee"] - {"FTE30", "Cases30", "Absat30Sept"} | {"RoleEndDate", "LeaverDestination", "ReasonLeave"}
NEEDED["starter"] = NEEDED["employee"]


@pytest.mark.parametrize(("who", "person"), [("employee", EMPLOYEE), ("agency", AGENCY), ("leaver", LEAVER), ("starter", STARTER)])
def test_what_is_missing_is_said(who: str, person: dict[str, str], guide: Guide) -> None:
    said = set()
    for item in person:
        without = {name: value for name, value in person.items() if name != item}
        said |= {item for _, kind, rule, named, _ in found(guide, [without]) if (kind, rule, named) == ("error", "missing", item)}
    decides = {"AgencyWorker", "OrgRole", "RoleStartDate", "RoleEndDate", "Absat30Sept"}  # without them others are not needed either
    assert said - decides == NEEDED[who] - decides
    assert {"AgencyWorker", "OrgRole", "RoleStartDate"} <= said


@pytest.mark.parametrize(
    ("item", "value"),
    [
        *(("SWENo", value) for value in ("SW123", "0000000001", "SW00000000011")),
        *(("FTE", value) for value in ("٠.٥", "1.01", "-0.5", "half", "0.1234567", "1e0")),
        *(("Cases30", value) for value in ("12.5", "-1", "201", "３")),
        *(("WorkingDaysLost", value) for value in ("1.234", "367", "٣٧")),
        *(("OrgRole", value) for value in ("0", "7", "05")),
        *(("RoleStartDate", value) for value in ("1/2/2020", "2020-02-30", "20200101", "٢٠٢٠-٠١-٠١")),
        ("QualInst", "x" * 201),
    ],
)
def test_what_the_collection_does_not_take(item: str, value: str, guide: Guide) -> None:
    assert (1, "error", "form", item, value[:200]) in found(guide, [EMPLOYEE | {item: value}])


def test_private_values_never_stand_in_a_message(guide: Guide) -> None:
    wrong = {"PersonBirthDate": "8/12/1984", "GenderCurrent": "F", "Ethnicity": "NOBT", "Absat30Sept": "1", "ReasonAbsence": "flu"}
    messages = found(guide, [EMPLOYEE | wrong])
    assert {item for *_, item, _ in messages} == set(wrong) - {"Absat30Sept"} and {value for *_, value in messages} == {""}


def test_the_summary_counts_who_gave_what(guide: Guide) -> None:
    ours = {
        name: EMPLOYEE[name] for name in ("AgencyWorker", "SWENo", "FTE", "FTE30", "OrgRole", "RoleStartDate", "Absat30Sept", "Cases30")
    }
    summary = checking.summary(guide, YEAR, [(ours, {"QualInst": "A university"}), (ours, {"Cases30": "3"}), (AGENCY, {})])
    assert summary["QualInst"] == {"needed": 3, "missing": 1, "academy": 1, "hr": 1}
    assert summary["Cases30"] == {"needed": 3, "missing": 0, "academy": 2, "hr": 1}
    assert summary["PersonBirthDate"] == {"needed": 2, "missing": 2, "academy": 0, "hr": 0}
    assert summary["CFKSSstatus"] == {"needed": 0, "missing": 0, "academy": 0, "hr": 0}


@pytest.mark.parametrize(
    ("item", "said", "value"),
    [
        ("PersonBirthDate", "8/12/1984", "1984-12-08"),
        ("GenderCurrent", "female", "2"),
        ("Ethnicity", "White British", "WBRI"),
        ("Ethnicity", "wbri", "WBRI"),
        ("StepUpGrad", "Yes", "1"),
        ("ReasonLeave", "5: Retired", "5"),
        ("WorkingDaysLost", "1,250", "1250"),
        ("WorkingDaysLost", "1,2", "1,2"),
        ("PersonBirthDate", "soon", ""),
        ("ReasonLeave", "Retiring", ""),
    ],
)
def test_cells_as_people_write_them(item: str, said: str, value: str, guide: Guide) -> None:
    assert written(guide.known[item], said) == value


def test_what_a_guide_may_not_say() -> None:
    def with_(**rule: Any) -> Any:
        content = yaml.safe_load(FILE.read_text())["census_guide"]
        usual = {"code": "new-rule", "kind": "error", "item": "FTE", "is": "given", "said": "It is there", "remedy": "Take it out"}
        return content | {"rules": [usual | rule]}

    assert parsed(with_()).rules[0].code == "new-rule"
    for wrong in (
        {"item": "Nothing"},
        {"is": "purple"},
        {"is": ["1"]},
        {"is": {"over": "much"}},
        {"is": {"beyond": 3}},
        {"is": {"before": "Nothing"}},
        {"when": {"Nothing": "given"}},
    ):
        with pytest.raises(Exception, match="cannot be read"):
            parsed(with_(**wrong))
