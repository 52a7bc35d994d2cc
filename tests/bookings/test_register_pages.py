"""The register in a browser: with and without the script, on both databases; who may; and checking oneself in."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.bookings import operations
from app.bookings.event_models import Attendance, CheckIn
from app.bookings.models import Booking
from app.bookings.operations import check_in, register
from app.core import tx as core_tx
from app.core.errors import Conflict, TooMany
from app.core.tx import Actor, transaction
from tests.bookings.test_register import Room, finished, room
from tests.factory import Make

SignIn = Callable[[Any], TestClient]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """`at(instant)`: from now on the service's clock stands there."""
    return lambda moment: monkeypatch.setattr(core_tx, "clock", lambda: moment)


def address(here: Room, tail: str = "/register") -> str:
    return f"/sessions/{here.session.id}{tail}"


def sent(here: Room, *marks: tuple[int, int, str, datetime, str | None]) -> dict[str, str]:
    rows = [[here.bookings[who], here.parts[part].id, said, noted.timestamp() * 1000, why] for who, part, said, noted, why in marks]
    return {"marks": json.dumps(rows)}


# Taking it ---------------------------------------------------------------------------------------------------------


def test_a_plain_form_marks_what_was_changed_on_it(make: Make, sign_in: SignIn, at: Any) -> None:
    here = room(make)
    at(here.during)
    trainer = sign_in(here.trainer)
    page = trainer.get(address(here))
    assert page.status_code == 200 and "0</span> of 3 marked" in page.text and here.people[0].name in page.text
    here.mark(here.during + timedelta(minutes=1), (1, 0, "partly"))  # meanwhile, on another phone
    at(here.during + timedelta(minutes=2))
    typed = {f"m-{here.bookings[0]}": "present", f"m-{here.bookings[2]}": "absent", f"r-{here.bookings[2]}": "court", "number": "1"}
    saved = trainer.post(address(here), data=typed)
    assert saved.headers["location"] == f"{address(here)}?part=1&saved=yes"
    assert here.marks() == {(0, 0): "present", (1, 0): "partly", (2, 0): "absent"}
    again = trainer.get(address(here, "/register?part=1&saved=yes")).text
    assert "Your marks are saved" in again
    shown = f"{here.bookings[0]}:present: {here.bookings[1]}:partly: {here.bookings[2]}:absent:court"
    assert sorted(shown.split()) == sorted(again.partition('name="shown" value="')[2].partition('"')[0].split())
    here.mark(here.during + timedelta(minutes=3), (0, 0, "absent"))
    at(here.during + timedelta(minutes=4))
    trainer.post(address(here), data=typed | {"shown": shown, f"m-{here.bookings[1]}": "present"})
    assert here.marks() == {(0, 0): "absent", (1, 0): "present", (2, 0): "absent"}  # what was as shown was not sent


def test_the_script_sends_what_the_phone_has_kept(make: Make, sign_in: SignIn, at: Any) -> None:
    here = room(make)
    at(here.during + timedelta(hours=1))
    trainer = sign_in(here.trainer)
    marks = sent(here, (0, 0, "present", here.during, None), (1, 0, "absent", here.during, "court"))
    reply = trainer.post(address(here, "/register/marks"), data=marks)
    assert (reply.status_code, reply.json()) == (200, {"kept": 2, "overtaken": 0, "gone": 0})
    late = sent(here, (0, 0, "absent", here.during - timedelta(minutes=9), None))
    assert trainer.post(address(here, "/register/marks"), data=late).json() == {"kept": 0, "overtaken": 1, "gone": 0}
    assert here.marks() == {(0, 0): "present", (1, 0): "absent"}


@pytest.mark.parametrize(
    "marks",
    ["{", "7", "[7]", "[[1,2,3]]", '[[1,2,"present",null,null]]', '[[1,2,"present",1e300,null]]', '[["1",2,"present",1,null]]', "[" * 5000],
)
def test_what_is_no_mark_is_refused_in_words(make: Make, sign_in: SignIn, at: Any, marks: str) -> None:
    here = room(make)
    at(here.during)
    reply = sign_in(here.trainer).post(address(here, "/register/marks"), data={"marks": marks})
    assert reply.status_code == 422 and reply.json()["code"] == "not-a-mark"


def test_the_script_is_told_that_a_register_is_finished_or_not_its_own(make: Make, sign_in: SignIn, at: Any, visitor: TestClient) -> None:
    here = room(make)
    finished(here)
    at(here.after)
    marks = sent(here, (0, 0, "present", here.during, None))
    reply = sign_in(here.trainer).post(address(here, "/register/marks"), data=marks)
    assert (reply.status_code, reply.json()["code"]) == (409, "register-finished")
    assert sign_in(here.people[0]).post(address(here, "/register/marks"), data=marks).status_code == 403
    assert visitor.post(address(here, "/register/marks"), data=marks).status_code == 303


