"""The files: every code exists, every course is whole, and nobody from outside the county is in them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from app.core.text import slug
from app.learning.models import Bucket, CourseKind
from seed.content import HERE, content, unknown_codes
from seed.names import FIRST, LAST, UNUSUAL, Addresses, plain
from seed.personas import PERSONAS, persona

# SHA-256 (first 16 figures) of names, in lower case, that must never stand in the county: real people and institutions.
REAL = frozenset({
    "058db39931a3293f", "866722de92eda079", "cc29c32b8bf8b17a", "fcba8ef5a45acf78", "c3bca5ae502c6e83", "a9955647c323f7b7",
    "46f64ac3ad6df271", "59501a9d8b70746b", "b11dc23a99f82088", "1233ced29469258f", "e532827abfe7a7f5", "16b98b5c30c31fae",
    "845d79f523663603", "1c3cae98d168cf36", "9ccdbaad39022a98", "6388d30ba7d0f1e8",
})  # fmt: skip


def digest(name: str) -> str:
    return hashlib.sha256(name.casefold().encode()).hexdigest()[:16]


def test_every_code_that_is_used_is_defined() -> None:
    assert unknown_codes(content()) == []


def test_a_code_that_is_not_defined_is_named() -> None:
    found = content()
    broken = replace(found.courses["ESS-01"], standards=("PQS-P-99",), needs=("ESS-00",))
    problems = unknown_codes(replace(found, courses=found.courses | {"ESS-01": broken}))
    assert problems == ["ESS-01: there is no standard 'PQS-P-99'", "ESS-01: there is no course 'ESS-00'"]


def test_sixty_courses_of_every_kind() -> None:
    courses = content().courses.values()
    assert len(courses) == 60
    assert {course.kind for course in courses} == {kind.value for kind in CourseKind}
    assert {course.bucket for course in courses} == {bucket.value for bucket in Bucket}
    assert len({slug(course.title) for course in courses}) == 60


@pytest.mark.parametrize("code", list(content().courses))
def test_a_course_says_what_a_reader_needs(code: str) -> None:
    course = content().courses[code]
    assert 2 <= len(re.findall(r"[.?!](?:\s|$)", course.summary)) <= 4
    assert 3 <= len(course.outcomes) <= 5
    assert all(line[0].isupper() and not line.endswith(".") for line in course.outcomes)
    assert 1 <= len(course.standards) <= 3
    assert course.audience
    assert course.minutes % course.parts == 0
    assert course.refresher is None or course.valid_months


def test_prerequisites_lead_somewhere_and_never_in_a_circle() -> None:
    courses = content().courses

    def depth(code: str, above: tuple[str, ...] = ()) -> int:
        assert code not in above, f"{code} needs itself"
        return 1 + max((depth(need, (*above, code)) for need in courses[code].needs), default=0)

    assert max(map(depth, courses)) == 4


def test_a_refresher_can_be_booked_by_somebody_whose_training_has_lapsed() -> None:
    courses = content().courses
    for course in courses.values():
        if course.refresher:
            assert course.code not in courses[course.refresher].needs


def test_curricula_have_a_rule_that_can_be_met() -> None:
    for curriculum in content().curricula:
        assert (curriculum.rule == "any") == (curriculum.any_n is not None)
        assert (curriculum.any_n or 1) <= len(curriculum.courses)


def test_standards_sets_carry_version_and_honesty_about_what_was_checked() -> None:
    sets = {group.code: group for group in content().standards}
    assert {"PQS-PRACTITIONER", "PQS-SUPERVISOR", "PQS-LEADER", "ECS", "SWE-PS", "PCF", "PEPS"} <= set(sets)
    assert len(sets["PQS-PRACTITIONER"].items) == 10
    assert str(sets["PQS-PRACTITIONER"].in_force_to) == "2027-03-31"
    assert str(sets["ECS"].in_force_from) == "2027-04-01"
    assert all(group.version for group in sets.values())
    assert not all(item.verified for item in sets["PQS-PRACTITIONER"].items)


def test_nobody_real_is_in_the_files() -> None:
    texts = [path.read_text(encoding="utf-8") for path in Path(HERE).rglob("*") if path.suffix in (".yaml", ".py")]
    for text in texts:
        words = re.findall(r"[\w'’-]+", text)
        found = {f"{one} {two}" for one, two in pairwise(words)} | set(words)
        assert not {name for name in found if digest(name) in REAL}


def test_no_first_and_last_name_together_make_somebody_real() -> None:
    assert not [(first, last) for first in FIRST for last in LAST if digest(f"{first} {last}") in REAL]


def test_names_show_what_pages_must_cope_with() -> None:
    names = [f"{first} {last}" for first, last in UNUSUAL]
    assert any(len(name) > 40 for name in names)
    assert any("-" in name for name in names)
    assert any("'" in name for name in names)
    assert any(len(part) == 1 for name in names for part in name.split())
    assert any(not name.isascii() for name in names)
    assert len(set(FIRST)) > 400
    assert len(set(LAST)) > 400


def test_addresses_are_plain_and_one_person_each() -> None:
    addresses = Addresses()
    given = [addresses.give(first, last, "westmarch.example") for first, last in (*UNUSUAL, ("Ann", "Li"), ("Ann", "Li"))]
    assert given[-2:] == ["ann.li@westmarch.example", "ann.li2@westmarch.example"]
    assert all(re.fullmatch(r"[a-z-]+\.[a-z-]+\d*@westmarch\.example", address) for address in given)
    assert len(set(given)) == len(given)


@pytest.mark.parametrize(
    ("name", "expected"), [("Łucja", "lucja"), ("Þórðarson", "thordarson"), ("O'Neill", "oneill"), ("van der Meer", "van-der-meer")]
)
def test_plain_letters(name: str, expected: str) -> None:
    assert plain(name) == expected


def test_personas_cover_every_kind_of_user() -> None:
    keys = ["practitioner", "nqsw", "manager", "assessor", "trainer", "coordinator", "psw", "hr", "board", "panel", "moderator"]
    assert [who.key for who in PERSONAS] == [*keys, "administrator"]
    assert all(who.email.endswith("@westmarch.example") and who.who and who.try_this for who in PERSONAS)
    assert persona("psw").name == "Helen Ashworth"
    with pytest.raises(KeyError):
        persona("nobody")
