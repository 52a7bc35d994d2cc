"""Verbs of the bookings room, one file each."""

from app.bookings.operations.book import book
from app.bookings.operations.cancel import cancel
from app.bookings.operations.decide import decide
from app.bookings.operations.give import give_next

__all__ = ["book", "cancel", "decide", "give_next"]
