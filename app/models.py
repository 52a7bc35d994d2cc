"""Imports every table, for migrations and tests."""

from app.bookings import models as bookings
from app.core import ledger, schedule
from app.core.db import Base
from app.frameworks import models as frameworks
from app.hr import models as hr
from app.identity import models as identity
from app.learning import models as learning
from app.people import models as people

metadata = Base.metadata

__all__ = ["bookings", "frameworks", "hr", "identity", "learning", "ledger", "metadata", "people", "schedule"]
