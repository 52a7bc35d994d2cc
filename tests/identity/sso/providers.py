"""Two identity providers for the tests: a real one in a process of its own, and a forger that signs whatever is to be refused."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx2
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.testclient import TestClient

from app.core.config import Settings, load

TENANT = "6c1f2f2e-8f4b-4d0a-9c55-0f3f0d9b7a11"
SECRET = "a secret"
PROGRAM = Path(__file__).with_name("provider.mjs")


def settings_for(issuer: str, **values: Any) -> Settings:
    """The service's settings with this provider."""
    given: dict[str, Any] = dict(base_url="http://testserver", log_level="error", oidc_client_id="academy", oidc_client_secret=SECRET)
    return load(**{**given, "oidc_issuer": issuer, "oidc_tenant": TENANT, **values})


# The real one ------------------------------------------------------------------------------------------------------


@dataclass
class RealProvider:
    """npm's oidc-provider, configured like Entra."""

    issuer: str

    def tell(self, what: str, **given: Any) -> None:
        httpx2.post(f"{self.issuer}/test/{what}", json=given, timeout=20).raise_for_status()

    def account(self, login: str, **claims: Any) -> str:
        """Somebody who can sign in there; returns their object id."""
        claims.setdefault("oid", str(uuid4()))
        self.tell("account", login=login, claims=claims)
        return str(claims["oid"])


@contextmanager
def real_provider() -> Iterator[RealProvider]:
    """Started on a free port, until the block ends."""
    program = subprocess.Popen(["node", str(PROGRAM), TENANT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert program.stdout is not None
    try:
        yield RealProvider(program.stdout.readline().strip())
    finally:
        program.kill()
        program.wait()
        program.stdout.close()


@dataclass
class Visitor:
    """One browser at both places: the service (in this process) and the provider."""

    here: TestClient
    there: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=20))

    def close(self) -> None:
        self.there.close()

    def begin(self, path: str = "/auth/sign-in") -> str:
        """The provider's address that the service sends to."""
        reply = self.here.get(path)
        assert reply.status_code == 303, reply.text
        return str(reply.headers["location"])

    def sign_in_there(self, address: str, login: str) -> str:
        """Fill in the provider's form where it shows one; the address here to which it sends back."""
        reply = self.there.get(address)
        while True:
            if reply.status_code in (302, 303):
                onward = reply.headers["location"]
                if onward.startswith("http://testserver"):
                    return str(onward.removeprefix("http://testserver"))
                reply = self.there.get(httpx2.URL(str(reply.url)).join(onward))
                continue
            form = re.search(r'<form[^>]*action="([^"]+)"', reply.text)
            assert reply.status_code == 200 and form, reply.text[:500]
            reply = self.there.post(form[1], data={"prompt": "login", "login": login, "password": "x"})

    def sign_on(self, login: str, path: str = "/auth/sign-in") -> Any:
        """The whole way; what the service answers at the end."""
        return self.here.get(self.sign_in_there(self.begin(path), login))


# The forger --------------------------------------------------------------------------------------------------------


@cache
def _key() -> RSAKey:
    """One for all tests: making one takes longer than most of them."""
    return RSAKey.generate_key(2048)


class Forger:
    """A provider that is honest in form and answers the token request with whatever it was told to."""

    def __init__(self) -> None:
        self.key, self.kid = _key(), "one"
        self.answer: tuple[int, Any] = 200, {}
        self.document: dict[str, Any] = {}
        self.keys: dict[str, Any] | None = None
        self.broken = ""  # a path that answers 500
        self.asked: list[str] = []
        self.issuer = ""

    @cached_property
    def public(self) -> dict[str, Any]:
        return {"keys": [{**self.key.as_dict(private=False), "kid": self.kid, "use": "sig", "alg": "RS256"}]}

    def reply(self, path: str) -> tuple[int, Any]:
        self.asked.append(path)
        if path == self.broken:
            return 500, {}
        if path == "/.well-known/openid-configuration":
            places = {name: f"{self.issuer}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
            return 200, {"issuer": self.issuer, **places, "token_endpoint_auth_methods_supported": ["client_secret_basic"], **self.document}
        if path == "/jwks_uri":
            return 200, self.keys or self.public
        return self.answer

    def claims(self, nonce: str, /, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        good = dict(iss=self.issuer, aud="academy", exp=now + 600, iat=now, nbf=now, nonce=nonce, sub="s", tid=TENANT, oid=str(uuid4()))
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def token(self, claims: dict[str, Any], **header: Any) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.kid, **header}, claims, self.key, algorithms=["RS256"])


@contextmanager
def forging() -> Iterator[Forger]:
    """The forger on a free port, until the block ends."""
    forger = Forger()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, answer = forger.reply(urlsplit(self.path).path)
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    forger.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield forger
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def sent(address: str) -> dict[str, str]:
    """The query of an address, by name."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
