"""`till init`, `till run` and `till simulate` on a database of one's own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pytest import FixtureRequest as Request

from tests.cli.conftest import Start, wait_until_live
from tests.cli.run_till import eventually, finish, surroundings, till
from tillstream.simulate.server import EmbeddedPostgres

CREATE = ("--create", "--orders", "100", "--customers", "30", "--products", "20")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedPostgres(tmp_path_factory.mktemp("server")) as running:
        yield running.url


def test_a_store_of_ones_own_from_init_to_exact(server: str, tmp_path: Path, start: Start) -> None:
    lived = till("simulate", "--url", server, *CREATE, "--transactions", "20", "--rate", "200", "--json")
    assert (lived.status, lived.last_line["transactions"]) == (0, 20), lived.err

    written = till("init", server, "--dir", tmp_path)
    assert written.status == 0, written.out + written.err
    text = (tmp_path / "till.toml").read_text()
    assert 'url = { file = "source.url" }' in text
    assert 'profile = "demo"' in text
    assert (tmp_path / "source.url").stat().st_mode & 0o777 == 0o600
    assert till("config", "show", "--dir", tmp_path).status == 0

    process = start("run", "--dir", tmp_path)
    wait_until_live(tmp_path, process)
    till("simulate", "--url", server, "--transactions", "50", "--rate", "200")
    verified = till("verify", "--dir", tmp_path)
    assert verified.status == 0, verified.out + verified.err

    process.send_signal(signal.SIGTERM)
    ended = finish(process)
    assert ended.status == 0, ended.err
    assert "page: http://127.0.0.1:" in ended.out


def test_a_store_nobody_knows_is_copied_faithfully(tmp_path: Path, start: Start, request: Request) -> None:
    folder = tmp_path / "till"
    # A server of its own: the name of a replication slot is the whole server's.
    store = EmbeddedPostgres(tmp_path / "server")
    request.addfinalizer(store.stop)
    url = store.start()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table things (id int primary key, name text)")
        connection.execute("insert into things values (1, 'a'), (2, 'b')")

    assert till("init", url, "--dir", folder).status == 0
    assert 'profile = "none"' in (folder / "till.toml").read_text()
    process = start("run", "--dir", folder)
    wait_until_live(folder, process)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("update things set name = 'c' where id = 2")
        connection.execute("delete from things where id = 1")

    def followed() -> bool:
        answer = till("query", "select id, name from mirror.things final where _deleted = 0", "--dir", folder)
        return answer.out == "id\tname\n2\tc\n"

    eventually(followed, "followed")
    assert till("verify", "--dir", folder).status == 0


def test_init_does_not_write_over_settings(server: str, tmp_path: Path) -> None:
    (tmp_path / "till.toml").write_text("# mine\n")

    answer = till("init", server, "--dir", tmp_path)

    assert answer.status == 2
    assert f'error: "{tmp_path}/till.toml" is there already' in answer.err
    assert (tmp_path / "till.toml").read_text() == "# mine\n"


def test_init_refuses_what_is_no_database(tmp_path: Path) -> None:
    answer = till("init", "mysql://root:secret@shop/store", "--dir", tmp_path)

    assert answer.status == 2
    assert 'error: "mysql://root:***@shop/store" is not the URL of a database we know' in answer.err
    assert "secret" not in answer.err


def test_init_shows_nothing_of_a_password_that_breaks_the_url(tmp_path: Path) -> None:
    answer = till("init", "postgresql://u:pa@ss@host:5432/db", "--dir", tmp_path)

    assert answer.status == 2
    assert "%40" in answer.err
    assert "ss@host" not in answer.out + answer.err


def test_init_leaves_a_demo_alone(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()

    answer = till("init", "postgresql://till@shop/store", "--dir", tmp_path)

    assert answer.status == 2
    assert "holds a demo store" in answer.err


def test_init_says_what_is_wrong_with_the_database(tmp_path: Path) -> None:
    answer = till("init", "postgresql://till@127.0.0.1:1/store", "--dir", tmp_path)

    assert answer.status == 1
    assert "✗" in answer.out
    assert 'profile = "none"' in (tmp_path / "till.toml").read_text()


def test_a_simulator_that_is_done_ends_well_though_its_parent_is_still_there(server: str) -> None:
    command = [sys.executable, "-m", "tillstream.cli", "simulate", "--while-stdin-is-open", "--url", server, *CREATE]
    with subprocess.Popen([*command, "--transactions", "5"], stdin=subprocess.PIPE, env=surroundings()) as simulator:
        assert simulator.wait(120) == 0


def test_simulate_needs_a_store() -> None:
    answer = till("simulate")

    assert answer.status == 2
    assert "error: no store to simulate" in answer.err


def test_run_says_that_the_store_can_not_be_reached_and_waits(tmp_path: Path, start: Start) -> None:
    (tmp_path / "till.toml").write_text('[source]\nurl = "postgresql://till@127.0.0.1:1/store"\n')

    answer = till("run", "--for", "2s", "--dir", tmp_path)

    assert answer.status == 0, answer.err
    assert "flow interrupted, trying again" in answer.err
