"""Pages about pathways: one's own and one's people's, as at a day; endorsing; publishing with who gains and who loses; progressions."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.core.calendar import long_date
from app.learning.models import Course, LearningRecord
from app.pathways import progress, views
from app.pathways.models import Endorsement, EndorsementAsk, Progression, StepVersion
from app.pathways.preview import preview
from app.people.models import Person
from tests.conftest import Ledger
from tests.factory import Make
from tests.frameworks.drafts import altered
from tests.pathways.steps import STEPS, begin, load

SignIn = Callable[[Any], TestClient]
RECORDS = "{kind: records, activity: mentoring, minutes: 120, months: 12, title: Two hours of mentoring}"
SECRET = "What Marmalade said"


@pytest.fixture
def browse(sign_in: SignIn) -> SignIn:
    """Signed in, and on to where a form leads."""

    def made(person: Any) -> TestClient:
        client = sign_in(person)
        client.follow_redirects = True
        return client

    return made


@dataclass
class World:
    """Ann, a social worker whose manager is Joan; Zofia coordinates; the step's course is done by Ann."""

    make: Make
    ann: Any
    joan: Any
    zofia: Any
    version: int


@pytest.fixture
def world(make: Make) -> World:
    version = begin(make, altered(STEPS, ("{kind: registration}", RECORDS)))["SW-EXP"]
    joan = make.person("Joan Manager")
    ann = make.person("Ann Holt", team=make.unit("Team one"), manager=joan.id, stage="SW")
    with make.tx() as tx:
        today = tx.today
        tx.insert(
            LearningRecord,
            person_id=ann.id,
            on_date=today - timedelta(days=30),
            minutes=45,
            bucket="social",
            activity="mentoring",
            title=SECRET,
            source="own",
            recorded_at=tx.now,
        )
    make.completion(ann.id, make.rows(select(Course.id))[0].id, today - timedelta(days=330), today + timedelta(days=30))
    return World(make, ann, joan, make.person("Zofia Nowak", roles=("coordinator",)), version)


def words(reply: Any) -> str:
    """What stands on the page, without its tags."""
    assert reply.status_code in (200, 409, 422), reply.text
    main = reply.text[reply.text.index("<main") :]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", main)))


def typed(day: date, name: str = "on") -> dict[str, str]:
    return {name: str(day.day), f"{name}-month": str(day.month), f"{name}-year": str(day.year)}


def test_my_pathway_says_what_is_met_what_lapses_and_what_mends_it(world: World, browse: SignIn) -> None:
    ann = browse(world.ann)
    page = ann.get("/my-pathway")
    said = words(page)
    assert "Social worker since Wednesday 1 January 2020." in said and "0 of 2 parts complete" in said
    assert "About to lapse" in said and "counts until" in said and "So far 45 minutes of 2 hours" in said
    assert 'href="/my-learning/records/new"' in page.text and 'href="/courses/court-skills"' in page.text
    with world.make.tx(writes=False) as tx:
        later, before = tx.today + timedelta(days=60), tx.today - timedelta(days=1)
    assert "Counted until" in words(ann.get("/my-pathway", params=typed(later)))
    assert "No step is set out" in words(ann.get("/my-pathway", params=typed(before))), "it was not in force"
    wrong = ann.get("/my-pathway", params={"on": "1"})
    assert wrong.status_code == 422 and "must include a month and a year" in words(wrong)
    assert ann.get("/my-pathway", params={"on": "1", "on-month": "1", "on-year": "9999"}).status_code == 422
    assert "You look towards this step" in words(ann.post("/pathways/SW-EXP/aim", data={"aim": "yes"}))
    assert "You look towards it" in words(ann.get("/pathways")) and "My next step" in words(ann.get("/"))
    assert ann.get("/pathways/NO-STEP").status_code == 404 and ann.get("/pathways/sw exp").status_code == 404


def test_a_manager_sees_how_far_they_are_and_nothing_that_is_private(world: World, browse: SignIn, ledger: Ledger) -> None:
    joan = browse(world.joan)
    ledger.start()
    for path in ("", "/SW-EXP", "/SW-EXP/endorse"):
        reply = joan.get(f"/people/{world.ann.id}/pathway{path}")
        assert "So far 45 minutes of 2 hours" in words(reply) and SECRET not in reply.text
    assert ledger.actions() == ["pathway.viewed"] * 3
    stranger = browse(world.make.person("Other"))
    assert stranger.get(f"/people/{world.ann.id}/pathway").status_code == 404


