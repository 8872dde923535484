"""The ClickHouse interface as its clients see it: curl, clickhouse-connect, and plain requests."""

from __future__ import annotations

import gzip
import json
import struct
import subprocess
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pyarrow as pa
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

from tests.web.conftest import World
from tests.web.shop import TOKEN


def test_curl_reads_without_a_password(world: World) -> None:
    done = subprocess.run(
        ["curl", "-s", world.url, "-d", "select count() from live.numbers"], capture_output=True, check=True
    )
    assert done.stdout == b"1000\n"


def test_query_and_body_are_one_statement(world: World) -> None:
    assert world.ask("1 + 1", params={"query": "select"}).text == "2\n"


def test_a_get_reads(world: World) -> None:
    assert world.ask(method="GET", params={"query": "select 7"}).text == "7\n"


def test_a_get_never_writes_even_with_the_token(world: World) -> None:
    answer = world.ask(method="GET", writer=True, params={"query": "create table live.got (a Int8) order by a"})
    assert answer.headers["x-clickhouse-exception-code"] == "164"


def test_ping_and_replicas_status_say_ok(world: World) -> None:
    assert httpx.get(f"{world.url}/ping").text == "Ok.\n"
    assert httpx.get(f"{world.url}/replicas_status").text == "Ok.\n"
    assert httpx.head(f"{world.url}/ping").status_code == 200


def test_the_headers_are_those_of_a_server(world: World) -> None:
    answer = world.ask("select number from numbers(3)", params={"query_id": "mine", "wait_end_of_query": "1"})
    assert answer.headers["x-clickhouse-query-id"] == "mine"
    assert answer.headers["x-clickhouse-format"] == "TabSeparated"
    assert answer.headers["x-clickhouse-timezone"]
    summary = json.loads(answer.headers["x-clickhouse-summary"])
    assert summary["read_rows"] == "3"
    assert all(isinstance(value, str) for value in summary.values())


@pytest.mark.parametrize("ask", [{"params": {"default_format": "CSV"}}, {"headers": {"X-ClickHouse-Format": "CSV"}}])
def test_the_default_format_can_be_chosen(world: World, ask: Any) -> None:
    answer = world.ask("select 'a', 1", **ask)
    assert answer.text == '"a",1\n'
    assert answer.headers["content-type"] == "text/csv; charset=UTF-8"


def test_a_format_in_the_statement_wins(world: World) -> None:
    answer = world.ask("select 1 as one format JSONEachRow;", params={"default_format": "CSV"})
    assert json.loads(answer.text) == {"one": 1}
    assert answer.headers["x-clickhouse-format"] == "JSONEachRow"


@pytest.mark.parametrize("name", ["Nope", "dataframe", "ArrowTable", "CSV; drop", ""])
def test_a_default_format_that_is_none_is_refused(world: World, name: str) -> None:
    answer = world.ask("select 1", params={"default_format": name})
    if name:
        assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (404, "73")
    else:
        assert answer.text == "1\n"


def test_the_database_can_be_chosen(world: World) -> None:
    assert world.ask("select count() from numbers", params={"database": "live"}).text == "1000\n"
    assert world.ask("select count() from numbers", headers={"X-ClickHouse-Database": "live"}).text == "1000\n"
    assert world.ask("select 1", params={"database": "nowhere"}).status_code == 404


def test_parameters_are_bound_and_never_pasted(world: World) -> None:
    answer = world.ask("select {word:String}", params={"param_word": "'; drop table live.numbers"})
    assert answer.text == "\\'; drop table live.numbers\n"


def test_settings_hold_for_one_request(world: World) -> None:
    sql = "select value from system.settings where name = 'max_block_size'"
    assert world.ask(sql, params={"max_block_size": "77"}).text == "77\n"
    assert world.ask(sql).text != "77\n"


def test_an_unknown_setting_is_refused(world: World) -> None:
    answer = world.ask("select 1", params={"max_wishes": "3"}, writer=True)
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (404, "115")


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("select * from", 400, "62"),
        ("select nope", 404, "47"),
        ("select * from live.nope", 404, "60"),
        ("select nope()", 404, "46"),
        ("select 1 format Nope", 404, "73"),
        ("select toUInt8('x')", 400, "6"),
        ("select throwIf(1)", 500, "395"),
        ("", 400, "62"),
        ("-- nothing", 400, "62"),
        ("select 1; select 2", 400, "62"),
    ],
)
def test_errors_have_the_servers_status_and_code(world: World, sql: str, status: int, code: str) -> None:
    answer = world.ask(sql)
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (status, code)
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "lz4", "zstd"])
def test_bodies_may_be_compressed(world: World, encoding: str) -> None:
    sql = b"select 'packed'"
    if encoding == "deflate":
        body = zlib.compress(sql)
    elif encoding == "gzip":
        body = gzip.compress(sql)
    else:
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, encoding) as stream:
            stream.write(sql)
        body = sink.getvalue().to_pybytes()
    assert world.ask(body, headers={"Content-Encoding": encoding}).text == "packed\n"


