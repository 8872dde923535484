"""What is read off dbt's manifest, and what dbt and the warehouse each say of a fact's table."""

from __future__ import annotations

from typing import Any

import pytest

from tests.style.tree import read
from tillstream.destinations.clickhouse.layouts import BY_KEY, DEDUPLICATION
from tillstream.errors import ModelError
from tillstream.models import definitions_in


def model(name: str, materialized: str, *sources: str) -> dict[str, Any]:
    config = {"materialized": materialized, "meta": {"root": "order"}, "primary_key": "id", "order_by": "id"}
    return {
        "resource_type": "model",
        "alias": name,
        "schema": "live",
        "original_file_path": f"models/own/{name}.sql",
        "compiled_code": f"select 1 as {name}",
        "config": config,
        "depends_on": {"nodes": list(sources)},
    }


def manifest(*models: dict[str, Any]) -> dict[str, Any]:
    return {"nodes": {each["alias"]: each for each in models}}


FACTS = (model("fct_orders", "facts"), model("fct_carts", "facts"))


def test_a_rollup_of_two_facts_is_refused() -> None:
    both = model("mixed", "materialized_view", "fct_orders", "fct_carts")
    with pytest.raises(ModelError) as refused:
        definitions_in(manifest(*FACTS, both))
    assert refused.value.message == 'rollup "mixed" reads more than one fact'
    assert '"fct_carts" and "fct_orders"' in refused.value.detail
    assert "models/own/mixed.sql" in refused.value.hint


def test_a_view_and_a_mart_may_read_as_many_facts_as_they_like() -> None:
    models = [model(name, name, "fct_orders", "fct_carts") for name in ("view", "table")]
    assert definitions_in(manifest(*FACTS, *models)).rollups == ()


def test_facts_are_laid_out_like_the_other_tables_that_are_read_by_key() -> None:
    text = read("dbt/macros/materializations/facts.sql")
    assert [each for each in f"{BY_KEY}, {DEDUPLICATION}".split(", ") if each not in text] == []
