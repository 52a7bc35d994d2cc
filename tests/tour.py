"""The tour: every page, the persona who mainly uses it, and what it is shown for in the demonstration county.

A page without a stop here fails tests/pages; the browser tests and the screenshots walk the same list.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, or_, select

from app.bookings import operations as bookings
from app.bookings.models import Booking, Session
from app.bookings.operations import quotas, reservations, session_import
from app.bookings.operations.quotas import Keep
from app.bookings.policy_models import Consequence, Journal
from app.core.config import load
from app.core.db import Database
from app.core.tx import SYSTEM, Actor, Tx, transaction
from app.hr.imports import stage
from app.hr.mapping import Mapping
from app.hr.operations import leaving
from app.identity import access, clients, sandbox
from app.identity import operations as identity
from app.identity.models import ApiCall, ApiClient, Link, RoleMapping
from app.learning import prior
from app.notifications import feed
from app.notifications.models import Feed
from app.people.models import Person
from app.programmes.models import Enrolment
from app.rooms import page_routes
from seed import measure_sets
from seed.personas import PERSONAS, persona
from tests.census import world as census_world
from tests.frameworks.drafts import load_drafts
from tests.hr.extracts import SAM, write_csv
from tests.hr.webhooks import world as webhooks
from tests.learning import moving_world as moving_in
from tests.learning import record_world, renewal_world
from tests.measures import inputs_world, sets_world
from tests.mentoring import world as mentoring
from tests.programmes import enrolment_world, moving_world, places, portfolio_world, sign_world
from tests.reports import places as report_places
from tests.supervision import world as supervised
from tests.visit import Finder

PARAMETERS = dict[str, Any]
HOT, USUAL = 8, 12  # queries a page may ask, the sign-in's own included


@dataclass(frozen=True)
class Stop:
    """One visit: a page's path as the routes have it, who visits, and how to fill in the path."""

    path: str
    persona: str | None  # a key of seed.personas; None: nobody is signed in
    find: Callable[[Finder], PARAMETERS] = lambda _: {}
    query: str = ""
    queries: int = USUAL
    joining_link: bool = False  # a place's joining link may stand on it
    file: str = ""  # the content type, for what is not a page

    @property
    def name(self) -> str:
        return f"{self.path}{'?' + self.query if self.query else ''} {self.persona or 'visitor'}"

    def address(self, finder: Finder) -> str:
        """Where to go in this copy of the county."""
        found, filled = self.find(finder), self.path
        for name, value in found.items():
            for pattern in (f"{{{name}}}", f"{{{name}:int}}"):
                filled = filled.replace(pattern, str(value))
        assert "{" not in filled, f"{self.name}: the tour fills in {sorted(found)} only"
        return f"{filled}?{self.query}" if self.query else filled


def _session(which: str) -> Callable[[Finder], PARAMETERS]:
    return lambda finder: {"session_id": getattr(finder, which)()}


def _departure(state: str) -> Callable[[Finder], PARAMETERS]:
    return lambda finder: {"departure_id": finder.departure(state)}


def _change(what: str) -> Callable[[Finder], PARAMETERS]:
    return lambda finder: {"person_id": finder.somebody(), "what": what}


def _booking(status: str, of: str = "practitioner") -> Callable[[Finder], PARAMETERS]:
    return lambda finder: {"booking_id": finder.booking(status, of)}


def _line(finder: Finder) -> PARAMETERS:
    session, booking = finder.delivered()
    return {"session_id": session, "booking_id": booking}


def _framework(programme: str = "ASYE-CF", state: str = "published", **more: str) -> Callable[[Finder], PARAMETERS]:
    return lambda finder: {"version_id": finder.version(programme, state), **more}


def _own_review(finder: Finder) -> PARAMETERS:
    """The newly qualified social worker's review of this year. In their first weeks nothing is written there yet."""
    return {"person_id": finder.person("nqsw"), "cycle_id": 2, "number": 1}


def _reviewed(finder: Finder) -> PARAMETERS:
    """The review of this year of somebody whom the manager manages, with the first of what is numbered there."""
    return {"person_id": finder.reviewed(), "cycle_id": 2, "number": 1}


WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _step(state: str) -> Callable[[Finder], PARAMETERS]:
    return lambda finder: {"step_version_id": finder.step_version(state)}


def _asks(finder: Finder) -> PARAMETERS:
    person, step = finder.asks()
    return {"person_id": person, "step": step}


def _setting(finder: Finder) -> PARAMETERS:
    return {"setting_id": finder.setting()}


def _pool(finder: Finder) -> PARAMETERS:
    return {"pool_id": finder.talent()}


REGISTERS = ("register", "register/finish", "register/add", "sheet", "code")
EVERYBODY = tuple(persona.key for persona in PERSONAS)


def _file_of(find: Callable[[Finder], PARAMETERS], file_type: str) -> Callable[[Finder], PARAMETERS]:
    return lambda finder: {**find(finder), "file_type": file_type}


