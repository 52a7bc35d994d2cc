"""Our signatures in the eyes of the reference libraries in Python and JavaScript, also while a secret is replaced; tampered ones fail."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks

from app.core.config import ROOT
from app.hr.webhooks import signing

BODY = '{"type":"person.changed","timestamp":"2026-12-08T09:30:00Z","data":{"name":"Zoë O’Neill"}}'.encode()
OTHER = signing.new_secret()


def messages() -> dict[str, tuple[bool, dict[str, Any]]]:
    """Name → whether it is right, and what a receiver has in hand."""
    now = datetime.now(UTC)
    old, new = signing.new_secret(), signing.new_secret()
    both = signing.headers([new, old], "msg_7_12", now, BODY)
    one = signing.headers([new], "msg_7_12", now, BODY)
    late = signing.headers([new], "msg_7_12", now - timedelta(minutes=6), BODY)

    def given(secret: str, headers: dict[str, str], body: bytes = BODY) -> dict[str, Any]:
        return {"secret": secret, "headers": headers, "body": body.decode()}

    return {
        "the only secret": (True, given(new, one)),
        "the new one of two": (True, given(new, both)),
        "the old one of two": (True, given(old, both)),
        "the old one, afterwards": (False, given(old, one)),
        "somebody else's": (False, given(OTHER, both)),
        "another body": (False, given(new, both, BODY.replace(b"Zo", b"Bo"))),
        "a blank more": (False, given(new, both, BODY + b" ")),
        "another id": (False, given(new, both | {"webhook-id": "msg_7_13"})),
        "another time": (False, given(new, both | {"webhook-timestamp": str(int(now.timestamp()) + 1)})),
        "too old": (False, given(new, late)),
        "no signature": (False, given(new, both | {"webhook-signature": ""})),
        "another version": (False, given(new, one | {"webhook-signature": one["webhook-signature"].replace("v1,", "v2,")})),
    }


def test_the_reference_library_in_python_agrees() -> None:
    wrong = []
    for name, (right, given) in messages().items():
        try:
            standardwebhooks.Webhook(given["secret"]).verify(given["body"], given["headers"])
            found = True
        except standardwebhooks.WebhookVerificationError:
            found = False
        if found != right:
            wrong.append(name)
    assert wrong == []


def test_the_reference_library_in_javascript_agrees() -> None:
    node = shutil.which("node")
    assert node, "the tests need Node, which also builds the pages' assets"
    all_ = messages()
    script = Path(__file__).with_name("verify.mjs")
    sent = json.dumps([given for _, given in all_.values()])
    done = subprocess.run([node, script], input=sent, capture_output=True, text=True, cwd=ROOT, timeout=30, check=True)
    found = dict(zip(all_, json.loads(done.stdout), strict=True))
    assert found == {name: right for name, (right, _) in all_.items()}


def test_both_libraries_would_sign_the_same() -> None:
    secret, now = signing.new_secret(), datetime.now(UTC)
    theirs = standardwebhooks.Webhook(secret).sign("msg_1_2", now, BODY.decode())
    assert signing.signature(secret, "msg_1_2", now, BODY) == theirs


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "wh_" + "A" * 44, "whsec_" + "A" * 200, "whsec_not base64!"])
def test_what_is_no_secret_signs_nothing(secret: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - not base64, or of another length
        signing.key(secret)


def test_secrets_are_long_and_each_is_another() -> None:
    made = {signing.new_secret() for _ in range(50)}
    assert len(made) == 50 and {len(signing.key(secret)) for secret in made} == {32}
