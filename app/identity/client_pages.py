"""Pages of administrators about API clients: which systems use the API, how they fare, and their secrets."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from starlette.responses import Response

from app.core import forms
from app.core.calendar import long_date
from app.core.forms import Problems, text
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.identity import client_queries, clients, queries, sandbox
from app.policy import SCOPES, Can

pages = Pages()

WHAT_SCOPES_ALLOW = {
    "people:read": "See people’s work details",
    "people:write": "Create and change people",
    "catalogue:read": "See courses and sessions",
    "catalogue:write": "Create and change courses and sessions",
    "bookings:read": "See bookings",
    "bookings:write": "Book and cancel places",
    "completions:read": "See what people have completed",
    "completions:write": "Report results of e-learning",
    "supervision:read": "See when supervision was held, of which kind and how long",
    "programmes:read": "See cohorts, how far people are with programmes, and outcomes",
    "learning-records:read": "See learning records that their owners share with other systems, never their words",
    "pathways:read": "See steps of careers, how far people are with them, and progressions",
    "measures:read": "See published measures of the workforce, small numbers hidden",
    "talent:read": "See talent pools, and the people on their lists who agree to be",
    "organisation:read": "See organisations, services and teams",
    "people:import": "Send HR extracts, and apply them",
    "changes:read": "Read the feed of changes, of what its other scopes allow",
    "webhooks:write": "Have those changes sent to addresses of its own",
    "training-records:read": "See completions and outcomes as HR keeps them",
    "training-records:write": "Say which of them HR has taken over",
    "scim": "Keep people and teams as the directory has them (SCIM)",
}
_SAID = {
    "changed": "The client is changed. What was taken away is lost at once, also to tokens that were given before.",
    "moved": "The client is changed. Its tokens have stopped working, because it sees other people now. It can ask for new ones.",
    "disabled": "The client is disabled. Its tokens have stopped working.",
    "enabled": "The client is enabled. It can ask for tokens with the secret it had.",
    "old-ended": "Only the newest secret is good from now on.",
    "tokens-ended": "Its tokens have stopped working. It can ask for new ones.",
}
_HOURS = (("24", "For another day"), ("1", "For another hour"), ("168", "For another 7 days"), ("0", "No longer: it ends at once"))
DAYS = 30  # that the log goes back
EVERYBODY = "everybody"  # chosen like any organisation, so that nothing that is left out or mistyped can mean it


@pages.get("/access/clients", can=Can.MANAGE_CLIENTS)
def every_client(tx: Tx, page: Page) -> Response:
    """The systems that use the API, and how today goes for each."""
    return page.render("identity/clients.html", clients=client_queries.clients(tx), sandbox=sandbox.told(tx, page.settings))


@pages.get("/access/clients/new", can=Can.MANAGE_CLIENTS)
def new_client_form(tx: Tx, page: Page) -> Response:
    """Name, scopes and organisation of a new client."""
    return _form(tx, page, "Add an API client", "/access/clients", "API clients", "Add this client")


@pages.post("/access/clients/new", can=Can.MANAGE_CLIENTS, again=new_client_form)
def create_client(tx: Tx, page: Page) -> Response:
    """The one page that shows the secret; it cannot be shown again, because only its hash is kept."""
    said = _read(tx, page)
    client_id, secret = clients.create_client(tx, **said)
    return page.render("identity/client_made.html", name=said["name"], client_id=client_id, secret=secret, key=None, until=None)


def _form(
    tx: Tx, page: Page, heading: str, back: str, back_to: str, button: str, chosen: list[str] | None = None, whose: str = ""
) -> Response:
    return page.render(
        "identity/client_form.html",
        heading=heading,
        back=back,
        back_to=back_to,
        button=button,
        scopes=[(scope, f"{WHAT_SCOPES_ALLOW[scope]} ({scope})") for scope in SCOPES],
        chosen=forms.many(page.form, "scope") if chosen is None else chosen,
        organisations=[("", "Choose"), *_organisations(tx).items()],
        whose=whose,
    )


def _organisations(tx: Tx) -> dict[str, str]:
    """Whose people a client of the reader's may see: what the form sends, and in words."""
    everybodys = {EVERYBODY: "Everybody’s people"} if queries.units(tx, Can.MANAGE_CLIENTS) is None else {}
    return everybodys | {str(key): name for key, name in queries.organisations(tx)}


def _read(tx: Tx, page: Page) -> dict[str, Any]:
    """What was said about a client, as its operations take it."""
    problems = Problems()
    name, scopes = text(page.form, "name"), forms.many(page.form, "scope")
    if not name or len(name) > clients.LONGEST_NAME:
        problems.add("name", f"Enter a name of up to {clients.LONGEST_NAME} characters")
    if not scopes or not set(scopes) <= set(SCOPES):
        problems.add("scope", "Choose what it may do")
    organisation = text(page.form, "organisation")
    if organisation not in _organisations(tx):
        problems.add("organisation", "Choose whose people it may see")
    per_minute = forms.number(page.form, "per_minute", "Requests a minute", problems)
    problems.raise_any()
    organisation_id = None if organisation == EVERYBODY else int(organisation)
    return dict(name=name, scopes=scopes, organisation_id=organisation_id, per_minute=per_minute, contact=text(page.form, "contact"))


