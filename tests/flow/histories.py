"""Random lives of a few tables, and what they hold at the end."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st

from tests.destinations.rows import Row, Texts, table
from tests.flow.log import Log
from tillstream.change import ColumnType, Table

ORDERS = table(
    "orders",
    id="int64",
    total=ColumnType("decimal", 12, 2),
    note="text",
    tags=ColumnType("array", element=ColumnType("text")),
)
LINES = table("lines", key=("order_id", "number"), order_id="int64", number="int32", product="text", note="text")
EVENTS = table("events", key=(), name="text", amount="int32")
WIDER = table("events", key=(), name="text", amount="int64", reason="text")

Key = tuple[str | None, ...]


@dataclass
class Model:
    """What a store's tables hold: texts by key; a list for the table without one."""

    orders: dict[Key, Texts] = field(default_factory=dict)
    lines: dict[Key, Texts] = field(default_factory=dict)
    events: list[Texts] = field(default_factory=list)

    def rows(self, of: Table) -> list[Texts]:
        if of is ORDERS:
            return list(self.orders.values())
        return list(self.lines.values()) if of is LINES else self.events


@dataclass
class History:
    """A log, how many rows each table's bronze must have, and what the mirrors must show."""

    log: Log
    model: Model
    counts: dict[str, int]


TEXT = st.one_of(st.none(), st.sampled_from(["", "a", "ä€😀", "tab\tnew\nline", "back\\slash", "NULL", "\\N", '"{,}"']))
BIG = st.sampled_from(["x" * 30, "y\\" * 10, "z\n" * 5])
TOTAL = st.one_of(st.none(), st.decimals(-1000, 1000, places=2).map(lambda value: f"{value:.2f}"))
TAGS = st.sampled_from([None, "{}", '{a,"b c",NULL}', '{"NULL","q\\"uote","back\\\\slash"}'])
ID = st.integers(1, 4).map(str)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """A snapshot and up to a dozen transactions of inserts, updates, deletes, key changes and truncates."""
    write = _Writer(draw)
    for identity in draw(st.sets(ID, max_size=3)):
        write.snapshot_order(identity)
    snapshot = [
        (ORDERS, _copy(ORDERS, list(write.model.orders.values()))),
        (LINES, b""),
        (EVENTS, b"start\t1\nstart\t1\n"),
    ]
    write.model.events = [{"name": "start", "amount": "1", "reason": None} for _ in range(2)]
    counts = {"orders": len(write.model.orders), "lines": 0, "events": 2}
    for place in range(draw(st.integers(1, 12))):
        write.transaction(101 + place)
    transactions = [rows for rows in write.transactions if rows]
    for rows in transactions:
        for of, _ in rows:
            counts[of.name] += 1
    log = Log([piece for piece in snapshot if piece[1]], transactions, draw(st.integers(1, 5)))
    return History(log, write.model, {name: count for name, count in counts.items() if count})


class _Writer:
    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.model = Model()
        self.transactions: list[list[tuple[Table, Row]]] = []
        self._events = EVENTS

    def snapshot_order(self, identity: str) -> None:
        self.model.orders[identity,] = self._order(identity)

    def transaction(self, lsn: int) -> None:
        self._lsn, self._index = lsn, 0
        self.transactions.append([])
        steps = (self.put_order, self.change_order, self.delete_order, self.move_order, self.put_line)
        rare = (self.delete_line, self.event, self.empty, self.widen)
        for _ in range(self.draw(st.integers(1, 5))):
            self.draw(st.sampled_from((*steps, *steps, *rare)))()

    def put_order(self) -> None:
        identity = self.draw(ID)
        if (identity,) not in self.model.orders:
            self.model.orders[identity,] = self._order(identity)
            self._add(ORDERS, "I", self.model.orders[identity,])

    def change_order(self) -> None:
        if self.model.orders:
            key = self.draw(st.sampled_from(sorted(self.model.orders)))
            row = self.model.orders[key]
            row["total"] = self.draw(TOTAL)
            self._update(row)

    def delete_order(self) -> None:
        if self.model.orders:
            key = self.draw(st.sampled_from(sorted(self.model.orders)))
            del self.model.orders[key]
            self._add(ORDERS, "D", {"id": key[0]})

    def move_order(self) -> None:
        new = self.draw(ID)
        if self.model.orders and (new,) not in self.model.orders:
            key = self.draw(st.sampled_from(sorted(self.model.orders)))
            row = self.model.orders.pop(key)
            row["id"] = new
            self.model.orders[new,] = row
            self._add(ORDERS, "D", {"id": key[0]}, advance=False)
            self._update(row)

    def put_line(self) -> None:
        key = (self.draw(ID), self.draw(ID))
        op = "U" if key in self.model.lines else "I"
        texts = {"order_id": key[0], "number": key[1], "product": self.draw(TEXT), "note": self.draw(TEXT)}
        self.model.lines[key] = texts
        self._add(LINES, op, texts)

    def delete_line(self) -> None:
        if self.model.lines:
            key = self.draw(st.sampled_from(sorted(self.model.lines)))
            del self.model.lines[key]
            self._add(LINES, "D", {"order_id": key[0], "number": key[1]})

    def event(self) -> None:
        reason = self.draw(TEXT) if self._events is WIDER else None
        texts = {"name": self.draw(TEXT), "amount": self.draw(ID), "reason": reason}
        self.model.events.append(texts)
        self._add(self._events, "I", texts)

    def empty(self) -> None:
        of = self.draw(st.sampled_from((ORDERS, LINES, EVENTS)))
        if of is EVENTS:
            self.model.events.clear()
        else:
            (self.model.orders if of is ORDERS else self.model.lines).clear()
        self._add(self._events if of is EVENTS else of, "T", {})

    def widen(self) -> None:
        self._events = WIDER

    def _order(self, identity: str) -> Texts:
        return {"id": identity, "total": self.draw(TOTAL), "note": self.draw(BIG), "tags": self.draw(TAGS)}

    def _update(self, row: Texts) -> None:
        """Write an update of an order, perhaps leaving out what did not change."""
        left_out = tuple(self.draw(st.sets(st.sampled_from(["note", "tags"]))))
        # A null is never left out: only stored values can be.
        left_out = tuple(name for name in left_out if row[name] is not None)
        if not left_out:
            row["note"] = self.draw(BIG)
        texts = {name: None if name in left_out else text for name, text in row.items()}
        self._add(ORDERS, "U", texts, unchanged=left_out)

    def _add(self, of: Table, op: str, texts: Texts, unchanged: tuple[str, ...] = (), *, advance: bool = True) -> None:
        ordinal = self._index * 2 + (op != "D")
        self._index += advance
        row = Row(self._lsn, op, dict(texts), ordinal, unchanged)
        self.transactions[-1].append((of, row))


def _copy(of: Table, rows: list[Texts]) -> bytes:
    lines = ["\t".join(_escaped(row[column.name]) for column in of.columns) + "\n" for row in rows]
    return "".join(lines).encode()


def _escaped(text: str | None) -> str:
    if text is None:
        return "\\N"
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
