"""The verbs of an import: begin, add rows, finish; label; apply or discard."""

from app.hr.operations.again import again
from app.hr.operations.applying import apply, discard
from app.hr.operations.labelling import label
from app.hr.operations.staging import BATCH, add_rows, begin, finish, lookups

__all__ = ["BATCH", "add_rows", "again", "apply", "begin", "discard", "finish", "label", "lookups"]
