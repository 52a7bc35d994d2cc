"""What must hold between the parts of a file whose shape is right: names lead somewhere, orders rise, numbers can be reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from app.frameworks.reading import Place
from app.frameworks.rule_schema import ApprenticeshipRule, Apprenticeships, StandardsSets, SupervisionRules
from app.frameworks.schema import SIDES, ChecklistLine, Document, Item, Programme, Stage

Wrong = tuple[Place, str, str]  # where, what, the remedy
PANEL = "panel_member"
_MINIMUM = {
    "direct_observations": ("observation", "direct observations"),
    "feedback_from_people_supported": ("family_feedback", "pieces of feedback from people supported"),
    "feedback_from_professionals": ("professional_feedback", "pieces of feedback from professionals"),
    "self_assessments": ("self_assessment", "self-assessments"),
}


def of_programme(made: Programme) -> list[Wrong]:
    """Everything in one version of a programme that does not hold together."""
    found: list[Wrong] = []
    for check in (_spans, _parts, _roles, _codes, _stages, _agreements, _minimums, _panel, _checklist, _kinds):
        found += [(("programme", *place), wrong, remedy) for place, wrong, remedy in check(made)]
    return found


def _spans(made: Programme) -> Iterator[Wrong]:
    if made.starts_from and made.starts_to and made.starts_to < made.starts_from:
        yield ("starts_to",), "The last start date is before the first.", "Exchange them, or take one out."
    if made.grant and made.grant.total_gbp != made.grant.at_registration_gbp + made.grant.at_completion_gbp:
        yield (
            ("grant", "total_gbp"),
            "The total is not what is paid at registration and at completion together.",
            "Correct one of the three.",
        )


def _repeated(place: Place, values: Iterable[Any], what: str) -> Iterator[Wrong]:
    seen: set[Any] = set()
    for n, value in enumerate(values):
        if value in seen:
            yield (*place, n, "code"), f"The {what} “{value}” is given twice.", "Give each its own code."
        seen.add(value)


def _codes(made: Programme) -> Iterator[Wrong]:
    yield from _repeated(("roles",), (role.code for role in made.roles), "role")
    yield from _repeated(("stages",), (stage.code for stage in made.stages), "stage")
    yield from _repeated(("checklist",), (line.code for line in made.checklist), "line")
    for name in ("panel", "selection"):
        held = getattr(made, name)
        if held is not None:
            yield from _repeated((name, "criteria"), (each.code for each in held.criteria), "criterion")
    first: dict[str, str] = {}
    for place, stage, document in documents(made):
        if document.code in first:
            yield (*place, "code"), f"The document “{document.code}” stands in {first[document.code]} too.", "Give each its own code."
        first.setdefault(document.code, stage.code)
        sections = document.form.sections
        yield from _repeated((*place, "form", "sections"), (section.code for section in sections), "section")
        items: dict[str, str] = {}
        for s, section in enumerate(sections):
            for i, item in enumerate(section.items):
                if item.code in items:
                    where = (*place, "form", "sections", s, "items", i, "code")
                    yield (
                        where,
                        f"The item “{item.code}” stands in section {items[item.code]} too.",
                        "Give each item of a document its own code.",
                    )
                items.setdefault(item.code, section.code)


def documents(made: Programme) -> Iterator[tuple[Place, Stage, Document]]:
    """(place in the programme, stage, document) for every document."""
    for s, stage in enumerate(made.stages):
        for d, document in enumerate(stage.documents):
            yield ("stages", s, "documents", d), stage, document


def _named(place: Place, given: Iterable[str], known: set[str], what: str = "role", where: str = "roles") -> Iterator[Wrong]:
    for n, name in enumerate(given):
        if name not in known:
            yield (*place, n), f"There is no {what} “{name}” in this programme.", f"Add it under {where}, or correct the name."


def _parts(made: Programme) -> Iterator[Wrong]:
    for n, role in enumerate(made.roles):
        if role.code not in SIDES:
            yield ("roles", n, "code"), f"The service knows no part “{role.code}”.", f"Use one of {', '.join(SIDES)}, with your own title."
        elif role.side != SIDES[role.code]:
            yield ("roles", n, "side"), f"“{role.code}” is on the side {SIDES[role.code]}.", f"Write side: {SIDES[role.code]}."
    learners = [role.code for role in made.roles if role.side == "learner"]
    if len(learners) != 1:
        yield ("roles",), f"There must be one role on the learner's side, and there are {len(learners)}.", "Set side: learner for one role."


def _roles(made: Programme) -> Iterator[Wrong]:
    known = {role.code for role in made.roles}
    for s, stage in enumerate(made.stages):
        yield from _named(("stages", s, "attends"), stage.attends, known)
    for place, _, document in documents(made):
        yield from _named((*place, "completed_by"), document.completed_by, known)
        yield from _named((*place, "signed_by"), document.signed_by, known)
        for n, signs in enumerate(document.signed_by):
            if signs in document.signed_by[:n]:
                yield (*place, "signed_by", n), f"“{signs}” signs twice.", "Nobody signs the same document twice: keep the first."
        for s, section in enumerate(document.form.sections):
            yield from _later((*place, "form", "sections", s, "after"), document, s, known)
            for i, item in enumerate(section.items):
                yield from _item((*place, "form", "sections", s, "items", i), item, document, known)
    for name in ("recommended_by", "confirmed_by"):
        named = getattr(made, name)
        if named is not None and named not in known:
            yield (name,), f"There is no role “{named}” in this programme.", "Add it under roles, or correct the name."


def _later(place: Place, document: Document, s: int, known: set[str]) -> Iterator[Wrong]:
    """What is written after somebody's part needs that part to stand before it: else nobody could ever go on."""
    section = document.form.sections[s]
    yield from _named(place, section.after, known)
    before = [item for one in document.form.sections[:s] for item in one.items if item.required]
    for n, code in enumerate(section.after):
        if code in known and not any(code in (item.by or document.completed_by) for item in before):
            yield (*place, n), f"“{code}” has nothing to answer before this section.", "Put their section before it, or take the word out."


