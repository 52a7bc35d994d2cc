"""What a file with a programme may hold: the shape of it; `rule_schema` is that of the others. docs/frameworks.md explains it.

`checks` says what must hold between the parts. The definition kept with a programme's version is `Programme.model_dump(mode="json")`.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

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
    after: Roles = []  # it is written only once all that is asked of these is answered; empty: at any time of one's turn
    items: Annotated[list[Item], Field(min_length=1, max_length=60)]

    @model_serializer(mode="wrap")
    def _kept(self, usual: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Kept only where it is said, so that definitions from before have the fingerprint they had."""
        kept: dict[str, Any] = usual(self)
        if not self.after:
            kept.pop("after", None)
        return kept


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


class ProgrammeFile(Part):
    """A file with one version of one programme."""

    programme: Programme