def test_a_body_that_is_not_what_it_says_is_refused(world: World) -> None:
    assert world.ask(b"select 1", headers={"Content-Encoding": "gzip"}).status_code == 500
    assert world.ask(b"select 1", headers={"Content-Encoding": "snappy"}).status_code == 501


def test_a_body_that_unpacks_to_too_much_is_refused(world: World) -> None:
    bomb = gzip.compress(b"select 1" + b" " * (5 << 20))
    assert world.ask(bomb, headers={"Content-Encoding": "gzip"}).status_code == 413


def test_bytes_that_look_like_blanks_survive_an_insert(world: World) -> None:
    world.warehouse.execute("create table live.bytes (n UInt64, word String) order by n")
    rows = struct.pack("<Q", 10) + b"\x03\x00\xff\xfe" + struct.pack("<Q", 32) + b"\x01;"
    answer = world.ask(b"insert into live.bytes (n, word) format RowBinary\n" + rows, writer=True)
    assert answer.status_code == 200, answer.text
    assert json.loads(answer.headers["x-clickhouse-summary"])["written_rows"] == "2"
    assert world.rows("select n, hex(word) from live.bytes order by n") == [[10, "00FFFE"], [32, "3B"]]


def test_data_may_come_in_the_body_alone(world: World) -> None:
    world.warehouse.execute("create table live.parts (n UInt64, word String) order by n")
    into = {"query": "insert into live.parts format JSONEachRow", "insert_deduplication_token": "a"}
    assert world.ask('{"n": 1, "word": "é"}', writer=True, params=into).status_code == 200
    assert world.ask("(2, 'b'), (3, 'c')", writer=True, params={"query": "insert into live.parts values"}).is_success
    assert world.ask("insert into live.parts select 4, 'd'", writer=True).is_success
    assert world.ask(
        "insert into live.parts select * from input('n Int8, w Text') format CSV 5,e", writer=True
    ).is_success
    assert world.rows("select n, word from live.parts order by n") == [[1, "é"], [2, "b"], [3, "c"], [4, "d"], [5, "e"]]


def test_an_insert_that_the_engine_would_swallow_is_refused(world: World) -> None:
    twice = "select * from input('n UInt64') union all select * from input('n UInt64') format CSV\n1\n"
    assert world.ask(f"insert into live.numbers {twice}", writer=True).status_code == 501


def test_data_that_does_not_fit_is_refused_and_the_next_insert_works(world: World) -> None:
    world.warehouse.execute("create table live.strict (n UInt64) order by n")
    answer = world.ask("insert into live.strict format CSV\nfish\n", writer=True)
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (400, "117")
    assert world.ask("insert into live.strict format CSV\n1\n", writer=True).is_success
    assert world.rows("select n from live.strict") == [[1]]


def test_clickhouse_connect_writes_and_reads(world: World) -> None:
    with world.client(writer=True) as client:
        client.command("create table live.cc (n UInt64, word Nullable(String), price Decimal(12, 2)) order by n")
        assert client.insert("live.cc", [[1, "a", "1.10"], [2, None, "2.20"]]).written_rows == 2
        table = pa.table({"n": pa.array([3], pa.uint64()), "word": ["é"], "price": pa.array([3], pa.decimal128(12, 2))})
        client.insert_arrow("cc", table, database="live")
        assert client.command("select count() from live.cc") == 3
        assert client.query("select n, word from live.cc order by n").result_rows == [(1, "a"), (2, None), (3, "é")]
        assert client.query_arrow("select sum(price) as total from live.cc").num_rows == 1
        assert client.query_df("select * from live.cc").shape == (3, 3)
        assert client.query("select {w:Array(String)}", parameters={"w": ["q'", "\\"]}).result_rows == [(["q'", "\\"],)]


