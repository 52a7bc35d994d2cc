"""All that a report says, as one value without floats: what is drawn as page, PDF and workbook, and what is frozen at sign-off.

Figures are always those that everybody may see, whoever looks: the report goes to a board.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, select

from app.core import canonical
from app.core.calendar import clock, long_date, month_and_year
from app.core.text import plural
from app.core.tx import Tx
from app.measures import shown
from app.measures.definitions import THEMES, MeasureSet
from app.measures.models import MonthClose
from app.people.models import Unit
from app.reports import figures
from app.reports.kinds import HEADLINE, KINDS, Kind, measure_key, theme_key
from app.reports.models import BoardComment, BoardReply

FORMAT = 1
MONTHS = 13  # of a trend: this month a year ago is in it
Content = dict[str, Any]


def compose(tx: Tx, report: Row[Any]) -> Content:
    """What the report says now: figures of its month as they were published, and the words written so far."""
    close = tx.get(MonthClose, report.close_id, what="month")
    measures = shown.set_of(tx, close.set_id)
    cells: dict[str, list[shown.Cell]] = {}
    for cell in shown.cells(tx, close.id, report.organisation_id, to_all=True):
        cells.setdefault(cell.measure, []).append(cell)
    codes = [measure.code for measure in measures.measures]
    trends = shown.trends(tx, report.organisation_id, codes, close.month_end, most=MONTHS, to_all=True)
    found = [
        figures.shown(each, cells.get(each.code, ()), trends.get(each.code, ()), close.month_end, close.below) for each in measures.measures
    ]
    kind = KINDS[report.kind]
    said = comments(tx, report.id)
    for one in found:
        one["words"] = _lines(said.get(measure_key(one["code"])))
        one["shown"] = kind.all_measures or needs_attention(one)
    content = dict(
        format=FORMAT,
        kind=report.kind,
        parts=list(kind.parts),
        title=title(kind, close.month_end),
        board=kind.board,
        organisation=str(tx.scalar(select(Unit.name).where(Unit.id == report.organisation_id))),
        number=report.number,
        why=report.why or "",
        month=close.month_end,
        month_words=month_and_year(close.month_end),
        as_at=_as_at(close),
        known_at=close.known_at,
        below=close.below,
        strategy=dict(title=measures.title, strategy=measures.strategy, version=measures.version),
        words=_lines(said.get(HEADLINE)),
        changes=changes(found),
        themes=[dict(code=code, title=words, words=_lines(said.get(theme_key(code)))) for code, words in THEMES.items()],
        measures=found,
        success=_success(measures, found) if "strategy" in kind.parts else [],
        replies=[dict(number=row.number, said=row.said, did=row.did) for row in replies(tx, report.id)],
        sources=_sources(found),
        missing=_missing(found, close),
        signed=None,
    )
    return as_kept(content)


def _as_at(close: Row[Any]) -> str:
    known = f"{long_date(close.known_at)} at {clock(close.known_at)}"
    return f"Figures as at {long_date(close.month_end)}, as far as was recorded on {known}."


def as_kept(content: Any) -> Content:
    """The content as it is read back from its canonical text: what is drawn before sign-off is what is drawn after it."""
    kept: Content = canonical.read(canonical.canonical(content).decode())
    return kept


def title(kind: Kind, month: Any) -> str:
    """What a report is called."""
    return f"{kind.title}, {month_and_year(month)}"


def comments(tx: Tx, report_id: int) -> dict[str, Any]:
    """What was written on a report, by what it is about."""
    return {row.about: row for row in tx.rows(select(BoardComment.__table__).where(BoardComment.report_id == report_id))}


def replies(tx: Tx, report_id: int) -> Sequence[Row[Any]]:
    """What was said and what was done."""
    return tx.rows(select(BoardReply.__table__).where(BoardReply.report_id == report_id).order_by(BoardReply.number))


def needs_attention(one: Mapping[str, Any]) -> bool:
    """Does a measure miss its target, or has it got worse?"""
    missed = one["target"] is not None and one["target"]["met"] is False
    return missed or (one["since"] is not None and one["since"]["how"] == "worse")


def wanted(content: Content) -> list[tuple[str, str]]:
    """What should have a commentary and has none: what it is about, and what that is called. The headline, and each theme with figures."""
    missing = [] if content["words"] else [(HEADLINE, "What changed, and why")]
    if "themes" in content["parts"]:
        used = {one["theme"] for one in content["measures"]}
        missing += [(theme_key(each["code"]), each["title"]) for each in content["themes"] if each["code"] in used and not each["words"]]
    return missing


def subjects(content: Content) -> dict[str, str]:
    """All that can have a commentary, with what it is called."""
    found = {HEADLINE: "What changed, and why"}
    if "themes" in content["parts"]:
        found |= {theme_key(each["code"]): each["title"] for each in content["themes"]}
    return found | {measure_key(one["code"]): one["title"] for one in content["measures"] if one["shown"]}


def _lines(comment: Any) -> list[str]:
    return [line.strip() for line in comment.words.split("\n") if line.strip()] if comment is not None else []


MOST = 6  # changes named of one kind; all are in the tables


def changes(found: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What changed since the month before, worked out: first what crossed its target, then what moved furthest for its size."""
    moved = [one for one in found if one["since"] is not None]
    ranked = sorted(moved, key=_rank)
    lists: dict[str, Any] = {}
    for how in ("better", "worse", "other"):
        some = [one for one in ranked if one["since"]["how"] == how]
        lists[how] = [_change(one) for one in some[:MOST]]
        lists[f"{how}_more"] = max(0, len(some) - MOST)
    return dict(
        **lists,
        same=sum(one["since"]["how"] == "same" for one in moved),
        since=moved[0]["since"]["month"] if moved else "",
    )


