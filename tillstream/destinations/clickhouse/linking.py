"""Keeping `mirror.links` up to the batches. Pairs are a set: adding one again changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa

from tillstream.change import Changes, TabSeparated
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.links import LINKS, pairs, pairs_query
from tillstream.destinations.clickhouse.rooms import Rooms


class Linker:
    """Adds the pairs of every batch, in as few inserts as can be."""

    def __init__(self, warehouse: Warehouse, rooms: Rooms, links: Mapping[str, Sequence[str]]) -> None:
        self._warehouse = warehouse
        self._rooms = rooms
        self._links = links

    def gather(self, batch: Sequence[Changes]) -> tuple[pa.Table | None, set[str]]:
        """The pairs that can be read off the rows, and the tables whose pairs bronze must give."""
        found: list[pa.Table] = []
        left: set[str] = set()
        for changes in batch:
            name = changes.table.warehouse_name
            links = self._known(name)
            if not links:
                continue
            columns = {column.name for column in changes.table.columns}
            ready = None
            if not isinstance(changes.rows, TabSeparated) and columns.issuperset(links):
                ready = pairs(changes.table, links, changes.rows)
            if ready is None:
                left.add(name)
            else:
                found.append(ready)
        together = pa.concat_tables(found) if found else None
        return (together if together is not None and together.num_rows else None), left

    def add(self, found: pa.Table, token: str) -> None:
        """Insert pairs that were gathered."""
        self._warehouse.insert_arrow(LINKS, found, token)

    def add_from_bronze(self, number: int, tables: Collection[str]) -> None:
        """Insert the pairs in the bronze rows of one batch."""
        for name in sorted(tables):
            links = self._known(name)
            if links:
                query = pairs_query(self._rooms.layout(name), links, number)
                self._warehouse.execute(
                    f"insert into {LINKS} (link, from_id, to_id) {query} settings insert_deduplicate = 0"
                )

    def _known(self, name: str) -> list[str]:
        """The columns of a table that link it, where it has them, and a key."""
        layout = self._rooms.layout(name)
        if not layout.key:
            return []
        columns = {column.name for column in layout.columns}
        return [link for link in self._links.get(name, ()) if link in columns]
