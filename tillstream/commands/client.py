"""Talks to the process that works in a folder, over loopback."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from tillstream.errors import ProcessRefused, WarehouseUnreachable
from tillstream.flow.folder import Running

# Comparing or mending a large store takes its time; a local process that dies closes the connection.
PATIENCE = 3600.0


class Client:
    """Requests to one running process."""

    def __init__(self, running: Running) -> None:
        if not running.url:
            raise ProcessRefused(
                f"process {running.pid} is starting or stopping",
                detail="It has the folder, and does not serve yet.",
                hint="Try again in a moment.",
            )
        self._running = running

    def ask(self, path: str) -> Any:
        """The JSON that stands at a path."""
        return json.loads(self.send("GET", path, b""))

    def act(self, action: str, arguments: Mapping[str, Any]) -> Any:
        """What the process answers when it was asked to do something."""
        return json.loads(self.send("POST", f"/api/actions/{action}", json.dumps(arguments).encode()))

    def query(self, sql: str, form: str, settings: Mapping[str, Any]) -> bytes:
        """A query's result in one of ClickHouse's formats."""
        names = {**settings, "default_format": form}
        return self.send("POST", f"/?{urlencode(names)}", sql.encode())

    def send(self, method: str, path: str, body: bytes) -> bytes:
        """The body of the answer. Raises ProcessRefused for an answer that is no success."""
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


def _refusal(status: int, content: bytes) -> ProcessRefused:
    text = content.decode(errors="replace").strip()
    try:
        said = json.loads(text)["error"]
        return ProcessRefused(said["message"], detail=said["detail"], hint=said["hint"])
    except (ValueError, KeyError, TypeError):
        return ProcessRefused("the running process refused the request", detail=text[:2000] or f"HTTP status {status}")
