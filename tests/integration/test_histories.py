"""Whatever happens to the store, every layer says the same as the store; and what is tampered with is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.integration.whole import Whole

Act = tuple[str, ...]

PLACES = (
    "insert into countries values ('us', 'Here')",
    "insert into provinces values (1, 'us', 'North'), (2, 'us', 'South')",
    "insert into cities values (1, 1, 'A', 1.5, 2.5, 10), (2, 2, 'B', -1.5, 3, 20), (3, 2, 'C', 0, 0, 30)",
    "insert into payment_methods values (1, 'Card'), (2, 'Cash')",
    "insert into shipping_methods values (1, 'Slow', 3.00), (2, 'Fast', 9.99)",
    "insert into brands values (1, 'One'), (2, 'Two')",
    "insert into vendors values (1, 'Vend', 'us', 'v@example.org')",
    "insert into categories values (1, null, 'All', 'all'), (2, 1, 'Some', 'some')",
    "insert into warehouses values (1, 1, 'Main')",
    "insert into products select n, 1 + n % 2, 1 + n % 2, 1, 'Product ' || n, repeat(md5(n::text), 200), 'active', 0.1"
    " from generate_series(1, 3) as n",
    "insert into variants select n, n, 'sku' || n, 'V', 10.10 * n, 5, gen_random_uuid()"
    " from generate_series(1, 3) as n",
    "insert into stock_levels select n, 1, 10 from generate_series(1, 3) as n",
    "insert into customers select n, n || '@example.org', null, 'Customer ' || n, 'x' from generate_series(1, 4) as n",
    "insert into addresses select n, n, 1 + n % 3, 'home', 's', '1' from generate_series(1, 4) as n",
)

orders = st.integers(1, 6)
lines = st.integers(1, 12)
people = st.integers(1, 4)
cents = st.integers(0, 99_999)
states = st.sampled_from(
    ["placed", "paid", "payment_failed", "cancelled", "shipped", "delivered", "returned", "refunded"]
)


def money(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02}"


def place(order: int, person: int, amount: int, state: str) -> Act:
    total = money(amount)
    return (
        "insert into orders (id, number, customer_id, shipping_address_id, payment_method_id, shipping_method_id,"
        " status, currency, items_amount, discount_amount, tax_amount, shipping_amount, total_amount, placed_at)"
        f" values ({order}, 'N{order}', {person}, {person}, 1 + {order} % 2, 1 + {amount} % 2, '{state}', 'USD',"
        f" {total}, 0, 0, 0, {total}, timestamptz '2026-01-31 23:59:00Z' + interval '{order} hours')"
        " on conflict (id) do update set status = excluded.status, updated_at = now()",
    )


def add_line(line: int, order: int, amount: int) -> Act:
    total = money(amount)
    return (
        "insert into order_lines (id, order_id, line_number, product_id, variant_id, quantity, unit_price,"
        " gross_amount, discount_amount, tax_amount, total_amount)"
        f" values ({line}, {order}, {line}, 1 + {line} % 3, 1 + {line} % 3, 2, {total}, 2 * {total}, 0, 0, 2 * {total})"
        " on conflict (id) do update set quantity = excluded.quantity, order_id = excluded.order_id",
    )


def pay(line: int, order: int, amount: int) -> Act:
    return (
        "insert into payments (id, order_id, payment_method_id, status, amount)"
        f" values ({line}, {order}, 1, 'completed', {money(amount)}) on conflict (id) do nothing",
        f"insert into refunds (id, order_id, payment_id, reason, amount) values ({line}, {order}, {line}, 'late', 0.01)"
        " on conflict (id) do nothing",
    )


def ship(line: int, order: int) -> Act:
    return (
        "insert into shipments (id, order_id, warehouse_id, shipping_method_id, cost, dispatched_at, completed_at)"
        f" values ({line}, {order}, 1, 1, 1, '2026-02-02 00:00Z', null)"
        " on conflict (id) do update set completed_at = '2026-02-04 06:00Z', order_id = excluded.order_id",
    )


ONE_ROW: list[st.SearchStrategy[Act]] = [
    st.builds(place, orders, people, cents, states),
    st.builds(add_line, lines, orders, cents),
    st.builds(pay, lines, orders, cents),
    st.builds(ship, lines, orders),
    st.builds(lambda order, state: (f"update orders set status = '{state}' where id = {order}",), orders, states),
    st.builds(lambda line: (f"delete from order_lines where id = {line}",), lines),
    st.builds(lambda order: (f"delete from orders where id = {order}",), orders),
    st.builds(lambda line, order: (f"update order_lines set order_id = {order} where id = {line}",), lines, orders),
    st.builds(lambda line: (f"update order_lines set id = id + 100 where id = {line}",), lines),
    st.builds(lambda person, city: (f"update addresses set city_id = {city} where id = {person}",), people, people),
    st.builds(lambda item: (f"update products set name = name || '!' where id = {item}",), st.integers(1, 3)),
    st.builds(
        lambda item, left: (f"update stock_levels set on_hand = {left} where variant_id = {item}",), lines, lines
    ),
    st.builds(
        lambda line, cart: (f"update payments set status = 'failed' where id in ({line}, {cart})",), lines, lines
    ),
]
WHOLE_TABLE: list[st.SearchStrategy[Act]] = [
    st.just(("truncate refunds",)),
    st.just(("truncate shipments",)),
    st.just(("truncate order_lines",)),
    st.just(("truncate orders cascade",)),
    st.just(("update orders set shipping_amount = 1, total_amount = total_amount + 1 where shipping_amount = 0",)),
]
COLUMNS: list[st.SearchStrategy[Act]] = [
    st.just(("alter table orders add column if not exists gift boolean",)),
    st.just(("alter table orders add column if not exists gift boolean", "update orders set gift = id % 2 = 0")),
    st.just(("alter table shipments drop column if exists tracking_number",)),
    st.just(("alter table payments alter column amount type numeric(14, 2)",)),
    st.just(("alter table payments add column if not exists points integer", "update payments set points = id")),
]
transactions = st.tuples(
    st.lists(st.one_of(*ONE_ROW, *ONE_ROW, *ONE_ROW, *WHOLE_TABLE, *COLUMNS), min_size=1, max_size=5), st.booleans()
)


@settings(
    max_examples=12,
    # Examples share one store, so a smaller one proves nothing: show the first that fails.
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)
@given(history=st.lists(transactions, min_size=1, max_size=12))
def test_every_layer_equals_the_store_after_any_history(
    whole: Whole, history: Sequence[tuple[Sequence[Act], bool]]
) -> None:
    whole.transaction(*(f"{statement} on conflict do nothing" for statement in PLACES))
    for acts, abort in history:
        whole.transaction(*(statement for act in acts for statement in act), abort=abort)

    report = whole.verified()

    assert report.differences == []
    assert report.exact


@pytest.fixture
def busy(whole: Whole) -> Whole:
    whole.transaction(*PLACES)
    for number in range(1, 6):
        whole.transaction(*place(number, 1 + number % 4, 100 * number, "paid"), *add_line(number, number, 50 * number))
    assert whole.verified().exact
    return whole


TAMPERED: list[tuple[str, str, Callable[[str], bool]]] = [
    (
        "alter table mirror.orders update total_amount = 1 where id = 3",
        "public.orders",
        lambda named: "id = 3 total_amount 3 1" in named,
    ),
    (
        "alter table mirror.order_lines delete where id = 2",
        "public.order_lines",
        lambda named: "id = 2 (whole row) a row None" in named,
    ),
    (
        "insert into mirror.orders (id, number, _version) values (99, 'N99', 1)",
        "public.orders",
        lambda named: "id = 99 (whole row) None a row" in named,
    ),
    (
        "alter table facts.fct_orders delete where order_id = 1",
        "facts.fct_orders",
        lambda named: "order_id = 1" in named,
    ),
    (
        "alter table live.sales_by_minute_sums update revenue = revenue + 1 where 1",
        "live.sales_by_minute_sums",
        lambda named: "revenue" in named,
    ),
]


@pytest.mark.parametrize(("statement", "table", "named"), TAMPERED, ids=[case[0][:50] for case in TAMPERED])
def test_what_was_tampered_with_is_named_and_mended(
    busy: Whole, statement: str, table: str, named: Callable[[str], bool]
) -> None:
    busy.warehouse.execute(statement, settings={"mutations_sync": 1})

    report = busy.verified()

    found = [difference for difference in report.differences if difference.table == table]
    assert any(named(f"{each.key} {each.column} {each.expected} {each.found}") for each in found), report.differences
    repaired = busy.verified(repair=True)
    assert repaired.exact
    assert repaired.repaired_rows > 0
    assert busy.verified().exact


def test_rows_older_than_a_column_have_its_default(busy: Whole) -> None:
    """The log does not tell of it: PostgreSQL fills such a column without writing its rows."""
    busy.transaction("alter table orders add column wrapped boolean default true")
    busy.transaction("update orders set note = 'changed' where id = 1")

    assert busy.verified().differences == []


def test_verify_is_exact_while_changes_flow(busy: Whole) -> None:
    for number in range(1, 40):
        busy.transaction(*place(1 + number % 6, 1, 100 + number, "shipped"), *add_line(number, 1 + number % 6, number))
        if number % 10 == 0:
            assert busy.verifier.verify().exact
