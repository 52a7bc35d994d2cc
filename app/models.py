"""Imports every table, for migrations and tests."""

from app.bookings import event_models, policy_models
from app.bookings import models as bookings
from app.census import models as census
from app.core import files, ledger, schedule
from app.core.db import Base
from app.equality import models as equality
from app.frameworks import models as frameworks
from app.guarding import models as guarding
from app.hr import change_models, directory_models
from app.hr import models as hr
from app.identity import models as identity
from app.learning import models as learning
from app.learning import moving_models, record_models, renewal_models
from app.measures import input_models as measure_inputs
from app.measures import models as measures
from app.measures import settings_models
from app.mentoring import models as mentoring
from app.notifications import models as notifications
from app.pathways import chase_models
from app.pathways import models as pathways
from app.people import models as people
from app.people import register_models
from app.programmes import apprentice_models, panel_models, portfolio_models
from app.programmes import models as programmes
from app.reports import models as reports
from app.supervision import action_models, pdr_models
from app.supervision import models as supervision
from app.talent import models as talent

metadata = Base.metadata

__all__ = [
    "action_models",
    "apprentice_models",
    "bookings",
    "census",
    "change_models",
    "chase_models",
    "directory_models",
    "equality",
    "event_models",
    "files",
    "frameworks",
    "guarding",
    "hr",
    "identity",
    "learning",
    "ledger",
    "measure_inputs",
    "measures",
    "mentoring",
    "metadata",
    "moving_models",
    "notifications",
    "panel_models",
    "pathways",
    "pdr_models",
    "people",
    "policy_models",
    "portfolio_models",
    "programmes",
    "record_models",
    "register_models",
    "renewal_models",
    "reports",
    "schedule",
    "settings_models",
    "supervision",
    "talent",
]