def _rank(one: Mapping[str, Any]) -> tuple[Any, ...]:
    now, before = (Decimal(one["trend"][n]["value"]) for n in (-1, -2))
    return (not one["crossed"], -abs(now - before) / max(abs(before), Decimal(1)), one["code"])


def _change(one: Mapping[str, Any]) -> dict[str, str]:
    figure = f"{one['figure']} ({one['of']})" if one["of"] else one["figure"]
    met = {"reached": " It now meets its target.", "lost": " It no longer meets its target.", "": ""}[one["crossed"]]
    said = one["since"]["said"]
    return dict(code=one["code"], title=one["title"], said=f"{figure}, {said[0].lower()}{said[1:]}.{met}")


def _success(measures: MeasureSet, found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The strategy's success measures in its own words, each with the figures that answer it."""
    listed = []
    for theme, words in measures.success_measures.items():
        for each in words:
            answers = [
                dict(code=one["code"], title=one["title"], figure=one["figure"] or "Not published")
                for one in found
                if each in one["answers"]
            ]
            listed.append(dict(theme=THEMES[theme], words=each, measures=answers))
    return listed


def _sources(found: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    by_source: dict[str, list[str]] = {}
    for one in found:
        by_source.setdefault(one["definition"]["source"], []).append(one["title"])
    return [dict(source=source, measures=titles) for source, titles in by_source.items()]


def _missing(found: Sequence[Mapping[str, Any]], close: Row[Any]) -> list[str]:
    """What the reader should know that the report does not show."""
    said = []
    groups = sum(group["figure"] == shown.HIDDEN for one in found for group in one["groups"]) + sum(one["hidden"] for one in found)
    if groups:
        said.append(
            f"{plural(groups, 'figure')} of few people {'is' if groups == 1 else 'are'} hidden and marked {shown.HIDDEN}: numbers below "
            f"{close.below}, and others from which those could be worked out. 0 is a true zero, and {shown.NONE} means that there was "
            "nobody to count."
        )
    none = [one["title"] for one in found if not one["published"]]
    if none:
        said.append(f"No figure was published for {month_and_year(close.month_end)}: {'; '.join(none)}.")
    unsure = [one["title"] for one in found if one["definition"]["unverified"]]
    if unsure:
        said.append(f"How these are counted rests on a definition that nobody has confirmed: {'; '.join(unsure)}.")
    local = [one["title"] for one in found if one["definition"]["local"]]
    if local:
        said.append(
            f"These are counted by the council’s own formula, and cannot be compared with the published census: {'; '.join(local)}."
        )
    short = [one["title"] for one in found if one["published"] and len(one["trend"]) < 2]
    if short:
        said.append(f"There is no earlier month to compare with: {'; '.join(short)}.")
    return said
