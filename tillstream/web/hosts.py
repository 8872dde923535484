"""Refuses requests that name a host we don't serve: a foreign page must not reach loopback by DNS rebinding."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tillstream.web.credentials import has_token

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})

# Everything the page needs comes from us; nobody may frame it.
CONTENT_SECURITY_POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

SECURITY_HEADERS = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class KnownHosts:
    """An ASGI layer that checks who is asked for, and adds the headers every answer has.

    Under a loopback name anybody on this machine may read. Under any other name nothing is answered, or,
    if the server is `public`, only those who bring the token.
    """

    def __init__(self, app: ASGIApp, token: str, public: bool = False) -> None:
        self._app = app
        self._token = token
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 421 or 401."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, send)
            return

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *SECURITY_HEADERS]
            await send(message)

        await self._app(scope, receive, send_secured)

    def _refusal(self, scope: Scope) -> Response | None:
        # From another machine anything can be written into the Host header.
        near = scope.get("client") is None or scope["client"][0] in LOOPBACK_HOSTS
        if near and _host(scope) in LOOPBACK_HOSTS:
            return None
        if not self._public:
            return PlainTextResponse("This server does not answer for that host.\n", 421)
        if has_token(Request(scope), self._token):
            return None
        challenge = {"WWW-Authenticate": 'Basic realm="tillstream", charset="UTF-8"'}
        return PlainTextResponse("The token is the password, the user is till.\n", 401, challenge)


def _host(scope: Scope) -> str:
    values = [value for name, value in scope["headers"] if name == b"host"]
    text = values[0].decode("latin-1").lower() if len(values) == 1 else ""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]
