"""What really leaves the service, as each role gets it: pages, charts, files, REST and a signed report. All numbers are read out of them,
must agree, and are given to the exact solver together with all about the reader's own people; it works nothing out."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

import openpyxl
import pypdf
import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.core.tx import Tx
from app.measures import hiding, lines, months, sets
from app.measures.closing import close_month
from app.measures.counting import FUNCTIONS, counts
from app.measures.definitions import BREAKDOWNS, parsed
from app.measures.dimensions import Moment, employed
from app.measures.hiding import ALL, Name
from app.people.models import Person
from tests.factory import STAGES, Make
from tests.measures.attack import Knowledge, below
from tests.measures.published import HEAD, THREE, measure
from tests.measures.small_organisations import Organisation, Someone
from tests.measures.test_attack import HIDDEN_RANGE, all_alike, known_to_all, theirs
from tests.reports.test_pages import main, sign
from tests.reports.world import World as Reports

SignIn = Callable[[Any], TestClient]
Client = Callable[..., TestClient]
Where = tuple[str, str, str, str]  # measure, month, breakdown, title of the group
Said = tuple[int, int | None] | None  # so many of so many; None: hidden
CODES = ("wide", "narrow", "grown", "secret")
MONTHS = [day.isoformat() for day in THREE]
BY = {title: key for key, title in BREAKDOWNS.items()}
PAIR = re.compile(r"\b(\d+) of (\d+)\b(?! months)")


def _counting(bit: int) -> Any:
    """Somebody's employee number says by a letter for each month of what they are counted."""

    def found(tx: Tx, organisation_id: int, moment: Moment) -> list[tuple[int, int, int]]:
        mine = employed(organisation_id, moment).subquery()
        rows = tx.rows(select(Person.id, Person.employee_number).join(mine, mine.c.person_id == Person.id))
        return [(row.id, int(row.employee_number[-3 + THREE.index(moment.as_at)], 16) >> bit & 1, 1) for row in rows]

    return found


for _bit, _code in enumerate(CODES):
    if f"attacked-{_code}" not in FUNCTIONS:
        counts(f"attacked-{_code}")(_counting(_bit))


def attacked_set(*, within: bool = True) -> Any:
    more: dict[str, dict[str, Any]] = {"grown": {"grows": True}, "secret": {"small": "sensitive"}}
    more["narrow"] = {"within": "wide"} if within else {}
    by = ["tree", "stage", "contract"]
    found = [measure(code, f"Title {code}", counts=f"attacked-{code}", breakdowns=by, **more.get(code, {})) for code in CODES]
    found.append(measure("staff", "Staff", counts="headcount", unit="count", small="none", breakdowns=by))
    head = {**HEAD, "runs_from": "2020-01-01", "success_measures": {}}
    return parsed({**head, "measures": found})


# The organisation ----------------------------------------------------------------------------------------------------------


