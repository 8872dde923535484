"""Server-sent events: each open page gets the newest state, as far as it has not seen it yet.

There are no queues. A page that reads slowly misses the states in between, and every message brings it
up to the newest one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import StreamingResponse

from tillstream.web.live import Live

HEARTBEAT = 10.0
RETRY_MS = 1000
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def events(request: Request) -> StreamingResponse:
    """The page's stream."""
    live: Live = request.app.state.live
    seen = last_seen(request.headers.get("last-event-id", ""), live.epoch)
    return StreamingResponse(stream(live, seen), media_type="text/event-stream", headers=HEADERS)


async def stream(live: Live, seen: int) -> AsyncIterator[str]:
    """States as they come, from the newest on, with a sign of life when there is none for a while."""
    news = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wake() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closing, and so are we
            loop.call_soon_threadsafe(news.set)

    live.listen(wake)
    try:
        yield f"retry: {RETRY_MS}\n\n"
        while not live.closed:
            if live.state.number > seen:
                seen, message = live.message(seen)
                yield f"id: {live.epoch}-{seen}\nevent: state\ndata: {message}\n\n"
            news.clear()
            if live.state.number > seen or live.closed:
                continue
            try:
                await asyncio.wait_for(news.wait(), HEARTBEAT)
            except TimeoutError:
                yield ": still here\n\n"
    finally:
        live.leave(wake)


def last_seen(event_id: str, epoch: str) -> int:
    """The state's number in an event's id; 0 when it is none of this process's."""
    name, _, number = event_id.partition("-")
    return int(number) if name == epoch and number.isdecimal() and len(number) < 19 else 0
