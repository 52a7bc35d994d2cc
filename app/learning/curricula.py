"""The coordinator's pages about what courses belong to: curricula, masterclass series, providers. Simple lists and forms."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, func, select
from starlette.responses import Response

from app.core import forms
from app.core.errors import NotFound
from app.core.tx import Tx
from app.doors import Page, Pages
from app.learning import operations
from app.learning.models import Course, Curriculum, CurriculumCourse, Provider, Series
from app.policy import Can

pages = Pages()
NAMED: dict[str, tuple[Any, Any, str, str]] = {  # address → table, its name, what one is called, what several are
    "providers": (Provider, Provider.name, "provider", "Providers"),
    "series": (Series, Series.title, "series", "Masterclass series"),
}


# Curricula ---------------------------------------------------------------------------------------------------------


@pages.get("/manage/curricula", can=Can.WRITE_CATALOGUE)
def curriculum_list(tx: Tx, page: Page) -> Response:
    """Every curriculum with its rule and its courses."""
    courses: dict[int, list[Row[Any]]] = {}
    for row in tx.rows(
        select(CurriculumCourse.curriculum_id, Course.id, Course.title, Course.status)
        .join(Course, Course.id == CurriculumCourse.course_id)
        .order_by(CurriculumCourse.curriculum_id, CurriculumCourse.position)
    ):
        courses.setdefault(row.curriculum_id, []).append(row)
    listed = tx.rows(select(Curriculum.__table__).order_by(func.lower(Curriculum.title)))
    return page.render("learning/curricula.html", curricula=listed, courses=courses, saved=page.query("done") == "saved")


def draw_new_curriculum(tx: Tx, page: Page) -> Response:
    """The form of a new curriculum."""
    return _curriculum_form(tx, page, None)


def draw_curriculum(tx: Tx, page: Page, curriculum_id: int) -> Response:
    """The form of a curriculum, as stored or as typed."""
    row = tx.get(Curriculum, curriculum_id, what="curriculum")
    if not page.form:
        inside = select(CurriculumCourse.course_id).where(CurriculumCourse.curriculum_id == row.id).order_by(CurriculumCourse.position)
        page.form = {
            "title": row.title,
            "summary": row.summary,
            "rule": row.rule,
            "needed": row.needed or "",
            "course_ids": [str(key) for key in tx.db.execute(inside).scalars()],
        }
    return _curriculum_form(tx, page, row)


def _curriculum_form(tx: Tx, page: Page, row: Row[Any] | None) -> Response:
    chosen = forms.many(page.form, "course_ids")
    courses = tx.rows(select(Course.id, Course.title, Course.status).order_by(func.lower(Course.title)))
    offered = [(each.id, each.title) for each in courses if each.status != "withdrawn" or str(each.id) in chosen]
    stale = page.problem is not None and page.problem.status == 412
    return page.render("learning/curriculum.html", curriculum=row, courses=offered, chosen=set(chosen), stale=stale)


@pages.get("/manage/curricula/new", can=Can.WRITE_CATALOGUE)
def new_curriculum(tx: Tx, page: Page) -> Response:
    """An empty form."""
    return draw_new_curriculum(tx, page)


@pages.post("/manage/curricula/new", can=Can.WRITE_CATALOGUE, again=draw_new_curriculum)
def create_curriculum(tx: Tx, page: Page) -> Response:
    """Save a new curriculum."""
    operations.save_curriculum(tx, None, **_curriculum(page.form))
    return page.go("/manage/curricula", done="saved")


@pages.get("/manage/curricula/{curriculum_id:int}", can=Can.WRITE_CATALOGUE)
def edit_curriculum(tx: Tx, page: Page, curriculum_id: int) -> Response:
    """One curriculum's form."""
    return draw_curriculum(tx, page, curriculum_id)


