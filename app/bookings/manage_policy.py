"""The council's figures for booking in words, its classes in queues, its reasons for cancelling: each changed on a page, nothing lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from typing import Any

from sqlalchemy import Row, and_, select
from starlette.responses import Response

from app.bookings import words
from app.bookings.operations import policies
from app.bookings.policy_models import CancelReason, PriorityRule
from app.bookings.terms import FIELDS
from app.bookings.terms import policy as figures
from app.core import forms
from app.core.calendar import clock
from app.core.errors import NotFound
from app.core.forms import Problems, text
from app.core.ledger import Audit
from app.core.text import duration, plural
from app.core.tx import Tx
from app.doors import Page, Pages
from app.learning.models import CourseKind
from app.people.models import CareerStage, Group, Person
from app.policy import Can

pages = Pages()


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure on the page: what it means, its unit, and how it is typed ("number", "clock", "days", "pence", "charge")."""

    name: str
    label: str
    unit: str = ""
    hint: str = ""
    kind: str = "number"


GROUPS: tuple[tuple[str, tuple[Figure, ...]], ...] = (
    (
        "Offering a free place",
        (
            Figure("day_starts", "The working day starts at", kind="clock", hint="Time to answer an offer is counted in working hours."),
            Figure("day_ends", "The working day ends at", kind="clock"),
            Figure(
                "offer_minutes",
                "An offer holds the place for",
                "minutes",
                hint="Of working time, counted on the person’s own working days.",
            ),
            Figure("offer_most_days", "At the longest for", "days", hint="Calendar days, however few of them the person works."),
            Figure("offer_least_minutes", "No offer goes out with less than", "minutes", hint="Of working time left: the Academy is told."),
            Figure("cut_off_minutes", "Places stop changing hands", "minutes before the start"),
        ),
    ),
    (
        "Approval and reservation",
        (
            Figure(
                "approval_days",
                "A request is answered within",
                "working days",
                hint="Unless the course says otherwise. After that it ends.",
            ),
            Figure("chase_days", "Whoever approves is reminded after", "working days"),
            Figure("reservation_days", "Reserved places are named within", "working days"),
        ),
    ),
    (
        "Cancelling late and not coming",
        (
            Figure("late_days", "Cancelling is late within", "working days", hint="Before the start, unless the session says otherwise."),
            Figure("late_charge", "For a late cancellation we charge", kind="charge"),
            Figure("late_pence", "Fixed amount for a late cancellation", kind="pence"),
            Figure("absent_charge", "For not coming we charge", kind="charge"),
            Figure("absent_pence", "Fixed amount for not coming", kind="pence"),
            Figure("appeal_days", "People may appeal within", "working days"),
        ),
    ),
    (
        "Messages, check-in and results",
        (
            Figure("reminder_days", "Reminders go out", "days before", kind="days", hint="Several with commas between them, like 7, 1."),
            Figure("impact_weeks", "The question about effects goes out after", "weeks"),
            Figure("check_in_before", "Check-in opens", "minutes before"),
            Figure("check_in_seconds", "A check-in code lasts", "seconds"),
            Figure("suppress_below", "Results are hidden below", "people"),
        ),
    ),
    (
        "Apprentices’ safeguarding training and progress reviews",
        (
            Figure("programme_chase_days", "What is due or overdue is chased at most every", "days", hint="For each reader."),
            Figure("programme_long_days", "The Academy is told when it is late by", "days"),
        ),
    ),
)
ALL = {figure.name: figure for _, group in GROUPS for figure in group}
assert set(ALL) == set(FIELDS) - {"id"}  # each figure has its line
CHARGES = (("none", "Nothing"), ("cost", "The cost of the course"), ("fixed", "A fixed amount"))
DONE = {
    "policy": "The figures are in force from now on.",
    "same": "Nothing was changed.",
    "rule": "The rule is saved. It counts for whoever joins a queue from now on.",
    "reason": "The reason is saved.",
}


