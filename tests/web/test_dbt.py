"""dbt-clickhouse builds against the embedded engine as against a server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.web.conftest import World
from tests.web.shop import TOKEN

PROJECT = """
name: tiny
profile: tiny
version: "1.0"
models:
  tiny:
    +schema: marts
"""

PROFILE = """
tiny:
  target: dev
  outputs:
    dev: {{type: clickhouse, driver: http, host: 127.0.0.1, port: {port}, user: till, password: {token},
          schema: live, threads: 1}}
"""

MODELS = {
    "orders.sql": "{{ config(materialized='table', order_by='n') }} select n, word from live.numbers where n < 10",
    "words.sql": "select word from {{ ref('orders') }}",
    "growing.sql": """
        {{ config(materialized='incremental', order_by='n', unique_key='n', incremental_strategy='append') }}
        select n from live.numbers
        {% if is_incremental() %} where n > (select max(n) from {{ this }}) {% else %} where n < 5 {% endif %}
    """,
    "summed.sql": """
        {{ config(materialized='materialized_view', engine='SummingMergeTree(units)', order_by='parity') }}
        select n % 2 as parity, count() as units from {{ ref('orders') }} group by parity
    """,
    "tests.yml": """
models:
  - name: orders
    columns:
      - name: n
        data_tests: [unique, not_null]
""",
}


@pytest.fixture
def project(world: World, tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "dbt_project.yml").write_text(PROJECT)
    (tmp_path / "profiles.yml").write_text(PROFILE.format(port=world.port, token=TOKEN))
    for name, text in MODELS.items():
        (tmp_path / "models" / name).write_text(text)
    return tmp_path


def dbt(project: Path, *words: str) -> None:
    code = "from dbt.cli.main import cli; cli()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-send-anonymous-usage-stats", "--no-use-colors", *words,
         "--project-dir", str(project), "--profiles-dir", str(project)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_dbt_builds_tables_views_increments_and_materialized_views(world: World, project: Path) -> None:
    dbt(project, "build")
    assert world.rows("select count(), sum(n) from live_marts.orders") == [[10, 45]]
    assert world.rows("select count() from live_marts.words") == [[10]]
    assert world.rows("select sum(units) from live_marts.summed") == [[10]]
    assert world.rows("select count() from live_marts.growing") == [[5]]
    world.warehouse.execute("insert into live_marts.orders values (1001, 'x')")
    assert world.rows("select parity, sum(units) from live_marts.summed group by parity order by parity") == [
        [0, 5], [1, 6],
    ]  # fmt: skip
    dbt(project, "run", "--select", "growing")
    assert world.rows("select count() from live_marts.growing") == [[1000]]
