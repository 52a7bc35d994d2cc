"""Documents that wait for somebody, whatever portfolio they are in: for the first page, in one statement with everything else."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Date, bindparam, case, exists, literal, literal_column, or_, select

from app.core.db import ONE, AnySelect
from app.frameworks.models import DocumentTemplate
from app.people.models import Person
from app.programmes.models import Capacity, Enrolment, Involvement
from app.programmes.portfolio_models import Contribution, Document
from app.programmes.questions import ASKED

ME: Any = bindparam("me")
TODAY = bindparam("today", type_=Date())
WORDS = {"sent": "Waiting for you", "returned": "Given back to you", "signing": "For you to sign"}
_invited = exists(
    select(ONE).where(
        Contribution.document_id == Document.id,
        Contribution.person_id == ME,
        literal_column("contributions.state = 'asked'"),
    )
)
_title = DocumentTemplate.title + case((Enrolment.person_id == ME, literal("")), else_=" of " + Person.name)
_begins = case(*((Document.state == state, literal(f"{words}: ")) for state, words in WORDS.items()), else_=literal(""))

# (id, "Given back to you: Critical reflection", since when), for `me` and `today`. Found by who somebody is, not by what waits.
MINE: AnySelect = (
    select(Document.id, _begins + _title, Document.waiting_since)
    .select_from(Involvement)
    .join(Capacity, Capacity.involvement_id == Involvement.id)
    .join(Document, (Document.enrolment_id == Capacity.enrolment_id) & (Document.waiting_for == Capacity.capacity))
    .join(Enrolment, Enrolment.id == Document.enrolment_id)
    .join(Person, Person.id == Enrolment.person_id)
    .join(DocumentTemplate, DocumentTemplate.id == Document.template_id)
    .where(
        Involvement.person_id == ME,
        Capacity.valid_from <= TODAY,
        Capacity.valid_to > TODAY,
        Enrolment.status.in_(("registered", "in_progress", "paused", "awaiting_panel")),
        or_(Capacity.capacity.not_in(sorted(ASKED)), _invited),
    )
)
