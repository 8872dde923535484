"""Prometheus can read it all, and a person can read what it means."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.web.shop import Shop
from tillstream.change import Position
from tillstream.errors import SourceUnreachable
from tillstream.ledger import Landing
from tillstream.web.metrics import METRICS

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\]|\\.)*",?)*)\})? (-?[0-9.e+-]+|\+Inf)')
UNITS = (
    "_seconds",
    "_bytes",
    "_total",
    "_ratio",
    "_rows",
    "_parts",
    "_values",
    "_viewers",
    "_fds",
    "_messages",
    "_offset",
)
WITHOUT_UNIT = {"till_info", "till_ready", "till_phase", "till_slot_state", "till_verified_exact",
                "till_changes_per_second", "till_part_phase"}  # fmt: skip

Samples = dict[tuple[str, str], float]


def read(text: str) -> tuple[Samples, dict[str, str]]:
    """The samples and the types, checked as Prometheus checks them."""
    samples: Samples = {}
    kinds: dict[str, str] = {}
    explained: set[str] = set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            explained.add(line.split(" ")[2])
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in kinds, "a name comes in one block"
            kinds[name] = kind
        else:
            found = SAMPLE.fullmatch(line)
            assert found, line
            key = (found[1], found[2] or "")
            assert key not in samples, line
            samples[key] = float(found[3])
            assert re.sub("_(bucket|sum|count)$", "", found[1]) in kinds or found[1] in kinds, line
    assert explained == set(kinds)
    return samples, kinds


def scrape(shop: Shop) -> tuple[Samples, dict[str, str]]:
    answer = httpx.get(f"{shop.url}/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return read(answer.text)


@pytest.fixture
def busy(shop: Shop) -> Shop:
    landed = datetime.now(UTC)
    shop.live.tally.went_live(landed - timedelta(hours=1))
    for age in (20, 90, 400):
        committed = landed - timedelta(milliseconds=age)
        shop.live.tally.landed(
            Landing("shop", 7, Position(99), {"orders": 5}, 2, committed, committed, landed,
                    {"orders": {"I": 3, "U": 2}}, 0.05)
        )  # fmt: skip
    shop.live.tally.troubled(SourceUnreachable("gone"))
    shop.status |= {
        "lag_seconds": 1.5, "started_at": landed.isoformat(), "pid": 7, "warehouse": 'chdb:///a"b\\c',
        "lag": {"behind_bytes": 7, "retained_bytes": 900, "budget_bytes": 100, "limit_bytes": 1000,
                "slot_state": "active", "slot": "tillstream", "wal_status": "reserved", "log_end": 5000},
    }  # fmt: skip
    shop.live.verified({"exact": True, "started_at": landed.isoformat(), "seconds": 1.0, "tables": []})
    shop.warehouse.execute("create database if not exists till")
    shop.warehouse.execute(
        "create table till.models (place UInt32, kind String, name String, definition String) order by place"
    )
    shop.warehouse.execute(
        """insert into till.models values (0, 'rollup', 'sold_out', '{"database": "live", "fact": "fct_orders"}')"""
    )
    return shop


def test_every_metric_is_well_formed_and_explained(busy: Shop) -> None:
    now = datetime.now(UTC)
    busy.live.tally._facts_of = lambda _tables: ("fct_orders",)
    busy.live.tally.landed(
        Landing("shop", 8, Position(100), {"orders": 1}, 1, now, now, now, {"orders": {"D": 1}}, 0.1)
    )
    capture = {"phase": "live", "lag": busy.status["lag"], "numbers": {"changes": 5, "transactions": 2}}
    partitions = [{"topic": "shop.public.orders", "partition": 1, "behind": 3, "end": 9}]
    busy.status |= {"parts": {"capture": capture}, "lag": {"behind_messages": 3, "partitions": partitions}}
    httpx.post(busy.url, content="select broken")
    busy.live.freshness = {"freshness_p50_ms": 20.0, "freshness_p95_ms": 30.0, "freshness_p99_ms": 40.0}
    busy.status["numbers"]["last_landed_at"] = datetime.now(UTC).isoformat()
    samples, kinds = scrape(busy)
    assert set(kinds) == set(METRICS), "each is there once there is something to tell"
    for name, kind in kinds.items():
        assert name.endswith("_total") == (kind == "counter"), name
        assert name.endswith(UNITS) or name in WITHOUT_UNIT, name
    assert samples["till_info", 'version="0.1.0",source="shop",warehouse="chdb:///a\\"b\\\\c"'] == 1
    assert samples["till_http_requests_total", 'route="endpoint",code="404"'] == 1
    assert samples["till_stream_lag_messages", 'topic="shop.public.orders",partition="1"'] == 3
    assert samples["till_part_rows_total", 'part="capture"'] == 5


def test_histograms_add_up(busy: Shop) -> None:
    samples, kinds = scrape(busy)
    for name in (name for name, kind in kinds.items() if kind == "histogram"):
        buckets = [value for (each, _), value in samples.items() if each == f"{name}_bucket"]
        assert buckets, name
        if not any("route" in labels for _, labels in samples if _ == f"{name}_bucket"):
            assert buckets == sorted(buckets)
            assert buckets[-1] == samples[f"{name}_count", ""]
    assert samples["till_freshness_seconds_count", ""] == 15
    assert samples["till_freshness_seconds_bucket", 'le="0.025"'] == 5
    assert samples["till_freshness_seconds_bucket", 'le="0.1"'] == 10
    assert samples["till_freshness_seconds_sum", ""] == pytest.approx(5 * (0.02 + 0.09 + 0.4))
    assert samples["till_batch_rows_bucket", 'le="10"'] == 3


def test_the_operators_questions_have_numbers(busy: Shop) -> None:
    samples, _ = scrape(busy)
    assert samples["till_lag_seconds", ""] == 1.5
    assert samples["till_lag_bytes", ""] == 7
    assert samples["till_slot_retained_bytes", ""] == 900
    assert samples["till_slot_limit_bytes", ""] == 1000
    assert samples["till_slot_budget_bytes", ""] == 100
    assert samples["till_slot_state", 'state="active"'] == 1
    assert samples["till_rows_total", 'table="orders",operation="insert"'] == 9
    assert samples["till_errors_total", 'kind="SourceUnreachable"'] == 1
    assert samples["till_verified_exact", ""] == 1
    assert samples["till_ready", ""] == 1


def test_a_server_without_a_pipeline_tells_what_it_knows(shop: Shop) -> None:
    shop.status.clear()
    samples, kinds = scrape(shop)
    assert samples["till_ready", ""] == 1
    assert "till_phase" not in kinds
    assert "till_lag_seconds" not in kinds
