"""Parts of a document that somebody else writes: an observer, another professional, whoever collects a family's feedback.

Somebody with an account here is involved and writes on the document's own page. Anybody else is sent a link to a page of their own, which
shows what was asked and nothing of the portfolio but the context meant for them. Their draft is theirs until they give it; then the link
is spent (docs/portfolio.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, bindparam, func, literal_column, or_, select

from app import policy
from app.core import ledger
from app.core.db import Database, UtcDateTime, is_postgresql
from app.core.errors import Conflict, Invalid, NotFound
from app.core.ledger import Outbox
from app.core.mail import is_address
from app.core.text import tidy
from app.core.tx import Actor, Tx
from app.core.work import job
from app.guarding import checking
from app.guarding.checking import Decision
from app.identity import links
from app.identity.models import Account
from app.identity.operations import LinkOver
from app.people.models import Person
from app.policy import Can, operation
from app.programmes import merging, papers
from app.programmes import questions as asking
from app.programmes.access import Part
from app.programmes.models import CAPACITIES, Enrolment
from app.programmes.operations import changes, involving
from app.programmes.operations.documents import check_words, move_on, notify
from app.programmes.operations.guarded import words_of
from app.programmes.operations.write import keep, not_now
from app.programmes.papers import Paper
from app.programmes.portfolio_models import Contribution
from app.programmes.questions import ACCEPTS, CONTEXT, LEARNERS, Question

OPEN_DAYS = 21  # for which a link can be used
PARTS = {"observer": "observer", "other_professional": "other professional", "family_feedback": "collector of a family’s feedback"}
ASKS = frozenset({"email.contribution_asked"})
KEPT_SAVES = 10  # of a contributor's draft, for putting two windows together
_NUMBER = re.compile(r"SW\d{6}")


# Asking ------------------------------------------------------------------------------------------------------------


def parts_to_ask(paper: Paper) -> list[str]:
    """For which parts of this document somebody else can be asked."""
    named = {by for question in paper.questions for by in question.by}
    found: list[str] = [part for part in ("observer", "other_professional") if part in named]
    return [*found, "family_feedback"] if paper.row.kind == "family_feedback" else found


def asks(tx: Tx, paper: Paper) -> bool:
    """May the actor ask somebody for their part now? The learner, whoever assesses and the Academy, until the document is complete."""
    open_now = paper.row.state in ("draft", "sent", "returned") and paper.part.enrolment.status in papers.WRITABLE
    return open_now and bool(parts_to_ask(paper)) and (_inside(paper) or _academy(tx, paper))


def _inside(paper: Paper) -> bool:
    return bool(paper.parts & (LEARNERS | set(ACCEPTS)))


def _academy(tx: Tx, paper: Paper) -> bool:
    """Does the actor look after this enrolment for the Academy, and take no part in it? They ask on somebody's behalf."""
    return paper.part.side is None and changes.runs(tx, paper.part.enrolment)


def to_ask(tx: Tx, document_id: int, *, lock: bool = False) -> Paper:
    """A document for which the actor may ask others; NotFound for everybody else."""
    try:
        return papers.paper(tx, Can.WRITE_PORTFOLIO, document_id, lock=lock)
    except NotFound:
        if not policy.may(tx.actor, Can.READ_PORTFOLIO):
            raise
        paper = papers.paper(tx, Can.READ_PORTFOLIO, document_id, lock=lock)
        if not _academy(tx, paper):
            raise
        return paper


@operation(Can.WRITE_PORTFOLIO)
def ask_contributor(tx: Tx, document_id: int, part: str, name: str, email: str, words: str = "", guard: Decision | None = None) -> int:
    """Ask somebody for their part; returns the contribution's id. Conflict if they were asked already, or moderate this portfolio."""
    paper = to_ask(tx, document_id, lock=True)
    if not asks(tx, paper):
        raise not_now(paper)
    name, email, words = " ".join(name.split()), email.strip().lower(), words.strip()
    _check_ask(paper, part, name, email, words)
    if any(row.email == email and row.part == part and row.state == "asked" for row in papers.contributions(tx, document_id)):
        raise Conflict(f"{name} has been asked already and has time to answer.", code="already-asked")
    settled = checking.settle(tx, {"words": words}, guard, labels={"words": "What you ask of them"})
    person = tx.one(
        select(Person.id, Person.name)
        .join(Account, Account.person_id == Person.id)
        .where(func.lower(Person.email) == email, Account.suspended_at.is_(None))
        .where(or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today))
    )
    if person is not None and person.id == paper.learner_id:
        raise Invalid("Nobody writes about themselves.", errors=[{"field": "email", "message": "Enter somebody else’s e-mail address"}])
    if person is not None:
        capacity = part if part in CAPACITIES else "other_professional"
        involving.involve(tx, paper.part.enrolment.id, person.id, capacity, tx.today)
    key = tx.insert_recorded(
        Contribution,
        dict(
            document_id=document_id,
            enrolment_id=paper.part.enrolment.id,
            name=person.name if person else name,
            email=email,
            part=part,
            state="asked",
            words=settled["words"] or None,
            person_id=person.id if person else None,
            draft={},
            asked_by=tx.actor.person_id,
            asked_at=tx.now,
            expires_at=tx.now + timedelta(days=OPEN_DAYS),
        ),
        action="contribution.asked",
        person_id=paper.learner_id,
        state="asked",
        part=part,
    )
    checking.note(tx, settled, "contributions", key)
    _invite(tx, key, person.id if person else None, document_id)
    return key


