"""The panel's pages: sittings, the panel room of one portfolio, the decision, the checklist, and samples for external moderation."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select
from starlette.responses import Response

from app.core import forms
from app.core.calendar import from_london, london
from app.core.forms import Problems
from app.core.tx import Tx
from app.doors import Page, Pages
from app.people.models import Person
from app.policy import Can, covers, may
from app.programmes import access, panel_queries, papers, portfolio_words
from app.programmes.checklist import checklist
from app.programmes.operations import judging, panels, sampling
from app.programmes.operations.judging import Verdict
from app.programmes.operations.panels import Members
from app.programmes.panel_models import PanelCase

pages = Pages()
DONE = {
    "arranged": "The sitting is arranged. Put portfolios before it next.",
    "cancelled": "The sitting is cancelled. What was before it can be listed for another one.",
    "listed": "The portfolio is before the panel, and both readers are told.",
    "withdrawn": "The portfolio is off the sitting. Its members can no longer read it.",
    "anonymised": "It is recorded that you looked: no child or family can be recognised.",
    "judged": "Your judgement is saved. You can change it until the panel has decided.",
    "decided": "The decision is recorded and signed onto the portfolio’s chain. The learner and the assessor are told.",
    "drawn": "The sample is shown to the moderator.",
    "moderated": "Your feedback is with the Academy. Thank you.",
}


def _done(page: Page) -> str:
    return DONE.get(page.query("done"), "")


@pages.get("/panels", can=Can.READ_PANELS)
def find(tx: Tx, page: Page) -> Response:
    """Sittings: those to come first. Who arranges panels sees all of them, members those they sit on."""
    arranged = may(tx.actor, Can.RUN_PANELS)
    return page.render(
        "programmes/panel/panels.html",
        coming=panel_queries.sittings(tx, arranged=arranged, over=False),
        over=panel_queries.sittings(tx, arranged=arranged, over=True),
        arranged=arranged,
        done=_done(page),
    )


@pages.get("/panels/new", can=Can.RUN_PANELS)
def new_form(tx: Tx, page: Page) -> Response:
    """When, where and who."""
    among = panels.panel_members(tx, None, tx.now)
    rows = tx.rows(select(Person.id, Person.name).where(Person.id.in_(among)).order_by(Person.sort_name))
    people = [(str(row.id), row.name) for row in rows]
    return page.render("programmes/panel/new.html", people=people, chosen=forms.many(page.form, "members"))


@pages.post("/panels/new", can=Can.RUN_PANELS, again=new_form)
def create(tx: Tx, page: Page) -> Response:
    """The sitting is arranged; portfolios are listed next."""
    problems = Problems()
    day = forms.day(page.form, "day", "The day", problems, needed=True)
    at = forms.clock_time(page.form, "time", "The time", problems)
    reading = forms.number(page.form, "reading_days", "Reading days", problems)
    problems.raise_any()
    assert day is not None and at is not None
    key = panels.create_sitting(
        tx,
        forms.text(page.form, "title"),
        from_london(day, at),
        forms.text(page.form, "place"),
        Members(tuple(forms.ids(page.form, "members")), forms.one_id(page.form, "chair") or 0),
        reading_days=10 if reading is None else reading,
    )
    return page.go(f"/panels/{key}", done="arranged")


@pages.get("/panels/{sitting_id:int}", can=Can.READ_PANELS)
def show(tx: Tx, page: Page, sitting_id: int) -> Response:
    """One sitting: its members, its portfolios with who reads them and how far they are; for who arranges it, what could be listed."""
    row = panels.sitting(tx, sitting_id)
    arranged = panels.arranges(tx, row)
    found = panel_queries.cases(tx, sitting_id)
    members = panel_queries.members(tx, sitting_id)
    return page.render(
        "programmes/panel/sitting.html",
        sitting=row,
        members=members,
        cases=found,
        readers=panel_queries.readers(tx, [case.id for case in found]),
        arranged=arranged,
        ready=panel_queries.ready(tx) if arranged and row.state == "planned" else [],
        options=[("", "Choose"), *((str(each.id), each.name) for each in members)],
        read_by=_read_by(row),
        done=_done(page),
    )


def _read_by(row: Row[Any]) -> datetime:
    """From when its members have their working days for reading: the calendar days that these take at most."""
    return london(row.starts_at) - timedelta(days=row.reading_days * 7 // 5)


@pages.post("/panels/{sitting_id:int}/list", can=Can.RUN_PANELS, again=show)
def put_before(tx: Tx, page: Page, sitting_id: int) -> Response:
    """A portfolio is before the panel, with two readers."""
    problems = Problems()
    enrolment = forms.one_id(page.form, "enrolment")
    if enrolment is None:
        problems.add("enrolment", "Choose a portfolio")
    problems.raise_any()
    first, second = forms.one_id(page.form, "first"), forms.one_id(page.form, "second")
    panels.list_case(tx, sitting_id, enrolment or 0, [key for key in (first, second) if key])
    return page.go(f"/panels/{sitting_id}", done="listed")


@pages.get("/panels/{sitting_id:int}/cancel", can=Can.RUN_PANELS)
def ask_to_cancel(tx: Tx, page: Page, sitting_id: int) -> Response:
    """What cancelling means, before it is done."""
    row = panels.sitting(tx, sitting_id)
    return page.render("programmes/panel/cancel.html", sitting=row, cases=panel_queries.cases(tx, sitting_id))


@pages.post("/panels/{sitting_id:int}/cancel", can=Can.RUN_PANELS, again=ask_to_cancel)
def cancel(tx: Tx, page: Page, sitting_id: int) -> Response:
    """The sitting does not take place."""
    panels.cancel_sitting(tx, sitting_id)
    return page.go("/panels", done="cancelled")


# The panel room ----------------------------------------------------------------------------------------------------


def _case(tx: Tx, page: Page, case_id: int) -> tuple[Row[Any], access.Part]:
    row = panel_queries.case(tx, case_id)
    given = access.part(tx, Can.READ_PANELS, row.enrolment_id)
    page.saw("portfolio.viewed", row.person_id)
    return row, given


@pages.get("/panels/cases/{case_id:int}", can=Can.READ_PANELS)
def room(tx: Tx, page: Page, case_id: int) -> Response:
    """The panel room: evidence on one side, the criteria on the other, and what the readers judged."""
    row, given = _case(tx, page, case_id)
    readers = panel_queries.readers(tx, [case_id])[case_id]
    me = next((reader for reader in readers if reader.person_id == tx.actor.person_id), None)
    mine = me.criteria or {} if me else {}
    evidence = papers.listed(tx, given)
    words = panel_queries.contents(tx, row.enrolment_id)
    return page.render(
        "programmes/panel/room.html",
        case=row,
        lines=checklist(tx, row.enrolment_id),
        papers=[each for each in evidence if each.id in words and each.shown],
        withheld=[each for each in evidence if each.id in words and not each.row.in_portfolio],
        words=_readable(evidence, words),
        criteria=judging.criteria(tx, row.version_id),
        readers=readers,
        me=me,
        mine=mine,
        part=given,
        decides=given.has("chair") or bool(me and me.lead),
        done=_done(page),
    )


def _readable(evidence: list[papers.Paper], words: dict[int, dict[str, Any]]) -> dict[int, dict[str, str]]:
    """What each document says as it is read: dates in words."""
    found = {}
    for each in evidence:
        said = words.get(each.id, {})
        found[each.id] = {question.code: portfolio_words.shown(question, said.get(question.code, "")) for question in each.questions}
    return found


@pages.post("/panels/cases/{case_id:int}/anonymised", can=Can.READ_PANELS, again=room)
def anonymised(tx: Tx, page: Page, case_id: int) -> Response:
    """Somebody looked that nobody can be recognised."""
    panels.check_anonymised(tx, case_id)
    return page.go(f"/panels/cases/{case_id}", done="anonymised")


@pages.post("/panels/cases/{case_id:int}/judge", can=Can.SIT_ON_PANELS, again=room)
def judge(tx: Tx, page: Page, case_id: int) -> Response:
    """One reader's judgement."""
    row = panel_queries.case(tx, case_id)
    said = {
        code: (forms.text(page.form, code) == "yes", forms.text(page.form, f"{code}_words"))
        for code, _ in judging.criteria(tx, row.version_id)
        if forms.text(page.form, code) in ("yes", "no")
    }
    judging.judge(tx, case_id, said, forms.text(page.form, "words"))
    return page.go(f"/panels/cases/{case_id}", done="judged")


