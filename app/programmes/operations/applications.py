"""Applications for programmes that select: a call, what people write, their manager's word, two scores, a decision with reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from app import policy
from app.core.errors import Changed, Conflict, Forbidden, Invalid, NotFound
from app.core.facts import current
from app.core.text import normal
from app.core.tx import Tx
from app.frameworks.models import ProgrammeVersion
from app.guarding import checking
from app.guarding.checking import Decision, Settled
from app.people.models import Duty, Responsibility
from app.policy import Can, operation
from app.programmes.apprentice_models import Application, Call, Score
from app.programmes.models import Cohort
from app.programmes.operations.enrol import enrol

LONGEST = 20_000  # letters of one answer, whatever the limit in words
REASONS = 4_000
SELECTORS = 2  # who score before anything is decided
OPEN = ("submitted", "supported", "not supported", "shortlisted")


@dataclass(frozen=True, slots=True)
class NewCall:
    """What a call says. `questions`: each with how many words an answer may have; `criteria`: each with the most points it can get."""

    version_id: int
    title: str
    about: str
    places: int
    closes_at: datetime
    questions: Sequence[tuple[str, int]]
    criteria: Sequence[tuple[str, int]]
    cohort_id: int | None = None


@operation(Can.SELECT_APPLICANTS)
def create_call(tx: Tx, new: NewCall) -> int:
    """A call in draft; returns its id."""
    version = tx.get(ProgrammeVersion, new.version_id, what="programme version")
    wrong = _about(tx, new, version)
    if wrong:
        raise Invalid("The call is not complete.", errors=wrong)
    key = tx.insert(
        Call,
        version_id=version.id,
        cohort_id=new.cohort_id,
        title=normal(new.title),
        about=new.about.strip(),
        places=new.places,
        closes_at=new.closes_at,
        questions=[{"code": f"q{n}", "label": label, "words": words} for n, (label, words) in enumerate(new.questions, 1)],
        criteria=[{"code": f"c{n}", "title": title, "most": most} for n, (title, most) in enumerate(new.criteria, 1)],
        created_at=tx.now,
    )
    tx.record("call.created", "programme_calls", key)
    return key


def _about(tx: Tx, new: NewCall, version: Row[Any]) -> list[dict[str, str]]:
    wrong = []
    if version.state != "published":
        wrong.append({"field": "version", "message": "Choose a version that is published"})
    if not 0 < len(normal(new.title)) <= 200:
        wrong.append({"field": "title", "message": "Give the call a name, of at most 200 letters"})
    if not 0 < len(new.about.strip()) <= LONGEST:
        wrong.append({"field": "about", "message": "Say what the programme is and who should apply"})
    if not 1 <= new.places <= 1000:
        wrong.append({"field": "places", "message": "Places are between 1 and 1,000"})
    if new.closes_at <= tx.now:
        wrong.append({"field": "closes", "message": "Choose a closing day to come"})
    if not 1 <= len(new.questions) <= 12 or any(not label or len(label) > 300 or not 10 <= words <= 2000 for label, words in new.questions):
        wrong.append({"field": "questions", "message": "Write one to twelve questions, one a line, each with 10 to 2,000 words"})
    if not 1 <= len(new.criteria) <= 12 or any(not title or len(title) > 200 or not 1 <= most <= 20 for title, most in new.criteria):
        wrong.append({"field": "criteria", "message": "Write one to twelve criteria, one a line, each with 1 to 20 points"})
    if new.cohort_id is not None and tx.scalar(select(Cohort.version_id).where(Cohort.id == new.cohort_id)) != version.id:
        wrong.append({"field": "cohort", "message": "Choose a cohort of that version"})
    return wrong


@operation(Can.SELECT_APPLICANTS)
def open_call(tx: Tx, call_id: int, version: int) -> None:
    """From now on people can apply, until it closes by its own date."""
    call = _call(tx, call_id, lock=True)
    if call.version != version:
        raise Changed("Somebody changed this call meanwhile. Look at it again.", code="changed")
    if call.state != "draft":
        raise Conflict("This call is open already.", code="call-open")
    if call.closes_at <= tx.now:
        raise Conflict("Its closing day is over.", code="call-closed")
    tx.update(Call, call.id, state="open", version=call.version + 1)
    tx.record("call.opened", "programme_calls", call.id)


def _call(tx: Tx, call_id: int, *, lock: bool = False) -> Row[Any]:
    """A call; a draft only for those who select."""
    row = tx.get(Call, call_id, lock=lock, what="call")
    if row.state == "draft" and not policy.may(tx.actor, Can.SELECT_APPLICANTS):
        raise NotFound("There is no call with that reference.", code="call-not-found")
    return row


def takes(call: Row[Any], now: datetime) -> bool:
    """Can people apply now?"""
    return bool(call.state == "open" and call.closes_at > now)


# Applying ----------------------------------------------------------------------------------------------------------


@operation(Can.APPLY)
def write(tx: Tx, call_id: int, answers: Mapping[str, str], *, submit: bool = False, guard: Decision | None = None) -> int:
    """Keep the actor's draft, or submit it; returns the application's id. What was submitted is not changed any more.

    Invalid for an answer that is missing (submitting only) or longer than its limit: nothing is lost, the page keeps what was typed.
    Identifiable for one to submit that may name a family, until `guard` decides about it.
    """
    call = _call(tx, call_id, lock=True)
    if not takes(call, tx.now):
        raise Conflict("Applications are closed.", code="call-closed")
    assert tx.actor.person_id is not None
    given = {question["code"]: answers.get(question["code"], "").strip() for question in call.questions}
    if wrong := _wrong(call, given, submit=submit):
        raise Invalid("Some answers need another look.", errors=wrong)
    mine = select(Application.__table__).where(Application.call_id == call.id, Application.person_id == tx.actor.person_id)
    row = tx.one(mine)
    if row is not None and row.state not in ("draft", "withdrawn"):
        raise Conflict("You have submitted your application.", code="already-submitted")
    settled = Settled(given)
    if submit:  # a draft is its writer's own
        settled = checking.settle(tx, given, guard, labels={question["code"]: question["label"] for question in call.questions})
    key = row.id if row else tx.insert(Application, call_id=call.id, person_id=tx.actor.person_id, answers={}, state="draft")
    values: dict[str, Any] = {"answers": dict(settled.fields), "state": "draft", "version": (row.version if row else 1) + 1}
    tx.update(Application, key, **values)
    checking.note(tx, settled, "applications", int(key))
    if submit:
        _submit(tx, call, key)
    else:
        tx.record("application.kept", "applications", key, person_id=tx.actor.person_id, state="draft")
    return int(key)


def _wrong(call: Row[Any], given: Mapping[str, str], *, submit: bool) -> list[dict[str, str]]:
    wrong = []
    for question in call.questions:
        words = len(given[question["code"]].split())
        if submit and not words:
            wrong.append({"field": question["code"], "message": f"Answer this question: {question['label']}"})
        if words > question["words"] or len(given[question["code"]]) > LONGEST:
            wrong.append({"field": question["code"], "message": f"Use at most {question['words']} words; this has {words}"})
    return wrong


def _submit(tx: Tx, call: Row[Any], key: int) -> None:
    me = tx.actor.person_id
    definition = tx.scalar(select(ProgrammeVersion.definition).where(ProgrammeVersion.id == call.version_id)) or {}
    needed = (definition.get("selection") or {}).get("manager_support", True)
    manager = tx.scalar(
        select(Responsibility.holder_id).where(
            Responsibility.kind == Duty.MANAGER.value, Responsibility.person_id == me, current(Responsibility, tx.today)
        )
    )
    if needed and manager is None:
        raise Conflict(
            "No line manager is recorded for you, and one has to support this.", code="no-manager", way_out="Ask HR to put it right."
        )
    tx.update(Application, key, state="submitted" if needed else "supported", submitted_at=tx.now, manager_id=manager if needed else None)
    told = dict(tell=["email.support_asked"], to=manager) if needed else {}
    tx.record("application.submitted", "applications", key, person_id=me, state="submitted", **told)


@operation(Can.APPLY)
def withdraw(tx: Tx, application_id: int) -> None:
    """The actor takes their application back, at any time before it is decided."""
    row = _locked(tx, application_id)
    if row.person_id != tx.actor.person_id:
        raise NotFound("There is no application with that reference.", code="application-not-found")
    if row.state not in ("draft", *OPEN):
        raise Conflict("It has been decided already.", code="already-decided")
    tx.update(Application, row.id, state="withdrawn", version=row.version + 1)
    tx.record("application.withdrawn", "applications", row.id, person_id=row.person_id, state="withdrawn")


def _locked(tx: Tx, application_id: int) -> Row[Any]:
    return tx.get(Application, application_id, lock=True, what="application")


# Judging -----------------------------------------------------------------------------------------------------------


@operation(Can.SUPPORT_APPLICATIONS)
def support(tx: Tx, application_id: int, supports: bool | None, words: str) -> None:
    """What somebody in the applicant's management line, or their deputy, says about the time and the team."""
    row = _locked(tx, application_id)
    policy.person(tx, Can.SUPPORT_APPLICATIONS, row.person_id)
    if row.state != "submitted":
        raise Conflict("This application does not wait for a manager’s word.", code="not-waiting")
    wrong = [] if supports is not None else [{"field": "supports", "message": "Say whether you support it"}]
    if not words.strip() or len(words) > REASONS:
        wrong.append({"field": "words", "message": f"Say why, in at most {REASONS:,} letters"})
    if wrong:
        raise Invalid("Your answer is not complete.", errors=wrong)
    state = "supported" if supports else "not supported"
    tx.update(
        Application,
        row.id,
        state=state,
        manager_id=tx.actor.person_id,
        manager_words=words.strip(),
        manager_at=tx.now,
        version=row.version + 1,
    )
    tx.record("application.supported", "applications", row.id, person_id=row.person_id, state=state)


