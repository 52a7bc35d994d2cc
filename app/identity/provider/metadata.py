"""The identity provider as a service: its discovery document, its keys, and codes exchanged for tokens.

All of it happens before any transaction and without holding a thread, under time-outs; what it said is kept for a while. A provider that
does not answer is asked again only after a pause, so that people who press the button meanwhile get their page at once.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import Request

from app.core.config import LOOPBACK, Settings
from app.core.errors import Refusal

LONGEST = 8.0  # seconds for one answer, in all
CONNECT = 4.0  # seconds to reach it
KEEP = 3600.0  # seconds that a discovery document and keys are good for
KEEP_STALE = 24 * 3600.0  # the same while the provider does not answer
KEYS_ANEW = 30.0  # seconds between two looks for a key that is not known
PAUSE = 5.0  # seconds to leave a provider alone that did not answer
LARGEST = 512 * 1024  # bytes of an answer
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class ProviderDown(Refusal):
    """The provider cannot be reached, or what it says cannot be used."""

    status, code, title = 503, "provider-down", "Sign-in with your council account is not working"

    def __init__(self, why: str) -> None:
        super().__init__("The council’s sign-in service did not answer as it should. Nothing was changed.", why=why)
        self.why = why
        self.way_out = "Wait a minute and try again. If it goes on, tell your IT service desk."


class CodeRefused(Exception):
    """The provider does not take the code: it was used before, has run out, or never was one."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What of the discovery document (OpenID Connect Discovery §3) is used here."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str  # empty: it signs nobody out
    secret_in_body: bool  # how the client's secret is sent: in the form, else as a header


@dataclass(slots=True)
class Kept:
    """An answer and when it came."""

    value: Any = None
    at: float = float("-inf")

    def age(self) -> float:
        return time.monotonic() - self.at

    def put(self, value: Any) -> None:
        self.value, self.at = value, time.monotonic()


class Provider:
    """The provider that the settings name, as this process knows it."""

    def __init__(self, config: Settings) -> None:
        self.config = config
        self._metadata, self._keys = Kept(), Kept()
        self._failed_at = float("-inf")
        self._turn = asyncio.Lock()

    async def metadata(self) -> Metadata:
        """The discovery document, or ProviderDown."""
        if self._metadata.age() > KEEP:
            async with self._turn:
                if self._metadata.age() > KEEP:
                    await self._refresh(self._metadata, self._discover)
        found: Metadata = self._metadata.value
        return found

    async def keys(self, *, anew: bool = False) -> dict[str, Any]:
        """The provider's key set (RFC 7517). `anew`: a token names a key that is not in it; looked for at most every KEYS_ANEW seconds."""
        metadata = await self.metadata()
        longest = KEYS_ANEW if anew else KEEP
        if self._keys.age() > longest:
            async with self._turn:
                if self._keys.age() > longest:
                    await self._refresh(self._keys, lambda: self._get(metadata.jwks_uri))
        found: dict[str, Any] = self._keys.value
        return found

    async def exchange(self, code: str, verifier: str) -> str:
        """The ID token for a code (RFC 6749 §4.1.3), or CodeRefused, or ProviderDown."""
        metadata = await self.metadata()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.config.oidc_redirect_uri,
            "client_id": self.config.oidc_client_id,
            "code_verifier": verifier,
        }
        basic: tuple[str, str] | None = None
        if metadata.secret_in_body:
            form["client_secret"] = self.config.oidc_client_secret
        else:  # RFC 6749 §2.3.1: both are encoded as in a form first
            basic = quote(self.config.oidc_client_id, safe=""), quote(self.config.oidc_client_secret, safe="")
        status, answer = await self._ask("POST", metadata.token_endpoint, form, basic)
        if status == 400 and answer.get("error") == "invalid_grant":
            raise CodeRefused
        token = answer.get("id_token")
        if status != 200 or not isinstance(token, str):
            raise ProviderDown(f"token endpoint: {status} {str(answer.get('error', ''))[:40]}")
        return token

    async def _refresh(self, kept: Kept, ask: Any) -> None:
        """Ask again; while the provider does not answer, what it said last goes on being good for a day."""
        if time.monotonic() - self._failed_at < PAUSE:
            if kept.age() < KEEP_STALE:
                return
            raise ProviderDown("did not answer a moment ago")
        try:
            kept.put(await ask())
        except ProviderDown:
            self._failed_at = time.monotonic()
            if kept.age() >= KEEP_STALE:
                raise

    async def _discover(self) -> Metadata:
        found = await self._get(self.config.oidc_issuer.rstrip("/") + "/.well-known/openid-configuration")
        if found.get("issuer") != self.config.oidc_issuer:
            raise ProviderDown("discovery document of another issuer")
        for name in _NEEDED:
            if not self._safe(found.get(name)):
                raise ProviderDown(f"discovery document without a safe {name}")
        end = found.get("end_session_endpoint")
        same = self._safe(end) and urlsplit(str(end)).netloc == urlsplit(self.config.oidc_issuer).netloc  # what the content policy allows
        methods = found.get("token_endpoint_auth_methods_supported", [])
        return Metadata(
            found["authorization_endpoint"],
            found["token_endpoint"],
            found["jwks_uri"],
            str(end) if same else "",
            isinstance(methods, list) and "client_secret_post" in methods,
        )

    def _safe(self, address: Any) -> bool:
        """An https address; http only on this machine, and only for an issuer that is."""
        if not isinstance(address, str):
            return False
        parts = urlsplit(address)
        here = parts.scheme == "http" and parts.hostname in LOOPBACK and self.config.oidc_issuer.startswith("http:")
        return (parts.scheme == "https" and bool(parts.hostname)) or here

    async def _get(self, address: str) -> dict[str, Any]:
        status, answer = await self._ask("GET", address)
        if status != 200:
            raise ProviderDown(f"status {status}")
        return answer

    async def _ask(
        self, method: str, address: str, form: dict[str, str] | None = None, basic: tuple[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """One request, never following a redirect; (status, JSON object), or ProviderDown."""
        import httpx2

        body = bytearray()
        try:
            async with (
                asyncio.timeout(LONGEST),
                httpx2.AsyncClient(timeout=httpx2.Timeout(LONGEST, connect=CONNECT)) as client,
                client.stream(method, address, data=form, auth=basic, headers={"accept": "application/json"}) as response,
            ):
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > LARGEST:
                        raise ProviderDown("answer too large")
            answer = json.loads(body)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ValueError, RecursionError) as wrong:
            raise ProviderDown(type(wrong).__name__) from None
        if not isinstance(answer, dict):
            raise ProviderDown("answer is no object")
        return response.status_code, answer


def provider(request: Request) -> Provider:
    """This process's own; made anew when the settings are others."""
    state = request.app.state
    made: Provider | None = getattr(state, "provider", None)
    if made is None or made.config is not state.settings:
        made = state.provider = Provider(state.settings)
    return made
