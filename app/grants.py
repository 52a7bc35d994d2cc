"""Who may what, and about whom: the table that the whole of authorization follows from. `policy` asks it; nothing else decides."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What somebody is to the academy."""

    PRACTITIONER = "practitioner"  # everybody with an account
    MANAGER = "line manager"  # manages somebody today, or deputises
    ASSESSOR = "assessor"  # assesses somebody today
    TRAINER = "trainer"  # delivers a session
    COORDINATOR = "coordinator"
    PSW = "principal social worker"
    HR = "HR officer"
    BOARD = "board viewer"
    SETTING_LEAD = "setting lead"
    PANEL = "panel member"  # sits on moderation panels; reads the portfolios listed for them, no others
    MODERATOR = "external moderator"  # reads the sample shown to them
    ADMINISTRATOR = "administrator"


GIVEN = (  # held as dated rows; the others follow
    *(Role.COORDINATOR, Role.PSW, Role.HR, Role.BOARD, Role.SETTING_LEAD),
    *(Role.PANEL, Role.MODERATOR, Role.ADMINISTRATOR),
)


class Can(StrEnum):
    """What may be done. The words finish the sentence “Your account cannot …”."""

    READ_CATALOGUE = "read the catalogue"
    WRITE_CATALOGUE = "create and edit courses"
    MANAGE_SESSIONS = "create, edit, move and cancel sessions"
    BOOK = "book a place for someone"
    READ_BOOKINGS = "see someone's bookings"
    CANCEL_BOOKING = "cancel someone's booking"
    READ_ROSTER = "see who is on a session"
    TAKE_REGISTER = "take the register of a session"
    WRITE_TO_SESSION = "write to everyone on a session"
    READ_PERSON = "see someone's work details"
    READ_OWN_PAGE = "see one's own pages"
    READ_ACCESS_NEEDS = "see someone's access needs"
    WRITE_PERSON = "create and change people"
    IMPORT_PEOPLE = "import people from HR"
    CONFIRM_LEAVERS = "confirm who leaves, and restore leavers"
    PROVISION = "keep people as a directory has them"
    READ_ORGANISATION = "read the organisation tree"
    READ_CHANGES = "read the feed of changes"
    MANAGE_WEBHOOKS = "have changes sent"
    READ_TRAINING_RECORDS = "see training records for HR"
    CONFIRM_TRAINING_RECORDS = "say what HR has taken over"
    READ_COMPLETIONS = "see what someone has completed"
    EXPORT_COMPLETIONS = "export the completion matrix"
    WRITE_COMPLETIONS = "record what someone has completed"
    DECIDE_PRIOR = "decide whether learning from elsewhere counts"
    MANAGE_ACCESS = "give and end roles, invite people"
    MANAGE_CLIENTS = "see and manage API clients"
    READ_ABSENCE = "see when someone is away"
    ARRANGE_COVER = "say when someone is away and who stands in"
    SET_COST_CENTRES = "set cost centres"
    DECIDE_APPEALS = "see charges and decide appeals"
    TAKE_JOURNALS = "take charges for the finance system"
    READ_ENROLMENT = "see how far someone is with a programme"
    MANAGE_ENROLMENTS = "run cohorts, enrol people and change their plans"
    READ_PORTFOLIO = "read someone's portfolio"
    WRITE_PORTFOLIO = "write in someone's portfolio"
    SIGN = "sign a part of a portfolio"
    RUN_PANELS = "arrange panels and who reads what"
    READ_PANELS = "see moderation panels"
    SIT_ON_PANELS = "judge portfolios on a panel"
    MODERATE = "moderate a sample of portfolios"
    REDACT = "redact a signed portfolio as the law allows"
    CLAIM_GRANTS = "take the extract for the grant"
    APPLY = "apply for a programme"
    SUPPORT_APPLICATIONS = "support someone's application"
    SELECT_APPLICANTS = "run calls for applications and decide them"
    GIVE_EQUALITY = "give one's own equality information"
    READ_EQUITY = "see and publish equity in figures"
    READ_AUDIT = "read the audit trail"
    READ_DELIVERIES = "see the queue of messages"
    READ_SUPERVISION = "see when someone was supervised"
    RECORD_SUPERVISION = "record someone's supervision"
    IMPORT_SUPERVISION = "import dates of supervision"
    READ_WORKLOAD = "see someone's protected time and caseload"
    RECORD_WORKLOAD = "record someone's protected time and caseload"
    LEARN_TOGETHER = "learn together with colleagues"
    READ_TOGETHER = "see who learns together and what is asked for"
    PAIR_PEOPLE = "bring people together"
    IMPORT_LEARNING = "import what people learnt before"
    IMPORT_COMPLETIONS = "import what people completed before"
    READ_PDR = "see someone's development review"
    WRITE_PDR = "write someone's objectives and development plan"
    HOLD_PDR = "record that someone's development review was held"
    READ_PDR_DATES = "see when development reviews were held"
    MANAGE_PDR = "set up review years"
    MANAGE_FRAMEWORKS = "load, publish and withdraw programmes and rules"
    READ_LEARNING_RECORDS = "see the learning records that someone shares"
    WRITE_LEARNING_RECORDS = "keep learning records of one's own"
    RENEW = "keep track of one's own renewal"
    READ_RENEWAL = "see how far someone is with renewing their registration"
    CHECK_REGISTER = "check people against the register"
    READ_PROFILES = "see how people learn, in figures"
    READ_REQUIRED = "see who has the training they must have"
    READ_PATHWAY = "see how far someone is on a pathway"
    ENDORSE = "endorse someone for a step"
    RECORD_PROGRESSION = "record someone's progression"
    READ_MEASURES = "see the measures of the workforce"
    READ_MEASURE_PEOPLE = "see who stands behind a figure"
    MANAGE_MEASURES = "say what is measured, import figures and publish months"
    READ_BOARD_REPORTS = "read the board's reports"
    WRITE_BOARD_REPORTS = "write the board's reports"
    SIGN_BOARD_REPORTS = "sign off the board's reports"
    READ_SETTINGS_TRAINING = "see how settings take up safeguarding training"
    TAKE_CENSUS = "take the workforce census"
    READ_TALENT = "see the talent pipeline"
    MANAGE_TALENT = "keep talent pools and judge potential"
    NOMINATE = "nominate someone for a talent pool"
    BE_LISTED = "see and decide about one's own place in talent pools"


