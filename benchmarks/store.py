"""The store that is measured: a year of history, and a mix of changes that can be made at will."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from tillstream.simulate.history import Sizes, load_history
from tillstream.simulate.schema import create_schema
from tillstream.simulate.server import EmbeddedPostgres

SEED = 7
# What one step of the mix changes: 20 % inserts, 60 % updates, 20 % deletes, in one transaction.
CHANGES_A_STEP = 100
LINES_DELETED, ENTRIES_DELETED = 10, 10

# Steps never delete a row twice, and updates go round the orders in a fixed, scattered order.
_STEP = """
    with placed as (
        insert into orders (
            number, customer_id, shipping_address_id, payment_method_id, shipping_method_id, currency,
            items_amount, discount_amount, tax_amount, shipping_amount, total_amount
        )
        select format('B%s-%s', step, n), c.id, a.id, 1, 1, 'USD', 60, 0, 6, 5, 71
        from generate_series(1, 4) as n
        join customers c on c.id = (step * 4 + n) % {customers} + 1
        cross join lateral (select id from addresses where customer_id = c.id order by id limit 1) a
        returning id
    ), lines as (
        insert into order_lines (
            order_id, line_number, product_id, variant_id, quantity, unit_price,
            gross_amount, discount_amount, tax_amount, total_amount
        )
        select placed.id, line, v.product_id, v.id, 2, 10, 20, 0, 2, 22
        from placed cross join generate_series(1, 3) as line
        join variants v on v.id = (placed.id * 3 + line) % {variants} + 1
    )
    insert into payments (order_id, payment_method_id, status, amount) select id, 1, 'pending', 71 from placed;

    update orders set status = 'delivered', shipping_status = 'completed', updated_at = clock_timestamp()
    where id in (select ((step * 40 + n)::int8 * 7919) % {orders} + 1 from generate_series(1, 40) as n);

    update payments set status = 'completed', updated_at = clock_timestamp()
    where id in (select ((step * 20 + n)::int8 * 7919) % {payments} + 1 from generate_series(1, 20) as n);

    delete from order_lines where id between step * 10 + 1 and step * 10 + 10;
    delete from order_status_history where id between step * 10 + 1 and step * 10 + 10;
"""


@dataclass(frozen=True, slots=True)
class Mix:
    """The mix for one store, which knows the highest id of each table."""

    url: str
    counts: dict[str, int]

    def statement(self, variable: str) -> str:
        """The SQL of one step; `variable` stands for its number."""
        return _STEP.format(**self.counts).replace("step", variable)

    @property
    def step_count(self) -> int:
        """How many steps there are, from the store's first on, before nothing is left to delete."""
        return min(self.counts["order_lines"] // LINES_DELETED, self.counts["order_status_history"] // ENTRIES_DELETED)

    def make(self, first: int, count: int) -> int:
        """Make steps of the mix, each a transaction, as fast as the server can. Returns the changed rows."""
        steps = f"for step in {first}..{first + count - 1} loop {self.statement('step')} commit; end loop;"
        with psycopg.connect(self.url, autocommit=True) as connection:
            before = _changed(connection)
            connection.execute(f"do $$ begin {steps} end $$")
            connection.execute("select pg_stat_force_next_flush()")
            return _changed(connection) - before


def mix_of(url: str) -> Mix:
    """The mix for a store as it is."""
    names = ("customers", "variants", "orders", "payments", "order_lines", "order_status_history")
    with psycopg.connect(url) as connection:
        counts = {}
        for name in names:
            # Steps before this one may have deleted rows; those that are left have the higher ids.
            row = connection.execute(f"select max(id) from {name}").fetchone()
            assert row is not None
            counts[name] = int(row[0])
    return Mix(url, counts)


@contextmanager
def store(folder: Path, orders: int) -> Iterator[str]:
    """A store with that many orders of history; its URL."""
    with EmbeddedPostgres(folder, {"max_wal_size": "4GB", "synchronous_commit": "on"}) as server:
        create_schema(server.url)
        sizes = Sizes(customers=max(orders // 20, 10), products=500, orders=orders)
        load_history(server.url, sizes, SEED, datetime.now(UTC))
        yield server.url


def _changed(connection: psycopg.Connection) -> int:
    row = connection.execute(
        "select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_user_tables where schemaname = 'public'"
    ).fetchone()
    assert row is not None
    return int(row[0])
