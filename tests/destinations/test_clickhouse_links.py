"""Every pair of child and parent ever seen can be found from both ends."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.destinations.rows import Row, batch, changes, copied, table
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.destination import ClickHouseDestination
from tillstream.destinations.clickhouse.links import down, up

LINES = table("lines", id="int64", order_id="int64", note="text")
STOCK = table("stock", key=("variant", "place"), variant="uuid", place="text", product_id="int64")
DAYS = table("days", key=("at",), at="timestamptz", order_id="int64")
VARIANT = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
LINKS = {
    "lines": ("order_id",),
    "stock": ("product_id",),
    "days": ("order_id",),
}


@pytest.fixture
def destination(warehouse: Warehouse) -> Iterator[ClickHouseDestination]:
    destination = ClickHouseDestination(warehouse, LINKS, "store")
    yield destination
    destination.close()


def linked(warehouse: Warehouse, link: str) -> list[tuple[object, ...]]:
    return warehouse.rows(
        "select distinct from_id, to_id from mirror.links where link = {link:String} order by all", {"link": link}
    )


def test_a_line_that_moved_leads_to_both_orders(warehouse: Warehouse, destination: ClickHouseDestination) -> None:
    destination.write(1, batch(copied(LINES, b"1\t10\t\\N\n2\t10\t\\N\n3\t\\N\t\\N\n", 9)), "one")
    moved = changes(LINES, Row(11, "U", {"id": "1", "order_id": "20"}), Row(12, "D", {"id": "2"}, ordinal=2))
    destination.write(2, batch(moved), "two")
    link = LINKS["lines"][0]
    assert linked(warehouse, down(LINES, link)) == [("10", "1"), ("10", "2"), ("20", "1")]
    assert linked(warehouse, up(LINES, link)) == [("1", "10"), ("1", "20"), ("2", "10")]
    assert (down(LINES, link), up(LINES, link)) == ("lines.order_id", "lines.order_id^")


def test_the_old_row_is_read_where_the_source_gives_it(
    warehouse: Warehouse, destination: ClickHouseDestination
) -> None:
    piece = changes(LINES, Row(11, "D", {"id": "1"}, ordinal=2, before='{"id":"1","order_id":"30"}'))
    destination.write(1, batch(piece), "one")
    assert linked(warehouse, "lines.order_id") == [("30", "1")]


@pytest.mark.parametrize("way", ["stream", "snapshot", "replay"])
def test_a_key_of_several_columns_is_one_id_whatever_way_it_came(
    warehouse: Warehouse, destination: ClickHouseDestination, way: str
) -> None:
    place = "shelf, 1"
    if way == "snapshot":
        piece = copied(STOCK, f"{VARIANT}\t{place}\t7\n".encode(), 9)
    else:
        piece = changes(STOCK, Row(10, "I", {"variant": VARIANT, "place": place, "product_id": "7"}))
    destination.write(1, batch(piece), "one")
    if way == "replay":
        warehouse.execute("truncate table mirror.links")
        destination.replay(1, ["stock"])
    assert linked(warehouse, "stock.product_id") == [("7", f"{VARIANT}\x1f{place}")]


def test_a_key_that_prints_differently_is_linked_by_its_value(
    warehouse: Warehouse, destination: ClickHouseDestination
) -> None:
    piece = changes(DAYS, Row(10, "I", {"at": "2024-01-01 12:00:00.5+00", "order_id": "1"}))
    destination.write(1, batch(piece), "one")
    assert linked(warehouse, "days.order_id") == [("1", "2024-01-01 12:00:00.500000")]
    assert warehouse.value("select toString(at) from mirror.days") == "2024-01-01 12:00:00.500000"


def test_looking_children_up_reads_few_rows(warehouse: Warehouse, destination: ClickHouseDestination) -> None:
    destination.ensure(LINES)
    count = 200_000
    data = b"".join(b"%d\t%d\tn\n" % (place, place // 4) for place in range(count))
    destination.write(1, batch(copied(LINES, data, 9)), "one")
    query = (
        "select count() from mirror.lines final where id in"
        " (select cast(to_id as Int64) from mirror.links where link = 'lines.order_id'"
        " and from_id in ('5000', '5001'))"
    )
    assert warehouse.value(query) == 8
    plan = "\n".join(str(row[0]) for row in warehouse.rows(f"explain indexes = 1 {query}"))
    granules = [(int(read), int(all_there)) for read, all_there in re.findall(r"Granules: (\d+)/(\d+)", plan)]
    assert [read for read, all_there in granules if all_there > 100], plan
    assert min(read for read, all_there in granules if all_there > 100) <= 8, plan
