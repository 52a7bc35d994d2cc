"""What changes supervision: recording it, actions agreed in it, the rules by which it is due, protected time and caseloads, files."""

from app.supervision.operations import actions
from app.supervision.operations.record import New, confirm, correct, not_there, record, record_many, withdraw
from app.supervision.operations.rules import end_rule, pause, resume, set_rule
from app.supervision.operations.workload import (
    correct_protected_time,
    record_caseload,
    record_protected_time,
    withdraw_caseload,
    withdraw_protected_time,
)

__all__ = [
    "New",
    "actions",
    "confirm",
    "correct",
    "correct_protected_time",
    "end_rule",
    "not_there",
    "pause",
    "record",
    "record_caseload",
    "record_many",
    "record_protected_time",
    "resume",
    "set_rule",
    "withdraw",
    "withdraw_caseload",
    "withdraw_protected_time",
]