def test_asked_answered_and_withdrawn(world: World, browse: SignIn) -> None:
    ann, joan = browse(world.ann), browse(world.joan)
    path = f"/people/{world.ann.id}/pathway/SW-EXP/endorse"
    assert "Choose whom you ask" in words(ann.post("/pathways/SW-EXP/ask", data={}))
    ann.post("/pathways/SW-EXP/ask", data={"of": f"{world.joan.id} line manager", "words": "Please"})
    assert "There is nobody else whom you can ask." in words(ann.get("/pathways/SW-EXP/ask"))
    assert "Ann Holt asks for your endorsement" in words(joan.get("/")) and "Please" in words(joan.get("/endorsements"))
    assert "Choose your answer" in words(joan.post(path, data={}))
    assert "Say why" in words(joan.post(path, data={"answer": "no", "as": "line manager"}))
    joan.post(path, data={"answer": "no", "as": "line manager", "words": "After the audit"})
    assert "said on" in words(ann.get("/pathways/SW-EXP")) and "After the audit" in words(ann.get("/pathways/SW-EXP"))
    assert "Your endorsement is given" in words(joan.post(path, data={"answer": "yes", "as": "line manager"}))
    assert "1 of 2 parts complete" in words(ann.get("/my-pathway"))
    key = world.make.rows(select(Endorsement.id))[0].id
    assert "Say why it is withdrawn" in words(joan.post(f"/endorsements/{key}/withdraw", data={}))
    assert "Your endorsement is withdrawn" in words(joan.post(f"/endorsements/{key}/withdraw", data={"reason": "Too early"}))
    assert ann.get(f"/people/{world.ann.id}/pathway/SW-EXP/endorse").status_code == 403


def test_a_form_that_comes_back_is_a_look_too(world: World, browse: SignIn, ledger: Ledger) -> None:
    joan, path = browse(world.joan), f"/people/{world.ann.id}/pathway/SW-EXP/endorse"
    ledger.start()
    assert joan.post(path, data={}).status_code == 422
    assert ledger.actions() == ["pathway.viewed"]
    joan.post(path, data={"answer": "yes", "as": "line manager"})
    assert ledger.actions() == ["pathway.viewed", "endorsement.given"]


def test_who_was_asked_is_said_and_can_be_taken_back(world: World, browse: SignIn) -> None:
    ann, joan = browse(world.ann), browse(world.joan)
    assert "Endorsed by the line manager : ask for it" in words(ann.get("/my-pathway"))
    ann.post("/pathways/SW-EXP/ask", data={"of": f"{world.joan.id} line manager"})
    key = world.make.rows(select(EndorsementAsk.id))[0].id
    with world.make.tx(writes=False) as tx:
        waits = f"asked Joan Manager on {long_date(tx.today)}, who has not answered yet."
    for path in ("/my-pathway", "/pathways/SW-EXP", "/pathways/SW-EXP/ask"):
        page = ann.get(path)
        assert f"You {waits}" in words(page) and f'action="/endorsement-requests/{key}/take-back"' in page.text, path
        assert "Endorsed by the line manager : ask for it" not in words(page), path
    theirs = joan.get(f"/people/{world.ann.id}/pathway")
    assert f"They {waits}" in words(theirs) and "take-back" not in theirs.text
    assert "You no longer ask for it." in words(ann.post(f"/endorsement-requests/{key}/take-back"))
    assert "Endorsed by the line manager : ask for it" in words(ann.get("/my-pathway"))
    assert "has not answered" not in words(joan.get(f"/people/{world.ann.id}/pathway"))


def test_only_what_the_reader_may_open_is_offered(world: World, browse: SignIn) -> None:
    load(world.make, altered(STEPS, ("{kind: registration}", "{kind: supervision}")), publish=True)
    council = world.make.organisation()
    officer = world.make.person("Harriet", roles=("HR officer",), scope=council)
    principal = world.make.person("Helen", roles=("principal social worker",), scope=council)
    path = f"/people/{world.ann.id}/pathway"
    for reader, endorses, opens in (
        (world.joan, True, {"supervision", "for"}),
        (officer, False, set()),
        (principal, True, {"supervision"}),
    ):
        client = browse(reader)
        page = client.get(path).text
        assert ('href="/endorsements"' in page) is endorses is (client.get("/endorsements").status_code == 200), reader.name
        for name, where in (("supervision", f"/people/{world.ann.id}/supervision"), ("for", f"/courses/court-skills?for={world.ann.id}")):
            assert (f'href="{where}"' in page) is (name in opens) is (client.get(where).status_code == 200), (reader.name, where)
        assert 'href="/courses/court-skills' in page
    assert 'href="/endorsements"' in browse(world.joan).get("/my-pathway").text
    assert 'href="/endorsements"' not in browse(world.ann).get("/my-pathway").text


