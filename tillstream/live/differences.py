"""The SQL of the live step: what a fact query says now, less what the fact table says. Pure texts.

A fact query marks where it may be restricted (see `dbt/macros/sql/only_touched.sql`); here the marks
are replaced, so that batch and live run one text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tillstream.destinations.clickhouse.client import literal, quoted
from tillstream.destinations.clickhouse.layouts import BY_KEY
from tillstream.live.definitions import Fact
from tillstream.live.touched import BATCHES_A_PARTITION, Touched
from tillstream.stores.profile import Profile

_MARK = re.compile(r"true /\* only touched: (\w+)(?: by ([\w.]+)(\^?))? \*/")
# One block, whatever its size: a part arrives whole or not at all, and its token covers all of it.
ONE_BLOCK = (
    "max_insert_threads = 1, max_block_size = 4000000, min_insert_block_size_rows = 4000000,"
    " min_insert_block_size_bytes = 8000000000"
)

# How the stage of a correction begins; any other is what a batch changed.
MENDING = "mend-"

Types = Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Differences:
    """Builds the statements of one warehouse.

    `types` has the types of the mirror's key columns, by table and name, `keys` those columns in order;
    `columns` the columns of each fact in order, without `sign`.
    """

    profile: Profile
    types: Types
    keys: Mapping[str, tuple[str, ...]]
    columns: Mapping[str, Mapping[str, str]]
    # Settings that this engine knows and that make planning cheaper.
    hints: tuple[str, ...] = ()

    def links_of(self, fact: Fact) -> frozenset[str]:
        """The links that the fact's query follows from its roots, as `mirror.links` names them."""
        marks = _MARK.findall(fact.sql)
        return frozenset(self._link_name(link) + upward for _, link, upward in marks if link)

    def restricted(self, fact: Fact, touched: Touched) -> str:
        """The fact's query, for the roots the batch touched."""

        def restriction(mark: re.Match[str]) -> str:
            column, link, upward = mark.groups()
            if link is None:
                return touched.restriction(column, self._root_type(fact), fact.root)
            kind = self._end_type(link, upward == "^")
            return touched.restriction(column, kind, fact.root, self._link_name(link) + upward)

        return _MARK.sub(restriction, fact.sql)

    def stage(self, fact: Fact, touched: Touched, stage: str) -> str:
        """The insert of the fact's changes into its delta: +1 for what now holds, -1 for what the fact says.

        Where both say the same, the delta's engine lets them cancel out as they are inserted.
        """
        names = list(self.columns[fact.name])
        listed = ", ".join(quoted(name) for name in names if name != "content")
        stamp = f"{touched.number}, {literal(stage)}"
        return (
            f"insert into {fact.delta} (batch, stage, {listed}, content, sign)"
            f" select {stamp}, {listed}, sipHash128(tuple({listed})), toInt64(1)"
            f" from ({self.restricted(fact, touched)}\n)"
            f" union all select {stamp}, {listed}, content, -sign from {fact.table}"
            f" where {touched.restriction(quoted(fact.key), self._root_type(fact), fact.root)}"
            f"{self._settings(touched)}"
        )

    def publish(self, fact: Fact, number: int, stage: str) -> str:
        """The insert of what was staged into the fact; its rollups' views ride along."""
        listed = ", ".join(quoted(name) for name in self.columns[fact.name])
        rows = ", ".join(quoted(name) for name in fact.rows)
        token = f"live:{fact.name}:{number}:{stage}"
        return (
            f"insert into {fact.table} ({listed}, sign)"
            f" select {listed}, sign from {fact.delta} where batch = {number} and stage = {literal(stage)}"
            f" order by {rows}, content"
            f" settings insert_deduplicate = 1, insert_deduplication_token = {literal(token)},"
            f" deduplicate_blocks_in_dependent_materialized_views = 1, parallel_view_processing = 1, {ONE_BLOCK}"
        )

    def create_delta(self, fact: Fact) -> str:
        """The table a fact's changes are staged in."""
        declared = ", ".join(f"{quoted(name)} {kind}" for name, kind in self.columns[fact.name].items())
        rows = ", ".join(quoted(name) for name in fact.rows)
        return (
            f"create table if not exists {fact.delta}"
            f" (batch UInt64, stage LowCardinality(String), {declared}, sign Int64)"
            f" engine = SummingMergeTree(sign) partition by intDiv(batch, {BATCHES_A_PARTITION})"
            f" order by (batch, stage, {rows}, content) settings {BY_KEY}"
        )

    def _settings(self, touched: Touched) -> str:
        # With few ids, planning is most of the work, and more threads only make it longer.
        settings = [*self.hints, *(["max_threads = 1"] if touched.few is not None else [])]
        return f" settings {', '.join(settings)}" if settings else ""

    def _root_type(self, fact: Fact) -> str:
        root = self.profile.root(fact.root)
        return self.types[self.profile.warehouse_name(root.table), root.key]

    def _end_type(self, name: str, upward: bool) -> str:
        """The type of the ids a link leads to: the parent's key going up, the child's going down."""
        link = self.profile.link(name)
        if upward:
            return self.types[self.profile.warehouse_name(link.parent), link.parent_key]
        child = self.profile.warehouse_name(link.table)
        return self.types[child, self.keys[child][0]]

    def _link_name(self, name: str) -> str:
        table, _, column = name.partition(".")
        return f"{self.profile.warehouse_name(table)}.{column}"


def stages_query(facts: Sequence[Fact], number: int) -> str:
    """Per fact: the stages that hold changes for the batch."""
    return " union all ".join(
        f"select distinct {literal(fact.name)}, stage from {fact.delta} where batch = {number}" for fact in facts
    )
