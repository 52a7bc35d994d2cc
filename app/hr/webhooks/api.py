"""REST: a client's own subscriptions to changes, and what became of its deliveries (docs/webhooks.md)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from app.apidoor import Reply, api, if_match
from app.core.listing import BIGGEST_ID, HAS_WORD, BodyInstant, Closed, Key, ListQuery, Whole, keyset
from app.core.tx import Tx
from app.hr import feed
from app.hr.change_models import Delivery, Subscription
from app.hr.webhooks import events, operations, queries, targets
from app.hr.webhooks.queries import DeliveriesOut, DeliveriesQuery, DeliveryOut, DeliveryWithTriesOut, SubscriptionOut, SubscriptionsOut

router = APIRouter(prefix="/api/v1", tags=["Webhooks"])

Name = Annotated[str, Field(max_length=80, pattern=HAS_WORD, description="Which receiver it is, for people.")]
Url = Annotated[str, Field(min_length=1, max_length=targets.LONGEST_URL, description="Where to: https, at a public address.")]
Events = Annotated[list[Annotated[str, Field(max_length=60)]], Field(min_length=1, max_length=60)]


class NewSubscription(Closed):
    """Where changes are to be sent."""

    name: Name
    url: Url
    events: Events | None = Field(None, description="Only these (see event-types); null or left out: all that the client may read.")
    since: Annotated[Whole, Field(ge=0, le=BIGGEST_ID)] | None = Field(
        None,
        description="Send what changed after this number of the feed, such as the one your first copy was taken at; left out: from now.",
    )


class SubscriptionPatch(Closed):
    """What to change; what is left out stays."""

    name: Name = Field(default_factory=str)
    url: Url = Field(default_factory=str)
    events: Events | None = Field(None, description="Only these (see event-types); null: all that the client may read.")
    paused: bool = Field(
        default=False, strict=True, description="true: send nothing for now; false: go on, beginning with what has waited."
    )


class SecretOut(SubscriptionOut):
    """With the secret, which is shown this once."""

    secret: str = Field(description="`whsec_…`, as the libraries of the Standard Webhooks specification take it.")


class Redrive(Closed):
    """Which of the parked deliveries."""

    since: BodyInstant | None = Field(None, description="Parked at this instant or after; left out: all.")


class Redriven(BaseModel):
    """How many."""

    redriven: int = Field(description="Deliveries that are sent again.")


class EventType(BaseModel):
    """A kind of event."""

    event: str
    resource: str = Field(description="As in the address of the REST interface.")
    says: str
    yours: bool = Field(description="Whether this client has the scope to read such resources.")


class EventTypes(BaseModel):
    """All kinds of event."""

    items: list[EventType]
    next: str | None = Field(description="Always null: these are all.")


def _private(request: Request) -> frozenset[str]:
    private: frozenset[str] = request.app.state.settings.private_webhooks
    return private


def _address(request: Request, **sent: Any) -> None:
    """Where does the host's name lead? Asked before the transaction, since an answer may take seconds."""
    body = next(value for value in sent.values() if isinstance(value, NewSubscription | SubscriptionPatch))
    if "url" in body.model_fields_set:
        operations.check(body.url, _private(request))


@router.get("/event-types", response_model=EventTypes, summary="List kinds of event", operation_id="list_event_types")
@api(operations.SCOPE)
def event_types(tx: Tx) -> dict[str, Any]:
    """What a subscription may name, in words."""
    mine = set(feed.readable(tx))
    items = [
        {"event": event, "resource": resource, "says": says, "yours": resource in mine}
        for event, (resource, says) in events.types().items()
    ]
    return {"items": items, "next": None}


@router.get("/subscriptions", response_model=SubscriptionsOut, summary="List subscriptions", operation_id="list_subscriptions")
@api(operations.SCOPE)
def subscriptions(tx: Tx, query: Annotated[ListQuery, Query()]) -> dict[str, Any]:
    """The client's own, with how many deliveries wait and how many were given up."""
    items, following = keyset(tx, "subscriptions", query, queries.own(tx), Subscription.id)
    return {"items": [queries.shown(item) for item in items], "next": following}


@router.post("/subscriptions", status_code=201, response_model=SecretOut, summary="Subscribe", operation_id="create_subscription")
@api(operations.SCOPE, writes=True, status=201, first=_address)
def subscribe(tx: Tx, new: NewSubscription, request: Request) -> Reply:
    """Have changes sent to an address. Keep the secret of the answer: it is shown this once."""
    key, secret = operations.subscribe(tx, new.name, new.url, new.events or operations.ALL, _private(request), new.since)
    return Reply({**queries.one(tx, key), "secret": secret}, 201, location=f"/api/v1/subscriptions/{key}")


