"""Learning with colleagues: what they offer and ask for, who pairs up, action-learning sets, and when they met. Never what was said.

A correction of a meeting supersedes; nothing is overwritten.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text, true

from app.core.db import Base, Model, append_only
from app.core.declared import Mapped, mapped_column
from app.core.frozen import refuse
from app.core.tx import meaning

KINDS = {"mentoring": "Mentoring", "coaching": "Coaching", "shadowing": "Shadowing"}  # of pairs; the words as pages show them
SET = "action learning"
SIDES = ("offer", "ask")
NEEDS = {  # what for
    "child_protection": "Child protection and risk",
    "court": "Court work and evidence",
    "direct_work": "Direct work with children",
    "assessment": "Assessment and analysis",
    "care": "Children in care and care leavers",
    "early_help": "Early help and family support",
    "first_years": "The first years in practice",
    "practice_education": "Practice education and assessing",
    "supervising": "Supervising and managing",
    "career": "Next steps in a career",
    "confidence": "Confidence and wellbeing at work",
    "returning": "Returning to practice, or new to England",
    "other": "Something else",
}
SHOWN_TO = {"colleagues": "Colleagues in my organisation and the Academy", "academy": "Only the Academy, who look for somebody"}
STATES = {
    "asked": "Asked",
    "active": "Agreed",
    "declined": "Declined",
    "withdrawn": "Taken back",
    "ended": "Ended",
}
ENDED = {
    "finished": "We have done what we set out to do",
    "no_time": "There is no time for it at the moment",
    "no_match": "It was not the right match",
    "moved": "One of us has moved to other work",
    "left": "One of us has left",
}
WITHDRAWN = {"not_held": "We did not meet", "twice": "It was entered twice", "wrong": "It was entered for the wrong people"}
LIVE = "superseded_at IS NULL"
OPEN = "closed_at IS NULL"
MOST_IN_A_SET = 12


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


class Notice(Model):
    """Somebody offers to mentor, coach or be shadowed, or asks for it; shown until it is closed."""

    __tablename__ = "together_notices"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    side: Mapped[str]
    kind: Mapped[str]
    need: Mapped[str]
    words: Mapped[str]  # in their own words; empty: none
    most: Mapped[int | None]  # of an offer: with how many at once
    shown_to: Mapped[str]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (
        CheckConstraint("side IN ('offer', 'ask')", name="side"),
        CheckConstraint(f"kind IN ({_listed(KINDS)})", name="kind"),
        CheckConstraint(f"need IN ({_listed(NEEDS)})", name="need"),
        CheckConstraint(f"shown_to IN ({_listed(SHOWN_TO)})", name="shown_to"),
        CheckConstraint("(side = 'offer') = (most IS NOT NULL)", name="offer"),
        CheckConstraint("most IS NULL OR (most >= 1 AND most <= 10)", name="most"),
        Index("ix_together_notices_person", "person_id"),
        Index(
            "uq_together_notices_open",
            *("person_id", "side", "kind", "need"),
            unique=True,
            sqlite_where=text(OPEN),
            postgresql_where=text(OPEN),
        ),
        Index("ix_together_notices_open", "kind", "need", sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
    )


class Pairing(Model):
    """Two people who meet: one gives (mentors, coaches, is shadowed), one receives. Both have agreed before it counts."""

    __tablename__ = "pairings"
    kind: Mapped[str]
    need: Mapped[str]
    giver_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    receiver_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    notice_id: Mapped[int | None] = mapped_column(ForeignKey("together_notices.id"), index=True)  # from which it came
    aim: Mapped[str]  # what they hope for, in words that only the two of them read; empty: none
    since: Mapped[date]  # the first day on which they may have met
    state: Mapped[str]
    asked_by: Mapped[int] = mapped_column(ForeignKey("people.id"))
    asked_at: Mapped[datetime]
    giver_agreed_at: Mapped[datetime | None]
    receiver_agreed_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]  # agreed by both, declined or taken back
    ended_on: Mapped[date | None]  # the last day on which they may have met
    ended_why: Mapped[str | None]
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (
        CheckConstraint(f"kind IN ({_listed(KINDS)})", name="kind"),
        CheckConstraint(f"need IN ({_listed(NEEDS)})", name="need"),
        CheckConstraint(f"state IN ({_listed(STATES)})", name="state"),
        CheckConstraint("giver_id <> receiver_id", name="not_oneself"),
        CheckConstraint(
            "(state IN ('active', 'ended')) = (giver_agreed_at IS NOT NULL AND receiver_agreed_at IS NOT NULL)", name="both_agreed"
        ),
        CheckConstraint("(state = 'asked') = (answered_at IS NULL)", name="answered"),
        CheckConstraint("(state = 'ended') = (ended_on IS NOT NULL) AND (ended_on IS NULL) = (ended_why IS NULL)", name="ended"),
        CheckConstraint(f"ended_why IS NULL OR ended_why IN ({_listed(ENDED)})", name="ended_why"),
        CheckConstraint("ended_on IS NULL OR ended_on >= since", name="period"),
        Index(
            "uq_pairings_live",
            *("giver_id", "receiver_id", "kind"),
            unique=True,
            sqlite_where=text("state IN ('asked', 'active')"),
            postgresql_where=text("state IN ('asked', 'active')"),
        ),
        Index("ix_pairings_giver", "giver_id"),
    )


class LearningSet(Model):
    """An action-learning set: a few people who meet about each other's questions, with somebody who facilitates."""

    __tablename__ = "learning_sets"
    title: Mapped[str]
    need: Mapped[str]
    words: Mapped[str]
    organisation_id: Mapped[int] = mapped_column(ForeignKey("units.id"), index=True)
    facilitator_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    most: Mapped[int]  # people, the facilitator included
    joins: Mapped[bool] = mapped_column(default=True, server_default=true())  # colleagues may join by themselves
    started_on: Mapped[date]
    ended_on: Mapped[date | None]
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (
        CheckConstraint(f"need IN ({_listed(NEEDS)})", name="need"),
        CheckConstraint(f"most >= 3 AND most <= {MOST_IN_A_SET}", name="most"),
        CheckConstraint("ended_on IS NULL OR ended_on >= started_on", name="period"),
    )


