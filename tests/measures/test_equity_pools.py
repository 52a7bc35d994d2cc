"""Talent pools in equity in figures: who is counted, a table that is published only if it is chosen, and what it gives away of nobody."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.core.db import FOREVER
from app.core.errors import Conflict
from app.core.ledger import Audit
from app.core.tx import SYSTEM, transaction
from app.equality import measured
from app.equality.models import Counted, Measured
from app.measures import equity
from app.measures.dimensions import Moment
from app.people import operations
from app.talent import counted, entering
from app.talent.models import TalentAgreement, TalentEntry, TalentJudgement, TalentLabel, TalentPool
from tests.factory import LONG_AGO, Make
from tests.measures.test_equity import answered, crowd, host, learnt, psw, steps
from tests.pages.test_states import check
from tests.talent.pools import as_

Enter = Callable[[Any], TestClient]
WHY = "She steadies a whole team."


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


@dataclass
class Life:
    """What happened to somebody in one pool, by day: their words, and what was confirmed of them."""

    person: int
    entered: date
    left: date | None = None
    words: list[tuple[date, bool]] = field(default_factory=list)
    judged: list[tuple[date, str]] = field(default_factory=list)

    def step(self, day: date) -> int:
        """How far they had got on a day, told from the events alone."""
        said = [agrees for on, agrees in self.words if on <= day]
        if not said or not said[-1] or not self.words[-1][1]:
            return 0
        if self.entered > day or (self.left is not None and self.left <= day):
            return 0
        thought = [horizon for on, horizon in self.judged if on <= day]
        return 2 if thought and thought[-1] == "now" else 1


def pool(make: Make) -> tuple[int, dict[str, int]]:
    """An open pool of the host's, and its horizons."""
    with make.tx() as tx:
        about = dict(organisation_id=host(make), about="", critical=True, posts=2, depth_wanted=3, opened_at=tx.now)
        key = tx.insert(TalentPool, title=f"Lead {tx.scalar(select(func.count()).select_from(TalentPool))}", **about)
        named = {row.code: row.id for row in tx.rows(select(TalentLabel.code, TalentLabel.id))}
        for place, code in enumerate(("now", "later")):
            if code not in named:
                words = dict(organisation_id=host(make), kind="horizon", title=code, position=place, verified=False, source="")
                named[code] = tx.insert(TalentLabel, code=code, ready_now=code == "now", **words)
    return key, named


def lived(make: Make, pool_id: int, labels: dict[str, int], lives: Sequence[Life], keepers: Sequence[int]) -> None:
    """The rows that the operations would have written on those days."""
    with make.tx() as tx:
        for life in lives:
            gone = dict(left_on=life.left, left_at=noon(life.left), left_why="withdrawn") if life.left else dict(left_on=FOREVER)
            entered = dict(entered_on=life.entered, entered_at=noon(life.entered))
            entry = tx.insert(TalentEntry, pool_id=pool_id, person_id=life.person, **entered, **gone)
            both = dict(entry_id=entry, person_id=life.person)
            for (on, agrees), then in zip_longest(life.words, life.words[1:]):
                ends = dict(until=then[0], superseded_at=noon(then[0])) if then else dict(until=FOREVER)
                tx.insert(TalentAgreement, **both, agrees=agrees, on_date=on, recorded_at=noon(on), **ends)
            for (on, horizon), later in zip_longest(life.judged, life.judged[1:]):
                ends = dict(until=later[0], superseded_at=noon(later[0])) if later else dict(until=FOREVER)
                by = dict(proposed_by=keepers[0], proposed_on=on, recorded_at=noon(on))
                confirmed = dict(moderated_by=keepers[1], moderated_on=on, moderated_at=noon(on), moderation=WHY)
                said = dict(horizon_id=labels[horizon], specialist=True, reasons=WHY, state="confirmed")
                tx.insert(TalentJudgement, **both, **said, **by, **confirmed, **ends)