@dataclass
class World:
    """Some fifty people in teams and stages; of whom what is counted in which month; who reads."""

    make: Make
    council: int
    parent: dict[Name, Name | None]
    people: list[Someone] = field(default_factory=list)
    flags: list[list[int]] = field(default_factory=list)
    readers: dict[str, Any] = field(default_factory=dict)
    own: Name = ALL  # the team of the line manager

    @classmethod
    def of(cls, make: Make, seed: int, *, within: bool = True) -> World:
        chance = Random(seed)
        one = cls(make, make.organisation(), {ALL: None})
        teams: list[tuple[int, tuple[Name, ...]]] = []
        for s in range(3):
            service = make.unit(f"Service {s}", "service")
            one.parent["tree", f"Service {s}"] = ALL
            for t in range(2):
                path: tuple[Name, ...] = (("tree", f"Service {s}"), ("tree", f"Team {s}.{t}"))
                one.parent[path[1]] = path[0]
                teams.append((make.unit(f"Team {s}.{t}", parent=service), path))
        one.own = teams[0][1][1]
        rate = chance.choice((0.35, 0.5, 0.65))
        manager = one._somebody(chance, *teams[0], None, rate, "manager")
        for team, path in teams:
            for _ in range(5 if path[-1] == one.own else chance.choice((4, 9, 14))):
                one._somebody(chance, team, path, manager.id, rate, None)
        for n, role in enumerate(("board viewer", "principal social worker", "HR officer")):
            one._somebody(chance, *teams[1 + n], None, rate, role)
        with make.tx() as tx:
            sets.publish(tx, one.council, attacked_set(within=within))
        for day in THREE:
            with make.tx() as tx:
                close_month(tx, one.council, day)
        return one

    def _somebody(self, chance: Random, team: int, path: tuple[Name, ...], manager: int | None, rate: float, role: str | None) -> Any:
        flags, grown = [], 0
        for _ in THREE:
            wide, grown = int(chance.random() < rate), grown | (chance.random() < rate / 2)
            flags.append(wide | (wide & (chance.random() < 0.8)) << 1 | grown << 2 | (chance.random() < rate) << 3)
        stage = chance.choice([code for code, _, _ in STAGES[:3]])
        made = self.make.person(
            f"Somebody {len(self.people)}",
            team=team,
            manager=manager if path[-1] == self.own else None,
            stage=stage,
            account=role is not None,
            roles=(role,) if role and role != "manager" else (),
            scope=self.council,
            employee_number=f"R{len(self.people)}." + "".join(f"{each:x}" for each in flags),
        )
        if role:
            self.readers[role] = made
        self.people.append(Someone(path, ("stage", stage), ("contract", "permanent")))
        self.flags.append(flags)
        return made

    def at(self, code: str, month: str, titles: dict[Name, Name]) -> Organisation:
        """What is true in a month, in the names that are published: `titles` of stages and contracts."""
        made = Organisation([], {titles.get(name, name): above for name, above in self.parent.items()})
        made.parent |= {titles[name]: ALL for name in titles}
        for one, flags in zip(self.people, self.flags, strict=True):
            true = bool(flags[MONTHS.index(month)] >> CODES.index(code) & 1)
            made.people.append(Someone(one.team, titles[one.stage], titles[one.contract], true=true))
        return made


# Reading surfaces --------------------------------------------------------------------------------------------------------


class Readings(dict[Where, Said]):
    """What was said of every cell; whoever says something else of it fails."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source

    def take(self, code: str, month: str, breakdown: str, title: str, figure: Any, num: Any, den: Any) -> None:
        where = (code, month, breakdown or "all", title if breakdown not in ("", "all") else "")
        said: Said = None if figure == "c" else (int(num), None if den in (None, "") else int(den))
        if figure == "c":
            assert num in (None, "c", "") and den in (None, "c", ""), (self.source, where)
        assert self.setdefault(where, said) == said, (self.source, where, self[where], said)

    def add(self, other: Readings) -> None:
        for where, said in other.items():
            assert self.setdefault(where, said) == said, (self.source, other.source, where, self[where], said)


def text(piece: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", piece)).split())


def tables(page: str) -> Iterator[tuple[str, list[list[str]]]]:
    for found in re.findall(r"<table.*?</table>", page, re.DOTALL):
        caption = text(re.findall(r"<caption.*?</caption>", found, re.DOTALL)[0])
        rows = re.findall(r"<tr.*?</tr>", found, re.DOTALL)
        yield caption, [[text(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)] for row in rows]


def month_of(words: str) -> str:
    return next(day.isoformat() for day in THREE if words in (f"{day:%B %Y}", f"{day:%b %Y}"))


def take_row(into: Readings, code: str, month: str, breakdown: str, title: str, figure: str, made_of: str) -> None:
    if figure.startswith("c"):
        assert not PAIR.search(made_of)
        into.take(code, month, breakdown, title, "c", None, None)
    elif figure.startswith("z"):
        into.take(code, month, breakdown, title, "z", 0, 0)
    elif code == "staff":
        into.take(code, month, breakdown, title, figure, figure.replace(",", ""), None)
    else:
        into.take(code, month, breakdown, title, figure, *PAIR.findall(made_of)[0])


def read_page(page: str, code: str, month: str) -> Readings:
    """Tables of a measure's page; its charts have a mark for what is shown and none for what is hidden; nothing else is said anywhere."""
    found = Readings("page")
    for caption, (_, *rows) in tables(page):
        kind = caption.rpartition(", ")[2]
        breakdown = next((key for title, key in BY.items() if kind == f"by {title.lower()}"), "")
        for title, figure, *made_of in rows:
            take_row(found, code, month_of(title) if not breakdown else month, breakdown, title, figure, "".join(made_of))
    shown = {said for said in found.values() if said}
    assert {(int(a), int(b)) for a, b in PAIR.findall(text(page))} <= shown
    assert {(int(a), int(b)) for a, b in PAIR.findall(" ".join(re.findall(r'="([^"]*)"', page)))} <= shown
    for chart in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        bars = re.findall(r'class="app-chart__value" x="0"[^>]*>([^<]*)<', chart)
        assert chart.count("<rect") == sum(": c" not in text(bar) for bar in bars)
        for bar in bars:
            title, _, said = text(bar).partition(": ")
            cells = [value for where, value in found.items() if where[1] == month and where[3] == title]
            assert cells and all((value is None) == said.startswith("c") for value in cells), bar
        if not bars:
            visible = sum(found[code, day, "all", ""] is not None for day in MONTHS if (code, day, "all", "") in found)
            assert chart.count("<circle") == visible and all(run.count(",") <= visible for run in re.findall(r'points="([^"]*)"', chart))
    return found


