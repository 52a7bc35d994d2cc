"""A mail server to deliver to, and settings that say so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.config import Settings, load
from tests.mailbox import Inbox, mail_server


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with mail_server() as running:
        yield running


@pytest.fixture
def mail(inbox: Inbox, tmp_path: Path) -> Settings:
    return load(smtp_url=f"smtp://127.0.0.1:{inbox.port}", mail_dir=tmp_path / "mail", base_url="http://academy.test", log_level="error")
