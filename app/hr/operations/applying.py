"""Applying a preview: all of it, in one transaction, one statement for each table and kind of change; or nothing."""

from __future__ import annotations

from datetime import date
from itertools import count
from typing import Any

from sqlalchemy import and_, case, delete, func, insert, literal, or_, select, update

from app.bookings.operations.leavers import pieces
from app.core.calendar import london, long_date
from app.core.db import is_postgresql
from app.core.errors import Conflict, Invalid
from app.core.ledger import Audit
from app.core.text import plural
from app.core.tx import Tx
from app.hr.directory_models import Departure, LeaverRun
from app.hr.models import Import, ImportProblem, ImportRow, ImportUnit, Label
from app.hr.operations import checks, leaving, leaving_effects, matching, periods, telling
from app.hr.operations.expressions import end_after, lines
from app.hr.operations.labelling import WATCHED
from app.hr.operations.staging import SEPARATOR
from app.hr.queries import find
from app.people import registrations
from app.people.models import Person, Unit, UnitKind
from app.people.operations import EMAIL_NEEDS_ACCESS, EMAIL_WAY_OUT, create_unit
from app.policy import Can, operation

_ACTIONS = {
    "joiner": "person.joined",
    "mover": "person.moved",
    "leaver": "person.left",
    "rejoiner": "person.rejoined",
    "changed": "person.changed",
}
_KEPT_IF_BLANK = (
    "employee_number", "first_name", "last_name", "known_as", "email", "swe_number", "registration_status", "entry_route", "qualified_in",
    "started_on",
)  # fmt: skip
_NEW = (
    "organisation_id", *_KEPT_IF_BLANK, "leaving_on", "name", "sort_name", "search_text",
)  # fmt: skip


@operation(Can.IMPORT_PEOPLE)
def apply(tx: Tx, import_id: int, *, confirmed_leavers: int | None = None, only_waiting: bool = False) -> dict[str, Any]:
    """Make the preview true; returns its counts.

    Refused with problems left, with more than 2% leavers unless their number is confirmed, and when people have changed since the
    preview was made (then it has to be made again). Applied by a program, that many leavers wait for a person to confirm them.
    HR's officers hear of what no person applied; `only_waiting`: of nothing but leavers who wait for them.
    """
    found = find(tx, import_id, lock=True)
    _take_turns(tx, import_id)
    _ready(tx, found, confirmed_leavers)
    _create_units(tx, import_id, found)
    counts = dict(found.counts)
    changes = any(found.counts[label] for label in _ACTIONS)
    if changes:
        periods.fill_posts(tx, import_id, found)
        waits = _held_back(tx, found)
        _people(tx, import_id)
        for track in periods.tracks():
            periods.restate(tx, import_id, track)
        periods.restate_further_posts(tx, import_id, found)
        _trail(tx, import_id)
        _leave(tx, found, waits)
        counts |= {"leaver": counts["leaver"] - len(waits), "waiting": len(waits)}
    _stay(tx, found)
    tx.db.execute(delete(ImportRow).where(lines(import_id, ImportRow.label.in_([Label.SAME.value, Label.PASSED_OVER.value]))))
    tx.update(Import, import_id, state="applied", applied_at=tx.now, applied_by=tx.actor.person_id, counts=counts)
    tx.record("import.applied", "imports", import_id, counts=counts)
    telling.applied(tx, found, counts, only_waiting=only_waiting)
    return counts


@operation(Can.IMPORT_PEOPLE)
def discard(tx: Tx, import_id: int) -> None:
    """Forget a preview: its rows are deleted, that it was made stays on record."""
    found = find(tx, import_id, lock=True)
    if found.state not in ("staged", "reading"):
        raise Conflict("This import has been applied or discarded already.", code="import-closed")
    for table in (ImportRow, ImportProblem):
        tx.db.execute(delete(table).where(table.import_id == import_id))
    tx.update(Import, import_id, state="discarded")
    tx.record("import.discarded", "imports", import_id)


