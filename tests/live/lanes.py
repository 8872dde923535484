"""Several loaders and several live workers on one warehouse, stepped by hand in any order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from tests.live.shop import Shop
from tillstream.change import Batch, Changes
from tillstream.destinations.clickhouse.ledger import ClickHouseLedger
from tillstream.ledger import Entry, Landing, first_number
from tillstream.live.definitions import Definitions
from tillstream.live.layer import LiveLayer
from tillstream.live.touched import Shard
from tillstream.live.worker import LiveWorker

LANES = 2


@dataclass(slots=True)
class Plant:
    """A shop whose changes travel in two lanes, by their key as Kafka's partitions do, and its live workers."""

    shop: Shop
    name: str
    shards: int = 1
    ledger: ClickHouseLedger = field(init=False)
    definitions: Definitions = field(init=False)
    workers: list[LiveWorker] = field(init=False)
    _waiting: list[deque[Batch]] = field(init=False)
    _numbers: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.shop.clear()
        self.ledger = ClickHouseLedger(self.shop.warehouse)
        self.definitions = self.shop.layer.definitions
        self._waiting = [deque() for _ in range(LANES)]
        newest = self.shop.warehouse.value("select max(number) from till.ledger where number < bitShiftLeft(2, 40)")
        self._numbers = [first_number(lane) + newest % first_number(1) + 1 for lane in range(LANES)]
        for lane in range(LANES):
            self._done(lane, {})
        self.workers = [self.worker(index) for index in range(self.shards)]

    def worker(self, index: int) -> LiveWorker:
        """A new worker of that shard, as after a start of its process."""
        layer = LiveLayer(self.shop.warehouse, self.shop.layer.profile, Shard(index, self.shards))
        deploy = self._deployment(layer)
        return LiveWorker(layer, self.ledger, f"{self.name}:", LANES, lambda: layer.ready, deploy)

    def send(self) -> None:
        """What the shop has changed travels on in its lanes; nothing has arrived yet."""
        batch = self.shop.batch()
        for lane, waiting in enumerate(self._waiting):
            pieces = (Changes(one.table, _part(one, lane)) for one in batch.changes)
            waiting.append(replace(batch, changes=tuple(one for one in pieces if one.row_count)))

    def load(self, lane: int) -> None:
        """One batch of a lane lands in bronze and mirror, if one waits."""
        if not self._waiting[lane]:
            return
        batch = self._waiting[lane].popleft()
        self._numbers[lane] += 1
        self.shop.destination.write(self._numbers[lane], batch, f"{self.name}:{self._numbers[lane]}")
        self._done(lane, batch.row_counts)

    def settle(self) -> None:
        """Everything lands, and every worker follows to the end."""
        for lane, waiting in enumerate(self._waiting):
            while waiting:
                self.load(lane)
        while any([worker.step() for worker in self.workers]):
            pass

    def _done(self, lane: int, row_counts: dict[str, int]) -> None:
        stream, number = f"{self.name}:{lane}", self._numbers[lane]
        entry = Entry(stream, number, None, self.shop.lsn_position, row_counts, "")
        self.ledger.done(entry, Landing(stream, number, entry.position))

    def _deployment(self, layer: LiveLayer) -> Callable[[], None]:
        def deploy() -> None:
            """As dbt does it: tables, their views, and what the mirror has by now."""
            run = self.shop.warehouse.execute
            for rollup in self.definitions.rollups:
                run(f"truncate table {rollup.table}")
            for fact in self.definitions.facts:
                run(f"truncate table {fact.table}")
                names = ", ".join(layer_columns(layer, fact.name))
                content = f"sipHash128(tuple({names}))"
                run(f"insert into {fact.table} ({names}, content, sign) select {names}, {content}, 1 from ({fact.sql})")
            layer.adopt(self.definitions)

        return deploy


def layer_columns(layer: LiveLayer, fact: str) -> list[str]:
    """A fact's own columns, in order."""
    rows = layer.warehouse.rows(
        "select name from system.columns where database = 'facts' and table = {fact:String}"
        " and name not in ('content', 'sign') order by position",
        {"fact": fact},
    )
    return [name for (name,) in rows]


def _part(changes: Changes, lane: int) -> pa.Table:
    """The rows of a lane: by the bytes of their key; a truncate goes to all."""
    assert isinstance(changes.rows, pa.Table)
    keys = [changes.rows.column(name).to_pylist() for name in changes.table.key]
    ops = changes.rows.column("_till_op").to_pylist()
    mine = [
        op == "T" or sum("".join(str(part) for part in key).encode()) % LANES == lane
        for op, *key in zip(ops, *keys, strict=True)
    ]
    return changes.rows.filter(pa.array(np.array(mine, dtype=bool)))
