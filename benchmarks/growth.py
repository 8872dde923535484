"""A long history, made inside the warehouse: the store's own year over and over, each time with other ids.

Orders, what hangs on them, customers and addresses get copies whose ids are moved by multiples of `stride`; products
and cities stay. Mirrors, links and facts get them by plain inserts, the rollups by their views, so the live step
finds exactly the tables it would find after as many years. Bronze, carts, stock and logs are not copied: the live step
reads bronze by batch number, and the others by keys that no copied row has.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

from tillstream.destinations.clickhouse.client import Warehouse, literals, quoted
from tillstream.live.definitions import Definitions, Fact
from tillstream.stores.profile import Profile

# Which columns of a copied row hold ids of copied rows.
MOVED = {
    "customers": ("id",),
    "addresses": ("id", "customer_id"),
    "orders": ("id", "customer_id", "shipping_address_id"),
    "order_lines": ("id", "order_id"),
    "payments": ("id", "order_id"),
    "refunds": ("id", "order_id", "payment_id"),
    "shipments": ("id", "order_id"),
}
ROOTS = ("order", "customer")
PATIENCE = 180.0

_MARK = re.compile(r"true /\* only touched: (\w+)[^*]*\*/")


@dataclass(slots=True)
class History:
    """The history of one warehouse, `copies` times the store's own."""

    warehouse: Warehouse
    profile: Profile
    definitions: Definitions
    stride: int = 0
    copies: int = 1

    def __post_init__(self) -> None:
        tables = " union all ".join(f"select max(id) as id from mirror.{name}" for name in MOVED)
        largest = int(self.warehouse.value(f"select max(id) from ({tables})"))
        self.stride = 10 ** len(str(largest))

    @property
    def orders(self) -> int:
        """How many orders the mirror has."""
        return int(self.warehouse.value("select count() from mirror.orders final where _deleted = 0"))

    def grow(self, copies: int) -> Iterator[str]:
        """Make it so many times the store's own, a multiple of what it is; yields what is done next."""
        have = self.copies
        for turn in range(1, copies // have):
            for what, statement in self._statements(have * self.stride, turn * have * self.stride):
                yield f"{self.copies * 100 // copies} %, {what}"
                self.warehouse.execute(f"{statement} settings insert_deduplicate = 0, parallel_view_processing = 1")
            self.copies += have

    def check(self, orders: int) -> None:
        """Fail unless mirror and facts have at least so many orders, and as many as each other."""
        facts = int(self.warehouse.value("select sum(sign) from facts.fct_orders"))
        assert facts == self.orders >= orders, f"{facts} orders in the facts, {self.orders} in the mirror"

    def rest(self) -> None:
        """Wait until the engine has nothing to merge, as after a night."""
        deadline = time.monotonic() + PATIENCE
        quiet = 0
        while quiet < 10 and time.monotonic() < deadline:
            quiet = 0 if self.warehouse.value("select count() from system.merges") else quiet + 1
            time.sleep(0.1)

    def _statements(self, width: int, shift: int) -> Iterator[tuple[str, str]]:
        """What copies the ids up to `width` to those beyond `shift`."""
        for name, columns in MOVED.items():
            moved = ", ".join(f"{column} + {shift} as {column}" for column in columns)
            own = f"select * from mirror.{name} final where id <= {width} and _deleted = 0"
            yield f"mirror.{name}", f"insert into mirror.{name} select * replace ({moved}) from ({own})"
        for link in self.profile.links:
            yield f"links of {link.name}", self._links([link.name, f"{link.name}^"], width, shift)
        for fact in self.definitions.of_roots(ROOTS):
            yield fact.table, self._facts(fact, shift, shift + width)

    def _links(self, names: list[str], width: int, shift: int) -> str:
        moved = ", ".join(f"toString(toInt64({column}) + {shift})" for column in ("from_id", "to_id"))
        return (
            f"insert into mirror.links (link, from_id, to_id) select link, {moved} from mirror.links final"
            f" where link in ({literals(names)}) and toInt64(from_id) <= {width} and toInt64(to_id) <= {width}"
        )

    def _facts(self, fact: Fact, above: int, up_to: int) -> str:
        found = self.warehouse.rows(
            "select name from system.columns where database = 'facts' and table = {table:String}"
            " and name not in ('sign', 'content') order by position",
            {"table": fact.name},
        )
        names = ", ".join(quoted(name) for (name,) in found)
        rows = _MARK.sub(lambda mark: f"({mark[1]} > {above} and {mark[1]} <= {up_to})", fact.sql)
        return (
            f"insert into {fact.table} ({names}, content, sign)"
            f" select {names}, sipHash128(tuple({names})), 1 from ({rows}\n)"
        )
