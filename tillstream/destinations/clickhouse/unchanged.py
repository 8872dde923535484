"""Completing rows whose large values the source left out because they did not change (TOAST).

It is done before the rows are stored, from what the mirror has and what came earlier in the same
rows. So bronze holds whole rows, `_till_unchanged` only says which values are not the source's own
words, and everything built from bronze, now or later, is right without looking back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from tillstream.change import Op, Table
from tillstream.destinations.clickhouse.client import Warehouse, literal, quoted
from tillstream.destinations.clickhouse.layouts import mirror_name
from tillstream.destinations.clickhouse.quarantine import Unknown
from tillstream.destinations.clickhouse.types import parsed, printed

Key = tuple[str | None, ...]
Values = dict[str, str | None]

KEYS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Known:
    """A row of the mirror: its version, and the texts of the columns that were asked for."""

    version: int
    values: Values


Lookup = Callable[[Collection[Key], Sequence[str]], Mapping[Key, Known]]


def incomplete(rows: pa.Table) -> bool:
    """Whether some row lacks a value that the source left out."""
    lengths = pc.list_value_length(rows.column("_till_unchanged"))
    return bool(pc.any(pc.greater(lengths, 0)).as_py())


def completed(table: Table, rows: pa.Table, look_up: Lookup) -> tuple[pa.Table, list[Unknown]]:
    """The rows with every left-out value filled in, and the values nobody knows."""
    work = _Completion(table, rows)
    work.known = look_up(work.wanted_keys(), work.names)
    for place in range(rows.num_rows):
        work.follow(place)
    for name in work.names:
        index = rows.column_names.index(name)
        rows = rows.set_column(index, name, pa.array(work.texts[name], pa.large_string()))
    return rows, work.unknown


@dataclass(slots=True)
class _Completion:
    """One pass over the rows, in commit order."""

    table: Table
    rows: pa.Table
    names: list[str] = field(init=False)
    keys: list[Key] = field(init=False)
    unchanged: list[list[str]] = field(init=False)
    texts: dict[str, list[str | None]] = field(init=False)
    known: Mapping[Key, Known] = field(default_factory=dict)
    unknown: list[Unknown] = field(default_factory=list)
    _ops: list[str] = field(init=False)
    _versions: list[int] = field(init=False)
    # What each key's row holds at this point of the pass, and since which version; None if it is gone.
    _current: dict[Key, tuple[int, Values | None]] = field(default_factory=dict)
    _emptied_at: int = -1

    def __post_init__(self) -> None:
        columns = [self.rows.column(name).to_pylist() for name in self.table.key]
        self.keys = list(zip(*columns, strict=True))
        self.unchanged = [names or [] for names in self.rows.column("_till_unchanged").to_pylist()]
        self.names = sorted({name for names in self.unchanged for name in names})
        self.texts = {name: self.rows.column(name).to_pylist() for name in self.names}
        self._ops = self.rows.column("_till_op").to_pylist()
        lsns = self.rows.column("_till_lsn").to_pylist()
        ordinals = self.rows.column("_till_ordinal").to_pylist()
        self._versions = [lsn << 32 | ordinal for lsn, ordinal in zip(lsns, ordinals, strict=True)]

    def wanted_keys(self) -> set[Key]:
        """The keys whose rows in the mirror may supply a value."""
        wanted = set()
        for place, names in enumerate(self.unchanged):
            if names:
                wanted.add(self.keys[place])
            if names and self._moved_here(place):
                wanted.add(self.keys[place - 1])
        return wanted

    def follow(self, place: int) -> None:
        """Fill in what this row lacks, and remember what it holds."""
        key, op, version = self.keys[place], self._ops[place], self._versions[place]
        if op == Op.TRUNCATE:
            self._current = {}
            self._emptied_at = version
        elif op == Op.DELETE:
            # The next row may be this one under a new key; it looks here.
            if not self._leaves_for_next(place):
                self._current[key] = (version, None)
        else:
            values = self._filled(place) if self.unchanged[place] else self._given(place)
            if self._moved_here(place):
                self._current[self.keys[place - 1]] = (version - 1, None)
            self._current[key] = (version, values)

    def _filled(self, place: int) -> Values:
        earlier = self._earlier(place)
        for name in self.unchanged[place]:
            if earlier is None:
                version = self._versions[place]
                key = ", ".join(text or "" for text in self.keys[place])
                self.unknown.append(Unknown(f"{version >> 32}:{version & 0xFFFFFFFF}", key, name))
            else:
                self.texts[name][place] = earlier[name]
        return self._given(place)

    def _earlier(self, place: int) -> Values | None:
        """The row's values before this change; None if nobody has them."""
        key, version = self.keys[place], self._versions[place]
        mirrored = self.known.get(key)
        if mirrored is not None and mirrored.version == version:
            # The mirror got this very row before a crash.
            return mirrored.values
        before = self.keys[place - 1] if self._moved_here(place) else key
        earlier = self._latest(before, version)
        since = max(self._current.get(key, (self._emptied_at, None))[0], mirrored.version if mirrored else -1)
        if earlier is None and since > version:
            # A newer one is there already, of a snapshot read later or before this one came again: it will not be seen.
            return dict.fromkeys(self.names)
        return earlier

    def _latest(self, key: Key, version: int) -> Values | None:
        since, values = self._current.get(key, (self._emptied_at, None))
        mirrored = self.known.get(key)
        if mirrored is not None and since < mirrored.version < version:
            return mirrored.values
        return values

    def _given(self, place: int) -> Values:
        return {name: self.texts[name][place] for name in self.names}

    def _moved_here(self, place: int) -> bool:
        """Whether the row got its key in this change: the delete of its old key comes right before."""
        return place > 0 and self._leaves_for_next(place - 1)

    def _leaves_for_next(self, place: int) -> bool:
        if self._ops[place] != Op.DELETE or place + 1 >= len(self._ops) or self._ops[place + 1] != Op.UPDATE:
            return False
        return self._versions[place + 1] == self._versions[place] + 1


