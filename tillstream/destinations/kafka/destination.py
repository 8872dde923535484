"""A store's topics as a destination: one for each table, in Debezium's envelope."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from tillstream import __version__
from tillstream.change import Batch, Op, Table
from tillstream.destinations.kafka.envelope import MOVED, Origin
from tillstream.destinations.kafka.ledger import consumer, latest
from tillstream.destinations.kafka.messages import Messages, messages
from tillstream.destinations.kafka.producing import Headers, Producing
from tillstream.destinations.kafka.topics import Topics
from tillstream.flow.failpoints import failpoint
from tillstream.kafka.connection import translated
from tillstream.kafka.names import TABLE_HEADER
from tillstream.kafka.tables import described, identity
from tillstream.ports import Engine

# What Debezium calls the other key of a row whose key changed.
NEW_KEY_HEADER, OLD_KEY_HEADER = "__debezium.newkey", "__debezium.oldkey"


class KafkaDestination:
    """Implements `tillstream.ports.Destination` for rows that `KafkaLedger` brackets in a transaction.

    `database` is what the messages call the store's database.
    """

    def __init__(self, producing: Producing, engine: Engine, database: str = "") -> None:
        self._producing = producing
        self._engine = engine
        self._names = producing.settings.names
        self._origin = Origin(self._names.store, database, __version__)
        self._topics = Topics(producing.settings)
        # Ids of descriptions that are in their topic; None until that was read, and how much had been thrown away then.
        self._described: set[str] | None = None
        self._thrown_away = producing.thrown_away

    def ensure(self, table: Table) -> None:
        """Make the table's topic where it is missing."""
        self._topics.ensure([table])

    def write(self, number: int, batch: Batch, token: str) -> None:  # noqa: ARG002  the transaction is what tells
        """Send the batch's rows, and the descriptions of tables that they are the first to follow."""
        assert self._producing.is_open, "rows are written between intend and done"
        self._topics.ensure(changes.table for changes in batch.changes)
        now = datetime.now(UTC)
        try:
            for changes in batch.changes:
                headers: Headers = [(TABLE_HEADER, self._describe(changes.table).encode())]
                topic = self._names.topic(changes.table)
                for piece in messages(changes, self._engine, self._origin, now):
                    self._send(topic, piece, headers)
                failpoint("during_write")
        except BaseException:
            self._producing.abort()
            raise

    def arrived(self, number: int) -> dict[str, int]:  # noqa: ARG002
        """Nothing: a batch that is not done is not there."""
        return {}

    def replay(self, number: int, tables: Collection[str]) -> None:
        """Nothing follows the topics here."""

    def discard(self, number: int, table: str) -> None:
        """Nothing is there of a batch that is not done."""

    def close(self) -> None:
        """Let go of the connections."""
        self._producing.close()

    def _send(self, topic: str, piece: Messages, headers: Headers) -> None:
        if not piece.letters:
            self._producing.send_all(topic, piece.values, piece.keys, headers)
            return
        send = self._producing.send
        for place, (letter, key, value) in enumerate(zip(piece.letters, piece.keys, piece.values, strict=True)):
            if letter == Op.TRUNCATE:
                for partition in range(self._topics.partition_count(topic)):
                    send(topic, value, None, headers, partition)
                continue
            more: Headers = []
            if letter == MOVED:
                more = [(OLD_KEY_HEADER, piece.keys[place - 1])]
            elif place + 1 in piece.moved:
                more = [(NEW_KEY_HEADER, piece.keys[place + 1])]
            send(topic, value, key, headers + more)
            if letter == Op.DELETE and key is not None:
                # So that compaction forgets the row.
                send(topic, None, key, headers)

    def _describe(self, table: Table) -> str:
        description = described(table)
        identifier = identity(description)
        if self._described is None or self._thrown_away != self._producing.thrown_away:
            self._thrown_away = self._producing.thrown_away
            self._described = self._read_descriptions()
        if identifier not in self._described:
            self._producing.send(self._names.tables, description.encode(), identifier.encode(), [])
            self._described.add(identifier)
        return identifier

    def _read_descriptions(self) -> set[str]:
        settings = self._producing.settings
        with translated(settings), consumer(settings, "tables") as reader:
            return {key.decode() for key in latest(reader, self._names.tables, settings)}