TOUR: tuple[Stop, ...] = (
    # Everyone
    Stop("/sign-in", None),
    Stop("/sign-in/emergency", None),
    Stop("/password/forgotten", None),
    Stop("/password/forgotten", None, query="asked=1"),
    Stop("/password/set/{token}", None, lambda _: {"token": TOKEN}),
    Stop("/offers/{offer}", None, lambda _: {"offer": OFFER}),
    Stop("/privacy", None),
    Stop("/accessibility", None),
    Stop("/help", None),
    Stop("/help", "practitioner"),
    # Two more where the process does not keep the next step's statement yet; and for who assesses, and who sees the whole county.
    *(Stop("/", key, joining_link=True, queries=HOT + 2 if key in ("practitioner", "assessor", "psw") else HOT) for key in EVERYBODY),
    # Finding learning
    Stop("/courses", "practitioner", queries=HOT),
    Stop("/courses", "practitioner", query="q=court&places=yes", queries=HOT),
    Stop("/courses", "practitioner", query="q=zzzzzz", queries=HOT),
    Stop("/courses/{slug}", "practitioner", lambda finder: {"slug": finder.course()}, queries=HOT),
    Stop("/courses/{slug}", "practitioner", lambda finder: {"slug": finder.undated().slug}, queries=HOT),
    Stop("/courses/{slug}", "manager", lambda finder: {"slug": finder.undated().slug}, queries=HOT),
    Stop("/sessions/{session_id:int}", "practitioner", _session("open_session")),
    Stop("/sessions/{session_id:int}", "practitioner", _session("full_session")),
    Stop("/sessions/{session_id:int}", "practitioner", _session("past_session")),
    Stop("/sessions/{session_id:int}", "coordinator", _session("full_session"), joining_link=True),
    Stop("/sessions/{session_id:int}/book", "practitioner", _session("open_session")),
    Stop("/sessions/{session_id:int}/book", "practitioner", _session("full_session")),
    Stop("/sessions/{session_id:int}/book", "manager", _session("open_session"), query="who="),
    Stop("/sessions/{session_id:int}/group", "manager", _session("open_session")),
    Stop("/sessions/{session_id:int}/reserve", "manager", _session("open_session")),
    Stop("/sessions/{session_id:int}/reserve", "manager", _session("full_session")),
    # Bookings
    Stop("/my-bookings", "practitioner", queries=HOT, joining_link=True),
    Stop("/my-bookings", "board", queries=HOT),
    Stop("/my-learning", "practitioner"),
    Stop("/my-learning/gone", "practitioner"),
    Stop("/my-learning/records/new", "practitioner"),
    Stop("/my-learning/profile", "practitioner"),
    Stop("/my-learning/profile", "board", query="period=all"),
    Stop("/people/{person_id:int}/learning-profile", "manager", record_world.sharer),
    Stop("/my-team/learning-profile", "manager", query="period=12-months"),
    Stop("/my-team/learning-profile", "practitioner"),
    Stop("/learning-profile", "psw"),
    Stop("/learning-profile", "coordinator", query="period=2025"),
    Stop("/my-learning/renewal", "practitioner"),
    Stop("/my-learning/renewal", "board"),
    Stop("/my-learning/renewal/copy/{first_id:int}", "practitioner", record_world.own),
    Stop("/renewal", "manager"),
    Stop("/renewal", "psw", query="state=nothing"),
    Stop("/renewal", "hr", query="file=csv", file="text/csv"),
    Stop("/registrations", "hr"),
    Stop("/registrations/check", "hr"),
    Stop("/registrations/check/columns.csv", "coordinator", file="text/csv"),
    *(Stop("/registrations/check/{check_id:int}", "hr", find) for find in (renewal_world.checked, renewal_world.mistaken)),
    Stop("/registrations/check/{check_id:int}", "hr", renewal_world.applied),
    Stop("/registrations/check/{check_id:int}/apply", "hr", renewal_world.checked),
    Stop("/learning-records/{first_id:int}", "practitioner", record_world.own),
    Stop("/learning-records/{first_id:int}", "manager", record_world.shared),
    *(Stop(f"/learning-records/{{first_id:int}}/{tail}", "practitioner", record_world.own) for tail in ("edit", "history", "take-away")),
    Stop("/learning-records/{first_id:int}/files/{file_id:int}", "practitioner", record_world.own, file="text/plain"),
    Stop("/people/{person_id:int}/learning-records", "manager", record_world.sharer),
    Stop("/people/{person_id:int}/learning-records", "coordinator", lambda finder: {"person_id": finder.somebody()}),
    Stop("/bookings/{booking_id:int}", "practitioner", _booking("booked"), joining_link=True),
    Stop("/bookings/{booking_id:int}", "practitioner", _booking("booked"), query="made=yes", joining_link=True),
    Stop("/bookings/{booking_id:int}", "practitioner", _booking("waiting")),
    Stop("/bookings/{booking_id:int}", "practitioner", _booking("cancelled")),
    Stop("/bookings/{booking_id:int}", "manager", lambda finder: {"booking_id": finder.request()}),
    Stop("/bookings/{booking_id:int}/cancel", "practitioner", _booking("booked")),
    Stop("/bookings/{booking_id:int}/answer", "practitioner", lambda finder: {"booking_id": finder.charged()}),
    Stop("/bookings/{booking_id:int}", "practitioner", lambda finder: {"booking_id": finder.charged()}),
    Stop("/bookings/{booking_id:int}/pass", "practitioner", _booking("booked")),
    Stop("/bookings/{booking_id:int}/name", "manager", lambda finder: {"booking_id": finder.reserved()}),
    Stop("/bookings/{booking_id:int}/decide", "manager", lambda finder: {"booking_id": finder.request()}),
    Stop(
        "/bookings/{booking_id:int}/evaluation/{kind}", "practitioner", lambda finder: {"booking_id": finder.unanswered(), "kind": "after"}
    ),
    Stop("/bookings/{booking_id:int}/calendar.ics", "practitioner", _booking("booked"), joining_link=True, file="text/calendar"),
    Stop("/bookings/{booking_id:int}/order", "coordinator", lambda finder: {"booking_id": finder.on(finder.offering(), "waiting")}),
    Stop("/bookings/{booking_id:int}", "coordinator", lambda finder: {"booking_id": finder.on(finder.offering(), "offered")}),
    Stop("/sessions/{session_id:int}/roster", "coordinator", _session("offering"), queries=HOT),
    Stop("/sessions/{session_id:int}/roster", "trainer", _session("delivered_session"), queries=HOT),
    Stop("/sessions/{session_id:int}/roster", "coordinator", _session("full_session"), queries=HOT),
    *(Stop(f"/sessions/{{session_id:int}}/{tail}", "trainer", _session("delivered_session")) for tail in REGISTERS),
    Stop("/sessions/{session_id:int}/register", "trainer", lambda finder: {"session_id": finder.delivered()[0]}),
    Stop("/sessions/{session_id:int}/register", "coordinator", _session("full_session")),
    Stop("/sessions/{session_id:int}/register/{booking_id:int}", "trainer", _line),
    Stop("/sessions/{session_id:int}/check-in", "practitioner", _session("open_session")),
    Stop("/check-in", "practitioner"),
    Stop("/my-learning/prior", "practitioner"),
    *mentoring.stops(Stop),
    *census_world.stops(Stop),
    *report_places.stops(Stop),
    *inputs_world.stops(Stop),
    *sets_world.stops(Stop),
    *moving_in.stops(Stop),
    Stop("/prior-learning", "coordinator"),
    Stop("/prior-learning", "coordinator", query="show=decided"),
    Stop("/prior-learning/{key:int}", "coordinator", lambda _: {"key": 1}),
    Stop("/my-team", "manager"),
    Stop("/my-team", "practitioner"),
    Stop("/delivering", "trainer", joining_link=True),
    # The coordinator
    Stop("/manage", "coordinator", queries=HOT),
    Stop("/manage", "coordinator", query="status=thin&sort=fill", queries=HOT),
    Stop("/manage/approvals", "coordinator"),
    Stop("/manage/registers", "coordinator"),
    Stop("/manage/demand", "coordinator"),
    Stop("/manage/courses/{course_id:int}/demand", "coordinator", lambda finder: {"course_id": finder.undated().id}),
    Stop("/manage/courses/{course_id:int}/demand", "coordinator", lambda finder: {"course_id": finder.course_id()}),
    Stop("/manage/courses/{course_id:int}/evaluation", "coordinator", lambda finder: {"course_id": finder.evaluated()}),
    Stop("/sessions/{session_id:int}/write", "coordinator", _session("full_session")),
    Stop("/sessions/{session_id:int}/write", "trainer", _session("written_to")),
    Stop("/manage/courses", "coordinator"),
    Stop("/manage/courses", "coordinator", query="q=zzzzzz"),
    Stop("/manage/courses/new", "coordinator"),
    Stop("/manage/courses/{course_id:int}", "coordinator", lambda finder: {"course_id": finder.course_id()}),
    Stop("/manage/courses/{course_id:int}/withdraw", "coordinator", lambda finder: {"course_id": finder.course_id()}),
    Stop("/manage/curricula", "coordinator"),
    Stop("/manage/curricula/new", "coordinator"),
    Stop("/manage/curricula/{curriculum_id:int}", "coordinator", lambda finder: {"curriculum_id": finder.curriculum()}),
    Stop("/manage/providers", "coordinator"),
    Stop("/manage/providers/new", "coordinator"),
    Stop("/manage/providers/{key:int}", "coordinator", lambda _: {"key": 1}),
    Stop("/manage/series", "coordinator"),
    Stop("/manage/series/new", "coordinator"),
    Stop("/manage/series/{key:int}", "coordinator", lambda _: {"key": 1}),
    Stop("/manage/rooms", "coordinator"),
    Stop("/manage/rooms/new", "coordinator"),
    Stop("/manage/rooms/{room_id:int}", "coordinator", lambda _: {"room_id": 1}),
    Stop("/manage/sessions/new", "coordinator"),
    Stop("/manage/sessions/{session_id:int}", "coordinator", _session("full_session"), joining_link=True),
    Stop("/manage/sessions/{session_id:int}", "coordinator", _session("past_session"), joining_link=True),
    Stop("/manage/sessions/{session_id:int}/change", "coordinator", _session("editable_session"), joining_link=True),
    Stop("/manage/sessions/{session_id:int}/cancel", "coordinator", _session("full_session")),
    Stop("/manage/groups", "coordinator"),
    Stop("/manage/groups/{group_id:int}", "coordinator", lambda finder: {"group_id": finder.group()}),
    Stop("/manage/sessions/{session_id:int}/quotas", "coordinator", _session("editable_session")),
    Stop("/manage/sessions/import", "coordinator"),
    Stop("/manage/sessions/import/columns.csv", "coordinator", file="text/csv"),
    Stop("/manage/sessions/import/{import_id:int}", "coordinator", lambda _: {"import_id": 1}),
    Stop("/manage/sessions/import/{import_id:int}", "coordinator", lambda _: {"import_id": 2}),
    Stop("/manage/sessions/import/{import_id:int}/apply", "coordinator", lambda _: {"import_id": 2}),
    Stop("/manage/policy", "coordinator"),
    Stop("/manage/policy/figures", "coordinator"),
    Stop("/manage/policy/rules/new", "coordinator"),
    Stop("/manage/policy/rules/{rule_id:int}", "coordinator", lambda _: {"rule_id": 1}),
    Stop("/manage/policy/reasons/new", "coordinator"),
    Stop("/manage/policy/reasons/{code}", "coordinator", lambda _: {"code": "court"}),
    Stop("/manage/charges", "coordinator"),
    Stop("/manage/charges/{consequence_id:int}", "coordinator", lambda finder: {"consequence_id": finder.appeal()}),
    Stop("/manage/journals", "coordinator"),
    Stop("/manage/journals/{journal_id:int}", "coordinator", lambda _: {"journal_id": 1}),
    Stop("/manage/journals/{journal_id:int}/journal.csv", "coordinator", lambda _: {"journal_id": 1}, file="text/csv"),
    # Portfolios
    Stop("/my-programme", "nqsw"),
    Stop("/my-programme", "practitioner"),
    Stop("/portfolios/{enrolment_id:int}", "nqsw", places.enrolment),
    Stop("/portfolios/{enrolment_id:int}", "assessor", places.assessed),
    Stop("/portfolios/{enrolment_id:int}", "coordinator", places.enrolment),
    Stop("/documents/{document_id:int}", "nqsw", portfolio_world.own),
    Stop("/documents/{document_id:int}", "coordinator", portfolio_world.own),
    Stop("/documents/{document_id:int}", "nqsw", lambda finder: places.document(finder, "SAA")),
    Stop("/documents/{document_id:int}", "nqsw", lambda finder: places.document(finder, "DO1")),
    Stop("/documents/{document_id:int}/history", "nqsw", portfolio_world.own),
    Stop("/documents/{document_id:int}/clashes/{clash_id:int}", "nqsw", portfolio_world.own),
    Stop("/documents/{document_id:int}/ask", "nqsw", portfolio_world.own),
    Stop("/documents/{document_id:int}/files/{attachment_id:int}", "nqsw", portfolio_world.own, file="text/plain"),
    Stop("/contributions/{token}", None, lambda _: {"token": portfolio_world.TOKEN}),
    # Sign-off
    Stop("/documents/{document_id:int}/sign", "nqsw", sign_world.signing),
    Stop("/documents/{document_id:int}/signatures", "nqsw", sign_world.signing),
    Stop("/documents/{document_id:int}/signatures", "coordinator", lambda finder: places.document(finder, "SAA")),
    Stop("/portfolios/{enrolment_id:int}/signatures", "nqsw", places.enrolment),
    Stop("/portfolios/{enrolment_id:int}/signatures", "coordinator", places.enrolment),
    Stop("/portfolios/{enrolment_id:int}/redact", "coordinator", places.enrolment),
    Stop("/portfolio-exports/{export_id:int}", "nqsw", sign_world.export, file="text/plain"),
    Stop("/verify-portfolio", None),
    Stop("/verify-portfolio", None, query="fingerprint=abc"),
    Stop("/verify-portfolio/verify.py", None, file="text/x-python"),
    # Apprenticeships
    Stop("/apprenticeships", "coordinator"),
    Stop("/apprenticeships", "assessor"),
    Stop("/apprenticeships", "coordinator", query="over=yes"),
    Stop("/apprenticeships/new", "coordinator"),
    Stop("/apprenticeships/import", "coordinator"),
    Stop("/apprenticeships/{enrolment_id:int}", "assessor", places.apprenticeship),
    Stop("/apprenticeships/{enrolment_id:int}/hours", "assessor", places.apprenticeship),
    Stop("/apprenticeships/{enrolment_id:int}/hours/{hours_id:int}", "assessor", places.hours),
    Stop("/apprenticeships/{enrolment_id:int}/review", "assessor", places.apprenticeship),
    Stop("/apprenticeships/{enrolment_id:int}/ksbs", "assessor", places.apprenticeship),
    Stop("/apprenticeships/{enrolment_id:int}/english-maths", "assessor", places.apprenticeship),
    Stop("/apprenticeships/{enrolment_id:int}/gateway", "coordinator", places.apprenticeship),
    # Cohorts and enrolments
    Stop("/assessing", "assessor", queries=15),
    Stop("/assessing", "practitioner"),
    Stop("/cohorts", "coordinator"),
    Stop("/cohorts", "psw"),
    Stop("/cohorts", "nqsw"),
    Stop("/cohorts", "coordinator", query="closed=yes"),
    Stop("/cohorts/new", "coordinator"),
    Stop("/cohorts/{cohort_id:int}", "coordinator", places.cohort, queries=15),
    Stop("/cohorts/{cohort_id:int}", "psw", places.cohort, query="show=late&sort=waiting", queries=15),
    Stop("/cohorts/{cohort_id:int}", "assessor", places.assessed_cohort, queries=15),
    Stop("/cohorts/{cohort_id:int}/people.{file_type}", "coordinator", _file_of(places.cohort, "csv"), file="text/csv"),
    Stop("/cohorts/{cohort_id:int}/change", "coordinator", places.cohort),
    Stop("/cohorts/{cohort_id:int}/enrol", "coordinator", places.cohort),
    Stop("/cohorts/{cohort_id:int}/enrol", "coordinator", places.cohort, query="who=callum.reid@westmarch.example"),
    Stop("/cohorts/import", "coordinator"),
    Stop("/cohorts/import/columns.csv", "coordinator", file="text/csv"),
    Stop("/cohorts/import/{import_id:int}", "coordinator", moving_world.sent),
    Stop("/cohorts/import/{import_id:int}", "coordinator", moving_world.mistaken),
    Stop("/cohorts/import/{import_id:int}/apply", "coordinator", moving_world.sent),
    Stop("/cohorts/claims", "coordinator"),
    Stop("/cohorts/claims", "coordinator", query="kind=completion"),
    Stop("/cohorts/claims/{batch_id:int}", "coordinator", enrolment_world.batch),
    Stop("/cohorts/claims/{batch_id:int}/extract.{file_type}", "coordinator", _file_of(enrolment_world.batch, "csv"), file="text/csv"),
    Stop("/enrolments/{enrolment_id:int}", "nqsw", places.enrolment),
    Stop("/enrolments/{enrolment_id:int}", "coordinator", places.enrolment),
    Stop("/enrolments/{enrolment_id:int}", "psw", places.enrolment),
    Stop("/enrolments/{enrolment_id:int}/change", "coordinator", places.enrolment),
    Stop("/enrolments/{enrolment_id:int}/change", "nqsw", places.enrolment, query="kind=pause"),
    Stop("/enrolments/{enrolment_id:int}/change", "coordinator", places.enrolment, query="kind=extension"),
    Stop("/enrolments/{enrolment_id:int}/change", "coordinator", places.enrolment, query="kind=assessor"),
    Stop("/enrolments/{enrolment_id:int}/resume", "coordinator", places.enrolment),
    Stop("/enrolments/{enrolment_id:int}/people", "coordinator", places.enrolment),
    Stop("/changes/{change_id:int}", "nqsw", enrolment_world.change),
    Stop("/changes/{change_id:int}", "coordinator", enrolment_world.change),
    # Panels
    Stop("/panels", "panel"),
    Stop("/panels", "coordinator"),
    Stop("/panels/new", "coordinator"),
    Stop("/panels/{sitting_id:int}", "coordinator", places.sitting, queries=20),
    Stop("/panels/{sitting_id:int}", "panel", places.sitting),
    Stop("/panels/{sitting_id:int}/cancel", "coordinator", places.sitting),
    Stop("/panels/cases/{case_id:int}", "panel", places.case, queries=20),
    Stop("/panels/cases/{case_id:int}", "coordinator", lambda finder: places.case(finder, "decided"), queries=20),
    Stop("/panels/cases/{case_id:int}/decide", "panel", places.case, queries=20),
    Stop("/panels/cases/{case_id:int}/withdraw", "coordinator", places.case),
    Stop("/portfolios/{enrolment_id:int}/checklist", "nqsw", places.enrolment, queries=15),
    Stop("/cohorts/{cohort_id:int}/sample", "coordinator", lambda finder: places.cohort(finder, "ASYE, summer")),
    Stop("/samples", "moderator"),
    Stop("/samples/{sample_id:int}", "moderator", places.sample, queries=20),
    # Supervision
    Stop("/supervision", "nqsw"),
    Stop("/supervision", "manager"),
    Stop("/supervision", "board"),
    Stop("/supervision/team", "manager"),
    Stop("/supervision/team", "psw"),
    Stop("/supervision/team", "coordinator", query="show=overdue"),
    Stop("/supervision/several", "manager"),
    Stop("/supervision/several", "practitioner"),
    Stop("/people/{person_id:int}/supervision", "manager", lambda finder: {"person_id": finder.person("nqsw")}),
    Stop("/people/{person_id:int}/supervision", "psw", lambda finder: {"person_id": finder.person("nqsw")}),
    Stop("/people/{person_id:int}/supervision/new", "nqsw", lambda finder: {"person_id": finder.person("nqsw")}),
    Stop("/people/{person_id:int}/supervision/new", "manager", lambda finder: {"person_id": finder.person("nqsw")}),
    Stop("/supervision/{supervision_id:int}/correct", "manager", lambda finder: {"supervision_id": finder.supervision()}),
    Stop("/supervision/teams", "psw"),
    Stop("/supervision/team", "psw", query="team=12"),
    Stop("/supervision/team.csv", "manager", file="text/csv"),
    Stop("/supervision/team.xlsx", "psw", file=WORKBOOK),
    Stop("/supervision/rules", "coordinator"),
    Stop("/people/{person_id:int}/supervision/actions/new", "manager", lambda finder: {"person_id": finder.person("nqsw")}),
    Stop("/people/{person_id:int}/supervision/actions/{number:int}", "nqsw", _own_review),
    # Development reviews
    Stop("/pdr", "nqsw"),
    Stop("/pdr", "manager"),
    Stop("/pdr/plan", "nqsw", query="step=1&words=Advanced+practitioner"),
    Stop("/people/{person_id:int}/pdr", "manager", lambda finder: {"person_id": finder.person("nqsw")}),
    Stop("/people/{person_id:int}/pdr/{cycle_id:int}/objectives/new", "nqsw", _own_review),
    Stop("/people/{person_id:int}/pdr/{cycle_id:int}/objectives/{number:int}", "manager", _reviewed),
    Stop("/people/{person_id:int}/pdr/{cycle_id:int}/plan/new", "nqsw", _own_review),
    Stop("/people/{person_id:int}/pdr/{cycle_id:int}/plan/{number:int}", "manager", _reviewed),
    Stop("/people/{person_id:int}/pdr/{cycle_id:int}/held", "manager", _reviewed),
    Stop("/people/{person_id:int}/pdr/{cycle_id:int}/held", "hr", _reviewed),
    Stop("/pdr/people", "manager"),
    Stop("/pdr/people", "hr"),
    Stop("/pdr/people.csv", "manager", file="text/csv"),
    Stop("/pdr/people.xlsx", "hr", file=WORKBOOK),
    Stop("/pdr/teams", "hr"),
    Stop("/pdr/teams", "psw"),
    Stop("/pdr/cycles", "hr"),
    Stop("/pdr/cycles/new", "psw"),
    Stop("/pdr/cycles/{cycle_id:int}", "hr", lambda _: {"cycle_id": 2}),
    Stop("/people/{person_id:int}/workload", "nqsw", lambda finder: {"person_id": finder.person("nqsw")}),
    Stop("/people/{person_id:int}/workload", "coordinator", lambda finder: {"person_id": finder.person("nqsw")}),
    Stop("/supervision/import", "coordinator"),
    Stop("/supervision/import/columns.csv", "coordinator", file="text/csv"),
    Stop("/supervision/import/{import_id:int}", "coordinator", lambda _: {"import_id": 1}),
    Stop("/supervision/import/{import_id:int}", "coordinator", lambda _: {"import_id": 2}),
    Stop("/supervision/import/{import_id:int}/apply", "coordinator", lambda _: {"import_id": 2}),
    Stop("/programme-calls", "practitioner"),
    Stop("/programme-calls", "coordinator"),
    Stop("/programme-calls/new", "coordinator"),
    Stop("/programme-calls/{call_id:int}", "coordinator", places.call),
    Stop("/programme-calls/{call_id:int}", "practitioner", places.call),
    Stop("/programme-calls/{call_id:int}/apply", "nqsw", places.call),
    Stop("/programme-calls/{call_id:int}/equity", "coordinator", places.call),
    Stop("/programme-calls/{call_id:int}/equity", "psw", places.published_call),
    Stop("/programme-calls/{call_id:int}/equity.{file_type}", "psw", _file_of(places.published_call, "csv"), file="text/csv"),
    Stop("/equality-information", "practitioner"),
    *(Stop("/measures", key, queries=HOT) for key in ("psw", "hr", "board", "manager")),
    Stop("/measures", "board", query="part=3&theme=capability"),
    *(Stop("/measures/{code}", key, lambda _: {"code": "supervision-held"}, queries=HOT) for key in ("psw", "board")),
    Stop("/measures/{code}", "hr", lambda _: {"code": "progression"}, query="part=2"),
    *(Stop("/measures/{code}/live", key, lambda _: {"code": "learning-take-up"}) for key in ("psw", "manager")),
    Stop("/measures/{code}/live", "hr", lambda _: {"code": "progression"}, query="on=31&on-month=3&on-year=2026"),
    # What supervision is due is worked out from rules, plans and absences, person by person.
    *(Stop("/measures/{code}/people", key, lambda _: {"code": "supervision-held"}, queries=15) for key in ("psw", "manager")),
    Stop("/measures/{code}/people", "hr", lambda _: {"code": "learning-take-up"}, query="live=yes&show=missing"),
    Stop("/measures/table.{file_type}", "board", lambda _: {"file_type": "csv"}, file="text/csv"),
    Stop("/measures/{code}/table.{file_type}", "psw", lambda _: {"code": "supervision-held", "file_type": "xlsx"}, file=WORKBOOK),
    Stop("/required-training", "psw"),
    Stop("/required-training", "manager"),
    Stop("/required-training", "psw", query="show=gaps&step=REQ-PRACTICE"),
    Stop("/required-training/table.{file_type}", "psw", lambda _: {"file_type": "csv"}, file="text/csv"),
    Stop("/applications/{application_id:int}", "manager", places.application),
    Stop("/applications/{application_id:int}", "coordinator", lambda finder: places.application(finder, "supported")),
    Stop("/applications/{application_id:int}", "practitioner", places.application),
    # Programmes and standards
    # Pathways
    *(Stop("/my-pathway", key) for key in ("practitioner", "nqsw", "psw", "board")),
    Stop("/my-pathway", "practitioner", query="on=1&on-month=6&on-year=2028"),
    Stop("/pathways", "practitioner"),
    Stop("/pathways", "coordinator"),
    # Statements about pathways are kept by what was read to build them: the rules, versions and links they rest on are asked for first.
    Stop("/pathways/{step}", "practitioner", lambda _: {"step": "SW-EXP"}),
    Stop("/pathways/{step}", "nqsw", lambda _: {"step": "TM-PSW"}),
    Stop("/pathways/{step}/ask", "practitioner", lambda _: {"step": "EXP-PE"}),
    Stop("/pathways/{step}/ask", "practitioner", lambda _: {"step": "NQSW-SW"}),
    Stop("/people/{person_id:int}/pathway", "manager", _asks),
    Stop("/people/{person_id:int}/pathway", "hr", _asks),
    Stop("/people/{person_id:int}/pathway/{step}", "manager", _asks),
    Stop("/people/{person_id:int}/pathway/{step}/endorse", "manager", _asks),
    Stop("/endorsements", "manager"),
    Stop("/endorsements", "coordinator"),
    Stop("/endorsements/{endorsement_id:int}/withdraw", "manager", lambda finder: {"endorsement_id": finder.endorsed()}),
    Stop("/people/{person_id:int}/progressions/new", "hr", _asks),
    Stop("/progressions/{progression_id:int}/correct", "hr", lambda finder: {"progression_id": finder.progression()}),
    Stop("/pathways/manage", "coordinator"),
    Stop("/pathways/load", "coordinator"),
    Stop("/pathways/versions/{step_version_id:int}", "coordinator", _step("draft")),
    Stop("/pathways/versions/{step_version_id:int}", "psw", _step("published")),
    Stop("/pathways/versions/{step_version_id:int}.yaml", "coordinator", _step("published"), file="application/yaml"),
    Stop("/pathways/versions/{step_version_id:int}/publish", "coordinator", _step("draft")),
    Stop("/pathways/versions/{step_version_id:int}/publish", "psw", _step("draft")),
    Stop("/pathways/versions/{step_version_id:int}/discard", "coordinator", _step("draft")),
    Stop("/pathways/versions/{step_version_id:int}/withdraw", "coordinator", _step("published")),
    *(Stop("/measures/equity", key) for key in ("psw", "board", "manager")),
    *(Stop("/measures/equity", "board", query=f"part={part}") for part in ("progression", "pools")),
    Stop("/measures/equity/publish", "psw", queries=20),
    Stop("/measures/equity/table.{file_type}", "board", lambda _: {"file_type": "xlsx"}, file=WORKBOOK),
    *(Stop("/settings-training", key) for key in ("coordinator", "psw")),
    Stop("/settings-training", "psw", query="quiet=12&visits=never"),
    Stop("/settings-training/table.{file_type}", "psw", lambda _: {"file_type": "csv"}, file="text/csv"),
    *(Stop("/settings-training/{setting_id:int}", key, _setting, queries=16) for key in ("coordinator", "psw")),
    Stop("/settings-training/{setting_id:int}/visits/new", "coordinator", _setting),
    Stop("/settings-training/{setting_id:int}/visits/new", "psw", _setting, query="plan=yes"),
    Stop("/settings-training/visits/{visit_id:int}/answer", "psw", lambda finder: {"visit_id": finder.planned_visit()}),
    # Talent pools
    Stop("/talent", "psw"),
    Stop("/talent/pools/new", "psw"),
    # As for pathways: what readiness rests on is asked for first.
    Stop("/talent/pools/{pool_id:int}", "psw", _pool, queries=18),
    Stop("/talent/pools/{pool_id:int}", "psw", _pool, query="ready=missing&sort=ready", queries=18),
    Stop("/talent/pools/{pool_id:int}", "psw", _pool, query="on=1&on-month=3&on-year=2026&sort=horizon", queries=18),
    *(Stop(f"/talent/pools/{{pool_id:int}}/{what}", "psw", _pool) for what in ("edit", "close", "export")),
    Stop("/talent/labels", "psw"),
    Stop("/talent/reads", "psw"),
    Stop("/talent/reads", "psw", query="kind=export"),
    Stop("/talent/entries/{entry_id:int}", "psw", lambda finder: {"entry_id": finder.talent_entry()}, queries=24),
    *(
        Stop(f"/talent/entries/{{entry_id:int}}/{what}", "psw", lambda finder: {"entry_id": finder.talent_entry()}, queries=23)
        for what in ("judge", "actions/new", "leave")
    ),  # three statements write the look down
    Stop(
        *("/talent/entries/{entry_id:int}/actions/{number:int}", "psw"),
        lambda finder: {"entry_id": finder.talent_entry(), "number": 1},
        queries=15,
    ),
    Stop("/talent/judgements/{judgement_id:int}", "psw", lambda finder: {"judgement_id": finder.to_moderate()}, queries=26),
    Stop("/talent/nominations", "manager"),
    Stop("/people/{person_id:int}/nominate", "manager", lambda finder: {"person_id": finder.report()}),
    Stop("/my-talent-pools", "practitioner"),
    Stop("/my-talent-pools", "assessor"),
    Stop("/my-talent-pools/{entry_id:int}", "practitioner", lambda finder: {"entry_id": finder.talent_entry("practitioner")}, queries=20),
    Stop("/my-talent-pools/{entry_id:int}", "assessor", lambda finder: {"entry_id": finder.talent_entry("assessor")}, queries=20),
    Stop("/my-talent-pools/join/{pool_id:int}", "practitioner", _pool),
    Stop("/frameworks", "coordinator"),
    Stop("/frameworks", "practitioner"),
    Stop("/frameworks/versions/{version_id:int}", "coordinator", _framework(state="draft")),
    Stop("/frameworks/versions/{version_id:int}", "practitioner", _framework()),
    Stop("/frameworks/versions/{version_id:int}", "practitioner", _framework("ECDP")),
    Stop("/frameworks/versions/{version_id:int}", "psw", _framework("APP-ST0510")),
    Stop("/frameworks/versions/{version_id:int}/documents/{code}", "practitioner", _framework(code="RSPA5")),
    Stop("/frameworks/versions/{version_id:int}.yaml", "practitioner", _framework(), file="application/yaml"),
    Stop("/frameworks/versions/{version_id:int}/publish", "coordinator", _framework(state="draft")),
    Stop("/frameworks/versions/{version_id:int}/discard", "coordinator", _framework(state="draft")),
    Stop("/frameworks/versions/{version_id:int}/withdraw", "coordinator", _framework("SPLP")),
    Stop("/frameworks/compare", "coordinator"),
    Stop("/frameworks/compare", "psw", query="old=6&new=7"),
    Stop("/frameworks/load", "coordinator"),
    Stop("/frameworks/standards/{set_id:int}", "practitioner", lambda finder: {"set_id": finder.standards_set()}),
    Stop("/frameworks/standards/compare", "practitioner", query="old=1&new=4"),
    Stop("/frameworks/rules/{rule_id:int}", "practitioner", lambda finder: {"rule_id": finder.supervision_rule()}),
    Stop("/frameworks/rules/{rule_id:int}/publish", "coordinator", lambda finder: {"rule_id": finder.supervision_rule("draft")}),
    Stop("/frameworks/apprenticeships/{standard_id:int}", "practitioner", lambda finder: {"standard_id": finder.occupation()}),
    # People
    Stop("/my-details", "practitioner"),
    Stop("/my-details/change", "practitioner"),
    Stop("/my-details/council-account", "practitioner"),
    Stop("/my-details/password", "practitioner"),
    Stop("/my-details/names", "practitioner"),
    Stop("/people", "psw", queries=HOT),
    Stop("/people", "psw", query="q=ni", queries=HOT),
    Stop("/people", "manager", query="q=zzzzzz", queries=HOT),
    Stop("/people", "hr", query="stage=NQSW&left=1", queries=HOT),
    Stop("/people/new", "hr"),
    Stop("/people/{person_id:int}", "manager", lambda finder: {"person_id": finder.report()}),
    Stop("/people/{person_id:int}", "assessor", lambda finder: {"person_id": finder.assessed()}),
    Stop("/people/{person_id:int}", "hr", lambda finder: {"person_id": finder.somebody()}),
    Stop("/people/{person_id:int}/learning", "assessor", lambda finder: {"person_id": finder.assessed()}),
    Stop("/people/{person_id:int}/learning", "manager", lambda finder: {"person_id": finder.report()}),
    Stop("/people/{person_id:int}/edit", "hr", lambda finder: {"person_id": finder.somebody()}),
    *(Stop("/people/{person_id:int}/change/{what}", "hr", _change(what)) for what in ("team", "manager", "stage", "post")),
    Stop("/people/{person_id:int}/cover", "manager", lambda finder: {"person_id": finder.person("manager")}),
    Stop("/people/{person_id:int}/cover", "hr", lambda finder: {"person_id": finder.somebody()}),
    Stop("/organisation/{unit_id:int}/cost-centre", "hr", lambda finder: {"unit_id": finder.team("manager")}),
    Stop("/organisation", "practitioner"),
    Stop("/organisation/{unit_id:int}", "practitioner", lambda _: {"unit_id": 1}),
    Stop("/organisation/{unit_id:int}", "manager", lambda finder: {"unit_id": finder.team("manager")}),
    Stop(
        "/certificates/{certificate_id:int}.pdf",
        "practitioner",
        lambda f: {"certificate_id": f.certificate("practitioner").id},
        file="application/pdf",
    ),
    Stop("/verify", None),
    Stop("/verify/{code}", None, lambda f: {"code": f.certificate("practitioner").code}),
    Stop("/completions", "psw"),
    Stop("/completions", "manager"),
    Stop("/completions.csv", "psw", file="text/csv"),
    # My messages
    Stop("/inbox", "practitioner"),
    Stop("/inbox", "board"),
    Stop("/inbox/{message_id:int}", "practitioner", lambda finder: {"message_id": finder.message()}, joining_link=True),
    Stop("/preferences", "practitioner"),
    Stop("/preferences", "board"),
    Stop("/calendar/{token}.ics", None, lambda _: {"token": FEED}, joining_link=True, file="text/calendar"),
    # HR
    Stop("/systems", "administrator"),
    Stop("/webhooks", "administrator"),
    Stop("/webhooks/events", "administrator"),
    Stop("/webhooks/new", "administrator"),
    Stop("/webhooks/{subscription_id:int}", "administrator", lambda _: {"subscription_id": 1}),
    *(
        Stop("/webhooks/{subscription_id:int}", "administrator", lambda _: {"subscription_id": 1}, query=f"show={one}")
        for one in ("due", "sent")
    ),
    Stop("/webhooks/{subscription_id:int}", "administrator", lambda _: {"subscription_id": 2}, query="show=dropped"),
    Stop("/webhooks/{subscription_id:int}/off", "administrator", lambda _: {"subscription_id": 1}),
    Stop("/webhooks/{subscription_id:int}/rotate", "administrator", lambda _: {"subscription_id": 1}),
    Stop(
        "/webhooks/{subscription_id:int}/deliveries/{delivery_id:int}", "administrator", lambda _: {"subscription_id": 1, "delivery_id": 1}
    ),
    Stop("/hr/training-records", "hr"),
    Stop("/hr/training-records", "hr", query="state=confirmed"),
    Stop("/hr/training-records.csv", "hr", query="state=waiting", file="text/csv"),
    Stop("/hr/training-records.xlsx", "hr", file=WORKBOOK),
    Stop("/hr/leavers", "hr"),
    Stop("/hr/leavers/flags", "hr"),
    *(Stop("/hr/leavers/{departure_id:int}", "hr", _departure(state)) for state in ("done", "waiting")),
    Stop("/manage/leavers", "coordinator"),
    Stop("/hr/imports", "hr"),
    Stop("/hr/imports/new", "hr"),
    Stop("/hr/imports/{key:int}", "hr", lambda _: {"key": 1}),
    Stop("/hr/imports/{key:int}", "hr", lambda _: {"key": 1}, query="show=joiner"),
    Stop("/hr/imports/{key:int}/apply", "hr", lambda _: {"key": 2}),
    Stop("/hr/imports/{key:int}/problems.csv", "hr", lambda _: {"key": 1}, file="text/csv"),
    # Administration
    Stop("/access", "administrator"),
    Stop("/access", "administrator", query="role=coordinator"),
    Stop("/access/people/{person_id:int}", "administrator", lambda finder: {"person_id": finder.person("coordinator")}),
    Stop("/access/people/{person_id:int}", "administrator", lambda finder: {"person_id": finder.somebody()}),
    Stop("/access/people/{person_id:int}/suspend", "administrator", lambda finder: {"person_id": finder.person("board")}),
    Stop("/access/roles/{role_id:int}/end", "administrator", lambda finder: {"role_id": finder.role("board")}),
    Stop("/access/clients", "administrator"),
    Stop("/access/clients/new", "administrator"),
    Stop("/access/clients/{client_id:int}", "administrator", lambda _: {"client_id": 1}),
    Stop("/access/clients/{client_id:int}/edit", "administrator", lambda _: {"client_id": 1}),
    Stop("/access/clients/{client_id:int}/secret", "administrator", lambda _: {"client_id": 1}),
    Stop("/access/clients/{client_id:int}/calls", "administrator", lambda _: {"client_id": 1}),
    Stop("/access/single-sign-on", "administrator"),
    Stop("/access/single-sign-on/{mapping_id:int}/end", "administrator", lambda _: {"mapping_id": 1}),
    Stop("/access/people/{person_id:int}/identity", "administrator", lambda finder: {"person_id": finder.somebody()}),
    Stop("/access/trail", "administrator"),
    Stop("/access/trail", "administrator", query="kind=booking"),
    Stop("/deliveries", "administrator"),
    Stop("/deliveries", "administrator", query="show=sent"),
)


