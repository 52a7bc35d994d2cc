"""Changing frameworks: load a file as a draft, publish, withdraw or throw a draft away, each on a page of its own."""

from __future__ import annotations

from starlette.responses import Response

from app.core import forms, sheet_pages
from app.core.errors import Conflict, Invalid
from app.core.tx import Tx
from app.doors import Page, Pages
from app.frameworks import listings, operations, queries, running, words
from app.frameworks.comparing import differences
from app.frameworks.operations import Prepared
from app.frameworks.pages import rule_seen
from app.frameworks.reading import MOST_BYTES, MOST_SHOWN, FileRefused
from app.policy import Can

pages = Pages()
AT_ONCE = ("standards", "apprenticeships")  # kinds without drafts


# Loading -------------------------------------------------------------------------------------------------------------


def draw_load(tx: Tx, page: Page) -> Response:
    """The form for a file; after a refusal with every problem and its line."""
    del tx
    problems = page.problem.problems if isinstance(page.problem, FileRefused) else []
    return page.render(
        "frameworks/load.html", problems=problems[:MOST_SHOWN], more=len(problems) - MOST_SHOWN, kilobytes=MOST_BYTES // 1024
    )


@pages.get("/frameworks/load", can=Can.MANAGE_FRAMEWORKS)
def load_form(tx: Tx, page: Page) -> Response:
    """Where a file is sent."""
    return draw_load(tx, page)


def _prepared(tx: Tx, page: Page) -> list[Prepared]:
    """Read and check the file before the writer's turn is taken."""
    del tx
    name, content = sheet_pages.chosen(page.form, "Choose the file to load", MOST_BYTES)
    return operations.prepare([(name[:100], content)])


@pages.post("/frameworks/load", can=Can.MANAGE_FRAMEWORKS, again=draw_load, first=_prepared, uploads=True)
def load(tx: Tx, page: Page) -> Response:
    """Keep it as a draft. What has no drafts needs a tick that it may be in force at once."""
    files: list[Prepared] = page.found
    at_once = any(each.kind in AT_ONCE for each in files)
    if at_once and forms.text(page.form, "at_once") != "yes":
        message = "Tick that it may be in force at once: standards sets and apprenticeship figures have no drafts"
        raise Invalid(message + ".", errors=[{"field": "at_once", "message": message}])
    loaded = operations.load(tx, files)
    done = "there" if all(each.outcome == "already there" for each in loaded) else "in-force" if at_once else "loaded"
    first = loaded[0]
    if first.kind == "programme":
        return page.go(f"/frameworks/versions/{first.key}", done=done)
    if first.kind == "supervision rule" and len(loaded) == 1:
        return page.go(f"/frameworks/rules/{first.key}", done=done)
    return page.go("/frameworks", done=done)


# Publishing ----------------------------------------------------------------------------------------------------------


def draw_publish(tx: Tx, page: Page, version_id: int) -> Response:
    """What publishing will mean: for whom from when, what changes against the version in use, and who stays where they are."""
    row = queries.version(tx, version_id)
    if row.state != "draft":
        raise Conflict("This version is published already.", code="version-not-draft")
    others = [each for each in listings.versions(tx, row.programme_code) if each.state == "published"]
    counts = running.running(tx, row.programme_code)
    before = queries.version(tx, others[0].id) if others else None
    return page.render(
        "frameworks/publish.html",
        version=row,
        others=[(each, counts.get(each.id, 0)) for each in others],
        stay=sum(counts.values()),
        before=before,
        found=differences(_content(before.definition), _content(row.definition)) if before else [],
        words=words,
    )


def _content(definition: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in definition.items() if key != "version"}


@pages.get("/frameworks/versions/{version_id:int}/publish", can=Can.MANAGE_FRAMEWORKS)
def publish_form(tx: Tx, page: Page, version_id: int) -> Response:
    """A page of its own."""
    return draw_publish(tx, page, version_id)


@pages.post("/frameworks/versions/{version_id:int}/publish", can=Can.MANAGE_FRAMEWORKS, again=draw_publish)
def publish(tx: Tx, page: Page, version_id: int) -> Response:
    """From draft to published."""
    operations.publish(tx, version_id)
    return page.go(f"/frameworks/versions/{version_id}", done="published")


def draw_withdraw(tx: Tx, page: Page, version_id: int) -> Response:
    """What withdrawing means, and why it is done."""
    row = queries.version(tx, version_id)
    if row.state != "published":
        raise Conflict("Only a published version can be withdrawn.", code="version-not-published")
    return page.render("frameworks/withdraw.html", version=row, stay=running.running(tx, row.programme_code).get(version_id, 0))


@pages.get("/frameworks/versions/{version_id:int}/withdraw", can=Can.MANAGE_FRAMEWORKS)
def withdraw_form(tx: Tx, page: Page, version_id: int) -> Response:
    """A page of its own."""
    return draw_withdraw(tx, page, version_id)


@pages.post("/frameworks/versions/{version_id:int}/withdraw", can=Can.MANAGE_FRAMEWORKS, again=draw_withdraw)
def withdraw(tx: Tx, page: Page, version_id: int) -> Response:
    """No new enrolment on it."""
    operations.withdraw(tx, version_id, forms.text(page.form, "reason"))
    return page.go(f"/frameworks/versions/{version_id}", done="withdrawn")


def draw_discard(tx: Tx, page: Page, version_id: int) -> Response:
    """Before a draft is thrown away."""
    row = queries.version(tx, version_id)
    if row.state != "draft":
        raise Conflict("Only a draft can be thrown away.", code="version-not-draft")
    return page.render("frameworks/discard.html", version=row)


@pages.get("/frameworks/versions/{version_id:int}/discard", can=Can.MANAGE_FRAMEWORKS)
def discard_form(tx: Tx, page: Page, version_id: int) -> Response:
    """A page of its own."""
    return draw_discard(tx, page, version_id)


@pages.post("/frameworks/versions/{version_id:int}/discard", can=Can.MANAGE_FRAMEWORKS, again=draw_discard)
def discard(tx: Tx, page: Page, version_id: int) -> Response:
    """The draft with its stages and documents goes."""
    operations.discard(tx, version_id)
    return page.go("/frameworks", done="discarded")


def draw_publish_rule(tx: Tx, page: Page, rule_id: int) -> Response:
    """What publishing a supervision rule will mean."""
    row = rule_seen(tx, page, rule_id)
    if row.state != "draft":
        raise Conflict("This rule is published already.", code="version-not-draft")
    return page.render("frameworks/publish_rule.html", rule=row, before=queries.rule(tx, row.code), words=words)


@pages.get("/frameworks/rules/{rule_id:int}/publish", can=Can.MANAGE_FRAMEWORKS)
def publish_rule_form(tx: Tx, page: Page, rule_id: int) -> Response:
    """A page of its own."""
    return draw_publish_rule(tx, page, rule_id)


@pages.post("/frameworks/rules/{rule_id:int}/publish", can=Can.MANAGE_FRAMEWORKS, again=draw_publish_rule)
def publish_rule(tx: Tx, page: Page, rule_id: int) -> Response:
    """From draft to published."""
    operations.publish_rule(tx, rule_id)
    return page.go(f"/frameworks/rules/{rule_id}", done="published")
