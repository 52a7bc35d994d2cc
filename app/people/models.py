"""People and what every room's permission needs. Posts, team, manager and career stage are dated facts; today's value is a query."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, UniqueConstraint, false, text

from app.core.db import Base, Model, full_text, no_overlap
from app.core.declared import Mapped, mapped_column
from app.core.facts import Fact
from app.core.tx import meaning


class UnitKind(StrEnum):
    """What a node of the organisation tree is."""

    ORGANISATION = "organisation"
    SERVICE = "service"
    LOCALITY = "locality"
    TEAM = "team"


class Contract(StrEnum):
    """How somebody is employed."""

    PERMANENT = "permanent"
    FIXED_TERM = "fixed term"
    AGENCY = "agency"
    STUDENT = "student"


class Duty(StrEnum):
    """What a responsibility is for."""

    MANAGER = "manager"
    DEPUTY = "deputy"  # stands in for a manager: over that manager
    ASSESSOR = "assessor"
    TRAINER = "trainer"  # over a subject: "session:12"


class Unit(Model):
    """A node of the organisation tree: an organisation (the council, partner councils, settings), a service, a locality or a team."""

    __tablename__ = "units"
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"), index=True)
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"), index=True)  # itself, for an organisation
    kind: Mapped[str]
    code: Mapped[str]  # unique within its organisation; what HR's system calls it
    name: Mapped[str]
    search_text: Mapped[str] = mapped_column(default="")
    host: Mapped[bool] = mapped_column(default=False)  # the council that runs the academy
    closed_on: Mapped[date | None]
    cost_centre: Mapped[str | None]  # charged for its people; NULL: that of the unit above
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (
        CheckConstraint("kind IN ('organisation', 'service', 'locality', 'team')", name="kind"),
        CheckConstraint("(kind = 'organisation') = (parent_id IS NULL)", name="root"),
        UniqueConstraint("organisation_id", "code", name="uq_units_code"),
    )


class UnitClosure(Base):
    """Every node with each of its ancestors, itself included (depth 0): reach over a whole branch is one join."""

    __tablename__ = "unit_closure"
    ancestor_id: Mapped[int] = mapped_column(ForeignKey("units.id"), primary_key=True)
    descendant_id: Mapped[int] = mapped_column(ForeignKey("units.id"), primary_key=True, index=True)
    depth: Mapped[int]


class Person(Model):
    """Someone who learns, teaches, assesses or runs things. What changes with time stands in the dated tables below."""

    __tablename__ = "people"
    organisation_id: Mapped[int] = mapped_column(ForeignKey("units.id"), index=True)  # employer
    employee_number: Mapped[str | None]  # unique in the organisation; agency workers may have none
    first_name: Mapped[str]
    last_name: Mapped[str]
    known_as: Mapped[str | None]
    name: Mapped[str]  # as shown: known-as or first name, and last name
    sort_name: Mapped[str]  # "last, first" lower case without accents: the order of lists
    email: Mapped[str | None]  # work e-mail, lower case
    swe_number: Mapped[str | None]  # Social Work England, canonical: SW and 1 to 6 digits
    registration_status: Mapped[str | None]  # registered · conditions · suspended · removed · not registered
    registered_from: Mapped[date | None]
    registered_until: Mapped[date | None]
    entry_route: Mapped[str | None]
    qualified_in: Mapped[int | None]  # calendar year
    started_on: Mapped[date | None]  # continuous service with the employer
    leaving_on: Mapped[date | None]  # last day of employment; NULL: no end known
    caseload: Mapped[int | None]  # protected caseload, children allocated
    access_needs: Mapped[str | None]  # private to the person and those who arrange a place
    search_text: Mapped[str] = mapped_column(default="")
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    __table_args__ = (
        CheckConstraint("swe_number IS NULL OR swe_number LIKE 'SW%'", name="swe_number"),
        CheckConstraint("email IS NULL OR email = lower(email)", name="email_lower"),
        Index("uq_people_employee_number", "organisation_id", "employee_number", unique=True),
        Index("uq_people_email", "email", unique=True),
        Index("uq_people_swe_number", "swe_number", unique=True),
        Index("ix_people_sort", "sort_name", "id"),
        Index("ix_people_organisation_sort", "organisation_id", "sort_name", "id"),
        Index(
            "ix_people_leaving", "leaving_on", sqlite_where=text("leaving_on IS NOT NULL"), postgresql_where=text("leaving_on IS NOT NULL")
        ),
    )


full_text(Person.__table__, "simple")
full_text(Unit.__table__, "simple")
meaning(
    "uq_people_employee_number",
    "people.organisation_id, people.employee_number",
    message="Someone in that organisation already has this employee number.",
    code="employee-number-taken",
)
meaning("uq_people_email", "people.email", message="Someone already has this e-mail address.", code="email-taken")
meaning(
    "uq_people_swe_number", "people.swe_number", message="Someone already has this Social Work England number.", code="swe-number-taken"
)


class RegisterStatus(StrEnum):
    """What Social Work England's register says of somebody."""

    REGISTERED = "registered"
    CONDITIONS = "conditions"
    SUSPENDED = "suspended"
    REMOVED = "removed"
    NOT_REGISTERED = "not registered"


IN_GOOD_STANDING = (RegisterStatus.REGISTERED.value, RegisterStatus.CONDITIONS.value)  # may practise, conditions or not