def test_words_that_may_name_a_child_are_asked_about(world: World, browse: SignIn) -> None:
    ann, joan = browse(world.ann), browse(world.joan)
    said = {"of": f"{world.joan.id} line manager", "words": "I led the review for 943 476 5919."}
    asked = ann.post("/pathways/SW-EXP/ask", data=said)
    assert (
        asked.status_code == 422
        and "This may identify a child or a family" in words(asked)
        and world.make.rows(select(EndorsementAsk.id)) == []
    )
    seen = re.search(r'name="guard-seen" value="([^"]*)"', asked.text)
    assert seen is not None
    ann.post("/pathways/SW-EXP/ask", data={**said, "guard": "redact", "guard-seen": seen[1]})
    kept = world.make.rows(select(EndorsementAsk.words))[0].words
    assert "943" not in kept and "I led the review" in kept
    answer = {"answer": "no", "as": "line manager", "words": "Not after the call to 07700 900123."}
    path = f"/people/{world.ann.id}/pathway/SW-EXP/endorse"
    for given in (answer, answer | {"answer": "yes"}):
        assert "This may identify a child or a family" in words(joan.post(path, data=given))


def test_publishing_shows_who_gains_and_who_loses_first(world: World, browse: SignIn) -> None:
    zofia = browse(world.zofia)
    easier = altered(STEPS, ("{kind: registration}", RECORDS.replace("120", "30")), ("        needed: 1\n", "        needed: 2\n"))
    only_course = easier[: easier.index("      - title: Support")]
    reply = zofia.post("/pathways/load", files={"file": ("steps.yaml", only_course.encode())})
    draft = world.make.rows(select(StepVersion.id).where(StepVersion.state == "draft"))[0].id
    assert "The file is loaded." in words(reply)
    saw = {"version": "1"}
    form = zofia.get(f"/pathways/versions/{draft}/publish")
    page = words(form)
    assert 'name="version" value="1"' in form.text
    assert "1 person would meet it who does not meet the version in force, and 0 people would no longer meet" in page
    assert "Would gain Ann Holt" in page and "Would lose Nobody." in page and "1 of 1 people it is for would meet it" in page
    with world.make.tx(writes=False) as tx:
        yesterday = tx.today - timedelta(days=1)
    assert "from today at the earliest" in words(zofia.post(f"/pathways/versions/{draft}/publish", data=saw | typed(yesterday, "from")))
    assert "It is published." in words(zofia.post(f"/pathways/versions/{draft}/publish", data=saw))
    harder = load(world.make, altered(only_course, ("minutes: 30", "minutes: 300")))["SW-EXP"]
    page = words(zofia.get(f"/pathways/versions/{harder}/publish"))
    assert "0 people would meet it who do not meet the version in force, and 1 person would no longer meet" in page
    assert "Would lose Ann Holt" in page
    with world.make.tx(writes=False) as tx:
        change = preview(tx, harder, world.make.row(StepVersion, harder).step_id)
        everybody = select(Person.id)
        met = {each.version_id for each in progress.steps(tx, everybody, [draft, harder], tx.today) if each.status in ("met", "lapsing")}
    assert (change.met, change.meets, change.loses) == (1, 0, 1) and met == {draft}
    assert zofia.get(f"/pathways/versions/{draft}/publish").status_code == 409


def test_nobody_publishes_a_draft_that_they_did_not_see(world: World, browse: SignIn) -> None:
    zofia, other = browse(world.zofia), browse(world.make.person("Yusuf Adan", roles=("coordinator",)))
    draft = load(world.make, altered(STEPS, ("needed: 1", "needed: 2")))["SW-EXP"]
    path = f"/pathways/versions/{draft}/publish"
    assert 'name="version" value="1"' in zofia.get(path).text
    mine = altered(STEPS, ("title: To experienced social worker", "title: Onwards"))
    assert "is replaced, whoever loaded it" in words(other.get("/pathways/load"))
    replaced = other.post("/pathways/load", files={"file": ("steps.yaml", mine.encode())})
    assert "The file is loaded, in place of a draft that was there." in words(replaced)
    for data in ({}, {"version": "0"}, {"version": "x"}, {"version": "1"}):
        assert zofia.post(path, data=data).status_code == (422 if data == {"version": "x"} else 412), data
        assert world.make.row(StepVersion, draft).state == "draft", data
    refused = zofia.post(path, data={"version": "1"})
    assert "Somebody replaced this draft since you opened it." in refused.text
    assert 'role="alert"' in refused.text and 'name="version" value="2"' in refused.text, "they see what it is now, and can publish that"
    assert "It is published." in words(zofia.post(path, data={"version": "2"}))


