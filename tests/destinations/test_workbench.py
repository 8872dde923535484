"""The engine that works rows out in SQL: what goes in comes back, to the byte, and nothing is kept."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pytest

from tillstream.change import META_SCHEMA
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.workbench import Workbench
from tillstream.errors import WarehouseError

HARD = [None, "", "a\nb\r\tc", 'it\'s "so"', "back\\slash \\N", "nul\0byte", "ä€😀", "{rows}", "NULL"]


@pytest.fixture
def workbench(engine: Warehouse) -> Workbench:
    return Workbench(engine)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
def test_texts_and_nulls_come_back_as_they_were(workbench: Workbench, kind: pa.DataType) -> None:
    found = workbench.select(
        "select `a b`, `a b` is null as missing from {rows}", pa.table({"a b": pa.array(HARD, kind)})
    )

    assert found.column("a b").to_pylist() == HARD
    assert found.column("missing").to_pylist() == [text is None for text in HARD]


def test_bytes_that_are_no_text_come_back_as_they_were(workbench: Workbench) -> None:
    given = [b"\xff\xfe\0\x80", None, b"", bytes(range(256))]

    found = workbench.select(
        "select raw, hex(raw) as spelled from {rows}", pa.table({"raw": pa.array(given, pa.binary())})
    )

    assert found.column("raw").cast(pa.binary()).to_pylist() == given
    assert found.column("spelled").to_pylist() == [None if raw is None else raw.hex().upper() for raw in given]


def test_what_bronze_keeps_beside_the_columns_comes_back_as_it_was(workbench: Workbench) -> None:
    row = {"_till_lsn": 2**64 - 1, "_till_ordinal": 2**32 - 1, "_till_op": "U", "_till_xid": 7}
    rows = pa.Table.from_pylist([row | {"_till_unchanged": ["a", "b"]}], schema=META_SCHEMA)

    found = workbench.select("select *, arrayStringConcat(_till_unchanged, '+') as names from {rows}", rows)

    assert found.drop_columns(["names"]).to_pylist() == [rows.to_pylist()[0] | {"_till_unchanged": ["a", "b"]}]
    assert found.column("names").to_pylist() == ["a+b"]


def test_no_rows_give_no_rows(workbench: Workbench) -> None:
    found = workbench.select("select a || 'x' as b from {rows}", pa.table({"a": pa.array([], pa.string())}))

    assert (found.num_rows, found.column_names) == (0, ["b"])
    assert workbench.select_texts("select a from {rows}", ["a"], b"").num_rows == 0


def test_many_rows_keep_their_order(workbench: Workbench) -> None:
    given = [str(number) for number in range(100_000)]

    found = workbench.select("select n || '!' as n from {rows}", pa.table({"n": given}))

    assert found.column("n").to_pylist() == [f"{text}!" for text in given]


def test_rows_of_another_shape_are_not_taken_for_the_ones_before(workbench: Workbench) -> None:
    for names in (["a"], ["b", "a"], ["c"]):
        rows = pa.table({name: [name] for name in names})
        assert workbench.select("select * from {rows}", rows).to_pylist() == rows.to_pylist()


def test_snapshot_pieces_are_unescaped_in_their_order(workbench: Workbench) -> None:
    data = rb"""a	b
\N	back\\slash
tab\there	line\nhere
	\\N
"""

    found = workbench.select_texts("select first, second from {rows}", ["first", "second"], data)

    assert found.to_pylist() == [
        {"first": "a", "second": "b"},
        {"first": None, "second": "back\\slash"},
        {"first": "tab\there", "second": "line\nhere"},
        {"first": "", "second": "\\N"},
    ]


def test_several_threads_may_ask(workbench: Workbench) -> None:
    answers: dict[int, list[int]] = {}

    def ask(number: int) -> None:
        rows = pa.table({"n": pa.array([number] * 1000, pa.int64())})
        answers[number] = workbench.select("select sum(n) as total from {rows}", rows).column("total").to_pylist()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: [number * 1000] for number in range(4)}


def test_a_query_that_fails_is_told_as_the_warehouse_tells_it(workbench: Workbench) -> None:
    with pytest.raises(WarehouseError, match="the warehouse refused a statement"):
        workbench.select("select nothing from {rows}", pa.table({"a": ["x"]}))


def test_an_engine_in_memory_works_alone_and_leaves_nothing(tmp_path: Path) -> None:
    script = (
        "import pyarrow as pa\n"
        "from tillstream.destinations.clickhouse.workbench import Workbench\n"
        "bench = Workbench.in_memory()\n"
        "print(bench.select('select upper(a) as a from {rows}', pa.table({'a': ['x']})).to_pylist())\n"
        "bench.close()\n"
    )

    found = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path.cwd()), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.stdout.strip() == "[{'a': 'X'}]", found.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_server_is_no_workbench() -> None:
    with pytest.raises(ValueError, match="clickhouse://"):
        Workbench(Warehouse("clickhouse://localhost"))
