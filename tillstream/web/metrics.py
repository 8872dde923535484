"""The operators' numbers in the text form that Prometheus reads.

Names say the unit, counters end in `_total`, and what is not known is left out. `METRICS` is the list of
all of them; the reference in the docs is made from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from tillstream.watch.spread import Spread
from tillstream.watch.tally import Tally

PHASES = ("starting", "snapshot", "deploying models", "live", "trouble", "stopping", "stopped", "failed")
SLOT_STATES = ("active", "idle", "reserved", "extended", "unreserved", "lost", "missing")

FRESHNESS_BOUNDS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.35, 0.5, 0.7, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
LATENCY_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ROW_BOUNDS = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)

METRICS: Mapping[str, tuple[str, str]] = {
    "till_info": ("gauge", "1, with the version, the source and the warehouse as labels."),
    "till_ready": ("gauge", "1 if what is read here is live, as /healthz says."),
    "till_phase": ("gauge", "1 for what the pipeline is doing, 0 for the rest."),
    "till_start_time_seconds": ("gauge", "When the pipeline was started, in Unix time."),
    "till_lag_seconds": ("gauge", "Age of the oldest log of the source that has not landed; 0 when all has."),
    "till_lag_bytes": ("gauge", "Log of the source that has not landed."),
    "till_slot_retained_bytes": ("gauge", "Log that the source keeps for the replication slot."),
    "till_slot_limit_bytes": ("gauge", "Log that the source keeps at most (max_slot_wal_keep_size)."),
    "till_slot_budget_bytes": ("gauge", "Log that may still be written before the slot is lost (safe_wal_size)."),
    "till_slot_state": ("gauge", "1 for the replication slot's state, 0 for the rest."),
    "till_stream_lag_messages": ("gauge", "Messages of a partition that have not landed, where topics are read."),
    "till_stream_end_offset": ("gauge", "Where a partition ends for a reader of what is committed."),
    "till_part_phase": ("gauge", "1 for what another pump of this process is doing, e.g. capture; 0 for the rest."),
    "till_part_rows_total": ("counter", "Rows that another pump of this process moved, e.g. capture."),
    "till_part_transactions_total": ("counter", "Transactions that another pump of this process moved."),
    "till_freshness_seconds": ("histogram", "From commit in the source to readable here; each change counts."),
    "till_rollup_freshness_seconds": ("histogram", "The same by the rollup whose numbers the change can move."),
    "till_rollup_freshness_recent_seconds": ("gauge", "The newest minute's 50th, 95th and 99th percentile of it."),
    "till_page_freshness_seconds": ("gauge", "From commit to sent to a page, percentiles since the start."),
    "till_page_viewers": ("gauge", "Open pages."),
    "till_rows_total": ("counter", "Rows that landed, by table and operation."),
    "till_transactions_total": ("counter", "Transactions that landed."),
    "till_changes_per_second": ("gauge", "Changes a second over the newest seconds."),
    "till_snapshot_progress_ratio": ("gauge", "How much of the snapshot has landed, 0 to 1."),
    "till_batches_total": ("counter", "Batches that landed."),
    "till_batch_rows": ("histogram", "Rows in a batch."),
    "till_batch_seconds": ("histogram", "Time to bring a batch to every layer."),
    "till_last_landing_time_seconds": ("gauge", "When the newest batch landed, in Unix time."),
    "till_errors_total": ("counter", "Errors that interrupted the flow (and were tried again) or ended it."),
    "till_quarantine_values": ("gauge", "Values that could not be kept and that nobody has dealt with."),
    "till_verified_exact": ("gauge", "1 if the last verification found every layer exact, 0 if not."),
    "till_verification_age_seconds": ("gauge", "Time since the last verification began."),
    "till_verification_seconds": ("gauge", "How long the last verification took."),
    "till_warehouse_bytes": ("gauge", "Size of a layer on the warehouse's disk."),
    "till_warehouse_rows": ("gauge", "Rows of a layer, all versions of them."),
    "till_warehouse_parts": ("gauge", "Parts of a layer that have not been merged away."),
    "till_disk_free_bytes": ("gauge", "Room on the disk that holds the warehouse."),
    "till_disk_size_bytes": ("gauge", "Size of that disk."),
    "till_engine_memory_bytes": ("gauge", "Memory that the embedded engine counts as its own."),
    "till_http_requests_total": ("counter", "Answers by route and status code."),
    "till_http_request_seconds": ("histogram", "Time from a request to the end of its answer, by route."),
    "process_resident_memory_bytes": ("gauge", "Memory of this process that is in RAM."),
    "process_cpu_seconds_total": ("counter", "Processor time of this process."),
    "process_open_fds": ("gauge", "Open files of this process."),
}

Sample = tuple[Mapping[str, Any], float | None]


def render(content: Mapping[str, Any], tally: Tally) -> str:
    """`Operations.as_json` and the tally as metrics."""
    return "".join(f"{line}\n" for line in _lines(content, tally))


def _lines(content: Mapping[str, Any], tally: Tally) -> Iterator[str]:
    of_flow = {**_of_pipeline(content), **_of_stream(content)}
    for name, samples in {**of_flow, **_of_warehouse(content), **_of_answers(tally)}.items():
        yield from _metric(name, samples)
    yield from _histogram("till_freshness_seconds", [({}, tally.freshness)], FRESHNESS_BOUNDS)
    yield from _histogram("till_rollup_freshness_seconds", _by_rollup(content, tally), FRESHNESS_BOUNDS)
    yield from _histogram("till_batch_rows", [({}, tally.batch_rows)], ROW_BOUNDS)
    yield from _histogram("till_batch_seconds", [({}, tally.batch_seconds)], LATENCY_BOUNDS)
    by_route = [({"route": route}, spread) for route, spread in sorted(tally.requests.items())]
    yield from _histogram("till_http_request_seconds", by_route, LATENCY_BOUNDS)


def _of_pipeline(content: Mapping[str, Any]) -> dict[str, list[Sample]]:
    slot, throughput = content["slot"] or {}, content["throughput"]
    about = {name: content[name] or "" for name in ("version", "source", "warehouse")}
    phase, state = content["phase"], slot.get("state")
    return {
        "till_info": [(about, 1)],
        "till_ready": _one(content["ready"]),
        "till_phase": [({"phase": each}, each == phase) for each in PHASES] if phase else [],
        "till_start_time_seconds": _one(_unix(content["started_at"])),
        "till_lag_seconds": _one(content["lag"]["seconds"]),
        "till_lag_bytes": _one(content["lag"]["behind_bytes"]),
        "till_slot_retained_bytes": _one(slot.get("retained_bytes")),
        "till_slot_limit_bytes": _one(slot.get("limit_bytes")),
        "till_slot_budget_bytes": _one(slot.get("budget_bytes")),
        "till_slot_state": [({"state": each}, each == state) for each in SLOT_STATES] if state else [],
        "till_rollup_freshness_recent_seconds": [
            ({"rollup": each["name"], "quantile": f"{share / 100:g}"}, each[f"p{share}_seconds"])
            for each in content["freshness"]["rollups"]
            for share in (50, 95, 99)
        ],
        "till_page_freshness_seconds": [
            ({"quantile": f"{share / 100:g}"}, content["freshness"]["page"][f"p{share}_seconds"])
            for share in (50, 95, 99)
        ],
        "till_page_viewers": _one(content["page"]["viewers"]),
        "till_rows_total": [
            ({"table": row["table"], "operation": operation}, count)
            for row in throughput["tables"]
            for operation, count in row.items()
            if operation != "table"
        ],
        "till_transactions_total": _one(throughput["transactions"]),
        "till_changes_per_second": _one(throughput["changes_per_second"]),
        "till_snapshot_progress_ratio": _one(content["snapshot"]["fraction"]),
        "till_batches_total": _one(content["batches"]["count"]),
        "till_last_landing_time_seconds": _one(_unix(content["batches"]["last_landed_at"])),
        "till_errors_total": [({"kind": each["kind"]}, each["count"]) for each in content["errors"]],
    }


def _of_stream(content: Mapping[str, Any]) -> dict[str, list[Sample]]:
    partitions = (content["stream"] or {"partitions": []})["partitions"]
    labelled = [({"topic": each["topic"], "partition": each["partition"]}, each) for each in partitions]
    parts = content["parts"].items()
    return {
        "till_stream_lag_messages": [(labels, each["behind"]) for labels, each in labelled],
        "till_stream_end_offset": [(labels, each["end"]) for labels, each in labelled],
        "till_part_phase": [
            ({"part": name, "phase": each}, each == part["phase"]) for name, part in parts for each in PHASES
        ],
        "till_part_rows_total": [({"part": name}, part["changes"]) for name, part in parts],
        "till_part_transactions_total": [({"part": name}, part["transactions"]) for name, part in parts],
    }


def _of_warehouse(content: Mapping[str, Any]) -> dict[str, list[Sample]]:
    storage, process, verification = content["storage"], content["process"], content["verification"] or {}
    layers = storage["layers"]
    return {
        "till_quarantine_values": _one(content["quarantine"]["open"]),
        "till_verified_exact": _one(verification.get("exact")),
        "till_verification_age_seconds": _one(verification.get("age_seconds")),
        "till_verification_seconds": _one(verification.get("seconds")),
        "till_warehouse_bytes": [({"layer": each["layer"]}, each["bytes"]) for each in layers],
        "till_warehouse_rows": [({"layer": each["layer"]}, each["rows"]) for each in layers],
        "till_warehouse_parts": [({"layer": each["layer"]}, each["parts"]) for each in layers],
        "till_disk_free_bytes": _one(storage["free_bytes"]),
        "till_disk_size_bytes": _one(storage["total_bytes"]),
        "till_engine_memory_bytes": _one(process["engine_bytes"]),
        "process_resident_memory_bytes": _one(process["resident_bytes"]),
        "process_cpu_seconds_total": _one(process["cpu_seconds"]),
        "process_open_fds": _one(process["open_files"]),
    }


def _of_answers(tally: Tally) -> dict[str, list[Sample]]:
    answers = sorted(tally.answers.items())
    return {"till_http_requests_total": [({"route": route, "code": code}, count) for (route, code), count in answers]}


def _by_rollup(content: Mapping[str, Any], tally: Tally) -> list[tuple[Mapping[str, Any], Spread]]:
    known = tally.by_fact
    rollups = content["freshness"]["rollups"]
    return [({"rollup": each["name"]}, known[each["fact"]]) for each in rollups if each["fact"] in known]


def _one(value: float | None) -> list[Sample]:
    return [({}, value)]


def _unix(at: str | None) -> float | None:
    return datetime.fromisoformat(at).timestamp() if at else None


def _metric(name: str, samples: Iterable[Sample]) -> Iterator[str]:
    known = [(labels, value) for labels, value in samples if value is not None]
    if known:
        yield from _head(name)
        yield from (f"{name}{_labels(labels)} {_number(value)}" for labels, value in known)


def _histogram(name: str, series: Sequence[tuple[Mapping[str, Any], Spread]], bounds: Sequence[float]) -> Iterator[str]:
    if not series:
        return
    yield from _head(name)
    for labels, spread in series:
        counts = spread.buckets(bounds)
        count = max(spread.count, *counts)
        for bound, below in zip(bounds, counts, strict=True):
            yield f"{name}_bucket{_labels({**labels, 'le': _number(bound)})} {_number(below)}"
        yield f"{name}_bucket{_labels({**labels, 'le': '+Inf'})} {_number(count)}"
        yield f"{name}_sum{_labels(labels)} {_number(spread.sum)}"
        yield f"{name}_count{_labels(labels)} {_number(count)}"


def _head(name: str) -> Iterator[str]:
    kind, about = METRICS[name]
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} {kind}"


def _labels(labels: Mapping[str, Any]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(str(value))}"' for name, value in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.6g}" if abs(value) < 1e5 else f"{value:.3f}"
