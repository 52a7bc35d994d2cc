"""Pages in the states that nobody designs first: refused, sent empty, with nothing in them, and with names that never end."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.core.db import Database
from app.policy import GIVEN
from app.rooms import page_routes
from tests.county import KINDS, County
from tests.factory import Make
from tests.mentoring import world as mentoring
from tests.pages.reading import Reading, validate
from tests.reports import places as report_places
from tests.supervision import world as supervised
from tests.tour import TOUR, Stop
from tests.visit import Finder

SIGN_IN = {"email": "priya.nair@westmarch.example", "password": "not the password"}
LONG = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch"
EVER = f"{LONG}-{LONG}"


def check(database: Database, folder: Path, pages: dict[str, str], **options: Any) -> list[str]:
    """What is wrong with these pages, each with its name; and on SQLite whether they are valid: the same templates draw them on PostgreSQL,
    and the validator is slow."""
    found = [f"{name}: {fault}" for name, html in pages.items() for fault in Reading(html).faults(**options)]
    if not database.sqlite:
        return found
    for number, (name, html) in enumerate(pages.items()):
        (folder / f"{re.sub('[^a-z]+', '-', name)[:60]}-{number}.html").write_text(html)
    invalid = validate(folder)
    return found + ([invalid] if invalid else [])


# Refused -----------------------------------------------------------------------------------------------------------


def test_refusals_are_pages_too(demo_county: County, tmp_path: Path) -> None:
    """Each says what happened, in the reader's own frame, with the way out."""
    priya, visitor = demo_county.sign_in("practitioner"), demo_county.sign_in(None)
    with demo_county.look() as finder:
        booked, request = finder.booking(), finder.request()
        session = finder.session_of(booked)
    wrong = [visitor.post("/sign-in", data=SIGN_IN) for _ in range(6)]
    replies = {
        "no permission": (403, priya.get("/hr/imports")),
        "no such page": (404, priya.get("/nothing/here")),
        "no such page, nobody signed in": (404, visitor.get("/nothing/here")),
        "somebody else's booking": (404, priya.get(f"/bookings/{request}")),
        "an absurd number": (404, priya.get(f"/sessions/{10**30}")),
        "wrong method": (405, priya.put("/courses")),
        "booked already": (409, priya.post(f"/sessions/{session}/book")),
        "a link that is over": (410, visitor.get(f"/password/set/{'x' * 40}")),
        "cancelling without a reason": (422, priya.post(f"/bookings/{booked}/cancel", data={"reason": ""})),
        "a wrong password": (422, wrong[0]),
        "too many wrong passwords": (429, wrong[-1]),
    }
    assert {name: reply.status_code for name, (_, reply) in replies.items()} == {name: status for name, (status, _) in replies.items()}
    assert check(demo_county.database, tmp_path, {name: reply.text for name, (_, reply) in replies.items()}) == []
    silent = [name for name, (_, reply) in replies.items() if 'role="alert"' not in reply.text]
    assert silent == [], "these do not say what happened"


def test_who_is_not_signed_in_comes_back_to_the_page_they_wanted(demo_county: County) -> None:
    reply = demo_county.sign_in(None).get("/my-bookings")
    assert (reply.status_code, reply.headers["location"]) == (303, "/sign-in?next=%2Fmy-bookings")


# Sent empty --------------------------------------------------------------------------------------------------------

