"""How long answers take: an ASGI layer that tells the tally of every request."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tillstream.watch.tally import Tally


class Timed:
    """Measures from the request's head to the last byte of the answer. Streams that never end are left out."""

    def __init__(self, app: ASGIApp, tally: Tally) -> None:
        self._app = app
        self._tally = tally

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on."""
        if scope["type"] != "http" or scope["path"] == "/events":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = 499

        async def send_watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_watched)
        finally:
            self._tally.answered(route_of(scope), status, time.perf_counter() - begun)


def route_of(scope: Scope) -> str:
    """One of a few names, whatever is asked for."""
    path = scope["path"]
    if path == "/":
        asks = scope["method"] == "POST" or b"query=" in scope["query_string"]
        return "endpoint" if asks else "page"
    first = path.split("/")[1]
    return first if first in ("api", "metrics", "static", "operations", "ping", "healthz", "livez") else "other"
