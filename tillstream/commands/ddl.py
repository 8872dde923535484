"""`till topics --ddl`: the SQL by which a ClickHouse server follows the topics with its own Kafka engine."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from tillstream.commands.capture import require_stream
from tillstream.commands.output import Output
from tillstream.config import environment, load


def ddl(folder: Path, consumers: int, output: Output) -> int:
    """Print the statements for every table that capture has described; 1 when there is none yet."""
    from tillstream.assembly.stream import kafka_settings
    from tillstream.destinations.clickhouse.native.ddl import Ingest
    from tillstream.destinations.clickhouse.native.script import script
    from tillstream.sources.kafka.descriptions import Descriptions

    settings = load(folder, environment())
    require_stream(settings)
    kafka = kafka_settings(settings)
    with closing(Descriptions(kafka)) as descriptions:
        tables = descriptions.newest()
    text = script(tables, kafka, Ingest(kafka.names, f"till_{kafka.store}", consumers)) if tables else ""
    if not tables:
        output.errors.print(f'no table of store "{kafka.store}" is described yet: `till capture` does it', markup=False)
    output.text(text)
    output.result({"store": kafka.store, "tables": [table.full_name for table in tables], "ddl": text})
    return 0 if tables else 1