@pages.get("/panels/cases/{case_id:int}/withdraw", can=Can.RUN_PANELS)
def ask_to_withdraw(tx: Tx, page: Page, case_id: int) -> Response:
    """What taking a portfolio off means, before it is done."""
    row, _ = _case(tx, page, case_id)
    return page.render("programmes/panel/withdraw.html", case=row)


@pages.post("/panels/cases/{case_id:int}/withdraw", can=Can.RUN_PANELS, again=ask_to_withdraw)
def withdraw(tx: Tx, page: Page, case_id: int) -> Response:
    """The portfolio is off the sitting."""
    sitting_id = tx.get(PanelCase, case_id, what="case").sitting_id
    panels.withdraw_case(tx, case_id)
    return page.go(f"/panels/{sitting_id}", done="withdrawn")


@pages.get("/panels/cases/{case_id:int}/decide", can=Can.SIT_ON_PANELS)
def ask_to_decide(tx: Tx, page: Page, case_id: int) -> Response:
    """The decision on a page of its own: what each choice means for whom, and exactly what will be signed."""
    row, given = _case(tx, page, case_id)
    return page.render(
        "programmes/panel/decide.html",
        case=row,
        lines=checklist(tx, row.enrolment_id),
        readers=panel_queries.readers(tx, [case_id])[case_id],
        criteria=judging.criteria(tx, row.version_id),
        head=papers_head(tx, row.enrolment_id),
        documents=[(str(each.id), each.title) for each in papers.listed(tx, given) if each.row.state in papers.COMPLETE],
        chosen=forms.many(page.form, "reopen"),
    )


