"""Planted violations of what must hold of enrolments, plans, panels and outcomes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update

from app.core.db import FOREVER
from app.core.tx import Tx
from app.frameworks.models import ApprenticeshipRule, ApprenticeshipStandard
from app.people.models import Person
from app.programmes.apprentice_models import Apprenticeship, OtjHours
from app.programmes.models import Capacity, Change, Cohort, Enrolment, Involvement, Plan, StageRecord
from app.programmes.panel_models import PanelCase, Sitting
from app.programmes.portfolio_models import Document
from tests.plants import plants


def enrolled(tx: Tx) -> Any:
    """The enrolment that the county has."""
    row = tx.one(select(Enrolment.__table__).order_by(Enrolment.id).limit(1))
    assert row is not None
    return row


@plants("enrolments-keep-their-version")
def _(tx: Tx) -> None:
    row = enrolled(tx)
    tx.update(Cohort, row.cohort_id, version_id=row.version_id + 1000)


@plants("enrolments-have-a-plan")
def _(tx: Tx) -> None:
    tx.db.execute(delete(Plan).where(Plan.enrolment_id == enrolled(tx).id))


@plants("enrolments-know-their-stages")
def _(tx: Tx) -> None:
    tx.db.execute(delete(StageRecord).where(StageRecord.enrolment_id == enrolled(tx).id))


@plants("nobody-on-two-sides")
def _(tx: Tx) -> None:
    row = enrolled(tx)
    other = tx.scalar(select(Person.id).where(Person.id != row.person_id).order_by(Person.id))
    involvement = tx.insert(Involvement, enrolment_id=row.id, person_id=other, side="moderating", since=tx.now)
    values = dict(involvement_id=involvement, enrolment_id=row.id, side="learner", capacity="nqsw")
    tx.insert(Capacity, **values, valid_from=tx.today + timedelta(days=3000), valid_to=FOREVER)


@plants("outcomes-were-confirmed")
def _(tx: Tx) -> None:
    tx.update(Enrolment, enrolled(tx).id, status="completed")


@plants("panels-judged-before-deciding")
def _(tx: Tx) -> None:
    row = enrolled(tx)
    sitting = tx.insert(Sitting, title="X", starts_at=tx.now, place="X", created_at=tx.now)
    case = dict(sitting_id=sitting, enrolment_id=row.id, recommended="pass", listed_head="", listed_at=tx.now)
    tx.insert(PanelCase, **case, state="decided")


@plants("changes-were-agreed")
def _(tx: Tx) -> None:
    values = dict(enrolment_id=enrolled(tx).id, kind="pause", state="agreed", reason_code="x", details={}, needs=[], proposed_at=tx.now)
    for _ in range(2):
        tx.db.execute(insert(Change), values | dict(from_on=tx.today, to_on=FOREVER, settled_at=tx.now))


@plants("documents-wait-for-somebody")
def _(tx: Tx) -> None:
    row = tx.scalar(select(Document.id).where(Document.enrolment_id == enrolled(tx).id).order_by(Document.id))
    tx.db.execute(update(Document).where(Document.id == row).values(state="sent", waiting_for=None, waiting_since=None))


def apprenticed(tx: Tx, **values: Any) -> int:
    """The county's enrolment as an apprenticeship."""
    row = enrolled(tx)
    standard = tx.insert(ApprenticeshipStandard, code="STX", version="x", title="X", level=4, typical_months=18)
    tx.db.execute(insert(ApprenticeshipRule), dict(code="APP-X", definition={}))
    made = dict(enrolment_id=row.id, standard_id=standard, rule_code="APP-X", provider="X", weekly_minutes=1, planned_minutes=1)
    tx.db.execute(insert(Apprenticeship), made | values)
    return int(row.id)


@plants("hours-were-seen-by-somebody-else")
def _(tx: Tx) -> None:
    enrolment = apprenticed(tx)
    values = dict(enrolment_id=enrolment, on_date=tx.today, minutes=60, activity="study", words="X", source="own", recorded_at=tx.now)
    tx.insert(OtjHours, **values, verified_by=enrolled(tx).person_id, verified_at=tx.now)


@plants("apprentices-have-the-result-they-were-given")
def _(tx: Tx) -> None:
    apprenticed(tx, gateway_at=tx.now, assessment="pass", assessed_on=tx.today, assessed_by="X")
