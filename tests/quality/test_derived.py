"""Facts against the mirror and rollups against the facts: what was tampered with is named, and mended."""

from __future__ import annotations

import pytest

from tests.live.rows import line, order
from tests.live.shop import Shop
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.quality.derived import compare_facts, compare_rollup
from tillstream.quality.mend import rebuild_facts, rebuild_rollup
from tillstream.quality.moment import clone, drop_clones
from tillstream.quality.report import Comparison
from tillstream.quality.rewritten import clone_views


@pytest.fixture
def busy(shop: Shop) -> Shop:
    shop.put("customers", id=1, full_name="A", email="a@b.c", created_at="2026-03-01 00:00:00+00")
    shop.put("addresses", id=1, customer_id=1, city_id=1)
    for number in (1, 2, 3):
        order(shop, number)
        line(shop, number, number)
    shop.land()
    order(shop, 2, status="cancelled")
    shop.drop("order_lines", 3)
    shop.land()
    return shop


def compared(shop: Shop) -> dict[str, Comparison]:
    """Every fact and rollup by its table."""
    clone(shop.warehouse)
    clone_views(shop.warehouse)
    definitions = shop.layer.definitions
    results = [compare_facts(shop.warehouse, fact) for fact in definitions.facts]
    results += [compare_rollup(shop.warehouse, rollup) for rollup in definitions.rollups]
    drop_clones(shop.warehouse)
    return {result.table: result for result in results}


def mended(shop: Shop) -> int:
    definitions = shop.layer.definitions
    count = sum(rebuild_facts(shop.warehouse, fact) for fact in definitions.facts)
    return count + sum(rebuild_rollup(shop.warehouse, rollup) for rollup in definitions.rollups)


def different(shop: Shop) -> list[str]:
    return sorted(name for name, result in compared(shop).items() if not result.exact)


def test_untouched_layers_are_exact_and_nothing_is_mended(busy: Shop) -> None:
    results = compared(busy)

    assert [difference for result in results.values() for difference in result.differences] == []
    assert results["facts.fct_orders"].row_count == 3
    assert mended(busy) == 0


def alter(warehouse: Warehouse, statement: str) -> None:
    warehouse.execute(statement, settings={"mutations_sync": 1})


def test_a_changed_fact_is_named_by_key_and_column(busy: Shop) -> None:
    alter(busy.warehouse, "alter table facts.fct_orders update total_amount = 26 where order_id = 1")

    result = compared(busy)["facts.fct_orders"]

    assert [(each.key, each.column, each.expected, each.found) for each in result.differences] == [
        ("order_id = 1", "total_amount", "25", "26")
    ]


def test_a_deleted_fact_is_found_and_mended_with_its_rollups(busy: Shop) -> None:
    alter(busy.warehouse, "alter table facts.fct_order_lines delete where order_id = 1")
    assert "facts.fct_order_lines" in different(busy)

    assert mended(busy) > 0
    assert different(busy) == []


def test_a_changed_rollup_is_named_by_bucket_and_mended(busy: Shop) -> None:
    name = busy.warehouse.value(
        "select name from system.tables where database = 'live' and name = 'sales_by_minute_sums'"
    )
    alter(busy.warehouse, f"alter table live.{name} update revenue = revenue + 1 where 1")

    result = compared(busy)[f"live.{name}"]

    assert {each.column for each in result.differences} == {"revenue"}
    assert "minute = 2026-03-01" in result.differences[0].key
    assert mended(busy) > 0
    assert different(busy) == []


def test_a_deleted_bucket_is_found_and_mended(busy: Shop) -> None:
    alter(busy.warehouse, "alter table live.sales_by_product_sums delete where 1")

    assert different(busy) == ["live.sales_by_product_sums"]
    assert mended(busy) > 0
    assert different(busy) == []
