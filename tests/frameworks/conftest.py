"""A database with the frameworks that ship."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from seed.frameworks import load_frameworks
from tests.factory import Make

PUBLISHED = datetime(2026, 9, 1, 9, tzinfo=UTC)


@pytest.fixture
def shipped(make: Make) -> Make:
    """Everything that ships is loaded and published."""
    load_frameworks(make.database, PUBLISHED)
    return make
