"""What an operator is told: alerts, units, rights and proxies are what the product and its tools take."""

from __future__ import annotations

import configparser
import http.client
import re
import shutil
import subprocess
from contextlib import closing
from email.message import Message
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.style.tree import ROOT, modules, read
from tillstream.destinations.clickhouse.client import Warehouse, literal
from tillstream.destinations.clickhouse.rooms import DATABASES
from tillstream.quality.moment import CLONED, PREFIX
from tillstream.watch import thresholds
from tillstream.web.app import create_app
from tillstream.web.metrics import METRICS
from tillstream.web.server import Server

GUIDE = read("docs/guides/operate.md")
SERVER = read("docs/operate/clickhouse-server.md")
TOKEN = "not-for-readers"


def blocks(page: str, language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```$", read(page), flags=re.DOTALL | re.MULTILINE)
    assert found
    return found


# ---------- alerts


def test_an_alert_comes_when_the_warning_comes() -> None:
    used = 1 - thresholds.MOST_LOG_USED
    for expected in (
        f"till_lag_seconds > {thresholds.MOST_LAG_SECONDS:.0f}",
        f"till_disk_free_bytes < {thresholds.LEAST_FREE_BYTES >> 30} * 1024^3",
        f"till_slot_retained_bytes > {thresholds.MOST_LOG_BYTES >> 30} * 1024^3",
        f"till_slot_budget_bytes < {used:g} * till_slot_limit_bytes",
    ):
        assert f"expr: {expected}\n" in GUIDE


def test_every_alert_is_about_a_metric_that_is_there() -> None:
    named = set(re.findall(r"\btill_\w+", GUIDE))
    assert named - set(METRICS) == set()


# ---------- units


@pytest.mark.parametrize("number", range(3))
def test_a_unit_is_one_that_systemd_takes(number: int, tmp_path: Path) -> None:
    text = blocks("docs/operate/install.md", "ini")[number]
    unit = configparser.RawConfigParser(strict=False)
    unit.read_string(text)
    assert "Unit" in unit
    if shutil.which("systemd-analyze") is None:
        return
    # It looks for the program and for the user as well.
    text = text.replace("/opt/tillstream/current/bin/till", "/bin/true").replace("User=tillstream", "User=root")
    kind = "timer" if "Timer" in unit else "service"
    names = {f"till@.{kind}": text}
    if kind == "timer":
        names["till@.service"] = "[Service]\nType=oneshot\nExecStart=/bin/true\n"
    for name, content in names.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "tillstream@.service").write_text("[Service]\nExecStart=/bin/true\n")
    shop = tmp_path / f"till@shop.{kind}"
    shop.symlink_to(tmp_path / f"till@.{kind}")
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(shop)], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, re.findall(r".*till@.*", checked.stderr)) == (0, []), checked.stderr


# ---------- rights


@pytest.mark.parametrize("page", ["docs/operate/clickhouse-server.md", "docs/operate/backup.md"])
def test_a_statement_for_the_server_is_one_that_it_understands(page: str, warehouse: Warehouse) -> None:
    for block in blocks(page, "sql"):
        for statement in filter(str.strip, block.split(";")):
            assert warehouse.value(f"select formatQuery({literal(statement.strip())})")


def test_every_database_and_system_table_that_is_used_is_granted() -> None:
    granted = set(re.findall(r" on (\w+)\.\* to tillstream;", SERVER))
    layers = {"store", "facts", "live", "marts", *DATABASES}
    assert granted == layers | {f"{PREFIX}{name}" for name in (*CLONED, "store")}
    asked = {
        name
        for module in modules()
        if module.path.parts[:2]
        in {("tillstream", part) for part in ("assembly", "commands", "destinations", "live", "quality")}
        for name in re.findall(r"system\.([a-z_]+)", module.text)
    }
    for path in (ROOT / "dbt").rglob("*.sql"):
        asked |= set(re.findall(r"system\.([a-z_]+)", path.read_text()))
    assert asked - set(re.findall(r" on system\.(\w+) to tillstream;", SERVER)) == set()


# ---------- proxies


def as_proxied(url: str, path: str, host: str) -> tuple[int, Message, bytes]:
    """Status, headers and the first bytes of what a proxy is answered that asks for that host."""
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)) as connection:
        connection.request("GET", path, headers={"Host": host})
        with connection.getresponse() as answer:
            return answer.status, answer.headers, answer.read(6)


def test_a_proxy_that_is_set_up_like_this_gets_the_page_and_its_events(warehouse: Warehouse) -> None:
    (nginx,) = blocks("docs/operate/proxy.md", "nginx")
    told = dict(re.findall(r"proxy_set_header (\w+) +(\S+);", nginx))
    assert told["Authorization"] == '""'
    assert "header_up -Authorization" in blocks("docs/operate/proxy.md", "caddy")[0]
    server = Server(create_app(warehouse, TOKEN))
    server.start()
    try:
        assert as_proxied(server.url, "/", "numbers.example.com")[0] == 421
        assert as_proxied(server.url, "/", told["Host"])[0] == 200
        _, headers, first = as_proxied(server.url, "/events", told["Host"])
        assert headers["content-type"].startswith("text/event-stream")
        assert headers["x-accel-buffering"] == "no"
        assert first == b"retry:"
    finally:
        server.stop()
