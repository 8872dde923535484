"""Live activity in a store: seeded transactions at a rate, until told to stop."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tillstream.errors import StoreError
from tillstream.simulate.present.mix import Transaction, next_transaction
from tillstream.simulate.present.session import Session, Trouble

Clock = Callable[[], datetime]
_GROUP = 100
_TICK_SECONDS = 0.01
_LONGEST_WAIT_SECONDS = 0.1
_MOST_TROUBLE = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """How much life: transactions a second (`inf` is as many as possible), and for how long."""

    rate: float = 20.0
    seed: int = 0
    transactions: int | None = None
    duration: timedelta | None = None

    def __post_init__(self) -> None:
        if not self.rate > 0:
            raise StoreError(f"the rate is {self.rate:g}, and has to be more than 0 transactions a second")
        if self.transactions is not None and self.transactions < 0:
            raise StoreError(f"{self.transactions} transactions can't be made")
        if self.duration is not None and self.duration < timedelta(0):
            raise StoreError(f"a duration of {self.duration.total_seconds():g} s can't be kept")


@dataclass(slots=True)
class Lived:
    """What has happened so far: transactions by kind, lost connections, refusals by the database."""

    kinds: Counter[str] = field(default_factory=Counter)
    reconnections: int = 0
    refusals: int = 0
    seconds: float = 0.0

    @property
    def transactions(self) -> int:
        return self.kinds.total()

    @property
    def rate(self) -> float:
        """Transactions a second, on average."""
        return self.transactions / self.seconds if self.seconds else 0.0


def wall_clock() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


def nobody_watches(lived: Lived) -> None:
    """The progress that nobody looks at."""


def simulate(
    url: str,
    plan: Plan,
    stop: threading.Event,
    progress: Callable[[Lived], None] = nobody_watches,
    clock: Clock = wall_clock,
) -> Lived:
    """Live on in a store with the demo schema and some history. Returns when the plan is done or `stop` is set.

    The same database, seed, clock and number of transactions give the same rows. A lost connection
    is made again, and what others changed meanwhile is taken note of. StoreError when the database can't be reached at
    the start, lacks the schema or its history, is driven by another simulator, or keeps refusing.
    """
    with Session(url, plan.seed) as session, ThreadPoolExecutor(1, "simulate") as executor:
        return _Run(session, plan, stop, clock).go(executor, progress)


class _Run:
    """One call of `simulate`. While the server works on a group, the next one is made."""

    def __init__(self, session: Session, plan: Plan, stop: threading.Event, clock: Clock) -> None:
        self._session = session
        self._plan = plan
        self._stop = stop
        self._clock = clock
        self._lived = Lived()
        self._started = time.monotonic()
        self._pace = _Pace(plan.rate, self._started)
        self._trouble = 0

    def go(self, executor: ThreadPoolExecutor, progress: Callable[[Lived], None]) -> Lived:
        made: list[Transaction] = []
        while not self._is_over():
            group = made or self._make_group()
            if not group:
                self._stop.wait(self._pace.seconds_to_next(time.monotonic()))
                continue
            running = executor.submit(self._session.run, group)
            made = self._make_group(already=len(group)) if self._is_behind(len(group)) else []
            if not self._settle(running.result(), group):
                made = []
            progress(self._lived)
        self._lived.seconds = time.monotonic() - self._started
        return self._lived

    def _is_over(self) -> bool:
        plan, lived = self._plan, self._lived
        lived.seconds = time.monotonic() - self._started
        if plan.transactions is not None and lived.transactions >= plan.transactions:
            return True
        return self._stop.is_set() or (plan.duration is not None and lived.seconds >= plan.duration.total_seconds())

    def _is_behind(self, under_way: int) -> bool:
        """Whether more is due already than is under way; otherwise the next is made when its time comes."""
        return self._pace.due(time.monotonic(), self._lived.transactions + under_way) > 0

    def _make_group(self, already: int = 0) -> list[Transaction]:
        done = self._lived.transactions + already
        count = min(_GROUP, self._pace.due(time.monotonic(), done))
        if self._plan.transactions is not None:
            count = min(count, self._plan.transactions - done)
        world = self._session.world
        group = []
        for _ in range(count):
            # Strictly later than everything before, whatever the clock does.
            world.latest = max(self._clock(), world.latest + timedelta(microseconds=1))
            group.append(next_transaction(world, world.latest))
        return group

    def _settle(self, trouble: Trouble | None, group: list[Transaction]) -> bool:
        """Count what was done. False when what comes next has to be thought over."""
        if trouble is None:
            self._trouble = 0
            self._lived.kinds.update(transaction.kind for transaction in group)
            self._session.replenish()
            return True
        self._trouble += 1
        if trouble.connection_lost:
            self._lived.reconnections += 1
        else:
            self._lived.refusals += 1
            if self._trouble >= _MOST_TROUBLE:
                raise StoreError(
                    "the database keeps refusing the simulator's transactions",
                    detail=trouble.message,
                    hint="Has somebody changed the schema, or the user's rights?",
                )
        self._session.recover(self._stop)
        self._pace.restart(time.monotonic(), self._lived.transactions)
        return False


class _Pace:
    """When how many transactions are due."""

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._since = now
        self._done_before = 0

    def restart(self, now: float, done: int) -> None:
        """Forget what should have happened while it could not."""
        self._since, self._done_before = now, done

    def due(self, now: float, done: int) -> int:
        """How many should be under way by now, and are not."""
        if math.isinf(self._rate):
            return _GROUP
        wanted = int((now - self._since) * self._rate) + 1 - (done - self._done_before)
        if wanted > max(self._rate, _GROUP):
            # More than a second behind: it can't be made up for, only made worse.
            self.restart(now, done)
            return _GROUP
        return max(wanted, 0)

    def seconds_to_next(self, now: float) -> float:
        """How long to wait before looking again: a tick at least, and never past the end of a plan by much."""
        elapsed = (now - self._since) * self._rate
        return min(max(_TICK_SECONDS, (math.floor(elapsed) + 1 - elapsed) / self._rate), _LONGEST_WAIT_SECONDS)
