"""`till doctor`: looks at everything a pipeline needs, changes nothing, and says what to do."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tillstream.commands.client import Client
from tillstream.commands.findings import checked_source, failed, show_findings
from tillstream.commands.output import Output
from tillstream.config import environment, load
from tillstream.errors import TillError
from tillstream.flow.folder import Running, hold, running
from tillstream.ports import Finding
from tillstream.settings import Settings

LEAST_FREE = 2 << 30
OLDEST_PYTHON = (3, 11)
GIB = 1 << 30


def doctor(folder: Path, output: Output) -> int:
    """0 when all is well, 1 when something needs a hand."""
    findings = [_python(), _disk(folder)]
    process = running(folder)
    try:
        settings = load(folder, environment())
        findings.append(Finding("settings", True, _origin(folder)))
    except TillError as error:
        findings.append(failed("settings", error))
    else:
        findings += _of_process(process) if process else _of_folder(settings)
    show_findings(findings, output)
    wrong = sum(not finding.ok for finding in findings)
    output.say(f"{wrong} to mend" if wrong else "all well", "bold red" if wrong else "green")
    output.result({"ok": not wrong, "findings": [asdict(finding) for finding in findings]})
    return 1 if wrong else 0


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    ok = sys.version_info >= OLDEST_PYTHON
    return Finding("python", ok, version, f"tillstream needs Python {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or newer")


def _disk(folder: Path) -> Finding:
    place = folder.resolve()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    writable = os.access(place, os.W_OK)
    words = f"{free / GIB:.1f} GiB free at {place}" + ("" if writable else "; not writable")
    return Finding("disk", free >= LEAST_FREE and writable, words, "Free some space, or use another --dir.")


def _origin(folder: Path) -> str:
    path = folder / "till.toml"
    return str(path) if path.exists() else "defaults: there is no till.toml"


def _of_process(process: Running) -> list[Finding]:
    """What the running process says about itself."""
    try:
        client = Client(process)
        status = client.ask("/api/status")
        answer = client.query("select version()", "TabSeparated", {}).decode().strip()
    except TillError as error:
        return [failed(f"process {process.pid}", error)]
    trouble = status.get("trouble") or {}
    findings = [
        Finding("process", True, f"{process.pid} since {process.started_at}, page {process.url}"),
        Finding("endpoint", True, f"answers, ClickHouse {answer}"),
        Finding("flow", not trouble, trouble.get("message") or status["phase"], trouble.get("hint", "")),
    ]
    if (lag := status.get("lag")) and lag["retained_bytes"] is not None:
        findings.append(_retained(lag["retained_bytes"], lag["budget_bytes"]))
    return findings + _caught("source", lambda: [Finding(**each) for each in client.act("check", {})["findings"]])


def _retained(retained: int, budget: int | None) -> Finding:
    words = f"{retained / GIB:.2f} GiB of log kept for us"
    if budget is None:
        return Finding("log", retained < 4 * GIB, words, "The pipeline is far behind: `till status` shows the reason.")
    hint = "Raise max_slot_wal_keep_size before the slot is lost; `till status` shows why we are behind."
    return Finding("log", retained < budget / 2, f"{words}, of {budget / GIB:.2f} GiB allowed", hint)


def _of_folder(settings: Settings) -> list[Finding]:
    """Nothing runs: can it?"""
    folder = settings.warehouse_url.removeprefix("chdb://")
    if folder.startswith("/") and not Path(folder).exists():
        warehouse = [Finding("warehouse", True, "not made yet: the first run does it")]
    else:
        warehouse = _caught("warehouse", lambda: _warehouse(settings))
    if settings.source.kind == "demo":
        source = [Finding("source", True, "the demo store of this folder; not running")]
    else:
        source = checked_source(settings)
    return [_port(settings), *warehouse, *source]


def _port(settings: Settings) -> Finding:
    port = settings.page.port
    with socket.socket(socket.AF_INET6 if ":" in settings.page.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.page.host, port))
        except OSError as error:
            words = f"{settings.page.host}:{port}: {error.strerror}"
            return Finding("port", False, words, "Stop what listens there, or set page.port in till.toml.")
    return Finding("port", True, f"{settings.page.host}:{port} is free" if port else "any free one will do")


def _warehouse(settings: Settings) -> list[Finding]:
    from tillstream.destinations.clickhouse.client import Warehouse, shown

    with hold(settings.folder):
        warehouse = Warehouse(settings.warehouse_url)
        try:
            version = warehouse.value("select version()")
            counts = dict(
                warehouse.rows(
                    "select database, count() from system.tables "
                    "where database in ('mirror', 'facts', 'live') and engine not like '%View' group by 1"
                )
            )
        finally:
            warehouse.close()
    layers = ", ".join(f"{counts.get(name, 0)} {name}" for name in ("mirror", "facts", "live"))
    return [
        Finding("warehouse", True, f"{shown(settings.warehouse_url)} opens, ClickHouse {version}"),
        Finding("models", True, f"tables: {layers}" if counts else "not deployed yet: the first run does it"),
    ]


def _caught(subject: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return look()
    except TillError as error:
        return [failed(subject, error)]
