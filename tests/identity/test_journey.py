"""From a name in HR's list to a first sign-in, by way of a real e-mail."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from app.core.config import Settings
from app.notifications.delivery import deliver_due
from tests.factory import Make


def letters(folder: Path) -> list[str]:
    """The plain text of every message written to the folder, oldest first."""
    found = []
    for path in sorted(path for path in folder.rglob("*.eml") if path.is_file()):
        body = message_from_bytes(path.read_bytes(), policy=policy.default).get_body(("plain",))
        assert body is not None
        found.append(body.get_content())
    return found


def test_from_an_invitation_to_a_forgotten_password(
    sign_in: Any, visitor: Any, make: Make, database: Any, test_settings: Settings, tmp_path: Path
) -> None:
    settings = test_settings.model_copy(update={"mail_dir": tmp_path})
    new = make.person("Nia Newcomer", account=False, email="nia@westmarch.example")
    sign_in(make.person("Ada Admin", roles=("administrator",))).post(f"/access/people/{new.id}/invite")
    assert deliver_due(database, settings) == 1
    link = _link(letters(tmp_path)[-1])
    visitor.post(link, data={"password": "three small otters", "again": "three small otters"})
    assert visitor.post("/sign-in", data={"email": new.email, "password": "three small otters"}).status_code == 303
    assert "Nia Newcomer" in visitor.get("/my-details").text
    visitor.post("/sign-out")
    visitor.post("/password/forgotten", data={"email": new.email})
    visitor.post("/password/forgotten", data={"email": "nobody@westmarch.example"})
    assert deliver_due(database, settings) == 1
    reset = next(found for letter in letters(tmp_path) if (found := _link(letter)) != link)
    assert visitor.get(reset).status_code == 200
    assert visitor.post(reset, data={"password": "four tall herons", "again": "four tall herons"}).status_code == 303
    assert visitor.post("/sign-in", data={"email": new.email, "password": "four tall herons"}).status_code == 303


def _link(letter: str) -> str:
    found = re.search(r"http://testserver(/password/set/\S+)", letter)
    assert found is not None, letter
    return found[1]