def test_the_register_is_read_only_before_it_opens(make: Make, sign_in: SignIn, at: Any) -> None:
    here = room(make)
    at(here.during - timedelta(hours=2))
    page = sign_in(here.trainer).get(address(here)).text
    assert "You can mark this part from 9am" in page and 'type="radio"' not in page


def test_requests_without_an_answer_are_not_on_the_register(make: Make, sign_in: SignIn, at: Any) -> None:
    trainer, ann = make.person("Tess"), make.person("Ann", manager=make.person("Mo").id)
    session = make.session(trainers=(trainer.id,), needs_approval=True)
    with make.tx() as tx:
        operations.book(tx, session.id, ann.id)
    at(session.starts_at)
    page = sign_in(trainer).get(f"/sessions/{session.id}/register").text
    assert "1 person has asked for a place without an answer yet" in page and 'type="radio"' not in page


def test_finishing_asks_about_people_without_a_mark(make: Make, sign_in: SignIn, at: Any) -> None:
    here = room(make, parts=1)
    here.mark(here.during, (0, 0, "present"))
    at(here.during)
    trainer = sign_in(here.trainer)
    assert "the session is not over" in trainer.get(address(here, "/register/finish")).text
    at(here.after)
    trainer = sign_in(here.trainer)
    assert "2 people lack a mark" in trainer.get(address(here, "/register/finish")).text
    unsaid = trainer.post(address(here, "/register/finish"))
    assert unsaid.status_code == 422 and "Choose whether people without a mark were there" in unsaid.text
    done = trainer.post(address(here, "/register/finish"), data={"rest": "absent"})
    assert done.headers["location"] == f"{address(here)}?saved=finished"
    page = trainer.get(done.headers["location"]).text
    assert "The register is finished" in page and "Did not attend" in page
    assert here.states() == ["attended", "did not attend", "did not attend"]


def test_a_finished_register_is_put_right_with_a_reason(make: Make, sign_in: SignIn, at: Any) -> None:
    here = room(make, parts=1)
    here.mark(here.during, (0, 0, "present"), (1, 0, "present"), (2, 0, "absent"))
    with here.training(here.after) as tx:
        register.finish_register(tx, here.session.id)
    at(here.after)
    trainer, one = sign_in(here.trainer), address(here, f"/register/{here.bookings[2]}")
    assert "put the register right" in trainer.get(one).text
    part = here.parts[0].id
    assert trainer.post(one, data={f"m-{part}": "present"}).status_code == 422
    saved = trainer.post(one, data={f"m-{part}": "present", "reason": "Signed the sheet"})
    assert saved.headers["location"] == f"{address(here)}?saved=changed"
    assert make.row(Booking, here.bookings[2]).status == "attended"


def test_somebody_at_the_door_is_added_and_paper_has_a_line_for_each(make: Make, sign_in: SignIn, at: Any) -> None:
    here, wes = room(make), make.person("Wes")
    at(here.parts[0].starts_at - timedelta(minutes=5))
    trainer = sign_in(here.trainer)
    assert trainer.get(address(here, "/register/add")).status_code == 200
    assert trainer.post(address(here, "/register/add"), data={"who": ""}).status_code == 422
    assert trainer.post(address(here, "/register/add"), data={"who": "nobody"}).status_code == 404
    added = trainer.post(address(here, "/register/add"), data={"who": wes.email})
    assert added.headers["location"] == f"{address(here)}?added=yes"
    sheet = trainer.get(address(here, "/sheet")).text
    assert all(name in sheet for name in (wes.name, here.people[0].name)) and sheet.count("app-sheet__box") == 8


def test_a_register_asks_few_questions_however_many_people(make: Make, sign_in: SignIn, at: Any, count_queries: Any) -> None:
    here = room(make, people=5)
    at(here.during)
    trainer = sign_in(here.trainer)
    with count_queries() as queries:
        trainer.get(address(here))
    assert len(queries) <= 9


# Checking in -------------------------------------------------------------------------------------------------------


def opened(here: Room) -> str:
    with here.training(here.during) as tx:
        check_in.open_check_in(tx, here.session.id)
    with here.make.tx(writes=False) as tx:
        secret: str = tx.scalar(CheckIn.__table__.select().with_only_columns(CheckIn.secret))
    return secret


def code(here: Room, moment: datetime, part: int = 0) -> str:
    with transaction(here.make.database, Actor("person", here.trainer.id), writes=False, now=moment) as tx:
        return check_in.code_now(tx, here.make.rows(CheckIn.__table__.select())[0].secret, here.parts[part].id).digits


