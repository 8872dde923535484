"""Runs one request's statement on the embedded engine.

Each request gets a handle of its own (opening one takes a quarter of a millisecond), so that settings,
current database and `readonly` of one can't be felt by another; a session keeps its handle.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from tempfile import NamedTemporaryFile
from typing import Any

import chdb

from tillstream.destinations.clickhouse.client import literal, quoted
from tillstream.web.statement import Statement
from tillstream.web.wire import Refused, from_engine

# Formats whose blocks can be sent one behind the other; others have a head or a foot for the whole.
STREAMABLE_FORMATS = frozenset(
    {"native", "tabseparated", "tsv", "tabseparatedraw", "tsvraw", "csv", "rowbinary", "jsoneachrow", "jsonlines"}
)

# What chDB's Python layer takes for something else than bytes.
_NOT_BYTES = frozenset({"arrowtable", "dataframe", "datastore"})

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked, apart from who asks. Raises Refused for a default format that can't be one."""

    statement: Statement
    default_format: str = "TabSeparated"
    database: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (self.default_format, self.format):
            if not _NAME.fullmatch(name) or name.lower() in _NOT_BYTES:
                raise Refused(73, f"Unknown format {name[:40]}", "UNKNOWN_FORMAT")

    @property
    def format(self) -> str:
        return self.statement.format or self.default_format


@dataclass(frozen=True, slots=True)
class Answer:
    """The result: its bytes in pieces, the format they are in, and what it took."""

    chunks: Iterator[bytes]
    format: str
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    elapsed: float = 0.0
    exception_tag: str = ""

    @property
    def summary(self) -> dict[str, str]:
        """As ClickHouse prints it in the header: every number a string."""
        return {
            "read_rows": str(self.read_rows),
            "read_bytes": str(self.read_bytes),
            "written_rows": str(self.written_rows),
            "written_bytes": str(self.written_bytes),
            "total_rows_to_read": "0",
            "result_rows": "0",
            "result_bytes": "0",
            "elapsed_ns": str(int(self.elapsed * 1e9)),
        }


