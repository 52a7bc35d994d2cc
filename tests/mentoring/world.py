"""A few colleagues who learn together: who they are, and what they do in a test as themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

from app.core.tx import Actor, Tx, transaction
from app.learning.models import LearningRecord
from app.mentoring.models import Pairing
from app.mentoring.operations import meetings, notices, pairing, sets
from tests.factory import Make


@dataclass
class Circle:
    """Mentor, mentee, two more colleagues and a coordinator of one council; and somebody of another."""

    make: Make
    mia: Any  # mentors
    ned: Any  # is mentored
    pam: Any
    kit: Any
    cora: Any  # coordinator
    odd: Any  # works for another council

    def acting(self, person: Any, *roles: str) -> Any:
        """A transaction of one of them."""
        return transaction(self.make.database, self.actor(person, *roles), writes=True)

    def actor(self, person: Any, *roles: str) -> Actor:
        held = tuple((role, None) for role in ("practitioner", *roles))
        return Actor("person", person.id, person.name, held, organisation_id=person.organisation_id)

    def offer(self, person: Any, **values: Any) -> int:
        with self.acting(person) as tx:
            return notices.put_up(tx, **{"side": "offer", "kind": "mentoring", "need": "court", **values})

    def pair(self, giver: Any = None, receiver: Any = None, kind: str = "mentoring", since: date | None = None) -> int:
        """The second has asked the first, who agreed."""
        giver, receiver = giver or self.mia, receiver or self.ned
        with self.acting(receiver) as tx:
            key = pairing.ask(tx, kind=kind, need="court", role="receiver", other=giver.id, since=since)
        self.agree(giver, key)
        return key

    def agree(self, person: Any, key: int, *, accepted: bool = True) -> None:
        version = self.make.row(Pairing, key).version
        with self.acting(person) as tx:
            pairing.answer(tx, key, version, accepted=accepted)

    def met(self, person: Any, days_ago: int = 0, minutes: int = 60, **of: Any) -> int:
        with self.acting(person) as tx:
            return meetings.record(tx, tx.today - timedelta(days=days_ago), minutes, **of)

    def set_of(self, *people: Any, title: str = "Court group", days_ago: int = 30) -> int:
        """A set that the first facilitates and all have belonged to since then."""
        with self.acting(people[0]) as tx:
            since = tx.today - timedelta(days=days_ago)
            key = sets.start(tx, title=title, need="court", most=4, started_on=since)
            for each in people[1:]:
                sets.add(tx, key, each.id, since)
        return key

    def records(self, *, live: bool = True) -> list[tuple[Any, ...]]:
        """Learning records: whose, when, how long, bucket, title and source; in order."""
        columns = ("person_id", "on_date", "minutes", "bucket", "title", "source")
        statement = select(*(LearningRecord.__table__.c[name] for name in columns)).order_by(LearningRecord.person_id, LearningRecord.id)
        return [tuple(row) for row in self.make.rows(statement.where(LearningRecord.superseded_at.is_(None)) if live else statement)]


def circle(make: Make) -> Circle:
    """The six of them."""
    council, neighbour = make.organisation(), make.organisation("Northmoor Council", host=False)
    team = make.unit("Court team", parent=council)
    mia, ned, pam, kit = (make.person(name, organisation=council, team=team) for name in ("Mia Grey", "Ned Ash", "Pam Lund", "Kit Orr"))
    cora = make.person("Cora Vance", organisation=council, roles=("coordinator",))
    return Circle(make, mia, ned, pam, kit, cora, make.person("Odd Vale", organisation=neighbour))


_SET = "/learning-together/sets/{set_id:int}"
OTHERS = {  # path parameter → name in the matrices' world
    f"{method} {_SET}{tail}": {"set_id": "learning_set"}
    for method in ("GET", "POST")
    for tail in ("", "/join", "/leave", "/edit", "/add", "/hand-over", "/end", "/meetings/new")
}
FORMS = {"POST /learning-together/pairs/{pairing_id:int}/end": {"version": "2", "why": "finished"}}


def stops(stop: Any) -> list[Any]:
    """Where the tour goes: `stop` makes a visit of a path, a persona and what fills the path in."""
    home = "/learning-together"
    pair, joined = f"{home}/pairs/{{pairing_id:int}}", f"{home}/sets/{{set_id:int}}"
    asked = {"find": lambda finder: {"pairing_id": finder.pairing("asked")}}
    active = {"find": lambda finder: {"pairing_id": finder.pairing()}}
    mine = {"find": lambda finder: {"set_id": finder.learning_set()}}
    led = {"find": lambda finder: {"set_id": finder.learning_set("manager")}}
    return [
        *(stop(home, key) for key in ("practitioner", "nqsw", "manager", "coordinator", "board")),
        stop(f"{home}/people", "practitioner"),
        stop(f"{home}/people", "practitioner", query="side=offer&need=court&kind=mentoring"),
        stop(f"{home}/people", "practitioner", query="need=returning&kind=shadowing&area=999999"),
        *(stop(f"{home}/notices/new", "practitioner", query=query) for query in ("", "side=ask")),
        stop(f"{home}/notices/{{notice_id:int}}", "practitioner", lambda finder: {"notice_id": finder.notice()}),
        stop(f"{home}/notices/{{notice_id:int}}", "manager", lambda finder: {"notice_id": finder.notice("ask")}),
        stop(f"{home}/notices/{{notice_id:int}}/edit", "practitioner", lambda finder: {"notice_id": finder.notice("ask", "practitioner")}),
        stop(f"{home}/ask", "practitioner"),
        stop(pair, "practitioner", **asked),
        stop(pair, "practitioner", **active),
        stop(f"{pair}/end", "practitioner", **active),
        stop(f"{pair}/meetings/new", "practitioner", **active),
        stop(f"{home}/meetings/{{meeting_id:int}}", "practitioner", lambda finder: {"meeting_id": finder.learning_meeting()}),
        *(stop(f"{home}/sets", key) for key in ("practitioner", "board")),
        stop(f"{home}/sets/new", "practitioner"),
        stop(joined, "practitioner", **mine),
        stop(joined, "practitioner", **led),
        stop(joined, "manager", **led),
        stop(f"{joined}/meetings/new", "practitioner", **mine),
        stop(f"{joined}/edit", "manager", **led),
        *(stop(f"{home}/overview", key) for key in ("coordinator", "psw")),
        stop(f"{home}/overview/demand.csv", "coordinator", file="text/csv"),
        stop(f"{home}/bring-together", "coordinator"),
    ]


def together(tx: Tx, person: int, colleague: int, name: str) -> dict[str, int]:
    """In the matrices' world: somebody's notice, pair, set and meeting with a colleague, yesterday."""
    before = tx.actor
    tx.actor = Actor("person", person, name, (("practitioner", None),))
    since = tx.today - timedelta(days=7)
    notice = notices.put_up(tx, side="offer", kind="coaching", need="court", words="Happy to talk about evidence.", most=2)
    pair_id = pairing.ask(tx, kind="mentoring", need="court", role="receiver", other=colleague, since=since)
    set_id = sets.start(tx, title=f"Set of {name}", need="court", started_on=since)
    tx.actor = Actor("person", colleague, "A colleague", (("practitioner", None),))
    pairing.answer(tx, pair_id, 1, accepted=True)
    tx.actor = Actor("person", person, name, (("practitioner", None),))
    meeting = meetings.record(tx, tx.today - timedelta(days=1), 60, pairing_id=pair_id)
    tx.actor = before
    return {"notice_id": notice, "pairing_id": pair_id, "learning_set": set_id, "meeting_id": meeting}
