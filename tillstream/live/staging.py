"""Where a batch's changes wait between being worked out and being published: one delta table per fact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.errors import LedgerError
from tillstream.ledger import LANE_BITS, first_number, lane_of
from tillstream.live import touched
from tillstream.live.definitions import Fact
from tillstream.live.differences import MENDING, Differences, stages_query
from tillstream.live.touched import BATCHES_A_PARTITION

# Full partitions of staged changes that are kept, for looking back.
KEPT_PARTITIONS = 2


@dataclass(slots=True)
class Staging:
    """The delta tables of these facts, and `till.touched`."""

    warehouse: Warehouse
    facts: Sequence[Fact]
    # The newest number of each lane that something was staged for.
    _newest: dict[int, int] = field(default_factory=dict)

    def make_room(self, differences: Differences) -> None:
        """Create what is not there, and look how far staging got in each lane."""
        self.warehouse.execute("create database if not exists till")
        self.warehouse.execute(touched.CREATE)
        for fact in self.facts:
            self.warehouse.execute(differences.create_delta(fact))
        newest = " union all ".join(
            f"select bitShiftRight(batch, {LANE_BITS}) as lane, max(batch) as newest from {table} group by lane"
            for table in self._tables()
        )
        self._newest = dict(self.warehouse.rows(f"select lane, max(newest) from ({newest}) group by lane"))

    def clear(self, number: int) -> None:
        """Make sure that nothing is staged for a batch; now and then, drop what is old."""
        lane = lane_of(number)
        if number <= self._newest.get(lane, 0):
            for table in self._tables():
                self.warehouse.execute(f"alter table {table} delete where batch = {number} settings mutations_sync = 1")
        elif number % BATCHES_A_PARTITION == 0:
            first = first_number(lane) // BATCHES_A_PARTITION
            self._drop_partitions(first, number // BATCHES_A_PARTITION - KEPT_PARTITIONS)
        self._newest[lane] = max(self._newest.get(lane, 0), number)

    def stages(self, facts: Sequence[Fact], number: int) -> dict[str, str]:
        """Per fact with staged changes: their stage."""
        rows = [row for row in self.warehouse.rows(stages_query(facts, number)) if not row[1].startswith(MENDING)]
        stages = {name: str(stage) for name, stage in rows}
        if len(stages) < len(rows):
            raise LedgerError(f"batch {number} was staged twice", hint="Run `till verify --repair`.")
        return stages

    def _tables(self) -> list[str]:
        return [touched.TABLE, *(fact.delta for fact in self.facts)]

    def _drop_partitions(self, first: int, before: int) -> None:
        for table in self._tables():
            database, _, name = table.partition(".")
            for (partition,) in self.warehouse.rows(
                "select distinct partition from system.parts where active and database = {database:String}"
                " and table = {name:String} and toInt64(partition) >= {first:Int64}"
                " and toInt64(partition) < {before:Int64}",
                {"database": database, "name": name, "first": first, "before": before},
            ):
                self.warehouse.execute(f"alter table {table} drop partition {partition}")
