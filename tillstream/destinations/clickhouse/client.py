"""One client for both engines: `chdb:///folder` in process, `clickhouse://user:password@host:port` over HTTP.

The only place that knows how clickhouse-connect spells things, and the only one that reads meaning out
of an engine's error text.
"""

from __future__ import annotations

import errno
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from tillstream.destinations.clickhouse import lock
from tillstream.errors import (
    ConfigError,
    WarehouseError,
    WarehouseFull,
    WarehouseUnreachable,
    without_values,
)

Settings = Mapping[str, Any]
Result = TypeVar("Result")

# An engine that keeps nothing; each process has its own.
IN_MEMORY = "chdb:"

# The capture path decides itself when to write. Set once a session: in the embedded engine, settings
# given with a call cost four milliseconds each time (write them into the SQL where that matters).
_ALWAYS: Settings = {"async_insert": 0}
# Which parts have none of these ids is not worth remembering: nobody asks for the same ids twice.
_EMBEDDED: Settings = {**_ALWAYS, "use_query_condition_cache": 0}


class Warehouse:
    """A ClickHouse by URL. Safe to use from several threads: each has its own session."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._mine = threading.local()
        self._clients: list[Client] = []
        self._lock = threading.Lock()
        self._holds_folder = False

    @property
    def is_embedded(self) -> bool:
        return self.url.startswith("chdb:")

    @property
    def keeps_nothing(self) -> bool:
        """True for an engine in memory."""
        return self.url == IN_MEMORY

    @property
    def folder(self) -> Path | None:
        """Where the embedded engine keeps its data; None for a server and for an engine that keeps nothing."""
        return Path(urlsplit(self.url).path) if self.is_embedded and self.url != IN_MEMORY else None

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None, settings: Settings | None = None) -> None:
        """Run a statement that returns nothing. `{name:Type}` in it stands for a parameter."""
        self._call(lambda client: client.command(sql, parameters=dict(parameters or {}), settings=dict(settings or {})))

    def rows(
        self, sql: str, parameters: Mapping[str, Any] | None = None, settings: Settings | None = None
    ) -> list[tuple[Any, ...]]:
        """The rows of a query, as tuples of Python values."""

        def query(client: Client) -> list[tuple[Any, ...]]:
            result = client.query(sql, parameters=dict(parameters or {}), settings=dict(settings or {}))
            return [tuple(row) for row in result.result_rows]

        return self._call(query)

    def named_rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a query, as Python values by column name."""
        return self._call(lambda client: list(client.query(sql, parameters=dict(parameters or {})).named_results()))

    def value(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """The single value of a query; None when there is no row."""
        rows = self.rows(sql, parameters)
        return rows[0][0] if rows else None

    def raw(self, sql: str, form: str, settings: Settings | None = None) -> bytes:
        """A query's result in one of ClickHouse's formats."""
        return self._call(lambda client: client.raw_query(sql, fmt=form, settings=dict(settings or {})), whole=True)

    def arrow(self, sql: str) -> pa.Table:
        """A query's result as an Arrow table; texts are strings whatever bytes they hold."""
        return self._call(lambda client: client.query_arrow(sql))

    def insert_arrow(self, table: str, rows: pa.Table, token: str) -> None:
        """Append rows by column name; the same token again adds nothing."""
        database, _, name = table.partition(".")
        settings = {"insert_deduplication_token": token}
        self._call(lambda client: client.insert_arrow(name, rows, database=database, settings=settings))

    def insert_texts(self, selection: str, columns: Sequence[str], data: bytes, token: str) -> None:
        """Run an `insert … select …` of rows that are tab-separated texts of these columns.

        The same token again adds nothing. Rows keep their order.
        """
        shape = literal(", ".join(f"{quoted(name)} Nullable(String)" for name in columns))
        # One thread keeps the order, and takes less time in all than several that parse for it.
        settings = (
            f"settings insert_deduplication_token = {literal(token)},"
            # A first row that looks like a heading is a row all the same.
            " input_format_tsv_detect_header = 0, optimize_on_insert = 0,"
            " input_format_parallel_parsing = 0, max_threads = 1"
        )
        if not self.is_embedded:
            source = f"input({shape}) {settings} format TabSeparated"
            self._call(lambda client: client.command(f"{selection} from {source}", data=data))
            return

        def insert(client: Client) -> None:
            # The embedded engine takes no data beside a statement.
            with NamedTemporaryFile(suffix=".tsv") as file:
                file.write(data)
                file.flush()
                client.command(f"{selection} from file({literal(file.name)}, TabSeparated, {shape}) {settings}")

        self._call(insert)

    def close(self) -> None:
        """Close every thread's session, and let other processes at an embedded warehouse."""
        with self._lock:
            for client in self._clients:
                client.close()
            self._clients.clear()
            if self._holds_folder and self.folder is not None:
                lock.release(self.folder)
                self._holds_folder = False
        self._mine = threading.local()

    def _call(self, work: Callable[[Client], Result], *, whole: bool = False) -> Result:
        """Errors are told without values of rows, unless the whole text is for who wrote the statement."""
        try:
            return work(self._client())
        except ClickHouseError as error:
            text = str(error)
            raise _translated(text, self.url, text if whole else without_values(text)) from error
        except OSError as error:
            # The embedded engine reads inserts from a file we write for it.
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise _full(str(error)) from error

    def _client(self) -> Client:
        client: Client | None = getattr(self._mine, "client", None)
        if client is None:
            self._hold_folder()
            client = _connect(self.url)
            self._mine.client = client
            with self._lock:
                self._clients.append(client)
        return client

    def _hold_folder(self) -> None:
        with self._lock:
            if self.folder is None or self._holds_folder:
                return
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                lock.hold(self.folder)
            except OSError as error:
                raise WarehouseError(
                    f'warehouse folder "{self.folder}" can\'t be written',
                    detail=str(error.strerror or error),
                    hint="Give this user the folder, or choose another in `[warehouse] url` in till.toml.",
                ) from error
            self._holds_folder = True


def _connect(url: str) -> Client:
    parts = urlsplit(url)
    if parts.scheme == "chdb":
        return clickhouse_connect.get_client(dsn=f"chdb://{parts.path}", settings=dict(_EMBEDDED))
    if parts.scheme in ("clickhouse", "clickhouses"):
        return clickhouse_connect.get_client(
            host=parts.hostname or "localhost",
            port=parts.port or (8443 if parts.scheme == "clickhouses" else 8123),
            username=parts.username or "default",
            password=parts.password or "",
            secure=parts.scheme == "clickhouses",
            autogenerate_session_id=False,
            settings={**_ALWAYS, **dict(parse_qsl(parts.query))},
        )
    raise ConfigError(
        f'warehouse URL scheme "{parts.scheme}" is not known',
        hint='Use "chdb:///folder" for the embedded engine or "clickhouse://user@host:8123" for a server.',
    )


_FULL = re.compile(r"No space left|NOT_ENOUGH_SPACE|Code: 243|errno: 28|File too large|Disk quota exceeded")
_GONE = re.compile(r"Connection refused|Max retries|Connection aborted|NETWORK_ERROR|timed out", re.IGNORECASE)
_REFUSED = re.compile(r"AUTHENTICATION_FAILED|REQUIRED_PASSWORD|Code: (516|194)\b")
_FORBIDDEN = re.compile(r"ACCESS_DENIED|Code: 497\b")


def _translated(text: str, url: str, said: str) -> WarehouseError:
    """`said` is what may be shown of the text."""
    if _FULL.search(text):
        return _full(said)
    if _REFUSED.search(text):
        return WarehouseError(
            f'the warehouse at "{shown(url)}" refused the password',
            detail=said[:300],
            hint="Correct the user or the password in the warehouse's URL (till.toml, `[warehouse] url`).",
        )
    if _FORBIDDEN.search(text):
        return WarehouseError(
            f'the warehouse at "{shown(url)}" does not allow this',
            detail=said[:300],
            hint="docs/operate/clickhouse-server.md has the statements that grant it.",
        )
    if _GONE.search(text):
        return WarehouseUnreachable(
            f'no connection to the warehouse at "{shown(url)}"', detail=said[:300], hint="Is the server running?"
        )
    return WarehouseError("the warehouse refused a statement", detail=said[:2000])


def _full(text: str) -> WarehouseFull:
    return WarehouseFull(
        "the warehouse's disk is full",
        detail=text[:300],
        hint="Free space on the disk that holds the warehouse; the flow goes on by itself.",
    )


def shown(url: str) -> str:
    """The URL without its password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return url.replace(f":{parts.password}@", ":***@", 1)


def quoted(name: str) -> str:
    """An identifier in backquotes."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def literal(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def literals(values: Iterable[str]) -> str:
    """A list of string literals, for `in (…)`."""
    return ", ".join(literal(value) for value in values)
