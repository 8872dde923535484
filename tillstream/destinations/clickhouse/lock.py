"""One process at a time may have an embedded warehouse open; the others are told which one has."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

from tillstream.errors import WarehouseBusy

LOCK_NAME = "till.lock"

# A file lock belongs to the open file, so the process opens each folder's once and counts its users.
_held: dict[Path, tuple[int, int]] = {}
_guard = threading.Lock()


def hold(folder: Path) -> None:
    """Claim the folder for this process. WarehouseBusy if another process has it."""
    folder = folder.resolve()
    with _guard:
        if folder in _held:
            file, count = _held[folder]
            _held[folder] = (file, count + 1)
            return
        file = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(file, 32, 0).decode(errors="replace").strip()
            os.close(file)
            raise _busy(folder, holder) from None
        os.ftruncate(file, 0)
        os.pwrite(file, str(os.getpid()).encode(), 0)
        _held[folder] = (file, 1)


def release(folder: Path) -> None:
    """Give up one claim; the last one lets other processes in."""
    folder = folder.resolve()
    with _guard:
        file, count = _held[folder]
        if count > 1:
            _held[folder] = (file, count - 1)
            return
        del _held[folder]
        os.close(file)


def _busy(folder: Path, holder: str) -> WarehouseBusy:
    return WarehouseBusy(
        f'warehouse "{folder}" is open in another process',
        detail=f"Process {holder or 'unknown'} holds it; the embedded engine admits one process at a time.",
        hint=f"Stop process {holder}, or ask it: `till status`, `till query` and `till verify` go through it."
        if holder
        else "Stop that process, or ask it: `till status`, `till query` and `till verify` go through it.",
    )
