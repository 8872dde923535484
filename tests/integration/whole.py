"""A real store and its whole pipeline in this process: capture, warehouse, live layer, verification."""

from __future__ import annotations

import threading
import time

import psycopg

from tests.live.shop import Shop
from tests.services.models import PROFILE
from tests.services.postgres import Database
from tillstream.change import Position
from tillstream.destinations.clickhouse.ledger import ClickHouseLedger
from tillstream.flow.pump import Pump, Watcher
from tillstream.quality.report import Report
from tillstream.quality.verify import Subject, Verifier
from tillstream.simulate.schema import create_schema
from tillstream.sources.postgres.settings import PostgresSettings
from tillstream.sources.postgres.source import PostgresSource

DEADLINE = 60.0


class Whole:
    """The demo store's schema, empty, followed into every layer."""

    def __init__(self, database: Database, shop: Shop, watcher: Watcher | None = None) -> None:
        self.store = database.connection
        self.warehouse = shop.warehouse
        create_schema(database.url)
        excluded = tuple(f"{PROFILE.schema}.{column}" for column in sorted(PROFILE.excluded))
        name = database.url.rsplit("/", 1)[1]
        self.source = PostgresSource(
            PostgresSettings(database.url, slot=name, publication=name, exclude=excluded), name
        )
        self.pump = self._loading(database, shop, watcher or Watcher())
        self.verifier = Verifier(
            database.url,
            shop.warehouse,
            self.pump,
            lambda: Subject(self.source.tables(), shop.layer.definitions.facts, shop.layer.definitions.rollups),
        )
        self._failure: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, args=[self.pump], daemon=True)

    def start(self) -> None:
        """Pump until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """End the pump and let go of the store."""
        self._stop.set()
        self.pump.gate.close()
        self._thread.join(DEADLINE)
        self.source.close()

    def settle(self) -> None:
        """Wait until everything committed so far has landed."""
        row = self.store.execute("select pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
        assert row is not None
        deadline = time.monotonic() + DEADLINE
        while self.pump.position is None or not self._landed_before(self.pump.position, int(row[0])):
            if self._failure is not None:
                raise self._failure
            assert time.monotonic() < deadline, f"at {self.pump.position} of {row[0]}"
            time.sleep(0.01)

    def verified(self, *, repair: bool = False) -> Report:
        """The verification's report, after everything has landed."""
        self.settle()
        return self.verifier.verify(repair=repair)

    def transaction(self, *statements: str, abort: bool = False) -> None:
        """Run statements as one transaction; what the schema refuses undoes it, as in any store."""
        try:
            with self.store.transaction() as transaction:
                for statement in statements:
                    self.store.execute(statement)
                if abort:
                    raise psycopg.Rollback(transaction)
        except psycopg.errors.IntegrityError:
            pass

    def _loading(self, _database: Database, shop: Shop, watcher: Watcher) -> Pump:
        """What fills the warehouse."""
        return Pump(self.source, shop.destination, ClickHouseLedger(shop.warehouse), shop.layer, watcher=watcher)

    def _landed_before(self, position: Position, lsn: int) -> bool:
        """Whether everything before that position of the store has landed."""
        return position.lsn >= lsn

    def _follow(self, pump: Pump) -> None:
        try:
            pump.run(self._stop)
        except BaseException as error:
            self._failure = error