def _item(place: Place, item: Item, document: Document, known: set[str]) -> Iterator[Wrong]:
    if item.type == "choice" and len(item.choices) < 2:
        yield (*place, "choices"), "A choice needs two answers or more to choose from.", "List them, or take another type."
    if item.type != "choice" and item.choices:
        yield (*place, "choices"), f"An item of the type {item.type} has no choices.", "Take them out, or set type: choice."
    if len(set(item.choices)) < len(item.choices):
        yield (*place, "choices"), "An answer stands there twice.", "Keep it once."
    allowed = {*document.completed_by, *document.signed_by}
    for n, code in enumerate(item.by):
        if code in known and code not in allowed:
            yield (*place, "by", n), f"“{code}” neither completes nor signs this document.", "Add the role to completed_by."
    yield from _named((*place, "by"), item.by, known)


def _stages(made: Programme) -> Iterator[Wrong]:
    before = 0
    for n, stage in enumerate(made.stages):
        place: Place = ("stages", n)
        if stage.due_month < before:
            yield (
                (*place, "due_month"),
                f"It is due in month {stage.due_month}, before the stage above it.",
                "Put the stages in the order they are due.",
            )
        before = max(before, stage.due_month)
        for d, document in enumerate(stage.documents):
            if document.kind != "upload" and not document.form.sections:
                yield (*place, "documents", d), "It has no form.", "Add form: sections: with items, or set kind: upload."
    sittings = [n for n, stage in enumerate(made.stages) if stage.kind == "panel"]
    for n in sittings[1:]:
        yield ("stages", n, "kind"), "There is a panel already.", "A programme has one panel stage at most."


