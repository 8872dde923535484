"""What to read from a cluster, and in which pieces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from tillstream.settings import BatchSettings
from tillstream.streaming import TopicSettings


@dataclass(frozen=True, slots=True)
class ReadingSettings:
    """How a loader reads. `topics` adds to those named after the store; `registry` is a schema registry's settings."""

    batch: BatchSettings = field(default_factory=BatchSettings)
    topics: Mapping[str, TopicSettings] = field(default_factory=dict)
    registry: Mapping[str, str] = field(default_factory=dict, repr=False)
    heartbeat: timedelta = timedelta(milliseconds=200)
    look_again: timedelta = timedelta(seconds=5)
