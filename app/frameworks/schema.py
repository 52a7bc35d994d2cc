"""What a file of programmes, rules or standards may hold: the shape of it. docs/frameworks.md explains it field by field.

`checks` says what must hold between the parts. The definition kept with a programme's version is `Programme.model_dump(mode="json")`.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Code = Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9-]{0,39}$")]  # ASYE-CF
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]  # line_manager
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ./_-]{0,39}$")]
Title = Annotated[str, Field(min_length=1, max_length=200)]
Words = Annotated[str, Field(max_length=4000)]
Percent = Annotated[int, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=0, le=1000)]
Pounds = Annotated[int, Field(ge=0, le=1_000_000)]
Months = Annotated[int, Field(ge=1, le=120)]
Roles = Annotated[list[Name], Field(max_length=20)]


def _spoken(value: object) -> object:
    """`verified: true` in YAML is not text, and says the same."""
    return str(value).lower() if isinstance(value, bool) else value


Verified = Annotated[Literal["true", "partial", "false"], BeforeValidator(_spoken)]


DOCUMENT_KINDS = (
    "form",
    "observation",
    "professional_feedback",
    "family_feedback",
    "review",
    "agreement",
    "self_assessment",
    "plan",
    "upload",
)
DocumentKind = Literal[
    "form", "observation", "professional_feedback", "family_feedback", "review", "agreement", "self_assessment", "plan", "upload"
]
ProgrammeKind = Literal["early_career", "apprenticeship", "leadership", "development", "induction", "return_to_practice"]
Measure = Literal["supervision", "workload", "protected_time", "off_the_job", "ksbs", "english_maths", "safeguarding", "minimum_months"]


class Part(BaseModel):
    """Nothing beyond what is named here, and nothing converted: 2 is not "2"."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Item(Part):
    """One question of a form."""

    code: Name
    label: Title
    guidance: Words = ""
    type: Literal["text", "short", "date", "choice", "yes_no", "number"] = "text"
    choices: Annotated[list[Title], Field(max_length=20)] = []
    by: Roles = []  # who answers; empty: whoever completes the document
    required: bool = True


class Section(Part):
    """Questions that belong together."""

    code: Name
    title: Title
    guidance: Words = ""
    items: Annotated[list[Item], Field(min_length=1, max_length=60)]


class Form(Part):
    """What is asked."""

    sections: Annotated[list[Section], Field(max_length=30)] = []


class Document(Part):
    """A document that a stage asks for."""

    code: Code
    title: Title
    kind: DocumentKind
    required: bool = True
    repeatable: bool = False
    in_portfolio: bool = True
    completed_by: Annotated[list[Name], Field(min_length=1, max_length=20)]
    signed_by: Roles = []
    form: Form = Form()


class Stage(Part):
    """A part of a programme with its review, the panel, or the gateway."""

    code: Code
    title: Title
    kind: Literal["stage", "panel", "gateway"] = "stage"
    due_month: Annotated[int, Field(ge=0, le=120)]
    meeting: Title | None = None
    attends: Roles = []
    optional: bool = False
    documents: Annotated[list[Document], Field(max_length=60)] = []


SIDES = {  # the parts that the service knows, and on which side each is; a programme gives them titles of its own
    "nqsw": "learner",
    "apprentice": "learner",
    "participant": "learner",
    "assessor": "assessing",
    "line_manager": "assessing",
    "observer": "assessing",
    "other_professional": "assessing",
    "employer": "assessing",
    "provider": "assessing",
    "mentor": "assessing",
    "chair": "moderating",
    "panel_member": "moderating",
    "external_moderator": "moderating",
    "family_feedback": "contributing",
    "coordinator": "organising",
    "administrator": "organising",
}


class Role(Part):
    """A part somebody plays for an enrolment: one of SIDES. Nobody is on two sides of one enrolment."""

    code: Name
    title: Title
    side: Literal["learner", "assessing", "moderating", "contributing", "organising"]
    registered: bool = False  # must be registered with Social Work England
    national_code: int | None = None  # in the national digital service


class Eligibility(Part):
    """Who may take part, and for whom the grant can be claimed."""

    registered: Literal["required", "not_needed", "by_completion"]  # with Social Work England
    statutory_role: bool = False  # in a statutory child and family role
    agency: Literal["allowed", "by_agreement", "without_grant", "not_allowed"] = "allowed"
    max_years_for_grant: Annotated[int, Field(ge=1, le=50)] | None = None  # since qualifying; whoever is over may take part without it
    funded_before: Literal["allowed", "without_grant"] = "allowed"
    notes: Annotated[list[Words], Field(max_length=20)] = []


