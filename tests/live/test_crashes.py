"""Each step can be repeated, and what a crash took away is put back."""

from __future__ import annotations

import pytest

from tests.live.checks import assert_exact
from tests.live.rows import line, order, payment
from tests.live.shop import Shop
from tillstream.flow.failpoints import crash_at
from tillstream.live.layer import LiveLayer


def restart(shop: Shop) -> None:
    shop.layer.close()
    shop.layer = LiveLayer(shop.warehouse, shop.layer.profile)


def sold(shop: Shop, count: int) -> None:
    for number in range(1, count + 1):
        order(shop, number)
        line(shop, number, number)
        payment(shop, number, number)


def test_publishing_again_adds_nothing(shop: Shop) -> None:
    sold(shop, 3)
    batch = shop.write()
    shop.layer.stage(shop.number, batch)
    shop.layer.publish(shop.number)

    restart(shop)
    shop.layer.publish(shop.number)

    assert_exact(shop)


def test_staging_again_replaces_what_was_staged(shop: Shop) -> None:
    sold(shop, 3)
    batch = shop.write()
    with crash_at("during_stage"):
        shop.layer.stage(shop.number, batch)

    restart(shop)
    shop.layer.stage(shop.number, batch)
    assert shop.staged() == 6
    shop.layer.publish(shop.number)

    assert_exact(shop)


def test_a_restart_publishes_what_was_staged_before(shop: Shop) -> None:
    sold(shop, 2)
    shop.layer.stage(shop.number + 1, shop.write())

    restart(shop)
    shop.layer.publish(shop.number)

    assert_exact(shop)


@pytest.mark.parametrize("times", [1, 2])
def test_a_crash_between_two_facts_is_ended_by_publishing_again(shop: Shop, times: int) -> None:
    sold(shop, 2)
    shop.put("stock_levels", variant_id=1, warehouse_id=1, on_hand=1, low_stock_threshold=5)
    shop.layer.stage(shop.number + 1, shop.write())
    with crash_at("during_publish", times):
        shop.layer.publish(shop.number)

    restart(shop)
    shop.layer.publish(shop.number)

    assert_exact(shop)


@pytest.mark.parametrize(
    "table",
    ["facts.fct_orders", "facts.fct_order_lines", "live.sales_by_minute_sums", "live.sales_by_product_sums"],
)
def test_reconciling_puts_back_a_part_that_was_lost(shop: Shop, table: str) -> None:
    sold(shop, 3)
    shop.land()
    shop.warehouse.execute(f"truncate table {table}")

    assert shop.layer.reconcile(shop.number) > 0
    assert_exact(shop)


def test_reconciling_the_same_loss_twice_mends_it_twice(shop: Shop) -> None:
    sold(shop, 3)
    shop.land()
    for _ in range(2):
        shop.warehouse.execute("alter table live.sales_by_minute_sums delete where 1 settings mutations_sync = 1")
        shop.layer.reconcile(shop.number)
        assert_exact(shop)


def test_a_crash_while_reconciling_is_ended_by_reconciling_again(shop: Shop) -> None:
    sold(shop, 3)
    shop.land()
    shop.warehouse.execute("truncate table facts.fct_orders")
    with crash_at("during_reconcile"):
        shop.layer.reconcile(shop.number)

    restart(shop)
    shop.layer.reconcile(shop.number)

    assert_exact(shop)


def test_nothing_to_mend_mends_nothing(shop: Shop) -> None:
    sold(shop, 3)
    shop.land()

    assert shop.layer.reconcile(shop.number) == 0


def test_a_number_that_is_used_again_publishes_what_is_new(shop: Shop) -> None:
    sold(shop, 1)
    shop.land()
    shop.number -= 1
    sold(shop, 2)

    shop.land()

    assert_exact(shop)


def test_old_staged_changes_are_dropped(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tillstream.live.staging.BATCHES_A_PARTITION", 1)
    shop.number += 1_000 * 256
    for amount in range(1, 5):
        order(shop, 1, total_amount=amount)
        shop.land()
        shop.number += 255

    batches = shop.warehouse.rows("select distinct batch from till.delta_fct_orders")
    assert len(batches) < 4
    assert_exact(shop)
