"""Puts the parts together: the one place that knows which implementation each setting stands for."""

from __future__ import annotations

import psycopg


def log_end(url: str) -> int:
    """How far the source's log has been written."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("select pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
    assert row is not None
    return int(row[0])
