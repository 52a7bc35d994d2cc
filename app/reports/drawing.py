"""A report's content as page, PDF and workbook. Nothing but the content goes in, so the same content is the same bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from app.core.pdf import typeset
from app.core.tables_out import LONGEST_CELL, sheet_name
from app.core.web import environment
from app.measures import charts
from app.measures.definitions import THEMES

Content = Mapping[str, Any]


def page(content: Content, *, edit: str = "") -> str:
    """The paper as HTML. `edit`: the address of the draft, for links to where its words are written; a signed one has none."""
    template = environment().get_template("reports/_paper.html")
    drawn = lines(content)
    captions = {one["code"]: caption(one) for one in content["measures"] if one["code"] in drawn}
    return template.render(report=content, charts=drawn, captions=captions, themes=THEMES, edit=edit)


def lines(content: Content) -> dict[str, charts.Line]:
    """The chart of each measure that has at least two months to show, by its code."""
    return {one["code"]: _line(one) for one in content["measures"] if one["shown"] and sum(_known(one)) > 1}


def _known(one: Content) -> list[bool]:
    return [month["value"] is not None for month in one["trend"]]


def _line(one: Content) -> charts.Line:
    points = [(date.fromisoformat(month["month"]), charts.Value(_decimal(month["value"]), month["figure"])) for month in one["trend"]]
    target = (Decimal(one["target"]["value"]), one["target"]["figure"]) if one["target"] else None
    percent = one["unit"] in ("share", "rate")
    return charts.line(one["title"], points, percent=percent, unit="%" if percent else "", target=target)


def _decimal(words: str | None) -> Decimal | None:
    return None if words is None else Decimal(words)


def caption(one: Content) -> str:
    """The one thing that the chart of a measure says."""
    seen = [month for month in one["trend"] if month["value"] is not None]
    first, last = seen[0], seen[-1]
    now, then = Decimal(last["value"]), Decimal(first["value"])
    if now == then:
        return f"{one['title']}: {last['figure']} in {last['words']}, as in {first['words']}"
    return (
        f"{one['title']}: {last['figure']} in {last['words']}, {'up' if now > then else 'down'} from {first['figure']} in {first['words']}"
    )


def page_of(html: str) -> Markup:
    """A stored or freshly drawn paper, to be put into a page: it was drawn by our own template, which escapes what people typed."""
    return Markup(html)  # noqa: S704


def pdf(content: Content, digest: str, house: Mapping[str, str]) -> bytes:
    """The paper as a tagged PDF, with the SHA-256 of the content it shows."""
    drawn = {code: {**asdict(line), "caption": "", "width": charts.WIDTH} for code, line in lines(content).items()}
    for one in content["measures"]:
        if one["code"] in drawn:
            drawn[one["code"]]["caption"] = caption(one)
    return typeset("board_report.typ", {**content, **house, "sha256": digest, "charts": drawn, "theme_words": THEMES})


Row = Sequence[str | int | None]
FIGURES = (
    *("Theme", "Measure", "Code", "Figure", "Numerator", "Denominator", "Target", "Target met", "Since the month before"),
    "Commentary",
)
MONTHS = ("Measure", "Code", "Month", "Figure", "Numerator", "Denominator")
GROUPS = ("Measure", "Code", "Breakdown", "Level", "Group", "Figure", "Numerator", "Denominator")
DEFINITIONS = (
    *("Measure", "Code", "Numerator", "Denominator", "Left out", "Source", "Owner", "Better", "Imported", "Local formula"),
    *("Not confirmed", "Small numbers", "Answers"),
)
_MET = {True: "Met", False: "Not met", None: ""}
_YES = {True: "Yes", False: ""}


def sheets(content: Content) -> dict[str, tuple[Sequence[str], list[Row]]]:
    """The sheets of the workbook: heads and rows, all of them words but for whole numbers."""
    said = [one for one in content["measures"] if one["shown"]]
    about: list[Row] = [
        ("Report", content["title"]),
        ("For", content["board"]),
        ("Organisation", content["organisation"]),
        ("As at", content["as_at"]),
        ("Strategy", content["strategy"]["title"]),
        ("Signed off", content["signed"]["words"] if content["signed"] else "Not signed off"),
        *([("Takes the place of an earlier report, because", content["why"])] if content["why"] else []),
        *(("What changed, and why", words) for words in content["words"]),
        *((f"{theme['title']}", words) for theme in content["themes"] for words in theme["words"]),
        *(("You said", reply["said"]) if n == 0 else ("We did", reply["did"]) for reply in content["replies"] for n in (0, 1)),
        *(("What is missing", words) for words in content["missing"]),
    ]
    return {
        "About": (("What", "Words"), about),
        "Figures": (FIGURES, [_figure(one) for one in said]),
        "Months": (MONTHS, [_month(one, month) for one in said for month in one["trend"]]),
        "Groups": (GROUPS, [_group(one, group) for one in said for group in one["groups"]]),
        "Definitions": (DEFINITIONS, [_definition(one) for one in said]),
    }


def _number(one: Content, number: int | None) -> str | int | None:
    """A whole number as such; of what is kept in parts (hundredths) its decimals in words. None where it is hidden."""
    if number is None or one["scale"] == 1:
        return number
    return str(Decimal(number) / one["scale"])


def _figure(one: Content) -> Row:
    target = one["target"] or {"figure": "", "met": None}
    return (
        THEMES[one["theme"]],
        one["title"],
        one["code"],
        one["figure"] or "Not published",
        _number(one, one["num"]),
        _number(one, one["den"]) if one["definition"]["denominator"] else None,
        target["figure"],
        _MET[target["met"]],
        one["since"]["said"] if one["since"] else "",
        " ".join(one["words"]),
    )


def _month(one: Content, month: Content) -> Row:
    den = _number(one, month["den"]) if one["definition"]["denominator"] else None
    return (one["title"], one["code"], month["words"], month["figure"], _number(one, month["num"]), den)


def _group(one: Content, group: Content) -> Row:
    den = _number(one, group["den"]) if one["definition"]["denominator"] else None
    level = group["level"].capitalize()
    return (one["title"], one["code"], group["by"], level, group["title"], group["figure"], _number(one, group["num"]), den)


def _definition(one: Content) -> Row:
    said = one["definition"]
    return (
        one["title"],
        one["code"],
        said["numerator"],
        said["denominator"],
        said["exclusions"],
        said["source"],
        said["owner"],
        said["better"].capitalize(),
        *(_YES[said[name]] for name in ("imported", "local", "unverified")),
        said["hides"],
        "; ".join(one["answers"]),
    )


def workbook(content: Content, digest: str, made_at: datetime) -> bytes:
    """The same figures as sheets: words are words, whatever they begin with, and whole numbers are numbers."""
    import xlsxwriter  # not needed until somebody signs

    out = io.BytesIO()
    plain = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, plain) as book:
        book.set_properties(
            {"title": content["title"], "comments": f"SHA-256 of the content: {digest}", "created": made_at.replace(tzinfo=None)}
        )
        bold, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
        number = book.add_format({"num_format": "#,##0", "valign": "top"})
        for name, (heads, rows) in sheets(content).items():
            sheet = book.add_worksheet(sheet_name(name))
            widths = [len(head) for head in heads]
            for column, head in enumerate(heads):
                sheet.write_string(0, column, head, bold)
            for n, row in enumerate(rows, 1):
                for column, cell in enumerate(row):
                    if isinstance(cell, int):
                        sheet.write_number(n, column, cell, number)
                    elif cell:
                        sheet.write_string(n, column, cell[:LONGEST_CELL], wrapped)
                    widths[column] = max(widths[column], len(str(cell or "")))
            for column, width in enumerate(widths):
                sheet.set_column(column, column, min(width + 2, 60))
            sheet.freeze_panes(1, 0)
            sheet.repeat_rows(0)
            sheet.set_landscape()
            sheet.fit_to_pages(1, 0)
    return out.getvalue()
