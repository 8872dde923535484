"""The page and the endpoint of a warehouse that other processes fill."""

from __future__ import annotations

import threading
from datetime import datetime

from tillstream.assembly.page import app_of, live_of, server_of, token_of
from tillstream.change import Position
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.ledger import LEDGER
from tillstream.errors import TillError
from tillstream.ledger import Landing
from tillstream.settings import Settings
from tillstream.web.live import Live

# How often, in seconds, the ledger is asked what has landed: somebody else wrote it.
LOOK_EVERY = 0.25

_LAST = f"select max(recorded_at) from {LEDGER} where state = 'done'"
_NEWEST = f"""
select stream, number, lsn, ordinal, row_counts, transaction_count, committed_first_at, committed_last_at, landed_at
from {LEDGER} where state = 'done' and recorded_at > {{since:DateTime64(6, 'UTC')}} order by recorded_at
"""


class Serving:
    """Opens the warehouse, and serves it from `start` to `stop`."""

    def __init__(self, settings: Settings) -> None:
        self.token = token_of(settings)
        self.warehouse = Warehouse(settings.warehouse_url)
        self.live: Live = live_of(settings, self.warehouse)
        app = app_of(settings, self.live, self.warehouse, self.token, {})
        self._server = server_of(settings, app)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="till-follow", daemon=True)

    def start(self) -> str:
        """Answer requests from now on; returns the address."""
        url = self._server.start()
        self._thread.start()
        return url

    def stop(self) -> None:
        """Stop answering, and let go of the warehouse."""
        self._stop.set()
        self._server.stop()
        if self._thread.ident is not None:
            self._thread.join()
        self.warehouse.close()

    def _follow(self) -> None:
        """Tell the page what lands."""
        since = self._newest()
        while not self._stop.wait(LOOK_EVERY):
            newest = self._newest()
            if newest is None or newest == since:
                continue
            if since is not None:
                for landing in self._landings(since):
                    self.live.landed(landing)
            since = newest

    def _newest(self) -> datetime | None:
        try:
            newest: datetime | None = self.warehouse.value(_LAST)
        except TillError:
            # Nobody has written there yet.
            return None
        return newest

    def _landings(self, since: datetime) -> list[Landing]:
        rows = self.warehouse.rows(_NEWEST, {"since": since})
        return [
            Landing(stream, number, Position(lsn, ordinal), dict(counts), transactions, first, last, landed)
            for stream, number, lsn, ordinal, counts, transactions, first, last, landed in rows
        ]
