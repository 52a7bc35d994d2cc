"""Which rows of the ledger tell other systems of what: from an audit row's subject and action to the resources it changed.

What the ledger says of a subject in `_ROWS` is told, whatever the action, unless it stands in `SILENT`: an operation that is added later
is told without anybody thinking of it. Subjects that no other system hears of stand in `KEPT_HERE`; a test demands that each is in one or
the other.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, and_, case, cast, func, insert, literal, null, or_, select, tuple_, union_all

from app.bookings.models import Booking, Part, Session
from app.core.facts import current
from app.core.ledger import Audit
from app.core.tx import Tx
from app.hr.change_models import Change
from app.hr.training import ABOVE
from app.learning.models import Completion, Course, LearningRecord
from app.learning.shared import was_shared
from app.pathways.models import Progression
from app.people.models import Membership, Person, Unit
from app.programmes.models import Cohort, Enrolment
from app.programmes.panel_models import PanelCase
from app.supervision.models import Supervision

EVENTS = {
    "people": "person.changed",
    "units": "unit.changed",
    "courses": "course.changed",
    "sessions": "session.changed",
    "bookings": "booking.changed",
    "completions": "completion.changed",
    "cohorts": "cohort.changed",
    "enrolments": "enrolment.changed",
    "supervisions": "supervision.changed",
    "progressions": "progression.changed",
    "training-records": "training-record.changed",
    "learning-records": "learning-record.changed",
}
"""Resource, as in its address, → what a change of it is called; `removed` says what it is called when it is gone."""

SILENT = (
    *("person.absence-ended", "person.absence-recorded", "person.deputy-ended", "person.deputy-named"),
    *("session.check-in-closed", "session.check-in-opened", "session.register-finished"),
    *("booking.marked", "sample.shown", "supervision.standing-rule"),
)
"""Actions on rows that are told which change nothing that is told of them."""

ABOUT_PEOPLE = "person."
"""Of somebody's own row the ledger also keeps signing in, preferences and who looked: only what begins so is told."""

KEPT_HERE = frozenset(
    "accounts api_clients applications apprenticeship_rules apprenticeship_standards booking_policies calendars cancel_reasons caseloads "
    "certificates chain_entries claim_batches claims consequences contributions curricula daily_heads departure_effects departures "
    "document_comments documents endorsement_asks endorsements enrolment_changes equality_answers "
    "evaluations external_samples files groups imports interests journals leaver_runs otj_hours outbox pdr_cycles pdrs portfolio_exports "
    "portfolio_imports prior_learning priority_rules programme_calls programme_versions progress_reviews protected_time "
    "guard_names register_checks renewal_rules renewal_ticks "
    "role_mappings roles_held session_imports session_messages sittings standards_sets subscriptions supervision_imports supervision_rules "
    "pathway_steps step_versions training_confirmations webhook_deliveries "
    "learning_imports learning_meetings learning_sets pairings together_notices "
    "board_reports board_schedules census_guides census_returns census_uploads equality_measured measure_closes measure_imports "
    "measure_sets setting_visits talent_entries talent_filters talent_judgements talent_labels talent_pools".split()
)
"""Subjects of the ledger that no other system is told of; what follows for those that are told has ledger rows of its own."""

FACTS = ("memberships", "posts", "responsibilities", "stages")
"""Dated facts about people: operations speak of the person; only departures speak of each fact."""

LOOKED_THROUGH = frozenset({"learning_records", "panel_cases", "providers", "rooms", "series", *FACTS})
"""Subjects that are no resource, but change what is shown of one: see `_through`."""


def removed(event: str) -> str:
    """What is told of a resource that is gone, or that a client may no longer see: "completion.removed"."""
    return event.partition(".")[0] + ".removed"


def _rows(fresh: Any, resource: str, table: Any, person: Any) -> Any:
    """The rows that the ledger speaks of are themselves a resource."""
    said = and_(fresh.c.subject == resource, fresh.c.action.not_in(SILENT))
    if resource == "people":
        said = and_(said, fresh.c.action.startswith(ABOUT_PEOPLE))
    return _told(fresh, resource, table.id, person).join(table, table.id == fresh.c.subject_id).where(said)


def _told(fresh: Any, resource: str, key: Any, person: Any) -> Any:
    return select(
        fresh.c.id.label("audit_id"),
        fresh.c.at,
        literal(resource).label("resource"),
        key.label("resource_id"),
        person.label("person_id"),
    ).select_from(fresh)


_ROWS: tuple[tuple[str, Any, Any], ...] = (
    ("people", Person, Person.id),
    ("units", Unit, null()),
    ("courses", Course, null()),
    ("sessions", Session, null()),
    ("bookings", Booking, Booking.person_id),
    ("completions", Completion, Completion.person_id),
    ("cohorts", Cohort, null()),
    ("enrolments", Enrolment, Enrolment.person_id),
    ("supervisions", Supervision, Supervision.person_id),
    ("progressions", Progression, Progression.person_id),
)
RESOURCES = tuple(resource for resource, _, _ in _ROWS)


