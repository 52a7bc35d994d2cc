"""What the forms of numbered entries (actions, objectives, lines of a plan) carry besides what is typed."""

from __future__ import annotations

import secrets
from typing import Any

from app.core import forms
from app.core.errors import Changed
from app.doors import Page


def carried(page: Page, row: Any) -> dict[str, Any]:
    """For a template: a new entry's `entry_key`, a live one's `base`, and `meanwhile`, what it says now where somebody else changed it.

    Whoever is shown what it says now saves against that: they decide which of the two stands.
    """
    if row is None:
        return dict(entry_key=page.value("entry_key") or secrets.token_hex(16), base=0, meanwhile=None)
    overtaken = isinstance(page.problem, Changed)
    base = None if overtaken else forms.one_id(page.form, "base")
    return dict(entry_key="", base=base or row.id, meanwhile=row if overtaken else None)


def key(page: Page) -> str | None:
    """The key that came with a new entry."""
    return forms.text(page.form, "entry_key") or None


def base(page: Page) -> int:
    """The row that a change was made to; 0, which is none, where the form did not say."""
    return forms.one_id(page.form, "base") or 0
