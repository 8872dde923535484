"""The embedded PostgreSQL: started, stopped, adopted; as root and as an ordinary user."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tillstream.errors import StoreError
from tillstream.simulate.server import EmbeddedPostgres

QUICK = {"fsync": "off"}
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database whose server was stopped."""
    place = tmp_path_factory.mktemp("stopped") / "postgres"
    with EmbeddedPostgres(place, QUICK):
        pass
    return place


@pytest.fixture
def folder(stopped: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of such a folder for each test: quicker than a new one."""
    place = tmp_path / "postgres"
    subprocess.run(["cp", "-a", stopped, place], check=True)
    yield place
    EmbeddedPostgres(place).stop()


def value(url: str, sql: str) -> object:
    with psycopg.connect(url, connect_timeout=5) as connection:
        row = connection.execute(sql).fetchone()
        return row[0] if row else None


def test_the_url_leads_to_an_empty_store_that_can_replicate(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "new", QUICK) as server:
        assert server.url.startswith("postgresql://till:")
        assert server.url.endswith(f"@127.0.0.1:{server.port}/store")
        assert value(server.url, "show wal_level") == "logical"
        assert value(server.url, "show timezone") == "UTC"
        assert value(server.url, "show fsync") == "off"
        assert value(server.url, "show server_encoding") == "UTF8"


def test_a_wrong_password_is_refused(folder: Path) -> None:
    with EmbeddedPostgres(folder, QUICK) as server, pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://till:wrong@127.0.0.1:{server.port}/store")


def test_only_the_owner_can_read_the_password(folder: Path) -> None:
    with EmbeddedPostgres(folder, QUICK):
        assert (folder / "server.json").stat().st_mode & 0o777 == 0o600


def test_rows_and_the_url_survive_a_restart(folder: Path) -> None:
    with EmbeddedPostgres(folder, QUICK) as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("create table kept as select 7 as number")
        before = server.url
        assert server.restart() == before
        assert value(server.url, "select number from kept") == 7


def test_the_url_is_known_without_a_start(folder: Path) -> None:
    with EmbeddedPostgres(folder, QUICK) as server:
        assert EmbeddedPostgres(folder).url == server.url


def test_stop_ends_the_process_though_clients_are_connected(folder: Path) -> None:
    server = EmbeddedPostgres(folder, QUICK)
    client = psycopg.connect(server.start())
    server.stop()
    assert server.process_id is None
    server.stop()
    with pytest.raises(psycopg.OperationalError):
        client.execute("select 1")
    client.close()


START_AND_BE_KILLED = """
import os, signal, sys
from pathlib import Path
from tillstream.simulate.server import EmbeddedPostgres
EmbeddedPostgres(Path(sys.argv[1]), {"fsync": "off"}).start()
os.kill(os.getpid(), signal.SIGKILL)
"""


def start_and_be_killed(folder: Path) -> None:
    result = subprocess.run([sys.executable, "-c", START_AND_BE_KILLED, folder], cwd=REPOSITORY, check=False)
    assert result.returncode == -signal.SIGKILL


def test_a_server_whose_owner_was_killed_is_adopted(folder: Path) -> None:
    start_and_be_killed(folder)
    left_behind = EmbeddedPostgres(folder, QUICK).process_id
    assert left_behind is not None
    with EmbeddedPostgres(folder, QUICK) as server:
        assert server.process_id == left_behind
        assert value(server.url, "select 1") == 1
    assert server.process_id is None


def test_a_server_left_behind_with_other_settings_is_replaced(folder: Path) -> None:
    start_and_be_killed(folder)
    left_behind = EmbeddedPostgres(folder, QUICK).process_id
    with EmbeddedPostgres(folder, {**QUICK, "work_mem": "9MB"}) as server:
        assert server.process_id != left_behind
        assert value(server.url, "show work_mem") == "9MB"


def test_a_server_that_was_killed_itself_recovers(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("create table kept as select 7 as number")
        assert server.process_id is not None
        os.kill(server.process_id, signal.SIGKILL)
        server.start()
        assert value(server.url, "select number from kept") == 7


@pytest.mark.parametrize("process_id", [2**22 - 3, os.getpid()], ids=["gone", "another_program"])
def test_a_stale_pid_file_is_no_obstacle(folder: Path, process_id: int) -> None:
    (folder / "data" / "postmaster.pid").write_text(f"{process_id}\n{folder}/data\n1\n5432\n\n127.0.0.1\n")
    with EmbeddedPostgres(folder, QUICK) as server:
        assert value(server.url, "select 1") == 1


def test_a_copied_folder_gets_a_server_of_its_own(folder: Path, tmp_path: Path) -> None:
    with EmbeddedPostgres(folder, QUICK) as original:
        copy = tmp_path / "copy"
        subprocess.run(["cp", "-a", folder, copy], check=True)
        with EmbeddedPostgres(copy, QUICK) as copied:
            assert copied.process_id != original.process_id
            assert copied.port != original.port
        assert value(original.url, "select 1") == 1


def test_long_paths_with_spaces_and_quotes_work(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "a b 'c' é" / ("long" * 40), QUICK) as server:
        assert value(server.url, "select 1") == 1


def test_a_half_made_database_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "new" / "making" / "data").mkdir(parents=True)
    with EmbeddedPostgres(tmp_path / "new", QUICK) as server:
        assert value(server.url, "select 1") == 1


def test_a_remembered_port_that_is_taken_is_replaced(folder: Path) -> None:
    with EmbeddedPostgres(folder, QUICK) as server:
        port = server.port
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        with EmbeddedPostgres(folder, QUICK) as server:
            assert server.port != port


# ---------- what can go wrong


def test_a_wanted_port_that_is_taken_is_named(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        server = EmbeddedPostgres(folder, {**QUICK, "port": str(other.getsockname()[1])})
        with pytest.raises(StoreError, match="the port is taken") as raised:
            server.start()
        assert "`port`" in raised.value.hint


def test_an_unknown_setting_is_named(folder: Path) -> None:
    with pytest.raises(StoreError, match="a server setting is refused") as raised:
        EmbeddedPostgres(folder, {"no_such_setting": "1"}).start()
    assert "no_such_setting" in raised.value.detail


def test_a_database_of_another_version_is_refused(folder: Path) -> None:
    (folder / "data" / "PG_VERSION").write_text("15\n")
    with pytest.raises(StoreError, match="another PostgreSQL version") as raised:
        EmbeddedPostgres(folder, QUICK).start()
    assert "PostgreSQL 15" in raised.value.detail


def test_a_folder_that_is_no_database_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "data" / "global")
    with pytest.raises(StoreError, match="not a whole PostgreSQL database"):
        EmbeddedPostgres(folder, QUICK).start()


def test_a_damaged_database_is_told_apart(folder: Path) -> None:
    (folder / "data" / "global" / "pg_control").write_bytes(b"x" * 8192)
    with pytest.raises(StoreError, match="damaged or incomplete") as raised:
        EmbeddedPostgres(folder, QUICK).start()
    assert "rm" in raised.value.hint or "Remove" in raised.value.hint


def test_a_lost_password_is_told(folder: Path) -> None:
    (folder / "server.json").unlink()
    with pytest.raises(StoreError, match="is lost"):
        EmbeddedPostgres(folder, QUICK).start()


def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="can't write to"):
        EmbeddedPostgres(tmp_path / "file" / "postgres").start()
