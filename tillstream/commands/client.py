"""Talks to the process that works in a folder, over loopback."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from tillstream.errors import TillError, WarehouseUnreachable
from tillstream.flow.folder import Running

# Comparing or mending a large store takes its time; a local process that dies closes the connection.
PATIENCE = 3600.0


class Refused(TillError):
    """The running process answered with an error."""


class Client:
    """Requests to one running process."""

    def __init__(self, running: Running) -> None:
        if not running.url:
            raise Refused(
                f"process {running.pid} is starting or stopping",
                detail="It has the folder, and does not serve yet.",
                hint="Try again in a moment.",
            )
        self._running = running

    def ask(self, method: str, path: str) -> Any:
        """The JSON answer to a request."""
        return json.loads(self.send(method, path, b""))

    def query(self, sql: str, form: str, settings: Mapping[str, Any]) -> bytes:
        """A query's result in one of ClickHouse's formats."""
        names = {**settings, "default_format": form}
        return self.send("POST", f"/?{urlencode(names)}", sql.encode())

    def send(self, method: str, path: str, body: bytes) -> bytes:
        """The body of the answer. Raises Refused for an answer that is no success."""
        parts = urlsplit(self._running.url)
        connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, {"Authorization": f"Bearer {self._running.token}"})
            answer = connection.getresponse()
            content = answer.read()
        except OSError as error:
            raise WarehouseUnreachable(
                f"process {self._running.pid} does not answer",
                detail=f"{self._running.url}: {error}",
                hint="Try again in a moment; `till doctor` looks closer.",
            ) from error
        finally:
            connection.close()
        if answer.status >= 300:
            raise _refusal(answer.status, content)
        return content


def _refusal(status: int, content: bytes) -> Refused:
    text = content.decode(errors="replace").strip()
    try:
        said = json.loads(text)
    except ValueError:
        return Refused("the running process refused the request", detail=text[:2000] or f"HTTP status {status}")
    if not isinstance(said, dict):
        return Refused("the running process refused the request", detail=text[:2000])
    known = {name: str(said.get(name, "")) for name in ("message", "detail", "hint")}
    return Refused(known["message"] or f"HTTP status {status}", detail=known["detail"], hint=known["hint"])