class Reach(StrEnum):
    """About whom it may be done, always as of today."""

    SELF = "self"
    REPORTS = "the whole management line below, deputies included"
    ASSIGNED = "people one assesses"
    DELIVERED = "people on sessions one delivers"  # narrowed by the bookings room
    INVOLVED = "portfolios one takes part in, one's own included"  # narrowed by the programmes room
    SCOPE = "the node the role is held for, and all below it"
    ALL = "everyone"


_EVERYBODY = {
    Can.READ_CATALOGUE: Reach.ALL,
    Can.BOOK: Reach.SELF,
    Can.READ_BOOKINGS: Reach.SELF,
    Can.CANCEL_BOOKING: Reach.SELF,
    Can.READ_PERSON: Reach.SELF,
    Can.READ_OWN_PAGE: Reach.SELF,
    Can.READ_ACCESS_NEEDS: Reach.SELF,
    Can.READ_COMPLETIONS: Reach.SELF,
    Can.READ_ABSENCE: Reach.SELF,
    Can.ARRANGE_COVER: Reach.SELF,
    Can.READ_SUPERVISION: Reach.SELF,
    Can.RECORD_SUPERVISION: Reach.SELF,
    Can.READ_WORKLOAD: Reach.SELF,
    Can.RECORD_WORKLOAD: Reach.SELF,
    Can.READ_PDR: Reach.SELF,
    Can.WRITE_PDR: Reach.SELF,
    Can.READ_ENROLMENT: Reach.SELF,
    Can.READ_PORTFOLIO: Reach.INVOLVED,
    Can.WRITE_PORTFOLIO: Reach.INVOLVED,
    Can.SIGN: Reach.INVOLVED,
    Can.APPLY: Reach.SELF,
    Can.GIVE_EQUALITY: Reach.SELF,
    Can.LEARN_TOGETHER: Reach.SELF,
    Can.IMPORT_LEARNING: Reach.SELF,
    Can.RENEW: Reach.SELF,
    Can.READ_RENEWAL: Reach.SELF,
    Can.READ_PATHWAY: Reach.SELF,
    Can.READ_LEARNING_RECORDS: Reach.SELF,
    Can.WRITE_LEARNING_RECORDS: Reach.SELF,
    Can.BE_LISTED: Reach.SELF,
}
GRANTS: dict[Role, dict[Can, Reach]] = {
    Role.PRACTITIONER: _EVERYBODY,
    Role.MANAGER: {
        Can.READ_MEASURES: Reach.REPORTS,
        Can.READ_MEASURE_PEOPLE: Reach.REPORTS,
        Can.NOMINATE: Reach.REPORTS,
        Can.READ_REQUIRED: Reach.REPORTS,
        Can.READ_LEARNING_RECORDS: Reach.REPORTS,
        Can.BOOK: Reach.REPORTS,
        Can.READ_BOOKINGS: Reach.REPORTS,
        Can.CANCEL_BOOKING: Reach.REPORTS,
        Can.READ_PERSON: Reach.REPORTS,
        Can.READ_COMPLETIONS: Reach.REPORTS,
        Can.EXPORT_COMPLETIONS: Reach.REPORTS,
        Can.READ_ABSENCE: Reach.REPORTS,
        Can.ARRANGE_COVER: Reach.REPORTS,
        Can.READ_SUPERVISION: Reach.REPORTS,
        Can.RECORD_SUPERVISION: Reach.REPORTS,
        Can.READ_WORKLOAD: Reach.REPORTS,
        Can.RECORD_WORKLOAD: Reach.REPORTS,
        Can.READ_PDR: Reach.REPORTS,
        Can.WRITE_PDR: Reach.REPORTS,
        Can.HOLD_PDR: Reach.REPORTS,
        Can.READ_PDR_DATES: Reach.REPORTS,
        Can.READ_ENROLMENT: Reach.REPORTS,
        Can.SUPPORT_APPLICATIONS: Reach.REPORTS,
        Can.READ_RENEWAL: Reach.REPORTS,
        Can.READ_PATHWAY: Reach.REPORTS,
        Can.ENDORSE: Reach.REPORTS,
    },
    Role.ASSESSOR: {
        Can.READ_LEARNING_RECORDS: Reach.ASSIGNED,
        Can.READ_PERSON: Reach.ASSIGNED,
        Can.READ_COMPLETIONS: Reach.ASSIGNED,
        Can.READ_ABSENCE: Reach.ASSIGNED,
        Can.READ_SUPERVISION: Reach.ASSIGNED,
        Can.RECORD_SUPERVISION: Reach.ASSIGNED,
        Can.READ_WORKLOAD: Reach.ASSIGNED,
        Can.RECORD_WORKLOAD: Reach.ASSIGNED,
        Can.READ_ENROLMENT: Reach.ASSIGNED,
        Can.READ_PATHWAY: Reach.ASSIGNED,
        Can.ENDORSE: Reach.ASSIGNED,
    },
    Role.TRAINER: {Can.READ_ROSTER: Reach.DELIVERED, Can.TAKE_REGISTER: Reach.DELIVERED, Can.WRITE_TO_SESSION: Reach.DELIVERED},
    Role.COORDINATOR: {
        Can.READ_SETTINGS_TRAINING: Reach.SCOPE,  # the host's: see policy.require_for_host
        Can.READ_REQUIRED: Reach.SCOPE,
        Can.READ_LEARNING_RECORDS: Reach.SCOPE,
        Can.WRITE_CATALOGUE: Reach.ALL,
        Can.MANAGE_FRAMEWORKS: Reach.ALL,
        Can.MANAGE_SESSIONS: Reach.ALL,
        Can.BOOK: Reach.SCOPE,
        Can.READ_BOOKINGS: Reach.SCOPE,
        Can.CANCEL_BOOKING: Reach.SCOPE,
        Can.READ_ROSTER: Reach.SCOPE,
        Can.TAKE_REGISTER: Reach.SCOPE,
        Can.WRITE_TO_SESSION: Reach.SCOPE,
        Can.READ_PERSON: Reach.SCOPE,
        Can.READ_ACCESS_NEEDS: Reach.SCOPE,
        Can.READ_COMPLETIONS: Reach.SCOPE,
        Can.EXPORT_COMPLETIONS: Reach.SCOPE,
        Can.DECIDE_PRIOR: Reach.SCOPE,
        Can.READ_ABSENCE: Reach.SCOPE,
        Can.DECIDE_APPEALS: Reach.SCOPE,
        Can.TAKE_JOURNALS: Reach.SCOPE,
        Can.READ_SUPERVISION: Reach.SCOPE,
        Can.IMPORT_SUPERVISION: Reach.SCOPE,
        Can.READ_WORKLOAD: Reach.SCOPE,
        Can.RECORD_WORKLOAD: Reach.SCOPE,
        Can.READ_ENROLMENT: Reach.SCOPE,
        Can.MANAGE_ENROLMENTS: Reach.SCOPE,
        Can.READ_PORTFOLIO: Reach.SCOPE,
        Can.RUN_PANELS: Reach.SCOPE,
        Can.READ_PANELS: Reach.SCOPE,
        Can.REDACT: Reach.SCOPE,
        Can.CLAIM_GRANTS: Reach.SCOPE,
        Can.SELECT_APPLICANTS: Reach.SCOPE,
        Can.READ_EQUITY: Reach.SCOPE,  # the host's: see policy.require_for_host
        Can.READ_TOGETHER: Reach.SCOPE,
        Can.PAIR_PEOPLE: Reach.SCOPE,
        Can.IMPORT_LEARNING: Reach.SCOPE,
        Can.IMPORT_COMPLETIONS: Reach.SCOPE,
        Can.READ_RENEWAL: Reach.SCOPE,
        Can.CHECK_REGISTER: Reach.SCOPE,
        Can.READ_PROFILES: Reach.SCOPE,
        Can.READ_PATHWAY: Reach.SCOPE,
        Can.ENDORSE: Reach.SCOPE,
        Can.RECORD_PROGRESSION: Reach.SCOPE,
    },
    Role.PANEL: {Can.READ_PANELS: Reach.INVOLVED, Can.SIT_ON_PANELS: Reach.INVOLVED},
    Role.MODERATOR: {Can.MODERATE: Reach.INVOLVED},
    Role.PSW: {
        Can.READ_MEASURES: Reach.SCOPE,
        Can.READ_MEASURE_PEOPLE: Reach.SCOPE,
        Can.MANAGE_MEASURES: Reach.SCOPE,
        Can.READ_BOARD_REPORTS: Reach.SCOPE,
        Can.WRITE_BOARD_REPORTS: Reach.SCOPE,
        Can.SIGN_BOARD_REPORTS: Reach.SCOPE,
        Can.READ_SETTINGS_TRAINING: Reach.SCOPE,
        Can.READ_TALENT: Reach.SCOPE,
        Can.MANAGE_TALENT: Reach.SCOPE,
        Can.NOMINATE: Reach.SCOPE,
        Can.READ_REQUIRED: Reach.SCOPE,
        Can.MANAGE_FRAMEWORKS: Reach.SCOPE,  # held for the host organisation, or a part of it: see policy.require_for_host
        Can.READ_ENROLMENT: Reach.SCOPE,
        Can.READ_EQUITY: Reach.SCOPE,
        Can.READ_SUPERVISION: Reach.SCOPE,
        Can.READ_PDR_DATES: Reach.SCOPE,
        Can.MANAGE_PDR: Reach.SCOPE,
        Can.READ_PERSON: Reach.SCOPE,
        Can.READ_BOOKINGS: Reach.SCOPE,
        Can.READ_ROSTER: Reach.SCOPE,
        Can.READ_COMPLETIONS: Reach.SCOPE,
        Can.EXPORT_COMPLETIONS: Reach.SCOPE,
        Can.READ_RENEWAL: Reach.SCOPE,
        Can.READ_PROFILES: Reach.SCOPE,
        Can.READ_PATHWAY: Reach.SCOPE,
        Can.ENDORSE: Reach.SCOPE,
        Can.RECORD_PROGRESSION: Reach.SCOPE,
        Can.READ_TOGETHER: Reach.SCOPE,
    },
    Role.HR: {
        Can.READ_MEASURES: Reach.SCOPE,
        Can.READ_MEASURE_PEOPLE: Reach.SCOPE,
        Can.MANAGE_MEASURES: Reach.SCOPE,
        Can.READ_BOARD_REPORTS: Reach.SCOPE,
        Can.WRITE_BOARD_REPORTS: Reach.SCOPE,
        Can.TAKE_CENSUS: Reach.SCOPE,
        Can.READ_REQUIRED: Reach.SCOPE,
        Can.READ_PERSON: Reach.SCOPE,
        Can.WRITE_PERSON: Reach.SCOPE,
        Can.IMPORT_PEOPLE: Reach.SCOPE,
        Can.CONFIRM_LEAVERS: Reach.SCOPE,
        Can.READ_TRAINING_RECORDS: Reach.SCOPE,
        Can.CONFIRM_TRAINING_RECORDS: Reach.SCOPE,
        Can.READ_COMPLETIONS: Reach.SCOPE,
        Can.EXPORT_COMPLETIONS: Reach.SCOPE,
        Can.READ_ABSENCE: Reach.SCOPE,
        Can.ARRANGE_COVER: Reach.SCOPE,
        Can.SET_COST_CENTRES: Reach.SCOPE,
        Can.READ_PDR_DATES: Reach.SCOPE,
        Can.HOLD_PDR: Reach.SCOPE,
        Can.MANAGE_PDR: Reach.SCOPE,
        Can.READ_RENEWAL: Reach.SCOPE,
        Can.CHECK_REGISTER: Reach.SCOPE,
        Can.READ_PATHWAY: Reach.SCOPE,
        Can.RECORD_PROGRESSION: Reach.SCOPE,
    },
    Role.BOARD: {  # aggregates only: never READ_MEASURE_PEOPLE
        Can.READ_MEASURES: Reach.SCOPE,
        Can.READ_BOARD_REPORTS: Reach.SCOPE,
    },
    Role.SETTING_LEAD: {
        Can.READ_REQUIRED: Reach.SCOPE,
        Can.BOOK: Reach.SCOPE,
        Can.READ_BOOKINGS: Reach.SCOPE,
        Can.CANCEL_BOOKING: Reach.SCOPE,
        Can.READ_PERSON: Reach.SCOPE,
        Can.READ_COMPLETIONS: Reach.SCOPE,
        Can.READ_PATHWAY: Reach.SCOPE,
    },
    Role.ADMINISTRATOR: {
        Can.READ_PERSON: Reach.SCOPE,
        Can.MANAGE_ACCESS: Reach.SCOPE,
        Can.MANAGE_CLIENTS: Reach.SCOPE,
        Can.READ_AUDIT: Reach.SCOPE,
        Can.READ_DELIVERIES: Reach.SCOPE,
        Can.SET_COST_CENTRES: Reach.SCOPE,
    },
}

