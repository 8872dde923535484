"""Everything an operator asks about a running pipeline, as one JSON value.

`/api/operations` serves `Operations.as_json`, `/metrics` prints the same numbers, `/healthz` its `ready`
and `reasons`. What is not known is null; sizes are bytes, times are ISO text, durations seconds.

    at, version, phase, pid, started_at, live_at, uptime_seconds, source, warehouse
    ready           true when every number is live and exact as far as we know
    reasons         why not: texts, empty when ready
    warnings        [{subject, message, hint}]: works, but look at it
    trouble         {message, detail, hint, since} or null
    snapshot        {fraction, tables: [{name, rows, expected, fraction}]}
    lag             {seconds, behind_bytes}
    stream          {behind_messages, partitions: [{topic, partition, behind, end}],
                    topics: [{topic, behind, partitions}]} or null: what is read from topics
    parts           {name: {phase, source, warehouse, trouble, changes, changes_per_second, transactions, batches}}:
                    other pumps of the process, e.g. capture
    slot            {name, state, wal_status, retained_bytes, limit_bytes, budget_bytes, used_fraction} or null
                    limit: max_slot_wal_keep_size; budget: what may still be written before the slot is lost
    freshness       {all: F, page: F, rollups: [F and {name, fact}]} with F = {changes, p50_seconds, p95_seconds,
                    p99_seconds, max_seconds} over the newest minute: from commit to readable (page: to the browser)
    throughput      {changes_per_second, per_second: [60 counts, oldest first], changes, transactions,
                    snapshot_rows, tables: [{table, snapshot, insert, update, delete, truncate}] since the start}
    batches         {count, last_number, last_landed_at, rows: Q, seconds: Q} with Q = {p50, p95, p99, max}
    quarantine      {open, tables: [{table, column, rule, count, newest_at}]}
    verification    {exact, at, age_seconds, seconds, rows, tables, different: [names]} or null
    verifications   the newest of them, newest first, without age
    events          [{at, level, text, facts}]: the newest lines of the log, newest first
    process         {resident_bytes, peak_bytes, engine_bytes, cpu_seconds, open_files}
    storage         {free_bytes, total_bytes, layers: [{layer, bytes, rows, parts}]}
    errors          [{kind, count, last_at}]: what interrupted or ended the flow, since the start
    requests        [{route, count, errors, p50, p95, p99, max}]: seconds, over the newest minute
    page            {viewers}
    history         {every_seconds, at: [...], lag_seconds, behind_bytes, retained_bytes, changes_per_second,
                    freshness_p50_seconds, freshness_p99_seconds, resident_bytes}: lists of equal length, oldest first
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tillstream import __version__
from tillstream.watch.process import taken
from tillstream.watch.spread import Percentiles, Spread
from tillstream.watch.tally import OPERATIONS, Tally
from tillstream.web.health import reasons, warnings
from tillstream.web.history import History
from tillstream.web.live import Live, brief
from tillstream.web.stock import Stock


class Operations:
    """Gathers what several parts know. `start` begins to remember the past."""

    def __init__(self, live: Live, stock: Stock) -> None:
        self.live = live
        self.history = History(self._sample)
        self._stock = stock
        self._lock = threading.Lock()

    def start(self) -> None:
        """Take a sample now and then."""
        self.history.start()

    def close(self) -> None:
        """Take no more."""
        self.history.close()

    def as_json(self, *, with_history: bool = True) -> dict[str, Any]:
        """Everything, as of now; see the module's docstring."""
        self.live.last_verification()
        status = self.live.status()
        tally = self.live.tally
        numbers = status.get("numbers") or {}
        lag = _lag_of(status)
        now = datetime.now(UTC)
        content = {
            "at": now.isoformat(),
            "version": __version__,
            **{name: status.get(name) for name in ("phase", "pid", "started_at", "live_at", "source", "warehouse")},
            "uptime_seconds": _age(status.get("started_at"), now),
            "trouble": status.get("trouble"),
            "snapshot": {"fraction": status.get("snapshot_fraction"), "tables": status.get("tables") or []},
            "lag": {"seconds": status.get("lag_seconds"), "behind_bytes": lag.get("behind_bytes")},
            "stream": _stream(status.get("lag") or {}),
            "parts": {name: _part(part) for name, part in (status.get("parts") or {}).items()},
            "slot": _slot(lag),
            "freshness": self._freshness(status, tally),
            "throughput": _throughput(numbers, tally),
            "batches": _batches(status, numbers, tally),
            "quarantine": self._stock.quarantine(),
            "verification": _verification(status, now),
            "verifications": [brief(report) for report in self._stock.reports()],
            "events": self.live.events.as_json(),
            "process": self._process(),
            "storage": self._stock.storage(),
            "errors": _errors(tally),
            "requests": _requests(tally),
            "page": {"viewers": (status.get("page") or {}).get("viewers", 0)},
        }
        content["reasons"] = reasons(content)
        content["ready"] = not content["reasons"]
        content["warnings"] = warnings(content)
        if with_history:
            content["history"] = self.history.as_json()
        return content

    def health(self) -> tuple[bool, list[str], str]:
        """Whether it is ready, why not, and the phase; asks nobody."""
        status = self.live.status()
        slot = _slot(_lag_of(status))
        found = reasons({**status, "slot": slot, "snapshot": {"fraction": status.get("snapshot_fraction")}})
        return not found, found, str(status.get("phase") or "serving")

    def _freshness(self, status: Mapping[str, Any], tally: Tally) -> dict[str, Any]:
        page = status.get("page") or {}
        nothing = _fresh(Percentiles())
        by_fact = {fact: _fresh(spread.recent()) for fact, spread in tally.by_fact.items()}
        return {
            "all": _fresh(tally.freshness.recent()),
            "page": {
                **nothing,
                **{f"p{share}_seconds": _seconds(page.get(f"freshness_p{share}_ms")) for share in (50, 95, 99)},
            },
            "rollups": [
                {"name": name, "fact": fact, **by_fact.get(fact, nothing)} for name, fact in self._stock.rollups()
            ],
        }

    def _process(self) -> dict[str, Any]:
        used = taken()
        return {
            "resident_bytes": used.resident_bytes,
            "peak_bytes": used.peak_bytes,
            "engine_bytes": self._stock.engine_bytes(),
            "cpu_seconds": round(used.cpu_seconds, 3),
            "open_files": used.open_files,
        }

    def _sample(self) -> dict[str, float | None]:
        status = self.live.status()
        lag = _lag_of(status)
        fresh = self.live.tally.freshness.recent()
        return {
            "lag_seconds": status.get("lag_seconds"),
            "behind_bytes": lag.get("behind_bytes"),
            "retained_bytes": lag.get("retained_bytes"),
            "changes_per_second": (status.get("numbers") or {}).get("changes_per_second"),
            "freshness_p50_seconds": _rounded(fresh.p50),
            "freshness_p99_seconds": _rounded(fresh.p99),
            "resident_bytes": taken().resident_bytes,
        }


