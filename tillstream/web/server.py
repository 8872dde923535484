"""Serves an application from a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from tillstream.errors import ConfigError, TillError

START_SECONDS = 15.0
# Connections that may wait to be taken.
BACKLOG = 2048
STOP_SECONDS = 10.0

# A connection that has not asked anything by then is closed.
HEAD_SECONDS = 30.0


class Impatient(H11Protocol):
    """HTTP/1.1 that does not wait for ever for a request to begin."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._waiting = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._waiting.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()


class Server:
    """uvicorn in a thread. Port 0 takes the favourite, if there is one and nobody has it, or else any free one."""

    def __init__(self, app: Starlette, host: str = "127.0.0.1", port: int = 0, favourite: int = 0) -> None:
        self._app = app
        self._host = host
        self._port = port
        self._favourite = favourite
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.url = ""

    def start(self) -> str:
        """Answer requests from now on; returns the address. ConfigError if the port is taken."""
        listener = self._listen()
        config = uvicorn.Config(
            self._app,
            http=Impatient,
            ws="none",
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=2,
            timeout_keep_alive=30,
            server_header=False,
        )
        server = self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=server.run, args=([listener],), name="web", daemon=True)
        self._thread.start()
        started = threading.Event()
        for _ in range(int(START_SECONDS * 200)):
            if server.started or not self._thread.is_alive():
                break
            started.wait(0.005)
        if not server.started:
            raise TillError("the web server did not start", hint="Look for an error above; try another port.")
        host, port = listener.getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        return self.url

    def stop(self) -> None:
        """Stop answering; what is being answered has two seconds to end."""
        if self._server is None or self._thread is None:
            return
        live = getattr(self._app.state, "live", None)
        if live is not None:
            # Pages that listen would hold the server up until their connections are cut.
            live.close()
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)

    def _listen(self) -> socket.socket:
        if self._favourite and not self._port:
            with suppress(OSError):
                return self._bound(self._favourite)
        try:
            return self._bound(self._port)
        except OSError as error:
            raise ConfigError(
                f"port {self._port} on {self._host} can't be used",
                detail=str(error.strerror or error),
                hint="Choose another `port` (0 takes a free one) or `host` under [page] in till.toml.",
            ) from error

    def _bound(self, port: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        # asyncio switches Nagle's delay off only for sockets that name their protocol; else small answers wait 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, port))
            # Two may have bound the same port; only one of them can listen.
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
        return listener
