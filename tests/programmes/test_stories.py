"""Whole stories of portfolios, over HTTP: people sign in, read pages, fill in what stands there and press what can be pressed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app import invariants
from app.core.config import ROOT, Settings
from app.programmes.operations import applying, exports
from tests.factory import Make
from tests.frameworks.drafts import next_asye
from tests.programmes.hand import Hand
from tests.programmes.story import FIRST_DAY, Clock, Story, begin, day, refused


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock(FIRST_DAY - timedelta(days=14))
    monkeypatch.setattr("app.core.tx.clock", made)
    return made


@pytest.fixture
def story(make: Make, clock: Clock, sign_in: Callable[[Any], TestClient], visitor: TestClient, tmp_path: Path) -> Story:
    return begin(make, clock, sign_in, visitor, tmp_path)


FAY, OLA, PRU = "fay@elsewhere.example", "ola@elsewhere.example", "pru@elsewhere.example"  # nobody with an account


def observed(story: Story, code: str, address: str) -> int:
    """The learner writes the context of an observation and asks an observer, whose turn it is then."""
    key = story.document(code)
    story.ask(key, "observer", "Ola Outside", address)
    story.finish(key, waits_for="observer")
    return key


def family(story: Story, code: str, copy: int = 1) -> None:
    """A family's feedback, collected by somebody without an account."""
    key = story.document(code, copy)
    story.ask(key, "family_feedback", "Fay Family", FAY)
    story.give_by_link(FAY)
    story.finish(key)


def professional(story: Story, code: str) -> None:
    """What a health visitor says, by a link; the assessor accepts it."""
    key = story.document(code)
    story.ask(key, "other_professional", "Pru Professional", PRU)
    story.finish(key, waits_for="other_professional")
    story.give_by_link(PRU)
    story.finish(key, waits_for="assessor")
    assert story.hand("assessor", f"/documents/{key}").offers("Accept it as complete")
    story.finish(key)


def supervisions(first: int, last: int) -> list[date]:
    """Days of supervision between two days of the programme: weekly for six weeks, fortnightly to six months, then monthly."""
    days = [*range(5, 42, 7), *range(53, 182, 14), *range(207, 365, 28)]
    return [FIRST_DAY + timedelta(days=n) for n in days if first <= n < last]


def the_year(story: Story) -> None:
    """From enrolment to a final report that recommends a pass."""
    story.enrol("ASYE-CF", FIRST_DAY, assessor="assessor", line_manager="manager")
    assert story.hand("learner", "/my-programme").reads("due Wednesday 7 October 2026")
    assert story.ready() == "Not ready yet 0 of 13 met, 13 missing"

    story.clock.go_to(date(2026, 9, 28))
    story.all_of("HP1", "CONF", "SELF1", "PDP1", "SAA")
    assert story.ready() == "Not ready yet 1 of 13 met, 12 missing"  # the agreement
    story.clock.go_to(date(2026, 12, 1))
    story.supervised("assessor", supervisions(0, 85))
    story.protected(date(2026, 11, 27), 240)
    story.caseload("manager", date(2026, 11, 30), 12, 80)
    assert story.ready() == "Not ready yet 3 of 13 met, 9 missing"  # supervision and workload; protected time falls short
    story.finish(observed(story, "DO1", story.people["observer"].email))
    story.all_of("CRL2", "PDP2", "PD2")
    family(story, "FB2")
    professional(story, "OP2")
    story.all_of("RSPA2")
    assert story.ready() == "Not ready yet 4 of 13 met, 8 missing"  # another professional

    story.clock.go_to(date(2027, 3, 1))
    story.supervised("assessor", supervisions(85, 175))
    story.all_of("CRL3", "SELF2", "PDP3", "PD3")
    far = observed(story, "DO2", OLA)
    link = story.give_by_link(OLA, registration_number="SW900777")
    story.finish(far)
    spent = Hand(story.visitor).open(link)
    assert spent.reads("your part is given") and not spent.offers("Give it")
    family(story, "FB3")
    family(story, "FB3", 2)
    professional(story, "OP3")
    story.all_of("RSPA3")
    assert story.ready() == "Not ready yet 7 of 13 met, 5 missing"  # both reviews, feedback from families, documentation

    story.clock.go_to(date(2027, 8, 2))
    story.supervised("assessor", supervisions(175, 330))
    story.finish(observed(story, "DO3", story.people["observer"].email))
    story.all_of("CRL5", "SELF3", "PDP5")
    assert story.ready() == "Not ready yet 11 of 13 met, 1 missing"
    story.said = {"recommendation": "pass"}
    story.all_of("RSPA5")
    assert story.ready() == "Ready Nothing is missing"