BUTTONS = (  # nothing can be left out of them
    "/changes/{change_id:int}/cancel",
    "/assessing/covered/{enrolment_id:int}",
    "/apprenticeships/{enrolment_id:int}/hours",  # an apprentice's own, which no persona is: see tests/programmes/test_apprentice_pages.py
    "/apprenticeships/{enrolment_id:int}/ksbs",
    "/cohorts/{cohort_id:int}/close",
    "/learning-records/{first_id:int}/take-away",
    "/learning-records/{first_id:int}/files/{file_id:int}/remove",
    "/my-learning/renewal/{tick_id:int}/take-back",
    "/my-learning/drafts",  # what the form's script sends: see tests/desks/test_record_pages.py
    "/my-learning/drafts/discard",
    "/my-details/names/empty",
    "/portfolios/{enrolment_id:int}/add",
    "/portfolios/{enrolment_id:int}/export",
    "/documents/{document_id:int}/asked/{contribution_id:int}/again",
    "/documents/{document_id:int}/asked/{contribution_id:int}/withdraw",
    "/documents/{document_id:int}/files/{attachment_id:int}/remove",
    "/panels/cases/{case_id:int}/anonymised",
    "/panels/cases/{case_id:int}/withdraw",
    "/panels/{sitting_id:int}/cancel",
    "/programme-calls/{call_id:int}/open",
    "/programme-calls/{call_id:int}/equity",
    "/measures/equity/publish",
    *("/equality-information", "/equality-information/withdraw", "/equality-information/object", "/equality-information/allow"),
    "/applications/{application_id:int}/withdraw",
    "/supervision/{supervision_id:int}/confirm",
    *(f"/census/{{return_id:int}}/{deed}" for deed in ("fill", "correct")),
    *report_places.BUTTONS,
    *("/talent/pools/{pool_id:int}/close", "/talent/labels/{label_id:int}/retire", "/talent/filters/{filter_id:int}/remove"),
    *(f"/talent/entries/{{entry_id:int}}/{deed}" for deed in ("ask", "actions/{number:int}/done", "actions/{number:int}/not-done")),
    "/my-talent-pools/{entry_id:int}/actions/{number:int}/done",
    "/learning-together/pairs/{pairing_id:int}/take-back",
    "/learning-together/notices/{notice_id:int}/close",
    *(f"/learning-together/sets/{{set_id:int}}/{deed}" for deed in ("join", "leave", "end")),
    "/learning/imports/{import_id:int}/take-back",
    *(f"/people/{{person_id:int}}/supervision/actions/{{number:int}}/{deed}" for deed in ("done", "dropped", "reopen", "take-back")),
    *(f"/people/{{person_id:int}}/pdr/{{cycle_id:int}}/plan/{{number:int}}/{deed}" for deed in ("done", "not-done", "take-back")),
    "/people/{person_id:int}/pdr/{cycle_id:int}/objectives/{number:int}/take-back",
    "/people/{person_id:int}/pdr/{cycle_id:int}/not-held",
    "/protected-time/{entry_id:int}/withdraw",
    "/caseloads/{entry_id:int}/withdraw",
    "/pathways/{step}/aim",
    "/pathways/versions/{step_version_id:int}/discard",
    "/endorsement-requests/{ask_id:int}/take-back",
    "/frameworks/versions/{version_id:int}/publish",
    "/frameworks/versions/{version_id:int}/discard",
    "/frameworks/rules/{rule_id:int}/publish",
    "/access/clients/{client_id:int}/disable",
    "/hr/leavers/flags",
    "/manage/leavers/settle",
    *(f"/webhooks/{{subscription_id:int}}/{deed}" for deed in ("test", "pause", "resume", "redrive", "off", "rotate")),
    "/webhooks/{subscription_id:int}/deliveries/{delivery_id:int}/redrive",
    "/access/clients/{client_id:int}/enable",
    "/access/clients/{client_id:int}/secret/end",
    "/access/clients/{client_id:int}/tokens/end",
    "/access/single-sign-on/{mapping_id:int}/end",
    "/access/people/{person_id:int}/identity/unlink",
    "/oauth/back-channel-logout",  # the identity provider's: see tests/identity/sso
    "/sign-out",
    "/sign-out/everywhere",
    "/deliveries/{message_id:int}/retry",
    "/bookings/{booking_id:int}/give-back",
    "/manage/sessions/{session_id:int}/quotas/{quota_id:int}/release",
    "/preferences/calendar",
    "/sessions/{session_id:int}/register/marks",  # what the register's script sends
    "/people/{person_id:int}/absences/{absence_id:int}/end",
    "/people/{person_id:int}/deputies/{duty_id:int}/end",
)
SENDERS = {  # where the page with the form is mainly somebody else's
    "/sessions/{session_id:int}/give": "coordinator",
    "/applications/{application_id:int}/score": "coordinator",
    "/applications/{application_id:int}/decide": "coordinator",
    "/changes/{change_id:int}/for": "coordinator",
    "/documents/{document_id:int}/not-signed": "coordinator",
}
FORMS = {  # the page on which a form stands, where its address does not begin alike
    "/learning-together/pairs/{pairing_id:int}/answer": "/learning-together/pairs/{pairing_id:int}",
    **{f"/learning-together/sets/{{set_id:int}}/{deed}": "/learning-together/sets/{set_id:int}/edit" for deed in ("add", "hand-over")},
    "/documents/{document_id:int}/addendum": "/documents/{document_id:int}/signatures",
    "/documents/{document_id:int}/not-signed": "/documents/{document_id:int}/signatures",
    "/people/{person_id:int}/absences": "/people/{person_id:int}/cover",
    "/people/{person_id:int}/deputies": "/people/{person_id:int}/cover",
    "/people/{person_id:int}/protected-time": "/people/{person_id:int}/workload",
    "/people/{person_id:int}/caseloads": "/people/{person_id:int}/workload",
    "/bookings/{booking_id:int}/give": "/bookings/{booking_id:int}/order",
}


