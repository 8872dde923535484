"""ClickHouse's own compression, held against what the engine itself writes to disk."""

from __future__ import annotations

import struct

import httpx
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.web.conftest import World
from tests.web.shop import TOKEN
from tillstream.errors import BodyTooLarge
from tillstream.web.blocks import in_blocks, out_of_blocks
from tillstream.web.cityhash import cityhash128
from tillstream.web.wire import Refused

# Made with another implementation of the same version, of bytes(i * 7 % 256 for i in range(size)).
KNOWN = {
    0: "2b9ac064fc9df03d291ee592c340b53c",
    3: "e07a891e44244c90a549af712c7dd3ea",
    7: "3e03a3791ecbc12a880d3e33b91d511a",
    12: "6abf4d05f54f6180c0b4b73a73f7ee04",
    40: "4f128239b296d154f56215570238066b",
    200: "e133af95e40663d84328786310f0f9db",
    1000: "3e463966e0c65342d72983eba0aef12d",
}


@pytest.mark.parametrize("size", KNOWN)
def test_the_checksum_is_the_one_of_that_version(size: int) -> None:
    assert cityhash128(bytes(place * 7 % 256 for place in range(size))).hex() == KNOWN[size]


@pytest.mark.parametrize("codec", ["LZ4", "ZSTD", "NONE"])
def test_what_the_engine_wrote_can_be_read(world: World, codec: str) -> None:
    execute = world.warehouse.execute
    columns = f"(n UInt64 codec({codec}))"
    execute(f"create table live.packed_{codec} {columns} order by tuple() settings min_bytes_for_wide_part = 0")
    execute(f"insert into live.packed_{codec} select number from numbers(200000)")
    folder = world.warehouse.value(f"select path from system.parts where table = 'packed_{codec}' and active")
    assert world.warehouse.folder is not None
    (file,) = (world.warehouse.folder / folder).glob("n.bin")
    unpacked = out_of_blocks(file.read_bytes(), 1 << 30)
    assert unpacked == struct.pack("<200000Q", *range(200_000))


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=3000), st.integers(1, 700))
def test_there_and_back(data: bytes, times: int) -> None:
    assert out_of_blocks(b"".join(in_blocks(data * times)), 1 << 30) == data * times


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_what_is_damaged_is_refused(data: bytes, place: int, noise: bytes) -> None:
    whole = b"".join(in_blocks(data or b"x"))
    damaged = whole[:place] + noise + whole[place + len(noise) :]
    try:
        assert out_of_blocks(damaged, 1 << 20) == (data or b"x")
    except (Refused, BodyTooLarge):
        assert damaged != whole


def test_a_block_that_says_it_is_huge_is_refused() -> None:
    body = struct.pack("<BII", 0x82, 9, (1 << 32) - 1)
    with pytest.raises(BodyTooLarge):
        out_of_blocks(cityhash128(body) + body, 1 << 30)


@pytest.mark.parametrize("more", ["", "&wait_end_of_query=1", "&default_format=JSON"])
def test_answers_come_in_blocks_when_they_are_asked_for(world: World, more: str) -> None:
    sql = "select number from numbers(300000)"
    plain = httpx.post(f"{world.url}/?{more}", content=sql).content
    packed = httpx.post(f"{world.url}/?compress=1{more}", content=sql).content
    assert len(packed) < len(plain)
    unpacked = out_of_blocks(packed, 1 << 30)
    assert len(unpacked) == len(plain) if "JSON" not in more else unpacked.startswith(b'{\n\t"meta"')
    refused = httpx.post(f"{world.url}/?compress=1", content="select broken")
    assert "UNKNOWN_IDENTIFIER" in refused.text


def test_bodies_may_come_in_blocks(world: World) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    world.warehouse.execute("create table live.from_blocks (n UInt64) order by n")
    data = b"".join(in_blocks(struct.pack("<1000Q", *range(1000))))
    query = {"query": "insert into live.from_blocks format RowBinary", "decompress": "1"}
    assert httpx.post(world.url, params=query, content=data, headers=headers).status_code == 200
    assert world.rows("select count(), sum(n) from live.from_blocks") == [[1000, 499500]]
    sql = b"".join(in_blocks(b"select 1 + 1"))
    assert httpx.post(world.url, params={"decompress": "1"}, content=sql).text == "2\n"
    assert (
        httpx.post(world.url, params={"decompress": "1"}, content=b"select 1").headers["x-clickhouse-exception-code"]
        == "271"
    )
    bomb = pa.compress(b"0" * (60 << 20), codec="lz4_raw", asbytes=True)
    head = struct.pack("<BII", 0x82, 9 + len(bomb), 60 << 20)
    answer = httpx.post(world.url, params={"decompress": "1"}, content=cityhash128(head + bomb) + head + bomb)
    assert answer.status_code == 413


def test_insert_select_from_input(world: World) -> None:
    world.warehouse.execute("create table live.fed (n UInt64, word String) order by n")
    sql = (
        "insert into live.fed select a * 2, upper(b) from input('a UInt64, b String') where a > 1 format {form}\n{data}"
    )
    for form, data in (("CSV", '1,"x"\n2,"y"\n3,"y"\n'), ("JSONEachRow", '{"a": 4, "b": "it\'s; format CSV"}')):
        answer = world.ask(sql.format(form=form, data=data), writer=True)
        assert answer.is_success, answer.text
    assert world.rows("select n, word from live.fed order by n") == [[4, "Y"], [6, "Y"], [8, "IT'S; FORMAT CSV"]]
    by_address = {"query": "insert into live.fed (n) select a from input('a UInt64') format RowBinary"}
    assert world.ask(struct.pack("<2Q", 10, 11), writer=True, params=by_address).is_success
    assert world.rows("select count() from live.fed") == [[5]]
    assert world.ask(sql.format(form="CSV", data="1,x"), writer=False).headers["x-clickhouse-exception-code"] == "164"
    wrong = world.ask(sql.format(form="CSV", data="x,y\n"), writer=True)
    assert "CANNOT_PARSE" in wrong.text
