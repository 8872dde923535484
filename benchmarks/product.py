"""The product as users run it: `till run` in a process of its own, asked over HTTP, watched from outside."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from benchmarks.measure import ROOT
from tillstream.flow.folder import Running, running

PATIENCE = 300.0


class Product:
    """A running `till run`: one connection that is kept open, for one thread."""

    def __init__(self, pid: int, folder: Path, url: str) -> None:
        self.pid = pid
        self.folder = folder
        self.url = url
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=60)

    def status(self) -> dict[str, Any]:
        """What `till status` shows."""
        found: dict[str, Any] = json.loads(self._send("GET", "/api/status", b""))
        return found

    def panels(self) -> dict[str, str]:
        """The query of each panel of the page, by name."""
        return {panel["name"]: panel["sql"] for panel in json.loads(self._send("GET", "/api/panels", b""))}

    def ask(self, sql: str, *settings: str, **parameters: str) -> bytes:
        """The answer of the ClickHouse endpoint, as JSON lines; the settings are switched on."""
        names = {**dict.fromkeys(settings, "1"), **{f"param_{name}": value for name, value in parameters.items()}}
        return self._send("POST", f"/?{urlencode({**names, 'default_format': 'JSONEachRow'})}", sql.encode())

    def number(self, sql: str) -> float:
        """The single number of a query."""
        return float(next(iter(json.loads(self.ask(sql)).values())))

    @contextmanager
    def viewer(self) -> Iterator[None]:
        """Somebody has the page open as long as the block."""
        parts = urlsplit(self.url)
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 80)) as browser:
            browser.sendall(f"GET /events HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
            assert browser.recv(1 << 16).startswith(b"HTTP/1.1 200")
            reading = threading.Thread(target=_read_all, args=(browser,))
            reading.start()
            try:
                yield
            finally:
                browser.shutdown(socket.SHUT_RDWR)
                reading.join()

    def close(self) -> None:
        """Let go of the connection; the process goes on."""
        self._connection.close()

    def _send(self, method: str, path: str, body: bytes) -> bytes:
        try:
            self._connection.request(method, path, body)
            answer = self._connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            # The server closes connections that were quiet for a while.
            self._connection.close()
            self._connection.request(method, path, body)
            answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content.decode(errors="replace")
        return content


def _read_all(browser: socket.socket) -> None:
    while browser.recv(1 << 20):
        pass


@contextmanager
def product(url: str, folder: Path) -> Iterator[Product]:
    """`till run` on a folder as long as the block, from when it is live."""
    command = [sys.executable, "-m", "tillstream.cli", "run", "--dir", str(folder)]
    surroundings = {**os.environ, "TILL_SOURCE_KIND": "postgres", "TILL_SOURCE_URL": url}
    with (folder / "benchmark.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=surroundings, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
    try:
        found = _serving(process, folder)
        with closing(Product(process.pid, folder, found.url)) as began:
            wait_for(lambda: began.status()["phase"] == "live", "the pipeline did not become live")
            yield began
    finally:
        process.terminate()
        process.wait(60)


def wait_for(claim: Callable[[], bool], what: str) -> None:
    """Wait until it is so, looking ten times a second. TimeoutError after five minutes."""
    deadline = time.monotonic() + PATIENCE
    while not claim():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.1)


def _serving(process: subprocess.Popen[bytes], folder: Path) -> Running:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, (folder / "benchmark.log").read_text()[-2000:]
        found = running(folder)
        if found is not None and found.url:
            return found
        time.sleep(0.1)
    raise TimeoutError("till run did not begin to serve")