@operation(Can.SELECT_APPLICANTS)
def score(tx: Tx, application_id: int, points: Mapping[str, int], words: str = "") -> None:
    """One selector's points by every criterion; they may be changed until it is decided. Nobody scores themselves."""
    row = _judged(tx, application_id)
    call = tx.get(Call, row.call_id, what="call")
    wrong = [
        {"field": each["code"], "message": f"Give 0 to {each['most']} points"}
        for each in call.criteria
        if not 0 <= points.get(each["code"], -1) <= each["most"]
    ]
    if len(words) > REASONS:
        wrong.append({"field": "words", "message": f"Use at most {REASONS:,} letters"})
    if wrong:
        raise Invalid("The scores are not complete.", errors=wrong)
    given = {each["code"]: points[each["code"]] for each in call.criteria}
    known = (Score.application_id == row.id) & (Score.person_id == tx.actor.person_id)
    if tx.scalar(select(Score.person_id).where(known)) is None:
        values = dict(application_id=row.id, person_id=tx.actor.person_id, scores=given, words=words or None, at=tx.now)
        tx.db.execute(insert(Score), values)
    else:
        tx.db.execute(update(Score).where(known).values(scores=given, words=words or None, at=tx.now))
    tx.record("application.scored", "applications", row.id, person_id=row.person_id)