# To an identity provider and back from it: without one these addresses lead nowhere. See tests/identity/sso.
SIGNING_ON = {"/auth/sign-in", "/auth/callback", "/password/set/{token}/sign-on"}


def missing() -> list[str]:
    """Pages that the tour leaves out."""
    seen = {stop.path for stop in TOUR} | SIGNING_ON
    return sorted({route.path for route in page_routes() if "GET" in (route.methods or ())} - seen)


def gone() -> list[str]:
    """Stops at pages that there no longer are."""
    there = {route.path for route in page_routes() if "GET" in (route.methods or ())}
    return sorted({stop.path for stop in TOUR} - there)


# What only somebody's work brings ------------------------------------------------------------------------------------

OFFER = "tour-offer-0123456789-0123456789-0123456789"
FEED = "tour-feed-0123456789-0123456789-0123456789"
TOKEN = "tour-link-0123456789-0123456789-0123456789"


def arrange(database: Database) -> None:
    """Two HR extracts under way (one with problems), and a link to set a password as an e-mail would hold it."""
    with transaction(database, SYSTEM, writes=False) as tx:
        officer = Finder(tx).person("hr")
        administrator = Finder(tx).person("administrator")
    actor = Actor("person", officer, persona("hr").name, (("HR officer", None),))
    joiners = [
        SAM
        | {"Employee Number": f"77{n:04}", "First name": first, "Surname": last, "Work email": f"{first}.{last}@westmarch.example".lower()}
        for n, (first, last) in enumerate([("Sam", "Lee"), ("Bartholomew-Augustine", "Featherstonehaugh-Cholmondeley"), ("Iris", "Vale")])
    ]
    broken = [SAM | {"Employee Number": "770009", "Work email": "not an address", "Start date": "31/02/2024"}]
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in (("october extract.csv", joiners + broken), ("november extract.csv", joiners)):
            path = write_csv(Path(folder) / name, rows)
            stage(lambda: transaction(database, actor, writes=True), path, Mapping(), file_name=name)
    with transaction(database, SYSTEM, writes=True) as tx:
        _link(tx, administrator)
        tx.insert_many(Feed, [dict(token_hash=feed.hashed(FEED), person_id=Finder(tx).person("practitioner"), created_at=tx.now)])
        _client(tx)
        _leavers(tx)
        _claims(tx, administrator)
        tx.actor = Actor("person", Finder(tx).person("coordinator"), persona("coordinator").name, (("coordinator", None),))
        day = f"{tx.today + timedelta(days=70):%d/%m/%Y}"
        good = {"course": Finder(tx).plain_course().title, "date": day, "start": "9:30", "end": "16:00", "places": "12"}
        good |= {"link": "https://meet.westmarch.example/imported"}
        wrong = good | {"course": "No such course", "start": "later"}
        _keep_and_reserve(tx)
        _charge(tx)
        for name, cells in (("spring dates with mistakes.csv", wrong), ("spring dates.csv", good)):
            session_import.stage(tx, name, [{"line": 2, "cells": cells}])
        _supervised(tx)
        portfolio_world.arrange(tx, Finder(tx).person("nqsw"))
        record_world.arrange(tx, Finder(tx).person("practitioner"))
        inputs_world.arrange(tx, measure_sets.host(tx))
        moving_in.arrange(tx, Finder(tx).person("coordinator"), Finder(tx).person("practitioner"))
        renewal_world.arrange(tx)
        census_world.arrange(tx, officer)
        sign_world.arrange(tx, Finder(tx).person("nqsw"))
        tx.actor = enrolment_world.coordinating(tx)
        enrolment_world.arrange(tx, Finder(tx).person("nqsw"))
        moving_world.arrange(tx)
        tx.actor = Actor("person", Finder(tx).person("practitioner"), persona("practitioner").name, (("practitioner", None),))
        course = Finder(tx).plain_course().id
        done = tx.today - timedelta(days=200)
        prior.ask(tx, course_id=course, completed_on=done, provider="Northmoor Council", evidence="Two days, with a certificate at the end")

    _offer(database)
    load_drafts(database)
    sandbox.prepare(database, load(demo=True))


