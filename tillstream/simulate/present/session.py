"""The simulator's connection: groups of transactions go out, and after trouble the store is looked at again."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import psycopg

from tillstream.errors import StoreError
from tillstream.simulate.present.loading import load_world
from tillstream.simulate.present.mix import Transaction
from tillstream.simulate.present.state import World
from tillstream.simulate.schema import connect, require_schema

# One simulator a database: two would not know of each other's orders.
_LOCK = 7_455_083_112
_PATIENCE_SECONDS = 3
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a group was not done in full."""

    connection_lost: bool
    message: str


class Session:
    """A connection to the store, and what is known of it."""

    def __init__(self, url: str, seed: int) -> None:
        self._url = url
        self._seed = seed
        self._connection: psycopg.Connection[Any] | None = None
        self._world: World | None = None

    @property
    def world(self) -> World:
        if self._world is None:
            raise RuntimeError("the session is not open")
        return self._world

    def run(self, group: Sequence[Transaction]) -> Trouble | None:
        """Do the transactions one after the other, in one message to the server.

        Only the last waits for the disk. What is lost when the server crashes before is lost to
        everybody: the log is read only as far as it is on disk.
        """
        connection = self._connection
        if connection is None:
            return Trouble(connection_lost=True, message="There is no connection.")
        statements = [transaction.sql for transaction in group]
        last = max((place for place, transaction in enumerate(group) if transaction.commits), default=0)
        statements[last] = statements[last].replace("begin;", "begin; set local synchronous_commit = on;", 1)
        try:
            connection.execute("".join(statements).encode())
        except psycopg.Error as error:
            return Trouble(connection.closed or isinstance(error, psycopg.OperationalError), str(error).strip())
        return None

    def replenish(self) -> None:
        """Reserve more ids where few are left. Not while transactions are being made or done."""
        if self._connection is not None:
            # Trouble will show again with the next group, which knows what to do about it.
            with suppress(psycopg.Error):
                self.world.numbers.replenish(self._connection)

    def recover(self, stop: threading.Event) -> None:
        """Look at the store again; connect again first, for as long as it takes, when the connection is lost."""
        pause = _FIRST_PAUSE
        while not stop.is_set():
            try:
                if self._connection is not None and not self._connection.closed:
                    self._connection.execute("rollback")
                    self._world = load_world(self._connection, self._seed)
                else:
                    self._open()
            except (StoreError, psycopg.Error):
                self._drop()
                stop.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                return

    def __enter__(self) -> Self:
        try:
            self._open()
        except psycopg.Error as error:
            self._drop()
            raise StoreError(
                "the store can't be read",
                detail=str(error).strip(),
                hint="The user needs to read and write all tables of the store and to use their sequences.",
            ) from error
        except StoreError:
            self._drop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None and not self._connection.closed and self._world is not None:
            with suppress(psycopg.Error):
                self._world.numbers.give_back(self._connection)
        self._drop()

    def _open(self) -> None:
        self._connection = connection = connect(self._url)
        connection.autocommit = True
        require_schema(connection)
        _take_lock(connection)
        connection.execute("set synchronous_commit = off")
        self._world = load_world(connection, self._seed)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _take_lock(connection: psycopg.Connection[Any]) -> None:
    try:
        # One that was killed a moment ago still holds it until the server has noticed.
        connection.execute(f"set lock_timeout = '{_PATIENCE_SECONDS}s'".encode())
        connection.execute("select pg_advisory_lock(%s)", [_LOCK])
        connection.execute("reset lock_timeout")
    except psycopg.errors.LockNotAvailable:
        raise StoreError(
            f'another simulator drives database "{connection.info.dbname}"',
            detail="Two of them would not know of each other's orders.",
            hint="Stop the other one, or give this one a database of its own.",
        ) from None
