"""Rows worked on in SQL and handed back: nothing of them stays in the warehouse."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from tempfile import NamedTemporaryFile

import pyarrow as pa

from tillstream.destinations.clickhouse.client import IN_MEMORY, Warehouse, literal, quoted

ROWS = "{rows}"
# One thread keeps the order of the rows; texts that look like a heading are none.
_SETTINGS = (
    " settings max_threads = 1, input_format_tsv_detect_header = 0, input_format_parallel_parsing = 0,"
    " output_format_json_escape_forward_slashes = 0"
)


class Workbench:
    """Implements `tillstream.ports.Engine` with an embedded engine."""

    def __init__(self, warehouse: Warehouse) -> None:
        if not warehouse.is_embedded:
            raise ValueError(warehouse.url)
        self._warehouse = warehouse

    @classmethod
    def in_memory(cls) -> Workbench:
        """An engine of its own, for a process that has no embedded warehouse open."""
        return cls(Warehouse(IN_MEMORY))

    def select(self, sql: str, rows: pa.Table) -> pa.Table:
        """The answer of a query over these rows."""

        def write(path: str) -> None:
            with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, rows.schema) as writer:
                writer.write_table(rows)

        shape = ", ".join(f"{quoted(field.name)} {_type(field.type)}" for field in rows.schema)
        return self._answer(sql, write, f"Arrow, {literal(shape)}")

    def select_texts(self, sql: str, columns: Sequence[str], data: bytes) -> pa.Table:
        """The answer of a query over rows that are tab-separated texts."""

        def write(path: str) -> None:
            with pa.OSFile(path, "wb") as file:
                file.write(data)

        shape = ", ".join(f"{quoted(name)} Nullable(String)" for name in columns)
        return self._answer(sql, write, f"TabSeparated, {literal(shape)}")

    def close(self) -> None:
        """Close the engine, if it is nobody else's."""
        if self._warehouse.url == IN_MEMORY:
            self._warehouse.close()

    def _answer(self, sql: str, write: Callable[[str], None], form: str) -> pa.Table:
        with _scratch() as path:
            write(path)
            return self._warehouse.arrow(sql.replace(ROWS, f"file({literal(path)}, {form})") + _SETTINGS)


@contextmanager
def _scratch() -> Iterator[str]:
    """A file that a killed process leaves nothing of, where the system has such files."""
    if not hasattr(os, "memfd_create"):
        with NamedTemporaryFile(prefix="till-") as file:
            yield file.name
        return
    descriptor = os.memfd_create("till-rows")
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _type(of: pa.DataType) -> str:
    """Said rather than found out: an engine that reads one path twice may remember what it held before."""
    if pa.types.is_list(of) or pa.types.is_large_list(of):
        return f"Array({_type(of.value_type)})"
    if pa.types.is_timestamp(of):
        return "Nullable(DateTime64(6, 'UTC'))"
    return f"Nullable({_WORDS.get(of, 'String')})"


_WORDS = {
    pa.bool_(): "Bool",
    pa.int16(): "Int16",
    pa.int32(): "Int32",
    pa.int64(): "Int64",
    pa.uint32(): "UInt32",
    pa.uint64(): "UInt64",
    pa.float64(): "Float64",
}
