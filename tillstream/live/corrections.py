"""After a crash: what a rollup should say of the buckets a batch touched, less what it says. Pure texts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tillstream.destinations.clickhouse.client import quoted
from tillstream.live.definitions import Fact, Rollup


def over(rollup: Rollup, fact: Fact, relation: str) -> str:
    """The rollup's query, reading `relation` in place of its fact."""
    name = re.compile(rf"`?facts`?\.`?{re.escape(fact.name)}`?(?!\w)")
    return name.sub(lambda _: relation, rollup.sql)


def touched_buckets(rollup: Rollup, fact: Fact, number: int) -> str:
    """The keys of every bucket that the batch's changes fall into."""
    changes = f"(select * from {fact.delta} where batch = {number})"
    return f"select distinct {_listed(rollup.keys)} from ({over(rollup, fact, changes)}\n)"


def compared(rollup: Rollup, measures: Sequence[str], queries: tuple[str, str], buckets: str = "") -> str:
    """Per bucket where they differ: its keys, and for each measure the first query's sum less the second's.

    `buckets` narrows the comparison to the keys that this query yields.
    """
    where = f" where ({_listed(rollup.keys)}) in ({buckets})" if buckets else ""
    keys, values = _listed(rollup.keys), _listed(measures)
    expected, found = queries
    negated = ", ".join(f"-{quoted(name)} as {quoted(name)}" for name in measures)
    sums = ", ".join(f"sum(signed.{quoted(name)})" for name in measures)
    differs = " or ".join(f"sum(signed.{quoted(name)}) != 0" for name in measures)
    grouped = ", ".join(f"signed.{quoted(name)}" for name in rollup.keys)
    return (
        f"select {grouped}, {sums} from (select {keys}, {values} from ({expected}\n){where}"
        f" union all select {keys}, {negated} from ({found}){where}) as signed"
        f" group by {grouped} having {differs}"
    )


def correction(rollup: Rollup, fact: Fact, measures: Sequence[str], number: int) -> str:
    """The insert that makes the touched buckets of a rollup agree with its fact."""
    listed = f"{_listed(rollup.keys)}, {_listed(measures)}"
    queries = (rollup.sql, f"select {listed} from {rollup.table}")
    buckets = touched_buckets(rollup, fact, number)
    # A correction may well equal an earlier one; it must not be taken for a repetition.
    return (
        f"insert into {rollup.table} ({listed}) {compared(rollup, measures, queries, buckets)}"
        " settings insert_deduplicate = 0"
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(quoted(name) for name in names)
