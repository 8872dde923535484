"""The stream between capture and load: a Kafka cluster, and how a position of the store is found in it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tillstream.assembly.inside import Inside
from tillstream.assembly.store import captured_until
from tillstream.change import Position, Table
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.workbench import Workbench
from tillstream.destinations.kafka.check import findings as findings_of_writing
from tillstream.destinations.kafka.ledger import last_done
from tillstream.errors import ConfigError, Retry, TillError
from tillstream.flow.pump import Pump
from tillstream.kafka.anew import forget
from tillstream.kafka.connection import KafkaSettings
from tillstream.ledger import Entry, Landing, Ledger, complete
from tillstream.ports import Engine, Finding, Source
from tillstream.setting import Url
from tillstream.settings import Settings
from tillstream.sources.kafka.check import findings as findings_of_topics
from tillstream.sources.kafka.crossing import crossing, includes, place_of, reach
from tillstream.sources.kafka.settings import ReadingSettings
from tillstream.sources.kafka.source import KafkaSource
from tillstream.sources.kafka.topics import Followed

# How often, in seconds, somebody is asked whether what we wait for is there.
ASK_EVERY = 0.2


def kafka_settings(settings: Settings) -> KafkaSettings:
    """The cluster of the settings."""
    stream = settings.stream
    return KafkaSettings(
        stream.bootstrap, stream.store, stream.client_options, stream.partitions, stream.replication, stream.retention
    )


def reading_settings(settings: Settings) -> ReadingSettings:
    """How a loader reads."""
    stream = settings.stream
    return ReadingSettings(settings.batch, stream.topics, _registry(stream.registry))


def _registry(url: Url | None) -> Mapping[str, str]:
    if url is None:
        return {}
    parts = urlsplit(url.reveal())
    if parts.username is None:
        return {"url": url.reveal()}
    user, _, host = parts.netloc.rpartition("@")
    return {"url": parts._replace(netloc=host).geturl(), "basic.auth.user.info": user}


def engine_beside(warehouse: Warehouse) -> Engine:
    """What works messages out in SQL: the embedded warehouse itself, or an engine of its own beside a server."""
    return Workbench(warehouse) if warehouse.is_embedded else Workbench.in_memory()


def open_topics(settings: Settings, engine: Engine) -> KafkaSource:
    """The topics as a source."""
    return KafkaSource(kafka_settings(settings), engine, reading_settings(settings))


def stream_name(settings: Settings, lane: int = 0) -> str:
    """What the ledger calls what is loaded in a lane."""
    return f"kafka:{settings.stream.store}:{lane}"


def followed_by(settings: Settings) -> Followed:
    """The topics that a loader reads."""
    return Followed(kafka_settings(settings), tuple(settings.stream.topics))


def is_complete(settings: KafkaSettings, source: str) -> bool:
    """Whether the whole snapshot is in the topics."""
    done = last_done(settings, source)
    if done is not None and done.position.lsn:
        return True
    return last_done(settings, complete(source)) is not None


def await_capture(settings: Settings, source: str, ledger: Ledger, stop: threading.Event, lane: int = 0) -> None:
    """Before the very first batch: wait until capture has the whole snapshot in the topics.

    What is there then counts as the snapshot, and the models are built once, from all of it.
    """
    if ledger.last_done(stream_name(settings, lane)) is not None:
        return
    while not stop.is_set():
        try:
            if is_complete(kafka_settings(settings), source):
                return
        except TillError as error:
            if error.retry is Retry.NEVER:
                raise
        stop.wait(1.0)


def check_reading(settings: Settings) -> list[Finding]:
    """What there is to say of the cluster and its topics."""
    found = findings_of_topics(kafka_settings(settings), followed_by(settings), {})
    if settings.source.kind == "kafka":
        return found
    # Our own are made when there is something to write.
    return [finding for finding in found if finding.ok or finding.subject != "topics"]


def check_writing(settings: Settings, tables: Sequence[Table]) -> list[Finding]:
    """What there is to say of writing the store's tables into topics."""
    return findings_of_writing(kafka_settings(settings), tables)


