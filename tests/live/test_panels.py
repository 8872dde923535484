"""The page's panels read the models as dbt builds them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.live import rows
from tests.live.shop import Shop
from tillstream.web.panels import panels

PARAMETERS = {"currency": "USD", "zone": "UTC"}


@pytest.fixture
def sold(shop: Shop) -> Shop:
    """One order of two minutes ago, paid, and a variant with its stock."""
    rows.places(shop)
    rows.catalogue(shop)
    rows.customer(shop, 1, created_at=datetime.now(UTC))
    rows.address(shop, 1, 1, 1)
    rows.order(shop, 1, status="paid", placed_at=datetime.now(UTC) - timedelta(minutes=2))
    rows.line(shop, 1, 1)
    shop.put("stock_levels", variant_id=1, warehouse_id=1, on_hand=0, low_stock_threshold=5)
    shop.land()
    return shop


@pytest.mark.parametrize("name", panels())
def test_every_panel_reads_the_models_as_they_are(sold: Shop, name: str) -> None:
    panel = panels()[name]
    found = panel.read(sold.warehouse, PARAMETERS)
    for column in panel.columns:
        assert all(column in row for row in found)
    assert set(panel.sources) <= {
        f"{database}.{table}" for database, table in sold.warehouse.rows("select database, name from system.tables")
    }
    assert found, "an order was placed"
    behind = panel.read_behind(sold.warehouse, PARAMETERS)
    assert behind, "and there are rows behind every number"
    assert not {"email", "phone", "street", "first_name", "last_name"} & set(behind[0])


def test_the_panels_agree_about_one_order(sold: Shop) -> None:
    by_name = {name: panel.read(sold.warehouse, PARAMETERS) for name, panel in panels().items()}
    total = Decimal(by_name["latest_orders"][0]["total_amount"])
    assert total > 0
    assert sum(Decimal(row["revenue"]) for row in by_name["revenue_per_minute"]) == total
    assert Decimal(by_name["top_cities"][0]["revenue"]) == total
    assert (by_name["order_funnel"][0]["placed"], by_name["order_funnel"][0]["paid"]) == (1, 1)
    assert len(by_name["revenue_per_minute"]) == 60
