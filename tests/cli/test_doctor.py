"""`till doctor` finds what is wrong with folder, warehouse and port, and prints the fix; `till status` says it all."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run_till import till
from tests.services.postgres import QUICK
from tests.web.shop import TOKEN, open_shop
from tillstream.commands import doctor, status
from tillstream.commands.doctor import clickhouse_version
from tillstream.commands.output import Output
from tillstream.flow.folder import announce, hold
from tillstream.simulate.server import EmbeddedPostgres
from tillstream.web.app import create_app
from tillstream.web.server import Server

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def folder_with(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "till.toml").write_text(text)
    return folder


def found(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    """What is to be mended, by subject."""
    doctor.doctor(folder, Output(as_json=True))
    content = json.loads(capsys.readouterr().out.splitlines()[-1])
    return {each["subject"]: each for each in content["findings"] if not each["ok"]}


STORE = '[source]\nurl = "postgresql://till@127.0.0.1:1/store"\n'


def test_a_warehouse_that_can_not_be_written_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "warehouse").write_text("not a folder")
    wrong = found(folder_with(tmp_path, STORE), capsys)["warehouse"]
    assert wrong["message"].startswith(f'warehouse folder "{tmp_path}/warehouse" can\'t be written (File exists)')
    assert "[warehouse] url" in wrong["hint"]


def test_a_folder_that_can_not_be_written_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_with(tmp_path, STORE + f'[warehouse]\nurl = "chdb://{tmp_path}/warehouse"\n')
    (tmp_path / "warehouse").mkdir()
    (tmp_path / "lock").mkdir()
    assert "can't be written" in found(folder, capsys)["warehouse"]["message"]


def test_a_warehouse_that_does_not_answer_or_refuses_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = found(folder_with(tmp_path, STORE + '[warehouse]\nurl = "clickhouse://127.0.0.1:1"\n'), capsys)
    assert wrong["warehouse"]["message"].startswith("no connection to the warehouse")
    assert wrong["warehouse"]["hint"] == "Is the server running?"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Server]:
    shop = open_shop(tmp_path / "elsewhere")
    server = Server(create_app(shop.warehouse, TOKEN))
    server.start()
    yield server
    server.stop()
    shop.warehouse.close()


def test_a_warehouse_that_refuses_the_password_is_found_and_the_right_one_is_not(
    tmp_path: Path, served: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_with(tmp_path / "till", STORE + '[warehouse]\nurl = { env = "WAREHOUSE" }\n')
    host = served.url.removeprefix("http://")
    monkeypatch.setenv("WAREHOUSE", f"clickhouse://till:guess@{host}")
    wrong = found(folder, capsys)["warehouse"]
    assert "refused the password" in wrong["message"]
    assert "guess" not in wrong["message"]
    monkeypatch.setenv("WAREHOUSE", f"clickhouse://till:{TOKEN}@{host}")
    assert list(found(folder, capsys)) == ["source"]


def test_a_clickhouse_that_is_too_old_is_found() -> None:
    assert clickhouse_version("26.9.2.1") == []
    (wrong,) = clickhouse_version("25.8.1.2")
    assert (wrong.ok, wrong.hint) == (False, "Upgrade the server to 26.2 or newer.")


def test_a_warehouse_that_another_process_holds_is_found(tmp_path: Path) -> None:
    shop = open_shop(tmp_path / "shared")
    try:
        folder = folder_with(tmp_path / "second", STORE + f'[warehouse]\nurl = "chdb://{tmp_path}/shared"\n')
        answer = till("doctor", "--dir", folder)
    finally:
        shop.warehouse.close()
    assert answer.status == 1
    assert "is open in another process" in answer.out
    assert "→ Stop process" in answer.out


def test_a_disk_that_is_nearly_full_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "LEAST_FREE_BYTES", sys.maxsize)
    wrong = found(folder_with(tmp_path, STORE), capsys)
    assert "GiB free" in wrong["disk"]["message"]
    assert "Free some space" in wrong["warehouse's disk"]["hint"]


def test_a_port_that_is_taken_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        folder = folder_with(tmp_path, STORE + f"[page]\nport = {port}\n")
        wrong = found(folder, capsys)["port"]
        assert wrong["message"] == f"127.0.0.1:{port}: Address already in use"
        assert "page.port" in wrong["hint"]
        refused = till("run", "--dir", folder, "--for", "1s")
    assert refused.status == 2
    assert f"error: port {port} on 127.0.0.1 can't be used" in refused.err


def test_a_profile_the_store_does_not_fit_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedPostgres(tmp_path / "postgres", QUICK) as server:
        monkeypatch.setenv("TILL_SOURCE_URL", server.url)
        wrong = found(folder_with(tmp_path / "till", ""), capsys)["store profile"]
    assert wrong["message"].startswith('profile "demo" speaks of tables that are not captured:')
    assert 'store.profile in till.toml: "none"' in wrong["hint"]


def test_a_process_that_hangs_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_with(tmp_path, STORE)
    with hold(folder):
        announce(folder, "http://127.0.0.1:1", "token")
        (wrong,) = found(folder, capsys).values()
    assert "does not answer" in wrong["message"]


def test_status_says_it_all_and_doctor_what_to_look_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop = open_shop(tmp_path / "warehouse")
    shop.status |= {
        "pid": 7, "warehouse": "chdb:///w", "started_at": "2026-11-21T10:00:00+00:00", "lag_seconds": 2.5,
        "lag": {"behind_bytes": 3 << 20, "retained_bytes": 900 << 20, "budget_bytes": 100 << 20,
                "limit_bytes": 1000 << 20, "slot_state": "active", "slot": "tillstream", "wal_status": "extended"},
    }  # fmt: skip
    shop.serve()
    shop.live.verified({"exact": True, "started_at": "2026-11-21T10:00:00+00:00", "seconds": 1.0, "tables": []})
    folder = folder_with(tmp_path / "till", STORE)
    try:
        with hold(folder):
            announce(folder, shop.url, TOKEN)
            assert status.status(folder, Output()) == 0
            told = capsys.readouterr().out
            status.status(folder, Output(as_json=True))
            content = json.loads(capsys.readouterr().out.splitlines()[-1])
            wrong = found(folder, capsys)
    finally:
        shop.server.stop()
        shop.warehouse.close()
    for words in ("2.5 s, 3.0 MiB of log", "keeps 900.0 MiB of log", "100.0 MiB more until it is lost",
                  "exact, ", "quarantine", "memory", "look at slot: 90% of the log"):  # fmt: skip
        assert words in told, told
    assert content["operations"]["slot"]["used_fraction"] == 0.9
    assert "max_slot_wal_keep_size" in wrong["slot"]["hint"]


@pytest.mark.parametrize(
    ("seconds", "words"), [(5, "5 s"), (119, "119 s"), (1500, "25 min"), (9000, "2 h"), (400000, "5 days")]
)
def test_an_age_is_in_words(seconds: float, words: str) -> None:
    assert status.ago(seconds) == words