def nearest(path: str) -> Stop:
    """The stop of the tour whose persona would send this form: the longest beginning in common that knows its parameters."""
    path = FORMS.get(path, path)
    names = set(re.findall(r"\{(\w+)", path))

    def common(stop: Stop) -> int:
        same = [one == other for one, other in zip(path, stop.path, strict=False)]
        return [*same, False].index(False)

    able = [stop for stop in TOUR if names <= set(re.findall(r"\{(\w+)", stop.path))]
    assert able, f"no stop of the tour knows the parameters of {path}"
    return max(able, key=common)


@pytest.mark.thorough
def test_every_form_can_be_sent_empty(demo_county: County, tmp_path: Path) -> None:
    """Nothing typed is a mistake anyone can make: the form comes back sound, saying what is missing beside what was typed."""
    paths = sorted({route.path for route in page_routes() if "POST" in (route.methods or ())} - set(BUTTONS))
    with demo_county.look() as finder:
        addresses = {path: _filled(path, nearest(path), finder) for path in paths}
    pages, found = {}, {}
    for path, address in addresses.items():
        reply = demo_county.sign_in(SENDERS.get(path, nearest(path).persona)).post(address, data={"unknown": ""})
        found[path] = reply.status_code
        if reply.status_code != 303:
            pages[path] = reply.text
    assert found.pop("/manage/sessions/new") == 404  # it names no course, so there is no form to show again
    assert {path: status for path, status in found.items() if status not in (303, 409, 412, 422)} == {}
    assert [path for path, html in pages.items() if 'role="alert"' not in html] == [], "these do not say what is missing"
    assert check(demo_county.database, tmp_path, pages, joining_link=True) == []


def _filled(path: str, stop: Stop, finder: Finder) -> str:
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: str(stop.find(finder)[found[1]]), path)


# With nothing in them ----------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_every_page_of_a_service_that_holds_nothing(make: Make, sign_in: Callable[[Any], TestClient], tmp_path: Path) -> None:
    """The first day: one person who may do everything, and not a single course."""
    first = sign_in(make.person("First Day", roles=tuple(GIVEN)))
    wanted = {route.path for route in page_routes() if "GET" in (route.methods or ()) and "{" not in route.path}
    signing_in = {"/sign-in", "/sign-in/emergency", "/auth/sign-in", "/auth/callback"}  # whoever is signed in is sent on, or there is none
    replies = {path: first.get(path) for path in sorted(wanted - signing_in)}
    assert {path: reply.status_code for path, reply in replies.items() if reply.status_code not in (200, 403)} == {}
    pages = {path: reply.text for path, reply in replies.items() if reply.headers["content-type"].startswith("text/html")}
    assert check(make.database, tmp_path, pages) == []


