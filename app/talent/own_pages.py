"""Talent pools for everybody: one's own place in them, agreeing and not, one's own view, putting oneself forward; and nominating others."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from starlette.responses import Response

from app import policy
from app.core import forms
from app.core.db import ONE
from app.core.errors import NotFound
from app.core.forms import Problems, text
from app.core.tx import Tx
from app.doors import Page, Pages
from app.guarding.checking import decided
from app.pathways import words
from app.policy import Can
from app.talent import acting, entering, operations, reads, views
from app.talent.card_pages import evidence
from app.talent.models import KINDS, LEFT, WORDS, TalentEntry, TalentPool

pages = Pages()
SAID = {
    "agreed": "You agree to be listed. You can take it back here at any time.",
    "not-agreed": "You are not listed. From this moment you are on no list and in no file of this pool.",
    "view": "Your view is saved. It stands beside the judgement.",
    "forward": "You have put yourself forward, and are on the pool's list.",
    "done": "That is done.",
    "nominated": "They are nominated, and have been told. It is theirs to decide whether they are listed.",
    "proposed": "The judgement is proposed. Somebody else has to moderate it before it counts.",
}


@pages.get("/my-talent-pools", can=Can.BE_LISTED)
def mine(tx: Tx, page: Page) -> Response:
    """The pools that I am in, what I was asked to do, and pools that I could put myself forward for."""
    entries = views.mine(tx)
    inside = {row.pool_id for row in entries if row.left_at is None}
    offered = [pool for pool in _offered(tx) if pool.id not in inside]
    return page.render(
        "talent/mine.html",
        entries=entries,
        offered=offered,
        actions=views.to_do(tx),
        left=LEFT,
        nominates=policy.may(tx.actor, Can.NOMINATE),
        today=tx.today,
        said=SAID.get(page.query("said"), ""),
    )


def _offered(tx: Tx) -> list[Any]:
    """Open pools of the reader's own organisation."""
    open_ = (TalentPool.organisation_id == tx.actor.organisation_id, TalentPool.closed_at.is_(None))
    return list(tx.rows(views.POOLS.where(*open_).order_by(TalentPool.title)))


@pages.get("/my-talent-pools/{entry_id:int}", can=Can.BE_LISTED)
def one(tx: Tx, page: Page, entry_id: int) -> Response:
    """My place in a pool: everything that others may see of it, and who has looked."""
    return draw(tx, page, entry_id)


def draw(tx: Tx, page: Page, entry_id: int) -> Response:
    """The page, also after a form on it was refused."""
    entry = entering.own(tx, entry_id)
    pool, place = views.pool_of(tx, entry), views.place(tx, entry_id)
    if not page.form and place.view is not None:
        page.form = {"words": place.view.words}
    return page.render(
        "talent/my_place.html",
        entry=entry,
        pool=pool,
        place=place,
        evidence=evidence(tx, pool, entry.person_id, tx.today) if entry.left_at is None else None,
        whose=None,
        words=words,
        looked=reads.of_person(tx, entry.pool_id, entry.person_id),
        kinds=KINDS,
        left=LEFT,
        today=tx.today,
        most=WORDS,
        said=SAID.get(page.query("said"), ""),
    )


@pages.post("/my-talent-pools/{entry_id:int}/agreement", can=Can.BE_LISTED, again=draw)
def agree(tx: Tx, page: Page, entry_id: int) -> Response:
    """I agree to be listed, or I do not."""
    problems, answer = Problems(), text(page.form, "agrees")
    entering.own(tx, entry_id)
    if answer not in ("yes", "no"):
        problems.add("agrees", "Choose whether you agree to be listed")
    problems.raise_any()
    entering.say(tx, entry_id, agrees=answer == "yes")
    return page.go(f"/my-talent-pools/{entry_id}", said="agreed" if answer == "yes" else "not-agreed")


@pages.post("/my-talent-pools/{entry_id:int}/view", can=Can.BE_LISTED, again=draw)
def view(tx: Tx, page: Page, entry_id: int) -> Response:
    """What I say of it."""
    entering.write_view(tx, entry_id, text(page.form, "words"), decided(page.form))
    return page.go(f"/my-talent-pools/{entry_id}", said="view")


