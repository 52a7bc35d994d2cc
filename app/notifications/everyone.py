"""What every message has."""

from typing import NotRequired

from typing_extensions import TypedDict


class Everyone(TypedDict):
    """In every message."""

    to: str
    name: str
    contact: NotRequired[str | None]  # whom to ask; the service's own contact where it is left out
