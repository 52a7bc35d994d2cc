"""An HR extract of the demonstration county, as an HR system would send it: `python -m seed.extract FILE [--dirty]`.

The clean extract says what the loaded county already knows. The dirty one has what real extracts have: joiners, movers and
leavers among mixed dates, other headings, blanks, and rows that cannot be right.
"""

from __future__ import annotations

import argparse
import csv
import io
import random
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

from app.core.calendar import london
from app.core.tx import clock
from seed.content import content
from seed.county import SEED
from seed.makers import Maker, Sketch
from seed.workforce import Workforce, build_workforce

Line = dict[str, str]
RENAMED = {  # what the dirty extract calls some columns; the default mapping knows these too
    "Employee Number": "Payroll No", "Surname": "Last Name", "Work Email": "E-mail address", "Contract Type": "Employment Type",
    "Start Date": "Date Joined", "Leaving Date": "Termination Date",
}  # fmt: skip
NO_SUCH_DAY = "31/02/2024"


def at(changes: list[tuple[date, int]], day: date) -> tuple[date, int] | None:
    """The change that holds on a day: (since, value)."""
    return next(((since, value) for since, value in reversed(changes) if since <= day), None)


def line(force: Workforce, person: Sketch, today: date) -> Line:
    """One person's line as at `today`; dates as HR systems here write them, day first."""
    day = max(today, person.started_on)
    work = next(work for work in reversed(person.work) if work.since <= day)
    unit = at(person.units, day)
    manager = at(person.managers, day)
    stage = next((stage for since, stage in reversed(person.stages) if since <= day), "")
    boss = force.people[manager[1]] if manager else None
    return {
        "Employee Number": person.employee_number or "",
        "First Name": person.first_name,
        "Surname": person.last_name,
        "Known As": person.known_as or "",
        "Work Email": person.email or "",
        "SWE Number": person.swe_number or "",
        "Job Title": work.title,
        "Career Stage": stage,
        "Contract Type": person.contract.capitalize(),
        "FTE": str(work.fte),
        "Working Days": work.days,
        "Team": force.tree.units[unit[1]].code if unit else "",
        "Team From": uk(unit[0]) if unit else "",
        "Post From": uk(work.since),
        "Line Manager Number": (boss.employee_number or "") if boss else "",
        "Line Manager Email": (boss.email or "") if boss else "",
        "Start Date": uk(person.started_on),
        "Leaving Date": uk(person.leaving_on) if person.leaving_on else "",
        "Entry Route": person.entry_route or "",
        "Qualification Year": str(person.qualified_in or ""),
    }


def uk(day: date) -> str:
    """A date as most extracts here write it: 07/09/2026."""
    return f"{day:%d/%m/%Y}"


def lines(force: Workforce, today: date) -> list[Line]:
    """Everyone employed by the council today or due to start, in the order of their numbers."""
    staff = [p for p in force.people if p.organisation == 0 and (p.leaving_on is None or p.leaving_on >= today)]
    return [line(force, person, today) for person in staff]


def dirty(clean: list[Line], force: Workforce, today: date, seed: int) -> list[Line]:
    """The same extract a month later and in a worse state; the same for the same seed."""
    chance = random.Random(seed)
    found = [dict(each) for each in clean]
    numbered = [each for each in found if each["Employee Number"].startswith("W")]
    workers = [each for each in numbered if each["Career Stage"] in ("SW", "EXP", "SUPPORT") and not each["Leaving Date"]]
    manages = {each["Line Manager Number"] for each in found}
    workers = [each for each in workers if each["Employee Number"] not in manages]
    sample = chance.sample(workers, 24)
    picked = iter(sample)
    for _ in range(4):  # movers
        other = chance.choice(workers)
        next(picked).update(
            {name: other[name] for name in ("Team", "Line Manager Number", "Line Manager Email")} | {"Team From": uk(today)}
        )
    for _ in range(3):  # leavers by date
        next(picked)["Leaving Date"] = uk(today - timedelta(days=chance.randint(1, 20)))
    for turn in range(2):  # a changed surname, a changed e-mail
        someone = next(picked)
        someone["Surname"] = ("Ashdown-Price", "Van Houten")[turn]
        someone["Work Email"] = someone["Work Email"].replace("@", ".new@", 1) if turn else someone["Work Email"]
    next(picked)["SWE Number"] = "SW12345678"
    next(picked)["SWE Number"] = "RN4471"
    next(picked)["FTE"] = "37.5 hours"
    next(picked)["Team"] = "Team that was closed"
    next(picked)["Start Date"] = NO_SUCH_DAY
    second = dict(next(picked))  # one person, two posts
    second |= {"Job Title": "Practice Educator (sessional)", "FTE": "0.2", "Working Days": "0000100"}
    found.append(second)
    one, two = next(picked), next(picked)  # two people who manage each other
    one["Line Manager Number"], two["Line Manager Number"] = two["Employee Number"], one["Employee Number"]
    one["Line Manager Email"], two["Line Manager Email"] = two["Work Email"], one["Work Email"]
    omitted = {id(each) for each in sample[-5:]}  # leavers by omission
    found = [each for each in found if id(each) not in omitted]
    found += [_joiner(force, turn, chance.choice(workers), today) for turn in range(5)]
    chance.shuffle(found)  # managers stand after the people they manage
    return [_untidy(each, chance) for each in found]