def listed(make: Make, who: Sequence[int], day: date) -> None:
    """These people are on a list since before the day."""
    key, labels = pool(make)
    since = day - timedelta(days=30)
    lived(make, key, labels, [Life(each, since, words=[(since, True)]) for each in who], ())


def quarter(make: Make) -> date:
    with make.tx(writes=False) as tx:
        return equity.quarter_end(tx.today)


# Who is counted ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_everybody_counts_as_far_as_their_life_in_the_pools_says(make: Make, seed: int) -> None:
    chance, people = random.Random(seed), crowd(make, 60)
    keepers, day = crowd(make, 2), quarter(make)
    with make.tx(writes=False) as tx:
        nearly = (tx.today - day).days - 1
    days = [day + timedelta(days=n) for n in (*range(-60, 0, 12), 0, 1, nearly)]
    lives: list[Life] = []
    for _ in range(2):
        key, labels = pool(make)
        for person in chance.sample(people, 45):
            events = sorted(chance.sample(days, chance.randint(2, 6)))
            life = Life(person, events[0], left=events[-1] if chance.random() < 0.3 else None)
            for on in events[1:]:
                if chance.random() < 0.7 and (not life.words or not life.words[-1][1] or chance.random() < 0.3):
                    life.words.append((on, not life.words or not life.words[-1][1]))
                elif life.words and chance.random() < 0.7:
                    life.judged.append((on, chance.choice(("now", "now", "later"))))
            lives.append(life)
            lived(make, key, labels, [life], keepers)
    expected = {person: max((life.step(day) for life in lives if life.person == person), default=0) for person in (*people, *keepers)}
    assert set(expected.values()) == {0, 1, 2}, "all kinds are among them"
    with make.tx(writes=False) as tx:
        part = equity.parts(tx, host(make), Moment(day, tx.now), pools=True)[-1]
        assert part.code == equity.POOLS and {row.person_id: row.step for row in tx.rows(part.reached)} == expected
        for step, select_of in ((1, counted.on_a_list), (2, counted.judged_ready_now)):
            for known_at in (tx.now, noon(day)):  # what was recorded since is of later days, but for agreements taken back
                found = {row.person_id for row in tx.rows(select_of(host(make), day, known_at))}
                assert found == {person for person, last in expected.items() if last >= step}, (step, known_at)


def test_who_is_not_staff_and_whose_judgement_is_not_confirmed_is_not_counted(make: Make) -> None:
    day, staff, agency, keepers = quarter(make), crowd(make, 2), crowd(make, 1, "agency"), crowd(make, 2)
    listed(make, [*staff, *agency], day)
    with make.tx() as tx:
        entry = tx.scalar(select(TalentEntry.id).where(TalentEntry.person_id == staff[0]))
        label = tx.scalar(select(TalentLabel.id).where(TalentLabel.code == "now"))
        both = dict(entry_id=entry, person_id=staff[0], horizon_id=label, specialist=True, reasons=WHY, until=FOREVER, state="proposed")
        tx.insert(TalentJudgement, **both, proposed_by=keepers[0], proposed_on=day, recorded_at=noon(day))
        part = equity.parts(tx, host(make), Moment(day, tx.now), pools=True)[-1]
        found = {row.person_id: row.step for row in tx.rows(part.reached)}
    assert found == {staff[0]: 1, staff[1]: 1, keepers[0]: 0, keepers[1]: 0}


def test_another_organisations_pools_are_not_counted(make: Make) -> None:
    day, people = quarter(make), crowd(make, 1)
    with make.tx() as tx:
        other = operations.create_unit(tx, "organisation", "Elsewhere", "ELSE")
        about = dict(about="", critical=True, posts=2, depth_wanted=3, opened_at=tx.now)
        key = tx.insert(TalentPool, title="Elsewhere", organisation_id=other, **about)
    since = day - timedelta(days=9)
    lived(make, key, {}, [Life(people[0], since, words=[(since, True)])], ())
    with make.tx(writes=False) as tx:
        part = equity.parts(tx, host(make), Moment(day, tx.now), pools=True)[-1]
        assert [row.step for row in tx.rows(part.reached)] == [0]


