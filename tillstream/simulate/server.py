"""A real PostgreSQL server in a folder, for demos and tests: started, stopped and found again by us."""

from __future__ import annotations

import fcntl
import os
import secrets
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from tillstream.errors import StoreError
from tillstream.simulate.account import Account, account_for
from tillstream.simulate.binaries import programs_for
from tillstream.simulate.cluster import ROLE, Server, check_cluster, complaint, create_cluster, reach, start_server
from tillstream.simulate.postmaster import Postmaster, forget_postmaster, postmaster_of
from tillstream.simulate.remembered import Remembered, remember, remembered

DATABASE = "store"
_START_SECONDS = 120.0
_STOP_SECONDS = 60.0
_LOG_BYTES = 8 << 20
_ATTEMPTS = 5
_DEFAULTS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "wal_level": "logical",
    "max_replication_slots": "20",
    "max_wal_senders": "20",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}


class EmbeddedPostgres:
    """The PostgreSQL server of one folder.

    `start` makes the database on the first call, adopts a server that a killed process left behind, and
    returns the URL; `stop` ends the server and keeps the data. Settings are those of postgresql.conf.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder.absolute()
        self.settings = {**_DEFAULTS, **(settings or {})}
        self._process: Server | None = None
        self._password = ""
        self._port = 0

    @property
    def url(self) -> str:
        """Where the store is, or was last; the password is part of it."""
        if not self._password and self._data.exists():
            state = remembered(self.folder, is_new=False)
            self._password, self._port = state.password, state.port
        return self._url_of(DATABASE)

    @property
    def port(self) -> int:
        """The server's port on 127.0.0.1, 0 before the first start."""
        return self._port

    @property
    def process_id(self) -> int | None:
        """The server's process, None when it does not run."""
        running = postmaster_of(self._data)
        return running.process_id if running else None

    def start(self) -> str:
        """Make sure that the server runs with these settings, and return its URL."""
        with self._locked():
            state = remembered(self.folder, is_new=not self._data.exists())
            self._password = state.password
            if not self._data.exists():
                account = account_for(self._data)
                create_cluster(self._data, account, programs_for(account), state.password)
            check_cluster(self._data)
            if not self._adopted(state):
                self._launch(state)
            self._ensure_database()
        return self.url

    def stop(self) -> None:
        """End the server, letting go of its clients, and wait until it is gone. Repeats are harmless."""
        running = postmaster_of(self._data)
        if running is not None:
            self._end(running)
        if self._process is not None:
            self._process.wait(_STOP_SECONDS)
            self._process = None

    def restart(self) -> str:
        """Stop and start again, on the same port."""
        self.stop()
        return self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _log(self) -> Path:
        return self.folder / "server.log"

    def _url_of(self, database: str) -> str:
        return f"postgresql://{ROLE}:{self._password}@127.0.0.1:{self._port}/{database}"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time starts a server in the folder."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "start.lock").open("a")
        except OSError as error:
            raise StoreError(
                f'can\'t write to "{self.folder}"', detail=str(error), hint="Choose another folder with --dir."
            ) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _launch(self, state: Remembered) -> None:
        """Start a server, on the remembered port when it is free."""
        forget_postmaster(self._data)
        if self._process is not None:
            self._process.wait(_STOP_SECONDS)
        account = account_for(self._data)
        for attempt in range(1, _ATTEMPTS + 1):
            self._port = self._chosen_port(state.port if attempt == 1 else 0)
            failure = self._try_launch(account)
            if failure is None:
                remember(self.folder, Remembered(state.password, self._port, self.settings))
                return
            # Between the look for a free port and its use, another program may have taken it. The
            # workers of a killed server need a moment to notice and to let go of the folder.
            if attempt == _ATTEMPTS or not _passes("port" not in self.settings, failure):
                raise complaint(failure, f'start the database in "{self.folder}"')
            time.sleep(0.2 * attempt)

    def _try_launch(self, account: Account) -> str | None:
        """Start a server and wait until it answers. Returns what it said when it gave up."""
        if self._log.exists() and self._log.stat().st_size > _LOG_BYTES:
            self._log.unlink()
        with self._log.open("ab") as log, reach(self._data, account) as place:
            said_before = log.tell()
            settings = {**self.settings, "port": str(self._port)}
            options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
            command = [str(programs_for(account) / "postgres"), "-D", place.path, *options]
            self._process = start_server(command, log, place, account)
        if self._wait_for_answer(self._process):
            return None
        self._process = None
        return self._log.read_bytes()[said_before:].decode(errors="replace")

    def _wait_for_answer(self, process: Server | None) -> bool:
        """Wait until the server on our port lets us in; False when it ends or is not ours."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if process is not None and process.poll() is not None:
                return False
            if process is None and postmaster_of(self._data) is None:
                return False
            answer = self._is_ours()
            if answer is not None:
                return answer
            time.sleep(0.02)
        raise StoreError(
            f'the database in "{self.folder}" does not answer',
            detail=f"Its process {self.process_id} runs, but takes no connection on port {self._port}.",
            hint=f"Look at {self._log}; end the process to start again: kill -INT {self.process_id}",
        )

    def _is_ours(self) -> bool | None:
        """Whether the server on our port works in our folder; None while it does not say."""
        nonce = secrets.token_hex(8)
        proof = self._data / "till_proof"
        try:
            with psycopg.connect(self._url_of("postgres"), connect_timeout=2, autocommit=True) as connection:
                # A copied folder has the same password. Only the server of this one sees this file.
                proof.write_text(nonce)
                account_for(self._data).own(proof)
                seen = connection.execute("select pg_read_file('till_proof', true)").fetchone()
                return seen is not None and seen[0] == nonce
        except psycopg.OperationalError as error:
            return False if "authentication failed" in str(error) else None
        finally:
            proof.unlink(missing_ok=True)

    def _adopted(self, state: Remembered) -> bool:
        """Take over a server that runs in the folder, or end it when its settings are not the wanted ones."""
        running = postmaster_of(self._data)
        if running is None:
            return False
        self._port = running.port or state.port
        if not self._wait_for_answer(None):
            return False
        if state.settings == self.settings:
            return True
        self._end(running)
        return False

    def _end(self, running: Postmaster) -> None:
        for kind, seconds in ((signal.SIGINT, _STOP_SECONDS), (signal.SIGQUIT, 10.0)):
            with suppress(ProcessLookupError):
                os.kill(running.process_id, kind)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                if self._process is not None:
                    self._process.poll()  # a child that nobody waits for stays in the process table
                if not running.alive:
                    return
                time.sleep(0.01)
        raise StoreError(
            f'the database in "{self.folder}" does not stop',
            detail=f"Its process {running.process_id} ignored the requests to end.",
            hint=f"Look at {self._log}; end it yourself: kill -QUIT {running.process_id}",
        )

    def _chosen_port(self, remembered: int) -> int:
        if "port" in self.settings:
            return int(self.settings["port"])
        for wanted in (remembered, 0):
            with socket.socket() as probe, suppress(OSError):
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", wanted))
                port: int = probe.getsockname()[1]
                return port
        raise StoreError("no free port on 127.0.0.1", hint="End some programs that listen on the network.")

    def _ensure_database(self) -> None:
        with psycopg.connect(self._url_of("postgres"), autocommit=True) as connection:
            if not connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone():
                connection.execute(f"create database {DATABASE}")


def _passes(port_is_ours_to_choose: bool, failure: str) -> bool:
    taken = "could not bind" in failure or "Address already in use" in failure
    held = "is still in use" in failure or 'lock file "postmaster.pid"' in failure
    return held or (taken and port_is_ours_to_choose)
