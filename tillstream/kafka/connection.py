"""A cluster's address, what librdkafka is told of it, and its errors in our words.

The only place that reads meaning out of librdkafka's error codes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from tillstream.errors import CaptureReplaced, MessageTooLarge, StreamError, StreamRefused, StreamUnreachable
from tillstream.kafka.names import Names

# What the client library would write to the standard error; what matters of it is raised as well.
LOGGER = logging.getLogger("tillstream.kafka")
LOGGER.addHandler(logging.NullHandler())
LOGGER.propagate = False
# How long, in seconds, a broker may take to answer a question.
PATIENCE = 15.0


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """A cluster and a store's topics in it.

    `options` are librdkafka's own (`sasl.password`, `ssl.ca.location`, …) and go there as they are. `partitions`,
    `replication` (-1: what the cluster holds right) and `retention` are for topics that are not there yet.
    """

    bootstrap: str
    store: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    partitions: int = 1
    replication: int = -1
    retention: timedelta = timedelta(days=7)

    @property
    def names(self) -> Names:
        return Names(self.store)

    def client(self, role: str, **more: Any) -> dict[str, Any]:
        """A client's configuration; the user's options are weaker than `more`, whose dots are underscores."""
        return {
            "bootstrap.servers": self.bootstrap,
            "client.id": f"tillstream-{role}",
            **self.options,
            **{name.replace("_", "."): value for name, value in more.items()},
        }


_GONE = (
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TRANSPORT,
    KafkaError._RESOLVE,
    KafkaError._TIMED_OUT,
    KafkaError._MSG_TIMED_OUT,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.NOT_COORDINATOR,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.NOT_ENOUGH_REPLICAS,
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.CONCURRENT_TRANSACTIONS,
)
_REFUSED = (
    KafkaError._AUTHENTICATION,
    KafkaError._SSL,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
)
_REPLACED = (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH)


@contextmanager
def translated(settings: KafkaSettings) -> Iterator[None]:
    """The client library's exceptions become ours."""
    try:
        yield
    except KafkaException as error:
        raise told(error.args[0], settings) from error


def told(error: KafkaError, settings: KafkaSettings) -> StreamError:
    """One of librdkafka's errors in our words."""
    code, said = error.code(), error.str()
    if code in _REPLACED:
        return CaptureReplaced(
            f'another process captures for "{settings.store}" now',
            detail=said,
            hint="One `till capture` a store: stop one of the two, or give it another `store` in `[stream]`.",
        )
    if code in _REFUSED:
        return StreamRefused(
            f'the Kafka cluster at "{settings.bootstrap}" refuses us',
            detail=said,
            hint="Look at `[stream] options` in till.toml: security.protocol, sasl.mechanism, user and password; "
            "and at the rights of that user: `till doctor`.",
        )
    if code in (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE):
        return MessageTooLarge(
            "a row is larger than the largest message the Kafka cluster takes",
            detail=said,
            hint="Raise max.message.bytes of the topic and `message.max.bytes` in `[stream] options`, or exclude the "
            "column: `[source] exclude`.",
        )
    if code in _GONE or error.retriable():
        return StreamUnreachable(
            f'no answer from the Kafka cluster at "{settings.bootstrap}"',
            detail=said,
            hint="Is it running, and is this the address it advertises? It is tried again.",
        )
    return StreamError(f'the Kafka cluster at "{settings.bootstrap}" failed', detail=f"{error.name()}: {said}")