def _leavers(tx: Tx) -> None:
    """Two whom a directory has deleted, somebody on a programme who leaves next week, and one who left yesterday."""
    personas = [one.email for one in PERSONAS]
    learning = select(Enrolment.person_id).where(Enrolment.status == "in_progress")
    booked = select(Booking.person_id).where(Booking.status == "booked")
    home = select(Person.organisation_id).where(Person.id == Finder(tx).person("hr")).scalar_subquery()
    plain = select(Person.id).where(Person.leaving_on.is_(None), Person.organisation_id == home, Person.id != Finder(tx).somebody())
    plain = plain.where(or_(Person.email.is_(None), Person.email.not_in(personas)))
    deleted = tx.rows(plain.where(Person.id.not_in(learning)).order_by(Person.id.desc()).limit(2))
    for row in deleted:
        leaving.ask(tx, row.id)
    learner = tx.scalar(plain.where(Person.id.in_(learning)).order_by(Person.id.desc()).limit(1))
    gone = tx.scalar(plain.where(Person.id.in_(booked), Person.id.not_in([row.id for row in deleted])).order_by(Person.id.desc()).limit(1))
    for person, last_day in ((learner, tx.today + timedelta(days=7)), (gone, tx.today - timedelta(days=1))):
        if person is not None:
            tx.update(Person, person, leaving_on=last_day)
            leaving.register(tx, [person], "page")


