"""dbt builds the models through the endpoint, and says what is wrong with one of ours or yours."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.checks import assert_exact
from tests.live.rows import order
from tests.live.shop import Shop
from tests.services.models import bare_shop, with_endpoint
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.errors import ModelError
from tillstream.models import Project, deploy

OWN = """
{{ config(materialized='materialized_view', engine='SummingMergeTree', order_by=['currency']) }}

select currency, sum(sign) as orders, sum(sign * total_amount) as turnover
from {{ ref('fct_orders') }}
where total_amount >= 100
group by currency
"""


def turnover(shop: Shop) -> float:
    return float(shop.warehouse.value("select sum(turnover) from live.large_orders"))


def test_a_rollup_of_ones_own_is_built_followed_and_built_again(warehouse: Warehouse, tmp_path: Path) -> None:
    shop = bare_shop(warehouse)
    own = tmp_path / "models"
    model = own / "large_orders.sql"
    model.parent.mkdir(parents=True)
    model.write_text(OWN)
    order(shop, 1, total_amount=100)
    order(shop, 2, total_amount=10)
    assert not shop.layer.ready
    shop.write()

    def build_change_and_build_again(project: Project) -> None:
        deploy(project, shop.layer)
        assert turnover(shop) == 100
        order(shop, 3, total_amount=1_000)
        order(shop, 1, total_amount=50)
        shop.land()
        assert turnover(shop) == 1_000
        assert_exact(shop)

        kept = warehouse.rows("select name, uuid from system.tables where database = 'facts' order by name")
        model.write_text(OWN.replace(">= 100", ">= 50"))
        deploy(project, shop.layer)
        assert turnover(shop) == 1_050
        assert warehouse.rows("select name, uuid from system.tables where database = 'facts' order by name") == kept
        shop.put("orders", id=2, total_amount=60)
        shop.land()
        assert turnover(shop) == 1_110
        assert_exact(shop)

        project.test(["sales_by_customer"])
        # These orders' totals are not what their parts make.
        with pytest.raises(ModelError, match=r'test "adds_up_sales_by_day.*" fails'):
            project.test(["sales_by_day"])

    with_endpoint(warehouse, tmp_path, build_change_and_build_again, own)


def test_a_model_the_engine_refuses_is_named_with_its_words(warehouse: Warehouse, tmp_path: Path) -> None:
    shop = bare_shop(warehouse)
    model = tmp_path / "models" / "live" / "wrong.sql"
    model.parent.mkdir(parents=True)
    model.write_text("select no_such_column from {{ ref('brands') }}")

    def build(project: Project) -> None:
        with pytest.raises(ModelError) as caught:
            deploy(project, shop.layer)
        assert caught.value.message == 'model "wrong" could not be built'
        assert "no_such_column" in caught.value.detail
        assert not shop.layer.ready

    with_endpoint(warehouse, tmp_path, build, model.parent.parent)


def test_a_model_that_cannot_be_parsed_is_named(warehouse: Warehouse, tmp_path: Path) -> None:
    bare_shop(warehouse)
    model = tmp_path / "models" / "live" / "wrong.sql"
    model.parent.mkdir(parents=True)
    model.write_text("select 1 from {{ ref('no_such_model') }}")

    def build(project: Project) -> None:
        with pytest.raises(ModelError) as caught:
            project.deploy()
        assert caught.value.message == "the models could not be read"
        assert "no_such_model" in caught.value.detail

    with_endpoint(warehouse, tmp_path, build, model.parent.parent)