def mirror_lookup(warehouse: Warehouse, layout: Table) -> Lookup:
    """A look into the mirror as it is now."""

    def look_up(keys: Collection[Key], names: Sequence[str]) -> Mapping[Key, Known]:
        found: dict[Key, Known] = {}
        wanted = list(keys)
        for start in range(0, len(wanted), KEYS_AT_ONCE):
            query = _lookup_query(layout, wanted[start : start + KEYS_AT_ONCE], names)
            for row in warehouse.rows(query):
                key, version, texts = row[: len(layout.key)], row[len(layout.key)], row[len(layout.key) + 1 :]
                found[key] = Known(int(version), dict(zip(names, texts, strict=True)))
        return found

    return look_up


def _lookup_query(layout: Table, keys: Sequence[Key], names: Sequence[str]) -> str:
    texts = [f"k{place}" for place in range(len(layout.key))]
    rows = ", ".join("(" + ", ".join(literal(text or "") for text in key) + ")" for key in keys)
    typed = [
        f"assumeNotNull({parsed(text, layout.column(name).type, in_key=True)}) as p{place}"
        for place, (text, name) in enumerate(zip(texts, layout.key, strict=True))
    ]
    shape = ", ".join(f"{text} String" for text in texts)
    given = f"select {', '.join(texts)}, {', '.join(typed)} from values('{shape}', {rows})"
    own = ", ".join(quoted(name) for name in layout.key)
    places = ", ".join(f"p{place}" for place in range(len(layout.key)))
    match = " and ".join(f"mirrored.{quoted(name)} = given.p{place}" for place, name in enumerate(layout.key))
    values = [printed(f"mirrored.{quoted(name)}", layout.column(name).type) for name in names]
    return (
        f"with given as ({given})"
        f" select {', '.join(f'given.{text}' for text in texts)}, mirrored._version, {', '.join(values)}"
        f" from given inner join (select * from {mirror_name(layout)} final"
        f" where _deleted = 0 and ({own}) in (select {places} from given)) as mirrored on {match}"
    )
