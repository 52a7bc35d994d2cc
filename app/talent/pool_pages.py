"""Pools on pages: all with their depth and cover, adding and changing one, the council's own words for horizons and potential."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from starlette.responses import Response

from app import policy
from app.core import forms
from app.core.errors import NotFound
from app.core.forms import Problems, text
from app.core.tx import Tx
from app.doors import Page, Pages
from app.pathways.versions import in_force
from app.people import queries as people
from app.people.models import Unit
from app.policy import Can
from app.programmes.cohort_pages import found as somebody
from app.talent import listed, operations, views
from app.talent.operations import Pool

pages = Pages()
SAID = {
    "opened": "The pool is open. People can be nominated, and put themselves forward.",
    "changed": "The pool is changed.",
    "closed": "The pool is closed.",
    "label": "The words are on the list.",
    "retired": "They are offered no more.",
    "moderated": "That is settled. If you confirmed it, they have been told.",
    "left": "They are no longer in the pool. What was recorded stays theirs to read.",
}


def home(tx: Tx) -> int:
    """The organisation whose pools the reader keeps: their own if their reach covers it, or the first that it covers whole."""
    own = tx.actor.organisation_id
    if own is not None and policy.covers(tx, Can.MANAGE_TALENT, own):
        return own
    roots = [row.id for row in tx.rows(select(Unit.id).where(Unit.kind == "organisation").order_by(Unit.host.desc(), Unit.name))]
    covered = next((key for key in roots if policy.covers(tx, Can.MANAGE_TALENT, key)), None)
    if covered is None:
        raise NotFound("You keep no organisation's pools as a whole.", code="unit-not-found")
    return int(covered)


def keeps(tx: Tx, organisation_id: int) -> bool:
    """May the reader change pools of this organisation?"""
    if (policy.Reach.SCOPE, organisation_id) in policy.terms(tx.actor, Can.MANAGE_TALENT):
        return True
    return policy.may(tx.actor, Can.MANAGE_TALENT) and policy.covers(tx, Can.MANAGE_TALENT, organisation_id)


@pages.get("/talent", can=Can.READ_TALENT)
def overview(tx: Tx, page: Page) -> Response:
    """Every open pool: how deep it is, how many are ready now for how many posts, who came and went."""
    found = views.pools(tx, Can.READ_TALENT)
    return page.render(
        "talent/pools.html",
        pools=found,
        health=listed.health(tx, found, listed.Asked(tx.today)),
        waiting=views.waiting(tx) if policy.may(tx.actor, Can.MANAGE_TALENT) else [],
        keeps=bool(tx.actor.organisation_id) and keeps(tx, tx.actor.organisation_id or 0),
        today=tx.today,
        said=SAID.get(page.query("said"), ""),
    )


# Adding and changing -----------------------------------------------------------------------------------------------


def _form(tx: Tx, page: Page, pool: Any = None) -> Response:
    if pool is not None and not page.form:
        given = dict(title=pool.title, about=pool.about, step=str(pool.step_id or ""), stage=pool.stage or "", moderator="")
        page.form = {**given, "critical": "yes" if pool.critical else "", "posts": str(pool.posts), "depth_wanted": str(pool.depth_wanted)}
    steps = sorted((each for each in in_force(tx, tx.today, kind="progression")), key=lambda each: each.title)
    offered = {each.step_id: each.title for each in steps}
    if pool is not None and pool.step_id is not None:
        offered.setdefault(pool.step_id, pool.step)  # in force no more, and still what the pool is measured by
    return page.render(
        "talent/pool_form.html",
        pool=pool,
        steps=[("", "No step: readiness is not measured"), *offered.items()],
        stages=[("", "None"), *people.stages(tx)],
        version=page.value("version") or (pool.version if pool else 0),
    )


def draw_new(tx: Tx, page: Page) -> Response:
    """The form for a pool."""
    home(tx)
    return _form(tx, page)


@pages.get("/talent/pools/new", can=Can.MANAGE_TALENT)
def new(tx: Tx, page: Page) -> Response:
    """Which role, where it leads, how many posts."""
    return draw_new(tx, page)


def _typed(tx: Tx, page: Page, moderator_id: int | None = None) -> Pool:
    problems = Problems()
    posts = forms.number(page.form, "posts", "The number of posts", problems)
    depth = forms.number(page.form, "depth_wanted", "The number of people wanted", problems)
    named = text(page.form, "moderator")
    if named:
        found = somebody(tx, Can.READ_TALENT, named)
        if found is None:
            problems.add("moderator", "Nobody of yours has exactly this e-mail address or employee number")
        moderator_id = found.id if found is not None else None
    problems.raise_any()
    return Pool(
        title=text(page.form, "title"),
        about=text(page.form, "about"),
        step_id=forms.one_id(page.form, "step"),
        stage=text(page.form, "stage") or None,
        critical=text(page.form, "critical") == "yes",
        posts=posts or 0,
        depth_wanted=depth or 0,
        moderator_id=moderator_id,
    )


@pages.post("/talent/pools/new", can=Can.MANAGE_TALENT, again=draw_new)
def add(tx: Tx, page: Page) -> Response:
    """It is open."""
    key = operations.add_pool(tx, home(tx), _typed(tx, page))
    return page.go(f"/talent/pools/{key}", said="opened")


def draw_edit(tx: Tx, page: Page, pool_id: int) -> Response:
    """The form with what it says."""
    row = views.pool(tx, Can.MANAGE_TALENT, pool_id)
    if not keeps(tx, row.organisation_id):
        raise NotFound(operations.NO_POOL, code="pool-not-found")
    return _form(tx, page, row)


@pages.get("/talent/pools/{pool_id:int}/edit", can=Can.MANAGE_TALENT)
def edit(tx: Tx, page: Page, pool_id: int) -> Response:
    """Change a pool, or close it."""
    return draw_edit(tx, page, pool_id)


@pages.post("/talent/pools/{pool_id:int}/edit", can=Can.MANAGE_TALENT, again=draw_edit)
def change(tx: Tx, page: Page, pool_id: int) -> Response:
    """It says it now. A moderator's field that is left empty leaves whoever it is."""
    row = operations.pool(tx, Can.MANAGE_TALENT, pool_id)
    wanted = _typed(tx, page, None if text(page.form, "nobody") == "yes" else row.moderator_id)
    operations.change_pool(tx, pool_id, wanted, forms.one_id(page.form, "version") or 0)
    return page.go(f"/talent/pools/{pool_id}", said="changed")


