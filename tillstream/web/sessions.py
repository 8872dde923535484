"""Sessions: a handle kept between requests, so that SET and temporary tables last.

Only for writers. A reader can neither set nor create anything, so its `session_id` needs no memory.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tillstream.web.engine import Handle
from tillstream.web.wire import Refused

DEFAULT_TIMEOUT = 60.0
LONGEST_TIMEOUT = 3600.0
MOST_SESSIONS = 1000


@dataclass(slots=True)
class _Session:
    handle: Handle
    lock: threading.Lock = field(default_factory=threading.Lock)
    expires_at: float = 0.0


class Sessions:
    """The open sessions of one engine, by name."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()

    @contextmanager
    def handle(self, name: str, timeout: float, *, must_exist: bool = False) -> Iterator[Handle]:
        """The session's handle, alone, for the length of the block."""
        session = self._take(name, must_exist)
        try:
            yield session.handle
        finally:
            session.expires_at = time.monotonic() + min(timeout, LONGEST_TIMEOUT)
            session.lock.release()

    def end(self, name: str) -> None:
        """Forget a session. One that is at work is left alone."""
        with self._lock:
            session = self._sessions.get(name)
            if session is not None and session.lock.acquire(blocking=False):
                del self._sessions[name]
                session.handle.close()

    def close(self) -> None:
        """End every session."""
        for name in list(self._sessions):
            self.end(name)

    def _take(self, name: str, must_exist: bool) -> _Session:
        with self._lock:
            self._expire()
            session = self._sessions.get(name)
            if session is None:
                if must_exist:
                    raise Refused(372, "Session not found", "SESSION_NOT_FOUND")
                if len(self._sessions) >= MOST_SESSIONS:
                    raise Refused(202, "Too many sessions", "TOO_MANY_SIMULTANEOUS_QUERIES")
                session = self._sessions[name] = _Session(Handle(self._path))
            if not session.lock.acquire(blocking=False):
                raise Refused(373, "Session is locked by a concurrent client", "SESSION_IS_LOCKED")
            return session

    def _expire(self) -> None:
        now = time.monotonic()
        for name, session in list(self._sessions.items()):
            if session.expires_at and session.expires_at < now and session.lock.acquire(blocking=False):
                del self._sessions[name]
                session.handle.close()
