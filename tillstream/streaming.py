"""The settings of a stream: Kafka between capture and warehouse, or topics of others as the source."""

# ruff: noqa: RUF009  `setting` makes a dataclass field

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any, Literal, Self, get_args
from urllib.parse import unquote, urlsplit

from tillstream.setting import Secret, Url, between, fits, setting

SCHEME = "kafka"
_PORT = 9092
# Of librdkafka's own settings, those whose value opens something.
_SECRET = re.compile(r"password|secret|token|key\.pem|jaas|oauthbearer\.config|userinfo|private")
Format = Literal["auto", "envelope", "rows", "avro"]
FORMATS: tuple[Format, ...] = get_args(Format)


class Misfit(ValueError):
    """What is wrong inside a table of settings, and at which of its keys."""

    def __init__(self, problem: str, key: str = "") -> None:
        super().__init__(problem)
        self.key = key


class Options(Mapping[str, str]):
    """librdkafka's settings by name, as it takes them. Printed, what opens something is stars."""

    __slots__ = ("_hidden", "_values")

    def __init__(self, values: Mapping[str, str | Secret] | None = None) -> None:
        given = values or {}
        self._hidden = {name for name, value in given.items() if isinstance(value, Secret) or opens(name)}
        self._values = {name: value.reveal() if isinstance(value, Secret) else value for name, value in given.items()}

    @classmethod
    def parsed(cls, values: Mapping[str, Any]) -> Self:
        """Options from TOML, whose dots may have made tables of tables. Misfit names the option that is none."""
        return cls(dict(_leaves(values, "")))

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    @property
    def shown(self) -> str:
        """As till.toml would spell them, with stars for secrets."""
        items = (f'"{name}" = {"***" if name in self._hidden else _text(value)}' for name, value in self.items())
        return "{" + ", ".join(items) + "}"

    def __repr__(self) -> str:
        return self.shown


def opens(name: str) -> bool:
    """Whether the value of that option is a secret."""
    return _SECRET.search(name.lower()) is not None


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """How a topic of others is to be read. What is not said is found out from its messages.

    `format` is one of FORMATS, `key` names the columns of the key where messages have none, `columns` gives types that
    JSON does not tell, and `table` is the table's full name.
    """

    format: Format = "auto"
    key: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    table: str = ""


class Topics(Mapping[str, TopicSettings]):
    """Topics of others, by their name."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, TopicSettings] | None = None) -> None:
        self._values = dict(values or {})

    @classmethod
    def parsed(cls, values: Mapping[str, Any]) -> Self:
        """Topics from TOML. Misfit names the key that does not fit."""
        return cls({name: _topic(name, content) for name, content in values.items()})

    def __getitem__(self, name: str) -> TopicSettings:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(tuple(self._values))

    @property
    def shown(self) -> str:
        """The names alone."""
        return "[" + ", ".join(f'"{name}"' for name in self) + "]" if self else "{}"

    def __repr__(self) -> str:
        return self.shown


def _is_kafka(value: Url) -> str:
    if not value.reveal().startswith(f"{SCHEME}://"):
        return f'expected "{SCHEME}://host:9092,host2:9092"'
    parts = urlsplit(value.reveal())
    hosts = parts.netloc.rpartition("@")[2].split(",")
    if not all(re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[\w.-]+)(:\d{1,5})?", host) for host in hosts):
        return "expected one or more hosts, each with its port: host:9092,host2:9092"
    if parts.path.strip("/") or parts.query or parts.fragment:
        return "expected nothing after the hosts; what else librdkafka shall know goes into `options`"
    return ""


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """Kafka between the store and the warehouse. Without a URL changes go straight to the warehouse."""

    url: Url | None = setting(
        None, 'The brokers: "kafka://host:9092,host2:9092"; a user and password in it become SASL.', check=_is_kafka
    )
    store: str = setting(
        "store",
        "What the names of the topics begin with; one capture for each.",
        check=fits(r"[a-zA-Z0-9_-]{1,60}", "up to 60 letters, digits, - and _"),
    )
    partitions: int = setting(1, "Partitions of a topic that is not there yet.", check=between(1, 10_000))
    replication: int = setting(
        -1,
        "Copies of each partition of a topic that is not there yet; -1 is the cluster's default.",
        check=lambda value: "" if value == -1 or 1 <= value <= 100 else "expected -1, or 1 to 100",
    )
    retention: timedelta = setting(
        timedelta(days=7),
        "How long a topic that is not there yet keeps its messages: longer than any stop of a loader.",
    )
    lanes: int = setting(
        1,
        "Shares of the partitions, each for one loader and one live worker at a time; not to be changed later.",
        check=between(1, 1000),
    )
    registry: Url | None = setting(None, "The schema registry, where messages are in Avro.")
    options: Options = setting(
        Options(), 'librdkafka\'s own settings, e.g. "security.protocol" = "SASL_SSL"; secrets by reference.'
    )
    topics: Topics = setting(
        Topics(), 'Topics of others, by name, e.g. [stream.topics."shop.public.orders"]: format, key, columns, table.'
    )

    @property
    def shown(self) -> str:
        """The brokers and the store, as they may be printed."""
        return f"{SCHEME}://{self.bootstrap} store {self.store}"

    @property
    def bootstrap(self) -> str:
        """The brokers' addresses, without who we are."""
        hosts = urlsplit(self.url.reveal()).netloc.rpartition("@")[2] if self.url else ""
        return ",".join(host if re.search(r":\d+$", host) else f"{host}:{_PORT}" for host in hosts.split(","))

    @property
    def client_options(self) -> dict[str, str]:
        """What librdkafka is told: a user in the URL, and the options, which win over it."""
        parts = urlsplit(self.url.reveal()) if self.url else None
        if parts is None or parts.username is None:
            return dict(self.options)
        # A password goes over the wire as it is with PLAIN: encrypted unless somebody says otherwise.
        sasl = {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"}
        user = {"sasl.username": unquote(parts.username), "sasl.password": unquote(parts.password or "")}
        return {**sasl, **user, **self.options}


def _leaves(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str | Secret]]:
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{name}.")
        elif isinstance(value, bool):
            yield name, str(value).lower()
        elif isinstance(value, int | float):
            yield name, str(value)
        elif isinstance(value, str | Secret):
            yield name, value
        else:
            raise Misfit("expected a text or a number", name)


def _topic(name: str, content: object) -> TopicSettings:
    if not re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", name):
        raise Misfit("expected a topic's name: letters, digits, dots, - and _", name)
    if not isinstance(content, Mapping):
        raise Misfit('expected a table, such as { format = "envelope" }', name)
    known = [each.name for each in fields(TopicSettings)]
    for word in content:
        if word not in known:
            raise Misfit(f'unknown "{word}"; known here: {", ".join(known)}', f"{name}.{word}")
    form, key, columns, table = (content.get(word) for word in known)
    if form is not None and form not in FORMATS:
        expected = ", ".join(f'"{each}"' for each in FORMATS)
        raise Misfit(f"expected one of {expected}", f"{name}.format")
    if key is not None and not _texts(key):
        raise Misfit("expected a list of columns", f"{name}.key")
    if columns is not None and not (isinstance(columns, Mapping) and _texts([*columns.values()])):
        raise Misfit('expected types by column, such as { amount = "decimal" }', f"{name}.columns")
    if table is not None and not (isinstance(table, str) and table):
        raise Misfit("expected a text in quotes", f"{name}.table")
    return TopicSettings(form or FORMATS[0], tuple(key or ()), dict(columns or {}), table or "")


def _texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(item, str) for item in values)


def _text(value: str) -> str:
    return f'"{value}"'
