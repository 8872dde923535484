"""All statements as one text for `clickhouse-client`, with what has to be done by hand as comments; no secret in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tillstream.change import Table
from tillstream.destinations.clickhouse.client import literal, quoted
from tillstream.destinations.clickhouse.native.ddl import Ingest, foundation, statements
from tillstream.kafka.connection import KafkaSettings

# What a named collection can say of a connection; librdkafka knows some by two names. The rest is for the server.
_SETTINGS = {
    "security.protocol": "kafka_security_protocol",
    "sasl.mechanism": "kafka_sasl_mechanism",
    "sasl.mechanisms": "kafka_sasl_mechanism",
    "sasl.username": "kafka_sasl_username",
}
_PASSWORD = "sasl.password"


def script(tables: Sequence[Table], settings: KafkaSettings, ingest: Ingest) -> str:
    """The text. Run again, after a table got a column, it follows the column and goes on where it was."""
    return "\n".join(_lines(tables, settings, ingest)) + "\n"


def _lines(tables: Sequence[Table], settings: KafkaSettings, ingest: Ingest) -> Iterator[str]:
    consumers = len(tables) * ingest.consumers
    yield f"-- The topics of store {ingest.names.store}, read by ClickHouse's own Kafka engine."
    yield f"-- The server's background_message_broker_schedule_pool_size has to be {consumers} or more."
    yield from _collection(settings, ingest)
    yield ""
    for statement in foundation():
        yield f"{statement};"
    for each in statements(tables, ingest):
        yield f"\n-- {each.table.full_name}"
        for statement in (*each.before, each.queue, each.intake):
            yield f"{statement};"
        yield "-- After a column was added: what came before this text ran again."
        yield _as_comment(each.refeed)


def _collection(settings: KafkaSettings, ingest: Ingest) -> Iterator[str]:
    """The statement that makes the collection; where it needs a password, a comment to be completed."""
    given = {"kafka_broker_list": settings.bootstrap, **_known(settings.options)}
    has_password = _PASSWORD in settings.options
    values = [f"{name} = {literal(value)}" for name, value in given.items()]
    if has_password:
        values.append("kafka_sasl_password = '…'")
        yield "-- To be run once, with the password in it:"
    statement = f"create named collection if not exists {quoted(ingest.collection)} as {', '.join(values)}"
    yield _as_comment(statement) if has_password else f"{statement};"
    others = [name for name in settings.options if name not in _SETTINGS and name != _PASSWORD]
    if others:
        yield f"-- Set these in the server's own configuration, under <kafka>, if it needs them: {', '.join(others)}"


def _as_comment(statement: str) -> str:
    # A text in it may go over several lines.
    return "-- " + f"{statement};".replace("\n", "\n-- ")


def _known(options: Mapping[str, str]) -> dict[str, str]:
    known = {_SETTINGS[name]: value for name, value in options.items() if name in _SETTINGS}
    if "kafka_security_protocol" in known:
        known["kafka_security_protocol"] = known["kafka_security_protocol"].lower()
    return known
