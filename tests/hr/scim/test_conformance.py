"""The independent checks of scim2-tester, against a real server over http: every one passes."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import httpx2
import pytest
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

from app.core.config import ROOT
from app.core.db import Database
from tests.factory import Make
from tests.hr.scim.directory import token
from tests.hr.scim.server import serving

CHECKS = 90  # of this version, none left out; fewer would mean that discovery hides something from the checks


@pytest.mark.thorough
def test_every_check_of_scim2_tester_passes(database: Database, make: Make, tmp_path: Path) -> None:
    for name in ("North Team", "South Team", "East Team"):
        make.unit(name)
    with serving(database, tmp_path) as address:
        headers = {"authorization": f"Bearer {token(database, make.organisation())}"}
        with httpx2.Client(base_url=f"{address}/scim/v2", headers=headers, timeout=30) as http:
            results = check_server(SyncSCIMClient(http))
    failed = [f"{result.title}: {result.reason}" for result in results if result.status not in (Status.SUCCESS, Status.COMPLIANT)]
    assert not failed, "\n".join(failed)
    assert Counter(result.status for result in results)[Status.SUCCESS] >= CHECKS


@pytest.mark.thorough
def test_a_service_without_a_directory_does_not_pay_for_one() -> None:
    """The library of SCIM's models is loaded when a directory first asks, not when the service starts."""
    look = (
        "import sys; from app import main, rooms; rooms.scim_routes(); sys.exit(int(any(name.startswith('scim2') for name in sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", look], cwd=ROOT).returncode == 0
