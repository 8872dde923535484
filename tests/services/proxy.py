"""A TCP proxy on loopback whose connections a test can cut, refuse and let through again."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from types import TracebackType
from urllib.parse import urlsplit, urlunsplit

CHUNK = 65536


class Proxy:
    """Passes every connection on to `target` ("host", port) until told otherwise."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._refusing = False
        self._silent = threading.Event()
        self._silent.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connection_count = 0
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._silent.set()
        # A shutdown, because closing alone does not wake the thread that accepts.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self.cut()

    def cut(self) -> int:
        """End every connection there is, as a pulled cable followed by a reset; new ones may come. Returns how many."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        return len(pairs)

    def refuse(self) -> None:
        """Cut every connection and close new ones at once, until `heal`."""
        self._refusing = True
        self.cut()

    def stall(self) -> None:
        """Keep the connections and pass nothing on, until `heal`."""
        self._silent.clear()

    def heal(self) -> None:
        """Let everything through again."""
        self._refusing = False
        self._silent.set()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = None if self._refusing else socket.create_connection(self._target)
            except OSError:
                far = None
            if far is None:
                near.close()
                continue
            self.connection_count += 1
            with self._lock:
                self._pairs.append((near, far))
            threading.Thread(target=self._pump, args=(near, far), name="proxy-pair", daemon=True).start()

    def _pump(self, near: socket.socket, far: socket.socket) -> None:
        with selectors.DefaultSelector() as ready, near, far, contextlib.suppress(OSError):
            ready.register(near, selectors.EVENT_READ, far)
            ready.register(far, selectors.EVENT_READ, near)
            while all(self._pass_on(key.fileobj, key.data) for key, _ in ready.select()):
                pass

    def _pass_on(self, source: object, goal: socket.socket) -> bool:
        assert isinstance(source, socket.socket)
        data = source.recv(CHUNK)
        self._silent.wait()
        if data:
            goal.sendall(data)
        return bool(data)


def proxied(url: str) -> tuple[Proxy, str]:
    """A proxy in front of the server of a database URL, and the URL that goes through it."""
    parts = urlsplit(url)
    proxy = Proxy((parts.hostname or "127.0.0.1", parts.port or 5432))
    login = parts.netloc.rpartition("@")[0]
    through = f"{login}@127.0.0.1:{proxy.port}" if login else f"127.0.0.1:{proxy.port}"
    return proxy, urlunsplit(parts._replace(netloc=through))
