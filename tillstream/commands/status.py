"""`till status`: what the process in a folder does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tillstream.commands.client import Client
from tillstream.commands.output import Output, grid
from tillstream.commands.view import milliseconds
from tillstream.flow.folder import Role, Running, running


def status(folder: Path, output: Output) -> int:
    """0 when the flow is well, 1 when nothing runs or the flow is in trouble."""
    working = processes_of(folder)
    if not working:
        output.say(f'nothing runs in "{folder}"')
        output.say("start it with `till run` or `till demo`")
        output.result({"running": False, "phase": "stopped"})
        return 1
    found: dict[str, dict[str, Any]] = {}
    for role, process in working.items():
        if not process.url and len(working) > 1:
            output.say(f"till {role}: process {process.pid} is starting or stopping")
            found[role] = {"phase": "starting", "pid": process.pid}
            continue
        client = Client(process)
        content = client.ask("/api/status")
        operations = client.ask("/api/operations?history=0")
        if len(working) > 1:
            output.say(f"till {role}", "bold")
        _show(content, operations, process.url, output)
        found[role] = {"phase": "serving", "pid": process.pid, "url": process.url, **content, "operations": operations}
    first, *others = found
    output.result(
        {"running": True, "role": str(first), **found[first], "processes": {name: found[name] for name in others}}
    )
    return 1 if any(_troubled(each) for each in found.values()) else 0


def processes_of(folder: Path) -> dict[Role, Running]:
    """The processes that work in a folder by what they do, the one that loads first; each once."""
    found: dict[Role, Running] = {}
    for role in (Role.LOAD, Role.CAPTURE, Role.SERVE):
        process = running(folder, role)
        if process is not None and process.pid not in {other.pid for other in found.values()}:
            found[role] = process
    return found


def _troubled(content: Mapping[str, Any]) -> bool:
    return bool(content.get("trouble")) or any(_troubled(part) for part in content.get("parts", {}).values())


def _show(content: dict[str, Any], operations: dict[str, Any], url: str, output: Output) -> None:
    if "phase" not in content:
        output.show(grid(("", ""), [("state", "serving"), ("page", url), *_stock(operations)]))
        return
    numbers = content["numbers"]
    rows = [
        ("state", content["phase"] if operations["ready"] else f"{content['phase']}: not ready"),
        ("process", str(content["pid"])),
        ("page", url),
        ("source", content["source"]),
        ("warehouse", content["warehouse"]),
        ("snapshot", f"{numbers['snapshot_rows']:,} rows since the start"),
        ("changes", f"{numbers['changes']:,} since the start, {numbers['changes_per_second']:,.0f}/s now"),
        ("fresh within", _fresh(operations["freshness"]["all"])),
        *(row for name, part in content.get("parts", {}).items() for row in _part(name, part)),
        *_lag(operations),
        *_stock(operations),
    ]
    output.show(grid(("", ""), rows))
    if rollups := operations["freshness"]["rollups"]:
        output.say("")
        lines = [(each["name"], *_percentiles(each)) for each in rollups]
        output.show(grid(("fresh within, newest minute", "p50", "p95", "p99"), lines, (1, 2, 3)))
    for warning in operations["warnings"]:
        output.say(f"look at {warning['subject']}: {warning['message']}", "yellow")
        output.say(f"  hint: {warning['hint']}")
    for trouble in filter(
        None, [content.get("trouble"), *(part["trouble"] for part in content.get("parts", {}).values())]
    ):
        output.say(trouble["message"], "yellow")
        for name in ("detail", "hint"):
            if trouble.get(name):
                output.say(f"  {name}: {trouble[name]}")


def _part(name: str, part: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    numbers = part["numbers"]
    yield name, f"{part['phase']}: {part['source']} to {part['warehouse']}"
    yield "", f"{numbers['changes']:,} changes since the start, {numbers['changes_per_second']:,.0f}/s now"


def _lag(operations: dict[str, Any]) -> Iterator[tuple[str, str]]:
    behind = operations["lag"]
    if behind["behind_bytes"] is not None:
        seconds = f"{behind['seconds']:.1f} s, " if behind["seconds"] is not None else ""
        yield "behind", f"{seconds}{size(behind['behind_bytes'])} of log"
    if stream := operations["stream"]:
        partitions = f"{len(stream['partitions'])} partitions"
        yield "stream", f"{stream['behind_messages']:,} messages behind in {partitions}"
    if slot := operations["slot"]:
        kept = f", keeps {size(slot['retained_bytes'])} of log" if slot["retained_bytes"] is not None else ""
        yield "slot", f"{slot['name']} is {slot['state']}{kept}"
        if slot["budget_bytes"] is not None:
            yield "budget", f"{size(slot['budget_bytes'])} more until it is lost"


def _stock(operations: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if verification := operations["verification"]:
        verdict = "exact" if verification["exact"] else f"differs in {', '.join(verification['different'])}"
        yield "verified", f"{verdict}, {ago(verification['age_seconds'])} ago"
    else:
        yield "verified", "never: `till verify`"
    yield "quarantine", f"{operations['quarantine']['open']:,} values"
    yield "tried again", f"{sum(each['count'] for each in operations['errors']):,} times since the start"
    if (memory := operations["process"]["resident_bytes"]) is not None:
        yield "memory", f"{size(memory)}, at most {size(operations['process']['peak_bytes'])}"
    layers = sum(layer["bytes"] for layer in operations["storage"]["layers"])
    free = operations["storage"]["free_bytes"]
    yield "warehouse's size", size(layers) + (f", {size(free)} free on its disk" if free is not None else "")


def _fresh(found: dict[str, Any]) -> str:
    p50, p95, p99 = _percentiles(found)
    return f"{p50} p50, {p95} p95, {p99} p99"


def _percentiles(found: dict[str, Any]) -> tuple[str, str, str]:
    p50, p95, p99 = (found[f"p{share}_seconds"] for share in (50, 95, 99))
    return (_seconds(p50), _seconds(p95), _seconds(p99))


def _seconds(value: float | None) -> str:
    return milliseconds(None if value is None else value * 1000)


def size(count: int) -> str:
    """Bytes as people read them: `512 B`, `1.5 MiB`."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(amount) < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def ago(seconds: float) -> str:
    """An age as people say it: `40 s`, `12 min`, `3 h`, `5 days`."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
