"""Readers that leave, dawdle, ask for too much or come in numbers: the warehouse goes on."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.web.conftest import World
from tillstream.watch.process import taken
from tillstream.web import asking, server

ENDLESS = "select count() from numbers(1000000000000) where not ignore(sipHash64(number), '{mark}')"


def until(claim: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def running(world: World, mark: str) -> bool:
    sql = f"select count() from system.processes where query like '%{mark}%' and query not like '%processes%'"
    return bool(world.warehouse.value(sql))


def resident() -> int:
    return taken().resident_bytes or 0


def raw(world: World, head: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", world.port), timeout=20)
    connection.sendall(head)
    return connection


def post(body: bytes, path: str = "/", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {size}\r\n\r\n".encode() + body


@pytest.mark.parametrize("path", ["/", "/?wait_end_of_query=1", "/?default_format=JSON"])
def test_a_client_that_goes_away_ends_its_statement(world: World, path: str) -> None:
    mark = f"leaver{path.count('=')}{len(path)}"
    connection = raw(world, post(ENDLESS.format(mark=mark).encode(), path))
    until(lambda: running(world, mark))
    connection.close()
    until(lambda: not running(world, mark))


def test_a_client_that_leaves_between_two_pieces_ends_its_statement(world: World) -> None:
    sql = b"select number, sleepEachRow(if(number > 70000, 3, 0)) /* dawdler */ from numbers(71000)"
    connection = raw(world, post(sql, "/?max_block_size=1000&default_format=TSV&max_threads=1"))
    assert connection.recv(10)
    connection.close()
    until(lambda: not running(world, "dawdler"))


def test_a_reader_that_does_not_read_costs_no_memory_and_holds_nobody_up(world: World) -> None:
    dawdling = [raw(world, post(b"select number, repeat('x', 100) from system.numbers")) for _ in range(12)]
    for connection in dawdling:
        assert connection.recv(100)
    # Each has a few blocks under way, and then waits.
    for _ in range(20):
        assert world.ask("select 1").text == "1\n"
    before = resident()
    for _ in range(50):
        assert world.ask("select 1").text == "1\n"
    assert resident() - before < 30 << 20
    for connection in dawdling:
        connection.close()
    until(lambda: not running(world, "system.numbers"))


def test_what_a_reader_may_take_is_limited(world: World) -> None:
    greedy = "select length(groupArray(repeat('x', 1000))) from numbers(5000000)"
    assert world.ask(greedy).headers["x-clickhouse-exception-code"] == "241"
    assert world.ask(greedy, params={"max_memory_usage": "1000000"}).headers["x-clickhouse-exception-code"] == "241"
    for more in ("number % 2", "0"):
        whole = world.ask(f"select repeat('x', 1000 + {more}) from numbers(3000000)", params={"default_format": "JSON"})
        assert whole.headers["x-clickhouse-exception-code"] in ("241", "396")
    few = world.ask("select number from numbers(20)", params={"max_result_rows": "10"})
    assert few.headers["x-clickhouse-exception-code"] == "396"
    late = world.ask("select sleep(3), sleep(3)", params={"max_execution_time": "1"})
    assert "TIMEOUT_EXCEEDED" in late.text
    assert world.ask("select 1").text == "1\n"


def test_fifty_readers_at_once_are_all_answered_while_rows_arrive(world: World) -> None:
    world.warehouse.execute("create table live.arriving (n UInt64) order by n")
    done = threading.Event()
    arrived: list[float] = []

    def arrive() -> None:
        while not done.is_set():
            world.warehouse.execute(f"insert into live.arriving values ({len(arrived)})")
            arrived.append(time.monotonic())

    writer = threading.Thread(target=arrive)
    writer.start()
    try:
        with ThreadPoolExecutor(50) as pool:
            sql = "select count() >= 0, sum(sipHash64(number)) > {n} from live.arriving, numbers(5000) as m"
            answers = list(pool.map(lambda n: world.ask(sql.format(n=n)), range(100)))
    finally:
        done.set()
        writer.join()
    assert {answer.status_code for answer in answers} == {200}
    assert len(arrived) > 5
    assert max(later - earlier for earlier, later in itertools.pairwise(arrived)) < 10


HOST = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n"

BROKEN_HEADS = {
    "garbage": b"\x00\xff\xfe GET\r\n\r\n",
    "two lengths": HOST + b"Content-Length: 3\r\nContent-Length: 9\r\n\r\nselect 1",
    "a negative length": HOST + b"Content-Length: -1\r\n\r\nselect 1",
    "length and chunks": HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk of no number": HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nselect 1\r\n0\r\n\r\n",
    "a huge header": HOST + b"X: " + b"x" * 200_000 + b"\r\n\r\n",
    "a huge address": b"GET /?query=" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"A: b\r\n" * 40_000 + b"\r\n",
    "no host": b"POST / HTTP/1.1\r\nContent-Length: 8\r\n\r\nselect 1",
    "two hosts": b"POST / HTTP/1.1\r\nHost: a\r\nHost: 127.0.0.1\r\nContent-Length: 8\r\n\r\nselect 1",
    "a smuggled line": b"GET /?query_id=a%0d%0aSet-Cookie:%20b&query=select%201 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "invalid UTF-8 in a name": b"GET /?%ff%fe=1&query=select%201 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "invalid UTF-8 as SQL": post(b"select '\xff\xfe' as \xff"),
    "a null as SQL": post(b"select 1\x00, file('x')"),
    "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an odd method": b"BREW / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN_HEADS)
def test_a_broken_request_is_refused_and_the_next_is_answered(world: World, name: str) -> None:
    with raw(world, b"") as connection:
        with contextlib.suppress(OSError):  # it may be closed before all is sent
            connection.sendall(BROKEN_HEADS[name])
            connection.shutdown(socket.SHUT_WR)
        answer = _all(connection)
    assert b"Set-Cookie: b" not in answer
    assert b" 500 Internal Server Error\r\n" not in answer or b"Exception" in answer
    assert world.ask("select 1").text == "1\n"


def _all(connection: socket.socket) -> bytes:
    answer = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            answer += piece
    return answer


def test_a_body_that_breaks_off_is_forgotten(world: World) -> None:
    for _ in range(20):
        raw(world, post(b"select 1", length=1000)).close()
    assert world.ask("select 1").text == "1\n"


def test_a_bomb_is_refused_before_it_goes_off(world: World) -> None:
    bomb = gzip.compress(b"0" * (200 << 20), 9)
    before = resident()
    answer = world.ask(bomb, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 413
    assert resident() - before < 100 << 20


def test_a_head_or_a_body_that_does_not_come_is_not_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(asking, "BODY_SECONDS", 0.3)
    with raw(world, b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ") as head:
        assert head.recv(100) == b""
    with raw(world, post(b"select", length=1000)) as body:
        assert b"408 Request Timeout" in body.recv(10_000)
    assert httpx.get(f"{world.url}/ping").text == "Ok.\n"
