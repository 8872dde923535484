"""The SQL of the live step: what a fact query says now, less what the fact table says. Pure texts.

A fact query marks where it may be restricted (see `dbt/macros/sql/only_touched.sql`); here the marks
are replaced, so that batch and live run one text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tillstream.destinations.clickhouse.client import literal, quoted
from tillstream.live.definitions import Fact
from tillstream.live.touched import BATCHES_A_PARTITION, TABLE, warehouse_name
from tillstream.stores.profile import Profile

_MARK = re.compile(r"true /\* only touched: (\w+)(?: by ([\w.]+)(\^?))? \*/")
# One block, whatever its size: a part arrives whole or not at all, and its token covers all of it.
ONE_BLOCK = (
    "max_insert_threads = 1, max_block_size = 4000000, min_insert_block_size_rows = 4000000,"
    " min_insert_block_size_bytes = 8000000000"
)

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

    def restricted(self, fact: Fact, number: int) -> str:
        """The fact's query, for the roots the batch touched."""
        touched = f"select id from {TABLE} where batch = {number} and root = {literal(fact.root)}"

        def restriction(mark: re.Match[str]) -> str:
            column, link, upward = mark.groups()
            if link is None:
                return f"{column} in ({self._root_keys(fact, number)})"
            ids = (
                f"select cast(to_id as {self._end_type(link, upward == '^')}) from mirror.links"
                f" where link = {literal(self._link_name(link) + upward)} and from_id in ({touched})"
            )
            return f"{column} in ({ids})"

        return _MARK.sub(restriction, fact.sql)

    def stage(self, fact: Fact, number: int, stage: str) -> str:
        """The insert of the fact's changes into its delta: +1 for what now holds, -1 for what no longer does."""
        names = list(self.columns[fact.name])
        values = [name for name in names if name != "content"]
        listed = ", ".join(quoted(name) for name in values)
        merged = ", ".join(f"any(signed.{quoted(name)})" for name in values)
        return (
            f"insert into {fact.delta} (batch, stage, {listed}, content, sign)"
            f" select {number}, {literal(stage)}, {merged}, signed.content, sum(signed.sign)"
            f" from (select {listed}, sipHash128(tuple({listed})) as content, toInt64(1) as sign"
            f" from ({self.restricted(fact, number)}\n)"
            f" union all select {listed}, content, -sign as sign from {fact.table}"
            f" where {quoted(fact.key)} in ({self._root_keys(fact, number)})) as signed"
            " group by signed.content having sum(signed.sign) != 0"
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
            f" engine = MergeTree partition by intDiv(batch, {BATCHES_A_PARTITION}) order by (batch, {rows}, content)"
        )

    def _root_keys(self, fact: Fact, number: int) -> str:
        root = self.profile.root(fact.root)
        kind = self.types[warehouse_name(self.profile, root.table), root.key]
        return f"select cast(id as {kind}) from {TABLE} where batch = {number} and root = {literal(fact.root)}"

    def _end_type(self, name: str, upward: bool) -> str:
        """The type of the ids a link leads to: the parent's key going up, the child's going down."""
        link = self.profile.link(name)
        if upward:
            return self.types[warehouse_name(self.profile, link.parent), link.parent_key]
        child = warehouse_name(self.profile, link.table)
        return self.types[child, self.keys[child][0]]

    def _link_name(self, name: str) -> str:
        table, _, column = name.partition(".")
        return f"{warehouse_name(self.profile, table)}.{column}"


def counts_query(facts: Sequence[Fact], number: int) -> str:
    """Per fact and stage: how many changes are staged for the batch."""
    return " union all ".join(
        f"select {literal(fact.name)}, stage, count() from {fact.delta} where batch = {number} group by stage"
        for fact in facts
    )
