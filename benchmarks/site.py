"""Where is measured: a store with its history, and a folder whose pipeline is live, both made when first asked for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from benchmarks import topics
from benchmarks.measure import Values, measured
from benchmarks.pipeline import PATIENCE, flowing, opened
from benchmarks.store import mix_of, store
from tillstream.assembly.store import log_end


class Site:
    """One store and one live pipeline in `folder`. Steps of the mix and months of probes are given out once each."""

    def __init__(self, folder: Path, orders: int, *, frugal: bool = False) -> None:
        self._folder = folder
        self._orders = orders
        self._frugal = frugal
        self._stack = ExitStack()
        self._url = ""
        self._steps = self._months = self._step_count = 0
        self._deployed = self._spoiled = self._streamed = False
        self._first_load: Values = {}

    @property
    def url(self) -> str:
        """The running store."""
        if not self._url:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._url = self._stack.enter_context(store(self._folder / "postgres", self._orders))
            self._step_count = mix_of(self._url).step_count
        return self._url

    @property
    def live(self) -> Path:
        """A folder whose pipeline has deployed its models; nothing runs in it."""
        if self._spoiled:
            self.renew()
        if not self._deployed:
            deploy(self.url, self._folder / "live")
            self._deployed = True
        return self._folder / "live"

    @property
    def streamed(self) -> Path:
        """A folder whose load, from topics that capture has filled, has deployed its models; nothing runs in it."""
        folder = self._folder / "streamed"
        if self._spoiled or not self._streamed:
            self.renew()
            _ = self.url
            self._stack.enter_context(topics.streamed(folder, self._folder / "kafka"))
            measured("capture", self.url, folder, 0, 0)
            self._first_load = measured("stream", folder)
            self._streamed = True
        return folder

    @property
    def first_load(self) -> Values:
        """What was found when that folder took the topics from their beginning on."""
        _ = self.streamed
        return self._first_load

    @contextmanager
    def beside(self) -> Iterator[Path]:
        """A folder for another load of the same topics, which has no warehouse yet."""
        folder = self._folder / "beside"
        folder.mkdir()
        shutil.copy(self.streamed / "till.toml", folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    def steps(self, count: int) -> int:
        """The number of the first of so many steps of the mix that nobody else makes."""
        _ = self.url
        first, self._steps = self._steps, self._steps + count
        assert self._steps <= self._step_count, f"the store is good for {self._step_count} steps, not {self._steps}"
        return first

    def month(self) -> int:
        """A month whose minutes no other probes take."""
        self._months += 1
        return self._months - 1

    def renew(self) -> None:
        """Begin with a store as new, unless it is, or one that was used will do."""
        if self._spoiled or (self._steps and not self._frugal):
            self.close()
            self._steps = self._months = 0
            self._url, self._deployed, self._spoiled, self._streamed = "", False, False, False

    def spoil(self) -> Path:
        """The live folder for somebody who leaves it in a state that fits no store."""
        self.renew()
        folder, self._spoiled = self.live, True
        return folder

    @contextmanager
    def empty(self) -> Iterator[Path]:
        """A folder for a pipeline of its own, whose slot is forgotten with it."""
        assert not self._deployed, "the live pipeline has the slot"
        folder = self._folder / "empty"
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            forget_slots(self.url)

    def close(self) -> None:
        """End the store."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def deploy(url: str, folder: Path) -> None:
    """Bring a folder's pipeline to the point where it follows the log with its models in place."""
    end = log_end(url)
    assembly = opened(folder, url)
    with flowing(assembly):
        if not assembly.supervisor.drain(end, PATIENCE):
            raise SystemExit("the pipeline did not become live")


def forget_slots(url: str) -> None:
    """Let the store forget that anybody ever read its log."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots where not active")
