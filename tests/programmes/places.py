"""Where in the demonstration county a page of programmes can be looked at. Each takes a Finder and fails loudly if there is nothing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.equality.models import Figures
from app.frameworks.models import DocumentTemplate
from app.programmes.apprentice_models import Application, Apprenticeship, Call, OtjHours
from app.programmes.models import Cohort, Enrolment, Involvement
from app.programmes.panel_models import PanelCase, Sample, Sitting
from app.programmes.portfolio_models import Document
from tests.visit import Finder

Where = dict[str, Any]


def enrolment(finder: Finder, of: str = "nqsw") -> Where:
    """A persona's own enrolment."""
    statement = select(Enrolment.id).where(Enrolment.person_id == finder.person(of)).order_by(Enrolment.id.desc())
    return {"enrolment_id": _the(finder, statement, f"enrolment of the {of}")}


def document(finder: Finder, code: str, of: str = "nqsw") -> Where:
    """A document of a persona's portfolio by its template's code."""
    statement = (
        select(Document.id)
        .join(DocumentTemplate, DocumentTemplate.id == Document.template_id)
        .join(Enrolment, Enrolment.id == Document.enrolment_id)
        .where(Enrolment.person_id == finder.person(of), DocumentTemplate.code == code)
        .order_by(Document.number)
    )
    return {"document_id": _the(finder, statement, f"{code} of the {of}")}


def waiting(finder: Finder, state: str = "signing") -> Where:
    """A document that waits for the assessor persona."""
    statement = select(Document.id).where(Document.state == state, Document.waiting_for == "assessor").order_by(Document.id)
    return {"document_id": _the(finder, statement, f"document {state} that waits for an assessor")}


def cohort(finder: Finder, title: str = "ASYE, September") -> Where:
    """A cohort by the beginning of its title."""
    statement = select(Cohort.id).where(Cohort.title.like(f"{title}%")).order_by(Cohort.id)
    return {"cohort_id": _the(finder, statement, f"cohort {title}")}


def assessed_cohort(finder: Finder) -> Where:
    """The cohort of somebody whom the assessor persona assesses."""
    statement = select(Enrolment.cohort_id).where(Enrolment.id == assessed(finder)["enrolment_id"])
    return {"cohort_id": _the(finder, statement, "cohort of an assessed person")}


def sitting(finder: Finder, title: str = "ASYE panel, winter") -> Where:
    """A sitting by its title; the one to come."""
    return {"sitting_id": _the(finder, select(Sitting.id).where(Sitting.title == title), title)}


def case(finder: Finder, state: str = "listed") -> Where:
    """A portfolio before a panel, or decided."""
    statement = select(PanelCase.id).where(PanelCase.state == state).order_by(PanelCase.id)
    return {"case_id": _the(finder, statement, f"{state} case")}


def call(finder: Finder) -> Where:
    """The open call for applications."""
    return {"call_id": _the(finder, select(Call.id).where(Call.state == "open").order_by(Call.id), "open call")}


def published_call(finder: Finder) -> Where:
    """The call whose figures of equity are published."""
    return {"call_id": _the(finder, select(Figures.call_id), "published call")}


def application(finder: Finder, state: str = "submitted") -> Where:
    """An application by its state."""
    statement = select(Application.id).where(Application.state == state).order_by(Application.id)
    return {"application_id": _the(finder, statement, f"{state} application")}


def sample(finder: Finder) -> Where:
    """A portfolio shown to the external moderator."""
    return {"sample_id": _the(finder, select(Sample.id).order_by(Sample.id), "sample")}


def assessed(finder: Finder) -> Where:
    """The enrolment of somebody whom the assessor persona assesses."""
    statement = select(Enrolment.id).where(Enrolment.person_id == finder.assessed()).order_by(Enrolment.id)
    return {"enrolment_id": _the(finder, statement, "enrolment of an assessed person")}


def apprenticeship(finder: Finder, of: str = "assessor") -> Where:
    """An apprenticeship that a persona looks after."""
    looked_after = select(Involvement.enrolment_id).where(Involvement.person_id == finder.person(of))
    statement = (
        select(Apprenticeship.enrolment_id).where(Apprenticeship.enrolment_id.in_(looked_after)).order_by(Apprenticeship.enrolment_id)
    )
    return {"enrolment_id": _the(finder, statement, f"apprenticeship of the {of}")}


def hours(finder: Finder) -> Where:
    """An entry of its hours that waits to be verified."""
    where = apprenticeship(finder)
    statement = select(OtjHours.id).where(OtjHours.enrolment_id == where["enrolment_id"], OtjHours.verified_at.is_(None))
    return where | {"hours_id": _the(finder, statement.order_by(OtjHours.id), "entry of hours")}


def _the(finder: Finder, statement: Any, what: str) -> int:
    found = finder.tx.scalar(statement.limit(1))
    assert found is not None, f"the demonstration county has no {what}"
    return int(found)