def _take_turns(tx: Tx, import_id: int) -> None:
    """One import at a time for an organisation: whoever comes second finds in the ledger that their preview is out of date."""
    if is_postgresql(tx.db):
        employers = select(ImportRow.organisation_id).where(lines(import_id, ImportRow.organisation_id.is_not(None)))
        tx.rows(select(Unit.id).where(Unit.id.in_(employers)).order_by(Unit.id).with_for_update(key_share=True))


def _ready(tx: Tx, found: Any, confirmed: int | None) -> None:
    if found.state != "staged":
        raise Conflict("This import has been applied or discarded already.", code="import-closed")
    counts = found.counts
    if "rows" not in counts:
        raise Conflict("This import has not been compared with the people here yet.", code="import-not-compared")
    if counts["problems"]:
        raise Conflict(
            f"The file has {plural(counts['problems'], 'problem')}, and an import is applied whole or not at all.",
            code="import-has-problems",
            way_out="Correct the lines that are listed and send the file again.",
        )
    unchanged = or_(Audit.action.like("%.viewed"), Audit.action == "person.took-effect")
    newer = select(Audit.id).where(Audit.id > found.ledger_mark, Audit.subject.in_(WATCHED), ~unchanged).limit(1)
    if tx.scalar(newer.where(or_(Audit.subject != "people", Audit.action.startswith("person.")))):  # signing in changes nobody
        raise Conflict(
            "Somebody changed people or teams since this preview was made.",
            code="import-out-of-date",
            way_out="Compare again, look at the preview, and then apply it.",
        )
    # Asked again, of whoever applies it and of the roles held now: the preview may be somebody else's, and giving a role changes no person.
    if tx.scalar(select(ImportRow.id).where(lines(found.id, checks.address_of_role(tx))).limit(1)):
        raise Conflict(EMAIL_NEEDS_ACCESS, code="email-needs-access", way_out=f"Compare again to see the lines. {EMAIL_WAY_OUT}")
    if counts["confirm"] and not _by_program(tx) and confirmed != counts["leaver"]:
        said, omitted = plural(counts["leaver"], "person", "people"), counts["left out"]
        why = " because the file does not name them" if omitted == counts["leaver"] else ""
        more = f", {omitted:,} of them because the file does not name them" if omitted and not why else ""
        message = f"{said} of {counts['employed']:,} would leave{why}{more}. Confirm that number to apply."
        raise Invalid(message, code="confirm-leavers", errors=[{"field": "confirm_leavers", "message": message}], leavers=counts["leaver"])


def _by_program(tx: Tx) -> bool:
    """No person applies it, so nobody is there to confirm that many people leave: those wait for one (product §9)."""
    return tx.actor.kind == "client"


def _held_back(tx: Tx, found: Any) -> dict[int, date]:
    """Too many leavers for a program to decide about: they stay as they are, and their last days by person are what has to be confirmed."""
    if not found.counts["confirm"] or not _by_program(tx):
        return {}
    row = ImportRow
    leave = lines(found.id, row.label == Label.LEAVER.value, row.lead.is_(True), row.leaves_on.is_not(None))
    sooner = or_(
        Person.leaving_on.is_(None), row.leaves_on < Person.leaving_on
    )  # an agreed last day holds until an earlier one is confirmed
    rows = tx.rows(select(row.person_id, row.leaves_on).join(Person, Person.id == row.person_id).where(leave, sooner))
    for piece in pieces([one.person_id for one in rows]):
        still, end = lines(found.id, row.person_id.in_(piece), Person.id == row.person_id), end_after(Person.leaving_on)
        tx.db.execute(update(row).where(still).values(leaves_on=Person.leaving_on, old_end=end, new_end=end))
    return {one.person_id: one.leaves_on for one in rows}


