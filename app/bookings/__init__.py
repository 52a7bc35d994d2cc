"""Sessions of courses, places, waiting lists, bookings."""