def _joiner(force: Workforce, turn: int, like: Line, today: date) -> Line:
    """Somebody new, in the team of somebody who is there."""
    first, last = (("Ifeoma", "Lund"), ("Wiktor", "Sokół"), ("Rhiannon", "Ap Gwilym"), ("Dev", "Mistry-Cole"), ("Aroha", "Tane"))[turn]
    number = 1 + max(int(p.employee_number[1:]) for p in force.people if p.employee_number)
    return like | {
        "Employee Number": f"W{number + turn}",
        "First Name": first,
        "Surname": last,
        "Known As": "",
        "Work Email": f"{first}.{last}".lower().replace(" ", "").replace("ó", "o").replace("ł", "l") + "@westmarch.example",
        "SWE Number": "",
        "Start Date": uk(today + timedelta(days=3 + turn)),
        "Team From": uk(today + timedelta(days=3 + turn)),
        "Post From": uk(today + timedelta(days=3 + turn)),
    }


def _untidy(each: Line, chance: random.Random) -> Line:
    """Stray spaces, dates in two styles, capitals, and other headings."""
    way = chance.random()
    if way < 0.3:
        each = each | {name: f"{text} " for name, text in each.items() if name in ("Surname", "Team", "Job Title")}
    if way < 0.25:
        each = each | {name: _iso(text) for name, text in each.items() if name in ("Start Date", "Team From", "Post From")}
    if way > 0.9:
        each = each | {"SWE Number": each["SWE Number"].lower(), "Work Email": each["Work Email"].upper()}
    return {RENAMED.get(name, name): text for name, text in each.items()}


def _iso(text: str) -> str:
    if text == NO_SUCH_DAY:
        return text
    return "-".join(reversed(text.split("/"))) if text.count("/") == 2 else text


def as_csv(found: Iterable[Line], *, headings: list[str] | None = None) -> str:
    """The lines as CSV text with Windows line ends."""
    rows = list(found)
    text = io.StringIO()
    writer = csv.DictWriter(text, headings or list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def county_extract(people: int = 1286, seed: int = SEED, today: date | None = None, *, untidy: bool = False) -> bytes:
    """The extract of the county with these people, seed and date: UTF-8, or Windows-1252 with what it cannot hold replaced when untidy."""
    day = today or london(clock()).date()
    force = build_workforce(Maker(seed, day), content(), people)
    found = lines(force, day)
    if not untidy:
        return as_csv(found).encode("utf-8-sig")
    found = dirty(found, force, day, seed)
    headings = list(found[0])
    random.Random(seed).shuffle(headings)
    return as_csv(found, headings=headings).encode("cp1252", errors="replace")


def main() -> None:
    """Write an extract to a file."""
    parser = argparse.ArgumentParser(prog="python -m seed.extract", description="Write an HR extract of the demonstration county as CSV.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--people", type=int, default=1286)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--today", type=date.fromisoformat, default=None)
    parser.add_argument("--dirty", action="store_true", help="changes, mistakes and mixed formats, as in real extracts")
    options = parser.parse_args()
    options.file.parent.mkdir(parents=True, exist_ok=True)
    options.file.write_bytes(county_extract(options.people, options.seed, options.today, untidy=options.dirty))


if __name__ == "__main__":
    main()
