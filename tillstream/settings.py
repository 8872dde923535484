"""Every setting, one row each: name, type, default, help. `config.py` fills them in.

`till config show`, the commented till.toml of `till init` and the settings reference are made from here.
"""

# ruff: noqa: RUF009  `setting` makes a dataclass field

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from tillstream.errors import ConfigError
from tillstream.quantities import Size, shown_duration
from tillstream.setting import Secret, Url, between, fits, one_of, setting
from tillstream.streaming import Options, StreamSettings, Topics

LOOPBACK = ("127.0.0.1", "localhost", "::1")
FAVOURITE_PORT = 8455
NO_PROFILE = "none"


def _time_zone(value: str) -> str:
    return "" if value in available_timezones() else 'expected a name like "Europe/Lisbon"'


_identifier = fits("[a-z0-9_]{1,63}", "up to 63 lower-case letters, digits and underscores")


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """What kind of store it is."""

    profile: str = setting(
        "demo", 'Which tables mean what: "demo", a store.toml in this folder, or "none" to only copy.'
    )
    time_zone: str = setting(
        "UTC", "The store's own time zone, for today on the page. Days in rollups are UTC.", check=_time_zone
    )
    currency: str = setting(
        "USD",
        "The store's currency; the page shows orders in this one only.",
        check=fits("[A-Z]{3}", 'three capitals, like "EUR"'),
    )


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Where changes come from."""

    kind: str = setting(
        "postgres",
        'Where it is from: "postgres", "kafka" for topics of others, or "demo" for the embedded store in this folder.',
        check=one_of("postgres", "kafka", "demo"),
    )
    url: Url | None = setting(None, "The database, as a URL or a reference to one.")
    slot: str = setting(
        "tillstream", "Name of the replication slot that marks our place in the log.", check=_identifier
    )
    publication: str = setting("tillstream", "Name of the publication that lists the tables.", check=_identifier)
    tables: tuple[str, ...] = setting(
        (), 'Tables to capture, e.g. "public.orders" or "shop.*"; none means all of schema public.'
    )
    exclude: tuple[str, ...] = setting(
        (), 'Tables to leave out, and columns that never leave the store: "public.customers.password_hash".'
    )
    insert_only: tuple[str, ...] = setting((), "Tables without a primary key, whose rows are only ever added.")


@dataclass(frozen=True, slots=True)
class WarehouseSettings:
    """Where changes arrive."""

    url: Url = setting(
        Url("chdb:"), 'The ClickHouse: "chdb:" is the embedded one in this folder; "clickhouse://…" is a server.'
    )


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """How many changes travel together: larger is faster, smaller is fresher.

    Read until one of the three is reached; `age` counts from the first change.
    """

    rows: int = setting(50_000, "Rows read at a time; behind, up to twice that.", check=between(1, 10_000_000))
    bytes: Size = setting(Size(16 << 20), "Bytes of log read at a time, likewise.", check=between(1 << 10, 1 << 32))
    age: timedelta = setting(
        timedelta(milliseconds=5),
        "How long a change waits for company at most. Longer saves work: with 1 s, a batch a second.",
    )


@dataclass(frozen=True, slots=True)
class PageSettings:
    """The page, its API and the ClickHouse endpoint: one server."""

    host: str = setting("127.0.0.1", "Address to listen on; other than loopback only with a token.")
    port: int = setting(
        0,
        f"Port to listen on; 0 takes {FAVOURITE_PORT} or, when that is in use, any free one.",
        check=between(0, 65535),
    )
    token: Secret | None = setting(None, "What clients from other machines must know; made up when not set.")


@dataclass(frozen=True, slots=True)
class ModelsSettings:
    """The dbt models."""

    folder: str = setting("models", "Your own dbt models, beside the built-in ones; relative to this folder.")


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What the pipeline says on standard error."""

    format: str = setting("text", 'How a line looks: "text" or "json", an object a line.', check=one_of("text", "json"))


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one folder. `origins` says where each value came from, by `section.name`."""

    folder: Path
    store: StoreSettings = StoreSettings()
    source: SourceSettings = SourceSettings()
    stream: StreamSettings = StreamSettings()
    warehouse: WarehouseSettings = WarehouseSettings()
    batch: BatchSettings = BatchSettings()
    page: PageSettings = PageSettings()
    models: ModelsSettings = ModelsSettings()
    log: LogSettings = LogSettings()
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def warehouse_url(self) -> str:
        """With the embedded engine's folder spelled out."""
        url = self.warehouse.url.reveal()
        if not url.startswith("chdb:") or urlsplit(url).path.startswith("/"):
            return url
        name = url.removeprefix("chdb:").lstrip("/") or "warehouse"
        return f"chdb://{(self.folder / name).resolve()}"

    @property
    def models_folder(self) -> Path:
        return self.folder / self.models.folder

    @property
    def source_url(self) -> str:
        """The source's URL in the open. ConfigError when there is none."""
        if self.source.url is None:
            raise ConfigError(
                f'no source in "{self.folder / "till.toml"}"',
                detail="The setting source.url is not set.",
                hint="till init postgresql://user@host/database",
            )
        return self.source.url.reveal()


@dataclass(frozen=True, slots=True)
class Row:
    """One setting as reference text shows it."""

    section: str
    name: str
    type: Any
    default: Any
    help: str
    check: Callable[[Any], str]

    @property
    def full_name(self) -> str:
        return f"{self.section}.{self.name}"

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"TILL_{self.section}_{self.name}".upper()


SECTIONS: Mapping[str, type[Any]] = {
    "store": StoreSettings,
    "source": SourceSettings,
    "stream": StreamSettings,
    "warehouse": WarehouseSettings,
    "batch": BatchSettings,
    "page": PageSettings,
    "models": ModelsSettings,
    "log": LogSettings,
}


def table_of_settings() -> Iterator[Row]:
    """Every setting, in the order of the sections."""
    for section, kind in SECTIONS.items():
        types = get_type_hints(kind)
        for each in fields(kind):
            yield Row(section, each.name, types[each.name], each.default, each.metadata["help"], each.metadata["check"])


def shown(value: Any) -> str:
    """A value as till.toml would spell it, without secrets."""
    if value is None:
        return "(none)"
    if isinstance(value, Secret | Options | Topics):
        return value.shown
    if isinstance(value, timedelta):
        return shown_duration(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"
    return str(value)