# What an API client may do with each scope, within its organisation if it is limited to one.
SCOPES: dict[str, tuple[Can, ...]] = {
    "people:read": (Can.READ_PERSON,),
    "people:write": (Can.READ_PERSON, Can.WRITE_PERSON),
    "catalogue:read": (Can.READ_CATALOGUE,),
    "catalogue:write": (Can.READ_CATALOGUE, Can.WRITE_CATALOGUE, Can.MANAGE_SESSIONS),
    "bookings:read": (Can.READ_CATALOGUE, Can.READ_BOOKINGS, Can.READ_ROSTER),
    "bookings:write": (Can.READ_CATALOGUE, Can.READ_BOOKINGS, Can.BOOK, Can.CANCEL_BOOKING),
    "supervision:read": (Can.READ_SUPERVISION,),
    "completions:read": (Can.READ_COMPLETIONS, Can.EXPORT_COMPLETIONS),
    "completions:write": (Can.READ_COMPLETIONS, Can.WRITE_COMPLETIONS),
    "programmes:read": (Can.READ_ENROLMENT,),
    "pathways:read": (Can.READ_PATHWAY,),
    "learning-records:read": (Can.READ_LEARNING_RECORDS,),
    "measures:read": (Can.READ_MEASURES,),
    "talent:read": (Can.READ_TALENT,),
    "organisation:read": (Can.READ_ORGANISATION,),
    "people:import": (Can.READ_PERSON, Can.WRITE_PERSON, Can.IMPORT_PEOPLE),
    "changes:read": (Can.READ_CHANGES,),  # and of each resource only what the client has the scope for
    "webhooks:write": (Can.MANAGE_WEBHOOKS,),
    "training-records:read": (Can.READ_TRAINING_RECORDS,),
    "training-records:write": (Can.READ_TRAINING_RECORDS, Can.CONFIRM_TRAINING_RECORDS),
    "scim": (Can.READ_PERSON, Can.WRITE_PERSON, Can.READ_ORGANISATION, Can.PROVISION),
}


def roles_with(can: Can) -> list[str]:
    """The roles that this permission follows from, whatever they reach."""
    return [role.value for role, grants in GRANTS.items() if can in grants]