def agree_on_lanes(settings: Settings, ledger: Ledger) -> None:
    """Note in how many lanes the store is loaded, or raise when that is another number than before."""
    stream, count = f"kafka:{settings.stream.store}:lanes", settings.stream.lanes
    done = ledger.last_done(stream)
    if done is None:
        entry = Entry(stream, ledger.last_number(stream) + 1, None, Position(1), {}, str(count))
        ledger.done(entry, Landing(stream, entry.number, entry.position))
    elif done.digest != str(count):
        raise ConfigError(
            f"the store was loaded with stream.lanes = {done.digest}, not {count}",
            detail="A lane's position says how far its own partitions were read, and no others.",
            hint=f"Set `lanes` in [stream] of till.toml to {done.digest}; or stop everything and run `till resync`.",
        )


def load_anew(settings: Settings, inside: Inside, topics: KafkaSource) -> list[str]:
    """Forget what the mirror holds and how far the topics were read: all they still hold is loaded again."""
    names = inside.empty(topics)
    for stream in inside.ledger.streams(stream_name(settings).removesuffix("0")):
        inside.ledger.forget(stream)
    return names


def both_anew(settings: Settings, inside: Inside, topics: KafkaSource, store: Source) -> list[str]:
    """Besides, empty the topics and forget how far the store was read: capture reads all of it again."""
    names = load_anew(settings, inside, topics)
    forget(kafka_settings(settings), reach(followed_by(settings)), (complete(store.name), store.name))
    return names


@dataclass(slots=True)
class Meeting:
    """Brings a loader to one position of the store's log, which is an offset of each partition.

    The store says how far capture has come: it may forget what is in the topics, so that much is.
    """

    url: str
    slot: str
    followed: Followed
    # What capture calls the store.
    source: str
    _is_complete: bool = False
    # Where the topics ended once everything before a position was in them.
    _ends: dict[int, Mapping[tuple[str, int], int]] = field(default_factory=dict)
    _asked_at: float = 0.0

    def advance(self, pump: Pump) -> Callable[[int, float], None]:
        """For `Pump.advance_before`."""

        def advance_before(lsn: int, timeout: float) -> None:
            give_up_at = time.monotonic() + timeout
            if not self._has_snapshot():
                # It may be taken later than at this position: nothing to wait for.
                raise TimeoutError("capture has not brought the whole snapshot into the topics yet")
            self._await_capture(lsn, give_up_at)
            left = max(give_up_at - time.monotonic(), 0.1)
            pump.gate.advance(crossing(self.followed, place_of(pump.position), lsn, left), left)

        return advance_before

    def landed_before(self, position: Position, lsn: int) -> bool:
        """Whether a loader at this position has everything before that position of the store."""
        if lsn not in self._ends:
            if time.monotonic() - self._asked_at < ASK_EVERY:
                return False
            self._asked_at = time.monotonic()
            try:
                if not self._captured(lsn):
                    return False
                self._ends[lsn] = reach(self.followed)
            except TillError as error:
                if error.retry is Retry.NEVER:
                    raise
                return False
        return includes(position, self._ends[lsn])

    def _captured(self, lsn: int) -> bool:
        # A new slot stands where the snapshot was taken, which may still be on its way.
        return self._has_snapshot() and captured_until(self.url, self.slot) >= lsn

    def _has_snapshot(self) -> bool:
        self._is_complete = self._is_complete or is_complete(self.followed.settings, self.source)
        return self._is_complete

    def _await_capture(self, lsn: int, give_up_at: float) -> None:
        while not self._captured(lsn):
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"capture did not bring position {lsn} of the store into the topics in time")
            time.sleep(ASK_EVERY)
