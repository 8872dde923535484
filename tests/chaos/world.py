"""A small store, its pipeline's folder, and a process that can be killed at any time."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from tillstream.simulate.history import Sizes, load_history
from tillstream.simulate.schema import create_schema
from tillstream.simulate.server import EmbeddedPostgres

ROOT = Path(__file__).resolve().parents[2]
SLOT = "tillstream"


@dataclass
class World:
    """One store and one warehouse that follows it; only one process works on the warehouse at a time."""

    folder: Path
    server: EmbeddedPostgres
    worker: subprocess.Popen[str]
    # Where the pipeline believes the store is; a test may lead it through a proxy.
    route: str = ""
    number: int = 0
    # Nothing has happened since everything was compared.
    is_settled: bool = False
    process: int = 0
    kill_count: int = 0
    _report: dict[str, Any] = field(default_factory=dict)
    _seen: dict[str, dict[str, str]] = field(default_factory=dict)
    _complaints: list[str] = field(default_factory=list)

    @classmethod
    def created(cls, folder: Path) -> World:
        """A store with a little history; nothing captured yet."""
        server = EmbeddedPostgres(folder / "postgres", {"fsync": "off", "synchronous_commit": "off"})
        url = server.start()
        create_schema(url)
        load_history(url, Sizes(customers=40, products=20, orders=150, days=30), 7, datetime.now(UTC))
        return cls(folder / "till", server, _worker(), route=url)

    @property
    def store(self) -> str:
        """The store's own address."""
        return self.server.url

    def begin(self, failpoint: str = "") -> None:
        """Start a pipeline; it flows until it is killed, or dies at the failpoint."""
        self.is_settled = False
        self._order("flow", failpoint=failpoint)
        self.process = self._answer("pid")

    def kill(self) -> None:
        """kill -9, whatever it is doing; nothing to do when nothing runs."""
        if not self.process:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)
        self.wait_for_death()

    def wait_for_death(self, patience: float = 60.0) -> None:
        """Until the process is dead, which it must be by SIGKILL and nothing else.

        It is killed after `patience` seconds: what a recovery passes depends on where the kill before it struck.
        """
        impatience = threading.Timer(patience, os.kill, (self.process, signal.SIGKILL))
        impatience.start()
        ended, self.process = self._answer("ended"), 0
        impatience.cancel()
        assert ended == -signal.SIGKILL, f"ended with {ended}: {self._complaints}\n{self.log()}"
        self.kill_count += 1

    def settle(self) -> dict[str, Any]:
        """Let everything land, compare every layer with the store, and return the report."""
        if self.is_settled:
            return self._report
        self.kill()
        self._order("settle")
        self._answer("pid")
        ended = self._answer("ended")
        assert ended == 0, f"ended with {ended}: {self._complaints}\n{self.log()}"
        self.is_settled = True
        return self._report

    def look(self, number: int) -> dict[str, dict[str, str]]:
        """The fingerprints of every layer, as they are on disk."""
        self._order("look", number=number)
        self._answer("pid")
        assert self._answer("ended") == 0, self._complaints
        return self._seen

    def close(self) -> None:
        """End the worker and the store."""
        assert self.worker.stdin is not None
        assert self.worker.stdout is not None
        self.worker.stdin.close()
        self.worker.wait(30)
        self.worker.stdout.close()
        self.server.stop()

    def log(self) -> str:
        """The end of what the pipelines said."""
        path = self.folder / "chaos.log"
        return path.read_text()[-3000:] if path.exists() else ""

    def forgotten(self) -> int:
        """The position up to which the source was allowed to forget."""
        with psycopg.connect(self.store) as connection:
            row = connection.execute(
                "select confirmed_flush_lsn - '0/0' from pg_replication_slots where slot_name = %s", [SLOT]
            ).fetchone()
        return int(row[0]) if row else 0

    def _order(self, what: str, **more: Any) -> None:
        assert self.worker.stdin is not None
        self._complaints.clear()
        self.folder.mkdir(parents=True, exist_ok=True)
        order = {"do": what, "folder": str(self.folder), "url": self.route, "store": self.store}
        self.worker.stdin.write(json.dumps({**order, **more}) + "\n")
        self.worker.stdin.flush()

    def _answer(self, key: str) -> int:
        """The next answer of that kind; what comes in between is kept."""
        assert self.worker.stdout is not None
        for line in self.worker.stdout:
            answer = json.loads(line)
            if "report" in answer:
                self._report, self.number = answer["report"], answer["number"]
            elif "seen" in answer:
                self._seen = answer["seen"]
            elif "error" in answer:
                self._complaints.append(answer["error"])
            if key in answer:
                return int(answer[key])
        raise AssertionError(f"the worker is gone: {self._complaints}")


def _worker() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.chaos.worker"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
