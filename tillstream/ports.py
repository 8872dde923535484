"""The verbs: what a source and a destination promise each other.

Read `change.py` before and `flow/pump.py` after; these three are the system.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from tillstream.change import Batch, Position, Table


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """How many messages of one partition are not acknowledged yet, and where it ends."""

    topic: str
    partition: int
    behind: int
    end: int


@dataclass(frozen=True, slots=True)
class SourceLag:
    """How far a source's log is ahead of what was acknowledged. Sizes in bytes; None is unknown.

    `budget_bytes` is how much more log may be written before the slot is lost, `limit_bytes` how much the
    server keeps for a slot at most (None: no limit), `wal_status` what the server calls the slot's state, and
    `log_end` where the log ends. A source of topics counts messages instead: together and by `partitions`.
    """

    behind_bytes: int | None
    retained_bytes: int | None
    budget_bytes: int | None
    slot_state: str
    slot: str = ""
    wal_status: str | None = None
    limit_bytes: int | None = None
    log_end: int | None = None
    behind_messages: int | None = None
    partitions: tuple[PartitionLag, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a check, for `till doctor`: what was looked at, and what to do when not ok."""

    subject: str
    ok: bool
    message: str
    hint: str = ""


class Source(Protocol):
    """Where changes come from."""

    name: str

    def tables(self) -> Sequence[Table]:
        """The captured tables as they are now."""
        ...

    def read(self, after: Position | None) -> Iterator[Batch]:
        """Yield every change later than `after`, in commit order, for ever.

        None means from the beginning: a consistent snapshot, then the log. While nothing happens an
        empty batch comes at least once a second, so that the caller keeps control.
        Reading again from a log position yields the same changes in the same order, though the
        batches may be cut elsewhere. A snapshot read again yields the rows as they are by then.
        Close the iterator to stop.
        """
        ...

    def reread(self, after: Position, until: Position) -> Batch:
        """Exactly the log's changes later than `after` up to `until`, as one batch."""
        ...

    def acknowledge(self, position: Position) -> None:
        """Allow the source to forget everything up to and including `position`. Repeats are harmless."""
        ...

    def lag(self) -> SourceLag:
        """How far behind the acknowledged position is."""
        ...

    def check(self) -> list[Finding]:
        """Look at settings, rights and tables without changing anything."""
        ...

    def close(self) -> None:
        """Let go of connections; what the source keeps for us (a slot) stays."""
        ...


class Destination(Protocol):
    """Where changes arrive: bronze, as they came, and the mirror, as they are."""

    def ensure(self, table: Table) -> None:
        """Make room for a table, or follow a change of its columns.

        Columns may be added, dropped (kept, null from then on) and widened. Raises SchemaChangeRefused
        for a change that the old rows could not survive.
        """
        ...

    def write(self, number: int, batch: Batch, token: str) -> None:
        """Append the batch to bronze and bring the mirror up to it.

        The same call with the same token again adds nothing. Values that the mirror's types can't
        hold go to the quarantine with their position and reason.
        """
        ...

    def arrived(self, number: int) -> dict[str, int]:
        """Bronze rows of that batch, by warehouse table name; tables without any are left out."""
        ...

    def replay(self, number: int, tables: Collection[str]) -> None:
        """Bring the mirror of these tables up to what bronze has of that batch. Repeats are harmless."""
        ...

    def discard(self, number: int, table: str) -> None:
        """Remove that batch's rows of one table from bronze, so that they can be written again.

        Harmless where there are none, or no such table.
        """
        ...


class Layer(Protocol):
    """Something that follows the mirror batch by batch: the live facts and their rollups."""

    @property
    def ready(self) -> bool:
        """False until its models are deployed; until then batches pass it by."""
        ...

    def stage(self, number: int, batch: Batch) -> None:
        """Work out what the batch changes, and keep it under its number.

        Running it again replaces what was staged, provided that nothing of it was published.
        """
        ...

    def publish(self, number: int) -> None:
        """Apply what was staged. Applying it again adds nothing."""
        ...

    def reconcile(self, number: int) -> int:
        """After a crash: make facts and rollups right for everything the batch touched.

        Compares facts with the mirror and each touched bucket of each rollup with the facts, and
        inserts the difference where there is one. Returns how many rows and buckets were mended.
        """
        ...


class Engine(Protocol):
    """Works rows out in SQL and keeps nothing. May be asked from several threads."""

    def select(self, sql: str, rows: pa.Table) -> pa.Table:
        """The answer of a ClickHouse query in which `{rows}` stands for these rows.

        Rows keep their order unless the query says otherwise; it has no settings of its own. Texts and bytes are
        String there, and come back as strings whatever bytes they hold: cast to binary what need not be UTF-8.
        """
        ...

    def select_texts(self, sql: str, columns: Sequence[str], data: bytes) -> pa.Table:
        """The same for rows as `COPY` prints them (see `TabSeparated`); the columns are Nullable(String)."""
        ...
