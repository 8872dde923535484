"""The database server when we are root. Collected only then: others can't become somebody else."""

from __future__ import annotations

import multiprocessing
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import psycopg
import pytest

from tillstream.errors import StoreError
from tillstream.simulate import binaries
from tillstream.simulate.account import Account
from tillstream.simulate.server import EmbeddedPostgres

QUICK = {"fsync": "off"}


def answers(server: EmbeddedPostgres) -> bool:
    with psycopg.connect(server.url) as connection:
        return connection.execute("select 1").fetchone() == (1,)


def start_and_ask(folder: Path, answer: Connection) -> None:
    nobody = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)
    try:
        with EmbeddedPostgres(folder, QUICK) as server:
            answer.send("answers" if answers(server) else "is silent")
    except StoreError as error:
        answer.send(str(error))


def run_as_nobody(folder: Path) -> str:
    # A fork, because nobody may be unable to execute the interpreter of root.
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=start_and_ask, args=(folder, theirs))
    process.start()
    theirs.close()
    answer: str = ours.recv()
    process.join()
    ours.close()
    return answer


@pytest.fixture
def open_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of nobody's, below folders that everybody may enter."""
    place = Path("/var/tmp") / f"tillstream-test-{os.getpid()}"
    place.mkdir()
    nobody = pwd.getpwnam("nobody")
    os.chown(place, nobody.pw_uid, nobody.pw_gid)
    yield place
    shutil.rmtree(place)


def test_an_ordinary_user_runs_the_server_as_themselves(open_folder: Path) -> None:
    assert run_as_nobody(open_folder / "postgres") == "answers"
    assert (open_folder / "postgres" / "data").stat().st_uid == pwd.getpwnam("nobody").pw_uid


def test_root_runs_the_server_of_an_ordinary_user_as_that_user(open_folder: Path) -> None:
    run_as_nobody(open_folder / "postgres")
    with EmbeddedPostgres(open_folder / "postgres", QUICK) as server:
        assert Path(f"/proc/{server.process_id}").stat().st_uid == pwd.getpwnam("nobody").pw_uid


def test_a_store_of_root_is_refused_to_an_ordinary_user(open_folder: Path) -> None:
    folder = open_folder / "postgres"
    with EmbeddedPostgres(folder, QUICK):
        pass
    assert "detail" in run_as_nobody(folder)


def test_root_uses_a_folder_that_the_server_may_not_enter_without_opening_it(tmp_path: Path) -> None:
    private = tmp_path / "home"
    private.mkdir(mode=0o700)
    with EmbeddedPostgres(private / "postgres", QUICK) as server:
        assert answers(server)
        server.restart()
        assert answers(server)
    assert private.stat().st_mode & 0o777 == 0o700


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where copies of the programs go. The programs lie below a folder that only root may enter."""
    installed = binaries._installed()
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    for name in (installed.parent.name, f"{installed.parent.name}.libs"):
        subprocess.run(["cp", "-r", installed.parents[1] / name, private / name], check=True)
    monkeypatch.setattr(binaries, "_installed", lambda: private / installed.parent.name / installed.name)
    public = Path("/var/tmp") / f"tillstream-test-programs-{os.getpid()}"
    monkeypatch.setattr(binaries, "_COPIES", public)
    public.mkdir()
    yield public
    shutil.rmtree(public)


def test_programs_in_a_private_place_are_copied_once(copies: Path, tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "one", {"fsync": "off"}) as server:
        assert answers(server)
    [copy] = copies.iterdir()
    made = copy.stat().st_ino
    with EmbeddedPostgres(tmp_path / "two", {"fsync": "off"}) as server:
        assert answers(server)
    assert copy.stat().st_ino == made


def test_a_copy_that_lost_files_is_made_again(copies: Path, tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "one", {"fsync": "off"}) as server:
        library, *_ = copies.rglob("libpq-*.so.5.18")
        library.unlink()
        server.restart()
        assert answers(server)


def test_a_copy_that_somebody_else_made_is_not_run(copies: Path, tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    binaries.programs_for(Account(nobody.pw_uid, nobody.pw_gid, borrowed=True))
    [copy] = copies.iterdir()
    os.chown(copy, nobody.pw_uid, nobody.pw_gid)
    with pytest.raises(StoreError, match="is not ours"):
        EmbeddedPostgres(tmp_path / "one").start()


def test_a_strict_umask_is_no_obstacle(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with EmbeddedPostgres(tmp_path / "strict", {"fsync": "off"}) as server:
            assert answers(server)
            server.start()
            assert answers(server)
    finally:
        os.umask(before)


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "none", small], check=False).returncode != 0:
        pytest.xfail("mounting is not allowed here")
    try:
        with pytest.raises(StoreError, match="the disk is full") as raised:
            EmbeddedPostgres(small / "postgres").start()
        assert "--dir" in raised.value.hint
    finally:
        subprocess.run(["umount", small], check=True)
