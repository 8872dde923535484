"""The live layer: follows the mirror batch by batch, and keeps facts and rollups equal to a recompute.

stage      which roots the batch touched; per fact, how their rows differ from what the fact says
publish    the differences into the facts; ClickHouse's views carry them on into the rollups
reconcile  after a crash: the same question again, and what the rollups make of the facts
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from uuid import uuid4

import pyarrow.compute as pc

from tillstream.change import Batch, Changes, Table, TabSeparated
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.layouts import DEDUPLICATION, LAZY_MERGES
from tillstream.flow.failpoints import failpoint
from tillstream.live import corrections
from tillstream.live.definitions import (
    Definitions,
    Fact,
    Rollup,
    forget_definitions,
    load_definitions,
    models_mark,
    store_definitions,
)
from tillstream.live.differences import MENDING
from tillstream.live.gathering import followed, gathered
from tillstream.live.shape import read_shape
from tillstream.live.staging import Staging
from tillstream.live.touched import (
    FEW,
    TABLE,
    WHOLE,
    Arrived,
    Shard,
    Touched,
    arrivals_query,
    links_query,
    reached_roots,
)
from tillstream.stores.profile import Profile

# Statements that run at the same time.
_HANDS = 2


class LiveLayer:
    """The facts and rollups of one warehouse (implements `ports.Layer`), or one shard of their roots."""

    def __init__(self, warehouse: Warehouse, profile: Profile, shard: Shard = WHOLE) -> None:
        self.warehouse = warehouse
        self.profile = profile
        self.shard = shard
        self._seen: dict[str, Table] = {}
        self._staged: dict[int, dict[str, str]] = {}
        self._hands = ThreadPoolExecutor(_HANDS, thread_name_prefix="till-live")
        self.few = FEW
        self._mark = models_mark(warehouse)
        self.definitions = load_definitions(warehouse)
        if self.ready:
            self._prepare()

    @property
    def ready(self) -> bool:
        """Whether models are deployed."""
        return bool(self.definitions.facts)

    def is_current(self) -> bool:
        """Whether the models we follow are those that the warehouse has now. Other processes may deploy."""
        return self.ready and self._mark == models_mark(self.warehouse)

    def reload(self) -> None:
        """Follow the models that the warehouse has now, if it has any."""
        self._mark = models_mark(self.warehouse)
        self._staged.clear()
        self.definitions = load_definitions(self.warehouse)
        if self.ready:
            self._prepare()

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
            self.warehouse.execute(f"alter table {rollup.table} modify setting {DEDUPLICATION}, {LAZY_MERGES}")
        self._staged.clear()
        self.definitions = definitions
        self._prepare()
        store_definitions(self.warehouse, definitions)
        self._mark = models_mark(self.warehouse)

    def stage(self, number: int, batch: Batch) -> None:
        """Work out what the batch changes, and keep it under its number."""
        arrived = _arrived(batch)
        self._follow_columns(batch)
        self._staging.clear(number)
        self._stage(number, arrived, self._touch_few(number, batch) or self._touch(number, [number], arrived))

    def stage_landed(self, number: int, batches: Sequence[int]) -> None:
        """Work out what batches that are in bronze and mirror change in this shard, and keep that under `number`."""
        self._shape = read_shape(self.warehouse, self.profile, self.definitions)
        arrived = self._arrived_in_bronze(batches)
        self._staging.clear(number)
        self._stage(number, arrived, self._touch(number, batches, arrived))

    def _stage(self, number: int, arrived: Arrived, touched: Touched | None) -> None:
        if touched is None or not touched.any:
            self._staged[number] = {}
            return
        stage = uuid4().hex[:8]
        facts = self._facts_of(arrived, touched)
        self._each("during_stage", [self._shape.differences.stage(fact, touched, stage) for fact in facts])
        self._staged[number] = {fact.name: stage for fact in facts}

    def publish(self, number: int) -> None:
        """Apply what was staged; what is applied already is ignored by its token."""
        staged = self._staged.pop(number, None)
        if staged is None:
            staged = self._staging.stages(self.definitions.facts, number)
        fact = self.definitions.fact
        self._each(
            "during_publish",
            [self._shape.differences.publish(fact(name), number, stage) for name, stage in sorted(staged.items())],
        )

    def reconcile(self, number: int) -> int:
        """Make facts, then rollups, right for everything the batch touched. Returns how many rows were mended."""
        return self.reconcile_landed(number, [number])

    def reconcile_landed(self, number: int, batches: Sequence[int]) -> int:
        """The same for what several batches touched, whose changes were staged under `number`."""
        arrived = self._arrived_in_bronze(batches)
        touched = self._touch(number, batches, arrived)
        if touched is None:
            return 0
        facts = self._facts_of(arrived, touched)
        mended = 0
        for fact in facts:
            mended += self._mend_fact(fact, touched)
            failpoint("during_reconcile")
        for rollup in self.definitions.rollups:
            if rollup.fact in {fact.name for fact in facts}:
                mended += self._mend_rollup(rollup, number)
                failpoint("during_reconcile")
        return mended

    def close(self) -> None:
        """End the threads."""
        self._hands.shutdown()

    def facts_of(self, tables: Collection[str]) -> tuple[str, ...]:
        """The names of the facts that rows of these tables can change."""
        reached = {root.name for root in reached_roots(self.profile, Arrived(frozenset(tables)))}
        return tuple(fact.name for fact in self.definitions.of_roots(reached))

    def measures(self, rollup: Rollup) -> dict[str, str]:
        """The columns a rollup sums, and their types."""
        columns = self.warehouse.rows(
            "select name, type from system.columns where database = {database:String} and table = {name:String}"
            " order by position",
            {"database": rollup.database, "name": rollup.name},
        )
        return {name: kind for name, kind in columns if name not in rollup.keys}

    def _touch_few(self, number: int, batch: Batch) -> Touched | None:
        """What a small batch touched; None if that can't be read off its rows."""
        if batch.row_count > self.few:
            return None
        what = gathered(self.profile, batch)
        if what is None:
            return None
        few = followed(self.warehouse, self._shape.differences, self.definitions, what)
        if sum(len(few.get(root.name, ())) for root in self.profile.roots) > self.few:
            return None
        return Touched(number, {name: sorted(ids) for name, ids in few.items()})

    def _touch(self, number: int, batches: Sequence[int], arrived: Arrived) -> Touched | None:
        """What the batches touched, by a query on bronze; None if nothing."""
        query = self._shape.touching.query(batches, arrived, self.shard)
        if not query:
            return None
        found: dict[str, list[str]] = {}
        rows = self.warehouse.rows(f"{query} limit {self.few + 1}")
        for root, id_ in rows:
            found.setdefault(root, []).append(id_)
        if not rows:
            return None
        if len(rows) > self.few:
            self.warehouse.execute(f"insert into {TABLE} select {number}, root, id from ({query})")
            return Touched(number)
        links = {
            link: found[fact.root]
            for fact in self.definitions.of_roots(found)
            for link in self._shape.differences.links_of(fact)
        }
        if links:
            for link, id_ in self.warehouse.rows(links_query(links)):
                found.setdefault(link, []).append(id_)
        return Touched(number, found)

    def _each(self, failure: str, statements: Sequence[str]) -> None:
        """Run statements at the same time, and wait for all of them even if one fails."""

        def run(place: int, statement: str) -> None:
            if place:
                failpoint(failure)
            self.warehouse.execute(statement)

        running = [self._hands.submit(run, place, statement) for place, statement in enumerate(statements)]
        wait(running)
        for one in running:
            one.result()

    def _mend_fact(self, fact: Fact, touched: Touched) -> int:
        stage = f"{MENDING}{uuid4().hex[:8]}"
        number = touched.number
        self.warehouse.execute(self._shape.differences.stage(fact, touched, stage))
        count = int(
            self.warehouse.value(
                f"select count() from {fact.delta} final where batch = {number} and stage = {{stage:String}}",
                {"stage": stage},
            )
        )
        if count:
            self.warehouse.execute(self._shape.differences.publish(fact, number, stage))
        return count

    def _mend_rollup(self, rollup: Rollup, number: int) -> int:
        buckets = corrections.touched_buckets(rollup, self.definitions.fact(rollup.fact), number)
        return corrections.correct(self.warehouse, rollup, self.measures(rollup), buckets)

    def _facts_of(self, arrived: Arrived, touched: Touched) -> tuple[Fact, ...]:
        reached = {root.name for root in reached_roots(self.profile, arrived)}
        return self.definitions.of_roots(reached if touched.few is None else reached & touched.few.keys())

    def _arrived_in_bronze(self, batches: Sequence[int]) -> Arrived:
        known = self.warehouse.rows(
            "select name from system.tables where database = 'bronze' and endsWith(engine, 'MergeTree')"
        )
        tables = [name for (name,) in known if name in self._shape.touching.keys]
        rows = self.warehouse.rows(arrivals_query(batches, tables)) if tables else []
        return Arrived(
            frozenset(name for name, count, _ in rows if count),
            frozenset(name for name, _, truncations in rows if truncations),
        )

    def _prepare(self) -> None:
        """Read what the statements are built from, and make room for staged changes."""
        self._shape = read_shape(self.warehouse, self.profile, self.definitions)
        self._staging = Staging(self.warehouse, self.definitions.facts)
        self._staging.make_room(self._shape.differences)

    def _follow_columns(self, batch: Batch) -> None:
        """A table that comes in another shape than before may have another type of key."""
        changed = False
        for changes in batch.changes:
            name = changes.table.warehouse_name
            changed = changed or self._seen.get(name, changes.table) != changes.table
            self._seen[name] = changes.table
        if changed:
            self._shape = read_shape(self.warehouse, self.profile, self.definitions)


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
