"""Whatever is sent, the answer is a refusal or a result, and the next request is answered."""

from __future__ import annotations

import socket

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.conftest import World
from tests.web.shop import TOKEN

NAMES = st.sampled_from(
    [
        "query",
        "database",
        "session_id",
        "session_timeout",
        "default_format",
        "param_a",
        "max_threads",
        "query_id",
        "compress",
    ]
) | st.text(st.characters(codec="ascii", categories=["L", "P"]), max_size=8)
VALUES = st.text(max_size=20) | st.sampled_from(["select 1", "1", "0", "Native", "insert into live.numbers format CSV"])
RELAXED = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@RELAXED
@given(
    params=st.dictionaries(NAMES, VALUES, max_size=4),
    body=st.binary(max_size=60) | st.sampled_from([b"select 1", b"select {a:UInt8}", b"show tables from live"]),
    encoding=st.sampled_from(["", "gzip", "lz4", "zstd", "deflate", "br"]),
    method=st.sampled_from(["GET", "POST"]),
)
def test_malformed_requests_are_refused_and_break_nothing(
    world: World, params: dict[str, str], body: bytes, encoding: str, method: str
) -> None:
    headers = {"Content-Encoding": encoding} if encoding else {}
    answer = world.ask(body, method=method, params=params, headers=headers)
    assert answer.status_code == 200 or "x-clickhouse-exception-code" in answer.headers or answer.status_code == 413
    assert world.ask("select 1").text == "1\n"


@RELAXED
@given(st.binary(max_size=80))
def test_random_bytes_on_the_wire_break_nothing(world: World, garbage: bytes) -> None:
    with socket.create_connection(("127.0.0.1", world.port), timeout=5) as connection:
        connection.sendall(garbage)
    assert world.ask("select 1").text == "1\n"


@RELAXED
@given(st.binary(max_size=80))
def test_random_bytes_as_data_break_nothing(world: World, data: bytes) -> None:
    for form in (b"Native", b"RowBinary", b"Arrow", b"JSONEachRow"):
        answer = world.ask(b"insert into function null('n UInt64') format " + form + b"\n" + data, writer=True)
        assert answer.status_code == 200 or "x-clickhouse-exception-code" in answer.headers
    assert world.ask("select 1", headers={"Authorization": f"Bearer {TOKEN}"}).text == "1\n"
