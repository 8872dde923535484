"""`till status`: what the process in a folder does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tillstream.commands.client import Client
from tillstream.commands.output import Output, grid
from tillstream.commands.view import milliseconds
from tillstream.flow.folder import running


def status(folder: Path, output: Output) -> int:
    """0 when the flow is well, 1 when nothing runs or the flow is in trouble."""
    process = running(folder)
    if process is None:
        output.say(f'nothing runs in "{folder}"')
        output.say("start it with `till run` or `till demo`")
        output.result({"running": False, "phase": "stopped"})
        return 1
    content = Client(process).ask("/api/status")
    _show(content, process.url, output)
    output.result({"running": True, "url": process.url, **content})
    return 1 if content.get("trouble") else 0


def _show(content: dict[str, Any], url: str, output: Output) -> None:
    numbers = content["numbers"]
    fresh = (milliseconds(numbers["freshness_p50_ms"]), milliseconds(numbers["freshness_p99_ms"]))
    rows = [
        ("state", content["phase"]),
        ("process", str(content["pid"])),
        ("page", url),
        ("source", content["source"]),
        ("warehouse", content["warehouse"]),
        ("snapshot", f"{numbers['snapshot_rows']:,} rows since the start"),
        ("changes", f"{numbers['changes']:,} since the start, {numbers['changes_per_second']:,.0f}/s now"),
        ("fresh within", f"{fresh[0]} p50, {fresh[1]} p99"),
    ]
    if lag := content.get("lag"):
        behind, retained = lag["behind_bytes"], lag["retained_bytes"]
        rows.append(("behind", f"{behind:,} bytes of log" if behind is not None else "unknown"))
        rows.append(("log kept for us", f"{retained:,} bytes" if retained is not None else "unknown"))
    output.show(grid(("", ""), rows))
    if trouble := content.get("trouble"):
        output.say(trouble["message"], "yellow")
        for name in ("detail", "hint"):
            if trouble.get(name):
                output.say(f"  {name}: {trouble[name]}")