@pytest.mark.thorough
def test_a_year_from_enrolment_to_a_confirmed_pass(story: Story, test_settings: Settings, tmp_path: Path) -> None:
    the_year(story)
    sitting = story.sitting(date(2027, 9, 1))
    assert refused(lambda: story.hand("first", f"/portfolios/{story.enrolment}")).status == 404
    case = story.list_before(sitting)
    first = story.hand("first", f"/panels/cases/{case}")
    assert first.reads("Supervision 20 of 20 in time, 90 minutes on average, the longest gap 28 days") and first.reads(
        "4 hours used of 169"
    )
    assert first.reads("When you qualified Friday 25 September 2026")  # a date as it is read, not as it is kept
    assert first.reads("Direct observation 3") and first.reads("Self-assessment against the standards (end)")
    story.judge(case)
    too_early = refused(lambda: story.decide(case, "confirm"))
    assert too_early.status == 409 and "has not sat yet" in too_early.words
    story.clock.go_to(date(2027, 9, 1), time(12))
    before = story.hand("learner", "/my-programme")
    assert before.reads("Waiting for the panel") and not before.reads("Outcome")
    assert story.decide(case, "confirm").reads("Confirmed: pass")
    assert story.hand("learner", "/my-programme").reads("Completed Outcome: pass.")
    assert any("the recommendation is confirmed" in words for words in story.post(story.people["learner"].email))

    receipts = story.receipts("assessor")
    assert len(receipts) == 4 and len(set(receipts)) == 4  # the agreement, two reviews, the report
    page = story.hand("learner", "/my-programme").follow("Signatures and export")
    assert page.reads("13 entries, each joined to the one before")
    page.press("Make an export")
    exports.make_waiting(story.make.database, test_settings, story.clock())
    bundle = tmp_path / "portfolio.zip"
    bundle.write_bytes(story.hand("learner", f"/portfolios/{story.enrolment}/signatures").follow("Export of").content)
    for head in (receipts[0], story.receipts("learner")[-1], story.head()):
        done = verified(bundle, head)
        assert done.returncode == 0 and "NOTHING WAS ALTERED" in done.stdout, done.stdout
    assert verified(bundle, "0" * 64).returncode == 1
    with story.make.tx(writes=False) as tx:
        assert invariants.check(tx) == []


def verified(bundle: Path, head: str) -> subprocess.CompletedProcess[str]:
    """What the public script says, in a process of its own that knows nothing of the service."""
    command = [sys.executable, "-I", str(ROOT / "docs" / "verify.py"), str(bundle), "--expect", head]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env={"PYTHONIOENCODING": "utf-8"})


# A pause, another assessor, an extension ---------------------------------------------------------------------------


def propose(story: Story, who: str, kind: str, **given: str) -> None:
    """Somebody proposes a change on its pages."""
    page = story.hand(who, f"/enrolments/{story.enrolment}").follow("Propose a change")
    page.press("Continue", {"kind": kind}).press("Propose it", given)


def agree(story: Story, *names: str) -> None:
    """These people say that they agree."""
    for name in names:
        page = story.hand(name, f"/enrolments/{story.enrolment}").follow("Read and answer")
        page.press("Give your answer", {"answer": "agree"})


LATER_STAGES = ("Interim assessment review", "Progressive development meeting", "Final review", "Internal moderation panel", "End")


def plans(story: Story) -> list[list[str]]:
    """The days of the stages to come and of the end by each plan, the first plan first."""
    words = story.hand("learner", f"/enrolments/{story.enrolment}").words
    found = []
    for title in LATER_STAGES:
        row = re.search(rf"{title} (?:Not started |Open )?((?:\w+day \d+ \w+ \d{{4}} (?:moved )?)+)", words)
        assert row, (title, words)
        found.append(re.findall(r"\d+ \w+ \d{4}", row[1]))
    return [list(each) for each in zip(*found, strict=True)]


