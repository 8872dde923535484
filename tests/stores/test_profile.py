"""Store profiles are read strictly, and the bundled ones are sound."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from tillstream.assembly.store import profile_of
from tillstream.errors import ConfigError
from tillstream.settings import Settings, StoreSettings
from tillstream.stores.profile import Reach, known_profiles, load_profile, parse_profile

SMALL = """
name = "small"
schema = "public"
views = "small"
tables = ["orders", "lines"]
[links]
"lines.order_id" = "orders.id"
[roots.order]
table = "orders"
key = "id"
reach = ["orders.id", "lines.order_id"]
"""


@pytest.mark.parametrize("name", known_profiles())
def test_every_bundled_profile_loads(name: str) -> None:
    assert load_profile(name).name == name


def test_a_reach_goes_by_a_column_or_through_a_link() -> None:
    reaches = load_profile("demo").root("order").reaches

    assert Reach("order_lines", "order_id") in reaches
    assert Reach("addresses", "id", "orders.shipping_address_id") in reaches


def test_password_hashes_never_leave_the_demo_store() -> None:
    assert "customers.password_hash" in load_profile("demo").excluded


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        ('name = "small"\nfolder = 1', 'name = "small"', 'store profile has no key "folder"'),
        ('views = "smal', 'views = "small"', "is not TOML"),
        ("", 'views = "small"', "lacks views"),
        ('["orders"]', '["orders", "lines"]', 'speaks of table "lines", which it does not list'),
        ('"lines = order_id"', '"lines.order_id"]', "is not understood"),
        ('"orders"', '"orders.id"', "is not understood"),
        ('key = "id"\nby = 1', 'key = "id"', '[roots.order] has no key "by"'),
        ("", 'key = "id"', '[roots.order] in store profile "small.toml" lacks key'),
        (
            '"lines.order_id <- lines.order_id", "lines.id <- orders.line_id"',
            '"lines.order_id"]',
            'uses the link "orders.line_id"',
        ),
    ],
)
def test_a_mistake_is_named(wrong: str, right: str, message: str) -> None:
    if right.endswith("]") and not right.startswith("["):
        right, wrong = right[:-1] + "]", wrong + "]"
    assert right in SMALL

    with pytest.raises(ConfigError) as caught:
        parse_profile(SMALL.replace(right, wrong), "small.toml")

    assert message in str(caught.value)


def test_an_unknown_profile_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="Known: demo"):
        load_profile("dmo")


def test_a_profile_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r'"nowhere/store\.toml" can\'t be read'):
        load_profile("nowhere/store.toml")


def test_a_profile_of_ones_own_is_found_beside_the_settings(tmp_path: Path) -> None:
    (tmp_path / "store.toml").write_text(SMALL)
    settings = Settings(tmp_path, store=StoreSettings(profile="store.toml"))
    assert profile_of(settings) == parse_profile(SMALL, "store.toml")


def test_links_of_a_schema_of_its_own_go_by_the_names_of_the_warehouse() -> None:
    text = (resources.files("tillstream.stores") / "demo" / "store.toml").read_text(encoding="utf-8")
    profile = parse_profile(text.replace('schema = "public"', 'schema = "shop"'), "store.toml")
    columns = profile.linking_columns()
    assert columns["shop_order_lines"] == ["order_id"]
    assert all(name.startswith("shop_") for name in columns)
