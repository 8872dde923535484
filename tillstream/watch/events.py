"""The log: each line is one of these events. A quiet pipeline is silent.

`error` means that somebody must act, `warning` what to look at first when something is wrong. No
event carries a row's values.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import ClassVar, Literal, TextIO

Level = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth a line. `text` is a lower-case fragment; the fields are the facts."""

    level: ClassVar[Level] = "info"
    text: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class PipelineStarted(Event):
    """The page answers; the pump begins."""

    text = "pipeline started"
    source: str
    warehouse: str
    url: str


@dataclass(frozen=True, slots=True)
class SnapshotBegun(Event):
    """The first rows of a first run have landed."""

    text = "snapshot begun"
    table_count: int


@dataclass(frozen=True, slots=True)
class ModelsDeployed(Event):
    """Facts and rollups exist, built from the snapshot."""

    text = "models deployed"
    seconds: float


@dataclass(frozen=True, slots=True)
class WentLive(Event):
    """From now on changes land as they happen."""

    text = "live"
    snapshot_rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class LanesChanged(Event):
    """Which lanes of those that several processes share this one has now."""

    text = "lanes changed"
    lanes: str


@dataclass(frozen=True, slots=True)
class TroubleBegan(Event):
    """The flow waits for something to heal."""

    level = "warning"
    text = "flow interrupted, trying again"
    message: str
    detail: str
    hint: str


@dataclass(frozen=True, slots=True)
class TroubleEnded(Event):
    """What was in the way is gone."""

    text = "flow goes on"
    seconds: float


@dataclass(frozen=True, slots=True)
class PipelineFailed(Event):
    """Nothing that heals by itself."""

    level = "error"
    text = "pipeline stopped by an error"
    message: str
    detail: str
    hint: str


@dataclass(frozen=True, slots=True)
class PipelineStopped(Event):
    """The end, in order."""

    text = "pipeline stopped"
    changes: int
    seconds: float


Log = Callable[[Event], None]


def line(event: Event, at: datetime) -> str:
    """The event as one line of text: time, level, fragment, then its facts as `name=value`."""
    facts = "".join(
        f" {each.name}={json.dumps(value, ensure_ascii=False, default=str)}"
        for each in fields(event)
        if (value := getattr(event, each.name)) != ""
    )
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} {event.level:<7} {event.text}{facts}"


def as_json(event: Event, at: datetime) -> str:
    """The event as one JSON object on one line: `at`, `level`, `event`, then its facts."""
    facts = {each.name: getattr(event, each.name) for each in fields(event)}
    content = {"at": at.astimezone(UTC).isoformat(timespec="milliseconds"), "level": event.level, "event": event.text}
    return json.dumps({**content, **facts}, ensure_ascii=False, default=str)


FORMATS: Mapping[str, Callable[[Event, datetime], str]] = {"text": line, "json": as_json}


def log_to(stream: TextIO | None = None, form: str = "text") -> Log:
    """A log that writes lines to a stream: standard error unless another is given."""

    def write(event: Event) -> None:
        out = stream or sys.stderr
        out.write(FORMATS[form](event, datetime.now(UTC)) + "\n")
        out.flush()

    return write


def what_to_look_at(log: Log) -> Log:
    """The log without what only says that all is well: for where somebody is told that anyway."""

    def write(event: Event) -> None:
        if event.level != "info":
            log(event)

    return write


def silent(_event: Event) -> None:
    """A log that keeps nothing."""
