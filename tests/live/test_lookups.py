"""What a change costs follows the change: every table is looked up by its key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live import rows
from tests.live.shop import Shop
from tillstream.live.layer import LiveLayer

ORDER_COUNT = 6_000


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """With a history, of which the last batch touches four orders."""
    for number in range(1, ORDER_COUNT):
        rows.order(shop, number, shipping_address_id=number)
        rows.line(shop, number, number)
        rows.payment(shop, number, number)
        rows.refund(shop, number, number)
        rows.shipment(shop, number, number)
        rows.address(shop, number, number, 1)
        rows.customer(shop, number)
        rows.cart(shop, number)
        shop.put("cart_lines", cart_id=rows.cart_id(number), variant_id=1, quantity=1)
        shop.put("stock_levels", variant_id=number, warehouse_id=1, on_hand=1)
    shop.land()
    for number in (17, 18, 2_500, 5_000):
        rows.order(shop, number, shipping_address_id=number, status="shipped")
        rows.customer(shop, number, accepts_marketing=True)
        rows.cart(shop, number, state="ordered")
        shop.put("stock_levels", variant_id=number, warehouse_id=1, on_hand=0)
    return shop


@pytest.mark.parametrize("few", [0, 1_000])
def test_every_mirrored_table_is_read_by_its_key(shop: Shop, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.layer.few = few
    statements: list[str] = []
    execute = shop.warehouse.execute

    def remember(sql: str, *arguments: Any) -> None:
        statements.append(sql)
        execute(sql, *arguments)

    monkeypatch.setattr(shop.warehouse, "execute", remember)
    assert shop.land() == 2 * (4 + 4 + 4 + 4 + 4)

    staging = [sql for sql in statements if sql.startswith("insert into till.delta_")]
    assert len(staging) == len(shop.layer.definitions.facts)
    for sql in staging:
        reads = list(_reads(shop.layer, sql[sql.index("select") :]))
        assert reads
        for read in reads:
            if read["Name"].split(".")[0] in ("mirror", "facts"):
                assert read["granules"][0] < read["granules"][1], read


def _reads(layer: LiveLayer, query: str) -> Iterator[dict[str, Any]]:
    plan = json.loads(layer.warehouse.rows(f"explain plan json = 1, indexes = 1 {query}")[0][0])
    nodes = [plan[0]["Plan"]]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        if node["Node Type"] == "ReadFromMergeTree":
            by_key = [index for index in node["Indexes"] if index["Type"] == "PrimaryKey"]
            assert by_key, node
            granules = (by_key[0]["Selected Granules"], by_key[0]["Initial Granules"])
            yield {"Name": node["Description"], "granules": granules, "condition": by_key[0]["Condition"]}
