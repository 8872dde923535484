"""A fact that somebody changed by hand is right after mending, and stays right when its parts are merged."""

from __future__ import annotations

from tests.live.checks import assert_exact
from tests.live.rows import line, order
from tests.live.shop import Shop
from tillstream.quality.mend import rebuild_facts, rebuild_rollup


def test_a_changed_fact_is_right_again_even_after_a_merge(shop: Shop) -> None:
    for number in (1, 2):
        order(shop, number)
        line(shop, number, number)
    shop.land()
    shop.warehouse.execute(
        "alter table facts.fct_orders update total_amount = 99 where order_id = 1 settings mutations_sync = 1"
    )

    assert rebuild_facts(shop.warehouse, shop.layer.definitions.fact("fct_orders")) == 1
    for rollup in shop.layer.definitions.rollups:
        rebuild_rollup(shop.warehouse, rollup)
    shop.warehouse.execute("optimize table facts.fct_orders final")
    assert_exact(shop)

    order(shop, 1, status="cancelled")
    shop.land()
    assert_exact(shop)