@router.get(
    "/subscriptions/{subscription_id}", response_model=SubscriptionOut, summary="Read a subscription", operation_id="get_subscription"
)
@api(operations.SCOPE)
def subscription(tx: Tx, subscription_id: Key) -> dict[str, Any]:
    """One subscription and its health."""
    return queries.one(tx, subscription_id)


@router.patch(
    "/subscriptions/{subscription_id}", response_model=SubscriptionOut, summary="Change a subscription", operation_id="change_subscription"
)
@api(operations.SCOPE, writes=True, first=_address)
def change(tx: Tx, subscription_id: Key, new: SubscriptionPatch, request: Request) -> dict[str, Any]:
    """Another name, address or choice of events from the next delivery on; or paused, or going on again."""
    if_match(request, operations.find(tx, subscription_id, lock=True).version)
    sent = new.model_dump(exclude_unset=True)
    if "events" in sent:
        sent["wanted"] = sent.pop("events") or operations.ALL
    operations.change(tx, subscription_id, _private(request), **sent)
    return queries.one(tx, subscription_id)


@router.delete("/subscriptions/{subscription_id}", status_code=204, summary="Delete a subscription", operation_id="delete_subscription")
@api(operations.SCOPE, writes=True, status=204)
def delete(tx: Tx, subscription_id: Key, request: Request) -> Reply:
    """Nothing more is sent, and what waits is dropped."""
    if_match(request, operations.find(tx, subscription_id, lock=True).version)
    operations.delete(tx, subscription_id)
    return Reply(None, 204)


@router.post(
    "/subscriptions/{subscription_id}/rotate", response_model=SecretOut, summary="Get a new secret", operation_id="rotate_subscription"
)
@api(operations.SCOPE, writes=True)
def rotate(tx: Tx, subscription_id: Key) -> dict[str, Any]:
    """A new secret, shown this once. For a day messages carry two signatures, one with each, so that the receiver can change over."""
    secret = operations.rotate(tx, subscription_id)
    return {**queries.one(tx, subscription_id), "secret": secret}


@router.post(
    "/subscriptions/{subscription_id}/test",
    status_code=201,
    response_model=DeliveryWithTriesOut,
    summary="Send a test",
    operation_id="test_subscription",
)
@api(operations.SCOPE, writes=True, status=201)
def test(tx: Tx, subscription_id: Key) -> Reply:
    """A message of the event `webhook.test`, sent within seconds, also while the subscription is paused. The answer is the delivery."""
    key = operations.send_test(tx, subscription_id)
    where = f"/api/v1/subscriptions/{subscription_id}/deliveries/{key}"
    return Reply(queries.delivery(tx, subscription_id, key), 201, location=where)


@router.get(
    "/subscriptions/{subscription_id}/deliveries", response_model=DeliveriesOut, summary="List deliveries", operation_id="list_deliveries"
)
@api(operations.SCOPE)
def deliveries(tx: Tx, subscription_id: Key, query: Annotated[DeliveriesQuery, Query()]) -> dict[str, Any]:
    """In the order in which they were made out; those that were sent or dropped are kept for 30 days, parked ones for 60."""
    operations.find(tx, subscription_id)
    found = queries.deliveries(subscription_id, query.state)
    items, following = keyset(tx, f"deliveries {subscription_id}", query, found, Delivery.id)
    return {"items": items, "next": following}


@router.get(
    "/subscriptions/{subscription_id}/deliveries/{delivery_id}",
    response_model=DeliveryWithTriesOut,
    summary="Read a delivery",
    operation_id="get_delivery",
)
@api(operations.SCOPE)
def delivery(tx: Tx, subscription_id: Key, delivery_id: Key) -> dict[str, Any]:
    """One delivery, and what was answered each time."""
    operations.find(tx, subscription_id)
    return queries.delivery(tx, subscription_id, delivery_id)


@router.post(
    "/subscriptions/{subscription_id}/deliveries/{delivery_id}/redrive",
    response_model=DeliveryOut,
    summary="Send a delivery again",
    operation_id="redrive_delivery",
)
@api(operations.SCOPE, writes=True)
def redrive(tx: Tx, subscription_id: Key, delivery_id: Key) -> dict[str, Any]:
    """Whatever became of it: the same id, and what is true by then."""
    operations.redrive(tx, subscription_id, delivery_id)
    found = queries.delivery(tx, subscription_id, delivery_id)
    del found["tries"]
    return found


@router.post(
    "/subscriptions/{subscription_id}/redrive",
    response_model=Redriven,
    summary="Send parked deliveries again",
    operation_id="redrive_parked",
)
@api(operations.SCOPE, writes=True)
def redrive_parked(tx: Tx, subscription_id: Key, which: Redrive) -> dict[str, Any]:
    """All that were given up, or those since an instant."""
    return {"redriven": operations.redrive_parked(tx, subscription_id, which.since)}