def _client(tx: Tx) -> None:
    """A system that asks a lot, with two secrets that are good and calls of every kind."""
    clients.create_client(tx, "Rota planner", ["people:read", "bookings:read"], contact="Duty desk, 01632 960 107")
    clients.rotate_secret(tx, 1)
    clients.long_token(tx, 1, 90)
    asked = dict(client_id=1, at=tx.now, method="GET", milliseconds=4)
    person = asked | {"route": "/api/v1/people/{person_id}", "request_id": "0123456789abcdef"}
    rows = [
        person | {"status": 200},
        person | {"status": 404, "code": "person-not-found"},
        person | {"status": 500, "code": "internal-error"},
    ]
    rows += [asked | {"route": "/api/v1/people", "status": 429, "code": "rate-limited", "request_id": f"{n:016x}"} for n in range(60)]
    tx.db.execute(insert(ApiCall), [{"code": None} | row for row in rows])
    webhooks.arrange(tx, 1)
    tx.update(ApiClient, 1, last_used_at=tx.now)


def _claims(tx: Tx, administrator: int) -> None:
    """Claims that give roles; one value as long as providers send them."""
    given = dict(unit_id=None, created_by=administrator, created_at=tx.now)
    values = [("Academy.Coordinator", "coordinator"), ("5b0d1c9e-7f3a-4c55-9b8e-2d6f1a7c3e90-" * 4 + "board", "board viewer")]
    tx.insert_many(RoleMapping, [given | {"claim": claim, "role": role} for claim, role in values])


