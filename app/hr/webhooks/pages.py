"""Pages of administrators: to which systems changes are sent, how that goes, and what to do where it does not."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, func, select
from starlette.responses import Response

from app.core import forms
from app.core.errors import NotFound
from app.core.forms import Problems, text
from app.core.listing import PageNumbers
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.hr import feed
from app.hr.change_models import Delivery
from app.hr.webhooks import events, operations, queries
from app.policy import Can

pages = Pages()
LONGEST_NAME = 80  # as in the REST interface
SHOWN = (("parked", "given up"), ("due", "waiting"), ("sent", "taken, last 30 days"), ("dropped", "dropped"))
STATES = {"due": ("Waiting", "blue"), "sent": ("Taken", "green"), "parked": ("Given up", "red"), "dropped": ("Dropped", "grey")}
_SAID = {
    "tested": "A test is on its way. Look again in a few seconds.",
    "paused": "The subscription is paused. What changes meanwhile waits.",
    "resumed": "It goes on, beginning with what has waited.",
    "off": "The subscription is off.",
    "again": "It is sent again.",
    "all": "All that was given up is sent again.",
}


def state_of(row: Row[Any]) -> tuple[str, str]:
    """The state of a subscription in words, and the colour of its tag."""
    if row.state == "off":
        return "Deleted" if row.deleted_at else "Off", "grey"
    if row.disabled_at:
        return "Client disabled", "grey"
    if row.state == "paused":
        return "Paused", "yellow"
    if row.failing_since:
        return "Failing", "red"
    if row.parked:
        return "Some given up", "orange"
    return ("Working", "green") if row.last_sent_at else ("Nothing sent yet", "blue")


@pages.get("/webhooks", can=Can.MANAGE_CLIENTS)
def subscriptions(tx: Tx, page: Page) -> Response:
    """All subscriptions, those that need a look first."""
    return page.render("hr/webhooks.html", rows=queries.looked_after(tx), state_of=state_of)


@pages.get("/webhooks/events", can=Can.MANAGE_CLIENTS)
def kinds_of_event(_tx: Tx, page: Page) -> Response:
    """What a subscription may name."""
    return page.render("hr/webhook_events.html", types=events.types(), scopes={name: one.scope for name, one in feed.SOURCES.items()})


# A new one ----------------------------------------------------------------------------------------------------------


@pages.get("/webhooks/new", can=Can.MANAGE_CLIENTS)
def subscribe_form(tx: Tx, page: Page) -> Response:
    """For which system, where to, and what."""
    clients = queries.subscribers(tx)
    return page.render(
        "hr/webhook_form.html",
        clients=[("", "Choose"), *((str(row.id), row.name) for row in clients)] if clients else [],
        types=[(event, f"{says} ({event})") for event, (_, says) in events.types().items()],
        chosen=forms.many(page.form, "events"),
    )


def _address(_tx: Tx, page: Page) -> None:
    """Where does the host's name lead? Asked before the writer's turn, since an answer may take seconds."""
    if address := text(page.form, "url"):
        operations.check(address, page.settings.private_webhooks)


@pages.post("/webhooks/new", can=Can.MANAGE_CLIENTS, again=subscribe_form, first=_address)
def subscribe(tx: Tx, page: Page) -> Response:
    """The one page that shows its secret."""
    problems = Problems()
    name, client = text(page.form, "name"), text(page.form, "client")
    if not name or len(name) > LONGEST_NAME:
        problems.add("name", f"Enter a name of up to {LONGEST_NAME} characters")
    if client not in {str(row.id) for row in queries.subscribers(tx)}:
        problems.add("client", "Choose which system it is for")
    if not text(page.form, "url"):
        problems.add("url", "Enter the address, beginning with https://")
    problems.raise_any()
    wanted = forms.many(page.form, "events")
    key, secret = operations.subscribe_for(tx, int(client), name, text(page.form, "url"), wanted, page.settings.private_webhooks)
    return page.render("hr/webhook_secret.html", row=_found(tx, key), secret=secret, new=True)


def _found(tx: Tx, subscription_id: int) -> Row[Any]:
    found = queries.looked_after(tx, subscription_id)
    if not found:
        raise NotFound(operations.NOT_FOUND)
    return found[0]


@pages.get("/webhooks/{subscription_id:int}", can=Can.MANAGE_CLIENTS)
def subscription(tx: Tx, page: Page, subscription_id: int) -> Response:
    """One subscription: how it goes, its deliveries, and what can be done."""
    row = _found(tx, subscription_id)
    show = page.query("show")
    if show not in STATES:
        show = "parked" if row.parked else "due" if row.waiting else "sent"
    counts = {"parked": row.parked, "due": row.waiting, "dropped": row.dropped, "sent": _sent(tx, subscription_id)}
    numbers = PageNumbers(counts[show], page.number("page"))
    order = Delivery.id.asc() if show == "due" else Delivery.id.desc()
    found = tx.rows(queries.deliveries(subscription_id, show).order_by(order).limit(numbers.size).offset(numbers.offset))
    return page.render(
        "hr/webhook.html",
        row=row,
        state=state_of(row),
        behind=max(feed.last(tx) - row.reached, 0),
        show=show,
        shown=SHOWN,
        counts=counts,
        deliveries=found,
        numbers=numbers,
        link=lambda to: url(f"/webhooks/{subscription_id}", show=show, page=to if to > 1 else None),
        said=_SAID.get(page.query("said"), ""),
        now=tx.now,
    )


def _sent(tx: Tx, subscription_id: int) -> int:
    counted = select(func.count()).select_from(Delivery).where(Delivery.subscription_id == subscription_id, Delivery.state == "sent")
    return int(tx.scalar(counted))


@pages.get("/webhooks/{subscription_id:int}/deliveries/{delivery_id:int}", can=Can.MANAGE_CLIENTS)
def delivery(tx: Tx, page: Page, subscription_id: int, delivery_id: int) -> Response:
    """One delivery, and what was answered each time. Never what it said: that is the client's to read."""
    row = _found(tx, subscription_id)
    found = queries.delivery(tx, subscription_id, delivery_id)
    said = _SAID.get(page.query("said"), "")
    what = "A test" if found["number"] is None else f"Change {found['number']:,}"
    return page.render("hr/webhook_delivery.html", row=row, delivery=found, what=what, state=STATES[found["state"]], said=said)


