"""One process works in a folder, and others find it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tillstream.errors import ConfigError, WarehouseBusy
from tillstream.flow.folder import announce, hold, running, withdraw

HOLDER = """
import sys
from pathlib import Path
from tillstream.flow.folder import announce, hold
folder = Path(sys.argv[1])
with hold(folder):
    announce(folder, "http://127.0.0.1:1234", "secret")
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def test_a_second_process_is_told_who_works_in_the_folder(tmp_path: Path) -> None:
    process = holder(tmp_path)
    try:
        with pytest.raises(WarehouseBusy) as caught, hold(tmp_path):
            pass
    finally:
        end(process)

    assert caught.value.message == f'folder "{tmp_path}" is in use by process {process.pid}'
    assert "http://127.0.0.1:1234" in caught.value.detail
    assert f"kill {process.pid}" in caught.value.hint


def test_a_running_process_is_found_and_a_killed_one_is_not(tmp_path: Path) -> None:
    process = holder(tmp_path)
    try:
        found = running(tmp_path)
    finally:
        end(process)

    assert found is not None
    assert (found.pid, found.url, found.token) == (process.pid, "http://127.0.0.1:1234", "secret")
    assert (tmp_path / "till.json").exists()
    assert running(tmp_path) is None


def test_the_next_holder_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    end(holder(tmp_path))

    with hold(tmp_path):
        assert not (tmp_path / "till.json").exists()
        found = running(tmp_path)

    assert found is not None
    assert (found.pid, found.url) == (os.getpid(), "")


def test_only_this_user_may_read_the_token(tmp_path: Path) -> None:
    announce(tmp_path, "http://127.0.0.1:1", "secret")

    assert (tmp_path / "till.json").stat().st_mode & 0o777 == 0o600

    withdraw(tmp_path)
    assert not (tmp_path / "till.json").exists()


def test_nothing_runs_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert running(tmp_path / "nowhere") is None


def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError) as caught, hold(tmp_path / "file" / "folder"):
        pass

    assert caught.value.message == f'folder "{tmp_path}/file/folder" can\'t be written'
