"""The small world that the matrices walk: one person in everybody's reach, one in nobody's, and somebody for each role.

Ann Holt is managed by the manager, assessed by the assessor, booked on the trainer's session, and belongs to the organisation that all
roles are held for. Odette Farrow is booked on the same session, but works for another organisation, where none of them have a role.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.bookings import operations as bookings
from app.bookings.event_models import EvaluationAsk
from app.bookings.models import Booking, Quota, Room, Session
from app.bookings.operations import consequences, policies, quotas, reservations, session_import
from app.bookings.operations.quotas import Keep
from app.bookings.policy_models import Consequence, Journal, PriorityRule
from app.core.config import Settings, load
from app.core.db import FOREVER, Database
from app.core.ledger import Outbox
from app.core.tx import Actor, transaction
from app.hr.imports import stage
from app.hr.mapping import Mapping
from app.hr.operations import leaving
from app.identity import access, clients
from app.identity import operations as identity
from app.identity.models import ApiClient, Link, RoleMapping
from app.learning import certificates
from app.learning.models import Certificate, Curriculum, CurriculumCourse, PriorLearning, Provider, Series
from app.notifications import feed
from app.notifications.models import Feed
from app.people import operations as people_operations
from app.people.models import Absence, Duty, Group, Person, RoleHeld
from app.policy import SCOPES
from app.programmes.apprentice_models import Application, Call
from app.programmes.models import Cohort
from app.programmes.panel_models import PanelCase, Reader, Sample, Sitting, SittingMember
from seed.frameworks import load_frameworks
from tests.census import world as census_world
from tests.factory import Make
from tests.frameworks.drafts import load_drafts
from tests.hr.extracts import SAM, write_csv
from tests.hr.webhooks import world as webhooks
from tests.learning import moving_world as moving_in
from tests.learning import record_world, renewal_world
from tests.measures import inputs_world, published, sets_world, settings_world
from tests.mentoring import world as mentoring
from tests.pathways import world as pathways_world
from tests.programmes import apprentice_world, enrolment_world, moving_world, portfolio_world, sign_world
from tests.programmes.making import Programmes
from tests.reports import places as report_places
from tests.supervision import world as supervised
from tests.talent import world as talent_world
from tests.visit import Finder

VISITOR, THEMSELVES = "visitor", "themselves"
ROLES = (
    VISITOR, "practitioner", "line manager", "assessor", "trainer", "coordinator", "principal social worker", "HR officer", "board viewer",
    "setting lead", "panel member", "external moderator", "administrator", THEMSELVES,
)  # fmt: skip
GIVEN = ROLES[5:13]
TEAM = "Aldermoor team one"
SUBJECT, OUTSIDER = "Ann Holt", "Odette Farrow"
JOINING = "https://meet.westmarch.example/secret-room"
PRIVATE = record_world.PRIVATE
NEEDS, OUTSIDERS_NEEDS = "A chair with arms", "Large print, please"
OFFER_TOKEN = "matrix-offer-0123456789-0123456789-0123456789"
FEED_TOKEN = "matrix-feed-0123456789-0123456789"
LINK_TOKEN = "matrix-link-0123456789-0123456789-0123456789"


@dataclass
class World:
    """Ids to fill paths and forms with: `here` is in reach of those whose business it is, `elsewhere` of none of them."""

    here: dict[str, Any] = field(default_factory=dict)
    elsewhere: dict[str, Any] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)  # role → sign-in
    tokens: dict[str, str] = field(default_factory=dict)  # column of the API matrix → access token


def settings() -> Settings:
    return load(base_url="http://testserver", log_level="error", webhook_private=webhooks.HOST)


def build(database: Database) -> World:
    """Fill an empty, migrated database."""
    make, world = Make(database), World()
    council = make.organisation()
    neighbour = make.organisation("Northmoor Council", host=False)
    team = make.unit(TEAM, parent=council)
    people = {role: make.person(f"Role {role.title()}", organisation=council).id for role in ROLES[1:-1]}
    with make.tx() as tx:
        for role in GIVEN:
            values = dict(person_id=people[role], role=role, unit_id=council, valid_from=date(2020, 1, 1), valid_to=date(9999, 12, 31))
            tx.insert(RoleHeld, **values, recorded_at=tx.now)
    ann = make.person(SUBJECT, organisation=council, team=team, manager=people["line manager"], stage="SW", access_needs=NEEDS).id
    make.assessor(people["assessor"], ann)
    odette = make.person(OUTSIDER, organisation=neighbour, access_needs=OUTSIDERS_NEEDS).id
    people[THEMSELVES] = ann
    _offer(make, world, ann, odette, people)
    _held_places(make, world, people, make.person("Other Manager", organisation=neighbour).id)
    _imports(make, world, people["HR officer"], council, neighbour)
    with make.tx() as tx:
        tx.actor = Actor("person", people["coordinator"], "Coordinator", (("coordinator", council),), organisation_id=council)
        world.here["import_id"] = session_import.stage(tx, "sessions.csv", [{"line": 2, "cells": {"course": "Court skills"}}])
        for found, where in ((world.here, council), (world.elsewhere, neighbour)):
            found["role_id"] = tx.scalar(select(RoleHeld.id).where(RoleHeld.unit_id == where, RoleHeld.role == "HR officer"))
    _certificates(make, world, ann, odette)
    _frameworks(make, world)
    _programmes(make, world, people, odette)
    _charges(make, world, ann, odette)
    _supervision(make, world, people, ann, odette)
    _pathways(make, world, people, ann, odette)
    _talent(make, world, people, ann, odette)
    _together(make, world, ann, odette, people["coordinator"])
    world.here.update(published.last_month(make, council, neighbour))
    world.here.update(settings_world.visits(make, neighbour, people["coordinator"]))
    for found, organisation in ((world.here, council), (world.elsewhere, neighbour)):
        found.update(report_places.world(make, organisation))
    with make.tx() as tx:
        for found, organisation in ((world.here, council), (world.elsewhere, neighbour)):
            found.update(inputs_world.world(tx, organisation))
            found.update(sets_world.world(tx, organisation))
    with make.tx() as tx:
        for found, person in ((world.here, ann), (world.elsewhere, odette)):
            found.update(record_world.world(tx, person))
            found.update(renewal_world.world(tx, person, people["HR officer"] if found is world.here else odette))
    with make.tx() as tx:
        for found, where in ((world.here, council), (world.elsewhere, neighbour)):
            found.update(census_world.world(tx, where, people["HR officer"]))
    with make.tx() as tx:
        for found, person in ((world.here, ann), (world.elsewhere, odette)):
            found["kind"] = "after"
            tx.insert(EvaluationAsk, booking_id=found["booking_id"], person_id=person, kind="after", asked_at=tx.now)
    both = dict(world.here)
    world.here = {**both, "person_id": ann, "unit_id": team, "organisation_id": council}
    world.elsewhere = {**both, "person_id": odette, "unit_id": neighbour, "organisation_id": neighbour, **world.elsewhere}
    with make.tx() as tx:
        expires = tx.now + timedelta(days=1)
        tx.insert_many(
            Link,
            [
                dict(
                    token_hash=access.digest(LINK_TOKEN),
                    purpose="reset",
                    person_id=ann,
                    created_at=tx.now,
                    expires_at=expires,
                    email=identity.email_of(tx, ann),
                    subject_id=None,
                ),
                dict(
                    token_hash=access.digest(OFFER_TOKEN),
                    purpose="offer",
                    person_id=ann,
                    created_at=tx.now,
                    expires_at=expires,
                    email=identity.email_of(tx, ann),
                    subject_id=world.here["offered_booking"],
                ),
            ],
        )
        tx.insert(RoleMapping, claim="Academy.HR", role="HR officer", unit_id=None, created_by=None, created_at=tx.now)
        world.here["mapping_id"] = world.elsewhere["mapping_id"] = 1
        waiting = tx.scalar(select(Outbox.id).order_by(Outbox.id))
        tx.update(Outbox, waiting, parked_at=tx.now, error="550 no such mailbox")
        own = tx.scalar(select(Outbox.id).where(Outbox.person_id == ann).order_by(Outbox.id))
        tx.insert_many(Feed, [dict(token_hash=feed.hashed(FEED_TOKEN), person_id=ann, created_at=tx.now)])
        for found in (world.here, world.elsewhere):
            found |= {
                "token": LINK_TOKEN,
                "offer": OFFER_TOKEN,
                "feed": FEED_TOKEN,
                "own_message": own,
                "message_id": waiting,
                "what": "team",
            }
    for role, person in people.items():
        with make.tx() as tx:
            world.cookies[role] = identity.sign_in(tx, person, "matrix", settings())
    _clients(make, world, council, neighbour)
    return world


def _frameworks(make: Make, world: World) -> None:
    """Programmes and rules as they ship, and a draft of each kind."""
    load_frameworks(make.database, datetime.now(UTC))
    load_drafts(make.database)
    with make.tx(writes=False) as tx:
        finder = Finder(tx)
        world.here |= {"framework": finder.version(), "draft": finder.version(state="draft"), "document_code": "RSPA5"}
        world.here |= {"supervision_rule": finder.supervision_rule(), "draft_rule": finder.supervision_rule("draft")}
        world.here |= {"set_id": finder.standards_set(), "standard_id": finder.occupation()}


def _programmes(make: Make, world: World, people: dict[str, int], outsider: int) -> None:
    """Ann in her second month with those who go with her; Odette with people of her own."""
    programmes = Programmes(make)
    with make.tx(writes=False) as tx:
        rows = {key: tx.get(Person, key) for key in (people[THEMSELVES], people["assessor"], people["line manager"])}
    mine = programmes.enrolment(nqsw=rows[people[THEMSELVES]], assessor=rows[people["assessor"]], line_manager=rows[people["line manager"]])
    with make.tx() as tx:
        for capacity, role in (("panel_member", "panel member"), ("external_moderator", "external moderator")):
            programmes.involve(tx, mine, people[role], capacity, date(2020, 1, 1))
        odette = tx.get(Person, outsider)
    theirs = programmes.enrolment(nqsw=odette, cohort=programmes.cohort(title="Another council's cohort"), reference="T-ELSEWHERE")
    with make.tx() as tx:
        tx.update(Cohort, theirs.cohort_id, unit_id=odette.organisation_id)
    stranger = make.person("Another Moderator").id
    for found, enrolled in ((world.here, mine), (world.elsewhere, theirs)):
        found |= {"enrolment_id": enrolled.id, "cohort_id": enrolled.cohort_id, "document_id": enrolled.documents["SAA"]}
        found["version_id"] = enrolled.version_id
        with make.tx() as tx:
            found.update(enrolment_world.rows(tx, enrolled))
            found.update(portfolio_world.rows(tx, enrolled, f"matrix-contribution-{enrolled.id}-0123456789-0123456789"))
            found.update(sign_world.rows(tx, enrolled))
            found.update(apprentice_world.rows(tx, enrolled))
            found["contribution_token"] = world.here["contribution_token"]  # whoever has the link is whoever was asked
            place: dict[str, Any] = dict(title=f"Panel of {enrolled.id}", starts_at=tx.now + timedelta(days=9), place="Room 4")
            unit = tx.scalar(select(Person.organisation_id).where(Person.id == enrolled.nqsw.id))
            found["sitting_id"] = tx.insert(Sitting, **place, unit_id=unit, created_at=tx.now)
            case = dict(sitting_id=found["sitting_id"], enrolment_id=enrolled.id, recommended="pass", listed_head="")
            found["case_id"] = tx.insert(PanelCase, **case, listed_at=tx.now)
            if enrolled is mine:
                member = enrolled.involvements["panel_member"]
                seat = dict(sitting_id=found["sitting_id"], person_id=people["panel member"], chair=False)
                tx.insert_many(SittingMember, [seat])
                reader = dict(case_id=found["case_id"], involvement_id=member, enrolment_id=mine.id, side="moderating")
                tx.insert_many(Reader, [reader])
            if enrolled is theirs:
                programmes.involve(tx, theirs, stranger, "external_moderator", date(2020, 1, 1))
            shown = dict(enrolment_id=enrolled.id, involvement_id=enrolled.involvements["external_moderator"], side="moderating")
            found["sample_id"] = tx.insert(Sample, **shown, why="one in 3", sampled_at=tx.now)
            about: dict[str, Any] = dict(title=f"Call {enrolled.id}", about="For those who lead.", places=3, state="open")
            asked = [{"code": "q1", "label": "Why?", "words": 100}]
            closes = dict(closes_at=tx.now + timedelta(days=9), created_at=tx.now, questions=asked, criteria=[])
            call = tx.insert(Call, version_id=enrolled.version_id, **about, **closes)
            found["call_id"] = world.here.get("call_id", call)
            sent = dict(call_id=call, person_id=enrolled.nqsw.id, answers={"q1": "Because."}, state="submitted", submitted_at=tx.now)
            found["application_id"] = tx.insert(Application, **sent)


def _certificates(make: Make, world: World, ann: int, odette: int) -> None:
    """One of Ann's and one of Odette's."""
    course = make.course("Life story work").id
    for found, person in ((world.here, ann), (world.elsewhere, odette)):
        completion = make.completion(person, course, date(2026, 5, 4))
        found["number"] = 2 * completion  # as a training record
        with make.tx() as tx:
            certificates.issue(tx, [completion])
            row = tx.one(select(Certificate.id, Certificate.code).where(Certificate.completion_id == completion))
            assert row is not None
            found |= {"certificate_id": row.id, "code": row.code}


def _offer(make: Make, world: World, ann: int, odette: int, people: dict[str, int]) -> None:
    """Courses in each state, sessions in each state, and bookings of both on the same ones."""
    course, draft = make.course("Court skills"), make.course("Not yet ready", status="draft")
    with make.tx() as tx:
        curriculum = tx.insert(Curriculum, title="The essentials", rule="all")
        tx.insert_many(CurriculumCourse, [dict(curriculum_id=curriculum, course_id=course.id, position=1)])
        provider, series = tx.insert(Provider, name="A partner"), tx.insert(Series, title="Winter masterclasses", summary="Six evenings.")
    trainers = (people["trainer"],)
    main = make.session(course=course.id, places=4, link=JOINING, trainers=trainers)
    day = main.starts_at.date()
    approval = make.session(course=course.id, places=4, needs_approval=True, day=day + timedelta(days=7))
    free = make.session(course=course.id, places=4, day=day + timedelta(days=14))
    full, late = (make.session(course=course.id, places=2, day=day + timedelta(days=days)) for days in (21, 35))
    unpublished = make.session(course=course.id, places=4, status="draft", day=day + timedelta(days=28))
    with make.tx() as tx:
        made = {
            name: [bookings.book(tx, session.id, who).id for session in (main, approval)] for name, who in (("ann", ann), ("out", odette))
        }
    with make.tx() as tx:
        two = (people["practitioner"], people["board viewer"])
        holders = [bookings.book(tx, session.id, who).id for session in (full, late) for who in two]
        offered, waiting = ([bookings.book(tx, session.id, who).id for who in (ann, odette)] for session in (full, late))
        tx.update(Session, late.id, closes_at=tx.now)  # too late to offer a place to anybody
    with make.tx() as tx:
        for held in holders:
            bookings.cancel(tx, held, "Called to court")
    with make.tx() as tx:
        assert [tx.get(Booking, key).status for key in (*offered, *waiting)] == ["offered"] * 2 + ["waiting"] * 2
        assert tx.get(Booking, made["ann"][1]).approval == "pending"
        asked = dict(course_id=course.id, provider="A university", evidence="Certificate 7", state="asked", asked_at=tx.now)
        prior = [tx.insert(PriorLearning, person_id=who, completed_on=day - timedelta(days=300), **asked) for who in (ann, odette)]
        room = tx.scalar(select(Room.id).order_by(Room.id))
    world.here = {
        "course_id": course.id, "draft_course": draft.id, "slug": course.slug, "curriculum_id": curriculum, "session_id": main.id,
        "free_session": free.id, "late_session": late.id, "offered_booking": offered[0], "waiting_booking": waiting[0],
        "draft_session": unpublished.id, "approval_session": approval.id, "room_id": room,
        "provider": provider, "series": series, "booking_id": made["ann"][0], "pending_booking": made["ann"][1], "day": day,
        "prior": prior[0],
    }  # fmt: skip
    world.elsewhere = {
        "prior": prior[1],
        "booking_id": made["out"][0], "pending_booking": made["out"][1], "offered_booking": offered[1], "waiting_booking": waiting[1],
    }  # fmt: skip


def _supervision(make: Make, world: World, people: dict[str, int], ann: int, odette: int) -> None:
    """Ann and Odette have each recorded a supervision that is still to be confirmed, protected time and a caseload."""
    other = make.person("Other Supervisor", organisation=make.row(Person, odette).organisation_id).id
    both = (world.here, ann, people["assessor"], people["coordinator"]), (world.elsewhere, odette, other, odette)
    with make.tx() as tx:
        for found, person, by, sender in both:
            row = supervised.cells("nobody@westmarch.example", "nobody@westmarch.example", "1/3/2026")
            found.update(supervised.entries(tx, person, by), supervision_import=supervised.stage(tx, sender, "dates.csv", row))
            found["portfolio_import"] = moving_world.staged(tx, sender, "portfolios.csv", person="E999")


def _talent(make: Make, world: World, people: dict[str, int], ann: int, odette: int) -> None:
    """Each on the list of a pool of their own organisation, kept by a principal social worker of it."""
    keeper = make.person("Another Keeper", organisation=make.row(Person, odette).organisation_id).id
    here = talent_world.of_person(make, make.row(Person, ann), people["line manager"], people["principal social worker"])
    world.here |= here
    world.elsewhere |= talent_world.of_person(make, make.row(Person, odette), keeper, keeper)


def _pathways(make: Make, world: World, people: dict[str, int], ann: int, odette: int) -> None:
    """Ann and Odette have each asked their manager to endorse them for a step, and moved a stage."""
    other = make.person("Other Head", organisation=make.row(Person, odette).organisation_id).id
    world.here.update(pathways_world.publish(make))
    for found, person, manager in ((world.here, ann, people["line manager"]), (world.elsewhere, odette, other)):
        found.update(pathways_world.of_person(make, person, manager))


def _together(make: Make, world: World, ann: int, odette: int, coordinator: int) -> None:
    """Ann and Odette each offer something to colleagues, have met with one of them, and facilitate a set."""
    for found, person, name in ((world.here, ann, SUBJECT), (world.elsewhere, odette, OUTSIDER)):
        colleague = make.person("Other Colleague", organisation=make.row(Person, person).organisation_id).id
        with make.tx() as tx:
            found.update(mentoring.together(tx, person, colleague, name))
            found.update(moving_in.world(tx, coordinator if person == ann else person))


def _charges(make: Make, world: World, ann: int, odette: int) -> None:
    """Ann and Odette stayed away twice: one appeal of each waits, another charge is in a journal. Both are away and have a deputy."""
    course = make.course("Court skills for all", cost_pence=3500).id
    session, other = (make.session(course=course, day=world.here["day"] + timedelta(days=days)) for days in (56, 63))
    council = make.organisation()
    with make.tx() as tx:
        policies.set_policy(tx, read_id=None, absent_charge="cost")
        rules = tx.rows(select(PriorityRule.id).order_by(PriorityRule.id))
        for found, person in ((world.here, ann), (world.elsewhere, odette)):
            appealed, taken = (bookings.book(tx, one.id, person).id for one in (session, other))
            for booking in (appealed, taken):
                tx.update(Booking, booking, status="did not attend")
            for one in (session, other):
                consequences.absent(tx, one.id)
            journal = tx.insert(Journal, made_at=tx.now, charges=1, pence=3500)
            keys = [tx.scalar(select(Consequence.id).where(Consequence.booking_id == booking)) for booking in (appealed, taken)]
            tx.update(Consequence, keys[0], state="appealed", appeal="The train did not run.", appealed_at=tx.now)
            tx.update(Consequence, keys[1], journal_id=journal, cost_centre="CC-1")
            absence = tx.insert(Absence, person_id=person, valid_from=tx.today, valid_to=FOREVER, recorded_at=tx.now)
            found |= {"charged_booking": appealed, "consequence_id": keys[0], "journal_id": journal, "absence_id": absence}
            found |= {"rule_id": rules[0].id, "cancel_reason": "leave"}
    for found, person in ((world.here, ann), (world.elsewhere, odette)):
        deputy = make.person("Stand In", organisation=council).id
        with make.tx() as tx:
            found["duty_id"] = people_operations.give_duty(tx, Duty.DEPUTY, deputy, tx.today, person_id=person)


def _held_places(make: Make, world: World, people: dict[str, int], other_manager: int) -> None:
    """A session with places kept for a group, and a place reserved there by a manager of each organisation."""
    session = make.session(course=world.here["course_id"], places=6, day=world.here["day"] + timedelta(days=42))
    with make.tx() as tx:
        group = tx.insert(Group, code="asye-1", name="ASYE cohort", kind="cohort")
        quotas.set_quotas(tx, session.id, [Keep(1, tx.today + timedelta(days=9), group_id=group)])
        world.here |= {"kept_session": session.id, "group_id": group, "quota_id": tx.scalar(select(Quota.id))}
    for found, manager in ((world.here, people["line manager"]), (world.elsewhere, other_manager)):
        with make.tx() as tx:
            tx.actor = Actor("person", manager, "Manager", (("line manager", None),))
            found["reserved_booking"] = reservations.reserve(tx, session.id, 1)[0]


def _imports(make: Make, world: World, officer: int, council: int, neighbour: int) -> None:
    """An extract of each organisation, staged by an officer of its own."""
    other = make.person("Other Officer", organisation=neighbour, roles=("HR officer",), scope=neighbour).id
    for found, who, unit in ((world.here, officer, council), (world.elsewhere, other, neighbour)):
        actor = Actor("person", who, "Officer", (("HR officer", unit),), organisation_id=unit)
        with tempfile.TemporaryDirectory() as folder:
            path = write_csv(Path(folder) / "extract.csv", [SAM, SAM | {"Employee Number": "009", "Work email": "not an address"}])
            turn = partial(transaction, make.database, actor, writes=True)
            found["key"], _ = stage(turn, path, Mapping(), file_name="extract.csv")
    for found, name in ((world.here, SUBJECT), (world.elsewhere, OUTSIDER)):
        with make.tx() as tx:
            found["departure_id"] = leaving.ask(tx, tx.scalar(select(Person.id).where(Person.name == name)))


def _clients(make: Make, world: World, council: int, neighbour: int) -> None:
    """A client for each scope, one with all that it may have limited to the council, and one limited to the neighbour."""
    everything = [scope for scope in SCOPES if scope != "catalogue:write"]  # the catalogue belongs to all organisations
    wanted: list[tuple[str, list[str], int | None]] = [(scope, [scope], None) for scope in SCOPES]
    wanted += [("all, own organisation", everything, council), ("all, another organisation", everything, neighbour)]
    for name, scopes, organisation in wanted:
        with make.tx() as tx:
            client_id, secret = clients.create_client(tx, name, scopes, organisation)
            world.tokens[name], _ = clients.token(tx, client_id, secret, [], 60)
            found = world.elsewhere if organisation == neighbour else world.here
            found["client_id"] = tx.scalar(select(ApiClient.id).where(ApiClient.client_id == client_id))
    with make.tx() as tx:
        for found in (world.here, world.elsewhere):
            found["subscription_id"], found["delivery_id"] = webhooks.subscription(tx, found["client_id"])