FIRST = ["8 March 2027", "7 June 2027", "9 August 2027", "7 September 2027", "7 September 2027"]
PAUSED = ["5 April 2027", "5 July 2027", "6 September 2027", "5 October 2027", "5 October 2027"]
EXTENDED = ["5 April 2027", "2 August 2027", "4 October 2027", "2 November 2027", "2 November 2027"]


@pytest.mark.thorough
def test_a_pause_another_assessor_and_an_extension(story: Story) -> None:
    """Days by hand: months 6, 9, 11 and 12 from 7 September 2026, on Monday for a weekend; 28 days of pause; from May on 28 days more."""
    story.people["newcomer"] = story.make.person("Neo Newcomer", swe_number="SW900503", registration_status="registered")
    page = f"/enrolments/{story.enrol('ASYE-CF', FIRST_DAY, assessor='assessor', line_manager='manager')}"
    story.clock.go_to(date(2026, 9, 28))
    story.all_of("HP1", "CONF", "SELF1", "PDP1", "SAA")

    story.clock.go_to(date(2026, 12, 14))
    words = "My mother died."
    propose(
        story, "learner", "pause", reason="bereavement", words=words, **day("from_on", date(2027, 1, 4)), **day("to_on", date(2027, 2, 1))
    )
    agree(story, "manager", "assessor")
    assert plans(story) == [FIRST]  # three of four
    assert story.hand("assessor", page).follow("See who agreed").reads(words)
    assert refused(partial(story.hand, "first", "/changes/1")).status == 404
    agree(story, "coordinator")
    assert plans(story) == [FIRST, PAUSED]
    story.clock.go_to(date(2027, 1, 5))
    with story.make.tx() as tx:
        applying.apply_due(tx, tx.now)
    assert story.hand("learner", page).reads("The clock stands still")
    story.clock.go_to(date(2027, 2, 1))
    with story.make.tx() as tx:
        applying.apply_due(tx, tx.now)
    assert story.row().status == "in_progress"

    propose(story, "coordinator", "assessor", person=story.people["newcomer"].email, **day("from_on", date(2027, 3, 1)))
    agree(story, "learner", "assessor")
    assert refused(lambda: story.hand("newcomer", page)).status == 404
    letter = story.post(story.people["newcomer"].email)[-1]
    link = re.search(r"http://testserver(/changes/\d+)", letter)
    assert link, letter
    story.hand("newcomer", link[1]).press("Give your answer", {"answer": "agree"})
    portfolio = f"/portfolios/{story.enrolment}"
    assert story.hand("assessor", portfolio).reads("Nell Newly")
    assert refused(lambda: story.hand("newcomer", portfolio)).status == 404
    story.clock.go_to(date(2027, 3, 1))
    agreement = story.document("SAA")
    for address in (portfolio, f"/documents/{agreement}", f"{portfolio}/signatures", f"{portfolio}/checklist"):
        assert refused(partial(story.hand, "assessor", address)).status == 404
        assert story.hand("newcomer", address).reads("Nell Newly")

    told = "Somebody else assesses or manages since"
    paper = story.hand("newcomer", page)
    assert paper.reads(told)
    begun = paper.follow("Support and assessment agreement").press("Begin a new version", {"words": "There is a new assessor."})
    assert begun.reads("A new version is begun")
    story.said = {"changes": "Neo assesses from March on."}
    story.finish(agreement)
    assert not story.hand("newcomer", page).reads(told)
    signed = story.hand("learner", f"/documents/{agreement}/signatures")
    assert [signed.words.count(name) >= 1 for name in ("Asa Sessor", "Neo Newcomer")] == [True, True]
    assert story.hand("learner", f"{portfolio}/signatures").reads("each joined to the one before")

    propose(
        story,
        "newcomer",
        "extension",
        words="Evidence of court work is still to come.",
        **day("ends_on", date(2027, 11, 2)),
        **day("from_on", date(2027, 5, 1)),
    )
    agree(story, "learner", "manager", "coordinator")
    assert plans(story) == [FIRST, PAUSED, EXTENDED]
    with story.make.tx(writes=False) as tx:
        assert invariants.check(tx) == []


# A panel that returns, and one that does not confirm ---------------------------------------------------------------