def _leave(tx: Tx, found: Any, waits: dict[int, date]) -> None:
    """What follows from last days that are new, moved or withdrawn."""
    run = f"import:{found.id}"
    known = select(Departure.id).where(Departure.person_id == ImportRow.person_id, Departure.state != "dropped").exists()
    about = lines(found.id, ImportRow.lead.is_(True), ImportRow.person_id.is_not(None), or_(ImportRow.leaves_on.is_not(None), known))
    asked = bool(found.counts["confirm"]) and not waits
    joined = (Label.JOINER.value, Label.REJOINER.value)
    ids = leaving.register(
        tx, select(ImportRow.person_id).where(about, ImportRow.label.in_(("leaver", "mover", "changed"))), "import", run, confirmed=asked
    )
    leaving.register(tx, select(ImportRow.person_id).where(about, ImportRow.label.in_(joined)), "import")  # an end that is agreed already
    leaving_effects.cut_by_import(tx, found.id, ids)
    if waits:
        leaving.await_confirmation(tx, waits, "import", run)


def _stay(tx: Tx, found: Any) -> None:
    """Whoever waits to be confirmed as a leaver, and is named here without a last day, stays: HR says who is employed.

    An extract that says nothing of last days, or describes a day before they were said to leave, is no evidence. A directory may delete
    somebody in the evening whom HR's extract of that day names still: against it, only a later day's counts.
    """
    if not found.full_extract and "leaving_date" not in found.headings:
        return
    row = ImportRow
    named = lines(found.id, row.lead.is_(True), row.line > 0, row.leaving_on.is_(None))
    columns = (Departure.person_id, Departure.source, Departure.asked_at, LeaverRun.source.label("run"))
    asked = select(*columns).join(row, row.person_id == Departure.person_id).outerjoin(LeaverRun, LeaverRun.id == Departure.run_id)
    rows = tx.rows(asked.where(named, Departure.state == "waiting"))
    imports = {one.run: int(one.run.removeprefix("import:")) for one in rows if (one.run or "").startswith("import:")}
    days: dict[int, date] = {}
    for piece in pieces(sorted(set(imports.values()))):
        days |= {one.id: one.as_at for one in tx.rows(select(Import.id, Import.as_at).where(Import.id.in_(piece)))}
    here = []
    for one in rows:
        said = days.get(imports.get(one.run, 0)) or london(one.asked_at).date()
        if found.as_at > said or (found.as_at == said and one.source != "scim"):
            here.append(one.person_id)
    leaving_effects.locked(tx, here)
    leaving.stays(tx, here, f"The HR extract as at {long_date(found.as_at)} names them as employed")


def _create_units(tx: Tx, import_id: int, found: Any) -> None:
    """Create the units that the mapping file allows to be created, above before below, and give their rows the ids."""
    if not found.create_units:
        return
    wanted = tx.rows(
        select(ImportRow.organisation_id, ImportRow.new_unit)
        .where(lines(import_id, ImportRow.new_unit.is_not(None), ImportRow.label.in_(list(_ACTIONS))))
        .distinct()
        .order_by(ImportRow.organisation_id, ImportRow.new_unit)
    )
    children = {(row.parent_id, row.name.lower()): row.id for row in tx.rows(select(Unit.id, Unit.parent_id, Unit.name))}
    codes = {(row.organisation_id, row.code) for row in tx.rows(select(Unit.organisation_id, Unit.code))}
    for organisation_id, path in ((row.organisation_id, row.new_unit) for row in wanted):
        parent = organisation_id
        names = path.split(SEPARATOR)
        for depth, name in enumerate(names):
            place = (parent, name.lower())
            if place not in children:
                code = _code(name, organisation_id, codes)
                children[place] = create_unit(tx, _kind(depth, len(names)), name, code, parent)
                codes.add((organisation_id, code))
            parent = children[place]
        tx.insert(ImportUnit, import_id=import_id, organisation_id=organisation_id, path=path, unit_id=parent)
    made = select(ImportUnit.unit_id).where(
        ImportUnit.import_id == import_id, ImportUnit.organisation_id == ImportRow.organisation_id, ImportUnit.path == ImportRow.new_unit
    )
    tx.db.execute(update(ImportRow).where(lines(import_id, ImportRow.new_unit.is_not(None))).values(unit_id=made.scalar_subquery()))


