"""Cohorts and enrolments over HTTP: enrolling with what it means shown first, changes agreed by everybody, plans side by side."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from app.frameworks.models import DocumentTemplate
from app.programmes.models import Change, Cohort, Enrolment, Involvement
from app.programmes.operations import changes, enrol
from app.programmes.portfolio_models import Document, Entry, Revision
from tests.factory import Make
from tests.policy.routes import day
from tests.programmes.asye import asye, cohort, nqsw
from tests.queues import acting

START = date(2026, 9, 7)


@pytest.fixture(autouse=True)
def a_monday(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the third month."""
    monkeypatch.setattr("app.core.tx.clock", lambda: datetime(2026, 11, 23, 10, tzinfo=UTC))


@pytest.fixture
def coordinator(make: Make) -> Any:
    return make.person("Cora Coordinator", roles=("coordinator",))


def test_a_cohort_is_made_and_somebody_enrolled_with_what_it_means_shown_first(make: Make, coordinator: Any, sign_in: Any) -> None:
    version, learner = asye(make), nqsw(make, qualified_in=2019)
    boss = make.person("Asa Sessor", swe_number="SW900400")
    browser = sign_in(coordinator)
    empty = browser.post("/cohorts/new", data={})
    assert empty.status_code == 422
    assert "Enter a name for the cohort" in empty.text
    made = browser.post("/cohorts/new", data={"version": version, "title": "ASYE, autumn", **day("starts_on", START)})
    where = made.headers["location"].partition("?")[0]
    looked = browser.get(f"{where}/enrol", params={"who": "sw900301", **day("starts_on", START), "fte": "0.6"})
    assert "Qualified in 2019, 7 years before the start." in looked.text
    assert "The grant: cannot be claimed" in looked.text
    assert "At 0.6 of full time, until Monday 8 May 2028" in looked.text
    assert "Nobody you look after has" in browser.get(f"{where}/enrol", params={"who": "nobody", **day("starts_on", START)}).text
    fields = {"who": "SW900301", "fte": "60%", "assessor": boss.email, "line_manager": "SW900400", **day("starts_on", START)}
    wrong = browser.post(f"{where}/enrol", data={**fields, "assessor": "nobody"})
    assert wrong.status_code == 422
    done = browser.post(f"{where}/enrol", data=fields)
    page = browser.get(done.headers["location"])
    assert "They are enrolled, and have been told." in page.text
    assert page.text.count("Asa Sessor") == 2
    assert "already on this programme" in browser.get(f"{where}/enrol", params={"who": "SW900301", **day("starts_on", START)}).text
    assert browser.post(f"{where}/enrol", data=fields).status_code == 409
    closing = browser.post(f"{where}/close")
    assert closing.status_code == 409
    assert "is still on the programme" in closing.text
    with make.tx() as tx:
        assert tx.scalar(select(Enrolment.fte).where(Enrolment.person_id == learner.id)) == Decimal("0.6")


class Four:
    """An enrolment and a browser for each who takes part."""

    def __init__(self, make: Make, sign_in: Any, coordinator: Any) -> None:
        self.make = make
        people = {"learner": nqsw(make), "assessor": make.person("Asa Sessor", swe_number="SW900400"), "manager": make.person("Lina")}
        self.people = {**people, "coordinator": coordinator}
        into = cohort(make, starts_on=START)
        with make.tx() as tx:
            named = {"assessor": people["assessor"].id, "line_manager": people["manager"].id}
            self.id = enrol.enrol(tx, into, people["learner"].id, START, named)
        self.at = {name: sign_in(person) for name, person in self.people.items()}

    @property
    def path(self) -> str:
        return f"/enrolments/{self.id}"

    def agree(self, change: int, *names: str) -> Any:
        replies = [self.at[name].post(f"/changes/{change}", data={"answer": "agree"}) for name in names]
        assert [reply.status_code for reply in replies] == [303] * len(names)
        return replies[-1]


@pytest.fixture
def four(make: Make, sign_in: Any, coordinator: Any) -> Four:
    return Four(make, sign_in, coordinator)


def newest(make: Make) -> int:
    with make.tx() as tx:
        return int(tx.scalar(select(Change.id).order_by(Change.id.desc()).limit(1)))


