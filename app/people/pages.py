"""Pages of this room."""

from __future__ import annotations

from app.doors import Pages

pages = Pages()