class Grant(Part):
    """What the employer can claim for each person, in whole pounds."""

    total_gbp: Pounds
    at_registration_gbp: Pounds
    at_completion_gbp: Pounds
    funded_until: date | None = None  # the last day
    note: Words = ""


class Evidence(Part):
    """The fewest pieces of evidence over the whole programme."""

    direct_observations: Count = 0
    feedback_from_people_supported: Count = 0
    feedback_from_professionals: Count = 0
    self_assessments: Count = 0


class Reason(Part):
    """A reason to choose from."""

    code: Name
    title: Title


class Pause(Part):
    """When the clock may stop, for what, and who must agree."""

    agreed_by: Roles
    reasons: Annotated[list[Reason], Field(min_length=1, max_length=30)]
    not_for: Annotated[list[Reason], Field(max_length=30)] = []


class Extension(Part):
    """Who must agree to more time, and the longest a programme may take in all."""

    agreed_by: Roles
    maximum_months: Months | None = None


class Transfer(Part):
    """Who must agree to a move to or from another employer."""

    agreed_by: Roles


class Withdrawal(Part):
    """Who must agree, and the reasons."""

    agreed_by: Roles
    reasons: Annotated[list[Reason], Field(min_length=1, max_length=30)]


class AssessorChange(Part):
    """The document that is looked at again, in a new version if anything changes."""

    document: Code
    signed_by: Roles


class Criterion(Part):
    """What a panel or a selection judges by."""

    code: Name
    title: Title
    guidance: Words = ""


class Panel(Part):
    """How the panel decides; its stage has the kind panel."""

    decides: Annotated[list[Literal["confirm", "return", "not_confirmed"]], Field(min_length=1)]
    reading_days: Annotated[int, Field(ge=0, le=60)]  # working days before the sitting
    criteria: Annotated[list[Criterion], Field(min_length=1, max_length=30)]
    external_sample_percent: Percent = 0  # of portfolios, for external moderation


class ChecklistLine(Part):
    """One line of the list that says whether a portfolio is ready. Everything named in it must hold."""

    code: Name
    title: Title
    complete: list[Code] = []  # documents that are complete
    signed: list[Code] = []  # documents that everybody has signed
    kind: DocumentKind | None = None  # with `at_least`: so many complete documents of this kind, whatever their stage
    at_least: Annotated[int, Field(ge=1, le=100)] | None = None
    measure: Measure | None = None  # what the service counts by itself
    confirmed_by: Name | None = None  # somebody in this role says so


class Selection(Part):
    """For programmes that people apply for."""

    criteria: Annotated[list[Criterion], Field(min_length=1, max_length=30)]
    manager_support: bool = True


class SetNamed(Part):
    """One version of a standards set."""

    code: Code
    version: Version


class Apprenticeship(Part):
    """The occupational standard; its newest version at enrolment counts, and the rules by the start date."""

    standard: Code


class Programme(Part):
    """One version of one programme."""

    code: Code
    title: Title
    version: Version
    kind: ProgrammeKind
    former_names: Annotated[list[Title], Field(max_length=20)] = []
    summary: Words = ""
    provisional: bool = False
    source: Annotated[str, Field(min_length=1, max_length=4000)]
    verified: Verified
    starts_from: date | None = None
    starts_to: date | None = None
    nominal_months: Months
    part_time: Literal["pro rata", "as full time"] = "pro rata"  # how months pass for somebody who works part time
    standards: SetNamed | None = None
    roles: Annotated[list[Role], Field(min_length=1, max_length=30)]
    eligibility: Eligibility
    grant: Grant | None = None
    minimum_evidence: Evidence = Evidence()
    supervision_rule: Code | None = None
    protected_percent: Percent | None = None  # of working time, for learning
    workload_percent: Percent | None = None  # of an experienced worker's
    pause: Pause | None = None
    extension: Extension | None = None
    transfer: Transfer | None = None
    withdrawal: Withdrawal | None = None
    assessor_change: AssessorChange | None = None
    outcomes: Annotated[list[Literal["pass", "fail"]], Field(min_length=1, max_length=2)]
    recommended_by: Name | None = None
    confirmed_by: Name | None = None  # a role; "panel_member": the panel
    panel: Panel | None = None
    selection: Selection | None = None
    apprenticeship: Apprenticeship | None = None
    checklist: Annotated[list[ChecklistLine], Field(max_length=40)] = []
    stages: Annotated[list[Stage], Field(min_length=1, max_length=40)]


# Rules and standards -------------------------------------------------------------------------------------------------


