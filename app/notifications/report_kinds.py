"""The kinds of message about the board's reports, and the facts that each needs (see `kinds.py`). Never a figure."""

from typing import Any

from app.notifications.everyone import Everyone


class BoardReportSigned(Everyone):
    """board_report_signed: a report was signed off and can be read; `corrected`: it takes the place of an earlier one."""

    title: str
    corrected: bool
    link: str


class BoardReportWaits(Everyone):
    """board_report_waits: to whoever owns a draft: it was begun (`fresh`), or these parts of it have no commentary yet (`subjects`)."""

    title: str
    fresh: bool
    subjects: list[str]
    link: str


FACTS: dict[str, Any] = {"board_report_signed": BoardReportSigned, "board_report_waits": BoardReportWaits}
TOPICS: dict[str, tuple[str, tuple[str, ...]]] = {
    "board_reports": ("Board reports: signed off, and drafts that wait for your words", tuple(FACTS)),
}
WORDS = {"email.board_report_signed": "Board report signed off", "email.board_report_waits": "Board report waits for its words"}
