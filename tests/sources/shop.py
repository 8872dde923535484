"""A PostgreSQL of one test, captured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

from tests.services.postgres import Database
from tests.sources.reading import Mirror, read_until, rows_of
from tests.sources.worlds import log_end, slot_of
from tillstream.change import Batch, Position
from tillstream.sources.postgres.settings import PostgresSettings
from tillstream.sources.postgres.source import PostgresSource


class Shop:
    """Remembers where reading got to, so that a test says what is written and sees what comes of it."""

    def __init__(self, database: Database, **settings: Any) -> None:
        self.database = database
        self.settings = PostgresSettings(database.url, slot=slot_of(database), **settings)
        self.position: Position | None = None
        self.batches: list[Batch] = []

    @contextmanager
    def source(self, **settings: Any) -> Iterator[PostgresSource]:
        with closing(PostgresSource(replace(self.settings, **settings))) as source:
            yield source

    def read(self, lsn: int | None = None) -> list[Batch]:
        """Everything that was written so far and has not been read."""
        with self.source() as source:
            batches = read_until(source, log_end(self.database) if lsn is None else lsn, self.position)
        self.position = batches[-1].position
        self.batches += batches
        return batches

    def rows(self, table: str | None = None) -> list[dict[str, Any]]:
        """The rows of everything that was written so far and has not been read."""
        return rows_of(self.read(), table)

    def mirrored(self, table: str) -> list[dict[str, str | None]]:
        """What a mirror holds after everything that was read."""
        return Mirror().apply(self.batches).rows(table)

    def stored(self, table: str) -> list[dict[str, str | None]]:
        """What the database holds, as text, ordered as `mirrored` is."""
        names = [
            row[0]
            for row in self.database.connection.execute(
                "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0"
                " and not attisdropped and attgenerated = '' order by attnum",
                [table],
            )
        ]
        columns = ", ".join(f'"{name}"::text' for name in names)
        found = self.database.connection.execute(f"select {columns} from {table}").fetchall()
        return [dict(zip(names, row, strict=True)) for row in sorted(found, key=lambda row: str(row[0]))]
