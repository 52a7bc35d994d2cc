"""Pages that join rooms: home, find learning, course, my bookings, my team, a person."""