@pages.get("/access/clients/{client_id:int}", can=Can.MANAGE_CLIENTS)
def one_client(tx: Tx, page: Page, client_id: int) -> Response:
    """One client: whether it works, what it may do, and what can be done about it."""
    found = client_queries.client(tx, client_id)
    return page.render(
        "identity/client.html",
        client=found,
        scopes=[(scope, WHAT_SCOPES_ALLOW.get(scope, scope)) for scope in found.scopes.split()],
        today=client_queries.health(tx, client_id),
        tokens=client_queries.tokens(tx, client_id),
        old_until=found.old_secret_until if found.old_secret_until and found.old_secret_until > tx.now else None,
        said=_SAID.get(page.query("said"), ""),
    )


@pages.get("/access/clients/{client_id:int}/edit", can=Can.MANAGE_CLIENTS)
def edit_client_form(tx: Tx, page: Page, client_id: int) -> Response:
    """What a client is called, may do and for whom."""
    found = client_queries.client(tx, client_id)
    chosen = None
    if not page.form:
        page.form = dict(
            name=found.name,
            contact=found.contact or "",
            per_minute=str(found.per_minute or ""),
            organisation=EVERYBODY if found.organisation_id is None else str(found.organisation_id),
        )
        chosen = found.scopes.split()
    warning = "If you change this, its tokens stop working at once and it has to ask for new ones"
    return _form(tx, page, f"Change {found.name}", f"/access/clients/{client_id}", found.name, "Save", chosen, warning)


@pages.post("/access/clients/{client_id:int}/edit", can=Can.MANAGE_CLIENTS, again=edit_client_form)
def edit_client(tx: Tx, page: Page, client_id: int) -> Response:
    """What is taken away is lost at once, also to tokens that were given before; another organisation ends them all."""
    ended = clients.change_client(tx, client_id, **_read(tx, page))
    return page.go(f"/access/clients/{client_id}", said="moved" if ended else "changed")


# Secrets -----------------------------------------------------------------------------------------------------------


@pages.get("/access/clients/{client_id:int}/secret", can=Can.MANAGE_CLIENTS)
def new_secret_form(tx: Tx, page: Page, client_id: int) -> Response:
    """What a new secret does, and how long the old one is good."""
    found = client_queries.client(tx, client_id)
    if not page.form:
        page.form = {"hours": str(clients.OLD_SECRET_HOURS)}
    return page.render("identity/client_secret.html", client=found, hours=_HOURS)


@pages.post("/access/clients/{client_id:int}/secret", can=Can.MANAGE_CLIENTS, again=new_secret_form)
def new_secret(tx: Tx, page: Page, client_id: int) -> Response:
    """The one page that shows the new secret."""
    problems = Problems()
    hours = text(page.form, "hours")
    if hours not in dict(_HOURS):
        problems.add("hours", "Choose how long the old secret is good")
    problems.raise_any()
    secret, until = clients.rotate_secret(tx, client_id, int(hours))
    found = client_queries.client(tx, client_id)
    return page.render(
        "identity/client_made.html",
        name=found.name,
        client_id=found.client_id,
        secret=secret,
        key=client_id,
        until=until if int(hours) else None,
    )


@pages.post("/access/clients/{client_id:int}/secret/end", can=Can.MANAGE_CLIENTS, again=one_client)
def end_old_secret(tx: Tx, page: Page, client_id: int) -> Response:
    """The secret before the newest is good no longer."""
    clients.end_old_secret(tx, client_id)
    return page.go(f"/access/clients/{client_id}", said="old-ended")


@pages.post("/access/clients/{client_id:int}/tokens/end", can=Can.MANAGE_CLIENTS, again=one_client)
def end_tokens(tx: Tx, page: Page, client_id: int) -> Response:
    """Every token it has stops working."""
    clients.end_tokens(tx, client_id)
    return page.go(f"/access/clients/{client_id}", said="tokens-ended")


@pages.post("/access/clients/{client_id:int}/disable", can=Can.MANAGE_CLIENTS, again=one_client)
def disable_client(tx: Tx, page: Page, client_id: int) -> Response:
    """Its tokens stop working at once."""
    clients.disable_client(tx, client_id)
    return page.go(f"/access/clients/{client_id}", said="disabled")


@pages.post("/access/clients/{client_id:int}/enable", can=Can.MANAGE_CLIENTS, again=one_client)
def enable_client(tx: Tx, page: Page, client_id: int) -> Response:
    """It gets tokens again."""
    clients.enable_client(tx, client_id)
    return page.go(f"/access/clients/{client_id}", said="enabled")


# The log -----------------------------------------------------------------------------------------------------------


@pages.get("/access/clients/{client_id:int}/calls", can=Can.MANAGE_CLIENTS)
def calls(tx: Tx, page: Page, client_id: int) -> Response:
    """What a client asked on a day, and how it was answered."""
    found = client_queries.client(tx, client_id)
    days = [tx.today - timedelta(days=before) for before in range(DAYS)]
    day = next((one for one in days if one.isoformat() == page.query("day")), tx.today)
    kind = page.query("kind") if page.query("kind") in client_queries.KINDS else ""
    number = max(1, page.number("page"))
    asked = client_queries.calls(tx, client_id, day, kind, number)
    return page.render(
        "identity/client_calls.html",
        client=found,
        asked=asked,
        day=day,
        days=[(one.isoformat(), _named(one, tx.today)) for one in days],
        kind=kind,
        kinds=[(key, words) for key, (words, _) in client_queries.KINDS.items()],
        number=number,
        last=max(1, -(-asked.total // client_queries.PER_PAGE)),
        link=lambda to: url(page.path, day=day.isoformat(), kind=kind, page=to if to > 1 else None),
    )


def _named(day: date, today: date) -> str:
    return {today: "Today", today - timedelta(days=1): "Yesterday"}.get(day) or long_date(day)