# Chosen or not -----------------------------------------------------------------------------------------------------


@dataclass
class Council:
    """Seventy women, forty men and some who did not say; 26 of the women and 12 of the men are on a list."""

    day: date
    women: list[int]
    men: list[int]


@pytest.fixture
def council(make: Make) -> Council:
    people, day = crowd(make, 120), quarter(make)
    found = Council(day, people[:70], people[70:110])
    answered(make, found.women, found.men)
    listed(make, found.women[:26] + found.men[:12], day)
    return found


def told(make: Make) -> dict[str, Any]:
    """Code → part, of the only publication."""
    (row,) = make.rows(select(Measured.told))
    return {part["code"]: part for part in row.told["parts"]}


def test_published_only_if_it_is_chosen(make: Make, council: Council) -> None:
    with make.tx() as tx:
        equity.publish(tx, council.day)
    assert list(told(make)) == ["learning", "programmes", "progression"], "and nothing is kept of whoever is on a list"
    assert {row.part for row in make.rows(select(Counted.part).distinct())} <= {0, 1, 2}
    with pytest.raises(Conflict, match="already"), make.tx() as tx:
        equity.publish(tx, council.day, pools=True)


def test_chosen_on_the_page_and_read_like_the_others(make: Make, sign_in: Enter, council: Council, tmp_path: Path) -> None:
    leader = sign_in(psw(make))
    page = leader.get("/measures/equity/publish").text
    assert "Talent pools (optional)" in page and ">38<" in page and 'name="pools"' in page and "can hide more lines" in page
    assert ">26<" not in page and ">12<" not in page, "no group is said before"
    assert 'value="yes" checked' not in page, "it is not chosen unless somebody chooses it"
    again = leader.post("/measures/equity/publish", data={"day": "2020-03-31", "pools": "yes"})
    assert again.status_code == 409 and 'value="yes" checked' in again.text, "what was chosen stays"
    assert leader.post("/measures/equity/publish", data={"day": council.day.isoformat(), "pools": "yes"}).status_code == 303
    reader = sign_in(make.person("Bo", roles=("board viewer",), scope=host(make)))
    shown = reader.get("/measures/equity?part=pools").text
    assert "26 of 70" in shown and "12 of 40" in shown and "0.81 times" in shown, "30% of the men, 37% of the women"
    assert check(make.database, tmp_path, {"ahead": page, "again": again.text, "published": shown}) == []
    lines = reader.get("/measures/equity/table.csv").text.splitlines()
    assert "Talent pools,Sex,Male,On a pool’s list,12,40,0.81" in lines
    (row,) = make.rows(select(Audit.facts).where(Audit.action == "equity.published"))
    assert row.facts["pools"] is True
    assert reader.post("/measures/equity/publish", data={"day": council.day.isoformat(), "pools": "yes"}).status_code == 403


def test_a_quarter_without_it_says_so_and_one_with_nobody_on_a_list_offers_none(make: Make, sign_in: Enter) -> None:
    crowd(make, 120)
    leader = sign_in(psw(make))
    page = leader.get("/measures/equity/publish").text
    assert 'name="pools"' not in page and "cannot be published this quarter" in page
    with make.tx() as tx:
        equity.publish(tx, equity.quarter_end(tx.today))
    assert "“Talent pools” was not published of this quarter" in leader.get("/measures/equity?part=pools").text
    assert "was not published" not in leader.get("/measures/equity").text
    assert '"/measures/equity?part=pools"' in leader.get("/talent").text, "from the pools to the figures"


def test_the_preview_says_of_the_others_what_it_would_say_without_it(make: Make, council: Council) -> None:
    """One of the lists is nearly who learnt: it is the list that is left out."""
    learnt(make, council.women[:24] + council.men[:12], make.course("Free").id, council.day)
    with make.tx(writes=False) as tx:
        plain = equity.parts(tx, host(make), Moment(council.day, tx.now))
        without, ahead = measured.ahead(tx, plain, 6), equity.ahead(tx, host(make), council.day)
    assert tuple(totals for _, totals in ahead.parts[:-1]) == without.totals
    assert ahead.parts[0][1][-1] == 36 and ahead.parts[-1][1] == (120, None, 0) and not ahead.pools


