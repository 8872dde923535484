"""The pipeline's numbers in the text form that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

PHASES = ("starting", "snapshot", "deploying models", "live", "trouble", "stopping", "stopped", "failed")


def render(status: Mapping[str, Any]) -> str:
    """`Live.status()` as metrics. What is not known is left out."""
    return "\n".join(_lines(status)) + "\n"


def _lines(status: Mapping[str, Any]) -> Iterator[str]:
    numbers = status.get("numbers") or {}
    page = status.get("page") or {}
    lag = status.get("lag") or {}
    verification = status.get("verification") or {}
    yield from _metric("till_batches_total", "counter", "Batches that landed.", numbers.get("batches"))
    yield from _metric("till_changes_total", "counter", "Changed rows that landed.", numbers.get("changes"))
    yield from _metric("till_transactions_total", "counter", "Transactions that landed.", numbers.get("transactions"))
    yield from _metric("till_snapshot_rows_total", "counter", "Rows of the snapshot.", numbers.get("snapshot_rows"))
    rate = numbers.get("changes_per_second")
    yield from _metric("till_changes_per_second", "gauge", "Changes a second, newest seconds.", rate)
    yield from _quantiles("till_freshness_seconds", "From commit to readable.", numbers, (0.5, 0.99))
    yield from _quantiles("till_page_freshness_seconds", "From commit to sent to a page.", page, (0.5, 0.95, 0.99))
    yield from _metric("till_page_viewers", "gauge", "Open pages.", page.get("viewers"))
    yield from _metric("till_source_behind_bytes", "gauge", "Log not yet captured.", lag.get("behind_bytes"))
    yield from _metric("till_source_retained_bytes", "gauge", "Log kept for us.", lag.get("retained_bytes"))
    yield from _metric(
        "till_verified_exact", "gauge", "1 if the last verification was exact.", verification.get("exact")
    )
    if "phase" in status:
        yield "# HELP till_phase What the pipeline is doing."
        yield "# TYPE till_phase gauge"
        yield from (f'till_phase{{phase="{phase}"}} {int(phase == status["phase"])}' for phase in PHASES)


def _metric(name: str, kind: str, about: str, value: float | None) -> Iterator[str]:
    if value is not None:
        yield f"# HELP {name} {about}"
        yield f"# TYPE {name} {kind}"
        yield f"{name} {float(value):g}" if not isinstance(value, int) else f"{name} {int(value)}"


def _quantiles(name: str, about: str, numbers: Mapping[str, Any], shares: tuple[float, ...]) -> Iterator[str]:
    known = {share: numbers.get(f"freshness_p{share * 100:.0f}_ms") for share in shares}
    if any(value is not None for value in known.values()):
        yield f"# HELP {name} {about}"
        yield f"# TYPE {name} gauge"
        yield from (
            f'{name}{{quantile="{share:g}"}} {value / 1000:.6g}' for share, value in known.items() if value is not None
        )