def read_dashboard(page: str, month: str, known: Readings) -> None:
    """Every measure's item says its figure, or that it is hidden, as its own page does."""
    items = re.findall(r'<li class="app-measure">.*?</li>', page, re.DOTALL)
    assert len(items) == len(CODES) + 1
    for item in items:
        code = next(code for code in (*CODES, "staff") if f"/measures/{code}" in item)
        said = known[code, month, "all", ""]
        pairs = {(int(a), int(b)) for a, b in PAIR.findall(text(item))}
        assert pairs == (set() if said is None or code == "staff" else {said}), (code, said)
        assert ('aria-hidden="true">c<' in item) == (said is None)


def read_files(browser: TestClient) -> Readings:
    found = Readings("files")
    for month in MONTHS:
        rows = list(csv.DictReader(io.StringIO(got(browser, f"/measures/table.csv?month={month}").decode("utf-8-sig"))))
        book: Any = openpyxl.load_workbook(io.BytesIO(got(browser, f"/measures/table.xlsx?month={month}")))
        heads, *cells = ([cell.value for cell in row] for row in book["Figures"].rows)
        codes = {row["Measure"]: row["Code"] for row in rows}
        for row in [*rows, *(dict(zip(heads, each, strict=True)) for each in cells)]:
            found.take(codes[row["Measure"]], month, "all", "", row["Figure"], row["Numerator"], row["Denominator"])
        for one in json.loads(got(browser, f"/measures/table.json?month={month}"))["measures"]:
            found.take(one["code"], month, "all", "", one["symbol"], one["numerator"], one["denominator"])
    for code in (*CODES, "staff"):
        path = f"/measures/{code}/table"
        book = openpyxl.load_workbook(io.BytesIO(got(browser, f"{path}.xlsx")))
        heads, *cells = ([cell.value for cell in row] for row in book["Figures"].rows)
        rows = [dict(zip(heads, each, strict=True)) for each in cells]
        for row in [*csv.DictReader(io.StringIO(got(browser, f"{path}.csv").decode("utf-8-sig"))), *rows]:
            day = row["As at"] if isinstance(row["As at"], str) else row["As at"].date().isoformat()
            found.take(code, day, BY.get(row["Breakdown"] or "", ""), row["Group"], row["Figure"], row["Numerator"], row["Denominator"])
        for one in json.loads(got(browser, f"{path}.json"))["figures"]:
            found.take(code, one["as_at"], one["breakdown"], one["group"], one["symbol"], one["numerator"], one["denominator"])
    return found


def read_api(browser: TestClient) -> tuple[Readings, dict[Name, Name]]:
    """What REST says, and what the stages and contracts are called in it."""
    found, titles = Readings("REST"), {}
    for month in MONTHS:
        for one in json.loads(got(browser, f"/api/v1/measures?as_at={month}"))["items"]:
            found.take(one["code"], month, "all", "", one["symbol"], one["numerator"], one["denominator"])
        for code in (*CODES, "staff"):
            reply = json.loads(got(browser, f"/api/v1/measures/{code}?as_at={month}"))
            for one in reply["groups"]:
                found.take(code, month, one["breakdown"], one["title"], one["symbol"], one["numerator"], one["denominator"])
                if one["breakdown"] != "tree":
                    titles[one["breakdown"], one["key"]] = (one["breakdown"], one["title"])
            for one in reply["trend"]:
                found.take(code, one["as_at"], "all", "", one["symbol"], one["numerator"], one["denominator"])
    return found, titles