def test_a_session_keeps_tables_and_settings(world: World) -> None:
    with world.client(writer=True) as client:
        client.command("create temporary table mine (a Int8)")
        client.command("insert into mine values (3)")
        client.command("set max_block_size = 55")
        assert client.command("select a from mine") == 3
        sql = "select value from system.settings where name = 'max_block_size'"
        assert client.query(sql, settings={"max_block_size": 66}).result_rows == [("66",)]
        assert client.query(sql).result_rows == [("55",)]
    with world.client(writer=True) as other, pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        other.command("select a from mine")


def test_a_session_that_must_exist_and_does_not_is_refused(world: World) -> None:
    answer = world.ask("select 1", writer=True, params={"session_id": "never", "session_check": "1"})
    assert answer.headers["x-clickhouse-exception-code"] == "372"


def test_a_session_can_be_ended(world: World) -> None:
    session = {"session_id": "ending"}
    assert world.ask("create temporary table brief (a Int8)", writer=True, params=session).is_success
    assert world.ask("select count() from brief", writer=True, params={**session, "close_session": "1"}).text == "0\n"
    assert world.ask("select count() from brief", writer=True, params=session).status_code == 404


def test_large_results_stream_and_an_error_in_the_middle_is_seen(world: World) -> None:
    with world.client() as client:
        with client.query_row_block_stream("select number from numbers(1000000)") as stream:
            assert sum(len(block) for block in stream) == 1_000_000
        failing = "select throwIf(number > 500000) from numbers(1000000)"
        with (
            pytest.raises(StreamFailureError, match="FUNCTION_THROW_IF"),
            client.query_row_block_stream(failing) as stream,
        ):
            for _ in stream:
                pass


def test_a_small_answer_waits_for_nothing(world: World) -> None:
    def median_ms() -> float:
        taken = []
        with httpx.Client(base_url=world.url) as client:
            for _ in range(15):
                started = time.perf_counter()
                assert client.post("/", content="select 1").text == "1\n"
                taken.append(time.perf_counter() - started)
        return sorted(taken)[7] * 1000

    # Sockets that gather small packets would take 40 ms for each; a busy machine may be given another try.
    assert min(median_ms() for _ in range(4)) < 35


def test_twenty_queries_at_once_all_come_back_and_a_slow_one_blocks_nobody(world: World) -> None:
    limits = {"max_block_size": "1", "max_execution_time": "8"}
    with ThreadPoolExecutor(21) as pool:
        slow = pool.submit(world.ask, "select sleepEachRow(0.5) from numbers(100)", params=limits)
        quick = list(pool.map(lambda n: world.ask(f"select sum(n) + {n} from live.numbers").text, range(20)))
        assert not slow.done()
        assert quick == [f"{499500 + n}\n" for n in range(20)]
        # What it sent before its time was up has gone out with status 200, as it does on a server.
        assert "TIMEOUT_EXCEEDED" in slow.result().text


def test_a_client_that_goes_away_frees_what_it_held(world: World) -> None:
    session = {"session_id": "leaving"}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    endless = {**session, "query": "select number from system.numbers"}
    for _ in range(3):
        with httpx.stream("POST", f"{world.url}/", params=endless, headers=headers, timeout=20) as answer:
            pieces = answer.iter_bytes()
            assert next(pieces)
            assert world.ask("select 1", writer=True, params=session).headers["x-clickhouse-exception-code"] == "373"
        deadline = time.monotonic() + 20
        while not world.ask("select 1", writer=True, params=session).is_success:
            assert time.monotonic() < deadline


def test_a_wrong_password_is_refused(world: World) -> None:
    for headers in ({"X-ClickHouse-User": "till", "X-ClickHouse-Key": "wrong"}, {"Authorization": "Basic dGlsbDp3"}):
        answer = world.ask("select 1", headers=headers)
        assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (403, "516")
    assert world.ask("select 1", headers={"Authorization": "Basic ???"}).status_code == 403
    assert world.ask("select 1", headers={"X-ClickHouse-User": "root"}).status_code == 403


def test_the_token_works_in_every_place_clients_put_it(world: World) -> None:
    places: list[dict[str, Any]] = [
        {"auth": ("till", TOKEN)},
        {"params": {"user": "till", "password": TOKEN}},
        {"headers": {"Authorization": f"Bearer {TOKEN}"}},
    ]
    for number, ask in enumerate(places):
        assert world.ask(f"create table live.key_{number} (a Int8) order by a", **ask).is_success


def test_a_foreign_host_name_is_not_answered(world: World) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", ""):
        assert world.ask("select 1", headers={"Host": host}).status_code == 421
    assert world.ask("select 1", headers={"Host": f"localhost:{world.port}"}).is_success
