"""One replication session: START_REPLICATION, its messages in, our acknowledgements out."""

from __future__ import annotations

import select
import struct
import time
from collections.abc import Sequence
from types import TracebackType
from typing import NoReturn, Self

import psycopg
from psycopg import pq

from tillstream.errors import SourceUnreachable
from tillstream.sources.postgres.catalog import quoted
from tillstream.sources.postgres.connection import checked, connect_for_replication, place_of, translated
from tillstream.sources.postgres.intake import Intake
from tillstream.sources.postgres.lsn import format_lsn
from tillstream.sources.postgres.settings import PostgresSettings

# In front of each message: its type, its place, the log's end and the server's clock.
HEADER = 25
_MESSAGE, _KEEPALIVE = b"wk"
_EPOCH_SECONDS = 946_684_800
# How long a predecessor's session may take to notice that it was cut off.
_HANDOVER_SECONDS = 3.0


class Session:
    """Reads a slot from `start` on. Acknowledges nothing but what `send_status` is told.

    `log_end` is how far the server has read the log without anything left to send.
    """

    def __init__(self, settings: PostgresSettings, publications: Sequence[str], start: int) -> None:
        self._settings = settings
        self.log_end = 0
        self.keepalive_count = 0
        self.answer_wanted = False
        self._connection = connect_for_replication(settings)
        try:
            with translated(settings):
                self._start(publications, start)
        except BaseException:
            self._connection.close()
            raise
        self._poll = select.poll()
        self._poll.register(self._connection.pgconn.socket, select.POLLIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connection.close()

    def _start(self, publications: Sequence[str], start: int) -> None:
        names = ", ".join(quoted(name) for name in publications).replace("'", "''")
        command = (
            f"START_REPLICATION SLOT {quoted(self._settings.slot)} LOGICAL {format_lsn(start)} "
            f"(proto_version '1', publication_names '{names}')"
        )
        give_up_at = time.monotonic() + _HANDOVER_SECONDS
        while True:
            try:
                checked(self._connection.pgconn.exec_(command.encode()))
                return
            except psycopg.errors.ObjectInUse:
                if time.monotonic() > give_up_at:
                    raise
            time.sleep(0.05)

    def drain(self, intake: Intake) -> bool:
        """Take what has arrived, until the intake is full (True) or nothing is left (False)."""
        receive = self._connection.pgconn.get_copy_data
        while not intake.is_full:
            size, data, received = 0, memoryview(b""), list[bytes]()
            # The driver's buffer is empty every few hundred messages; only then are they looked at.
            for _ in range(intake.room):
                size, data = receive(1)
                if size <= 0 or data[0] != _MESSAGE:
                    break
                # As bytes: views are objects that Python's garbage collector goes through again and again.
                received.append(bytes(data))
            intake.extend(received, HEADER)
            if size < 0:
                self._end()
            elif size == 0:
                if not self.wait(0):
                    return False
            elif data[0] == _KEEPALIVE:
                self._keepalive(bytes(data), intake)
        return True

    def wait(self, seconds: float) -> bool:
        """Wait for the server to say something, at most that long. Whether it did."""
        if not self._poll.poll(max(0.0, seconds) * 1000):
            return False
        with translated(self._settings):
            self._connection.pgconn.consume_input()
        return True

    def send_status(self, acknowledged: int, *, ask: bool = False) -> None:
        """Tell the server what it may forget; `ask` for the log's end in return."""
        clock = int((time.time() - _EPOCH_SECONDS) * 1_000_000)
        status = struct.pack(">cQQQQB", b"r", acknowledged, acknowledged, acknowledged, clock, ask)
        with translated(self._settings):
            self._connection.pgconn.put_copy_data(status)
            self._flush()
        self.answer_wanted = False

    def _flush(self) -> None:
        while self._connection.pgconn.flush():
            select.select([], [self._connection.pgconn.socket], [], 1.0)

    def _keepalive(self, data: bytes, intake: Intake) -> None:
        end, _, wants_answer = struct.unpack_from(">QQB", data, 1)
        # Inside a transaction the log's end says nothing about what is still to come of it.
        if not intake.in_transaction:
            self.log_end = end
        self.keepalive_count += 1
        self.answer_wanted |= bool(wants_answer)

    def _end(self) -> NoReturn:
        with translated(self._settings):
            while (result := self._connection.pgconn.get_result()) is not None:
                if result.status == pq.ExecStatus.FATAL_ERROR:
                    checked(result)
        raise SourceUnreachable(
            f"the server at {place_of(self._settings.url)} ended the stream",
            detail="It does so when it shuts down.",
            hint="The flow goes on by itself when it answers again.",
        )
