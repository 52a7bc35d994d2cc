"""The queue of messages: what waits, what was sent today, what was set aside and why."""

from __future__ import annotations

from starlette.responses import Response

from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.notifications import operations, queries
from app.notifications.kinds import WORDS
from app.policy import Can

pages = Pages()

SHOWN = ("parked", "waiting", "sent")


@pages.get("/deliveries", can=Can.READ_DELIVERIES)
def deliveries(tx: Tx, page: Page) -> Response:
    """Counts, and one of the three lists, 25 a page."""
    counts = queries.counts(tx)
    show = page.query("show")
    if show not in SHOWN:
        show = "parked" if counts.parked else "waiting" if counts.waiting else "sent"
    total = int(getattr(counts, show))
    last = max(1, -(-total // queries.PER_PAGE))
    number = min(max(1, page.number("page")), last)
    return page.render(
        "notifications/deliveries.html",
        counts=counts,
        show=show,
        rows=queries.messages(tx, show, number),
        words=WORDS,
        number=number,
        last=last,
        link=lambda n: url("/deliveries", show=show, page=n),
        said={"one": "We will try that message again within a minute.", "all": "We will try them all again within a minute."}.get(
            page.query("said")
        ),
    )


@pages.post("/deliveries/{message_id:int}/retry", can=Can.READ_DELIVERIES, again=lambda tx, page, **_: deliveries(tx, page))
def retry(tx: Tx, page: Page, message_id: int) -> Response:
    """One message again."""
    operations.retry(tx, message_id)
    return page.go("/deliveries", show="parked", said="one")


@pages.post("/deliveries/retry", can=Can.READ_DELIVERIES, again=lambda tx, page, **_: deliveries(tx, page))
def retry_all(tx: Tx, page: Page) -> Response:
    """All of them again."""
    operations.retry_all(tx)
    return page.go("/deliveries", show="parked", said="all")
