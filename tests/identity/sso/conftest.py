from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core.config import Settings
from app.core.db import Database, connect
from app.identity import external
from app.main import create_app
from tests.client import Browser
from tests.factory import Make
from tests.identity.sso.providers import Forger, RealProvider, Visitor, forging, real_provider, settings_for


@pytest.fixture(scope="session")
def real() -> Iterator[RealProvider]:
    with real_provider() as found:
        yield found


@pytest.fixture
def forger() -> Iterator[Forger]:
    with forging() as found:
        yield found


@pytest.fixture(scope="session")
def signing_app(real: RealProvider, sqlite_template: Path) -> Any:
    """The application with single sign-on by the real provider, built once."""
    return create_app(settings_for(real.issuer), connect(f"sqlite:///{sqlite_template}", pool=1))


@pytest.fixture
def enter(signing_app: Any, real: RealProvider, database: Database) -> Iterator[Callable[..., Visitor]]:
    """`enter()` → a new browser; `enter(oidc_subject_claim="sub")` → with other settings; `enter(issuer)` → with another provider."""
    signing_app.state.database = database
    usual, visitors = signing_app.state.settings, []

    def new(issuer: str = "", **values: Any) -> Visitor:
        if issuer or values:
            signing_app.state.settings = settings_for(issuer or real.issuer, **values)
        visitors.append(Visitor(Browser(signing_app)))
        return visitors[-1]

    yield new
    signing_app.state.settings = usual
    for visitor in visitors:
        visitor.close()


@pytest.fixture
def link(make: Make) -> Callable[[Settings, Any, str], None]:
    """`link(settings, person, object id)`, as an administrator would."""

    def by_hand(config: Settings, person: Any, oid: str) -> None:
        with make.tx() as tx:
            external.link(tx, config, person.id, oid, "administrator")

    return by_hand