def read_report(browser: TestClient, report: int) -> Readings:
    """The signed report's page, workbook and content; its PDF says no other numbers than its page."""
    found, month = Readings("report"), MONTHS[-1]
    page = main(browser.get(f"/board-reports/{report}"))
    for caption, rows in tables(page):
        code = next((code for code in CODES if caption.startswith(f"Title {code}, ")), "")
        if code and caption.endswith("by service"):
            for title, figure, made_of in rows[1:]:
                take_row(found, code, month, "tree", title, figure, made_of)
        elif code:
            for day, figure, made_of in zip(rows[0][1:], rows[1][1:], rows[2][1:], strict=True):
                take_row(found, code, month_of(day), "all", "", figure, made_of)
    book: Any = openpyxl.load_workbook(io.BytesIO(got(browser, f"/board-reports/{report}/report.xlsx")))
    for sheet in ("Figures", "Months", "Groups"):
        heads, *cells = ([cell.value for cell in row] for row in book[sheet].rows)
        for each in cells:
            row = dict(zip(heads, each, strict=True))
            day = month_of(row["Month"]) if sheet == "Months" else month
            group = BY[row["Breakdown"]] if sheet == "Groups" else ""
            found.take(row["Code"], day, group, row.get("Group", ""), row["Figure"], row["Numerator"], row["Denominator"])
    for one in json.loads(got(browser, f"/board-reports/{report}/report.json"))["measures"]:
        den = one["code"] != "staff"
        for group in one["groups"]:
            found.take(one["code"], month, group["breakdown"], group["title"], group["figure"], group["num"], group["den"] if den else None)
    shown = {said for said in found.values() if said}
    pdf = pypdf.PdfReader(io.BytesIO(got(browser, f"/board-reports/{report}/report.pdf")))
    feet = [f"{n} of {len(pdf.pages)}" for n in range(1, len(pdf.pages) + 1)]
    drawn = " ".join(each.extract_text().replace(foot, "", 1) for each, foot in zip(pdf.pages, feet, strict=True))
    assert PAIR.findall(drawn) and "Title wide" in drawn
    for words in (text(page), " ".join(drawn.split())):
        told = {(int(a), int(b)) for a, b in PAIR.findall(words)}
        assert told <= shown, told - shown
    return found


def got(browser: TestClient, path: str) -> bytes:
    reply = browser.get(path)
    assert reply.status_code == 200, (path, reply.text[:300])
    return reply.content


def read_pages(browser: TestClient) -> Readings:
    found = Readings("pages")
    for month in MONTHS:
        for code in (*CODES, "staff"):
            found.add(read_page(main(browser.get(f"/measures/{code}?month={month}")), code, month))
        read_dashboard(main(browser.get(f"/measures?month={month}")), month, found)
    return found


# The attack --------------------------------------------------------------------------------------------------------------


def public(world: World, sign_in: SignIn, client: Client) -> tuple[dict[str, Readings], dict[Name, Name]]:
    """What each role reads, everything together; files, REST, the report and the pages of who sees not everybody say the same."""
    browsers = {role: sign_in(person) for role, person in world.readers.items()}
    reports = Reports(world.make, world.council, list(THREE), world.readers["principal social worker"])
    report = reports.begin()
    assert sign(browsers["principal social worker"], report).status_code == 303
    rest, titles = read_api(client("measures:read"))
    found = {"client": rest}
    for role, browser in browsers.items():
        one = Readings(role)
        one.add(rest)
        one.add(read_files(browser))
        if role != "manager":
            one.add(read_report(browser, report))
        pages = read_pages(browser)
        if role in ("board viewer", "manager"):
            one.add(pages)
        else:  # outcomes are not hidden from them on pages; what is sensitive is
            for where, said in pages.items():
                assert said == one[where] or (one[where] is None and where[0] != "secret"), (role, where)
            assert any(said is not None and one[where] is None for where, said in pages.items())
            one.update(pages)
        found[role] = one
    return found, titles


