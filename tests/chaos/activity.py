"""A store that is busy in every way that could trip a pipeline up: random transactions from a seed."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql

Cursor = psycopg.Cursor[tuple[Any, ...]]


class Shopper:
    """Makes one random transaction after the other; a seed makes the same choices again."""

    def __init__(self, url: str, seed: int) -> None:
        self.connection = psycopg.connect(url)
        self.dice = random.Random(seed)
        self.count = 0

    def act(self) -> None:
        """One transaction of one to a few deeds; one in ten is rolled back."""
        with self.connection.cursor() as cursor:
            for _ in range(self.dice.choice([1, 1, 1, 2, 3])):
                self.dice.choice(DEEDS)(cursor, self.dice)
        if self.dice.random() < 0.1:
            self.connection.rollback()
        else:
            self.connection.commit()
        self.count += 1

    def act_until(self, ended: threading.Event, pause: float = 0.002) -> None:
        """Act until told to stop, with a short breath in between."""
        with self.connection:
            while not ended.wait(pause):
                self.act()


def any_id(cursor: Cursor, table: str, dice: random.Random) -> Any:
    """The id of some row, or None."""
    name = sql.Identifier(table)
    cursor.execute(sql.SQL("select id from {} order by md5(id::text || %s) limit 1").format(name), [str(dice.random())])
    row = cursor.fetchone()
    return row[0] if row else None


def order(cursor: Cursor, dice: random.Random) -> None:
    """A new order with lines, a payment and a history entry."""
    cursor.execute("select customer_id, id from addresses order by md5(id::text || %s) limit 1", [str(dice.random())])
    customer, address = cursor.fetchone() or (None, None)
    if customer is None:
        return
    lines = [(dice.randint(1, 5), dice.randint(100, 9999)) for _ in range(dice.randint(1, 6))]
    gross = [quantity * price for quantity, price in lines]
    taxes = [amount // 10 for amount in gross]
    total = sum(gross) + sum(taxes) + 500
    cursor.execute(
        "insert into orders (number, customer_id, shipping_address_id, payment_method_id, shipping_method_id, currency,"
        " items_amount, discount_amount, tax_amount, shipping_amount, total_amount, note)"
        " values (gen_random_uuid(), %s, %s, 1, 1, 'USD', %s / 100.0, 0, %s / 100.0, 5, %s / 100.0, %s) returning id",
        [customer, address, sum(gross), sum(taxes), total, dice.choice(NOTES)],
    )
    (number,) = cursor.fetchone() or (None,)
    for place, ((quantity, price), amount, tax) in enumerate(zip(lines, gross, taxes, strict=True)):
        cursor.execute(
            "insert into order_lines (order_id, line_number, product_id, variant_id, quantity, unit_price,"
            " gross_amount, discount_amount, tax_amount, total_amount)"
            " select %s, %s, product_id, id, %s, %s / 100.0, %s / 100.0, 0, %s / 100.0, %s / 100.0"
            " from variants order by md5(id::text || %s) limit 1",
            [number, place + 1, quantity, price, amount, tax, amount + tax, str(dice.random())],
        )
    cursor.execute(
        "insert into payments (order_id, payment_method_id, amount) values (%s, 1, %s / 100.0)", [number, total]
    )


def change_status(cursor: Cursor, dice: random.Random) -> None:
    """Another state for some orders."""
    cursor.execute(
        "update orders set status = %s, updated_at = clock_timestamp()"
        " where id in (select id from orders order by md5(id::text || %s) limit %s)",
        [
            dice.choice(["paid", "shipped", "delivered", "cancelled", "refunded"]),
            str(dice.random()),
            dice.randint(1, 8),
        ],
    )


def change_line(cursor: Cursor, dice: random.Random) -> None:
    """Another quantity."""
    cursor.execute(
        "update order_lines set quantity = quantity + 1, gross_amount = (quantity + 1) * unit_price,"
        " total_amount = (quantity + 1) * unit_price - discount_amount + tax_amount where id = %s",
        [any_id(cursor, "order_lines", dice)],
    )


def move_line(cursor: Cursor, dice: random.Random) -> None:
    """A line that goes over to another order: both change."""
    cursor.execute(
        "update order_lines set order_id = %s, line_number = (select max(line_number) + 1 from order_lines)"
        " where id = %s",
        [any_id(cursor, "orders", dice), any_id(cursor, "order_lines", dice)],
    )


def delete_line(cursor: Cursor, dice: random.Random) -> None:
    """A line less."""
    cursor.execute("delete from order_lines where id = %s", [any_id(cursor, "order_lines", dice)])


def delete_order(cursor: Cursor, dice: random.Random) -> None:
    """An order less, and with it everything that hangs on it."""
    cursor.execute("delete from orders where id = %s", [any_id(cursor, "orders", dice)])


def renumber_line(cursor: Cursor, dice: random.Random) -> None:
    """A primary key that changes."""
    cursor.execute(
        "update order_lines set id = (select max(id) + 1000000 from order_lines) where id = %s",
        [any_id(cursor, "order_lines", dice)],
    )


def sign_up(cursor: Cursor, dice: random.Random) -> None:
    """A new customer with an address."""
    cursor.execute(
        "insert into customers (email, full_name, password_hash) values (gen_random_uuid(), %s, 'x') returning id",
        [dice.choice(NOTES) or "Ann"],
    )
    (customer,) = cursor.fetchone() or (None,)
    cursor.execute(
        "insert into addresses (customer_id, city_id, street, postal_code) values (%s, %s, 'Main', '1')",
        [customer, any_id(cursor, "cities", dice)],
    )


def fill_cart(cursor: Cursor, dice: random.Random) -> None:
    """A cart with something in it."""
    cursor.execute("insert into carts (id, customer_id) values (gen_random_uuid(), null) returning id")
    (cart,) = cursor.fetchone() or (None,)
    cursor.execute(
        "insert into cart_lines (cart_id, variant_id, quantity) values (%s, %s, 2)",
        [cart, any_id(cursor, "variants", dice)],
    )


def move_stock(cursor: Cursor, dice: random.Random) -> None:
    """Stock goes down."""
    cursor.execute(
        "update stock_levels set on_hand = on_hand - %s where variant_id = %s",
        [dice.randint(1, 9), any_id(cursor, "variants", dice)],
    )


def rename_product(cursor: Cursor, dice: random.Random) -> None:
    """A name that no fact holds."""
    cursor.execute(
        "update products set name = %s where id = %s", [f"Thing {dice.random()}", any_id(cursor, "products", dice)]
    )


def empty_cart_lines(cursor: Cursor, dice: random.Random) -> None:
    """Now and then a table is truncated."""
    if dice.random() < 0.1:
        cursor.execute("truncate cart_lines")


def many_at_once(cursor: Cursor, dice: random.Random) -> None:
    """Now and then a transaction that spans batches."""
    if dice.random() < 0.05:
        cursor.execute("update variants set price = price + 0.01, updated_at = clock_timestamp()")
        cursor.execute("update order_status_history set comment = %s", [str(dice.random())])


NOTES = (None, "", "grün, 日本語, 🛒", "tab\there, back\\slash, quote ' and \"", "line\nbreak", "x" * 3000)
DEEDS: tuple[Callable[[Cursor, random.Random], None], ...] = (
    order,
    order,
    order,
    change_status,
    change_status,
    change_line,
    move_line,
    delete_line,
    delete_order,
    renumber_line,
    sign_up,
    fill_cart,
    move_stock,
    rename_product,
    empty_cart_lines,
    many_at_once,
)
