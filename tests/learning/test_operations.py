"""Courses, providers, series, curricula: success beside refusal, on both databases."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import select

from app.core.errors import Changed, Conflict, Forbidden, Invalid, Refusal
from app.core.tx import Actor, transaction
from app.frameworks.operations import load_standards
from app.learning import operations
from app.learning.models import Course, CourseStandard, Curriculum, CurriculumCourse, Prerequisite, Provider
from tests.factory import Make

STANDARDS = {
    "standards_sets": [
        {
            "code": "SET",
            "version": "1",
            "title": "A set",
            "items": [{"code": f"SET-{n}", "number": n, "title": f"Standard {n}"} for n in range(1, 8)],
        }
    ]
}
COURSE: dict[str, Any] = {
    "title": "Court skills",
    "kind": "essentials",
    "summary": "Giving evidence.",
    "outcomes": "Write a statement\n\n  Give evidence ",
}


def coordinating(make: Make, *, writes: bool = True) -> Any:
    person = make.person("Cai")
    return transaction(
        make.database, Actor("person", person.id, person.name, (("practitioner", None), ("coordinator", None))), writes=writes
    )


def refused(make: Make, how: type[Refusal], verb: Any, *args: Any, **values: Any) -> Refusal:
    with pytest.raises(how) as problem, coordinating(make) as tx:
        verb(tx, *args, **values)
    return problem.value


def fields(problem: Refusal) -> list[str]:
    return [error["field"] for error in problem.errors]


def test_a_course_from_draft_to_withdrawn(make: Make, ledger: Any) -> None:
    with coordinating(make) as tx:
        load_standards(tx, STANDARDS)
        provider = operations.save_provider(tx, None, name="Northfield University")
        key = operations.create_course(tx, provider_id=provider, standards=["SET-1", "SET-2"], cpd_minutes=180, **COURSE)
    course = make.row(Course, key)
    assert (course.status, course.slug, course.version) == ("draft", "court-skills", 1)
    assert course.outcomes == "Write a statement\nGive evidence"
    assert {"court", "evidence", "northfield", "essentials"} <= set(course.search_text.split())
    ledger.start()
    with coordinating(make) as tx:
        operations.publish_course(tx, key)
        operations.change_course(tx, key, 2, title="Court skills in practice", standards=["SET-3"])
        operations.withdraw_course(tx, key, 3, sessions_to_come=0)
    course = make.row(Course, key)
    assert (course.status, course.slug, course.version) == ("withdrawn", "court-skills", 4)  # a published address stays
    assert "practice" in course.search_text
    assert [row.standard for row in make.rows(select(CourseStandard.standard))] == ["SET-3"]
    assert [action for action in ledger.actions() if action.startswith("course")] == [
        "course.published",
        "course.changed",
        "course.withdrawn",
    ]


def test_a_draft_takes_its_address_from_its_title(make: Make) -> None:
    with coordinating(make) as tx:
        key = operations.create_course(tx, title="Court", kind="essentials")
        operations.change_course(tx, key, 1, title="Court skills")
    assert make.row(Course, key).slug == "court-skills"


def test_every_wrong_field_is_named_at_once(make: Make) -> None:
    problem = refused(
        make,
        Invalid,
        operations.create_course,
        title=" ",
        kind="nonsense",
        bucket="nonsense",
        cpd_minutes=-1,
        provider_id=99,
        audience_stages="NOBODY",
        refresher_id=99,
        summary="x" * 1001,
    )
    assert set(fields(problem)) == {
        "title", "kind", "bucket", "cpd_minutes", "provider_id", "audience_stages", "refresher_id", "summary", "validity_months",
    }  # fmt: skip
    assert make.rows(select(Course.id)) == []


def test_titles_are_taken_once(make: Make) -> None:
    make.course("Court skills")
    problem = refused(make, Conflict, operations.create_course, **{**COURSE, "title": "Court  Skills"})
    assert problem.code == "course-title-taken" and fields(problem) == ["title"]


def test_a_stranger_among_the_values_is_a_mistake_of_the_programmer(make: Make) -> None:
    with pytest.raises(TypeError, match="colour"), coordinating(make) as tx:
        operations.create_course(tx, **COURSE, colour="red")


def test_an_old_version_is_refused(make: Make) -> None:
    course = make.course()
    with coordinating(make) as tx:
        operations.change_course(tx, course.id, 1, summary="New words.")
    assert refused(make, Changed, operations.change_course, course.id, 1, summary="Others.").code == "changed-since-read"
    assert make.row(Course, course.id).summary == "New words."


def test_a_change_that_changes_nothing_leaves_no_trace(make: Make, ledger: Any) -> None:
    course = make.course()
    ledger.start()
    with coordinating(make) as tx:
        operations.change_course(tx, course.id, 1, title=course.title, requires=[], standards=[])
    assert make.row(Course, course.id).version == 1
    assert "course.changed" not in ledger.actions()


def test_publishing_needs_a_summary_and_outcomes(make: Make) -> None:
    course = make.course(status="draft", summary="", outcomes="")
    assert fields(refused(make, Invalid, operations.publish_course, course.id)) == ["summary", "outcomes"]
    live = make.course()
    assert fields(refused(make, Invalid, operations.change_course, live.id, 1, summary=" ")) == ["summary"]
    assert refused(make, Conflict, operations.publish_course, live.id).code == "course-published"


def test_a_course_with_sessions_to_come_stays(make: Make) -> None:
    course = make.course()
    problem = refused(make, Conflict, operations.withdraw_course, course.id, sessions_to_come=2)
    assert "2 published sessions to come" in problem.message and problem.code == "course-has-sessions"


def test_a_copy_is_a_draft_with_everything(make: Make) -> None:
    first = make.course("First")
    with coordinating(make) as tx:
        load_standards(tx, STANDARDS)
    course = make.course("Second", requires=(first.id,), standards=("SET-1",), cpd_minutes=90)
    with coordinating(make) as tx:
        keys = [operations.copy_course(tx, course.id) for _ in range(3)]
    copies = [make.row(Course, key) for key in keys]
    assert [copy.title for copy in copies] == ["Copy of Second", "Copy 2 of Second", "Copy 3 of Second"]
    assert copies[0].status == "draft" and copies[0].cpd_minutes == 90
    assert [row.requires_id for row in make.rows(select(Prerequisite.requires_id).where(Prerequisite.course_id == keys[0]))] == [first.id]
    assert [row.standard for row in make.rows(select(CourseStandard.standard).where(CourseStandard.course_id == keys[0]))] == ["SET-1"]


def test_prerequisites_make_no_circle(make: Make) -> None:
    a, b, c = make.course("A course"), make.course("B course"), make.course("C course")
    with coordinating(make) as tx:
        operations.change_course(tx, b.id, 1, requires=[a.id])
        operations.change_course(tx, c.id, 1, requires=[b.id, a.id])
    problem = refused(make, Conflict, operations.change_course, a.id, 1, requires=[c.id])
    assert problem.code == "prerequisite-circle" and "C course already asks" in problem.message
    assert fields(refused(make, Invalid, operations.change_course, a.id, 1, requires=[a.id])) == ["requires"]
    assert fields(refused(make, Invalid, operations.change_course, a.id, 1, requires=[999])) == ["requires"]


def test_two_halves_of_a_circle_are_not_drawn_at_once(make: Make) -> None:
    a, b = make.course("A course"), make.course("B course")
    outcomes: list[str] = []

    def go(course: int, other: int) -> None:
        try:
            with coordinating(make) as tx:
                operations.change_course(tx, course, 1, requires=[other])
            outcomes.append("done")
        except Refusal as problem:
            outcomes.append(problem.code)

    threads = [threading.Thread(target=go, args=pair) for pair in ((a.id, b.id), (b.id, a.id))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "prerequisite-circle"]


def test_at_most_five_standards_all_of_them_known(make: Make) -> None:
    course = make.course()
    with coordinating(make) as tx:
        load_standards(tx, STANDARDS)
    too_many = refused(make, Invalid, operations.change_course, course.id, 1, standards=[f"SET-{n}" for n in range(1, 7)])
    assert "at most 5" in too_many.message
    assert fields(refused(make, Invalid, operations.change_course, course.id, 1, standards=["SET-9"])) == ["standards"]


def test_a_provider_s_new_name_is_found(make: Make) -> None:
    with coordinating(make) as tx:
        provider = operations.save_provider(tx, None, name="Old name")
        key = operations.create_course(tx, provider_id=provider, **COURSE)
        operations.save_provider(tx, provider, name=" Fresh   name ")
    assert make.row(Provider, provider).name == "Fresh name"
    assert "fresh" in make.row(Course, key).search_text and "old" not in make.row(Course, key).search_text.split()
    assert fields(refused(make, Invalid, operations.save_provider, None, name="Fresh name")) == ["name"]
    assert fields(refused(make, Invalid, operations.save_provider, None, name="")) == ["name"]


def test_a_series(make: Make) -> None:
    with coordinating(make) as tx:
        series = operations.save_series(tx, None, title="Masterclasses in spring", summary="Six evenings.")
        operations.save_series(tx, series, title="Masterclasses in spring", summary="Seven evenings.")
    assert fields(refused(make, Invalid, operations.save_series, None, title="Masterclasses in spring")) == ["title"]
    assert fields(refused(make, Invalid, operations.save_series, None, title="Autumn", summary="x" * 1001)) == ["summary"]


def test_a_curriculum_of_all_or_any(make: Make) -> None:
    a, b, c = make.course(), make.course(), make.course()
    with coordinating(make) as tx:
        key = operations.save_curriculum(tx, None, title="Essentials", rule="all", course_ids=[c.id, a.id])
        operations.save_curriculum(tx, key, 1, title="Essentials", rule="any", needed=2, course_ids=[b.id, a.id, c.id])
    row = make.row(Curriculum, key)
    assert (row.rule, row.needed, row.version) == ("any", 2, 2)
    order = select(CurriculumCourse.course_id).order_by(CurriculumCourse.position)
    assert [each.course_id for each in make.rows(order)] == [b.id, a.id, c.id]
    save = operations.save_curriculum
    assert fields(refused(make, Invalid, save, None, title="X curriculum", rule="any", needed=4, course_ids=[a.id])) == ["needed"]
    assert fields(refused(make, Invalid, save, None, title="X curriculum", rule="some", course_ids=[])) == ["rule", "course_ids"]
    assert refused(make, Changed, save, key, 1, title="Essentials", rule="all", course_ids=[a.id]).status == 412


def test_a_practitioner_changes_nothing(make: Make, ledger: Any) -> None:
    ann, course = make.person("Ann"), make.course()
    ledger.start()
    actor = Actor("person", ann.id, ann.name, (("practitioner", None),))
    for verb, arguments in (
        (operations.create_course, {}),
        (operations.publish_course, {"course_id": course.id}),
        (operations.copy_course, {"course_id": course.id}),
    ):
        with pytest.raises(Forbidden), transaction(make.database, actor, writes=True) as tx:
            verb(tx, **arguments)
    assert ledger.actions() == []
