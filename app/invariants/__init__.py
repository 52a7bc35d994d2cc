"""The auditor: every rule that the data must obey, asked of the whole database at once. `python -m app check-invariants` runs it.

Most rules are guarded by a constraint as well; the auditor trusts none of them, so that it also finds what a restored backup, a lost index
or a hand-written UPDATE has broken. Each rule is one statement that answers with the rows that break it. docs/bookings.md lists them.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import Any

from sqlalchemy import Date, bindparam, text

from app.core.db import Database, UtcDateTime, is_postgresql
from app.core.tx import Tx
from app.core.work import job
from app.invariants.afterwards import AFTER_RULES
from app.invariants.census import CENSUS_RULES
from app.invariants.chains import CHAIN_RULES
from app.invariants.clocks import CLOCK_RULES
from app.invariants.directory import DIRECTORY_RULES
from app.invariants.equality import EQUALITY_RULES
from app.invariants.frameworks import FRAMEWORK_RULES
from app.invariants.history import HISTORY_RULES
from app.invariants.leavers import LEAVER_RULES
from app.invariants.measure_inputs import INPUT_RULES
from app.invariants.measures import CELL_RULES
from app.invariants.pathways import PATHWAY_RULES
from app.invariants.people import PEOPLE_RULES
from app.invariants.places import PLACE_RULES
from app.invariants.portfolio import PORTFOLIO_RULES
from app.invariants.programmes import PROGRAMME_RULES
from app.invariants.records import RECORD_RULES
from app.invariants.renewal import RENEWAL_RULES
from app.invariants.reports import REPORT_RULES
from app.invariants.rule import Rule, Violation
from app.invariants.settings import SETTING_RULES
from app.invariants.signing_in import SIGNING_IN_RULES
from app.invariants.supervision import SUPERVISION_RULES
from app.invariants.talent import TALENT_RULES
from app.invariants.together import TOGETHER_RULES
from app.invariants.webhooks import WEBHOOK_RULES

SHOWN = 20  # ids named for each broken rule
AHEAD = timedelta(days=9)  # so far before its cut-off a session has working hours left, whatever holidays there are
LATELY = timedelta(hours=1)  # so long the worker may take
RULES: tuple[Rule, ...] = (
    *(PLACE_RULES + HISTORY_RULES + CLOCK_RULES + AFTER_RULES + PEOPLE_RULES),
    *(FRAMEWORK_RULES + CHAIN_RULES + SUPERVISION_RULES + PROGRAMME_RULES + PORTFOLIO_RULES + LEAVER_RULES),
    *(DIRECTORY_RULES + SIGNING_IN_RULES + WEBHOOK_RULES + TOGETHER_RULES + EQUALITY_RULES + RECORD_RULES + RENEWAL_RULES),
    *PATHWAY_RULES,
    *REPORT_RULES,
    *CENSUS_RULES,
    *INPUT_RULES,
    *SETTING_RULES,
    *TALENT_RULES,
    *CELL_RULES,
)


def check(tx: Tx) -> list[Violation]:
    """Every rule that is broken, with the first of the rows that break it."""
    found = []
    instants = {"now": tx.now, "lately": tx.now - LATELY, "ahead": tx.now + AHEAD}
    days = {"today": tx.today, "yesterday": tx.today - timedelta(days=1)}
    for rule in RULES:
        sql = rule.sql if isinstance(rule.sql, str) else rule.sql(tx.db)
        asked: list[Any] = [bindparam(name, value, type_=UtcDateTime()) for name, value in instants.items() if f":{name}" in sql]
        asked += [bindparam(name, value, type_=Date) for name, value in days.items() if f":{name}" in sql]
        rows = tx.db.execute(text(sql).bindparams(*asked)).all()
        if rows:
            ids = tuple(str(row[0]) for row in rows[:SHOWN])
            more = " and more" if len(rows) > SHOWN else ""
            detail = f"{rule.says} Broken by {len(rows):,} of {rule.of}: {', '.join(ids)}{more}."
            found.append(Violation(rule.name, detail, ids))
    return found


def report(database: Database, as_json: bool = False) -> int:
    """Check everything in one read transaction and print what is found; returns 0 if every rule holds, else 1."""
    with job(database, writes=False, snapshot=True) as tx:
        if is_postgresql(tx.db):
            tx.db.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))  # all rules see one moment
        violations = check(tx)
    if as_json:
        listed: list[dict[str, Any]] = [{"rule": each.rule, "detail": each.detail, "ids": list(each.ids)} for each in violations]
        lines = [json.dumps({"ok": not violations, "rules": len(RULES), "violations": listed}, indent=2, ensure_ascii=False)]
    else:
        lines = [f"{each.rule}: {each.detail}" for each in violations]
        lines.append(f"{len(violations)} of {len(RULES)} rules are broken." if violations else f"All {len(RULES)} rules hold.")
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if violations else 0


__all__ = ["RULES", "Rule", "Violation", "check", "report"]
