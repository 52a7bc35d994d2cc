"""The audit trail as a page: who did what, when, and about whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, and_, or_, select
from starlette.responses import Response

from app import policy
from app.core.declared import aliased
from app.core.ledger import Audit
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.identity.models import ApiClient
from app.people.models import Person
from app.policy import Can, Reach

pages = Pages()

PAGE = 50
WINDOW = 100_000  # entries searched at once for a kind, so that a rare one does not read years
KINDS = (
    ("account", "Accounts and passwords"),
    ("role", "Roles"),
    ("sign-in", "Signing in"),
    ("identity", "Council accounts"),
    ("client", "API clients"),
    ("record", "Work details looked at"),
    ("learning", "Learning looked at"),
    ("access", "Roles and sign-ins looked at"),
    ("access_needs", "Access needs looked at"),
    ("person", "People’s details"),
    ("booking", "Bookings"),
    ("session", "Sessions"),
    ("course", "Courses"),
    ("completions", "Completions taken"),
    ("completion", "Completions recorded"),
    ("prior-learning", "Learning from elsewhere"),
    ("supervision", "Supervision"),
    ("supervision-action", "Actions of supervision"),
    ("pdr", "Development reviews"),
    ("pairing", "Learning together: pairs"),
    ("learning-set", "Learning together: sets"),
    ("learning-meeting", "Learning together: meetings"),
    ("learning-import", "Files of earlier learning"),
    ("register", "Files of the register"),
    ("renewal", "Renewal"),
    ("framework", "Programmes and rules"),
    ("import", "HR imports"),
    ("census", "Workforce census"),
    ("census-file", "Files for the workforce census"),
    ("measure-set", "Measure sets"),
    ("month", "Published months"),
    ("delivery", "Messages"),
)


def entries(tx: Tx, kind: str, about: int | None, before: int | None) -> tuple[Sequence[Row[Any]], int | None]:
    """A page of the trail, latest first, and the id from which the next one goes on (None: that was the beginning)."""
    doer, concerned = aliased(Person), aliased(Person)
    newest = tx.scalar(select(Audit.id).order_by(Audit.id.desc()).limit(1)) or 0
    start = min(before or newest + 1, newest + 1)
    conditions = [Audit.id < start]
    if about is not None:
        conditions.append(Audit.person_id == about)
    elif kind:
        conditions.append(Audit.id >= start - WINDOW)
    if kind:
        conditions.append(Audit.action.startswith(f"{kind}.", autoescape=True))
    if (Reach.ALL, None) not in policy.require(tx, Can.READ_AUDIT):
        conditions.append(policy.within_reach(tx, Can.READ_AUDIT, Audit.person_id))
    rows = tx.rows(
        select(
            Audit.id,
            Audit.at,
            Audit.action,
            Audit.actor_kind,
            Audit.subject,
            Audit.subject_id,
            Audit.person_id,
            doer.name.label("doer"),
            ApiClient.name.label("client"),
            concerned.name.label("concerned"),
        )
        .outerjoin(doer, and_(doer.id == Audit.actor_id, or_(Audit.actor_kind == "person", Audit.actor_kind == "link")))
        .outerjoin(ApiClient, and_(ApiClient.id == Audit.actor_id, Audit.actor_kind == "client"))
        .outerjoin(concerned, concerned.id == Audit.person_id)
        .where(*conditions)
        .order_by(Audit.id.desc())
        .limit(PAGE + 1)
    )
    if len(rows) > PAGE:
        return rows[:PAGE], rows[PAGE - 1].id
    searched_to = start - WINDOW
    return rows, searched_to if kind and about is None and searched_to > 1 else None


@pages.get("/access/trail", can=Can.READ_AUDIT)
def trail(tx: Tx, page: Page) -> Response:
    """Who did what; of one person with `about`, in which case looking is itself noted."""
    kind = page.query("kind") if page.query("kind") in dict(KINDS) else ""
    about = page.number("about", 0) or None
    person = policy.person(tx, Can.READ_AUDIT, about) if about is not None else None
    given = page.query("before")
    rows, on = entries(tx, kind, about, int(given) if given.isdigit() and len(given) < 16 else None)
    if about is not None:
        page.saw("trail.viewed", about)
    return page.render(
        "identity/trail.html",
        rows=rows,
        kinds=KINDS,
        kind=kind,
        person=person,
        earlier=url("/access/trail", kind=kind, about=about, before=on) if on else "",
        latest=url("/access/trail", kind=kind, about=about) if given else "",
        says=says,
    )


_WORDS = {
    "sign-in.made": "Signed in",
    "sign-in.failed": "Failed to sign in",
    "sign-in.ended": "Signed out",
    "sign-in.ended-everywhere": "Signed out everywhere",
    "account.invited": "Invited",
    "account.reset-asked": "Asked for a new password",
    "account.password-set": "Set a password",
    "account.break-glass-set": "Made an account for an emergency",
    "account.break-glass-ended": "Made an emergency account an ordinary one",
    "sign-in.refused": "Refused a sign-in by council account",
    "sign-in.break-glass": "Used an emergency account",
    "sign-in.ended-by-provider": "Signed out by the council’s sign-in service",
    "identity.linked": "Linked a council account",
    "identity.unlinked": "Unlinked a council account",
    "identity.not-linked": "Did not link a council account for the directory, because of a role",
    "role.mapped": "Let a claim give a role",
    "role.unmapped": "Ended a claim’s giving a role",
    "role.claims-unknown": "Signed in without saying the claims",
    "record.viewed": "Looked at work details",
    "access.viewed": "Looked at roles and sign-in",
    "access_needs.viewed": "Looked at access needs",
    "learning.viewed": "Looked at bookings and completions",
    "pathway.viewed": "Looked at a pathway",
    "step.loaded": "Loaded a step of a career as a draft",
    "step.replaced": "Replaced a draft of a step",
    "step.renamed": "Renamed a step",
    "step.previewed": "Looked at who would gain and lose by a step",
    "step.published": "Published a step",
    "step.withdrawn": "Withdrew a step",
    "step.discarded": "Threw a draft of a step away",
    "endorsement.asked": "Asked for an endorsement",
    "endorsement.no-longer-asked": "No longer asked for an endorsement",
    "endorsement.declined": "Said that it is too early to endorse",
    "endorsement.given": "Endorsed somebody for a step",
    "endorsement.withdrawn": "Withdrew an endorsement",
    "progression.recorded": "Recorded a progression",
    "progression.corrected": "Corrected a progression",
    "progression.superseded": "Replaced a progression by a correction",
    "progression.withdrawn": "Took a progression out",
    "learning-record.added": "Added to their learning record",
    "learning-record.changed": "Changed a learning record of theirs",
    "learning-record.taken-away": "Took a learning record of theirs away",
    "learning-record.shared": "Said who may see a learning record",
    "learning-record.file-removed": "Took a file away from a learning record",
    "learning-record.settled": "Learning that is shared with other systems changed",
    "learning-record.viewed": "Looked at shared learning",
    "learning-record.file-taken": "Took a file of shared learning",
    "booking.viewed": "Looked at a booking",
    "charge.viewed": "Looked at what followed from a booking",
    "charges.viewed": "Looked at the list of late cancellations and absences",
    "journal.made": "Made a journal of charges",
    "journal.viewed": "Looked at a journal of charges",
    "journal.exported": "Took a journal of charges",
    "consequence.made": "Late cancellation or absence recorded",
    "consequence.excused": "Late cancellation or absence excused",
    "consequence.appealed": "Appealed",
    "consequence.decided": "Decided an appeal",
    "policy.changed": "Changed the figures for booking",
    "person.absence-recorded": "Recorded an absence",
    "person.absence-ended": "Ended an absence",
    "person.deputy-named": "Named a deputy",
    "person.deputy-ended": "Ended a deputy",
    "unit.cost-centre-set": "Set a cost centre",
    "trail.viewed": "Looked at the audit trail",
    "booking.made": "Booked",
    "interest.registered": "Asked to be told of dates",
    "interest.withdrawn": "No longer wants to be told of dates",
    "interest.met": "Is told of dates no more: they have a booking",
    "session.written-to": "Wrote to everybody on a session",
    "supervision.viewed": "Looked at supervision",
    "workload.viewed": "Looked at protected time and caseload",
    "supervision.recorded": "Recorded a supervision",
    "supervision.corrected": "Corrected a supervision",
    "supervision.withdrawn": "Took back a supervision",
    "supervision.confirmed": "Confirmed a supervision",
    "supervision.rule-set": "Supervision rule set",
    "supervision.rule-ended": "Supervision rule ended",
    "supervision.paused": "Supervision paused",
    "supervision.resumed": "Supervision resumed",
    "supervision.exported": "Took a list of supervision",
    "supervision.standing-rule": "Set the supervision rule of a part of the organisation",
    "supervision-action.agreed": "Wrote down an action",
    "supervision-action.changed": "Changed an action",
    "supervision-action.closed": "Closed an action",
    "supervision-action.reopened": "Opened an action again",
    "supervision-action.taken-back": "Took out an action and its words",
    "pdr.viewed": "Looked at a development review",
    "pdr.held": "Recorded a meeting of a development review",
    "pdr.taken-back": "Took back a meeting of a development review",
    "pdr.objective-set": "Added an objective",
    "pdr.objective-changed": "Changed an objective",
    "pdr.objective-taken-back": "Took out an objective and its words",
    "pdr.plan-line-added": "Added to a development plan",
    "pdr.plan-line-changed": "Changed a development plan",
    "pdr.plan-line-done": "Did something on a development plan",
    "pdr.plan-line-reopened": "Opened a line of a development plan again",
    "pdr.plan-line-taken-back": "Took a line and its words out of a development plan",
    "pdr.exported": "Took a list of development reviews",
    "pdr-cycle.opened": "Set up a review year",
    "pdr-cycle.changed": "Changed a review year",
    "supervision-import.checked": "Checked a file of supervision",
    "supervision-import.applied": "Imported supervision",
    "register.checked": "Compared a file of the register",
    "register.applied": "Took over a file of the register",
    "registrations.viewed": "Looked at registrations",
    "renewal.ticked": "Ticked a step of renewal",
    "renewal.unticked": "Took a tick of renewal back",
    "renewals.exported": "Took a list of renewals",
    "renewal-rule.loaded": "Loaded a rule of renewal",
    "together.viewed": "Looked at who learns together",
    "notice.opened": "Offered or looked for learning together",
    "notice.changed": "Changed an offer or wish",
    "notice.closed": "Took an offer or wish off the list",
    "pairing.asked": "Asked a colleague to learn together",
    "pairing.suggested": "Brought two people together",
    "pairing.agreed": "Agreed to learn together",
    "pairing.declined": "Declined to learn together",
    "pairing.withdrawn": "No longer asks to learn together",
    "pairing.ended": "Ended learning together",
    "learning-set.started": "Started an action-learning set",
    "learning-set.changed": "Changed an action-learning set",
    "learning-set.joined": "Joined an action-learning set",
    "learning-set.left": "Left an action-learning set",
    "learning-set.handed-over": "Facilitates an action-learning set",
    "learning-set.passed-on": "A set’s facilitator has left",
    "learning-set.ended": "Ended an action-learning set",
    "learning-meeting.recorded": "Logged a meeting",
    "learning-meeting.corrected": "Corrected a meeting",
    "learning-meeting.withdrawn": "Took back a meeting",
    "learning-import.checked": "Checked a file of earlier learning",
    "learning-import.applied": "Brought in a file of earlier learning",
    "learning-import.taken-back": "Took back a file of earlier learning",
    "measure-set.published": "Published a measure set",
    "month.closed": "Published the figures of a month",
    "census.begun": "Began a census return",
    "census.filled": "Filled in a census return again",
    "census.authority-given": "Gave the authority’s figures for the census",
    "census.submitted": "Submitted a census return",
    "census.correction-begun": "Began a correction of a census return",
    "census.exported": "Took a census return as a file",
    "census.messages-viewed": "Looked at messages of a census return",
    "census.messages-exported": "Took messages of a census return",
    "census.template-exported": "Took the census file to fill in",
    "census.erased": "Deleted the personal data of a census return",
    "census-file.checked": "Checked a file for the census",
    "census-file.problems-viewed": "Looked at problems of a file for the census",
    "census-file.applied": "Took in a file for the census",
    "census-settings.changed": "Changed the settings of the census",
    "census-guide.loaded": "Loaded a guide of the census",
    "protected-time.recorded": "Recorded protected time",
    "protected-time.withdrawn": "Took back protected time",
    "caseload.recorded": "Recorded a caseload",
    "caseload.withdrawn": "Took back a caseload",
    "framework.loaded": "Loaded a version of a programme or rule",
    "framework.replaced": "Replaced a draft of a programme or rule",
    "framework.published": "Published a version of a programme or rule",
    "framework.withdrawn": "Withdrew a version of a programme",
    "framework.discarded": "Threw a draft of a programme away",
    "person.moved-team": "Team recorded",
    "person.took-effect": "What was recorded earlier came into effect",
    "departure.registered": "Last day known",
    "departure.waits": "Waits for somebody to confirm that they leave",
    "departure.confirmed": "Confirmed that they leave",
    "departure.moved": "Another last day",
    "departure.dropped": "Not leaving after all",
    "departure.done": "Has left",
    "departure.restored": "Restored after leaving by mistake",
    "departure.flag-settled": "Saw to what they left behind",
    "departure.viewed": "Looked at what followed from leaving",
    "person.changed-own-details": "Changed own details",
    "client.refused": "API client refused",
    "booking.marked": "Marked on a register",
    "session.register-finished": "Register finished",
    "session.check-in-opened": "Check-in opened",
    "session.check-in-closed": "Check-in closed",
}


def says(action: str) -> str:
    """An action in words: those we have, else its own name made readable ("role.given" → "Role given")."""
    return _WORDS.get(action) or action.replace(".", " ").replace("-", " ").replace("_", " ").capitalize()