# What is given away ------------------------------------------------------------------------------------------------


def sex(make: Make, code: str) -> dict[str, list[int | None]]:
    return {
        line["title"]: line["counts"] for each in told(make)[code]["characteristics"] if each["title"] == "Sex" for line in each["lines"]
    }


def published(make: Make, number: int, men_listed: int) -> None:
    """So many people, of them seventy women, thirty of whom are on a list, and forty men, of whom so many are."""
    people, day = crowd(make, number), quarter(make)
    answered(make, people[:70], people[70:110])
    listed(make, people[:30] + people[70 : 70 + men_listed], day)
    with make.tx() as tx:
        equity.publish(tx, day, pools=True)


def test_a_few_of_a_group_hide_its_line_in_all_tables(make: Make) -> None:
    published(make, 120, 3)
    for code in told(make):
        assert {name for name, counts in sex(make, code).items() if counts[0] is not None} == {"Female"}, code


def test_that_all_of_a_group_are_on_a_list_is_not_told(make: Make) -> None:
    """Who is a man is plain to see; that he is on a list is for those to know who keep it. Of learning it may be said."""
    published(make, 130, 40)
    assert sex(make, "pools")["Male"] == [None, None, None] and sex(make, "pools")["Female"] == [70, 30, 0]


def test_who_takes_their_agreement_back_is_in_no_later_count_and_what_is_published_stays(make: Make, sign_in: Enter) -> None:
    people, day = crowd(make, 119), quarter(make)
    ann = make.person("Ann Holt")
    with make.tx() as tx:
        operations.set_post(tx, ann.id, "Social worker", "permanent", 1, LONG_AGO)
    listed(make, [*people[:30], ann.id], day)
    entry = next(iter(make.rows(select(TalentEntry.id).where(TalentEntry.person_id == ann.id)))).id
    own, (other, _) = sign_in(ann), pool(make)
    for path in (f"/my-talent-pools/{entry}", f"/my-talent-pools/join/{other}"):
        assert "Figures about groups, never about persons" in own.get(path).text, path
    with make.tx(writes=False) as tx:
        assert equity.ahead(tx, host(make), day).parts[-1][1][1] == 31
    with make.tx() as tx:
        equity.publish(tx, day, pools=True)
    with as_(make, ann) as tx:
        entering.say(tx, entry, agrees=False)
    assert told(make)["pools"]["totals"][1] == 31
    with make.tx(writes=False) as tx:
        part = equity.parts(tx, host(make), Moment(day, tx.now), pools=True)[-1]
        assert {row.person_id: row.step for row in tx.rows(part.reached)}[ann.id] == 0
    kept = make.rows(select(Counted.step).where(Counted.person_id == ann.id, Counted.part == 3))
    assert [row.step for row in kept] == [1], "or the next list would be beside one that it is not compared with"


def test_the_next_list_of_nearly_the_same_people_is_left_out(make: Make, council: Council) -> None:
    with make.tx() as tx:
        equity.publish(tx, council.day, pools=True)
        later = tx.now + timedelta(days=93)
    new = crowd(make, 40)
    listed(make, new[:3], council.day)
    with transaction(make.database, SYSTEM, writes=False, now=later) as tx:
        ahead = equity.ahead(tx, host(make), equity.quarter_end(tx.today))
    assert not ahead.refused and ahead.parts[-1][1][:2] == (160, None)


def test_nothing_is_kept_of_a_list_whose_number_is_not_shown(make: Make) -> None:
    people, day = crowd(make, 120), quarter(make)
    listed(make, people[:10], day)
    with make.tx() as tx:
        equity.publish(tx, day, pools=True)
    assert told(make)["pools"]["totals"] == [120, None, 0]
    assert make.rows(select(Counted.person_id).where(Counted.part == 3)) == []
    assert steps(make, "learning", day), "the others are counted as ever"
