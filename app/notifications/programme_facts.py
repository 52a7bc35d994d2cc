"""Facts of messages about programmes, read for a whole batch: who and what they are about, never what was written there."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select

from app.core.declared import aliased
from app.core.ledger import Audit, Outbox
from app.core.tx import Tx
from app.frameworks.models import DocumentTemplate, ProgrammeVersion
from app.notifications.by_subject import Facts, Rows, by_subject
from app.people.models import Person
from app.programmes import questions
from app.programmes.apprentice_models import Application, Call
from app.programmes.enrolments import REASONS
from app.programmes.models import Change, Cohort, Enrolment
from app.programmes.panel_models import PanelCase, Sitting
from app.programmes.portfolio_models import Contribution, Document, Entry, Export
from app.programmes.proposals import KINDS

CHANGES = ("email.change_asked", "email.change_waiting", "email.change_settled")
PARTS = {
    "observer": "a direct observation",
    "other_professional": "feedback as another professional",
    "family_feedback": "feedback from a family you worked with",
}
_LEARNER = aliased(Person)


def _ids(rows: Rows) -> set[int]:
    return {row.subject_id for row in rows if row.subject_id}


def _joined(rows: Rows, found: Rows, facts: Any) -> dict[int, Facts]:
    """By outbox id: who it is about, whether that is its reader, and what `facts` makes of the row that was found."""
    by_id = {row.id: row for row in found}
    return {
        row.id: {"learner": one.learner, "own": one.person_id == row.person_id} | facts(one)
        for row in rows
        if (one := by_id.get(row.subject_id)) is not None
    }


def of_enrolments(tx: Tx, rows: Rows) -> dict[int, Facts]:
    """The programme and its learner; of changes the newest of their kind."""
    statement = (
        select(Enrolment.id, Enrolment.person_id, _LEARNER.name.label("learner"), ProgrammeVersion.title)
        .join(_LEARNER, _LEARNER.id == Enrolment.person_id)
        .join(ProgrammeVersion, ProgrammeVersion.id == Enrolment.version_id)
        .where(Enrolment.id.in_(_ids(rows)))
    )
    found = _joined(rows, tx.rows(statement), lambda one: {"title": one.title, "link": f"/enrolments/{one.id}"})
    changing = [row for row in rows if row.kind in CHANGES]
    for row in rows:
        found.setdefault(row.id, {})["why"] = REASONS.get(row.facts.get("reason", ""))
    if changing:
        newest = select(Change.id, Change.enrolment_id, Change.kind).where(Change.enrolment_id.in_(_ids(changing))).order_by(Change.id)
        changes = {(one.enrolment_id, one.kind): one.id for one in tx.rows(newest)}
        states = _states(tx, changing)
        for row in changing:
            kind = row.facts.get("kind", "")
            key = changes.get((row.subject_id, kind))
            found[row.id] |= {"state": states.get(row.id), "change": KINDS.get(kind, "Change")} | (
                {"link": f"/changes/{key}"} if key else {}
            )
    return found


def of_documents(tx: Tx, rows: Rows) -> dict[int, Facts]:
    """The document's title and whose portfolio it is in."""
    statement = _documents(Document.id).where(Document.id.in_(_ids(rows)))
    return _joined(rows, tx.rows(statement), _document)


def _documents(key: Any, *more: Any) -> Any:
    titles = (DocumentTemplate.title, DocumentTemplate.repeatable, Document.number, Document.id.label("document_id"))
    return (
        select(key, Enrolment.person_id, _LEARNER.name.label("learner"), *titles, *more)
        .select_from(Document)
        .join(DocumentTemplate, DocumentTemplate.id == Document.template_id)
        .join(Enrolment, Enrolment.id == Document.enrolment_id)
        .join(_LEARNER, _LEARNER.id == Enrolment.person_id)
    )


def _document(one: Row[Any]) -> Facts:
    title = questions.title(one.title, one.number, repeatable=one.repeatable)
    return {"title": title, "link": f"/documents/{one.document_id}"}


def of_contributions(tx: Tx, rows: Rows) -> dict[int, Facts]:
    """Who was asked by whom for what. To somebody without an account the message goes at the address they were asked at."""
    asker, c = aliased(Person), Contribution
    its = (c.name.label("contributor"), c.email, c.part, c.state, c.expires_at, asker.name.label("asker"))
    statement = (
        _documents(c.id, *its).join(c, c.document_id == Document.id).outerjoin(asker, asker.id == c.asked_by).where(c.id.in_(_ids(rows)))
    )
    found = _joined(
        rows,
        tx.rows(statement),
        lambda one: (
            _document(one)
            | {"contributor": one.contributor, "part": PARTS[one.part], "asker": one.asker}
            | {"address": one.email, "state": one.state, "expires_at": one.expires_at.isoformat()}
        ),
    )
    for row in rows:
        if row.person_id is None and row.id in found:
            one = found[row.id]
            one |= {"to": one["address"], "name": one["contributor"], "link": None}  # delivery makes the link
    return found