@pages.post("/my-talent-pools/{entry_id:int}/actions/{number:int}/done", can=Can.BE_LISTED)
def done(tx: Tx, page: Page, entry_id: int, number: int) -> Response:
    """I did what I was asked to do."""
    acting.settle_own(tx, entry_id, number, done=True)
    return page.go("/my-talent-pools", said="done")


def draw_join(tx: Tx, page: Page, pool_id: int) -> Response:
    """What it means, and why I put myself forward."""
    pool = operations.open_pool(tx, Can.BE_LISTED, pool_id)
    if pool.organisation_id != tx.actor.organisation_id:
        raise NotFound(operations.NO_POOL, code="pool-not-found")
    mine_ = (TalentEntry.pool_id == pool_id, TalentEntry.person_id == tx.actor.person_id, TalentEntry.left_at.is_(None))
    inside = tx.scalar(select(TalentEntry.id).where(*mine_))
    if inside is not None:
        return page.go(f"/my-talent-pools/{inside}")
    return page.render("talent/join.html", pool=views.pool(tx, Can.BE_LISTED, pool_id), most=WORDS)


@pages.get("/my-talent-pools/join/{pool_id:int}", can=Can.BE_LISTED)
def join_form(tx: Tx, page: Page, pool_id: int) -> Response:
    """Putting myself forward."""
    return draw_join(tx, page, pool_id)


@pages.post("/my-talent-pools/join/{pool_id:int}", can=Can.BE_LISTED, again=draw_join)
def join(tx: Tx, page: Page, pool_id: int) -> Response:
    """I am in the pool and on its list."""
    problems = Problems()
    operations.open_pool(tx, Can.BE_LISTED, pool_id)
    if not text(page.form, "reasons"):
        problems.add("reasons", "Say why, with an example of what you have done")
    if text(page.form, "agrees") != "yes":
        problems.add("agrees", "Tick that you agree to be listed: without it you are on no list")
    problems.raise_any()
    key = entering.put_forward(tx, pool_id, text(page.form, "reasons"), decided(page.form))
    return page.go(f"/my-talent-pools/{key}", said="forward")


# Nominating others -------------------------------------------------------------------------------------------------


@pages.get("/talent/nominations", can=Can.NOMINATE)
def nominations(tx: Tx, page: Page) -> Response:
    """Whom I nominated, and what came of it."""
    return page.render(
        "talent/nominations.html", rows=views.nominated(tx), left=LEFT, today=tx.today, said=SAID.get(page.query("said"), "")
    )


def draw_nominate(tx: Tx, page: Page, person_id: int) -> Response:
    """For which role, and why."""
    person = policy.person(tx, Can.NOMINATE, person_id)
    if person_id == tx.actor.person_id:
        return page.go("/my-talent-pools")
    found = views.POOLS.where(TalentPool.organisation_id == person.organisation_id, TalentPool.closed_at.is_(None))
    mine_ = operations.organisations(tx, Can.NOMINATE)
    pools = [row for row in tx.rows(found.order_by(TalentPool.title)) if mine_ is None or row.organisation_id in mine_]
    return page.render("talent/nominate.html", person=person, pools=pools, most=WORDS)


@pages.get("/people/{person_id:int}/nominate", can=Can.NOMINATE)
def nominate_form(tx: Tx, page: Page, person_id: int) -> Response:
    """Nominating one of my people."""
    return draw_nominate(tx, page, person_id)


@pages.post("/people/{person_id:int}/nominate", can=Can.NOMINATE, again=draw_nominate)
def nominate(tx: Tx, page: Page, person_id: int) -> Response:
    """They are nominated and told."""
    policy.person(tx, Can.NOMINATE, person_id)
    pool_id, problems = forms.one_id(page.form, "pool"), Problems()
    if pool_id is None or tx.scalar(select(ONE).where(TalentPool.id == pool_id)) is None:
        problems.add("pool", "Choose which role you see them in")
    if not text(page.form, "reasons"):
        problems.add("reasons", "Say why, with an example of what they do well")
    problems.raise_any()
    entering.nominate(tx, pool_id or 0, person_id, text(page.form, "reasons"), decided(page.form))
    return page.go("/talent/nominations", said="nominated")