def said(figure: Figure, value: Any) -> str:
    """A figure in words: "5 working days", "9am", "£20"."""
    if figure.kind == "clock":
        return "midnight" if value == 1440 else clock(time(value // 60, value % 60))
    if figure.kind == "charge":
        return dict(CHARGES)[value].lower()
    if figure.kind == "pence":
        return words.pounds(value)
    if figure.kind == "days":
        return f"{' and '.join(value.split(','))} days before" if value else "never"
    if figure.unit.startswith("minutes"):
        return f"{duration(value)}{figure.unit.removeprefix('minutes')}"
    singular = figure.unit.replace("days", "day", 1).replace("weeks", "week", 1).replace("seconds", "second", 1)
    if value == 1 and singular != figure.unit:
        return f"1 {singular}"
    return f"{value:,} {figure.unit}"


# The page ----------------------------------------------------------------------------------------------------------


@pages.get("/manage/policy", can=Can.MANAGE_SESSIONS)
def show(tx: Tx, page: Page) -> Response:
    """Everything the council has decided about booking, and who changed what."""
    now = figures(tx)
    return page.render(
        "bookings/manage/policy.html",
        groups=[(title, [(figure, said(figure, getattr(now, figure.name))) for figure in group]) for title, group in GROUPS],
        rules=_rules(tx),
        reasons=tx.rows(select(CancelReason.__table__).order_by(CancelReason.active.desc(), CancelReason.position)),
        history=[_line(row) for row in _history(tx)],
        done=DONE.get(page.query("done"), ""),
        words=words,
    )


def _rules(tx: Tx) -> list[tuple[Row[Any], str]]:
    """The rules in the order of their classes, each with whom it is for in words."""
    titles = {row.code: row.title for row in tx.rows(select(CareerStage.code, CareerStage.title))}
    statement = select(PriorityRule.__table__, Group.name.label("group")).outerjoin(Group, Group.id == PriorityRule.group_id)
    rows = tx.rows(statement.order_by(PriorityRule.active.desc(), PriorityRule.priority, PriorityRule.id))
    return [(row, _for_whom(row, titles)) for row in rows]


def _for_whom(row: Row[Any], titles: dict[str, str]) -> str:
    if row.kind == "stage":
        whom = ", ".join(titles.get(code, code) for code in row.stages.split(","))
    elif row.kind == "group":
        whom = row.group
    else:
        whom = f"people whose completion runs out within {plural(row.days, 'day')}, or has run out"
    return f"{whom}; courses of the kind {row.course_kinds.replace(',', ', ')}" if row.course_kinds else f"{whom}; all courses"


def _history(tx: Tx) -> Any:
    """The newest changes to figures, rules and reasons, with who made them."""
    about = Audit.subject.in_(("booking_policies", "priority_rules", "cancel_reasons"))
    return tx.rows(
        select(Audit.at, Audit.action, Audit.facts, Person.name)
        .outerjoin(Person, and_(Person.id == Audit.actor_id, Audit.actor_kind == "person"))
        .where(about)
        .order_by(Audit.id.desc())
        .limit(50)
    )


_WHAT = {
    "priority-rule.created": "added the rule “{title}”",
    "priority-rule.changed": "changed a rule for queues",
    "cancel-reason.created": "added the reason “{title}”",
    "cancel-reason.changed": "changed the reason “{code}”",
}


def _line(row: Row[Any]) -> dict[str, Any]:
    """One change: who did what when, and each figure as it was and is."""
    changed: dict[str, list[Any]] = (row.facts or {}).get("changed", {})
    if row.action == "policy.changed":
        what = "changed the figures"
        details = [
            f"{ALL[name].label}: {said(ALL[name], new)} (was {said(ALL[name], old)})" for name, (old, new) in changed.items() if name in ALL
        ]
    else:
        what = _WHAT.get(row.action, "changed something").format(**{"title": "", "code": "", **(row.facts or {})})
        details = [f"{name.replace('_', ' ').capitalize()}: {_plain(new)} (was {_plain(old)})" for name, (old, new) in changed.items()]
    return dict(at=row.at, who=row.name or "The service", what=what, details=details)


def _plain(value: Any) -> str:
    """A stored value as people say it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value in (None, "") else str(value)


# The figures -------------------------------------------------------------------------------------------------------


@pages.get("/manage/policy/figures", can=Can.MANAGE_SESSIONS)
def figures_form(tx: Tx, page: Page) -> Response:
    """All figures, to change together."""
    now = figures(tx)
    if not page.form:
        page.form = {name: _typed_as(figure, getattr(now, name)) for name, figure in ALL.items()} | {"read_id": str(now.id or "")}
    return page.render("bookings/manage/policy_figures.html", groups=GROUPS, charges=CHARGES)


def _typed_as(figure: Figure, value: Any) -> str:
    if figure.kind == "clock":
        return f"{value // 60:02}:{value % 60:02}" if value < 1440 else "midnight"
    return f"{value / 100:.2f}" if figure.kind == "pence" else str(value)


@pages.post("/manage/policy/figures", can=Can.MANAGE_SESSIONS, again=figures_form)
def set_figures(tx: Tx, page: Page) -> Response:
    """Put them in force from now on; what was before stays on record."""
    problems = Problems()
    values = {name: _read(page.form, figure, problems) for name, figure in ALL.items()}
    problems.raise_any()
    made = policies.set_policy(tx, read_id=forms.one_id(page.form, "read_id"), **values)
    return page.go("/manage/policy", done="policy" if made else "same")


def _read(form: dict[str, Any], figure: Figure, problems: Problems) -> Any:
    if figure.kind in ("charge", "days"):
        return text(form, figure.name)
    if figure.kind == "pence":
        return forms.pence(form, figure.name, figure.label, problems)
    if figure.kind == "clock":
        at = forms.clock_time(form, figure.name, figure.label, problems)
        minutes = at.hour * 60 + at.minute if at is not None else 0
        return 1440 if figure.name == "day_ends" and at == time(0) else minutes
    number = forms.number(form, figure.name, figure.label, problems)
    if number is None and not any(error["field"] == figure.name for error in problems.errors):
        problems.add(figure.name, "Enter a number")
    return number


# Rules and reasons -------------------------------------------------------------------------------------------------


@pages.get("/manage/policy/rules/new", can=Can.MANAGE_SESSIONS)
def new_rule(tx: Tx, page: Page) -> Response:
    """A rule for queues."""
    if not page.form:
        page.form = {"kind": "stage", "priority": "2", "active": "yes"}
    return _rule_form(tx, page, None)


@pages.post("/manage/policy/rules/new", can=Can.MANAGE_SESSIONS, again=new_rule)
def create_rule(tx: Tx, page: Page) -> Response:
    """Add it."""
    policies.save_rule(tx, None, **_rule_typed(page.form))
    return page.go("/manage/policy", done="rule")


@pages.get("/manage/policy/rules/{rule_id:int}", can=Can.MANAGE_SESSIONS)
def edit_rule(tx: Tx, page: Page, rule_id: int) -> Response:
    """Change a rule, or switch it off."""
    rule = tx.get(PriorityRule, rule_id, what="rule")
    if not page.form:
        page.form = {name: getattr(rule, name) for name in ("priority", "title", "because", "kind", "version")}
        page.form |= {
            "group_id": rule.group_id or "",
            "days": "" if rule.days is None else rule.days,
            "active": "yes" if rule.active else "",
        }
        page.form |= {name: getattr(rule, name).split(",") if getattr(rule, name) else [] for name in ("stages", "course_kinds")}
    return _rule_form(tx, page, rule)


@pages.post("/manage/policy/rules/{rule_id:int}", can=Can.MANAGE_SESSIONS, again=edit_rule)
def save_rule(tx: Tx, page: Page, rule_id: int) -> Response:
    """Save it for those who join a queue from now on."""
    policies.save_rule(tx, rule_id, forms.one_id(page.form, "version"), **_rule_typed(page.form))
    return page.go("/manage/policy", done="rule")


def _rule_typed(form: dict[str, Any]) -> dict[str, Any]:
    problems = Problems()
    days = forms.number(form, "days", "Days", problems)
    problems.raise_any()
    return dict(
        priority=forms.one_id(form, "priority"),
        title=text(form, "title"),
        because=text(form, "because"),
        kind=text(form, "kind"),
        stages=forms.many(form, "stages"),
        group_id=forms.one_id(form, "group_id"),
        days=days,
        course_kinds=forms.many(form, "course_kinds"),
        active=text(form, "active") == "yes",
    )


def _rule_form(tx: Tx, page: Page, rule: Row[Any] | None) -> Response:
    groups = [(row.id, row.name) for row in tx.rows(select(Group.id, Group.name).order_by(Group.name))]
    kinds = [("stage", "People at some career stages"), ("expiry", "People whose completion runs out")]
    return page.render(
        "bookings/manage/policy_rule.html",
        rule=rule,
        classes=[
            (number, f"{number}{', first' if number == 1 else ''}{', after the usual' if number > 5 else ''}")
            for number in policies.CLASSES
        ],
        kinds=[*kinds, ("group", "Members of a group")] if groups else kinds,
        groups=[("", "Choose"), *groups],
        stages=[tuple(row) for row in tx.rows(select(CareerStage.code, CareerStage.title).order_by(CareerStage.rank))],
        course_kinds=[(kind.value, kind.value.capitalize()) for kind in CourseKind],
        chosen={name: set(forms.many(page.form, name)) for name in ("stages", "course_kinds")},
    )


@pages.get("/manage/policy/reasons/new", can=Can.MANAGE_SESSIONS)
def new_reason(tx: Tx, page: Page) -> Response:  # noqa: ARG001 - every page takes it
    """A reason for cancelling or not coming."""
    if not page.form:
        page.form = {"active": "yes"}
    return page.render("bookings/manage/policy_reason.html", reason=None)


@pages.post("/manage/policy/reasons/new", can=Can.MANAGE_SESSIONS, again=new_reason)
def create_reason(tx: Tx, page: Page) -> Response:
    """Add it at the end of the list."""
    policies.save_reason(tx, None, title=text(page.form, "title"), excuses=text(page.form, "excuses") == "yes")
    return page.go("/manage/policy", done="reason")


@pages.get("/manage/policy/reasons/{code}", can=Can.MANAGE_SESSIONS)
def edit_reason(tx: Tx, page: Page, code: str) -> Response:
    """Change a reason's words, whether it excuses, or switch it off."""
    reason = tx.one(select(CancelReason.__table__).where(CancelReason.code == code))
    if reason is None:
        raise NotFound("There is no reason with that reference.", code="reason-not-found")
    if not page.form:
        page.form = {"title": reason.title, "excuses": "yes" if reason.excuses else "", "active": "yes" if reason.active else ""}
    return page.render("bookings/manage/policy_reason.html", reason=reason)


@pages.post("/manage/policy/reasons/{code}", can=Can.MANAGE_SESSIONS, again=edit_reason)
def save_reason(tx: Tx, page: Page, code: str) -> Response:
    """Save it; bookings that name it show the new words only where they are chosen from now on."""
    given = {name: text(page.form, name) == "yes" for name in ("excuses", "active")}
    policies.save_reason(tx, code, title=text(page.form, "title"), **given)
    return page.go("/manage/policy", done="reason")
