"""The coordinator's pages about courses, through the door."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from app.frameworks.operations import load_standards
from app.learning.models import Course, CourseStandard, Curriculum, CurriculumCourse, Prerequisite, Provider, Series
from tests.factory import Make
from tests.learning.test_operations import STANDARDS

FORM = {
    "title": "Court skills",
    "kind": "essentials",
    "summary": "Giving evidence.",
    "outcomes": "Write a statement\nGive evidence",
    "bucket": "formal",
    "cpd_hours": "3",
    "cpd_minutes": "30",
    "cost": "£12.50",
}
PAGES = ("courses", "courses/new", "curricula", "curricula/new", "providers", "providers/new", "series", "series/new")


@pytest.fixture
def browser(make: Make, sign_in: Any) -> Any:
    return sign_in(make.person("Cai", roles=("coordinator",)))


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.text))


@pytest.mark.parametrize("path", PAGES)
def test_coordinators_only(make: Make, sign_in: Any, browser: Any, path: str) -> None:
    make.course()
    assert browser.get(f"/manage/{path}").status_code == 200
    assert sign_in(make.person("Ann")).get(f"/manage/{path}").status_code == 403


def test_posting_is_for_coordinators_too(make: Make, sign_in: Any) -> None:
    course, ann = make.course(), sign_in(make.person("Ann"))
    for path in ("courses/new", f"courses/{course.id}", f"courses/{course.id}/copy", f"courses/{course.id}/withdraw", "providers/new"):
        assert ann.post(f"/manage/{path}", data=FORM).status_code == 403


def test_a_course_is_written_published_and_copied(make: Make, browser: Any) -> None:
    with make.tx() as tx:
        load_standards(tx, STANDARDS)
    first = make.course("First")
    made = browser.post("/manage/courses/new", data={**FORM, "requires": [first.id], "standards": ["SET-1", "SET-2"]})
    assert made.status_code == 303
    course = make.rows(select(Course.__table__).where(Course.title == "Court skills"))[0]
    assert (course.status, course.cpd_minutes, course.cost_pence) == ("draft", 210, 1250)
    page = browser.get(made.headers["location"])
    assert "saved as a draft" in words(page) and 'value="12.50"' in page.text
    assert page.text.count(" checked") >= 4  # bucket, prerequisite, two standards
    again = {**FORM, "requires": [first.id], "standards": ["SET-1", "SET-2"], "version": "1", "then": "publish"}
    published = browser.post(f"/manage/courses/{course.id}", data=again)
    assert published.status_code == 303 and make.row(Course, course.id).status == "published"
    copied = browser.post(f"/manage/courses/{course.id}/copy")
    assert "Copy of Court skills" in browser.get(copied.headers["location"]).text
    assert len(make.rows(select(Prerequisite.course_id))) == 2
    assert len(make.rows(select(CourseStandard.course_id))) == 4


def test_what_was_typed_stays_beside_what_is_wrong(make: Make, browser: Any) -> None:
    page = browser.post("/manage/courses/new", data={**FORM, "title": "", "cost": "lots", "audience": "Everyone who dares"})
    assert page.status_code == 422
    assert 'href="#cost"' in page.text and "Everyone who dares" in page.text and 'value="lots"' in page.text
    page = browser.post("/manage/courses/new", data={**FORM, "title": ""})
    assert 'href="#title"' in page.text and "Error:" in page.text and "Write a statement" in page.text
    assert make.rows(select(Course.id)) == []


def test_boxes_that_were_unticked_are_off(make: Make, browser: Any) -> None:
    first = make.course("First")
    course = make.course("Second", requires=(first.id,), needs_approval=True)
    saved = browser.post(f"/manage/courses/{course.id}", data={**FORM, "title": "Second", "version": "1"})
    assert saved.status_code == 303
    assert make.rows(select(Prerequisite.course_id)) == [] and not make.row(Course, course.id).needs_approval


def test_an_old_form_is_refused_and_says_so(make: Make, browser: Any) -> None:
    course = make.course("Second")
    assert browser.post(f"/manage/courses/{course.id}", data={**FORM, "version": "1"}).status_code == 303
    page = browser.post(f"/manage/courses/{course.id}", data={**FORM, "version": "1", "summary": "Mine."})
    assert page.status_code == 412 and "Mine." in page.text and "as it is now" in words(page)
    assert 'name="version" value="2"' in page.text  # having seen it, they may save over it


def test_publishing_too_early_says_what_is_missing(make: Make, browser: Any) -> None:
    course = make.course(status="draft", outcomes="")
    page = browser.post(
        f"/manage/courses/{course.id}", data={**FORM, "outcomes": "", "summary": "Mine.", "version": "1", "then": "publish"}
    )
    assert page.status_code == 422 and "Enter what people will be able to do" in page.text and "Mine." in page.text
    assert 'name="version" value="1"' in page.text and make.row(Course, course.id).summary != "Mine."


def test_withdrawing_has_a_page_of_its_own(make: Make, browser: Any) -> None:
    course = make.course()
    session = make.session(course=course.id)
    page = browser.get(f"/manage/courses/{course.id}/withdraw")
    assert f"/manage/sessions/{session.id}" in page.text and "<button" not in page.text.split("<main")[1]
    assert browser.post(f"/manage/courses/{course.id}/withdraw", data={"version": "1"}).status_code == 409
    other = make.course()
    assert browser.post(f"/manage/courses/{other.id}/withdraw", data={"version": "1"}).status_code == 303
    assert make.row(Course, other.id).status == "withdrawn"


def test_the_list_searches_filters_and_pages(make: Make, browser: Any, count_queries: Any) -> None:
    for n in range(27):
        make.course(f"Course number {n:02}")
    make.course("Court skills", status="draft", kind="essentials")
    with count_queries() as queries:
        page = browser.get("/manage/courses")
    assert len(queries) <= 4 and "28 courses" in words(page) and "Page 1 of 2" in words(page)
    assert "Course number 26" in browser.get("/manage/courses?page=2").text
    assert "28 courses" in words(browser.get("/manage/courses?page=99"))
    found = browser.get("/manage/courses?q=court&status=draft&kind=essentials")
    assert "1 course" in words(found) and "Court skills" in found.text and "Course number" not in found.text
    assert "No course fits" in words(browser.get("/manage/courses?q=zzz"))


def test_curricula(make: Make, browser: Any) -> None:
    a, b, c = make.course("A course"), make.course("B course"), make.course("C course")
    form = {"title": "Essentials", "rule": "any", "needed": "2", "course_ids": [c.id, a.id, b.id], "summary": "To begin with."}
    page = browser.post("/manage/curricula/new", data={**form, "needed": "9"})
    assert page.status_code == 422 and "from 1 to 3" in page.text and page.text.count(" checked") == 4
    assert browser.post("/manage/curricula/new", data=form).status_code == 303
    key = make.rows(select(Curriculum.id))[0].id
    assert "Any 2 of 3 courses" in words(browser.get("/manage/curricula?done=saved"))
    assert 'value="2"' in browser.get(f"/manage/curricula/{key}").text
    again = {**form, "rule": "all", "needed": "", "version": "1", "course_ids": [a.id, c.id]}
    assert browser.post(f"/manage/curricula/{key}", data=again).status_code == 303
    order = select(CurriculumCourse.course_id).order_by(CurriculumCourse.position)
    assert [row.course_id for row in make.rows(order)] == [c.id, a.id]  # as they stood
    assert browser.post(f"/manage/curricula/{key}", data=again).status_code == 412


def test_providers_and_series(make: Make, browser: Any) -> None:
    assert browser.post("/manage/providers/new", data={"name": "Northfield University"}).status_code == 303
    page = browser.post("/manage/providers/new", data={"name": "Northfield University"})
    assert page.status_code == 422 and "already one called" in page.text
    key = make.rows(select(Provider.id))[0].id
    assert "Northfield University" in browser.get(f"/manage/providers/{key}").text
    assert browser.post(f"/manage/providers/{key}", data={"name": "Northfield College"}).status_code == 303
    assert "Northfield College" in browser.get("/manage/providers").text
    assert browser.post("/manage/series/new", data={"title": "Spring", "summary": "Six evenings."}).status_code == 303
    series = make.rows(select(Series.id))[0].id
    assert "Six evenings." in browser.get(f"/manage/series/{series}").text
    assert browser.post(f"/manage/series/{series}", data={"title": ""}).status_code == 422
    assert browser.get("/manage/providers/999").status_code == 404