def test_a_pause_is_proposed_agreed_and_ended_with_every_plan_side_by_side(four: Four, count_queries: Any) -> None:
    assert "What is to change?" in four.at["learner"].get(f"{four.path}/change").text
    form = {"kind": "pause", "reason": "bereavement", "words": "Family", **day("from_on", START)}
    refused = four.at["learner"].post(f"{four.path}/change", data={**form, "reason": "capability", **day("from_on", date(2026, 12, 1))})
    assert refused.status_code == 409
    assert "not paused for this: Concerns about capability" in refused.text
    sent = four.at["learner"].post(
        f"{four.path}/change", data={**form, **day("from_on", date(2026, 11, 23)), **day("to_on", date(2027, 1, 4))}
    )
    assert sent.status_code == 303, sent.text
    change = newest(four.make)
    assert "your agreement is needed" in four.at["manager"].get(four.path).text
    assert "Read and answer" not in four.at["learner"].get(four.path).text
    assert four.at["assessor"].post(f"/changes/{change}", data={"answer": "disagree"}).status_code == 422
    assert "said=agreed" in four.agree(change, "assessor", "manager", "coordinator").headers["location"]
    page = four.at["coordinator"].get(four.path).text
    assert "Plan 1" in page
    assert "Plan 2, in force" in page
    assert "Paused from Monday 23 November 2026 until Monday 4 January 2027" in page
    assert "Say when they come back" in page
    assert four.at["coordinator"].post(f"{four.path}/resume", data={}).status_code == 422
    back = four.at["coordinator"].post(f"{four.path}/resume", data=day("on", date(2026, 12, 14)))
    assert back.status_code == 303
    with count_queries() as queries:
        page = four.at["coordinator"].get(four.path).text
    assert len(queries) <= 12
    assert "Plan 3, in force" in page
    assert "back on Monday 14 December 2026" in page


def test_home_says_whose_agreement_is_asked_for(four: Four) -> None:
    """Those who must agree, whoever would take over, and the Academy; nobody who has answered."""
    new = four.make.person("Nia Next", swe_number="SW900401")
    with acting(four.make, four.people["manager"]) as tx:
        change = changes.propose_change(tx, four.id, "assessor", date(2026, 12, 14), details={"person_id": new.id})
    words = "Your agreement is asked for: Change of assessor: Nell Newly"
    for name in ("learner", "assessor"):
        assert words in four.at[name].get("/").text
    assert words not in four.at["manager"].get("/").text
    assert "1 change of a programme waits for the Academy" in four.at["coordinator"].get("/").text
    four.agree(change, "learner", "coordinator")
    assert words not in four.at["learner"].get("/").text
    assert "waits for the Academy" not in four.at["coordinator"].get("/").text


def test_why_something_was_changed_is_for_those_who_take_part(four: Four, sign_in: Any) -> None:
    """Somebody who only sees how far it is reads that there is a pause, not why."""
    with acting(four.make, four.people["manager"]) as tx:
        changes.propose_change(tx, four.id, "pause", date(2026, 12, 1), date(2027, 1, 4), "bereavement", "Her father")
    psw = sign_in(four.make.person("Pat", roles=("principal social worker",)))
    for path in (four.path, f"/changes/{newest(four.make)}"):
        page = psw.get(path).text
        assert "From Tuesday 1 December 2026" in page
        assert "Bereavement" not in page
        assert "Her father" not in page
    assert "Bereavement" in four.at["assessor"].get(four.path).text
    assert "Her father" in four.at["coordinator"].get(f"/changes/{newest(four.make)}").text


def test_who_takes_over_answers_before_they_may_see_the_rest(four: Four, sign_in: Any) -> None:
    new = four.make.person("Nia Next", swe_number="SW900401")
    asked = {"kind": "assessor", "person": new.email, **day("from_on", date(2026, 12, 14))}
    assert four.at["coordinator"].post(f"{four.path}/change", data={**asked, "person": "nobody"}).status_code == 422
    assert four.at["coordinator"].post(f"{four.path}/change", data=asked).status_code == 303
    change, browser = newest(four.make), sign_in(new)
    assert browser.get(four.path).status_code == 404
    assert "Nia Next, who takes over" in browser.get(f"/changes/{change}").text
    assert browser.post(f"/changes/{change}", data={"answer": "agree"}).status_code == 303
    four.agree(change, "learner", "assessor")
    page = four.at["coordinator"].get(four.path).text
    assert "Asa Sessor, from Monday 7 September 2026 until Monday 14 December 2026" in page
    assert "Nia Next, from Monday 14 December 2026" in page


