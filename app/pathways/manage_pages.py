"""Keeping steps: versions and drafts, loading a file, and publishing with a preview of who gains and who loses."""

from __future__ import annotations

from datetime import date
from typing import Any

import yaml
from sqlalchemy import Row
from starlette.responses import Response

from app.core import forms, sheet_pages
from app.core.errors import Conflict, NotFound
from app.core.forms import Problems
from app.core.tx import Tx
from app.doors import Page, Pages
from app.frameworks.comparing import Difference, differences
from app.frameworks.reading import MOST_BYTES, MOST_SHOWN, FileRefused
from app.pathways import operations, words
from app.pathways.definitions import VERSIONS, comparable, definition, parts
from app.pathways.models import StepVersion
from app.pathways.pages import stage_titles
from app.pathways.preview import preview
from app.pathways.versions import behind
from app.policy import Can

pages = Pages()
DONE = {
    "loaded": ("The file is loaded.", "Its steps are drafts and count for nobody until they are published."),
    "replaced": (
        "The file is loaded, in place of a draft that was there.",
        "That draft is gone, whoever loaded it. The new one counts for nobody until it is published.",
    ),
    "there": ("All of it was there already.", "Nothing was changed."),
    "published": ("It is published.", "From its first day on, this is what the step asks for."),
    "withdrawn": ("The version is withdrawn.", "The step asks for nothing until another version is published."),
    "discarded": ("The draft is gone.", ""),
}


def seen(tx: Tx, version_id: int) -> Row[Any]:
    """The version with its step, or NotFound."""
    row = tx.one(VERSIONS.where(StepVersion.id == version_id))
    if row is None:
        raise NotFound("There is no version of a step with that reference.", code="version-not-found")
    return row


def said_of(tx: Tx, row: Row[Any]) -> dict[str, Any]:
    """The version's definition, as a file says it."""
    groups, asked = parts(tx, [row.id])
    return definition(row, groups[row.id], asked[row.id])


@pages.get("/pathways/manage", can=Can.MANAGE_FRAMEWORKS)
def listing(tx: Tx, page: Page) -> Response:
    """Every version of every step, drafts first."""
    rows = tx.rows(VERSIONS.order_by(StepVersion.state != "draft", StepVersion.title, StepVersion.number.desc()))
    return page.render(
        "pathways/manage.html",
        rows=rows,
        behind=behind(tx, [row.id for row in rows if row.state == "published"]),
        words=words,
        today=tx.today,
        done=DONE.get(page.query("done"), ("", "")),
    )


@pages.get("/pathways/versions/{step_version_id:int}", can=Can.MANAGE_FRAMEWORKS)
def one(tx: Tx, page: Page, step_version_id: int) -> Response:
    """One version: what it asks for."""
    row = seen(tx, step_version_id)
    groups, asked = parts(tx, [step_version_id])
    return page.render(
        "pathways/version.html",
        version=row,
        groups=[(group, [each for each in asked[step_version_id] if each.group_id == group.id]) for group in groups[step_version_id]],
        loose=[each for each in asked[step_version_id] if each.group_id is None],
        behind=row.state == "published" and step_version_id in behind(tx, [step_version_id]),
        stages=stage_titles(tx),
        words=words,
        today=tx.today,
        done=DONE.get(page.query("done"), ("", "")),
    )


@pages.get("/pathways/versions/{step_version_id:int}.yaml", can=Can.MANAGE_FRAMEWORKS)
def download(tx: Tx, page: Page, step_version_id: int) -> Response:
    """The version as a file that can be changed and loaded again."""
    row = seen(tx, step_version_id)
    said = said_of(tx, row)
    if row.state != "draft":
        said.pop("in_force_from", None)  # another version begins on another day
    text = yaml.safe_dump({"pathway_steps": [said]}, sort_keys=False, allow_unicode=True, width=140)
    headers = {"content-disposition": f'attachment; filename="{row.code.lower()}-{row.number}.yaml"'}
    return page.finish(Response(text, 200, headers, "application/yaml; charset=utf-8"))


# Loading -------------------------------------------------------------------------------------------------------------


