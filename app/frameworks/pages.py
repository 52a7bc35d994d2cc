"""Reading programmes, standards and rules: what there is, one version with its stages and documents, two versions side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import yaml
from sqlalchemy import Row, select
from starlette.responses import Response

from app.core.errors import NotFound
from app.core.tx import Tx
from app.doors import Page, Pages
from app.frameworks import listings, queries, words
from app.frameworks.comparing import differences
from app.frameworks.models import ApprenticeshipStandard, StandardsSet, SupervisionRule
from app.frameworks.schema import ProgrammeFile
from app.policy import Can

pages = Pages()
DONE = {
    "loaded": ("The file is loaded.", "It counts for nobody until it is published."),
    "there": ("This version was loaded before, with the same content.", "Nothing was changed."),
    "in-force": ("The file is loaded.", "What it holds is in force for enrolments from now on."),
    "published": ("It is published.", "Enrolments from now on use it. Those that run already stay as they are."),
    "withdrawn": ("The version is withdrawn.", "Nobody new can be enrolled on it. Those on it finish on it."),
    "discarded": ("The draft is gone.", ""),
}


@pages.get("/frameworks", can=Can.READ_CATALOGUE)
def everything(tx: Tx, page: Page) -> Response:
    """Every programme by what it is for, then standards sets and rules. Drafts are for those who work on them."""
    manages = page.can("MANAGE_FRAMEWORKS")
    found = [row for row in listings.versions(tx) if manages or row.state != "draft"]
    groups = [(title, [row for row in found if row.kind == kind]) for kind, title in words.KINDS.items()]
    return page.render(
        "frameworks/list.html",
        groups=[(title, rows) for title, rows in groups if rows],
        sets=listings.sets(tx),
        rules=[row for row in listings.rules(tx) if manages or row.state != "draft"],
        occupations=sorted(_newest(listings.occupations(tx)).values(), key=lambda row: row.title),
        funding=listings.funding(tx),
        words=words,
        today=tx.today,
        done=DONE.get(page.query("done"), ("", "")),
    )


def _newest(rows: Sequence[Row[Any]]) -> dict[str, Row[Any]]:
    """Of versions that come newest first, the first of each code."""
    return {row.code: row for row in reversed(rows)}


def seen(tx: Tx, page: Page, version_id: int) -> Row[Any]:
    """The version, or NotFound; a draft is for those who work on it."""
    row = queries.version(tx, version_id)
    if row.state == "draft" and not page.can("MANAGE_FRAMEWORKS"):
        raise NotFound("There is no version of a programme with that reference.", code="version-not-found")
    return row


@pages.get("/frameworks/versions/{version_id:int}", can=Can.READ_CATALOGUE)
def one_version(tx: Tx, page: Page, version_id: int) -> Response:
    """One version: what it asks for, stage by stage."""
    row = seen(tx, page, version_id)
    documents: dict[int, list[Row[Any]]] = {}
    titles: dict[str, str] = {}
    for document in queries.templates(tx, version_id):
        documents.setdefault(document.stage_id, []).append(document)
        titles[document.code] = document.title
    held: dict[str, Any] = row.definition
    others = [each for each in listings.versions(tx, row.programme_code) if each.id != version_id]
    standard = queries.apprenticeship_standard(tx, held["apprenticeship"]["standard"]) if held["apprenticeship"] else None
    return page.render(
        "frameworks/version.html",
        version=row,
        held=held,
        stages=queries.stages(tx, version_id),
        documents=documents,
        standards=queries.standards_set(tx, row.standards_set_id) if row.standards_set_id else None,
        rule=queries.rule(tx, held["supervision_rule"]) if held["supervision_rule"] else None,
        standard=standard,
        others=[each for each in others if each.state != "draft" or page.can("MANAGE_FRAMEWORKS")],
        titles=words.roles(held),
        checklist=words.checklist(held, titles),
        words=words,
        done=DONE.get(page.query("done"), ("", "")),
    )


@pages.get("/frameworks/versions/{version_id:int}/documents/{code}", can=Can.READ_CATALOGUE)
def one_document(tx: Tx, page: Page, version_id: int, code: str) -> Response:
    """A document's form, as those who complete it will meet it."""
    row = seen(tx, page, version_id)
    found = next((each for each in queries.templates(tx, version_id) if each.code == code), None)
    if found is None:
        raise NotFound("This version has no document with that code.", code="document-not-found")
    return page.render("frameworks/document.html", version=row, document=found, titles=words.roles(row.definition), words=words)


@pages.get("/frameworks/versions/{version_id:int}.yaml", can=Can.READ_CATALOGUE)
def download(tx: Tx, page: Page, version_id: int) -> Response:
    """The version as a file that can be changed and loaded as another version."""
    row = seen(tx, page, version_id)
    made = ProgrammeFile.model_validate_json(json.dumps({"programme": row.definition}))
    text = yaml.safe_dump(made.model_dump(exclude_defaults=True), sort_keys=False, allow_unicode=True, width=140)
    name = f"{row.programme_code}-{row.version}".lower().replace("/", "-").replace(" ", "-")
    headers = {"content-disposition": f'attachment; filename="{name}.yaml"'}
    return page.finish(Response(text, 200, headers, "application/yaml; charset=utf-8"))


