"""The database server when we are root, when we are not, and when its account can't reach things."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tillstream.errors import StoreError
from tillstream.simulate import binaries
from tillstream.simulate.account import Account, account_for
from tillstream.simulate.cluster import complaint
from tillstream.simulate.server import EmbeddedPostgres

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs to be root to become somebody else")


def answers(server: EmbeddedPostgres) -> bool:
    with psycopg.connect(server.url) as connection:
        return connection.execute("select 1").fetchone() == (1,)


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


@as_root
def test_programs_in_a_private_place_are_copied_once(copies: Path, tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "one", {"fsync": "off"}) as server:
        assert answers(server)
    [copy] = copies.iterdir()
    made = copy.stat().st_ino
    with EmbeddedPostgres(tmp_path / "two", {"fsync": "off"}) as server:
        assert answers(server)
    assert copy.stat().st_ino == made


@as_root
def test_a_copy_that_lost_files_is_made_again(copies: Path, tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "one", {"fsync": "off"}) as server:
        library, *_ = copies.rglob("libpq-*.so.5.18")
        library.unlink()
        server.restart()
        assert answers(server)


@as_root
def test_a_copy_that_somebody_else_made_is_not_run(copies: Path, tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    binaries.programs_for(Account(nobody.pw_uid, nobody.pw_gid, borrowed=True))
    [copy] = copies.iterdir()
    os.chown(copy, nobody.pw_uid, nobody.pw_gid)
    with pytest.raises(StoreError, match="is not ours"):
        EmbeddedPostgres(tmp_path / "one").start()


@as_root
def test_a_strict_umask_is_no_obstacle(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with EmbeddedPostgres(tmp_path / "strict", {"fsync": "off"}) as server:
            assert answers(server)
            server.start()
            assert answers(server)
    finally:
        os.umask(before)


@as_root
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "none", small], check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        with pytest.raises(StoreError, match="the disk is full") as raised:
            EmbeddedPostgres(small / "postgres").start()
        assert "--dir" in raised.value.hint
    finally:
        subprocess.run(["umount", small], check=True)


def test_without_the_wheel_the_command_to_get_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(binaries, "find_spec", lambda name: None)
    with pytest.raises(StoreError, match="are not installed") as raised:
        EmbeddedPostgres(tmp_path / "postgres").start()
    assert "pip install" in raised.value.hint


def test_root_without_an_account_for_the_server_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unknown(name: str) -> pwd.struct_passwd:
        raise KeyError(name)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", unknown)
    with pytest.raises(StoreError, match="does not run as root") as raised:
        account_for(tmp_path / "data")
    assert "ordinary user" in raised.value.hint


@pytest.mark.parametrize(
    ("log", "message"),
    [
        ("PANIC:  could not write to file: No space left on device", "the disk is full"),
        ('FATAL:  could not open file "x": Permission denied', "permission denied"),
        ("FATAL:  could not create any TCP/IP sockets", "the port is taken"),
        ('FATAL:  unrecognized configuration parameter "x"', "a server setting is refused"),
        ("PANIC:  could not locate a valid checkpoint record", "damaged or incomplete"),
        ("", "damaged or incomplete"),
    ],
)
def test_what_the_server_says_is_put_in_our_words(log: str, message: str) -> None:
    assert message in complaint(log, "start").message
