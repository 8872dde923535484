"""Which roots a batch touched: the orders, carts, customers whose facts must be looked at again. Pure SQL texts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tillstream.destinations.clickhouse.client import literal, literals, quoted
from tillstream.destinations.clickhouse.layouts import BY_KEY
from tillstream.live.definitions import Definitions
from tillstream.stores.profile import Profile, Reach, Root

TABLE = "till.touched"
# Batches whose touched roots and staged changes are kept together, and dropped together.
BATCHES_A_PARTITION = 256

CREATE = (
    f"create table if not exists {TABLE} (batch UInt64, root LowCardinality(String), id String)"
    f" engine = MergeTree partition by intDiv(batch, {BATCHES_A_PARTITION}) order by (batch, root, id)"
    f" settings {BY_KEY}"
)


# As many ids as this are written into the statements; more are looked up in `till.touched`.
FEW = 1_000


@dataclass(frozen=True, slots=True)
class Shard:
    """One part of the roots, so that several workers can share them: each root belongs to exactly one."""

    index: int = 0
    count: int = 1

    def condition(self, column: str) -> str:
        """The condition that a root's id, as text, belongs to this shard; empty when all do."""
        return f"sipHash64({column}) % {self.count} = {self.index}" if self.count > 1 else ""


WHOLE = Shard()


@dataclass(frozen=True, slots=True)
class Arrived:
    """Which tables (by warehouse name) a batch has rows of, and which of them it emptied."""

    tables: frozenset[str]
    truncated: frozenset[str] = frozenset()


def reached_roots(profile: Profile, arrived: Arrived) -> tuple[Root, ...]:
    """The roots that the batch's tables can reach."""
    return tuple(
        root
        for root in profile.roots
        if any(profile.warehouse_name(table) in arrived.tables for table in root.tables())
    )


@dataclass(frozen=True, slots=True)
class Touched:
    """What a batch touched, by the name of the root, or of the link that leads from the roots to other rows.

    Ids that are `few` are at hand. Otherwise (None) the roots' ids are in `till.touched`, and links are followed
    where they are needed: the engine plans a list of literals twice as fast, but not a long one.
    """

    number: int
    few: Mapping[str, Sequence[str]] | None = None

    @property
    def any(self) -> bool:
        """Whether it touched anything at all."""
        return self.few is None or bool(self.few)

    def restriction(self, column: str, kind: str, root: str, link: str = "") -> str:
        """The condition that `column`, a key of that type, belongs to what was touched."""
        if self.few is not None:
            ids = self.few.get(link or root, ())
            return f"{column} in ({literals(ids)})" if ids else "false"
        roots = f"from {TABLE} where batch = {self.number} and root = {literal(root)}"
        if not link:
            return f"{column} in (select cast(id as {kind}) {roots})"
        return (
            f"{column} in (select cast(to_id as {kind}) from mirror.links"
            f" where link = {literal(link)} and from_id in (select id {roots}))"
        )


@dataclass(frozen=True, slots=True)
class Touching:
    """Builds the query that finds what a batch touched. `keys` has each table's key columns, by warehouse name."""

    profile: Profile
    definitions: Definitions
    keys: Mapping[str, tuple[str, ...]]

    def query(self, batches: Sequence[int], arrived: Arrived, shard: Shard = WHOLE) -> str:
        """The shard's roots that these batches touched: root and id; empty when they can't touch any."""
        where = f"_till_batch in ({', '.join(map(str, batches))})"
        branches = [
            f"select {literal(root.name)} as root, id from ({branch})"
            for root in reached_roots(self.profile, arrived)
            for branch in self._branches(root, where, arrived)
        ]
        if not branches:
            return ""
        mine = shard.condition("id")
        return f"select distinct root, id from ({' union all '.join(branches)}){f' where {mine}' if mine else ''}"

    def _branches(self, root: Root, where: str, arrived: Arrived) -> Iterator[str]:
        truncated = False
        for reach in root.reaches:
            name = self._name(reach.table)
            if name not in arrived.tables:
                continue
            truncated = truncated or name in arrived.truncated
            yield from self._through_link(reach, where) if reach.through else self._by_column(reach, where)
        if truncated:
            yield from self._all_of(root)

    def _by_column(self, reach: Reach, where: str) -> Iterator[str]:
        bronze = f"bronze.{quoted(self._name(reach.table))}"
        # Qualified, because a column may well be called "id" itself.
        column = f"changed.{quoted(reach.column)}"
        yield (
            f"select assumeNotNull({column}) as id from {bronze} as changed"
            f" where changed.{where} and isNotNull({column})"
        )
        if f"{reach.table}.{reach.column}" in {link.name for link in self.profile.links}:
            # An update or a delete may have taken the row from a root that it does not name any more.
            child = _id_text(self.keys[self._name(reach.table)])
            yield (
                f"select to_id as id from mirror.links where link = {literal(self._link(reach) + '^')} and from_id in"
                f" (select {child} from {bronze} where {where} and _till_op in ('U', 'D'))"
            )

    def _through_link(self, reach: Reach, where: str) -> Iterator[str]:
        assert reach.through is not None
        table, _, column = reach.through.partition(".")
        bronze = f"bronze.{quoted(self._name(reach.table))}"
        link = literal(f"{self._name(table)}.{column}")
        yield (
            f"select to_id as id from mirror.links where link = {link} and from_id in"
            f" (select {quoted(reach.column)} from {bronze} where {where})"
        )

    def _all_of(self, root: Root) -> Iterator[str]:
        """Every root there is or was: a truncated table does not say which rows it had."""
        yield f"select toString({quoted(root.key)}) as id from mirror.{quoted(self._name(root.table))}"
        for fact in self.definitions.of_roots([root.name]):
            yield f"select toString({quoted(fact.key)}) as id from {fact.table}"

    def _link(self, reach: Reach) -> str:
        return f"{self._name(reach.table)}.{reach.column}"

    def _name(self, table: str) -> str:
        return self.profile.warehouse_name(table)


def _id_text(key: Collection[str]) -> str:
    """A bronze row's id, as `mirror.links` writes it."""
    names = [quoted(name) for name in key]
    return names[0] if len(names) == 1 else rf"concatWithSeparator('\x1f', {', '.join(names)})"


def links_query(links: Mapping[str, Collection[str]]) -> str:
    """What these links lead to, each from the ids given for it: link and id."""
    return " union all ".join(
        f"select distinct link, to_id from mirror.links where link = {literal(link)} and from_id in ({literals(ids)})"
        for link, ids in links.items()
    )


def arrivals_query(batches: Sequence[int], tables: Iterable[str]) -> str:
    """Per table: rows of the batches in bronze, and whether it was truncated."""
    return " union all ".join(
        f"select {literal(table)}, count(), countIf(_till_op = 'T')"
        f" from bronze.{quoted(table)} where _till_batch in ({', '.join(map(str, batches))})"
        for table in tables
    )