def _check_ask(paper: Paper, part: str, name: str, email: str, words: str) -> None:
    errors = []
    if part not in parts_to_ask(paper):
        errors.append({"field": "part", "message": "Choose for which part"})
    if not name or len(name) > 120:
        errors.append({"field": "name", "message": "Enter their name"})
    if not is_address(email):
        errors.append({"field": "email", "message": "Enter an e-mail address, like name@example.org"})
    if errors:
        raise Invalid("Somebody cannot be asked like this.", errors=errors)
    check_words(words)


def _invite(tx: Tx, contribution_id: int, person_id: int | None, document_id: int) -> None:
    """Tell them: with a link to a page of their own, or, if they have an account, of the document itself."""
    if person_id is not None:
        notify(tx, "email.document_sent", "documents", document_id, [person_id])
        return
    told = ledger.message("email.contribution_asked", tx.now, "contributions", None, {})
    tx.insert_many(Outbox, [{**told, "subject_id": contribution_id}])


def _asked_for(tx: Tx, document_id: int, contribution_id: int) -> tuple[Paper, Row[Any]]:
    paper = to_ask(tx, document_id, lock=True)
    row = next((row for row in papers.contributions(tx, document_id) if row.id == contribution_id), None)
    if row is None or not (_inside(paper) or _academy(tx, paper)):
        raise NotFound("Nobody was asked under that reference.", code="contribution-not-found")
    return paper, row


@operation(Can.WRITE_PORTFOLIO)
def withdraw_ask(tx: Tx, document_id: int, contribution_id: int) -> None:
    """They need not answer any more; their link ends. What was given stays."""
    paper, row = _asked_for(tx, document_id, contribution_id)
    if row.state not in ("asked", "expired"):
        raise Conflict("This has been answered already.", code="contribution-settled")
    links.use_links_of(tx, "contribution", contribution_id)
    tx.update(Contribution, contribution_id, state="withdrawn", draft={})
    tx.record("contribution.withdrawn", "contributions", contribution_id, person_id=paper.learner_id, state="withdrawn")


@operation(Can.WRITE_PORTFOLIO)
def ask_again(tx: Tx, document_id: int, contribution_id: int) -> None:
    """A new link and new time for somebody who has not answered; what they had written is still on their page."""
    paper, row = _asked_for(tx, document_id, contribution_id)
    if not asks(tx, paper):
        raise not_now(paper)
    if row.state not in ("asked", "expired", "declined"):
        raise Conflict("They have answered already, or are not asked any more.", code="contribution-settled")
    links.use_links_of(tx, "contribution", contribution_id)
    tx.update(Contribution, contribution_id, state="asked", expires_at=tx.now + timedelta(days=OPEN_DAYS), asked_at=tx.now, reply=None)
    tx.record("contribution.asked-again", "contributions", contribution_id, person_id=paper.learner_id, state="asked")
    _invite(tx, contribution_id, row.person_id, document_id)


# What whoever was asked sees ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A contribution as its writer sees it. `context`: answers meant for them to read; `questions`: theirs to answer."""

    row: Row[Any]
    paper: Paper
    learner: str
    asker: str
    sections: tuple[asking.Section, ...]
    context: tuple[tuple[Question, str], ...]

    @property
    def questions(self) -> tuple[Question, ...]:
        return asking.questions(self.sections)

    @property
    def draft(self) -> dict[str, str]:
        return dict((self.row.draft or {}).get("content", {}))

    def open(self, now: Any) -> bool:
        """Can it still be written and given?"""
        living = self.paper.part.enrolment.status in papers.WRITABLE and self.paper.row.state in ("draft", "sent", "returned")
        return self.row.state == "asked" and self.row.expires_at > now and living


_ROW = select(Contribution.__table__).where(Contribution.id == bindparam("key"))
_ENROLMENT = select(Enrolment.__table__).where(Enrolment.id == bindparam("key"))
_NAMES = select(Person.id, Person.name).where(Person.id.in_(bindparam("ids", expanding=True)))