class Handle:
    """A connection to the engine. Not to be used by two threads at once."""

    def __init__(self, path: str) -> None:
        self._connection = chdb.connect(path)

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the engine; temporary tables end here."""
        self._connection.close()

    def text(self, sql: str) -> str:
        """The result of a query of ours, as text."""
        return str(self._query(sql).bytes().decode()).rstrip("\n")

    def use(self, database: str) -> None:
        """Make a database the current one."""
        self._query(f"use {quoted(database)}")

    def set_all(self, settings: Mapping[str, str]) -> None:
        """Set settings for everything that follows on this handle."""
        for name in settings:
            if not _NAME.fullmatch(name):
                raise Refused(115, f"Unknown setting '{name[:100]}'", "UNKNOWN_SETTING")
        if settings:
            self._query("set " + ", ".join(f"{name} = {literal(value)}" for name, value in settings.items()))

    def as_parsed(self, sql: bytes) -> bytes:
        """The statement as the engine prints it after parsing it: no comments, every name in its plain form."""
        quoted_sql = sql.replace(b"\\", b"\\\\").replace(b"'", b"\\'")
        try:
            printed = self._query(b"select formatQuerySingleLine('" + quoted_sql + b"') format RawBLOB")
        except Refused as refused:
            refused.args = (str(refused).split(": In scope SELECT formatQuery")[0].split(": while executing")[0],)
            raise
        return bytes(printed.bytes())

    def values_of(self, names: list[str]) -> dict[str, str | None]:
        """The value of each setting; None for those at their default."""
        known = ", ".join(literal(name) for name in names)
        sql = f"select name, value from system.settings where changed and name in ({known})"
        rows = [json.loads(line) for line in self._query(sql, "JSONCompactEachRow").bytes().splitlines()]
        changed = {name: value for name, value in rows}
        return {name: changed.get(name) for name in names}

    def restore(self, values: Mapping[str, str | None]) -> None:
        """Put settings back to what `values_of` said."""
        for name, value in values.items():
            self._query(f"set {name} = default" if value is None else f"set {name} = {literal(value)}")

    def lock(self) -> None:
        """Refuse writing from here on; can't be undone on this handle."""
        self._query("set readonly = 1")

    def run(self, request: Request, mark: str = "") -> Answer:
        """Run the statement and wait for all of its result. `mark` is a comment that `kill` finds it by."""
        if request.statement.data is not None:
            return self._insert(request)
        result = self._query(_marked(request.statement, mark), request.format, request.parameters)
        data = result.bytes() or b""
        return Answer(
            iter([data]),
            request.format if request.statement.returns_rows or data else "",
            result.storage_rows_read(),
            result.storage_bytes_read(),
            result.rows_written(),
            result.bytes_written(),
            result.elapsed(),
        )

    def stream(self, request: Request, mark: str = "") -> Answer:
        """Start the statement; its result comes in pieces. An error before the first piece raises here."""
        try:
            sql = _marked(request.statement, mark)
            pieces = self._connection.send_query(sql, request.format, params=dict(request.parameters))
            first = next(pieces, None)
        except RuntimeError as error:
            raise from_engine(error) from error
        if first is None:
            return Answer(iter([b""]), request.format)
        tag = secrets.token_hex(8)
        rows, size = first.storage_rows_read(), first.storage_bytes_read()
        return Answer(_chunks(first, pieces, tag), request.format, rows, size, exception_tag=tag)

    def _insert(self, request: Request) -> Answer:
        self.set_all({f"param_{name}": value for name, value in request.parameters.items()})
        statement = request.statement
        if statement.input_at is not None:
            return self._insert_selected(request)
        try:
            with self._connection.send_insert(statement.sql.decode("utf-8", "replace"), statement.format) as inserter:
                inserter.append(statement.data)
                result = inserter.finish()
        except RuntimeError as error:
            raise from_engine(error) from error
        return Answer(iter([b""]), "", 0, 0, result.rows_written, result.bytes_written, result.elapsed)

    def _insert_selected(self, request: Request) -> Answer:
        """The engine would take data for `input()` and insert nothing; from a file it takes them."""
        statement = request.statement
        assert statement.data is not None
        assert statement.input_at is not None
        before = statement.sql[: statement.input_at]
        rest = statement.sql[statement.input_at + len("input") :].lstrip().removeprefix(b"(")
        with NamedTemporaryFile() as file:
            file.write(statement.data)
            file.flush()
            source = f"file({literal(file.name)}, {request.format}, ".encode()
            result = self._query(before + source + rest)
        return Answer(iter([b""]), "", 0, 0, result.rows_written(), result.bytes_written(), result.elapsed())

    def _query(self, sql: str | bytes, form: str = "TabSeparated", parameters: Mapping[str, str] | None = None) -> Any:
        try:
            return self._connection.query(sql, form, params=dict(parameters or {}))
        except RuntimeError as error:
            raise from_engine(error) from error


def kill(path: str, mark: str) -> None:
    """End the statement that was run with this mark, if it runs; returns without waiting for it."""
    with Handle(path) as handle:
        handle.text(f"kill query where endsWith(query, {literal(mark)}) async")


def _marked(statement: Statement, mark: str) -> bytes:
    # On a line of its own, for the last one may be a comment.
    return statement.sql + b"\n" + mark.encode() if statement.may_end_in_a_comment else statement.sql


def _chunks(first: Any, rest: Any, tag: str) -> Iterator[bytes]:
    """The pieces of a result; what goes wrong in the middle is written into it, as ClickHouse does."""
    try:
        yield first.bytes()
        for piece in rest:
            yield piece.bytes()
    except RuntimeError as error:
        message = f"{from_engine(error)}\n"
        yield f"\r\n__exception__\r\n{tag}\r\n{message}{len(message.encode())} {tag}\r\n__exception__\r\n".encode()
    finally:
        rest.close()
