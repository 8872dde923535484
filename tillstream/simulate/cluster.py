"""The files of the embedded database: made once, checked at each start, and what its log complains about."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tillstream.errors import StoreError
from tillstream.simulate.account import Account
from tillstream.simulate.binaries import MAJOR_VERSION

ROLE = "till"
Server = subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True)
class Reach:
    """How the server's account is told where a folder is, and the descriptors it must inherit for it."""

    path: str
    descriptors: tuple[int, ...] = ()


@contextmanager
def reach(folder: Path, account: Account) -> Iterator[Reach]:
    """A name of the folder that the account can open, even below a folder that it may not enter.

    A project in /root is reached through a descriptor that the server inherits: the files stay where
    the user wants them, and no folder of the user's is opened to others.
    """
    if account.reaches(folder):
        yield Reach(str(folder))
        return
    if not Path("/proc/self/fd").is_dir():
        raise StoreError(
            f'the database server can\'t reach "{folder}"',
            detail="As root the server runs under another account, which may not enter a folder above it.",
            hint="Choose a folder outside of root's home with --dir, or run as an ordinary user.",
        )
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield Reach(f"/proc/self/fd/{descriptor}", (descriptor,))
    finally:
        os.close(descriptor)


def create_cluster(data: Path, account: Account, programs: Path, password: str) -> None:
    """Make a new, empty database cluster at `data`, whole or not at all, owned by a role with that password."""
    making = data.with_name("making")
    try:
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        account.own(making)
        password_file = making / "password"
        password_file.touch(mode=0o600)
        account.own(password_file)
        password_file.write_text(password)
        with reach(making, account) as place:
            _initdb(place, account, programs)
        (making / "data").rename(data)
        shutil.rmtree(making)
    except OSError as error:
        raise StoreError(
            f'can\'t make the database in "{data.parent}"',
            detail=str(error),
            hint="Choose a folder with --dir that you may write to and that has 1 GB free"
            + (", or run as an ordinary user instead of root." if account.borrowed else "."),
        ) from error


def _initdb(place: Reach, account: Account, programs: Path) -> None:
    result = subprocess.run(
        [
            programs / "initdb",
            f"--pgdata={place.path}/data",
            f"--username={ROLE}",
            f"--pwfile={place.path}/password",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            "--no-instructions",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=server_environment(),
        pass_fds=place.descriptors,
        **account.process_options,
    )
    if result.returncode != 0:
        raise complaint(result.stderr, "make the database")


def start_server(command: Sequence[str], log: IO[bytes], place: Reach, account: Account) -> Server:
    """Start the server process as the account. It outlives us unless it is stopped."""
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=server_environment(),
            pass_fds=place.descriptors,
            # Ctrl-C in the terminal is for us; we stop the server when we are done with it.
            start_new_session=True,
            **account.process_options,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise StoreError(
            "can't run the database server",
            detail=str(error),
            hint="Run tillstream as an ordinary user." if account.borrowed else "Is the installation whole?",
        ) from error


def server_environment() -> dict[str, str]:
    """The environment without the variables that would change what the server does."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG")) and name != "TZ"
    }


def check_cluster(data: Path) -> None:
    """Raise StoreError when the folder can't be one of our databases."""
    version_file = data / "PG_VERSION"
    if not version_file.exists() or not (data / "global" / "pg_control").exists():
        raise StoreError(
            f'"{data}" is not a whole PostgreSQL database',
            detail="It lacks PG_VERSION or global/pg_control.",
            hint=f'Remove the folder to start with a new store: rm -r "{data.parent}"',
        )
    found = version_file.read_text().strip()
    if found != MAJOR_VERSION:
        raise StoreError(
            f'the database in "{data}" is of another PostgreSQL version',
            detail=f"It was made by PostgreSQL {found}; the server here is PostgreSQL {MAJOR_VERSION}.",
            hint=f'Remove the folder to start with a new store: rm -r "{data.parent}"',
        )


def complaint(log: str, act: str) -> StoreError:
    """What the server's own words mean, as an error with a way out."""
    lines = [line for line in log.splitlines() if any(word in line for word in ("FATAL", "PANIC", "ERROR", "error"))]
    detail = "\n          ".join((lines or log.splitlines())[-4:]) or "The server said nothing."
    if "No space left on device" in log:
        return StoreError(
            f"can't {act}: the disk is full",
            detail=detail,
            hint="Free some space, or choose a folder on another disk with --dir.",
        )
    if "could not bind" in log or "could not create any TCP/IP sockets" in log:
        return StoreError(
            f"can't {act}: the port is taken",
            detail=detail,
            hint="Leave the setting `port` out to get a free one.",
        )
    if "Permission denied" in log or "Operation not permitted" in log:
        return StoreError(
            f"can't {act}: permission denied",
            detail=detail,
            hint="Give the folder back to the user who made it, or choose another with --dir.",
        )
    if "unrecognized configuration parameter" in log or "invalid value for parameter" in log:
        return StoreError(
            f"can't {act}: a server setting is refused", detail=detail, hint="Mend or remove that setting."
        )
    return StoreError(
        f"can't {act}: its files are damaged or incomplete",
        detail=detail,
        hint="Remove the folder to start with a new store, if nothing in it is needed.",
    )
