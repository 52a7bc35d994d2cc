"""Messages about signing in: what each says. They are always e-mailed."""

from typing import Any, NotRequired

from app.notifications.everyone import Everyone


class Invitation(Everyone):
    """invitation: to set a first password."""

    link: str
    expires_at: str
    invited_by: NotRequired[str | None]


class PasswordReset(Everyone):
    """password_reset: a new password was asked for."""

    link: str
    expires_at: str


class BreakGlassUsed(Everyone):
    """break_glass_used: to administrators, each time a password opens an account that is kept for an emergency."""

    who: str
    at: str  # instant
    link: str


FACTS: dict[str, Any] = {"invitation": Invitation, "password_reset": PasswordReset, "break_glass_used": BreakGlassUsed}
WORDS = {
    "email.invitation": "Invitation to use the service",
    "email.password_reset": "Link to set a new password",
    "email.break_glass_used": "Emergency sign-in",
}
