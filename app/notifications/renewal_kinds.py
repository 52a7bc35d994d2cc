"""Messages about registrations: what each says. They hold dates and what was ticked, never what somebody wrote."""

from typing import Any

from app.notifications.everyone import Everyone


class RenewalDue(Everyone):
    """renewal_due: to whoever has not ticked everything (`own`), and near the end to line managers of such people."""

    own: bool
    closes: str  # the last day in words
    subjects: list[str]  # for themselves what is left; for managers the names
    link: str


class RegistrationEnds(Everyone):
    """registration_ends: a registration ends soon, or its recorded end has passed (`ended`): to the person, and then to line managers."""

    own: bool
    ended: bool
    subjects: list[str]  # for themselves the day in words; for managers the names
    link: str


FACTS: dict[str, Any] = {"renewal_due": RenewalDue, "registration_ends": RegistrationEnds}
TOPICS = {"renewal": ("Reminders to renew your registration, and of your people’s", ("renewal_due",))}
WORDS = {"email.renewal_due": "Registration to renew", "email.registration_ends": "A registration ends"}
