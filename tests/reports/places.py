"""Reports in the world of the matrices, and where the tour finds some in the county."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from app.core.config import load
from app.core.tx import Actor, transaction
from app.measures.models import MonthClose
from app.policy import Role
from app.reports import content, operations, signing
from app.reports.models import BoardReport
from tests.factory import Make
from tests.visit import Finder

AT = "/board-reports/{report_id:int}"
_SIGNED = {"report_id": "signed_report"}
OTHERS: dict[str, dict[str, str]] = {
    **{f"{method} {AT}/correct": _SIGNED for method in ("GET", "POST")},
    **{f"GET {AT}/report.{kind}": _SIGNED for kind in ("pdf", "xlsx", "json")},
    **{f"{method} {AT}/replies/{{number:int}}": {"number": "reply_number"} for method in ("GET", "POST")},
    f"POST {AT}/replies/{{number:int}}/take-out": {"number": "reply_number"},
}
_REPLY = {"said": "Too many forms", "did": "Fewer"}
FORMS: dict[str, Any] = {
    "POST /board-reports": lambda ids: {"kind": "review", "month": f"{ids['organisation_id']} {ids['closed_month']}"},
    f"POST {AT}/comments/{{about}}": {"words": "More came.", "version": "0"},
    f"POST {AT}/replies/new": {**_REPLY, "entry_key": "0123456789abcdef0123456789abcdef"},
    f"POST {AT}/replies/{{number:int}}": {**_REPLY, "version": "1"},
    f"POST {AT}/correct": {"why": "A typing error"},
    "POST /board-reports/schedule": {"kind": "board", "months": ["1", "2"], "draft_on": "11", "remind_on": "12", "version": "0"},
}
BUTTONS = (f"{AT}/discard", f"{AT}/replies/{{number:int}}/take-out")


def world(make: Make, organisation: int) -> dict[str, Any]:
    """A draft with an entry, and a signed report, of the organisation's last closed month."""
    signer = make.person("Signs Reports", organisation=organisation)
    actor = Actor("person", signer.id, signer.name, ((Role.PSW.value, organisation),), organisation_id=organisation)
    with make.tx(writes=False) as tx:
        closes = tx.rows(select(MonthClose.month_end).where(MonthClose.organisation_id == organisation).order_by(MonthClose.month_end))
    month = closes[-1].month_end
    with transaction(make.database, actor, writes=True) as tx:
        signed, draft = (operations.begin(tx, organisation, kind, month) for kind in ("improvement", "board"))
        operations.reply(tx, draft, None, "Forms", "Fewer", None, entry_key="f" * 32)
    with transaction(make.database, actor, writes=False) as tx:
        seen = signing.digest_of(content.compose(tx, tx.get(BoardReport, signed)))
        drawn = signing.prepare(tx, load(), signed, seen)
    with transaction(make.database, actor, writes=True) as tx:
        signing.sign(tx, signed, drawn)
    return {"report_id": draft, "signed_report": signed, "reply_number": 1, "about": "headline", "closed_month": month.isoformat()}


# The tour ----------------------------------------------------------------------------------------------------------


def _of(state: str, **more: Any) -> Callable[[Finder], dict[str, Any]]:
    return lambda finder: {"report_id": finder.board_report(state), **more}


def stops(stop: Any) -> tuple[Any, ...]:
    """The pages, for those who mainly use them."""
    draft, signed = _of("draft"), _of("signed")
    workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return (
        *(stop("/board-reports", key) for key in ("psw", "hr", "board")),
        *(stop(AT, key, signed) for key in ("psw", "board")),
        stop(AT, "psw", draft),
        *(stop(f"{AT}/{what}", "psw", draft) for what in ("sign", "discard", "replies/new")),
        stop(f"{AT}/comments/{{about}}", "psw", _of("draft", about="headline")),
        stop(f"{AT}/comments/{{about}}", "hr", _of("draft", about="measure-headcount")),
        stop(f"{AT}/replies/{{number:int}}", "psw", _of("draft", number=1)),
        stop(f"{AT}/correct", "psw", signed),
        stop(f"{AT}/report.pdf", "board", signed, file="application/pdf"),
        stop(f"{AT}/report.xlsx", "board", signed, file=workbook),
        stop(f"{AT}/report.json", "psw", signed, file="application/json"),
        *(stop("/board-reports/schedule", "psw", query=query) for query in ("", "kind=review")),
    )
