"""The same small store in memory and in PostgreSQL, to hold both sources to one contract."""

from __future__ import annotations

from typing import Protocol

from tests.services.postgres import Database
from tests.sources.topics import Row, Topics
from tillstream.change import Column, ColumnType, Op, Table
from tillstream.ports import Source
from tillstream.settings import BatchSettings
from tillstream.sources.memory import MemorySource, Write
from tillstream.sources.postgres.settings import PostgresSettings
from tillstream.sources.postgres.source import PostgresSource

GOODS = Table(
    "public",
    "goods",
    (Column("id", ColumnType("int32"), "integer"), Column("name", ColumnType("text"), "text")),
    ("id",),
)
Good = tuple[int, str | None]


class World(Protocol):
    """A store with one table, `goods`. Each call is a transaction and returns the log's end after it."""

    def source(self) -> Source: ...
    def insert(self, *goods: Good) -> int: ...
    def rename(self, id: int, name: str | None) -> int: ...
    def move(self, id: int, to: int) -> int: ...
    def remove(self, id: int) -> int: ...
    def clear(self) -> int: ...
    def rows(self) -> list[dict[str, str | None]]: ...


class MemoryWorld:
    def __init__(self) -> None:
        self._source = MemorySource([GOODS], rows_per_batch=3)

    def source(self) -> Source:
        return self._source

    def insert(self, *goods: Good) -> int:
        return self._commit(*(Write(Op.INSERT, GOODS, {"id": str(id), "name": name}) for id, name in goods))

    def rename(self, id: int, name: str | None) -> int:
        return self._commit(Write(Op.UPDATE, GOODS, {"id": str(id), "name": name}))

    def move(self, id: int, to: int) -> int:
        (row,) = [row for row in self.rows() if row["id"] == str(id)]
        return self._commit(Write(Op.UPDATE, GOODS, {**row, "id": str(to)}, was={"id": str(id)}))

    def remove(self, id: int) -> int:
        return self._commit(Write(Op.DELETE, GOODS, {"id": str(id)}))

    def clear(self) -> int:
        return self._commit(Write(Op.TRUNCATE, GOODS))

    def rows(self) -> list[dict[str, str | None]]:
        return [dict(row) for row in self._source.rows(GOODS)]

    def _commit(self, *writes: Write) -> int:
        return self._source.commit(*writes).lsn


class PostgresWorld:
    def __init__(self, database: Database) -> None:
        self._database = database
        database.run("create table goods (id integer primary key, name text)")

    def source(self) -> Source:
        return PostgresSource(
            PostgresSettings(
                self._database.url, slot=slot_of(self._database), limits=BatchSettings(rows=3), tables=("public.goods",)
            )
        )

    def insert(self, *goods: Good) -> int:
        with self._database.connection.transaction():
            for good in goods:
                self._database.connection.execute("insert into goods values (%s, %s)", good)
        return self._end()

    def rename(self, id: int, name: str | None) -> int:
        self._database.connection.execute("update goods set name = %s where id = %s", [name, id])
        return self._end()

    def move(self, id: int, to: int) -> int:
        self._database.connection.execute("update goods set id = %s where id = %s", [to, id])
        return self._end()

    def remove(self, id: int) -> int:
        self._database.connection.execute("delete from goods where id = %s", [id])
        return self._end()

    def clear(self) -> int:
        self._database.connection.execute("truncate goods")
        return self._end()

    def rows(self) -> list[dict[str, str | None]]:
        found = self._database.connection.execute('select id::text, name from goods order by id::text collate "C"')
        return [{"id": id, "name": name} for id, name in found]

    def _end(self) -> int:
        return log_end(self._database)


class KafkaWorld:
    """Our own envelopes in a topic; each call is a transaction of the store they came from."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._rows: dict[int, str | None] = {}
        self._lsn = 1000
        topics.ready(GOODS)

    @property
    def is_real(self) -> bool:
        return self._topics.admin is not None

    def source(self) -> Source:
        return self._topics.source()

    def insert(self, *goods: Good) -> int:
        for place, (id, name) in enumerate(goods, start=1):
            self._rows[id] = name
            self._send("c", place * 2 + 1, _good(id, name))
        return self._end()

    def rename(self, id: int, name: str | None) -> int:
        self._rows[id] = name
        self._send("u", 3, _good(id, name))
        return self._end()

    def move(self, id: int, to: int) -> int:
        self._rows[to] = self._rows.pop(id)
        self._send("d", 2, None, _good(id, None))
        self._send("c", 3, _good(to, self._rows[to]), _good(id, None))
        return self._end()

    def remove(self, id: int) -> int:
        del self._rows[id]
        self._send("d", 2, None, _good(id, None))
        return self._end()

    def clear(self) -> int:
        self._rows.clear()
        self._send("t", 3, None)
        return self._end()

    def rows(self) -> list[dict[str, str | None]]:
        return [{"id": id, "name": name} for id, name in sorted((str(id), name) for id, name in self._rows.items())]

    def _send(self, op: str, ordinal: int, row: Row | None, before: Row | None = None) -> None:
        self._topics.row(GOODS, op, (self._lsn, ordinal), row, before)

    def _end(self) -> int:
        self._lsn += 100
        return self._topics.end


def _good(id: int, name: str | None) -> Row:
    return {"id": id, "name": name}


def slot_of(database: Database) -> str:
    """Slots belong to the whole server: each database's tests have their own."""
    return database.connection.info.dbname


def log_end(database: Database) -> int:
    end = database.value("select (pg_current_wal_insert_lsn() - '0/0')::int8")
    assert isinstance(end, int)
    return end
