"""After a crash or tampering: what a rollup should say of its buckets, less what it says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tillstream.destinations.clickhouse.client import Warehouse, quoted
from tillstream.live.definitions import Fact, Rollup


def over(rollup: Rollup, fact: Fact, relation: str) -> str:
    """The rollup's query, reading `relation` in place of its fact."""
    name = re.compile(rf"`?facts`?\.`?{re.escape(fact.name)}`?(?!\w)")
    return name.sub(lambda _: relation, rollup.sql)


def touched_buckets(rollup: Rollup, fact: Fact, number: int) -> str:
    """The keys of every bucket that the batch's changes fall into."""
    changes = f"(select * from {fact.delta} where batch = {number})"
    return f"select distinct {_listed(rollup.keys)} from ({over(rollup, fact, changes)}\n)"


def correct(warehouse: Warehouse, rollup: Rollup, measures: Mapping[str, str], buckets: str = "") -> int:
    """Make a rollup say what its fact says; returns how many buckets that took.

    `measures` has the types of what it sums; `buckets`, the SQL of some keys, tells where to look. The pump must not
    publish meanwhile.
    """
    names = list(measures)
    if any("AggregateFunction" in kind for kind in measures.values()):
        # States can't be taken back one by one.
        warehouse.execute(f"truncate table {rollup.table} sync")
        warehouse.execute(_insert(rollup, names, f"select {_listed([*rollup.keys, *names])} from ({rollup.sql}\n)"))
        return 0
    wrong = difference(rollup, names, buckets)
    count = int(warehouse.value(f"select count() from ({wrong})"))
    if count:
        warehouse.execute(_insert(rollup, names, wrong))
    return count


def difference(rollup: Rollup, measures: Sequence[str], buckets: str = "") -> str:
    """Per bucket that is wrong: its keys, and for each measure what it should be less what it is."""
    keys, values = _listed(rollup.keys), _listed(measures)
    where = f" where ({keys}) in ({buckets})" if rollup.keys and buckets else ""
    negated = ", ".join(f"-{quoted(name)} as {quoted(name)}" for name in measures)
    sums = ", ".join(f"sum(signed.{quoted(name)}) as {quoted(name)}" for name in measures)
    differs = " or ".join(f"sum(signed.{quoted(name)}) != 0" for name in measures)
    grouped = ", ".join(f"signed.{quoted(name)} as {quoted(name)}" for name in rollup.keys)
    group_by = f" group by {', '.join(f'signed.{quoted(name)}' for name in rollup.keys)}" if rollup.keys else ""
    return (
        f"select {', '.join(filter(None, [grouped, sums]))} from ("
        f"select {', '.join(filter(None, [keys, values]))} from ({rollup.sql}\n){where}"
        f" union all select {', '.join(filter(None, [keys, negated]))} from {rollup.table}{where}"
        f") as signed{group_by} having {differs}"
    )


def _insert(rollup: Rollup, measures: Sequence[str], rows: str) -> str:
    # A correction may well equal an earlier one; it must not be taken for a repetition.
    return f"insert into {rollup.table} ({_listed([*rollup.keys, *measures])}) {rows} settings insert_deduplicate = 0"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(quoted(name) for name in names)
