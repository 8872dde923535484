"""What `till doctor` says about writing to a cluster, without changing anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient  # type: ignore[attr-defined]  # its stubs hide it

from tillstream.change import Table
from tillstream.destinations.kafka.topics import Topics
from tillstream.errors import StreamError
from tillstream.kafka.connection import LOGGER, PATIENCE, KafkaSettings, told
from tillstream.ports import Finding


def findings(settings: KafkaSettings, tables: Sequence[Table]) -> list[Finding]:
    """Every check's result, good or bad."""
    try:
        # What is as the settings want it is told by those who read the topics.
        others = [finding for finding in Topics(settings).check(tables) if not finding.ok]
        return [*others, *_rights(settings, tables)]
    except StreamError as error:
        return [Finding("writing", False, f"{error.message}: {error.detail}".rstrip(": "), error.hint)]


def _rights(settings: KafkaSettings, tables: Sequence[Table]) -> Iterator[Finding]:
    """Whether we may write to the topics that are there, and make those that are not."""
    admin = AdminClient(settings.client("doctor"), logger=LOGGER)
    names = settings.names
    wanted = {names.tables, names.progress, *(names.topic(table) for table in tables)}
    try:
        there = sorted(wanted & admin.list_topics(timeout=PATIENCE).topics.keys())
        cluster: Any = admin.describe_cluster(include_authorized_operations=True).result(PATIENCE)
        asked: dict[str, Any] = {}
        if there:
            asked = admin.describe_topics(TopicCollection(there), include_authorized_operations=True)
        topics = {name: answer.result(PATIENCE) for name, answer in asked.items()}
    except KafkaException as error:
        raise told(error.args[0], settings) from error
    closed = [name for name, topic in topics.items() if AclOperation.WRITE not in topic.authorized_operations]
    own = f"topics that begin with {names.store}., and to transactional id {names.transactional_id}"
    hint = f"Let our user write to {own}."
    if closed:
        yield Finding("writing", False, f"not allowed to {', '.join(closed)}", hint)
    elif there:
        yield Finding("writing", True, f"allowed to {len(there)} topics")
    missing = len(wanted) - len(there)
    if missing and AclOperation.CREATE not in cluster.authorized_operations:
        message = f"{missing} topics are not there yet, and we may not make any"
        yield Finding("creating", False, message, "Let our user create topics, or make them beforehand.")
    elif missing:
        yield Finding("creating", True, f"{missing} topics are not there yet: capture makes them")
