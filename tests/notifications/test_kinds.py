"""Every kind of message that the code queues can be written, is named, and is either chosen by topic or always e-mailed."""

from __future__ import annotations

import re
from html import unescape

from app.core.config import ROOT
from app.notifications.kinds import FACTS, TOPIC_OF, TOPICS, WORDS
from app.notifications.messages import subject, written
from app.notifications.prose import blocks, html
from tests.notifications.test_messages import KINDS, NOW, SAMPLES, SETTINGS, made

ALWAYS = {
    "talent_nominated",
    "talent_agreement_asked",
    "talent_judged",
    "booking_offered",
    "offer_lapsed",
    "booking_cancelled",
    "booking_given",
    "booking_passed",
    "booking_refused",
    "reservation_expired",
    "approval_expired",
    "missed",
    "charge_decided",
    "session_changed",
    "session_cancelled",
    "parts_cancelled",
    "session_message",
    "trainer_session_set",
    "trainer_session_changed",
    "trainer_session_cancelled",
    "place_unoffered",
    "decision_due",
    "invitation",
    "password_reset",
    "import_finished",
    "registration_ends",
    "leavers_flagged",
    "webhook_stopped",
    "break_glass_used",
    "digest",
    "plan_changed",
    "change_asked",
    "change_waiting",
    "change_settled",
    "outcome",
    "sign_asked",
    "signed_receipt",
    "contribution_asked",
    "contribution_declined",
    "papers_ready",
    "panel_decided",
    "sample_ready",
    "daily_head",
    "support_asked",
    "application_decided",
}


def test_whatever_the_code_queues_can_be_written() -> None:
    queued = {
        (kind, path.name)
        for path in (ROOT / "app").rglob("*.py")
        if "notifications" not in path.parts
        for kind in re.findall(r"[\"']email\.([a-z_]+)[\"']", path.read_text())
    }
    assert {kind for kind, _ in queued} >= {"booking_made", "booking_offered", "session_changed"}
    assert [one for one in sorted(queued) if one[0] not in FACTS] == []
    assert set(FACTS) - {kind for kind, _ in queued} == set()  # a kind that nobody queues is never sent


def test_every_kind_has_a_name_and_a_way() -> None:
    assert set(WORDS) == {f"email.{kind}" for kind in FACTS}
    chosen = {kind.removeprefix("email.") for kind in TOPIC_OF}
    assert chosen | ALWAYS == set(FACTS) and not chosen & ALWAYS
    assert set(TOPIC_OF.values()) == set(TOPICS)


def test_the_page_says_what_the_text_says() -> None:
    for kind in KINDS:
        message = made(kind)
        page = unescape(re.sub(r"<[^>]*>", " ", message.html.partition("<main")[2]))
        said = re.sub(r"\s+", " ", page)
        for block in blocks(message.plain):
            for line in [*block.lines, *(line for item in block.items for line in item)]:
                words = re.sub(r": https?://\S+$", "", line).removesuffix(".").strip()
                assert re.sub(r"\s+", " ", words) in said, (kind, line)


def test_the_inbox_reads_the_same_words() -> None:
    for kind in KINDS:
        text = written(kind, SAMPLES[kind], SETTINGS, now=NOW)
        assert (text.subject, text.plain) == (made(kind).subject, made(kind).plain)
        assert subject(f"email.{kind}", SAMPLES[kind], SETTINGS, now=NOW) == text.subject


def test_only_our_own_addresses_can_be_clicked() -> None:
    text = "Read it: https://academy.westmarch.example/inbox\nPay here: https://evil.example/x\n\n* One\n  more\n* Two <b>\n\nLast"
    page = html(text, trusted=("https://academy.westmarch.example/",), classes=True)
    assert '<a class="govuk-link" href="https://academy.westmarch.example/inbox">Read it</a><br>Pay here: https://evil.example/x' in page
    assert "<li>One<br>more</li>\n<li>Two &lt;b&gt;</li>" in page and '<p class="govuk-body">Last</p>' in page


def test_an_offer_says_until_when_and_how() -> None:
    message = made("booking_offered")
    assert message.subject == "A place for you until 5pm on Tuesday 1 December 2026: Court skills"
    assert "Accept or decline: https://academy.westmarch.example/offers/abc\n" in message.plain and "no password" in message.plain
    without = made("booking_offered", link=None).plain
    assert "Accept or decline: https://academy.westmarch.example/bookings/7\n" in without and "no password" not in without
    assert "approval has not been decided" in made("booking_offered", approval="pending").plain


def test_reminders_say_how_soon() -> None:
    assert made("reminder").subject.startswith("In 7 days: Court skills")
    assert made("reminder", days=1).subject.startswith("Tomorrow: Court skills")
    assert "https://meet.westmarch.example/court?a=1&b=2" in made("reminder").plain


def test_what_it_costs_and_how_to_object() -> None:
    assert "£50 is to be charged to your team's cost centre" in made("missed").plain
    assert "by 5pm on Tuesday 22 December 2026" in made("missed").plain
    assert "Nothing is charged." in made("missed", pence=0).plain
    assert "It was after the deadline, so £50 is to be charged" in made("booking_cancelled", pence=5000).plain
    assert made("charge_decided", state="excused").subject.startswith("Nothing is charged: ")


def test_a_coordinators_own_words() -> None:
    message = made("session_message")
    assert message.subject == "What to bring: Court skills, Tuesday 8 December 2026"
    assert "Carol Coordinator writes to you about Court skills: What to bring.\n\nA pen.\n\nYour diary.\n" in message.plain
    hostile = made("session_message", body="<script>alert(1)</script>\nClick: https://evil.example")
    assert "<script>" not in hostile.html and 'href="https://evil' not in hostile.html


def test_a_summary_lists_what_waits() -> None:
    message = made("digest")
    assert message.subject == "2 messages from Social Work Academy"
    assert "* Booked: Court skills\n* Tomorrow: Life story work\n" in message.plain
    assert "Read my messages: https://academy.westmarch.example/inbox\n" in message.plain


def test_the_guide_lists_every_kind_with_its_topic() -> None:
    listed = dict(re.findall(r"^\| `(\w+)` \|.*\| ([\w -]+) \|$", (ROOT / "docs" / "messages.md").read_text(), re.MULTILINE))
    assert listed == {kind: TOPIC_OF.get(f"email.{kind}", "always e-mailed") for kind in FACTS}
