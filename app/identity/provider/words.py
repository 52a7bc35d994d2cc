"""Why somebody could not be signed on, as their page says it. The codes stay; the words may get better."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """What a page of refusal says."""

    code: str
    heading: str
    said: str
    way_out: str


_AGAIN = "Start again from the sign-in page, or from My details if you were linking your council account."
_ADMINISTRATOR = "Ask the Academy: an administrator can help."
_STATES = {
    "unknown-state": "It is not one that was begun here.",
    "replayed-state": "It has been used already.",
    "late-state": "It took longer than ten minutes.",
    "other-browser": "It was begun in another browser, or your browser does not keep this service’s cookies.",
}
_OTHERS: dict[str, tuple[int, Words]] = {
    "cancelled": (
        403,
        Words("sign-on-cancelled", "You have not been signed in", "The sign-in at your council’s page was stopped before its end.", _AGAIN),
    ),
    "unknown-identity": (
        403,
        Words(
            "identity-unknown",
            "Your council account is not known here yet",
            "You signed in with your council account, but it is not linked to anybody here. Nothing was created.",
            "If you have an invitation, open it and choose to sign in with your council account. "
            "If you have a password here, sign in with it and link your account under My details. Otherwise ask the Academy.",
        ),
    ),
    "suspended": (
        403,
        Words("account-suspended", "Your account here is suspended", "You cannot sign in while it is.", _ADMINISTRATOR),
    ),
    "left": (
        403,
        Words(
            "person-left", "Your account here has ended", "HR’s records say that you have left.", "If that is wrong, ask HR to correct it."
        ),
    ),
    "identity-taken": (
        409,
        Words(
            "identity-taken",
            "That council account belongs to somebody else here",
            "It is linked to another person’s account, so it was not linked to yours.",
            "Sign out of the other council account first, or ask the Academy: an administrator can put it right.",
        ),
    ),
    "identity-linked": (
        409,
        Words(
            "identity-linked",
            "You are linked to another council account already",
            "One person here has one council account. Nothing was changed.",
            _ADMINISTRATOR,
        ),
    ),
    "other-reader": (
        403,
        Words(
            "sign-on-other-reader",
            "You are signed in as somebody else now",
            "Linking was begun by another person, or their sign-in has ended. Nothing was changed.",
            "Sign in and start again under My details.",
        ),
    ),
    "link-over": (
        410,
        Words(
            "link-expired", "This invitation no longer works", "It has been used already, or its time has run out.", "Ask for a new one."
        ),
    ),
}


def page_of(why: str) -> tuple[int, Words]:
    """(status, words) for a code of refusal. Whatever is wrong with a token reads the same: the trail holds which rule it broke."""
    if why in _OTHERS:
        return _OTHERS[why]
    if why in _STATES:
        return 403, Words("sign-on-not-ours", "That sign-in cannot be used", _STATES[why] + " Nobody was signed in.", _AGAIN)
    said = "What came back from your council’s sign-in service could not be accepted. Nobody was signed in."
    again = _AGAIN + " If it goes on, tell your IT service desk the reference below."
    return 403, Words("sign-on-refused", "You could not be signed in", said, again)