def _through(fresh: Any, today: Any) -> list[Any]:
    """What is shown of one resource and changes with another."""
    moved = Booking.__table__.alias("moved")
    about_booking = and_(fresh.c.subject == "bookings", fresh.c.action.not_in(SILENT))
    overtaken = or_(
        fresh.c.action == "booking.priority-changed",
        tuple_(Booking.priority, Booking.turn) > tuple_(moved.c.priority, moved.c.turn),
    )
    return [
        # A session shows how many places are left and how many wait, …
        _told(fresh, "sessions", Booking.session_id, null()).join(Booking, Booking.id == fresh.c.subject_id).where(about_booking),
        # … and a booking that waits how many wait before it.
        _told(fresh, "bookings", Booking.id, Booking.person_id)
        .join(moved, moved.c.id == fresh.c.subject_id)
        .join(Booking, and_(Booking.session_id == moved.c.session_id, Booking.id != moved.c.id, Booking.status == "waiting"))
        .where(about_booking, overtaken),
        # Another day for a session shortens what is held for an answer or a name.
        _told(fresh, "bookings", Booking.id, Booking.person_id)
        .join(Booking, and_(Booking.session_id == fresh.c.subject_id, Booking.status.in_(("offered", "reserved"))))
        .where(fresh.c.action == "session.changed"),
        # Names that are shown with what bears them.
        _told(fresh, "sessions", Session.id, null())
        .join(Session, Session.course_id == fresh.c.subject_id)
        .where(fresh.c.action == "course.changed"),
        _told(fresh, "sessions", Part.session_id, null()).join(Part, Part.room_id == fresh.c.subject_id).where(fresh.c.subject == "rooms"),
        _told(fresh, "courses", Course.id, null())
        .join(Course, Course.provider_id == fresh.c.subject_id)
        .where(fresh.c.subject == "providers"),
        _told(fresh, "courses", Course.id, null()).join(Course, Course.series_id == fresh.c.subject_id).where(fresh.c.subject == "series"),
        _told(fresh, "people", Membership.person_id, Membership.person_id)
        .join(Membership, and_(Membership.unit_id == fresh.c.subject_id, current(Membership, today)))
        .where(fresh.c.action == "unit.renamed"),
        # What ends with somebody's employment, or is taken back with a mistake about it.
        _told(fresh, "people", Person.id, Person.id)
        .join(Person, Person.id == fresh.c.person_id)
        .where(fresh.c.subject.in_(FACTS), fresh.c.action.startswith("departure.")),
        # A panel's decision opens stages again, or sends an enrolment on.
        _told(fresh, "enrolments", PanelCase.enrolment_id, Enrolment.person_id)
        .join(PanelCase, PanelCase.id == fresh.c.subject_id)
        .join(Enrolment, Enrolment.id == PanelCase.enrolment_id)
        .where(fresh.c.subject == "panel_cases"),
        # A completion and a programme's outcome are training records, by a number of their own (`app.hr.training`).
        _told(fresh, "training-records", Completion.id * 2, Completion.person_id)
        .join(Completion, Completion.id == fresh.c.subject_id)
        .where(fresh.c.subject == "completions", fresh.c.action.not_in(SILENT)),
        _told(fresh, "training-records", Enrolment.id * 2 + 1, Enrolment.person_id)
        .join(Enrolment, Enrolment.id == fresh.c.subject_id)
        .where(fresh.c.subject == "enrolments", Enrolment.outcome.is_not(None)),
        _told(fresh, "training-records", cast(Progression.id, BigInteger) + ABOVE, Progression.person_id)
        .join(Progression, Progression.id == fresh.c.subject_id)
        .where(fresh.c.subject == "progressions"),
        # Of what people keep of their learning, only what they share with other systems, and that they share it no more.
        _told(fresh, "learning-records", LearningRecord.id, LearningRecord.person_id)
        .join(LearningRecord, LearningRecord.id == fresh.c.subject_id)
        .where(fresh.c.subject == "learning_records", was_shared(LearningRecord.id, fresh.c.at)),
        # An organisation sees the cohorts that somebody of it is in.
        _told(fresh, "cohorts", Enrolment.cohort_id, null())
        .join(Enrolment, Enrolment.id == fresh.c.subject_id)
        .where(fresh.c.action == "enrolment.made"),
    ]


def tell(tx: Tx, which: Any, last: int) -> int:
    """Number what these rows of the ledger tell, from `last` on; returns how many numbers were given.

    Several rows about the same resource come as one change, that of the last of them. `which` is a condition on `Audit`.
    """
    fresh = (
        select(Audit.id, Audit.at, Audit.action, Audit.subject, Audit.subject_id, Audit.person_id)
        .where(which, Audit.subject.in_((*RESOURCES, *LOOKED_THROUGH)), Audit.subject_id.is_not(None))
        .cte("fresh")
    )
    everything = union_all(*(_rows(fresh, *row) for row in _ROWS), *_through(fresh, tx.today)).subquery()
    once = (
        select(
            func.max(everything.c.audit_id).label("audit_id"),
            func.max(everything.c.at).label("at"),
            everything.c.resource,
            everything.c.resource_id,
            func.max(everything.c.person_id).label("person_id"),
        )
        .group_by(everything.c.resource, everything.c.resource_id)
        .subquery()
    )
    place = func.row_number().over(order_by=(once.c.audit_id, once.c.resource, once.c.resource_id))
    names: list[Any] = [Change.number, Change.audit_id, Change.at, Change.event, Change.resource, Change.resource_id, Change.person_id]
    numbered = select(
        literal(last, Change.number.type) + place,
        once.c.audit_id,
        once.c.at,
        case(EVENTS, value=once.c.resource),
        once.c.resource,
        once.c.resource_id,
        once.c.person_id,
    )
    tx.db.execute(insert(Change).from_select(names, numbered, include_defaults=False))
    return int(tx.scalar(select(func.coalesce(func.max(Change.number), 0)))) - last  # SQLite's driver does not count what begins with WITH
