"""Commands against a folder whose process runs, and against one whose process does not."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg

from tests.cli.conftest import SMALL, Start, still_at_work, wait_until_live
from tests.cli.run_till import till
from tillstream.simulate.server import EmbeddedPostgres


def test_commands_go_through_the_running_process(folder: Path, start: Start) -> None:
    process = start("demo", *SMALL, "--rate", "30", "--dir", folder)
    wait_until_live(folder, process)

    status = till("status", "--dir", folder, "--json")
    assert (status.status, status.last_line["running"], status.last_line["pid"]) == (0, True, process.pid)

    words = till("status", "--dir", folder)
    assert "live" in words.out
    assert "fresh within" in words.out

    counted = till("query", "select count() as orders from mirror.orders final", "--json", "--dir", folder)
    assert counted.last_line["orders"] >= 300

    refused = till("query", "drop table mirror.orders", "--dir", folder)
    assert refused.status == 2
    assert "readonly" in refused.err

    verified = till("verify", "--dir", folder, "--json")
    assert (verified.status, verified.last_line["exact"]) == (0, True), verified.err

    examined = till("doctor", "--dir", folder)
    assert examined.status == 0, examined.out
    assert "all well" in examined.out

    for command in ("run", "demo"):
        second = till(command, "--dir", folder)
        assert second.status == 2
        assert f'error: folder "{folder}" is in use by process {process.pid}' in second.err
        assert "http://127.0.0.1:" in second.err


def test_verify_finds_mends_and_proves_on_a_folder_that_does_not_run(folder: Path) -> None:
    exact = till("verify", "--dir", folder)
    assert exact.status == 0, exact.err
    assert "exact at log position" in exact.out

    tampered = till(
        "query",
        "--write",
        "alter table mirror.orders delete where id = 17 settings mutations_sync = 1",
        "--dir",
        folder,
    )
    assert tampered.status == 0, tampered.err

    different = till("verify", "--dir", folder, "--json")
    assert different.status == 1
    assert {each["table"] for each in different.last_line["differences"]} >= {"public.orders"}
    assert "17" in json.dumps(different.last_line["differences"])

    mended = till("verify", "--repair", "--dir", folder)
    assert mended.status == 0, mended.out + mended.err
    assert "repaired" in mended.out

    assert till("verify", "--dir", folder).status == 0
    assert still_at_work(folder) == []


def test_doctor_says_what_a_folder_holds(folder: Path) -> None:
    answer = till("doctor", "--dir", folder)

    assert answer.status == 0, answer.out
    for subject in ("python", "disk", "port", "warehouse", "models"):
        assert subject in answer.out
    assert "not running" in answer.out


def test_doctor_names_what_is_wrong_and_the_fix(tmp_path: Path) -> None:
    (tmp_path / "till.toml").write_text('[source]\nurl = "postgresql://till@127.0.0.1:1/store"\n')

    answer = till("doctor", "--dir", tmp_path, "--json")

    assert answer.status == 1
    wrong = {finding["subject"]: finding for finding in answer.last_line["findings"] if not finding["ok"]}
    assert list(wrong) == ["source"]
    assert wrong["source"]["hint"]


def test_doctor_shows_a_mistake_in_the_settings_as_a_finding(tmp_path: Path) -> None:
    (tmp_path / "till.toml").write_text("[batch]\nrow = 1\n")

    answer = till("doctor", "--dir", tmp_path)

    assert answer.status == 1
    assert 'unknown setting "batch.row"' in answer.out


def test_a_store_is_read_again_after_a_lost_slot(folder: Path) -> None:
    with EmbeddedPostgres(folder / "postgres") as store, psycopg.connect(store.url, autocommit=True) as connection:
        connection.execute("select pg_drop_replication_slot('tillstream')")
        connection.execute("update orders set note = 'while nobody listened' where id = 17")
        connection.execute("delete from cart_lines")
    lost = till("verify", "--dir", folder)
    assert lost.status == 2
    assert "till resync" in lost.err

    again = till("resync", "--dir", folder)
    assert again.status == 0, again.err
    assert "will be read again" in again.out

    assert till("verify", "--dir", folder).status == 0
    assert still_at_work(folder) == []
