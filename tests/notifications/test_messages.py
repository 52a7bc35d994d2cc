from datetime import UTC, datetime
from email.policy import SMTP
from html.parser import HTMLParser
from typing import Any

import pytest
from icalendar import Calendar

from app.core.config import Settings
from app.core.mail import Message, build
from app.notifications.kinds import FACTS
from app.notifications.messages import FactsError, render
from tests.notifications.pathway_samples import PATHWAY_SAMPLES
from tests.notifications.programme_samples import PROGRAMME_SAMPLES
from tests.notifications.renewal_samples import RENEWAL_SAMPLES
from tests.notifications.report_samples import REPORT_SAMPLES
from tests.notifications.talent_samples import TALENT_SAMPLES
from tests.notifications.together_samples import TOGETHER_SAMPLES

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SETTINGS = Settings(base_url="https://academy.westmarch.example", smtp_url="smtps://mail.westmarch.example")
ROOM = {
    "starts_at": "2026-12-08T09:30:00+00:00",
    "ends_at": "2026-12-08T16:00:00+00:00",
    "room": "Oak Room",
    "address": "Shire Hall, Westmarch",
    "online": False,
    "link": None,
}
JOIN = "https://meet.westmarch.example/court?a=1&b=2"
ONLINE = {
    "starts_at": "2027-07-08T08:30:00Z",  # summer: 9:30am in London
    "ends_at": "2027-07-08T11:00:00Z",
    "room": None,
    "address": None,
    "online": True,
    "link": JOIN,
}
BOOKING: dict[str, Any] = {
    "to": "ann@westmarch.example",
    "name": "Ann Example",
    "title": "Court skills",
    "when": [ROOM, ONLINE],
    "booking_id": 7,
}
SESSION: dict[str, Any] = {name: fact for name, fact in BOOKING.items() if name != "booking_id"} | {"session_id": 4}
ACCOUNT = {"to": "ann@westmarch.example", "name": "Ann Example", "link": "/links/abc", "expires_at": "2026-12-01T17:00:00Z"}
SAMPLES: dict[str, dict[str, Any]] = {
    "booking_made": BOOKING | {"access_notes": "Step-free from the car park.", "cancel_by": "2026-12-01T17:00:00Z"},
    "booking_requested": BOOKING | {"approver": "Bob Manager", "decide_by": "2026-12-01T17:00:00Z"},
    "booking_waiting": BOOKING | {"position": 4, "waiting": 11},
    "booking_cancelled": BOOKING | {"was": "booked", "reason": "Urgent court work.", "course_url": "/courses/3"},
    "booking_refused": BOOKING | {"refused_by": "Bob Manager", "reason": "Duty week.", "course_url": "/courses/3"},
    "approval_asked": BOOKING | {"name": "Bob Manager", "learner": "Ann Example", "cost_pence": 15000, "booking_url": "/bookings/7/decide"},
    "booking_given": BOOKING | {"given_by": "Carol Coordinator"},
    "session_changed": BOOKING | {"status": "booked", "changes": ["The room is now Oak Room."], "sequence": 2},
    "session_cancelled": BOOKING | {"was": "booked", "reason": "Too few people.", "sequence": 2, "course_url": "/courses/3"},
    "invitation": ACCOUNT | {"invited_by": "Hana Officer"},
    "password_reset": ACCOUNT,
    "leavers_flagged": {"to": "cai@westmarch.example", "name": "Cai Cole", "flags": 3, "link": "/manage/leavers"},
    "import_finished": {
        "to": "hana@westmarch.example",
        "name": "Hana Officer",
        "applied": True,
        "joiners": 1,
        "movers": 2,
        "leavers": 0,
        "unchanged": 1286,
        "problems": 3,
        "link": "/imports/9",
    },
    "break_glass_used": {
        "to": "ada@westmarch.example",
        "name": "Ada Officer",
        "who": "Max Key",
        "at": "2026-11-21T22:40:00Z",
        "link": "/access/people/7",
    },
    "webhook_stopped": {
        "to": "ada@westmarch.example",
        "name": "Ada Officer",
        "subscription": "Payroll",
        "client": "HR system",
        "what": "It has taken nothing for 3 days. The subscription is paused; nothing is lost, and it goes on once resumed.",
        "waiting": 17,
        "link": "/webhooks/3",
    },
    "booking_offered": BOOKING | {"offer_ends_at": "2026-12-01T17:00:00Z", "link": "/offers/abc", "approval": "not needed"},
    "offer_lapsed": BOOKING | {"course_url": "/courses/3"},
    "offer_declined": BOOKING | {"course_url": "/courses/3"},
    "booking_passed": BOOKING | {"passed_by": "Bea Colleague"},
    "place_passed": BOOKING | {"passed_to": "Bea Colleague", "was": "booked", "course_url": "/courses/3"},
    "reservation_expired": BOOKING | {"course_url": "/courses/3"},
    "reminder": BOOKING | {"days": 7, "cancel_by": "2026-12-01T17:00:00Z"},
    "approval_chased": BOOKING
    | {"name": "Bob Manager", "learner": "Ann Example", "booking_url": "/bookings/7/decide", "decide_by": "2026-12-01T17:00:00Z"},
    "approval_expired": BOOKING | {"was": "requested", "course_url": "/courses/3"},
    "attended": BOOKING | {"status": "attended"},
    "missed": BOOKING | {"pence": 5000, "appeal_by": "2026-12-22T17:00:00Z"},
    "charge_decided": BOOKING | {"state": "upheld", "decision": "No reason was given.", "pence": 5000},
    "evaluation_asked": BOOKING | {"evaluation_kind": "after", "link": "/bookings/7/evaluation"},
    "certificate": BOOKING | {"path": "/certificates/9"},
    "parts_cancelled": BOOKING | {"off": [ROOM], "sequence": 3},
    "session_runs": BOOKING,
    "session_message": SESSION
    | {"from": "Carol Coordinator", "subject": "What to bring", "body": "A pen.\n\nYour diary.", "booking_url": "/bookings/7"},
    "trainer_session_set": SESSION | {"trainer_id": 5},
    "trainer_session_changed": SESSION | {"trainer_id": 5, "changes": ["The room is now Oak Room."], "sequence": 2},
    "trainer_session_cancelled": SESSION | {"trainer_id": 5, "off": [ROOM], "whole": True, "called_off": True, "reason": "Too few people."},
    "place_unoffered": SESSION | {"waiting": 3, "reference": "S1042"},
    "decision_due": SESSION | {"booked": 4, "min_numbers": 8, "decide_by": "2026-12-01T17:00:00Z"},
    "dates_added": {
        "to": "ann@westmarch.example",
        "name": "Ann Example",
        "title": "Court skills",
        "course_url": "/courses/3",
        "dates": [ROOM],
    },
    "prior_learning_decided": {
        "to": "ann@westmarch.example",
        "name": "Ann Example",
        "title": "Court skills",
        "state": "accepted",
        "decision": "The certificate shows the same content.",
    },
    "supervision_due": {
        "to": "bob@westmarch.example",
        "name": "Bob Manager",
        "own": False,
        "subjects": ["Ann Example, since Friday 4 December 2026", "Cal Example, since Monday 7 December 2026"],
        "link": "/supervision/team",
    },
    **PROGRAMME_SAMPLES,
    **RENEWAL_SAMPLES,
    **TOGETHER_SAMPLES,
    **PATHWAY_SAMPLES,
    **REPORT_SAMPLES,
    **TALENT_SAMPLES,
    "digest": {"to": "ann@westmarch.example", "name": "Ann Example", "subjects": ["Booked: Court skills", "Tomorrow: Life story work"]},
}
KINDS = sorted(FACTS)