def test_lists_with_nothing_in_them_say_what_to_do(make: Make, sign_in: Callable[[Any], TestClient]) -> None:
    starter = sign_in(make.person("New Starter"))
    for path, way_on in (("/", "/courses"), ("/my-bookings", "/courses"), ("/courses", "/courses")):
        text = starter.get(path).text
        main = text[text.index("<main") :]
        assert "app-empty" in main, f"{path} does not say that it is empty"
        assert f'href="{way_on}"' in main, f"{path} does not say what to do"


# With names that never end -----------------------------------------------------------------------------------------


def identity_of(make: Make, key: str) -> int:
    """A persona's id."""
    with make.tx(writes=False) as tx:
        return Finder(tx).person(key)


def lengthen(database: Database) -> dict[str, str]:
    """Names as long as they come, in every place where names stand; returns the pages that show them, by who looks."""
    make = Make(database)
    organisation = make.organisation()
    team = make.unit(f"{LONG} Children in Care and Care Leavers", parent=organisation)
    trainer = make.person(f"Aurelia {EVER}", team=team)
    learner = make.person(f"{LONG} {EVER}", team=team, manager=trainer.id, email=f"{LONG.lower()}@westmarch.example")
    course = make.course(f"{EVER}: {LONG.lower()}", summary=f"{EVER} " * 3, outcomes=EVER, materials=f"https://westmarch.example/{EVER}")
    session = make.session(course=course.id, places=1, link=f"https://meet.westmarch.example/{EVER}", trainers=(trainer.id,))
    with make.tx() as tx:
        from app.bookings import operations

        booking = operations.book(tx, session.id, learner.id).id
        operations.book(tx, session.id, trainer.id)
        held = supervised.entries(tx, learner.id, trainer.id)["supervision_id"]
        together = mentoring.together(tx, learner.id, trainer.id, EVER[:60])
    make.assessor(identity_of(make, "assessor"), learner.id)
    return {
        f"/people/{learner.id}/supervision": "assessor",
        f"/people/{learner.id}/supervision/new": "assessor",
        f"/people/{learner.id}/workload": "assessor",
        f"/supervision/{held}/correct": "assessor",
        "/supervision/several": "assessor",
        "/learning-together/people": "coordinator",
        f"/learning-together/notices/{together['notice_id']}": "coordinator",
        f"/learning-together/sets/{together['learning_set']}": "coordinator",
        "/learning-together/overview": "coordinator",
        f"/courses?q={LONG[:12]}": "coordinator",
        f"/courses/{course.slug}": "coordinator",
        f"/sessions/{session.id}": "coordinator",
        f"/sessions/{session.id}/roster": "coordinator",
        f"/manage/sessions/{session.id}": "coordinator",
        f"/manage/sessions/{session.id}/cancel": "coordinator",
        f"/manage/courses/{course.id}": "coordinator",
        f"/bookings/{booking}": "coordinator",
        f"/people?q={LONG[:12]}": "hr",
        f"/people/{learner.id}": "hr",
        f"/people/{learner.id}/edit": "hr",
        f"/access/people/{learner.id}": "administrator",
        "/measures/learning-take-up/live": "hr",
        "/measures/learning-take-up/people?live=yes&show=missing": "hr",
        f"/organisation/{organisation}": "practitioner",
        f"/organisation/{team}": "practitioner",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_names_that_never_end(kind: str, open_county: Callable[[str], AbstractContextManager[County]], tmp_path: Path) -> None:
    """In a county of their own, for they would stand on other tests' pages."""
    with open_county(kind) as county:
        replies = {path: county.sign_in(who).get(path) for path, who in lengthen(county.database).items()}
    assert {path: reply.status_code for path, reply in replies.items() if reply.status_code != 200} == {}
    assert check(county.database, tmp_path, {path: reply.text for path, reply in replies.items()}, joining_link=True) == []
