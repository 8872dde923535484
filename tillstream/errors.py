"""Everything that can go wrong, as a tree.

    TillError
    ├── ConfigError                 the user's settings
    ├── SourceError                 where changes come from
    │   ├── SourceUnreachable           retry
    │   ├── LogicalReplicationOff
    │   ├── PermissionMissing
    │   ├── SlotBusy                    retry
    │   ├── SlotLost
    │   ├── SnapshotDelayed             retry
    │   ├── KeyMissing
    │   └── TableMissing
    ├── StreamError                 the Kafka cluster between the two
    │   ├── StreamUnreachable           retry
    │   ├── StreamRefused
    │   ├── CaptureReplaced
    │   ├── MessageTooLarge
    │   ├── LaneLost
    │   └── TopicTruncated
    ├── WarehouseError              where changes arrive
    │   ├── WarehouseUnreachable        retry
    │   ├── WarehouseFull               retry
    │   ├── WarehouseBusy
    │   └── SchemaChangeRefused
    ├── ModelError                  dbt could not build a model
    │   └── ModelTestFailed         a model is not what its test says
    ├── LedgerError                 the ledger and the data disagree
    │   └── LiveWorkersBusy             retry
    ├── MomentMissed                store and warehouse could not be compared
    ├── ProcessRefused              what a command asked of the running process
    ├── BodyTooLarge                what a client sent to the endpoint
    └── StoreError                  the embedded demo store

Every error has a message (lower case, names the object), a detail (facts), a hint (a command or a
line to change), and says whether trying again can help.
"""

from __future__ import annotations

import re
from enum import Enum


class Retry(Enum):
    """Whether the same call can succeed later without anybody acting."""

    NEVER = "never"
    LATER = "later"


class TillError(Exception):
    """Base of all errors a user can cause or must act on."""

    retry = Retry.NEVER

    def __init__(self, message: str, *, detail: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.message]
        if self.detail:
            lines.append(f"  detail: {self.detail}")
        if self.hint:
            lines.append(f"  hint:   {self.hint}")
        return "\n".join(lines)


class ConfigError(TillError):
    """A setting is unknown, missing or out of range."""


class SourceError(TillError):
    """The source can't be read."""


class SourceUnreachable(SourceError):
    """No connection; the server may be restarting."""

    retry = Retry.LATER


class LogicalReplicationOff(SourceError):
    """`wal_level` is not `logical`."""

    def __init__(self, wal_level: str) -> None:
        super().__init__(
            f'the server\'s wal_level is "{wal_level}", not "logical"',
            detail="Without logical WAL the log does not say which rows changed.",
            hint="alter system set wal_level = 'logical'; then restart the server "
            "(managed services have a parameter for it, often named logical_replication).",
        )


class PermissionMissing(SourceError):
    """The role may not do what capture needs."""


class SlotBusy(SourceError):
    """Another process holds the replication slot."""

    retry = Retry.LATER

    def __init__(self, slot: str, process: int | None) -> None:
        super().__init__(
            f'replication slot "{slot}" is in use',
            detail=f"Process {process} holds it." if process else "Another connection holds it.",
            hint="Stop that process, or give this pipeline another `slot` in till.toml.",
        )


class SlotLost(SourceError):
    """The slot is gone or the log it needs was removed: changes in between can't be read any more."""


class SnapshotDelayed(SourceError):
    """A transaction that stays open keeps a consistent snapshot from being made."""

    retry = Retry.LATER


class KeyMissing(SourceError):
    """A table has no primary key."""


class TableMissing(SourceError):
    """A configured table does not exist."""


class StreamError(TillError):
    """The Kafka cluster failed, or holds something else than it should."""


class StreamUnreachable(StreamError):
    """No broker answers, or too few are in sync."""

    retry = Retry.LATER


class StreamRefused(StreamError):
    """Wrong credentials, or a right is missing."""


class CaptureReplaced(StreamError):
    """Another process took over the writing of this store's topics."""


class MessageTooLarge(StreamError):
    """A row does not fit into a message."""


class LaneLost(StreamError):
    """Another process may have been given this lane."""

    retry = Retry.LATER

    def __init__(self) -> None:
        super().__init__(
            "this process was silent for so long that another may have been given its lane",
            detail="It ends what was begun, from what the ledger says.",
            hint="Was the machine asleep, or short of processors?",
        )


class TopicTruncated(StreamError):
    """Messages that were not read yet are gone from a topic."""


class WarehouseError(TillError):
    """The warehouse refused or failed."""


class WarehouseUnreachable(WarehouseError):
    """No connection to the warehouse."""

    retry = Retry.LATER


class WarehouseFull(WarehouseError):
    """No space left where the warehouse writes."""

    retry = Retry.LATER


class WarehouseBusy(WarehouseError):
    """Another process has the embedded warehouse open."""


class SchemaChangeRefused(WarehouseError):
    """A source column changed in a way that old rows could not survive."""


class ModelError(TillError):
    """dbt could not parse or build the models."""


class ModelTestFailed(ModelError):
    """The models are built, and a test of theirs does not hold."""


class LedgerError(TillError):
    """What the ledger says and what the warehouse holds can't both be true."""


class LiveWorkersBusy(LedgerError):
    """Models can't be deployed while another worker is in the middle of a step."""

    retry = Retry.LATER

    def __init__(self, streams: list[str]) -> None:
        super().__init__(
            f"live workers don't keep still: {', '.join(streams)}",
            detail="Each has begun a step and not ended it; models can't be deployed meanwhile.",
            hint="If such a worker was killed, start it again: it ends its step, and this goes on.",
        )


class MomentMissed(TillError):
    """The store and the warehouse could not be brought to one position, so nothing was compared."""


class ProcessRefused(TillError):
    """The running process answered a command with an error, or does not serve yet."""


class BodyTooLarge(TillError):
    """A request's body is larger than it may be."""


class StoreError(TillError):
    """The embedded demo store could not be started, adopted or stopped."""


# Behind these an engine prints the statement, or the row, that it stumbled over.
_TAILS = re.compile(
    r"\s*(?:\(in query|:? ?[Ii]n scope|:? [Ww]hile |: failed at position|[:.] Column values|Row \d+:).*", re.DOTALL
)
_PARSED = re.compile(r"(Cannot (?:parse|convert|read) \w+).*", re.DOTALL)
_QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*'|(?<=text: )\"[^\"]*\"|(?<=text )\"[^\"]*\"")


def without_values(text: str) -> str:
    """An engine's words without the values of rows that it quotes, for logs that others read."""
    return _QUOTED.sub("'…'", _PARSED.sub(r"\1 …", _TAILS.sub("", text)))