@pytest.mark.thorough
def test_a_panel_returns_and_another_does_not_confirm(story: Story) -> None:
    story.enrol("ASYE-CF", FIRST_DAY, assessor="assessor", line_manager="manager")
    story.clock.go_to(date(2027, 8, 27))
    story.on_paper(besides="RSPA5")
    story.said = {"recommendation": "pass", "holistic": "Ready."}
    report = story.document("RSPA5")
    story.finish(report)
    assert story.ready() == "Ready Nothing is missing"
    before = len(story.chain())

    sitting = story.sitting(date(2027, 9, 1), "September panel")
    case = story.list_before(sitting)
    story.judge(case)
    story.clock.go_to(date(2027, 9, 1), time(12))
    nothing = refused(lambda: story.decide(case, "return", to_learner="Weigh the third observation."))
    assert "Choose at least one document" in nothing.words
    story.decide(case, "return", to_learner="Weigh the third observation.", reopen=[str(report)])
    assert (story.row().status, story.row().outcome) == ("in_progress", None)
    assert story.ready() == "Not ready yet 12 of 13 met, 1 missing"
    again = story.sitting(date(2027, 10, 6), "October panel")
    assert story.hand("coordinator", f"/panels/{again}").reads("No portfolio is ready")

    assert story.state(report) == ("returned", "assessor")
    story.said = {"holistic": "Ready. The third observation shows that they name risk plainly, and still listen."}
    story.finish(report)
    signed = story.hand("learner", f"/documents/{report}/signatures")
    assert signed.words.count("Asa Sessor") >= 3 and signed.reads("is complete")  # twice, and in the order
    case = story.list_before(again)
    story.judge(case)
    story.clock.go_to(date(2027, 10, 6), time(12))
    assert story.decide(case, "not_confirmed").reads("Not confirmed")
    assert (story.row().status, story.row().outcome, story.row().decision_id) == ("awaiting_panel", None, None)
    mine = story.hand("learner", "/my-programme")
    assert mine.reads("Waiting for the panel") and not mine.reads("Outcome")
    said = story.chain()[before:]
    assert said == ["return", "agree", "recommend pass", "agree", "not confirmed"]
    with story.make.tx(writes=False) as tx:
        assert invariants.check(tx) == []


# The next framework beside this one --------------------------------------------------------------------------------


def test_the_next_framework_beside_this_one(story: Story) -> None:
    """From 6 September 2027: somebody begins the provisional programme while another is on the ASYE, of which a new version comes out."""
    first_day, provisional = date(2027, 9, 6), "provisional"
    story.clock.go_to(date(2027, 8, 30))
    early: dict[str, Any] = dict(swe_number="SW900504", qualified_in=2027, registration_status="registered")
    story.people["early"] = story.make.person("Eli Early", manager=story.people["manager"].id, **early)
    next_one = story.enrol("ECDP", first_day, "early", assessor="assessor", line_manager="manager")
    this_one = story.enrol("ASYE-CF", first_day, assessor="assessor", line_manager="manager")
    story.clock.go_to(first_day)
    for who, key, says in (("early", next_one, True), ("learner", this_one, False)):
        for page in ("/my-programme", f"/enrolments/{key}"):
            assert story.hand(who, page).reads(provisional) == says, (who, page)
    assert story.hand("coordinator", "/cohorts/new").reads("(provisional)")
    assert story.hand("early", "/my-programme").reads("It ends, as planned, on Thursday 6 September 2029")
    story.all_of("HP1")
    story.enrolment = next_one
    story.all_of("AGREEMENT")
    assert story.hand("early", f"/portfolios/{next_one}/signatures").reads("3 entries")

    def stands() -> list[Any]:
        return [
            story.hand("learner", page).words for page in (f"/enrolments/{this_one}", "/my-programme", f"/portfolios/{this_one}/checklist")
        ]

    before = stands()
    file = next_asye(("title: Heading page", "title: First page"), ("due_month: 9", "due_month: 8")).encode()
    loaded = story.hand("coordinator", "/frameworks/load").press("Load the file", files={"file": ("asye.yaml", file)})
    assert loaded.follow("Publish").press("Publish the version").reads("It is published")
    assert stands() == before
    story.enrolment = this_one
    assert story.version("ASYE-CF").id != story.row().version_id
    story.all_of("CONF", "SAA")
    assert story.hand("learner", f"/enrolments/{this_one}").reads("version 2026-04")
    with story.make.tx(writes=False) as tx:
        assert invariants.check(tx) == []