def _judged(tx: Tx, application_id: int) -> Row[Any]:
    """An application that can be scored and decided by the actor, locked."""
    row = _locked(tx, application_id)
    policy.person(tx, Can.SELECT_APPLICANTS, row.person_id)
    if row.person_id == tx.actor.person_id:
        raise Forbidden("Nobody judges their own application.")
    if row.state not in ("supported", "not supported", "shortlisted"):
        raise Conflict(f"This application is {row.state}: it is not for selection now.", code="not-for-selection")
    return row


@operation(Can.SELECT_APPLICANTS)
def decide(tx: Tx, application_id: int, kind: str, reasons: str, feedback: str = "") -> None:
    """Shortlist, offer a place or decline, with reasons. An offer enrols into the call's cohort, if it has one.

    Conflict before two selectors have scored, when all places are offered, or where the programme cannot take them.
    """
    row = _judged(tx, application_id)
    wrong = (
        []
        if kind in ("shortlisted", "not shortlisted", "offered", "declined")
        else [{"field": "kind", "message": "Choose what is decided"}]
    )
    if not reasons.strip() or len(reasons) > REASONS:
        wrong.append({"field": "reasons", "message": f"Give the reasons, in at most {REASONS:,} letters"})
    if len(feedback) > REASONS:
        wrong.append({"field": "feedback", "message": f"Use at most {REASONS:,} letters"})
    if wrong:
        raise Invalid("The decision is not complete.", errors=wrong)
    scored = tx.scalar(select(func.count()).select_from(Score).where(Score.application_id == row.id))
    if scored < SELECTORS:
        raise Conflict(f"{scored} of {SELECTORS} selectors have scored. Decide when both have.", code="not-scored")
    enrolled = _offer(tx, row) if kind == "offered" else None
    tx.update(
        Application,
        row.id,
        state=kind,
        reasons=reasons.strip(),
        feedback=feedback.strip() or None,
        decided_by=tx.actor.person_id,
        decided_at=tx.now,
        enrolment_id=enrolled,
        version=row.version + 1,
    )
    tell = [] if kind == "shortlisted" else ["email.application_decided"]
    tx.record("application.decided", "applications", row.id, person_id=row.person_id, state=kind, tell=tell, to=row.person_id)


def _offer(tx: Tx, row: Row[Any]) -> int | None:
    call = tx.get(Call, row.call_id, lock=True, what="call")
    offered = tx.scalar(select(func.count()).select_from(Application).where(Application.call_id == call.id, Application.state == "offered"))
    if offered >= call.places:
        raise Conflict(f"All {call.places} places are offered.", code="no-places")
    if call.cohort_id is None:
        return None
    cohort = tx.get(Cohort, call.cohort_id, what="cohort")
    return enrol(tx, cohort.id, row.person_id, max(cohort.starts_on, tx.today))