def draw_load(tx: Tx, page: Page) -> Response:
    """The form for a file; after a refusal with every problem and its line."""
    del tx
    problems = page.problem.problems if isinstance(page.problem, FileRefused) else []
    more = len(problems) - MOST_SHOWN
    return page.render("pathways/load.html", problems=problems[:MOST_SHOWN], more=more, kilobytes=MOST_BYTES // 1024)


@pages.get("/pathways/load", can=Can.MANAGE_FRAMEWORKS)
def load_form(tx: Tx, page: Page) -> Response:
    """Where a file is sent."""
    return draw_load(tx, page)


def _prepared(tx: Tx, page: Page) -> Any:
    """Read and check the file before the writer's turn is taken."""
    del tx
    name, content = sheet_pages.chosen(page.form, "Choose the file to load", MOST_BYTES)
    return operations.prepare([(name[:100], content)])


@pages.post("/pathways/load", can=Can.MANAGE_FRAMEWORKS, again=draw_load, first=_prepared, uploads=True)
def load(tx: Tx, page: Page) -> Response:
    """Keep its steps as drafts."""
    loaded = operations.load(tx, page.found)
    outcomes = {each.outcome for each in loaded}
    done = "replaced" if "draft replaced" in outcomes else "there" if outcomes == {"already there"} else "loaded"
    return page.go(f"/pathways/versions/{loaded[0].key}" if len(loaded) == 1 else "/pathways/manage", done=done)


# Publishing ----------------------------------------------------------------------------------------------------------


def _changes(tx: Tx, row: Row[Any], before_id: int | None) -> list[Difference]:
    if before_id is None:
        return []
    before = seen(tx, before_id)
    groups, asked = parts(tx, [before_id, row.id])
    return differences(*(comparable(definition(each, groups[each.id], asked[each.id])) for each in (before, row)))


def draw_publish(tx: Tx, page: Page, step_version_id: int) -> Response:
    """What publishing means: what is different, and who gains and loses as things stand today."""
    row = seen(tx, step_version_id)
    if row.state != "draft":
        raise Conflict("This version is published already.", code="version-not-draft")
    change = preview(tx, step_version_id, row.step_id)
    if change.gaining or change.losing:
        page.took("step.previewed", "step_versions", version=step_version_id, rows=len(change.gaining) + len(change.losing))
    starts = max(row.in_force_from or tx.today, tx.today)
    if not page.form:
        page.form = forms.day_fields("from", starts)
    return page.render(
        "pathways/publish.html",
        version=row,
        change=change,
        found=_changes(tx, row, change.before_id),
        stages=stage_titles(tx),
        words=words,
    )


@pages.get("/pathways/versions/{step_version_id:int}/publish", can=Can.MANAGE_FRAMEWORKS)
def publish_form(tx: Tx, page: Page, step_version_id: int) -> Response:
    """A page of its own."""
    return draw_publish(tx, page, step_version_id)


@pages.post("/pathways/versions/{step_version_id:int}/publish", can=Can.MANAGE_FRAMEWORKS, again=draw_publish)
def publish(tx: Tx, page: Page, step_version_id: int) -> Response:
    """From draft to published, as long as it is the draft that the publisher saw."""
    problems = Problems()
    read = forms.number(page.form, "version", "The version", problems)
    from_: date | None = forms.day(page.form, "from", "The first day", problems)
    problems.raise_any()
    operations.publish(tx, step_version_id, from_, read=read or 0)
    return page.go(f"/pathways/versions/{step_version_id}", done="published")


def draw_withdraw(tx: Tx, page: Page, step_version_id: int) -> Response:
    """What withdrawing means, and why it is done."""
    row = seen(tx, step_version_id)
    if row.state != "published":
        raise Conflict("Only a published version can be withdrawn.", code="version-not-published")
    return page.render("pathways/withdraw.html", version=row)


@pages.get("/pathways/versions/{step_version_id:int}/withdraw", can=Can.MANAGE_FRAMEWORKS)
def withdraw_form(tx: Tx, page: Page, step_version_id: int) -> Response:
    """A page of its own."""
    return draw_withdraw(tx, page, step_version_id)


@pages.post("/pathways/versions/{step_version_id:int}/withdraw", can=Can.MANAGE_FRAMEWORKS, again=draw_withdraw)
def withdraw(tx: Tx, page: Page, step_version_id: int) -> Response:
    """From today it no longer counts."""
    operations.withdraw(tx, step_version_id, forms.text(page.form, "reason"))
    return page.go(f"/pathways/versions/{step_version_id}", done="withdrawn")


def draw_discard(tx: Tx, page: Page, step_version_id: int) -> Response:
    """Before a draft is thrown away."""
    row = seen(tx, step_version_id)
    if row.state != "draft":
        raise Conflict("Only a draft can be thrown away.", code="version-not-draft")
    return page.render("pathways/discard.html", version=row)


@pages.get("/pathways/versions/{step_version_id:int}/discard", can=Can.MANAGE_FRAMEWORKS)
def discard_form(tx: Tx, page: Page, step_version_id: int) -> Response:
    """A page of its own."""
    return draw_discard(tx, page, step_version_id)


@pages.post("/pathways/versions/{step_version_id:int}/discard", can=Can.MANAGE_FRAMEWORKS, again=draw_discard)
def discard(tx: Tx, page: Page, step_version_id: int) -> Response:
    """The draft with all that it asks for goes."""
    operations.discard(tx, step_version_id)
    return page.go("/pathways/manage", done="discarded")
