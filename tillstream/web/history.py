"""The last half hour of a few numbers, a sample every five seconds."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

EVERY_SECONDS = 5.0
MOST_SAMPLES = 360

Sample = Mapping[str, float | None]


class History:
    """Asks `sample` in a thread of its own, from `start` to `close`."""

    def __init__(self, sample: Callable[[], Sample], every: float = EVERY_SECONDS) -> None:
        self._sample = sample
        self._every = every
        self._samples: deque[tuple[datetime, Sample]] = deque(maxlen=MOST_SAMPLES)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="web-history", daemon=True)

    def start(self) -> None:
        """Begin; the first sample comes at once."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(10)

    def as_json(self) -> dict[str, Any]:
        """One list a number, and the times they were taken at."""
        samples = list(self._samples)
        names = samples[-1][1] if samples else {}
        return {
            "every_seconds": self._every,
            "at": [at.isoformat(timespec="milliseconds") for at, _ in samples],
            **{name: [sample.get(name) for _, sample in samples] for name in names},
        }

    def _work(self) -> None:
        while True:
            self._samples.append((datetime.now(UTC), self._sample()))
            if self._ending.wait(self._every):
                return