def made(kind: str, **changes: Any) -> Message:
    return render(kind, SAMPLES[kind] | changes, SETTINGS, message_id=41, now=NOW)


class _Seen(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.links: list[str] = []
        self.lang = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        self.lang = self.lang or (given.get("lang") or "")
        self.links += [value for name, value in attrs if name == "href" and value]
        assert not {name for name, _ in attrs} & {"src", "background", "style", "onclick"}
        if tag not in ("br", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def event(message: Message) -> Any:
    assert message.ics is not None
    return Calendar.from_ical(message.ics).walk("VEVENT")[0]


def test_there_is_a_sample_of_every_kind() -> None:
    assert sorted(SAMPLES) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_happened_and_what_is_next(kind: str) -> None:
    message = made(kind)
    assert message.to == SAMPLES[kind]["to"]
    assert message.message_id == "<outbox-41@academy.westmarch.example>"
    assert message.reply_to == "academy@westmarch.example"
    assert message.plain.startswith(f"Hello {SAMPLES[kind]['name']}\n\n")
    assert "What happens next\n-----------------\n" in message.plain
    assert "academy@westmarch.example or 01632 960 100" in message.plain
    assert "Westmarch County Council" in message.plain
    assert "https://academy.westmarch.example/" in message.plain
    for text in (message.subject, message.plain, message.html):
        assert "None" not in text
        assert "{" not in text.replace("{ margin", "").split("</style>")[-1]
    assert "\n\n\n" not in message.plain
    assert message.plain == "\n".join(line.rstrip() for line in message.plain.splitlines()) + "\n"


@pytest.mark.parametrize("kind", KINDS)
def test_every_page_is_simple_and_accessible(kind: str) -> None:
    seen = _Seen(made(kind).html)
    assert seen.lang == "en-GB"
    assert seen.open == []
    assert seen.tags.count("h1") == seen.tags.count("title") == seen.tags.count("main") == 1
    assert not set(seen.tags) & {"table", "img", "script", "form", "iframe", "link"}
    assert seen.links
    assert all(link.startswith("https://") for link in seen.links)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_sent(kind: str) -> None:
    email = build(made(kind), SETTINGS.mail_from, NOW)
    assert email.as_bytes(policy=SMTP).isascii()


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_attempt_is_the_same_to_the_byte(kind: str) -> None:
    assert made(kind) == made(kind) == render(f"email.{kind}", SAMPLES[kind], SETTINGS, message_id="41", now=NOW)


HOSTILE = "<script>alert(1)</script>\r\nBcc: eve@evil.example {{ 7*7 }} \"'&"


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_text_stays_text(kind: str) -> None:
    texts = {
        name: HOSTILE
        for name in (
            "name",
            "title",
            "reason",
            "booked_by",
            "approver",
            "cancelled_by",
            "given_by",
            "invited_by",
            "access_notes",
            "contact",
            "learner",
            "passed_by",
            "passed_to",
            "decision",
            "from",
            "subject",
            "reference",
        )
        if name in FACTS[kind].__annotations__
    }
    if "when" in SAMPLES[kind]:
        texts["when"] = [ROOM | {"room": HOSTILE, "address": HOSTILE, "link": "javascript:alert(1)"}]  # type: ignore[assignment]
    if "changes" in SAMPLES[kind]:
        texts["changes"] = [HOSTILE]  # type: ignore[assignment]
    message = made(kind, **texts)
    assert "script" not in _Seen(message.html).tags
    assert not any(link.startswith("javascript") for link in _Seen(message.html).links)
    assert "\n" not in message.subject
    assert "\nBcc:" not in message.plain
    assert "49" not in message.plain
    email = build(message, SETTINGS.mail_from)
    assert email["Bcc"] is None
    if message.ics:
        assert event(message)["attendee"] == "mailto:ann@westmarch.example"


@pytest.mark.parametrize("kind", KINDS)
def test_long_text_is_kept_whole_and_the_subject_short(kind: str) -> None:
    long = "Reflective practice " * 400
    texts = {name: long for name in ("name", "title", "reason", "decision") if name in FACTS[kind].__annotations__}
    message = made(kind, **texts)
    assert len(message.subject) < 200
    assert long.strip() in message.plain
    build(message, SETTINGS.mail_from).as_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_fact_is_named(kind: str) -> None:
    for name in FACTS[kind].__required_keys__:
        facts = {key: value for key, value in SAMPLES[kind].items() if key != name}
        with pytest.raises(FactsError, match=f"^{kind}: the fact '{name}' is missing"):
            render(kind, facts, SETTINGS, message_id=1, now=NOW)


@pytest.mark.parametrize("kind", KINDS)
def test_facts_that_may_be_left_out_may_also_be_null_or_unknown(kind: str) -> None:
    bare = {key: value for key, value in SAMPLES[kind].items() if key in FACTS[kind].__required_keys__}
    nulls = dict.fromkeys(
        set(FACTS[kind].__annotations__)
        - FACTS[kind].__required_keys__
        - {"sequence", "approval_pending", "session_id", "whole", "called_off", "was"}
    )
    message = render(kind, bare, SETTINGS, message_id=41, now=NOW)
    assert render(kind, bare | nulls | {"audit_only": 1}, SETTINGS, message_id=41, now=NOW) == message
    assert "None" not in message.plain


@pytest.mark.parametrize(
    ("kind", "facts", "trouble"),
    [
        ("booking_made", {"when": []}, "'when' is empty"),
        ("booking_made", {"when": [{"starts_at": "2026-12-08T09:30:00Z"}]}, "'when.0.ends_at' is missing"),
        ("booking_made", {"when": [ROOM | {"starts_at": "tomorrow"}]}, "'when.0.starts_at' is not an instant"),
        ("booking_made", {"when": [ROOM | {"starts_at": "2026-12-08T09:30:00"}]}, "'when.0.starts_at' is not an instant"),
        ("booking_made", {"when": [ROOM | {"ends_at": "2026-12-08T09:00:00Z"}]}, "'when.0' is wrong: This ends before"),
        ("booking_made", {"title": None}, "'title' is wrong"),
        ("booking_made", {"cancel_by": "soon"}, "'cancel_by' is not an instant"),
        ("booking_made", {"booking_url": "javascript:alert(1)"}, "'booking_url' is not the address of a page"),
        ("booking_made", {"booking_url": "//evil.example"}, "'booking_url' is not the address of a page"),
        ("booking_cancelled", {"was": "attended"}, "'was' is wrong"),
        ("session_changed", {"changes": []}, "'changes' is empty"),
        ("invitation", {"expires_at": ""}, "'expires_at' is not an instant"),
        ("import_finished", {"joiners": "many"}, "'joiners' is wrong"),
    ],
)
def test_a_wrong_fact_is_named_without_its_value(kind: str, facts: dict[str, Any], trouble: str) -> None:
    with pytest.raises(FactsError) as wrong:
        made(kind, **facts)
    assert str(wrong.value).startswith(f"{kind}: the fact {trouble}")
    assert "Ann" not in str(wrong.value)


def test_an_unknown_kind() -> None:
    with pytest.raises(FactsError, match="no message of the kind 'nothing'"):
        render("nothing", {}, SETTINGS, message_id=1, now=NOW)


# Who sees the joining link, and whose calendar changes


@pytest.mark.parametrize(
    ("kind", "changes", "method"),
    [
        ("booking_made", {}, "REQUEST"),
        ("booking_requested", {}, None),
        ("booking_waiting", {}, None),
        ("booking_cancelled", {}, "CANCEL"),
        ("booking_cancelled", {"was": "requested"}, None),
        ("booking_cancelled", {"was": "waiting"}, None),
        ("booking_refused", {}, None),
        ("approval_asked", {}, None),
        ("booking_given", {}, "REQUEST"),
        ("booking_given", {"approval_pending": True}, None),
        ("session_changed", {}, "REQUEST"),
        ("session_changed", {"status": "waiting"}, None),
        ("session_changed", {"status": "requested"}, None),
        ("session_cancelled", {}, "CANCEL"),
        ("session_cancelled", {"was": "waiting"}, None),
        ("invitation", {}, None),
        ("password_reset", {}, None),
        ("import_finished", {}, None),
        ("leavers_flagged", {}, None),
        ("webhook_stopped", {}, None),
        ("break_glass_used", {}, None),
        ("booking_offered", {}, None),
        ("offer_lapsed", {}, None),
        ("booking_passed", {}, "REQUEST"),
        ("booking_passed", {"approval_pending": True}, None),
        ("place_passed", {}, "CANCEL"),
        ("place_passed", {"was": None}, "CANCEL"),
        ("place_passed", {"was": "requested"}, None),
        ("booking_cancelled", {"was": "offered"}, None),
        ("session_cancelled", {"was": "reserved"}, None),
        ("parts_cancelled", {}, "CANCEL"),
        ("trainer_session_set", {}, "REQUEST"),
        ("trainer_session_changed", {}, "REQUEST"),
        ("trainer_session_cancelled", {}, "CANCEL"),
        ("place_unoffered", {}, None),
        ("session_message", {}, None),
    ],
)
def test_only_a_place_that_is_theirs_has_link_and_calendar(kind: str, changes: dict[str, Any], method: str | None) -> None:
    message = made(kind, **changes)
    assert message.ics_method == method
    assert (message.ics is not None) == (method is not None)
    assert (JOIN in message.plain) == (method == "REQUEST")
    assert (JOIN in _Seen(message.html).links) == (method == "REQUEST")
    assert ("meet.westmarch" in (message.ics or "").replace("\r\n ", "")) == (method == "REQUEST")
    assert ("calendar invitation" in message.plain) == (method == "REQUEST")
    assert ("out of your calendar" in message.plain) == (method == "CANCEL")


def test_the_calendar_follows_a_booking_through_its_life() -> None:
    booked, changed, gone = event(made("booking_made")), event(made("session_changed")), event(made("session_cancelled"))
    assert booked["uid"] == changed["uid"] == gone["uid"] == "booking-7-1@academy.westmarch.example"
    assert [one["sequence"] for one in (booked, changed, gone)] == [0, 2, 3]
    assert gone["status"] == "CANCELLED"
    assert booked.decoded("dtstart") == datetime(2026, 12, 8, 9, 30, tzinfo=UTC)
    assert booked["location"] == "Oak Room, Shire Hall, Westmarch"
    assert booked["organizer"] == "mailto:academy@westmarch.example"


# The words


def test_booked() -> None:
    message = made("booking_made")
    assert message.subject == "Booked: Court skills, Tuesday 8 December 2026"
    assert "You have a place on Court skills.\n" in message.plain
    assert "* Tuesday 8 December 2026, 9:30am to 4pm\n  Oak Room, Shire Hall, Westmarch\n" in message.plain
    assert f"* Thursday 8 July 2027, 9:30am to midday\n  Join online: {JOIN}\n" in message.plain
    assert "Access: Step-free from the car park.\n" in message.plain
    assert "cancel your place by 5pm on Tuesday 1 December 2026, so that someone else can have it." in message.plain
    assert "https://academy.westmarch.example/bookings/7" in message.plain
    assert "Ann Boss has booked a place for you on Court skills.\n" in made("booking_made", booked_by="Ann Boss").plain


def test_after_the_deadline_they_are_still_asked_to_tell() -> None:
    for kind in ("booking_made", "booking_given"):
        late = made(kind, cancel_by="2026-11-21T00:00:00+00:00")
        assert "without it counting as late was Friday 20 November 2026. If you cannot come, still tell us: cancel here." in late.plain
        assert "cancel your place by the end of Tuesday 1 December 2026," in made(kind, cancel_by="2026-12-02T00:00:00Z").plain


def test_not_approved() -> None:
    message = made("booking_refused")
    assert message.subject == "Not approved: Court skills, Tuesday 8 December 2026"
    assert "Bob Manager did not approve your request for a place on Court skills.\n\nReason: Duty week.\n" in message.plain
    assert "Talk to Bob Manager, or choose another date." in message.plain and "cancelled" not in message.plain


def test_a_manager_is_asked() -> None:
    message = made("approval_asked")
    assert message.subject == "Ann Example asks for a place: Court skills, Tuesday 8 December 2026"
    assert "Ann Example asks for a place: Court skills, Tuesday 8 December 2026, £150." in message.plain
    assert "Approve or refuse: https://academy.westmarch.example/bookings/7/decide\n" in message.plain
    assert "The place is held until you answer." in message.plain and "no charge" in made("approval_asked", cost_pence=0).plain
    assert "on the waiting list" in made("approval_asked", status="waiting").plain


def test_waiting_for_approval() -> None:
    assert "Bob Manager has been asked to approve it, and has until 5pm on Tuesday 1 December 2026." in made("booking_requested").plain
    without = made("booking_requested", approver=None, decide_by=None).plain
    assert "Your manager has been asked to approve it. We will e-mail you" in without
    assert "lapses" not in without


def test_on_the_waiting_list() -> None:
    message = made("booking_waiting")
    assert message.subject.startswith("On the waiting list: ")
    assert "You joined as 4th of 11 on the list." in message.plain
    assert "You do not have a place yet" in message.plain


def test_cancelled() -> None:
    own = made("booking_cancelled")
    assert "You cancelled your place on Court skills.\n\nReason: Urgent court work.\n" in own.plain
    assert "Find another date: https://academy.westmarch.example/courses/3\n" in own.plain
    other = made("booking_cancelled", cancelled_by="Carol Coordinator", was="waiting", reason=None)
    assert other.subject.startswith("Off the waiting list: ")
    assert "Carol Coordinator took you off the waiting list for Court skills.\n" in other.plain
    assert "Reason" not in other.plain


def test_given_a_place() -> None:
    assert "Carol Coordinator has given you a place on Court skills." in made("booking_given").plain
    pending = made("booking_given", approval_pending=True)
    assert pending.subject.startswith("A place is held for you: ")
    assert "Your manager still has to approve it." in pending.plain


def test_changed() -> None:
    message = made("session_changed", before=[ONLINE])
    assert "* The room is now Oak Room.\n" in message.plain
    assert "Before the change\n-----------------\n* Thursday 8 July 2027, 9:30am to midday\n" in message.plain
    assert "Before the change" not in made("session_changed").plain
    assert "You keep your turn on the waiting list." in made("session_changed", status="waiting").plain


def test_called_off() -> None:
    assert "Court skills on Tuesday 8 December 2026 will not take place.\n\nReason: Too few people.\n" in made("session_cancelled").plain


def test_passwords() -> None:
    invitation, reset = made("invitation"), made("password_reset")
    assert "Hana Officer has invited you to use Social Work Academy.\n" in invitation.plain
    assert "Set your password: https://academy.westmarch.example/links/abc\n" in invitation.plain
    assert "The link works once, until 5pm on Tuesday 1 December 2026." in reset.plain
    assert "your password stays as it is" in reset.plain


def test_an_import_in_numbers() -> None:
    message = made("import_finished")
    assert message.subject == "People import applied"
    assert "* 1 joiner\n* 2 movers\n* 0 leavers\n* 1,286 people unchanged\n* 3 rows with a problem\n" in message.plain
    assert "The changes have been made." in message.plain
    assert "An import with a problem cannot be applied" in made("import_finished", applied=False).plain
    more = made("import_finished", rejoiners=1, changed=2, waiting=12, problems=0).plain
    assert (
        "* 1 re-joiner\n* 2 other changes\n* 1,286 people unchanged\n" in more and "12 leavers wait until one of you confirms them" in more
    )
    held = made("import_finished", applied=False, problems=0, confirm=True)
    assert held.subject == "People import checked" and "then apply or discard it" in held.plain and "cannot be applied" not in held.plain


def test_another_contact() -> None:
    message = made("booking_made", contact="trainers@westmarch.example")
    assert message.reply_to == "trainers@westmarch.example"
    assert "Questions? Ask trainers@westmarch.example." in message.plain
    assert made("booking_made", contact="01632 960 200").reply_to == "academy@westmarch.example"


def test_an_invitation_says_how_people_sign_in_here() -> None:
    usual = made("invitation")
    assert usual.subject == "Set your password for Social Work Academy" and "Choose a password to start." in usual.plain
    provider: dict[str, Any] = dict(
        oidc_issuer="https://id.westmarch.example", oidc_client_id="a", oidc_client_secret="b", oidc_subject_claim="sub"
    )
    for passwords in (True, False):
        there = Settings(base_url="https://academy.westmarch.example", smtp_url="smtp://mail", local_passwords=passwords, **provider)
        message = render("invitation", SAMPLES["invitation"], there, message_id=41, now=NOW)
        assert message.subject == "Your invitation to Social Work Academy"
        assert ("choose a password if you have none" in message.plain) is passwords
        assert "Sign in once with the account that you use at work" in message.plain
