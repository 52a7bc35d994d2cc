"""What may be done with steps: load files of them, publish, withdraw and discard versions."""

from app.pathways.operations.loading import load
from app.pathways.operations.preparing import PreparedSteps, prepare
from app.pathways.operations.publishing import discard, publish, publish_loaded, withdraw

__all__ = ["PreparedSteps", "discard", "load", "prepare", "publish", "publish_loaded", "withdraw"]
