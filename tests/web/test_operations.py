"""What operators are told: one JSON value, ready or not, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.web.shop import Shop
from tillstream.change import Position
from tillstream.errors import SourceUnreachable
from tillstream.ledger import Landing

NOW = datetime.now(UTC)


def operations(shop: Shop) -> dict[str, Any]:
    content: dict[str, Any] = httpx.get(f"{shop.url}/api/operations").json()
    return content


def land(shop: Shop, age_ms: int = 200) -> None:
    landed = datetime.now(UTC)
    committed = landed - timedelta(milliseconds=age_ms)
    counts = {"orders": {"I": 3, "U": 2}, "customers": {"D": 1}}
    shop.live.tally.landed(
        Landing("shop", 7, Position(99), {"orders": 5, "customers": 1}, 2, committed, committed, landed, counts, 0.05)
    )


def test_a_landing_is_counted_by_table_and_operation(shop: Shop) -> None:
    shop.live.tally.went_live(NOW - timedelta(hours=1))
    land(shop)
    content = operations(shop)
    tables = {row["table"]: row for row in content["throughput"]["tables"]}
    assert (tables["orders"]["insert"], tables["orders"]["update"], tables["customers"]["delete"]) == (3, 2, 1)
    assert 0.19 < content["freshness"]["all"]["p99_seconds"] < 0.22
    assert content["freshness"]["all"]["changes"] == 6
    assert 0.04 < content["batches"]["seconds"]["p50"] < 0.06


def test_what_was_committed_before_the_flow_was_live_is_no_freshness(shop: Shop) -> None:
    shop.live.tally.went_live(datetime.now(UTC))
    land(shop, age_ms=60_000)
    assert operations(shop)["freshness"]["all"]["p50_seconds"] is None


def test_the_past_has_lists_of_equal_length(shop: Shop) -> None:
    past = operations(shop)["history"]
    assert past["at"]
    assert {len(past[name]) for name in past if name != "every_seconds"} == {len(past["at"])}
    assert past["changes_per_second"][-1] == 42.0
    assert "history" not in httpx.get(f"{shop.url}/api/operations?history=0").json()


def test_the_slots_budget_is_told_and_warned_of(shop: Shop) -> None:
    shop.status["lag"] = {
        "behind_bytes": 700, "retained_bytes": 900, "budget_bytes": 100, "limit_bytes": 1000,
        "slot_state": "active", "slot": "tillstream", "wal_status": "extended", "log_end": 5000,
    }  # fmt: skip
    content = operations(shop)
    assert content["slot"]["used_fraction"] == 0.9
    assert content["slot"]["limit_bytes"] == 1000
    assert content["ready"]
    assert [each["subject"] for each in content["warnings"]] == ["slot"]
    assert "max_slot_wal_keep_size" in content["warnings"][0]["hint"]


def test_readiness_has_reasons(shop: Shop) -> None:
    def health() -> tuple[int, list[str]]:
        answer = httpx.get(f"{shop.url}/healthz")
        return answer.status_code, answer.json()["reasons"]

    assert health() == (200, [])
    shop.status |= {"phase": "snapshot", "snapshot_fraction": 0.4}
    assert health() == (503, ["the snapshot is being read: 40%"])
    shop.status |= {"phase": "trouble", "trouble": {"message": "no connection", "detail": "", "hint": ""}}
    assert health() == (503, ["the flow waits: no connection"])
    shop.status |= {"phase": "live", "trouble": None, "lag": {"slot": "tillstream", "slot_state": "lost"}}
    assert health() == (503, ['replication slot "tillstream" is lost'])


def test_both_pumps_of_a_stream_count(shop: Shop) -> None:
    trouble = {"message": "no connection", "detail": "", "hint": ""}
    slot = {"slot": "tillstream", "slot_state": "active", "behind_bytes": 7, "retained_bytes": 9}
    partitions = [{"topic": "shop.public.orders", "partition": each, "behind": 2, "end": 9} for each in (0, 1)]
    shop.status |= {
        "phase": "live", "lag": {"behind_messages": 4, "partitions": partitions},
        "parts": {"capture": {"phase": "trouble", "trouble": trouble, "lag": slot, "numbers": {"changes": 5}}},
    }  # fmt: skip
    content = operations(shop)
    assert content["stream"]["topics"] == [{"topic": "shop.public.orders", "behind": 4, "partitions": 2}]
    assert (content["slot"]["name"], content["lag"]["behind_bytes"]) == ("tillstream", 7)
    assert content["parts"]["capture"]["changes"] == 5
    assert content["reasons"] == ["capture: the flow waits: no connection"]
    shop.status["parts"]["capture"] |= {"phase": "live", "trouble": None}
    assert httpx.get(f"{shop.url}/healthz").status_code == 200


def test_errors_requests_and_verifications_are_counted(shop: Shop) -> None:
    shop.live.tally.troubled(SourceUnreachable("gone"))
    shop.live.tally.troubled(SourceUnreachable("gone"))
    httpx.post(shop.url, content="select broken")
    shop.live.verified({"exact": False, "started_at": NOW.isoformat(), "seconds": 1.0,
                        "tables": [{"layer": "mirror", "table": "orders", "exact": False, "rows": 7}]})  # fmt: skip
    content = operations(shop)
    assert [(each["kind"], each["count"]) for each in content["errors"]] == [("SourceUnreachable", 2)]
    requests = {each["route"]: each for each in content["requests"]}
    assert (requests["endpoint"]["count"], requests["endpoint"]["errors"]) == (1, 1)
    assert content["verification"]["different"] == ["mirror.orders"]
    assert content["verification"]["age_seconds"] >= 0
    assert content["process"]["resident_bytes"] > 1 << 20
    assert content["storage"]["free_bytes"] > 0
    assert {each["layer"] for each in content["storage"]["layers"]} >= {"live", "facts"}


def test_what_the_warehouse_remembers_is_told(shop: Shop) -> None:
    execute = shop.warehouse.execute
    execute("create database if not exists till")
    execute(
        "create table till.quarantine (id String, at DateTime64(6, 'UTC') default now64(6), table String,"
        " column String, rule String, state String default 'open', recorded_at DateTime64(6) default now64(6))"
        " engine = ReplacingMergeTree(recorded_at) order by (table, id)"
    )
    execute("insert into till.quarantine (id, table, column, rule) values ('1', 'orders', 'total', 'type')")
    execute("create table till.models (place UInt32, kind String, name String, definition String) order by place")
    execute("""insert into till.models values (0, 'rollup', 'sold_out', '{"database": "live", "fact": "stock"}')""")
    content = operations(shop)
    assert content["quarantine"]["open"] == 1
    assert content["quarantine"]["tables"][0]["column"] == "total"
    assert [(each["name"], each["fact"]) for each in content["freshness"]["rollups"]] == [("live.sold_out", "stock")]
