"""Is it ready, and if not why; and what works but should be looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tillstream.watch.thresholds import GIB, LEAST_FREE_BYTES, MOST_LAG_SECONDS, MOST_LOG_BYTES, MOST_LOG_USED

_WAITING = {
    "starting": "the pipeline is starting",
    "deploying models": "the models are being built",
    "stopping": "the pipeline is stopping",
    "stopped": "the pipeline has stopped",
}


def reasons(content: Mapping[str, Any]) -> list[str]:
    """Why the numbers can't be relied on now; nothing when they can. A server without a pipeline is ready."""
    return list(_reasons(content))


def _reasons(content: Mapping[str, Any]) -> Iterator[str]:
    for name, part in (content.get("parts") or {}).items():
        yield from (f"{name}: {reason}" for reason in _reasons(part))
    phase = content.get("phase")
    trouble = content.get("trouble") or {}
    if phase == "snapshot":
        fraction = (content.get("snapshot") or {}).get("fraction")
        yield "the snapshot is being read" + ("" if fraction is None else f": {fraction:.0%}")
    elif phase in ("trouble", "failed"):
        yield f"{'the flow waits' if phase == 'trouble' else 'the pipeline failed'}: {trouble.get('message', '')}"
    elif phase in _WAITING:
        yield _WAITING[phase]
    slot = content.get("slot") or {}
    if slot.get("state") in ("lost", "missing"):
        yield f'replication slot "{slot.get("name")}" is {slot["state"]}'


def warnings(content: Mapping[str, Any]) -> list[dict[str, str]]:
    """What works and may not for long, or was found wrong."""
    return [{"subject": subject, "message": message, "hint": hint} for subject, message, hint in _warnings(content)]


def _warnings(content: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    yield from _log(content.get("slot") or {})
    seconds = content["lag"]["seconds"]
    if seconds is not None and seconds > MOST_LAG_SECONDS:
        yield "lag", f"{seconds:.0f} s behind the store", "Look at `batches` and at the machine's load."
    storage = content["storage"]
    if storage["free_bytes"] is not None and storage["free_bytes"] < LEAST_FREE_BYTES:
        free = f"{storage['free_bytes'] / GIB:.2f} GiB free"
        yield "disk", free, "Free space on the warehouse's disk before it is full."
    if content["quarantine"]["open"]:
        count = content["quarantine"]["open"]
        yield "quarantine", f"{count:,} values could not be kept", "select * from till.quarantine final"
    verification = content["verification"]
    if verification and verification.get("exact") is False:
        names = ", ".join(verification.get("different", [])[:5])
        yield "verification", f"the last one found differences in {names}", "till verify --repair"


def _log(slot: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    retained, used = slot.get("retained_bytes"), slot.get("used_fraction")
    hint = "Raise max_slot_wal_keep_size before the slot is lost; `till status` shows why we are behind."
    if slot.get("wal_status") == "unreserved":
        yield "slot", f'replication slot "{slot.get("name")}" is about to be lost', hint
    elif used is not None and used > MOST_LOG_USED:
        yield "slot", f"{used:.0%} of the log that the server keeps for us is used", hint
    elif used is None and retained is not None and retained > MOST_LOG_BYTES:
        yield "slot", f"the server keeps {retained / GIB:.1f} GiB of log for us", "`till status` shows the reason."