def test_a_file_says_to_change_what_the_file_has(world: World, browse: SignIn) -> None:
    zofia = browse(world.zofia)
    assert "download a version, change what it asks for, and leave its code" in words(zofia.get("/pathways/load"))
    assert "change its text and its version" in words(zofia.get("/frameworks/load"))


def test_a_wrong_file_is_shown_line_by_line_and_files_come_back_as_they_went(world: World, browse: SignIn) -> None:
    zofia = browse(world.zofia)
    wrong = zofia.post("/pathways/load", files={"file": ("steps.yaml", altered(STEPS, ("court-skills", "no-such")).encode())})
    assert wrong.status_code == 422 and "Line 12" in words(wrong) and "There is no course at /courses/no-such here." in words(wrong)
    assert "Choose the file to load" in words(zofia.post("/pathways/load", data={}))
    for hostile in (b"\x00\xff\xfe", b"pathway_steps: &a [*a]", b"!!python/object/apply:os.system ['true']", b"- " * 50_000):
        assert zofia.post("/pathways/load", files={"file": ("steps.yaml", hostile)}).status_code == 422
    text = zofia.get(f"/pathways/versions/{world.version}.yaml").text
    again = zofia.post("/pathways/load", files={"file": ("steps.yaml", text.encode())})
    assert "All of it was there already." in words(again)


def test_progressions_are_recorded_corrected_and_taken_out(world: World, browse: SignIn) -> None:
    zofia = browse(world.zofia)
    path = f"/people/{world.ann.id}/progressions/new"
    assert "Choose a career stage" in words(zofia.post(path, data={}))
    done = zofia.post(path, data={"stage": "EXP", "mechanism": "appraisal", **typed(date(2026, 6, 1))})
    assert "Social worker to Experienced social worker Promotion Appraisal" in words(done).replace("  ", " ")
    key = world.make.rows(select(Progression.id))[0].id
    twice = zofia.post(path, data={"stage": "EXP", "mechanism": "panel", **typed(date(2026, 6, 1))})
    assert twice.status_code == 409
    assert "Say why" in words(zofia.post(f"/progressions/{key}/take-out", data={}))
    zofia.post(f"/progressions/{key}/correct", data={"stage": "EXP", "mechanism": "panel", **typed(date(2026, 7, 1))})
    assert zofia.get(f"/progressions/{key}/correct").status_code == 409
    newest = world.make.rows(select(Progression.id).where(Progression.superseded_at.is_(None)))[0].id
    gone = zofia.post(f"/progressions/{newest}/take-out", data={"reason": "It was somebody else"})
    assert "Their career stage is what it was" in words(gone) or "taken out" in words(gone)
    assert "Promotion" not in words(zofia.get(f"/people/{world.ann.id}/pathway"))


def test_what_a_page_shows_is_what_the_engine_says(world: World) -> None:
    with world.make.tx() as tx:
        tx.db.execute(update(LearningRecord).values(minutes=240))
        day = tx.today
        held = dict(step_id=world.make.row(StepVersion, world.version).step_id, role="line manager", endorsed_by=world.joan.id)
        tx.insert(Endorsement, person_id=world.ann.id, on_date=day, recorded_at=tx.now, **held)
    who = select(Person.id).where(Person.id == world.ann.id)
    for days in (0, 20, 31, 200, 400):
        as_at = day + timedelta(days=days)
        with world.make.tx(writes=False) as tx:
            (view,) = views.pathway(tx, world.ann.id, as_at)
            (engine,) = list(progress.next_steps(tx, who, as_at))
            (one,) = [views.one(tx, world.ann.id, view.version.code, as_at)]
        assert view.holds == one.holds == (engine.status in views.HOLDS), as_at
        assert sum(line.holds for line in view.lines) == engine.held
