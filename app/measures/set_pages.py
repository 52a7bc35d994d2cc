"""Pages for whoever looks after the measures: what is measured, in which version, and the months of which figures are published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import yaml
from starlette.responses import Response

from app.core import canonical, forms, sheet_pages
from app.core.calendar import month_and_year
from app.core.errors import Changed, Conflict, Forbidden, Invalid
from app.core.tx import Tx
from app.doors import Page, Pages
from app.frameworks.comparing import differences
from app.frameworks.reading import MOST_BYTES, MOST_SHOWN, FileRefused
from app.measures import clock, closing, inputs, sets
from app.measures.definitions import BREAKDOWNS, THEMES, Measure, MeasureSet
from app.policy import Can

pages = Pages()
SETS, MONTHS = "/measure-sets", "/measure-months"
CHECKED = "set.yaml"  # the name of what comes back from the page that shows what a file would change
DONE = {
    "published": ("The measure set is published.", "Months that are not published yet are counted with it, from its first day on."),
    "closed": ("The figures are published.", "They stay as they are, whatever is corrected later."),
}
SMALL = {
    "none": "Not hidden: it says nothing about anybody",
    "outcomes": "Small numbers are hidden from whoever does not reach everybody, and in the board’s report",
    "sensitive": "Small numbers are hidden from everybody",
}


def organisation(tx: Tx) -> Any:
    """The organisation whose measures the reader looks after."""
    rows = sets.managed(tx)
    if not rows:
        raise Forbidden("You look after the measures of no organisation.")
    return rows[0]


# Sets ----------------------------------------------------------------------------------------------------------------


@pages.get(SETS, can=Can.MANAGE_MEASURES)
def listing(tx: Tx, page: Page) -> Response:
    """Every published version, and which one counts today."""
    here = organisation(tx)
    try:
        now = sets.in_force(tx, here.id, tx.today)[0]
    except Conflict:
        now = None
    return page.render(
        "measures/sets.html", here=here, rows=sets.versions(tx, here.id), now=now, done=DONE.get(page.query("done"), ("", ""))
    )


@pages.get(SETS + "/{set_id:int}", can=Can.MANAGE_MEASURES)
def one(tx: Tx, page: Page, set_id: int) -> Response:
    """The definitions of a version, by theme."""
    row, found = sets.version(tx, set_id)
    answers: Mapping[Any, Sequence[str]] = found.success_measures
    themes = [
        (words, [each for each in found.measures if each.themes[0] == theme], answers.get(theme, ())) for theme, words in THEMES.items()
    ]
    return page.render("measures/set.html", row=row, set=found, themes=themes, small=SMALL, named=_named)


def _named(measure: Measure) -> str:
    return ", ".join(BREAKDOWNS[each].lower() for each in measure.breakdowns)


@pages.get(SETS + "/{set_id:int}/set.yaml", can=Can.MANAGE_MEASURES)
def download(tx: Tx, page: Page, set_id: int) -> Response:
    """The version as a file that can be changed and published as the next."""
    row, found = sets.version(tx, set_id)
    headers = {"content-disposition": f'attachment; filename="{row.code}-{row.version}.yaml"'}
    return page.finish(Response(as_file(found), 200, headers, "application/yaml; charset=utf-8"))


def as_file(found: MeasureSet) -> str:
    """A set as the text of a file."""
    said = found.model_dump(mode="json", exclude_defaults=True)
    said |= {"runs_from": found.runs_from, "runs_until": found.runs_until}
    return yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=140)


def draw_load(tx: Tx, page: Page) -> Response:
    """The form for a file; after a refusal with every problem and its line."""
    here = organisation(tx)
    problems = page.problem.problems if isinstance(page.problem, FileRefused) else []
    more = len(problems) - MOST_SHOWN
    return page.render("measures/set_load.html", here=here, problems=problems[:MOST_SHOWN], more=more, kilobytes=MOST_BYTES // 1024)


@pages.get(SETS + "/load", can=Can.MANAGE_MEASURES)
def load_form(tx: Tx, page: Page) -> Response:
    """Where a file is sent."""
    return draw_load(tx, page)


def _read(tx: Tx, page: Page) -> MeasureSet:
    """Read and check the file before the writer's turn is taken."""
    del tx
    name, content = sheet_pages.chosen(page.form, "Choose the file to check", MOST_BYTES)
    return sets.from_file(name[:100], content)


@pages.post(SETS + "/load", can=Can.MANAGE_MEASURES, again=draw_load, first=_read, uploads=True)
def check(tx: Tx, page: Page) -> Response:
    """What publishing the file would change: nothing is kept yet."""
    return draw_check(tx, page, page.found)