def asked_by_link(tx: Tx, token: str, *, lock: bool = False) -> Asked:
    """What a link's holder may see; from here on they act. LinkOver if there is no such link or it has been ended."""
    link = links.contribution_link(tx, token)
    row = tx.one(_ROW, key=link.subject_id)
    if row is None or link.email != row.email or (row.state == "asked" and link.used_at is not None):
        raise LinkOver("A newer link has taken its place, or nobody needs your answer any more.", way_out="Look for a newer e-mail.")
    statement = _ENROLMENT.with_for_update(key_share=True) if lock and is_postgresql(tx.db) else _ENROLMENT
    enrolment = tx.one(statement, key=row.enrolment_id)
    row = tx.one(_ROW, key=link.subject_id) if lock else row
    assert row is not None and enrolment is not None
    tx.actor = Actor("link", None, row.name)
    return _asked(tx, row, enrolment)


def _asked(tx: Tx, row: Row[Any], enrolment: Row[Any]) -> Asked:
    document = tx.one(papers.ONE_PAPER, key=row.document_id, me=None)
    assert document is not None
    paper = papers.bound(document, Part(enrolment, None, None, ()))
    mine = asking.outside(row.part, paper.questions, paper.row.kind)
    sections = []
    for section in paper.sections:
        theirs = tuple(question for question in section.questions if question.asks(mine))
        if theirs:
            sections.append(asking.Section(section.code, section.title, section.guidance, theirs))
    before = [q for q in paper.questions if q.section == CONTEXT and not q.asks(mine)] if document.kind == "observation" else []
    context = tuple((question, paper.content[question.code]) for question in before if paper.content.get(question.code))
    names = {each.id: each.name for each in tx.rows(_NAMES, ids=[one for one in (enrolment.person_id, row.asked_by) if one])}
    asker = names.get(row.asked_by, "The Academy")
    return Asked(row, paper, names.get(enrolment.person_id, ""), asker, tuple(sections), context)


# Writing and giving ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Drafted:
    """What a contributor's draft holds after saving; `joined`: answers that two windows wrote differently, put one below the other."""

    number: int
    content: dict[str, str]
    joined: tuple[str, ...]


def save_draft(tx: Tx, token: str, content: Mapping[str, str], sitting: str, *, had: Mapping[str, str], turn: int = 0) -> Drafted:
    """Keep a contributor's draft, which nobody else sees. Two windows are put together; where both wrote one answer, both stand in it."""
    asked = asked_by_link(tx, token, lock=True)
    if not asked.open(tx.now):
        raise _over(asked)
    by_code = {question.code: question for question in asked.questions}
    mine = {code: tidy(words) for code, words in content.items() if code in by_code}
    _check_length(by_code, mine)
    draft = asked.row.draft or {}
    if turn and draft.get("turns", {}).get(sitting, 0) >= turn:
        return Drafted(draft.get("number", 0), asked.draft, ())
    done = merging.merge(asked.draft, mine, had)
    stands, joined = dict(done.content), []
    for code, words in done.clashes.items():
        own = draft.get("by", {}).get(code) == sitting
        words_of_both = by_code[code].type in ("text", "short") and not own
        stands[code] = merging.both(stands.get(code, ""), words, "From another window") if words_of_both else words
        joined += [code] if words_of_both else []
    stands = {code: words for code, words in stands.items() if words}
    if stands == asked.draft:
        return Drafted(draft.get("number", 0), stands, ())
    touched = {code for code in by_code if stands.get(code) != asked.draft.get(code)}
    number = int(draft.get("number", 0)) + 1
    kept = dict(
        number=number,
        content=stands,
        by=draft.get("by", {}) | dict.fromkeys(touched, sitting),
        turns=dict([*draft.get("turns", {}).items(), (sitting, turn)][-KEPT_SAVES:]),
        before=[*draft.get("before", []), asked.draft][-KEPT_SAVES:] if joined else draft.get("before", []),
        saved_at=tx.now.isoformat(),
    )
    tx.update(Contribution, asked.row.id, draft=kept)
    return Drafted(number, stands, tuple(joined))


def _check_length(by_code: Mapping[str, Question], mine: Mapping[str, str]) -> None:
    found = [(code, asking.too_long(by_code[code], words)) for code, words in mine.items()]
    errors = [{"field": f"a-{code}", "message": said} for code, said in found if said]
    if errors:
        raise Invalid("An answer is too long to be kept.", errors=errors)


def _over(asked: Asked) -> Conflict:
    said = {"given": "You have given your part already. Thank you.", "declined": "You have said that you cannot take part."}
    message = said.get(asked.row.state, "The time to answer is over, or your part is not needed any more.")
    return Conflict(message, code="contribution-over", way_out=f"If you want to add something, ask {asked.asker}.")