def _kind(depth: int, length: int) -> str:
    """service > locality > team; the last is always the team, and what stands alone above it is a service."""
    if depth == length - 1:
        return UnitKind.TEAM.value
    return UnitKind.SERVICE.value if depth == 0 else UnitKind.LOCALITY.value


def _code(name: str, organisation_id: int, taken: set[tuple[int | None, str]]) -> str:
    """A code of its own in the organisation, made of the name: "Meadow Team" → MEADOW-TEAM."""
    base = "-".join("".join(c if c.isalnum() else " " for c in name).split()).upper()[:40] or "UNIT"
    return next(code for n in count(1) if (organisation_id, code := base if n == 1 else f"{base}-{n}") not in taken)


def _people(tx: Tx, import_id: int) -> None:
    """Insert the joiners; change whoever's details differ. Addresses that change hands are let go first."""
    row = ImportRow
    joiners = lines(import_id, row.lead.is_(True), row.label == Label.JOINER.value)
    new = select(*(getattr(row, column) for column in _NEW), literal(1), literal(tx.now), literal(tx.now)).where(joiners).order_by(row.id)
    changed = lines(
        import_id,
        row.lead.is_(True),
        row.person_changed.is_(True),
        row.person_id.is_not(None),
        row.label.in_(list(_ACTIONS)),
        row.label != "joiner",
    )
    for column in ("email", "swe_number"):
        mine = getattr(row, column)
        releasing = select(row.person_id).where(changed, mine.is_not(None))
        tx.db.execute(
            update(Person)
            .where(Person.id.in_(releasing), getattr(Person, column).is_not(None), _differs_from_row(import_id, column))
            .values({column: None})
        )
    text = {
        column: case((row.line > 0, getattr(row, column)), else_=getattr(Person, column)) for column in ("name", "sort_name", "search_text")
    }
    details = {column: func.coalesce(getattr(row, column), getattr(Person, column)) for column in _KEPT_IF_BLANK}
    tx.db.execute(
        update(Person)
        .where(Person.id == row.person_id, changed)
        .values({**details, **text, "leaving_on": row.leaves_on, "version": Person.version + 1, "updated_at": tx.now})
    )
    tx.db.execute(insert(Person).from_select([*_NEW, "version", "created_at", "updated_at"], new, include_defaults=False))
    matching.join_new_people(tx, import_id)
    registrations.follow(tx, select(row.person_id).where(lines(import_id, row.lead.is_(True), row.registration_status.is_not(None))))


def _differs_from_row(import_id: int, column: str) -> Any:
    row = ImportRow
    same = select(row.id).where(
        lines(import_id, row.lead.is_(True)), row.person_id == Person.id, getattr(row, column) == getattr(Person, column)
    )
    return ~same.exists()


def _trail(tx: Tx, import_id: int) -> None:
    """One audit row for each person that the import changed."""
    row, actor = ImportRow, tx.actor
    stays = and_(
        row.label == Label.LEAVER.value, row.leaves_on.is_distinct_from(row.leaving_on)
    )  # it waits to be confirmed that they leave
    action = case((stays, "person.changed"), *((row.label == label, name) for label, name in _ACTIONS.items()), else_="person.changed")
    about = select(
        literal(tx.now), literal(actor.kind), literal(actor.id, Audit.actor_id.type), action, literal("people"), row.person_id,
        row.person_id, literal({"import": import_id}, Audit.facts.type), literal(tx.request_id, Audit.request_id.type),
    ).where(lines(import_id, row.lead.is_(True), row.label.in_(list(_ACTIONS)))).order_by(row.id)  # fmt: skip
    columns = ["at", "actor_kind", "actor_id", "action", "subject", "subject_id", "person_id", "facts", "request_id"]
    tx.db.execute(insert(Audit).from_select(columns, about, include_defaults=False))
