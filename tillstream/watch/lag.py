"""How many seconds we are behind a source's log: what its end was, and when."""

from __future__ import annotations

import threading
from collections import deque
from datetime import datetime

MOST_MARKS = 4000


class LagClock:
    """Remembers the log's end at several times; what has landed tells how old the rest is."""

    def __init__(self) -> None:
        self._marks: deque[tuple[int, datetime]] = deque(maxlen=MOST_MARKS)
        self._lock = threading.Lock()

    def note(self, log_end: int, at: datetime) -> None:
        """The log ended there then."""
        with self._lock:
            if not self._marks or log_end > self._marks[-1][0]:
                self._marks.append((log_end, at))

    def seconds(self, landed: int, now: datetime) -> float:
        """The age of the first known end of the log that has not landed; 0 when there is none."""
        with self._lock:
            while self._marks and self._marks[0][0] <= landed:
                self._marks.popleft()
            return max((now - self._marks[0][1]).total_seconds(), 0.0) if self._marks else 0.0
