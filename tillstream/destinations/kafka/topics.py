"""A store's topics: made when they are missing, and never altered, since their settings may be somebody's choice."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its stubs hide them
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from tillstream.change import Table
from tillstream.errors import StreamError, StreamUnreachable
from tillstream.kafka.connection import LOGGER, PATIENCE, KafkaSettings, told, translated
from tillstream.ports import Finding

_COMPACTED = {"cleanup.policy": "compact"}
# How long, in seconds, between two looks whether a new topic is known everywhere.
_PAUSE = 0.02


class Topics:
    """Knows which topics there are. For one thread."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._known: set[str] = set()
        self._client: AdminClient | None = None

    def ensure(self, tables: Iterable[Table]) -> None:
        """Make the topics of these tables where they are missing."""
        wanted = {self._settings.names.topic(table) for table in tables}
        retention = {"retention.ms": str(round(self._settings.retention.total_seconds() * 1000))}
        self._make({name: (self._settings.partitions, retention) for name in sorted(wanted)})

    def ensure_own(self) -> None:
        """Make the topics that every store has beside its tables'."""
        names = self._settings.names
        self._make({name: (1, _COMPACTED) for name in (names.tables, names.progress)})

    def partition_count(self, topic: str) -> int:
        """How many partitions a topic has now: somebody may have added some."""
        with translated(self._settings):
            found = self._admin().list_topics(topic, timeout=PATIENCE).topics[topic]
        if found.error is not None:
            raise told(found.error, self._settings)
        return len(found.partitions)

    def check(self, tables: Sequence[Table]) -> list[Finding]:
        """How the topics that are there differ from what the settings would make."""
        names = {self._settings.names.topic(table) for table in tables}
        with translated(self._settings):
            found = self._admin().list_topics(timeout=PATIENCE).topics
            there = sorted(names & found.keys())
            resources = [ConfigResource(ResourceType.TOPIC, name) for name in there]
            asked = self._admin().describe_configs(resources, request_timeout=PATIENCE) if resources else {}
            kept = {resource.name: self._came(answer)["retention.ms"].value for resource, answer in asked.items()}
        findings = []
        for name in there:
            partitions = found[name].partitions
            copies = min((len(partition.replicas) for partition in partitions.values()), default=0)
            findings.append(self._compared(name, len(partitions), copies, kept[name]))
        return findings

    def _compared(self, name: str, partition_count: int, copies: int, retention: str | None) -> Finding:
        wanted = self._settings
        milliseconds = str(round(wanted.retention.total_seconds() * 1000))
        differences = []
        if partition_count != wanted.partitions:
            differences.append(f"{partition_count} partitions, not {wanted.partitions}")
        if wanted.replication not in (-1, copies):
            differences.append(f"{copies} copies, not {wanted.replication}")
        if retention is not None and retention != milliseconds:
            differences.append(f"retention.ms {retention}, not {milliseconds}")
        if not differences:
            return Finding(f'topic "{name}"', True, f"{partition_count} partitions, {copies} copies")
        return Finding(
            f'topic "{name}"',
            False,
            f"was there before with {', '.join(differences)}: left as it is",
            "If that was not meant, alter the topic with Kafka's own tools, or `[stream]` in till.toml. Partitions "
            "that are added to a topic with rows part a row's later changes from its earlier ones.",
        )

    def _make(self, wanted: Mapping[str, tuple[int, Mapping[str, str]]]) -> None:
        if wanted.keys() <= self._known:
            return
        with translated(self._settings):
            there = self._admin().list_topics(timeout=PATIENCE).topics
        topics = [
            NewTopic(name, partitions, self._settings.replication, config=dict(config))
            for name, (partitions, config) in wanted.items()
            if name not in there
        ]
        for name, answer in (self._admin().create_topics(topics) if topics else {}).items():
            try:
                self._came(answer)
            except KafkaException as error:
                self._refused(name, error.args[0])
        self._wait_for(wanted.keys())
        self._known |= wanted.keys()

    def _wait_for(self, names: Collection[str]) -> None:
        """A topic that was made is not known to every broker at once."""
        give_up_at = time.monotonic() + PATIENCE
        while True:
            with translated(self._settings):
                there = self._admin().list_topics(timeout=PATIENCE).topics
            missing = sorted(name for name in names if name not in there or not there[name].partitions)
            if not missing:
                return
            if time.monotonic() > give_up_at:
                raise StreamUnreachable(
                    f'topic "{missing[0]}" was made and is not known to the Kafka cluster',
                    detail=f'Asked at "{self._settings.bootstrap}" for {PATIENCE:.0f} s.',
                    hint="Do all its brokers run? It is tried again.",
                )
            time.sleep(_PAUSE)

    def _came(self, answer: Future[Any]) -> Any:
        try:
            return answer.result(PATIENCE)
        except TimeoutError as error:
            silence = KafkaError(KafkaError._TIMED_OUT, f"No answer within {PATIENCE:.0f} s.")
            raise told(silence, self._settings) from error

    def _refused(self, name: str, error: KafkaError) -> None:
        if error.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            # Somebody else made it in between.
            return
        if error.code() == KafkaError.INVALID_REPLICATION_FACTOR:
            raise StreamError(
                f'topic "{name}" can\'t have {self._settings.replication} copies',
                detail=error.str(),
                hint="Choose a smaller `replication` in `[stream]` in till.toml, or start more brokers.",
            )
        raise told(error, self._settings)

    def _admin(self) -> AdminClient:
        if self._client is None:
            self._client = AdminClient(self._settings.client("admin"), logger=LOGGER)
        return self._client
