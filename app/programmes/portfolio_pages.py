"""My programme, and portfolios as those who take part see them: timeline, tasks of this stage, promised against actual, who and when."""

from __future__ import annotations

from starlette.responses import Response

from app.core import forms
from app.core.tx import Tx
from app.doors import Page, Pages
from app.policy import Can
from app.programmes import papers, portfolio_words, terms
from app.programmes.access import Part, own, own_part, part
from app.programmes.learning_since import since_the_start
from app.programmes.models import Side
from app.programmes.operations import documents
from app.programmes.overview import Overview, overview
from app.supervision import queries as supervision
from app.supervision import words as supervision_words

pages = Pages()


@pages.get("/my-programme")
def mine(tx: Tx, page: Page) -> Response:
    """The reader's own portfolio: the one that runs, or the latest."""
    found = own(tx)
    if not found:
        return page.render("programmes/no_programme.html", inside="/my-programme")
    return _draw(tx, page, own_part(tx, found[0]), others=[row.id for row in found[1:]])


@pages.get("/portfolios/{enrolment_id:int}", can=Can.READ_PORTFOLIO)
def portfolio(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """Somebody's portfolio, for whoever takes part in it or is responsible for it."""
    given = part(tx, Can.READ_PORTFOLIO, enrolment_id)
    page.saw("portfolio.viewed", given.enrolment.person_id)
    return _draw(tx, page, given, others=[])


def _draw(tx: Tx, page: Page, given: Part, others: list[int]) -> Response:
    enrolment = given.enrolment
    whole = overview(tx, given)
    people = papers.people(tx, enrolment.id)
    subject = f"enrolment:{enrolment.id}"
    promised = None if papers.outsider(given) else supervision.promised_actual_for(tx, [subject]).get(subject)
    return page.render(
        "programmes/portfolio.html",
        whole=whole,
        enrolment=enrolment,
        you=enrolment.person_id == tx.actor.person_id,
        side=given.side,
        works=given.side in (Side.LEARNER, Side.ASSESSING),
        people=[(terms.title({}, row.capacity), row) for row in people if row.id != enrolment.person_id],
        all_people=people,
        me=tx.actor.person_id,
        today=tx.today,
        marks=_marks(tx, whole),
        promised=promised,
        learning=since_the_start(tx, enrolment),
        others=others,
        words=portfolio_words,
        supervision_words=supervision_words,
        inside="/my-programme",
    )


def _marks(tx: Tx, whole: Overview) -> list[tuple[str, object]]:
    """The timeline: stages in their order with today between those that were due and those to come."""
    found: list[tuple[str, object]] = []
    marked = False
    for stage in whole.stages:
        if not marked and stage.due_on is not None and stage.due_on >= tx.today:
            found.append(("today", None))
            marked = True
        found.append(("stage", stage))
    return found if marked else [*found, ("today", None)]


@pages.post("/portfolios/{enrolment_id:int}/add", can=Can.WRITE_PORTFOLIO)
def add(tx: Tx, page: Page, enrolment_id: int) -> Response:
    """Begin a document that was not there."""
    key = documents.add_document(tx, enrolment_id, forms.one_id(page.form, "template_id") or 0)
    return page.go(f"/documents/{key}", said="added")
