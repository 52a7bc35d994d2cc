"""Verbs of the bookings room, one file each."""

from app.bookings.operations.book import book
from app.bookings.operations.cancel import cancel
from app.bookings.operations.decide import decide
from app.bookings.operations.give import change_priority, give_next, give_to
from app.bookings.operations.offers import accept, decline

__all__ = ["accept", "book", "cancel", "change_priority", "decide", "decline", "give_next", "give_to"]
