"""What `docs/operate/backup.md` says happens to a warehouse that is put back, happens."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.cli.conftest import Start, wait_until_live
from tests.cli.run_till import eventually, finish, till
from tillstream.simulate.server import EmbeddedPostgres

THINGS = "select id, name from mirror.things final where _deleted = 0 order by id"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[str]:
    with EmbeddedPostgres(tmp_path / "server") as running:
        with psycopg.connect(running.url, autocommit=True) as connection:
            connection.execute("create table things (id int primary key, name text)")
            connection.execute("insert into things values (1, 'first'), (2, 'second')")
        yield running.url


def sell(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def follow(start: Start, folder: Path, expected: str) -> None:
    """Run until the warehouse has these rows, and stop."""
    process = start("run", "--dir", folder)
    wait_until_live(folder, process)
    eventually(lambda: till("query", THINGS, "--dir", folder).out == f"id\tname\n{expected}", "followed")
    process.send_signal(signal.SIGTERM)
    assert finish(process).status == 0


@pytest.fixture
def restored(store: str, tmp_path: Path, start: Start) -> Path:
    """A folder from before three changes that the store's slot has been told to forget."""
    folder, backup = tmp_path / "till", tmp_path / "backup"
    assert till("init", store, "--dir", folder).status == 0
    follow(start, folder, "1\tfirst\n2\tsecond\n")
    subprocess.run(["cp", "-a", folder, backup], check=True)
    sell(store, "insert into things values (3, 'third')", "delete from things where id = 1")
    sell(store, "update things set name = 'changed' where id = 2")
    follow(start, folder, "2\tchanged\n3\tthird\n")
    shutil.rmtree(folder)
    backup.rename(folder)
    return folder


def test_a_warehouse_put_back_lacks_what_came_between_until_it_is_repaired(
    store: str, restored: Path, start: Start
) -> None:
    sell(store, "insert into things values (4, 'fourth')")
    follow(start, restored, "1\tfirst\n2\tsecond\n4\tfourth\n")
    found = till("verify", "--dir", restored)
    assert found.status == 1, found.out + found.err
    mended = till("verify", "--repair", "--dir", restored)
    assert mended.status == 0, mended.out + mended.err
    assert till("query", THINGS, "--dir", restored).out == "id\tname\n2\tchanged\n3\tthird\n4\tfourth\n"


def test_a_warehouse_put_back_is_right_after_everything_is_read_again(store: str, restored: Path, start: Start) -> None:
    assert till("resync", "--dir", restored).status == 0
    follow(start, restored, "2\tchanged\n3\tthird\n")
    assert till("verify", "--dir", restored).status == 0
