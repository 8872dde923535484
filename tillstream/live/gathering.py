"""Which roots a small batch touched, read off its rows; only what links lead to has to be asked for.

The same answer as `touched.Touching.query` gives from bronze, at the cost of one look-up instead of two queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from tillstream.change import Batch, Changes, Op, TabSeparated
from tillstream.destinations.clickhouse.client import Warehouse, literals
from tillstream.destinations.clickhouse.links import LINKS
from tillstream.live.definitions import Definitions
from tillstream.live.differences import Differences
from tillstream.stores.profile import Profile, Reach

Ids = Iterable[str]


@dataclass(slots=True)
class Gathered:
    """Ids of roots by the root's name, and by root and link the ids from which links lead to more of them."""

    found: dict[str, set[str]] = field(default_factory=dict)
    asked: dict[tuple[str, str], set[str]] = field(default_factory=dict)


def gathered(profile: Profile, batch: Batch) -> Gathered | None:
    """What the rows of a batch say; None where only bronze can tell."""
    result = Gathered()
    for changes in batch.changes:
        reaches = list(_reaches(profile, changes))
        if not reaches:
            continue
        if isinstance(changes.rows, TabSeparated) or not _tells_all(changes, changes.rows, reaches):
            return None
        for root, reach in reaches:
            _gather(result, profile, changes, root, reach)
    return result


def followed(
    warehouse: Warehouse, differences: Differences, definitions: Definitions, what: Gathered
) -> Mapping[str, set[str]]:
    """All that was touched, as `Touched.few` wants it: by root, and by the links that fact queries follow."""
    links = _Links(warehouse)
    needed = {
        root: {link for fact in definitions.of_roots([root]) for link in differences.links_of(fact)}
        for root in {*what.found, *(root for root, _ in what.asked)}
    }
    links.ask(
        [
            *((link, ids) for (_, link), ids in what.asked.items()),
            *((link, ids) for root, ids in what.found.items() for link in needed[root]),
        ]
    )
    few = {root: set(ids) for root, ids in what.found.items()}
    for (root, link), ids in what.asked.items():
        few.setdefault(root, set()).update(links.ends(link, ids))
    # A row that went to another root leads to the one it left, which the rows themselves don't name.
    links.ask([(link, few[root]) for root in few for link in needed[root]])
    ends: dict[str, set[str]] = {}
    for root, ids in few.items():
        for link in needed[root]:
            ends.setdefault(link, set()).update(links.ends(link, ids))
    return {name: ids for name, ids in {**few, **ends}.items() if ids}


class _Links:
    """What was asked of `mirror.links`, so that nothing is asked twice."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._known: dict[tuple[str, str], set[str]] = {}

    def ask(self, questions: Iterable[tuple[str, Ids]]) -> None:
        """Look up where these links lead from these ids, in one query; links with the same ids share a condition."""
        wanted: dict[frozenset[str], set[str]] = {}
        for link, ids in questions:
            new = frozenset(id_ for id_ in ids if (link, id_) not in self._known)
            if new:
                wanted.setdefault(new, set()).add(link)
                self._known.update({(link, id_): set() for id_ in new})
        if not wanted:
            return
        query = " union all ".join(
            f"select link, from_id, to_id from {LINKS} where link in ({literals(sorted(links))})"
            f" and from_id in ({literals(sorted(ids))})"
            for ids, links in wanted.items()
        )
        for link, from_id, to_id in self._warehouse.rows(query):
            self._known[link, from_id].add(to_id)

    def ends(self, link: str, ids: Ids) -> set[str]:
        """Where a link leads from ids that were asked for."""
        return {end for id_ in ids for end in self._known.get((link, id_), ())}


def _reaches(profile: Profile, changes: Changes) -> Iterator[tuple[str, Reach]]:
    for root in profile.roots:
        for reach in root.reaches:
            if profile.warehouse_name(reach.table) == changes.table.warehouse_name:
                yield root.name, reach


def _tells_all(changes: Changes, rows: pa.Table, reaches: Iterable[tuple[str, Reach]]) -> bool:
    """Not after a truncate, nor where a needed column is missing or left out of some rows."""
    needed = {*changes.table.key, *(reach.column for _, reach in reaches)}
    return (
        needed <= set(rows.column_names)
        and not pc.any(pc.equal(rows.column("_till_op"), Op.TRUNCATE.value)).as_py()
        and not pc.any(pc.greater(pc.list_value_length(rows.column("_till_unchanged")), 0)).as_py()
    )


def _gather(result: Gathered, profile: Profile, changes: Changes, root: str, reach: Reach) -> None:
    assert isinstance(changes.rows, pa.Table)
    ids = _texts(changes.rows.column(reach.column))
    if reach.through:
        table, _, column = reach.through.partition(".")
        result.asked.setdefault((root, f"{profile.warehouse_name(table)}.{column}"), set()).update(ids)
        return
    result.found.setdefault(root, set()).update(ids)
    if f"{reach.table}.{reach.column}" in {link.name for link in profile.links}:
        # An update or a delete may have taken the row from a root that it does not name any more.
        upward = f"{changes.table.warehouse_name}.{reach.column}^"
        result.asked.setdefault((root, upward), set()).update(_changed_ids(changes))


def _changed_ids(changes: Changes) -> set[str]:
    """The ids of the rows that were there before, as `mirror.links` writes them."""
    assert isinstance(changes.rows, pa.Table)
    changed = pc.is_in(changes.rows.column("_till_op"), pa.array([Op.UPDATE.value, Op.DELETE.value]))
    keys = [changes.rows.column(name).filter(changed).cast(pa.string()) for name in changes.table.key]
    if not keys:
        return set()
    return _texts(keys[0] if len(keys) == 1 else pc.binary_join_element_wise(*keys, "\x1f"))


def _texts(column: pa.ChunkedArray) -> set[str]:
    return {text for text in pc.unique(column.cast(pa.string())).to_pylist() if text is not None}
