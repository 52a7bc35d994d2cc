"""What may be done with frameworks: load files of them, publish, withdraw and discard versions."""

from app.frameworks.operations.loading import Loaded, load
from app.frameworks.operations.preparing import Prepared, digest, prepare
from app.frameworks.operations.publishing import discard, publish, publish_loaded, publish_rule, withdraw
from app.frameworks.operations.standards import load_standards

__all__ = [
    "Loaded",
    "Prepared",
    "digest",
    "discard",
    "load",
    "load_standards",
    "prepare",
    "publish",
    "publish_loaded",
    "publish_rule",
    "withdraw",
]
