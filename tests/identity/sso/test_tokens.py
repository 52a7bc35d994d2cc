"""Tokens that are not what they should be are refused: at the check itself, one rule at a time, and through the door by a forger."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from sqlalchemy import select

from app.identity.models import SignIn
from app.identity.provider import tokens
from tests.factory import Make
from tests.identity.sso.providers import Forger, sent, settings_for

OID = "3f2b8c1e-5a70-4f0d-9c52-1f6a2d7e4b90"


@pytest.fixture(scope="module")
def signer() -> Forger:
    """A forger that no service asks: its key and its claims are enough."""
    made = Forger()
    made.issuer = "https://id.westmarch.example"
    return made


def read(signer: Forger, raw: str, *, keys: Any = None, **settings: Any) -> tokens.Identity:
    return tokens.id_token(settings_for(signer.issuer, **settings), raw, keys or signer.public, "n", datetime.now(UTC))


def test_a_good_token_says_who_which_session_and_which_roles(signer: Forger) -> None:
    good = signer.token(signer.claims("n", oid=OID.upper(), sid="s1", roles=["Academy.HR", 7]))
    assert read(signer, good) == tokens.Identity(OID, "s1", frozenset({"Academy.HR"}))
    one = signer.token(signer.claims("n", oid=OID, roles="Academy.HR", aud=["academy"], azp="academy", nbf=None))
    assert read(signer, one) == tokens.Identity(OID, None, frozenset({"Academy.HR"}))
    assert read(signer, signer.token(signer.claims("n"))).roles == frozenset(), "no claim, no roles"
    elsewhere = signer.token(signer.claims("n", _claim_names={"groups": "src1"}))
    assert read(signer, elsewhere, oidc_roles_claim="groups").roles is None, "too many to be listed: it does not say"
    now = int(time.time())
    near = signer.token(signer.claims("n", exp=now - 30, iat=now + 30))
    assert read(signer, near).roles == frozenset(), "clocks may differ a little"


WRONG: list[tuple[str, dict[str, Any]]] = [  # moments are seconds from now
    ("wrong-issuer", {"iss": "https://id.elsewhere.example"}),
    ("wrong-issuer", {"iss": "https://id.westmarch.example/"}),
    ("wrong-issuer", {"iss": None}),
    ("wrong-audience", {"aud": "another"}),
    ("wrong-audience", {"aud": None}),
    ("wrong-audience", {"aud": ["academy", "another"]}),
    ("wrong-audience", {"aud": ["academy", "another"], "azp": "another"}),
    ("wrong-audience", {"azp": "another"}),
    ("wrong-tenant", {"tid": "11111111-2222-4333-8444-555555555555"}),
    ("wrong-tenant", {"tid": None}),
    ("expired", {"exp": -61}),
    ("expired", {"iat": -3600}),
    ("no-times", {"exp": None}),
    ("no-times", {"iat": None}),
    ("no-times", {"exp": True}),
    ("no-times", {"exp": "tomorrow"}),
    ("not-yet", {"nbf": 300}),
    ("not-yet", {"iat": 300}),
    ("wrong-nonce", {"nonce": "another"}),
    ("wrong-nonce", {"nonce": None}),
    ("wrong-nonce", {"nonce": 5}),
    ("no-subject", {"oid": None}),
    ("no-subject", {"oid": "ann@westmarch.example"}),
    ("no-subject", {"oid": {"is": "not text"}}),
]


@pytest.mark.parametrize(("why", "changes"), WRONG, ids=[f"{why} {number}" for number, (why, _) in enumerate(WRONG)])
def test_every_claim_is_looked_at(signer: Forger, why: str, changes: dict[str, Any]) -> None:
    now = int(time.time())
    placed = {name: now + value if type(value) is int and name != "nonce" else value for name, value in changes.items()}
    with pytest.raises(tokens.TokenRefused) as refused:
        read(signer, signer.token(signer.claims("n", **placed)))
    assert refused.value.why == why


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_only_a_key_of_the_providers_own_signs(signer: Forger) -> None:
    claims = signer.claims("n")
    good = signer.token(claims)
    head, body, signature = good.split(".")
    pem = signer.key.as_pem(private=False)
    other = RSAKey.generate_key(2048)
    curve = ECKey.generate_key("P-256")
    refused: list[tuple[str, str, Any]] = [
        ("wrong-algorithm", f"{part({'alg': 'none'})}.{body}.", None),
        ("wrong-algorithm", f"{part({'alg': 'None', 'kid': 'one'})}.{body}.", None),
        (
            "wrong-algorithm",
            jwt.encode({"alg": "HS256", "kid": "one"}, claims, OctKey.import_key(part(pem.decode())), algorithms=["HS256"]),
            None,
        ),
        ("bad-signature", f"{head}.{part({**claims, 'oid': OID})}.{signature}", None),
        ("bad-signature", jwt.encode({"alg": "RS256", "kid": "one"}, claims, other), None),
        ("bad-signature", jwt.encode({"alg": "RS256", "kid": "one", "jwk": other.as_dict(private=False)}, claims, other), None),
        ("unknown-key", jwt.encode({"alg": "RS256", "kid": "two"}, claims, other), None),
        ("unknown-key", signer.token(claims), {"keys": [{**signer.public["keys"][0], "use": "enc"}]}),
        ("unknown-key", signer.token(claims), {"keys": [{"kty": "oct", "kid": "one", "k": "c2VjcmV0"}]}),
        ("unknown-key", jwt.encode({"alg": "ES256", "kid": "one"}, claims, curve), None),
        ("unknown-key", signer.token(claims), {"keys": "none"}),
        (
            "bad-key",
            jwt.encode({"alg": "ES256", "kid": "one"}, claims, curve),
            {"keys": [{k: v for k, v in signer.public["keys"][0].items() if k != "alg"}]},
        ),
        ("bad-key", signer.token(claims), {"keys": [{"kty": "RSA", "kid": "one", "n": "AQAB"}]}),
        (
            "key-not-named",
            jwt.encode({"alg": "RS256"}, claims, signer.key),
            {"keys": [{**signer.public["keys"][0], "kid": k} for k in "ab"]},
        ),
        ("wrong-type", signer.token(claims, typ="at+jwt"), None),
        ("bad-signature", f"{part({'alg': 'RS256', 'kid': 'one', 'crit': ['x'], 'x': 1})}.{body}.{signature}", None),
        ("bad-signature", "not a token", None),
        ("bad-signature", "", None),
        ("bad-signature", "." * 5, None),
        ("bad-signature", part({"alg": "RS256"}) + "." + "A" * 300_000 + ".A", None),
    ]
    for why, raw, keys in refused:
        with pytest.raises(tokens.TokenRefused) as found:
            read(signer, raw, keys=keys)
        assert found.value.why == why, raw[:80]
    assert read(signer, jwt.encode({"alg": "RS256"}, claims, signer.key)).subject, "one key needs no name"
    elliptic = {"keys": [{**curve.as_dict(private=False), "kid": "one", "alg": "ES256"}, *signer.public["keys"]]}
    assert read(signer, jwt.encode({"alg": "ES256", "kid": "one"}, claims, curve), keys=elliptic).subject


@pytest.mark.filterwarnings("ignore")
def test_a_small_key_is_no_key(signer: Forger) -> None:
    raw = signer.token(signer.claims("n"))
    small = {"kty": "RSA", "kid": "one", "n": base64.urlsafe_b64encode(bytes([255] * 128)).decode().rstrip("="), "e": "AQAB"}
    with pytest.raises(tokens.TokenRefused, match="bad-key"):
        read(signer, raw, keys={"keys": [small]})


# Through the door --------------------------------------------------------------------------------------------------


def test_the_forgers_tokens_sign_nobody_in(enter: Any, forger: Forger, make: Make, link: Any, ledger: Any, capfd: Any) -> None:
    ann = make.person("Ann Field")
    visitor = enter(forger.issuer, log_level="info")
    link(visitor.here.app.state.settings, ann, OID)
    now = int(time.time())
    pem = forger.key.as_pem(private=False).decode()
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("wrong-issuer", {"iss": "https://id.elsewhere.example"}),
        ("wrong-tenant", {"tid": "11111111-2222-4333-8444-555555555555"}),
        ("wrong-audience", {"aud": "another"}),
        ("expired", {"exp": now - 100}),
        ("wrong-nonce", {"nonce": "another"}),
    ]

    def come_back(make_token: Any) -> Any:
        asked = sent(visitor.begin())
        forger.answer = 200, {"id_token": make_token(asked["nonce"])}
        return visitor.here.get("/auth/callback", params={"state": asked["state"], "code": "c"})

    def none(nonce: str) -> str:
        return f"{part({'alg': 'none', 'kid': 'one'})}.{part(forger.claims(nonce, oid=OID))}."

    def shared(nonce: str) -> str:
        return jwt.encode({"alg": "HS256", "kid": "one"}, forger.claims(nonce, oid=OID), OctKey.import_key(part(pem)), algorithms=["HS256"])

    for _why, changes in wrong:
        reply = come_back(lambda nonce, changes=changes: forger.token(forger.claims(nonce, **{"oid": OID, **changes})))
        assert reply.status_code == 403 and "sign-on-refused" in reply.text
    for forged in (none, shared):
        assert come_back(forged).status_code == 403
    assert [entry.facts["why"] for entry in ledger.entries("sign-in.refused")] == [why for why, _ in wrong] + ["wrong-algorithm"] * 2
    assert make.rows(select(SignIn.token_hash)) == []
    assert come_back(lambda nonce: forger.token(forger.claims(nonce, oid=OID))).status_code == 303, "and a good one does"
    logged = capfd.readouterr().err
    assert OID not in logged and ann.email not in logged and "Ann" not in logged and "state=" not in logged


@pytest.mark.thorough
def test_a_provider_that_is_down_or_odd_is_said_so(enter: Any, forger: Forger, make: Make, link: Any, capfd: Any) -> None:
    visitor = enter(forger.issuer)
    app = visitor.here.app

    def anew() -> None:
        app.state.provider = None

    for odd in (
        {"issuer": "https://id.elsewhere.example"},
        {"token_endpoint": "http://id.elsewhere.example/token"},
        {"jwks_uri": None},
        {"authorization_endpoint": ["list"]},
    ):
        anew()
        forger.document = odd
        reply = visitor.here.get("/auth/sign-in")
        assert reply.status_code == 503, odd
        assert "sign in with your e-mail address and password" in reply.text and "did not answer" in reply.text
    forger.document = {"padding": "x" * 600_000}
    anew()
    assert visitor.here.get("/auth/sign-in").status_code == 503
    asked = len(forger.asked)
    assert visitor.here.get("/auth/sign-in").status_code == 503
    assert len(forger.asked) == asked, "it is left alone for a moment"
    forger.document = {}
    anew()
    state = sent(visitor.begin())["state"]
    forger.answer = 500, {}
    assert visitor.here.get("/auth/callback", params={"state": state, "code": "c"}).status_code == 503
    forger.answer = 200, {"access_token": "but no ID token"}
    assert visitor.here.get("/auth/callback", params={"state": sent(visitor.begin())["state"], "code": "c"}).status_code == 503
    forger.answer = 200, b"<html>"
    assert visitor.here.get("/auth/callback", params={"state": sent(visitor.begin())["state"], "code": "c"}).status_code == 503
    gone = enter("http://127.0.0.1:1")
    assert gone.here.get("/auth/sign-in").status_code == 503
    assert gone.here.get("/sign-in").status_code == 200, "the page itself needs no provider"
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if "provider-down" in line]
    assert lines[-1]["why"] == "ConnectError"


def test_what_was_known_serves_while_the_provider_does_not_answer(enter: Any, forger: Forger) -> None:
    visitor = enter(forger.issuer)
    visitor.begin()
    kept = visitor.here.app.state.provider
    forger.broken = "/.well-known/openid-configuration"
    kept._metadata.at -= 3601
    visitor.begin()
    kept._metadata.at -= 24 * 3600
    kept._failed_at = float("-inf")
    assert visitor.here.get("/auth/sign-in").status_code == 503


@pytest.mark.thorough
def test_an_unknown_key_is_looked_for_once_in_half_a_minute(enter: Any, forger: Forger, make: Make, link: Any) -> None:
    ann = make.person("Ann Field")
    visitor = enter(forger.issuer)
    link(visitor.here.app.state.settings, ann, OID)

    def come_back() -> int:
        asked = sent(visitor.begin())
        forger.answer = 200, {"id_token": forger.token(forger.claims(asked["nonce"], oid=OID))}
        return int(visitor.here.get("/auth/callback", params={"state": asked["state"], "code": "c"}).status_code)

    assert come_back() == 303
    forger.kid = "two"
    forger.keys = {"keys": [{**forger.public["keys"][0], "kid": "two"}]}
    assert [come_back(), come_back()] == [403, 403] and forger.asked.count("/jwks_uri") == 1
    visitor.here.app.state.provider._keys.at -= 31
    assert come_back() == 303 and forger.asked.count("/jwks_uri") == 2


# The provider's own word that somebody has signed out ----------------------------------------------------------------


def logout(forger: Forger, **changes: Any) -> str:
    usual: dict[str, Any] = dict(nonce=None, exp=None, nbf=None, oid=None, tid=None, events={tokens.SIGNED_OUT: {}}, jti="j")
    return forger.token(forger.claims("", **{**usual, **changes}), typ="logout+jwt")


def test_the_provider_signs_people_out_here(enter: Any, forger: Forger, make: Make, link: Any, ledger: Any) -> None:
    ann = make.person("Ann Field")
    one = enter(forger.issuer)
    two = enter(forger.issuer)
    link(one.here.app.state.settings, ann, OID)
    for visitor, sid in ((one, "s1"), (two, "s2")):
        asked = sent(visitor.begin())
        forger.answer = 200, {"id_token": forger.token(forger.claims(asked["nonce"], oid=OID, sid=sid))}
        assert visitor.here.get("/auth/callback", params={"state": asked["state"], "code": "c"}).status_code == 303
    said = enter().here
    good = said.post("/oauth/back-channel-logout", data={"logout_token": logout(forger, sid="s1")})
    assert (good.status_code, good.headers["cache-control"]) == (200, "no-store")
    assert one.here.get("/my-details").status_code == 303
    assert two.here.get("/my-details").status_code == 200
    assert ledger.actions()[-1] == "sign-in.ended-by-provider"
    wrong = [
        "",
        "nonsense",
        logout(forger, sid="s2", iss="https://id.elsewhere.example"),
        logout(forger, sid="s2", aud="another"),
        logout(forger, sid="s2", iat=int(time.time()) - 3600),
        logout(forger, sub=None),
        forger.token(forger.claims("n", sid="s2")),  # an ID token is no logout
        forger.token({**forger.claims("n", sid="s2"), "events": {tokens.SIGNED_OUT: {}}}),
    ]
    for raw in wrong:
        reply = said.post("/oauth/back-channel-logout", data={"logout_token": raw})
        assert (reply.status_code, reply.json()["error"]) == (400, "invalid_request"), reply.text
    assert two.here.get("/my-details").status_code == 200
    everywhere = logout(forger, oid=OID)
    assert said.post("/oauth/back-channel-logout", data={"logout_token": everywhere}).status_code == 200
    assert two.here.get("/my-details").status_code == 303
    assert make.rows(select(SignIn.id_token).where(SignIn.id_token.is_not(None))) == []


def test_signing_out_never_waits_for_a_provider(enter: Any, forger: Forger, make: Make, link: Any) -> None:
    ann = make.person("Ann Field")
    visitor = enter(forger.issuer)
    link(visitor.here.app.state.settings, ann, OID)
    asked = sent(visitor.begin())
    forger.answer = 200, {"id_token": forger.token(forger.claims(asked["nonce"], oid=OID))}
    visitor.here.get("/auth/callback", params={"state": asked["state"], "code": "c"})
    visitor.here.app.state.provider = None
    forger.broken = "/.well-known/openid-configuration"
    out = visitor.here.post("/sign-out")
    assert out.headers["location"] == "/sign-in?said=signed-out"
    assert visitor.here.get("/my-details").status_code == 303
