"""The settings of single sign-on are checked together at start, and say in words what is missing."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.config import SettingsError, load

TENANT = "6c1f2f2e-8f4b-4d0a-9c55-0f3f0d9b7a11"
ENTRA: dict[str, Any] = dict(
    oidc_issuer=f"https://login.microsoftonline.com/{TENANT}/v2.0",
    oidc_client_id="academy",
    oidc_client_secret="a secret",
    oidc_tenant=TENANT,
)


def test_a_whole_set_is_taken_and_its_secret_is_not_shown() -> None:
    given = load(**ENTRA, local_passwords="off")
    assert given.sso
    assert not given.local_passwords
    assert given.oidc_redirect_uri == "http://127.0.0.1:8000/auth/callback"
    assert "a secret" not in repr(given)
    assert load(**{**ENTRA, "oidc_issuer": "https://id.westmarch.example/", "oidc_tenant": "", "oidc_subject_claim": "sub"}).sso


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"oidc_issuer": ""}, "OIDC_ISSUER is missing"),
        ({"oidc_client_secret": ""}, "CLIENT_SECRET are needed"),
        ({"oidc_client_id": ""}, "CLIENT_ID and"),
        ({"oidc_tenant": ""}, "OIDC_TENANT is needed"),
        ({"oidc_issuer": "https://login.microsoftonline.com/common/v2.0"}, "not common"),
        ({"oidc_issuer": f"https://login.microsoftonline.com/{TENANT}"}, "TENANT/v2.0"),
        ({"oidc_issuer": f"https://sts.windows.net/{TENANT}/"}, "version 2.0"),
        ({"oidc_tenant": "11111111-8f4b-4d0a-9c55-0f3f0d9b7a11"}, "with the id in ACADEMY_OIDC_TENANT"),
        ({"oidc_issuer": "http://id.westmarch.example"}, "ACADEMY_OIDC_ISSUER.*https"),
        ({"oidc_issuer": "https://id.westmarch.example/?a=b"}, "ACADEMY_OIDC_ISSUER.*without query"),
        ({"oidc_issuer": "https://user@id.westmarch.example"}, "ACADEMY_OIDC_ISSUER.*without query"),
        ({"oidc_subject_claim": "email"}, "ACADEMY_OIDC_SUBJECT_CLAIM"),
        ({"oidc_subject_claim": "preferred_username"}, "ACADEMY_OIDC_SUBJECT_CLAIM"),
        ({"oidc_roles_claim": ""}, "ACADEMY_OIDC_ROLES_CLAIM"),
        ({"demo": True, "local_passwords": False}, "LOCAL_PASSWORDS must be on"),
    ],
)
def test_half_a_set_stops_the_service_in_words(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load(**{**ENTRA, **changes})


def test_nobody_is_locked_out_by_a_setting() -> None:
    with pytest.raises(SettingsError, match="nobody could sign in"):
        load(local_passwords=False)
