"""The newest lines of the log, kept for whoever looks."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from tillstream.watch.events import Event, Log

KEPT = 100


class RecentEvents:
    """A log that remembers its last events and hands them on. Any thread may write and look."""

    def __init__(self) -> None:
        self._events: deque[tuple[datetime, Event]] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def before(self, log: Log) -> Log:
        """A log that keeps an event and then gives it to `log`."""

        def write(event: Event) -> None:
            with self._lock:
                self._events.append((datetime.now(UTC), event))
            log(event)

        return write

    def as_json(self) -> list[dict[str, Any]]:
        """Plain values, the newest first."""
        with self._lock:
            events = list(self._events)
        return [
            {"at": at.isoformat(), "level": event.level, "text": event.text, "facts": _facts(event)}
            for at, event in reversed(events)
        ]


def _facts(event: Event) -> dict[str, Any]:
    return {each.name: value for each in fields(event) if (value := getattr(event, each.name)) != ""}
