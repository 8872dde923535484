"""A pipeline's folder: who works in it, and how to reach that process.

DIR/lock        held by the process that brings changes into the warehouse
DIR/till.json   how to talk to it; for this user only
DIR/capture.*   the same for the process that brings changes into a stream, DIR/serve.* for one that only serves
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
from enum import StrEnum
from pathlib import Path

from tillstream.errors import ConfigError, WarehouseBusy


class Role(StrEnum):
    """What a process does in a folder; there is one process for each."""

    LOAD = "load"
    CAPTURE = "capture"
    SERVE = "serve"

    @property
    def lock(self) -> str:
        """The file that its process holds locked."""
        return "lock" if self is Role.LOAD else f"{self}.lock"

    @property
    def card(self) -> str:
        """The file that says how to talk to it."""
        return "till.json" if self is Role.LOAD else f"{self}.json"


@dataclass(frozen=True, slots=True)
class Running:
    """A process that works in the folder. `url` is empty until it serves."""

    pid: int
    url: str = ""
    token: str = ""
    started_at: str = ""


@contextmanager
def hold(folder: Path, role: Role = Role.LOAD) -> Iterator[None]:
    """Be the one process of that role in the folder. WarehouseBusy names the process that already is."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / role.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f'folder "{folder}" can\'t be written', detail=str(error)) from error
    try:
        if not _locked(handle):
            raise _busy(folder, role)
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        (folder / role.card).unlink(missing_ok=True)
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


def announce(folder: Path, url: str, token: str, role: Role = Role.LOAD) -> None:
    """Let other commands find this process. Call it while holding the folder."""
    running = Running(os.getpid(), url, token, datetime.now(UTC).isoformat(timespec="seconds"))
    fresh = folder / f"{role.card}.new"
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(asdict(running), file)
    fresh.replace(folder / role.card)


def withdraw(folder: Path, role: Role = Role.LOAD) -> None:
    """Undo `announce`."""
    (folder / role.card).unlink(missing_ok=True)


def running(folder: Path, role: Role = Role.LOAD) -> Running | None:
    """The process of that role in the folder, if there is one. A dead one's files say nothing."""
    try:
        handle = os.open(folder / role.lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _announced(folder, role)
    finally:
        os.close(handle)
    return None


def _announced(folder: Path, role: Role) -> Running:
    try:
        return Running(**json.loads((folder / role.card).read_text()))
    except (OSError, ValueError, TypeError):
        pid = (folder / role.lock).read_text().strip()
        return Running(int(pid) if pid.isdigit() else 0)


def _busy(folder: Path, role: Role) -> WarehouseBusy:
    other = _announced(folder, role)
    return WarehouseBusy(
        f'folder "{folder}" is in use by process {other.pid}',
        detail=f"It serves {other.url} since {other.started_at}." if other.url else "It is starting or stopping.",
        hint=f"`till status` shows what it does; `kill {other.pid}` stops it in order; or use another `--dir`.",
    )
