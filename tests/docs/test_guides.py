"""The models and queries of the guides work as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.live.checks import assert_exact
from tests.live.rows import order
from tests.services.models import bare_shop, with_endpoint
from tests.style.tree import read
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.models import Project, deploy

GUIDE = read("docs/guides/add-a-rollup.md")


def found(pattern: str) -> str:
    match = re.search(pattern, GUIDE, flags=re.DOTALL)
    assert match, pattern
    return match.group(1)


def test_the_rollup_of_the_guide_is_built_and_followed(warehouse: Warehouse, tmp_path: Path) -> None:
    shop = bare_shop(warehouse)
    name = found(r"as `(\w+)\.sql`")
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
        assert_exact(shop)

    with_endpoint(warehouse, tmp_path, build_and_change, tmp_path / "models")
