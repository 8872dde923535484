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


def difference(rollup: Rollup, fact: Fact, measures: Sequence[str], number: int) -> str:
    """Per touched bucket that is wrong: its keys, and for each measure what it should be less what it is."""
    keys, values = _listed(rollup.keys), _listed(measures)
    where = f" where ({keys}) in ({touched_buckets(rollup, fact, number)})" if rollup.keys else ""
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


def insert(rollup: Rollup, measures: Sequence[str], rows: str) -> str:
    """The insert of rows into a rollup."""
    # A correction may well equal an earlier one; it must not be taken for a repetition.
    return f"insert into {rollup.table} ({_listed([*rollup.keys, *measures])}) {rows} settings insert_deduplicate = 0"


def rebuild(rollup: Rollup, measures: Sequence[str]) -> str:
    """The insert of a rollup's whole query."""
    return insert(rollup, measures, f"select {_listed([*rollup.keys, *measures])} from ({rollup.sql}\n)")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(quoted(name) for name in names)