def papers_head(tx: Tx, enrolment_id: int) -> str:
    """The newest link of a portfolio's chain; empty before the first."""
    from app.programmes.portfolio_models import Entry

    newest = select(Entry.hash).where(Entry.enrolment_id == enrolment_id).order_by(Entry.sequence.desc()).limit(1)
    return str(tx.scalar(newest) or "")


@pages.post("/panels/cases/{case_id:int}/decide", can=Can.SIT_ON_PANELS, again=ask_to_decide)
def decide(tx: Tx, page: Page, case_id: int) -> Response:
    """Decided, signed onto the chain, and told."""
    kind = forms.text(page.form, "kind")
    verdict = Verdict(
        kind,
        forms.text(page.form, "reasons"),
        forms.text(page.form, "to_learner"),
        forms.text(page.form, "to_assessor"),
        tuple(forms.ids(page.form, "reopen")) if kind == "return" else (),
    )
    judging.decide(tx, case_id, verdict, forms.text(page.form, "head"))
    return page.go(f"/panels/cases/{case_id}", done="decided")


# The checklist -----------------------------------------------------------------------------------------------------


@pages.get("/portfolios/{enrolment_id:int}/checklist", can=Can.READ_PORTFOLIO)
def ready(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """Is the portfolio ready for the panel? Each line opens to what is behind it."""
    given = access.part(tx, Can.READ_PORTFOLIO, enrolment_id)
    person = tx.get(Person, given.enrolment.person_id, what="person")
    page.saw("portfolio.viewed", person.id)
    return page.render(
        "programmes/panel/checklist.html",
        enrolment=given.enrolment,
        person=person,
        you=person.id == tx.actor.person_id,
        lines=checklist(tx, enrolment_id),
        papers=not papers.outsider(given),
    )


# External moderation -----------------------------------------------------------------------------------------------


@pages.get("/cohorts/{cohort_id:int}/sample", can=Can.RUN_PANELS)
def sample_form(tx: Tx, page: Page, cohort_id: int) -> Response:
    """What was drawn from a cohort, what the moderators said, and drawing more."""
    cohort = sampling.sampled(tx, cohort_id)
    return page.render(
        "programmes/panel/draw.html",
        cohort=cohort,
        rows=panel_queries.sample_of(tx, cohort_id),
        moderators=[("", "Choose"), *((str(row.id), row.name) for row in sampling.moderators(tx))],
        here=covers(tx, Can.RUN_PANELS, cohort.unit_id),
        done=_done(page),
    )


@pages.post("/cohorts/{cohort_id:int}/sample", can=Can.RUN_PANELS, again=sample_form)
def draw(tx: Tx, page: Page, cohort_id: int) -> Response:
    """Shown to the moderator."""
    problems = Problems()
    every = forms.number(page.form, "every", "One in so many", problems)
    problems.raise_any()
    drawn = sampling.draw_sample(tx, cohort_id, forms.one_id(page.form, "moderator") or 0, every=3 if every is None else every)
    return page.go(f"/cohorts/{cohort_id}/sample", done="drawn" if drawn else "none")


@pages.get("/samples", can=Can.MODERATE)
def sampled(tx: Tx, page: Page) -> Response:
    """The portfolios shown to an external moderator."""
    return page.render("programmes/panel/samples.html", rows=panel_queries.samples(tx), done=_done(page))


@pages.get("/samples/{sample_id:int}", can=Can.MODERATE)
def sample(tx: Tx, page: Page, sample_id: int) -> Response:
    """One portfolio of the sample: what it says, what the panel decided, and the moderator's own words."""
    found = sampling.mine(tx, sample_id)
    given = access.part(tx, Can.READ_PORTFOLIO, found.enrolment_id)
    row = next(each for each in panel_queries.samples(tx) if each.id == sample_id)
    page.saw("portfolio.viewed", given.enrolment.person_id)
    words = panel_queries.contents(tx, found.enrolment_id)
    evidence = [each for each in papers.listed(tx, given) if each.id in words and each.shown]
    return page.render(
        "programmes/panel/sample.html",
        sample=row,
        lines=checklist(tx, found.enrolment_id),
        papers=evidence,
        words=_readable(evidence, words),
    )


@pages.post("/samples/{sample_id:int}", can=Can.MODERATE, again=sample)
def moderate(tx: Tx, page: Page, sample_id: int) -> Response:
    """The moderator's feedback."""
    said = forms.text(page.form, "agrees")
    sampling.moderate(tx, sample_id, {"yes": True, "no": False}.get(said), forms.text(page.form, "feedback"))
    return page.go("/samples", done="moderated")