class SetMember(Model):
    """Somebody belongs to a set from a day on; `left_on` is the last day on which they may have met."""

    __tablename__ = "learning_set_members"
    set_id: Mapped[int] = mapped_column(ForeignKey("learning_sets.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    joined_on: Mapped[date]
    left_on: Mapped[date | None]
    __table_args__ = (
        CheckConstraint("left_on IS NULL OR left_on >= joined_on", name="period"),
        Index(
            "uq_learning_set_members_live",
            *("set_id", "person_id"),
            unique=True,
            sqlite_where=text("left_on IS NULL"),
            postgresql_where=text("left_on IS NULL"),
        ),
    )


class Meeting(Model):
    """A pair or a set met on a day for some minutes. There is no room for words."""

    __tablename__ = "learning_meetings"
    pairing_id: Mapped[int | None] = mapped_column(ForeignKey("pairings.id"))
    set_id: Mapped[int | None] = mapped_column(ForeignKey("learning_sets.id"))
    held_on: Mapped[date]
    minutes: Mapped[int]
    recorded_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # NULL: the system
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]  # corrected (another row names it) or withdrawn
    first_id: Mapped[int | None] = mapped_column(ForeignKey("learning_meetings.id"))  # of a correction: the first entry of the chain
    corrected_from: Mapped[int | None] = mapped_column(ForeignKey("learning_meetings.id"))
    withdrawn: Mapped[str | None]  # why it never counted; only with superseded_at
    __table_args__ = (
        CheckConstraint("(pairing_id IS NULL) <> (set_id IS NULL)", name="of_one"),
        CheckConstraint("minutes >= 1 AND minutes <= 600", name="minutes"),
        CheckConstraint("(first_id IS NULL) = (corrected_from IS NULL)", name="chain"),
        CheckConstraint(
            f"withdrawn IS NULL OR (superseded_at IS NOT NULL AND withdrawn IN ({_listed(WITHDRAWN)}))",
            name="withdrawn",
        ),
        Index(
            "uq_learning_meetings_pairing",
            *("pairing_id", "held_on"),
            unique=True,
            sqlite_where=text(LIVE),
            postgresql_where=text(LIVE),
        ),
        Index("uq_learning_meetings_set", "set_id", "held_on", unique=True, sqlite_where=text(LIVE), postgresql_where=text(LIVE)),
        Index("uq_learning_meetings_corrected", "corrected_from", unique=True),
        Index("ix_learning_meetings_first", "first_id"),
    )


class MeetingPerson(Base):
    """Somebody was at a meeting."""

    __tablename__ = "learning_meeting_people"
    meeting_id: Mapped[int] = mapped_column(ForeignKey("learning_meetings.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True, index=True)


# What was recorded stays: a meeting can be superseded once, and is never taken out; nor is who was there.
_STANDS = ("pairing_id", "set_id", "held_on", "minutes", "recorded_by", "recorded_at", "first_id", "corrected_from")
_SAME = " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in _STANDS)
refuse(Meeting.__table__, "UPDATE", "learning_meetings_stand", f"OLD.superseded_at IS NOT NULL OR NOT ({_SAME})")
refuse(Meeting.__table__, "DELETE", "learning_meetings_stay", "OLD.id IS NOT NULL")
append_only(MeetingPerson.__table__)
for _name in ("learning_meetings_stand", "learning_meetings_stay"):
    meaning(_name, message="What was recorded stays as it is: correct it by a new entry.", code="recorded-stays")
for _of in ("pairing", "set"):
    meaning(
        f"uq_learning_meetings_{_of}",
        f"learning_meetings.{_of}_id, learning_meetings.held_on",
        message="A meeting on that day is recorded already: correct that one.",
        code="meeting-twice",
    )
meaning(
    "uq_learning_meetings_corrected",
    "learning_meetings.corrected_from",
    message="Somebody has just corrected this.",
    code="already-corrected",
)
meaning(
    "uq_together_notices_open",
    "together_notices.person_id, together_notices.side, together_notices.kind, together_notices.need",
    message="You have this on the list already: change that one.",
    code="notice-twice",
)
meaning(
    "uq_pairings_live",
    "pairings.giver_id, pairings.receiver_id, pairings.kind",
    message="The two of you are paired up for this already, or have been asked.",
    code="paired-already",
)
meaning(
    "uq_learning_set_members_live",
    "learning_set_members.set_id, learning_set_members.person_id",
    message="They belong to this set already.",
    code="in-set-already",
)
