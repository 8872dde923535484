"""Topics and headers by name; `docs/reference/topics.md` lists what is in them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tillstream.change import Table

# Which description (see `tables.py`) the message's row follows.
TABLE_HEADER = "till.table"
TRACE_HEADER = "traceparent"
# What Debezium calls the key that a row had before, in the header of the message that creates it under its new one.
OLD_KEY_HEADER = "__debezium.oldkey"
# What stands in an envelope for a value that the source left out because it did not change.
UNCHANGED = "__debezium_unavailable_value"

_ILLEGAL = re.compile(r"[^a-zA-Z0-9._-]")
_INTERNAL = "till"


@dataclass(frozen=True, slots=True)
class Names:
    """The topics of one store."""

    store: str

    def topic(self, table: Table) -> str:
        """`<store>.<schema>.<table>`; signs that a topic's name can't have become underscores."""
        return _ILLEGAL.sub("_", f"{self.store}.{table.full_name}")

    @property
    def pattern(self) -> str:
        """A regular expression for the topics of all tables, and only those."""
        return rf"^{re.escape(self.store)}\.(?!{_INTERNAL}\.)[^.]+\.[^.]+$"

    @property
    def tables(self) -> str:
        """The descriptions of tables, by their id; compacted."""
        return f"{self.store}.{_INTERNAL}.tables"

    @property
    def progress(self) -> str:
        """How far capture has come, by its stream; compacted."""
        return f"{self.store}.{_INTERNAL}.progress"

    @property
    def lanes(self) -> str:
        """Nothing is in it: who owns one of its partitions owns the lane of that number."""
        return f"{self.store}.{_INTERNAL}.lanes"

    @property
    def group(self) -> str:
        """The consumer group whose offsets tell other tools how far the warehouse is."""
        return self.store

    @property
    def transactional_id(self) -> str:
        """There is one capture of a store; a second takes over from the first."""
        return f"{self.store}.capture"