def exposed(world: World, told: Readings, titles: dict[Name, Name], insider: Name | None) -> Iterator[tuple[Any, ...]]:
    """Hidden cells that a reader can tell more closely than the rule allows, by what they had not before the month was published."""
    for group in (("wide", "narrow"), ("grown",), ("secret",)):
        asked = [Knowledge(), *(knowledge(world, told, titles, insider, group, MONTHS[: n + 1]) for n in range(len(MONTHS)))]
        for (code, month, *_), _ in ((where, said) for where, said in told.items() if where[0] in group and where[2] == "all"):
            made = world.at(code, month, titles)
            truth = {line.name: line for line in made.lines()}
            hidden = {(where[2], where[3]) for where, said in told.items() if where[:2] == (code, month) and said is None}
            for name in sorted(hidden - (below(made.parent, insider) if insider else set())):
                free = truth[name].den - (theirs(made, insider, name)[1] if insider else 0)
                if not free or known_to_all(made, truth, hidden, name):
                    continue
                n = MONTHS.index(month) + 1
                last = len(MONTHS) if group == ("grown",) and insider is None else n
                wide = free + 1
                for until in range(n, last + 1):
                    low, high = asked[until].range((code, month, *name))
                    if high - low + 1 < min(HIDDEN_RANGE, wide) and not (insider and all_alike(made, truth, hidden, insider, name)):
                        yield code, month, name, low, high, until
                    wide = high - low + 1


def knowledge(
    world: World, told: Readings, titles: dict[Name, Name], insider: Name | None, group: tuple[str, ...], until: list[str]
) -> Knowledge:
    knows, own = Knowledge(), {}
    for code in group:
        for month in until:
            made = world.at(code, month, titles)
            for name in made.parent:
                where = (code, month, *name)
                den = told["staff", month, *name]
                assert den is not None and where in told, where
                own[where] = num, of = theirs(made, insider, name) if insider and code != "secret" else (0, 0)
                said = told[where]
                if said is not None:
                    assert said[1] == den[0]
                    knows.known(where, said[0])
                else:
                    knows.number(where, num, den[0] - of + num)
            for name in made.parent:
                for breakdown in BREAKDOWNS:
                    parts = [(code, month, *part) for part in made.parent if made.parent[part] == name and part[0] == breakdown]
                    if parts:
                        knows.sums.append(((code, month, *name), parts))
    for where, (num, _) in own.items():
        if where[0] == "narrow":
            wide = ("wide", *where[1:])
            knows.falls.append((where, wide, num - own[wide][0]))
        if where[0] == "grown" and not insider and where[1] != until[-1]:
            knows.falls.append((where, ("grown", until[until.index(where[1]) + 1], *where[2:]), 0))
    return knows


def read_live(world: World, browser: TestClient, titles: dict[Name, Name]) -> None:
    """What the line manager counts live and the list of their people: their team, as the solver is given it, and nobody else."""
    for code in CODES[:3]:
        page = main(browser.get(f"/measures/{code}/live?on={THREE[2].day}&on-month={THREE[2].month}&on-year={THREE[2].year}"))
        made = world.at(code, MONTHS[2], titles)
        most = max(theirs(made, world.own, ALL)[1], 1)
        pairs = {(int(a), int(b)) for a, b in PAIR.findall(text(page))}
        assert pairs and all(den <= most for _, den in pairs), (pairs, most)
        people = main(browser.get(f"/measures/{code}/people"))
        names = set(re.findall(r"Somebody \d+|Somebody Test\d+", text(people)))
        assert 0 < len(names) <= most
    assert browser.get("/measures/secret/live").status_code == 403 and browser.get("/measures/secret/people").status_code == 403


def attacked(world: World, sign_in: SignIn, client: Client) -> tuple[dict[str, Iterator[Any]], int]:
    """For each role what it finds out, and how much is hidden from the board."""
    told, titles = public(world, sign_in, client)
    read_live(world, sign_in(world.readers["manager"]), titles)
    found = {role: exposed(world, readings, titles, world.own if role == "manager" else None) for role, readings in told.items()}
    return found, sum(said is None for said in told["board viewer"].values())


@pytest.mark.thorough
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_hidden_can_be_worked_out_of_all_that_leaves(seed: int, make: Make, sign_in: SignIn, client: Client) -> None:
    found, hidden = attacked(World.of(make, seed), sign_in, client)
    assert [each for role in found for each in found[role]] == []
    assert hidden > 20


def only_small(monkeypatch: pytest.MonkeyPatch) -> None:
    careless = partial(hiding.hide, secondary=False)
    monkeypatch.setattr(lines, "hide", careless)
    monkeypatch.setattr(months, "hide", careless)
    monkeypatch.setattr(lines, "hide_after", lambda _, own, below, **more: careless(own, below, **more))


@pytest.mark.thorough
def test_it_could_be_where_only_small_numbers_are_hidden(
    make: Make, sign_in: SignIn, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_small(monkeypatch)
    found, _ = attacked(World.of(make, 1, within=False), sign_in, client)
    assert len(found) == 5
    assert [role for role, each in found.items() if next(each, None) is None] == []
