"""A browser for tests, without windows: as Starlette's, but the service answers in this very thread."""

from __future__ import annotations

import asyncio
from urllib.parse import unquote

import httpx2
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message


class Browser(TestClient):
    """Starlette's client starts a thread with a loop for each request and hands it eight messages, which takes longer than most pages do.
    Here the loop runs where the request is made, and the answer is whole when it returns. Redirects are not followed unless asked for."""

    def __init__(self, app: ASGIApp, *, follow_redirects: bool = False, headers: dict[str, str] | None = None) -> None:
        super().__init__(app, follow_redirects=follow_redirects, headers=headers)
        self._transport = _Here(app, self._transport)


class _Here(httpx2.BaseTransport):
    def __init__(self, app: ASGIApp, elsewhere: httpx2.BaseTransport) -> None:
        self.app, self.elsewhere = app, elsewhere

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self._answer(request))
        return self.elsewhere.handle_request(request)  # one thread has one loop, and a test holds it already

    def close(self) -> None:
        self.elsewhere.close()

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": request.method,
            "path": unquote(url.path),
            "raw_path": url.raw_path.split(b"?", 1)[0],
            "root_path": "",
            "scheme": url.scheme,
            "query_string": url.query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": ("testclient", 50000),
            "server": (url.host, url.port or {"http": 80, "https": 443}[url.scheme]),
            "state": {},
        }
        body: list[Message] = [{"type": "http.request", "body": request.read(), "more_body": False}]
        sent: list[Message] = []
        over = asyncio.Event()

        async def receive() -> Message:
            if body:
                return body.pop()
            await over.wait()  # as a browser that stays until it has its answer
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                over.set()

        await self.app(scope, receive, send)
        assert sent and over.is_set(), "no whole answer"
        content = b"" if request.method == "HEAD" else b"".join(message.get("body", b"") for message in sent[1:])
        return httpx2.Response(sent[0]["status"], headers=sent[0]["headers"], content=content, request=request)