@pages.post("/manage/curricula/{curriculum_id:int}", can=Can.WRITE_CATALOGUE, again=draw_curriculum)
def save_curriculum(tx: Tx, page: Page, curriculum_id: int) -> Response:
    """Save what was typed; the courses keep the order they had, and new ones follow."""
    values = _curriculum(page.form)
    inside = select(CurriculumCourse.course_id).where(CurriculumCourse.curriculum_id == curriculum_id).order_by(CurriculumCourse.position)
    before = list(tx.db.execute(inside).scalars())
    kept = [key for key in before if key in values["course_ids"]]
    values["course_ids"] = kept + [key for key in values["course_ids"] if key not in kept]
    operations.save_curriculum(tx, curriculum_id, forms.one_id(page.form, "version") or 0, **values)
    return page.go("/manage/curricula", done="saved")


def _curriculum(form: dict[str, Any]) -> dict[str, Any]:
    problems = forms.Problems()
    needed = forms.number(form, "needed", "How many are needed", problems)
    problems.raise_any()
    values: dict[str, Any] = {name: forms.text(form, name) for name in ("title", "summary", "rule")}
    return {**values, "needed": needed, "course_ids": forms.ids(form, "course_ids")}


# Providers and series ----------------------------------------------------------------------------------------------


def _of(what: str) -> tuple[Any, Any, str, str]:
    if what not in NAMED:
        raise NotFound("There is nothing at this address.")
    return NAMED[what]


def _named_list(tx: Tx, page: Page, what: str) -> Response:
    table, name, one, several = _of(what)
    column = Course.provider_id if table is Provider else Course.series_id
    counted = select(func.count()).where(column == table.id, Course.status == "published").scalar_subquery()
    rows = tx.rows(select(table.id, name.label("name"), counted.label("courses")).order_by(func.lower(name)))
    return page.render("learning/named.html", rows=rows, what=what, one=one, several=several, saved=page.query("done") == "saved")


@pages.get("/manage/providers", can=Can.WRITE_CATALOGUE)
def provider_list(tx: Tx, page: Page) -> Response:
    """Every provider with how many published courses it has."""
    return _named_list(tx, page, "providers")


@pages.get("/manage/series", can=Can.WRITE_CATALOGUE)
def series_list(tx: Tx, page: Page) -> Response:
    """Every masterclass series with how many published courses it has."""
    return _named_list(tx, page, "series")


def draw_named(tx: Tx, page: Page, key: int | None = None) -> Response:
    """The form of a provider or series: which of them, the address says."""
    what = page.path.split("/")[2]
    table, _, one, several = _of(what)
    row = tx.get(table, key, what=one) if key else None
    if row is not None and not page.form:
        page.form = {"name": row.name} if table is Provider else {"title": row.title, "summary": row.summary}
    return page.render("learning/named_form.html", row=row, what=what, one=one, several=several)


def _save(tx: Tx, page: Page, key: int | None) -> Response:
    if page.path.startswith("/manage/providers"):
        operations.save_provider(tx, key, name=forms.text(page.form, "name"))
        return page.go("/manage/providers", done="saved")
    operations.save_series(tx, key, title=forms.text(page.form, "title"), summary=forms.text(page.form, "summary"))
    return page.go("/manage/series", done="saved")


@pages.get("/manage/providers/new", can=Can.WRITE_CATALOGUE)
@pages.get("/manage/series/new", can=Can.WRITE_CATALOGUE)
def new_named(tx: Tx, page: Page) -> Response:
    """An empty form."""
    return draw_named(tx, page)


@pages.post("/manage/providers/new", can=Can.WRITE_CATALOGUE, again=draw_named)
@pages.post("/manage/series/new", can=Can.WRITE_CATALOGUE, again=draw_named)
def create_named(tx: Tx, page: Page) -> Response:
    """Save a new one."""
    return _save(tx, page, None)


@pages.get("/manage/providers/{key:int}", can=Can.WRITE_CATALOGUE)
@pages.get("/manage/series/{key:int}", can=Can.WRITE_CATALOGUE)
def edit_named(tx: Tx, page: Page, key: int) -> Response:
    """One provider's or series' form."""
    return draw_named(tx, page, key)


@pages.post("/manage/providers/{key:int}", can=Can.WRITE_CATALOGUE, again=draw_named)
@pages.post("/manage/series/{key:int}", can=Can.WRITE_CATALOGUE, again=draw_named)
def save_named(tx: Tx, page: Page, key: int) -> Response:
    """Save what was typed."""
    return _save(tx, page, key)
