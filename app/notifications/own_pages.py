"""One's own messages: the inbox, how one wants to be told, and the private calendar."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.notifications import feed, inbox, preferences
from app.notifications.kinds import TOPICS

pages = Pages()
_SAID = {
    "read": "All your messages are marked as read.",
    "saved": "Your choices are saved.",
    "ended": "Your private calendar address no longer works.",
}


@pages.get("/inbox")
def messages(tx: Tx, page: Page) -> Response:
    """The reader's messages, newest first, 25 a page."""
    number = max(1, page.number("page"))
    listed = inbox.page(tx, number, page.settings)
    return page.render(
        "notifications/inbox.html",
        listed=listed,
        number=number,
        last=max(1, -(-listed.found // inbox.PER_PAGE)),
        link=lambda n: url("/inbox", page=n),
        said=_SAID.get(page.query("said"), ""),
    )


@pages.get("/inbox/{message_id:int}")
def message(tx: Tx, page: Page, message_id: int) -> Response:
    """One of them; it counts as read once it has been shown."""
    shown = inbox.one(tx, message_id, page.settings)
    page.later.append(lambda writing: inbox.mark_read(writing, message_id))
    return page.render("notifications/message.html", shown=shown)


@pages.post("/inbox/read")
def read_all(tx: Tx, page: Page) -> Response:
    """Mark them all as read."""
    inbox.mark_all_read(tx)
    return page.go("/inbox", said="read")


@pages.get("/preferences")
def show(tx: Tx, page: Page) -> Response:
    """How the reader wants to be told, and their private calendar."""
    if not page.form:
        page.form = dict(preferences.of(tx, tx.actor.person_id or 0))
    return page.render(
        "notifications/preferences.html",
        topics={name: words for name, (words, _) in TOPICS.items()},
        ways=tuple(preferences.WAYS.items()),
        since=feed.since(tx),
        said=_SAID.get(page.query("said"), ""),
    )


@pages.post("/preferences", again=show)
def save(tx: Tx, page: Page) -> Response:
    """Keep the choice."""
    wanted: dict[str, Any] = {topic: page.form.get(topic, "") for topic in TOPICS}
    preferences.choose(tx, {topic: how for topic, how in wanted.items() if isinstance(how, str)})
    return page.go("/preferences", said="saved")


@pages.post("/preferences/calendar")
def open_calendar(tx: Tx, page: Page) -> Response:
    """The one page that shows the private address; it cannot be shown again, because only its hash is kept."""
    had = feed.since(tx) is not None
    address = f"{page.settings.base_url.rstrip('/')}/calendar/{feed.open_feed(tx)}.ics"
    return page.render("notifications/calendar_made.html", address=address, webcal="webcal://" + address.partition("://")[2], had=had)


@pages.post("/preferences/calendar/end")
def end_calendar(tx: Tx, page: Page) -> Response:
    """The address stops working."""
    feed.end_feed(tx)
    return page.go("/preferences", said="ended")


@pages.get("/calendar/{token}.ics", can=None, public=True)
def calendar(tx: Tx, page: Page, token: str) -> Response:
    """What calendar programs read. Whoever has the address may; nothing but the owner's own sessions is in it."""
    text = feed.calendar(tx, feed.owner(tx, token), page.settings)
    headers = {"etag": feed.tag(text), "cache-control": "private, no-cache"}
    known = [tag.strip().removeprefix("W/") for tag in page.request.headers.get("if-none-match", "").split(",")]
    if headers["etag"] in known:
        return Response(status_code=304, headers=headers)
    return Response(text, media_type="text/calendar; charset=utf-8", headers=headers)
