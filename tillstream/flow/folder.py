"""A pipeline's folder: who works in it, and how to reach that process.

DIR/lock        held by the process that has the warehouse open
DIR/till.json   how to talk to it; for this user only
DIR/warehouse   the embedded warehouse
DIR/postgres    the embedded demo store
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from tillstream.errors import ConfigError, WarehouseBusy


@dataclass(frozen=True, slots=True)
class Running:
    """A process that works in the folder. `url` is empty until it serves."""

    pid: int
    url: str = ""
    token: str = ""
    started_at: str = ""


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Be the one process that works in the folder. WarehouseBusy names the process that already does."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f'folder "{folder}" can\'t be written', detail=str(error)) from error
    try:
        if not _locked(handle):
            raise _busy(folder)
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        (folder / "till.json").unlink(missing_ok=True)
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    # `running` holds the lock for an instant when it looks; that is no reason to give up.
    for pause in (0.05, 0.1, 0.2, None):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if pause is not None:
                time.sleep(pause)
            continue
        return True
    return False


def announce(folder: Path, url: str, token: str) -> None:
    """Let other commands find this process. Call it while holding the folder."""
    running = Running(os.getpid(), url, token, datetime.now(UTC).isoformat(timespec="seconds"))
    fresh = folder / "till.json.new"
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(asdict(running), file)
    fresh.replace(folder / "till.json")


def withdraw(folder: Path) -> None:
    """Undo `announce`."""
    (folder / "till.json").unlink(missing_ok=True)


def running(folder: Path) -> Running | None:
    """The process that works in the folder, if one does. A dead one's files say nothing."""
    try:
        handle = os.open(folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _announced(folder)
    finally:
        os.close(handle)
    return None


def _announced(folder: Path) -> Running:
    try:
        return Running(**json.loads((folder / "till.json").read_text()))
    except (OSError, ValueError, TypeError):
        pid = (folder / "lock").read_text().strip()
        return Running(int(pid) if pid.isdigit() else 0)


def _busy(folder: Path) -> WarehouseBusy:
    other = _announced(folder)
    return WarehouseBusy(
        f'folder "{folder}" is in use by process {other.pid}',
        detail=f"It serves {other.url} since {other.started_at}." if other.url else "It is starting or stopping.",
        hint=f"`till status` shows what it does; `kill {other.pid}` stops it in order; or use another `--dir`.",
    )
