"""The coordinator's pages about courses: list, create, edit, publish, copy. Withdrawing asks about sessions, so it lives with them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, func, select
from starlette.responses import Response

from app.core import forms
from app.core.db import matches
from app.core.errors import Refusal
from app.core.listing import PageNumbers
from app.core.text import query_words
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.frameworks.models import Standard, StandardsSet
from app.learning import operations
from app.learning.models import Bucket, Course, CourseKind, CourseStandard, Prerequisite, Provider, Series
from app.people.models import CareerStage
from app.policy import Can

pages = Pages()
STATUSES = (("", "Any state"), ("published", "Published"), ("draft", "Draft"), ("withdrawn", "Withdrawn"))
BUCKETS = (
    (Bucket.FORMAL.value, "Formal learning (10)"),
    (Bucket.SOCIAL.value, "Learning with others (20)"),
    (Bucket.EXPERIENCE.value, "Learning by doing (70)"),
)
APPROVERS = (("manager", "Their line manager, or whoever stands in"), ("coordinator", "The Academy’s coordinators"))
DONE = {
    "created": ("The course is saved as a draft.", "Nobody else sees it until you publish it."),
    "saved": ("The course is saved.", ""),
    "published": ("The course is published.", "It is in the catalogue now. Add sessions so that people can book."),
    "copied": ("This is the copy, a draft.", "Give it its own title before you publish it."),
    "withdrawn": ("The course is withdrawn.", "It is no longer in the catalogue. Completions of it stay on people’s records."),
}


@pages.get("/manage/courses", can=Can.WRITE_CATALOGUE)
def course_list(tx: Tx, page: Page) -> Response:
    """Every course by title, with search and filters."""
    kinds = {kind.value for kind in CourseKind}
    filters = {"q": page.query("q"), "status": page.query("status"), "kind": page.query("kind")}
    statement = select(
        Course.id, Course.title, Course.kind, Course.status, Provider.name.label("provider"), func.count().over().label("total")
    )
    statement = statement.outerjoin(Provider, Provider.id == Course.provider_id)
    if words := query_words(filters["q"]):
        statement = statement.where(matches(tx.db, "courses", Course.__table__.c.id, words, "english"))
    if filters["status"] in dict(STATUSES) and filters["status"]:
        statement = statement.where(Course.status == filters["status"])
    if filters["kind"] in kinds:
        statement = statement.where(Course.kind == filters["kind"])
    ordered = statement.order_by(func.lower(Course.title), Course.id)
    numbers = PageNumbers(0, max(page.number("page"), 1))
    rows = tx.rows(ordered.offset((numbers.asked - 1) * numbers.size).limit(numbers.size))
    if not rows and numbers.asked > 1:  # a page past the end
        rows = tx.rows(ordered.limit(numbers.size))
        numbers = PageNumbers(rows[0].total if rows else 0, 1)
    else:
        numbers = PageNumbers(rows[0].total if rows else 0, numbers.asked)
    return page.render(
        "learning/courses.html",
        courses=rows,
        numbers=numbers,
        filters=filters,
        statuses=STATUSES,
        kinds=[("", "Any kind"), *((kind, kind.capitalize()) for kind in sorted(kinds))],
        link=lambda n: url("/manage/courses", **filters, page=n),
    )


def draw_new(tx: Tx, page: Page) -> Response:
    """The form of a new course."""
    if not page.form:
        page.form = {"bucket": Bucket.FORMAL.value, "approver": "manager", "completes": "yes", "certificate": "yes"}
    return _form(tx, page, None)


def draw(tx: Tx, page: Page, course_id: int) -> Response:
    """The form of a course: as stored, or as typed when it was refused."""
    course = tx.get(Course, course_id, what="course")
    if not page.form or "title" not in page.form:
        page.form = _stored(tx, course)
    return _form(tx, page, course)


@pages.get("/manage/courses/new", can=Can.WRITE_CATALOGUE)
def new_course(tx: Tx, page: Page) -> Response:
    """An empty form."""
    return draw_new(tx, page)


@pages.post("/manage/courses/new", can=Can.WRITE_CATALOGUE, again=draw_new)
def create_course(tx: Tx, page: Page) -> Response:
    """Save what was typed as a draft, or put it into the catalogue at once."""
    course_id = operations.create_course(tx, **_typed(page.form))
    return _saved(tx, page, course_id, "created")


@pages.get("/manage/courses/{course_id:int}", can=Can.WRITE_CATALOGUE)
def edit_course(tx: Tx, page: Page, course_id: int) -> Response:
    """The course, its state and its form."""
    return draw(tx, page, course_id)


@pages.post("/manage/courses/{course_id:int}", can=Can.WRITE_CATALOGUE, again=draw)
def save_course(tx: Tx, page: Page, course_id: int) -> Response:
    """Save what was typed; with "Save and publish" into the catalogue too, both or neither."""
    operations.change_course(tx, course_id, forms.one_id(page.form, "version") or 0, **_typed(page.form))
    return _saved(tx, page, course_id, "saved")


def _saved(tx: Tx, page: Page, course_id: int, done: str) -> Response:
    """Publish what has just been saved if the second button was pressed, and say what happened."""
    if forms.text(page.form, "then") == "publish":
        operations.publish_course(tx, course_id)
        done = "published"
    return page.go(f"/manage/courses/{course_id}", done=done)


@pages.post("/manage/courses/{course_id:int}/copy", can=Can.WRITE_CATALOGUE, again=draw)
def copy_course(tx: Tx, page: Page, course_id: int) -> Response:
    """A draft like this one."""
    return page.go(f"/manage/courses/{operations.copy_course(tx, course_id)}", done="copied")


# The form ----------------------------------------------------------------------------------------------------------


def _typed(form: dict[str, Any]) -> dict[str, Any]:
    """The values of a course from its form; Invalid for what cannot even be read."""
    problems = forms.Problems()
    hours = forms.number(form, "cpd_hours", "Hours", problems) or 0
    minutes = forms.number(form, "cpd_minutes", "Minutes", problems) or 0
    if not (0 <= hours <= 1000 and 0 <= minutes < 60):
        problems.add("cpd_hours", "Enter hours, and minutes from 0 to 59")
    values: dict[str, Any] = {
        name: forms.text(form, name) for name in ("title", "summary", "outcomes", "kind", "audience", "materials", "bucket")
    }
    values |= {name: forms.one_id(form, name) for name in ("provider_id", "series_id", "refresher_id")}
    values |= dict(
        cpd_minutes=hours * 60 + minutes,
        cost_pence=forms.pence(form, "cost", "Cost", problems),
        validity_months=forms.number(form, "validity_months", "Months it stays in date", problems),
        audience_stages=forms.many(form, "audience_stages"),
        needs_approval=forms.text(form, "needs_approval") == "yes",
        approver=forms.text(form, "approver") or "manager",
        completes=forms.text(form, "completes") == "yes",
        certificate=forms.text(form, "certificate") == "yes",
        approval_days=forms.number(form, "approval_days", "Working days to answer in", problems),
        requires=forms.ids(form, "requires"),
        standards=forms.many(form, "standards"),
    )
    problems.raise_any()
    return values


def _stored(tx: Tx, course: Row[Any]) -> dict[str, Any]:
    """The course as its form has it."""
    hours, minutes = divmod(course.cpd_minutes, 60)
    form: dict[str, Any] = {
        name: getattr(course, name) for name in ("title", "summary", "outcomes", "kind", "audience", "materials", "bucket")
    }
    form |= {name: getattr(course, name) or "" for name in ("provider_id", "series_id", "refresher_id", "validity_months", "approval_days")}
    form |= dict(
        cpd_hours=hours or "",
        cpd_minutes=minutes or "",
        cost=f"{course.cost_pence / 100:.2f}" if course.cost_pence else "",
        audience_stages=course.audience_stages.split(",") if course.audience_stages else [],
        needs_approval="yes" if course.needs_approval else "",
        approver=course.approver,
        completes="yes" if course.completes else "",
        certificate="yes" if course.certificate else "",
    )
    requires = select(Prerequisite.requires_id).where(Prerequisite.course_id == course.id)
    form["requires"] = [str(key) for key in tx.db.execute(requires).scalars()]
    form["standards"] = list(tx.db.execute(select(CourseStandard.standard).where(CourseStandard.course_id == course.id)).scalars())
    return form


def _form(tx: Tx, page: Page, course: Row[Any] | None) -> Response:
    courses = tx.rows(
        select(Course.id, Course.title)
        .where(Course.status != "withdrawn", Course.id != (course.id if course else 0))
        .order_by(func.lower(Course.title))
    )
    standards: dict[str, list[tuple[str, str]]] = {}
    listed = select(Standard.code, Standard.title, StandardsSet.title.label("standards_set"), StandardsSet.version)
    for row in tx.rows(
        listed.join(StandardsSet, StandardsSet.id == Standard.set_id).order_by(StandardsSet.title, StandardsSet.version, Standard.number)
    ):
        standards.setdefault(f"{row.standards_set} ({row.version})", []).append((row.code, row.title))
    return page.render(
        "learning/course.html",
        course=course,
        done=DONE.get(page.query("done"), ("", "")),
        kinds=[("", "Choose"), *((kind.value, kind.value.capitalize()) for kind in CourseKind)],
        buckets=BUCKETS,
        approvers=APPROVERS,
        courses=[(row.id, row.title) for row in courses],
        own=[(course.id, "This course again")] if course else [],
        providers=[
            ("", "The Academy itself"),
            *(tuple(row) for row in tx.rows(select(Provider.id, Provider.name).order_by(func.lower(Provider.name)))),
        ],
        series=[("", "None"), *(tuple(row) for row in tx.rows(select(Series.id, Series.title).order_by(func.lower(Series.title))))],
        stages=[tuple(row) for row in tx.rows(select(CareerStage.code, CareerStage.title).order_by(CareerStage.rank, CareerStage.code))],
        standards=standards,
        chosen={name: set(forms.many(page.form, name)) for name in ("requires", "standards", "audience_stages")},
        stale=isinstance(page.problem, Refusal) and page.problem.status == 412,
    )
