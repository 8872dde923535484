"""What an operator sees, read off the page in a browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.services.browser import Visitor
from tests.web.shop import Shop
from tillstream.errors import SourceUnreachable
from tillstream.watch.events import TroubleBegan


def open_operations(visitor: Visitor, shop: Shop) -> Page:
    page = visitor.open(f"{shop.url}/operations")
    page.wait_for_selector("body:not(.loading) #meters dd")
    return page


def test_the_meters_say_what_the_status_says(visitor: Visitor, shop: Shop) -> None:
    shop.status["lag"] = {"behind_bytes": 700_000, "retained_bytes": 900_000_000, "budget_bytes": 100_000_000,
                          "limit_bytes": 1_000_000_000, "slot_state": "active", "slot": "tillstream"}  # fmt: skip
    page = open_operations(visitor, shop)
    meters = page.locator("#meters")
    expect(meters).to_contain_text("700 KB of log")
    expect(meters).to_contain_text("90% used; slot active of 1 GB")
    expect(page.locator("#warnings")).to_contain_text("90% of the log that the server keeps for us is used")


def test_verifications_are_listed_newest_first(visitor: Visitor, shop: Shop) -> None:
    shop.warehouse.execute("create database if not exists till")
    shop.warehouse.execute(
        "create or replace table till.verification (started_at DateTime64(6, 'UTC'), exact Bool, lsn UInt64,"
        " seconds Float64, report String) engine = MergeTree order by started_at"
    )
    for day, exact in ((20, "true"), (21, "false")):
        report = (
            f'{{"exact": {exact}, "started_at": "2026-11-{day}T10:00:00+00:00", "seconds": 2.5,'
            f' "tables": [{{"layer": "mirror", "table": "public.orders", "exact": {exact}, "rows": 12345}}]}}'
        )
        at = f"2026-11-{day} 10:00:00"
        shop.warehouse.execute(f"insert into till.verification values ('{at}', {exact}, 1, 2.5, '{report}')")
    page = open_operations(visitor, shop)
    lines = page.locator("#verifications tbody tr")
    expect(lines).to_have_count(2)
    expect(lines.first).to_contain_text("different")
    expect(lines.first).to_contain_text("public.orders")
    expect(lines.last).to_contain_text("12,345")
    shop.warehouse.execute("drop table till.verification")


def test_quarantine_names_table_column_and_reason_and_no_value(visitor: Visitor, shop: Shop) -> None:
    shop.warehouse.execute("create database if not exists till")
    shop.warehouse.execute(
        "create or replace table till.quarantine (id String, at DateTime64(6, 'UTC') default now64(6), table String,"
        " column String, rule String, raw String, state String default 'open',"
        " recorded_at DateTime64(6, 'UTC') default now64(6))"
        " engine = ReplacingMergeTree(recorded_at) order by (table, id)"
    )
    shop.warehouse.execute(
        "insert into till.quarantine (id, table, column, rule, raw)"
        " values ('a', 'customers', 'email', 'type', 'private words')"
    )
    page = open_operations(visitor, shop)
    line = page.locator("#quarantine tbody tr")
    expect(line).to_contain_text("customers")
    expect(line).to_contain_text("email")
    assert "private words" not in page.content()
    shop.warehouse.execute("drop table till.quarantine")


def test_events_and_trouble_are_told_with_their_hint(visitor: Visitor, shop: Shop) -> None:
    trouble = SourceUnreachable("no connection to the source", detail="refused", hint="Start it.")
    shop.live.events.before(lambda _event: None)(TroubleBegan(trouble.message, trouble.detail, trouble.hint))
    page = open_operations(visitor, shop)
    expect(page.locator("#events")).to_contain_text("no connection to the source")
    told = {"message": trouble.message, "detail": trouble.detail, "hint": trouble.hint, "since": None}
    shop.status.update(phase="trouble", trouble=told)
    expect(page.locator("#trouble")).to_contain_text("Start it.")
    expect(page.locator("#pill")).to_contain_text("trouble")
    shop.status.update(phase="live", trouble=None)
    expect(page.locator("#trouble")).to_be_hidden()
    expect(page.locator("#pill")).to_contain_text("Ready")


def test_a_lost_connection_is_said_here_too(visitor: Visitor, shop: Shop) -> None:
    page = open_operations(visitor, shop)
    port = int(shop.url.rpartition(":")[2])
    shop.server.stop()
    expect(page.locator("#lost")).to_be_visible()
    shop.serve(port)
    expect(page.locator("#lost")).to_be_hidden()
