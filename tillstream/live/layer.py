"""The live layer: follows the mirror batch by batch, and keeps facts and rollups equal to a recompute.

stage      which roots the batch touched; per fact, how their rows differ from what the fact says
publish    the differences into the facts; ClickHouse's views carry them on into the rollups
reconcile  after a crash: the same question again, and what the rollups make of the facts
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

import pyarrow.compute as pc

from tillstream.change import Batch, Changes, Table, TabSeparated
from tillstream.destinations.clickhouse.client import Warehouse, literals
from tillstream.errors import LedgerError
from tillstream.flow.failpoints import failpoint
from tillstream.live import corrections, touched
from tillstream.live.definitions import (
    Definitions,
    Fact,
    Rollup,
    forget_definitions,
    load_definitions,
    store_definitions,
)
from tillstream.live.differences import Differences, counts_query
from tillstream.live.touched import BATCHES_A_PARTITION, Arrived, Touching, arrivals_query, reached_roots
from tillstream.stores.profile import Profile

# Full partitions of staged changes that are kept, for looking back.
KEPT_PARTITIONS = 2


class LiveLayer:
    """The facts and rollups of one warehouse (implements `ports.Layer`)."""

    def __init__(self, warehouse: Warehouse, profile: Profile) -> None:
        self.warehouse = warehouse
        self._profile = profile
        self._seen: dict[str, Table] = {}
        self._staged: dict[int, dict[str, tuple[str, int]]] = {}
        self.definitions = load_definitions(warehouse)
        self._last_staged = 0
        if self.ready:
            self._prepare()

    @property
    def ready(self) -> bool:
        """Whether models are deployed."""
        return bool(self.definitions.facts)

    def forget(self) -> None:
        """Stop following, because the models are about to change. Call it while the pump is held."""
        forget_definitions(self.warehouse)
        self.definitions = Definitions()

    def adopt(self, definitions: Definitions) -> None:
        """Follow these models, whose tables are built and up to date. Call it while the pump is held."""
        for fact in definitions.facts:
            self.warehouse.execute(f"drop table if exists {fact.delta}")
        for rollup in definitions.rollups:
            # Without a window, a repeated insert would not be known for one.
            self.warehouse.execute(
                f"alter table {rollup.table} modify setting non_replicated_deduplication_window = 1000"
            )
        self._staged.clear()
        self.definitions = definitions
        self._prepare()
        store_definitions(self.warehouse, definitions)

    def stage(self, number: int, batch: Batch) -> int:
        """Work out what the batch changes, and keep it under its number."""
        arrived = _arrived(batch)
        self._follow_columns(batch)
        self._clear_old(number)
        statement = self._touching.statement(number, arrived)
        if not statement:
            self._staged[number] = {}
            return 0
        self.warehouse.execute(statement)
        stage = uuid4().hex[:8]
        facts = self._facts_of(arrived)
        for place, fact in enumerate(facts):
            if place:
                failpoint("during_stage")
            self.warehouse.execute(self._differences.stage(fact, number, stage))
        self._staged[number] = self._counts(facts, number)
        return sum(count for _, count in self._staged[number].values())

    def publish(self, number: int) -> None:
        """Apply what was staged; what is applied already is ignored by its token."""
        staged = self._staged.pop(number, None)
        if staged is None:
            staged = self._counts(self.definitions.facts, number)
        for place, (name, (stage, _)) in enumerate(sorted(staged.items())):
            if place:
                failpoint("during_publish")
            self.warehouse.execute(self._differences.publish(self.definitions.fact(name), number, stage))

    def reconcile(self, number: int) -> int:
        """Make facts, then rollups, right for everything the batch touched. Returns how many rows were mended."""
        arrived = self._arrived_in_bronze(number)
        statement = self._touching.statement(number, arrived)
        if not statement:
            return 0
        self.warehouse.execute(statement)
        facts = self._facts_of(arrived)
        mended = 0
        for fact in facts:
            mended += self._mend_fact(fact, number)
            failpoint("during_reconcile")
        for rollup in self.definitions.rollups:
            if rollup.fact in {fact.name for fact in facts}:
                mended += self._mend_rollup(rollup, number)
                failpoint("during_reconcile")
        return mended

    def measures(self, rollup: Rollup) -> tuple[str, ...]:
        """The columns a rollup sums."""
        columns = self.warehouse.rows(
            "select name from system.columns where database = {database:String} and table = {name:String}"
            " order by position",
            {"database": rollup.database, "name": rollup.name},
        )
        return tuple(name for (name,) in columns if name not in rollup.keys)

    def _mend_fact(self, fact: Fact, number: int) -> int:
        stage = f"mend-{uuid4().hex[:8]}"
        self.warehouse.execute(self._differences.stage(fact, number, stage))
        count = int(
            self.warehouse.value(
                f"select count() from {fact.delta} where batch = {number} and stage = {{stage:String}}",
                {"stage": stage},
            )
        )
        if count:
            self.warehouse.execute(self._differences.publish(fact, number, stage))
        return count

    def _mend_rollup(self, rollup: Rollup, number: int) -> int:
        fact = self.definitions.fact(rollup.fact)
        measures = self.measures(rollup)
        before = self._row_count(rollup)
        self.warehouse.execute(corrections.correction(rollup, fact, measures, number))
        return max(self._row_count(rollup) - before, 0)

    def _row_count(self, rollup: Rollup) -> int:
        return int(self.warehouse.value(f"select count() from {rollup.table}"))

    def _facts_of(self, arrived: Arrived) -> tuple[Fact, ...]:
        return self.definitions.of_roots(root.name for root in reached_roots(self._profile, arrived))

    def _counts(self, facts: tuple[Fact, ...], number: int) -> dict[str, tuple[str, int]]:
        rows = self.warehouse.rows(counts_query(facts, number))
        counts = {name: (stage, int(count)) for name, stage, count in rows if not stage.startswith("mend-")}
        if len(counts) < sum(not stage.startswith("mend-") for _, stage, _ in rows):
            raise LedgerError(f"batch {number} was staged twice", hint="Run `till verify --repair`.")
        return counts

    def _arrived_in_bronze(self, number: int) -> Arrived:
        known = self.warehouse.rows(
            "select name from system.tables where database = 'bronze' and endsWith(engine, 'MergeTree')"
        )
        tables = [name for (name,) in known if name in self._touching.keys]
        rows = self.warehouse.rows(arrivals_query(number, tables)) if tables else []
        return Arrived(
            frozenset(name for name, count, _ in rows if count),
            frozenset(name for name, _, truncations in rows if truncations),
        )

    def _prepare(self) -> None:
        """Read what the statements are built from, and make room for staged changes."""
        run = self.warehouse.execute
        run("create database if not exists till")
        run(touched.CREATE)
        self._read_columns()
        for fact in self.definitions.facts:
            run(self._differences.create_delta(fact))
        newest = " union all ".join(f"select max(batch) as batch from {table}" for table in self._staging_tables())
        self._last_staged = int(self.warehouse.value(f"select max(batch) from ({newest})"))

    def _staging_tables(self) -> list[str]:
        return [touched.TABLE, *(fact.delta for fact in self.definitions.facts)]

    def _read_columns(self) -> None:
        names = literals(fact.name for fact in self.definitions.facts)
        columns: dict[str, dict[str, str]] = {}
        for table, name, kind in self.warehouse.rows(
            f"select table, name, type from system.columns where database = 'facts' and table in ({names})"
            " and name != 'sign' order by table, position"
        ):
            columns.setdefault(table, {})[name] = kind
        types, keys = self._mirror_keys()
        self._touching = Touching(self._profile, self.definitions, keys)
        self._differences = Differences(self._profile, types, keys, columns)

    def _mirror_keys(self) -> tuple[Mapping[tuple[str, str], str], Mapping[str, tuple[str, ...]]]:
        types: dict[tuple[str, str], str] = {}
        keys: dict[str, tuple[str, ...]] = {}
        for table, name, kind in self.warehouse.rows(
            "select table, name, type from system.columns where database = 'mirror' and is_in_primary_key"
            " and table != 'links' order by table, position"
        ):
            types[table, name] = kind
            keys[table] = (*keys.get(table, ()), name)
        return types, keys

    def _follow_columns(self, batch: Batch) -> None:
        """A table that comes in another shape than before may have another type of key."""
        changed = False
        for changes in batch.changes:
            name = changes.table.warehouse_name
            changed = changed or self._seen.get(name, changes.table) != changes.table
            self._seen[name] = changes.table
        if changed:
            self._read_columns()

    def _clear_old(self, number: int) -> None:
        if number <= self._last_staged:
            for table in self._staging_tables():
                self.warehouse.execute(f"alter table {table} delete where batch = {number} settings mutations_sync = 1")
        elif number % BATCHES_A_PARTITION == 0:
            self._drop_partitions(number // BATCHES_A_PARTITION - KEPT_PARTITIONS)
        self._last_staged = max(self._last_staged, number)

    def _drop_partitions(self, before: int) -> None:
        for table in self._staging_tables():
            database, _, name = table.partition(".")
            for (partition,) in self.warehouse.rows(
                "select distinct partition from system.parts where active and database = {database:String}"
                " and table = {name:String} and toUInt64(partition) < {before:Int64}",
                {"database": database, "name": name, "before": before},
            ):
                self.warehouse.execute(f"alter table {table} drop partition {partition}")


def _arrived(batch: Batch) -> Arrived:
    filled = [changes for changes in batch.changes if changes.row_count]
    return Arrived(
        frozenset(changes.table.warehouse_name for changes in filled),
        frozenset(changes.table.warehouse_name for changes in filled if _truncates(changes)),
    )


def _truncates(changes: Changes) -> bool:
    if isinstance(changes.rows, TabSeparated):
        return False
    return bool(pc.any(pc.equal(changes.rows.column("_till_op"), "T")).as_py())
