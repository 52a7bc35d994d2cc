"""The pages about versions know how many enrolments run on each, as the room of enrolments tells them."""

from __future__ import annotations

from sqlalchemy import update

from app.frameworks import running
from app.frameworks.models import ProgrammeVersion
from app.programmes.models import Enrolment
from app.programmes.operations import cohorts
from tests.factory import Make
from tests.programmes.making import Programmes


def test_running_enrolments_are_counted_by_version(make: Make) -> None:
    programmes = Programmes(make)
    one = programmes.enrolment(cohort=programmes.cohort(title="First"))
    two = programmes.enrolment(nqsw=make.person("Bea Two"), cohort=programmes.cohort(title="Second"), reference="T-2")
    code = make.row(ProgrammeVersion, one.version_id).programme_code
    assert cohorts.enrolled_by_version in running._counters
    with make.tx() as tx:
        assert running.running(tx, code) == {one.version_id: 2}
        assert running.running(tx, "OTHER") == {}
        tx.db.execute(update(Enrolment).where(Enrolment.id == two.id).values(status="transferred"))
        assert running.running(tx, code) == {one.version_id: 1}
