"""The warehouse as a destination: bronze as the changes came, the mirror as the rows are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tillstream.change import Batch, Changes, Op, Refused, Table, TabSeparated
from tillstream.destinations.clickhouse import layouts, quarantine, texts, unchanged
from tillstream.destinations.clickhouse.client import Warehouse, quoted
from tillstream.destinations.clickhouse.linking import Linker
from tillstream.destinations.clickhouse.rooms import Rooms
from tillstream.flow.failpoints import failpoint

# Statements that bring the same rows again must not be taken for the ones before.
_AGAIN = " settings insert_deduplicate = 0"
# Tables of one batch that are written at the same time.
_HANDS = 2


class ClickHouseDestination:
    """Bronze and mirror in a ClickHouse, embedded or server.

    `links` names the columns that hold the key of another table's row, by the warehouse name of their own table.
    """

    def __init__(self, warehouse: Warehouse, links: Mapping[str, Sequence[str]], stream: str = "") -> None:
        self._warehouse = warehouse
        self._stream = stream
        self._rooms = Rooms(warehouse)
        self._linker = Linker(warehouse, self._rooms, links)
        self._hands = ThreadPoolExecutor(_HANDS, thread_name_prefix="till-writer")

    def ensure(self, table: Table) -> None:
        """Make room for a table, or follow a change of its columns; nothing to do costs nothing."""
        self._rooms.ensure(table)

    def renew(self, table: Table) -> None:
        """Begin the table's mirror anew after a change its old rows did not survive; they must be read again."""
        self._rooms.renew(table)

    def write(self, number: int, batch: Batch, token: str) -> None:
        """Append the batch to bronze, bring mirror and links up to it, quarantine what does not fit."""
        for changes in batch.changes:
            self.ensure(changes.table)
        work: list[Callable[[], None]] = []
        tables: dict[str, list[tuple[Changes, str]]] = {}
        copied: set[str] = set()
        for place, changes in enumerate(batch.changes):
            name = changes.table.warehouse_name
            if isinstance(changes.rows, TabSeparated):
                copied.add(name)
                work += self._copying(number, changes.table, changes.rows, f"{token}:{name}:{place}")
            else:
                tables.setdefault(name, []).append((changes, f"{token}:{name}:{place}"))
        work += [partial(self._write_table, number, pieces) for pieces in tables.values()]
        pairs, unlinked = self._linker.gather(batch.changes)
        if pairs is not None:
            work.append(partial(self._linker.add, pairs, f"{token}:links"))
        if batch.refused:
            work.append(partial(self._refuse, number, batch.refused))
        self._together(work)
        after = [partial(self._quarantine, self._rooms.layout(name), number) for name in sorted(copied)]
        self._together([*after, partial(self._linker.add_from_bronze, number, unlinked)])

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
            columns = ", ".join(quoted(column) for column in layouts.fed_columns(layout))
            self._warehouse.execute(f"insert into {layouts.mirror_name(layout)} ({columns}) {feed}{_AGAIN}")
            self._truncate(layout, number)
            self._quarantine(layout, number)
        self._linker.add_from_bronze(number, tables)

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

    def _together(self, work: Sequence[Callable[[], None]]) -> None:
        """Do all of it, a few at a time. When this returns or raises, nobody works any more."""
        if len(work) == 1:
            work[0]()
            return
        begun = [self._hands.submit(task) for task in work]
        try:
            for task in begun:
                task.result()
                failpoint("during_write")
        finally:
            for task in begun:
                task.cancel()
            wait(begun)

    def _write_table(self, number: int, pieces: Sequence[tuple[Changes, str]]) -> None:
        for changes, token in pieces:
            assert not isinstance(changes.rows, TabSeparated)
            self._write_rows(number, changes.table, changes.rows, token)

    def _copying(self, number: int, table: Table, rows: TabSeparated, token: str) -> Iterator[Callable[[], None]]:
        """The writing of a snapshot's piece; its rows have no order that matters, so several hands can do it."""
        columns = [column.name for column in table.columns]
        for place, half in enumerate(texts.halves(rows)):
            selection = texts.insert_query(table, half, number)
            yield partial(self._warehouse.insert_texts, selection, columns, half.data, f"{token}:{place}")

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
        self._warehouse.execute(layouts.truncate_query(layout, number) + _AGAIN)

    def _quarantine(self, layout: Table, number: int) -> None:
        suspects = quarantine.suspects_query(layout, number)
        if suspects is None or not self._warehouse.value(suspects):
            return
        query = quarantine.unfit_query(layout, self._stream, number)
        if query is not None:
            self._warehouse.execute(query)

    def _refuse(self, number: int, refused: Sequence[Refused]) -> None:
        """Keep what no row could be made of. The same again replaces what is there."""
        for query in quarantine.refused_queries(self._stream, number, refused):
            self._warehouse.execute(query)

    def _delete(self, table: str, condition: str) -> None:
        self._warehouse.execute(f"alter table {table} delete where {condition} settings mutations_sync = 1")