def of_entries(tx: Tx, rows: Rows) -> dict[int, Facts]:
    """What was signed: the document or, for other entries, the enrolment."""
    statement = (
        select(Entry.id, Entry.enrolment_id, Entry.document_id, Enrolment.person_id, _LEARNER.name.label("learner"))
        .join(Enrolment, Enrolment.id == Entry.enrolment_id)
        .join(_LEARNER, _LEARNER.id == Enrolment.person_id)
        .where(Entry.id.in_(_ids(rows)))
    )

    def page(one: Row[Any]) -> Facts:
        return {"link": f"/documents/{one.document_id}" if one.document_id else f"/enrolments/{one.enrolment_id}"}

    return _joined(rows, tx.rows(statement), page)


def of_cases(tx: Tx, rows: Rows) -> dict[int, Facts]:
    """The portfolio before a panel: readers are led to the panel's room, those it is about to the enrolment."""
    statement = (
        select(PanelCase.id, PanelCase.enrolment_id, Enrolment.person_id, _LEARNER.name.label("learner"), ProgrammeVersion.title)
        .add_columns(Sitting.title.label("sitting"), Sitting.starts_at)
        .join(Sitting, Sitting.id == PanelCase.sitting_id)
        .join(Enrolment, Enrolment.id == PanelCase.enrolment_id)
        .join(_LEARNER, _LEARNER.id == Enrolment.person_id)
        .join(ProgrammeVersion, ProgrammeVersion.id == Enrolment.version_id)
        .where(PanelCase.id.in_(_ids(rows)))
    )
    found = _joined(
        rows,
        tx.rows(statement),
        lambda one: (
            {"title": one.title, "sitting": one.sitting, "sits_at": one.starts_at.isoformat(), "case": one.id}
            | {"enrolment": one.enrolment_id}
        ),
    )
    states = _states(tx, rows)
    for row in rows:
        if one := found.get(row.id):
            one["link"] = f"/panels/cases/{one['case']}" if row.kind == "email.papers_ready" else f"/enrolments/{one['enrolment']}"
            one["state"] = states.get(row.id)
    return found


def _states(tx: Tx, rows: Rows) -> dict[int, str]:
    """To which state what a message tells of led: its audit row has the same subject and instant."""
    its = (Audit.subject == Outbox.subject) & (Audit.subject_id == Outbox.subject_id) & (Audit.at == Outbox.created_at)
    statement = select(Outbox.id, Audit.state).join(Audit, its).where(Outbox.id.in_([row.id for row in rows]), Audit.state.is_not(None))
    return {row.id: row.state for row in tx.rows(statement.order_by(Audit.id))}


def of_cohorts(tx: Tx, rows: Rows) -> dict[int, Facts]:
    """The cohort whose sample is shown."""
    titles = {row.id: row.title for row in tx.rows(select(Cohort.id, Cohort.title).where(Cohort.id.in_(_ids(rows))))}
    return {row.id: {"title": titles[row.subject_id], "link": "/samples"} for row in rows if row.subject_id in titles}


def of_exports(tx: Tx, rows: Rows) -> dict[int, Facts]:
    """The portfolio that was made ready to fetch."""
    statement = (
        select(Export.id, Export.enrolment_id, Enrolment.person_id, _LEARNER.name.label("learner"), ProgrammeVersion.title)
        .join(Enrolment, Enrolment.id == Export.enrolment_id)
        .join(_LEARNER, _LEARNER.id == Enrolment.person_id)
        .join(ProgrammeVersion, ProgrammeVersion.id == Enrolment.version_id)
        .where(Export.id.in_(_ids(rows)))
    )
    return _joined(rows, tx.rows(statement), lambda one: {"title": one.title, "link": f"/portfolios/{one.enrolment_id}/signatures"})


def of_applications(tx: Tx, rows: Rows) -> dict[int, Facts]:
    """What was applied for, and by whom."""
    statement = (
        select(Application.id, Application.person_id, _LEARNER.name.label("learner"), Call.title)
        .join(_LEARNER, _LEARNER.id == Application.person_id)
        .join(Call, Call.id == Application.call_id)
        .where(Application.id.in_(_ids(rows)))
    )
    return _joined(rows, tx.rows(statement), lambda one: {"title": one.title, "link": f"/applications/{one.id}"})


BY_SUBJECT = {
    "enrolments": of_enrolments,
    "documents": of_documents,
    "contributions": of_contributions,
    "chain_entries": of_entries,
    "panel_cases": of_cases,
    "cohorts": of_cohorts,
    "portfolio_exports": of_exports,
    "applications": of_applications,
}


def further(tx: Tx, rows: Rows) -> dict[int, Facts]:
    """By outbox id, for those messages that are about programmes."""
    return by_subject(tx, rows, BY_SUBJECT)