class SupervisionPeriod(Part):
    """From when to when counted from the start, and how often. The first day or month is included, the last is not; no end: to the end."""

    label: Title
    from_day: Annotated[int, Field(ge=0, le=4000)] | None = None
    from_month: Annotated[int, Field(ge=0, le=120)] | None = None
    to_day: Annotated[int, Field(ge=1, le=4000)] | None = None
    to_month: Annotated[int, Field(ge=1, le=120)] | None = None
    every_days: Annotated[int, Field(ge=1, le=400)] | None = None
    every_months: Annotated[int, Field(ge=1, le=24)] | None = None


SupervisionKind = Literal["professional", "reflective", "case", "group_reflective", "management_oversight", "conference_chair"]


class SupervisionDefinition(Part):
    """How often supervision is due and what counts towards it."""

    source: Words
    verified: Verified
    applies_to: Words
    counts: Annotated[list[SupervisionKind], Field(min_length=1)]  # kinds that count towards the frequency
    supplementary: list[SupervisionKind] = []  # shown, never instead
    report_reflective_separately: bool = False
    reflective_supervisor_registered: bool = False
    minimum_minutes: Annotated[int, Field(ge=1, le=600)] | None = None
    minutes_effect: Literal["show_only", "counts"] = "show_only"  # counts: a shorter one does not count
    proportionate: bool = False  # to part-time hours
    periods: Annotated[list[SupervisionPeriod], Field(min_length=1, max_length=20)]


class SupervisionRule(Part):
    """One version of one rule."""

    code: Code
    version: Version
    title: Title
    definition: SupervisionDefinition


class SupervisionRules(Part):
    """A file of them."""

    supervision_rules: Annotated[list[SupervisionRule], Field(min_length=1, max_length=50)]


class Ksb(Part):
    """A piece of knowledge, a skill or a behaviour."""

    code: Annotated[str, Field(pattern=r"^[KSB][1-9][0-9]{0,2}$")]
    title: Annotated[str, Field(min_length=1, max_length=1000)]
    verified: bool = False


class ApprenticeshipStandard(Part):
    """One version of one occupational standard."""

    code: Code
    version: Version
    title: Title
    level: Annotated[int, Field(ge=2, le=8)]
    typical_months: Months
    otj_minimum_hours: Annotated[int, Field(ge=1, le=5000)] | None = None
    otj_note: Words = ""
    regulated: bool = False
    options: Annotated[list[Title], Field(max_length=10)] = []
    verified: Verified
    ksbs: Annotated[list[Ksb], Field(max_length=300)] = []


class Review(Part):
    """How often the three meet."""

    every_months: Annotated[int, Field(ge=1, le=24)] | None = None  # to the end of that calendar month after the last review
    every_weeks: Annotated[int, Field(ge=1, le=104)] | None = None
    parties: Roles
    signed: bool = True
    alternative_if: Words = ""


class Terms(Part):
    """What these rules call things."""

    assessment: Title
    gateway: Title
    assessor_body: Title


class ApprenticeshipDefinition(Part):
    """What a set of funding rules asks for."""

    source: Words
    verified: Verified
    otj_basis: Literal["published_hours", "hours_per_week", "percent_of_hours"]
    otj_words: Title  # as the page says it
    otj_hours_per_week: Annotated[int, Field(ge=1, le=40)] | None = None  # of somebody in full-time work
    otj_percent: Percent | None = None  # of working hours; under hours_per_week that of part-time workers
    otj_floor_hours: Annotated[int, Field(ge=1, le=5000)] | None = None  # however much was learnt before
    minimum_months: Months
    progress_review: Review
    english_maths: Literal["required", "optional_19_plus"]
    terms: Terms


class ApprenticeshipRule(Part):
    """The rules of apprenticeships that start in this span."""

    code: Code
    title: Title
    starts_from: date | None = None
    starts_to: date | None = None
    definition: ApprenticeshipDefinition


class Apprenticeships(Part):
    """A file of standards, rules, or both."""

    apprenticeship_standards: Annotated[list[ApprenticeshipStandard], Field(max_length=200)] = []
    apprenticeship_rules: Annotated[list[ApprenticeshipRule], Field(max_length=50)] = []


class StandardItem(Part):
    """One standard of a set."""

    code: Code
    number: Annotated[int, Field(ge=1, le=1000)]
    title: Title
    verified: Verified = "false"


class StandardsSet(Part):
    """One version of one set. What is known of it beyond these is kept in the file only."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    code: Code
    version: Version
    title: Title
    in_force_from: date | None = None
    in_force_to: date | None = None
    verified: Verified = "false"
    items: Annotated[list[StandardItem], Field(min_length=1, max_length=300)]


class StandardsSets(Part):
    """A file of them."""

    standards_sets: Annotated[list[StandardsSet], Field(min_length=1, max_length=50)]


class ProgrammeFile(Part):
    """A file with one version of one programme."""

    programme: Programme
