"""The warehouse as a destination: bronze as the changes came, the mirror as the rows are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tillstream.change import Batch, Changes, Op, Table, TabSeparated
from tillstream.destinations.clickhouse import layouts, links, quarantine, texts, unchanged
from tillstream.destinations.clickhouse.client import Warehouse, quoted
from tillstream.destinations.clickhouse.links import Link
from tillstream.destinations.clickhouse.rooms import Rooms
from tillstream.flow.failpoints import failpoint

Links = Mapping[str, Sequence[Link]]

# Statements that bring the same rows again must not be taken for the ones before.
_AGAIN = " settings insert_deduplicate = 0"
# Tables of one batch that are written at the same time.
_HANDS = 2


class ClickHouseDestination:
    """Bronze and mirror in a ClickHouse, embedded or server. `links` by the child table's warehouse name."""

    def __init__(self, warehouse: Warehouse, links: Links, stream: str = "") -> None:
        self._warehouse = warehouse
        self._links = links
        self._stream = stream
        self._rooms = Rooms(warehouse)
        self._hands = ThreadPoolExecutor(_HANDS, thread_name_prefix="till-writer")

    def ensure(self, table: Table) -> None:
        """Make room for a table, or follow a change of its columns; nothing to do costs nothing."""
        self._rooms.ensure(table)

    def write(self, number: int, batch: Batch, token: str) -> None:
        """Append the batch to bronze, bring mirror and links up to it, quarantine what does not fit."""
        for changes in batch.changes:
            self.ensure(changes.table)
        tables: dict[str, list[tuple[Changes, str]]] = {}
        for place, changes in enumerate(batch.changes):
            name = changes.table.warehouse_name
            tables.setdefault(name, []).append((changes, f"{token}:{name}:{place}"))
        if len(tables) == 1:
            self._write_table(number, next(iter(tables.values())))
        else:
            self._write_tables(number, list(tables.values()))
        self._link(number, tables)

    def arrived(self, number: int) -> dict[str, int]:
        """Bronze rows of that batch, by warehouse table name."""
        counts = {}
        for (name,) in self._warehouse.rows(
            "select name from system.tables where database = 'bronze' and engine = 'MergeTree' order by name"
        ):
            count = self._warehouse.value(f"select count() from bronze.{quoted(name)} where _till_batch = {number}")
            if count:
                counts[name] = count
        return counts

    def replay(self, number: int, tables: Collection[str]) -> None:
        """Bring mirror, links and quarantine up to what bronze has of that batch."""
        for name in tables:
            layout = self._rooms.layout(name)
            feed = layouts.feed_query(layout, f"_till_batch = {number}")
            columns = ", ".join(quoted(column) for column in _fed_columns(layout))
            self._warehouse.execute(f"insert into {layouts.mirror_name(layout)} ({columns}) {feed}{_AGAIN}")
            self._truncate(layout, number)
            self._quarantine(layout, number)
        self._link(number, tables)

    def discard(self, number: int, table: str) -> None:
        """Remove that batch's rows of one table from bronze; a mirror without a key loses them, too."""
        if not self._rooms.knows(table):
            # The crash came before anything was made.
            return
        layout = self._rooms.layout(table)
        if not layout.key:
            self._delete(layouts.mirror_name(layout), f"_batch = {number}")
        self._delete(layouts.bronze_name(layout), f"_till_batch = {number}")

    def close(self) -> None:
        """End the writing threads. The warehouse stays open."""
        self._hands.shutdown()

    def _write_tables(self, number: int, tables: Sequence[Sequence[tuple[Changes, str]]]) -> None:
        work = [self._hands.submit(self._write_table, number, pieces) for pieces in tables]
        try:
            for done in work:
                done.result()
                failpoint("during_write")
        finally:
            # Whatever went wrong, nobody writes any more when this returns.
            for waiting in work:
                waiting.cancel()
            wait(work, return_when=FIRST_EXCEPTION)
            wait(work)

    def _write_table(self, number: int, pieces: Sequence[tuple[Changes, str]]) -> None:
        for changes, token in pieces:
            layout = self._rooms.layout(changes.table.warehouse_name)
            if isinstance(changes.rows, TabSeparated):
                self._write_texts(number, changes.table, changes.rows, token)
                self._quarantine(layout, number)
            else:
                self._write_rows(number, changes.table, changes.rows, token)

    def _write_texts(self, number: int, table: Table, rows: TabSeparated, token: str) -> None:
        columns = [column.name for column in table.columns] + list(texts.META_COLUMNS)
        data = texts.with_meta(table, rows, number)
        self._warehouse.insert_raw(layouts.bronze_name(table), columns, data, "TabSeparated", token)

    def _write_rows(self, number: int, table: Table, rows: pa.Table, token: str) -> None:
        layout = self._rooms.layout(table.warehouse_name)
        unknown: list[quarantine.Unknown] = []
        if table.key and unchanged.incomplete(rows):
            rows, unknown = unchanged.completed(table, rows, unchanged.mirror_lookup(self._warehouse, layout))
        batch = pa.array(np.full(rows.num_rows, number, dtype=np.uint64))
        numbered = rows.append_column("_till_batch", batch)
        self._warehouse.insert_arrow(f"bronze.{table.warehouse_name}", numbered, token)
        if pc.any(pc.equal(rows.column("_till_op"), Op.TRUNCATE.value)).as_py():
            self._truncate(layout, number)
        if unknown:
            self._warehouse.execute(quarantine.unknown_query(table, self._stream, number, unknown))
        if quarantine.suspicious(table, rows):
            self._quarantine(layout, number)

    def _truncate(self, layout: Table, number: int) -> None:
        """Bury every row of the mirror that is older than the batch's last truncate."""
        mirror, bronze = layouts.mirror_name(layout), layouts.bronze_name(layout)
        columns = ", ".join(quoted(name) for name in layout.key or ("_row", "_batch"))
        emptied = f"select {layouts.VERSION}, _till_committed_at from {bronze}"
        emptied += f" where _till_batch = {number} and _till_op = 'T' order by 1 desc limit 1"
        self._warehouse.execute(
            f"insert into {mirror} ({columns}, _version, _deleted, _committed_at)"
            f" select {columns}, emptied.1, 1, emptied.2 from (select *, ({emptied}) as emptied from {mirror} final)"
            f" where _deleted = 0 and _version < emptied.1{_AGAIN}"
        )

    def _quarantine(self, layout: Table, number: int) -> None:
        query = quarantine.unfit_query(layout, self._stream, number)
        if query is not None:
            self._warehouse.execute(query)

    def _link(self, number: int, tables: Collection[str]) -> None:
        """Add the pairs of all these tables' rows of the batch, in one statement."""
        queries = []
        for name in sorted(tables):
            layout = self._rooms.layout(name)
            columns = {column.name for column in layout.columns}
            known = [link for link in self._links.get(name, ()) if link.column in columns]
            if known and layout.key:
                queries.append(links.pairs_query(layout, known, number))
        if queries:
            union = " union all ".join(queries)
            self._warehouse.execute(f"insert into {links.LINKS} (link, from_id, to_id) {union}{_AGAIN}")

    def _delete(self, table: str, condition: str) -> None:
        self._warehouse.execute(f"alter table {table} delete where {condition} settings mutations_sync = 1")


def _fed_columns(layout: Table) -> list[str]:
    own = [column.name for column in layout.columns]
    return [*own, "_version", "_deleted", "_committed_at", *([] if layout.key else ["_row", "_batch"])]