def _agreements(made: Programme) -> Iterator[Wrong]:
    known = {role.code for role in made.roles}
    for name in ("pause", "extension", "transfer", "withdrawal"):
        held = getattr(made, name)
        if held is not None:
            yield from _named((name, "agreed_by"), held.agreed_by, known)
            yield from _repeated((name, "reasons"), (reason.code for reason in getattr(held, "reasons", ())), "reason")
    if made.extension and made.extension.maximum_months is not None and made.extension.maximum_months < made.nominal_months:
        yield ("extension", "maximum_months"), "The longest time is shorter than the usual one.", "Correct one of them."
    change = made.assessor_change
    if change is not None:
        yield from _named(("assessor_change", "signed_by"), change.signed_by, known)
        if change.document not in {document.code for _, _, document in documents(made)}:
            yield ("assessor_change", "document"), f"There is no document “{change.document}”.", "Name one of the stages' documents."


def _minimums(made: Programme) -> Iterator[Wrong]:
    """So many must be possible: each document counts once, a repeatable one any number of times."""
    for name, (kind, words) in _MINIMUM.items():
        least = getattr(made.minimum_evidence, name)
        there = [document for _, _, document in documents(made) if document.kind == kind]
        if least and len(there) < least and not any(document.repeatable for document in there):
            wrong = f"{least} {words} are needed, and the stages have room for {len(there)}."
            yield ("minimum_evidence", name), wrong, f"Add documents of the kind {kind}, or make one repeatable."


def _panel(made: Programme) -> Iterator[Wrong]:
    sits = any(stage.kind == "panel" for stage in made.stages)
    if sits and made.panel is None:
        yield (
            ("stages",),
            "There is a panel stage, and nothing says how the panel decides.",
            "Add “panel:” with decides, reading_days and criteria.",
        )
    if made.panel is not None and not sits:
        yield ("panel",), "It says how a panel decides, and no stage has the kind panel.", "Add the stage, or take this out."
    if sits and PANEL not in {one.code for one in made.roles}:
        yield ("roles",), f"There is a panel stage and no role {PANEL}.", f"Add {PANEL} with side: moderating."
    if made.confirmed_by == PANEL and not sits:
        yield ("confirmed_by",), "The panel confirms the outcome, and no stage has the kind panel.", "Add the stage, or name another role."
    for place, _, document in documents(made):
        for s, section in enumerate(document.form.sections):
            for i, item in enumerate(section.items):
                if item.code == "recommendation" and not set(item.choices) <= set(made.outcomes):
                    where = (*place, "form", "sections", s, "items", i, "choices")
                    yield where, "A recommendation is one of the programme's outcomes.", f"Use {', '.join(made.outcomes)}."


def _checklist(made: Programme) -> Iterator[Wrong]:
    codes = {document.code: document for _, _, document in documents(made)}
    roles = {role.code for role in made.roles}
    for n, line in enumerate(made.checklist):
        place: Place = ("checklist", n)
        if not _asks(line):
            yield place, "Nothing says when this line is met.", "Add complete, signed, kind with at_least, measure or confirmed_by."
        if (line.kind is None) != (line.at_least is None):
            yield place, "kind and at_least go together.", "Add the other one."
        for name in ("complete", "signed"):
            yield from _named((*place, name), getattr(line, name), set(codes), "document", "a stage's documents")
        for d, code in enumerate(line.signed):
            if code in codes and not codes[code].signed_by:
                yield (*place, "signed", d), f"Nobody signs {code}.", "Put it under complete, or say who signs it."
        if line.confirmed_by is not None and line.confirmed_by not in roles:
            yield (*place, "confirmed_by"), f"There is no role “{line.confirmed_by}” in this programme.", "Correct the name."


def _asks(line: ChecklistLine) -> bool:
    return bool(line.complete or line.signed or line.kind or line.measure or line.confirmed_by)


def _kinds(made: Programme) -> Iterator[Wrong]:
    if (made.kind == "apprenticeship") != (made.apprenticeship is not None):
        yield (
            ("apprenticeship",),
            "A programme of the kind apprenticeship names its standard here, and no other does.",
            "Correct kind or this.",
        )


# Rules ---------------------------------------------------------------------------------------------------------------


