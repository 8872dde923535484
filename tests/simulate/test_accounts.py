"""The database server when we are root, when we are not, and when its account can't reach things."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from tillstream.errors import StoreError
from tillstream.simulate import binaries
from tillstream.simulate.account import account_for
from tillstream.simulate.cluster import complaint
from tillstream.simulate.server import EmbeddedPostgres


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
