"""Messages on their way to the decoder: collected until there are enough, cut between transactions."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from tillstream.settings import BatchSettings

BEGIN, COMMIT = b"B", b"C"
Message = memoryview | bytes


class Intake:
    """What has been received and not been decoded.

    `take` cuts behind the last complete transaction; inside one only where it alone is over the limits.
    """

    def __init__(self, limits: BatchSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._messages: list[Message] = []
        self._bytes = 0
        self._frames = 0
        self._complete = 0
        self._began_at = 0.0
        self.in_transaction = False

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def age_left(self) -> float:
        """Seconds until the oldest message has waited long enough; less than zero when it is late."""
        return self._began_at + self._limits.age.total_seconds() - self._clock()

    @property
    def ready(self) -> bool:
        """Whether there is a whole transaction that has waited long enough."""
        return self._complete > 0 and self.age_left <= 0

    @property
    def is_full(self) -> bool:
        return self._bytes >= self._limits.bytes or len(self._messages) - self._frames >= self._limits.rows

    @property
    def room(self) -> int:
        """How many messages it can take before somebody has to look whether it is full."""
        return max(1, self._limits.rows - (len(self._messages) - self._frames))

    def extend(self, messages: Sequence[Message], header: int) -> None:
        """Take messages in, whose type bytes come behind a header of that size."""
        if not messages:
            return
        if not self._messages:
            self._began_at = self._clock()
        kinds = bytes([message[header] for message in messages])
        self._bytes += sum(map(len, messages))
        self._frames += kinds.count(BEGIN) + kinds.count(COMMIT)
        last_begin, last_commit = kinds.rfind(BEGIN), kinds.rfind(COMMIT)
        if last_commit >= 0:
            self._complete = len(self._messages) + last_commit + 1
        if last_begin != last_commit:
            self.in_transaction = last_begin > last_commit
        self._messages += messages

    def take(self) -> list[Message]:
        """The complete transactions; or, when there is none, what has come of the one that fills it all."""
        cut = self._complete or len(self._messages)
        taken, self._messages = self._messages[:cut], self._messages[cut:]
        self._bytes = sum(map(len, self._messages))
        self._complete = 0
        # What is left of the next transaction starts with its beginning.
        self._frames = 1 if self._messages else 0
        self._began_at = self._clock()
        return taken