def _fresh(found: Percentiles) -> dict[str, Any]:
    return {
        "changes": round(found.count),
        "p50_seconds": _rounded(found.p50),
        "p95_seconds": _rounded(found.p95),
        "p99_seconds": _rounded(found.p99),
        "max_seconds": _rounded(found.most),
    }


def _quantiles(spread: Spread) -> dict[str, Any]:
    found = spread.recent()
    return {
        "p50": _rounded(found.p50),
        "p95": _rounded(found.p95),
        "p99": _rounded(found.p99),
        "max": _rounded(found.most),
    }


def _lag_of(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """The store's log: that of whichever pump reads it."""
    lags = [each.get("lag") or {} for each in (status, *(status.get("parts") or {}).values())]
    return next((lag for lag in lags if lag and lag.get("behind_messages") is None), {})


def _stream(lag: Mapping[str, Any]) -> dict[str, Any] | None:
    if lag.get("behind_messages") is None:
        return None
    topics: dict[str, dict[str, Any]] = {}
    for each in lag["partitions"]:
        topic = topics.setdefault(each["topic"], {"topic": each["topic"], "behind": 0, "partitions": 0})
        topic["behind"] += each["behind"]
        topic["partitions"] += 1
    return {
        "behind_messages": lag["behind_messages"],
        "partitions": list(lag["partitions"]),
        "topics": list(topics.values()),
    }


def _part(status: Mapping[str, Any]) -> dict[str, Any]:
    numbers = status.get("numbers") or {}
    return {
        **{name: status.get(name) for name in ("phase", "source", "warehouse", "trouble")},
        **{name: numbers.get(name) for name in ("changes", "changes_per_second", "transactions", "batches")},
    }


def _slot(lag: Mapping[str, Any]) -> dict[str, Any] | None:
    if not lag:
        return None
    budget, retained = lag.get("budget_bytes"), lag.get("retained_bytes")
    used = None
    if budget is not None and retained is not None:
        used = round(retained / max(retained + max(budget, 0), 1), 4)
    return {
        "name": lag.get("slot"),
        "state": lag.get("slot_state"),
        "wal_status": lag.get("wal_status"),
        "retained_bytes": retained,
        "limit_bytes": lag.get("limit_bytes"),
        "budget_bytes": budget,
        "used_fraction": used,
    }


def _throughput(numbers: Mapping[str, Any], tally: Tally) -> dict[str, Any]:
    tables: dict[str, dict[str, Any]] = {}
    for (table, operation), count in sorted(tally.rows.items()):
        row = tables.setdefault(table, {"table": table, **dict.fromkeys(OPERATIONS.values(), 0)})
        row[operation] = row.get(operation, 0) + count
    return {
        "changes_per_second": numbers.get("changes_per_second"),
        "per_second": list(numbers.get("per_second") or ()),
        "changes": numbers.get("changes"),
        "transactions": numbers.get("transactions"),
        "snapshot_rows": numbers.get("snapshot_rows"),
        "tables": list(tables.values()),
    }


def _batches(status: Mapping[str, Any], numbers: Mapping[str, Any], tally: Tally) -> dict[str, Any]:
    return {
        "count": numbers.get("batches"),
        "last_number": status.get("batch_number"),
        "last_landed_at": numbers.get("last_landed_at"),
        "rows": _quantiles(tally.batch_rows),
        "seconds": _quantiles(tally.batch_seconds),
    }


def _verification(status: Mapping[str, Any], now: datetime) -> dict[str, Any] | None:
    found = status.get("verification")
    return {**found, "age_seconds": _age(found.get("at"), now)} if found else None


def _errors(tally: Tally) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "count": each.count, "last_at": each.last_at.isoformat() if each.last_at else None}
        for kind, each in sorted(tally.failures.items())
    ]


def _requests(tally: Tally) -> list[dict[str, Any]]:
    answers = tally.answers
    return [
        {
            "route": route,
            "count": sum(count for (name, _), count in answers.items() if name == route),
            "errors": sum(count for (name, code), count in answers.items() if name == route and code >= 400),
            **_quantiles(spread),
        }
        for route, spread in sorted(tally.requests.items())
    ]


def _age(at: str | None, now: datetime) -> float | None:
    return None if not at else round((now - datetime.fromisoformat(at)).total_seconds(), 3)


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else _rounded(milliseconds / 1000)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")
