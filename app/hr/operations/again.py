"""The same extract once more: a nightly file that nothing has changed in, sent to people whom nobody has changed."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import or_, select

from app.core.ledger import Audit
from app.core.tx import Tx
from app.hr.mapping import Mapping
from app.hr.models import Import
from app.hr.operations.labelling import WATCHED, newest_change
from app.hr.problems import shown
from app.hr.queries import visible
from app.policy import Can, operation

KEPT = ("mapping", "read_as", "create_units", "full_extract", "organisation_id", "headings", "ignored")


@operation(Can.IMPORT_PEOPLE)
def again(tx: Tx, sha256: str, mapping: Mapping, as_at: date, file_name: str) -> tuple[int, dict[str, Any]] | None:
    """A staged import whose preview says that nobody would change, and its counts; None: the file has to be read.

    So for programs only, which count and do not look at lines; when this very file, read in this way, was applied whole before; and when
    the ledger has nothing since about people, teams or imports, a planned change that took effect included.
    """
    if tx.actor.kind != "client":
        return None
    before = tx.one(
        select(Import.__table__)
        .where(Import.sha256 == sha256, Import.read_as == mapping.digest(), Import.state == "applied", Import.as_at <= as_at, visible(tx))
        .order_by(Import.id.desc())
        .limit(1)
    )
    if before is None or before.counts["confirm"] or before.organisation_id is None or _changed(tx, before):
        return None
    counts = _all_the_same(before.counts)
    key = tx.insert(
        Import,
        **{name: getattr(before, name) for name in KEPT},
        file_name=shown(file_name),
        sha256=sha256,
        state="staged",
        as_at=as_at,
        counts=counts,
        ledger_mark=newest_change(tx),
        created_by=tx.actor.person_id,
        created_at=tx.now,
    )
    return key, counts


def _changed(tx: Tx, before: Any) -> bool:
    """Has the ledger anything that may matter since that import was compared, beside what it wrote itself?"""
    since = (Audit.id > before.ledger_mark, Audit.at != before.applied_at, Audit.subject.in_(WATCHED), Audit.action.not_like("%.viewed"))
    changes = or_(Audit.subject != "people", Audit.action.startswith("person."))  # signing in changes nobody
    return tx.scalar(select(Audit.id).where(*since, changes).limit(1)) is not None


def _all_the_same(counts: dict[str, Any]) -> dict[str, Any]:
    """What the counts of an import are once it is applied: whoever it named is as it says, and whoever it left out has left."""
    named = sum(counts[label] for label in ("joiner", "mover", "leaver", "rejoiner", "changed", "same")) - counts["left out"]
    nobody = dict.fromkeys(("joiner", "mover", "leaver", "rejoiner", "changed", "left out"), 0)
    employed = counts["employed"] + counts["joiner"] + counts["rejoiner"] - counts["leaver"]
    return {**counts, **nobody, "same": named, "employed": max(employed, 0)}
