"""The queue of messages: what waits, what was sent today, what was set aside and why."""

from __future__ import annotations

from starlette.responses import Response

from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.notifications import operations, queries
from app.policy import Can

pages = Pages()

SHOWN = ("parked", "waiting", "sent")
WORDS = {
    "email.booking_made": "Place confirmed",
    "email.booking_requested": "Approval asked for",
    "email.booking_waiting": "Joined the waiting list",
    "email.approval_asked": "Approval to decide",
    "email.booking_refused": "Not approved",
    "email.booking_cancelled": "Booking ended",
    "email.booking_given": "Place given from the waiting list",
    "email.session_changed": "Session changed",
    "email.session_cancelled": "Session cancelled",
    "email.invitation": "Invitation to set a password",
    "email.password_reset": "Link to set a new password",
    "email.import_finished": "HR import finished",
}


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