class Registration(Fact, Model):
    """What the register says of somebody for a period; `Person` keeps the latest word of it. No word stands for a day with no row.

    A status whose beginning nobody gave is true from the day on which it was recorded: nothing is claimed of before.
    """

    __tablename__ = "registrations"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    status: Mapped[str]
    __table_args__ = (
        CheckConstraint("valid_from < valid_to", name="period"),
        CheckConstraint("status IN ('registered', 'conditions', 'suspended', 'removed', 'not registered')", name="status"),
    )


class Post(Fact, Model):
    """A job held for a period. Posts may overlap; at any time at most one is primary."""

    __tablename__ = "posts"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    job_title: Mapped[str]
    contract: Mapped[str]
    fte: Mapped[Decimal] = mapped_column(Numeric(4, 3, asdecimal=True))  # full-time equivalent, 0.001 to 1.5
    working_days: Mapped[str] = mapped_column(default="1111100")  # Monday first, 1: works
    practice_area: Mapped[str | None]
    is_primary: Mapped[bool] = mapped_column(default=True)
    __table_args__ = (
        CheckConstraint("valid_from < valid_to", name="period"),
        CheckConstraint("contract IN ('permanent', 'fixed term', 'agency', 'student')", name="contract"),
        CheckConstraint("length(working_days) = 7", name="working_days"),
        CheckConstraint("fte > 0 AND fte <= 1.5", name="fte"),
    )


class Membership(Fact, Model):
    """The team, or other node of the tree, that somebody belongs to for a period; one at a time."""

    __tablename__ = "memberships"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"), index=True)
    __table_args__ = (CheckConstraint("valid_from < valid_to", name="period"),)


class Stage(Fact, Model):
    """The career stage somebody is at for a period (codes from the reference data); one at a time."""

    __tablename__ = "stages"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    stage: Mapped[str] = mapped_column(ForeignKey("career_stages.code"))
    __table_args__ = (CheckConstraint("valid_from < valid_to", name="period"),)


class CareerStage(Base):
    """Reference data: the stages of a career, from `seed/reference/stages.yaml`. The order is not strictly linear."""

    __tablename__ = "career_stages"
    code: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    rank: Mapped[int]
    stage_group: Mapped[str]


class Responsibility(Fact, Model):
    """Somebody answers for a person, a unit or another subject for a period. A person has one manager at a time."""

    __tablename__ = "responsibilities"
    kind: Mapped[str]
    holder_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True)
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    subject: Mapped[str | None] = mapped_column(index=True)  # "session:12"
    __table_args__ = (
        CheckConstraint("valid_from < valid_to", name="period"),
        CheckConstraint(
            "(CASE WHEN person_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN unit_id IS NULL THEN 0 ELSE 1 END) "
            "+ (CASE WHEN subject IS NULL THEN 0 ELSE 1 END) = 1",
            name="one_subject",
        ),
        CheckConstraint("person_id IS NULL OR person_id <> holder_id", name="not_oneself"),
    )


class RoleHeld(Fact, Model):
    """A role given to somebody for a node of the organisation tree (NULL: everywhere) and a period."""

    __tablename__ = "roles_held"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    role: Mapped[str]
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    mapped: Mapped[bool] = mapped_column(default=False, server_default=false())  # by the identity provider's claims, and goes with them
    __table_args__ = (CheckConstraint("valid_from < valid_to", name="period"),)


class Absence(Fact, Model):
    """Away for a period; the reason is not kept here. Clocks that wait for the person stand still meanwhile."""

    __tablename__ = "absences"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    __table_args__ = (CheckConstraint("valid_from < valid_to", name="period"),)


class Group(Model):
    """A named set of people: a cohort, an audience, a priority class."""

    __tablename__ = "groups"
    code: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str]
    __table_args__ = (UniqueConstraint("code"),)


class GroupMember(Fact, Model):
    """Somebody belongs to a group for a period."""

    __tablename__ = "group_members"
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    __table_args__ = (CheckConstraint("valid_from < valid_to", name="period"),)


VALID = "superseded_at IS NULL"
no_overlap(Post.__table__, "person_id", "valid_from", "valid_to", f"{VALID} AND is_primary", name="ex_posts_primary")
no_overlap(Membership.__table__, "person_id", "valid_from", "valid_to", VALID, name="ex_memberships")
no_overlap(Absence.__table__, "person_id", "valid_from", "valid_to", VALID, name="ex_absences")
no_overlap(Stage.__table__, "person_id", "valid_from", "valid_to", VALID, name="ex_stages")
no_overlap(Registration.__table__, "person_id", "valid_from", "valid_to", VALID, name="ex_registrations")
no_overlap(
    Responsibility.__table__,
    "person_id",
    "valid_from",
    "valid_to",
    f"{VALID} AND kind = 'manager'",
    name="ex_responsibilities_manager",
)
meaning("ex_posts_primary", message="That person already has a primary post in that period.", code="periods-overlap")
meaning("ex_memberships", message="That person already belongs to a team in that period.", code="periods-overlap")
meaning("ex_absences", message="That person is already away in that period.", code="periods-overlap")
meaning("ex_stages", message="That person already has a career stage in that period.", code="periods-overlap")
meaning("ex_registrations", message="The register already says something of that person in that period.", code="periods-overlap")
meaning("ex_responsibilities_manager", message="That person already has a manager in that period.", code="periods-overlap")
