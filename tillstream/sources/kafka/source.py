"""Topics of a Kafka cluster as a source: what was there at the first start, then what comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tillstream.change import Batch, Position, Table
from tillstream.errors import StreamUnreachable
from tillstream.kafka.connection import KafkaSettings
from tillstream.ports import Engine, Finding, SourceLag
from tillstream.sources.kafka.asking import Asking
from tillstream.sources.kafka.capturing import Capturing
from tillstream.sources.kafka.check import findings
from tillstream.sources.kafka.decode import Decoded, Decoder
from tillstream.sources.kafka.descriptions import Descriptions
from tillstream.sources.kafka.foreign import known_tables
from tillstream.sources.kafka.messages import Messages
from tillstream.sources.kafka.place import Partition, Place, place_from
from tillstream.sources.kafka.registry import reader_of
from tillstream.sources.kafka.session import Session
from tillstream.sources.kafka.settings import ReadingSettings
from tillstream.sources.kafka.topics import Followed, ends, missing

# How long, in seconds, a cluster that answers may have nothing to say of messages that were there.
LONGEST_SILENCE = 60.0
# A cluster that starts may not know all its topics at once.
_LOOKS, _PAUSE = 4, 0.5


class KafkaSource:
    """Implements `ports.Source`. One reader at a time; every other call may come from any thread.

    Of several lanes, each reads the partitions whose numbers leave its own number as the rest.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        engine: Engine,
        reading: ReadingSettings | None = None,
        lane: int = 0,
        lanes: int = 1,
    ) -> None:
        self.name = f"kafka:{settings.store}:{lane}"
        self.settings = settings
        self.reading = reading or ReadingSettings()
        self._followed = Followed(settings, tuple(self.reading.topics), lane, lanes)
        self._descriptions = Descriptions(settings)
        self._decoder = Decoder(engine, self._descriptions, self.reading, reader_of(self.reading))
        self._asking = Asking(settings, self._followed)
        self._stopped = threading.Event()
        self._acknowledged: Mapping[Partition, int] = {}
        self._strangers: Mapping[str, str] = {}
        self._is_reading = False

    def tables(self) -> Sequence[Table]:
        """The tables of our own topics as they were described last, and others as far as they are known."""
        tables = {table.full_name: table for table in known_tables(self._strangers)}
        tables |= {table.full_name: table for table in self._descriptions.newest()}
        return [tables[name] for name in sorted(tables)]

    def read(self, after: Position | None) -> Iterator[Batch]:
        """Yield every change later than `after`, for ever; see `ports.Source`.

        Changes of one key are in order. What several partitions hold comes as it arrives.
        """
        self._is_reading = True
        try:
            with Session(self.settings) as session:
                yield from self._batches(session, after)
        finally:
            self._is_reading = False

    def reread(self, after: Position, until: Position) -> Batch:
        """Exactly the messages later than `after` up to `until`, as one batch."""
        begin, end = place_from(after), place_from(until)
        with Session(self.settings) as session:
            session.assign(self._spans(session, begin, end))
            gathered = self._up_to(session, end.offsets)
        return _batch(after, until, self._decoder.decode(gathered, begin.tables))

    def acknowledge(self, position: Position) -> None:
        """Let the group's offsets follow, for tools to see. Nothing is forgotten on our word."""
        self._acknowledged = place_from(position).offsets

    def lag(self) -> SourceLag:
        """How many messages lie behind the acknowledged position."""
        return self._asking.lag(self._acknowledged, is_reading=self._is_reading)

    def check(self) -> list[Finding]:
        """Look at brokers, topics and rights without changing anything."""
        return findings(self.settings, self._followed, self._acknowledged)

    def close(self) -> None:
        """End a running `read` and let go of connections."""
        self._stopped.set()
        self._descriptions.close()
        self._asking.close()

    def _batches(self, session: Session, after: Position | None) -> Iterator[Batch]:
        position = after
        place = self._begin(session) if after is None else place_from(after)
        self._require(session, place)
        session.assign(place.offsets)
        capturing = Capturing(self.settings)
        looked_at, told = time.monotonic(), self._acknowledged
        while not self._stopped.is_set():
            if place.until is not None and place.caught_up and capturing.is_done():
                place = replace(place, until=None)
                batch = Batch(position, place.position(0), ())
            else:
                gathered = session.gather(self.reading.batch, self.reading.heartbeat.total_seconds())
                decoded = self._decoder.decode(gathered, place.tables) if gathered else Decoded((), (), place.tables)
                if place.until is not None:
                    # What was there before is one snapshot, whatever transactions it came from.
                    decoded = replace(decoded, transaction_count=0)
                place = place.moved(session.offsets, decoded.tables)
                self._strangers = place.tables
                batch = _batch(position, place.position(position.ordinal + 1 if position else 1), decoded)
            position = batch.position
            yield batch
            if self._acknowledged is not told:
                told = self._acknowledged
                session.commit(told)
            if time.monotonic() - looked_at > self.reading.look_again.total_seconds():
                place = self._look_again(session, place)
                looked_at = time.monotonic()

    def _begin(self, session: Session) -> Place:
        """The beginning of every partition; what is there now counts as the snapshot."""
        partitions = self._followed.partitions(session.consumer)
        reach = {name: ends(session.consumer, name, self.settings) for name in partitions}
        return Place(
            offsets={name: low for name, (low, _) in reach.items()},
            until={name: high for name, (_, high) in reach.items()},
        )

    def _look_again(self, session: Session, place: Place) -> Place:
        """Read partitions, too, that were not there before, from their beginning on."""
        try:
            partitions = self._followed.partitions(session.consumer)
        except StreamUnreachable:
            # Reading will tell, if it is more than a moment.
            return place
        if any(name not in partitions for name in place.offsets):
            self._require(session, place)
        fresh = [name for name in partitions if name not in place.offsets]
        if not fresh:
            return place
        reach = {name: ends(session.consumer, name, self.settings) for name in fresh}
        begins = {name: low for name, (low, _) in reach.items()}
        session.assign(begins)
        is_first = place.until is not None and not place.offsets
        until = {name: high for name, (_, high) in reach.items()} if is_first else place.until
        return replace(place.moved(begins), until=until)

    def _require(self, session: Session, place: Place) -> None:
        """TopicTruncated when a partition we read is there no more. A cluster that starts gets a moment for it."""
        wanted = {topic for topic, _ in place.offsets}
        for _ in range(_LOOKS):
            there = {topic for topic, _ in self._followed.partitions(session.consumer)}
            if wanted <= there:
                return
            self._stopped.wait(_PAUSE)
        raise missing(wanted - there)

    def _spans(self, session: Session, begin: Place, end: Place) -> dict[Partition, int]:
        """Where each partition that has something between the two is read from."""
        spans = {}
        for name, offset in end.offsets.items():
            start = begin.offsets.get(name)
            if start is None:
                # It was found in between, and read from its beginning on.
                start, _ = ends(session.consumer, name, self.settings)
            if start < offset:
                spans[name] = start
        return spans

    def _up_to(self, session: Session, until: Mapping[Partition, int]) -> list[Messages]:
        gathered: dict[str, list[Messages]] = {}
        give_up_at = time.monotonic() + LONGEST_SILENCE
        missing_still = set(session.offsets)
        while missing_still:
            for messages in session.gather(self.reading.batch, 1.0):
                gathered.setdefault(messages.topic, []).append(messages.before(until))
                give_up_at = time.monotonic() + LONGEST_SILENCE
            done = {name for name in missing_still if session.offsets[name] >= until[name]}
            session.pause(done)
            missing_still -= done
            if missing_still and time.monotonic() > give_up_at:
                raise _silent(self.settings, sorted(missing_still)[0], until)
        return [Messages.joined(parts) for parts in gathered.values()]


def _batch(after: Position | None, position: Position, decoded: Decoded) -> Batch:
    return Batch(
        after=after,
        position=position,
        changes=decoded.changes,
        committed_first_at=decoded.committed_first_at,
        committed_last_at=decoded.committed_last_at,
        transaction_count=decoded.transaction_count,
        refused=decoded.refused,
    )


def _silent(settings: KafkaSettings, partition: Partition, until: Mapping[Partition, int]) -> StreamUnreachable:
    topic, number = partition
    return StreamUnreachable(
        f'topic "{topic}" does not give what was read of it before',
        detail=f"Partition {number} was read up to offset {until[partition]}, and nothing comes.",
        hint=f'Is the cluster at "{settings.bootstrap}" healthy? It is tried again.',
    )
