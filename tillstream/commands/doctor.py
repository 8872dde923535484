"""`till doctor`: looks at everything a pipeline needs, changes nothing, and says what to do."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tillstream.commands.client import Client
from tillstream.commands.findings import checked_source, failed, show_groups
from tillstream.commands.output import Output
from tillstream.commands.run import known_store_url
from tillstream.config import environment, load
from tillstream.errors import TillError
from tillstream.flow.folder import Role, Running, hold, running
from tillstream.ports import Finding
from tillstream.settings import Settings
from tillstream.watch.thresholds import GIB, LEAST_FREE_BYTES

OLDEST_PYTHON = (3, 11)

# Since 26.2 what a repeated insert adds to a view's target is recognised, too: exactly-once rests on it.
OLDEST_CLICKHOUSE = (26, 2)

Groups = dict[str, list[Finding]]


def doctor(folder: Path, output: Output) -> int:
    """0 when all is well, 1 when something needs a hand."""
    groups: Groups = {"this machine": [_python(), _disk("disk", folder)]}
    process = running(folder)
    try:
        settings = load(folder, environment())
    except TillError as error:
        groups["settings"] = [failed("settings", error)]
    else:
        groups["settings"] = [Finding("settings", True, _origin(folder))]
        groups |= _of_process(process) if process else _of_folder(settings)
        if settings.stream.url is not None:
            groups |= _of_stream(settings, is_read=process is not None)
    show_groups(groups, output)
    wrong = sum(not finding.ok for found in groups.values() for finding in found)
    output.say(f"{wrong} to mend" if wrong else "all well", "bold red" if wrong else "green")
    listed = [{"group": name, **asdict(finding)} for name, found in groups.items() for finding in found]
    output.result({"ok": not wrong, "findings": listed})
    return 1 if wrong else 0


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    ok = sys.version_info >= OLDEST_PYTHON
    return Finding("python", ok, version, f"tillstream needs Python {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or newer")


def _disk(subject: str, folder: Path) -> Finding:
    place = folder.resolve()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    writable = os.access(place, os.W_OK)
    words = f"{free / GIB:.1f} GiB free at {place}" + ("" if writable else "; not writable")
    return Finding(subject, free >= LEAST_FREE_BYTES and writable, words, "Free some space, or use another --dir.")


def _origin(folder: Path) -> str:
    path = folder / "till.toml"
    return str(path) if path.exists() else "defaults: there is no till.toml"


def _of_process(process: Running) -> Groups:
    """What the running process says about itself."""
    try:
        client = Client(process)
        status = client.ask("/api/status")
        served = str(status.get("warehouse", "")).startswith("chdb")
        answer = client.query("select version()", "TabSeparated", {}).decode().strip() if served else ""
    except TillError as error:
        return {"pipeline": [failed(f"process {process.pid}", error)]}
    findings = [
        Finding("process", True, f"{process.pid} since {process.started_at}, page {process.url}"),
        *([Finding("endpoint", True, f"answers, ClickHouse {answer}")] if served else []),
        *_flow(status),
    ]
    if (lag := status.get("lag")) and lag["retained_bytes"] is not None:
        findings.append(_retained(lag["retained_bytes"], lag["budget_bytes"]))
    source = _caught("source", lambda: _checked(client))
    return {"pipeline": findings + _caught("operations", lambda: _warned(client)), "source": source}


def _of_stream(settings: Settings, *, is_read: bool) -> Groups:
    """The cluster, unless a process that reads it has told of it, and the capture that works in the folder."""
    from tillstream.assembly.stream import check_reading

    groups: Groups = {"stream": [] if is_read else _caught("stream", lambda: check_reading(settings))}
    capture = running(settings.folder, Role.CAPTURE)
    if capture is not None and capture.url:
        groups["capture"] = [
            Finding("process", True, f"{capture.pid}, page {capture.url}"),
            *_caught("flow", lambda: _flow(Client(capture).ask("/api/status"))),
            *_caught("source", lambda: _checked(Client(capture))),
        ]
    if settings.source.kind == "postgres" or capture is not None:
        groups["stream"] += _caught("writing", lambda: _writing(settings))
    return groups


def _writing(settings: Settings) -> list[Finding]:
    from tillstream.assembly.store import open_source
    from tillstream.assembly.stream import check_writing

    url = known_store_url(settings)
    if not url:
        return []
    source = open_source(settings, url)
    try:
        return check_writing(settings, source.tables())
    finally:
        source.close()


def _checked(client: Client) -> list[Finding]:
    return [Finding(**each) for each in client.act("check", {})["findings"]]


def _flow(status: Mapping[str, Any]) -> list[Finding]:
    trouble = status.get("trouble") or {}
    return [Finding("flow", not trouble, trouble.get("message") or status["phase"], trouble.get("hint", ""))]


def _warned(client: Client) -> list[Finding]:
    """What the process itself finds worth a look."""
    content = client.ask("/api/operations?history=0")
    return [Finding(each["subject"], False, each["message"], each["hint"]) for each in content["warnings"]]


def _retained(retained: int, budget: int | None) -> Finding:
    """How much it is. Whether that is much, the process itself says."""
    more = "" if budget is None else f", {budget / GIB:.2f} GiB more until the slot is lost"
    return Finding("log", True, f"{retained / GIB:.2f} GiB kept for us{more}")


def _of_folder(settings: Settings) -> Groups:
    """Nothing runs: can it?"""
    folder = settings.warehouse_url.removeprefix("chdb://")
    disk = [_disk("warehouse's disk", Path(folder))] if folder.startswith("/") else []
    if folder.startswith("/") and not Path(folder).exists():
        warehouse = [Finding("warehouse", True, "not made yet: the first run does it")]
    else:
        warehouse = _caught("warehouse", lambda: _warehouse(settings))
    if settings.source.kind == "demo":
        source = [Finding("source", True, "the demo store of this folder; not running")]
    elif not known_store_url(settings) and settings.stream.url is not None:
        source = [Finding("source", True, "not known here: `till verify` can't compare with it")]
    else:
        source = checked_source(settings)
        source += _profile(settings) if all(each.subject != "source" for each in source) else []
    return {"page": [_port(settings)], "warehouse": [*disk, *warehouse], "source": source}


def _profile(settings: Settings) -> list[Finding]:
    """Whether the store has the tables that its profile speaks of."""
    from tillstream.assembly.store import open_source, profile_of

    try:
        profile = profile_of(settings)
        source = open_source(settings, settings.source_url, profile)
        try:
            names = {table.full_name for table in source.tables()}
        finally:
            source.close()
    except TillError as error:
        return [failed("store profile", error)]
    missing = [name for name in profile.tables if f"{profile.schema}.{name}" not in names]
    if not missing:
        return [Finding("store profile", True, settings.store.profile)]
    words = f'profile "{settings.store.profile}" speaks of tables that are not captured: {", ".join(missing[:6])}'
    hint = 'Set store.profile in till.toml: "none" copies the tables and nothing more; a TOML file can map yours.'
    return [Finding("store profile", False, words, hint)]


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
        *clickhouse_version(str(version)),
        Finding("models", True, f"tables: {layers}" if counts else "not deployed yet: the first run does it"),
    ]


def clickhouse_version(version: str) -> list[Finding]:
    """A finding when it is too old; nothing when it is not."""
    found = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if found >= OLDEST_CLICKHOUSE:
        return []
    wanted = ".".join(map(str, OLDEST_CLICKHOUSE))
    words = f"ClickHouse {version}: before {wanted} a repeated insert may count twice in rollups"
    return [Finding("warehouse version", False, words, f"Upgrade the server to {wanted} or newer.")]


def _caught(subject: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return look()
    except TillError as error:
        return [failed(subject, error)]