def give(
    tx: Tx,
    token: str,
    content: Mapping[str, str],
    registration_number: str = "",
    *,
    had: Mapping[str, str],
    guard: Decision | None = None,
) -> None:
    """Hand the part over: it becomes a revision of the document, and the link is spent. Invalid for answers missing or wrong."""
    save_draft(tx, token, content, "giving", had=had)
    asked = asked_by_link(tx, token, lock=True)
    number = registration_number.strip().upper().replace(" ", "")
    _check_given(asked, number)
    paper = asked.paper
    fields, labels = words_of(asked.questions, asked.draft)
    settled = checking.settle(tx, fields, guard, labels=labels, subject="documents", subject_id=paper.id)
    checking.note(tx, settled, "documents", paper.id)
    stands = dict(paper.content)
    for question in asked.questions:
        words = settled.fields.get(f"a-{question.code}", asked.draft.get(question.code, ""))
        standing = stands.get(question.code, "")
        if words:
            longer = standing and question.type in ("text", "short")
            stands[question.code] = merging.both(standing, words, f"From {asked.row.name}") if longer else words
    keep(tx, paper, stands, paper.standards, kind="contribution", sitting=f"contribution {asked.row.id}", contribution_id=asked.row.id)
    tx.update(Contribution, asked.row.id, state="given", given_at=tx.now, registration_number=number or None, draft={})
    links.use_links_of(tx, "contribution", asked.row.id)
    tx.record("contribution.given", "contributions", asked.row.id, person_id=paper.learner_id, state="given")
    told = [row.id for row in papers.people(tx, paper.part.enrolment.id) if row.capacity in {*LEARNERS, "assessor"}]
    notify(tx, "email.contribution_given", "contributions", asked.row.id, told)
    if paper.row.waiting_for == asked.row.part:
        after = papers.bound(_again(tx, paper), paper.part)
        if not asking.mine_first(asking.missing(after.questions, after.content), {asked.row.part}):
            move_on(tx, after, {asked.row.part})


def _again(tx: Tx, paper: Paper) -> Row[Any]:
    row = tx.one(papers.ONE_PAPER, key=paper.id, me=None)
    assert row is not None
    return row


def _check_given(asked: Asked, number: str) -> None:
    answers = asked.draft
    errors = [
        {"field": f"a-{question.code}", "message": f"Answer this question: {question.label}"}
        for question in asking.missing(asked.questions, answers)
    ]
    for question in asked.questions:
        said = asking.wrong(question, answers.get(question.code, ""))
        if said:
            errors.append({"field": f"a-{question.code}", "message": said})
    if number and not _NUMBER.fullmatch(number):
        errors.append({"field": "registration_number", "message": "Enter the number as SW and six digits, or leave it empty"})
    if errors:
        raise Invalid("Not all of it is there yet.", code="contribution-incomplete", errors=errors)


def decline(tx: Tx, token: str, reply: str, guard: Decision | None = None) -> None:
    """They cannot or will not; what they had written goes. Whoever asked is told."""
    asked = asked_by_link(tx, token, lock=True)
    if not asked.open(tx.now):
        raise _over(asked)
    check_words(reply.strip(), "reply")
    settled = checking.settle(tx, {"reply": reply.strip()}, guard)
    checking.note(tx, settled, "contributions", asked.row.id)
    tx.update(Contribution, asked.row.id, state="declined", reply=settled["reply"] or None, draft={})
    links.use_links_of(tx, "contribution", asked.row.id)
    tx.record("contribution.declined", "contributions", asked.row.id, person_id=asked.paper.learner_id, state="declined")
    told = [one for one in (asked.row.asked_by, asked.paper.learner_id) if one]
    notify(tx, "email.contribution_declined", "contributions", asked.row.id, told)


# Time is over ------------------------------------------------------------------------------------------------------

_DUE = (
    select(Contribution.id, Contribution.enrolment_id)
    .where(literal_column("contributions.state = 'asked'"), Contribution.expires_at <= bindparam("now", type_=UtcDateTime()))
    .order_by(Contribution.id)
    .limit(200)
)


def expire_due(database: Database) -> int:
    """Whatever was asked and not answered in time is over; the draft stays for when they are asked again. Returns how many."""
    with job(database, writes=False) as tx:
        due = tx.rows(_DUE, now=tx.now)
    for row in due:
        with job(database) as tx:
            enrolment = tx.get(Enrolment, row.enrolment_id, lock=True)
            state = tx.one(select(Contribution.state, Contribution.expires_at).where(Contribution.id == row.id))
            if state is None or state.state != "asked" or state.expires_at > tx.now:
                continue
            tx.update(Contribution, row.id, state="expired")
            tx.record("contribution.expired", "contributions", row.id, person_id=enrolment.person_id, state="expired")
    return len(due)
