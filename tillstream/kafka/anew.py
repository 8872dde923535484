"""Topics as on the first day: emptied, and nothing known of how far the store was read."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import OFFSET_END, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from tillstream.errors import StreamUnreachable
from tillstream.kafka.connection import LOGGER, PATIENCE, KafkaSettings, translated


def forget(settings: KafkaSettings, partitions: Iterable[tuple[str, int]], streams: Iterable[str]) -> None:
    """Delete the messages that are in these partitions, then what says how far the streams were read."""
    with translated(settings):
        admin = AdminClient(settings.client("resync"), logger=LOGGER)
        wanted = [TopicPartition(topic, number, OFFSET_END) for topic, number in partitions]
        for answer in (admin.delete_records(wanted) if wanted else {}).values():
            answer.result(PATIENCE)
        # Last: a crash before leaves this to be asked for again.
        producer = Producer(settings.client("resync", enable_idempotence="true"), logger=LOGGER)
        for stream in streams:
            producer.produce(settings.names.progress, None, stream.encode())
        left = producer.flush(PATIENCE)
    if left:
        raise StreamUnreachable(
            f'topic "{settings.names.progress}" could not be written',
            detail=f"No answer within {PATIENCE:.0f} s.",
            hint="Run `till resync` again when the cluster is well.",
        )