@pages.get("/frameworks/compare", can=Can.READ_CATALOGUE)
def compare(tx: Tx, page: Page) -> Response:
    """Two versions: what was added, removed and changed, in words. `programme` offers the versions of that one only."""
    old, new = (seen(tx, page, key) if key else None for key in (page.number("old", 0), page.number("new", 0)))
    all_of_them = [row for row in listings.versions(tx) if row.state != "draft" or page.can("MANAGE_FRAMEWORKS")]
    code = new.programme_code if new else page.query("programme")
    chosen = {row.id for row in (old, new) if row is not None}
    return page.render(
        "frameworks/compare.html",
        options=[
            (row.id, f"{row.programme_code} {row.version}")
            for row in all_of_them
            if not code or row.programme_code == code or row.id in chosen
        ],
        old=old,
        new=new,
        found=differences(_compared(old), _compared(new)) if old and new else [],
        where="/frameworks/compare",
        opens="/frameworks/versions/",
        named=_version_name,
    )


def _version_name(row: Row[Any]) -> str:
    return f"{row.programme_code} {row.version}"


def _compared(row: Row[Any]) -> dict[str, Any]:
    """A definition without what is different in any two versions."""
    return {key: value for key, value in row.definition.items() if key not in ("code", "version")}


# Standards and rules -------------------------------------------------------------------------------------------------


def _set(tx: Tx, set_id: int) -> Row[Any]:
    return tx.get(StandardsSet, set_id, what="standards set")


@pages.get("/frameworks/standards/{set_id:int}", can=Can.READ_CATALOGUE)
def one_set(tx: Tx, page: Page, set_id: int) -> Response:
    """One version of a standards set with its standards, and which programmes are pinned to it."""
    row = _set(tx, set_id)
    pinned = [each for each in listings.versions(tx) if (each.standards_code, each.standards_version) == (row.code, row.version)]
    return page.render(
        "frameworks/standards.html",
        set=row,
        items=queries.standard_set_items(tx, set_id),
        pinned=[each for each in pinned if each.state != "draft" or page.can("MANAGE_FRAMEWORKS")],
        others=[each for each in listings.sets(tx) if each.id != set_id],
        words=words,
    )


@pages.get("/frameworks/standards/compare", can=Can.READ_CATALOGUE)
def compare_sets(tx: Tx, page: Page) -> Response:
    """Two standards sets side by side, standard by standard of the same number."""
    old, new = (_set(tx, key) if key else None for key in (page.number("old", 0), page.number("new", 0)))
    both = [listings.set_as_definition(tx, row) for row in (old, new) if row is not None]
    return page.render(
        "frameworks/compare.html",
        options=[(row.id, f"{row.title} ({row.version})") for row in listings.sets(tx)],
        old=old,
        new=new,
        found=differences(*both) if len(both) == 2 else [],
        where="/frameworks/standards/compare",
        opens="/frameworks/standards/",
        named=_set_name,
    )


def _set_name(row: Row[Any]) -> str:
    return f"{row.code} {row.version}"


def rule_seen(tx: Tx, page: Page, rule_id: int) -> Row[Any]:
    """The supervision rule, or NotFound; a draft is for those who work on it."""
    row = tx.get(SupervisionRule, rule_id, what="supervision rule")
    if row.state == "draft" and not page.can("MANAGE_FRAMEWORKS"):
        raise NotFound("There is no supervision rule with that reference.")
    return row


@pages.get("/frameworks/rules/{rule_id:int}", can=Can.READ_CATALOGUE)
def one_rule(tx: Tx, page: Page, rule_id: int) -> Response:
    """How often supervision is due, and what counts."""
    row = rule_seen(tx, page, rule_id)
    return page.render("frameworks/rule.html", rule=row, held=row.definition, words=words, done=DONE.get(page.query("done"), ("", "")))


@pages.get("/frameworks/apprenticeships/{standard_id:int}", can=Can.READ_CATALOGUE)
def one_occupation(tx: Tx, page: Page, standard_id: int) -> Response:
    """One version of an apprenticeship standard: hours, knowledge, skills and behaviours."""
    row = tx.get(ApprenticeshipStandard, standard_id, what="apprenticeship standard")
    newest = queries.apprenticeship_standard(tx, row.code)
    others = select(ApprenticeshipStandard.id, ApprenticeshipStandard.version).where(ApprenticeshipStandard.code == row.code)
    return page.render(
        "frameworks/apprenticeship.html",
        standard=row,
        newest=newest is not None and newest.id == row.id,
        ksbs=queries.ksbs(tx, standard_id),
        others=[each for each in tx.rows(others.order_by(ApprenticeshipStandard.id.desc())) if each.id != standard_id],
        words=words,
    )
