"""COPY … TO STDOUT in large pieces, without looking at single rows."""

from __future__ import annotations

import re
import select
from collections.abc import Callable, Iterator

import psycopg
from psycopg import pq

from tillstream.sources.postgres.connection import checked

_WAIT_MILLISECONDS = 200
_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def copied(
    connection: psycopg.Connection, query: str, max_rows: int, max_bytes: int, stopped: Callable[[], bool]
) -> Iterator[tuple[bytes, int]]:
    """Rows as text, in pieces that end with a row, each with its row count. Ends early when `stopped`.

    Leaving early makes the connection unusable.
    """
    pgconn = connection.pgconn
    checked(pgconn.exec_(f"copy ({query}) to stdout".encode()))
    poll = select.poll()
    poll.register(pgconn.socket, select.POLLIN)
    receive = pgconn.get_copy_data
    # Rows end to end: as objects of their own, they keep Python's garbage collector busier than all else.
    piece, row_count = bytearray(), 0
    while True:
        size, data = receive(1)
        if size > 0:
            piece += data
            row_count += 1
            if row_count >= max_rows or len(piece) >= max_bytes:
                yield bytes(piece), row_count
                piece, row_count = bytearray(), 0
        elif size == 0:
            if stopped():
                return
            if poll.poll(_WAIT_MILLISECONDS):
                pgconn.consume_input()
        else:
            break
    while (result := pgconn.get_result()) is not None:
        if result.status == pq.ExecStatus.FATAL_ERROR:
            checked(result)
    if row_count:
        yield bytes(piece), row_count


def last_row(data: bytes) -> list[str | None]:
    r"""The values of the last row of a piece; None for `\N`."""
    line = data[data.rfind(b"\n", 0, len(data) - 1) + 1 : -1]
    return [None if cell == b"\\N" else _plain(cell).decode() for cell in line.split(b"\t")]


def _plain(cell: bytes) -> bytes:
    if b"\\" not in cell:
        return cell
    return re.sub(rb"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), cell, flags=re.DOTALL)