def _supervised(tx: Tx) -> None:
    """Two files of dates: one with mistakes, one that can be applied."""
    coordinator, day = tx.actor.person_id or 0, f"{tx.today - timedelta(days=40):%d/%m/%Y}"
    good = supervised.cells(persona("practitioner").email, persona("manager").email, day)
    wrong = good | {"person": "nobody@westmarch.example", "minutes": "an hour"}
    for name, row in (("supervision with mistakes.csv", wrong), ("supervision.csv", good)):
        supervised.stage(tx, coordinator, name, row)


def _offer(database: Database) -> None:
    """Somebody gives up a place for which others wait, and the first of them has the e-mail."""
    with transaction(database, SYSTEM, writes=True) as tx:
        session = Finder(tx).long_queue()
        bookings.cancel(tx, Finder(tx).on(session, "booked"), "Called to court")
    with transaction(database, SYSTEM, writes=True) as tx:
        booking = tx.get(Booking, Finder(tx).on(session, "offered"))
        _link(tx, booking.person_id, OFFER, "offer", booking.id)


def _keep_and_reserve(tx: Tx) -> None:
    """Places kept for a team, and one that the manager has still to name somebody for."""
    finder, coordinator = Finder(tx), tx.actor
    unit = finder.team("practitioner")
    quotas.set_quotas(tx, finder.editable_session(), [Keep(1, tx.today + timedelta(days=1), unit_id=unit)])
    tx.actor = Actor("person", finder.person("manager"), persona("manager").name, (("line manager", None),))
    reservations.reserve(tx, finder.open_session(), 1)
    tx.actor = coordinator