def of_supervision(made: SupervisionRules) -> list[Wrong]:
    """Periods that say how often, in order, without a gap."""
    found: list[Wrong] = []
    for n, rule in enumerate(made.supervision_rules):
        periods = rule.definition.periods
        for p, period in enumerate(periods):
            place: Place = ("supervision_rules", n, "definition", "periods", p)
            if (period.every_days is None) == (period.every_months is None):
                found.append((place, "Say how often in days or in months.", "Give one of every_days and every_months."))
            last = p == len(periods) - 1
            if (period.to_day is None and period.to_month is None) != last:
                found.append((place, "Every period but the last has an end.", "Give to_day or to_month, or take it out of the last."))
            if p and (period.from_day, period.from_month) != (periods[p - 1].to_day, periods[p - 1].to_month):
                found.append((place, "It does not begin where the one before ends.", "Repeat the day or month at which that one ends."))
    return found + _pairs(("supervision_rules",), ((rule.code, rule.version) for rule in made.supervision_rules))


def _pairs(place: Place, given: Iterable[tuple[str, str]]) -> list[Wrong]:
    pairs = list(given)
    return [
        ((*place, n), f"{' '.join(pair)} is given twice.", "Give one of them another version.")
        for n, pair in enumerate(pairs)
        if pair in pairs[:n]
    ]


def of_apprenticeships(made: Apprenticeships) -> list[Wrong]:
    """Codes once; the basis of off-the-job hours with its figure."""
    found: list[Wrong] = []
    for n, standard in enumerate(made.apprenticeship_standards):
        found += _repeated(("apprenticeship_standards", n, "ksbs"), (ksb.code for ksb in standard.ksbs), "entry")
        if standard.otj_minimum_hours is not None and not standard.otj_note:
            place: Place = ("apprenticeship_standards", n, "otj_minimum_hours")
            found.append((place, "Nothing says where this figure is from.", "Add otj_note with its source."))
    found += _pairs(("apprenticeship_standards",), ((each.code, each.version) for each in made.apprenticeship_standards))
    found += _repeated(("apprenticeship_rules",), (rule.code for rule in made.apprenticeship_rules), "rule")
    for n, rule in enumerate(made.apprenticeship_rules):
        found += [(("apprenticeship_rules", n, *place), wrong, remedy) for place, wrong, remedy in _rule(rule)]
    return found


def _rule(rule: ApprenticeshipRule) -> Iterator[Wrong]:
    if rule.starts_from and rule.starts_to and rule.starts_to < rule.starts_from:
        yield ("starts_to",), "The last start date is before the first.", "Exchange them."
    held, review = rule.definition, rule.definition.progress_review
    if held.otj_basis == "hours_per_week" and held.otj_hours_per_week is None:
        yield ("definition", "otj_basis"), "The hours for each week are missing.", "Add otj_hours_per_week."
    if held.otj_basis == "percent_of_hours" and held.otj_percent is None:
        yield ("definition", "otj_basis"), "The percentage is missing.", "Add otj_percent."
    if (review.every_months is None) == (review.every_weeks is None):
        yield ("definition", "progress_review"), "Say how often in months or in weeks.", "Give one of every_months and every_weeks."


def of_standards(made: StandardsSets) -> list[Wrong]:
    """Codes and numbers once in a set, dates the right way round."""
    found: list[Wrong] = []
    for n, each in enumerate(made.standards_sets):
        if each.in_force_from and each.in_force_to and each.in_force_to < each.in_force_from:
            place: Place = ("standards_sets", n, "in_force_to")
            found.append((place, "It goes out of force before it comes into force.", "Exchange the dates."))
        found += _repeated(("standards_sets", n, "items"), (item.code for item in each.items), "standard")
        numbers = [item.number for item in each.items]
        found += [
            (("standards_sets", n, "items", i, "number"), f"Two standards have the number {number}.", "Number them one after the other.")
            for i, number in enumerate(numbers)
            if number in numbers[:i]
        ]
    return found + _pairs(("standards_sets",), ((each.code, each.version) for each in made.standards_sets))