def enter(here: Room, who: Any, typed: str, moment: datetime) -> Any:
    with transaction(here.make.database, Actor("person", who.id, roles=(("practitioner", None),)), writes=True, now=moment) as tx:
        return check_in.check_in(tx, typed, here.session.id)


def test_the_code_of_now_or_just_before_marks_somebody_present(make: Make) -> None:
    here = room(make)
    opened(here)
    start = here.parts[0].starts_at
    assert len({code(here, start + timedelta(minutes=n)) for n in range(30)}) > 25  # it rotates
    assert enter(here, here.people[0], code(here, start), start) is not None
    assert enter(here, here.people[1], code(here, start)[:3] + " " + code(here, start)[3:], start + timedelta(seconds=119)) is not None
    assert enter(here, here.people[2], code(here, start), start + timedelta(seconds=120)) is None
    assert enter(here, here.people[2], code(here, start + timedelta(seconds=60)), start) is None  # not yet shown
    assert here.marks() == {(0, 0): "present", (1, 0): "present"}
    sources = make.rows(Attendance.__table__.select())
    assert {row.source for row in sources} == {"check-in"}


def test_it_cannot_be_used_early_late_or_by_somebody_without_a_place(make: Make) -> None:
    here, stranger = room(make), make.person("Nia")
    opened(here)
    first = here.parts[0]
    for who, moment, refused in (
        (here.people[0], first.starts_at - timedelta(minutes=30, seconds=1), "check-in-early"),
        (here.people[0], first.ends_at, "check-in-late"),
        (here.people[0], here.after, "check-in-late"),
        (stranger, first.starts_at, "check-in-closed"),
    ):
        with pytest.raises(Conflict) as refusal:
            enter(here, who, code(here, moment), moment)
        assert refusal.value.code == refused
    moment = first.starts_at - timedelta(minutes=30)
    assert enter(here, here.people[0], code(here, moment), moment) is not None
    second = here.parts[1].starts_at
    assert enter(here, here.people[1], code(here, second, part=0), second) is None  # each part has its own code
    with here.training(here.during) as tx:
        check_in.close_check_in(tx, here.session.id)
    with pytest.raises(Conflict):
        enter(here, here.people[1], "123456", here.during)


def test_what_the_trainer_marked_stays(make: Make) -> None:
    here = room(make)
    opened(here)
    here.mark(here.during, (0, 0, "absent"))
    with pytest.raises(Conflict, match="absent") as refusal:
        enter(here, here.people[0], code(here, here.during), here.during)
    assert refusal.value.code == "already-marked"
    enter(here, here.people[1], code(here, here.during), here.during)
    here.mark(here.during + timedelta(hours=1), (1, 0, "partly"))
    assert here.marks() == {(0, 0): "absent", (1, 0): "partly"}


def test_wrong_codes_are_counted_for_each_person(make: Make) -> None:
    here = room(make)
    opened(here)
    wrong = f"{(int(code(here, here.during)) + 1) % 1_000_000:06}"
    for _ in range(check_in.TRIES):
        assert enter(here, here.people[0], wrong, here.during) is None
    with pytest.raises(TooMany):
        enter(here, here.people[0], code(here, here.during), here.during)
    assert enter(here, here.people[1], code(here, here.during), here.during) is not None
    later = here.during + check_in.WINDOW
    assert enter(here, here.people[0], code(here, later), later) is not None


@pytest.mark.parametrize("path", ["/check-in", "/sessions/{}/check-in"])
def test_checking_in_in_a_browser(make: Make, sign_in: SignIn, at: Any, path: str) -> None:
    here = room(make)
    at(here.during)
    trainer, person = sign_in(here.trainer), sign_in(here.people[0])
    assert "Open check-in" in trainer.get(address(here, "/code")).text
    assert trainer.post(address(here, "/code"), data={"do": "open"}).status_code == 303
    shown = trainer.get(address(here, "/code")).text
    digits = code(here, here.during)
    assert f"{digits[:3]} {digits[3:]}" in shown and "It changes in " in shown
    path = path.format(here.session.id)
    assert here.session and "6 digits that the room shows" in person.get(path).text
    assert person.post(path, data={"code": ""}).status_code == 422
    wrong = person.post(path, data={"code": "12345"})
    assert wrong.status_code == 422 and "not the code that the room shows" in wrong.text
    done = person.post(path, data={"code": digits})
    assert done.status_code == 303 and "You are checked in" in person.get(done.headers["location"]).text
    assert here.marks() == {(0, 0): "present"}
    assert person.get(address(here, "/code")).status_code == 403
    trainer.post(address(here, "/code"), data={"do": "close"})
    assert "Open check-in" in trainer.get(address(here, "/code")).text
