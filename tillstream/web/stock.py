"""What the warehouse holds, asked at most every few seconds however many want to know."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable
from typing import Any

from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.errors import TillError

KEPT_SECONDS = 5.0

_QUARANTINE = """
select table, column, rule, count() as count, toString(max(at)) as newest_at
from till.quarantine final where state = 'open' group by all order by count desc, table, column, rule limit 100
"""

_LAYERS = """
select database as layer, toInt64(sum(bytes_on_disk)) as bytes, toInt64(sum(rows)) as rows, toInt64(count()) as parts
from system.parts where active and database in ('bronze', 'mirror', 'facts', 'live', 'marts', 'till')
group by database order by database
"""

_ROLLUPS = """
select concat(JSONExtractString(definition, 'database'), '.', name), JSONExtractString(definition, 'fact')
from till.models where kind = 'rollup' order by place
"""

_VERIFIED = "select report from till.verification order by started_at desc limit 20"


class Stock:
    """Questions to a warehouse, each answered from memory while the answer is young. Any thread may ask."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._answers: dict[str, tuple[float, Any]] = {}
        self._lock = threading.Lock()

    def quarantine(self) -> dict[str, Any]:
        """What could not be kept."""
        tables = self._young("quarantine", lambda: self._rows(_QUARANTINE))
        return {"open": sum(row["count"] for row in tables), "tables": tables}

    def storage(self) -> dict[str, Any]:
        """Room on the warehouse's disk, and what each layer takes; the room of a server is its own affair."""
        folder = self._warehouse.folder
        usage = shutil.disk_usage(folder) if folder is not None and folder.exists() else None
        return {
            "free_bytes": usage.free if usage else None,
            "total_bytes": usage.total if usage else None,
            "layers": self._young("layers", lambda: self._rows(_LAYERS)),
        }

    def rollups(self) -> list[tuple[str, str]]:
        """Each rollup and the fact it sums."""
        found: list[tuple[str, str]] = self._young("rollups", lambda: self._tuples(_ROLLUPS))
        return found

    def reports(self) -> list[dict[str, Any]]:
        """The newest verifications that the warehouse knows of, whichever process made them; the newest first."""
        return self._young("verified", lambda: [json.loads(row[0]) for row in self._tuples(_VERIFIED)])

    def engine_bytes(self) -> int | None:
        """Memory the engine counts as its own."""
        sql = "select toInt64(value) from system.metrics where metric = 'MemoryTracking'"
        rows = self._young("engine", lambda: self._tuples(sql))
        return rows[0][0] if rows else None

    def _rows(self, sql: str) -> list[dict[str, Any]]:
        return self._warehouse.named_rows(sql)

    def _tuples(self, sql: str) -> list[tuple[Any, ...]]:
        return self._warehouse.rows(sql)

    def _young(self, name: str, ask: Callable[[], list[Any]]) -> list[Any]:
        with self._lock:
            at, answer = self._answers.get(name, (-KEPT_SECONDS, []))
            if time.monotonic() - at >= KEPT_SECONDS:
                try:
                    answer = ask()
                except TillError:
                    # What is not there yet holds nothing; what is in the way of the flow is told by its status.
                    answer = []
                self._answers[name] = (time.monotonic(), answer)
            return list(answer)