def test_the_agreement_is_looked_at_again_after_a_handover(four: Four) -> None:
    """Signed in September, another line manager since: the page says that a new version may be needed."""
    with four.make.tx() as tx:
        agreement = select(DocumentTemplate.id).where(DocumentTemplate.code == "SAA")
        document = tx.scalar(select(Document.id).where(Document.enrolment_id == four.id, Document.template_id.in_(agreement)))
        made: dict[str, Any] = dict(content={}, standards=[], kind="typing", sitting="", saved_at=tx.now, sealed=True)
        tx.db.execute(Revision.__table__.insert(), dict(document_id=document, number=1, base=0, **made))
        tx.update(Document, document, state="final", head=1, frozen=1)
        signer = four.people["learner"].id
        involvement = tx.scalar(select(Involvement.id).where(Involvement.person_id == signer))
        tx.insert(
            Entry,
            enrolment_id=four.id,
            sequence=1,
            kind="document",
            document_id=document,
            revision=1,
            involvement_id=involvement,
            person_id=signer,
            answer="agree",
            canonical="{}",
            hash="0" * 64,
            previous="1" * 64,
            signed_at=datetime(2026, 9, 30, tzinfo=UTC),
        )
    assert "Somebody else assesses" not in four.at["learner"].get(four.path).text
    new = four.make.person("Nia Next")
    asked = {"kind": "line_manager", "person": new.email, **day("from_on", date(2026, 12, 14))}
    assert four.at["coordinator"].post(f"{four.path}/change", data=asked).status_code == 303
    change = newest(four.make)
    with acting(four.make, new) as tx:
        changes.agree(tx, change, True)
    four.agree(change, "learner", "manager")
    assert "Somebody else assesses or manages since the" in four.at["learner"].get(four.path).text


def test_the_academy_writes_down_what_was_said_elsewhere_and_takes_back(four: Four) -> None:
    with acting(four.make, four.people["manager"]) as tx:
        change = changes.propose_change(tx, four.id, "withdrawal", date(2026, 12, 1), reason_code="left_employer")
    at = four.at["coordinator"]
    assert at.post(f"/changes/{change}/for", data={}).status_code == 422
    assert at.post(f"/changes/{change}/for", data={"capacity": "nqsw", "how": "By letter of 20 November"}).status_code == 303
    assert "By letter of 20 November" in at.get(f"/changes/{change}").text
    assert four.at["learner"].post(f"/changes/{change}/cancel").status_code == 403
    assert at.post(f"/changes/{change}/cancel").status_code == 303
    assert "Taken back" in at.get(four.path).text


def test_somebody_is_named_for_a_part_that_nobody_has(four: Four) -> None:
    observer = four.make.person("Olu Observer")
    at = four.at["coordinator"]
    assert at.post(f"{four.path}/people", data={}).status_code == 422
    assert at.post(f"{four.path}/people", data={"capacity": "observer", "who": observer.email}).status_code == 303
    assert "Olu Observer" in at.get(four.path).text
    taken = at.post(f"{four.path}/people", data={"capacity": "assessor", "who": four.people["manager"].email})
    assert taken.status_code == 409


def test_a_cohort_for_all_is_renamed_by_coordinators_of_all(make: Make, coordinator: Any, sign_in: Any) -> None:
    key, north = cohort(make), make.unit("North", "locality")
    version = make.row(Cohort, key).version
    local = sign_in(make.person("Lo Cal", roles=("coordinator",), scope=north))
    assert local.post(f"/cohorts/{key}/change", data={"title": "Ours", "version": version}).status_code == 403
    at = sign_in(coordinator)
    assert at.post(f"/cohorts/{key}/change", data={"title": "ASYE, autumn", "version": version}).status_code == 303
    assert at.post(f"/cohorts/{key}/change", data={"title": "ASYE, winter", "version": version}).status_code == 412
    assert at.post(f"/cohorts/{key}/close").status_code == 303
    assert "ASYE, autumn" in at.get("/cohorts?closed=yes").text
    assert "closed" in at.post(f"/cohorts/{key}/enrol", data={"who": nqsw(make).email, **day("starts_on", START)}).text
