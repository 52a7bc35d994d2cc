"""What people in the county must have, since when, and who was reminded of it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from app.core.config import ROOT
from app.core.tx import SYSTEM, transaction
from app.pathways import operations
from app.pathways.operations import chasing
from seed.sample import Stage

FILE = ROOT / "seed" / "reference" / "mandatory.yaml"
YEARS = 4  # since when it has been required
CHASED = (12, 4)  # days ago: the first round, and one in which managers hear of what was not done since


def require(stage: Stage, moment: datetime) -> None:
    """Publish the required training that ships; the job that chases it has had its turn twice."""
    with transaction(stage.database, SYSTEM, writes=True, now=moment - timedelta(days=41)) as tx:
        for loaded in operations.load(tx, operations.prepare([(FILE.name, FILE.read_bytes())])):
            operations.publish(tx, loaded.key or 0, date(moment.year - YEARS, 1, 1))
    for days in CHASED:
        now = moment - timedelta(days=days)
        with transaction(stage.database, SYSTEM, writes=True, now=now) as tx:
            chasing.chase(tx, now)