@pages.get("/talent/pools/{pool_id:int}/close", can=Can.MANAGE_TALENT)
def close_form(tx: Tx, page: Page, pool_id: int) -> Response:
    """What closing it means, before it is closed."""
    row = views.pool(tx, Can.MANAGE_TALENT, pool_id)
    if not keeps(tx, row.organisation_id):
        raise NotFound(operations.NO_POOL, code="pool-not-found")
    return page.render("talent/close.html", pool=row)


@pages.post("/talent/pools/{pool_id:int}/close", can=Can.MANAGE_TALENT, again=close_form)
def close(tx: Tx, page: Page, pool_id: int) -> Response:
    """Everybody leaves it."""
    operations.close_pool(tx, pool_id)
    return page.go("/talent", said="closed")


# Words -------------------------------------------------------------------------------------------------------------


def draw_labels(tx: Tx, page: Page) -> Response:
    """The council's words, and a form for another."""
    return page.render("talent/labels.html", labels=operations.labels(tx, home(tx)), said=SAID.get(page.query("said"), ""))


@pages.get("/talent/labels", can=Can.MANAGE_TALENT)
def labels(tx: Tx, page: Page) -> Response:
    """Horizons and words for potential."""
    return draw_labels(tx, page)


@pages.post("/talent/labels", can=Can.MANAGE_TALENT, again=draw_labels)
def add_label(tx: Tx, page: Page) -> Response:
    """One more."""
    ready = text(page.form, "ready_now") == "yes"
    operations.add_label(tx, home(tx), text(page.form, "kind"), text(page.form, "title"), ready_now=ready)
    return page.go("/talent/labels", said="label")


@pages.post("/talent/labels/{label_id:int}/retire", can=Can.MANAGE_TALENT)
def retire(tx: Tx, page: Page, label_id: int) -> Response:
    """Offered no more."""
    operations.retire_label(tx, label_id)
    return page.go("/talent/labels", said="retired")
