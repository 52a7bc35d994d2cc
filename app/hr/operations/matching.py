"""Who is who: staged lines find their people, and their managers."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ColumnElement, and_, or_, select, update

from app.core.declared import aliased
from app.core.tx import Tx
from app.hr.models import ImportRow
from app.hr.operations.expressions import lines
from app.people.models import Person


def match(tx: Tx, import_id: int, as_at: date) -> None:
    """Give each line the person it is about, if there is one: by employee number, else by registration number or e-mail.

    A line with a number that is not known still finds a person without a number (an agency worker taken on) or, by
    registration number, somebody who had left (a re-joiner under a new number).
    """
    numbered, blank = ImportRow.employee_number.is_not(None), ImportRow.employee_number.is_(None)
    left = Person.leaving_on < as_at
    without = Person.employee_number.is_(None)
    for which, how in (
        (numbered, Person.employee_number == ImportRow.employee_number),
        (and_(blank, ImportRow.swe_number.is_not(None)), Person.swe_number == ImportRow.swe_number),
        (and_(blank, ImportRow.email.is_not(None)), Person.email == ImportRow.email),
        (and_(numbered, ImportRow.swe_number.is_not(None)), and_(Person.swe_number == ImportRow.swe_number, or_(without, left))),
        (and_(numbered, ImportRow.email.is_not(None)), and_(Person.email == ImportRow.email, without)),
    ):
        _set_person(tx, import_id, which, how)
    lead = aliased(ImportRow)
    person = (
        select(lead.person_id)
        .where(lead.import_id == import_id, lead.person_key == ImportRow.person_key, lead.lead.is_(True))
        .scalar_subquery()
    )
    tx.db.execute(update(ImportRow).where(lines(import_id, ImportRow.lead.is_(False))).values(person_id=person))


def _set_person(tx: Tx, import_id: int, which: ColumnElement[bool], how: ColumnElement[bool]) -> None:
    unmatched = lines(import_id, ImportRow.lead.is_(True), ImportRow.person_id.is_(None), ImportRow.person_key.is_not(None), which)
    same = and_(Person.organisation_id == ImportRow.organisation_id, how)
    tx.db.execute(update(ImportRow).where(unmatched, same).values(person_id=Person.id))


def join_new_people(tx: Tx, import_id: int) -> None:
    """After the joiners have been inserted: their lines get their ids."""
    joiner = ImportRow.label == "joiner"
    numbered, blank = ImportRow.employee_number.is_not(None), ImportRow.employee_number.is_(None)
    _set_person(tx, import_id, and_(joiner, numbered), Person.employee_number == ImportRow.employee_number)
    _set_person(tx, import_id, and_(joiner, blank, ImportRow.swe_number.is_not(None)), Person.swe_number == ImportRow.swe_number)
    _set_person(tx, import_id, and_(joiner, blank), Person.email == ImportRow.email)
    lead = aliased(ImportRow)
    person = (
        select(lead.person_id)
        .where(lead.import_id == import_id, lead.person_key == ImportRow.person_key, lead.lead.is_(True))
        .scalar_subquery()
    )
    tx.db.execute(
        update(ImportRow).where(lines(import_id, joiner, ImportRow.lead.is_(False), ImportRow.person_id.is_(None))).values(person_id=person)
    )
    managed = and_(ImportRow.manager_id.is_(None), ImportRow.manager_row.is_not(None))
    manager = select(lead.person_id).where(lead.id == ImportRow.manager_row).scalar_subquery()
    tx.db.execute(update(ImportRow).where(lines(import_id, managed)).values(manager_id=manager))


def find_managers(tx: Tx, import_id: int) -> None:
    """Each line's manager: their own line in the file wherever it stands, else a person already known. Number before e-mail."""
    theirs = aliased(ImportRow)
    lead = ImportRow.lead.is_(True)
    by_number = ImportRow.manager_number.is_not(None)
    by_email = and_(ImportRow.manager_number.is_(None), ImportRow.manager_email.is_not(None))

    for which, in_file, known in (
        (by_number, theirs.employee_number == ImportRow.manager_number, Person.employee_number == ImportRow.manager_number),
        (by_email, theirs.email == ImportRow.manager_email, Person.email == ImportRow.manager_email),
    ):
        wanted = lines(import_id, lead, which)
        here = and_(theirs.import_id == import_id, theirs.lead.is_(True), theirs.organisation_id == ImportRow.organisation_id, in_file)
        tx.db.execute(update(ImportRow).where(wanted, here).values(manager_row=theirs.id, manager_id=theirs.person_id))
        there = and_(ImportRow.manager_row.is_(None), Person.organisation_id == ImportRow.organisation_id, known)
        tx.db.execute(update(ImportRow).where(wanted, there).values(manager_id=Person.id))