def _charge(tx: Tx) -> None:
    """The practitioner did not come and can still answer for it; somebody else has appealed; a third one's charge is in a journal."""
    priya = Finder(tx).person("practitioner")
    past = select(Booking.id, Booking.person_id).join(Session, Session.id == Booking.session_id)
    past = past.where(Session.ends_at < tx.now, Booking.status == "attended").order_by(Session.starts_at.desc(), Booking.id)
    rows = [*tx.rows(past.where(Booking.person_id == priya).limit(1)), *tx.rows(past.where(Booking.person_id != priya).limit(2))]
    journal = tx.insert(Journal, made_at=tx.now, made_by=tx.actor.person_id, charges=1, pence=3500)
    common = dict(kind="absent", pence=3500, cost_centre="CC-410", appeal_by=tx.now + timedelta(days=9), created_at=tx.now)
    states: tuple[PARAMETERS, ...] = (
        dict(state="stands"),
        dict(state="appealed", appeal="The road was closed after the storm, and no bus ran.", appealed_at=tx.now),
        dict(state="stands", journal_id=journal),
    )
    for row, state in zip(rows, states, strict=True):
        tx.update(Booking, row.id, status="did not attend")
        tx.insert(Consequence, booking_id=row.id, person_id=row.person_id, **common, **state)


def _link(tx: Tx, person: int, token: str = TOKEN, purpose: str = "reset", subject_id: int | None = None) -> None:
    expires = tx.now + timedelta(days=2)
    link = dict(token_hash=access.digest(token), purpose=purpose, person_id=person, created_at=tx.now, subject_id=subject_id)
    tx.insert_many(Link, [link | {"expires_at": expires, "email": identity.email_of(tx, person)}])
