"""Finding one's way in the demonstration county: which session, which booking, which person a page can be shown for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Select, func, or_, select

from app.bookings import rules
from app.bookings.event_models import EvaluationAnswer, EvaluationAsk, Interest, SessionMessage
from app.bookings.models import Booking, Part, PartTrainer, Session
from app.bookings.policy_models import Consequence
from app.core.calendar import london, working_day
from app.core.facts import current
from app.core.ledger import Outbox
from app.core.tx import Tx
from app.frameworks.models import ApprenticeshipStandard, ProgrammeVersion, StandardsSet, SupervisionRule
from app.hr.directory_models import Departure
from app.identity import operations as identity
from app.learning.models import Certificate, Course, Curriculum, Prerequisite
from app.measures.settings_models import SettingVisit
from app.mentoring.models import Meeting, Notice, Pairing, SetMember
from app.pathways.models import Endorsement, EndorsementAsk, Progression, Step, StepVersion
from app.people.models import Duty, GroupMember, Membership, Person, Responsibility, RoleHeld
from app.reports.models import BoardReport
from app.supervision.models import Supervision
from app.supervision.pdr_models import Pdr, PdrObjective
from app.talent.models import TalentAction, TalentEntry, TalentJudgement, TalentPool
from seed.personas import persona


@dataclass
class Finder:
    """Asks the county for an example of something. Fails loudly if there is none: then the seed lacks what a page is for."""

    tx: Tx

    def _the(self, statement: Select[Any], what: str) -> Any:
        found = self.tx.scalar(statement.limit(1))
        assert found is not None, f"the demonstration county has no {what}"
        return found

    def certificate(self, key: str) -> Any:
        """A certificate of this persona's: its id and number."""
        found = self.tx.one(select(Certificate.id, Certificate.code).where(Certificate.person_id == self.person(key)).limit(1))
        assert found is not None, f"the {key} has no certificate"
        return found

    def person(self, key: str) -> int:
        """A persona's id."""
        found = identity.account_of(self.tx, persona(key).email)
        assert found is not None
        return found

    def version(self, code: str = "ASYE-CF", state: str = "published") -> int:
        """A version of a programme."""
        named = ProgrammeVersion.programme_code == code, ProgrammeVersion.state == state
        return int(self._the(select(ProgrammeVersion.id).where(*named), f"{state} version of {code}"))

    def step_version(self, state: str = "published") -> int:
        """A version of a step of a career."""
        return int(self._the(select(StepVersion.id).where(StepVersion.state == state), f"{state} version of a step"))

    def endorsed(self, by: str = "manager") -> int:
        """An endorsement that this persona gave."""
        given = Endorsement.endorsed_by == self.person(by), Endorsement.superseded_at.is_(None)
        return int(self._the(select(Endorsement.id).where(*given), "endorsement"))

    def asks(self, of: str = "manager") -> tuple[int, str]:
        """Who asks this persona for an endorsement, and for which step."""
        asked = select(EndorsementAsk.person_id, Step.code).join(Step, Step.id == EndorsementAsk.step_id)
        found = self.tx.one(asked.where(EndorsementAsk.asked_of == self.person(of), EndorsementAsk.state == "asked"))
        assert found is not None, "nobody asks for an endorsement"
        return int(found.person_id), str(found.code)

    def board_report(self, state: str) -> int:
        """A board report in this state."""
        return int(self._the(select(BoardReport.id).where(BoardReport.state == state).order_by(BoardReport.id), f"{state} board report"))

    def setting(self) -> int:
        """A setting that somebody has visited."""
        return int(self._the(select(SettingVisit.organisation_id).where(SettingVisit.kind == "held"), "visit to a setting"))

    def planned_visit(self) -> int:
        """A visit to a setting that is planned."""
        return int(self._the(select(SettingVisit.id).where(SettingVisit.kind == "planned"), "planned visit to a setting"))

    def talent(self, title: str = "Practice educator") -> int:
        """A talent pool."""
        return int(self._the(select(TalentPool.id).where(TalentPool.title == title), f"pool {title}"))

    def talent_entry(self, key: str = "") -> int:
        """Somebody's place in a pool: this persona's, or one with a judgement and an action."""
        found = select(TalentEntry.id).where(TalentEntry.left_at.is_(None))
        if key:
            return int(self._the(found.where(TalentEntry.person_id == self.person(key)), f"place of {key}"))
        judged = found.join(TalentJudgement, TalentJudgement.entry_id == TalentEntry.id).where(TalentJudgement.state == "confirmed")
        return int(self._the(judged.join(TalentAction, TalentAction.entry_id == TalentEntry.id), "place with a judgement"))

    def to_moderate(self) -> int:
        """A judgement that waits."""
        return int(self._the(select(TalentJudgement.id).where(TalentJudgement.state == "proposed"), "judgement that waits"))

    def progression(self) -> int:
        """Somebody's progression."""
        return int(self._the(select(Progression.id).where(Progression.superseded_at.is_(None)), "progression"))

    def supervision_rule(self, state: str = "published") -> int:
        return int(self._the(select(SupervisionRule.id).where(SupervisionRule.state == state), f"{state} supervision rule"))

    def supervision(self, of: str = "nqsw") -> int:
        """A supervision of this persona's that counts."""
        counts = Supervision.person_id == self.person(of), Supervision.superseded_at.is_(None)
        return int(self._the(select(Supervision.id).where(*counts).order_by(Supervision.id.desc()), f"supervision of the {of}"))

    def pairing(self, state: str = "active", of: str = "practitioner") -> int:
        """A pair of this persona's."""
        me = self.person(of)
        theirs = (Pairing.receiver_id == me) | (Pairing.giver_id == me)
        return int(self._the(select(Pairing.id).where(theirs, Pairing.state == state).order_by(Pairing.id), f"{state} pair of the {of}"))

    def notice(self, side: str = "offer", of: str = "") -> int:
        """Something that is offered or asked for, by this persona or by somebody."""
        whose = (Notice.person_id == self.person(of),) if of else (Notice.person_id != self.person("practitioner"),)
        shown = (Notice.side == side, Notice.shown_to == "colleagues", Notice.closed_at.is_(None))
        return int(self._the(select(Notice.id).where(*whose, *shown).order_by(Notice.id), f"notice of {of or 'somebody'}"))

    def learning_set(self, of: str = "practitioner") -> int:
        """An action-learning set that this persona belongs to."""
        mine = (SetMember.person_id == self.person(of), SetMember.left_on.is_(None))
        return int(self._the(select(SetMember.set_id).where(*mine).order_by(SetMember.set_id), f"set of the {of}"))

    def learning_meeting(self) -> int:
        """A meeting of the practitioner's."""
        live = (Meeting.pairing_id == self.pairing(), Meeting.superseded_at.is_(None))
        return int(self._the(select(Meeting.id).where(*live).order_by(Meeting.id), "meeting of a pair"))

    def standards_set(self, code: str = "PQS-PRACTITIONER") -> int:
        return int(self._the(select(StandardsSet.id).where(StandardsSet.code == code), f"standards set {code}"))

    def occupation(self) -> int:
        """The newest version of an apprenticeship standard."""
        return int(self._the(select(ApprenticeshipStandard.id).order_by(ApprenticeshipStandard.id.desc()), "apprenticeship standard"))

    def somebody(self) -> int:
        """The longest name in the county."""
        return int(self._the(select(Person.id).order_by(func.length(Person.name).desc(), Person.id), "people"))

    def name(self, person: int) -> str:
        return str(self._the(select(Person.name).where(Person.id == person), "person"))

    def departure(self, state: str) -> int:
        """One that is in this state."""
        return int(self._the(select(Departure.id).where(Departure.state == state).order_by(Departure.id), f"departure that is {state}"))

    def message(self, of: str = "practitioner") -> int:
        """The newest message to them about a booking."""
        own = select(Outbox.id).where(Outbox.person_id == self.person(of), Outbox.subject == "bookings").order_by(Outbox.id.desc())
        return int(self._the(own, f"message to the {of}"))

    def report(self, of: str = "manager") -> int:
        """Somebody whom this persona manages."""
        return int(self._the(self._under(Duty.MANAGER, of), f"report of the {of}"))

    def reports(self, of: str = "manager") -> list[int]:
        """Everybody whom this persona manages."""
        return [row.person_id for row in self.tx.rows(self._under(Duty.MANAGER, of))]

    def team(self, key: str) -> int:
        """The team that this persona belongs to."""
        return int(
            self._the(
                select(Membership.unit_id).where(Membership.person_id == self.person(key), current(Membership, self.tx.today)), "team"
            )
        )

    def role(self, key: str) -> int:
        """The role that this persona holds."""
        return int(self._the(select(RoleHeld.id).where(RoleHeld.person_id == self.person(key)), f"role of the {key}"))

    def assessed(self) -> int:
        """Somebody whom the assessor assesses."""
        return int(self._the(self._under(Duty.ASSESSOR, "assessor"), "assessed person"))

    def reviewed(self) -> int:
        """Somebody whom the manager manages, with something to reach written down for this year's review."""
        written = select(Pdr.person_id).join(PdrObjective, PdrObjective.pdr_id == Pdr.id).where(Pdr.cycle_id == 2)
        theirs = self._under(Duty.MANAGER, "manager").where(Responsibility.person_id.in_(written))
        return int(self._the(theirs, "report with objectives"))

    def _under(self, duty: Duty, key: str) -> Select[int]:
        return (
            select(Responsibility.person_id)  # type: ignore[return-value]  # a manager's duty is always over a person
            .where(Responsibility.kind == duty.value, Responsibility.holder_id == self.person(key))
            .where(Responsibility.valid_from <= self.tx.today, Responsibility.valid_to > self.tx.today)
            .order_by(Responsibility.person_id)
        )

    def charged(self) -> int:
        """A booking of the practitioner that they can still answer for."""
        mine = select(Consequence.booking_id).where(Consequence.person_id == self.person("practitioner"), Consequence.state == "stands")
        return int(self._the(mine.order_by(Consequence.id.desc()), "charge of the practitioner"))

    def appeal(self) -> int:
        """An appeal that waits for a decision."""
        return int(self._the(select(Consequence.id).where(Consequence.state == "appealed"), "appeal"))

    # Courses and sessions

    def course(self) -> Any:
        """The slug of the published course with the most dates to come."""
        counted = (
            select(Course.slug)
            .join(Session, Session.course_id == Course.id)
            .where(Course.status == "published", Session.status == "published", Session.starts_at > self.tx.now)
            .group_by(Course.id, Course.slug)
            .order_by(func.count().desc(), Course.id)
        )
        return self._the(counted, "course with dates")

    def undated(self) -> Any:
        """A course without a date that the practitioner wants to hear of: its id and slug."""
        asked = select(Course.id, Course.slug).join(Interest, Interest.course_id == Course.id)
        found = self.tx.one(asked.where(Interest.person_id == self.person("practitioner"), Interest.ended_at.is_(None)).limit(1))
        assert found is not None, "the practitioner waits for no course"
        return found

    def evaluated(self) -> int:
        """The course that most people have said something about."""
        counted = select(Session.course_id).join(EvaluationAnswer, EvaluationAnswer.session_id == Session.id)
        return int(self._the(counted.group_by(Session.course_id).order_by(func.count().desc(), Session.course_id), "answered evaluation"))

    def unanswered(self, of: str = "practitioner") -> int:
        """A booking about which this persona has been asked and has not answered."""
        asked = select(EvaluationAsk.booking_id).where(EvaluationAsk.person_id == self.person(of), EvaluationAsk.answered_at.is_(None))
        return int(self._the(asked.where(EvaluationAsk.kind == "after"), f"question to the {of}"))

    def written_to(self) -> int:
        """The session that somebody has written to, delivered by the trainer."""
        return int(self._the(select(SessionMessage.session_id), "message to a session"))

    def course_id(self) -> int:
        return int(self._the(select(Course.id).where(Course.slug == self.course()), "course"))

    def curriculum(self) -> int:
        return int(self._the(select(Curriculum.id).order_by(Curriculum.id), "curriculum"))

    def _to_come(self) -> Select[int]:
        return (
            select(Session.id).where(Session.status == "published", Session.starts_at > self.tx.now).order_by(Session.starts_at, Session.id)
        )

    def open_session(self) -> int:
        """A session to come with places left, still open for booking, which needs no approval and which nobody has been kept out of."""
        taken = select(func.count()).select_from(Booking).where(Booking.session_id == Session.id, Booking.place.is_not(None))
        mine = select(Booking.session_id).where(Booking.person_id == self.person("practitioner"))
        open_ones = self._to_come().where(
            Session.needs_approval.is_(False), Session.audience_stages == "", Session.audience_unit_id.is_(None), Session.id.not_in(mine)
        )
        open_ones = open_ones.where(or_(Session.closes_at.is_(None), Session.closes_at > self.tx.now))
        return int(self._the(open_ones.where(Session.capacity > taken.scalar_subquery()), "session with places"))

    def full_session(self) -> int:
        """A session to come that people wait for."""
        waiting = select(Booking.session_id).where(Booking.status == "waiting")
        return int(self._the(self._to_come().where(Session.id.in_(waiting)), "session with a waiting list"))

    def past_session(self) -> int:
        return int(self._the(select(Session.id).where(Session.ends_at < self.tx.now).order_by(Session.starts_at.desc()), "past session"))

    def delivered_session(self, key: str = "trainer") -> int:
        """The next session that this persona delivers."""
        theirs = select(Part.session_id).join(PartTrainer, PartTrainer.part_id == Part.id).where(PartTrainer.person_id == self.person(key))
        return int(self._the(self._to_come().where(Session.id.in_(theirs)), "session of the trainer"))

    def delivered(self) -> tuple[int, int]:
        """A session that the trainer has delivered: its id, and the booking of somebody who had a place."""
        theirs = (
            select(Part.session_id).join(PartTrainer, PartTrainer.part_id == Part.id).where(PartTrainer.person_id == self.person("trainer"))
        )
        seen = ("attended", "partly attended", "did not attend", "excused")
        found = self.tx.one(
            select(Booking.session_id, Booking.id)
            .join(Session, Session.id == Booking.session_id)
            .where(Session.id.in_(theirs), Session.ends_at < self.tx.now, Session.status == "published", Booking.status.in_(seen))
            .order_by(Session.starts_at.desc(), Booking.id)
            .limit(1)
        )
        assert found is not None, "the trainer has delivered nothing"
        return found.session_id, found.id

    def editable_session(self) -> int:
        """A session that is on one day in one room, and far enough ahead for rules that need days of notice."""
        rooms = select(Part.session_id).group_by(Part.session_id).having(func.count() == 1, func.count(Part.room_id) == 1)
        ahead = Session.starts_at > self.tx.now + timedelta(days=3)
        return int(self._the(self._to_come().where(Session.id.in_(rooms), ahead), "one-day session"))

    def bookable(self, person: int, most: int = 5) -> list[Any]:
        """Sessions to come that this person can book at once: rows of id, slug, title and starts_at, soonest first."""
        found = []
        sessions = (
            self._to_come().with_only_columns(*Session.__table__.c, Course.slug, Course.title).join(Course, Course.id == Session.course_id)
        )
        for row in self.tx.rows(sessions.where(Session.needs_approval.is_(False), Course.status == "published")):
            facts = rules.facts(self.tx, row, person)
            if facts.place is not None and rules.blocking(self.tx, row, person, facts, you=True) is None:
                found.append(row)
            if len(found) == most:
                break
        assert found, "there is nothing that this person could book"
        return found

    def plain_course(self) -> Any:
        """A course that asks for nothing first and is for everyone: id and title."""
        needs = select(Prerequisite.course_id)
        plain = select(Course.id, Course.title).where(
            Course.status == "published", Course.audience_stages == "", Course.needs_approval.is_(False), Course.id.not_in(needs)
        )
        return self.tx.rows(plain.where(Course.kind != "e-learning").order_by(Course.id))[0]

    def free_day(self, *people: int) -> date:
        """A weekday some weeks ahead on which none of these people has anything booked."""
        parts = select(Part.starts_at).join(Booking, Booking.session_id == Part.session_id).where(Booking.person_id.in_(people))
        busy = {london(row.starts_at).date() for row in self.tx.rows(parts)}
        days = (self.tx.today + timedelta(days=n) for n in range(60, 120))
        return next(day for day in days if day not in busy and working_day(day, "1111100"))

    # Bookings

    def booking(self, status: str = "booked", of: str = "practitioner") -> int:
        """A booking to come of this persona, in this state."""
        theirs = (
            select(Booking.id)
            .join(Session, Session.id == Booking.session_id)
            .where(Booking.person_id == self.person(of), Booking.status == status, Session.starts_at > self.tx.now)
            .order_by(Session.starts_at)
        )
        return int(self._the(theirs, f"{status} place of the {of}"))

    def long_queue(self) -> int:
        """A session some weeks ahead with several people waiting, none of them the practitioner."""
        theirs = select(Booking.session_id).where(Booking.person_id == self.person("practitioner"))
        queues = (
            self._to_come()
            .join(Booking, Booking.session_id == Session.id)
            .where(Booking.status == "waiting", Session.starts_at > self.tx.now + timedelta(days=9), Session.id.not_in(theirs))
            .where(func.coalesce(Session.closes_at, Session.starts_at) > self.tx.now + timedelta(days=9))
            .group_by(Session.id, Session.starts_at)
            .having(func.count() > 1)
        )
        return int(self._the(queues, "session with a long waiting list"))

    def offering(self) -> int:
        """A session with a place that is offered to somebody while others wait."""
        offered = select(Booking.session_id).where(Booking.status == "offered")
        waiting = select(Booking.session_id).where(Booking.status == "waiting")
        return int(self._the(self._to_come().where(Session.id.in_(offered), Session.id.in_(waiting)), "session with an offer"))

    def on(self, session: int, status: str) -> int:
        """Somebody's booking on this session, in this state."""
        found = select(Booking.id).where(Booking.session_id == session, Booking.status == status, Booking.person_id.is_not(None))
        return int(self._the(found.order_by(Booking.priority, Booking.turn), f"{status} booking"))

    def group(self) -> int:
        """A group that somebody belongs to."""
        return int(self._the(select(GroupMember.group_id).order_by(GroupMember.group_id), "group with members"))

    def reserved(self, of: str = "manager") -> int:
        """A place that this persona has reserved and named nobody for."""
        theirs = select(Booking.id).where(Booking.status == "reserved", Booking.booked_by == self.person(of))
        return int(self._the(theirs.order_by(Booking.id), f"reserved place of the {of}"))

    def session_of(self, booking: int) -> int:
        return int(self._the(select(Booking.session_id).where(Booking.id == booking), "booking"))

    def request(self) -> int:
        """A request that waits for the manager's approval."""
        reports = select(Booking.id).where(
            Booking.person_id.in_(self._under(Duty.MANAGER, "manager")), Booking.status == "requested", Booking.approval == "pending"
        )
        return int(self._the(reports.order_by(Booking.id), "request to approve"))
