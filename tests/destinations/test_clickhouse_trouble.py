"""What can go wrong with a warehouse is told in the user's words, with what to do."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from tillstream.destinations.clickhouse.client import Warehouse, shown
from tillstream.errors import ConfigError, Retry, WarehouseBusy, WarehouseError, WarehouseUnreachable

HOLD = """
import sys
from tillstream.destinations.clickhouse.client import Warehouse
warehouse = Warehouse("chdb://" + sys.argv[1])
warehouse.value("select 1")
print("open", flush=True)
sys.stdin.readline()
warehouse.close()
print("closed", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the warehouse in `tmp_path` open."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    yield process
    process.communicate("\n\n")


def test_a_folder_in_use_names_the_process_that_has_it(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(WarehouseBusy) as busy:
        Warehouse(f"chdb://{tmp_path}").value("select 1")
    assert busy.value.message == f'warehouse "{tmp_path}" is open in another process'
    assert f"Process {holder.pid} holds it" in busy.value.detail
    assert f"Stop process {holder.pid}" in busy.value.hint
    assert busy.value.retry is Retry.NEVER


def test_a_folder_is_free_once_the_other_process_has_closed_it(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdin.write("\n")
    holder.stdin.flush()
    assert holder.stdout.readline() == "closed\n"
    warehouse = Warehouse(f"chdb://{tmp_path}")
    assert warehouse.value("select 1") == 1
    warehouse.close()


def test_a_killed_process_leaves_the_folder_free(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    warehouse = Warehouse(f"chdb://{tmp_path}")
    assert warehouse.value("select 1") == 1
    warehouse.close()


def test_two_clients_of_one_process_share_the_folder(warehouse: Warehouse) -> None:
    second = Warehouse(warehouse.url)
    assert second.value("select 1") == 1
    second.close()
    assert warehouse.value("select 1") == 1


def test_a_server_that_is_not_there_is_worth_another_try() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(WarehouseUnreachable) as gone:
        Warehouse(f"clickhouse://me:secret@127.0.0.1:{port}").value("select 1")
    assert gone.value.retry is Retry.LATER
    assert gone.value.message == f'no connection to the warehouse at "clickhouse://me:***@127.0.0.1:{port}"'
    assert "secret" not in str(gone.value)


def test_a_wrong_password_is_said_and_not_shown(served: Warehouse) -> None:
    served.value("select 1")
    wrong = Warehouse(served.url.replace("writer", "guess"))
    with pytest.raises(WarehouseError) as refused:
        wrong.value("select 1")
    assert refused.value.message == f'the warehouse at "{shown(wrong.url)}" refused the password'
    assert "guess" not in str(refused.value)
    assert "till.toml" in refused.value.hint


def test_an_unknown_kind_of_warehouse_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match='warehouse URL scheme "mongodb" is not known') as unknown:
        Warehouse("mongodb://x").value("select 1")
    assert "chdb:///folder" in unknown.value.hint


def test_a_statement_that_fails_says_what_the_engine_said(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError) as failed:
        warehouse.execute("select from nowhere.at_all")
    assert failed.value.message == "the warehouse refused a statement"
    assert "Code:" in failed.value.detail
    assert failed.value.retry is Retry.NEVER


SECRET = "jane@example.org"

STUMBLES = [
    "insert into live.picky select '{secret}', 5",
    "insert into live.picky values ('{secret}', 'five')",
    "insert into live.picky select '{secret}', toUInt8(concat('{secret}', word)) from live.picky_source",
    "insert into live.picky (word, nothing) values ('{secret}', 5)",
    "select * from live.picky where word in ('{secret}') and nothing",
    "select * from live.picky where word = '{secret}' then",
    "select cast('{secret}' as UUID)",
]


def test_what_the_engine_says_of_a_row_is_told_without_its_values(warehouse: Warehouse) -> None:
    warehouse.execute("create database if not exists live")
    warehouse.execute("create table live.picky (word String, n UInt8, constraint few check n < 3) order by n")
    warehouse.execute("create table live.picky_source (word String) order by word")
    warehouse.execute("insert into live.picky_source values ('x')")
    for sql in STUMBLES:
        with pytest.raises(WarehouseError) as stumbled:
            warehouse.execute(sql.format(secret=SECRET))
        assert SECRET not in str(stumbled.value), sql
        assert "Code: " in stumbled.value.detail
    rows = pa.table({"word": [SECRET], "n": [7]})
    with pytest.raises(WarehouseError) as stumbled:
        warehouse.insert_arrow("live.picky", rows, "token")
    assert SECRET not in str(stumbled.value)


def test_who_writes_a_query_reads_all_that_is_wrong_with_it(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="the warehouse refused a statement") as stumbled:
        warehouse.raw("select cast('five' as UUID)", "TabSeparated")
    assert "five" in stumbled.value.detail