@pages.post("/webhooks/{subscription_id:int}/deliveries/{delivery_id:int}/redrive", can=Can.MANAGE_CLIENTS, again=delivery)
def redrive(tx: Tx, page: Page, subscription_id: int, delivery_id: int) -> Response:
    """Once more, with the same id."""
    operations.redrive(tx, subscription_id, delivery_id)
    return page.go(f"/webhooks/{subscription_id}/deliveries/{delivery_id}", said="again")


@pages.post("/webhooks/{subscription_id:int}/redrive", can=Can.MANAGE_CLIENTS, again=subscription)
def redrive_parked(tx: Tx, page: Page, subscription_id: int) -> Response:
    """All that was given up, once more."""
    operations.redrive_parked(tx, subscription_id)
    return page.go(f"/webhooks/{subscription_id}", said="all", show="due")


@pages.post("/webhooks/{subscription_id:int}/test", can=Can.MANAGE_CLIENTS, again=subscription)
def test(tx: Tx, page: Page, subscription_id: int) -> Response:
    """A message that says nothing, to see whether it arrives; on to what became of it."""
    key = operations.send_test(tx, subscription_id)
    return page.go(f"/webhooks/{subscription_id}/deliveries/{key}", said="tested")


@pages.post("/webhooks/{subscription_id:int}/pause", can=Can.MANAGE_CLIENTS, again=subscription)
def pause(tx: Tx, page: Page, subscription_id: int) -> Response:
    """Nothing is sent for now."""
    operations.pause(tx, subscription_id)
    return page.go(f"/webhooks/{subscription_id}", said="paused")


@pages.post("/webhooks/{subscription_id:int}/resume", can=Can.MANAGE_CLIENTS, again=subscription)
def resume(tx: Tx, page: Page, subscription_id: int) -> Response:
    """On again."""
    operations.resume(tx, subscription_id)
    return page.go(f"/webhooks/{subscription_id}", said="resumed")


# Acts that are confirmed on a page of their own --------------------------------------------------------------------


def _confirm(page: Page, row: Row[Any], heading: str, effects: list[str], button: str) -> Response:
    back = f"/webhooks/{row.id}"
    return page.render("identity/confirm.html", name=row.name, heading=heading, effects=effects, button=button, back=back, back_to=row.name)


@pages.get("/webhooks/{subscription_id:int}/off", can=Can.MANAGE_CLIENTS)
def off_form(tx: Tx, page: Page, subscription_id: int) -> Response:
    """What switching off does, before the button."""
    row = _found(tx, subscription_id)
    effects = [
        "Nothing more is sent to it, and what waits is dropped.",
        "This cannot be undone. Its client can subscribe anew, from the change after which nothing came.",
        "To stop it for a while only, pause it instead.",
    ]
    return _confirm(page, row, "Switch this subscription off?", effects, "Switch it off")


@pages.post("/webhooks/{subscription_id:int}/off", can=Can.MANAGE_CLIENTS, again=off_form)
def off(tx: Tx, page: Page, subscription_id: int) -> Response:
    """For good."""
    operations.switch_off(tx, subscription_id)
    return page.go(f"/webhooks/{subscription_id}", said="off")


@pages.get("/webhooks/{subscription_id:int}/rotate", can=Can.MANAGE_CLIENTS)
def rotate_form(tx: Tx, page: Page, subscription_id: int) -> Response:
    """What a new secret does, before the button."""
    row = _found(tx, subscription_id)
    effects = [
        "You see the new secret once, on the next page.",
        "For a day each message carries two signatures, with the new secret and the one before, so that the other side can change over.",
        "After that the one before is no use to anybody.",
    ]
    if row.old_secret_until:
        effects.append("The secret that was replaced last time stops signing at once.")
    return _confirm(page, row, "Make a new secret?", effects, "Make a new secret")


@pages.post("/webhooks/{subscription_id:int}/rotate", can=Can.MANAGE_CLIENTS, again=rotate_form)
def rotate(tx: Tx, page: Page, subscription_id: int) -> Response:
    """The one page that shows it."""
    secret = operations.rotate(tx, subscription_id)
    return page.render("hr/webhook_secret.html", row=_found(tx, subscription_id), secret=secret, new=False)
