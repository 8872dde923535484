"""The models and queries of the guides work as they stand there."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

from tests.live.checks import assert_exact
from tests.live.rows import order
from tests.services.models import bare_shop, with_endpoint
from tests.style.tree import ROOT, read
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.models import Project, deploy
from tillstream.stores.profile import load_profile, parse_profile

GUIDE = read("docs/guides/add-a-rollup.md")
PROFILE_GUIDE = read("docs/guides/store-profile.md")


def found(pattern: str, guide: str = GUIDE) -> str:
    match = re.search(pattern, guide, flags=re.DOTALL)
    assert match, pattern
    return match.group(1)


def test_the_rollup_of_the_guide_is_built_and_followed(warehouse: Warehouse, tmp_path: Path) -> None:
    shop = bare_shop(warehouse)
    name = found(r"as\s`(\w+)\.sql`")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / f"{name}.sql").write_text(found(r"```sql\n(.*?)```"))
    (tmp_path / "models" / f"{name}.yml").write_text(found(r"```yaml\n(.*?)```"))
    order(shop, 1, total_amount=100)
    shop.write()

    def build_and_change(project: Project) -> None:
        deploy(project, shop.layer)
        order(shop, 2, total_amount=50)
        shop.land()
        rows = warehouse.rows(found(r'till query "(.*?)"'))
        assert sum(revenue for _, revenue in rows) == 150
        assert project.test(found(r"till models test --select (\w+)").split()) == 1
        assert_exact(shop)

    with_endpoint(warehouse, tmp_path, build_and_change, tmp_path / "models")


def test_the_profile_of_the_guide_is_one_that_the_facts_can_live_on() -> None:
    profile = parse_profile(found(r"```toml\n(.*?)```", PROFILE_GUIDE), "the guide")
    assert profile.views == "own"
    demo = load_profile("demo")
    assert profile.links == demo.links
    assert profile.roots == demo.roots


def test_store_views_of_a_folder_of_ones_own_take_the_place_of_the_built_in_ones(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    shop = bare_shop(warehouse)
    shutil.copytree(ROOT / "dbt" / "models" / "store" / "demo", tmp_path / "models" / "store")
    orders = tmp_path / "models" / "store" / "orders.sql"
    orders.write_text(orders.read_text().replace("    total_amount,", "    total_amount * 2 as total_amount,"))
    order(shop, 1, total_amount=100)
    shop.write()

    def build_and_change(project: Project) -> None:
        deploy(replace(project, views="own"), shop.layer)
        order(shop, 2, total_amount=50)
        shop.land()
        assert warehouse.value("select sum(revenue) from live.sales_by_day") == 300
        assert_exact(shop)

    with_endpoint(warehouse, tmp_path, build_and_change, tmp_path / "models")
