"""What to capture from a PostgreSQL, and how large the pieces are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase

from tillstream.settings import BatchSettings


@dataclass(frozen=True, slots=True)
class PostgresSettings:
    """A PostgreSQL to capture.

    `tables` and `insert_only` are patterns like `public.*`; none for `tables` means all of schema public.
    `exclude` has such patterns for tables and, with a third part, for columns:
    `public.customers.password_hash`. An excluded column never leaves the server.
    Tables in `insert_only` may lack a key: their rows are only ever added.
    """

    url: str = field(repr=False)
    slot: str = "tillstream"
    publication: str = "tillstream"
    tables: Sequence[str] = ()
    exclude: Sequence[str] = ()
    insert_only: Sequence[str] = ()
    limits: BatchSettings = field(default_factory=BatchSettings)
    heartbeat: timedelta = timedelta(milliseconds=200)

    @property
    def insert_publication(self) -> str:
        """The publication of the tables without a key: it must not publish updates, or the server refuses them."""
        return f"{self.publication[:56]}_added"

    @property
    def publications(self) -> tuple[str, str]:
        return self.publication, self.insert_publication

    def captures(self, table: str) -> bool:
        """Whether a table, by its full name, is wanted."""
        wanted = any(fnmatchcase(table, pattern) for pattern in self._patterns)
        return wanted and not any(fnmatchcase(table, pattern) for pattern in self.exclude if _is_table(pattern))

    def leaves_out(self, table: str, column: str) -> bool:
        """Whether a column is never to be read."""
        return any(fnmatchcase(f"{table}.{column}", pattern) for pattern in self.exclude if not _is_table(pattern))

    def only_adds(self, table: str) -> bool:
        """Whether the user said that rows of this table are only ever added."""
        return any(fnmatchcase(table, pattern) for pattern in self.insert_only)

    @property
    def exact_tables(self) -> tuple[str, ...]:
        """The tables that are named outright and therefore have to exist."""
        return tuple(
            pattern for pattern in (*self._patterns, *self.insert_only) if not any(sign in pattern for sign in "*?[")
        )

    @property
    def _patterns(self) -> Sequence[str]:
        return [*(self.tables or ("public.*",)), *self.insert_only]


def _is_table(pattern: str) -> bool:
    return pattern.count(".") < 2