def draw_check(tx: Tx, page: Page, found: MeasureSet) -> Response:
    """What would be published, and what is different from the version before; the file comes along, to be published from here."""
    here = organisation(tx)
    sets.check_version(tx, here.id, found)
    before = _before(tx, here.id, found)
    return page.render(
        "measures/set_check.html",
        here=here,
        set=found,
        before=before,
        found=differences(_said(before), _said(found)) if before else [],
        looser=[(each, SMALL[each.was], SMALL[each.measure.small]) for each in sets.loosened(tx, here.id, found)],
        content=as_file(found),
        seen=seen_of(found, before),
    )


def seen_of(found: MeasureSet, before: MeasureSet | None) -> str:
    """What stands for what the page showed: the whole set, and the version that it was held against."""
    return canonical.digest({"set": as_file(found), "before": before.version if before else 0})


def _before(tx: Tx, organisation_id: int, found: MeasureSet) -> MeasureSet | None:
    """The newest version of the set that is published."""
    older = next((row for row in sets.versions(tx, organisation_id) if row.code == found.code), None)
    return sets.version(tx, older.id)[1] if older else None


def _said(found: MeasureSet) -> dict[str, Any]:
    return found.model_dump(mode="json", exclude_defaults=True, exclude={"version"})


def _again(tx: Tx, page: Page) -> Response:
    try:
        found = sets.from_file(CHECKED, forms.text(page.form, "content").encode())
        return draw_check(tx, page, found)
    except (FileRefused, Conflict):
        return draw_load(tx, page)


def _checked(tx: Tx, page: Page) -> MeasureSet:
    del tx
    return sets.from_file(CHECKED, str(page.form.get("content", "")).encode())


@pages.post(SETS + "/publish", can=Can.MANAGE_MEASURES, again=_again, first=_checked, long=True)
def publish(tx: Tx, page: Page) -> Response:
    """From checked to published: only what was shown, against what it was shown."""
    here = organisation(tx)
    sets.check_version(tx, here.id, page.found)
    if forms.text(page.form, "seen") != seen_of(page.found, _before(tx, here.id, page.found)):
        raise Changed("This is not what was checked.", way_out="Look through it as it is now, then publish it.")
    key = sets.publish(tx, here.id, page.found)
    return page.go(SETS, done="published", set=key)


# Months --------------------------------------------------------------------------------------------------------------


@pages.get(MONTHS, can=Can.MANAGE_MEASURES)
def months(tx: Tx, page: Page) -> Response:
    """The months of which figures are published, and which one is next."""
    here = organisation(tx)
    month = clock.next_month(tx, here.id)
    return page.render(
        "measures/months.html",
        here=here,
        rows=closing.published(tx, here.id),
        month=month,
        month_words=month_and_year,
        **_plan(tx, here.id, month),
        done=DONE.get(page.query("done"), ("", "")),
    )


def _plan(tx: Tx, organisation_id: int, month: date) -> dict[str, Any]:
    """When a month is published by itself, and what of it is missing."""
    try:
        _, found = sets.in_force(tx, organisation_id, month)
    except Conflict:
        return dict(set=None, due=None, missing=[], over=month < tx.today)
    absent = inputs.missing(tx, organisation_id, found, month)
    lacking = [measure for measure in found.measures if measure.code in absent]
    return dict(set=found, due=clock.due_at(found, month), missing=lacking, over=month < tx.today)


def draw_close(tx: Tx, page: Page) -> Response:
    """What will be published, and what is missing, before the button."""
    here = organisation(tx)
    month = clock.next_month(tx, here.id)
    return page.render("measures/month_close.html", here=here, month=month, month_words=month_and_year, **_plan(tx, here.id, month))


@pages.get(MONTHS + "/close", can=Can.MANAGE_MEASURES)
def close_form(tx: Tx, page: Page) -> Response:
    """A page of its own."""
    return draw_close(tx, page)


@pages.post(MONTHS + "/close", can=Can.MANAGE_MEASURES, again=draw_close)
def close(tx: Tx, page: Page) -> Response:
    """Publish the month that was shown, and no other."""
    here = organisation(tx)
    try:
        month = date.fromisoformat(forms.text(page.form, "month"))
    except ValueError:
        raise Invalid("Say which month is to be published.", code="no-month") from None
    closing.close_month(tx, here.id, month)
    return page.go(MONTHS, done="closed", month=month_and_year(month))
